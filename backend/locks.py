"""Keeping others out of something until the commit, by its name: PostgreSQL's advisory locks. Begin at `hold`.

For what no single row stands for: the numbers of a day, a team's cases, the end of the log. A name begins with what is held and
has the city in it, as `intake:210200`.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_HOLD: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_TRY_TO_HOLD: Final = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")


async def hold(tx: AsyncConnection, name: str) -> None:
    """Wait until nobody has it, and keep it until the commit."""
    await tx.execute(_HOLD, {"name": name})


async def try_to_hold(tx: AsyncConnection, name: str) -> bool:
    """The same without waiting. False when somebody has it."""
    return bool((await tx.execute(_TRY_TO_HOLD, {"name": name})).scalar_one())
