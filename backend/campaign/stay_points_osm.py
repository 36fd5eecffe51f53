"""Stay points as far as an OpenStreetMap extract knows them: where a road passes below a bridge, short tunnels on foot, stations, and what is open
all night. Begin at `find`; `rescue city import` writes what it finds to `stay_points_osm.csv`. Pure.

Extracts that hold roads only, such as Dalian's, give underpasses, tunnels and the bus stations that are tagged as roads; one with points of
interest gives the rest too. The same extract gives the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import osmium
import shapely

from backend.campaign.stay_points import Kind, StayPoint
from backend.geo.place import LonLat, distance_m

ONE_PLACE_M: Final = 80.0
"""Crossings of the several carriageways of one bridge are one place."""
SHORT_TUNNEL_M: Final = 200.0
"""Nobody stays in a longer one, and nobody walks there."""
_NO_WALKING: Final = frozenset(
    {"motorway", "motorway_link", "trunk", "trunk_link", "busway", "construction", "proposed"}
)
_NO: Final = frozenset({"no", ""})
_OPEN_ALL_NIGHT: Final = frozenset({"24/7", "Mo-Su 00:00-24:00", "00:00-24:00"})


@dataclass(frozen=True, slots=True)
class _Way:
    line: shapely.LineString
    layer: float
    is_bridge: bool
    is_tunnel: bool
    walks: bool
    name: str


def find(pbf: Path) -> list[StayPoint]:
    """What the extract knows, coded O001 … from west to east. The file is one that `backend.geo.osm.read` has read."""
    ways: list[_Way] = []
    named: list[tuple[Kind, LonLat, str]] = []
    keys = osmium.filter.KeyFilter(
        "highway", "amenity", "railway", "station", "public_transport", "opening_hours", "leisure"
    )
    for thing in osmium.FileProcessor(str(pbf)).with_locations().with_filter(keys):
        tags = {tag.k: tag.v for tag in thing.tags}
        points = _points(thing)
        if (kind := _kind(tags)) is not None and points:
            named.append((kind, _middle(points), _name(tags)))
        elif "highway" in tags and len(points) >= 2:
            ways.append(_way(tags, points))
    found = [*named, *_underpasses(ways), *_tunnels(ways)]
    return _coded(_once(found))


def _points(thing: Any) -> list[tuple[float, float]]:
    if isinstance(thing, osmium.osm.Node):
        return [(thing.location.lon, thing.location.lat)] if thing.location.valid() else []
    if isinstance(thing, osmium.osm.Way):
        return [(node.lon, node.lat) for node in thing.nodes if node.location.valid()]
    return []


def _middle(points: list[tuple[float, float]]) -> LonLat:
    lon, lat = np.mean(points, axis=0).tolist()
    return LonLat(lon, lat)


def _kind(tags: Mapping[str, str]) -> Kind | None:
    """What of the places that people stay at a thing is by its tags, roads apart."""
    amenity, all_night = tags.get("amenity", ""), tags.get("opening_hours", "") in _OPEN_ALL_NIGHT
    if amenity == "bus_station":
        return "bus_station"
    if tags.get("railway") in {"station", "halt"} or tags.get("station") == "subway":
        return "station"
    if amenity in {"hospital", "marketplace"}:
        return "hospital" if amenity == "hospital" else "market"
    if all_night and amenity in {"bank", "atm"}:
        return "atm_lobby"
    if all_night and (amenity or "shop" in tags):
        return "lobby_24h"
    return "park" if tags.get("leisure") == "park" and _name(tags) else None


def _way(tags: Mapping[str, str], points: list[tuple[float, float]]) -> _Way:
    is_bridge, is_tunnel = tags.get("bridge", "") not in _NO, tags.get("tunnel", "") not in _NO
    try:
        layer = float(tags.get("layer", ""))
    except ValueError:
        layer = 1.0 if is_bridge else -1.0 if is_tunnel else 0.0
    walks = tags["highway"] not in _NO_WALKING and tags.get("foot") != "no"
    return _Way(shapely.LineString(points), layer, is_bridge, is_tunnel, walks, _name(tags))


def _underpasses(ways: list[_Way]) -> Iterator[tuple[Kind, LonLat, str]]:
    """Where a road that one may walk on lies below a bridge."""
    bridges = [way for way in ways if way.is_bridge]
    below = [way for way in ways if way.walks and not way.is_tunnel]
    tree = shapely.STRtree([way.line for way in below])
    for bridge in bridges:
        for number in sorted(tree.query(bridge.line, predicate="crosses").tolist()):
            under = below[number]
            if under.layer >= bridge.layer:
                continue
            for at in shapely.get_parts(shapely.intersection(bridge.line, under.line)):
                if at.geom_type == "Point":
                    yield "underpass", LonLat(at.x, at.y), _below(bridge.name, under.name)


def _below(bridge: str, under: str) -> str:
    """“东北路跨黄河路桥下”, “五一桥下”."""
    if bridge and under and bridge not in under and under not in bridge.removesuffix("桥"):
        return f"{bridge.removesuffix('桥')}跨{under}桥下"
    named = bridge or under
    return f"{named.removesuffix('桥')}桥下" if named else ""


def _tunnels(ways: Iterable[_Way]) -> Iterator[tuple[Kind, LonLat, str]]:
    for way in ways:
        points = [LonLat(lon, lat) for lon, lat in way.line.coords]
        long_m = sum(distance_m(a, b) for a, b in pairwise(points))
        if way.is_tunnel and way.walks and long_m <= SHORT_TUNNEL_M:
            middle = shapely.line_interpolate_point(way.line, 0.5, normalized=True)
            yield (
                "tunnel",
                LonLat(middle.x, middle.y),
                f"{way.name.removesuffix('隧道').removesuffix('桥')}地下通道" if way.name else "",
            )


def _once(found: Iterable[tuple[Kind, LonLat, str]]) -> list[tuple[Kind, LonLat, str]]:
    """One of those of a kind that lie close together: the first that has a name, from west to east."""
    kept: list[tuple[Kind, LonLat, str]] = []
    for kind, place, name in sorted(found, key=lambda one: (not one[2], one[1].lon, one[1].lat)):
        if not any(kind == other and distance_m(place, at) <= ONE_PLACE_M for other, at, _ in kept):
            kept.append((kind, place, name))
    return kept


def _coded(found: list[tuple[Kind, LonLat, str]]) -> list[StayPoint]:
    ordered = sorted(found, key=lambda one: (one[1].lon, one[1].lat))
    return [
        StayPoint(
            code=f"O{number:03d}", name=name or _NAMELESS[kind], kind=kind, lon=round(at.lon, 6), lat=round(at.lat, 6)
        )
        for number, (kind, at, name) in enumerate(ordered, start=1)
    ]


def _name(tags: Mapping[str, str]) -> str:
    return tags.get("name:zh") or tags.get("name") or ""


_NAMELESS: Final[dict[Kind, str]] = {
    "underpass": "无名桥下",
    "tunnel": "无名地下通道",
    "station": "车站",
    "bus_station": "公交场站",
    "lobby_24h": "24 小时场所",
    "atm_lobby": "24 小时自助银行",
    "hospital": "医院",
    "market": "市场",
    "park": "公园",
}
