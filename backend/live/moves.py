"""Teams that move, as screens are told of it: at most one frame a second, the newest place of each, cut to what one looks at.

A frame is a row per team, `[team_id, at_ms, lon, lat, heading_deg]`: five thousand of them are 0.4 MB, as objects
they would be 1 MB. Rows are written once, when the fix is heard, and shared by all who are told.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Annotated, NamedTuple
from uuid import UUID

import numpy as np
from msgspec import Meta

from backend.live.positions import Fix

Lon = Annotated[float, Meta(ge=-180, le=180)]
Lat = Annotated[float, Meta(ge=-90, le=90)]
Bounds = tuple[Lon, Lat, Lon, Lat]
MARGIN = 0.25
"""Of the view's width and height, told on each side of it: so much may be moved before something is missing."""


class View(NamedTuple):
    """What a screen shows, with its margin: WGS-84 degrees."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def of(cls, bounds: Bounds) -> "View":
        """The bounds with a margin. Raises ValueError when they are turned around."""
        west, south, east, north = bounds
        if west > east or south > north:
            raise ValueError("west of east, south of north")
        wide, high = MARGIN * (east - west), MARGIN * (north - south)
        return cls(west - wide, south - high, east + wide, north + high)


class Known(NamedTuple):
    """A team's last fix, and the row that tells it."""

    fix: Fix
    row: str


def row_of(fix: Fix) -> str:
    """The fix as a screen gets it: time in whole milliseconds since 1970, about a metre and a degree exact."""
    heading = "null" if fix.heading_deg is None else f"{fix.heading_deg:.0f}"
    return f'["{fix.team_id}",{round(fix.at.timestamp() * 1000)},{fix.lon:.5f},{fix.lat:.5f},{heading}]'


class Places:
    """The last fix of some teams, each as JSON (`row_of`). One object serves all who may see the same."""

    def __init__(self, fixes: Mapping[UUID, str]) -> None:
        self.fixes = fixes

    @cached_property
    def message(self) -> str:
        """The message for the socket, made when first wanted."""
        return '{"type":"positions","teams":[' + ",".join(self.fixes.values()) + "]}"

    def then(self, later: "Places") -> "Places":
        """Both, the later fix where a team has two."""
        return Places({**self.fixes, **later.fixes})


class Frame:
    """Teams with the place they had in the frame before, if they had one, to be cut to any number of views."""

    def __init__(self, teams: Mapping[UUID, tuple[Known, Known | None]]) -> None:
        self._all = Places({team_id: now.row for team_id, (now, _) in teams.items()})
        self._ids = list(teams)
        fixes = [(now.fix, before.fix if before else None) for now, before in teams.values()]
        self._now = _places(now for now, _ in fixes)
        self._before = _places(before for _, before in fixes)
        self._cut: dict[View, Places] = {}

    def seen_in(self, view: View | None) -> Places:
        """Those inside the view, and those that have just left it. None: all."""
        if view is None:
            return self._all
        if view not in self._cut:
            here = np.flatnonzero(_inside(self._now, view) | _inside(self._before, view))
            self._cut[view] = Places({(id_ := self._ids[n]): self._all.fixes[id_] for n in here})
        return self._cut[view]


class Moves:
    """What one process has heard of places: the last of each team on duty, and who moved since it was last asked."""

    def __init__(self) -> None:
        self.last: dict[UUID, Known] = {}
        self._moved: dict[UUID, Known | None] = {}
        self._off_duty_since: dict[UUID, datetime] = {}

    def hear(self, fixes: Iterable[Fix]) -> None:
        """Of each team the newest stays; what is from before it went off duty is too late."""
        for fix in fixes:
            known, off_since = self.last.get(fix.team_id), self._off_duty_since.get(fix.team_id)
            if (known is None or known.fix.at <= fix.at) and (off_since is None or off_since < fix.at):
                self._moved.setdefault(fix.team_id, known)
                self.last[fix.team_id] = Known(fix, row_of(fix))

    def off_duty(self, team_id: UUID, since: datetime) -> None:
        """Where it is, is nobody's business any more."""
        self.last.pop(team_id, None)
        self._moved.pop(team_id, None)
        self._off_duty_since[team_id] = since

    def take(self) -> dict[UUID, tuple[Known, Known | None]]:
        """Each team that moved since the last time: its place now and the one it had then."""
        moved, self._moved = self._moved, {}
        return {team_id: (self.last[team_id], before) for team_id, before in moved.items()}


def _places(fixes: Iterable[Fix | None]) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """(2, n): longitudes and latitudes, NaN where there is no fix."""
    pairs = [(np.nan, np.nan) if fix is None else (fix.lon, fix.lat) for fix in fixes]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2).T


def _inside(
    places: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", view: View
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    lon, lat = places
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
        (lon >= view.west) & (lon <= view.east) & (lat >= view.south) & (lat <= view.north)
    )
    return inside
