"""Places 床位 of a facility: how many there are of each kind, and how many are held by somebody on the way.

A place is held from the offer of a referral on. Whoever takes one locks the facility's row first (`lock_house`), so that two never
take the last one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.errors import Invalid
from backend.office import Office
from backend.referral.facilities.fitting import Room
from backend.referral.facilities.takes import PlaceKind
from backend.referral.states import HOLDING


class Places(Struct, frozen=True):
    """So many places of a kind."""

    kind: PlaceKind
    capacity: Annotated[int, Meta(ge=0, le=100_000)]


def check(places: Sequence[Places], capacity: int | None) -> None:
    """Raises Invalid when a kind is listed twice, or there are more places of a kind than in the whole house."""
    twice = [kind for kind, count in Counter(one.kind for one in places).items() if count > 1]
    if twice:
        raise Invalid(
            f"床位类别重复：{'、'.join(twice)}。",
            f"A kind of place is listed twice: {', '.join(twice)}.",
            field="places",
        )
    if capacity is not None and any(one.capacity > capacity for one in places):
        raise Invalid(
            "某类床位数超过总床位数。", "There are more places of a kind than in the whole house.", field="places"
        )


async def places_of(tx: AsyncConnection, office: Office, *, only: UUID | None = None) -> dict[UUID, list[Places]]:
    """The places of every facility that lists any, or of one."""
    p = db.facility_places.c
    query = select(p.facility_id, p.kind, p.capacity).where(p.city_id == office.city_id).order_by(p.facility_id, p.kind)
    if only is not None:
        query = query.where(p.facility_id == only)
    found: dict[UUID, list[Places]] = defaultdict(list)
    for row in await tx.execute(query):
        found[row.facility_id].append(Places(row.kind, row.capacity))
    return found


async def put(tx: AsyncConnection, office: Office, facility_id: UUID, places: Iterable[Places]) -> None:
    """These and no others."""
    p = db.facility_places
    await tx.execute(delete(p).where(p.c.city_id == office.city_id, p.c.facility_id == facility_id))
    rows = [{"facility_id": facility_id, "kind": one.kind, "capacity": one.capacity} for one in places]
    if rows:
        await tx.execute(insert(p).values([{"city_id": office.city_id, **row} for row in rows]))


def room(capacity: int | None, places: Sequence[Places], held: Counter[PlaceKind]) -> Room:
    """What is left of them. held: how many are taken, by kind."""
    whole = None if capacity is None else capacity - held.total()
    return Room(whole=whole, by_kind={one.kind: one.capacity - held[one.kind] for one in places})


Held = defaultdict[UUID, Counter[PlaceKind]]
"""Facility → how many of its places are held, by kind."""


LONGEST_STAY: Final = timedelta(days=31)


def handed_over_lately(office: Office, now: datetime) -> ColumnElement[bool]:
    """Of referrals: those whose people may still be there although no desk has taken them in."""
    r = db.referrals.c
    return (r.state == "handed_over") & (r.handed_over_at > kept_since(office, now))


async def held(tx: AsyncConnection, office: Office, now: datetime, *, only: UUID | None = None) -> Held:
    """Places that are held now, of every facility or of one: by those who are on the way, by those who stay there, and by those who
    were handed over within `[referral] stay_at_most` and whom nobody has taken in at a station's desk or handed on."""
    r, p, s = db.referrals.c, db.referral_people.c, db.stays.c
    there = handed_over_lately(office, now)
    joined = db.referrals.join(db.referral_people, (r.city_id == p.city_id) & (r.id == p.referral_id))
    referred = select(r.to_facility, r.place_kind, func.count()).group_by(r.to_facility, r.place_kind)
    referred = referred.select_from(joined).where(r.city_id == office.city_id, r.place_kind.is_not(None))
    referred = referred.where(r.state.in_(HOLDING) | there, p.released_at.is_(None))
    present = select(s.facility_id, s.place_kind, func.count()).group_by(s.facility_id, s.place_kind)
    present = present.where(s.city_id == office.city_id, s.state == "present")
    if only is not None:
        referred, present = referred.where(r.to_facility == only), present.where(s.facility_id == only)
    found: Held = defaultdict(Counter)
    for query in (referred, present):
        for facility_id, kind, count in await tx.execute(query):
            found[facility_id][kind] += count
    return found


def kept_since(office: Office, now: datetime) -> datetime:
    """Who was handed over before this moment, and never taken in at a desk, is not counted any more."""
    span = office.city.policy.referral.stay_at_most
    return now - (timedelta(seconds=span.seconds) if span.is_elapsed else LONGEST_STAY)
