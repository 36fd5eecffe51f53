"""按街道的名单 Lists for the streets: whom each of them has, one street a sheet, and nobody of another. Begin at `export`.

A list names people and says where they live: it is for whoever keeps the register, each person in it is a look, and the file says
who took it, when, and under which number the log knows it. Those of another city are marked as told by `mark_told`, once the list was sent.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.dispatch.change import Command
from backend.errors import Conflict
from backend.ids import new_id
from backend.office import Office
from backend.referral.home import home_rows, reading, where
from backend.referral.home.due import street_of
from backend.referral.home.returnee import (
    OUTCOME_NAMES,
    STATE_NAMES,
    HomeVisit,
    Returnee,
)
from backend.referral.people import register_rows as rows
from backend.referral.people.person import VULNERABILITY_NAMES, Person
from backend.referral.people.register_rows import Done

MOST: Final = 5_000
LISTED_ONLY: Final = "重点人员（未登记返乡）"


class Line(Struct, frozen=True, kw_only=True):
    """One person in a list."""

    number: str
    name: str
    person: Person
    entry: Returnee | None
    due_at: datetime | None = None
    late: bool = False
    made: int = 0
    last: str = ""
    last_at: datetime | None = None


class StreetSheet(Struct, frozen=True, kw_only=True):
    """A street with its people, whose visit is due first first."""

    street: str
    lines: list[Line]


class StreetLists(Struct, frozen=True, kw_only=True):
    """What is exported, and what the file says of itself. number: by which the log knows it."""

    number: UUID
    by: str
    at: datetime
    sheets: list[StreetSheet]


async def export(office: Office, *, region: str | None, by: Actor, now: datetime) -> StreetLists:
    """The lists of a region, or of all that the actor keeps. Raises NotAllowed."""
    demand(office.city.policy.roles, by, "returnee:write")
    async with office.begin() as tx:
        entries = [one for one in await _entries(tx, office, by) if _within(office, one.regions, one.region, region)]
        visits = await home_rows.visits_of(tx, office, [one.id for one in entries])
        people = await reading.people_of(tx, office, [one.person_id for one in entries])
        listed = await _listed(tx, office, by, people, region)
        names = await reading.names_of(tx, office, people | listed)
        sheets = _sheets(office, entries, visits, people, listed, names, now)
        made = StreetLists(number=new_id(), by=by.name, at=now, sheets=sheets)
        await _note_export(tx, office, made, entries, list(listed.values()), by, now)
    return made


async def _entries(tx: AsyncConnection, office: Office, by: Actor) -> list[Returnee]:
    r = db.returnees.c
    mine = reading.visible(office, by, "returnee:write")
    query = rows.select_rows(Returnee, office, r.state != "ended", mine).order_by(r.since, r.id)
    return await rows.fetch(tx, office, Returnee, query.limit(MOST))


async def _listed(
    tx: AsyncConnection, office: Office, by: Actor, known: dict[UUID, Person], region: str | None
) -> dict[UUID, Person]:
    """Whoever is on the list of vulnerable people and not on the register of those who went home, in the actor's regions."""
    p = db.persons.c
    roots = {one.root_id for one in known.values()}
    query = rows.select_rows(Person, office, p.listed_at.is_not(None), p.merged_into.is_(None)).order_by(p.created_at)
    found = await rows.fetch(tx, office, Person, query.limit(MOST))
    everywhere = set(by.regions)
    return {
        one.id: one
        for one in found
        if one.root_id not in roots
        and not everywhere.isdisjoint(one.regions)
        and _within(office, one.regions, None, region)
    }


def _within(office: Office, regions: Sequence[str], own: str | None, wanted: str | None) -> bool:
    """Whether somebody of these regions, or living under this code of another city, is of the region that is asked for."""
    if wanted is None:
        return True
    inside = own if own is not None else regions[0] if regions else ""
    return office.city.regions.within(inside, wanted)


def _sheets(
    office: Office,
    entries: Sequence[Returnee],
    visits: Sequence[HomeVisit],
    people: dict[UUID, Person],
    listed: dict[UUID, Person],
    names: dict[UUID, str],
    now: datetime,
) -> list[StreetSheet]:
    by_street: dict[str, list[Line]] = {}
    for entry in entries:
        own = [one for one in visits if one.returnee_id == entry.id]
        line = _line(people[entry.person_id], entry, own, names, now)
        by_street.setdefault(street_of(office, entry) or "住址待查", []).append(line)
    for person in listed.values():
        street = where.name_of(office.city, person.regions[0] if person.regions else office.city.id)
        line = Line(number=person.number, name=names.get(person.id, ""), person=person, entry=None)
        by_street.setdefault(street, []).append(line)
    first = datetime.max.replace(tzinfo=now.tzinfo)
    return [
        StreetSheet(street=street, lines=sorted(lines, key=lambda one: (one.due_at or first, one.number)))
        for street, lines in sorted(by_street.items())
    ]


def _line(person: Person, entry: Returnee, visits: Sequence[HomeVisit], names: dict[UUID, str], now: datetime) -> Line:
    due = next((one for one in visits if one.state == "due"), None)
    made = [one for one in visits if one.state == "done"]
    last = max(made, key=lambda one: one.done_at or one.due_at, default=None)
    return Line(
        number=person.number,
        name=names.get(person.id, ""),
        person=person,
        entry=entry,
        due_at=due.due_at if due else None,
        late=due is not None and due.due_at < now,
        made=len(made),
        last=OUTCOME_NAMES[last.outcome][0] if last and last.outcome else "",
        last_at=last.done_at if last else None,
    )


def grounds_in_words(line: Line) -> str:
    """Why somebody is visited."""
    told = line.entry.home.grounds if line.entry else line.person.told.vulnerable
    return "、".join(VULNERABILITY_NAMES[one][0] for one in told)


def state_in_words(line: Line) -> str:
    """How they stand on the register."""
    return STATE_NAMES[line.entry.state][0] if line.entry else LISTED_ONLY


async def _note_export(
    tx: AsyncConnection,
    office: Office,
    made: StreetLists,
    entries: Sequence[Returnee],
    listed: Sequence[Person],
    by: Actor,
    now: datetime,
) -> None:
    """One event of the export, and a look at each person in it."""
    read = {one.person_id: one.regions for one in entries} | {one.id: one.regions for one in listed}
    regions = list(dict.fromkeys(code for codes in read.values() for code in codes))
    facts = {"list": made.number, "streets": len(made.sheets), "people": len(read)}
    told = log.Entry(kind="returnee.list_exported", actor=by, occurred_at=now, regions=regions, data=facts)
    looks = [reading.look_at(person_id, codes, by, now) for person_id, codes in read.items()]
    await log.append(tx, office.city_id, [told, *looks], now=now)


async def mark_told(office: Office, region: str, command: Command) -> Done:
    """转告外地: the list of those who live in another city went there. Raises Conflict `nobody_to_tell` when nobody is left to be told of."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "returnee:write")
        await rows.hold(tx, office)
        r = db.returnees.c
        mine = reading.visible(office, command.by, "returnee:write")
        query = rows.select_rows(Returnee, office, r.state == "elsewhere", r.told_at.is_(None), mine)
        waiting = [
            one
            for one in await rows.fetch(tx, office, Returnee, query)
            if _within(office, one.regions, one.region, region)
        ]
        if not waiting:
            zh, en = "没有待转告该地的返乡人员。", "There is nobody to tell that place of."
            raise Conflict(zh, en, code="nobody_to_tell", region=region)
        changes = [(one, msgspec.structs.replace(one, told_at=command.at)) for one in waiting]
        regions = list(dict.fromkeys(code for one in waiting for code in one.regions))
        what = msgspec.structs.replace(waiting[0], regions=regions).as_object()
        facts = {"region": where.short(region), "people": len(waiting)}
        return await rows.tell(
            tx, office, command, "returnee.told_elsewhere", [*changes], what, Done(seq=0), facts=facts
        )
