"""The rows of those who went home and of their visits: read, made, ended. Whoever changes them holds the register first."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch.change import Command
from backend.errors import NotFound
from backend.ids import new_id
from backend.notify.outbox import enqueue
from backend.office import Office
from backend.referral.home import where
from backend.referral.home.returnee import EndReason, HomeVisit, Returnee, fires_at
from backend.referral.people import register_rows as rows
from backend.referral.people.register_rows import Rows


async def get_returnee(tx: AsyncConnection, office: Office, returnee_id: UUID) -> Returnee:
    """Raises NotFound."""
    found = await rows.fetch(tx, office, Returnee, rows.select_rows(Returnee, office, db.returnees.c.id == returnee_id))
    if not found:
        raise NotFound("没有这条返乡登记。", "There is no such entry of somebody who went home.")
    return found[0]


async def get_visit(tx: AsyncConnection, office: Office, visit_id: UUID) -> HomeVisit:
    """Raises NotFound."""
    query = rows.select_rows(HomeVisit, office, db.home_visits.c.id == visit_id)
    found = await rows.fetch(tx, office, HomeVisit, query)
    if not found:
        raise NotFound("没有这次返乡回访。", "There is no such home visit.")
    return found[0]


async def entries_of(tx: AsyncConnection, office: Office, person_ids: Sequence[UUID]) -> list[Returnee]:
    """Every time that these records went home, the earliest first."""
    r = db.returnees.c
    query = rows.select_rows(Returnee, office, r.person_id.in_(person_ids)).order_by(r.since, r.id)
    return await rows.fetch(tx, office, Returnee, query)


async def visits_of(tx: AsyncConnection, office: Office, returnee_ids: Sequence[UUID]) -> list[HomeVisit]:
    """Their visits, by when they are due."""
    v = db.home_visits.c
    query = rows.select_rows(HomeVisit, office, v.returnee_id.in_(returnee_ids)).order_by(v.due_at, v.id)
    return await rows.fetch(tx, office, HomeVisit, query)


async def due_of(tx: AsyncConnection, office: Office, returnee_id: UUID) -> HomeVisit | None:
    """The visit that is due, if they are visited."""
    return next((one for one in await visits_of(tx, office, [returnee_id]) if one.state == "due"), None)


def next_visit(
    office: Office, returnee: Returnee, due_at: datetime, command: Command, *, attempts: int = 0
) -> HomeVisit:
    """A visit that is due from now on. Where nobody knows their place yet, the visitor's rung of the chain is passed over."""
    policy = office.city.policy.referral
    ahead = timedelta(seconds=policy.visit_ahead.seconds)
    level = 1 if returnee.region is None and len(policy.visit_chain) > 1 else 0
    return HomeVisit(
        id=new_id(),
        returnee_id=returnee.id,
        due_at=due_at,
        fires_at=fires_at(due_at, ahead, command.now),
        level=level,
        attempts=attempts,
    )


async def over(
    tx: AsyncConnection, office: Office, before: Returnee, reason: EndReason, command: Command, *, note: str = ""
) -> Rows:
    """The entry is over, and with it the visit that was due."""
    kept = {"state": "ended", "ended_at": command.at, "ended_by": command.by.id, "end_reason": reason}
    after = msgspec.structs.replace(before, end_note=note.strip() or None, **kept)
    return [(before, after), *cancelled(await due_of(tx, office, before.id), command)]


def cancelled(visit: HomeVisit | None, command: Command) -> Rows:
    """The visit is not made any more. One that was late stays late."""
    if visit is None:
        return []
    missed_at = visit.missed_at or (visit.due_at if visit.due_at <= command.at else None)
    return [(visit, msgspec.structs.replace(visit, state="cancelled", fires_at=None, missed_at=missed_at))]


async def push(
    tx: AsyncConnection, office: Office, returnee: Returnee, told: Sequence[str], kind: str, command: Command
) -> None:
    """To roles where they live, and to `station`: the house that they were at."""
    message = {"kind": kind, "returnee_id": returnee.id}
    region = where.known(office.city, returnee.regions)
    for role in told:
        houses = [f"facility:{one}" for one in returnee.facilities] if role == "station" else [f"role:{role}:{region}"]
        for to in houses:
            await enqueue(tx, office, "push", to, message, now=command.now)
