"""The ground of a sweep: the H3 cells of the warned part of a city, which of them a team can reach, and where in each it should stop.

Begin at `SweepGround.of`; made once for a campaign (0.1 s for Dalian) and kept. A cell that cannot be swept says why (`why_not`). Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import h3.api.basic_int as h3int
import numpy as np
import shapely
from msgspec import Struct
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from backend.campaign.stay_points import StayPoint
from backend.geo import cells as h3cells
from backend.geo.matrix import matrix, straight_m
from backend.geo.modes import MODES, Mode
from backend.geo.roads import Roads

type WhyNot = Literal["no_road", "no_way"]
WHY_NOT: Final[dict[WhyNot, tuple[str, str]]] = {
    "no_road": ("网格内没有队伍能走的道路", "no road in the cell that the teams may use"),
    "no_way": ("网格内的道路与路网不相连", "its roads are not connected to the city's"),
}

REACH_M: Final = 300.0
"""A road further than this from a cell's centre is not in it, nor beside it (its corners are some 200 m away)."""
MOST_CELLS: Final = 200_000
RINGS: Final = 2
"""How far around a cell the score looks: 0 the cell itself, 2 some 700 m."""


class Place(Struct, frozen=True, kw_only=True):
    """Where a team should stop in a cell. why: a stay point (with its name), where people were seen, or the nearest road."""

    lon: float
    lat: float
    why: Literal["stay_point", "sightings", "road", "centre"]
    name: str | None = None


@dataclass(frozen=True)
class SweepGround:
    """The cells in order, with arrays over them. reach_m: (3, n) from the centre to the nearest road by mode, inf for none;
    connected: (3, n) whether that road is reached from the middle of the city and back."""

    roads: Roads | None
    cells: tuple[str, ...]
    centres: NDArray[np.float64]
    reach_m: NDArray[np.float64]
    connected: NDArray[np.bool_]

    @classmethod
    def of(cls, roads: Roads | None, area: BaseGeometry, res: int = h3cells.RES_SWEEP) -> SweepGround:
        """The cells whose centre lies in `area` (degrees), and for a small area those that it touches. With roads: those near a road."""
        cells = _cells(roads, area, res)
        centres = np.array([(c.lon, c.lat) for c in map(h3cells.centre, cells)]).reshape(-1, 2)
        if roads is None:
            reach_m = np.zeros((len(MODES), len(cells)))
            return cls(None, tuple(cells), centres, reach_m, np.ones(reach_m.shape, np.bool_))
        snapped = [roads.snap(centres, mode) for mode in MODES]
        reach_m = np.stack([np.where(one.segment >= 0, one.off_road_m, np.inf) for one in snapped])
        return cls(roads, tuple(cells), centres, reach_m, _connected(roads, centres))

    def __len__(self) -> int:
        return len(self.cells)

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of every cell."""
        return {cell: number for number, cell in enumerate(self.cells)}

    @cached_property
    def numbers(self) -> dict[int, int]:
        """Position by H3's own number."""
        return {h3int.str_to_int(cell): number for number, cell in enumerate(self.cells)}

    @cached_property
    def around(self) -> tuple[NDArray[np.int64], ...]:
        """For each ring 0, 1, 2: (n, cells of the ring) positions, -1 where the neighbour is not of this ground."""
        rings: list[NDArray[np.int64]] = []
        for distance in range(RINGS + 1):
            width = max(1, 6 * distance)
            ring = np.full((len(self), width), -1)
            for cell, row in self.numbers.items():
                found = [self.numbers.get(other, -1) for other in _ring(cell, distance)]
                ring[row, : len(found)] = found
            rings.append(ring)
        return tuple(rings)

    def cell_index(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
        """The position of the cell that each place lies in, -1 for a place outside."""
        res, known = self.res, self.numbers
        to_cell = h3int.latlng_to_cell
        pairs = zip(lat.tolist(), lon.tolist(), strict=True)
        return np.fromiter((known.get(to_cell(y, x, res), -1) for y, x in pairs), np.int64, len(lon))

    @property
    def res(self) -> int:
        return h3cells.resolution(self.cells[0]) if self.cells else h3cells.RES_SWEEP

    def reachable(self, modes: Collection[Mode] = MODES) -> NDArray[np.bool_]:
        """(n,) whether a team of one of these modes can stop there."""
        layers = [mode.layer for mode in modes]
        near = (self.reach_m[layers] <= REACH_M) & self.connected[layers]
        found: NDArray[np.bool_] = near.any(axis=0)
        return found

    def why_not(self, cell: str, modes: Collection[Mode] = MODES) -> WhyNot | None:
        """Why a cell cannot be swept by these modes; None when it can. Raises KeyError for a cell that is not of this ground."""
        number, layers = self.index[cell], [mode.layer for mode in modes]
        near = self.reach_m[layers, number] <= REACH_M
        if not near.any():
            return "no_road"
        return None if (near & self.connected[layers, number]).any() else "no_way"

    def best_places(
        self,
        stay_points: Sequence[StayPoint] = (),
        lon: NDArray[np.float64] | None = None,
        lat: NDArray[np.float64] | None = None,
        weight: NDArray[np.float64] | None = None,
        *,
        mode: Mode = Mode.FOOT,
    ) -> list[Place]:
        """Where to stop in each cell: at its stay point (of several, that with most people), else on the road nearest to where people were
        seen (`lon`, `lat`, `weight`, as the score weighs them), else on the road nearest to its centre. mode: whose roads."""
        wanted = self.centres.copy()
        seen = np.zeros(len(self), np.bool_)
        if lon is not None and lat is not None and len(lon):
            wanted, seen = self._where_seen(lon, lat, np.ones(len(lon)) if weight is None else weight)
        on_road = _on_road(self.roads, wanted, mode)
        named = self._stay_points(stay_points)
        other = "centre" if self.roads is None else "road"
        return [
            named.get(n) or Place(lon=x, lat=y, why="sightings" if seen[n] else other)  # type: ignore[arg-type]
            for n, (x, y) in enumerate(on_road.tolist())
        ]

    def _where_seen(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The sighting in each cell that has most weight around it: a mean of two camps would be a place where nobody is."""
        cell = self.cell_index(lon, lat)
        wanted, seen = self.centres.copy(), np.zeros(len(self), np.bool_)
        order = np.argsort(cell, kind="stable")
        starts = np.flatnonzero(np.diff(cell[order], prepend=-2))
        for first, last in zip(starts, [*starts[1:], len(order)], strict=True):
            here = order[first:last]
            number = int(cell[here[0]])
            if number < 0 or weight[here].sum() <= 0:
                continue
            here = here[np.argsort(-weight[here], kind="stable")][:200]
            at = np.column_stack((lon[here], lat[here]))
            pull = (weight[here][None, :] * np.exp(-straight_m(at, at) / _CLOSE_M)).sum(axis=1)
            wanted[number], seen[number] = at[int(pull.argmax())], True
        return wanted, seen

    def _stay_points(self, points: Sequence[StayPoint]) -> dict[int, Place]:
        found: dict[int, StayPoint] = {}
        at = np.array([(one.lon, one.lat) for one in points]).reshape(-1, 2)
        for number, point in zip(self.cell_index(at[:, 0], at[:, 1]).tolist(), points, strict=True):
            known = found.get(number)
            if number >= 0 and (known is None or (point.people or 0) > (known.people or 0)):
                found[number] = point
        return {
            number: Place(lon=one.lon, lat=one.lat, why="stay_point", name=one.name) for number, one in found.items()
        }


_CLOSE_M: Final = 60.0


def _cells(roads: Roads | None, area: BaseGeometry, res: int) -> list[str]:
    """Around the roads, or for a city without them all of the area."""
    if roads is None:
        return h3cells.cells_covering(area, res)[:MOST_CELLS]
    points = roads.arrays["shape_xy"] / 1e7
    west, south, east, north = area.bounds
    margin = 0.01
    inside = (points[:, 0] >= west - margin) & (points[:, 0] <= east + margin)
    inside &= (points[:, 1] >= south - margin) & (points[:, 1] <= north + margin)
    on = {h3int.latlng_to_cell(lat, lon, res) for lon, lat in points[inside].tolist()}
    around = sorted({cell for one in on for cell in h3int.grid_disk(one, 1)})
    centres = np.array([h3int.cell_to_latlng(cell) for cell in around]).reshape(-1, 2)
    shapely.prepare(area)
    within = shapely.intersects_xy(area, centres[:, 1], centres[:, 0])
    kept = [cell for cell, keep in zip(around, within.tolist(), strict=True) if keep]
    kept = kept or [cell for cell in around if shapely.intersects(area, h3cells.polygon(h3int.int_to_str(cell)))]
    return [h3int.int_to_str(cell) for cell in kept]


def _ring(cell: int, distance: int) -> list[int]:
    return [cell] if distance == 0 else sorted(h3int.grid_ring(cell, distance))


def _connected(roads: Roads, centres: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each cell's road is reached from the road nearest to the middle of the city, by mode."""
    found = np.zeros((len(MODES), len(centres)), np.bool_)
    for mode in MODES:
        if roads.serves(mode) and len(centres):
            found[mode.layer] = np.isfinite(matrix(roads, [roads.centre], centres, mode)[0])
    return found


def _on_road(roads: Roads | None, places: NDArray[np.float64], mode: Mode) -> NDArray[np.float64]:
    """Each place moved onto the nearest road of the mode, to within REACH_M; where there is none it stays."""
    if roads is None or not roads.serves(mode):
        return places
    snapped = roads.snap(places, mode)
    moved = places.copy()
    for n in np.flatnonzero((snapped.segment >= 0) & (snapped.off_road_m <= REACH_M)).tolist():
        on = roads.point_on(int(snapped.segment[n]), float(snapped.fraction[n]))
        moved[n] = on.lon, on.lat
    return moved
