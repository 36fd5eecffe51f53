"""在途人员 Who is on the way to a house or out of it: its referrals, with whoever brings them and the clock that runs on each.

Begin at `expected_at`. Whoever has been handed over and is not taken in yet is still expected: they stand in the hall.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.office import Office
from backend.referral.facilities import places
from backend.referral.reading import ReferralShown, shown_where
from backend.referral.states import HOLDING


class OnTheWay(Struct, frozen=True, kw_only=True):
    """A referral as a station's desk lists it. by: the team or house that gives, to: the house or office that receives, by name.
    yellow_at, due_at: of whoever has to act next; None once both sides have signed. taken_in: how many of them stay there already, or
    have gone on."""

    referral: ReferralShown
    by: str | None
    to: str | None
    yellow_at: datetime | None
    due_at: datetime | None
    taken_in: int


async def expected_at(tx: AsyncConnection, office: Office, facility_id: UUID, now: datetime) -> list[OnTheWay]:
    """Whom this house is asked for, whom it expects, and whom it has not taken in yet; the first due first."""
    r = db.referrals.c
    coming = r.state.in_(HOLDING) | places.handed_over_lately(office, now)
    found = await _listed(tx, office, (r.to_facility == facility_id) & coming)
    return [one for one in found if one.taken_in < one.referral.people_count]


async def given_by(tx: AsyncConnection, office: Office, facility_id: UUID) -> list[OnTheWay]:
    """Whom this house refers onwards, as long as they are not in other hands."""
    r = db.referrals.c
    return await _listed(tx, office, (r.from_facility == facility_id) & r.state.in_(HOLDING))


async def _listed(tx: AsyncConnection, office: Office, wanted: ColumnElement[bool]) -> list[OnTheWay]:
    found = await shown_where(tx, office, wanted)
    houses = await _names(tx, office, db.facilities, [one for r in found for one in (r.from_facility, r.to_facility)])
    teams = await _names(tx, office, db.teams, [one.from_team for one in found])
    taken = await _taken_in(tx, office, [one.id for one in found])
    listed = [
        OnTheWay(
            referral=one,
            by=houses.get(one.from_facility) or teams.get(one.from_team),
            to=houses.get(one.to_facility),
            yellow_at=_yellow_at(office, one),
            due_at=_runs(office, one)[1],
            taken_in=taken[one.id],
        )
        for one in found
    ]
    return sorted(listed, key=lambda one: (one.due_at or one.referral.offered_at, one.referral.number))


def _runs(office: Office, one: ReferralShown) -> tuple[datetime | None, datetime | None]:
    """Since when and until when somebody has to act: answer, come, hand over."""
    if one.state == "offered":
        return one.offered_at, one.answer_due_at
    if one.state == "accepted":
        return one.answered_at, one.reserved_until
    if one.state == "arrived" and one.arrived_at is not None:
        return one.arrived_at, one.arrived_at + timedelta(seconds=office.city.policy.referral.answer.seconds)
    return None, None


def _yellow_at(office: Office, one: ReferralShown) -> datetime | None:
    since, due_at = _runs(office, one)
    if since is None or due_at is None:
        return None
    return since + (due_at - since) * office.city.policy.clocks.yellow_at


async def _names(
    tx: AsyncConnection, office: Office, table: Table, ids: Sequence[UUID | None]
) -> dict[UUID | None, str]:
    query = select(table.c.id, table.c.name).where(table.c.city_id == office.city_id, table.c.id.in_(set(ids) - {None}))
    return {row.id: row.name for row in await tx.execute(query)}


async def _taken_in(tx: AsyncConnection, office: Office, referral_ids: Sequence[UUID]) -> Counter[UUID]:
    """How many of each have a place by a stay, or have gone on."""
    p = db.referral_people.c
    gone = (p.city_id == office.city_id, p.referral_id.in_(referral_ids), p.released_at.is_not(None))
    query = select(p.referral_id, func.count()).where(*gone).group_by(p.referral_id)
    return Counter({row.referral_id: row[1] for row in await tx.execute(query)})
