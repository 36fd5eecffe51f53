"""Reading incidents for verbs, and the change that is told of one. One lock for a city's incidents: there are few."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks
from backend.dispatch import find
from backend.dispatch.change import Change
from backend.dispatch.records import Incident, IncidentRecipient
from backend.errors import NotFound
from backend.office import Office
from backend.referral.incidents.form import Told


async def hold(tx: AsyncConnection, office: Office) -> None:
    """Keep others from changing incidents until the commit. After cases and the register, before the log."""
    await locks.hold(tx, f"incidents:{office.city_id}")


async def find_one(tx: AsyncConnection, office: Office, incident_id: UUID) -> Incident:
    """Raises NotFound."""
    found = await find.fetch(tx, office, Incident, find.rows_of(Incident, office, db.incidents.c.id == incident_id))
    if not found:
        raise NotFound(
            "没有这项上报，或不在您的管辖范围内。", "There is no such report, or it is outside what is yours."
        )
    return found[0]


async def recipients_of(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> list[IncidentRecipient]:
    """Who was told of these, the nearest level first."""
    r = db.incident_recipients.c
    query = find.rows_of(IncidentRecipient, office, r.incident_id.in_(ids)).order_by(r.incident_id, r.level)
    return await find.fetch(tx, office, IncidentRecipient, query)


async def next_number(tx: AsyncConnection, office: Office, now: datetime) -> int:
    """The next free number of the day (yyyymmdd001 …). Ask with incidents held."""
    lowest = office.city.local_day(now) * 1000
    i = db.incidents.c
    query = select(func.max(i.number)).where(i.city_id == office.city_id, i.number.between(lowest, lowest + 999))
    return ((await tx.execute(query)).scalar() or lowest) + 1


def told_of(incident: Incident) -> Told:
    """What lies sealed with it."""
    return msgspec.convert(incident.told, Told)


def with_told(incident: Incident, told: Told, **values: Any) -> Incident:
    """The same with other words, and other values of columns."""
    return msgspec.structs.replace(incident, told=msgspec.to_builtins(told), **values)


def change_of(kind: str, changed: Any, after: Incident, **facts: Any) -> Change:
    """What happened to an incident, told to whom it concerns."""
    return Change(
        kind=kind,
        rows=changed,
        facts={"number": after.number, "incident": after.kind, "incident_id": after.id, **facts},
        regions=after.regions,
        teams=after.teams,
        facilities=after.facilities,
        case_id=after.case_id,
    )
