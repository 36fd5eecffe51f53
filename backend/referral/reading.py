"""Referrals as they are read: a list without what is said of people, and one by itself with it, which is a look. Begin at `list_referrals`."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.access.visible import visible
from backend.dispatch import find, referred
from backend.dispatch.looking import AGAIN_AFTER
from backend.dispatch.records import Referral, ReferralFrom, ReferralPerson, ReferralState, ReferralTo
from backend.intake.looks import AgeBand, Sex
from backend.office import Office
from backend.referral import rows
from backend.referral.asked import Consent, ConsentGround
from backend.referral.facilities.takes import Need, PlaceKind
from backend.referral.states import HOLDING

LARGEST_PAGE = 200


class ReferredShown(Struct, frozen=True, kw_only=True):
    """One of those who are referred, as far as a list tells."""

    index: int | None
    person_id: UUID | None
    sex: Sex
    age_band: AgeBand


class ReferralShown(Struct, frozen=True, kw_only=True):
    """A referral. level: how far up it has gone unanswered; alarm: what is wrong now; because: why it ended by itself."""

    id: UUID
    number: int
    case_id: UUID | None
    from_kind: ReferralFrom
    from_team: UUID | None
    from_facility: UUID | None
    to_kind: ReferralTo
    to_facility: UUID | None
    place_kind: PlaceKind | None
    people_count: int
    people: list[ReferredShown]
    state: ReferralState
    offered_at: datetime
    answer_due_at: datetime
    level: int
    alarm: str | None
    eta_s: float | None
    answered_at: datetime | None
    reserved_until: datetime | None
    arrived_at: datetime | None
    handed_over_at: datetime | None
    ended_at: datetime | None
    because: str | None
    consent: Consent
    consent_ground: ConsentGround | None


class ReferredWhole(ReferredShown, frozen=True, kw_only=True):
    """With what the receiver must know."""

    needs: list[Need]
    note: str


class ReferralWhole(Struct, frozen=True, kw_only=True):
    """One referral with what was said: of the people, where to, why not, and what was signed."""

    referral: ReferralShown
    people: list[ReferredWhole]
    to_words: str | None
    reason: str | None
    receiver: str | None
    hand_over: dict[str, Any] | None


async def list_referrals(
    tx: AsyncConnection, office: Office, by: Actor, *, open_only: bool, case_id: UUID | None = None
) -> list[ReferralShown]:
    """Those that the actor may see, newest first. open_only: those that are not over."""
    demand(office.city.policy.roles, by, "referral:read")
    r = db.referrals.c
    wanted = _visible(office, by)
    if open_only:
        wanted &= r.state.in_(HOLDING)
    if case_id is not None:
        wanted &= r.case_id == case_id
    return await shown_where(tx, office, wanted)


async def shown_where(tx: AsyncConnection, office: Office, wanted: ColumnElement[bool]) -> list[ReferralShown]:
    """The newest of those of which this holds, as a list tells them. Whether the actor may see them is for whoever calls to ask."""
    query = find.rows_of(Referral, office, wanted).order_by(db.referrals.c.number.desc()).limit(LARGEST_PAGE)
    found = await find.fetch(tx, office, Referral, query)
    people = await referred.people_of(tx, office, [one.id for one in found])
    return [_shown(one, [who for who in people if who.referral_id == one.id]) for one in found]


async def one_referral(office: Office, referral_id: UUID, *, by: Actor, now: datetime) -> ReferralWhole:
    """One with everything; the look is written down, once in ten minutes for one person. Raises NotFound."""
    demand(office.city.policy.roles, by, "referral:read")
    async with office.db.connect() as tx:
        referral = await rows.find_one(tx, office, referral_id)
        demand(office.city.policy.roles, by, "referral:read", referral.as_object())
        people = await referred.people_of(tx, office, [referral_id])
        noted = await _noted_lately(tx, office, referral_id, by, now)
    if not noted:
        await _note(office, referral, by, now)
    return ReferralWhole(
        referral=_shown(referral, people),
        people=[_whole(one) for one in people],
        to_words=referral.to_words,
        reason=referral.reason,
        receiver=referral.receiver,
        hand_over=referral.hand_over or None,
    )


def _visible(office: Office, by: Actor) -> ColumnElement[bool]:
    r = db.referrals.c
    return visible(
        office.city.policy.roles,
        by,
        "referral:read",
        db.referrals,
        team=lambda team_id: r.from_team == team_id,
        facility=lambda facility_id: (r.to_facility == facility_id) | (r.from_facility == facility_id),
    )


def _shown(one: Referral, people: list[ReferralPerson]) -> ReferralShown:
    named = set(ReferralShown.__struct_fields__) - {"people"}
    values = {name: getattr(one, name) for name in named}
    return msgspec.convert({**values, "people": [_brief(who) for who in people]}, ReferralShown)


def _brief(who: ReferralPerson) -> dict[str, Any]:
    return {"index": who.person_index, "person_id": who.person_id, "sex": who.sex, "age_band": who.age_band}


def _whole(who: ReferralPerson) -> ReferredWhole:
    told = {"needs": who.told.get("needs", []), "note": who.told.get("note", "")}
    return msgspec.convert({**_brief(who), **told}, ReferredWhole)


async def _noted_lately(tx: AsyncConnection, office: Office, referral_id: UUID, by: Actor, now: datetime) -> bool:
    e = db.events.c
    lately = select(e.seq).where(
        e.city_id == office.city_id, e.kind == "look.referral_read", e.occurred_at > now - AGAIN_AFTER
    )
    mine = lately.where(e.actor["id"].astext == by.id, e.data["referral_id"].astext == str(referral_id))
    return (await tx.execute(mine.limit(1))).first() is not None


async def _note(office: Office, referral: Referral, by: Actor, now: datetime) -> None:
    entry = log.Entry(
        kind="look.referral_read",
        actor=by,
        occurred_at=now,
        regions=referral.regions,
        case_id=referral.case_id,
        data={"referral_id": referral.id},
    )
    async with office.begin() as tx:
        await log.append(tx, office.city_id, [entry], now=now)
