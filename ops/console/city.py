"""The city at a glance: board, events, teams, the rescue circle, regions, facilities, the policy in force."""

from datetime import datetime
from typing import Literal, cast
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct
from sqlalchemy import select

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed, demand
from backend.dispatch import board
from backend.dispatch.board import Board, TeamShown
from backend.dispatch.circle_watch import Watch
from backend.errors import Unavailable
from backend.geo.place import LonLat
from backend.intake import weather
from backend.intake.triage import WeatherNow
from backend.live.visibility import may_see
from backend.office import Office
from backend.patrol import duty
from backend.patrol.duty import DutyState, Presence
from backend.patrol.teams import get_team
from backend.policy import Policy
from ops.console.cases import EventPage

LevelName = Literal["province", "city", "district", "street", "community"]


class CircleCell(Struct, frozen=True):
    """One H3 cell: minutes to the nearest free team (None: none comes), whose it is, its weight of risk."""

    cell: str
    minutes: float | None
    team_id: str | None
    weight: float


class CircleNow(Struct, frozen=True, kw_only=True):
    """The rescue circle. share: of the risk-weighted city that is reached in `within_min`, 0-1. gaps: cells outside."""

    at: datetime
    within_min: float
    share: float
    teams_free: int
    basis: str
    cells: list[CircleCell]
    gaps: list[str]


class BoardNow(Struct, frozen=True, kw_only=True):
    """The board, and the number in the log that it is the picture of."""

    seq: int
    now: datetime
    board: Board


class RegionShown(Struct, frozen=True):
    """code: GB/T 2260. parent: the code of the one it lies in."""

    code: str
    name: str
    level: LevelName
    parent: str | None


class Facility(Struct, frozen=True, kw_only=True):
    """Where people can be taken. takes: whom. Places in WGS-84 degrees."""

    id: UUID
    code: str
    kind: str
    name: str
    address: str | None
    phone: str | None
    lon: float
    lat: float
    capacity: int | None
    takes: list[str]


class PolicyNow(Struct, frozen=True):
    """The policy in force and the digest that every decision stores."""

    digest: str
    policy: Policy


class TeamDuty(Struct, frozen=True, forbid_unknown_fields=True):
    """What the team is to be."""

    state: DutyState


class CityNow(Controller):
    """辖区态势."""

    path = "/api"
    tags = ("态势 The city now",)

    @get("/board", summary="全局看板 The board")
    async def board(
        self, by: NamedDependency[Actor], office: NamedDependency[Office], now: NamedDependency[datetime]
    ) -> BoardNow:
        """与实时通道的快照相同。 The same as the live feed's snapshot, with its sequence."""
        demand(office.city.policy.roles, by, "case:read")
        async with office.db.connect() as connection:
            tx = await connection.execution_options(isolation_level="REPEATABLE READ")
            seq, _ = await log.head(tx, office.city_id)
            shown = msgspec.convert(await board.snapshot(tx, office, by, now), Board)
        return BoardNow(seq=seq, now=now, board=shown)

    @get("/events", summary="事件日志 The event log")
    async def events(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        after: FromQuery[int] = 0,
        limit: FromQuery[int] = 200,
    ) -> EventPage:
        """按序号翻页；只含您有权查看的事件。 By sequence; only what you may see (as on the feed)."""
        demand(office.city.policy.roles, by, "event:read")
        async with office.db.connect() as tx:
            page = await log.since(tx, office.city_id, after, limit=max(1, min(limit, 1000)))
        roles = office.city.policy.roles
        return EventPage([e for e in page if may_see(roles, by, e)], page[-1].seq if page else None)

    @get("/teams", summary="巡查队 Teams")
    async def teams(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[TeamShown]:
        """含在岗状态与最新位置。 With presence and last position."""
        demand(office.city.policy.roles, by, "team:read")
        async with office.db.connect() as tx:
            return msgspec.convert(await board.teams_of(tx, office, by), list[TeamShown])

    @post("/teams/{team_id:uuid}/duty", summary="调整在岗状态 Set a team's duty", status_code=200)
    async def set_duty(
        self,
        team_id: FromPath[UUID],
        data: JSONBody[TeamDuty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Presence:
        """由派遣员代队伍操作。 A dispatcher for the team."""
        async with office.db.connect() as tx:
            team = await get_team(tx, office, team_id)
        what = Object(regions=office.city.lineage(team.regions), teams=[team_id])
        demand(office.city.policy.roles, by, "team:duty", what)
        return await duty.set_duty(office, team_id, data.state, by=by, now=now)

    @get("/circle", summary="救助圈 The rescue circle now")
    async def circle(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        watch: NamedDependency[Watch],
        now: NamedDependency[datetime],
    ) -> CircleNow:
        """每个网格到最近空闲队伍的分钟数。 Minutes from the nearest free team to every cell."""
        demand(office.city.policy.roles, by, "circle:read")
        async with office.db.connect() as tx:
            picture = await watch.picture(tx, now)
        if picture is None:
            raise Unavailable(
                "尚未导入道路，无法计算救助圈。", "No roads are loaded, so there is no circle.", code="no_roads"
            )
        circle = picture.circle
        cells = [
            CircleCell(cell, round(s / 60, 1) if s < float("inf") else None, team, picture.weights.get(cell, 0.0))
            for cell, s, team in zip(circle.cells, circle.seconds.tolist(), circle.team_ids, strict=True)
        ]
        return CircleNow(
            at=picture.at,
            within_min=circle.limit_s / 60,
            share=round(picture.share, 4),
            teams_free=picture.teams_free,
            basis=circle.basis,
            cells=cells,
            gaps=circle.gaps(),
        )

    @get("/weather", summary="当前天气 The weather now")
    async def weather(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> WeatherNow:
        """影响路上时间与危险判断。 Roads are slower in it; being outside may be a danger."""
        demand(office.city.policy.roles, by, "circle:read")
        async with office.db.connect() as tx:
            return await weather.current(tx, office)

    @post("/weather", summary="设置天气 Set the weather", status_code=200)
    async def set_weather(
        self,
        data: JSONBody[WeatherNow],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> WeatherNow:
        """状态取规则文件 [weather.speed] 中的名称。 state is one of the policy's `[weather.speed]`."""
        return await weather.set_weather(office, data, by=by, now=now)

    @get("/regions", summary="辖区 Regions")
    async def regions(self, office: NamedDependency[Office]) -> list[RegionShown]:
        """代码、名称与上级；公开。 Codes, names and parents; public."""
        return [
            RegionShown(r.code, r.name, cast(LevelName, r.level.name.lower()), r.parent) for r in office.city.regions
        ]

    @get("/facilities", summary="救助机构 Facilities")
    async def facilities(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[Facility]:
        """庇护场所只对本辖区有权查看的人员公开。 Shelter places are never public: only for their own region's staff."""
        f = db.facilities
        columns = [f.c[name] for name in Facility.__struct_fields__]
        query = select(*columns, f.c.hidden).where(f.c.city_id == office.city_id).order_by(f.c.code)
        async with office.db.connect() as tx:
            rows = (await tx.execute(query)).all()
        shown = [row._asdict() for row in rows if not row.hidden or _may_know(office, by, LonLat(row.lon, row.lat))]
        return [Facility(**{name: row[name] for name in Facility.__struct_fields__}) for row in shown]

    @get("/policy", summary="现行规则 The policy in force")
    async def policy(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> PolicyNow:
        """含摘要；每次派遣决策都记录该摘要。 With the digest that every decision stores."""
        demand(office.city.policy.roles, by, "policy:read")
        policy = office.city.policy
        return PolicyNow(policy.digest, policy)


def _may_know(office: Office, by: Actor, place: LonLat) -> bool:
    """Whether the actor may learn of a hidden place here."""
    what = Object(regions=office.city.regions_of(place))
    return allowed(office.city.policy.roles, by, "facility:read", what)
