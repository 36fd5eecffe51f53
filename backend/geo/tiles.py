"""The base map as Mapbox vector tiles, made by PostGIS of the city's own streets and regions: no map service is asked.

Layers: `streets` (name, class, rank), `regions` (code, name, level), `region_names` (the same, points). Nothing else is ever
in a tile, so that anybody may have it. Begin at `Tiles.tile`.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.errors import Invalid
from backend.geo.modes import RoadClass

SHAPE: Final = 1
"""How tiles are made of what is stored; another number when that changes, so that no browser keeps the old ones."""
ZOOMS: Final = (5, 18)
KEPT: Final = 2_000
"""So many encoded tiles are kept by a process (a city of this size at all zooms people look at has about 1,500)."""
LOOKS_AGAIN_S: Final = 30.0
"""So long may the tiles of a city that was loaded anew still be the old ones."""

_LEAST_RANK: Final = (
    (9, RoadClass.TRUNK),
    (10, RoadClass.PRIMARY),
    (11, RoadClass.SECONDARY),
    (12, RoadClass.TERTIARY),
    (13, RoadClass.RESIDENTIAL),
    (14, RoadClass.LIVING_STREET),
)
"""Up to this zoom only streets from this class upwards; above the last one all of them."""
_LEVELS: Final = ((7, ("city",)), (11, ("city", "district")), (13, ("city", "district", "street")))
"""Up to this zoom only regions of these levels; above the last one all of them."""

_TILE: Final = text("""
    WITH tile AS (
        SELECT ST_TileEnvelope(:z, :x, :y) AS box,
               ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 0.0625), 4326) AS around,
               ST_Transform(ST_TileEnvelope(:z, :x, :y), 4326) AS inside,
               40075016.7 / 2 ^ CAST(:z AS int) / 1024 AS half_a_pixel_m
    ),
    streets_shown AS (
        SELECT s.name, s.class, s.rank,
               ST_AsMVTGeom(ST_Simplify(ST_Transform(s.geom, 3857), t.half_a_pixel_m), t.box, 4096, 256, true) AS geom
        FROM streets s, tile t
        WHERE s.city_id = :city_id AND s.rank >= :least_rank AND s.geom && t.around
        ORDER BY s.rank, s.number
    ),
    regions_shown AS (
        SELECT r.code, r.name, r.level,
               ST_AsMVTGeom(ST_SimplifyPreserveTopology(ST_Transform(r.geom, 3857), t.half_a_pixel_m), t.box, 4096, 256, true)
                   AS geom
        FROM regions r, tile t
        WHERE r.city_id = :city_id AND r.level = ANY (CAST(:levels AS text[])) AND r.geom && t.around
        ORDER BY r.code
    ),
    names_shown AS (
        SELECT n.code, n.name, n.level, ST_AsMVTGeom(ST_Transform(n.point, 3857), t.box, 4096, 0, true) AS geom
        FROM (SELECT r.code, r.name, r.level, ST_PointOnSurface(r.geom) AS point FROM regions r, tile t
              WHERE r.city_id = :city_id AND r.level = ANY (CAST(:levels AS text[])) AND r.geom && t.inside) n, tile t
        WHERE n.point && t.inside
        ORDER BY n.code
    )
    SELECT coalesce((SELECT ST_AsMVT(l, 'regions', 4096, 'geom') FROM regions_shown l WHERE l.geom IS NOT NULL), '')
        || coalesce((SELECT ST_AsMVT(l, 'streets', 4096, 'geom') FROM streets_shown l WHERE l.geom IS NOT NULL), '')
        || coalesce((SELECT ST_AsMVT(l, 'region_names', 4096, 'geom') FROM names_shown l WHERE l.geom IS NOT NULL), '')
""")
_DIGEST: Final = text("""
    SELECT md5(coalesce((SELECT min(digest) || count(*) FROM streets WHERE city_id = :city_id), '-')
            || coalesce((SELECT string_agg(md5(code || name || level || ST_AsEWKT(geom)), '' ORDER BY code)
                         FROM regions WHERE city_id = :city_id), '-') || :shape)
""")


class Tiles:
    """One process's tiles of one city, the latest of them kept."""

    def __init__(self, city_id: str, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._city_id, self._now_s = city_id, now_s
        self._kept: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()
        self._digest, self._looked_s = "", float("-inf")

    async def digest(self, db: AsyncEngine) -> str:
        """Names what the tiles show: another one when streets or regions were loaded anew. Looked up every half minute."""
        if self._now_s() - self._looked_s >= LOOKS_AGAIN_S:
            async with db.connect() as tx:
                found = await tx.execute(_DIGEST, {"city_id": self._city_id, "shape": str(SHAPE)})
                digest = str(found.scalar_one())[:16]
            if digest != self._digest:
                self._kept.clear()
            self._digest, self._looked_s = digest, self._now_s()
        return self._digest

    async def tile(self, db: AsyncEngine, z: int, x: int, y: int) -> bytes:
        """One encoded tile, empty where the city has nothing. Raises Invalid for an address that is no tile."""
        demand_tile(z, x, y)
        digest = await self.digest(db)
        found = self._kept.get((z, x, y))
        if found is None:
            async with db.connect() as tx:
                found = await read_tile(tx, self._city_id, z, x, y)
            if digest == self._digest:
                self._keep((z, x, y), found)
        else:
            self._kept.move_to_end((z, x, y))
        return found

    def _keep(self, address: tuple[int, int, int], tile: bytes) -> None:
        self._kept[address] = tile
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def demand_tile(z: int, x: int, y: int) -> None:
    """Raises Invalid unless there is such a tile."""
    least, most = ZOOMS
    if not least <= z <= most:
        raise Invalid(
            f"缩放级别应为 {least}–{most}。", f"The zoom is {least} to {most}.", code="no_such_tile", field="z"
        )
    for field, value in (("x", x), ("y", y)):
        if not 0 <= value < 2**z:
            raise Invalid(
                f"第 {z} 级没有这块瓦片：{field} 应为 0–{2**z - 1}。",
                f"There is no such tile at zoom {z}: {field} is 0 to {2**z - 1}.",
                code="no_such_tile",
                field=field,
            )


async def read_tile(tx: AsyncConnection, city_id: str, z: int, x: int, y: int) -> bytes:
    """The tile as PostGIS makes it, in one query."""
    least = next((rank for zoom, rank in _LEAST_RANK if z <= zoom), RoadClass.STEPS)
    levels = next((levels for zoom, levels in _LEVELS if z <= zoom), ("city", "district", "street", "community"))
    asked = {"city_id": city_id, "z": z, "x": x, "y": y, "least_rank": int(least), "levels": list(levels)}
    return bytes((await tx.execute(_TILE, asked)).scalar_one())
