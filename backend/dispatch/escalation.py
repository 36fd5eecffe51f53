"""What happens by itself when time passes: lights turn, clocks are missed and go up the chain, revisits come due.

Each function is one firing in one transaction, under the case's lock, and looks again at what it fires on (I5, I6): a
timer of a closed case finds nothing to do.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import clocks, find, timekeeping
from backend.dispatch.change import Change, Command, record
from backend.dispatch.clocks import Clock, ClockKind, ClockState
from backend.dispatch.lifecycle import OPEN_STAGES
from backend.dispatch.move import Rows, case_of, move, touched
from backend.dispatch.records import Case, ClockRow, Revisit
from backend.ids import new_id
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


async def due_revisits(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 100) -> list[UUID]:
    """The revisits that are due."""
    r = db.revisits.c
    query = select(r.id).where(r.city_id == office.city_id, r.state == "due", r.due_at <= now)
    return list((await tx.execute(query.order_by(r.due_at).limit(limit))).scalars())


async def open_revisit(office: Office, revisit_id: UUID, command: Command) -> UUID | None:
    """Somebody stayed outside: a case of its own looks at them again, at the same place. None when it was done already.

    While the earlier case is still open, the look is part of that and only marked as done; so it is where it was void.
    """
    async with office.begin() as tx:
        await find.lock_intake(tx, office)
        seen = await _revisit(tx, office, revisit_id)
        earlier = await find.lock_case(tx, office, seen.case_id)
        revisit = await _revisit(tx, office, revisit_id)
        if revisit.state != "due" or revisit.due_at > command.now:
            return None
        if earlier.stage in OPEN_STAGES or earlier.stage == "voided":
            done = msgspec.structs.replace(revisit, state="done")
            rows: Rows = [(earlier, touched(earlier)), (revisit, done)]
            await record(tx, office, command, Change(kind="revisit.done", rows=rows))
            return None
        fresh = await _case_again(tx, office, earlier, command)
        opened = msgspec.structs.replace(revisit, state="opened", opened_case=fresh.id)
        begun = timekeeping.step({}, "open", case_id=fresh.id, policy=office.city.policy, at=command.now)
        rows = [(None, fresh), *begun, (revisit, opened)]
        held = {clock.kind: clock for _, clock in begun}
        accepted = move(fresh, "accept", held, at=command.now, policy=office.city.policy, search_round=1)
        await record(
            tx,
            office,
            command,
            Change(kind="case.opened", rows=rows, facts={"revisit_of": earlier.id, "channel": "revisit"}),
            Change(kind="case.accepted", rows=accepted, facts={"rule": "revisit"}),
        )
        return case_of(accepted).id


async def _revisit(tx: AsyncConnection, office: Office, revisit_id: UUID) -> Revisit:
    return (await find.fetch(tx, office, Revisit, find.rows_of(Revisit, office, db.revisits.c.id == revisit_id)))[0]


async def _case_again(tx: AsyncConnection, office: Office, earlier: Case, command: Command) -> Case:
    return Case(
        id=new_id(),
        number=await find.next_number(tx, office, office.city.local_day(command.now)),
        stage="discovered",
        version=1,
        priority="high" if earlier.priority == "critical" else earlier.priority,
        dangers=earlier.dangers,
        call_first=[],
        skills=earlier.skills,
        lon=earlier.lon,
        lat=earlier.lat,
        in_area=earlier.in_area,
        regions=earlier.regions,
        address=earlier.address,
        people_count=earlier.people_count,
        looks=earlier.looks,
        channel="revisit",
        opened_at=command.now,
        stage_since=command.now,
        last_seen_at=earlier.last_seen_at,
        sighting_count=0,
    )
