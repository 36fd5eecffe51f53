"""The simulated people on a running server, at the speed of its clock, woken by the live feed as a screen is.

Their phones hear of news through a dispatcher's feed, which stands for push messages; what they then read and do goes
through their own accounts.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from backend.clock import ScaledClock, SystemClock
from ops.simulate.crowd import Crowd
from ops.simulate.person import Event, Person
from ops.simulate.phone import Phone

COME_AGAIN_S: Final = 1.0
LONGEST_NAP_S: Final = 0.25
MOST_AT_ONCE: Final = 8


class FeedLost(Exception):
    """The feed ended and could not be opened again for now."""


async def follow(base_url: str, phone: Phone) -> AsyncIterator[dict[str, Any]]:
    """The messages of the live feed, for ever: after a break it goes on where it was, or from a fresh snapshot."""
    since: int | None = None
    while True:
        try:
            ticket = await phone.post("/api/feed/tickets", {})
            if not ticket.ok:
                raise FeedLost(f"{ticket.status} {ticket.body}")
            address = base_url.replace("http", "ws", 1) + f"/api/feed?ticket={ticket.body['ticket']}"
            async with connect(address + (f"&since={since}" if since is not None else ""), max_size=2**24) as socket:
                async for text in socket:
                    message: dict[str, Any] = msgspec.json.decode(text)
                    since = max(since or 0, message["seq"]) if "seq" in message else since
                    yield message
        except (FeedLost, OSError, WebSocketException):
            pass
        await asyncio.sleep(COME_AGAIN_S)


def events_in(message: dict[str, Any]) -> list[Event]:
    """The events of a feed message, live or replayed."""
    if message["type"] == "event":
        return [message]
    return list(message["events"]) if message["type"] == "events" else []


class LiveCrowd:
    """Runs a crowd against a server until cancelled."""

    def __init__(self, crowd: Crowd, clock: ScaledClock | SystemClock, base_url: str, ear: Phone) -> None:
        """ear: a dispatcher's phone, signed in."""
        self.crowd, self.clock, self._base_url, self._ear = crowd, clock, base_url, ear
        self.troubles: deque[str] = deque(maxlen=20)
        self._something = asyncio.Event()
        self._busy: set[int] = set()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)

    async def run(self) -> None:
        """Sign everybody in and let them act at their times, some at once, nobody with themselves."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear())
            await self.crowd.begin(self.clock.now())
            while True:
                now = self.clock.now()
                for person in self.crowd.due(now):
                    if id(person) not in self._busy:
                        self._busy.add(id(person))
                        tasks.create_task(self._act(person))
                await self._nap()

    async def _nap(self) -> None:
        """Until somebody's time, or news."""
        waiting = [at for p in self.crowd.people if id(p) not in self._busy and (at := p.next_at) is not None]
        until = min(waiting, default=None)
        left_s = self._real_s(until) if until is not None else LONGEST_NAP_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(left_s, LONGEST_NAP_S))):
                await self._something.wait()
        self._something.clear()

    def _real_s(self, moment: datetime) -> float:
        rate = self.clock.rate if isinstance(self.clock, ScaledClock) else 1.0
        return (moment - self.clock.now()).total_seconds() / rate

    async def _act(self, person: Person) -> None:
        try:
            async with self._slots:
                await person.act(self.clock.now())
        except Exception as trouble:  # noqa: BLE001 - one person's trouble must not end everybody's day
            self.troubles.append(f"{type(trouble).__name__}: {trouble}")
            await asyncio.sleep(COME_AGAIN_S)
        finally:
            self._busy.discard(id(person))
            self._something.set()

    async def _hear(self) -> None:
        async for message in follow(self._base_url, self._ear):
            events = events_in(message)
            if events:
                self.crowd.tell(events, self.clock.now())
                self._something.set()
