"""Times between many places at once, for assigning teams in a batch and for planning tours.

One bounded search per row or per column, whichever are fewer; about 0.3 ms each on a city of 6,000 junctions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.geo.kernel import kernel
from backend.geo.modes import NO_FACTORS, STRAIGHT_DETOUR, STRAIGHT_MPS, WALK_MPS, Factors, Mode
from backend.geo.place import EARTH_RADIUS_M, LonLat
from backend.geo.roads import Roads, as_rows
from backend.geo.search import (
    FAR_S,
    NOTHING_WANTED,
    Arcs,
    Scratch,
    along_s,
    begin,
    from_end_s,
    reach,
    seconds_at,
    spread,
    to_end_s,
)
from backend.geo.snapping import Net

type Places = Sequence[LonLat] | NDArray[np.float64]


def matrix(
    roads: Roads | None,
    sources: Places,
    targets: Places,
    mode: Mode,
    factors: Factors = NO_FACTORS,
    *,
    within_s: float = FAR_S,
) -> NDArray[np.float64]:
    """Seconds from every source (row) to every target (column), door to door; inf where it is more than `within_s` of driving.

    Places are `LonLat`s or rows of lon, lat. Walking from and to the road is included; mobilisation is not. Without roads, or without
    any for the mode, straight lines times detour.
    """
    starts, goals = as_rows(sources), as_rows(targets)
    if roads is None or not roads.serves(mode):
        return _straight(starts, goals, mode, factors)
    a, b = roads.snap(starts, mode), roads.snap(goals, mode)
    backwards = len(goals) < len(starts)
    drive_s = np.full((len(starts), len(goals)), np.inf)
    fill, arcs = (drive_s.T, roads.entering) if backwards else (drive_s, roads.leaving)
    one, many = (b, a) if backwards else (a, b)
    _fill(
        *(roads.net, arcs, roads.scratch, one.segment, one.fraction, many.segment, many.fraction),
        *(mode.layer, factors.of(mode), backwards, min(within_s, FAR_S), fill),
    )
    walk_a, walk_b = (place.off_road_m / WALK_MPS * factors.foot for place in (a, b))
    seconds: NDArray[np.float64] = drive_s + walk_a[:, None] + walk_b[None, :]
    return seconds


def straight_m(starts: NDArray[np.float64], goals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Straight-line metres from every row of `starts` to every row of `goals` (lon, lat)."""
    degrees = np.radians(goals[None, :, :] - starts[:, None, :])
    middle = np.radians((goals[None, :, 1] + starts[:, None, 1]) / 2)
    metres: NDArray[np.float64] = np.hypot(degrees[..., 0] * np.cos(middle), degrees[..., 1]) * EARTH_RADIUS_M
    return metres


def _straight(
    starts: NDArray[np.float64], goals: NDArray[np.float64], mode: Mode, factors: Factors
) -> NDArray[np.float64]:
    seconds: NDArray[np.float64] = straight_m(starts, goals) * (
        STRAIGHT_DETOUR / STRAIGHT_MPS[mode.layer] * factors.of(mode)
    )
    return seconds


@kernel
def _end_s(seg_s: NDArray[np.float32], layer: int, segment: int, at: float, end: int, arriving: bool) -> float:
    """Seconds from a segment's end to the place on it (`arriving`), or from the place to the end."""
    if arriving:
        return from_end_s(seg_s, layer, segment, at, end)
    return to_end_s(seg_s, layer, segment, at, end)


@kernel
def _fill(
    net: Net,
    arcs: Arcs,
    work: Scratch,
    one_seg: NDArray[np.int32],
    one_at: NDArray[np.float64],
    many_seg: NDArray[np.int32],
    many_at: NDArray[np.float64],
    layer: int,
    factor: float,
    backwards: bool,
    limit_s: float,
    out: NDArray[np.float64],
) -> None:
    """One search from each of `one` (towards it, when `backwards`) that stops when all of `many` are known."""
    seg_s, nodes = net.seg_s, (len(arcs.ptr) - 1) // 3
    factors = np.full(3, factor)
    ends = np.concatenate((net.seg_u[many_seg], net.seg_v[many_seg])).astype(np.int64)
    wanted = np.unique(ends) + layer * nodes
    for i in range(len(one_seg)):
        now, buckets = begin(work.bucket, work.number, limit_s)
        segment, at = one_seg[i], one_at[i]
        for end in range(2):
            node = net.seg_v[segment] if end == 1 else net.seg_u[segment]
            start_s = _end_s(seg_s, layer, segment, at, end, backwards) * factor
            reach(work.states, work.bucket, now, layer * nodes + node, start_s, i, -1, limit_s)
        spread(work, arcs, now, buckets, factors, wanted, limit_s)
        for j in range(len(many_seg)):
            best = np.inf
            if many_seg[j] == segment:
                there, here = (many_at[j], at) if backwards else (at, many_at[j])
                best = along_s(seg_s, layer, segment, there, here) * factor
            for end in range(2):
                node = net.seg_v[many_seg[j]] if end == 1 else net.seg_u[many_seg[j]]
                rest_s = _end_s(seg_s, layer, many_seg[j], many_at[j], end, not backwards) * factor
                best = min(best, seconds_at(work.states, now, layer * nodes + node) + rest_s)
            out[i, j] = best


def spread_out(roads: Roads, count: int, mode: Mode) -> list[LonLat]:
    """`count` junctions as far from each other by road time as greedy k-centre makes them, beginning with the one nearest the middle.

    Each next one is the junction that is hardest to reach from those there already: at most twice the best possible radius
    (Gonzalez 1985). The quicker of there and back counts, else the ramps of an interchange would each want one. Deterministic.
    """
    first = roads.snap([roads.centre], mode)
    node = int(roads.net.seg_u[first.segment[0]])
    reach_s = np.full(roads.nodes, np.inf)
    chosen: list[int] = []
    while len(chosen) < count:
        chosen.append(node)
        for arcs in (roads.leaving, roads.entering):
            reach_s = np.minimum(reach_s, _from_node(roads, arcs, node, mode.layer))
        node = int(np.argmax(np.where(np.isfinite(reach_s), reach_s, -1.0)))
    return [roads.node_place(node) for node in chosen]


def _from_node(roads: Roads, arcs: Arcs, node: int, layer: int) -> NDArray[np.float64]:
    """Seconds from a junction to every junction (with the entering arcs: to it from every one)."""
    work, first = roads.scratch, layer * roads.nodes
    now, buckets = begin(work.bucket, work.number, FAR_S)
    reach(work.states, work.bucket, now, first + node, 0.0, -1, -1, FAR_S)
    spread(work, arcs, now, buckets, np.ones(3), NOTHING_WANTED, FAR_S)
    rows = work.states[first : first + roads.nodes]
    seconds: NDArray[np.float64] = np.where(rows["stamp"] == now, rows["seconds"], np.inf)
    return seconds
