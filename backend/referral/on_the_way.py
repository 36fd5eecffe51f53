"""The referrals of a case as the crew with the people needs them: where to, until when, what was answered. Begin at `of_crew`. Reads only.

A crew reads its own: also why it was refused, and who said yes there, which stands on no list.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import allowed
from backend.dispatch import find
from backend.dispatch.records import Case, Referral, ReferralState, ReferralTo
from backend.office import Office
from backend.referral.facilities.facility import FacilityKind, facility_for

SHOWN = 6
"""So many of one visit are shown: what lives, and what was tried before."""


class Receiver(Struct, frozen=True, kw_only=True):
    """The facility that was asked. WGS-84 degrees."""

    id: UUID
    name: str
    kind: FacilityKind
    address: str | None
    phone: str | None
    lon: float
    lat: float


class CrewReferral(Struct, frozen=True, kw_only=True):
    """One referral of the crew's. to: None for an office or a family, then to_words says who. reason: why not; because: why it ended
    by itself. receiver: who said yes there. level: how far up it has gone unanswered."""

    id: UUID
    number: int
    to_kind: ReferralTo
    to: Receiver | None
    to_words: str | None
    state: ReferralState
    people_count: int
    offered_at: datetime
    answer_due_at: datetime
    eta_s: float | None
    level: int
    reserved_until: datetime | None
    arrived_at: datetime | None
    ended_at: datetime | None
    receiver: str | None
    reason: str | None
    because: str | None


async def of_crew(tx: AsyncConnection, office: Office, by: Actor, case: Case) -> list[CrewReferral]:
    """Those of the case that the crew may read, newest first."""
    query = find.rows_of(Referral, office, db.referrals.c.case_id == case.id).order_by(db.referrals.c.number.desc())
    found = await find.fetch(tx, office, Referral, query.limit(SHOWN))
    mine = [one for one in found if allowed(office.city.policy.roles, by, "referral:read", one.as_object())]
    return [_shown(one, await _receiver(tx, office, one)) for one in mine]


async def _receiver(tx: AsyncConnection, office: Office, one: Referral) -> Receiver | None:
    """Where they have to drive, also to a house that no list of theirs shows."""
    if one.to_facility is None:
        return None
    there = await facility_for(tx, office, one.to_facility)
    return Receiver(**{name: getattr(there, name) for name in Receiver.__struct_fields__})


def _shown(one: Referral, to: Receiver | None) -> CrewReferral:
    own = set(CrewReferral.__struct_fields__) - {"to"}
    return CrewReferral(to=to, **{name: getattr(one, name) for name in own})
