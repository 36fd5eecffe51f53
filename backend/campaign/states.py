"""A campaign from one state to the next: proposed, running, closed or declined. Pure; raises Conflict for what is not to be.

Who reads the states: `backend.campaign.records`. When which step is taken: `backend.campaign.following` and a person.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from backend.campaign.following import Changes
from backend.campaign.ground import Ground
from backend.campaign.plan import PlanNow, season
from backend.campaign.records import Campaign, Cause, CloseReason
from backend.errors import Conflict
from backend.policy import Colour, Hazard

ASKED: Final = (("shift_leader",), ("shift_leader", "supervisor"), ("shift_leader", "supervisor", "civil_affairs"))
"""Who is told of a proposal at once, and at each level that it goes up while nobody answers."""


def begun(
    id_: UUID,
    number: str,
    hazard: Hazard,
    colour: Colour | None,
    plan: PlanNow,
    ground: Ground,
    *,
    cause: Cause,
    now: datetime,
    by: str,
    wait: timedelta,
    basis: dict[str, Any] | None = None,
    chain_id: UUID | None = None,
    warning_id: UUID | None = None,
    expires_at: datetime | None = None,
    note: str | None = None,
) -> Campaign:
    """A new one: running when its plan wants nobody's leave or a person opens it, else proposed for `wait`."""
    asks = plan.approval == "needed" and cause != "hand"
    return Campaign(
        id=id_,
        number=number,
        hazard=hazard,
        colour=colour,
        season=season(hazard),
        cause=cause,
        basis=basis or {},
        chain_id=chain_id,
        chains=[chain_id] if chain_id else [],
        warning_id=warning_id,
        state="proposed" if asks else "running",
        regions=list(ground.regions),
        drawn=ground.drawn,
        plan=plan,
        proposed_at=now,
        escalates_at=now + wait if asks else None,
        opened_at=None if asks else now,
        opened_by=None if asks else by,
        expires_at=expires_at,
        note=note,
    )


def changed(one: Campaign, step: Changes, *, now: datetime, by: str) -> Campaign:
    """As the step says. What runs goes on running, also where the graver plan would have wanted leave: it is not the moment to stop."""
    after = replace(
        one,
        hazard=step.hazard,
        season=season(step.hazard),
        colour=step.colour,
        plan=step.plan,
        chain_id=one.chain_id or (step.chains[0] if step.chains else None),
        chains=list(step.chains),
        warning_id=step.warning_id,
        regions=list(step.ground.regions),
        drawn=step.ground.drawn,
        expires_at=step.expires_at,
    )
    return approved(after, now=now, by=by) if step.how == "opened" else after


def approved(one: Campaign, *, now: datetime, by: str, answer: str | None = None) -> Campaign:
    """A proposal runs from now on."""
    _demand_proposed(one)
    return replace(one, state="running", escalates_at=None, opened_at=now, opened_by=by, answer=answer or one.answer)


def declined(one: Campaign, *, now: datetime, by: str, answer: str) -> Campaign:
    """Nothing is done, and that is final until the warning gets graver."""
    _demand_proposed(one)
    return replace(one, state="declined", escalates_at=None, closed_at=now, closed_by=by, answer=answer)


def closed(one: Campaign, reason: CloseReason, *, now: datetime, by: str, answer: str | None = None) -> Campaign:
    """Over: a running one, or by itself a proposal that nobody answered."""
    if not one.is_open or (reason == "hand" and one.state != "running"):
        raise Conflict(
            "这次专项行动没有在进行，不能结束。", "This campaign does not run and cannot be closed.", code="not_running"
        )
    over = {"state": "closed", "close_reason": reason, "closed_at": now, "closed_by": by, "escalates_at": None}
    return replace(one, **over, answer=answer or one.answer)


def gone_up(one: Campaign, *, now: datetime, wait: timedelta) -> Campaign | None:
    """A proposal that nobody has answered, one level further up; None when that time has not come."""
    if one.state != "proposed" or one.escalates_at is None or one.escalates_at > now:
        return None
    level = one.level + 1
    again = now + wait if level + 1 < len(ASKED) else None
    return replace(one, level=level, escalates_at=again)


def _demand_proposed(one: Campaign) -> None:
    if one.state != "proposed":
        raise Conflict("这次专项行动不在待批状态。", "This campaign is not waiting for leave.", code="not_proposed")
