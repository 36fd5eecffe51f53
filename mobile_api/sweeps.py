"""A crew's own sweep: its tour, and what it says of a cell itself."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body
from msgspec import Meta

from backend.access.actor import Actor
from backend.access.permissions import Object, demand
from backend.campaign import by_hand, coverage
from backend.campaign.by_hand import CellNow
from backend.campaign.coverage import MySweep
from backend.geo.place import Crs, LonLat, locate
from backend.office import Office
from backend.phone_clock import PhoneClock
from backend.web import WithReason, command
from mobile_api.officer import my_team

CellName = Annotated[str, Meta(pattern=r"^[0-9a-f]{15}$")]
"""An H3 cell as 15 hexadecimal digits."""


class Passed(WithReason, frozen=True, kw_only=True):
    """Why the cell cannot be reached: closed, unsafe, …"""

    campaign_id: UUID
    cell: CellName


class Looked(WithReason, frozen=True, kw_only=True):
    """Why the track does not show that the crew was there; where the phone was, if it knows."""

    campaign_id: UUID
    cell: CellName
    lon: float | None = None
    lat: float | None = None
    crs: Crs = Crs.WGS84


LOOKED_EXAMPLE = Example(
    summary="地下室无信号 No signal in a basement",
    value={
        "campaign_id": "01574091-2f00-7000-8000-000000000001",
        "cell": "8930e1d8a5bffff",
        "reason": "地下车库无信号，已逐层看过",
    },
)
PASSED_EXAMPLE = Example(
    summary="施工封闭 Closed off",
    value={
        "campaign_id": "01574091-2f00-7000-8000-000000000001",
        "cell": "8930e1d8a5bffff",
        "reason": "施工围挡，进不去",
    },
)


class Sweeps(Controller):
    """The sweep of the own team 本队巡查."""

    path = "/api/officer/sweep"
    tags = ("队伍 Officer",)

    @get(summary="本队巡查路线 My team's tour")
    async def mine(
        self, by: NamedDependency[Actor], office: NamedDependency[Office], now: NamedDependency[datetime]
    ) -> MySweep:
        """行动、预警标题、每人物资和路线；没有行动或路线时为空。格子由轨迹自动记录到访。

        The campaign, the warning's headline, supplies per person, and the tour; null where there is none. Cells are ticked off by the
        team's own track.
        """
        team_id = my_team(by)
        demand(office.city.policy.roles, by, "sweep:do", Object(teams=[team_id]))
        async with office.db.connect() as tx:
            return await coverage.my_sweep(tx, office, by, team_id, now)

    @post("/looks", summary="手动记录到访 We were there", status_code=200)
    async def looked(
        self,
        data: Annotated[Looked, Body(examples=[LOOKED_EXAMPLE])],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> CellNow:
        """轨迹记不到时使用，须说明原因；标为“手动”，发现概率按较低计。

        Where the track does not show it; with a reason. Marked as by hand, and counted as finding fewer.
        """
        team_id = my_team(by)
        demand(office.city.policy.roles, by, "sweep:do", Object(teams=[team_id]))
        place: LonLat | None = None
        if data.lon is not None and data.lat is not None:
            place = locate(data.lon, data.lat, data.crs, office.city.area).place
        wanted = command("sweep.look", data.campaign_id, data, by, now, phone)
        return await by_hand.look(office, data.campaign_id, data.cell, data.reason, team_id, wanted, place=place)

    @post("/pass", summary="到不了 It cannot be reached", status_code=200)
    async def passed(
        self,
        data: Annotated[Passed, Body(examples=[PASSED_EXAMPLE])],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> CellNow:
        """转给其他队伍；两支队伍都说到不了的，从巡查中去掉并注明。

        It goes to another team; when two teams say so it is dropped from the sweep, with the reason.
        """
        team_id = my_team(by)
        demand(office.city.policy.roles, by, "sweep:do", Object(teams=[team_id]))
        wanted = command("sweep.pass", data.campaign_id, data, by, now, phone)
        return await by_hand.pass_by(office, data.campaign_id, data.cell, data.reason, team_id, wanted)
