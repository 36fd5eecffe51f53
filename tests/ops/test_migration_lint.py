"""squawk reads the SQL of every step: what would lock a table for long, or break a process of the version before."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from backend import migrations
from tests.keys import KEYS

SQUAWK = Path(sys.executable).parent / "squawk"
CONFIG = Path(migrations.__file__).parent / "squawk.toml"
SHAPES = ("CREATE", "ALTER", "DROP", "COMMENT", "CLUSTER")
RIGHT_ALL_THE_SAME = {
    # An index on a column that has just been added holds nothing yet (it is partial), and cannot be built
    # concurrently in a transaction: one reading of a small table.
    "0003": ["require-concurrent-index-creation"],
    "0011": ["require-concurrent-index-creation"],  # likewise: no row has a case yet
    "0022": ["require-concurrent-index-creation"],  # likewise: no photo is of a person yet
    # Accounts are hundreds of rows, and none is of a facility yet: there is nothing to check.
    "0019": ["adding-foreign-key-constraint", "constraint-missing-not-valid"],
    # The check on `outbox.way` guards against our own slips only; nobody reads by it.
    "0010": ["ban-drop-constraint"],
}
AFTER = ["ban-drop-column", "ban-drop-table", "ban-drop-not-null"]
"""What only steps may do that wait until no process of the version before runs."""


@pytest.fixture
def sql_of_steps(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The statements that each step after the first makes, as the database gets them."""
    monkeypatch.setenv("RESCUE_PERSONAL_KEYS", KEYS)
    migrations.upgrade(empty_database_url, "0001")
    said: dict[str, str] = {}
    for step in migrations.steps()[1:]:
        with heard() as statements:
            migrations.upgrade(empty_database_url, step.revision)
        said[step.revision] = "\n".join(f"{s.strip()};" for s in statements if s.strip().split()[0] in SHAPES) + "\n"
    return said


@contextmanager
def heard() -> Iterator[list[str]]:
    """All statements sent meanwhile."""
    statements: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def judged(sql: str, *, without: list[str]) -> str:
    """What squawk finds, one line each; nothing when all is well."""
    argv = [str(SQUAWK), "--config", str(CONFIG), "--reporter", "gcc", "--stdin-filepath", "step.sql"]
    # --exclude on the command line takes the place of the file's list, so both are given.
    excluded = [*excluded_in_config(), *without]
    argv += ["--exclude", ",".join(excluded)]
    ran = subprocess.run(argv, input=sql, capture_output=True, text=True, check=False)
    return ran.stdout


def excluded_in_config() -> list[str]:
    lines = CONFIG.read_text(encoding="utf-8").splitlines()
    return [line.strip().strip('",') for line in lines if line.strip().startswith('"')]


def test_squawk_has_nothing_to_say_of_any_step(sql_of_steps: dict[str, str]) -> None:
    phases = {step.revision: step.phase for step in migrations.steps()}
    for revision, sql in sql_of_steps.items():
        without = RIGHT_ALL_THE_SAME.get(revision, []) + (AFTER if phases[revision] == "after" else [])
        assert judged(sql, without=without) == "", revision


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("ALTER TABLE cases DROP COLUMN address;", "ban-drop-column"),
        ("ALTER TABLE cases RENAME COLUMN address TO place;", "renaming-column"),
        ("ALTER TABLE cases ADD COLUMN n int NOT NULL;", "adding-required-field"),
        ("ALTER TABLE cases ALTER COLUMN address SET NOT NULL;", "adding-not-nullable-field"),
        ("CREATE INDEX ix ON cases (address);", "require-concurrent-index-creation"),
        ("ALTER TABLE cases ADD CONSTRAINT c CHECK (number > 0);", "constraint-missing-not-valid"),
    ],
)
def test_squawk_would_find_what_breaks_the_version_before(sql: str, rule: str) -> None:
    assert rule in judged(sql, without=[])
