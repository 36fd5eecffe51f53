"""时限 The deadlines that run on somebody at a station (DOMAIN §4.9), as what follows from what was done. Pure.

Begin at `wanted`. Nothing here is switched on or off: which deadlines there are, since when and until when, is reckoned from the facts
of a stay each time, so that whatever is put right (an identity withdrawn, two records merged and taken apart again) puts the
deadlines right as well, counted from where they began.

| deadline | begins | met by | source |
|---|---|---|---|
| search_notice | arrival, identity unknown | the notice published | 民发〔2015〕158号 |
| dna_request | arrival, identity unknown | the police asked | 民发〔2014〕132号 |
| dna_answer | the police asked | their answer | 民发〔2014〕132号 |
| renew | arrival, identity unknown | the notice renewed | 民发〔2015〕158号 |
| settlement | arrival, identity unknown | the application | 民发〔2020〕14号 |
| stay_at_most | arrival | leaving | the rules of rescue stations |
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from backend.dispatch import clocks
from backend.dispatch.calendar import WorkCalendar
from backend.dispatch.clocks import Clock, ClockAction, ClockState
from backend.policy import Escalation, Policy, Span

StayClockKind = Literal["search_notice", "dna_request", "dna_answer", "renew", "settlement", "stay_at_most"]
KINDS: Final[tuple[StayClockKind, ...]] = get_args(StayClockKind)
How = Literal[
    "home", "escorted_home", "hospital", "welfare_home", "left_by_self", "runaway", "death", "settled", "help_ended", "referred",
    "other_office",
]  # fmt: skip

DEADLINE_NAMES: Final[dict[StayClockKind, tuple[str, str]]] = {
    "search_notice": ("发布寻亲公告", "search notice published"),
    "dna_request": ("提请公安采集 DNA", "police asked for DNA"),
    "dna_answer": ("公安答复 DNA 结果", "the police's answer about DNA"),
    "renew": ("更新寻亲信息", "search information renewed"),
    "settlement": ("申请落户安置", "application for settlement"),
    "stay_at_most": ("在站期限", "end of the stay"),
}
STILL_SEARCHED: Final[frozenset[How]] = frozenset({"hospital", "referred"})
"""Whoever left so is looked for on: the station goes to the hospital to establish who they are (DOMAIN §4.3), and until the next house
has taken them in the deadlines are still those of the one before."""


class Facts(Struct, frozen=True, kw_only=True):
    """What was done for somebody at a station. unknown_since: from when the deadlines of an unknown person count, which is an earlier
    arrival when they come back from a hospital. prolonged_to: until when the stay was prolonged. continued_at: another stay
    went on with these deadlines."""

    arrived_at: datetime
    unknown_since: datetime
    identified_at: datetime | None = None
    notice_at: datetime | None = None
    renewed_at: datetime | None = None
    dna_requested_at: datetime | None = None
    dna_answered_at: datetime | None = None
    settlement_at: datetime | None = None
    prolonged_to: datetime | None = None
    left_at: datetime | None = None
    how: How | None = None
    continued_at: datetime | None = None


class Deadline(Struct, frozen=True, kw_only=True):
    """One that runs or ran. met_at: done; over_at: not wanted any more. due_at: where it was set otherwise."""

    kind: StayClockKind
    started_at: datetime
    met_at: datetime | None = None
    over_at: datetime | None = None
    due_at: datetime | None = None


def wanted(facts: Facts) -> list[Deadline]:
    """Every deadline that there is or was, in the order of `KINDS`."""
    stay = Deadline(kind="stay_at_most", started_at=facts.arrived_at, met_at=facts.left_at, due_at=facts.prolonged_to)
    if facts.identified_at is not None and facts.identified_at <= facts.unknown_since:
        return [stay]
    return [*_of_the_unknown(facts), stay]


def _of_the_unknown(facts: Facts) -> list[Deadline]:
    since, over = facts.unknown_since, _over_at(facts)
    met: dict[StayClockKind, tuple[datetime, datetime | None]] = {
        "search_notice": (since, facts.notice_at),
        "dna_request": (since, facts.dna_requested_at),
        "renew": (since, facts.renewed_at),
        "settlement": (since, facts.settlement_at),
    }
    if facts.dna_requested_at is not None:
        met["dna_answer"] = (facts.dna_requested_at, facts.dna_answered_at)
    return [
        Deadline(kind=kind, started_at=met[kind][0], met_at=met[kind][1], over_at=None if met[kind][1] else over)
        for kind in KINDS
        if kind in met
    ]


def _over_at(facts: Facts) -> datetime | None:
    """From when on nobody has to be found any more: known, gone for good, or gone on elsewhere with the same deadlines."""
    left = facts.left_at if facts.how not in STILL_SEARCHED else None
    ends = [at for at in (facts.identified_at, left, facts.continued_at) if at is not None]
    return min(ends) if ends else None


def span_of(policy: Policy, kind: StayClockKind) -> Span:
    """How long the policy gives."""
    span: Span = getattr(policy.referral, kind)
    return span


def escalation_of(policy: Policy) -> Escalation:
    """Who is told of a deadline that passed, one after the other."""
    return replace(policy.escalation, chain=policy.referral.overdue_chain, step=policy.referral.overdue_step)


def clock_of(deadline: Deadline, held: Clock | None, *, policy: Policy, calendar: WorkCalendar, now: datetime) -> Clock:
    """The clock of a deadline as it stands now. held: as it stood; who was told of a miss stays told."""
    clock = held_or_started(deadline, held, policy, calendar)
    if deadline.due_at is not None and deadline.due_at > clock.due_at:
        clock = _prolonged(clock, deadline.due_at)
    if held is not None and held.missed_at is not None and clock.due_at > now:
        clock = replace(clock, misses=max(held.misses, 1))
    end, action = (
        (deadline.met_at, ClockAction.MEET) if deadline.met_at is not None else (deadline.over_at, ClockAction.CANCEL)
    )
    if end is not None:
        at = max(end, clock.started_at)
        return clocks.apply(clock, action, now=at, calendar=calendar, yellow_at=policy.clocks.yellow_at)
    if held is not None and held.state is ClockState.MISSED:
        return clocks.miss(clock, now=now)
    return clock


def held_or_started(deadline: Deadline, held: Clock | None, policy: Policy, calendar: WorkCalendar) -> Clock:
    """From its beginning, by the span it began with: a policy that changes does not move what runs."""
    span = held.span if held is not None else span_of(policy, deadline.kind)
    fresh = clocks.start(
        deadline.kind, span, now=deadline.started_at, calendar=calendar, yellow_at=policy.clocks.yellow_at
    )
    return replace(fresh, level=held.level, misses=held.misses) if held is not None else fresh


def _prolonged(clock: Clock, due_at: datetime) -> Clock:
    whole = due_at - clock.started_at
    used = (clock.yellow_at - clock.started_at) / (clock.due_at - clock.started_at)
    return replace(clock, due_at=due_at, yellow_at=clock.started_at + whole * used, extended=clock.extended + 1)


def fires_at(clock: Clock, policy: Policy, now: datetime) -> datetime | None:
    """The next moment something happens to it by itself: it turns yellow, is missed, or the next one is told."""
    if clock.state is ClockState.RUNNING:
        return clock.yellow_at if now < clock.yellow_at else clock.due_at
    return clocks.next_told_at(clock, escalation_of(policy))


def in_words(kind: StayClockKind) -> dict[str, Any]:
    """What the deadline is called."""
    zh, en = DEADLINE_NAMES[kind]
    return {"zh": zh, "en": en}


def missing(held: Mapping[StayClockKind, Clock], deadlines: list[Deadline]) -> list[StayClockKind]:
    """Clocks that are kept and follow from nothing any more: an identity was known from the first after all."""
    there = {one.kind for one in deadlines}
    return [kind for kind in held if kind not in there]
