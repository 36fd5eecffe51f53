"""One socket, from its ticket to its close: hello → snapshot, or what was missed → every event as it happens.

Begin at `serve`. Nothing is doubled and nothing falls between, because everything is told by the log's numbers: the
picture is the state at number s, then come all events after s that are in the log up to f, the number at which the hub
began to fill the inbox, then what the inbox has. docs/live-feed.md tells it from the client's side.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NoReturn

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import in_force, log
from backend.access import sessions, tickets
from backend.access.actor import Actor
from backend.access.permissions import scopes
from backend.errors import NotSignedIn
from backend.live.frames import WriteAtOnce
from backend.live.hub import Hub, Told
from backend.live.inbox import (
    BAD_MESSAGE,
    NOT_ALLOWED,
    RIGHTS_CHANGED,
    SIGN_IN_AGAIN,
    TOO_MANY,
    TRY_LATER,
    Closing,
    Inbox,
    message_of,
    together,
)
from backend.live.moves import Bounds, View
from backend.live.wire import cancel

LARGEST_GAP = 5_000
EVENTS_IN_A_MESSAGE = 500
LARGEST_FROM_CLIENT_BYTES = 1_024
# A client that floods us with acknowledgements is read this slowly; its own network holds the rest back.
READ_PAUSE_S = 0.05
CLOSE_WITHIN_S = 5.0
PICTURES_AT_ONCE = 4

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
Snapshot = Callable[[AsyncConnection, Actor], Awaitable[dict[str, Any]]]


class Line(Struct, frozen=True):
    """The socket as the web framework has it, already accepted.

    send: waits until the network has taken the text; raises when the client is gone.
    receive: the next message, None when the client is gone. close: code and reason. write_at_once: see `frames`.
    """

    send: Callable[[str], Awaitable[None]]
    receive: Callable[[], Awaitable[str | bytes | None]]
    close: Callable[[int, str], Awaitable[None]]
    write_at_once: WriteAtOnce | None = None


class Ack(Struct, frozen=True, tag="ack", forbid_unknown_fields=True):
    """What a client may say: how far it has come."""

    seq: int


class Look(Struct, frozen=True, tag="view", forbid_unknown_fields=True):
    """What a client shows on its map: west, south, east, north in degrees; None: everything, as at the beginning."""

    bounds: Bounds | None


_said = msgspec.json.Decoder(Ack | Look).decode


class Gone(Exception):
    """The client is no longer there."""


class _Refused(Exception):
    def __init__(self, closing: Closing) -> None:
        self.closing = closing


class Feed:
    """The feed of one process: its hub, and the city's `snapshot(tx, actor)` for those who begin."""

    def __init__(self, hub: Hub, snapshot: Snapshot, *, largest_gap: int = LARGEST_GAP) -> None:
        self._hub, self._office, self._snapshot, self._largest_gap = hub, hub.office, snapshot, largest_gap
        self._pictures = asyncio.Semaphore(PICTURES_AT_ONCE)

    async def serve(self, line: Line, ticket: str, *, now: datetime, since: int | None = None) -> None:
        """Serves one socket until either side ends it. now: the machine's time, by which tickets run out."""
        closing: Closing | None = None
        try:
            actor = await tickets.take(self._office, ticket, now=now)
            if scopes(self._office.city.policy.roles, actor, "feed:open"):
                closing = await self._follow(line, actor, since, now)
            else:
                closing = NOT_ALLOWED
        except NotSignedIn:
            closing = SIGN_IN_AGAIN
        except Exception:  # noqa: BLE001 - the client has to learn that it should come again
            _log.exception("a feed failed")
            closing = TRY_LATER
        if closing is not None:
            await _close(line, closing)

    async def _follow(self, line: Line, actor: Actor, since: int | None, now: datetime) -> Closing | None:
        """Why the socket is to be closed; None when the client has gone."""
        if self._hub.count_of(actor.id) >= self._office.city.policy.limits.sockets_per_account:
            return TOO_MANY
        with self._hub.joined(actor) as inbox:
            if await self._has_changed(actor, now):
                return RIGHTS_CHANGED
            tasks: list[asyncio.Task[Any]] = [
                asyncio.create_task(self._write(line, inbox, since), name="feed-write"),
                asyncio.create_task(_read(line, inbox), name="feed-read"),
                asyncio.create_task(inbox.closed(), name="feed-closed"),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                return _outcome(tasks, inbox)
            finally:
                await cancel(tasks)

    async def _has_changed(self, actor: Actor, now: datetime) -> bool:
        """Whether its rights changed between the ticket and the hub, which tells only of what comes after joining."""
        assert actor.session_id is not None
        async with self._office.db.connect() as tx:
            return await sessions.actor_of_session(tx, self._office, actor.session_id, now) != actor

    async def _write(self, line: Line, inbox: Inbox, since: int | None) -> NoReturn:
        await _send(line, _encode(self._hello(inbox.actor)).decode())
        inbox.passed = await self._begin(line, inbox, since)
        inbox.write_at_once = line.write_at_once
        while True:
            await inbox.something()
            while inbox.events:
                await self._tell(line, inbox)
            while inbox.notes:
                await _send(line, inbox.notes.popleft())
            places, inbox.places = inbox.places, None
            if places is not None:
                await _send(line, places.message)
            pulse, inbox.pulse = inbox.pulse, None
            if pulse is not None and pulse[0] >= inbox.passed:
                await _send(line, pulse[1])
                inbox.passed = pulse[0]
            if inbox.last_words is not None and not inbox.events:
                inbox.close(inbox.last_words)

    async def _tell(self, line: Line, inbox: Inbox) -> None:
        """What is ready, in one message: one event as itself, several together."""
        ready = [(seq, message) for seq, message in inbox.take() if seq > inbox.passed]
        if ready:
            await _send(line, message_of(ready))
            inbox.passed = ready[-1][0]

    async def _begin(self, line: Line, inbox: Inbox, since: int | None) -> int:
        """The picture, and all that happened until the inbox fills: returns the number up to which that is told."""
        start = await self._kept(inbox.actor, since)
        if start is None:
            start = await self._picture(line, inbox.actor)
        follows_from = self._hub.follow(inbox)
        missed = self._hub.visible(await self._replay(start, follows_from), inbox.actor)
        passed = max(start, follows_from)
        for message in _in_messages(missed, passed):
            await _send(line, message)
        return passed

    async def _kept(self, actor: Actor, since: int | None) -> int | None:
        """The client's own number, when its picture is still good: of this log, not too old, and with today's rights."""
        if since is None or since < 0 or self._hub.seq - since > self._largest_gap:
            return None
        if since > self._hub.seq:
            async with self._office.db.connect() as tx:
                head, _ = await log.head(tx, self._office.city_id)
            return since if since <= head else None
        changed = [one for one in await self._replay(since, self._hub.seq) if _changes_rights(one, actor)]
        return None if changed else since

    async def _picture(self, line: Line, actor: Actor) -> int:
        async with self._pictures, self._office.db.connect() as connection:
            tx = await connection.execution_options(isolation_level="REPEATABLE READ")
            seq, _ = await log.head(tx, self._office.city_id)
            board = await self._snapshot(tx, actor)
        await _send(line, _encode({"type": "snapshot", "seq": seq, "board": board}).decode())
        return seq

    async def _replay(self, after: int, upto: int) -> Sequence[Told]:
        async with self._pictures:
            return await self._hub.replay(after, upto)

    def _hello(self, actor: Actor) -> dict[str, Any]:
        return {
            "type": "hello",
            "city": self._office.city_id,
            "now": self._hub.clock.now(),
            "roles": actor.roles,
            "pulse_s": self._hub.pulse_every_s,
        }


def _outcome(tasks: "list[asyncio.Task[Any]]", inbox: Inbox) -> Closing | None:
    if inbox.closing is not None:
        return inbox.closing
    for task in tasks:
        if task.done():
            error = task.exception()
            if isinstance(error, _Refused):
                return error.closing
            if error is not None and not isinstance(error, Gone):
                raise error
    return None


async def _read(line: Line, inbox: Inbox) -> NoReturn:
    """Only acknowledgements and views are understood."""
    while True:
        try:
            said = await line.receive()
        except Exception as error:
            raise Gone from error
        if said is None:
            raise Gone
        if len(said) > LARGEST_FROM_CLIENT_BYTES:
            raise _Refused(BAD_MESSAGE)
        try:
            _understand(_said(said), inbox)
        except ValueError as error:  # not our JSON, or bounds the wrong way round
            raise _Refused(BAD_MESSAGE) from error
        await asyncio.sleep(READ_PAUSE_S)


def _understand(said: Ack | Look, inbox: Inbox) -> None:
    if isinstance(said, Ack):
        inbox.acked = max(inbox.acked, said.seq)
    else:
        inbox.look_at(View.of(said.bounds) if said.bounds is not None else None)


async def _send(line: Line, message: str) -> None:
    try:
        await line.send(message)
    except Exception as error:
        raise Gone from error


async def _close(line: Line, closing: Closing) -> None:
    """A client that takes nothing any more does not take this either: it is not waited for."""
    try:
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await line.close(closing.code, closing.reason)
    except Exception as error:  # noqa: BLE001 - it may be gone by now, in whichever way its framework says so
        _log.debug("not closed properly: %r", error)


def _changes_rights(told: Told, actor: Actor) -> bool:
    """Of this account, or of a role that it has."""
    said = told.event.data
    if told.event.kind == in_force.CHANGED:
        return not set(said.get("roles", ())).isdisjoint(actor.roles)
    return told.event.kind == "account.changed" and said.get("account_id") == actor.id


def _in_messages(missed: Sequence[Told], passed: int) -> list[str]:
    """`events` messages of bounded size; the last one says up to where nothing more is to be told."""
    pages = [missed[i : i + EVENTS_IN_A_MESSAGE] for i in range(0, len(missed), EVENTS_IN_A_MESSAGE)] or [[]]
    messages = []
    for number, page in enumerate(pages, start=1):
        seq = passed if number == len(pages) else page[-1].event.seq
        messages.append(together(seq, [one.message for one in page]))
    return messages
