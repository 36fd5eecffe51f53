"""What happened to a person beside the records: stays, referrals, returns, and who belongs to them; each as far as whoever asks may
see it. Begin at `story_of`.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import allowed
from backend.dispatch import find
from backend.dispatch.records import Referral, ReferralFrom, ReferralState, ReferralTo
from backend.office import Office
from backend.referral.home import home_rows, where
from backend.referral.home.returnee import EndReason, ReturneeState
from backend.referral.people import case_people
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Person
from backend.referral.station.deadlines import How
from backend.referral.station.stay import Came, Stay, StayState


class StayOf(Struct, frozen=True, kw_only=True):
    """A stay at a house. facility: its name."""

    id: UUID
    person_id: UUID
    facility_id: UUID
    facility: str
    state: StayState
    came: Came
    arrived_at: datetime
    left_at: datetime | None
    how: How | None


class ReferralOf(Struct, frozen=True, kw_only=True):
    """A referral of the person. to: the house's name; None where an office or the family was asked."""

    id: UUID
    number: int
    case_id: UUID | None
    from_kind: ReferralFrom
    to_kind: ReferralTo
    to: str | None
    state: ReferralState
    offered_at: datetime
    ended_at: datetime | None
    because: str | None


class ReturnOf(Struct, frozen=True, kw_only=True):
    """A return home. region: where they live now, by name, as deep as it is known. until: to when they are visited."""

    id: UUID
    state: ReturneeState
    region: str
    is_prone: bool
    since: datetime
    until: datetime
    relapsed_at: datetime | None
    ended_at: datetime | None
    end_reason: EndReason | None


class Story(Struct, frozen=True, kw_only=True):
    """Newest first. family: the ids of the records of who belongs to them."""

    stays: list[StayOf]
    referrals: list[ReferralOf]
    returns: list[ReturnOf]
    family: list[UUID]


async def story_of(tx: AsyncConnection, office: Office, by: Actor, group: Sequence[Person]) -> Story:
    """group: all records of the person."""
    ids = [one.id for one in group]
    stays, referrals = await _stays(tx, office, by, ids), await _referrals(tx, office, by, ids)
    houses = await _names(tx, office, [one.facility_id for one in stays] + [one.to_facility for one in referrals])
    return Story(
        stays=[
            StayOf(
                id=one.id, person_id=one.person_id, facility_id=one.facility_id, facility=houses[one.facility_id],
                state=one.state, came=one.came, arrived_at=one.arrived_at, left_at=one.left_at, how=one.how,
            )
            for one in stays
        ],
        referrals=[
            ReferralOf(
                id=one.id, number=one.number, case_id=one.case_id, from_kind=one.from_kind, to_kind=one.to_kind,
                to=houses.get(one.to_facility), state=one.state, offered_at=one.offered_at, ended_at=one.ended_at,
                because=one.because,
            )
            for one in referrals
        ],
        returns=await _returns(tx, office, by, ids),
        family=sorted(await case_people.families_of(tx, office, ids)),
    )  # fmt: skip


async def _stays(tx: AsyncConnection, office: Office, by: Actor, ids: Sequence[UUID]) -> list[Stay]:
    roles = office.city.policy.roles
    found = await rows.stays_of(tx, office, ids)
    return [one for one in reversed(found) if allowed(roles, by, "stay:read", one.as_object())]


async def _referrals(tx: AsyncConnection, office: Office, by: Actor, ids: Sequence[UUID]) -> list[Referral]:
    p, r = db.referral_people.c, db.referrals.c
    which = select(p.referral_id).where(p.city_id == office.city_id, p.person_id.in_(ids))
    query = find.rows_of(Referral, office, r.id.in_(which)).order_by(r.number.desc())
    found = await find.fetch(tx, office, Referral, query)
    return [one for one in found if allowed(office.city.policy.roles, by, "referral:read", one.as_object())]


async def _returns(tx: AsyncConnection, office: Office, by: Actor, ids: Sequence[UUID]) -> list[ReturnOf]:
    roles = office.city.policy.roles
    return [
        ReturnOf(
            id=one.id, state=one.state, region=where.name_of(office.city, one.region), is_prone=one.is_prone,
            since=one.since, until=one.until, relapsed_at=one.relapsed_at, ended_at=one.ended_at,
            end_reason=one.end_reason,
        )
        for one in await home_rows.entries_of(tx, office, ids)
        if allowed(roles, by, "returnee:read", one.as_object())
    ]  # fmt: skip


async def _names(tx: AsyncConnection, office: Office, ids: Sequence[UUID | None]) -> dict[UUID | None, str]:
    f = db.facilities.c
    query = select(f.id, f.name).where(f.city_id == office.city_id, f.id.in_(set(ids) - {None}))
    return {row.id: row.name for row in await tx.execute(query)}
