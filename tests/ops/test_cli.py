"""The command `rescue` speaks in sentences and exit codes, never in tracebacks."""

from pathlib import Path

import pytest

from backend import migrations
from ops import cli
from ops.local import services


def run(*arguments: str) -> int:
    """The exit code of one command."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture(autouse=True)
def _elsewhere(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "folder_of_checkout", lambda: empty_folder / ".local")
    monkeypatch.setattr("signal.signal", lambda *_: None)


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("settings",), ("settings", "--markdown"), ("db", "--help")]
)
def test_help_and_lists(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 0
    assert capsys.readouterr().out


def test_a_database_that_does_not_answer_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCUE_DATABASE_URL", "postgresql://u@127.0.0.1:1/x")
    assert run("db", "migrate") == cli.TO_PUT_RIGHT
    said = capsys.readouterr().err
    assert "rescue doctor" in said
    assert "Traceback" not in said


def test_no_database_at_all_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("db", "migrate") == cli.TO_PUT_RIGHT
    assert "rescue db up" in capsys.readouterr().err


def test_for_debugging_the_traceback_is_shown_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCUE_LOG_LEVEL", "debug")
    run("db", "migrate")
    assert "Traceback" in capsys.readouterr().err


def test_migrate_brings_a_named_database_to_this_version(
    empty_database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCUE_DATABASE_URL", empty_database_url)
    assert run("db", "migrate") == 0
    assert str(migrations.head()) in capsys.readouterr().out


def test_the_doctors_verdict_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESCUE_LOG_LEVEL", "loud")
    assert run("doctor") == 1


def test_up_and_down(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert run("db", "up") == 0
        assert "host=/" in capsys.readouterr().out
        assert run("db", "migrate") == 0
    finally:
        assert run("db", "down") == 0
    assert run("db", "migrate") == cli.TO_PUT_RIGHT
