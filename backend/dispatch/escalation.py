"""What happens by itself when time passes: lights turn, clocks are missed and go up the chain, leases end.

Each function is one firing in one transaction, under the case's lock, and looks again at what it fires on (I5, I6): a
timer of a closed case finds nothing to do.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import clocks, find, timekeeping
from backend.dispatch.change import Change, Command, record
from backend.dispatch.clocks import Clock, ClockKind, ClockState
from backend.dispatch.move import touched
from backend.dispatch.records import Case, ClockRow
from backend.office import Office
from backend.policy import Escalation


async def due_clocks(
    tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 200
) -> list[tuple[UUID, ClockKind]]:
    """(case, kind) of the clocks that must be looked at, longest due first."""
    c = db.clocks.c
    query = select(c.case_id, c.kind).where(c.city_id == office.city_id, c.fires_at <= now)
    return [(row.case_id, row.kind) for row in await tx.execute(query.order_by(c.fires_at).limit(limit))]


async def fire_clock(office: Office, case_id: UUID, kind: ClockKind, command: Command) -> bool:
    """The light turns yellow, the clock is missed, or the next of the chain is told. False when there was nothing."""
    policy = office.city.policy
    async with office.begin() as tx:
        case = await find.lock_case_unless_busy(tx, office, case_id)
        if case is None:
            return False
        row = (await find.clocks_of(tx, office, case_id)).get(kind)
        if row is None or row.fires_at is None or row.fires_at > command.now:
            return False
        clock = clocks.miss(timekeeping.of_row(row), now=command.now)
        told = _heard(clocks.told(clock, policy.escalation, command.now), clock, case, policy.escalation)
        clock = clocks.escalated(clock, clock.level + len(told))
        after = timekeeping.to_row(clock, case_id, policy, command.now)
        facts = {"kind": kind, "due_at": clock.due_at, "told": list(told), "level": clock.level}
        change = Change(kind=_kind(row, clock), rows=[(case, touched(case)), (row, after)], facts=facts)
        await record(tx, office, command, change)
        return True


def _heard(told: tuple[str, ...], clock: Clock, case: Case, escalation: Escalation) -> tuple[str, ...]:
    """Who is told; where no team has the case the next of the chain hears in its place, at once."""
    reached = clock.level + len(told)
    if told[-1:] == ("team",) and case.team_id is None:
        return (*told, *escalation.chain[reached : reached + 1])
    return told


def _kind(before: ClockRow, after: Clock) -> str:
    if after.state is not ClockState.MISSED:
        return "clock.yellow"
    return "clock.escalated" if before.state == "missed" else "clock.missed"


async def due_offers(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 200) -> list[UUID]:
    """The offers whose lease is over."""
    o = db.offers.c
    query = select(o.id).where(o.city_id == office.city_id, o.state == "offered", o.expires_at <= now)
    return list((await tx.execute(query.order_by(o.expires_at).limit(limit))).scalars())
