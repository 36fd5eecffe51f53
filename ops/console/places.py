"""Places by their names: what a caller says becomes a pin on the map, and a pin becomes words that a caller understands.

Streets, crossings and regions are public as the map is, and whoever reports has to be able to say where; so both routes are open
to everybody. Of facilities each is told what `GET /api/facilities` would tell them: a shelter place never to the public.
"""

from typing import Annotated, cast

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed
from backend.geo.gazetteer import Gazetteer
from backend.geo.landmarks import LONGEST, Fit, Kind, Landmark, Way
from backend.geo.place import Crs, LonLat, locate
from backend.office import Office
from ops.console.city import LevelName, RegionShown

MOST = 50


class PlaceFound(Struct, frozen=True, kw_only=True):
    """A place that fits what was asked. detail: its district, of a facility its address. matched: words, pinyin or initials.

    fit: `apart` when two places were said that do not meet, and this is one of them; `shortened` when only `sought`, a part
    of what was said, is known. sought: empty when all of it fits.
    """

    name: str
    kind: Kind
    detail: str
    lon: float
    lat: float
    matched: Way
    fit: Fit
    sought: str


class PlaceNamed(Struct, frozen=True, kw_only=True):
    """A place in words. lon, lat: it in WGS-84, whatever was asked in. street, crossing: the nearest with a name, if any is near.
    regions: smallest first."""

    zh: str
    en: str
    lon: float
    lat: float
    street: str | None
    crossing: str | None
    in_area: bool
    regions: list[RegionShown]


class Places(Controller):
    """地点."""

    path = "/api/places"
    tags = ("地点 Places",)

    @get("/search", summary="按名称找地点 Find a place by its name")
    async def search(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        gazetteer: NamedDependency[Gazetteer],
        q: FromQuery[str],
        lon: Annotated[float | None, QueryParameter(ge=-180, le=180)] = None,
        lat: Annotated[float | None, QueryParameter(ge=-90, le=90)] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=MOST)] = 10,
    ) -> list[PlaceFound]:
        """道路、路口、辖区、救助机构；可用汉字、全拼、首字母。近者优先。 Streets, crossings, regions, facilities; in Chinese, pinyin or its initials."""
        near = locate(lon, lat, Crs.WGS84, office.city.area).place if lon is not None and lat is not None else None
        landmarks = await gazetteer.landmarks()
        async with office.db.connect() as tx:
            known = await facilities_of(tx, office, by)
        found = landmarks.search(q[:LONGEST], near=near, limit=limit, also=known)
        return [
            PlaceFound(
                name=match.landmark.name,
                kind=match.landmark.kind,
                detail=match.landmark.detail,
                lon=match.landmark.place.lon,
                lat=match.landmark.place.lat,
                matched=match.matched,
                fit=match.fit,
                sought=match.sought,
            )
            for match in found
        ]

    @get("/at", summary="这里是哪里 What a place is called")
    async def at(
        self,
        office: NamedDependency[Office],
        gazetteer: NamedDependency[Gazetteer],
        lon: Annotated[float, QueryParameter(ge=-180, le=180)],
        lat: Annotated[float, QueryParameter(ge=-90, le=90)],
        crs: FromQuery[Crs] = Crs.WGS84,
    ) -> PlaceNamed:
        """用最近的路口或道路说明位置；坐标系由 crs 指明。 By the nearest crossing or street; crs says what the coordinates are in."""
        located = locate(lon, lat, crs, office.city.area)
        said = (await gazetteer.landmarks()).describe(located.place)
        return PlaceNamed(
            zh=said.zh,
            en=said.en,
            lon=located.place.lon,
            lat=located.place.lat,
            street=said.street,
            crossing=said.crossing,
            in_area=located.in_area,
            regions=_regions_at(office, located.place),
        )


async def facilities_of(tx: AsyncConnection, office: Office, by: Actor) -> list[Landmark]:
    """The facilities that the actor may know of, as places to be found."""
    f = db.facilities.c
    query = select(f.name, f.address, f.lon, f.lat, f.hidden).where(f.city_id == office.city_id).order_by(f.code)
    rows = (await tx.execute(query)).all()
    return [
        Landmark(row.name, "facility", LonLat(row.lon, row.lat), row.address or "")
        for row in rows
        if not row.hidden or _may_know(office, by, LonLat(row.lon, row.lat))
    ]


def _may_know(office: Office, by: Actor, place: LonLat) -> bool:
    what = Object(regions=office.city.regions_of(place))
    return allowed(office.city.policy.roles, by, "facility:read", what)


def _regions_at(office: Office, place: LonLat) -> list[RegionShown]:
    deepest = office.city.regions.deepest(place)
    if deepest is None:
        return []
    around = (deepest, *office.city.regions.ancestors(deepest.code))
    return [RegionShown(r.code, r.name, cast(LevelName, r.level.name.lower()), r.parent) for r in around]
