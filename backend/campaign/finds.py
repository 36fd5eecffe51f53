"""Which campaign somebody belongs to whom a patrol found. Reads only."""

from datetime import datetime
from uuid import UUID

import shapely
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.campaign import campaigns, sweep_rows
from backend.campaign.by_hand import ran_at
from backend.campaign.sweep_records import Tour
from backend.errors import NotFound
from backend.intake.report import Prepared
from backend.office import Office


async def campaign_of_find(
    office: Office, team_id: UUID, report: Prepared, at: datetime, *, said: UUID | None
) -> UUID | None:
    """The campaign that the phone names, if it ran then; else that of the tour the team was on, if its ground holds the place.

    None: no campaign. A find is never refused because of it.
    """
    t = db.sweep_tours.c
    then = (t.team_id == team_id, t.planned_at <= at, t.ended_at.is_(None) | (t.ended_at >= at))
    async with office.db.connect() as tx:
        if said is not None and await _ran(tx, office, said, at):
            return said
        place = shapely.Point(report.sighting.lon, report.sighting.lat)
        for tour in await sweep_rows.fetch(tx, office, Tour, *then):
            campaign = await campaigns.get(tx, office, tour.campaign_id)
            if campaigns.ground(campaign, office.city).covers(place):
                return campaign.id
    return None


async def _ran(tx: AsyncConnection, office: Office, campaign_id: UUID, at: datetime) -> bool:
    try:
        return ran_at(await campaigns.get(tx, office, campaign_id), at)
    except NotFound:
        return False
