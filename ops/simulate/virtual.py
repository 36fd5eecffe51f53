"""A day in virtual time: the real application and the real worker in this process, jumping from one event to the next.

The clock stands still while anybody acts, so a run does not depend on how fast the machine is: the same seed gives the same
day. What is due next is the earliest of: somebody's own next step, a lease, a clock, a search, the watch over the circle.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text

from backend.clock import ManualClock
from backend.office import Office
from backend.worker import Worker
from ops.simulate.crowd import Crowd
from ops.simulate.person import Event
from ops.simulate.phone import Phone

CIRCLE_EVERY: Final = timedelta(minutes=1)
AT_LEAST: Final = timedelta(seconds=1)
"""Time goes on by this much when what is due could not be done at its time (a row was held by another)."""

Witness = Callable[[list[Event], datetime], Awaitable[None]]


async def _nobody(_events: list[Event], _now: datetime) -> None:
    """Nobody watches."""


_DUE = text("""
    SELECT least((SELECT min(expires_at) FROM offers WHERE city_id = :c AND state = 'offered'),
                 (SELECT min(fires_at) FROM clocks WHERE city_id = :c AND fires_at IS NOT NULL),
                 (SELECT min(search_at) FROM cases WHERE city_id = :c AND search_at IS NOT NULL),
                 (SELECT min(due_at) FROM revisits WHERE city_id = :c AND state = 'due'))
""")


class News:
    """The log as the desk may read it over HTTP, from where one has come to."""

    def __init__(self, phone: Phone) -> None:
        self._phone, self._seq = phone, 0

    async def read(self) -> list[Event]:
        """What is new."""
        found: list[Event] = []
        while True:
            page = (await self._phone.get("/api/events", after=self._seq, limit=1000)).body
            found += page["events"]
            if page["next"] is None:
                return found
            self._seq = page["next"]


class VirtualDay:
    """Everything of a run: the clock, the worker, the crowd and the news it gets."""

    def __init__(
        self,
        office: Office,
        clock: ManualClock,
        worker: Worker,
        crowd: Crowd,
        news: News,
        *,
        witness: Witness = _nobody,
    ) -> None:
        """witness: is told of every event before anybody acts on it."""
        self.office, self.clock, self.worker, self.crowd, self.news = office, clock, worker, crowd, news
        self.witness = witness
        self.moments = 0

    async def begin(self) -> None:
        """Everybody signs in."""
        await self.crowd.begin(self.clock.now())

    async def run(self, until: datetime) -> None:
        """From where the clock stands to `until`."""
        while (moment := await self._next()) <= until:
            self.clock.set(moment)
            await self._settle()
            self.moments += 1
        self.clock.set(until)

    async def _next(self) -> datetime:
        now = self.clock.now()
        async with self.office.db.connect() as tx:
            due: datetime | None = (await tx.execute(_DUE, {"c": self.office.city_id})).scalar()
        minute = now.replace(second=0, microsecond=0) + CIRCLE_EVERY
        wanted = [moment for moment in (due, self.crowd.next_at(), minute) if moment is not None]
        return max(min(wanted), now if self.moments == 0 else now + timedelta(microseconds=1))

    async def _settle(self) -> None:
        """Everybody acts and hears until nothing more happens at this moment."""
        now = self.clock.now()
        for _ in range(50):
            for person in self.crowd.due(now):
                await person.act(now)
            done = await self.worker.turn()
            await self.worker.sweeping.finish()  # what goes on beside its turns takes no virtual time
            news = await self.news.read()
            await self.witness(news, now)
            self.crowd.tell(news, now)
            if not done and not news and not self.crowd.due(now):
                return
        self.clock.advance(seconds=AT_LEAST.total_seconds())
