"""Campaigns as screens are shown them: the list, and the file of one with its warnings, points, teams and history. Reads only."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import shapely
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import allowed, demand
from backend.campaign import campaigns, warnings
from backend.campaign.hazard import COLOUR_NAMES
from backend.campaign.plan import SEASON_NAMES
from backend.campaign.records import CLOSE_REASONS, Campaign, CampaignShown, PointState
from backend.campaign.warnings import WarningKept
from backend.dispatch.past import last_until
from backend.office import Office

MOST_EVENTS = 500
EVENT_NAMES: dict[str, tuple[str, str]] = {
    "campaign.proposed": ("提请启动", "proposed"),
    "campaign.escalated": ("无人批复，上报", "nobody answered: told further up"),
    "campaign.opened": ("启动", "opened"),
    "campaign.declined": ("不予启动", "declined"),
    "campaign.upgraded": ("升级", "upgraded"),
    "campaign.downgraded": ("降级", "downgraded"),
    "campaign.prolonged": ("延续", "goes on"),
    "campaign.closed": ("结束", "closed"),
    "campaign.point_opened": ("临时点开放", "a temporary point opened"),
    "campaign.point_closed": ("临时点关闭", "a temporary point closed"),
    "campaign.called_in": ("召集队伍", "teams called in"),
    "campaign.came": ("被召集的队伍上岗", "a team that was called in came"),
}


class PointShown(Struct, frozen=True, kw_only=True):
    """A temporary point of a campaign with what the facility is called and where it is (WGS-84)."""

    facility_id: UUID
    code: str
    name: str
    address: str | None
    lon: float
    lat: float
    capacity: int | None
    state: PointState
    wanted_at: datetime
    opened_at: datetime | None
    opened_by: str | None
    closed_at: datetime | None
    closed_by: str | None


class CalledInShown(Struct, frozen=True, kw_only=True):
    """A team that was called in. why: minutes to the ground, hours of rest. came_at: None until it went on duty."""

    team_id: UUID
    code: str
    name: str
    called_at: datetime
    why: dict[str, Any]
    came_at: datetime | None


class RoleTold(Struct, frozen=True, kw_only=True):
    """A role that was told, and when first."""

    role: str
    at: datetime


class Happened(Struct, frozen=True, kw_only=True):
    """One event of the campaign in words. data: what the log says of it."""

    seq: int
    at: datetime
    kind: str
    zh: str
    en: str
    by: str
    data: dict[str, Any]


class CampaignFile(Struct, frozen=True, kw_only=True):
    """All of one campaign. warnings: of its chains, newest first. ground: GeoJSON in WGS-84."""

    campaign: CampaignShown
    ground: dict[str, Any]
    warnings: list[WarningKept]
    points: list[PointShown]
    called_in: list[CalledInShown]
    told: list[RoleTold]
    history: list[Happened]


def shown(campaign: Campaign) -> CampaignShown:
    """Without what only the machine needs."""
    zh, en = SEASON_NAMES[campaign.season]
    named = set(CampaignShown.__struct_fields__) - {"is_drawn", "season_zh", "season_en", "waits"}
    values = {name: getattr(campaign, name) for name in named}
    waits = campaign.state == "proposed" and campaign.level > 0
    return CampaignShown(**values, is_drawn=campaign.drawn is not None, season_zh=zh, season_en=en, waits=waits)


async def list_campaigns(
    tx: AsyncConnection, office: Office, by: Actor, *, since: datetime, open_only: bool = False
) -> list[CampaignShown]:
    """Those that are not over, and unless `open_only` those of that time; newest first."""
    roles = office.city.policy.roles
    demand(roles, by, "campaign:read")
    found = await campaigns.since(tx, office, since, open_only=open_only)
    return [shown(one) for one in found if allowed(roles, by, "campaign:read", one.as_object(office.city))]


async def campaign_file(
    tx: AsyncConnection, office: Office, by: Actor, campaign_id: UUID, now: datetime
) -> CampaignFile:
    """All of one. Raises NotFound, NotAllowed."""
    roles = office.city.policy.roles
    demand(roles, by, "campaign:read")
    campaign = await campaigns.get(tx, office, campaign_id)
    demand(roles, by, "campaign:read", campaign.as_object(office.city))
    history = await _history(tx, office, campaign, now)
    shape = shapely.to_geojson(campaigns.ground(campaign, office.city))
    return CampaignFile(
        campaign=shown(campaign),
        ground=msgspec.json.decode(shape),
        warnings=await warnings.of_chains(tx, office, campaign.chains),
        points=await _points(tx, office, campaign_id),
        called_in=await _called_in(tx, office, campaign_id),
        told=_told(history),
        history=history,
    )


async def _points(tx: AsyncConnection, office: Office, campaign_id: UUID) -> list[PointShown]:
    p, f = db.campaign_points.c, db.facilities.c
    mine = [getattr(p, n) for n in PointShown.__struct_fields__ if n in p]
    theirs = [getattr(f, n) for n in PointShown.__struct_fields__ if n in f and n not in p]
    joined = db.campaign_points.join(db.facilities, (f.city_id == p.city_id) & (f.id == p.facility_id))
    query = select(*mine, *theirs).select_from(joined).where(p.city_id == office.city_id, p.campaign_id == campaign_id)
    return [PointShown(**row._mapping) for row in await tx.execute(query.order_by(f.code))]


async def _called_in(tx: AsyncConnection, office: Office, campaign_id: UUID) -> list[CalledInShown]:
    c, t = db.campaign_calls.c, db.teams.c
    joined = db.campaign_calls.join(db.teams, (t.city_id == c.city_id) & (t.id == c.team_id))
    columns = (c.team_id, t.code, t.name, c.called_at, c.why, c.came_at)
    query = select(*columns).select_from(joined).where(c.city_id == office.city_id, c.campaign_id == campaign_id)
    return [CalledInShown(**row._mapping) for row in await tx.execute(query.order_by(c.called_at, t.code))]


async def _history(tx: AsyncConnection, office: Office, campaign: Campaign, now: datetime) -> list[Happened]:
    """Read between its beginning and its end, for which the log's numbers are halved: kinds have no index."""
    e = db.events.c
    before = await last_until(tx, office, campaign.proposed_at - timedelta(microseconds=1))
    last = await last_until(tx, office, campaign.closed_at or now)
    mine = (e.city_id == office.city_id, e.seq > before, e.seq <= last, e.kind.like("campaign.%"))
    query = select(*(e[name] for name in log.Event.__struct_fields__)).where(
        *mine, e.data["campaign_id"].astext == str(campaign.id)
    )
    events = [log.Event(**row._mapping) for row in await tx.execute(query.order_by(e.seq).limit(MOST_EVENTS))]
    return [_happened(event) for event in events]


def _happened(event: log.Event) -> Happened:
    zh, en = EVENT_NAMES.get(event.kind, (event.kind, event.kind))
    said = {name: value for name, value in event.data.items() if name not in ("rows", "campaign_id")}
    if (colour := said.get("colour")) in COLOUR_NAMES:
        zh, en = f"{zh}（{COLOUR_NAMES[colour][0]}）", f"{en} ({COLOUR_NAMES[colour][1]})"
    if (reason := said.get("reason")) in CLOSE_REASONS:
        zh, en = f"{zh}：{CLOSE_REASONS[reason][0]}", f"{en}: {CLOSE_REASONS[reason][1]}"
    return Happened(seq=event.seq, at=event.occurred_at, kind=event.kind, zh=zh, en=en, by=event.actor["id"], data=said)


def _told(history: Iterable[Happened]) -> list[RoleTold]:
    first: dict[str, datetime] = {}
    for event in history:
        for role in event.data.get("told", ()):
            first.setdefault(role, event.at)
    return [RoleTold(role=role, at=at) for role, at in first.items()]
