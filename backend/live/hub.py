"""The hub: reads the log once per process and hands every event to the sockets that may see it.

It reads by sequence number, woken by a nudge or by the clock, so that it misses nothing. An event becomes JSON once, and
who may see it is asked once per kind of viewer (same roles, regions, team and facility), not per socket. Ended sessions and
changed accounts are events too: their sockets close here.
"""

import asyncio
import logging
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import msgspec
from msgspec import Struct

from backend import in_force, log, metrics
from backend.access import sessions
from backend.access.actor import Actor
from backend.clock import Clock, SystemClock
from backend.live import notices
from backend.live.inbox import RESTARTING, RIGHTS_CHANGED, SIGN_IN_AGAIN, TOGETHER_CHARS, Closing, Inbox, News
from backend.live.moves import Frame, Known, Moves
from backend.live.nudge import POLL_S, Nudge
from backend.live.positions import Fix
from backend.live.visibility import WITHOUT_ROWS, may_follow, may_see
from backend.live.wire import cancel
from backend.notify import receipts
from backend.notify.push import payload_of
from backend.office import Office

INBOX_SIZE = 256
RING_SIZE = 5_000
PAGE = 500
TOGETHER = 32
PULSE_EVERY_S = 5.0
POSITIONS_EVERY_S = 1.0
SESSIONS_EVERY_S = 30.0
COME_AGAIN_S = (0.5, 5.0)

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
Viewer = tuple[tuple[str, ...], tuple[str, ...], UUID | None, UUID | None, tuple[str, ...] | None]


class Told(Struct, frozen=True):
    """An event and the message that tells it, made once for all."""

    event: log.Event
    message: str


def tell(event: log.Event) -> Told:
    """The event as the feed sends it."""
    if event.kind in WITHOUT_ROWS:
        shorter = {name: value for name, value in event.data.items() if name != "rows"}
        event = msgspec.structs.replace(event, data=shorter)
    return Told(event, _encode({"type": "event", **msgspec.structs.asdict(event)}).decode())


class Hub:
    """One per process. `seq` is the last event it has handed out."""

    def __init__(
        self,
        office: Office,
        nudge: Nudge,
        clock: Clock,
        *,
        session_clock: Clock | None = None,
        inbox_size: int = INBOX_SIZE,
        ring_size: int = RING_SIZE,
        poll_s: float = POLL_S,
        pulse_every_s: float = PULSE_EVERY_S,
        positions_every_s: float = POSITIONS_EVERY_S,
        sessions_every_s: float = SESSIONS_EVERY_S,
    ) -> None:
        """clock: what pulses say. session_clock: what sessions end by (the machine's, see `access.sessions`)."""
        self.office, self.clock = office, clock
        self.pulse_every_s = pulse_every_s
        self.seq = 0
        self._nudge, self._session_clock = nudge, session_clock or SystemClock()
        self._inbox_size, self._poll_s = inbox_size, poll_s
        self._positions_every_s, self._sessions_every_s = positions_every_s, sessions_every_s
        self._ring: deque[Told] = deque(maxlen=ring_size)
        self._viewers: dict[Viewer, set[Inbox]] = {}
        self._joined: Counter[str] = Counter()
        self._moves = Moves()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins at the end of the log. Raises what the database raises when it is away."""
        async with self.office.db.connect() as tx:
            self.seq, _ = await log.head(tx, self.office.city_id)
        duties: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
            ("log", self._follow_log),
            ("pulse", self._pulse),
            ("positions", self._hand_out_positions),
            ("sessions", self._look_at_sessions),
        ]
        self._tasks = [asyncio.create_task(_for_ever(duty), name=f"hub-{name}") for name, duty in duties]

    async def aclose(self) -> None:
        """Stops reading and tells every socket to come again."""
        tasks, self._tasks = self._tasks, []
        await cancel(tasks)
        for inbox in self.inboxes():
            self._end(inbox, RESTARTING)

    async def drain(self, within_s: float) -> None:
        """All that is committed by now goes to every socket, which then is told to come again, each at its own moment.

        Returns when all have gone, or after `within_s`; `aclose` ends the rest.
        """
        tasks, self._tasks = self._tasks, []  # who joins from here on is told at once
        try:
            async with asyncio.timeout(within_s):
                await cancel(tasks)
                await self._hand_out_events()
        except Exception as trouble:  # noqa: BLE001 - then they read it elsewhere, from their own number on
            _log.warning("sockets are closed without the last events: %r", trouble)
        for inbox in self.inboxes():
            inbox.finish(_come_again())
        deadline = asyncio.get_running_loop().time() + within_s
        while self._viewers and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - each leaves by itself
            await asyncio.sleep(0.02)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def inboxes(self) -> list[Inbox]:
        """All that are joined."""
        return [inbox for group in self._viewers.values() for inbox in group]

    def count_of(self, actor_id: str) -> int:
        """How many of one account are joined."""
        return self._joined[actor_id]

    @contextmanager
    def joined(self, actor: Actor) -> Iterator[Inbox]:
        """An inbox that from now on hears of positions and of its own end; of events after `follow`."""
        inbox = self.join(actor)
        try:
            yield inbox
        finally:
            self.leave(inbox)

    def join(self, actor: Actor) -> Inbox:
        """See `joined`; `leave` has to follow."""
        inbox = Inbox(actor, self._inbox_size)
        self._viewers.setdefault(_viewer(actor), set()).add(inbox)
        self._joined[actor.id] += 1
        if not self._tasks:
            self._end(inbox, RESTARTING)
        return inbox

    def leave(self, inbox: Inbox) -> None:
        """Nothing more for this inbox. Twice is once."""
        viewer = _viewer(inbox.actor)
        group = self._viewers.get(viewer, set())
        if inbox not in group:
            return
        group.remove(inbox)
        self._joined[inbox.actor.id] -= 1
        if not self._joined[inbox.actor.id]:
            del self._joined[inbox.actor.id]
        if not group:
            self._viewers.pop(viewer, None)

    def follow(self, inbox: Inbox) -> int:
        """The number after which the inbox gets every event; what is up to it is `replay`'s."""
        inbox.follows = True
        return self.seq

    async def replay(self, after: int, upto: int) -> list[Told]:
        """The events with after < seq ≤ upto, seen by anybody or not: from memory, else from the log."""
        if upto <= after:
            return []
        first = self._ring[0].event.seq if self._ring else self.seq + 1
        if first <= after + 1:
            return list(islice(self._ring, after + 1 - first, upto + 1 - first))
        found: list[Told] = []
        async with self.office.db.connect() as tx:
            while after < upto and (page := await log.since(tx, self.office.city_id, after, limit=PAGE)):
                found += [tell(event) for event in page if event.seq <= upto]
                after = page[-1].seq
        return found

    def visible(self, told: Sequence[Told], actor: Actor) -> list[Told]:
        """Those the actor may see."""
        roles = self.office.city.policy.roles
        return [one for one in told if may_see(roles, actor, one.event)]

    def positions(self, fixes: Sequence[Fix]) -> None:
        """New positions: handed out within a second, the newest of each team."""
        self._moves.hear(fixes)

    def notice(self, told: notices.Told) -> None:
        """What a team is being told, to those of it who are here, each with the code of their own receipt."""
        for inbox in self.inboxes():
            actor = inbox.actor
            if actor.team_id == told.team_id and actor.session_id is not None and not actor.must_enrol:
                receiver = receipts.Told("session", actor.session_id)
                payload = payload_of(self.office, told.notice_id, told.told, receiver)
                inbox.put_note(_encode({"type": "notice", **payload}).decode())

    async def _follow_log(self) -> None:
        listener = self._nudge.listener()
        while True:
            await self._hand_out_events()
            await listener.wait(self._poll_s)

    async def _hand_out_events(self) -> None:
        while True:
            async with self.office.db.connect() as tx:
                events = await log.since(tx, self.office.city_id, self.seq, limit=PAGE)
            for chunk in _chunks([tell(event) for event in events]):
                if chunk[0].event.kind == in_force.CHANGED:  # before anybody is told: they ask what they may do now
                    await in_force.follow_if_usable(self.office)
                self._hand_out(chunk)
                await asyncio.sleep(0)  # the sockets send in between, so that a burst does not fill their inboxes
            if len(events) < PAGE:
                return

    def _hand_out(self, chunk: Sequence[Told]) -> None:
        """To everybody who may see it. Without waiting, so that `seq` and the inboxes agree at every moment."""
        for told in chunk:
            self._obey(told.event)
        self.seq = chunk[-1].event.seq
        self._ring.extend(chunk)
        for group in list(self._viewers.values()):
            visible = self.visible(chunk, next(iter(group)).actor)
            if not visible:
                continue
            news = News([(told.event.seq, told.message) for told in visible])
            full = [inbox for inbox in group if inbox.follows and not inbox.put(news)]
            for inbox in full:
                metrics.SOCKETS_DROPPED.inc()
                self.leave(inbox)

    def _obey(self, event: log.Event) -> None:
        """An event that takes rights away does so before anybody is told of it."""
        if event.kind == "session.revoked":
            session_id = UUID(event.data["session_id"])
            sessions.forget(session_id=session_id)
            self._end_where(lambda actor: actor.session_id == session_id, SIGN_IN_AGAIN)
        elif event.kind == "account.changed":
            account_id = event.data["account_id"]
            sessions.forget(account_id=UUID(account_id))
            closing = RIGHTS_CHANGED if event.data["active"] else SIGN_IN_AGAIN
            self._end_where(lambda actor: actor.id == account_id, closing)
        elif event.kind == in_force.CHANGED:
            roles = set(event.data.get("roles", ()))
            self._end_where(lambda actor: not roles.isdisjoint(actor.roles), RIGHTS_CHANGED)
        elif event.kind == "team.off_duty":
            self._moves.off_duty(UUID(event.data["team_id"]), event.occurred_at)

    def _end_where(self, is_meant: Callable[[Actor], bool], closing: Closing) -> None:
        for inbox in self.inboxes():
            if is_meant(inbox.actor):
                self._end(inbox, closing)

    def _end(self, inbox: Inbox, closing: Closing) -> None:
        self.leave(inbox)
        inbox.close(closing)

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(self.pulse_every_s)
            seq, message = self.pulse()
            for inbox in self.inboxes():
                inbox.put_pulse(seq, message)

    def pulse(self) -> tuple[int, str]:
        """Up to where everything has been handed out, and what time it is."""
        return self.seq, _encode({"type": "pulse", "seq": self.seq, "now": self.clock.now()}).decode()

    async def _hand_out_positions(self) -> None:
        while True:
            await asyncio.sleep(self._positions_every_s)
            moved = self._moves.take()
            for group in list(self._viewers.values()):
                self._hand_out_moves(group, moved)
                await asyncio.sleep(0)

    def _hand_out_moves(self, group: set[Inbox], moved: Mapping[UUID, tuple[Known, Known | None]]) -> None:
        """Who moved, to each in the group what it looks at; all there are, to those who look elsewhere than before."""
        frame = self._frame_of(group, moved) if moved else None
        anew = [inbox for inbox in group if inbox.looks_anew]
        everyone = (
            self._frame_of(group, {id_: (known, None) for id_, known in self._moves.last.items()}) if anew else None
        )
        for inbox in group:
            source, inbox.looks_anew = everyone if inbox.looks_anew else frame, False
            if source is not None and (places := source.seen_in(inbox.view)).fixes:
                inbox.put_places(places)

    def _frame_of(self, group: set[Inbox], teams: Mapping[UUID, tuple[Known, Known | None]]) -> Frame | None:
        """Those that the group may follow; None when there are none."""
        if not group:
            return None
        actor, roles = next(iter(group)).actor, self.office.city.policy.roles
        mine = {
            team_id: (now, before)
            for team_id, (now, before) in teams.items()
            if may_follow(roles, actor, team_id=team_id, regions=now.fix.regions)
        }
        return Frame(mine) if mine else None

    async def _look_at_sessions(self) -> None:
        """An open socket keeps its session alive as a request does. Others end by time, and the log says nothing then."""
        while True:
            await asyncio.sleep(self._sessions_every_s)
            ids = [id_ for inbox in self.inboxes() if (id_ := inbox.actor.session_id) is not None]
            if ids:
                now = self._session_clock.now()
                await sessions.prolong(self.office, ids, now)
                ended = await sessions.ended_among(self.office, ids, now)
                self._end_where(lambda actor, ended=ended: actor.session_id in ended, SIGN_IN_AGAIN)  # type: ignore[misc]


async def _for_ever(duty: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A duty of the hub ends with the hub and not with the first trouble of the database."""
    in_trouble = False
    while True:
        try:
            await duty()
        except Exception:  # noqa: BLE001 - whatever it is, screens must not stand still for ever
            if not in_trouble:
                _log.exception("the hub has trouble and goes on trying")
            in_trouble = True
            await asyncio.sleep(POLL_S)


def _chunks(page: Sequence[Told]) -> Iterator[list[Told]]:
    """What is handed out together: a few events of bounded size; a change of the policy begins a new chunk."""
    chunk: list[Told] = []
    chars = 0
    for told in page:
        chars += len(told.message)
        begins = told.event.kind == in_force.CHANGED or len(chunk) == TOGETHER or chars > TOGETHER_CHARS
        if chunk and begins:
            yield chunk
            chunk, chars = [], len(told.message)
        chunk.append(told)
    if chunk:
        yield chunk


def _come_again() -> Closing:
    """A moment of its own for each, so that the next process is not asked for everything at once."""
    return Closing(RESTARTING.code, f"{RESTARTING.reason} in {random.uniform(*COME_AGAIN_S):.1f} s")


def _viewer(actor: Actor) -> Viewer:
    """All that decides what somebody may see."""
    return (actor.roles, actor.regions, actor.team_id, actor.facility_id, actor.only)
