"""The way from an empty database, or an older one, to the schema of `backend.db`, while the older programme still serves.

Begin at `migrate_async`. Every step (`versions/*.py`) says its `phase`: "before" only adds, so that processes of the version
before go on serving on it; "after" takes away and waits until none of them runs. Nothing here needs a file of settings or
a current folder: it works from an installed package.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from backend.errors import Unavailable
from backend.sealing import Ring

SCRIPTS = "backend:migrations"
# Two machines that start together must not migrate together: the number is arbitrary, but always this one.
MIGRATION_LOCK = 7_301_622
LOCK_WITHIN_S = 2.0
"""How long a step may wait for a table: whoever comes after it waits behind it, so this is also what a request may lose."""
TRIES = 30
LONGEST_PAUSE_S = 3.0
ANOTHER_HOLDS_IT = ("55P03", "40P01")

Phase = Literal["before", "after"]


class Step(NamedTuple):
    """One migration. phase: whether processes of the version before can go on serving on what it leaves."""

    revision: str
    phase: Phase
    says: str


class Outcome(NamedTuple):
    """What a run did, and the first step that waits until the version before has ended (None: nothing waits)."""

    done: list[Step]
    waiting: Step | None


def upgrade(database_url: str, revision: str = "head", *, ring: Ring | None = None) -> None:
    """Brings the database at `database_url` (postgresql://) straight to `revision`, as `migrate_async` with `finish`.

    For synchronous callers with a database that nobody else serves from: an empty one, the demonstration, a test.
    """
    asyncio.run(upgrade_async(database_url, revision, ring=ring))


async def upgrade_async(database_url: str, revision: str = "head", *, ring: Ring | None = None) -> None:
    """As `upgrade`, for use inside an event loop."""
    await migrate_async(database_url, finish=True, upto=revision, ring=ring)


async def migrate_async(
    database_url: str, *, finish: bool = False, upto: str = "head", ring: Ring | None = None
) -> Outcome:
    """Takes the steps that may be taken: those before the first "after" one; with `finish`, or from nothing, all.

    Each step is a transaction of its own: a failing one leaves the database as the step before left it. A step that does
    not get its locks at once lets the traffic pass and tries again. Raises `Unavailable` when it never gets them, else
    asyncpg's and SQLAlchemy's errors. ring: what seals personal data that lie open; else as RESCUE_PERSONAL_KEYS says.
    """
    engine = create_async_engine(_asyncpg(database_url), poolclass=NullPool)
    try:
        async with engine.connect() as guard:
            await guard.execution_options(isolation_level="AUTOCOMMIT")
            await guard.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
            found = await guard.run_sync(_revision_on)
            ahead = pending(found, upto)
            allowed = ahead if finish or found is None else _safe(ahead)
            for step in allowed:
                await _take(engine, step, ring)
            return Outcome(list(allowed), next(iter(ahead[len(allowed) :]), None))
    finally:
        await engine.dispose()


def steps() -> list[Step]:
    """All steps this programme knows, the first one first."""
    scripts = ScriptDirectory.from_config(configuration()).walk_revisions()
    found = [Step(s.revision, getattr(s.module, "phase", "before"), (s.doc or "").strip()) for s in scripts]
    return found[::-1]


def pending(revision: str | None, upto: str = "head") -> list[Step]:
    """What lies between a database at `revision` and `upto`; nothing for a database of a newer programme."""
    known = steps()
    names = [step.revision for step in known]
    if revision is not None and revision not in names:
        return []
    first = 0 if revision is None else names.index(revision) + 1
    last = len(names) if upto == "head" else names.index(upto) + 1
    return known[first:last]


def lacking(revision: str | None) -> Step | None:
    """The step that a database at `revision` lacks for this programme to run on it; None when it may run.

    What is "after" is not needed: this programme runs with and without it. A newer database is fine.
    """
    needed = [step for step in pending(revision) if step.phase == "before"]
    return needed[-1] if needed else None


async def revision_of(database_url: str) -> str | None:
    """The revision that the database is at; None for one that was never migrated."""
    engine = create_async_engine(_asyncpg(database_url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_revision_on)
    finally:
        await engine.dispose()


def head() -> str | None:
    """The newest revision that this programme knows."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


def configuration(connection: Connection | None = None, ring: Ring | None = None) -> Config:
    """Alembic's settings; `connection` is the one that `env` uses, `ring` the keys for steps that seal."""
    settings = Config(attributes={"connection": connection, "ring": ring})
    settings.set_main_option("script_location", SCRIPTS)
    settings.set_main_option("path_separator", "os")
    return settings


def _safe(ahead: Sequence[Step]) -> list[Step]:
    """The steps up to the first that must wait."""
    first_after = next((n for n, step in enumerate(ahead) if step.phase == "after"), len(ahead))
    return list(ahead[:first_after])


async def _take(engine: AsyncEngine, step: Step, ring: Ring | None) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            async with engine.begin() as connection:
                await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WITHIN_S:g}s'")
                await connection.run_sync(_upgrade_on, step.revision, ring)
            return
        except DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", None) not in ANOTHER_HOLDS_IT:
                raise
            if attempt < TRIES:
                await asyncio.sleep(random.uniform(0.2, LONGEST_PAUSE_S))
    raise Unavailable(
        f"升级步骤 {step.revision} 一直拿不到表锁，没有做任何改动。请结束长时间运行的查询或备份后，再运行一次。",
        f"Step {step.revision} never got hold of its tables and changed nothing. End the long query or backup that keeps them, "
        "and run this again.",
        code="tables_are_busy",
    )


def _upgrade_on(connection: Connection, revision: str, ring: Ring | None) -> None:
    command.upgrade(configuration(connection, ring), revision)


def _revision_on(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _asyncpg(database_url: str) -> str:
    return "postgresql+asyncpg://" + database_url.split("://", 1)[1]
