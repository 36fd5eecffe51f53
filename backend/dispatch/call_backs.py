"""Call-backs 电话回访: a reporter who asked to be told is rung once their case is handled or closed.

Each try is a row, reached or not; a reporter who is not reached stays on the list until the policy's number of tries is used
up. The number itself is read by `case_file.read_contacts`, which writes the look down; none of it is here.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.dispatch import find
from backend.dispatch.board import visible
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.lifecycle import Stage
from backend.dispatch.move import Rows, touched
from backend.dispatch.records import CallBack, Case
from backend.dispatch.words import words
from backend.errors import Conflict, Invalid, NotFound
from backend.ids import new_id
from backend.office import Office

RUNG_AFTER: tuple[Stage, ...] = ("handled", "assisted", "refused")
"""The stages in which there is something to tell."""
MOST_LISTED = 200


class OpenCallBack(Struct, frozen=True, kw_only=True):
    """A reporter who waits to be rung. tries: how often nobody answered. outcome: what the visit came to. Never a number."""

    sighting_id: UUID
    case_id: UUID
    case_number: int
    stage: Stage
    outcome: str | None
    regions: list[str]
    received_at: datetime
    stage_since: datetime
    tries: int
    tried_at: datetime | None


class Called(Struct, frozen=True, kw_only=True):
    """What a call came to. satisfied: 1 (not at all) to 5, None when not asked."""

    reached: bool
    satisfied: int | None = None
    note: str | None = None


async def list_open(tx: AsyncConnection, office: Office, by: Actor) -> list[OpenCallBack]:
    """Who waits to be rung, in cases whose reporters the actor may ring; longest waiting first. Raises NotAllowed."""
    demand(office.city.policy.roles, by, "contact:read")
    query = _waiting(office).where(visible(office, by, "contact:read"))
    rows = await tx.execute(query.order_by(db.cases.c.stage_since, db.sightings.c.id).limit(MOST_LISTED))
    return [OpenCallBack(**row._mapping) for row in rows]


def _waiting(office: Office) -> Select[Any]:
    """Reporters who asked for it, have left a number, are not reached yet and not given up."""
    k, s, links, c, b = db.sighting_contacts, db.sightings, db.case_sightings, db.cases, db.call_backs
    tried = (
        select(func.count().label("tries"), func.max(b.c.called_at).label("tried_at"))
        .add_columns(func.coalesce(func.bool_or(b.c.reached), False).label("reached"))
        .where(b.c.city_id == k.c.city_id, b.c.sighting_id == k.c.sighting_id, b.c.case_id == links.c.case_id)
        .lateral("tried")
    )
    return (
        select(s.c.id.label("sighting_id"), c.c.id.label("case_id"), c.c.number.label("case_number"), c.c.stage)
        .add_columns(c.c.outcome, c.c.regions, s.c.received_at, c.c.stage_since, tried.c.tries, tried.c.tried_at)
        .join(k, and_(k.c.city_id == s.c.city_id, k.c.sighting_id == s.c.id))
        .join(links, and_(links.c.city_id == s.c.city_id, links.c.sighting_id == s.c.id, links.c.left_at.is_(None)))
        .join(c, and_(c.c.city_id == links.c.city_id, c.c.id == links.c.case_id))
        .join(tried, tried.c.tries < office.city.policy.verification.call_back_tries)
        .where(s.c.city_id == office.city_id, k.c.call_back, k.c.phone_sealed.is_not(None))
        .where(c.c.stage.in_(RUNG_AFTER), tried.c.reached.is_(False))
    )


async def call_back(office: Office, sighting_id: UUID, called: Called, command: Command) -> Answer:
    """Somebody rang: write down what it came to. Raises Invalid, NotFound, Conflict `already_reached` or `wrong_stage`."""
    if called.satisfied is not None and not called.reached:
        zh, en = "没有打通，不能记录满意度。", "Nobody was reached, so nobody can have been satisfied."
        raise Invalid(zh, en, field="satisfied")
    if called.satisfied is not None and not 1 <= called.satisfied <= 5:
        raise Invalid("满意度为 1 至 5。", "Satisfaction is 1 to 5.", field="satisfied")
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await _case_of(tx, office, sighting_id)
        command.demand(office, "contact:read", case.as_object())
        await _demand_wanted(tx, office, case, sighting_id)
        told = CallBack(
            id=new_id(),
            sighting_id=sighting_id,
            case_id=case.id,
            called_at=command.at,
            by=command.by.id,
            reached=called.reached,
            satisfied=called.satisfied,
        )
        facts = {"sighting_id": sighting_id, "reached": called.reached, "satisfied": called.satisfied}
        rows: Rows = [(case, touched(case)), (None, told)]
        change = Change(kind="case.called_back", rows=rows, facts=facts, words=words(called.note))
        return await record(tx, office, command, change)


async def _case_of(tx: AsyncConnection, office: Office, sighting_id: UUID) -> Case:
    """The case that the sighting belongs to now, locked. Raises NotFound."""
    links = db.case_sightings
    mine = and_(links.c.city_id == office.city_id, links.c.sighting_id == sighting_id, links.c.left_at.is_(None))
    case_id = (await tx.execute(select(links.c.case_id).where(mine))).scalar()
    if case_id is None:
        raise NotFound("没有找到，或不在您的管辖范围内。", "Not found, or outside what is yours.")
    return await find.lock_case(tx, office, case_id)


async def _demand_wanted(tx: AsyncConnection, office: Office, case: Case, sighting_id: UUID) -> None:
    k = db.sighting_contacts
    asked = select(k.c.call_back).where(k.c.city_id == office.city_id, k.c.sighting_id == sighting_id)
    if not (await tx.execute(asked)).scalar():
        zh, en = "该报告人没有要求回电。", "This reporter did not ask to be rung back."
        raise Conflict(zh, en, code="no_call_back")
    if case.stage not in RUNG_AFTER:
        zh, en = "案卷还没有处置结果，暂不需要回电。", "The case has no result to tell yet."
        raise Conflict(zh, en, code="wrong_stage", stage=case.stage)
    tries = await calls_of(tx, office, case.id, sighting_id)
    if any(one.reached for one in tries):
        raise Conflict("该报告人已回访过。", "This reporter has been reached already.", code="already_reached")


async def calls_of(
    tx: AsyncConnection, office: Office, case_id: UUID, sighting_id: UUID | None = None
) -> list[CallBack]:
    """The tries to ring the reporters of a case, or one of them; oldest first."""
    b = db.call_backs.c
    of_one = [b.sighting_id == sighting_id] if sighting_id else []
    query = find.rows_of(CallBack, office, b.case_id == case_id, *of_one).order_by(b.called_at, b.id)
    return await find.fetch(tx, office, CallBack, query)


async def wanted_of(tx: AsyncConnection, office: Office, case_id: UUID) -> list[UUID]:
    """The sightings of a case whose reporters asked to be rung back."""
    k, links = db.sighting_contacts.c, db.case_sightings.c
    query = (
        select(k.sighting_id)
        .join(db.case_sightings, and_(links.city_id == k.city_id, links.sighting_id == k.sighting_id))
        .where(k.city_id == office.city_id, links.case_id == case_id, links.left_at.is_(None), k.call_back)
    )
    return list((await tx.execute(query.order_by(links.joined_at))).scalars())
