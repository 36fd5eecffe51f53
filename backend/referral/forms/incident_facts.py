"""What the report of an incident is made of, read under the transaction that issues it. Begin at `of_incident`."""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch.change import Command
from backend.dispatch.records import Incident
from backend.errors import Conflict
from backend.office import Office
from backend.referral.facilities.facility import facility_for
from backend.referral.forms.facts import HIDDEN, house_as_said, names_of
from backend.referral.forms.hand_over_facts import DESK
from backend.referral.forms.incident_form import OfIncident
from backend.referral.incidents import rows
from backend.referral.people import register_rows


async def of_incident(tx: AsyncConnection, office: Office, incident: Incident, command: Command) -> OfIncident:
    """Everything that the report says. Raises Conflict `content_gone` where its words have had their time."""
    if incident.ended_at is not None and not incident.told:
        zh, en = "上报内容已到期清除，不能再出具。", "What was reported has had its time and is gone."
        raise Conflict(zh, en, code="content_gone")
    told, house = rows.told_of(incident), await _house(tx, office, incident)
    if house == HIDDEN:
        told = msgspec.structs.replace(told, form=msgspec.structs.replace(told.form, place=HIDDEN))
    recipients = await rows.recipients_of(tx, office, [incident.id])
    actors = [
        incident.raised_by,
        *(one.acknowledged_by or "" for one in recipients),
        *(one.by for one in told.follow_ups),
    ]
    person = await register_rows.get_person(tx, office, incident.person_id) if incident.person_id else None
    c = db.cases.c
    number = select(c.number).where(c.city_id == office.city_id, c.id == incident.case_id)
    return OfIncident(
        incident=incident,
        told=told,
        recipients=recipients,
        names=await names_of(tx, office, actors),
        regions={one.region: _region(office, one.region) for one in recipients},
        house=house,
        by=command.by.name,
        now=command.now,
        person=person,
        case_number=(await tx.execute(number)).scalar() if incident.case_id else None,
    )


def _region(office: Office, code: str) -> str:
    found = office.city.regions.find(code)
    return office.city.name_zh if code == office.city_id else found.name if found else code


async def _house(tx: AsyncConnection, office: Office, incident: Incident) -> str:
    """Who reports: the house where it happened, else the city's control room."""
    if incident.facilities:
        return house_as_said(await facility_for(tx, office, incident.facilities[0]))[0]
    return f"{office.city.name_zh}{DESK}"
