"""A migrated database is what the tables in code say, to the last index."""

import asyncio
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

REMEDY = "backend/db.py and the migrations differ: run `make migration` (before the first release)"


async def test_the_migrated_database_and_the_tables_in_code_agree(db: AsyncEngine) -> None:
    async with db.connect() as connection:
        assert await connection.run_sync(differences) == [], REMEDY


async def test_they_agree_in_what_the_comparison_does_not_see_too(database_url: str, empty_database_url: str) -> None:
    """Checks, partial indexes, comments, unlogged tables and storage: by PostgreSQL's own description of both."""
    engine = make_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.execute(text(migration.POSTGIS))
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    assert _schema(database_url) == _schema(empty_database_url), REMEDY


async def test_migrating_twice_and_two_at_once_is_harmless(empty_database_url: str) -> None:
    assert await migrations.revision_of(empty_database_url) is None
    await asyncio.gather(*(migrations.upgrade_async(empty_database_url) for _ in range(2)))
    await migrations.upgrade_async(empty_database_url)
    assert await migrations.revision_of(empty_database_url) == migrations.head()


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


def _schema(database_url: str) -> list[str]:
    argv = (
        str(postgres.binary("pg_dump")),
        "--schema-only",
        "--no-owner",
        "--exclude-table=alembic_version",
        database_url,
    )
    dumped = commands.run(argv, within_s=60)
    assert dumped.returncode == 0, dumped.stdout
    return [line for line in dumped.stdout.splitlines() if line and not line.startswith(("--", "\\", "SET "))]
