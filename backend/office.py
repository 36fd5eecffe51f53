"""What every verb works with: one city's running system.

`Office.begin` is the only way to a writing transaction: when it has committed, the world is nudged to look at the log.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.city import City
from backend.sealing import Ring


def _nobody() -> None:
    """Nobody listens: the readers of the log find the change at their next look."""


@dataclass(frozen=True, slots=True)
class Office:
    """A city, its database, the keys that seal what is personal, and the nudge after a commit (never waits: I13)."""

    city: City
    db: AsyncEngine
    nudge: Callable[[], None] = field(default=_nobody)
    ring: Ring = field(kw_only=True)

    @property
    def city_id(self) -> str:
        """The city's code, which leads every key."""
        return self.city.id

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: all or nothing, committed when the block ends, and only then is anyone told."""
        async with self.db.begin() as tx:
            yield tx
        self.nudge()
