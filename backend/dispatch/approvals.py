"""Suspend 挂账, extend 延时, return 回退, void 作废: asked for with a reason, granted or refused by somebody who may.

Who may approve may also ask; nobody grants their own request.
"""

from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import find
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.clocks import ClockKind
from backend.dispatch.lifecycle import EXTENDABLE, next_stage
from backend.dispatch.move import Rows, move, touched
from backend.dispatch.offers import withdraw_live_offer
from backend.dispatch.records import Approval, ApprovalAction, Case
from backend.dispatch.referred import withdrawn_with
from backend.dispatch.timekeeping import extended
from backend.dispatch.words import readable, words
from backend.errors import Conflict, Invalid, NotAllowed
from backend.ids import new_id
from backend.office import Office
from backend.policy import Span

ACTIONS: dict[str, tuple[str, str]] = {
    "suspend": ("挂账", "suspend"),
    "extend": ("延时", "extend"),
    "return": ("回退", "return"),
    "void": ("作废", "void"),
}
# Which clocks an extension moves: the step's own and the whole case.
EXTENDED_CLOCKS: tuple[ClockKind, ...] = ("accept", "on_spot", "feedback", "verify", "whole")


async def ask(office: Office, case_id: UUID, action: str, reason: str, by: str | None, command: Command) -> Answer:
    """Ask for one of ACTIONS. `by` is how long to extend ("30 min", "1 wd"), needed for that alone."""
    if action not in ACTIONS:
        raise Invalid("只能申请挂账、延时、回退或作废。", f"One of {', '.join(ACTIONS)}.", field="action")
    if not (reason := readable(reason)):
        raise Invalid("请写明申请理由。", "Say why.", field="reason")
    wanted = {"by": str(_length(by))} if action == "extend" and by else {}
    if action == "extend" and not wanted:
        raise Invalid("请写明延长多久，如“30 min”。", "Say by how much, such as '30 min'.", field="by")
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "case:ask", case.as_object())
        _demand_possible(case, action)
        if await find.open_approval(tx, office, case.id, action) is not None:
            raise Conflict("同样的申请正在等待审批。", "The same request is already waiting.", code="already_asked")
        request = Approval(
            id=new_id(),
            case_id=case.id,
            action=cast(ApprovalAction, action),
            state="asked",
            reason=reason,
            wanted=wanted,
            asked_by=command.by.id,
            asked_at=command.now,
        )
        rows: Rows = [(case, touched(case)), (None, request)]
        return await record(tx, office, command, Change(kind="approval.asked", rows=rows, facts={"action": action}))


def _length(by: str) -> Span:
    try:
        return Span.parse(by)
    except Invalid as fault:  # whatever was typed there is not repeated
        zh, en = "看不懂要延长多久，应如“30 min”。", "That is not a length of time, such as '30 min'."
        raise Invalid(zh, en, field="by", hint=fault.extra.get("hint")) from None


def _demand_possible(case: Case, action: str) -> None:
    if action == "extend":
        if case.stage not in EXTENDABLE:
            raise Conflict("该案卷现在不能延时。", "The case cannot be extended now.", code="wrong_stage")
        return
    next_stage(case.stage, action)


async def decide(office: Office, approval_id: UUID, granted: bool, answer: str | None, command: Command) -> Answer:
    """Grant (then it is done at once) or refuse a request. Not one's own."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        seen = await find.get_approval(tx, office, approval_id)
        case = await find.lock_case(tx, office, seen.case_id)
        command.demand(office, "case:approve", case.as_object())
        request = await find.get_approval(tx, office, approval_id)
        if request.state != "asked":
            raise Conflict("这项申请已经答复。", "This request has been answered.", code="already_decided")
        if request.asked_by == command.by.id:
            raise NotAllowed("不能审批自己的申请。", "Nobody decides on their own request.", code="own_request")
        closed = msgspec.structs.replace(
            request,
            state="granted" if granted else "refused",
            decided_by=command.by.id,
            decided_at=command.now,
            answer=answer,
        )
        if not granted:
            change = Change(kind="approval.refused", rows=[(case, touched(case)), (request, closed)])
            return await record(tx, office, command, change)
        return await _carry_out(tx, office, case, request, closed, command)


async def _carry_out(
    tx: AsyncConnection, office: Office, case: Case, request: Approval, closed: Approval, command: Command
) -> Answer:
    _demand_possible(case, request.action)
    facts: dict[str, Any] = {"action": request.action}
    policy = office.city.policy
    clocks = await find.clocks_of(tx, office, case.id)
    if request.action == "extend":
        span = Span.parse(request.wanted["by"])
        rows: Rows = [(case, touched(case)), (request, closed)]
        rows += extended(clocks, span, EXTENDED_CLOCKS, policy=policy, at=command.now)
        return await record(tx, office, command, Change(kind="case.extended", rows=rows, facts=facts))
    case, changes = await withdraw_live_offer(tx, office, case, command, request.action)
    if request.action == "void":
        changes += await withdrawn_with(tx, office, case, "case_voided", command.now)
    clock_step = "return_to_intake" if (request.action, case.stage) == ("return", "accepted") else request.action
    # A pause and a new run of a clock belong together: see timekeeping.STEPS.
    # Returned, the round goes on, so that the machine does not hold it out to the same team again.
    kept: dict[str, Any] = {"search_round": case.search_round} if request.action == "return" else {}
    rows = move(case, request.action, clocks, at=command.now, policy=policy, clock_step=clock_step, **kept)
    visit = await find.open_handling(tx, office, case.id)
    if visit is not None:
        rows.append((visit, msgspec.structs.replace(visit, verdict="abandoned", verified_at=command.now)))
    kinds = {"suspend": "case.suspended", "return": "case.returned", "void": "case.voided"}
    done = Change(kind=kinds[request.action], rows=[*rows, (request, closed)], facts=facts)
    return await record(tx, office, command, *changes, done)


async def resume_case(office: Office, case_id: UUID, reason: str, command: Command) -> Answer:
    """A suspended case goes on: its clocks run again with what was left, and a team is looked for."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "case:approve", case.as_object())
        clocks = await find.clocks_of(tx, office, case.id)
        rows = move(case, "resume", clocks, at=command.now, policy=office.city.policy)
        return await record(tx, office, command, Change(kind="case.resumed", rows=rows, words=words(reason)))


async def list_open(tx: AsyncConnection, office: Office) -> list[Approval]:
    """All requests that wait, oldest first."""
    query = find.rows_of(Approval, office, db.approvals.c.state == "asked").order_by(db.approvals.c.asked_at)
    return await find.fetch(tx, office, Approval, query)
