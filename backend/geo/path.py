"""The way of a team from where it is to a place: its line on the map and when it would be there.

The same time as `nearest` gives for the same team: mobilisation, the walk to the road, the drive, the walk to the place.
"""

from typing import Final

from msgspec import Struct

from backend.geo.modes import NO_FACTORS, STRAIGHT_DETOUR, STRAIGHT_MPS, Factors, Mode
from backend.geo.nearest import Basis
from backend.geo.place import LonLat, distance_m
from backend.geo.roads import Roads

NEAR_DEG: Final = 1e-6


class Way(Struct, frozen=True):
    """seconds: all of it, with the mobilisation. metres: along the line. line: from door to door, WGS-84."""

    line: tuple[LonLat, ...]
    seconds: float
    mobilisation_s: float
    metres: float
    basis: Basis


def way(
    roads: Roads | None,
    start: LonLat,
    end: LonLat,
    mode: Mode,
    *,
    mobilisation_s: float = 0.0,
    factors: Factors = NO_FACTORS,
) -> Way | None:
    """The quickest way; None when there is none within six hours. Without roads for the mode: the straight line, and it says so."""
    if roads is None or not roads.serves(mode):
        metres = distance_m(start, end) * STRAIGHT_DETOUR
        drive_s = metres / STRAIGHT_MPS[mode.layer] * factors.of(mode)
        return Way((start, end), mobilisation_s + drive_s, mobilisation_s, metres, "straight_line")
    found = roads.route(start, end, mode, factors)
    if found is None:
        return None
    return Way(_drawn(found.line), mobilisation_s + found.seconds, mobilisation_s, found.metres, "road")


def _drawn(line: tuple[LonLat, ...]) -> tuple[LonLat, ...]:
    """Without the points that stand where the one before them stands."""
    kept = [line[0]]
    for point in line[1:]:
        if abs(point.lon - kept[-1].lon) > NEAR_DEG or abs(point.lat - kept[-1].lat) > NEAR_DEG:
            kept.append(point)
    return tuple(kept) if len(kept) > 1 else (line[0], line[-1])
