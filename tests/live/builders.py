"""A socket without a network, and what it was sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.access import tickets
from backend.access.accounts import Account
from backend.access.actor import Actor
from backend.live.feed import Feed, Line
from backend.live.frames import text_frame
from backend.live.hub import Hub
from backend.office import Office
from ops.local.valkey import Valkey
from tests.access.builders import NOW, add_session

HOUR = timedelta(hours=1)


class FakeSocket:
    """The client's end. `moving` cleared: takes nothing any more, as a phone in a tunnel does."""

    def __init__(self, *, takes_frames: bool = True) -> None:
        """takes_frames: its server writes finished frames, as ours does; else only texts, as any does."""
        self.takes_frames = takes_frames
        self.messages: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.said: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.closed: tuple[int, str] | None = None
        self.moving = asyncio.Event()
        self.moving.set()
        self._news = asyncio.Event()

    @property
    def line(self) -> Line:
        """What the feed is given."""
        at_once = self._write_at_once if self.takes_frames else None
        return Line(send=self._send, receive=self.said.get, close=self._close, write_at_once=at_once)

    async def _send(self, text: str) -> None:
        await self.moving.wait()
        self._got(text)

    def _write_at_once(self, frame: bytes) -> bool:
        if self.moving.is_set():
            text = frame[{126: 4, 127: 10}.get(frame[1], 2) :].decode()
            assert text_frame(text) == frame
            self._got(text)
        return self.moving.is_set()

    def _got(self, text: str) -> None:
        self.texts.append(text)
        self.messages.append(msgspec.json.decode(text))
        self._news.set()

    async def _close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
        self._news.set()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one type, in the order they came."""
        return [message for message in self.messages if message["type"] == kind]

    def seqs(self) -> list[int]:
        """The numbers of the events it was told, live or replayed, in the order they came."""
        told = []
        for message in self.messages:
            if message["type"] == "event":
                told.append(message["seq"])
            elif message["type"] == "events":
                told += [event["seq"] for event in message["events"]]
        return told

    async def until(self, is_so: Callable[["FakeSocket"], bool], *, within_s: float = 10.0) -> None:
        """Waits for something to be the case. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not is_so(self):
                self._news.clear()
                await self._news.wait()

    async def got_events(self, count: int) -> None:
        """Waits for so many events, live or replayed."""
        await self.until(lambda _: len(self.seqs()) >= count)

    async def got(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Waits for the count-th message of a type."""
        await self.until(lambda _: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]


async def caught_up(hub: Hub, seq: int) -> None:
    """Waits until the hub has handed out so much."""
    async with asyncio.timeout(10):
        while hub.seq < seq:  # noqa: ASYNC110 - the hub has nobody to tell
            await asyncio.sleep(0.01)


async def counted(tx: AsyncConnection, actor: Actor) -> dict[str, Any]:
    """A board that is no more than the numbers of all events there are."""
    events = await log.since(tx, "210200", 0, limit=100_000)
    return {"seqs": [event.seq for event in events]}


@asynccontextmanager
async def following(
    feed: Feed, office: Office, account: Account | Actor, *, since: int | None = None, takes_frames: bool = True
) -> AsyncIterator[FakeSocket]:
    """A socket of this account with a session and ticket of its own, served until the block ends."""
    if isinstance(account, Account):
        account = await add_session(office, account, expires_at=NOW + 12 * HOUR)
    ticket = await tickets.issue(office, by=account, now=NOW)
    socket = FakeSocket(takes_frames=takes_frames)
    serving = asyncio.create_task(feed.serve(socket.line, ticket.ticket, now=NOW, since=since))
    try:
        yield socket
    finally:
        socket.said.put_nowait(None)
        socket.moving.set()
        await asyncio.wait_for(serving, 10)


def start_at(valkey: Valkey, url: str) -> None:
    """Starts it again where its clients look for it: a restart otherwise gets a fresh socket."""
    socket = Path(url.removeprefix("unix://").partition("?")[0])
    valkey.folder.mkdir(exist_ok=True)
    socket.parent.mkdir(mode=0o700, exist_ok=True)
    (valkey.folder / "socket").write_text(str(socket))
    valkey._launch(socket)
