"""查阅、复制 Everything that is kept on a person, given to them or their guardian by staff. Begin at `give`.

The log tells who gave it, why and to whom (`look.subject_access`), never what was in it. Whoever may see who somebody is may do so,
for what other houses have of them too: the right is the person's, not the desk's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.dispatch import find
from backend.dispatch.looking import LOOKS
from backend.dispatch.records import HandlingRow, Referral, ReferralPerson
from backend.office import Office
from backend.referral.asked import TO_NAMES
from backend.referral.forms.facts import HIDDEN
from backend.referral.home import home_rows, where
from backend.referral.home.returnee import HomeVisit, Returnee
from backend.referral.people import register_rows as rows
from backend.referral.people.person import CasePerson, Person, object_of
from backend.referral.people.person_photos import photos_of
from backend.referral.privacy.subject import (
    AccessWanted,
    MetBy,
    SubjectCase,
    SubjectClock,
    SubjectDocument,
    SubjectFile,
    SubjectIncident,
    SubjectLook,
    SubjectReferral,
    SubjectReturn,
    SubjectStay,
    SubjectVisit,
    demand_may_be_given,
    met_of,
    record_of,
    without_others,
)
from backend.referral.station.stay import Stay, StayClock

KIND = "look.subject_access"
BY_SOMEBODY = frozenset({"abuse", "trafficking", "violence"})
"""Incidents that somebody did to them."""


async def give(
    office: Office, person_id: UUID, wanted: AccessWanted, *, by: Actor, now: datetime, form: str = "json"
) -> SubjectFile:
    """What is kept on the person; a look. Raises NotAllowed, NotFound, Invalid `relation_unchecked`, Conflict `guardian_suspected`."""
    roles = office.city.policy.roles
    demand(roles, by, "person:read")
    async with office.begin() as tx:
        person = await rows.get_person(tx, office, person_id)
        group = await rows.group_of(tx, office, person.root_id)
        what = object_of(group)
        for action in ("person:read", "identity:read"):
            demand(roles, by, action, what)
        file, suspicions = await _file(tx, office, group, wanted, now)
        demand_may_be_given(wanted, group, suspicions)
        entry = log.Entry(
            kind=KIND,
            actor=by,
            occurred_at=now,
            regions=list(what.regions),
            teams=[by.team_id] if by.team_id else [],
            data={"person_id": person.root_id, "given_to": wanted.given_to, "reason": wanted.reason, "form": form},
        )
        await log.append(tx, office.city_id, [entry], now=now)
    return file


async def _file(
    tx: AsyncConnection, office: Office, group: Sequence[Person], wanted: AccessWanted, now: datetime
) -> tuple[SubjectFile, list[str]]:
    """With what crews suspected was done to them."""
    ids = [one.id for one in group]
    referred = await _referred(tx, office, ids)
    stays = await rows.stays_of(tx, office, ids)
    referrals = await _referrals(tx, office, [one.referral_id for one in referred])
    links = await rows.links_of(tx, office, ids)
    houses = await _houses(tx, office, {one.facility_id for one in stays} | {one.to_facility for one in referrals})
    cases, suspicions = await _cases(tx, office, links, referred)
    photos = await photos_of(tx, office, ids)
    about = {"persons": ids, "stays": [one.id for one in stays], "referrals": [one.id for one in referrals]}
    documents = await _documents(tx, office, about)
    incidents = await _incidents(tx, office, ids)
    suspicions += [one.kind for one in incidents if one.kind in BY_SOMEBODY]
    shared = any(visit.is_shared for case in cases for visit in case.visits)
    file = SubjectFile(
        made_at=now,
        given_to=wanted.given_to,
        reason=wanted.reason,
        records=[record_of(one, photos) for one in group],
        cases=cases,
        referrals=[_referral(one, referred, houses) for one in referrals],
        stays=await _stays(tx, office, stays, houses),
        documents=documents,
        returns=await _returns(tx, office, ids),
        incidents=incidents,
        looks=await _looks(tx, office, ids, [one.case_id for one in links], about["referrals"]),
        left_out=[
            "reporters",
            "kin",
            "staff",
            *(["shared_record"] if shared else []),
            *(["incidents"] if incidents else []),
            "contents",
        ],
    )
    return file, suspicions


# --- what crews wrote -----------------------------------------------------------------------------------------------------


async def _cases(
    tx: AsyncConnection, office: Office, links: Sequence[CasePerson], referred: Sequence[ReferralPerson]
) -> tuple[list[SubjectCase], list[str]]:
    """With what was suspected there, be it of them or of somebody whom the record does not tell apart from them."""
    c, h = db.cases.c, db.handlings.c
    of = {link.case_id for link in links}
    known = await tx.execute(select(c.id, c.number, c.opened_at).where(c.city_id == office.city_id, c.id.in_(of)))
    cases = {row.id: row for row in known}
    query = find.rows_of(HandlingRow, office, h.case_id.in_(of), h.handled_at.is_not(None)).order_by(h.arrived_at)
    visits = await find.fetch(tx, office, HandlingRow, query)
    index = {one.case_id: one.person_index for one in referred if one.person_index is not None}
    mine = {link.person_id for link in links}
    found, suspicions = [], []
    for link in links:
        others = [one for one in await rows.people_of(tx, office, link.case_id) if one.person_id not in mine]
        theirs = [one for one in visits if one.case_id == link.case_id and link.handling_id in (None, one.id)]
        at = index.get(link.case_id) if len(theirs) == 1 else None
        met = [_visit(one, at, alone=_alone(one, link, others)) for one in theirs]
        row = cases[link.case_id]
        found.append(SubjectCase(number=row.number, opened_at=row.opened_at, linked_at=link.linked_at, visits=met))
        suspicions += [s for one in theirs for who in one.record.get("people", []) for s in who.get("suspicions", [])]
    return found, suspicions


def _alone(visit: HandlingRow, link: CasePerson, others: Sequence[CasePerson]) -> bool:
    """Whether nobody else of the case can be meant."""
    named = link.handling_id == visit.id
    return not others or (named and all(one.handling_id not in (None, visit.id) for one in others))


def _visit(visit: HandlingRow, index: int | None, *, alone: bool) -> MetBy:
    met, wrote, shared = met_of(visit.record, index, alone=alone)
    times: dict[str, Any] = {"arrived_at": visit.arrived_at, "handled_at": visit.handled_at}
    return MetBy(**times, outcome=visit.outcome, met=met, wrote=wrote, is_shared=shared)


# --- referrals, stays, documents ------------------------------------------------------------------------------------------


async def _referred(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> list[ReferralPerson]:
    p = db.referral_people.c
    return await rows.fetch(tx, office, ReferralPerson, rows.select_rows(ReferralPerson, office, p.person_id.in_(ids)))


async def _referrals(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> list[Referral]:
    r = db.referrals.c
    return await find.fetch(tx, office, Referral, find.rows_of(Referral, office, r.id.in_(ids)).order_by(r.number))


async def _houses(tx: AsyncConnection, office: Office, ids: set[Any]) -> dict[UUID | None, str]:
    """Their names; where a hidden one is stays unsaid."""
    f = db.facilities.c
    query = select(f.id, f.name, f.hidden).where(f.city_id == office.city_id, f.id.in_(ids - {None}))
    return {row.id: HIDDEN if row.hidden else row.name for row in await tx.execute(query)}


def _referral(one: Referral, referred: Sequence[ReferralPerson], houses: dict[UUID | None, str]) -> SubjectReferral:
    told = next(who.told for who in referred if who.referral_id == one.id)
    same = ("number", "to_kind", "state", "offered_at", "ended_at")
    values: dict[str, Any] = {name: getattr(one, name) for name in same}
    return SubjectReferral(**values, to=houses.get(one.to_facility) or TO_NAMES[one.to_kind][0], told=told)


async def _stays(
    tx: AsyncConnection, office: Office, stays: Sequence[Stay], houses: dict[UUID | None, str]
) -> list[SubjectStay]:
    k = db.stay_clocks.c
    query = rows.select_rows(StayClock, office, k.stay_id.in_([one.id for one in stays])).order_by(k.started_at, k.id)
    clocks = await rows.fetch(tx, office, StayClock, query)
    return [_stay(one, houses[one.facility_id], [k for k in clocks if k.stay_id == one.id]) for one in stays]


def _stay(stay: Stay, house: str, clocks: Sequence[StayClock]) -> SubjectStay:
    own = set(SubjectStay.__struct_fields__) - {"house", "arrival", "leaving", "clocks"}
    values: dict[str, Any] = {name: getattr(stay, name) for name in own}
    leaving = without_others(stay.leaving, "receiver", "escorts", "note", "home")
    if home := stay.leaving.get("home"):
        leaving["home"] = without_others(home, "contact", "phone", "note")
    return SubjectStay(
        **values,
        house=house,
        arrival=msgspec.structs.replace(stay.arrival, brought_by=""),
        leaving=leaving,
        clocks=[SubjectClock(**{n: getattr(one, n) for n in SubjectClock.__struct_fields__}) for one in clocks],
    )


async def _documents(tx: AsyncConnection, office: Office, about: dict[str, list[UUID]]) -> list[SubjectDocument]:
    d = db.documents.c
    theirs = or_(
        d.person_id.in_(about["persons"]), d.stay_id.in_(about["stays"]), d.referral_id.in_(about["referrals"])
    )
    query = select(*(d[name] for name in SubjectDocument.__struct_fields__)).where(d.city_id == office.city_id, theirs)
    return [SubjectDocument(**row._mapping) for row in await tx.execute(query.order_by(d.issued_at, d.number))]


async def _incidents(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> list[SubjectIncident]:
    i = db.incidents.c
    query = select(*(i[name] for name in SubjectIncident.__struct_fields__)).where(
        i.city_id == office.city_id, i.person_id.in_(ids)
    )
    return [SubjectIncident(**row._mapping) for row in await tx.execute(query.order_by(i.raised_at, i.id))]


# --- at home --------------------------------------------------------------------------------------------------------------


async def _returns(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> list[SubjectReturn]:
    entries = await home_rows.entries_of(tx, office, ids)
    visits = await home_rows.visits_of(tx, office, [one.id for one in entries])
    return [_return(office, one, [v for v in visits if v.returnee_id == one.id]) for one in entries]


def _return(office: Office, entry: Returnee, visits: Sequence[HomeVisit]) -> SubjectReturn:
    same = ("state", "since", "until", "is_prone", "ended_at", "end_note")
    values: dict[str, Any] = {name: getattr(entry, name) for name in same}
    made = [SubjectVisit(**{n: getattr(one, n) for n in SubjectVisit.__struct_fields__}) for one in visits]
    home = without_others(msgspec.to_builtins(entry.home), "contact", "phone")
    return SubjectReturn(**values, region=where.name_of(office.city, entry.region), home=home, visits=made)


# --- who looked -----------------------------------------------------------------------------------------------------------


async def _looks(
    tx: AsyncConnection, office: Office, ids: Sequence[UUID], cases: Sequence[UUID], referrals: Sequence[UUID]
) -> list[SubjectLook]:
    """At their records, in a search that showed them, at their referrals, and at the files of their cases."""
    e = db.events.c
    persons = [str(one) for one in ids]
    shown = [e.data["people"].contains([one]) for one in persons]
    theirs = or_(
        e.data["person_id"].astext.in_(persons),
        e.data["referral_id"].astext.in_([str(one) for one in referrals]),
        (e.kind == "look.file_read") & e.case_id.in_(cases),
        *shown,
    )
    query = select(e.occurred_at, e.kind, e.actor).where(e.city_id == office.city_id, e.kind.in_(LOOKS), theirs)
    return [
        SubjectLook(at=row.occurred_at, what=row.kind.partition(".")[2], roles=row.actor["roles"])
        for row in await tx.execute(query.order_by(e.seq))
    ]
