"""Campaigns 专项行动: what runs and where, and what a person does: open one by hand, approve, decline, close. Begin at `open_by_hand`.

What warnings do by themselves is in `keeping`; which step that is, in `following`. Other parts ask `running`, `get` and `ground`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from shapely.geometry.base import BaseGeometry
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.permissions import Object
from backend.campaign import going, rows, states
from backend.campaign.following import Own
from backend.campaign.ground import Ground, meet, outermost, shape_of
from backend.campaign.hazard import HAZARD_NAMES
from backend.campaign.plan import PlanNow, by_hand, season
from backend.campaign.recording import CampaignDone, Change, earlier, record
from backend.campaign.records import Campaign
from backend.city import City
from backend.dispatch.change import Command
from backend.dispatch.words import readable
from backend.errors import Conflict, Invalid
from backend.ids import new_id
from backend.office import Office
from backend.policy import Colour, Hazard

STAYS_ENDED: Final = timedelta(hours=12)
"""So long measured weather opens nothing after somebody has ended what it opened: the rest of that night or day."""


class ToOpen(Struct, frozen=True, kw_only=True):
    """What somebody opens by hand. colour: None for the hazard's mildest plan. regions: codes, none for the whole city. note: why.
    ends_at: None until somebody closes it."""

    hazard: Hazard
    note: str
    colour: Colour | None = None
    regions: list[str] = []
    ends_at: datetime | None = None


class Seen(Struct, frozen=True, kw_only=True):
    """Weather as it was measured that opens a campaign. felt_c: by which formula; measured: what it was computed from, with units.

    ends_at: until when it is sure to be so; measured again, the campaign goes on. regions: none for the whole city.
    """

    hazard: Hazard
    felt_c: float
    formula: Literal["wind_chill", "heat_index"]
    measured: dict[str, Any]
    ends_at: datetime
    regions: list[str] = []


async def running(tx: AsyncConnection, office: Office) -> list[Campaign]:
    """Those that run, oldest first; a proposal does not yet."""
    c = db.campaigns.c
    query = rows.select_rows(Campaign, office, c.state == "running").order_by(c.opened_at, c.id)
    return await rows.fetch(tx, office, Campaign, query)


async def get(tx: AsyncConnection, office: Office, campaign_id: UUID) -> Campaign:
    """The campaign in whatever state. Raises NotFound."""
    return await rows.get(tx, office, campaign_id)


def ground(campaign: Campaign, city: City) -> BaseGeometry:
    """The warned part of the city, in WGS-84 degrees."""
    return shape_of(campaign.ground, city)


async def since(tx: AsyncConnection, office: Office, moment: datetime, *, open_only: bool) -> Sequence[Campaign]:
    """Those that are not over, and unless `open_only` those proposed since then; newest first."""
    c = db.campaigns.c
    is_open = c.closed_at.is_(None)
    wanted = is_open if open_only else is_open | (c.proposed_at >= moment)
    query = rows.select_rows(Campaign, office, wanted).order_by(c.proposed_at.desc(), c.id.desc())
    return await rows.fetch(tx, office, Campaign, query.limit(500))


async def open_by_hand(office: Office, wanted: ToOpen, command: Command) -> CampaignDone:
    """It runs at once: whoever may open one need not ask. Raises Invalid (field), Conflict `already_open`."""
    command.demand(office, "campaign:open")
    here = _ground(office, wanted.regions)
    _demand_ground(office, command, here.regions)
    plan = _plan_by_hand(office, wanted, command.now)
    async with office.begin() as tx:
        if (first := await earlier(tx, office, command)) is not None:
            return first
        await rows.hold(tx, office)
        if (same := await _open_there(tx, office, here, hazard=wanted.hazard)) is not None:
            zh = f"这里的{HAZARD_NAMES[same.hazard][0]}专项行动 {same.number} 已在进行或待批。"
            raise Conflict(zh, f"Campaign {same.number} is open there already.", code="already_open", id=str(same.id))
        own = Own(colour=wanted.colour, regions=list(here.regions), ends_at=wanted.ends_at)
        one = await begun(
            tx, office, command, wanted.hazard, wanted.colour, plan, here,
            cause="hand", basis=msgspec.to_builtins(own), expires_at=wanted.ends_at, note=readable(wanted.note) or None,
        )  # fmt: skip
        return await record(tx, office, command, *await opened(tx, office, None, one, command.now))


def _ground(office: Office, regions: Sequence[str]) -> Ground:
    for n, code in enumerate(regions):
        if code not in office.city.regions and code != office.city_id:
            raise Invalid(f"没有代码为“{code}”的辖区。", f"There is no region '{code}'.", field=f"regions[{n}]")
    return Ground(outermost(regions or office.city.whole, office.city))


def _demand_ground(office: Office, command: Command, regions: Sequence[str]) -> None:
    """Leave over all of the ground: who answers for one district does not set the others going."""
    for code in regions:
        command.demand(office, "campaign:open", Object(regions=office.city.lineage([code])))


def _plan_by_hand(office: Office, wanted: ToOpen, now: datetime) -> PlanNow:
    if wanted.ends_at is not None and wanted.ends_at.tzinfo is None:
        raise Invalid("结束时间须带时区。", "The end has to say its time zone.", field="ends_at")
    if wanted.ends_at is not None and wanted.ends_at <= now:
        raise Invalid("结束时间须在现在之后。", "It has to end later than now.", field="ends_at")
    plan = by_hand(office.city.policy.campaign.plans, wanted.hazard, wanted.colour)
    if plan is None:
        zh = f"规则文件中没有{HAZARD_NAMES[wanted.hazard][0]}这一等级的预案。"
        en = f"The policy has no plan for {HAZARD_NAMES[wanted.hazard][1]} of that colour."
        raise Invalid(zh, en, field="hazard", code="no_plan")
    return plan


async def _open_there(
    tx: AsyncConnection, office: Office, here: Ground, *, hazard: Hazard, or_season: bool = False
) -> Campaign | None:
    """The open campaign of this hazard, or of any of its season, on the same ground."""
    for one in await rows.open_ones(tx, office):
        alike = one.season == season(hazard) if or_season else one.hazard == hazard
        if alike and meet(one.ground, here, office.city):
            return one
    return None


async def begun(
    tx: AsyncConnection,
    office: Office,
    command: Command,
    hazard: Hazard,
    colour: Colour | None,
    plan: PlanNow,
    here: Ground,
    **more: Any,
) -> Campaign:
    """A new one with the day's next number. Under `rows.hold`."""
    day = f"Z{office.city.local_day(command.now)}"
    n = db.campaigns.c.number
    query = select(func.count()).where(db.campaigns.c.city_id == office.city_id, n.startswith(day))
    number = f"{day}{((await tx.execute(query)).scalar() or 0) + 1:02d}"
    wait = timedelta(seconds=office.city.policy.campaign.approve_within.seconds)
    by = command.by.id
    return states.begun(new_id(), number, hazard, colour, plan, here, now=command.now, by=by, wait=wait, **more)


async def opened(
    tx: AsyncConnection, office: Office, before: Campaign | None, one: Campaign, now: datetime
) -> list[Change]:
    """What is told of one that begins: that it is proposed; or that it runs, with its points and the teams called in."""
    if one.state == "proposed":
        told = states.ASKED[0]
        return [Change(kind="campaign.proposed", campaign=one, rows=[(before, one)], told=told)]
    points, unknown = await going.points(tx, office, one, now)
    facts = {"points_unknown": unknown} if unknown else {}
    begins = Change(
        kind="campaign.opened", campaign=one, rows=[(before, one), *points], facts=facts, told=one.plan.tell
    )
    return [begins, *await going.call_in(tx, office, one, now)]


async def open_observed(office: Office, seen: Seen, command: Command) -> CampaignDone | None:
    """Measured weather opens a campaign by the plan of `[campaign.observed] colour`, or prolongs the one that it opened before.

    None where nothing is to be done: another campaign of that season runs there, somebody has ended it within `STAYS_ENDED`,
    or there is no plan. For the system, whoever wrote the values down; asked again with the same, it changes nothing.
    """
    command.demand(office, "campaign:open")
    colour = office.city.policy.campaign.observed.colour
    here = _ground(office, seen.regions)
    plan = None if colour == "none" else by_hand(office.city.policy.campaign.plans, seen.hazard, colour)
    if plan is None or colour == "none" or seen.ends_at <= command.now:
        return None
    basis = {
        **msgspec.to_builtins(Own(colour=colour, regions=list(here.regions), ends_at=seen.ends_at)),
        **_facts(seen),
    }
    async with office.begin() as tx:
        await rows.hold(tx, office)
        if (same := await _open_there(tx, office, here, hazard=seen.hazard, or_season=True)) is not None:
            return await _seen_again(tx, office, same, basis, seen, command)
        if await _was_ended(tx, office, seen.hazard, command.now):
            return None
        one = await begun(
            tx, office, command, seen.hazard, colour, plan, here, cause="observed", basis=basis, expires_at=seen.ends_at
        )
        return await record(tx, office, command, *await opened(tx, office, None, one, command.now))


def _facts(seen: Seen) -> dict[str, Any]:
    return {"felt_c": seen.felt_c, "formula": seen.formula, "measured": seen.measured}


async def _seen_again(
    tx: AsyncConnection, office: Office, one: Campaign, basis: dict[str, Any], seen: Seen, command: Command
) -> CampaignDone | None:
    """It goes on for longer, when it was opened by what was measured and that holds for longer."""
    own = msgspec.convert(one.basis, Own) if one.cause == "observed" and one.hazard == seen.hazard else None
    if own is None or own.ends_at is None or own.ends_at >= seen.ends_at:
        return None
    until = None if one.expires_at is None else max(one.expires_at, seen.ends_at)
    after = msgspec.structs.replace(one, basis=basis, expires_at=until)
    return await record(
        tx, office, command, Change(kind="campaign.prolonged", campaign=after, rows=[(one, after)], facts=_facts(seen))
    )


async def _was_ended(tx: AsyncConnection, office: Office, hazard: Hazard, now: datetime) -> bool:
    """Whether somebody ended or declined what was measured, and it is still the same night or day."""
    c = db.campaigns.c
    by_somebody = (c.state == "declined") | (c.close_reason == "hand")
    over = (c.cause == "observed", c.hazard == hazard, c.closed_at > now - STAYS_ENDED, by_somebody)
    return bool((await tx.execute(select(c.id).where(c.city_id == office.city_id, *over).limit(1))).first())


async def approve(office: Office, campaign_id: UUID, note: str | None, command: Command) -> CampaignDone:
    """A proposal runs. Raises Conflict `not_proposed`."""
    async with office.begin() as tx:
        if (first := await earlier(tx, office, command)) is not None:
            return first
        before = await _held(tx, office, campaign_id, command)
        after = states.approved(before, now=command.now, by=command.by.id, answer=readable(note) or None)
        return await record(tx, office, command, *await opened(tx, office, before, after, command.now))


async def decline(office: Office, campaign_id: UUID, note: str, command: Command) -> CampaignDone:
    """Nothing is done unless the warning gets graver. Raises Conflict `not_proposed`."""
    async with office.begin() as tx:
        if (first := await earlier(tx, office, command)) is not None:
            return first
        before = await _held(tx, office, campaign_id, command)
        after = states.declined(before, now=command.now, by=command.by.id, answer=readable(note))
        told = states.ASKED[before.level]
        change = Change(kind="campaign.declined", campaign=after, rows=[(before, after)], told=told)
        return await record(tx, office, command, change)


async def close(office: Office, campaign_id: UUID, note: str, command: Command) -> CampaignDone:
    """Over before its warning is. Raises Conflict `not_running`."""
    async with office.begin() as tx:
        if (first := await earlier(tx, office, command)) is not None:
            return first
        before = await _held(tx, office, campaign_id, command)
        after = states.closed(before, "hand", now=command.now, by=command.by.id, answer=readable(note))
        return await record(tx, office, command, await closing(tx, office, before, after))


async def closing(tx: AsyncConnection, office: Office, before: Campaign, after: Campaign) -> Change:
    """What is told of one that ends: its points close with it."""
    assert after.closed_at is not None
    there = [one for one in await rows.points_of(tx, office, after.id) if one.state != "closed"]
    points = [(one, going.closed_point(one, after.closed_at, after.closed_by)) for one in there]
    told = after.plan.tell if before.state == "running" else states.ASKED[before.level]
    facts = {"reason": after.close_reason}
    return Change(kind="campaign.closed", campaign=after, rows=[(before, after), *points], facts=facts, told=told)


async def _held(tx: AsyncConnection, office: Office, campaign_id: UUID, command: Command) -> Campaign:
    """The campaign, kept from others; raises unless the one who acts answers for all of its ground."""
    command.demand(office, "campaign:open")
    await rows.hold(tx, office)
    one = await rows.get(tx, office, campaign_id)
    command.demand(office, "campaign:read", one.as_object(office.city))
    _demand_ground(office, command, one.regions)
    return one
