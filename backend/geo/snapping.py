"""The nearest road to a place, exactly, for one mode: squares of the graph's grid, searched in rings until nothing nearer can come.

The grid lies in the graph file, so every process shares it and nothing is built on opening. Compiled; called by `roads` and `search`.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.geo.kernel import kernel

AT_JUNCTION_M: Final = 1.0
"""A place within this of a segment's end is at the junction: free to leave by any road."""

METRES_PER_DEGREE: Final = 6_371_008.8 * math.pi / 180
_INFINITY: Final = math.inf


class Net(NamedTuple):
    """The arrays of a graph that the compiled code needs, by the names in the file; see `build`."""

    grid_at: NDArray[np.float64]
    grid_ptr: NDArray[np.int32]
    grid_step: NDArray[np.int32]
    shape_xy: NDArray[np.int32]
    shape_m: NDArray[np.float32]
    shape_seg: NDArray[np.int32]
    seg_mask: NDArray[np.uint8]
    seg_m: NDArray[np.float32]
    seg_u: NDArray[np.int32]
    seg_v: NDArray[np.int32]
    seg_s: NDArray[np.float32]


@kernel
def _step_distance(net: Net, step: int, lon: float, lat: float, lon_m: float) -> tuple[float, float]:
    """Metres from the place to a straight step, and where on it the foot of the perpendicular lies (0-1)."""
    ax = (net.shape_xy[step, 0] * 1e-7 - lon) * lon_m
    ay = (net.shape_xy[step, 1] * 1e-7 - lat) * METRES_PER_DEGREE
    dx = (net.shape_xy[step + 1, 0] - net.shape_xy[step, 0]) * 1e-7 * lon_m
    dy = (net.shape_xy[step + 1, 1] - net.shape_xy[step, 1]) * 1e-7 * METRES_PER_DEGREE
    square = dx * dx + dy * dy
    along = 0.0
    if square > 0.0:
        along = min(1.0, max(0.0, -(ax * dx + ay * dy) / square))
    return math.hypot(ax + along * dx, ay + along * dy), along


@kernel
def _covered_m(net: Net, column: int, row: int, radius: int, lon: float, lat: float, lon_m: float) -> float:
    """Metres around the place that rings 0 to `radius` have seen completely."""
    west, south, width, height = net.grid_at[0], net.grid_at[1], net.grid_at[2], net.grid_at[3]
    columns, rows = int(net.grid_at[4]), int(net.grid_at[5])
    seen = _INFINITY
    if column - radius > 0:
        seen = min(seen, (lon - (west + (column - radius) * width)) * lon_m)
    if column + radius < columns - 1:
        seen = min(seen, (west + (column + radius + 1) * width - lon) * lon_m)
    if row - radius > 0:
        seen = min(seen, (lat - (south + (row - radius) * height)) * METRES_PER_DEGREE)
    if row + radius < rows - 1:
        seen = min(seen, (south + (row + radius + 1) * height - lat) * METRES_PER_DEGREE)
    return seen


@kernel
def snap_one(net: Net, lon: float, lat: float, mask: int) -> tuple[int, float, float]:
    """(segment, fraction along it, metres off it) of the nearest segment whose mask has all bits of `mask`; -1 if there is none."""
    columns, rows = int(net.grid_at[4]), int(net.grid_at[5])
    lon_m = METRES_PER_DEGREE * math.cos(lat * math.pi / 180)
    column = min(columns - 1, max(0, int(math.floor((lon - net.grid_at[0]) / net.grid_at[2]))))
    row = min(rows - 1, max(0, int(math.floor((lat - net.grid_at[1]) / net.grid_at[3]))))
    best_m, best_step, best_along = _INFINITY, -1, 0.0
    for radius in range(max(columns, rows)):
        for y in range(max(0, row - radius), min(rows, row + radius + 1)):
            stride = 1 if (y == row - radius or y == row + radius) else max(1, 2 * radius)
            for x in range(column - radius, column + radius + 1, stride):
                if x < 0 or x >= columns:
                    continue
                square = y * columns + x
                for at in range(net.grid_ptr[square], net.grid_ptr[square + 1]):
                    step = net.grid_step[at]
                    if net.seg_mask[net.shape_seg[step]] & mask != mask:
                        continue
                    metres, along = _step_distance(net, step, lon, lat, lon_m)
                    if metres < best_m or (metres == best_m and step < best_step):
                        best_m, best_step, best_along = metres, step, along
        if best_m <= _covered_m(net, column, row, radius, lon, lat, lon_m):
            break
    if best_step < 0:
        return -1, 0.0, _INFINITY
    segment = net.shape_seg[best_step]
    length = float(net.seg_m[segment])
    start, end = float(net.shape_m[best_step]), float(net.shape_m[best_step + 1])
    along_m = start + best_along * (end - start)
    fraction = 0.0 if along_m <= AT_JUNCTION_M else 1.0 if length - along_m <= AT_JUNCTION_M else along_m / length
    return segment, fraction, best_m


@kernel
def snap_many(
    net: Net,
    places: NDArray[np.float64],
    mask: int,
    segment: NDArray[np.int32],
    fraction: NDArray[np.float64],
    off_road_m: NDArray[np.float64],
) -> None:
    """`snap_one` for every row (lon, lat) of `places`, written into the three arrays."""
    for i in range(len(places)):
        segment[i], fraction[i], off_road_m[i] = snap_one(net, places[i, 0], places[i, 1], mask)
