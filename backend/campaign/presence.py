"""Where a team was and for how long: its fixes become stays in the cells of a sweep. Pure. Begin at `stays`.

Time counts between two good fixes that both lie in the cell, or near its stop, and are close enough in time that the team cannot
have been elsewhere: a gap in a track is no presence. Nothing depends on the order in which fixes came in, only on when they were
taken. What a stay is worth: `worth`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from backend.geo.cells import cell_of, ring
from backend.geo.place import LonLat, distance_m

WORST_ACCURACY_M: Final = 100.0
"""A place less certain than this does not say which cell it is."""
GAP_S: Final = 90.0
"""Longer between two fixes, and nobody knows where the team was meanwhile …"""
STILL_GAP_S: Final = 300.0
"""… unless it stands still: then a phone reports less often."""
STILL_M: Final = 60.0
AWAY: Final = timedelta(minutes=2)
"""Who is back within this time has not left: a walk along the edge of a cell is one stay."""
PASSING: Final = 0.4
"""What driving through finds, as a share of what looking on the spot does."""
CELL_ACROSS_M: Final = 300.0
"""Two cells of resolution 9 that do not touch are further apart than this, about."""


class Fix(Struct, frozen=True, kw_only=True):
    """A place of a team at a moment, WGS-84."""

    at: datetime
    place: LonLat
    accuracy_m: float | None = None
    speed_m_s: float | None = None


class Rules(Struct, frozen=True, kw_only=True):
    """What counts: presence of `dwell_s` in a cell or within `near_m` of its stop; faster than `max_speed_mps` is driving through."""

    dwell_s: float
    near_m: float
    max_speed_mps: float


class Stay(Struct, frozen=True, kw_only=True):
    """Presence in one cell. slow_s, fast_s: seconds there, on the spot and driving through. is_open: the team was still there."""

    cell: str
    began_at: datetime
    ended_at: datetime
    slow_s: float
    fast_s: float
    is_open: bool = False


class Stops:
    """The cells of a sweep with their stops, to be asked for the cells that a place counts for."""

    def __init__(self, of: Mapping[str, LonLat], *, res: int, near_m: float) -> None:
        """of: cell → where its stop is."""
        self.of, self.res, self.near_m = of, res, near_m
        self._around: dict[str, list[str]] = {}
        for cell in of:
            for near in ring(cell, 1 + ceil(near_m / CELL_ACROSS_M)):
                self._around.setdefault(near, []).append(cell)

    def at(self, place: LonLat) -> tuple[str, ...]:
        """The cell that the place lies in first, then those whose stop is near, the nearest first."""
        here = cell_of(place, self.res)
        far = {cell: distance_m(place, self.of[cell]) for cell in self._around.get(here, ())}
        near = [cell for cell, metres in far.items() if cell == here or metres <= self.near_m]
        return tuple(sorted(near, key=lambda cell: (cell != here, far[cell], cell)))


def stays(fixes: Iterable[Fix], stops: Stops, rules: Rules, *, now: datetime) -> list[Stay]:
    """All stays, by their beginning. The last one in a cell is open while the newest fix lies in it and is not too old."""
    track = _track(fixes)
    where = [stops.at(fix.place) for fix in track]
    found: dict[str, list[Stay]] = {}
    for (a, in_a), (b, in_b) in pairwise(zip(track, where, strict=True)):
        if _is_together(a, b):
            for cell in in_a:
                if cell in in_b:
                    _add(found.setdefault(cell, []), cell, a, b, rules)
    last = track[-1] if track else None
    still_there = where[-1] if last and now - last.at <= timedelta(seconds=STILL_GAP_S) else ()
    opened = [_opened(of_cell, cell in still_there, last) for cell, of_cell in found.items()]
    return sorted((stay for of_cell in opened for stay in of_cell), key=lambda stay: (stay.began_at, stay.cell))


def worth(stay: Stay, rules: Rules) -> float | None:
    """What a look of this stay finds, as a share of what one on the spot does; None when it was too short to count at all."""
    if stay.slow_s >= rules.dwell_s:
        return 1.0
    return PASSING if stay.slow_s + stay.fast_s >= rules.dwell_s else None


def is_good(fix: Fix) -> bool:
    """Whether it says which cell it is."""
    return fix.accuracy_m is None or fix.accuracy_m <= WORST_ACCURACY_M


def _track(fixes: Iterable[Fix]) -> list[Fix]:
    """The good fixes by when they were taken, each moment once, the most accurate of it."""
    good = [fix for fix in fixes if is_good(fix)]
    ordered = sorted(good, key=lambda fix: (fix.at, fix.accuracy_m or 0.0, fix.place.lon, fix.place.lat))
    return list({fix.at: fix for fix in reversed(ordered)}.values())[::-1]


def _is_together(a: Fix, b: Fix) -> bool:
    """Whether the team was between the two all the time."""
    seconds = (b.at - a.at).total_seconds()
    return seconds <= GAP_S or (seconds <= STILL_GAP_S and distance_m(a.place, b.place) <= STILL_M)


def _add(of_cell: list[Stay], cell: str, a: Fix, b: Fix, rules: Rules) -> None:
    seconds = (b.at - a.at).total_seconds()
    is_fast = _speed_mps(a, b) > rules.max_speed_mps
    slow_s, fast_s = (0.0, seconds) if is_fast else (seconds, 0.0)
    began_at = a.at
    if of_cell and a.at - of_cell[-1].ended_at <= AWAY:
        before = of_cell.pop()
        began_at, slow_s, fast_s = before.began_at, slow_s + before.slow_s, fast_s + before.fast_s
    of_cell.append(Stay(cell=cell, began_at=began_at, ended_at=b.at, slow_s=slow_s, fast_s=fast_s))


def _speed_mps(a: Fix, b: Fix) -> float:
    """By what the phone says, where it says it of both; else by the way that was made."""
    if a.speed_m_s is not None and b.speed_m_s is not None:
        return (a.speed_m_s + b.speed_m_s) / 2
    return distance_m(a.place, b.place) / max((b.at - a.at).total_seconds(), 1.0)


def _opened(of_cell: Sequence[Stay], is_there: bool, last: Fix | None) -> Sequence[Stay]:
    """The last stay marked as open, if the team has not left."""
    newest = of_cell[-1]
    if not is_there or last is None or newest.ended_at != last.at:
        return of_cell
    return [*of_cell[:-1], replace(newest, is_open=True)]
