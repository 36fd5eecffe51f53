"""Which free team to move where, in words: "move team 4 to Zhongshan Square: 12 cells, 31 → 18 minutes".

The rule is `backend.geo.move_up`; here it is asked of the live picture of the circle, and what it found is told to people.
"""

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.dispatch.circle_watch import Picture, Watch
from backend.geo import cells
from backend.geo.circle import Circle, Ground
from backend.geo.fleet import Fleet
from backend.geo.landmarks import Landmarks
from backend.geo.modes import Factors, Mode
from backend.geo.move_up import MoveUp, move_up
from backend.geo.place import LonLat
from backend.patrol.records import TeamNow

MOST = 12
"""So many are worked out; who asks sees those of the teams that are theirs to see."""
GOOD_FOR_S = 20.0


class Move(Struct, frozen=True, kw_only=True):
    """A suggestion. lon, lat: the middle of the cell. gained_cells: reached in time afterwards and not now; lost_cells: the other
    way round. minutes_before: the median of the gained cells now, None when no team reaches most of them within twice the
    circle's time; minutes_after: the same once the team stands there."""

    team_id: UUID
    team: str
    cell: str
    place: str
    lon: float
    lat: float
    drive_min: float
    gained_cells: int
    lost_cells: int
    minutes_before: float | None
    minutes_after: float
    zh: str
    en: str


@dataclass(frozen=True)
class _Scene:
    """What is worked on, away from the event loop: nothing of it changes meanwhile."""

    ground: Ground
    picture: Picture
    teams: list[TeamNow]
    factors: Factors


class MovingUp:
    """One process's suggestions, good for some seconds."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._found: list[Move] = []
        self._at: datetime | None = None
        self._looking = asyncio.Lock()

    async def moves(self, tx: AsyncConnection, landmarks: Landmarks, now: datetime) -> list[Move]:
        """The best moves of free teams, best first; [] when nothing is gained, or without roads."""
        async with self._looking:
            if self._at is None or abs((now - self._at).total_seconds()) >= GOOD_FOR_S:
                self._found = await self._look(tx, landmarks, now)
                self._at = now
            return self._found

    async def _look(self, tx: AsyncConnection, landmarks: Landmarks, now: datetime) -> list[Move]:
        picture = await self._watch.picture(tx, now)
        ground, roster = self._watch.ground, self._watch.roster
        if picture is None or ground is None or not picture.circle.gaps():
            return []
        free = [team for team in roster.teams.values() if team.free]
        scene = _Scene(ground, picture, free, roster.factors)
        return await asyncio.to_thread(_suggested, scene, landmarks)


def _suggested(scene: _Scene, landmarks: Landmarks) -> list[Move]:
    fleet, teams = Fleet(scene.ground.roads), {str(team.id): team for team in scene.teams}
    for id_, team in teams.items():
        fleet.put(id_, LonLat(team.lon, team.lat), Mode(team.mode), mobilisation_s=team.mobilisation_s)
    found = move_up(
        scene.ground,
        fleet,
        weights=scene.picture.weights,
        limit_s=scene.picture.circle.limit_s,
        factors=scene.factors,
        k=MOST,
    )
    told = (_told(scene, move, teams[move.team_id], landmarks) for move in found)
    return [move for move in told if move is not None]


def _told(scene: _Scene, move: MoveUp, team: TeamNow, landmarks: Landmarks) -> Move | None:
    """None when from the middle of the cell itself nothing would be gained: the rule counts from the road beside it."""
    middle = cells.centre(move.cell)
    now_s, then_s = _gained(scene.picture.circle, _alone_at(scene, team, middle))
    before, after = _median_min(now_s), _median_min(then_s)
    if after is None:
        return None
    place, drive_min = landmarks.short(middle), round(move.drive_s / 60, 1)
    zh, en = _words(team.name, place, move, drive_min, before, after, scene.picture.circle.limit_s * 2 / 60)
    return Move(
        team_id=team.id,
        team=team.name,
        cell=move.cell,
        place=place,
        lon=middle.lon,
        lat=middle.lat,
        drive_min=drive_min,
        gained_cells=move.gained_cells,
        lost_cells=move.lost_cells,
        minutes_before=before,
        minutes_after=after,
        zh=zh,
        en=en,
    )


def _alone_at(scene: _Scene, team: TeamNow, place: LonLat) -> Circle:
    """The circle of this one team, were it there."""
    fleet = Fleet(scene.ground.roads, capacity=1)
    fleet.put(str(team.id), place, Mode(team.mode), mobilisation_s=team.mobilisation_s)
    return scene.ground.circle(fleet, limit_s=scene.picture.circle.limit_s, factors=scene.factors)


def _gained(now: Circle, then: Circle) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds to the cells that come into the circle: now, and then."""
    gained = ~now.covered & then.covered
    return now.seconds[gained], then.seconds[gained]


def _median_min(seconds: NDArray[np.float64]) -> float | None:
    middle = float(np.median(seconds)) if len(seconds) else math.inf
    return round(middle / 60, 1) if math.isfinite(middle) else None


def _words(
    team: str, place: str, move: MoveUp, drive_min: float, before: float | None, after: float, looked_min: float
) -> tuple[str, str]:
    zh_before = f"{before:.0f}" if before is not None else f"{looked_min:.0f} 以上"
    en_before = f"{before:.0f}" if before is not None else f"more than {looked_min:.0f}"
    zh_lost = f"，另有 {move.lost_cells} 个网格移出救助圈" if move.lost_cells else ""
    en_lost = f"; {move.lost_cells} cells fall out" if move.lost_cells else ""
    return (
        f"将{team}移至{place}：{zh_before} → {after:.0f} 分钟，{move.gained_cells} 个网格{zh_lost}（车程 {drive_min:.0f} 分钟）",
        f"Move {team} to {place}: {en_before} → {after:.0f} min for {move.gained_cells} cells{en_lost} ({drive_min:.0f} min drive)",
    )
