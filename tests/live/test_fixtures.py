"""The screen's own test of `apply` plays what the server tells today, not what it told once."""

from tests.live import write_fixtures

LARGEST_BYTES = 300_000


def test_the_fixtures_of_the_screen_are_what_the_feed_tells_now(database_url: str) -> None:
    texts = write_fixtures.write(database_url)
    written = {file.stem: file.read_text(encoding="utf-8") for file in write_fixtures.FIXTURES.glob("*.json")}
    assert set(texts) == set(written)
    for name, text in texts.items():
        assert len(text.encode()) < LARGEST_BYTES
        for line, (now, then) in enumerate(zip(text.splitlines(), written[name].splitlines(), strict=False), start=1):
            assert now == then, (
                f"{name}.json, line {line}: run python -m tests.live.write_fixtures and look at the change"
            )
        assert text == written[name]
