"""The rows of the register in the database: read, locked, written, told. Whoever changes them takes `hold` first.

One lock for a city's register: whether two records may be one, and who has somebody in their house, depends on all records of that
person, and a register changes a few times an hour. `tell` writes rows, one event and the command's answer; it comes last.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import Select, Table, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks, log
from backend.access.once import first_answer, keep_answer
from backend.access.permissions import Object
from backend.dispatch.change import Command
from backend.dispatch.move import demand_recent
from backend.dispatch.records import ReferralPerson
from backend.errors import NotFound
from backend.office import Office
from backend.personal import columns, fields_of, opened, sealed
from backend.referral.forms.document import Document
from backend.referral.home.returnee import HomeVisit, Returnee
from backend.referral.people.person import CasePerson, Person, Sameness, object_of
from backend.referral.station.stay import Stay, StayClock

Row = Person | CasePerson | Sameness | Stay | StayClock | Returnee | HomeVisit | ReferralPerson | Document
Rows = list[tuple[Row | None, Row]]
TABLES: Final[dict[type[Row], Table]] = {
    Person: db.persons,
    CasePerson: db.case_people,
    Sameness: db.person_suggestions,
    Stay: db.stays,
    StayClock: db.stay_clocks,
    Returnee: db.returnees,
    HomeVisit: db.home_visits,
    ReferralPerson: db.referral_people,
    Document: db.documents,
}
SCHEDULES: Final = frozenset({"fires_at"})
"""When the worker looks next is not told."""


class Done(Struct, frozen=True, kw_only=True):
    """What a command of the register led to. seq: the log's number. suggested: how many other records may be the same person.
    case_id: the case that a home visit opened, or that was about them already. code: of the document."""

    seq: int
    person_id: UUID | None = None
    number: str | None = None
    stay_id: UUID | None = None
    suggested: int = 0
    returnee_id: UUID | None = None
    case_id: UUID | None = None
    document_id: UUID | None = None
    code: str | None = None


async def hold(tx: AsyncConnection, office: Office) -> None:
    """Keep others from changing the register until the commit."""
    await locks.hold(tx, f"persons:{office.city_id}")


async def earlier(tx: AsyncConnection, office: Office, command: Command) -> Done | None:
    """The first answer to this command's id, or None when it is new. Raises Conflict, Invalid (as every command)."""
    first = await first_answer(tx, office, command.once())
    if first is not None:
        return msgspec.convert(first, Done)
    demand_recent(command.at, command.now)
    return None


def select_rows(kind: type[Row], office: Office, *conditions: Any) -> Select[Any]:
    """SELECT the fields of a record in this city, where all conditions hold."""
    table = TABLES[kind]
    return select(*columns(table, kind.__struct_fields__)).where(table.c.city_id == office.city_id, *conditions)


async def fetch[R: Row](tx: AsyncConnection, office: Office, kind: type[R], query: Select[Any]) -> list[R]:
    """The query's rows as records, what is sealed opened."""
    table = TABLES[kind]  # type: ignore[index]  # a record's type is one of them
    rows = [opened(office.ring, table, row._mapping) for row in await tx.execute(query)]
    return [msgspec.convert(row, kind) for row in rows]


async def get_person(tx: AsyncConnection, office: Office, person_id: UUID) -> Person:
    """The record. Raises NotFound."""
    found = await fetch(tx, office, Person, select_rows(Person, office, db.persons.c.id == person_id))
    if not found:
        raise NotFound("没有这位受助人员的登记。", "There is no such person in the register.")
    return found[0]


async def group_of(tx: AsyncConnection, office: Office, root_id: UUID) -> list[Person]:
    """All records of one person: the one that stands, and those found to be the same; oldest first."""
    query = select_rows(Person, office, db.persons.c.root_id == root_id)
    return await fetch(tx, office, Person, query.order_by(db.persons.c.created_at, db.persons.c.id))


async def held(
    tx: AsyncConnection, office: Office, person_id: UUID, command: Command, action: str = "person:write"
) -> tuple[Person, list[Person]]:
    """The record and all records of that person, with the register held. Raises NotAllowed, NotFound."""
    command.demand(office, action)
    await hold(tx, office)
    person = await get_person(tx, office, person_id)
    group = await group_of(tx, office, person.root_id)
    command.demand(office, action, object_of(group))
    return person, group


async def links_of(tx: AsyncConnection, office: Office, person_ids: Sequence[UUID]) -> list[CasePerson]:
    """The cases that these records are part of now."""
    c = db.case_people.c
    query = select_rows(CasePerson, office, c.person_id.in_(person_ids), c.unlinked_at.is_(None))
    return await fetch(tx, office, CasePerson, query.order_by(c.linked_at, c.id))


async def stays_of(tx: AsyncConnection, office: Office, person_ids: Sequence[UUID]) -> list[Stay]:
    """All stays of these records, oldest first."""
    s = db.stays.c
    query = select_rows(Stay, office, s.person_id.in_(person_ids)).order_by(s.arrived_at, s.id)
    return await fetch(tx, office, Stay, query)


async def get_stay(tx: AsyncConnection, office: Office, stay_id: UUID) -> Stay:
    """The stay. Raises NotFound."""
    found = await fetch(tx, office, Stay, select_rows(Stay, office, db.stays.c.id == stay_id))
    if not found:
        raise NotFound("没有这条在站记录。", "There is no such stay.")
    return found[0]


async def people_of(tx: AsyncConnection, office: Office, case_id: UUID) -> list[CasePerson]:
    """Whom a case is about now."""
    c = db.case_people.c
    query = select_rows(CasePerson, office, c.case_id == case_id, c.unlinked_at.is_(None))
    return await fetch(tx, office, CasePerson, query.order_by(c.linked_at, c.id))


async def in_families(tx: AsyncConnection, office: Office, groups: Collection[UUID]) -> set[UUID]:
    """Everybody of these families."""
    c = db.case_people.c
    query = select_rows(CasePerson, office, c.family_group.in_(groups), c.unlinked_at.is_(None))
    return {link.person_id for link in await fetch(tx, office, CasePerson, query)}


async def suggestions_of(tx: AsyncConnection, office: Office, person_ids: Sequence[UUID]) -> list[Sameness]:
    """What was found to be perhaps the same as any of these, likeliest first."""
    s = db.person_suggestions.c
    mine = s.person_id.in_(person_ids) | s.other_id.in_(person_ids)
    return await fetch(tx, office, Sameness, select_rows(Sameness, office, mine).order_by(s.score.desc(), s.id))


async def tell(
    tx: AsyncConnection,
    office: Office,
    command: Command,
    kind: str,
    rows: Rows,
    what: Object,
    done: Done,
    *,
    case_id: UUID | None = None,
    facts: dict[str, Any] | None = None,
) -> Done:
    """Write the rows, then the event, then the command's answer. what: whom it concerns. facts: codes and numbers only."""
    for before, after in rows:
        await _write(tx, office, before, after)
    entry = log.Entry(
        kind=kind,
        actor=command.by,
        occurred_at=command.at,
        data={
            "rows": _told(rows),
            **({"facilities": list(what.facilities)} if what.facilities else {}),
            **(facts or {}),
        },
        regions=list(what.regions),
        teams=list(what.teams),
        case_id=case_id,
        command_id=command.id,
    )
    (written,) = await log.append(tx, office.city_id, [entry], now=command.now)
    answer = msgspec.structs.replace(done, seq=written.seq)
    await keep_answer(tx, office, command.once(), answer)
    return answer


async def _write(tx: AsyncConnection, office: Office, before: Row | None, after: Row) -> None:
    """A new row, or the columns of it that are another now."""
    table = TABLES[type(after)]
    if before is None:
        row = sealed(office.ring, table, {"city_id": office.city_id, **_values(after)})
        await tx.execute(insert(table).values(**row))
    elif fresh := _changed(before, after):
        mine = and_(table.c.city_id == office.city_id, table.c.id == after.id)
        await tx.execute(update(table).where(mine).values(**sealed(office.ring, table, fresh, after.id)))


def _told(rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """Per table, the id and what changed; what is sealed is not told."""
    told: dict[str, list[dict[str, Any]]] = {}
    for before, after in rows:
        table = TABLES[type(after)]
        values = _values(after) if before is None else _changed(before, after)
        kept_back = {field.name for field in fields_of(table)} | SCHEDULES
        told.setdefault(table.name, []).append(
            {"id": after.id, **{name: value for name, value in values.items() if name not in kept_back}}
        )
    return told


def _changed(before: Row, after: Row) -> dict[str, Any]:
    old = _values(before)
    return {name: value for name, value in _values(after).items() if value != old[name]}


def _values(row: Row) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    for name, value in values.items():
        if isinstance(value, Struct):
            values[name] = msgspec.to_builtins(value)
    return values
