"""`rescue bench growth`: the nearest teams when the city has ten times the roads and ten times the teams, against itself.

The larger city is the shipped graph ten times side by side, as a province of like cities is; the density of teams stays. What
grows is everything that is as large as the city: the graph, the fleet, the search's working memory.
"""

import statistics
import time
from typing import Any

import numpy as np

from backend.dispatch.matching import rank
from backend.geo import build, graph_file
from backend.geo.fleet import Fleet
from backend.geo.nearest import nearest
from backend.geo.place import LonLat
from backend.geo.roads import Roads
from backend.patrol.records import TeamNow
from backend.policy import default_policy
from ops.bench.nearest import GRAPH, NOW, K, case_at, fleet_of, scatter, team_now

TIMES, TEAMS, ROUNDS = 10, 2000, 400


def run(*, times: int = TIMES, teams: int = TEAMS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Median microseconds per question in the large and in the shipped city, asked in turns."""
    shipped = Roads.open(GRAPH)
    small, large = _Town(shipped, teams, rounds), _Town(tiled(shipped, times), times * teams, rounds)
    for n in range(min(50, rounds)):
        small.ask(n), large.ask(n)
    reference, ours = [], []
    for n in range(rounds):
        reference.append(small.ask(n))
        ours.append(large.ask(n))
    mine, theirs = statistics.median(ours) * 1e6, statistics.median(reference) * 1e6
    return {
        "name": "growth",
        "ours": round(mine, 1),
        "reference": round(theirs, 1),
        "ratio": round(mine / theirs, 3),
        "goal": "<= 1.5",
        "unit": "us",
        "n": rounds,
        "junctions": [large.roads.nodes, shipped.nodes],
        "teams": [times * teams, teams],
    }


class _Town:
    def __init__(self, roads: Roads, teams: int, rounds: int) -> None:
        self.roads, self.policy = roads, default_policy()
        self.fleet: Fleet = fleet_of(roads, teams)
        self.teams: dict[str, TeamNow] = {team_id: team_now(number) for number, team_id in enumerate(self.fleet)}
        self.places: list[LonLat] = scatter(roads, rounds, 2)

    def ask(self, n: int) -> float:
        """Seconds of one question; the same number of candidates, ranked with reasons."""
        place = self.places[n]
        case = case_at(place)
        began = time.perf_counter()
        rank(case, nearest(self.roads, self.fleet, place, k=K), self.teams, self.policy, NOW)
        return time.perf_counter() - began


def tiled(roads: Roads, times: int) -> Roads:
    """The same roads `times` side by side, from west to east, not connected with each other."""
    a, points = roads.arrays, len(roads.arrays["shape_xy"])
    columns, rows = (int(n) for n in a["grid_at"][4:6])
    east = np.array([round(columns * a["grid_at"][2] * 1e7), 0], np.int64)
    nodes, tiles = roads.nodes, range(times)
    u, v = (np.concatenate([a[name].astype(np.int64) + t * nodes for t in tiles]) for name in ("seg_u", "seg_v"))
    seconds = np.tile(a["seg_s"], (1, times, 1))
    at = a["grid_at"].copy()
    at[4] = columns * times
    arrays: graph_file.Arrays = {
        **a,
        **{name: np.tile(a[name], times) for name in ("seg_m", "seg_mask", "seg_road", "seg_name", "shape_m")},
        **{name: _moved(a[name], east, times) for name in ("node_xy", "shape_xy")},
        **build._arcs(u, v, seconds, nodes * times),
        "seg_u": u.astype(np.int32),
        "seg_v": v.astype(np.int32),
        "seg_s": seconds,
        "seg_ptr": np.concatenate([a["seg_ptr"][:1], *(a["seg_ptr"][1:] + t * points for t in tiles)]).astype(np.int32),
        "shape_seg": np.concatenate([a["shape_seg"] + t * roads.segments for t in tiles]).astype(np.int32),
        "grid_at": at,
        **_grid(a["grid_ptr"], a["grid_step"], columns, rows, points, times),
    }
    return Roads(arrays, roads.facts)


def _moved(xy: np.ndarray[Any, Any], east: np.ndarray[Any, Any], times: int) -> np.ndarray[Any, Any]:
    return np.concatenate([xy + t * east for t in range(times)]).astype(np.int32)


def _grid(
    ptr: np.ndarray[Any, Any], step: np.ndarray[Any, Any], columns: int, rows: int, points: int, times: int
) -> graph_file.Arrays:
    counts = np.tile(np.diff(ptr).reshape(rows, columns), (1, times)).ravel()
    bands = [step[ptr[row * columns] : ptr[(row + 1) * columns]] for row in range(rows)]
    steps = [band + t * points for band in bands for t in range(times)]
    return {
        "grid_ptr": np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        "grid_step": np.concatenate(steps).astype(np.int32),
    }
