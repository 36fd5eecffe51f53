"""The office's time: it neither jumps nor differs between machines, whatever is done to anybody's clock.

Leases and deadlines run by it. A process goes by its own steady counter and is put right every few seconds by the
database's clock, so that the clock of its machine does not matter. When the database's clock itself is set, whoever
notices first writes the difference into `office_time`; all go on as if nothing had happened, and the difference wears off
by a hundredth of the time that passes. Begin at `SteadyTime`.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import structlog
from asyncpg import PostgresError
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.db import office_time
from backend.metrics import CLOCK_OFFSET_S

EVERY_S = 10.0
WITHIN_S = 2.0
"""An answer that took longer says too little about when it was given."""
UNTIL_SEEN_S = 0.5
RUNNING_S = 15.0
"""Who has been connected for longer is no newcomer, and looks."""
STEP_S = 3.0
"""What differs by more was set by somebody; what differs by less is how clocks run."""
WEARS_OFF = 0.01
"""An hour and forty minutes for every minute: a lease is a hundredth longer or shorter meanwhile."""

_OTHERS = text(
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'rescue' AND pid <> pg_backend_pid()"
    " AND datname = current_database() AND backend_start < now() - make_interval(secs => :longer_s))"
)
"""Whether another process has been running for longer than it takes to look."""

_log = structlog.get_logger("time")


@dataclass(frozen=True)
class Sight:
    """The database's clock and the office's, seen at one instant of this machine's counter (seconds)."""

    counter_s: float
    machine: datetime
    office: datetime


class SteadyTime:
    """One process's view of the office's time. Until the first look it is the machine's."""

    def __init__(self, db: AsyncEngine, city_id: str, counter: Callable[[], float] | None = None) -> None:
        """counter: seconds that never jump; by default those since the machine started, its sleep included."""
        self._db, self._city_id = db, city_id
        self._counter = counter or (lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
        self._last: Sight | None = None
        self._task: asyncio.Task[None] | None = None
        self._started_s = 0.0
        self.offset_s = 0.0

    def now(self) -> datetime:
        """The present moment (UTC)."""
        if self._last is None:
            return datetime.now(UTC)
        return self._last.office + timedelta(seconds=self._counter() - self._last.counter_s)

    async def look(self) -> bool:
        """Compare with the database's clock and be put right. False when nothing could be learnt just now: somebody who
        starts must not believe a clock that those who run have yet to look at. Raises what the database raises."""
        async with self._db.begin() as tx:
            offset_s, machine_at, office_at = await self._held(tx)
            sent_s = self._counter()
            machine: datetime = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
            took_s = self._counter() - sent_s
            machine += timedelta(seconds=took_s / 2)
            passed_s = (machine - machine_at).total_seconds()
            if took_s > WITHIN_S or (self._last is None and await self._others_know_better(tx, passed_s)):
                return False
            jumped_s = self._jump_s(machine + timedelta(seconds=offset_s), passed_s, office_at)
            if jumped_s:
                _log.error("the database's clock was set", by_s=round(jumped_s, 1))
            offset_s = _worn(offset_s - jumped_s, passed_s)
            office = machine + timedelta(seconds=offset_s)
            mine = office_time.c.city_id == self._city_id
            kept = {"offset_s": offset_s, "machine_at": machine, "office_at": office}
            await tx.execute(office_time.update().where(mine).values(**kept))
        self._last = Sight(sent_s + took_s / 2, machine, office)
        self.offset_s = offset_s
        CLOCK_OFFSET_S.set(offset_s)
        return True

    async def _others_know_better(self, tx: AsyncConnection, passed_s: float) -> bool:
        """Whether the clock may have been set since the last look, and others are running who will notice."""
        if 0 <= passed_s < 1.5 * EVERY_S:
            return False
        self._started_s = self._started_s or self._counter()
        waited_s = self._counter() - self._started_s
        return waited_s < 1.2 * EVERY_S and (await tx.execute(_OTHERS, {"longer_s": RUNNING_S})).scalar_one()

    async def __aenter__(self) -> Self:
        """A first look, and one every few seconds from here on; while the database is away the counter goes on."""
        await self._try()
        while self._last is None and self._started_s:
            await asyncio.sleep(UNTIL_SEEN_S)
            await self._try()
        self._task = asyncio.create_task(self._follow(), name="time")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S if self._last else UNTIL_SEEN_S)
            await self._try()

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(EVERY_S):
                await self.look()
        except (OSError, TimeoutError, SQLAlchemyError, PostgresError) as fault:
            _log.warning("the database's clock was not seen", error=type(fault).__name__)

    async def _held(self, tx: AsyncConnection) -> tuple[float, datetime, datetime]:
        """The row, held until the commit: one process at a time says what the difference is."""
        clock = func.clock_timestamp()
        fresh = insert(office_time).values(city_id=self._city_id, offset_s=0.0, machine_at=clock, office_at=clock)
        await tx.execute(fresh.on_conflict_do_nothing())
        query = select(office_time.c.offset_s, office_time.c.machine_at, office_time.c.office_at)
        row = (await tx.execute(query.where(office_time.c.city_id == self._city_id).with_for_update())).one()
        return row.offset_s, row.machine_at, row.office_at

    def _jump_s(self, office: datetime, passed_s: float, seen_at: datetime) -> float:
        """By how much the database's clock was set since anybody looked; 0 when it was not.

        If another process looked a moment ago and agrees with the database, it is this one that slept.
        """
        if self._last is None:
            back_s = (office - seen_at).total_seconds()
            return back_s if back_s < -STEP_S else 0.0
        differs_s = (office - self.now()).total_seconds()
        somebody_agrees = 0 <= passed_s < abs(differs_s)
        return 0.0 if abs(differs_s) <= STEP_S or somebody_agrees else differs_s


def _worn(offset_s: float, passed_s: float) -> float:
    """The difference after `passed_s` more seconds."""
    left_s = max(0.0, abs(offset_s) - WEARS_OFF * min(max(passed_s, 0.0), EVERY_S))
    return left_s if offset_s > 0 else -left_s
