"""Registering somebody, known by name or not; what is told of them, and who they turn out to be. Begin at `register_person`.

Every change looks anew for records that may be the same person (backend.referral.people.sameness); a person decides.
"""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.permissions import Object
from backend.dispatch import find
from backend.dispatch.change import Command
from backend.dispatch.records import Case
from backend.errors import Conflict, Invalid, NotFound
from backend.ids import new_id
from backend.intake.looks import AgeBand, Sex
from backend.office import Office
from backend.referral.people import register_rows as rows
from backend.referral.people import sameness
from backend.referral.people.person import (
    NOBODY,
    CasePerson,
    Identity,
    IdentitySource,
    Person,
    ToldOf,
    checked,
    demand_sense,
    number_of,
    object_of,
)
from backend.referral.people.register_rows import Done, Rows
from backend.referral.station import stay_clocks


class NewPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody as they are met. Nothing of it need be known."""

    sex: Sex = "unknown"
    age_band: AgeBand = "unknown"
    told: ToldOf = ToldOf()
    identity: Identity = NOBODY
    source: IdentitySource | None = None


class MetIn(Struct, frozen=True, kw_only=True):
    """The case somebody was met in, and the visit."""

    case_id: UUID
    handling_id: UUID | None = None


class Description(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to be told otherwise; what is left out stays. is_listed: on the list of vulnerable people."""

    sex: Sex | UnsetType = UNSET
    age_band: AgeBand | UnsetType = UNSET
    told: ToldOf | UnsetType = UNSET
    is_listed: bool | UnsetType = UNSET


async def register_person(office: Office, new: NewPerson, met: MetIn, command: Command) -> Done:
    """登记受助人员: somebody met in a case. `person_id` and `number` of the answer name the record.

    Raises Invalid (field), NotAllowed, NotFound.
    """
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        case = await _case(tx, office, met.case_id, command)
        await rows.hold(tx, office)
        person = await fresh(tx, office, new, case.as_object(), command, from_case=case.id)
        await _demand_visit(tx, office, met)
        link = CasePerson(
            id=new_id(),
            case_id=case.id,
            person_id=person.id,
            handling_id=met.handling_id,
            linked_at=command.at,
            linked_by=command.by.id,
        )
        found = await sameness.look_for(tx, office, [person], command, at_case=case)
        written: Rows = [(None, person), (None, link), *found]
        done = Done(seq=0, person_id=person.id, number=person.number, suggested=len(found))
        what = object_of([person])
        return await rows.tell(tx, office, command, "person.registered", written, what, done, case_id=case.id)


async def fresh(
    tx: AsyncConnection, office: Office, new: NewPerson, at: Object, command: Command, *, from_case: UUID | None
) -> Person:
    """The record of somebody met there, not written yet. Ask with the register held."""
    if new.identity == NOBODY and new.source is not None:
        raise _nobody_named()
    person = Person(
        id=new_id(),
        number=await _next_number(tx, office, office.city.local_day(command.now)),
        sex=new.sex,
        age_band=new.age_band,
        told=demand_sense(new.told),
        regions=list(at.regions),
        teams=list(at.teams),
        facilities=list(at.facilities),
        from_case=from_case,
        created_at=command.now,
        created_by=command.by.id,
        root_id=UUID(int=0),
    )
    person = msgspec.structs.replace(person, root_id=person.id)
    return person if new.identity == NOBODY else _identified(person, new.identity, new.source or "own_word", command)


async def describe_person(office: Office, person_id: UUID, told: Description, command: Command) -> Done:
    """What is known of somebody is told otherwise, or more of it. Raises Invalid, NotAllowed, NotFound."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        before, group = await rows.held(tx, office, person_id, command)
        changes: dict[str, Any] = {n: v for n in ("sex", "age_band", "told") if (v := getattr(told, n)) is not UNSET}
        demand_sense(changes.get("told", before.told))
        if told.is_listed is not UNSET:
            changes["listed_at"] = (before.listed_at or command.at) if told.is_listed else None
        after = msgspec.structs.replace(before, **changes)
        return await _tell_of(tx, office, command, "person.described", before, after, group)


async def identify_person(
    office: Office, person_id: UUID, identity: Identity, source: IdentitySource, command: Command
) -> Done:
    """查明身份: who somebody is, and how it became known. Said again it is put right. Raises Invalid, NotAllowed, NotFound."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        before, group = await rows.held(tx, office, person_id, command)
        after = _identified(before, identity, source, command)
        return await _tell_of(tx, office, command, "person.identified", before, after, group)


async def withdraw_identity(office: Office, person_id: UUID, command: Command) -> Done:
    """It was somebody else after all: the record is of an unknown person again. Raises Conflict `not_identified`."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        before, group = await rows.held(tx, office, person_id, command)
        if not before.is_identified:
            zh, en = "这份登记本来就没有查明身份。", "That record has no identity to withdraw."
            raise Conflict(zh, en, code="not_identified")
        unknown = {"is_identified": False, "identified_at": None, "identity_source": None, "identity": NOBODY}
        after = msgspec.structs.replace(before, **unknown)
        return await _tell_of(tx, office, command, "person.unidentified", before, after, group)


async def _tell_of(
    tx: AsyncConnection, office: Office, command: Command, kind: str, before: Person, after: Person, group: list[Person]
) -> Done:
    others = [after if one.id == after.id else one for one in group]
    found = await sameness.look_for(tx, office, others, command)
    deadlines = await stay_clocks.reckoned_for(tx, office, others, command)
    done = Done(seq=0, person_id=after.id, number=after.number, suggested=len(found))
    written: Rows = [(before, after), *found, *deadlines]
    return await rows.tell(tx, office, command, kind, written, object_of(others), done)


def _identified(person: Person, identity: Identity, source: IdentitySource, command: Command) -> Person:
    identity = checked(identity)
    if not identity.name and not identity.id_number:
        raise _nobody_named()
    return msgspec.structs.replace(
        person,
        identity=identity,
        is_identified=True,
        identity_source=source,
        identified_at=person.identified_at or command.at,
    )


def _nobody_named() -> Invalid:
    zh, en = "请至少填写姓名或证件号码。", "Give a name or the number of a document."
    return Invalid(zh, en, field="identity.name", code="nobody_named")


async def _case(tx: AsyncConnection, office: Office, case_id: UUID, command: Command) -> Case:
    command.demand(office, "person:write")
    case = await find.lock_case(tx, office, case_id)
    command.demand(office, "person:write", case.as_object())
    return case


async def _demand_visit(tx: AsyncConnection, office: Office, met: MetIn) -> None:
    """A visit that is named is one of that case. Raises NotFound."""
    if met.handling_id is None:
        return
    if met.handling_id not in {visit.id for visit in await find.handlings_of(tx, office, met.case_id)}:
        raise NotFound("该案卷没有这次处置。", "The case has no such visit.")


async def _next_number(tx: AsyncConnection, office: Office, day: int) -> str:
    p = db.persons.c
    newest = select(func.max(p.number)).where(p.city_id == office.city_id, p.number.like(f"R{day}%"))
    return number_of(day, (await tx.execute(newest)).scalar())
