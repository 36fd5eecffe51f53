"""What every simulated person is to the crowd: somebody who acts at a time of their own and hears of what concerns them."""

from datetime import datetime
from typing import Any, Protocol

Event = dict[str, Any]
"""An event of the log as the API gives it."""


class Person(Protocol):
    """Somebody simulated."""

    @property
    def next_at(self) -> datetime | None:
        """When they want to act next; None: nothing of their own to do."""

    async def begin(self, now: datetime) -> None:
        """Sign in, and find out what there is to do: also in the middle of a day, after a restart."""

    async def act(self, now: datetime) -> None:
        """Do what is due at `now` and set `next_at`."""

    def hear(self, event: Event, now: datetime) -> None:
        """Something was written into the log. Only remembers; acting is for `act`."""

    async def end(self) -> None:
        """Hang up."""
