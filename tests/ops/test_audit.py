"""An audit finds what was changed behind everybody's back, in the log or in a table, and an end that was taken off."""

import json
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import anchors, db, log
from backend.access import accounts
from backend.access.accounts import NewAccount
from backend.access.actor import SYSTEM
from backend.anchors import Anchor
from backend.clock import ManualClock
from backend.dispatch import proof
from backend.dispatch.tables import TABLES
from backend.errors import Invalid
from backend.intake.triage import WeatherNow
from backend.intake.weather import set_weather
from ops import cli
from tests.dispatch import builders
from tests.dispatch.builders import Town, somebody

SECRET = "a secret for signing anchors in tests"


@pytest.fixture
async def busy(db: AsyncEngine, clock: ManualClock) -> Town:
    """A town in which what the log tells of has happened."""
    town = await builders.town(db, clock)
    await town.verified()
    await town.decline(await town.offered())
    leader = somebody("shift_leader")
    await set_weather(town.office, WeatherNow(state="snow"), by=leader, now=town.now)
    new = NewAccount(login="desk1", name="坐席", password="three old bridges at dawn", roles=["operator"])
    await accounts.create(town.office, new, by=SYSTEM, now=town.now)
    return town


async def contradictions(town: Town) -> list[str]:
    async with town.office.db.connect() as tx:
        return await proof.contradictions(tx, town.office)


async def test_a_worked_through_town_is_whole(busy: Town) -> None:
    assert await contradictions(busy) == []


CHANGED = {
    "a stage": ("UPDATE cases SET outcome = 'informed' WHERE stage = 'assisted'", "cases", ".outcome: log"),
    "a clock's miss": ("UPDATE clocks SET misses = misses + 1 WHERE kind = 'whole'", "clocks", ".misses: log"),
    "an offer's answer": ("UPDATE offers SET state = 'lapsed' WHERE state = 'declined'", "offers", ".state: log"),
    "who verified": ("UPDATE handlings SET verified_by = 'somebody'", "handlings", ".verified_by: log"),
    "a link that is gone": ("DELETE FROM case_sightings", "case_sightings", "not in the table"),
    "a role that someone gave themselves": ("UPDATE accounts SET roles = '{administrator}'", "accounts", ".roles: log"),
    "an account that nobody made": (
        "INSERT INTO accounts (city_id, id, login, name, password_hash, created_at) "
        "VALUES ('210200', gen_random_uuid(), 'ghost', 'x', 'x', now())", "accounts", "not in the log"),
    "where a report came from": ("UPDATE sightings SET lon = lon + 0.01", "sightings", ".lon: log"),
    "when a report came in": (
        "UPDATE sightings SET occurred_at = occurred_at - interval '1 hour'", "sightings", ".occurred_at: log"),
    "why a team was chosen": ("UPDATE decisions SET candidates = '[]'", "decisions", "changed since it was written"),
    "who was on duty": ("UPDATE presence SET state = 'resting'", "presence", ".state: log"),
    "the weather": ("UPDATE weather SET feels_c = 20", "weather", ".feels_c: log"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGED)
async def test_a_changed_row_is_found_by_table_and_column(busy: Town, what: str) -> None:
    statement, table, sentence = CHANGED[what]
    await busy.run(statement)
    found = await contradictions(busy)
    assert found, what
    assert all(one.startswith(f"{table} ") and sentence in one for one in found), found


def test_every_table_is_proven_or_says_why_not() -> None:
    replayed = {table.name for table in TABLES.values()}
    proven = {*(table.name for table in proof.PROVEN), "event_words"}
    assert replayed | proven | set(proof.NOT_PROVEN) == set(db.metadata.tables)
    assert not (replayed | proven) & set(proof.NOT_PROVEN)


# --- anchors ---------------------------------------------------------------------------------------------------------


async def anchored(town: Town, file: Path, **rest: bool) -> Anchor:
    return await anchors.take(town.office, file, secret_key=SECRET, now=town.now, **rest)


async def cut_off(town: Town, file: Path) -> list[int]:
    async with town.office.db.connect() as tx:
        return await anchors.contradictions(tx, town.office.city_id, anchors.read(file, secret_key=SECRET))


async def cut(town: Town, last: int) -> None:
    """Take the end off the log and everything that followed from it, as whoever owns the database can."""
    await town.run("ALTER TABLE events DISABLE TRIGGER append_only")
    await town.run("DELETE FROM events WHERE seq > :last", last=last)


async def test_an_end_taken_off_is_missed_by_the_anchors_alone(busy: Town, tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    kept = await anchored(busy, file)
    assert await cut_off(busy, file) == []
    await cut(busy, kept.seq - 2)
    async with busy.office.db.connect() as tx:
        assert await log.breaks(tx, busy.office.city_id) == [], "the chain cannot know"
    assert await cut_off(busy, file) == [kept.seq]
    await busy.filed()
    await busy.filed()
    assert await cut_off(busy, file) == [kept.seq], "nor does growing anew hide it"


async def test_a_log_that_grows_agrees_with_every_anchor_and_equal_ones_are_written_once(
    busy: Town, tmp_path: Path
) -> None:
    file = tmp_path / "deep" / "anchors.jsonl"
    for _ in range(3):
        await anchored(busy, file)
        await anchored(busy, file)
        await busy.filed()
    kept = anchors.read(file, secret_key=SECRET)
    assert [a.seq for a in kept] == sorted({a.seq for a in kept})
    assert len(kept) == 3
    assert await cut_off(busy, file) == []


async def test_after_a_restore_what_was_lost_is_known_to_be_lost(busy: Town, tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    kept = await anchored(busy, file)
    await cut(busy, kept.seq - 3)
    await anchored(busy, file, restored=True)
    assert await cut_off(busy, file) == []
    await cut(busy, kept.seq - 5)
    assert await cut_off(busy, file) == [kept.seq - 3]


@pytest.mark.parametrize("spoiled", ["changed", "removed", "other key", "garbage"])
async def test_anchors_of_another_hand_are_named_and_not_added_to(busy: Town, tmp_path: Path, spoiled: str) -> None:
    file = tmp_path / "anchors.jsonl"
    for _ in range(3):
        await anchored(busy, file)
        await busy.filed()
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1:2] = {"changed": [lines[1].replace(b'"seq":', b'"seq":1')], "removed": [], "garbage": [b"{]\n"]}.get(
        spoiled, [lines[1]]
    )
    file.write_bytes(b"".join(lines))
    key = "quite another secret, of another machine" if spoiled == "other key" else SECRET
    with pytest.raises(Invalid, match="第 1 行" if spoiled == "other key" else "第 2 行"):
        anchors.read(file, secret_key=key)
    with pytest.raises(Invalid):
        await anchors.take(busy.office, file, secret_key=key, now=busy.now)
    assert file.read_bytes() == b"".join(lines)


async def test_half_a_line_of_a_machine_that_stopped_is_no_fault(busy: Town, tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    first = await anchored(busy, file)
    with file.open("ab") as opened:
        opened.write(b'{"at":"2016-09-19T0')
    assert [a.seq for a in anchors.read(file, secret_key=SECRET)] == [first.seq]
    await busy.filed()
    second = await anchored(busy, file)
    assert [a.seq for a in anchors.read(file, secret_key=SECRET)] == [first.seq, second.seq]


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command's environment: the town's database, a folder for files."""
    from tests.keys import KEYS

    for name, value in {
        "DATABASE_URL": database_url, "REDIS_URL": redis_url, "DATA": str(tmp_path), "SECRET_KEY": SECRET,
        "PERSONAL_KEYS": KEYS,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"RESCUE_{name}", value)
    return tmp_path


def rescue(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    return int(ended.value.code or 0)


async def in_thread(*words: str) -> int:
    import asyncio

    return await asyncio.to_thread(rescue, *words)


async def test_the_command_says_whole_and_names_what_is_not(
    busy: Town, settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # signals belong to the main thread, which is the test's
    await anchored(busy, anchors.file_of(settings, busy.office.city_id))
    assert await in_thread("audit", "verify") == 0
    assert "锚点至事件" in capsys.readouterr().out
    assert await in_thread("audit", "head") == 0
    head = capsys.readouterr().out.strip()
    assert await in_thread("audit", "verify", "--head", head) == 0
    capsys.readouterr()

    await busy.run("UPDATE cases SET people_count = 7 WHERE stage = 'assisted'")
    await cut(busy, int(head.partition(":")[0]) - 1)
    assert await in_thread("audit", "verify", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["cut_off"] == [int(head.partition(":")[0])]
    assert any(".people_count: log" in one for one in report["contradictions"])
    assert await in_thread("audit", "verify") == 1
    assert "锚点记载过" in capsys.readouterr().err
    assert await in_thread("audit", "verify", "--head", "nonsense") == 2


async def test_what_is_older_than_the_first_word_about_its_table_is_not_judged(
    db: AsyncEngine, clock: ManualClock
) -> None:
    """The first version said nothing of weather, decisions, alarms and photos."""
    town = await builders.town(db, clock)
    row = (
        "INSERT INTO weather (city_id, id, set_at, state, set_by) VALUES ('210200', gen_random_uuid(), :at, 'ice', 'x')"
    )
    await town.run(row, at=town.now)
    assert await contradictions(town) == []
    clock.advance(minutes=1)
    await set_weather(town.office, WeatherNow(state="snow"), by=somebody("shift_leader"), now=town.now)
    assert await contradictions(town) == []
    clock.advance(minutes=1)
    await town.run(row, at=town.now)
    (found,) = await contradictions(town)
    assert found.startswith("weather ")
    assert found.endswith("not in the log")
