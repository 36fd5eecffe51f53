"""The city at a glance: board, events, teams, the rescue circle, regions."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, cast

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from backend import log
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.dispatch import board
from backend.dispatch.board import Board
from backend.dispatch.circle_watch import Watch
from backend.errors import Unavailable
from backend.intake import observed, weather
from backend.intake.observed import Measured, Measurement
from backend.intake.triage import WeatherNow
from backend.live.visibility import may_see
from backend.office import Office
from ops.console.cases import EventPage

MOST_HOURS = 24 * 14
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
        until: FromQuery[int | None] = None,
    ) -> EventPage:
        """按序号翻页，至 until 为止（含）；只含您有权查看的事件。 By sequence, up to `until`; only what you may see (as on the feed)."""
        demand(office.city.policy.roles, by, "event:read")
        async with office.db.connect() as tx:
            page = await log.since(tx, office.city_id, after, limit=max(1, min(limit, 1000)))
        page = page if until is None else [event for event in page if event.seq <= until]
        roles = office.city.policy.roles
        return EventPage([e for e in page if may_see(roles, by, e)], page[-1].seq if page else None)

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
    async def weather(
        self, by: NamedDependency[Actor], office: NamedDependency[Office], now: NamedDependency[datetime]
    ) -> WeatherNow:
        """影响路上时间与危险判断。 Roads are slower in it; being outside may be a danger."""
        demand(office.city.policy.roles, by, "circle:read")
        async with office.db.connect() as tx:
            return await weather.current(tx, office, now)

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

    @get("/weather/observed", summary="观测值 Measurements")
    async def measurements(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        hours: Annotated[int, QueryParameter(ge=1, le=MOST_HOURS)] = 24,
    ) -> list[Measurement]:
        """近期观测值及体感温度，新的在前。 What was measured lately and what it feels like, newest first."""
        demand(office.city.policy.roles, by, "circle:read")
        async with office.db.connect() as tx:
            return await observed.lately(tx, office, now - timedelta(hours=hours), now + observed.AHEAD)

    @post("/weather/observed", summary="上报观测值 Report a measurement", status_code=200)
    async def measure(
        self,
        data: JSONBody[Measured],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Measurement:
        """气象站、合作系统或坐席上报气温（°C）、湿度（%）、风速（米/秒）；同一站同一时刻只记一次。体感温度按风寒或炎热指数换算。

        Temperature (°C), humidity (per cent), wind (m/s) of a station, a partner or a desk; one station's of one moment is kept once.
        What it feels like follows by wind chill or heat index.
        """
        return await observed.keep(office, data, by=by, now=now)

    @get("/regions", summary="辖区 Regions")
    async def regions(self, office: NamedDependency[Office]) -> list[RegionShown]:
        """代码、名称与上级；公开。 Codes, names and parents; public."""
        return [
            RegionShown(r.code, r.name, cast(LevelName, r.level.name.lower()), r.parent) for r in office.city.regions
        ]
