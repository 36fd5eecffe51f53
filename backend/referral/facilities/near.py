"""The nearest facility by road that will take these people now, and why others will not. Begin at `fitting`.

Road times come from one search towards all facilities (backend.geo.matrix) by the team's own way of moving, in the weather there is.
Reading; whoever refers somebody takes the place under a lock (backend.referral.offering).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.campaign import points
from backend.dispatch import find
from backend.dispatch.records import Case
from backend.errors import Invalid
from backend.geo.matrix import matrix
from backend.geo.modes import Mode
from backend.geo.nearest import Basis
from backend.geo.place import LonLat
from backend.intake import weather
from backend.office import Office
from backend.policy import Danger
from backend.referral.facilities import places
from backend.referral.facilities.facility import Facility, FacilityKind, list_facilities
from backend.referral.facilities.fitting import House, Judged, Room, WhyNot, judge
from backend.referral.facilities.takes import Need, PlaceKind, Someone

FARTHEST_S: Final = 4 * 3600.0
OF_DANGER: Final[dict[Danger, Need]] = {
    "acute_illness": "acutely_ill",
    "unconscious": "acutely_ill",
    "injury": "injured",
    "mental_crisis": "mental_illness",
    "abuse": "violence",
    "trafficking": "violence",
    "domestic_violence": "violence",
}
"""What a reported danger says that somebody needs."""


class FittingFacility(Struct, frozen=True, kw_only=True):
    """A facility for these people. seconds: by road, None where none leads. arrives_at: when they would be there, setting out now.

    place_kind: the kind of place they would get; free: how many of it are free, None for no limit. reasons: why it does not fit.
    """

    facility: Facility
    seconds: float | None
    arrives_at: datetime | None
    place_kind: PlaceKind | None
    free: int | None
    fits: bool
    reasons: list[WhyNot]


class Fitting(Struct, frozen=True, kw_only=True):
    """Those that fit come first, nearest first; then the others, each with why not. people: for whom it was looked.
    basis: by road, or straight_line where the city has no roads for the mode."""

    people: list[Someone]
    mode: str
    basis: str
    facilities: list[FittingFacility]


def people_of(case: Case) -> list[Someone]:
    """Who a case is about as far as it was reported: how one of them looked, and what endangers them."""
    sex, age_band = (case.looks.get(name, "unknown") for name in ("sex", "age_band"))
    needs = tuple(dict.fromkeys(OF_DANGER[danger] for danger in case.dangers if danger in OF_DANGER))
    if age_band == "unknown" and "infant" in case.dangers:
        age_band = "infant"
    elif age_band == "unknown" and "minor" in case.dangers:
        age_band = "teen"
    first = Someone(sex=sex, age_band=age_band, needs=needs)
    return [first, *([Someone()] * (case.people_count - 1))]


class Wanted(Struct, frozen=True, kw_only=True):
    """What is asked: from a case, or from a place. people: as they were met; [] for what was reported of a case."""

    case_id: UUID | None = None
    place: LonLat | None = None
    people: Sequence[Someone] = ()
    kind: FacilityKind | None = None


async def fitting(office: Office, wanted: Wanted, *, by: Actor, now: datetime) -> Fitting:
    """From where a case is by its team's way of moving, or from a place by car.

    Raises NotAllowed without facility:read, NotFound for a case that the actor may not see, Invalid (field) without a place.
    """
    demand(office.city.policy.roles, by, "facility:read")
    async with office.db.connect() as tx:
        case = await _case_of(tx, office, wanted, by)
        opened = await points.open_now(tx, office)
        listed = [one for one in await list_facilities(tx, office, by) if wanted.kind in (None, one.kind)]
        known = [one for one in listed if one.kind != "temporary_point" or one.id in opened]
        held = await places.held(tx, office, now)
        mode = await _mode_of(tx, office, case.team_id if case else None)
        outside = (await weather.current(tx, office, now)).state
    place = LonLat(case.lon, case.lat) if case else wanted.place
    if place is None:
        raise Invalid("请给出案卷或位置。", "Give a case or a place.", field="case_id")
    met = list(wanted.people) or (people_of(case) if case else [Someone()])
    seconds = _seconds(office, place, known, mode, now, outside)
    found = [_found(office, one, met, held, in_s, now) for one, in_s in zip(known, seconds, strict=True)]
    basis: Basis = "road" if office.city.roads is not None and office.city.roads.serves(mode) else "straight_line"
    return Fitting(people=met, mode=mode.value, basis=basis, facilities=sorted(found, key=_order))


async def _case_of(tx: AsyncConnection, office: Office, wanted: Wanted, by: Actor) -> Case | None:
    if wanted.case_id is None:
        return None
    demand(office.city.policy.roles, by, "case:read")
    case = await find.get_case(tx, office, wanted.case_id)
    demand(office.city.policy.roles, by, "case:read", case.as_object())
    return case


def _found(
    office: Office, one: Facility, people: Sequence[Someone], held: places.Held, in_s: float | None, now: datetime
) -> FittingFacility:
    arrives_at = now + timedelta(seconds=in_s) if in_s is not None else None
    room = places.room(one.capacity, one.places, held[one.id])
    judged = judged_of(office, one, people, room, arrives_at)
    return FittingFacility(
        facility=one,
        seconds=in_s,
        arrives_at=arrives_at,
        place_kind=judged.place_kind,
        free=room.free(judged.place_kind) if judged.place_kind else 0,
        fits=judged.fits,
        reasons=judged.reasons,
    )


def judged_of(
    office: Office, one: Facility, people: Sequence[Someone], room: Room, arrives_at: datetime | None
) -> Judged:
    """Whether the facility takes these people, and in what kind of place."""
    house = House(kind=one.kind, takes=one.takes, opening=one.opening, hidden=one.hidden, room=room)
    return judge(house, people, arrives_at, office.city.zone)


def _order(one: FittingFacility) -> tuple[bool, bool, float, str]:
    """What fits first; for victims of violence a hidden shelter before what lies nearer (DOMAIN §4.4)."""
    return not one.fits, not (one.fits and one.facility.hidden), one.seconds or FARTHEST_S, one.facility.code


def _seconds(
    office: Office, place: LonLat, known: Sequence[Facility], mode: Mode, now: datetime, outside: str
) -> list[float | None]:
    """Seconds by road from the place to each facility; None where no road leads, or it is too far."""
    if not known:
        return []
    goals = [LonLat(one.lon, one.lat) for one in known]
    factors = office.city.factors_at(now, outside)
    row = matrix(office.city.roads, [place], goals, mode, factors, within_s=FARTHEST_S)[0]
    return [round(float(in_s), 1) if np.isfinite(in_s) else None for in_s in row]


async def seconds_between(
    tx: AsyncConnection, office: Office, start: LonLat, goal: Facility, team_id: UUID | None, now: datetime
) -> float | None:
    """Seconds by road from a place to one facility, as this team moves."""
    mode, outside = await _mode_of(tx, office, team_id), (await weather.current(tx, office, now)).state
    return _seconds(office, start, [goal], mode, now, outside)[0]


async def _mode_of(tx: AsyncConnection, office: Office, team_id: UUID | None) -> Mode:
    """How the team that has the case moves; by car while nobody has it."""
    if team_id is None:
        return Mode.CAR
    t = db.teams.c
    found = (await tx.execute(select(t.mode).where(t.city_id == office.city_id, t.id == team_id))).scalar()
    return Mode(found) if found else Mode.CAR
