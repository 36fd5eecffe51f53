"""What time does to an incident: who has not acknowledged is told again, and so is the level above; what is owed is asked for again.

Begin at `fire`, one of the worker's timers. Nothing waits without a next moment (I14): the tables refuse it.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch.change import Change, Command, record
from backend.dispatch.records import Incident, IncidentRecipient
from backend.office import Office
from backend.referral.incidents import rows


async def due(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 200) -> list[UUID]:
    """The incidents of which somebody must be told now."""
    i, r = db.incidents.c, db.incident_recipients.c
    owed = select(i.id).where(i.city_id == office.city_id, i.fires_at <= now)
    waits = select(r.incident_id).where(r.city_id == office.city_id, r.fires_at <= now)
    return list((await tx.execute(owed.union(waits).limit(limit))).scalars())


async def fire(office: Office, incident_id: UUID, command: Command) -> bool:
    """Everything of one incident that is due. False when somebody has acted meanwhile (I5)."""
    async with office.begin() as tx:
        await rows.hold(tx, office)
        before = await rows.find_one(tx, office, incident_id)
        told = await rows.recipients_of(tx, office, [incident_id])
        changes = [*_told_again(office, before, told, command.now), *_asked_for(office, before, command.now)]
        if not changes:
            return False
        await record(tx, office, command, *changes)
        return True


def _told_again(office: Office, incident: Incident, told: list[IncidentRecipient], now: datetime) -> list[Change]:
    """Each level that has not acknowledged, and whoever is above it: told that the one below is silent."""
    again = timedelta(seconds=office.city.policy.protection.report_again.seconds)
    late = [one for one in told if one.fires_at is not None and one.fires_at <= now]
    if not late:
        return []
    changed: list[Any] = [
        (one, msgspec.structs.replace(one, times=one.times + 1, fires_at=now + again)) for one in late
    ]
    above = [up for one in late if (up := _next_above(told, one)) is not None and up not in late]
    heard = [f"role:{one.role}:{one.region}" for one in above]
    facts = {
        "alarm": "not_acknowledged",
        "silent": [one.role for one in late],
        "level": max(one.level for one in late),
        "told": list(dict.fromkeys([*(one.role for one in late), *(one.role for one in above)])),
    }
    change = rows.change_of("incident.escalated", [(incident, incident), *changed], incident, heard=heard, **facts)
    return [change]


def _next_above(told: list[IncidentRecipient], one: IncidentRecipient) -> IncidentRecipient | None:
    return next((up for up in told if up.level > one.level and up.state != "absent"), None)


def _asked_for(office: Office, before: Incident, now: datetime) -> list[Change]:
    """The report or the follow-up is not there: whoever owes it is told, and the levels that answer for it."""
    if before.fires_at is None or before.fires_at > now:
        return []
    protection = office.city.policy.protection
    wait = protection.report_again if before.owes == "report" else protection.follow_up_every
    after = msgspec.structs.replace(before, misses=before.misses + 1, fires_at=now + timedelta(seconds=wait.seconds))
    chain = protection.report_up_roles[: after.misses]
    heard = [
        *(f"team:{one}" for one in before.teams),
        *(f"facility:{one}" for one in before.facilities),
        *(f"role:{role}:{before.regions[0]}" for role in chain),
    ]
    facts = {"owes": before.owes, "misses": after.misses, "told": list(chain), "heard": heard}
    return [rows.change_of("incident.owed", [(before, after)], after, alarm=f"{before.owes}_owed", **facts)]
