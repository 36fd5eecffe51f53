"""Looks at what is personal: each is an event, and whoever answers for the protection of data can list them.

A photo and a contact are written down at every look (backend.dispatch.case_file); the words of a file once in `AGAIN_AFTER`
for one person and case, so that a screen that reloads does not fill the log. A search by number is itself a look.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, cast, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import demand, scopes
from backend.dispatch.board import visible
from backend.dispatch.records import Case
from backend.errors import Invalid
from backend.office import Office
from backend.personal import PHONE
from backend.sealing import normalised

AGAIN_AFTER: Final = timedelta(minutes=10)
SHORTEST_NUMBER: Final = 5
MOST_FOUND: Final = 100
LOOKS: Final = (
    "look.file_read",
    "look.searched",
    "look.call_read",
    "look.photo_read",
    "look.referral_read",
    "look.person_read",
    "look.person_searched",
    "look.person_photo_read",
    "look.document_read",
    "look.incident_read",
    "look.subject_access",
    "sighting.contact_read",
    "sighting.photo_read",
)


class Call(Struct, frozen=True, kw_only=True):
    """An earlier sighting of the same caller, and the case it belongs to."""

    sighting_id: UUID
    case_id: UUID
    case_number: int
    stage: str
    received_at: datetime
    call_back: bool


class Look(Struct, frozen=True, kw_only=True):
    """Who looked at what, when. what: file_read, searched, call_read, contact_read, photo_read, referral_read, or of the register person_read,
    person_searched, person_photo_read, document_read, subject_access; incident_read. who: an account's id."""

    seq: int
    at: datetime
    who: str
    roles: list[str]
    what: str
    case_id: UUID | None
    sighting_id: UUID | None
    person_id: UUID | None = None


async def note_file_read(office: Office, case: Case, *, by: Actor, now: datetime) -> None:
    """Writes down that somebody opened what was said and written of the people in a case."""
    await note_files_read(office, {case.id: case.regions}, by=by, now=now)


async def note_files_read(office: Office, read: Mapping[UUID, Sequence[str]], *, by: Actor, now: datetime) -> None:
    """The same of several cases at once, each with its regions."""
    e = db.events.c
    mine = and_(e.city_id == office.city_id, e.case_id.in_(read), e.kind == "look.file_read")
    lately = select(e.case_id).where(mine, e.occurred_at > now - AGAIN_AFTER, e.actor["id"].astext == by.id)
    async with office.db.connect() as tx:
        noted = set((await tx.execute(lately)).scalars())
    looks = [
        log.Entry(kind="look.file_read", actor=by, occurred_at=now, regions=regions, case_id=case_id, data={})
        for case_id, regions in read.items()
        if case_id not in noted
    ]
    if looks:
        async with office.begin() as tx:
            await log.append(tx, office.city_id, looks, now=now)


async def find_calls(office: Office, phone: str, *, by: Actor, now: datetime) -> list[Call]:
    """Earlier sightings of a caller's number, newest first, in cases whose callers the actor may ring. Raises Invalid.

    Found by blind index alone: the number is neither in the database nor in the log.
    """
    demand(office.city.policy.roles, by, "contact:read")
    if len(normalised(phone)) < SHORTEST_NUMBER:
        raise Invalid("请输入完整的电话号码。", "Type the whole number.", field="phone", code="number_too_short")
    async with office.begin() as tx:
        found = await _calls(tx, office, office.ring.indexes(phone, PHONE), by)
        told = {"found": len(found)}
        regions = office.city.lineage(by.regions)
        entry = log.Entry(kind="look.searched", actor=by, occurred_at=now, regions=regions, data=told)
        await log.append(tx, office.city_id, [entry], now=now)
    return found


async def _calls(tx: AsyncConnection, office: Office, indexes: Sequence[bytes], by: Actor) -> list[Call]:
    contacts, s, links, c = db.sighting_contacts, db.sightings, db.case_sightings, db.cases
    query = (
        select(s.c.id.label("sighting_id"), c.c.id.label("case_id"), c.c.number.label("case_number"), c.c.stage)
        .add_columns(s.c.received_at, contacts.c.call_back)
        .join(s, (s.c.city_id == contacts.c.city_id) & (s.c.id == contacts.c.sighting_id))
        .join(links, (links.c.city_id == s.c.city_id) & (links.c.sighting_id == s.c.id) & links.c.left_at.is_(None))
        .join(c, (c.c.city_id == links.c.city_id) & (c.c.id == links.c.case_id))
        .where(contacts.c.city_id == office.city_id, contacts.c.phone_index.in_(indexes))
        .where(visible(office, by, "contact:read"))
        .order_by(s.c.received_at.desc())
        .limit(MOST_FOUND)
    )
    return [Call(**row._mapping) for row in await tx.execute(query)]


async def list_looks(
    tx: AsyncConnection,
    office: Office,
    by: Actor,
    *,
    case_id: UUID | None,
    who: str | None,
    before: int | None,
    person_id: UUID | None = None,
    referral_id: UUID | None = None,
    document_id: UUID | None = None,
) -> list[Look]:
    """Looks in the actor's regions, newest first, one page. before: the last `seq` of the page before. person_id: at this record of the
    register, searches that showed it among them. referral_id, document_id: at this one."""
    demand(office.city.policy.roles, by, "look:read")
    e = db.events.c
    wanted = [e.city_id == office.city_id, e.kind.in_(LOOKS), _supervised(office, by)]
    if case_id is not None:
        wanted.append(e.case_id == case_id)
    if person_id is not None:
        found_by_search = e.data["people"].contains([str(person_id)])
        wanted.append(or_(e.data["person_id"].astext == str(person_id), found_by_search))
    named = {"referral_id": referral_id, "document_id": document_id}
    wanted += [e.data[name].astext == str(value) for name, value in named.items() if value is not None]
    if who is not None:
        wanted.append(e.actor["id"].astext == who)
    if before is not None:
        wanted.append(e.seq < before)
    query = select(e.seq, e.occurred_at, e.actor, e.kind, e.case_id, e.data).where(*wanted)
    rows = await tx.execute(query.order_by(e.seq.desc()).limit(MOST_FOUND))
    return [
        Look(
            seq=row.seq,
            at=row.occurred_at,
            who=row.actor["id"],
            roles=row.actor["roles"],
            what=row.kind.partition(".")[2],
            case_id=row.case_id,
            sighting_id=UUID(row.data["sighting_id"]) if "sighting_id" in row.data else None,
            person_id=UUID(row.data["person_id"]) if "person_id" in row.data else None,
        )
        for row in rows
    ]


def _supervised(office: Office, by: Actor) -> ColumnElement[bool]:
    """The events that lie where the actor supervises."""
    held = scopes(office.city.policy.roles, by, "look:read")
    conditions: list[ColumnElement[bool]] = [literal("all" in held)]
    if "region" in held and by.regions:
        conditions.append(db.events.c.regions.bool_op("&&")(cast(list(by.regions), ARRAY(Text))))
    return or_(*conditions)
