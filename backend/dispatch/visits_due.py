"""The visits that a grid worker has before them: revisits due within a week, and those that a patrol has taken over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.dispatch.board import visible
from backend.dispatch.lifecycle import OPEN_STAGES, Stage
from backend.dispatch.looking import note_files_read
from backend.office import Office
from backend.personal import fields_of, open_

ACTION: Final = "visit:read"
AHEAD: Final = timedelta(days=7)
MOST_SHOWN: Final = 200


class TakenOver(Struct, frozen=True, kw_only=True):
    """The case that was opened because a revisit was due and nobody had been there."""

    case_id: UUID
    number: int
    stage: Stage


class VisitDue(Struct, frozen=True, kw_only=True):
    """A revisit: when, where and of whom. case_id, number, outcome: the earlier case and what its last visit came to.

    lon, lat in WGS-84 degrees. description: the latest that was said of them. taken_over: a patrol goes, nothing is left to do.
    """

    id: UUID
    due_at: datetime
    case_id: UUID
    number: int
    lon: float
    lat: float
    address: str | None
    description: str | None
    people_count: int
    looks: dict[str, Any]
    dangers: list[str]
    reason: str
    outcome: str | None
    taken_over: TakenOver | None


async def list_visits(office: Office, *, by: Actor, now: datetime) -> list[VisitDue]:
    """What the actor may visit, soonest due first. That they read where people sleep is written down for each case."""
    demand(office.city.policy.roles, by, ACTION)
    async with office.db.connect() as tx:
        rows = await _rows(tx, office, by, now)
        said = await _latest_words(tx, office, [row.case_id for row in rows])
    await note_files_read(office, {row.case_id: row.regions for row in rows}, by=by, now=now)
    return [_visit(office, row, said.get(row.case_id)) for row in rows]


async def _rows(tx: AsyncConnection, office: Office, by: Actor, now: datetime) -> Sequence[Any]:
    r, c, again = db.revisits, db.cases, db.cases.alias("again")
    told = [
        c.c[name] for name in ("number", "lon", "lat", "address_sealed", "people_count", "looks", "dangers", "outcome")
    ]
    query = (
        select(r.c.id, r.c.due_at, r.c.case_id, r.c.reason, c.c.regions, *told)
        .add_columns(
            again.c.id.label("again_id"), again.c.number.label("again_number"), again.c.stage.label("again_stage")
        )
        .join(c, (c.c.city_id == r.c.city_id) & (c.c.id == r.c.case_id))
        .outerjoin(again, (again.c.city_id == r.c.city_id) & (again.c.id == r.c.opened_case))
        .where(r.c.city_id == office.city_id, _shown(now, again.c), visible(office, by, ACTION))
        .order_by(r.c.due_at, r.c.id)
    )
    return (await tx.execute(query.limit(MOST_SHOWN))).all()


def _shown(now: datetime, again: Any) -> ColumnElement[bool]:
    """Of closed cases, the open ones look after their people themselves; and of what was taken over until it is handled."""
    r, c = db.revisits.c, db.cases.c
    waits = and_(r.state == "due", r.due_at <= now + AHEAD, c.closed_at.is_not(None), c.stage != "voided")
    not_yet_handled = and_(again.stage.in_(OPEN_STAGES - {"handled"}), r.due_at <= now)
    return or_(waits, and_(r.state == "opened", not_yet_handled))


async def _latest_words(tx: AsyncConnection, office: Office, case_ids: Sequence[UUID]) -> dict[UUID, str | None]:
    """What was last said of the people of each case."""
    links, s = db.case_sightings, db.sightings
    query = (
        select(links.c.case_id, s.c.id, s.c.description_sealed)
        .ext(distinct_on(links.c.case_id))
        .join(s, (s.c.city_id == links.c.city_id) & (s.c.id == links.c.sighting_id))
        .where(links.c.city_id == office.city_id, links.c.case_id.in_(case_ids), links.c.left_at.is_(None))
        .where(s.c.description_sealed.is_not(None))
        .order_by(links.c.case_id, s.c.occurred_at.desc())
    )
    field = next(field for field in fields_of(db.sightings) if field.name == "description")
    return {row.case_id: open_(office.ring, field, row.description_sealed, row.id) for row in await tx.execute(query)}


def _visit(office: Office, row: Any, description: str | None) -> VisitDue:
    address = next(field for field in fields_of(db.cases) if field.name == "address")
    over = TakenOver(case_id=row.again_id, number=row.again_number, stage=row.again_stage) if row.again_id else None
    plain = ("id", "due_at", "case_id", "number", "lon", "lat", "people_count", "looks", "dangers", "reason", "outcome")
    return VisitDue(
        **{name: getattr(row, name) for name in plain},
        address=open_(office.ring, address, row.address_sealed, row.case_id),
        description=description,
        taken_over=over,
    )
