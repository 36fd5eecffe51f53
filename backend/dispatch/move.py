"""One step of a case: the stage from the table, what must hold in that stage, and its clocks. Pure.

Every verb that changes a stage goes through `move`, so that a case without a team never keeps one, a closed case is
never searched for, and no clock is forgotten.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from backend.dispatch import timekeeping
from backend.dispatch.clocks import ClockKind
from backend.dispatch.lifecycle import ASSIGNED_STAGES, CLOSED_STAGES, next_stage
from backend.dispatch.records import Case, ClockRow, Offer, Row
from backend.errors import Invalid
from backend.policy import Policy

Rows = list[tuple[Row | None, Row]]
Clocks = dict[ClockKind, ClockRow]

AHEAD = timedelta(minutes=2)
"""How far ahead a client's clock may be before what it says is refused."""
OLDEST = timedelta(days=3)
"""What happened longer ago is no news from the street: whoever wants it in the log has the desk write it down."""


def happened_at(said: datetime | None, now: datetime) -> datetime:
    """When something happened: what the client says, else now. A little ahead counts as now; more is refused."""
    if said is None:
        return now
    if said.tzinfo is None:
        raise Invalid("时间必须带时区。", "A time needs its zone.", field="occurred_at", hint=now.isoformat())
    if said > now + AHEAD:
        raise Invalid(
            "时间在未来，请检查手机时钟。", "The time lies in the future: check the phone's clock.", field="occurred_at"
        )
    return min(said, now)


def demand_recent(at: datetime, now: datetime) -> None:
    """Raises Invalid `too_long_ago`."""
    if at < now - OLDEST:
        zh = f"这是 {OLDEST.days} 天以前的事，系统不再接收；请核对发生时间，确实如此的请告知值班长补记。"
        en = (
            f"That is more than {OLDEST.days} days ago: check when it happened, or have the shift leader write it down."
        )
        raise Invalid(zh, en, field="occurred_at", code="too_long_ago")


def move(
    case: Case,
    action: str,
    clocks: Mapping[ClockKind, ClockRow],
    *,
    at: datetime,
    policy: Policy,
    clock_step: str | None = None,
    told_at: datetime | None = None,
    **changes: Any,
) -> Rows:
    """The rows that carrying `action` out at `at` changes: the case first, then its clocks.

    Raises Conflict where the table has no such step. told_at: when the office learnt of it. `changes` are further columns of
    the case.
    """
    # What was done offline is never dated before the stage it follows.
    at = max(at, case.stage_since)
    stage = next_stage(case.stage, action)
    after = msgspec.structs.replace(
        case, version=case.version + 1, stage=stage, stage_since=at, **{**_held_in(stage, case, at), **changes}
    )
    rows: Rows = [(case, after)]
    rows += timekeeping.step(clocks, clock_step or action, case_id=case.id, policy=policy, at=at, told_at=told_at)
    return rows


def _held_in(stage: str, case: Case, at: datetime) -> dict[str, Any]:
    held: dict[str, Any] = {"closed_at": at if stage in CLOSED_STAGES else None}
    if stage not in ASSIGNED_STAGES:
        held["team_id"] = None
    if stage == "accepted":
        held |= {"search_at": at, "search_round": case.search_round + 1, "search_phase": 0, "alarm": None}
    else:
        held |= {"search_at": None, "alarm": None}
    return held


def case_of(rows: Rows) -> Case:
    """The case as it is after the rows."""
    after = rows[0][1]
    assert isinstance(after, Case)
    return after


def clocks_in(rows: Sequence[tuple[Row | None, Row]], held: Mapping[ClockKind, ClockRow] | None = None) -> Clocks:
    """The case's clocks as they are after the rows; held: as they were before."""
    return {**(held or {}), **{after.kind: after for _, after in rows if isinstance(after, ClockRow)}}


def touched(case: Case, **changes: Any) -> Case:
    """The case one version on, in the same stage."""
    return msgspec.structs.replace(case, version=case.version + 1, **changes)


def ended(offer: Offer, state: str, *, at: datetime, reason: str | None = None) -> Offer:
    """The offer, answered or taken back."""
    return msgspec.structs.replace(offer, state=state, answered_at=at, reason=reason)
