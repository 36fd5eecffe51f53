"""Which cells a campaign covers: its ground scored by what is known, the best of it chosen as the plan says. Begin at `ask`, then `choose`.

What is known is read with an end: a year of sightings by their index, so many at most. Scoring takes a moment: not for the event loop.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from msgspec import Struct
from shapely.geometry.base import BaseGeometry
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.campaign import campaigns, stay_points, sweep
from backend.campaign.records import Campaign
from backend.campaign.score import Past, Scores, Shelter, score
from backend.campaign.stay_points import StayPoint
from backend.campaign.sweep_ground import SweepGround
from backend.city import City
from backend.errors import Invalid
from backend.geo.modes import Mode
from backend.office import Office

LOOKED_BACK: Final = timedelta(days=365)
SIGHTINGS_AT_MOST: Final = 100_000
"""The newest count: what is older weighs next to nothing (score.Params)."""
TAKE_PEOPLE_IN: Final = ("station", "rescue_point", "shelter")
ONLY_WHEN_OPENED: Final = "temporary_point"

_log = structlog.get_logger("sweep")


class Chosen(Struct, frozen=True, kw_only=True):
    """A cell that is to be swept: where to stop, what the stay point there is called, and the parts of its score."""

    cell: str
    lon: float
    lat: float
    name: str | None
    score: float
    why: list[dict[str, Any]]


class Asked(Struct, frozen=True, kw_only=True):
    """What is chosen from. modes: how the city's teams move."""

    campaign: Campaign
    at: datetime
    past: Past
    shelters: list[Shelter]
    modes: list[Mode]


async def ask(office: Office, campaign_id: UUID, now: datetime) -> Asked | None:
    """What is known, read at one moment; None when the campaign is over."""
    async with office.db.connect() as tx:
        campaign = await sweep.running(tx, office, campaign_id)
        if campaign is None:
            return None
        t = db.teams.c
        modes = (await tx.execute(select(t.mode).where(t.city_id == office.city_id, t.active).distinct())).scalars()
        return Asked(
            campaign=campaign,
            at=now,
            past=await past_sightings(tx, office, now),
            shelters=await _shelters(tx, office),
            modes=[Mode(mode) for mode in modes],
        )


async def past_sightings(tx: AsyncConnection, office: Office, now: datetime) -> Past:
    """Where people were seen in the last year, the newest first where they are too many. By the index of their coming in."""
    s = db.sightings.c
    query = select(s.lon, s.lat, s.occurred_at, s.people_count).where(
        s.city_id == office.city_id, s.received_at > now - LOOKED_BACK, s.refusal.is_(None)
    )
    rows = await tx.execute(query.order_by(s.received_at.desc()).limit(SIGHTINGS_AT_MOST))
    return Past.of([(row.lon, row.lat, row.occurred_at, row.people_count) for row in rows])


async def _shelters(tx: AsyncConnection, office: Office) -> list[Shelter]:
    """Where somebody can go now; a temporary point only while it is open."""
    f, p = db.facilities.c, db.campaign_points.c
    opened = select(p.facility_id).where(p.city_id == office.city_id, p.state == "open")
    is_open = f.kind.in_(TAKE_PEOPLE_IN) | ((f.kind == ONLY_WHEN_OPENED) & f.id.in_(opened))
    # A hidden place is told to nobody, not even by a better score around it.
    query = select(f.lon, f.lat).where(f.city_id == office.city_id, is_open, f.hidden.is_(False))
    return [Shelter(lon=row.lon, lat=row.lat) for row in await tx.execute(query)]


def choose(city: City, asked: Asked) -> list[Chosen]:
    """The cells that the plan covers, the best first: those with a stay point, or all; without any known stay point all."""
    area, plan = campaigns.ground(asked.campaign, city), asked.campaign.plan
    scores = _scored(city, area, asked)
    ranked = scores.ranked()
    with_point = [number for number in ranked if scores.best_place(number).why == "stay_point"]
    wanted = with_point if plan.cover == "stay_points" and with_point else ranked
    return [_chosen(scores, number) for number in wanted[: plan.cells]]


def _scored(city: City, area: BaseGeometry, asked: Asked) -> Scores:
    ground = SweepGround.of(city.roads, area, city.policy.circle.sweep_res)
    return score(
        ground,
        asked.past,
        at=asked.at,
        zone=city.zone,
        hazard=asked.campaign.hazard,
        stay_points=_stay_points(city),
        shelters=asked.shelters,
        reach=ground.reachable(asked.modes) if asked.modes else None,
    )


def _stay_points(city: City) -> list[StayPoint]:
    """The city's own; a table that cannot be read is no reason not to look after people."""
    try:
        return stay_points.of_city(city.folder)
    except Invalid as fault:
        _log.error("stay_points", zh=fault.zh, en=fault.en)
        return []


def _chosen(scores: Scores, number: int) -> Chosen:
    place = scores.best_place(number)
    return Chosen(
        cell=scores.ground.cells[number],
        lon=round(place.lon, 6),
        lat=round(place.lat, 6),
        name=place.name,
        score=round(float(scores.score[number]), 5),
        why=[{"code": part.code, "value": part.value} for part in scores.why(number)],
    )
