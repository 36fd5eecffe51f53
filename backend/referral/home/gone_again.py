"""再次外出流浪 Somebody who went home is gone again: a case looks for them at once, linked with their record and the entry.

Where a case or a house has them already, that is named and nothing new begins.
"""

from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import find
from backend.dispatch.change import Change, Command, record
from backend.dispatch.lifecycle import OPEN_STAGES
from backend.dispatch.move import clocks_in, move
from backend.dispatch.nearby import near_cases
from backend.dispatch.opening import first_case, opened, write_sightings
from backend.dispatch.records import Case
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.intake import duplicates
from backend.intake.looks import Looks
from backend.intake.report import GivenPlace, Prepared, Report, prepare
from backend.intake.weather import current as current_weather
from backend.office import Office
from backend.referral.home import relapse, where
from backend.referral.home.returnee import Returnee
from backend.referral.people import register_rows as rows
from backend.referral.people.person import CasePerson, Person
from backend.referral.people.register_rows import Done


async def looked_for(
    tx: AsyncConnection, office: Office, returnee: Returnee, place: GivenPlace | None, note: str, command: Command
) -> UUID | None:
    """The case that looks for them, opened now or before; None while they are in a house. Intake and register are held."""
    person = await rows.get_person(tx, office, returnee.person_id)
    ids = [one.id for one in await rows.group_of(tx, office, person.root_id)]
    if any(one.state == "present" for one in await rows.stays_of(tx, office, ids)):
        return None
    if (there := await _open_case(tx, office, ids, returnee)) is not None:
        return there
    report = await _report(tx, office, returnee, person, place, note, command)
    case = await _opened(tx, office, returnee, report, command)
    link = CasePerson(id=new_id(), case_id=case.id, person_id=person.id, linked_at=command.at, linked_by=command.by.id)
    concerned = list(dict.fromkeys([*person.regions, *case.regions]))
    changes: rows.Rows = [(person, msgspec.structs.replace(person, regions=concerned)), (None, link)]
    done = Done(seq=0, person_id=person.id)
    aside = msgspec.structs.replace(command, id=None)
    await rows.tell(tx, office, aside, "person.linked", changes, case.as_object(), done, case_id=case.id)
    return case.id


async def note_relapse(tx: AsyncConnection, office: Office, returnee: Returnee, command: Command) -> None:
    """The street and the station are told, once."""
    person = await rows.get_person(tx, office, returnee.person_id)
    await relapse.notice(tx, office, await rows.group_of(tx, office, person.root_id), command)


async def _open_case(tx: AsyncConnection, office: Office, ids: list[UUID], returnee: Returnee) -> UUID | None:
    """A case about them that is still at work."""
    c = db.cases.c
    linked = [one.case_id for one in await rows.links_of(tx, office, ids) if one.case_id != returnee.case_id]
    query = select(c.id).where(c.city_id == office.city_id, c.id.in_(linked), c.stage.in_(OPEN_STAGES))
    query = query.where(c.opened_at > returnee.since)
    found: UUID | None = (await tx.execute(query.order_by(c.opened_at.desc()).limit(1))).scalar()
    return found


async def _report(
    tx: AsyncConnection, office: Office, returnee: Returnee, person: Person, place: GivenPlace | None, note: str,
    command: Command,
) -> Prepared:  # fmt: skip
    """The visitor's own sighting, where they stand or in the middle of where the person lives."""
    at = _middle(office, returnee)
    report = Report(
        channel="grid" if "grid_worker" in command.by.roles else "patrol",
        place=place or GivenPlace(lon=at.lon, lat=at.lat),
        occurred_at=command.at,
        people_count=1,
        looks=Looks(sex=person.sex, age_band=person.age_band),
        description=note,
        address="" if place is not None else where.name_of(office.city, where.known(office.city, returnee.regions)),
    )
    return prepare(report, office.city, command.by, command.now, weather=await current_weather(tx, office, command.now))


def _middle(office: Office, returnee: Returnee) -> LonLat:
    region = office.city.regions.get(where.known(office.city, returnee.regions))
    point = region.geometry.representative_point()
    return LonLat(round(point.x, 6), round(point.y, 6))


async def _opened(tx: AsyncConnection, office: Office, returnee: Returnee, report: Prepared, command: Command) -> Case:
    policy = office.city.policy
    (near,) = await near_cases(tx, office, [report])
    matches = duplicates.rank(report.for_duplicates(), near, policy)
    number = await find.next_number(tx, office, office.city.local_day(command.now))
    fresh = msgspec.structs.replace(first_case(report, new_id(), number, command.now), channel="revisit")
    opening = opened(fresh, report, matches, policy)
    facts = {**opening.facts, "relapse_of": returnee.id}
    opening = msgspec.structs.replace(opening, facts=facts, facilities=returnee.facilities)
    accepted = move(fresh, "accept", clocks_in(opening.rows), at=command.now, policy=policy, search_round=1)
    await write_sightings(tx, office, [report])
    aside = msgspec.structs.replace(command, id=None)
    rule = Change(kind="case.accepted", rows=accepted, facts={"rule": "home_visit"})
    await record(tx, office, aside, opening, rule)
    return fresh
