"""What every verb works with: one city's running system.

`Office.begin` is the only way to a writing transaction: when it has committed, the world is nudged to look at the log.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.city import City
from backend.policy import Policy
from backend.sealing import Ring
from backend.signers import Signers


def _nobody() -> None:
    """Nobody listens: the readers of the log find the change at their next look."""


@dataclass(slots=True, eq=False)
class Office:
    """A city, its database, the keys that seal what is personal, and the nudge after a commit (never waits: I13).

    Nothing of it changes but the policy, which is asked for at `office.city.policy` each time and never kept aside.
    policy_number: which of the policies written at the desk it is, 0 for the file's. signers: whose weather warnings must be signed.
    """

    city: City
    db: AsyncEngine
    nudge: Callable[[], None] = field(default=_nobody)
    ring: Ring = field(kw_only=True)
    policy_number: int = field(default=0, kw_only=True)
    signers: Signers = field(default_factory=Signers, kw_only=True)

    @property
    def city_id(self) -> str:
        """The city's code, which leads every key."""
        return self.city.id

    def obey(self, policy: Policy, text: str, number: int) -> None:
        """From here on the city decides by this policy (backend.in_force). What is under way ends by the one it began with."""
        self.city = replace(self.city, policy=policy, policy_text=text)
        self.policy_number = number

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: all or nothing, committed when the block ends, and only then is anyone told."""
        async with self.db.begin() as tx:
            yield tx
        self.nudge()
