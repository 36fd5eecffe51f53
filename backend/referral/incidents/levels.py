"""Who is told of an incident, level by level, and who may acknowledge for which. Begin at `told_at_birth`.

Every level is told at once; the nearer ones have less time. A level where nobody has the role is passed over, and the log says so;
where that is all of them the highest waits all the same, so that nothing is silent.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import any_, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.dispatch.records import IncidentRecipient
from backend.ids import new_id
from backend.office import Office

OF_THE_CITY = "city"


async def told_at_birth(
    tx: AsyncConnection, office: Office, incident_id: UUID, regions: Sequence[str], by: Actor, now: datetime
) -> list[IncidentRecipient]:
    """A row for each level of the policy, the nearest first. Whoever raises it has acknowledged for their own."""
    protection = office.city.policy.protection
    made = []
    for level, name in enumerate(protection.report_up_to):
        role, _, of = name.partition("@")
        region = office.city.id if of == OF_THE_CITY else regions[0]
        due_at = now + timedelta(seconds=protection.report_up_waits[name].seconds)
        there = await _is_anybody(tx, office, role, region, f"{role}@{OF_THE_CITY}" in protection.report_up_to)
        one = IncidentRecipient(
            id=new_id(),
            incident_id=incident_id,
            level=level,
            role=role,
            region=region,
            state="waiting" if there else "absent",
            told_at=now,
            due_at=due_at,
            fires_at=due_at if there else None,
        )
        made.append(acknowledged(one, by, now) if there and answers_for(office, by, one) else one)
    if all(one.state == "absent" for one in made):
        made[-1] = replace(made[-1], state="waiting", fires_at=made[-1].due_at)
    return made


async def _is_anybody(tx: AsyncConnection, office: Office, role: str, region: str, is_split: bool) -> bool:
    """Whether somebody answers for it. is_split: those of the whole city are a level of their own, and do not count for a part."""
    a = db.accounts.c
    query = select(a.regions).where(a.city_id == office.city_id, a.active, literal(role) == any_(a.roles))
    above = set(office.city.lineage([region]))
    whole = region == office.city.id
    held = [set(regions) for regions in (await tx.execute(query)).scalars()]
    counted = [regions for regions in held if whole or not is_split or office.city.id not in regions]
    return any(not above.isdisjoint(regions) for regions in counted)


def answers_for(office: Office, by: Actor, one: IncidentRecipient) -> bool:
    """Whether the actor is one of those who are told at this level."""
    return one.role in by.roles and not set(office.city.lineage([one.region])).isdisjoint(by.regions)


def acknowledged(one: IncidentRecipient, by: Actor, now: datetime) -> IncidentRecipient:
    """The level with the actor's word for it."""
    return replace(one, state="acknowledged", fires_at=None, acknowledged_at=now, acknowledged_by=by.id)
