"""Campaigns 专项行动: what is running, and over which ground. Begin at `running`; how one begins and ends: `opening`, `following`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shapely.geometry.base import BaseGeometry
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.permissions import Object
from backend.campaign import ground as grounds
from backend.campaign import rows
from backend.campaign.ground import Ground
from backend.campaign.records import Campaign
from backend.city import City
from backend.office import Office


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
    return grounds.shape_of(Ground(tuple(campaign.regions), campaign.drawn), city)


def as_object(campaign: Campaign, city: City) -> Object:
    """Whom it concerns: everybody whose ground it is, or lies in theirs."""
    return Object(regions=grounds.concerned(campaign.regions, city))


async def since(tx: AsyncConnection, office: Office, moment: datetime, *, open_only: bool) -> Sequence[Campaign]:
    """Those that are not over, and unless `open_only` those proposed since then; newest first."""
    c = db.campaigns.c
    is_open = c.closed_at.is_(None)
    wanted = is_open if open_only else is_open | (c.proposed_at >= moment)
    query = rows.select_rows(Campaign, office, wanted).order_by(c.proposed_at.desc(), c.id.desc())
    return await rows.fetch(tx, office, Campaign, query.limit(500))
