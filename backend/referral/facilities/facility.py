"""Facilities 救助机构 written by hand. A hidden place is told only to those who may know of its region, and never by where it is.

What everybody may know travels in the event as a row. Of a hidden place the event carries its id alone: who may know asks
`GET /api/facilities`. The log is kept for ever, and a shelter's address has no business in it (DOMAIN §4.4).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import and_, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.once import Once, first_answer, keep_answer
from backend.access.permissions import Object, allowed, demand, scopes
from backend.campaign import points
from backend.errors import Conflict, Invalid, NotFound
from backend.geo.place import Crs, LonLat, locate
from backend.ids import new_id
from backend.office import Office
from backend.referral.facilities.opening import read
from backend.referral.facilities.places import Places, check, places_of, put
from backend.referral.facilities.takes import Group

FacilityKind = Literal["station", "rescue_point", "hospital", "welfare_home", "shelter", "temporary_point"]
Level = Literal["city", "county"]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Code = Annotated[str, Meta(min_length=1, max_length=20, pattern=r"^[\w-]+$")]
Line = Annotated[str, Meta(max_length=200)]
Capacity = Annotated[int, Meta(ge=0, le=100_000)]
Takes = Annotated[list[Group], Meta(max_length=20)]
Opening = Annotated[str, Meta(max_length=200)]
PlacesGiven = Annotated[list[Places], Meta(max_length=10)]


class Facility(Struct, frozen=True, kw_only=True):
    """Where people can be taken. takes: whom, [] for everybody. Places in WGS-84 degrees. hidden: told to its own region's staff only.

    opening: "1-5 08:30-17:00; 6,7 09:00-16:00" by ISO weekday, null for day and night. capacity: of the whole house; places: by
    kind, [] when it does not tell them apart. is_regional_centre: others report up to it (提级办理).
    """

    id: UUID
    code: str
    kind: str
    name: str
    address: str | None
    phone: str | None
    lon: float
    lat: float
    capacity: int | None
    takes: list[str]
    hidden: bool = False
    opening: str | None = None
    level: str | None = None
    is_regional_centre: bool = False
    places: list[Places] = []


class NewFacility(Struct, frozen=True, kw_only=True):
    """What a facility is made from."""

    code: Code
    kind: FacilityKind
    name: Name
    lon: float
    lat: float
    address: Line | None = None
    phone: Line | None = None
    capacity: Capacity | None = None
    takes: Takes = []
    hidden: bool = False
    opening: Opening | None = None
    level: Level | None = None
    is_regional_centre: bool = False
    places: PlacesGiven = []


class FacilityChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be different; what is left out stays."""

    kind: FacilityKind | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    lon: float | UnsetType = UNSET
    lat: float | UnsetType = UNSET
    address: Line | UnsetType | None = UNSET
    phone: Line | UnsetType | None = UNSET
    capacity: Capacity | UnsetType | None = UNSET
    takes: Takes | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET
    opening: Opening | UnsetType | None = UNSET
    level: Level | UnsetType | None = UNSET
    is_regional_centre: bool | UnsetType = UNSET
    places: PlacesGiven | UnsetType = UNSET


_STORED = [name for name in Facility.__struct_fields__ if name != "places"]
_COLUMNS = [db.facilities.c[name] for name in _STORED]


async def list_facilities(tx: AsyncConnection, office: Office, by: Actor) -> list[Facility]:
    """Those that the actor may know of, by code. A temporary point that no campaign has open is nothing for the public to go to."""
    f = db.facilities.c
    rows = await tx.execute(select(*_COLUMNS).where(f.city_id == office.city_id).order_by(f.code))
    listed = await places_of(tx, office)
    found = [Facility(**row._mapping, places=listed.get(row.id, [])) for row in rows]
    opened = await points.open_now(tx, office)
    works_there = bool(scopes(office.city.policy.roles, by, "facility:read"))
    there = [one for one in found if works_there or one.kind != "temporary_point" or one.id in opened]
    return [one for one in there if not one.hidden or _may(office, by, "facility:read", one)]


async def add_facility(office: Office, wanted: NewFacility, *, by: Actor, now: datetime, command: Once) -> Facility:
    """Raises Invalid (field), Conflict `code_taken`, NotAllowed, NotFound."""
    facility = Facility(id=new_id(), **msgspec.structs.asdict(wanted))
    demand(office.city.policy.roles, by, "facility:write", _object(office, facility))
    _check(office, facility)
    try:
        async with office.begin() as tx:
            if (first := await first_answer(tx, office, command)) is not None:
                return await _lock(tx, office, msgspec.convert(first, Facility).id, by)
            row = {name: getattr(facility, name) for name in _STORED}
            await tx.execute(insert(db.facilities).values(city_id=office.city_id, **row))
            await put(tx, office, facility.id, facility.places)
            await keep_answer(tx, office, command, _kept(facility))
            await log.append(tx, office.city_id, _told(office, None, facility, by, now), now=now)
    except IntegrityError as fault:
        zh, en = f"机构编号 {facility.code} 已被使用。", f"The code {facility.code} is taken."
        raise Conflict(zh, en, code="code_taken", field="code") from fault
    return facility


async def change_facility(
    office: Office, facility_id: UUID, wanted: FacilityChange, *, by: Actor, now: datetime, command: Once
) -> Facility:
    """Raises NotFound, NotAllowed, Invalid (field)."""
    fresh = {n: v for n in FacilityChange.__struct_fields__ if (v := getattr(wanted, n)) is not UNSET}
    async with office.begin() as tx:
        first = await first_answer(tx, office, command)
        before = await _lock(tx, office, facility_id, by)
        if first is not None:
            return before
        after = msgspec.structs.replace(before, **fresh)
        demand(office.city.policy.roles, by, "facility:write", _object(office, after))
        _check(office, after)
        await keep_answer(tx, office, command, _kept(after))
        if after != before:
            mine = and_(db.facilities.c.city_id == office.city_id, db.facilities.c.id == facility_id)
            row = {name: getattr(after, name) for name in _STORED if name != "id"}
            await tx.execute(update(db.facilities).where(mine).values(**row))
            await put(tx, office, facility_id, after.places)
            await log.append(tx, office.city_id, _told(office, before, after, by, now), now=now)
    return after


async def facility_for(
    tx: AsyncConnection, office: Office, facility_id: UUID, *, by: Actor | None = None, held: bool = False
) -> Facility:
    """One facility as it is. by: who must be able to know of it. held: its row is locked, so that its places stand still.

    Raises NotFound.
    """
    f = db.facilities.c
    query = select(*_COLUMNS).where(f.city_id == office.city_id, f.id == facility_id)
    row = (await tx.execute(query.with_for_update() if held else query)).first()
    if row is None:
        raise _no_such_facility()
    listed = await places_of(tx, office, only=facility_id)
    facility = Facility(**row._mapping, places=listed.get(facility_id, []))
    if by is not None and facility.hidden and not _may(office, by, "facility:read", facility):
        raise _no_such_facility()
    return facility


def _no_such_facility() -> NotFound:
    return NotFound("没有这个机构。", "There is no such facility.")


async def _lock(tx: AsyncConnection, office: Office, facility_id: UUID, by: Actor) -> Facility:
    f = db.facilities.c
    mine = and_(f.city_id == office.city_id, f.id == facility_id)
    row = (await tx.execute(select(*_COLUMNS).where(mine).with_for_update())).first()
    demand(office.city.policy.roles, by, "facility:write")
    if row is None:
        raise _no_such_facility()
    listed = await places_of(tx, office, only=facility_id)
    facility = Facility(**row._mapping, places=listed.get(facility_id, []))
    demand(office.city.policy.roles, by, "facility:write", _object(office, facility))
    return facility


def _object(office: Office, facility: Facility) -> Object:
    return Object(regions=office.city.regions_of(LonLat(facility.lon, facility.lat)))


def _may(office: Office, by: Actor, action: str, facility: Facility) -> bool:
    return allowed(office.city.policy.roles, by, action, _object(office, facility))


def _check(office: Office, facility: Facility) -> None:
    if not locate(facility.lon, facility.lat, Crs.WGS84, office.city.area).in_area:
        raise Invalid("位置不在本市范围内。", "The place lies outside the city.", field="lon")
    if facility.opening is not None:
        read(facility.opening)
    check(facility.places, facility.capacity)
    if facility.is_regional_centre and facility.level != "city":
        raise Invalid(
            "区域中心应为市级机构。", "A regional centre is a facility of the city.", field="is_regional_centre"
        )


def _kept(facility: Facility) -> Facility:
    """What the command's answer keeps: a hidden place's address stands in no other table."""
    if not facility.hidden:
        return facility
    return msgspec.structs.replace(facility, address=None, phone=None, lon=0.0, lat=0.0)


def _told(office: Office, before: Facility | None, after: Facility, by: Actor, now: datetime) -> Sequence[log.Entry]:
    """What everybody hears of an open place; of a hidden one its region hears that it is there, the others that it is not."""
    if not after.hidden:
        row: dict[str, Any] = msgspec.structs.asdict(after)
        return [_entry("facility.changed", row, _everywhere(office), by, now)]
    near = list(_object(office, after).regions)
    told = [_entry("facility.changed", {"id": after.id, "hidden": True}, near, by, now)]
    if before is not None:
        knew = _everywhere(office) if not before.hidden else list(_object(office, before).regions)
        lost = [code for code in knew if code not in near]
        told += [_entry("facility.withdrawn", {"id": after.id, "gone": True}, lost, by, now)] if lost else []
    return told


def _everywhere(office: Office) -> list[str]:
    """Every region: what is public concerns all."""
    return sorted({office.city_id, *(region.code for region in office.city.regions)})


def _entry(kind: str, row: dict[str, Any], regions: list[str], by: Actor, now: datetime) -> log.Entry:
    return log.Entry(kind=kind, actor=by, occurred_at=now, regions=regions, data={"rows": {"facilities": [row]}})
