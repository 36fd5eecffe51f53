"""How many requests of one sender a process works on at once: the others of the same sender wait their turn, others' do not.

A client that sends two hundred slow requests at once would otherwise hold every connection to the database.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from backend.errors import TooMany

MOST_WAITING = 64
"""Requests of one sender that may wait; a browser or a proxy of a whole office stays far below."""


@dataclass
class _Hand:
    """What one sender has under way."""

    busy: int = 0
    waiting: "deque[asyncio.Future[None]]" = field(default_factory=deque)


class Turns:
    """One process's. Senders without a request are not kept."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._hands: dict[str, _Hand] = {}
        self._most_waiting = most_waiting

    def __len__(self) -> int:
        return len(self._hands)

    @asynccontextmanager
    async def turn(self, sender: str, at_once: int, *, most_waiting: int | None = None) -> AsyncIterator[None]:
        """Begins when fewer than `at_once` of the sender's are under way, first come first served. Raises TooMany when too
        many wait (`most_waiting`: another number than usual)."""
        hand = self._hands.setdefault(sender, _Hand())
        if hand.busy < at_once:
            hand.busy += 1
        else:
            await self._wait(sender, hand, most_waiting or self._most_waiting)
        try:
            yield
        finally:
            self._pass_on(sender, hand)

    async def _wait(self, sender: str, hand: _Hand, most_waiting: int) -> None:
        if len(hand.waiting) >= most_waiting:
            raise TooMany(
                "同时发来的请求过多，请等前面的完成后再发。",
                "Too many requests at once: wait until the earlier ones are answered.",
                code="too_many_at_once",
                retry_after_s=1,
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        hand.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on(sender, hand)  # it was our turn already: somebody else has it
            raise

    def _pass_on(self, sender: str, hand: _Hand) -> None:
        self._next(hand)
        if not hand.busy:
            self._hands.pop(sender, None)

    def _next(self, hand: _Hand) -> None:
        while hand.waiting:
            turn = hand.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        hand.busy -= 1
