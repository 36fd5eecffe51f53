"""The rescue circle 救助圈: where a team can be within 30 minutes by road, now, as something to look at and to ask.

`Ground` is what stays (the cells of a city and where each is joined to the roads); `Ground.circle` searches once from all available teams,
each in its own mode, and gives a `Circle`: minutes and owner per cell. A cell's time is that of a team arriving at its centre,
walking the last leg, so it is exactly what `nearest` says for that place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.geo import cells as h3cells
from backend.geo.fleet import Fleet, Teams
from backend.geo.kernel import kernel
from backend.geo.matrix import straight_m
from backend.geo.modes import MODES, NO_FACTORS, STRAIGHT_DETOUR, STRAIGHT_MPS, WALK_MPS, Factors
from backend.geo.nearest import Basis
from backend.geo.place import Area, LonLat
from backend.geo.roads import Roads
from backend.geo.search import (
    FAR_S,
    NOTHING_WANTED,
    Arcs,
    Scratch,
    States,
    along_s,
    begin,
    from_end_s,
    reach,
    seconds_at,
    spread,
)
from backend.geo.snapping import Net

LIMIT_S: Final = 1800.0
"""On the spot within 30 minutes: the radius of the circle, seconds."""

ROADLESS_M: Final = 800.0
"""A cell whose centre is further than this from any road is water or hill, not ground to be covered, metres."""

type Weights = Mapping[str, float] | NDArray[np.float64] | None


class Joints(NamedTuple):
    """Where cells are joined to the roads, (3, cells) by mode: segment (-1: none), fraction, metres to the centre."""

    segment: NDArray[np.int32]
    fraction: NDArray[np.float64]
    off_road_m: NDArray[np.float64]


@dataclass(frozen=True)
class Circle:
    """One picture of the circle. seconds: (cells,) to the nearest team, inf beyond the search; owner: its slot in the fleet, -1 none.

    team_ids: the owner's id per cell, None where no team comes in the time searched.
    """

    cells: tuple[str, ...]
    seconds: NDArray[np.float64]
    team_ids: tuple[str | None, ...]
    limit_s: float
    basis: Basis

    @property
    def minutes(self) -> NDArray[np.float64]:
        """Minutes to the nearest team per cell, inf where none comes."""
        return self.seconds / 60

    @property
    def margin_s(self) -> NDArray[np.float64]:
        """Seconds to spare per cell; negative outside the circle."""
        return self.limit_s - self.seconds

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """Which cells are inside."""
        return self.seconds <= self.limit_s

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of every cell."""
        return {cell: i for i, cell in enumerate(self.cells)}

    def share(self, weights: Weights = None) -> float:
        """The share of the weight (of the cells, when no weights are given) that is inside, 0-1; nan when there is no weight."""
        weight = weigh(self.cells, weights)
        total = float(weight.sum())
        return float(weight[self.covered].sum()) / total if total > 0 else float("nan")

    def gaps(self, limit_s: float | None = None) -> list[str]:
        """The cells that no team reaches within `limit_s` (the circle's own when not given), in the order of `cells`."""
        late = self.seconds > (self.limit_s if limit_s is None else limit_s)
        return [self.cells[i] for i in np.flatnonzero(late).tolist()]

    def since(self, before: Circle) -> Change:
        """What opened and closed since an earlier picture. Cells that are in only one of the two count as outside in the other."""
        then = {cell for cell, inside in zip(before.cells, before.covered.tolist(), strict=True) if inside}
        now = {cell for cell, inside in zip(self.cells, self.covered.tolist(), strict=True) if inside}
        return Change(gained=tuple(sorted(now - then)), lost=tuple(sorted(then - now)))


@dataclass(frozen=True, slots=True)
class Change:
    """Cells that came into the circle and cells that fell out of it."""

    gained: tuple[str, ...]
    lost: tuple[str, ...]


class Ground:
    """The cells of a city. Make one per city and keep it; it never changes and may be shared between threads."""

    def __init__(self, roads: Roads | None, cells: Sequence[str], *, roadless_m: float = ROADLESS_M) -> None:
        """Join the cells to the roads; those without a road within `roadless_m` of their centre go to `roadless`."""
        self.roads = roads
        self.roadless: tuple[str, ...] = ()
        self.joints: Joints | None = None
        centres = np.array([_lon_lat(cell) for cell in cells]).reshape(-1, 2)
        if roads is None:
            self.cells, self.centres = tuple(cells), centres
            return
        joints = _joined(roads, centres)
        near = joints.off_road_m.min(axis=0) <= roadless_m
        self.cells = tuple(cell for cell, keep in zip(cells, near.tolist(), strict=True) if keep)
        self.roadless = tuple(cell for cell, keep in zip(cells, near.tolist(), strict=True) if not keep)
        self.centres = centres[near]
        self.joints = Joints(
            joints.segment[:, near].copy(), joints.fraction[:, near].copy(), joints.off_road_m[:, near].copy()
        )

    @classmethod
    def of_roads(cls, roads: Roads, area: Area | None = None, res: int = h3cells.RES_SHOW) -> Ground:
        """The cells around the city's roads, those whose centre is outside `area` left out."""
        near = {h3cells.cell_of(roads.node_place(node), res) for node in range(roads.nodes)}
        around = {cell for one in near for cell in h3cells.ring(one, 1)}
        return cls(roads, [cell for cell in sorted(around) if area is None or area.contains(h3cells.centre(cell))])

    def circle(
        self,
        fleet: Fleet,
        *,
        limit_s: float = LIMIT_S,
        factors: Factors = NO_FACTORS,
        available: NDArray[np.bool_] | None = None,
        search_s: float | None = None,
    ) -> Circle:
        """The circle now. `search_s`: how far to look for teams beyond the limit (twice the limit when not given).

        available: mask over the fleet's slots instead of the fleet's own availability.
        """
        among = fleet.available if available is None else available
        if self.roads is not fleet.roads:
            raise ValueError("the fleet was made with other roads")
        if self.roads is None or self.joints is None:
            return self._straight(fleet, among, limit_s, factors)
        seconds, owner = np.empty(len(self.cells)), np.empty(len(self.cells), np.int32)
        within_s = min(FAR_S, 2 * limit_s if search_s is None else search_s)
        _from_all(
            *(self.roads.net, self.roads.leaving, fleet.teams, among, self.roads.scratch, self.joints),
            *(np.array(factors.as_tuple()), within_s, seconds, owner),
        )
        return Circle(self.cells, seconds, _ids(fleet, owner), limit_s, "road")

    def place_of(self, cell: int) -> LonLat:
        """The centre of the cell with this index."""
        lon, lat = self.centres[cell].tolist()
        return LonLat(lon, lat)

    def _straight(self, fleet: Fleet, among: NDArray[np.bool_], limit_s: float, factors: Factors) -> Circle:
        teams = fleet.teams.team
        slots = np.flatnonzero(among & (teams["layer"] >= 0))
        if not len(slots):
            return Circle(
                self.cells, np.full(len(self.cells), np.inf), (None,) * len(self.cells), limit_s, "straight_line"
            )
        layer = teams["layer"][slots]
        metres = straight_m(np.column_stack((teams["lon"][slots], teams["lat"][slots])), self.centres)
        pace = STRAIGHT_DETOUR / np.array(STRAIGHT_MPS)[layer] * np.array(factors.as_tuple())[layer]
        times = metres * pace[:, None] + teams["ready_s"][slots][:, None]
        owner = slots[times.argmin(axis=0)].astype(np.int32)
        return Circle(self.cells, times.min(axis=0), _ids(fleet, owner), limit_s, "straight_line")


def weigh(cells: Sequence[str], weights: Weights) -> NDArray[np.float64]:
    """Weights as an array over the cells: equal when None; cells that a mapping leaves out weigh nothing."""
    if weights is None:
        return np.ones(len(cells))
    if isinstance(weights, np.ndarray):
        return weights
    return np.array([weights.get(cell, 0.0) for cell in cells])


def _lon_lat(cell: str) -> tuple[float, float]:
    middle = h3cells.centre(cell)
    return middle.lon, middle.lat


def _joined(roads: Roads, centres: NDArray[np.float64]) -> Joints:
    snapped = [roads.snap(centres, mode) for mode in MODES]
    return Joints(
        np.stack([one.segment for one in snapped]),
        np.stack([one.fraction for one in snapped]),
        np.stack([one.off_road_m for one in snapped]),
    )


def _ids(fleet: Fleet, owner: NDArray[np.int32]) -> tuple[str | None, ...]:
    return tuple(fleet.ids[slot] if slot >= 0 else None for slot in owner.tolist())


@kernel
def _from_all(
    net: Net,
    arcs: Arcs,
    teams: Teams,
    among: NDArray[np.bool_],
    work: Scratch,
    joints: Joints,
    factors: NDArray[np.float64],
    within_s: float,
    seconds: NDArray[np.float64],
    owner: NDArray[np.int32],
) -> None:
    """Search from all teams at once and read off every cell's time and owner."""
    team, exits, states, bucket = teams.team, teams.exit, work.states, work.bucket
    now, buckets = begin(bucket, work.number, within_s)
    for slot in range(len(among)):
        if among[slot]:
            seed(team, exits, states, bucket, now, slot, factors, within_s)
    spread(work, arcs, now, buckets, factors, NOTHING_WANTED, within_s)
    seconds[:], owner[:] = np.inf, -1
    nodes = (len(arcs.ptr) - 1) // 3
    read_off(net, joints, states, now, nodes, factors, seconds, owner)
    seg_s, seg_first, segments = net.seg_s, teams.seg_first, joints.segment
    for layer in range(3):
        for cell in range(len(seconds)):
            segment = segments[layer, cell]
            slot = seg_first[segment] if segment >= 0 else -1
            while slot >= 0:
                if among[slot] and team[slot].layer == layer:
                    time_s = _direct_s(team, slot, seg_s, joints, layer, cell, factors)
                    if time_s < seconds[cell]:
                        seconds[cell], owner[cell] = time_s, slot
                slot = team[slot].after
    for cell in range(len(seconds)):
        if seconds[cell] > within_s:
            seconds[cell], owner[cell] = np.inf, -1


@kernel
def seed(
    team: NDArray[np.void],
    exits: NDArray[np.void],
    states: States,
    bucket: NDArray[np.int32],
    now: int,
    slot: int,
    factors: NDArray[np.float64],
    within_s: float,
) -> None:
    """Start the search from where a team leaves its segment, its mobilisation and walk counted."""
    here = team[slot]
    if here.layer < 0 or here.segment < 0:
        return
    own_s = here.ready_s + here.off_road_m / WALK_MPS * factors[2]
    for item in range(2 * slot, 2 * slot + 2):
        if exits[item].state >= 0:
            start_s = own_s + exits[item].seconds * factors[here.layer]
            reach(states, bucket, now, exits[item].state, start_s, slot, -1, within_s)


@kernel
def read_off(
    net: Net,
    joints: Joints,
    states: States,
    now: int,
    nodes: int,
    factors: NDArray[np.float64],
    seconds: NDArray[np.float64],
    owner: NDArray[np.int32],
) -> None:
    """Improve every cell's time and owner by what the search found at both ends of the cell's segment."""
    seg_s, seg_u, seg_v = net.seg_s, net.seg_u, net.seg_v
    segments, fractions, off_road_m = joints.segment, joints.fraction, joints.off_road_m
    for layer in range(3):
        for cell in range(len(seconds)):
            segment = segments[layer, cell]
            if segment < 0:
                continue
            walk_s = off_road_m[layer, cell] / WALK_MPS * factors[2]
            for end in range(2):
                state = layer * nodes + (seg_v[segment] if end == 1 else seg_u[segment])
                rest_s = from_end_s(seg_s, layer, segment, fractions[layer, cell], end) * factors[layer]
                time_s = seconds_at(states, now, state) + rest_s + walk_s
                if time_s < seconds[cell]:
                    seconds[cell], owner[cell] = time_s, states[state].owner


@kernel
def _direct_s(
    team: NDArray[np.void],
    slot: int,
    seg_s: NDArray[np.float32],
    joints: Joints,
    layer: int,
    cell: int,
    factors: NDArray[np.float64],
) -> float:
    """Seconds of a team on the cell's own segment that passes no junction."""
    here = team[slot]
    walk_s = (here.off_road_m + joints.off_road_m[layer, cell]) / WALK_MPS * factors[2]
    drive_s = along_s(seg_s, layer, here.segment, here.fraction, joints.fraction[layer, cell]) * factors[layer]
    return float(here.ready_s + walk_s + drive_s)
