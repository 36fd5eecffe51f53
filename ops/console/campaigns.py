"""Campaigns: the list, and all of one."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from backend.access.actor import Actor
from backend.campaign import reading
from backend.campaign.reading import CampaignFile
from backend.campaign.records import CampaignShown
from backend.office import Office

MOST_DAYS = 1096


class Campaigns(Controller):
    """专项行动."""

    path = "/api/campaigns"
    tags = ("专项行动 Campaigns",)

    @get("/", summary="专项行动 Campaigns")
    async def known(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        open: FromQuery[bool] = False,  # noqa: A002 - the name in the address
        days: Annotated[int, QueryParameter(ge=1, le=MOST_DAYS)] = 90,
    ) -> list[CampaignShown]:
        """待批的、进行中的和近期的，新的在前。 What is proposed, what runs and what was lately, newest first."""
        async with office.db.connect() as tx:
            return await reading.list_campaigns(tx, office, by, since=now - timedelta(days=days), open_only=open)

    @get("/{campaign_id:uuid}", summary="一次专项行动 One campaign")
    async def one(
        self,
        campaign_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> CampaignFile:
        """预警经过、预案、范围、临时点、召集的队伍和经过。 Its warnings, plan, ground, temporary points, teams called in and history."""
        async with office.db.connect() as tx:
            return await reading.campaign_file(tx, office, by, campaign_id, now)
