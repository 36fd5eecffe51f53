"""What a team does outdoors: arrive, and handle 处置 under the rules of protection. Also done offline and sent later."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import find, stock
from backend.dispatch.case_photos import with_photos
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.move import Rows, move, touched
from backend.dispatch.protection import Consequence, Handling, check, consequences
from backend.dispatch.records import Case, HandlingRow, Revisit
from backend.dispatch.words import words
from backend.errors import Conflict, Invalid
from backend.geo.place import LonLat, distance_m
from backend.ids import new_id
from backend.office import Office
from backend.policy import Policy

ON_THE_SPOT_M = 300.0
"""Farther than this from the case's place an arrival needs a reason: a fix may be poor, people move, gates are closed."""


class Arrival(Struct, frozen=True, kw_only=True):
    """Where the team says it is. place in WGS-84, None without a fix; reason: why it counts although it is far off."""

    place: LonLat | None = None
    accuracy_m: float | None = None
    reason: str | None = None


async def arrive(office: Office, case_id: UUID, arrival: Arrival, command: Command) -> Answer:
    """到达现场. Raises Invalid `too_far` with the distance when the position does not fit and no reason is given."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "case:handle", case.as_object())
        off_m = _off_by(case, arrival)
        clocks = await find.clocks_of(tx, office, case.id)
        rows = move(case, "arrive", clocks, at=command.at, policy=office.city.policy)
        assert case.team_id is not None
        visit = HandlingRow(
            id=new_id(),
            case_id=case.id,
            team_id=case.team_id,
            by=command.by.id,
            arrived_at=max(command.at, case.stage_since),
            arrived_place=msgspec.to_builtins(msgspec.structs.replace(arrival, reason=None)),
        )
        facts = {"off_by_m": off_m, "team_id": case.team_id}
        change = Change(kind="case.arrived", rows=[*rows, (None, visit)], facts=facts, words=words(arrival.reason))
        return await record(tx, office, command, change)


def _off_by(case: Case, arrival: Arrival) -> float | None:
    """Metres between where the team is and where the case is; None without a fix."""
    if arrival.place is None:
        if not arrival.reason:
            raise Invalid(
                "没有定位，请写明原因。", "There is no position: say why.", code="no_position", field="reason"
            )
        return None
    off_m = round(distance_m(arrival.place, LonLat(case.lon, case.lat)), 1)
    if off_m > ON_THE_SPOT_M + (arrival.accuracy_m or 0.0) and not arrival.reason:
        raise Invalid(
            f"您距离现场约 {off_m:.0f} 米，请靠近后再确认到达，或写明原因。",
            f"You are about {off_m:.0f} m from the place: come closer, or say why you have arrived.",
            code="too_far",
            field="reason",
            off_by_m=off_m,
        )
    return off_m


Referring = Callable[[AsyncConnection, Office, Case, Handling, Command], Awaitable[tuple[Handling, Sequence[Change]]]]
"""What a record that names a referral means for it: the record with what the referral knows, and the referral's own change."""


async def by_no_referral(
    _tx: AsyncConnection, _office: Office, _case: Case, handling: Handling, _command: Command
) -> tuple[Handling, Sequence[Change]]:
    """Where nobody follows referrals none can be named."""
    if handling.hand_over is not None and handling.hand_over.referral_id is not None:
        raise no_such_referral()
    return handling, ()


Following = Callable[[AsyncConnection, Office, Case, Handling, Sequence[Consequence], Command], Awaitable[None]]
"""What follows from a record beyond the case itself; written before the record, in the same transaction."""


async def nothing_follows(
    _tx: AsyncConnection, _office: Office, _case: Case, _h: Handling, _a: Sequence[Consequence], _c: Command
) -> None:
    """Where nobody keeps a register of those who went home."""


def no_such_referral() -> Invalid:
    """The refusal."""
    return Invalid(
        "没有这项转介，或不属于本案卷。",
        "There is no such referral, or it is not of this case.",
        code="no_such_referral",
        field="handling.hand_over.referral_id",
    )


async def handle(
    office: Office,
    case_id: UUID,
    handling: Handling,
    command: Command,
    referring: Referring = by_no_referral,
    following: Following = nothing_follows,
) -> Answer:
    """处置反馈: what was found and done. Raises Invalid `protection` listing every rule that is not kept (DOMAIN §4), and
    `no_such_signature` for a signature that has not come in. referring: backend.referral.handing.by_referral; following:
    backend.referral.home.by_patrol.from_handling."""
    policy = office.city.policy
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "case:handle", case.as_object())
        handling = await with_photos(tx, office, case, handling)
        handling, referred = await referring(tx, office, case, handling, command)
        _demand_protection(handling, policy)
        clocks = await find.clocks_of(tx, office, case.id)
        after = consequences(handling, policy)
        rows = move(
            case,
            "handle",
            clocks,
            at=command.at,
            told_at=command.now,
            policy=policy,
            outcome=handling.outcome,
            handled_by=command.by.id,
            handled_by_team=case.team_id,
        )
        rows += await _visited(tx, office, case, handling, after, command)
        rows += await _revisits(tx, office, case, after)
        change = Change(kind="case.handled", rows=rows, facts=_told(handling, after, policy))
        assert case.team_id is not None
        drawn = await stock.given(tx, office, case, handling, case.team_id, command)
        await following(tx, office, case, handling, after, command)
        return await record(tx, office, command, change, *drawn, *referred)


def _demand_protection(handling: Handling, policy: Policy) -> None:
    violations = check(handling, policy)
    if violations:
        raise Invalid(
            "处置记录不符合保护规定：" + " ".join(v.zh for v in violations),
            "The record does not keep the rules of protection: " + " ".join(v.en for v in violations),
            code="protection",
            field=violations[0].field,
            violations=msgspec.to_builtins(violations),
        )


async def _visited(
    tx: AsyncConnection, office: Office, case: Case, handling: Handling, after: list[Consequence], command: Command
) -> Rows:
    visit = await find.open_handling(tx, office, case.id)
    if visit is None:
        raise Conflict("请先确认到达现场。", "Confirm the arrival first.", code="wrong_stage")
    done = msgspec.structs.replace(
        visit,
        by=command.by.id,
        handled_at=max(command.at, case.stage_since),
        outcome=handling.outcome,
        record=msgspec.to_builtins(handling),
        consequences=msgspec.to_builtins(after),
    )
    return [(visit, done)]


async def _revisits(tx: AsyncConnection, office: Office, case: Case, after: list[Consequence]) -> Rows:
    """The looks that follow; those that an earlier visit, sent back since, had planned are settled by this one."""
    planned = await find.due_revisits_of(tx, office, case.id)
    return [
        *((None, _look(case, one.due_at)) for one in after if one.code == "revisit" and one.due_at is not None),
        *((one, msgspec.structs.replace(one, state="done")) for one in planned),
    ]


def _look(case: Case, due_at: datetime) -> Revisit:
    return Revisit(id=new_id(), case_id=case.id, due_at=due_at, reason="revisit")


def _told(handling: Handling, after: list[Consequence], policy: Policy) -> dict[str, Any]:
    """What the log and the statistics keep: how many and what, never who. Supplies that no list has are somebody's words."""
    listed = {supply for of_season in policy.protection.supplies.values() for supply in of_season}
    return {
        "outcome": handling.outcome,
        "people_met": len(handling.people),
        "minors": sum(person.is_minor for person in handling.people),
        "supplies": [supply if supply in listed else "other" for supply in handling.supplies],
        "incident": handling.incident,
        "follows": [one.code for one in after],
    }


async def set_out(office: Office, case_id: UUID, command: Command) -> Answer:
    """出发: the team says that it moves. No change of stage; the log has the moment."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "case:handle", case.as_object())
        if case.stage != "dispatched":
            raise Conflict("该案卷不在途中。", "The case is not on the way.", code="wrong_stage", stage=case.stage)
        return await record(tx, office, command, Change(kind="case.set_out", rows=[(case, touched(case))]))


async def current_case_id(tx: AsyncConnection, office: Office, team_id: UUID) -> UUID | None:
    """The case that a team has now, if any."""
    mine = (db.cases.c.city_id == office.city_id) & (db.cases.c.team_id == team_id)
    return (await tx.execute(select(db.cases.c.id).where(mine))).scalar()
