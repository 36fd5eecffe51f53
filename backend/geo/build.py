"""Building a city's `roads.graph` out of an OpenStreetMap extract.

`build` is the whole way as a table of contents: read → cut into segments → contract → keep the largest part per mode → contract again →
order along a space-filling curve → cost → arcs → grid for snapping → file. The arrays it writes are described in `roads`.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import Invalid
from backend.geo import graph_file, osm, segments
from backend.geo.components import largest_part
from backend.geo.modes import GIVE_WAY_S, JUNCTION_S, MODES, SIGNAL_S, RoadClass
from backend.geo.osm import ImportReport, Ints, Progress, silent
from backend.geo.place import EARTH_RADIUS_M
from backend.geo.segments import SCALE, Segments, pointers, ragged

GRID_CELL_M = 120.0
"""Side of the squares of the snapping grid, metres (measured: 80-200 m are alike)."""

CALM_BELOW_M = 20.0
"""Arcs shorter than this lie within a junction; waiting was charged on the way into it."""

SIGNAL_SPACING_M = 100.0
"""At most one wait per this many metres: several signal nodes of one crossing are one signal."""


def build(pbf: Path, out: Path, progress: Progress = silent) -> ImportReport:
    """Read the extract, write the graph, say what was kept and dropped. Raises `Invalid` (see `osm.read`)."""
    clock = _Stages(progress)
    raw, report = clock.run("read", lambda: osm.read(pbf, progress))
    parts = clock.run("cut", lambda: segments.contract(segments.close_barriers(segments.cut(raw), raw.passes)))
    kept = clock.run("connect", lambda: segments.contract(_largest_parts(parts, report)))
    arrays = clock.run("weigh", lambda: _arrays(kept, raw.names))
    facts = _describe(kept, arrays, report)
    clock.run("write", lambda: graph_file.write(out, arrays, facts))
    report.seconds = clock.seconds
    return report


class _Stages:
    """Runs the stages, telling progress before and after each and keeping the seconds they took."""

    _NAMES = ("read", "cut", "connect", "weigh", "write")

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    def run[T](self, stage: str, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        self._progress(stage, 0, 1)
        result = work()
        self._progress(stage, 1, 1)
        self.seconds[stage] = time.perf_counter() - began
        return result


def _largest_parts(parts: Segments, report: ImportReport) -> Segments:
    """Keep, for each mode, the part in which everything can be reached from everything; what no mode keeps is dropped."""
    nodes = len(parts.xy)
    perm = np.zeros_like(parts.perm)
    for layer, mode in enumerate(MODES):
        bit = np.uint8(1 << layer)
        along, against = (np.flatnonzero(parts.perm[side] & bit) for side in (0, 1))
        tail = np.concatenate((parts.u[along], parts.v[against]))
        head = np.concatenate((parts.v[along], parts.u[against]))
        weight = np.concatenate((parts.metres[along], parts.metres[against]))
        part = largest_part(nodes, tail, head, weight)
        inside = part[parts.u] & part[parts.v]
        lost = ((parts.perm[0] | parts.perm[1]) & bit).astype(np.bool_) & ~inside
        report.lost_m[mode.value] = round(float(parts.metres[lost].sum()), 1)
        report.lost_segments[mode.value] = int(lost.sum())
        perm |= np.where(inside, parts.perm & bit, np.uint8(0))
    keep = (perm[0] | perm[1]) > 0
    if not keep.any():
        raise Invalid(
            "地图文件中的道路互不连通。", "No roads of the extract connect.", code="extract_no_roads", field="pbf"
        )
    return segments.select(parts, keep, perm)


def _arrays(kept: Segments, names: list[str]) -> graph_file.Arrays:
    """Everything the graph file holds, nodes and segments in spatial order so that what is near is near in memory."""
    used = np.unique(np.concatenate((kept.u, kept.v)))
    used = used[np.argsort(_curve(kept.xy[used]), kind="stable")]
    number = np.full(len(kept.xy), -1, np.int64)
    number[used] = np.arange(len(used))
    order = np.lexsort((kept.ptr[:-1], number[kept.v], number[kept.u]))
    kept = _reordered(kept, order)
    u, v = number[kept.u], number[kept.v]
    seconds = _seconds(kept, u, v, len(used))
    shape_m = _run_metres(kept)
    used_names, name = np.unique(np.concatenate(([0], kept.name)), return_inverse=True)
    return {
        "node_xy": kept.xy[used],
        "seg_u": u.astype(np.int32),
        "seg_v": v.astype(np.int32),
        "seg_m": np.maximum.reduceat(shape_m, kept.ptr[:-1]).astype(np.float32),
        "seg_s": seconds,
        "seg_mask": (kept.perm[0] | kept.perm[1] | np.where(kept.name > 0, 8, 0)).astype(np.uint8),
        "seg_road": kept.road,
        "seg_name": name[1:].astype(np.int32),
        "seg_ptr": kept.ptr.astype(np.int32),
        "shape_xy": kept.xy[kept.node],
        "shape_m": shape_m,
        "shape_seg": np.repeat(np.arange(len(kept)), np.diff(kept.ptr)).astype(np.int32),
        **_name_table([names[index] for index in used_names.tolist()]),
        **_arcs(u, v, seconds, len(used)),
        **_grid(kept, shape_m),
    }


def _reordered(kept: Segments, order: Ints) -> Segments:
    counts = np.diff(kept.ptr)[order]
    node = kept.node[ragged(kept.ptr[order], counts)]
    return Segments(
        kept.xy,
        *(kept.u[order], kept.v[order], pointers(counts), node, kept.perm[:, order], kept.signals[:, order]),
        *(kept.road[order], kept.name[order], kept.kmh[order], kept.metres[order]),
    )


def _curve(xy: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Place on the Z-order curve: the bits of longitude and latitude, interleaved."""
    offset = (xy.astype(np.int64) - xy.min(axis=0)).astype(np.uint64) >> np.uint64(6)
    code = np.zeros(len(xy), np.uint64)
    for axis in (0, 1):
        bits = offset[:, axis]
        for shift, mask in ((16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F)):
            bits = (bits | (bits << np.uint64(shift))) & np.uint64(mask)
        for shift, mask in ((2, 0x3333333333333333), (1, 0x5555555555555555)):
            bits = (bits | (bits << np.uint64(shift))) & np.uint64(mask)
        code |= bits << np.uint64(axis)
    return code


def _run_metres(kept: Segments) -> NDArray[np.float32]:
    """Metres from the start of the segment at every shape point; scaled so that the end is exactly the segment's length."""
    steps = np.zeros(len(kept.node))
    steps[1:] = np.maximum(segments.step_m(kept.xy, kept.node[:-1], kept.node[1:]), segments.MIN_STEP_M)
    steps[kept.ptr[:-1]] = 0.0
    run = np.cumsum(steps)
    return (run - np.repeat(run[kept.ptr[:-1]], np.diff(kept.ptr))).astype(np.float32)


def _seconds(kept: Segments, u: Ints, v: Ints, nodes: int) -> NDArray[np.float32]:
    """(2, n, 3): seconds along and against each segment per mode, waiting at its far end included; inf where forbidden."""
    degree = np.bincount(np.concatenate((u, v)), minlength=nodes)
    rank = np.zeros(nodes, np.uint8)
    for end in (u, v):
        np.maximum.at(rank, end, kept.road)
    seconds = np.full((2, len(kept), 3), np.inf, np.float32)
    for side, head in ((0, v), (1, u)):
        waits = np.minimum(kept.signals[side], 1 + kept.metres // SIGNAL_SPACING_M)
        waits = np.where(kept.metres >= CALM_BELOW_M, waits, 0)
        slows = (waits == 0) & (degree[head] >= 3) & (kept.metres >= CALM_BELOW_M)
        yields = slows & (kept.road < rank[head]) & (kept.road != RoadClass.BARRIER)
        for layer in range(3):
            allowed = (kept.perm[side] & (1 << layer)) > 0
            moving = kept.metres[allowed] / (kept.kmh[allowed, layer] / 3.6)
            delay = waits * SIGNAL_S[layer] + slows * JUNCTION_S[layer] + yields * GIVE_WAY_S[layer]
            seconds[side, allowed, layer] = moving + delay[allowed]
    return seconds


def _arcs(u: Ints, v: Ints, seconds: NDArray[np.float32], nodes: int) -> graph_file.Arrays:
    """Compressed rows of the three layers at once: state `layer * nodes + node`; leaving (`out_*`) and entering (`in_*`)."""
    tails, heads, costs, halves = [], [], [], []
    segment = np.arange(len(u))
    for layer in range(3):
        for side, (tail, head) in enumerate(((u, v), (v, u))):
            cost = seconds[side, :, layer]
            used = np.isfinite(cost) & (tail != head)
            tails.append(tail[used] + layer * nodes)
            heads.append(head[used] + layer * nodes)
            costs.append(cost[used])
            halves.append(2 * segment[used] + side)
    tail, head = np.concatenate(tails), np.concatenate(heads)
    cost, half = np.concatenate(costs), np.concatenate(halves)
    out, into = np.lexsort((half, head, tail)), np.lexsort((half, tail, head))
    return {
        "out_ptr": pointers(np.bincount(tail, minlength=3 * nodes)).astype(np.int32),
        "out_to": head[out].astype(np.int32),
        "out_s": cost[out],
        "out_half": half[out].astype(np.int32),
        "in_ptr": pointers(np.bincount(head, minlength=3 * nodes)).astype(np.int32),
        "in_from": tail[into].astype(np.int32),
        "in_s": cost[into],
    }


def _grid(kept: Segments, shape_m: NDArray[np.float32]) -> graph_file.Arrays:
    """For every square of a grid the steps (by their first shape point) that pass it; barriers are nothing to stand on."""
    xy = kept.xy[kept.node].astype(np.float64) / SCALE
    road = np.repeat(kept.road, np.diff(kept.ptr))
    is_step = road != RoadClass.BARRIER
    is_step[kept.ptr[1:] - 1] = False
    step = np.flatnonzero(is_step)
    west_south = xy.min(axis=0)
    latitude = np.radians(xy[:, 1].mean())
    side = np.array([GRID_CELL_M / (EARTH_RADIUS_M * np.radians(1) * np.cos(latitude)), 0.0])
    side[1] = GRID_CELL_M / (EARTH_RADIUS_M * np.radians(1))
    columns, rows = (np.floor((xy.max(axis=0) - west_south) / side).astype(np.int64) + 1).tolist()
    low, high, owner = _pieces(xy, step, shape_m)
    low_cell, high_cell = (np.floor((corner - west_south) / side).astype(np.int64) for corner in (low, high))
    width, height = (high_cell - low_cell + 1).T
    which = np.repeat(np.arange(len(owner)), width * height)
    nth = ragged(np.zeros(len(owner), np.int64), width * height)
    cell = (low_cell[which, 1] + nth // width[which]) * columns + low_cell[which, 0] + nth % width[which]
    pairs = np.unique(cell * len(xy) + owner[which])
    return {
        "grid_at": np.array([west_south[0], west_south[1], side[0], side[1], columns, rows], np.float64),
        "grid_ptr": pointers(np.bincount(pairs // len(xy), minlength=columns * rows)).astype(np.int32),
        "grid_step": (pairs % len(xy)).astype(np.int32),
    }


def _pieces(
    xy: NDArray[np.float64], step: Ints, shape_m: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], Ints]:
    """Boxes around the steps, long ones in pieces so that a slanting road does not fill a whole rectangle of squares."""
    pieces = np.maximum(1, np.ceil((shape_m[step + 1] - shape_m[step]) / GRID_CELL_M)).astype(np.int64)
    owner = np.repeat(step, pieces)
    nth = ragged(np.zeros(len(step), np.int64), pieces)
    share = np.repeat(pieces, pieces).astype(np.float64)
    begin = xy[owner] + (xy[owner + 1] - xy[owner]) * (nth / share)[:, None]
    end = xy[owner] + (xy[owner + 1] - xy[owner]) * ((nth + 1) / share)[:, None]
    end = np.clip(end, xy.min(axis=0), xy.max(axis=0))
    return np.minimum(begin, end), np.maximum(begin, end), owner


def _name_table(names: list[str]) -> graph_file.Arrays:
    encoded = [name.encode() for name in names]
    return {
        "name_ptr": pointers(np.array([len(name) for name in encoded], np.int64)).astype(np.int32),
        "name_utf8": np.frombuffer(b"".join(encoded), np.uint8),
    }


def _describe(kept: Segments, arrays: graph_file.Arrays, report: ImportReport) -> dict[str, Any]:
    """The facts of the file's header, and the report's figures about what was kept."""
    report.km_kept = round(float(arrays["seg_m"].sum()) / 1000, 3)
    report.named_km = round(float(arrays["seg_m"][arrays["seg_name"] > 0].sum()) / 1000, 3)
    report.junctions, report.segments = len(arrays["node_xy"]), len(kept)
    report.shape_points = len(arrays["shape_xy"])
    west_south, east_north = arrays["shape_xy"].min(axis=0) / SCALE, arrays["shape_xy"].max(axis=0) / SCALE
    return {
        "bbox": [float(west_south[0]), float(west_south[1]), float(east_north[0]), float(east_north[1])],
        "km": report.km_kept,
        "dropped": dict(sorted(report.dropped.items())),
        "lost_m": report.lost_m,
        "attribution": "© OpenStreetMap contributors, ODbL 1.0",
    }
