"""What a campaign sets going when it runs or its plan is another: temporary points that are wanted, teams that are called in."""

from datetime import datetime
from typing import Any
from uuid import UUID

import shapely
import shapely.ops
from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.campaign import calling_in, rows
from backend.campaign.calling_in import Resting
from backend.campaign.ground import shape_of
from backend.campaign.recording import Change
from backend.campaign.records import CalledIn, Campaign, Point
from backend.campaign.rows import Row
from backend.geo.place import LonLat, distance_m
from backend.ids import new_id
from backend.office import Office

Turned = tuple[Row | None, Row]


async def points(tx: AsyncConnection, office: Office, one: Campaign, now: datetime) -> tuple[list[Turned], list[str]]:
    """The points that the plan names and are not wanted yet; those that it no longer names and nobody has opened are given up.

    And the codes that no facility of that kind has. A point that is open stays so: there are people in it.
    """
    known = await _facilities(tx, office)
    wanted = {known[code] for code in one.plan.points if code in known}
    had = {point.facility_id: point for point in await rows.points_of(tx, office, one.id)}
    turned: list[Turned] = [
        _again(had.get(id_), one.id, id_, now) for id_ in sorted(wanted) if _is_missing(had.get(id_))
    ]
    given_up = [point for id_, point in had.items() if point.state == "wanted" and id_ not in wanted]
    turned += [(point, closed_point(point, now, None)) for point in given_up]
    return turned, [code for code in one.plan.points if code not in known]


async def _facilities(tx: AsyncConnection, office: Office) -> dict[str, UUID]:
    f = db.facilities.c
    query = select(f.code, f.id).where(f.city_id == office.city_id, f.kind == "temporary_point", ~f.hidden)
    return {row.code: row.id for row in await tx.execute(query)}


def _is_missing(point: Point | None) -> bool:
    return point is None or point.state == "closed"


def _again(before: Point | None, campaign_id: UUID, facility_id: UUID, now: datetime) -> Turned:
    id_ = before.id if before else new_id()
    return before, Point(id=id_, campaign_id=campaign_id, facility_id=facility_id, state="wanted", wanted_at=now)


def closed_point(point: Point, now: datetime, by: str | None) -> Point:
    """It is not open any more, or is not wanted."""
    return Point(
        id=point.id,
        campaign_id=point.campaign_id,
        facility_id=point.facility_id,
        state="closed",
        wanted_at=point.wanted_at,
        opened_at=point.opened_at,
        opened_by=point.opened_by,
        closed_at=now,
        closed_by=by,
    )


async def call_in(tx: AsyncConnection, office: Office, one: Campaign, now: datetime) -> list[Change]:
    """The event of the teams that the plan wants besides those called already; none when it wants no more, or nobody is there."""
    called = await rows.calls_of(tx, office, one.id)
    missing = one.plan.call_in - len(called)
    if missing <= 0:
        return []
    free = await _resting(tx, office, one, {call.team_id for call in called}, now)
    chosen = calling_in.choose(free, missing, crew_min=office.city.policy.matching.crew_min)
    new = [
        CalledIn(id=new_id(), campaign_id=one.id, team_id=team.team_id, called_at=now, why=calling_in.why(team))
        for team in chosen
    ]
    facts = {"wanted": missing, "found": len(new)}
    teams = [call.team_id for call in new]
    return [
        Change(kind="campaign.called_in", campaign=one, rows=[(None, call) for call in new], facts=facts, teams=teams)
    ]


async def _resting(
    tx: AsyncConnection, office: Office, one: Campaign, called: set[UUID], now: datetime
) -> list[Resting]:
    """Every active team that is off duty and was not called by this campaign; one that another has called is on its way to that."""
    t, p, s = db.teams.c, db.presence.c, db.shifts.c
    mine = and_(s.city_id == t.city_id, s.team_id == t.id, s.ends_at > now)
    next_shift = select(func.min(s.starts_at)).where(mine).scalar_subquery()
    joined = db.teams.join(db.presence, and_(p.city_id == t.city_id, p.team_id == t.id))
    columns = (t.id, t.code, t.size, t.regions, t.base_lon, t.base_lat, p.state_since, next_shift.label("starts_at"))
    query = select(*columns).select_from(joined).where(t.city_id == office.city_id, t.active, p.state == "off_duty")
    busy = called | await _called_elsewhere(tx, office)
    shape, concerned = shape_of(one.ground, office.city), set(office.city.concerned(one.regions))
    return [_as_resting(row, shape, concerned, now) for row in await tx.execute(query) if row.id not in busy]


async def _called_elsewhere(tx: AsyncConnection, office: Office) -> set[UUID]:
    c, k = db.campaign_calls.c, db.campaigns.c
    joined = db.campaign_calls.join(db.campaigns, and_(k.city_id == c.city_id, k.id == c.campaign_id))
    query = select(c.team_id).select_from(joined).where(c.city_id == office.city_id, k.state == "running")
    return set((await tx.execute(query.where(c.came_at.is_(None)))).scalars())


def _as_resting(row: Any, shape: shapely.Geometry, concerned: set[str], now: datetime) -> Resting:
    base = shapely.Point(row.base_lon, row.base_lat)
    near = shapely.ops.nearest_points(shape, base)[0]
    return Resting(
        team_id=row.id,
        code=row.code,
        size=row.size,
        is_local=not concerned.isdisjoint(row.regions),
        rest_h=(now - row.state_since).total_seconds() / 3600,
        km=distance_m(LonLat(base.x, base.y), LonLat(near.x, near.y)) / 1000,
        shift_in_h=None if row.starts_at is None else (row.starts_at - now).total_seconds() / 3600,
    )
