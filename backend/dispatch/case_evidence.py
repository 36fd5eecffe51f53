"""The evidence of one handled case, gathered for `backend.dispatch.evidence`, which judges it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import Object, demand
from backend.dispatch import call_backs, find
from backend.dispatch.case_photos import CasePhoto, case_photos
from backend.dispatch.evidence import Item, Seen, TrackPoint, checklist
from backend.dispatch.protection import Handling
from backend.dispatch.protection.handling import SIGNATURES
from backend.dispatch.records import CallBack, Case, HandlingRow
from backend.errors import Invalid
from backend.geo.place import LonLat
from backend.office import Office

LED_UP = timedelta(minutes=10)
"""How much of the way there is shown before the arrival."""
MOST_POINTS = 400


class Evidence(Struct, frozen=True, kw_only=True):
    """The newest visit to a case and what the rule asks of it. Places in WGS-84 degrees.

    arrived_lon, arrived_lat: where the team said it had arrived, None without a fix. track: its own positions on this case.
    photos: what this crew photographed, since it was sent this time.
    """

    case_id: UUID
    handling_id: UUID
    team_id: UUID
    handled_by: str
    outcome: str | None
    lon: float
    lat: float
    near_m: float
    arrived_lon: float | None
    arrived_lat: float | None
    accuracy_m: float | None
    arrived_at: datetime
    handled_at: datetime | None
    track: list[TrackPoint]
    items: list[Item]
    photos: list[CasePhoto]


async def case_evidence(tx: AsyncConnection, office: Office, case: Case, *, by: Actor) -> Evidence:
    """Of the newest visit to a case that the actor may see; it tells of people. Raises NotAllowed, NotFound, Invalid
    `no_visit` before anybody arrived."""
    demand(office.city.policy.roles, by, "person:read")
    visits = await find.handlings_of(tx, office, case.id)
    if not visits:
        raise Invalid("还没有队伍到场，无可核查。", "No team has been there yet.", code="no_visit")
    visit = visits[-1]
    demand(office.city.policy.roles, by, "person:read", Object(regions=case.regions, teams=[visit.team_id]))
    track = await _track(tx, office, visit)
    arrived, accuracy_m = _arrived_place(visit)
    photos = await _crew_photos(tx, office, visits)
    seen = await _seen(tx, office, case, visit, track, arrived, accuracy_m, photos)
    return Evidence(
        case_id=case.id,
        handling_id=visit.id,
        team_id=visit.team_id,
        handled_by=visit.by,
        outcome=visit.outcome,
        lon=case.lon,
        lat=case.lat,
        near_m=office.city.policy.verification.near_m,
        arrived_lon=arrived.lon if arrived else None,
        arrived_lat=arrived.lat if arrived else None,
        accuracy_m=accuracy_m,
        arrived_at=visit.arrived_at,
        handled_at=visit.handled_at,
        track=track,
        items=checklist(seen, office.city.policy),
        photos=photos,
    )


async def _seen(
    tx: AsyncConnection,
    office: Office,
    case: Case,
    visit: HandlingRow,
    track: list[TrackPoint],
    arrived: LonLat | None,
    accuracy_m: float | None,
    crew: list[CasePhoto],
) -> Seen:
    clock = (await find.clocks_of(tx, office, case.id)).get("on_spot")
    events = [
        event for event in await log.of_case(tx, office.city_id, case.id) if event.occurred_at >= visit.arrived_at
    ]
    calls = await call_backs.calls_of(tx, office, case.id)
    asked = await call_backs.wanted_of(tx, office, case.id)
    record = msgspec.convert(visit.record, Handling) if visit.record else None
    return Seen(
        place=LonLat(case.lon, case.lat),
        arrived_place=arrived,
        accuracy_m=accuracy_m,
        reason_given=any(event.kind == "case.arrived" and "words" in event.data for event in events),
        accepted_at=clock.started_at if clock else None,
        due_at=clock.due_at if clock else None,
        arrived_at=visit.arrived_at,
        handled_at=visit.handled_at,
        late_entry_s=_late_entry_s(_steps(events)),
        arrival_told_s=_late_entry_s([event for event in events if event.kind == "case.arrived"]),
        phone_off_s=_phone_off_s(events),
        track=track,
        photos=await _photos(tx, office, case.id),
        scene=[one.taken_at for one in crew if one.kind == "scene"],
        signatures=_signatures(record, crew),
        record=record,
        asked_back=len(asked),
        tries=len(calls),
        **_answers(calls),
    )


def _answers(calls: Sequence[CallBack]) -> dict[str, Any]:
    told = [call.satisfied for call in calls if call.satisfied is not None]
    reached = {call.sighting_id for call in calls if call.reached}
    return {"reached": len(reached), "least_satisfied": min(told, default=None)}


def _late_entry_s(steps: Sequence[log.Event]) -> float:
    """How long after they happened these steps were entered, at the most."""
    return max(((event.recorded_at - event.occurred_at).total_seconds() for event in steps), default=0.0)


def _phone_off_s(events: Sequence[log.Event]) -> int | None:
    """By how much the crew's phone was wrong at the worst; None when it was not."""
    told: list[int] = [event.data["phone_clock_off_s"] for event in _steps(events) if "phone_clock_off_s" in event.data]
    return max(told, key=abs, default=None)


def _steps(events: Sequence[log.Event]) -> list[log.Event]:
    return [event for event in events if event.kind in ("case.arrived", "case.handled")]


def _arrived_place(visit: HandlingRow) -> tuple[LonLat | None, float | None]:
    """Where the crew's phone was at the arrival, and how exactly (metres)."""
    told = visit.arrived_place
    place = told.get("place")
    return (msgspec.convert(place, LonLat) if place else None), told.get("accuracy_m")


async def _track(tx: AsyncConnection, office: Office, visit: HandlingRow) -> list[TrackPoint]:
    """What the team's phone sent while it had this case, from shortly before the arrival to the handling; thinned evenly."""
    f = db.fixes.c
    until = visit.handled_at or visit.arrived_at + timedelta(hours=2)
    query = select(f.at, f.lon, f.lat).where(
        f.city_id == office.city_id,
        f.team_id == visit.team_id,
        f.case_id == visit.case_id,
        f.at.between(visit.arrived_at - LED_UP, until),
    )
    points = [TrackPoint(row.at, row.lon, row.lat) for row in await tx.execute(query.order_by(f.at))]
    return points[:: max(1, len(points) // MOST_POINTS)]


async def _crew_photos(tx: AsyncConnection, office: Office, visits: Sequence[HandlingRow]) -> list[CasePhoto]:
    """What the crew of the newest visit photographed, without what it had for an earlier one that was sent back."""
    visit, before = visits[-1], visits[-2].handled_at if len(visits) > 1 else None
    found = await case_photos(tx, office, visit.case_id)
    return [one for one in found if one.team_id == visit.team_id and (before is None or one.taken_at > before)]


def _signatures(record: Handling | None, photos: Sequence[CasePhoto]) -> int:
    """How many of the signatures that the hand-over names are there."""
    paper = record.hand_over if record else None
    named = {getattr(paper, field) for field in SIGNATURES} if paper else set()
    return sum(one.id in named for one in photos)


async def _photos(tx: AsyncConnection, office: Office, case_id: UUID) -> list[datetime]:
    """When the photos of a case's sightings came in."""
    p, links = db.photos.c, db.case_sightings.c
    mine = select(links.sighting_id).where(
        links.city_id == office.city_id, links.case_id == case_id, links.left_at.is_(None)
    )
    query = select(p.taken_in_at).where(p.city_id == office.city_id, p.leaving_at.is_(None), p.sighting_id.in_(mine))
    return list((await tx.execute(query)).scalars())
