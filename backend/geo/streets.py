"""Streets and their crossings as people know them, taken from the road graph: for the map and for finding a place by its name.

Begin at `streets_of` and `crossings_of`. Pure: the graph is read, nothing else.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import shapely

from backend.geo.modes import RoadClass
from backend.geo.place import LonLat, distance_m
from backend.geo.roads import Roads

ONE_CROSSING_M = 80.0
"""Carriageways of two wide streets meet four times; for people that is one crossing."""
ONE_STREET_DEG = 0.004
"""Stretches of one name with less than about 800 m between them are one street; farther apart the city has the name twice."""
BESIDE = "辅路"
"""A service road beside a street: people name the street."""
SHAPE = 1
"""How lines are made of the graph; another number when that changes, so that they are made anew."""
_NOT_DRAWN = frozenset({RoadClass.BARRIER})


@dataclass(frozen=True, slots=True)
class Street:
    """One unbroken line of one street. name: empty where it has none. kind: a link counts as the class it leads to."""

    name: str
    kind: RoadClass
    line: shapely.LineString

    @property
    def word(self) -> str:
        """The class in small letters."""
        return self.kind.name.lower()


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where two named streets meet."""

    names: tuple[str, str]
    place: LonLat


def digest_of(roads: Roads) -> str:
    """16 hexadecimal digits that name what `streets_of` makes of these roads."""
    found = hashlib.sha256(str(SHAPE).encode())
    for name in ("shape_xy", "seg_ptr", "seg_road", "seg_name", "name_ptr", "name_utf8"):
        found.update(np.ascontiguousarray(roads.arrays[name]).data)
    return found.hexdigest()[:16]


def streets_of(roads: Roads) -> list[Street]:
    """All roads of the graph as lines, those of one name and class joined where they touch. In a fixed order."""
    lines: dict[tuple[str, RoadClass], list[shapely.LineString]] = defaultdict(list)
    for segment in range(roads.segments):
        kind = _drawn_as(roads.road_class(segment))
        if kind not in _NOT_DRAWN:
            lines[roads.name_of(segment), kind].append(shapely.LineString(roads.shape(segment)))
    found = []
    for (name, kind), parts in sorted(lines.items(), key=lambda one: (one[0][0], one[0][1])):
        merged = shapely.line_merge(shapely.MultiLineString(parts))
        found += [Street(name, kind, line) for line in shapely.get_parts(merged) if line.length > 0]
    return found


def named_places(streets: list[Street]) -> list[tuple[str, LonLat]]:
    """Every street that has a name, once, and a place on its longest stretch; twice where the city has the name twice."""
    lines: dict[str, list[shapely.LineString]] = defaultdict(list)
    for street in streets:
        if street.name:
            lines[street.name].append(street.line)
    return [(name, place) for name, parts in sorted(lines.items()) for place in _middles(parts)]


def crossings_of(roads: Roads) -> list[Crossing]:
    """Every pair of named streets that meet, and where; the same pair again where it meets somewhere else."""
    places: dict[tuple[str, str], list[LonLat]] = defaultdict(list)
    for node, names in _names_at_nodes(roads):
        for one, other in combinations(sorted(names), 2):
            place = roads.node_place(node)
            if all(distance_m(place, known) > ONE_CROSSING_M for known in places[one, other]):
                places[one, other].append(place)
    return [Crossing(pair, place) for pair, known in sorted(places.items()) for place in known]


def _middles(lines: list[shapely.LineString]) -> list[LonLat]:
    if len(lines) == 1:
        return [_middle(lines)]
    areas = shapely.get_parts(shapely.union_all(shapely.buffer(lines, ONE_STREET_DEG / 2, quad_segs=2)))
    return [_middle([line for line in lines if shapely.intersects(area, line)]) for area in areas]


def _middle(lines: list[shapely.LineString]) -> LonLat:
    longest = max(lines, key=lambda line: float(line.length))
    point = shapely.line_interpolate_point(longest, 0.5, normalized=True)
    return LonLat(round(float(shapely.get_x(point)), 7), round(float(shapely.get_y(point)), 7))


def _names_at_nodes(roads: Roads) -> Iterator[tuple[int, set[str]]]:
    named = np.flatnonzero([bool(roads.name_of(segment)) for segment in range(roads.segments)])
    at: dict[int, set[str]] = defaultdict(set)
    for segment in named.tolist():
        for end in ("seg_u", "seg_v"):
            at[int(roads.arrays[end][segment])].add(roads.name_of(segment).removesuffix(BESIDE))
    return ((node, names) for node, names in sorted(at.items()) if len(names) > 1)


def _drawn_as(kind: RoadClass) -> RoadClass:
    name = kind.name.removesuffix("_LINK")
    return RoadClass[name]
