"""Which clocks a step of the loop starts, meets, pauses or cancels, and how a clock is kept as a row.

Begin at `STEPS`. The rules of a single clock are in `backend.dispatch.clocks`; what happens when one fires is in
`backend.dispatch.escalation`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal
from uuid import UUID

import msgspec

from backend.dispatch import clocks
from backend.dispatch.calendar import WorkCalendar
from backend.dispatch.clocks import Clock, ClockAction, ClockKind, ClockState
from backend.dispatch.records import ClockRow
from backend.policy import Policy, Span, WorkingTime

ALL: Final = "all"

# step → what it does to which clock. `start` begins one that has ended (or never was) and leaves a running one alone;
# `meet` and `cancel` touch only what still runs.
STEPS: dict[str, tuple[tuple[ClockKind | Literal["all"], str], ...]] = {
    "open": (("accept", "start"), ("whole", "start")),
    "accept": (("accept", "meet"), ("on_spot", "start")),
    "refuse": (("accept", "meet"), (ALL, "cancel")),
    "dispatch": (),
    "reassign": (("feedback", "cancel"), ("on_spot", "start")),
    "arrive": (("on_spot", "meet"), ("feedback", "start")),
    "handle": (("feedback", "meet"), ("verify", "start")),
    "verify": (("verify", "meet"), ("whole", "meet"), (ALL, "cancel")),
    "send_back": (("verify", "meet"), ("on_spot", "start")),
    "withdraw": (("feedback", "cancel"), ("on_spot", "start")),
    "return": (("feedback", "cancel"), ("on_spot", "start")),
    "return_to_intake": (("on_spot", "cancel"), ("accept", "start")),
    "suspend": (("feedback", "cancel"), ("on_spot", "start"), (ALL, "pause")),
    "resume": ((ALL, "resume"),),
    "join": (("accept", "meet"), (ALL, "cancel")),
    "unjoin": (("whole", "start"), ("on_spot", "start")),
    "void": ((ALL, "cancel"),),
}

FROM_WHEN_TOLD: Final[frozenset[ClockKind]] = frozenset({"verify"})
"""What a desk does next cannot begin before the desk is told, however long a phone was without network."""

Rows = list[tuple[ClockRow | None, ClockRow]]


@lru_cache(maxsize=8)
def _calendar(working: WorkingTime) -> WorkCalendar:
    return WorkCalendar(working)


def calendar_of(policy: Policy) -> WorkCalendar:
    """The working-time calendar of a policy."""
    return _calendar(policy.working_time)


def step(
    held: Mapping[ClockKind, ClockRow],
    name: str,
    *,
    case_id: UUID,
    policy: Policy,
    at: datetime,
    told_at: datetime | None = None,
) -> Rows:
    """The clock rows that `name` (a key of STEPS) changes: (before, after), only those that do change.

    told_at: when the office learnt of what happened at `at`; at once when not given.
    """
    now: dict[ClockKind, ClockRow] = dict(held)
    for kind, deed in STEPS[name]:
        for each in tuple(now) if kind == ALL else (kind,):
            when = told_at if told_at and deed == "start" and each in FROM_WHEN_TOLD else at
            after = _deed(now.get(each), each, deed, case_id, policy, when)
            if after is not None:
                now[each] = after
    return [(held.get(kind), row) for kind, row in now.items() if row != held.get(kind)]


def _deed(
    row: ClockRow | None, kind: ClockKind, deed: str, case_id: UUID, policy: Policy, at: datetime
) -> ClockRow | None:
    calendar = calendar_of(policy)
    if row is None:
        if deed != "start":
            return None
        span = clocks.clock_span(policy.clocks, kind)
        fresh = clocks.start(kind, span, now=at, calendar=calendar, yellow_at=policy.clocks.yellow_at)
        return to_row(fresh, case_id, policy, at)
    clock = of_row(row)
    action = _action(clock, deed)
    if action is None:
        return None
    after = clocks.apply(clock, action, now=at, calendar=calendar, yellow_at=policy.clocks.yellow_at)
    return to_row(after, case_id, policy, at)


def _action(clock: Clock, deed: str) -> ClockAction | None:
    """What the deed means for a clock in this state; None where there is nothing to do."""
    match deed:
        case "start":
            return None if clock.is_open else ClockAction.RESTART
        case "pause":
            return ClockAction.PAUSE if clock.is_open and clock.paused_at is None else None
        case "resume":
            return ClockAction.RESUME if clock.is_open and clock.paused_at is not None else None
    return ClockAction(deed) if clock.is_open else None


def extended(
    held: Mapping[ClockKind, ClockRow], by: Span, kinds: Iterable[ClockKind], *, policy: Policy, at: datetime
) -> Rows:
    """延时: the open clocks of these kinds, due later by `by`. A clock already missed stays missed."""
    rows: Rows = []
    for kind in kinds:
        row = held.get(kind)
        if row is None or row.state not in ("running", "paused"):
            continue
        if row.state == "running" and row.due_at <= at:
            continue  # over already, though its timer has not fired yet
        after = clocks.apply(of_row(row), ClockAction.EXTEND, now=at, calendar=calendar_of(policy), span=by)
        rows.append((row, to_row(after, row.case_id, policy, at)))
    return rows


def of_row(row: ClockRow) -> Clock:
    """The clock that a row keeps."""
    values = msgspec.structs.asdict(row)
    del values["case_id"], values["fires_at"]
    values["span"], values["state"] = Span.parse(row.span), ClockState(row.state)
    return Clock(**values)


def to_row(clock: Clock, case_id: UUID, policy: Policy, now: datetime) -> ClockRow:
    """The row that keeps a clock, with the moment at which the worker must look at it next."""
    values = msgspec.structs.asdict(clock)
    values["span"], values["state"] = str(clock.span), str(clock.state)
    return ClockRow(case_id=case_id, fires_at=fires_at(clock, policy, now), **values)


def fires_at(clock: Clock, policy: Policy, now: datetime) -> datetime | None:
    """The next moment something happens to it by itself: it turns yellow, is missed, or the next person is told."""
    if clock.state is ClockState.RUNNING:
        return clock.yellow_at if now < clock.yellow_at else clock.due_at
    return clocks.next_told_at(clock, policy.escalation)
