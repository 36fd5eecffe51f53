"""The whole circle after a team has moved, against one scipy Dijkstra over the same graph from the same junctions.

The graph is that of all three modes; scipy's search (`min_only`) starts at the junctions the teams can drive to, and stops where ours
stops. Ours also moves the team, counts mobilisation and walks, and reads off every cell's minutes and owner.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from backend.geo.circle import LIMIT_S, Ground
from backend.geo.fleet import Fleet
from backend.geo.roads import Roads
from ops.bench.nearest import GRAPH, fleet_of, scatter

TEAMS, ROUNDS = 60, 60


def run() -> dict[str, object]:
    """Median milliseconds per circle, ours and scipy's."""
    roads = Roads.open(GRAPH)
    fleet, ground = fleet_of(roads, TEAMS), Ground.of_roads(roads)
    states = 3 * roads.nodes
    graph = csr_array((roads.leaving.seconds.astype(np.float64), roads.leaving.to, roads.leaving.ptr), (states, states))
    team_ids, ours, theirs = list(fleet), [], []
    for number, place in enumerate(scatter(roads, ROUNDS + 5, 3)):
        team_id = team_ids[number % TEAMS]
        began = time.perf_counter()
        fleet.put(team_id, place, fleet.mode_of(team_id))
        circle = ground.circle(fleet)
        between = time.perf_counter()
        dijkstra(graph, indices=_starts(fleet), min_only=True, limit=2 * LIMIT_S)
        theirs.append(time.perf_counter() - between)
        ours.append(between - began)
        if not circle.covered.any():
            raise RuntimeError("an empty circle")
    mine, reference = (statistics.median(times[5:]) * 1e3 for times in (ours, theirs))
    return {
        "name": "circle",
        "ours": round(mine, 3),
        "reference": round(reference, 3),
        "ratio": round(mine / reference, 3),
        "goal": "<= 1",
        "unit": "ms",
        "n": ROUNDS,
    }


def _starts(fleet: Fleet) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """The states that available teams can drive to first."""
    state = fleet.teams.exit["state"].reshape(-1, 2)[fleet.available]
    return np.unique(state[state >= 0])
