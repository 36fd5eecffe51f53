"""Which idle team to move where so that the circle covers more: the answer to a gap.

Every idle team is tried at every worthwhile gap: what is gained there, less what only this team covered where it stands now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.geo.circle import LIMIT_S, Ground, Joints, Weights, read_off, seed, weigh
from backend.geo.fleet import Fleet
from backend.geo.kernel import kernel
from backend.geo.modes import NO_FACTORS, Factors
from backend.geo.roads import Roads
from backend.geo.search import NOTHING_WANTED, Arcs, Scratch, begin, reach, spread, to_end_s
from backend.geo.snapping import Net

GOALS: Final = 48
"""So many gaps, the heaviest first, are tried as places to move to."""

MOVERS: Final = 200
"""So many idle teams are tried, those first that leave the smallest hole."""


@dataclass(frozen=True, slots=True)
class MoveUp:
    """A suggestion: move the team to the cell. drive_s: how long that takes; cells and weight are net of what opens behind it."""

    team_id: str
    cell: str
    drive_s: float
    gained_cells: int
    lost_cells: int
    gained_weight: float


def move_up(
    ground: Ground,
    fleet: Fleet,
    *,
    weights: Weights = None,
    idle: NDArray[np.bool_] | None = None,
    limit_s: float = LIMIT_S,
    factors: Factors = NO_FACTORS,
    max_drive_s: float = 3600.0,
    k: int = 3,
) -> list[MoveUp]:
    """The k best moves, best first, at most one per team; empty when none gains weight, or without roads.

    idle: mask of the teams that may be moved (all available ones when not given).
    """
    if ground.roads is None or ground.joints is None or not ground.cells:
        return []
    plan = _Plan(ground.roads, ground.joints, fleet, np.array(factors.as_tuple()), limit_s, max_drive_s)
    weight = weigh(ground.cells, weights)
    slots = np.flatnonzero(fleet.available & (fleet.teams.team["layer"] >= 0))
    times_s = plan.from_teams(slots)
    reached = times_s <= limit_s
    covered = reached.sum(axis=0)
    goals = _goals(weight, covered == 0)
    moves: list[MoveUp] = []
    for row in _movers(slots, idle, reached, covered, weight).tolist():
        slot = int(slots[row])
        near = times_s[row, goals] <= max_drive_s
        choice = _best(plan.from_goals(slot, goals), reached[row], covered - reached[row], weight, near)
        if choice is not None:
            goal = int(goals[choice.goal])
            team_id, drive_s = str(fleet.ids[slot]), float(times_s[row, goal])
            moves.append(MoveUp(team_id, ground.cells[goal], drive_s, choice.gained, choice.lost, choice.weight))
    return sorted(moves, key=lambda move: (-move.gained_weight, move.drive_s, move.team_id))[:k]


@dataclass(frozen=True, slots=True)
class _Choice:
    goal: int
    gained: int
    lost: int
    weight: float


class _Plan:
    """Searches of one call: cell times from teams as they stand, and as they would from a goal."""

    def __init__(
        self,
        roads: Roads,
        joints: Joints,
        fleet: Fleet,
        factors: NDArray[np.float64],
        limit_s: float,
        max_drive_s: float,
    ) -> None:
        self._roads, self._joints, self._fleet = roads, joints, fleet
        self._factors, self._limit_s, self._within_s = factors, limit_s, max(limit_s, max_drive_s)
        self._goal_times: dict[int, NDArray[np.float64]] = {}

    def from_teams(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """(teams, cells) seconds."""
        out = np.empty((len(slots), self._joints.segment.shape[1]))
        roads = self._roads
        work = (roads.net, roads.leaving, self._fleet.teams.team, self._fleet.teams.exit, roads.scratch)
        _team_times(*work, self._joints, slots, self._factors, self._within_s, out)
        return out

    def from_goals(self, slot: int, goals: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(goals, cells): what the team would reach in time if it stood at each goal."""
        team = self._fleet.teams.team[slot]
        layer, ready_s = int(team["layer"]), float(team["ready_s"])
        if layer not in self._goal_times:
            out = np.full((len(goals), self._joints.segment.shape[1]), np.inf)
            roads = self._roads
            work = (roads.net, roads.leaving, roads.scratch, self._joints)
            _goal_times(*work, goals, layer, self._factors, self._limit_s, out)
            self._goal_times[layer] = out
        reached: NDArray[np.bool_] = self._goal_times[layer] + ready_s <= self._limit_s
        return reached


def _goals(weight: NDArray[np.float64], gap: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The heaviest gaps."""
    cells = np.flatnonzero(gap & (weight > 0))
    return cells[np.argsort(-weight[cells], kind="stable")][:GOALS]


def _movers(
    slots: NDArray[np.int64],
    idle: NDArray[np.bool_] | None,
    reached: NDArray[np.bool_],
    covered: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Rows of the idle teams, those first whose leaving opens least."""
    alone = (reached & (covered == 1)) @ weight
    rows = np.arange(len(slots)) if idle is None else np.flatnonzero(idle[slots])
    return rows[np.argsort(alone[rows], kind="stable")][:MOVERS]


def _best(
    there: NDArray[np.bool_],
    here: NDArray[np.bool_],
    by_others: NDArray[np.int64],
    weight: NDArray[np.float64],
    near: NDArray[np.bool_],
) -> _Choice | None:
    """The goal with the greatest net gain for one team, None when moving gains nothing."""
    alone = by_others == 0
    gained, lost = there & alone & ~here, ~there & alone & here
    net = gained @ weight - lost @ weight
    net[~near] = -np.inf
    if not len(net) or net.max() <= 0:
        return None
    goal = int(net.argmax())
    return _Choice(goal, int(gained[goal].sum()), int(lost[goal].sum()), float(net[goal]))


@kernel
def _team_times(
    net: Net,
    arcs: Arcs,
    team: NDArray[np.void],
    exits: NDArray[np.void],
    work: Scratch,
    joints: Joints,
    slots: NDArray[np.int64],
    factors: NDArray[np.float64],
    within_s: float,
    out: NDArray[np.float64],
) -> None:
    """One search per team; a team on a cell's own segment is taken round by the junction, which overstates by seconds at most."""
    owner = np.empty(out.shape[1], np.int32)
    nodes = (len(arcs.ptr) - 1) // 3
    for i in range(len(slots)):
        now, buckets = begin(work.bucket, work.number, within_s)
        seed(team, exits, work.states, work.bucket, now, slots[i], factors, within_s)
        spread(work, arcs, now, buckets, factors, NOTHING_WANTED, within_s)
        out[i, :] = np.inf
        read_off(net, joints, work.states, now, nodes, factors, out[i], owner)


@kernel
def _goal_times(
    net: Net,
    arcs: Arcs,
    work: Scratch,
    joints: Joints,
    goals: NDArray[np.int64],
    layer: int,
    factors: NDArray[np.float64],
    within_s: float,
    out: NDArray[np.float64],
) -> None:
    """One search per goal, from the road next to its centre."""
    owner = np.empty(out.shape[1], np.int32)
    nodes = (len(arcs.ptr) - 1) // 3
    for i in range(len(goals)):
        segment, fraction = joints.segment[layer, goals[i]], joints.fraction[layer, goals[i]]
        if segment < 0:
            continue
        now, buckets = begin(work.bucket, work.number, within_s)
        for end in range(2):
            node = net.seg_v[segment] if end == 1 else net.seg_u[segment]
            start_s = to_end_s(net.seg_s, layer, segment, fraction, end) * factors[layer]
            reach(work.states, work.bucket, now, layer * nodes + node, start_s, i, -1, within_s)
        spread(work, arcs, now, buckets, factors, NOTHING_WANTED, within_s)
        read_off(net, joints, work.states, now, nodes, factors, out[i], owner)
