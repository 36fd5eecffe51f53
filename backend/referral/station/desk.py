"""The station desk: who is there, which deadlines are due, one stay with everything about it. Reads only.

A list tells nobody's name; opening a stay is a look at the person, written down.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed, demand
from backend.dispatch import clocks
from backend.dispatch.clocks import Light
from backend.errors import Invalid, NotFound
from backend.geo.place import LonLat
from backend.office import Office
from backend.referral.facilities import places
from backend.referral.facilities.facility import FacilityKind
from backend.referral.facilities.takes import Need, PlaceKind
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Identity, Person, ToldOf, object_of
from backend.referral.people.person_file import PersonShown, look, looked_lately, shown
from backend.referral.people.person_photos import PersonPhoto, photos_of
from backend.referral.station import expected, stay_clocks
from backend.referral.station import house as houses
from backend.referral.station.deadlines import DEADLINE_NAMES, How, StayClockKind
from backend.referral.station.expected import OnTheWay
from backend.referral.station.stay import (
    Came,
    Stay,
    StayClock,
    StayClockState,
    StayState,
    cannot_decide,
    someone,
)

LEFT_LATELY = timedelta(days=30)
MOST = 500


class DeadlineShown(Struct, frozen=True, kw_only=True):
    """A deadline with its lamp. misses: of earlier runs; level: how many of the chain have been told."""

    id: UUID
    kind: StayClockKind
    zh: str
    en: str
    state: StayClockState
    light: Light
    started_at: datetime
    yellow_at: datetime
    due_at: datetime
    missed_at: datetime | None
    ended_at: datetime | None
    level: int


class StayShown(Struct, frozen=True, kw_only=True):
    """Somebody at the station, without what is told of them."""

    id: UUID
    person: PersonShown
    place_kind: PlaceKind
    came: Came
    state: StayState
    arrived_at: datetime
    case_id: UUID | None
    notice_at: datetime | None
    dna_requested_at: datetime | None
    dna_answered_at: datetime | None
    settlement_at: datetime | None
    prolonged_to: datetime | None
    left_at: datetime | None
    how: How | None
    deadlines: list[DeadlineShown]


class Due(Struct, frozen=True, kw_only=True):
    """One deadline that still runs, and whose."""

    stay_id: UUID
    person: PersonShown
    deadline: DeadlineShown


class RoomShown(Struct, frozen=True, kw_only=True):
    """Places of a kind: how many are free now (null: no limit), and how many people live in them."""

    kind: PlaceKind
    free: int | None
    taken: int


class StationDesk(Struct, frozen=True, kw_only=True):
    """The desk of one station. due: what runs, the first due first. left: who left within 30 days. expected: who is on the way to it
    or stands in its hall; given: whom it refers onwards; both empty for who may not see referrals."""

    facility_id: UUID
    name: str
    kind: FacilityKind
    place: LonLat
    now: datetime
    room: list[RoomShown]
    expected: list[OnTheWay]
    given: list[OnTheWay]
    present: list[StayShown]
    due: list[Due]
    left: list[StayShown]


class StayFile(Struct, frozen=True, kw_only=True):
    """One stay with everything about it. told: what was told of this record; photos: of all records of the person. identity: None for
    who may not see it, or where it is not known. needs: what a house must be able to give them; decides: whether they may be let go
    alone; escorts_min: how many an escort home needs."""

    stay: Stay
    person: PersonShown
    told: ToldOf
    identity: Identity | None
    photos: list[PersonPhoto]
    needs: list[Need]
    decides: bool
    escorts_min: int
    deadlines: list[DeadlineShown]
    stays: list[StayShown]


async def desk_of(
    tx: AsyncConnection, office: Office, facility_id: UUID | None, *, by: Actor, now: datetime
) -> StationDesk:
    """The desk of one's own station, or of one that is named. Raises Invalid when there is neither, NotAllowed, NotFound."""
    roles = office.city.policy.roles
    demand(roles, by, "stay:read")
    wanted = facility_id or by.facility_id
    if wanted is None:
        raise Invalid("请指定机构。", "Say which station.", field="facility_id")
    f = db.facilities.c
    row = (await tx.execute(select(db.facilities).where(f.city_id == office.city_id, f.id == wanted))).first()
    if row is None:
        raise NotFound("没有这个机构。", "There is no such facility.")
    at = Object(regions=office.city.regions_of(LonLat(row.lon, row.lat)), facilities=[wanted])
    demand(roles, by, "stay:read", at)
    s = db.stays.c
    lately = (s.state == "present") | (s.left_at > now - LEFT_LATELY)
    query = rows.select_rows(Stay, office, s.facility_id == wanted, lately).order_by(s.arrived_at.desc(), s.id)
    seen = await _shown(tx, office, await rows.fetch(tx, office, Stay, query.limit(MOST)), now)
    may_see_referrals = allowed(roles, by, "referral:read", at)
    due = [Due(stay_id=one.id, person=one.person, deadline=d) for one in seen for d in one.deadlines if not d.ended_at]
    return StationDesk(
        facility_id=wanted,
        name=row.name,
        kind=row.kind,
        place=LonLat(row.lon, row.lat),
        now=now,
        room=await _room(tx, office, wanted, now),
        expected=await expected.expected_at(tx, office, wanted, now) if may_see_referrals else [],
        given=await expected.given_by(tx, office, wanted) if may_see_referrals else [],
        present=[one for one in seen if one.state == "present"],
        due=sorted(due, key=lambda one: (one.deadline.due_at, str(one.stay_id))),
        left=[one for one in seen if one.state == "left"],
    )


async def _room(tx: AsyncConnection, office: Office, facility_id: UUID, now: datetime) -> list[RoomShown]:
    f = db.facilities.c
    capacity = select(f.capacity).where(f.city_id == office.city_id, f.id == facility_id)
    listed = (await places.places_of(tx, office, only=facility_id)).get(facility_id, [])
    lives = await houses.living_in(tx, office, facility_id)
    held = (await places.held(tx, office, now, only=facility_id))[facility_id]
    room = places.room((await tx.execute(capacity)).scalar(), listed, held)
    kinds: list[PlaceKind] = [one.kind for one in listed] or ["any"]
    return [RoomShown(kind=kind, free=room.free(kind), taken=lives[kind]) for kind in kinds]


async def _shown(tx: AsyncConnection, office: Office, stays: Sequence[Stay], now: datetime) -> list[StayShown]:
    people = await _people(tx, office, [one.person_id for one in stays])
    kept = await stay_clocks.clocks_of(tx, office, [one.id for one in stays])
    return [
        _as_shown(one, people[one.person_id], [_deadline(row, now) for row in kept if row.stay_id == one.id])
        for one in stays
    ]


async def _people(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> dict[UUID, Person]:
    query = rows.select_rows(Person, office, db.persons.c.id.in_(ids))
    return {one.id: one for one in await rows.fetch(tx, office, Person, query)}


def _as_shown(stay: Stay, person: Person, deadlines: list[DeadlineShown]) -> StayShown:
    own = set(StayShown.__struct_fields__) - {"person", "deadlines"}
    values: dict[str, Any] = {name: getattr(stay, name) for name in own}
    return StayShown(person=shown(person), deadlines=deadlines, **values)


def _deadline(row: StayClock, now: datetime) -> DeadlineShown:
    zh, en = DEADLINE_NAMES[row.kind]
    named = ("id", "kind", "state", "started_at", "yellow_at", "due_at", "missed_at", "ended_at", "level")
    values: dict[str, Any] = {name: getattr(row, name) for name in named}
    return DeadlineShown(zh=zh, en=en, light=clocks.light(stay_clocks.of_row(row), now), **values)


async def open_stay(office: Office, stay_id: UUID, *, by: Actor, now: datetime) -> StayFile:
    """Everything about one stay; a look at the person, written down once in ten minutes: the desk asks again whenever something
    changes. Raises NotAllowed, NotFound."""
    roles = office.city.policy.roles
    demand(roles, by, "stay:read")
    async with office.begin() as tx:
        stay = await rows.get_stay(tx, office, stay_id)
        demand(roles, by, "stay:read", stay.as_object())
        person = await rows.get_person(tx, office, stay.person_id)
        group = await rows.group_of(tx, office, person.root_id)
        others = await rows.stays_of(tx, office, [one.id for one in group])
        seen = await _shown(tx, office, others, now)
        photos = await photos_of(tx, office, [one.id for one in group])
        if not await looked_lately(tx, office, person.root_id, by, now):
            await look(tx, office, "look.person_read", person.root_id, stay.as_object(), by=by, now=now)
    return StayFile(
        stay=stay,
        person=shown(person),
        told=person.told,
        identity=_identity(office, by, stay, group),
        photos=photos,
        needs=list(someone(person).needs),
        decides=not cannot_decide(person),
        escorts_min=office.city.policy.protection.escort_crew_min,
        deadlines=next(one.deadlines for one in seen if one.id == stay.id),
        stays=[one for one in seen if one.id != stay.id],
    )


def _identity(office: Office, by: Actor, stay: Stay, group: Sequence[Person]) -> Identity | None:
    """The own record's first; where it has none, that of another record of the same person."""
    if not allowed(office.city.policy.roles, by, "identity:read", object_of(group)):
        return None
    named = sorted((one for one in group if one.is_identified), key=lambda one: one.id != stay.person_id)
    return named[0].identity if named else None
