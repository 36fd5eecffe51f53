"""How the ground of a campaign is covered: all cells, and one with its reasons and looks."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter

from backend.access.actor import Actor
from backend.campaign import coverage
from backend.campaign.coverage import CellFile, Coverage
from backend.office import Office


class SweepsSeen(Controller):
    """巡查覆盖."""

    path = "/api/campaigns/{campaign_id:uuid}"
    tags = ("专项行动 Campaigns",)

    @get("/coverage", summary="巡查覆盖 Coverage")
    async def coverage(
        self,
        campaign_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Coverage:
        """所有网格的现状、各队路线和合计；超期另注。 Every cell as it stands, the teams' tours, and totals; what is overdue is marked."""
        async with office.db.connect() as tx:
            return await coverage.coverage(tx, office, by, campaign_id, now)

    @get("/cells/{cell:str}", summary="一个网格 One cell")
    async def cell(
        self,
        campaign_id: FromPath[UUID],
        cell: Annotated[str, PathParameter(pattern=r"^[0-9a-f]{15}$")],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> CellFile:
        """为什么巡查这里（得分的组成，以文字说明）、谁何时来过、谁说到不了。

        Why it is looked at (the parts of its score, in words), who was there when, who said that it cannot be reached.
        """
        async with office.db.connect() as tx:
            return await coverage.cell_file(tx, office, by, campaign_id, cell, now)
