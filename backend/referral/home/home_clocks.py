"""What happens by itself: a visit comes near, is late, is later still; an entry that nobody visits has its year. Two of the worker's timers.

A visit that is late goes up `[referral] visit_chain`, `visit_step` apart, and stays with the last of it until it is made: it never
falls silent. A timer looks again at what it fires on, with the register held (I5, I6).
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch.change import Command
from backend.office import Office
from backend.referral.home import home_rows, returning
from backend.referral.home.returnee import HomeVisit
from backend.referral.people import register_rows as rows

KINDS = {"near": "returnee.visit_near", "missed": "returnee.visit_missed", "later": "returnee.visit_escalated"}


async def due_visits(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 200) -> list[UUID]:
    """The visits of which somebody must be told now, longest due first."""
    v = db.home_visits.c
    query = select(v.id).where(v.city_id == office.city_id, v.fires_at <= now)
    return list((await tx.execute(query.order_by(v.fires_at).limit(limit))).scalars())


async def fire_visit(office: Office, visit_id: UUID, command: Command) -> bool:
    """The visitor is reminded, or the next of the chain is told that it is late. False when there was nothing."""
    async with office.begin() as tx:
        await rows.hold(tx, office)
        before = await home_rows.get_visit(tx, office, visit_id)
        if before.fires_at is None or before.fires_at > command.now:
            return False
        returnee = await home_rows.get_returnee(tx, office, before.returnee_id)
        after, told = _told(office, before, command.now)
        when = "near" if after.missed_at is None else "missed" if before.missed_at is None else "later"
        await home_rows.push(tx, office, returnee, told, KINDS[when], command)
        facts: dict[str, Any] = {"due_at": after.due_at, "told": told, "level": after.level, "visit_id": after.id}
        await returning.tell_of_returnee(tx, office, KINDS[when], returnee, [(before, after)], command, **facts)
        return True


def _told(office: Office, before: HomeVisit, now: datetime) -> tuple[HomeVisit, list[str]]:
    policy = office.city.policy.referral
    chain, step = policy.visit_chain, timedelta(seconds=policy.visit_step.seconds)
    if now < before.due_at:
        return msgspec.structs.replace(before, fires_at=before.due_at), [chain[min(before.level, len(chain) - 1)]]
    assert before.fires_at is not None
    late = {
        "missed_at": before.due_at,
        "level": before.level + 1,
        "fires_at": max(before.fires_at, before.due_at) + step,
    }
    return msgspec.structs.replace(before, **late), [chain[min(before.level, len(chain) - 1)]]


async def due_ends(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 200) -> list[UUID]:
    """The entries of those whom nobody visits here and whose year is over."""
    r = db.returnees.c
    query = select(r.id).where(r.city_id == office.city_id, r.state.in_(("registered", "elsewhere")), r.until <= now)
    return list((await tx.execute(query.order_by(r.until).limit(limit))).scalars())


async def end_entry(office: Office, returnee_id: UUID, command: Command) -> bool:
    """Their year is over."""
    async with office.begin() as tx:
        await rows.hold(tx, office)
        before = await home_rows.get_returnee(tx, office, returnee_id)
        if before.state not in ("registered", "elsewhere") or before.until > command.now:
            return False
        changes = await home_rows.over(tx, office, before, "over", command)
        await returning.tell_of_returnee(tx, office, "returnee.ended", before, changes, command, reason="over")
        return True
