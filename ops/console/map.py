"""The map: the city's own vector tiles, and what lies on them of the past. All places in WGS-84 degrees."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, PathParameter, QueryParameter
from msgspec import Meta, Struct

from backend.access.actor import Actor
from backend.access.permissions import Object, demand
from backend.dispatch import board
from backend.dispatch.seen_before import CellCount, past_sightings
from backend.geo.tiles import ZOOMS, Tiles
from backend.office import Office
from backend.patrol.past_tracks import Point, tracks_of
from backend.patrol.teams import get_team
from backend.web import AMoment, moment

FOR_EVER = "public, max-age=31536000, immutable"
FOR_A_WHILE = "public, max-age=60"
MOST_HOURS = 24
TILE_TYPE = "application/vnd.mapbox-vector-tile"

Pair = Annotated[list[float], Meta(min_length=2, max_length=2)]
"""Longitude, latitude, as GeoJSON has them."""
Box = Annotated[list[float], Meta(min_length=4, max_length=4)]
"""West, south, east, north."""


class MapOfCity(Struct, frozen=True, kw_only=True):
    """What a map begins with. bounds: west, south, east, north of what the city serves; roads_bounds: of its roads, where there
    are any; tiles: the address, to be filled in with z, x, y, which changes when the city's data do."""

    city: str
    name_zh: str
    name_en: str
    time_zone: str
    crs: str
    bounds: Box
    roads_bounds: Box | None
    centre: Pair
    tiles: str
    digest: str
    min_zoom: int
    max_zoom: int
    attribution: str


class PastSightings(Struct, frozen=True):
    """How many sightings each H3 cell of resolution 9 had since then; cells without any are left out."""

    since: datetime
    cells: list[CellCount]


class MultiLine(Struct, frozen=True):
    """GeoJSON: lines of (longitude, latitude)."""

    type: Literal["MultiLineString"]
    coordinates: list[list[Pair]]


class TeamTrack(Struct, frozen=True, kw_only=True):
    """Where a team was. line: broken where nothing is known for 5 minutes or more; at: when each of its points was, alike."""

    team_id: UUID
    line: MultiLine
    at: list[list[datetime]]


class MapRoutes(Controller):
    """地图."""

    path = "/api"
    tags = ("地图 Map",)

    @get("/map", summary="地图概况 What a map begins with")
    async def about(self, office: NamedDependency[Office], tiles: NamedDependency[Tiles]) -> MapOfCity:
        """城市名称、范围、中心与瓦片地址；公开。 The city's name, bounds, centre and the address of its tiles; public."""
        city, digest = office.city, await tiles.digest(office.db)
        centre = city.roads.centre if city.roads else city.area.centre
        return MapOfCity(
            city=city.id,
            name_zh=city.name_zh,
            name_en=city.name_en,
            time_zone=city.zone.key,
            crs="wgs84",
            bounds=list(city.area.bounds),
            roads_bounds=list(city.roads.bbox) if city.roads else None,
            centre=[centre.lon, centre.lat],
            tiles=f"/api/map/tiles/{{z}}/{{x}}/{{y}}?v={digest}",
            digest=digest,
            min_zoom=ZOOMS[0],
            max_zoom=ZOOMS[1],
            attribution=str(city.roads.facts.get("attribution", "")) if city.roads else "",
        )

    @get(
        "/map/tiles/{z:int}/{x:int}/{y:int}",
        summary="矢量瓦片 A vector tile",
        media_type=TILE_TYPE,
        responses={
            304: ResponseSpec(data_container=None, description="没有变化。 Not changed.", generate_examples=False)
        },
    )
    async def tile(
        self,
        z: Annotated[int, PathParameter(ge=ZOOMS[0], le=ZOOMS[1])],
        x: Annotated[int, PathParameter(ge=0)],
        y: Annotated[int, PathParameter(ge=0)],
        request: Request[Any, Any, State],
        office: NamedDependency[Office],
        tiles: NamedDependency[Tiles],
        v: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """图层 streets、regions、region_names；公开，城市之外为空。 Layers streets, regions, region_names; public, empty beyond the city."""
        tile = await tiles.tile(office.db, z, x, y)
        digest = await tiles.digest(office.db)
        tag = f'"{digest}/{z}/{x}/{y}"'
        headers = {"ETag": tag, "Cache-Control": FOR_EVER if v == digest else FOR_A_WHILE}
        if tag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, media_type=TILE_TYPE, headers=headers)
        return Response(tile, media_type=TILE_TYPE, headers=headers)

    @get("/map/sightings", summary="历史线索分布 Where people were seen")
    async def sightings(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        days: Annotated[int, QueryParameter(ge=1, le=366)] = 30,
    ) -> PastSightings:
        """按网格计数，只计您有权查看的线索，不含任何个人信息。 Counts per cell of the sightings you may read; nothing about persons."""
        for action in ("case:read", "sighting:read"):  # who only reports has no use for where others were seen
            demand(office.city.policy.roles, by, action)
        since = now - timedelta(days=days)
        async with office.db.connect() as tx:
            return PastSightings(since, await past_sightings(tx, office, by, since, now))

    @get("/map/tracks", summary="今日轨迹 Where the teams were today")
    async def tracks(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        hours: Annotated[int, QueryParameter(ge=1, le=MOST_HOURS)] = 8,
    ) -> list[TeamTrack]:
        """您可见的队伍在值勤时的轨迹，已抽稀。 Of the teams you may see, while on duty; thinned."""
        demand(office.city.policy.roles, by, "team:read")
        since = now - timedelta(hours=hours)
        async with office.db.connect() as tx:
            seen = [UUID(team["id"]) for team in await board.teams_of(tx, office, by)]
            found = await tracks_of(tx, office, seen, since, now)
        return [_track(team_id, lines) for team_id, lines in found.items()]

    @get("/teams/{team_id:uuid}/track", summary="一支队伍的轨迹 The track of a team")
    async def track(
        self,
        team_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        since: AMoment = None,
    ) -> TeamTrack:
        """自 since 起（默认 8 小时，最多 24 小时），仅值勤时，已抽稀。 Since then (8 h when not said, at most 24), on duty only, thinned."""
        async with office.db.connect() as tx:
            demand(office.city.policy.roles, by, "team:read")
            team = await get_team(tx, office, team_id)
            what = Object(regions=office.city.lineage(team.regions), teams=[team_id])
            demand(office.city.policy.roles, by, "team:read", what)
            found = await tracks_of(tx, office, [team_id], _since(since, now), now)
        return _track(team_id, found.get(team_id, []))


def _since(asked: str | None, now: datetime) -> datetime:
    if asked is None:
        return now - timedelta(hours=8)
    return max(moment(asked, "since"), now - timedelta(hours=MOST_HOURS))


def _track(team_id: UUID, lines: list[list[Point]]) -> TeamTrack:
    drawn = MultiLine("MultiLineString", [[[p.lon, p.lat] for p in line] for line in lines])
    return TeamTrack(team_id=team_id, line=drawn, at=[[p.at for p in line] for line in lines])
