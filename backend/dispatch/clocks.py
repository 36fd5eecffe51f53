"""Clocks 时限: deadlines that run, pause, are met or missed. Pure: no timer, no database, `now` comes in.

`TRANSITIONS` is the whole life of a clock; `apply` carries one action out; `light` is the lamp a person sees. A missed
clock goes on for the record until it is met ("met late") or cancelled; when what meets it turns out to have been done in time
and only told late, the miss is taken back. Suspended time never counts (DOMAIN §3, §6).
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from backend.dispatch.calendar import WorkCalendar
from backend.errors import Conflict, Invalid
from backend.policy import Clocks, Escalation, Span

ClockKind = Literal["accept", "offer", "on_spot", "feedback", "verify", "whole"]
CLOCK_KINDS: Final[tuple[ClockKind, ...]] = get_args(ClockKind)


class ClockState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    MISSED = "missed"
    CANCELLED = "cancelled"


class ClockAction(StrEnum):
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    MEET = "meet"
    MISS = "miss"
    EXTEND = "extend"
    CANCEL = "cancel"
    RESTART = "restart"


class Light(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


_S, _A = ClockState, ClockAction

TRANSITIONS: Final[dict[tuple[ClockState | None, ClockAction], ClockState]] = {
    (None, _A.START): _S.RUNNING,
    (_S.RUNNING, _A.PAUSE): _S.PAUSED,
    (_S.RUNNING, _A.MEET): _S.MET,
    (_S.RUNNING, _A.MISS): _S.MISSED,
    (_S.RUNNING, _A.EXTEND): _S.RUNNING,
    (_S.RUNNING, _A.CANCEL): _S.CANCELLED,
    (_S.PAUSED, _A.RESUME): _S.RUNNING,
    (_S.PAUSED, _A.MEET): _S.MET,
    (_S.PAUSED, _A.EXTEND): _S.PAUSED,
    (_S.PAUSED, _A.CANCEL): _S.CANCELLED,
    (_S.MISSED, _A.PAUSE): _S.MISSED,  # the miss stands; only the escalation and the overdue time stand still
    (_S.MISSED, _A.RESUME): _S.MISSED,
    (_S.MISSED, _A.MEET): _S.MET,
    (_S.MISSED, _A.CANCEL): _S.CANCELLED,
    (_S.MISSED, _A.RESTART): _S.RUNNING,
    (_S.MET, _A.RESTART): _S.RUNNING,
    (_S.CANCELLED, _A.RESTART): _S.RUNNING,
}


class Clock(Struct, frozen=True):
    """One deadline, of a case (`ClockKind`) or of somebody at a station. Moments are aware (UTC); `paused_s` is elapsed time, also for working-time spans.

    missed_at: when it was missed, kept when met late, not when told late. overdue_paused_s: suspended time since the miss.
    level: how many of the escalation chain have been told. misses: misses of earlier runs, before a restart.
    """

    kind: str
    span: Span
    started_at: datetime
    due_at: datetime
    yellow_at: datetime
    state: ClockState = ClockState.RUNNING
    paused_at: datetime | None = None
    paused_s: float = 0.0
    missed_at: datetime | None = None
    overdue_paused_s: float = 0.0
    ended_at: datetime | None = None
    extended: int = 0
    level: int = 0
    restarts: int = 0
    misses: int = 0

    @property
    def is_open(self) -> bool:
        """Whether anything can still happen to it without a restart."""
        return self.ended_at is None

    @property
    def is_late(self) -> bool:
        """Whether this run was missed, met later or not: what the on-time rates count."""
        return self.missed_at is not None


def clock_span(clocks: Clocks, kind: ClockKind, *, critical: bool = False) -> Span:
    """The policy's span for a kind of clock; a critical case has a shorter offer."""
    if kind == "offer" and critical:
        return clocks.offer_critical
    span: Span = getattr(clocks, kind)
    return span


def deadline(start: datetime, span: Span, calendar: WorkCalendar) -> datetime:
    """When `span` from `start` is over (UTC). See `WorkCalendar.add` for working units and months."""
    return calendar.add(start, span)


def start(kind: str, span: Span, *, now: datetime, calendar: WorkCalendar, yellow_at: float = 0.8) -> Clock:
    """A clock that runs from `now`. `yellow_at`: share of the span after which the light is yellow."""
    now = now.astimezone(UTC)
    return Clock(kind, span, now, calendar.add(now, span), calendar.add(now, span, yellow_at))


def apply(
    clock: Clock,
    action: ClockAction,
    *,
    now: datetime,
    calendar: WorkCalendar,
    span: Span | None = None,
    yellow_at: float = 0.8,
) -> Clock:
    """The clock after `action` at `now`.

    span: by how much to extend (required for extend), or the new length on restart (else the old one).
    A running clock whose time is over has been missed, whatever a late timer says: the miss is noted at its due
    moment before the action is carried out. `now` is when it was done, which may lie before a
    miss that is noted. Raises Conflict for an action the state does not allow.
    """
    now = now.astimezone(UTC)
    seen = _noticed(clock, now)
    if action is ClockAction.MISS and seen is not clock:
        return seen
    after = TRANSITIONS.get((seen.state, action))
    if after is None or action is ClockAction.MISS:  # a running clock whose time is not over cannot be missed
        raise _not_allowed(seen, action)
    if action is ClockAction.PAUSE:
        return _pause(seen, after, now)
    if action is ClockAction.RESUME:
        return _resume(seen, after, now, calendar)
    if action is ClockAction.EXTEND:
        return _extend(seen, span, calendar, yellow_at)
    if action is ClockAction.RESTART:
        return _restart(seen, span or seen.span, now, calendar, yellow_at)
    ended = replace(_settled(seen, now), state=after, ended_at=now)
    return _taken_back(ended) if action is ClockAction.MEET and now < seen.due_at else ended


def _taken_back(clock: Clock) -> Clock:
    """Met in time, though it had been noted as missed: what was done without network is told later. Who was told stays."""
    return replace(clock, missed_at=None, overdue_paused_s=0.0)


def miss(clock: Clock, *, now: datetime) -> Clock:
    """What a timer does at `due_at`: the clock, missed if its time is over, otherwise as it was (I5: never twice)."""
    return _noticed(clock, now.astimezone(UTC))


def light(clock: Clock, now: datetime) -> Light:
    """Green, yellow from `yellow_at`, red when the time is over. An ended or paused clock shows where it stopped."""
    at = clock.ended_at or clock.paused_at or now
    if clock.missed_at is not None or at >= clock.due_at:
        return Light.RED
    return Light.YELLOW if at >= clock.yellow_at else Light.GREEN


def remaining_s(clock: Clock, now: datetime, calendar: WorkCalendar) -> float:
    """Seconds left of the clock's own kind of time (working or elapsed); 0 when over. Stands still while paused."""
    at = clock.ended_at or clock.paused_at or now
    if clock.span.is_working:
        return calendar.working_s(at, clock.due_at)
    return max(0.0, (clock.due_at - at).total_seconds())


def overdue_s(clock: Clock, now: datetime) -> float:
    """Seconds since the miss, suspended time apart; 0 when it was not missed. Stops when the clock ends."""
    if clock.missed_at is None:
        return 0.0
    at = clock.ended_at or clock.paused_at or now
    return max(0.0, (at - clock.missed_at).total_seconds() - clock.overdue_paused_s)


def told(clock: Clock, escalation: Escalation, now: datetime) -> tuple[str, ...]:
    """Whom to tell at `now` of a missed clock who has not been told yet, in order: roles of the chain, or "team".

    The first of the chain is told at the miss, each next one `step` later. Record it with `escalated`.
    """
    if clock.state is not ClockState.MISSED:
        return ()
    reached = 1 + int(overdue_s(clock, now) // escalation.step.seconds)
    return escalation.chain[clock.level : reached]


def escalated(clock: Clock, level: int) -> Clock:
    """The clock after the first `level` of the chain have been told; never fewer than before."""
    return replace(clock, level=max(clock.level, level))


def next_told_at(clock: Clock, escalation: Escalation) -> datetime | None:
    """When the next of the chain is to be told, for the timer; None when nobody is left or the clock stands still."""
    if clock.state is not ClockState.MISSED or clock.paused_at or clock.level >= len(escalation.chain):
        return None
    assert clock.missed_at is not None
    return clock.missed_at + timedelta(seconds=clock.overdue_paused_s + clock.level * escalation.step.seconds)


def _noticed(clock: Clock, now: datetime) -> Clock:
    """A running clock is missed from its due moment on: a timer that fires exactly then finds it missed."""
    if clock.state is not ClockState.RUNNING or now < clock.due_at:
        return clock
    return replace(clock, state=ClockState.MISSED, missed_at=clock.due_at)


def _pause(clock: Clock, after: ClockState, now: datetime) -> Clock:
    if clock.paused_at is not None:
        raise _not_allowed(clock, ClockAction.PAUSE)
    return replace(clock, state=after, paused_at=now)


def _resume(clock: Clock, after: ClockState, now: datetime, calendar: WorkCalendar) -> Clock:
    """Due and yellow move by exactly the time that stood still; a lamp that was yellow stays yellow."""
    if clock.paused_at is None:
        raise _not_allowed(clock, ClockAction.RESUME)
    if clock.state is ClockState.MISSED:
        return _settled(clock, now)
    settled = _settled(clock, now)
    due = _shifted(clock, clock.due_at, now, calendar)
    yellow = _shifted(clock, clock.yellow_at, now, calendar)
    return replace(settled, state=after, due_at=due, yellow_at=yellow)


def _shifted(clock: Clock, moment: datetime, now: datetime, calendar: WorkCalendar) -> datetime:
    """`moment` as far from `now` as it was from the pause, in the clock's own kind of time."""
    assert clock.paused_at is not None
    if not clock.span.is_working:
        return moment + (now - clock.paused_at)
    left_s = calendar.working_s(clock.paused_at, moment)
    return calendar.add_working_s(now, left_s)


def _settled(clock: Clock, now: datetime) -> Clock:
    """The clock with a running pause booked."""
    if clock.paused_at is None:
        return clock
    stood_s = max(0.0, (now - clock.paused_at).total_seconds())
    overdue = stood_s if clock.missed_at is not None else 0.0
    return replace(
        clock,
        paused_at=None,
        paused_s=clock.paused_s + stood_s,
        overdue_paused_s=clock.overdue_paused_s + overdue,
    )


def _extend(clock: Clock, by: Span | None, calendar: WorkCalendar, yellow_share: float) -> Clock:
    """A later due moment; the yellow light moves to the same share of the time then left."""
    if by is None or by.amount <= 0:
        raise Invalid("请写明延长多久。", "Say by how much to extend.", field="span")
    if clock.span.is_working and not by.is_working:
        raise Invalid(
            "按工作时间计的时限，须以工作日或工作小时延长。",
            "A clock of working time is extended in working days or hours.",
            field="span",
            hint="1 wd",
        )
    due = calendar.add(clock.due_at, by)
    yellow = max(clock.yellow_at, _share_of(clock, due, yellow_share, calendar))
    return replace(clock, due_at=due, yellow_at=yellow, extended=clock.extended + 1)


def _share_of(clock: Clock, due: datetime, share: float, calendar: WorkCalendar) -> datetime:
    """The moment at which `share` of the whole time until `due` is used, pauses apart, counted back from `due`."""
    if clock.span.is_working:
        whole_s = calendar.working_s(clock.started_at, due)
        return calendar.add_working_s(clock.started_at, whole_s * share)
    whole = due - clock.started_at - timedelta(seconds=clock.paused_s)
    return due - whole * (1 - share)


def _restart(clock: Clock, span: Span, now: datetime, calendar: WorkCalendar, yellow_at: float) -> Clock:
    """A new run, as after rework: the earlier run's miss stays counted."""
    fresh = start(clock.kind, span, now=now, calendar=calendar, yellow_at=yellow_at)
    missed = clock.misses + (clock.missed_at is not None)
    return replace(fresh, restarts=clock.restarts + 1, misses=missed)


def _not_allowed(clock: Clock, action: ClockAction) -> Conflict:
    return Conflict(
        f"时限“{clock.kind}”当前为“{clock.state}”，不能执行“{action}”。",
        f"The {clock.kind} clock is {clock.state}: {action} is not possible.",
        code="clock_not_allowed",
        state=str(clock.state),
        action=str(action),
    )
