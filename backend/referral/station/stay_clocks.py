"""The deadlines of stays as rows: reckoned anew whenever a fact changes, and what happens by itself when one is due.

Begin at `reckoned`. The rules are in `backend.referral.station.deadlines`; here they meet the tables. A timer looks again at what it fires on,
with the register held, so that a deadline that is met or not wanted any more never fires (I5, I6).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import clocks
from backend.dispatch.change import Command
from backend.dispatch.clocks import Clock, ClockAction, ClockState
from backend.dispatch.timekeeping import calendar_of
from backend.ids import new_id
from backend.notify.outbox import enqueue
from backend.office import Office
from backend.policy import Policy, Span
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Person
from backend.referral.people.register_rows import Done, Rows
from backend.referral.station import deadlines
from backend.referral.station.deadlines import StayClockKind
from backend.referral.station.stay import Stay, StayClock

_FIELDS: Final = ("missed_at", "ended_at", "extended", "level", "misses", "started_at", "due_at", "yellow_at", "kind")


def of_row(row: StayClock) -> Clock:
    """The clock that a row keeps."""
    values = {name: getattr(row, name) for name in _FIELDS}
    return Clock(**values, span=Span.parse(row.span), state=ClockState(row.state))


def to_row(clock: Clock, stay_id: UUID, id_: UUID, policy: Policy, now: datetime) -> StayClock:
    """The row that keeps a clock, with the moment at which the worker must look at it next."""
    values: dict[str, Any] = {name: getattr(clock, name) for name in _FIELDS}
    values |= {"span": str(clock.span), "state": str(clock.state), "fires_at": deadlines.fires_at(clock, policy, now)}
    return StayClock(id=id_, stay_id=stay_id, **values)


async def clocks_of(tx: AsyncConnection, office: Office, stay_ids: Sequence[UUID]) -> list[StayClock]:
    """The deadlines of these stays, by when they are due."""
    c = db.stay_clocks.c
    query = rows.select_rows(StayClock, office, c.stay_id.in_(stay_ids)).order_by(c.due_at, c.kind)
    return await rows.fetch(tx, office, StayClock, query)


def known_since(group: Sequence[Person]) -> datetime | None:
    """Since when any record of the person has a name."""
    return min((one.identified_at for one in group if one.identified_at is not None), default=None)


async def reckoned(
    tx: AsyncConnection, office: Office, stay: Stay, identified_at: datetime | None, command: Command
) -> Rows:
    """The clocks of a stay that are another now: (before, after)."""
    policy, calendar = office.city.policy, calendar_of(office.city.policy)
    held = {row.kind: row for row in await clocks_of(tx, office, [stay.id])}
    wanted = deadlines.wanted(stay.facts(identified_at))
    changes: Rows = []
    for one in wanted:
        before = held.get(one.kind)
        clock = deadlines.clock_of(
            one, of_row(before) if before else None, policy=policy, calendar=calendar, now=command.now
        )
        after = to_row(clock, stay.id, before.id if before else new_id(), policy, command.now)
        if before != after:
            changes.append((before, after))
    for kind in deadlines.missing({kind: of_row(row) for kind, row in held.items()}, wanted):
        changes += _cancelled(office, held[kind], command)
    return changes


def _cancelled(office: Office, before: StayClock, command: Command) -> Rows:
    clock = of_row(before)
    if not clock.is_open:
        return []
    policy = office.city.policy
    ended = clocks.apply(clock, ClockAction.CANCEL, now=command.now, calendar=calendar_of(policy))
    return [(before, to_row(ended, before.stay_id, before.id, policy, command.now))]


async def reckoned_for(tx: AsyncConnection, office: Office, group: Sequence[Person], command: Command) -> Rows:
    """The same of all stays of a person (all their records, as they are now)."""
    since = known_since(group)
    changes: Rows = []
    for stay in await rows.stays_of(tx, office, [one.id for one in group]):
        changes += await reckoned(tx, office, stay, since, command)
    return changes


async def due_clocks(
    tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 200
) -> list[tuple[UUID, StayClockKind]]:
    """(stay, kind) of the deadlines that must be looked at, longest due first."""
    c = db.stay_clocks.c
    query = select(c.stay_id, c.kind).where(c.city_id == office.city_id, c.fires_at <= now)
    return [(row.stay_id, row.kind) for row in await tx.execute(query.order_by(c.fires_at).limit(limit))]


async def fire_clock(office: Office, stay_id: UUID, kind: StayClockKind, command: Command) -> bool:
    """The light turns yellow, the deadline is missed, or the next of the chain is told. False when there was nothing."""
    policy = office.city.policy
    async with office.begin() as tx:
        await rows.hold(tx, office)
        before = next((row for row in await clocks_of(tx, office, [stay_id]) if row.kind == kind), None)
        if before is None or before.fires_at is None or before.fires_at > command.now:
            return False
        stay = await rows.get_stay(tx, office, stay_id)
        clock = clocks.miss(of_row(before), now=command.now)
        told = clocks.told(clock, deadlines.escalation_of(policy), command.now)
        clock = clocks.escalated(clock, clock.level + len(told))
        after = to_row(clock, stay_id, before.id, policy, command.now)
        facts = {"kind": kind, "due_at": clock.due_at, "told": list(told), "level": clock.level, "stay_id": stay_id}
        await _notify(tx, office, stay, _kind(before, clock), facts, command)
        done = Done(seq=0, person_id=stay.person_id)
        await rows.tell(
            tx, office, command, _kind(before, clock), [(before, after)], stay.as_object(), done, facts=facts
        )
        return True


def _kind(before: StayClock, after: Clock) -> str:
    if after.state is not ClockState.MISSED:
        return "stay.clock_yellow"
    return "stay.clock_escalated" if before.state == "missed" else "stay.clock_missed"


async def _notify(
    tx: AsyncConnection, office: Office, stay: Stay, kind: str, facts: dict[str, Any], command: Command
) -> None:
    message = {"kind": kind, "stay_id": stay.id, "clock": facts["kind"]}
    for role in facts["told"]:
        to = f"facility:{stay.facility_id}" if role == "station_staff" else f"role:{role}:{stay.regions[0]}"
        await enqueue(tx, office, "push", to, message, now=command.now)
