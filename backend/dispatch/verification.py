"""Verification 核查: somebody else confirms that a handled case really is handled, or sends it back (rework, counted)."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.dispatch import find
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.move import Rows, move
from backend.dispatch.records import Case, HandlingRow
from backend.dispatch.words import readable, words
from backend.errors import Conflict, Invalid, NotAllowed
from backend.office import Office


async def verify_case(office: Office, case_id: UUID, note: str | None, command: Command) -> Answer:
    """Place, time and record fit: the case closes. Never by the one who handled it or rides in that team."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case, visit = await _handled(tx, office, case_id, command)
        rows = await _judged(tx, office, case, visit, "verify", command, "passed", note)
        facts = {"outcome": visit.outcome, "within_s": (command.now - case.stage_since).total_seconds()}
        return await record(tx, office, command, Change(kind="case.verified", rows=rows, facts=facts))


async def send_back(office: Office, case_id: UUID, reason: str, command: Command) -> Answer:
    """It is not done: back to dispatch, counted as rework 返工, with the reason."""
    if not (reason := readable(reason)):
        raise Invalid("请写明退回原因。", "Say why it is sent back.", field="reason")
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case, visit = await _handled(tx, office, case_id, command)
        rows = await _judged(tx, office, case, visit, "send_back", command, "sent_back", reason)
        change = Change(kind="case.sent_back", rows=rows, facts={"rework": case.rework_count + 1}, words=words(reason))
        return await record(tx, office, command, change)


async def _handled(tx: AsyncConnection, office: Office, case_id: UUID, command: Command) -> tuple[Case, HandlingRow]:
    """The case and the visit to judge, if this person may judge it."""
    case = await find.lock_case(tx, office, case_id)
    command.demand(office, "case:verify", case.as_object())
    if case.handled_by == command.by.id or (command.by.team_id and command.by.team_id == case.handled_by_team):
        raise NotAllowed("处置人员不能核查自己的案卷。", "Whoever handled a case cannot verify it.", code="own_case")
    visit = await find.open_handling(tx, office, case.id)
    if case.stage != "handled" or visit is None:
        raise Conflict(
            "该案卷不在核查环节。", "The case is not waiting to be verified.", code="wrong_stage", stage=case.stage
        )
    return case, visit


async def _judged(
    tx: AsyncConnection,
    office: Office,
    case: Case,
    visit: HandlingRow,
    action: str,
    command: Command,
    verdict: str,
    note: str | None,
) -> Rows:
    clocks = await find.clocks_of(tx, office, case.id)
    changes: dict[str, Any] = {}
    if action == "send_back":
        changes = {"rework_count": case.rework_count + 1, "outcome": None, "handled_by": None, "handled_by_team": None}
    rows = move(case, action, clocks, at=command.now, policy=office.city.policy, **changes)
    judged = msgspec.structs.replace(
        visit, verdict=verdict, verdict_note=note, verified_by=command.by.id, verified_at=command.now
    )
    return [*rows, (visit, judged)]
