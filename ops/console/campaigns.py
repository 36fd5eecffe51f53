"""Campaigns: the list and all of one; opened by hand, approved, declined, closed; their temporary points."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from backend.access.actor import Actor
from backend.campaign import campaigns, points, reading
from backend.campaign.campaigns import ToOpen
from backend.campaign.reading import CampaignFile
from backend.campaign.recording import CampaignDone
from backend.campaign.records import CampaignShown
from backend.office import Office
from backend.policy import Colour, Hazard
from backend.web import CommandBody, Empty, command
from backend.wording import NOT_BLANK

MOST_DAYS = 1096


Note = Annotated[str, Meta(min_length=1, max_length=500, pattern=NOT_BLANK)]


class OpenCampaign(CommandBody, frozen=True, kw_only=True):
    """colour: none for the hazard's mildest plan. regions: codes, none for the whole city. ends_at: none until it is closed."""

    hazard: Hazard
    note: Note
    colour: Colour | None = None
    regions: Annotated[list[Annotated[str, Meta(min_length=1, max_length=20)]], Meta(max_length=100)] = msgspec.field(
        default_factory=list
    )
    ends_at: datetime | None = None


class MayHaveNote(CommandBody, frozen=True, kw_only=True):
    """note: what is to be heeded, if anything."""

    note: Annotated[str, Meta(max_length=500)] | None = None


class WithNote(CommandBody, frozen=True, kw_only=True):
    """note: why."""

    note: Note


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

    @post("/", summary="启动专项行动 Open a campaign by hand", status_code=201)
    async def open_by_hand(
        self,
        data: JSONBody[OpenCampaign],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> CampaignDone:
        """不等预警，立即启动；须对所选辖区都有权限。 At once, without a warning; by who answers for all of the ground."""
        wanted = ToOpen(
            hazard=data.hazard, colour=data.colour, regions=data.regions, note=data.note, ends_at=data.ends_at
        )
        return await campaigns.open_by_hand(office, wanted, command("campaign.open", None, data, by, now))

    @post("/{campaign_id:uuid}/approve", summary="批准启动 Approve", status_code=200)
    async def approve(
        self,
        campaign_id: FromPath[UUID],
        data: JSONBody[MayHaveNote],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> CampaignDone:
        """待批的专项行动立即启动。 A proposal runs."""
        wanted = command("campaign.approve", campaign_id, data, by, now)
        return await campaigns.approve(office, campaign_id, data.note, wanted)

    @post("/{campaign_id:uuid}/decline", summary="不予启动 Decline", status_code=200)
    async def decline(
        self,
        campaign_id: FromPath[UUID],
        data: JSONBody[WithNote],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> CampaignDone:
        """不启动，直到预警升级。 Nothing is done unless the warning gets graver."""
        wanted = command("campaign.decline", campaign_id, data, by, now)
        return await campaigns.decline(office, campaign_id, data.note, wanted)

    @post("/{campaign_id:uuid}/close", summary="结束专项行动 Close", status_code=200)
    async def close(
        self,
        campaign_id: FromPath[UUID],
        data: JSONBody[WithNote],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> CampaignDone:
        """预警尚未解除也可人工结束，须写明原因。 Over before its warning is, with a reason."""
        wanted = command("campaign.close", campaign_id, data, by, now)
        return await campaigns.close(office, campaign_id, data.note, wanted)

    @post("/{campaign_id:uuid}/points/{facility_id:uuid}/open", summary="开放临时点 Open a point", status_code=200)
    async def open_point(
        self,
        campaign_id: FromPath[UUID],
        facility_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> CampaignDone:
        """临时御寒（防暑）点已开放，队员可送人前往。 It is open: people can be taken there."""
        wanted = command(f"campaign.point_open:{facility_id}", campaign_id, data, by, now)
        return await points.open_point(office, campaign_id, facility_id, wanted)

    @post("/{campaign_id:uuid}/points/{facility_id:uuid}/close", summary="关闭临时点 Close a point", status_code=200)
    async def close_point(
        self,
        campaign_id: FromPath[UUID],
        facility_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> CampaignDone:
        """临时点关闭，或不开放。 It is closed, or will not be opened."""
        wanted = command(f"campaign.point_close:{facility_id}", campaign_id, data, by, now)
        return await points.close_point(office, campaign_id, facility_id, wanted)
