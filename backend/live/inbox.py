"""What waits to be sent to one socket: few things, and then it is let go (nobody waits for a slow reader)."""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import cached_property

from msgspec import Struct

from backend.access.actor import Actor
from backend.live.frames import WriteAtOnce, text_frame
from backend.live.moves import Places, View

TOGETHER_CHARS = 64 * 1024
"""Events that are ready together go out in messages of about this size."""
MOST_NOTES = 20


class Closing(Struct, frozen=True):
    """Why a socket is closed. The codes are part of the protocol (docs/live-feed.md)."""

    code: int
    reason: str


BAD_MESSAGE = Closing(4400, "not understood")
SIGN_IN_AGAIN = Closing(4401, "sign in again")
NOT_ALLOWED = Closing(4403, "not allowed")
TOO_SLOW = Closing(4409, "start again from your last sequence")
RIGHTS_CHANGED = Closing(4410, "your rights have changed: start again without a sequence")
TOO_MANY = Closing(4429, "too many live feeds of this account: close one")
RESTARTING = Closing(1012, "restarting: come again")
TRY_LATER = Closing(1013, "try again later")


class News:
    """Events, numbered and in order, that happened together. One object serves all who may see the same."""

    def __init__(self, events: Sequence[tuple[int, str]]) -> None:
        self.events = events
        self.first, self.last = events[0][0], events[-1][0]

    @cached_property
    def frame(self) -> bytes:
        """The message of all of them as it goes over the wire, made when first wanted."""
        return text_frame(message_of(self.events))


def message_of(events: Sequence[tuple[int, str]]) -> str:
    """One event as itself, several as one message that says what number they reach."""
    if len(events) == 1:
        return events[0][1]
    return together(events[-1][0], [message for _, message in events])


def together(seq: int, messages: Sequence[str]) -> str:
    """An `events` message. seq: the number that whoever has it has reached."""
    return f'{{"type":"events","seq":{seq},"events":[{",".join(messages)}]}}'


class Inbox:
    """Events in order up to `size`; of positions and pulses only what is newest."""

    def __init__(self, actor: Actor, size: int) -> None:
        self.actor = actor
        self.size = size
        self.events: deque[tuple[int, str]] = deque()
        self.places: Places | None = None
        self.pulse: tuple[int, str] | None = None
        self.notes: deque[str] = deque(maxlen=MOST_NOTES)
        self.closing: Closing | None = None
        self.last_words: Closing | None = None
        self.passed = -1  # the number up to which the socket was told
        self.write_at_once: WriteAtOnce | None = None
        self.at_rest = False  # the socket has everything that was ever in here
        self.follows = False  # events are kept from the moment on that the hub says so
        self.acked = 0
        self.view: View | None = None
        self.looks_anew = False
        self._something = asyncio.Event()
        self._closed = asyncio.Event()

    def put(self, news: News) -> bool:
        """Events, one or several: at once to a socket that waits for nothing else. False when full, which ends it."""
        ready = self.write_at_once is not None and self.at_rest and not self.events and self.passed < news.first
        if ready and self.write_at_once(news.frame):  # type: ignore[misc]
            self.passed = news.last
            return True
        if len(self.events) + len(news.events) > self.size:
            self.close(TOO_SLOW)
            return False
        self.events.extend(news.events)
        self._something.set()
        return True

    def take(self) -> list[tuple[int, str]]:
        """The events that wait, oldest first, as many as go into one message."""
        taken: list[tuple[int, str]] = []
        chars = 0
        while self.events and (not taken or chars + len(self.events[0][1]) <= TOGETHER_CHARS):
            chars += len(self.events[0][1])
            taken.append(self.events.popleft())
        return taken

    def put_places(self, places: Places) -> None:
        """Of what was not sent yet the newest stays."""
        self.places = places if self.places is None else self.places.then(places)
        self._something.set()

    def look_at(self, view: View | None) -> None:
        """From now on only teams in the view, and soon all that are there. None: everywhere."""
        self.view, self.looks_anew = view, True

    def put_pulse(self, seq: int, message: str) -> None:
        """Replaces one that was not sent yet."""
        self.pulse = (seq, message)
        self._something.set()

    def put_note(self, message: str) -> None:
        """A notice for who is at this socket; it has no number."""
        self.notes.append(message)
        self._something.set()

    def close(self, closing: Closing) -> None:
        """The socket is to be closed with this; what waits is dropped. The first reason stays."""
        if self.closing is None:
            self.closing = closing
            self.events.clear()
            self.notes.clear()
            self.places = self.pulse = None
            self._closed.set()

    def finish(self, closing: Closing) -> None:
        """As `close`, but what waits is sent first."""
        self.last_words = closing
        self._something.set()

    async def something(self) -> None:
        """Returns when there is something to send."""
        self.at_rest = not self.events
        await self._something.wait()
        self.at_rest = False
        self._something.clear()

    async def closed(self) -> Closing:
        """Returns when the socket is to be closed."""
        await self._closed.wait()
        assert self.closing is not None
        return self.closing
