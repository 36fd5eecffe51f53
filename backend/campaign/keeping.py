"""What happens to campaigns without anybody asking: they follow the warnings that hold, proposals go up, teams that were called in come.

For the worker. Each `due…` says what is to be done and to what; its verb looks again under the lock and does it, or finds that another
worker has. What is to be done follows from what holds, so that nothing is lost whenever a process dies. Begin at `follow`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, and_, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.campaign import going, rows, states
from backend.campaign.campaigns import begun, closing, opened
from backend.campaign.following import Changes, Closes, Ends, InForce, Opens, Step, steps
from backend.campaign.going import Turned
from backend.campaign.ground import warned
from backend.campaign.recording import Change, record
from backend.campaign.records import CalledIn, Campaign
from backend.dispatch.change import Command
from backend.office import Office

KINDS = {
    "upgraded": "campaign.upgraded",
    "downgraded": "campaign.downgraded",
    "prolonged": "campaign.prolonged",
}


async def due(tx: AsyncConnection, office: Office, now: datetime) -> list[UUID]:
    """The campaigns, and chains of warnings without one, that something is to be done about."""
    return [step.subject for step in await _steps(tx, office, now)]


async def follow(office: Office, subject: UUID, command: Command) -> bool:
    """One step of one campaign, or a new one for a chain. False when there is nothing to do any more."""
    async with office.begin() as tx:
        await rows.hold(tx, office)
        step = next((step for step in await _steps(tx, office, command.now) if step.subject == subject), None)
        if step is None:
            return False
        await record(tx, office, command, *await _done(tx, office, step, command))
    return True


async def _done(tx: AsyncConnection, office: Office, step: Step, command: Command) -> list[Change]:
    match step:
        case Opens():
            return await _opened(tx, office, step, command)
        case Changes():
            return await _changed(tx, office, step, command)
        case Closes():
            before = await rows.get(tx, office, step.campaign_id)
            after = states.closed(before, step.reason, now=command.now, by=command.by.id)
            return [await closing(tx, office, before, after)]


async def _opened(tx: AsyncConnection, office: Office, step: Opens, command: Command) -> list[Change]:
    warning = step.warning
    one = await begun(
        tx, office, command, warning.hazard, warning.colour, step.plan, warning.ground,
        cause="warning", chain_id=warning.chain_id, warning_id=warning.id, expires_at=warning.expires_at,
    )  # fmt: skip
    return await opened(tx, office, None, one, command.now)


async def _changed(tx: AsyncConnection, office: Office, step: Changes, command: Command) -> list[Change]:
    """A graver plan wants more at once; a milder one lets what runs run out."""
    before = await rows.get(tx, office, step.campaign_id)
    after = states.changed(before, step, now=command.now, by=command.by.id)
    if step.how == "opened":
        return await opened(tx, office, before, after, command.now)
    turned: list[Turned] = []
    calls: list[Change] = []
    facts: dict[str, Any] = {"from_colour": before.colour}
    if after.state == "running" and after.plan != before.plan:
        turned, unknown = await going.points(tx, office, after, command.now)
        facts |= {"points_unknown": unknown} if unknown else {}
        calls = await going.call_in(tx, office, after, command.now)
    heard: Sequence[str] = after.plan.tell if after.state == "running" else states.ASKED[after.level]
    told = () if step.how == "prolonged" else heard
    change = Change(kind=KINDS[step.how], campaign=after, rows=[(before, after), *turned], facts=facts, told=told)
    return [change, *calls]


async def _steps(tx: AsyncConnection, office: Office, now: datetime) -> list[Step]:
    open_ones, warnings = await rows.open_ones(tx, office), await _in_force(tx, office, now)
    if not open_ones and not warnings:
        return []
    past = await _past(tx, office, [warning.chain_id for warning in warnings])
    ended = await _ends(tx, office, [chain for one in open_ones for chain in one.chains])
    return steps([*open_ones, *past], warnings, ended, office.city.policy.campaign.plans, office.city, now)


async def _in_force(tx: AsyncConnection, office: Office, now: datetime) -> list[InForce]:
    """The warnings that hold. One whose time is over is none, also before the worker has come to end it."""
    w = db.warnings.c
    live = (w.city_id == office.city_id, w.state == "live", w.expires_at.is_(None) | (w.expires_at > now))
    named = (w.id, w.chain_id, w.hazard, w.colour, w.regions, w.drawn, w.received_at, w.expires_at, w.deed)
    found = await tx.execute(select(*named).where(*live))
    return [
        InForce(
            id=row.id,
            chain_id=row.chain_id,
            hazard=row.hazard,
            colour=row.colour,
            ground=warned(row.regions, row.drawn, office.city),
            received_at=row.received_at,
            expires_at=row.expires_at,
            begins=row.deed == "opens",
        )
        for row in found
    ]


async def _past(tx: AsyncConnection, office: Office, chains: Sequence[UUID]) -> list[Campaign]:
    """Campaigns that are over and were about these chains."""
    if not chains:
        return []
    c = db.campaigns.c
    about = c.chains.bool_op("&&")(cast(list(chains), ARRAY(Uuid)))
    query = rows.select_rows(Campaign, office, c.closed_at.is_not(None), about)
    return await rows.fetch(tx, office, Campaign, query)


async def _ends(tx: AsyncConnection, office: Office, chains: Sequence[UUID]) -> Ends:
    """When and how chains last ended: lifted, or their time was over."""
    if not chains:
        return {}
    w = db.warnings.c
    over = (w.city_id == office.city_id, w.chain_id.in_(chains), w.state.in_(("lifted", "over")))
    query = select(w.chain_id, w.state, func.max(w.state_since).label("at")).where(*over).group_by(w.chain_id, w.state)
    ended: dict[UUID, tuple[datetime, Any]] = {}
    for row in await tx.execute(query.order_by("at")):
        ended[row.chain_id] = (row.at, "lifted" if row.state == "lifted" else "expired")
    return ended


# --- proposals that nobody answers -----------------------------------------------------------------------------------


async def due_proposals(tx: AsyncConnection, office: Office, now: datetime) -> list[UUID]:
    """The proposals that nobody has answered in time."""
    c = db.campaigns.c
    query = select(c.id).where(c.city_id == office.city_id, c.state == "proposed", c.escalates_at <= now)
    return list((await tx.execute(query.order_by(c.escalates_at))).scalars())


async def go_up(office: Office, campaign_id: UUID, command: Command) -> bool:
    """The next ones hear that it waits. It never opens by itself. False when somebody has answered meanwhile."""
    wait = timedelta(seconds=office.city.policy.campaign.approve_within.seconds)
    async with office.begin() as tx:
        await rows.hold(tx, office)
        before = await rows.get(tx, office, campaign_id)
        after = states.gone_up(before, now=command.now, wait=wait)
        if after is None:
            return False
        told, facts = states.ASKED[after.level], {"level": after.level}
        change = Change(kind="campaign.escalated", campaign=after, rows=[(before, after)], facts=facts, told=told)
        await record(tx, office, command, change)
    return True


# --- teams that were called in ---------------------------------------------------------------------------------------


async def due_arrivals(tx: AsyncConnection, office: Office, now: datetime) -> list[UUID]:
    """The calls whose team is on duty by now."""
    return [row.id for row in await tx.execute(_arrivals(office, now))]


def _arrivals(office: Office, now: datetime) -> Any:
    c, k, p = db.campaign_calls.c, db.campaigns.c, db.presence.c
    joined = db.campaign_calls.join(db.campaigns, and_(k.city_id == c.city_id, k.id == c.campaign_id))
    joined = joined.join(db.presence, and_(p.city_id == c.city_id, p.team_id == c.team_id))
    there = (p.state == "on_duty", p.state_since <= now, k.state == "running")
    query = select(c.id, p.state_since).select_from(joined)
    return query.where(c.city_id == office.city_id, c.came_at.is_(None), *there).order_by(c.called_at, c.id)


async def note_arrival(office: Office, call_id: UUID, command: Command) -> bool:
    """The team answered by going on duty. False when that was noted, or it has gone again."""
    async with office.begin() as tx:
        await rows.hold(tx, office)
        found = (await tx.execute(_arrivals(office, command.now).where(db.campaign_calls.c.id == call_id))).first()
        if found is None:
            return False
        query = rows.select_rows(CalledIn, office, db.campaign_calls.c.id == call_id)
        [before] = await rows.fetch(tx, office, CalledIn, query)
        one = await rows.get(tx, office, before.campaign_id)
        came_at = max(found.state_since, before.called_at)
        after = msgspec.structs.replace(before, came_at=came_at)
        facts = {"team_id": after.team_id, "after_s": (came_at - after.called_at).total_seconds()}
        change = Change(kind="campaign.came", campaign=one, rows=[(before, after)], facts=facts, teams=[after.team_id])
        await record(tx, office, command, change)
    return True
