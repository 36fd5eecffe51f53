"""Several people acting in the same instant, each in a transaction of their own."""

import asyncio
from collections.abc import Awaitable

from backend.errors import Refused


async def at_once[T](*wishes: Awaitable[T]) -> tuple[list[T], list[Refused]]:
    """What succeeded, and what was refused in words; anything else that goes wrong is raised."""
    outcomes = await asyncio.gather(*wishes, return_exceptions=True)
    done: list[T] = []
    refused: list[Refused] = []
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            refused.append(outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            done.append(outcome)
    return done, refused
