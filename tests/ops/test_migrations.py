"""The migrated database is what the tables in code say, to the last index, in whatever order the columns came."""

import re
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import migrations
from backend.db import make_engine, metadata
from backend.migrations.compare import differences
from ops import migration
from ops.local import commands, postgres

REMEDY = "backend/db.py and the migrations differ: see docs/operations.md, Upgrading"


async def test_the_migrated_database_and_the_tables_in_code_agree(db: AsyncEngine) -> None:
    async with db.connect() as connection:
        assert await connection.run_sync(differences) == [], REMEDY


async def test_they_agree_in_what_the_comparison_does_not_see_too(database_url: str, empty_database_url: str) -> None:
    """Checks, partial indexes, comments, triggers, unlogged tables, storage: by PostgreSQL's own description of both."""
    engine = make_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE EXTENSION postgis"))
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    migrated, in_code = _schema(database_url), _schema(empty_database_url)
    assert migrated - in_code == set(), REMEDY
    assert in_code - migrated == set(), REMEDY


async def test_the_hot_searches_have_their_indexes_by_name(db: AsyncEngine) -> None:
    async with db.connect() as connection:
        found = (
            await connection.execute(text("SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%gist%'"))
        ).scalars()
        on = {match.group(1) for definition in found if (match := re.search(r"INDEX (\w+)", definition))}
    assert on >= {"ix_sightings_geog", "ix_cases_geog", "ix_regions_geom"}


def test_migrating_works_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert migrations.head() is not None


async def test_the_skeleton_of_the_next_migration_follows_the_last_and_says_what_to_decide(
    empty_database_url: str,
) -> None:
    source = await migration.written(empty_database_url, "more_names")
    assert f'down_revision = "{migrations.head()}"' in source
    assert 'phase = "before"' in source
    assert "pass" in source, "nothing differs, so there is nothing to do"
    compile(source, "skeleton", "exec")


def _schema(database_url: str) -> set[str]:
    """PostgreSQL's own description, statement by statement; of a table the lines sorted, since order says nothing."""
    argv = (
        str(postgres.binary("pg_dump")),
        "--schema-only",
        "--no-owner",
        "--exclude-table=alembic_version",
        database_url,
    )
    dumped = commands.run(argv, within_s=60)
    assert dumped.returncode == 0, dumped.stdout
    lines = [line for line in dumped.stdout.splitlines() if not line.startswith(("--", "\\", "SET "))]
    statements = re.split(r";\n", "\n".join(line for line in lines if line))
    return {_in_any_order(statement) for statement in statements if statement.strip()}


def _in_any_order(statement: str) -> str:
    first, *rest = statement.strip().splitlines()
    if not first.startswith(("CREATE TABLE", "CREATE UNLOGGED TABLE")):
        return "\n".join(" ".join(line.split()) for line in (first, *rest))
    return "\n".join([first, *sorted(line.strip().removesuffix(",") for line in rest)])
