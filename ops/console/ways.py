"""Where a team would drive, and where a free one had better stand."""

from datetime import datetime
from typing import Annotated, Literal, cast
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import Object, demand
from backend.dispatch.board import Mode as ModeName
from backend.dispatch.board import may_see_team
from backend.dispatch.moving_up import Move, MovingUp
from backend.geo.gazetteer import Gazetteer
from backend.geo.modes import Mode
from backend.geo.nearest import Basis
from backend.geo.path import Way, way
from backend.geo.place import LonLat
from backend.intake import weather
from backend.office import Office
from backend.patrol.records import Team
from backend.patrol.teams import get_team, list_teams
from ops.console.cases import seen_case

StartsFrom = Literal["position", "base"]


class LineString(Struct, frozen=True):
    """GeoJSON: a line of (longitude, latitude)."""

    type: Literal["LineString"]
    coordinates: list[Annotated[list[float], Meta(min_length=2, max_length=2)]]


class RouteShown(Struct, frozen=True, kw_only=True):
    """The way of a team to a case, were it to leave now. seconds: all of it, mobilisation_s with it, as the search for the nearest
    team counts; None with line and metres when there is no way. starts_from: its newest position, or its base when it has none
    or is off duty. basis: by road, or a straight line where the team's way of travelling has no roads here."""

    case_id: UUID
    team_id: UUID
    mode: ModeName
    starts_from: StartsFrom
    start_lon: float
    start_lat: float
    fix_at: datetime | None
    reachable: bool
    line: LineString | None
    seconds: float | None
    mobilisation_s: float
    metres: float | None
    basis: Basis
    zh: str
    en: str


class Start(Struct, frozen=True):
    """Where a team starts from."""

    place: LonLat
    starts_from: StartsFrom
    fix_at: datetime | None


class Ways(Controller):
    """路线与移防."""

    path = "/api"
    tags = ("路线与移防 Ways",)

    @get("/cases/{case_id:uuid}/routes/{team_id:uuid}", summary="队伍到案卷的路线 A team's way to a case")
    async def route(
        self,
        case_id: FromPath[UUID],
        team_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> RouteShown:
        """从队伍现在的位置（没有则从驻地）按此刻路况；秒数与派遣计算一致。 From where it is now, else its base; the same seconds as the dispatch counts."""
        case = await seen_case(office, by, case_id)
        demand(office.city.policy.roles, by, "decision:read", case.as_object())
        demand(office.city.policy.roles, by, "team:read")
        async with office.db.connect() as tx:
            team = await get_team(tx, office, team_id)
            what = Object(regions=office.city.lineage(team.regions), teams=[team_id])
            demand(office.city.policy.roles, by, "team:read", what)
            start = await _start_of(tx, office, team)
            factors = office.city.factors_at(now, (await weather.current(tx, office, now)).state)
        goal = LonLat(case.lon, case.lat)
        found = way(
            office.city.roads, start.place, goal, Mode(team.mode), mobilisation_s=team.mobilisation_s, factors=factors
        )
        return _shown(case_id, team, start, found)

    @get("/circle/moves", summary="移防建议 Which team to move where")
    async def moves(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        moving_up: NamedDependency[MovingUp],
        gazetteer: NamedDependency[Gazetteer],
        now: NamedDependency[datetime],
    ) -> list[Move]:
        """哪支空闲队伍移到哪里，能让救助圈多覆盖哪些网格。 Which free team, moved where, brings how many cells into the circle."""
        for action in ("circle:read", "team:read"):
            demand(office.city.policy.roles, by, action)
        landmarks = await gazetteer.landmarks()
        async with office.db.connect() as tx:
            found = await moving_up.moves(tx, landmarks, now)
            seen = {t.id for t in await list_teams(tx, office) if may_see_team(office, by, t.id, t.regions)}
        return [move for move in found if move.team_id in seen]


async def _start_of(tx: AsyncConnection, office: Office, team: Team) -> Start:
    p = db.presence.c
    query = select(p.lon, p.lat, p.fix_at, p.state).where(p.city_id == office.city_id, p.team_id == team.id)
    row = (await tx.execute(query)).first()
    if row is None or row.state == "off_duty" or row.lon is None:
        return Start(LonLat(team.base_lon, team.base_lat), "base", None)
    return Start(LonLat(row.lon, row.lat), "position", row.fix_at)


def _shown(case_id: UUID, team: Team, start: Start, found: Way | None) -> RouteShown:
    line = LineString("LineString", [[p.lon, p.lat] for p in found.line]) if found else None
    zh, en = _words(team, start, found)
    return RouteShown(
        case_id=case_id,
        team_id=team.id,
        mode=cast(ModeName, team.mode),
        starts_from=start.starts_from,
        start_lon=start.place.lon,
        start_lat=start.place.lat,
        fix_at=start.fix_at,
        reachable=found is not None,
        line=line,
        seconds=round(found.seconds, 1) if found else None,
        mobilisation_s=team.mobilisation_s,
        metres=round(found.metres, 1) if found else None,
        basis=found.basis if found else "road",
        zh=zh,
        en=en,
    )


def _words(team: Team, start: Start, found: Way | None) -> tuple[str, str]:
    origin_zh, origin_en = (
        ("从现在位置", "from where it is") if start.starts_from == "position" else ("从驻地", "from its base")
    )
    if found is None:
        return f"{team.name}{origin_zh}没有可到达的路。", f"There is no way for {team.name} {origin_en}."
    minutes, km = found.seconds / 60, found.metres / 1000
    straight_zh, straight_en = ("（直线估算）", " (a straight line)") if found.basis == "straight_line" else ("", "")
    return (
        f"{team.name}{origin_zh}约 {minutes:.0f} 分钟，{km:.1f} 公里{straight_zh}。",
        f"{team.name} {origin_en}: about {minutes:.0f} min, {km:.1f} km{straight_en}.",
    )
