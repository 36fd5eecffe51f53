"""The road graph of a city: opened where it lies, snapped to, travelled on.

Made by `build` from an OpenStreetMap extract, one file per city. Units: seconds include waiting at signals and junctions at the graph's own
("factor 1") times; metres are along the road; a fraction is the share of a segment's length from its first node. The arrays, by name:

    node_xy (n, 2)      junctions, 1e-7 degrees, in spatial order
    seg_u, seg_v        nodes at both ends; seg_m metres; seg_road `RoadClass`; seg_name into the name table; seg_ptr into the shape
    seg_s (2, s, 3)     seconds along (0) and against (1) per mode, inf where forbidden
    seg_mask            1 car, 2 e-bike, 4 foot may use it in some direction; 8 it has a name
    shape_xy, shape_m, shape_seg   shape points, metres from the segment's start, whose they are
    out_*, in_*         arcs leaving and entering the states `layer * nodes + node`
    grid_*              squares for snapping

Read-only and memory-mapped: processes share one copy. Any number of threads may use one `Roads`; each gets working memory of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.geo import graph_file, search, snapping
from backend.geo.modes import NO_FACTORS, WALK_MPS, Factors, Mode, RoadClass
from backend.geo.place import LonLat

NAMED = 8
"""Bit of `seg_mask`: the segment has a name."""


@dataclass(frozen=True, slots=True)
class Snapped:
    """Places on the network, one entry per place; `segment` is -1 (and `off_road_m` inf) where the mode has no road at all."""

    segment: NDArray[np.int32]
    fraction: NDArray[np.float64]
    off_road_m: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Route:
    """A way by road: seconds and metres including the legs on foot off the road, and its line from door to door.

    `at_s` gives the seconds at which each point of the line is passed, so that a simulated team can be moved along it.
    """

    seconds: float
    metres: float
    line: tuple[LonLat, ...]
    at_s: tuple[float, ...]


class Roads:
    """A city's roads. Begin with `Roads.open(path)`."""

    def __init__(self, arrays: graph_file.Arrays, facts: dict[str, Any]) -> None:
        self.arrays, self.facts = arrays, facts
        self.nodes = len(arrays["node_xy"])
        self.segments = len(arrays["seg_u"])
        self.net = snapping.Net(*(arrays[name] for name in snapping.Net._fields))
        self.leaving = search.Arcs(arrays["out_ptr"], arrays["out_to"], arrays["out_s"])
        self.entering = search.Arcs(arrays["in_ptr"], arrays["in_from"], arrays["in_s"])
        self._served = [bool((self.net.seg_mask & (1 << layer)).any()) for layer in range(3)]
        self._scratch = search.ScratchPerThread(3 * self.nodes)

    @classmethod
    def open(cls, path: Path, *, verify: bool = False) -> Roads:
        """Map a graph file. Raises `Invalid` when it is missing, foreign, of another version, cut short or (`verify`) damaged."""
        return cls(*graph_file.read(path, verify=verify))

    def serves(self, mode: Mode) -> bool:
        """Whether the mode has any road here."""
        return self._served[mode.layer]

    @property
    def scratch(self) -> search.Scratch:
        """Working memory of the calling thread."""
        return self._scratch.scratch

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        west, south, east, north = self.facts["bbox"]
        return (west, south, east, north)

    @cached_property
    def centre(self) -> LonLat:
        """The median junction."""
        lon, lat = np.median(self.arrays["node_xy"], axis=0) / 1e7
        return LonLat(float(lon), float(lat))

    def node_place(self, node: int) -> LonLat:
        lon, lat = self.arrays["node_xy"][node].tolist()
        return LonLat(lon / 1e7, lat / 1e7)

    def snap(self, places: Sequence[LonLat] | NDArray[np.float64], mode: Mode) -> Snapped:
        """The nearest segment that the mode may use, for each place (or each row lon, lat). Exact; about a microsecond each."""
        return self._snap(as_rows(places), 1 << mode.layer)

    def street(self, place: LonLat, within_m: float = 300.0) -> str | None:
        """The name of the nearest named road within `within_m` metres: for describing a place to a person."""
        found = self._snap(as_rows([place]), NAMED)
        if found.segment[0] < 0 or found.off_road_m[0] > within_m:
            return None
        return self.name_of(int(found.segment[0]))

    def name_of(self, segment: int) -> str:
        """The road's name, empty when it has none."""
        index = int(self.arrays["seg_name"][segment])
        start, end = self.arrays["name_ptr"][index : index + 2].tolist()
        return bytes(self.arrays["name_utf8"][start:end]).decode()

    def road_class(self, segment: int) -> RoadClass:
        return RoadClass(int(self.arrays["seg_road"][segment]))

    def shape(self, segment: int) -> NDArray[np.float64]:
        """The segment's line, rows of lon, lat in degrees."""
        start, end = self.arrays["seg_ptr"][segment : segment + 2].tolist()
        line: NDArray[np.float64] = self.arrays["shape_xy"][start:end] / 1e7
        return line

    def point_on(self, segment: int, fraction: float) -> LonLat:
        """The place on a segment at a fraction of its length."""
        line, _ = self._between(segment, fraction, fraction)
        return LonLat(float(line[0, 0]), float(line[0, 1]))

    def route(self, a: LonLat, b: LonLat, mode: Mode, factors: Factors = NO_FACTORS) -> Route | None:
        """The quickest way from door to door, walking the legs off the road; None when the mode has no road or no way within 6 h."""
        ends = self.snap([a, b], mode)
        if ends.segment.min() < 0:
            return None
        walk_s = ends.off_road_m / WALK_MPS * factors.foot
        found = self._way(ends, mode.layer, factors.of(mode))
        if found is None:
            return None
        halves, drive_s = found
        return self._assemble(a, b, ends, halves, drive_s, walk_s)

    def _snap(self, rows: NDArray[np.float64], mask: int) -> Snapped:
        count = len(rows)
        found = Snapped(np.empty(count, np.int32), np.empty(count), np.empty(count))
        snapping.snap_many(self.net, rows, mask, found.segment, found.fraction, found.off_road_m)
        return found

    def _way(self, ends: Snapped, layer: int, factor: float) -> tuple[list[tuple[int, float, float]], float] | None:
        """The segments travelled as (segment, from fraction, to fraction), and the seconds; None when there is no way."""
        (seg_a, seg_b), (at_a, at_b) = ends.segment.tolist(), ends.fraction.tolist()
        seg_s, work = self.net.seg_s, self.scratch
        best_s, best_end = math.inf, -1
        if seg_a == seg_b:
            best_s = search.along_s(seg_s, layer, seg_a, at_a, at_b) * factor
        starts = [self._state(seg_a, end, layer) for end in (0, 1)]
        goals = [self._state(seg_b, end, layer) for end in (0, 1)]
        now, buckets = search.begin(work.bucket, work.number, search.FAR_S)
        for end, state in enumerate(starts):
            cost = search.to_end_s(seg_s, layer, seg_a, at_a, end) * factor
            search.reach(work.states, work.bucket, now, state, cost, end, -1, search.FAR_S)
        wanted = np.array(sorted(set(goals)), np.int64)
        search.spread(work, self.leaving, now, buckets, np.full(3, factor), wanted, search.FAR_S)
        for end, state in enumerate(goals):
            total = (
                search.seconds_at(work.states, now, state) + search.from_end_s(seg_s, layer, seg_b, at_b, end) * factor
            )
            if total < best_s:
                best_s, best_end = total, end
        if not math.isfinite(best_s):
            return None
        if best_end < 0:
            return [(seg_a, at_a, at_b)], best_s
        return self._trace(goals[best_end], seg_a, at_a, seg_b, at_b, best_end), best_s

    def _trace(
        self, state: int, seg_a: int, at_a: float, seg_b: int, at_b: float, end_b: int
    ) -> list[tuple[int, float, float]]:
        """Walk the found way back from its last junction."""
        states, halves = self.scratch.states, self.arrays["out_half"]
        way = [(seg_b, float(end_b), at_b)]
        while (arc := int(states["via"][state])) >= 0:
            half = int(halves[arc])
            way.append((half >> 1, float(half & 1), float(1 - (half & 1))))
            state = int(np.searchsorted(self.leaving.ptr, arc, side="right")) - 1
        way.append((seg_a, at_a, float(states["owner"][state])))
        return way[::-1]

    def _state(self, segment: int, end: int, layer: int) -> int:
        ends = self.net.seg_v if end else self.net.seg_u
        return layer * self.nodes + int(ends[segment])

    def _assemble(
        self,
        a: LonLat,
        b: LonLat,
        ends: Snapped,
        way: list[tuple[int, float, float]],
        drive_s: float,
        walk_s: NDArray[np.float64],
    ) -> Route:
        """Join the pieces to one line from door to door; times between its points are spread by length."""
        pieces = [self._between(*piece) for piece in way]
        line = np.concatenate([piece[0] for piece in pieces])
        metres = np.concatenate([piece[1] for piece in pieces])
        metres_run = np.cumsum(metres)
        road_m = float(metres_run[-1])
        share = metres_run / road_m if road_m > 0 else np.zeros(len(metres_run))
        at_s = float(walk_s[0]) + share * drive_s
        seconds = float(walk_s.sum()) + drive_s
        points = (a, *(LonLat(lon, lat) for lon, lat in line.tolist()), b)
        return Route(seconds, road_m + float(ends.off_road_m.sum()), points, (0.0, *at_s.tolist(), seconds))

    def _between(self, segment: int, start: float, end: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points of a segment from one fraction to another, and the metres that lead to each."""
        line = self.shape(segment)
        first = int(self.arrays["seg_ptr"][segment])
        run = self.arrays["shape_m"][first : first + len(line)].astype(np.float64)
        low, high = min(start, end) * run[-1], max(start, end) * run[-1]
        inner = (run > low) & (run < high)
        at = np.concatenate(([low], run[inner], [high]))
        points = np.column_stack([np.interp(at, run, line[:, axis]) for axis in (0, 1)])
        steps = np.diff(at)
        if start > end:
            points, steps = points[::-1], steps[::-1]
        return points, np.concatenate(([0.0], steps))


def as_rows(places: Sequence[LonLat] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Places as rows of lon, lat."""
    if isinstance(places, np.ndarray):
        return np.ascontiguousarray(places, np.float64)
    return np.array([(place.lon, place.lat) for place in places], np.float64).reshape(-1, 2)
