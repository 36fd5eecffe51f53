"""The way from an empty database, or an older one, to the schema of `backend.db`.

Begin at `upgrade`. Nothing here needs a file of settings or a current folder: it works from an installed package.
"""

import asyncio

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

SCRIPTS = "backend:migrations"
# Two machines that start together must not migrate together: the number is arbitrary, but always this one.
MIGRATION_LOCK = 7_301_622


def upgrade(database_url: str, revision: str = "head") -> None:
    """Brings the database at `database_url` (postgresql://) to `revision`. Errors are asyncpg's and SQLAlchemy's.

    For synchronous callers; inside an event loop use `upgrade_async`.
    """
    asyncio.run(upgrade_async(database_url, revision))


async def upgrade_async(database_url: str, revision: str = "head") -> None:
    """As `upgrade`. All steps are one transaction: a failing one leaves the database as it was."""
    engine = create_async_engine(_asyncpg(database_url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            await connection.run_sync(_upgrade_on, revision)
    finally:
        await engine.dispose()


async def revision_of(database_url: str) -> str | None:
    """The revision that the database is at; None for one that was never migrated."""
    engine = create_async_engine(_asyncpg(database_url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    finally:
        await engine.dispose()


def head() -> str | None:
    """The newest revision that this programme knows."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's settings; `connection` is the one that `env` uses."""
    settings = Config(attributes={"connection": connection})
    settings.set_main_option("script_location", SCRIPTS)
    settings.set_main_option("path_separator", "os")
    return settings


def _upgrade_on(connection: Connection, revision: str) -> None:
    command.upgrade(configuration(connection), revision)


def _asyncpg(database_url: str) -> str:
    return "postgresql+asyncpg://" + database_url.split("://", 1)[1]
