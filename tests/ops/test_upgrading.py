"""An upgrade goes forward on a database with data while the version before still serves.

`data_of_0001.sql` is a working day as the programme of the first release wrote it; every step is taken on it.
"""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from backend import migrations
from backend.errors import Unavailable
from backend.migrations import Step
from ops import check_services
from tests.keys import KEYS

DATA = Path(__file__).parent / "data_of_0001.sql"
STEPS = migrations.steps()
CHAIN = {
    "0001": ("before", "op.create_table('things', sa.Column('id', sa.Integer, primary_key=True), sa.Column('old', sa.Text))"),
    "0002": ("before", "op.add_column('things', sa.Column('new', sa.Text, nullable=True))"),
    "0003": ("after", "op.drop_column('things', 'old')"),
    "0004": ("before", "op.add_column('things', sa.Column('newer', sa.Text, nullable=True))"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESCUE_PERSONAL_KEYS", KEYS)


@pytest.fixture
async def yesterday(empty_database_url: str) -> str:
    """A database of the first release with a day's work in it."""
    await migrations.upgrade_async(empty_database_url, "0001")
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(DATA.read_text(encoding="utf-8"))
    await connection.close()
    return empty_database_url


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other migrations than ours: add, add, take away, add."""
    scripts = tmp_path / "scripts"
    (scripts / "versions").mkdir(parents=True)
    shutil.copy(Path(migrations.__file__).parent / "env.py", scripts)
    before = None
    for revision, (phase, does) in CHAIN.items():
        source = f'"""Does {revision}."""\nimport sqlalchemy as sa\nfrom alembic import op\n'
        source += (
            f'revision = "{revision}"\ndown_revision = {before!r}\nphase = "{phase}"\ndef upgrade():\n    {does}\n'
        )
        (scripts / "versions" / f"{revision}_x.py").write_text(source)
        before = revision
    monkeypatch.setattr(migrations, "SCRIPTS", str(scripts))


# --- which steps are taken when -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("chain")
async def test_an_empty_database_goes_straight_to_the_end(empty_database_url: str) -> None:
    outcome = await migrations.migrate_async(empty_database_url)
    assert ([step.revision for step in outcome.done], outcome.waiting) == (list(CHAIN), None)


@pytest.mark.usefixtures("chain")
async def test_with_data_it_stops_before_the_step_that_waits_and_finishes_when_told(empty_database_url: str) -> None:
    await migrations.upgrade_async(empty_database_url, "0001")
    first = await migrations.migrate_async(empty_database_url)
    assert [step.revision for step in first.done] == ["0002"]
    assert first.waiting == Step("0003", "after", "Does 0003.")
    again = await migrations.migrate_async(empty_database_url)
    assert (again.done, again.waiting) == ([], first.waiting)
    rest = await migrations.migrate_async(empty_database_url, finish=True)
    assert ([step.revision for step in rest.done], rest.waiting) == (["0003", "0004"], None)


@pytest.mark.usefixtures("chain")
async def test_two_that_migrate_at_once_take_every_step_once(empty_database_url: str) -> None:
    assert await migrations.revision_of(empty_database_url) is None
    both = await asyncio.gather(*(migrations.migrate_async(empty_database_url) for _ in range(2)))
    assert sorted(len(outcome.done) for outcome in both) == [0, len(CHAIN)]
    assert await migrations.revision_of(empty_database_url) == "0004"


@pytest.mark.usefixtures("chain")
async def test_a_failing_step_leaves_what_the_step_before_left(empty_database_url: str) -> None:
    await migrations.upgrade_async(empty_database_url, "0002")
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("ALTER TABLE things ADD COLUMN newer int")
    with pytest.raises(Exception, match="newer"):
        await migrations.migrate_async(empty_database_url, finish=True)
    assert await migrations.revision_of(empty_database_url) == "0003"
    await connection.close()


@pytest.mark.usefixtures("chain")
def test_what_a_process_needs_is_all_that_only_adds() -> None:
    assert migrations.lacking(None) == Step("0004", "before", "Does 0004.")
    assert migrations.lacking("0002") == Step("0004", "before", "Does 0004.")
    assert migrations.lacking("0004") is None
    assert migrations.lacking("0099") is None, "a newer programme's database is fine"
    assert migrations.pending("0099") == []


def test_a_process_says_that_the_tables_are_too_old_and_which_command_helps() -> None:
    (finding,) = check_services.schema_of(None)
    assert not finding.ok
    assert "rescue db migrate" in finding.remedy_zh
    assert "rescue db migrate" in finding.remedy_en
    assert [finding.ok for finding in check_services.schema_of("9999")] == [True]


# --- beside the traffic ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("chain")
async def test_a_migration_does_not_queue_before_the_traffic_behind_a_long_lock(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_WITHIN_S", 0.05)
    monkeypatch.setattr(migrations, "LONGEST_PAUSE_S", 0.25)
    await migrations.upgrade_async(empty_database_url, "0001")
    report, traffic = [await asyncpg.connect(empty_database_url) for _ in range(2)]
    async with report.transaction():
        await report.fetch("SELECT * FROM things")  # somebody's long report holds the table
        migrating = asyncio.create_task(migrations.migrate_async(empty_database_url))
        for number in range(20):  # and the traffic goes on beside both: no statement waits for the report to end
            await traffic.execute("INSERT INTO things VALUES ($1)", number, timeout=5)
            await asyncio.sleep(0.02)
        assert not migrating.done()
    assert [step.revision for step in (await migrating).done] == ["0002"]
    await report.close()
    await traffic.close()


@pytest.mark.usefixtures("chain")
async def test_a_table_that_is_never_free_ends_in_words_and_changes_nothing(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LOCK_WITHIN_S", 0.01), ("LONGEST_PAUSE_S", 0.2), ("TRIES", 2)):
        monkeypatch.setattr(migrations, name, value)
    await migrations.upgrade_async(empty_database_url, "0001")
    report = await asyncpg.connect(empty_database_url)
    async with report.transaction():
        await report.fetch("SELECT * FROM things")
        with pytest.raises(Unavailable, match="0002"):
            await migrations.migrate_async(empty_database_url)
    await report.close()
    assert await migrations.revision_of(empty_database_url) == "0001"


# --- our own steps --------------------------------------------------------------------------------------------------------


def test_every_step_says_its_phase() -> None:
    scripts = ScriptDirectory.from_config(migrations.configuration()).walk_revisions()
    assert [s.revision for s in scripts if getattr(s.module, "phase", None) not in ("before", "after")] == []


async def test_every_step_before_only_adds_so_that_the_version_before_can_go_on(yesterday: str) -> None:
    known = await shape_of(yesterday)
    rows = await old_columns_of_all_rows(yesterday, known)
    for step in STEPS[1:]:
        old = await shape_of(yesterday)
        await migrations.upgrade_async(yesterday, step.revision)
        if step.phase == "before":
            assert not_only_added(old, await shape_of(yesterday)) == [], step
            assert await old_columns_of_all_rows(yesterday, known) == rows, step
        else:  # no process of the version before runs any more: what follows is measured on this one
            known = await shape_of(yesterday)
            rows = await old_columns_of_all_rows(yesterday, known)


async def test_an_insert_of_the_version_before_is_taken_at_every_step_before(empty_database_url: str) -> None:
    """Every row that version wrote, written by its own statement, on every schema that it may meet."""
    statements = [line for line in DATA.read_text(encoding="utf-8").splitlines() if line.startswith("INSERT")]
    until = next((n for n, step in enumerate(STEPS) if step.phase == "after"), len(STEPS))
    for step in STEPS[:until]:
        await migrations.upgrade_async(empty_database_url, step.revision)
        connection = await asyncpg.connect(empty_database_url)
        transaction = connection.transaction()
        await transaction.start()
        for statement in statements:
            await connection.execute(statement)
        await transaction.rollback()
        await connection.close()


async def test_no_row_is_lost_on_the_way_to_the_end(yesterday: str) -> None:
    before = await row_counts(yesterday)
    await migrations.upgrade_async(yesterday)
    after = await row_counts(yesterday)
    assert {name: after.get(name) for name in before} == before


type Shape = dict[str, dict[str, Any]]


async def shape_of(url: str) -> Shape:
    """Every table: its columns with type, nullability and default, and what constrains them."""
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:", 1))
    async with engine.connect() as connection:
        found = await connection.run_sync(_shape)
    await engine.dispose()
    return found


def _shape(connection: Connection) -> Shape:
    look = inspect(connection)
    return {
        name: {
            "columns": {column["name"]: column for column in look.get_columns(name)},
            "checks": {check["sqltext"] for check in look.get_check_constraints(name)},
            "uniques": {tuple(index["column_names"]) for index in look.get_indexes(name) if index["unique"]},
            "foreign": {tuple(key["constrained_columns"]) for key in look.get_foreign_keys(name)},
        }
        for name in look.get_table_names()
        if name not in ("spatial_ref_sys", "alembic_version")
    }


def not_only_added(old: Shape, new: Shape) -> list[str]:
    """What of the new shape would break a statement that the old one took."""
    wrong = [f"{name} is gone" for name in old.keys() - new.keys()]
    for name in old.keys() & new.keys():
        before, after = old[name]["columns"], new[name]["columns"]
        wrong += [f"{name}.{column} is gone" for column in before.keys() - after.keys()]
        for column in before.keys() & after.keys():
            if str(before[column]["type"]) != str(after[column]["type"]):
                wrong.append(f"{name}.{column} has another type")
            if before[column]["nullable"] and not after[column]["nullable"]:
                wrong.append(f"{name}.{column} may no longer be NULL")
            if before[column]["default"] is not None and after[column]["default"] is None:
                wrong.append(f"{name}.{column} has lost its default")
        for column in after.keys() - before.keys():
            if not after[column]["nullable"] and after[column]["default"] is None:
                wrong.append(f"{name}.{column} is new and must be given")
        for kind in ("checks", "uniques", "foreign"):
            for fresh in new[name][kind] - old[name][kind]:
                about = [column for column in before if column in (fresh if kind != "checks" else str(fresh))]
                wrong += [f"{name}: a new rule on what was there: {fresh}"] if len(about) > ("city_id" in about) else []
    return wrong


async def old_columns_of_all_rows(url: str, old: Shape) -> dict[str, list[str]]:
    """Every row, in the columns that the old shape knows."""
    connection = await asyncpg.connect(url)
    found = {}
    for name, shape in old.items():
        columns = ", ".join(f'"{column}"' for column in shape["columns"])
        rows = await connection.fetch(f'SELECT ({columns})::text AS r FROM "{name}"')
        found[name] = sorted(row["r"] for row in rows)
    await connection.close()
    return found


async def row_counts(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    names = list(await shape_of(url))
    counts = {name: await connection.fetchval(f'SELECT count(*) FROM "{name}"') for name in names}
    await connection.close()
    return counts
