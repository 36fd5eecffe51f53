"""`rescue bench sweep`: the tours against OR-Tools on the same matrix, and people found per 100 visited cells against visiting evenly.

Tours: 500 cells of Dalian, 20 teams by car and e-bike, three minutes in each cell, everything within four hours. OR-Tools (a development
dependency) gets the same seconds, beginnings and limit, and runs for `REFERENCE_S`; neither has to share the work out evenly, what that costs is told
beside it. People found: `sweep_nights`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from backend.campaign import stay_points
from backend.campaign.score import Past
from backend.campaign.sweep_ground import SweepGround
from backend.campaign.tours import Plan, Stop, TourTeam, plan_tours
from backend.city import open_city
from backend.geo.matrix import matrix
from backend.geo.modes import Mode
from backend.geo.roads import Roads
from ops.bench import sweep_nights
from ops.bench.nearest import GRAPH, scatter
from ops.bench.sweep_stream import STREAM, read_stream

CELLS, TEAMS, REFERENCE_S = 500, 20, 60
WITHIN_S: Final = 4 * 3600.0
SERVICE_S: Final = 180.0
SEEDS: Final = (1, 2, 3)
NIGHT_TEAMS, NIGHT_CELLS = 8, 100


def run(
    *,
    cells: int = CELLS,
    teams: int = TEAMS,
    reference_s: float = REFERENCE_S,
    seeds: Sequence[int] = SEEDS,
    days: int = 61,
    past: Past | None = None,
) -> dict[str, Any]:
    """Seconds of travel of all tours, ours and OR-Tools'; and what the nights told, or why they were left out."""
    city = open_city(GRAPH.parent)
    assert city.roads is not None
    ground = SweepGround.of(city.roads, city.area.geometry)
    stops, crews = _stops(ground, cells), _teams(city.roads, teams)
    plan = plan_tours(city.roads, stops, crews, within_s=WITHIN_S, even=False)
    shared = plan_tours(city.roads, stops, crews, within_s=WITHIN_S)
    if plan.unserved or shared.unserved:
        raise RuntimeError("stops were left out: nothing to compare")
    theirs_s, their_time_s = reference(city.roads, stops, crews, WITHIN_S, reference_s)
    known = read_stream() if past is None else past
    people: dict[str, Any] = {"skipped": f"没有真实数据流 the real stream is not here: ../shared/…/{STREAM.name}"}
    if known is not None:
        people = sweep_nights.compared(
            ground,
            known,
            stay_points.of_city(city.folder),
            teams=NIGHT_TEAMS,
            cells=NIGHT_CELLS,
            days=days,
            seeds=seeds,
        )
    return {
        "name": "sweep",
        "ours": round(plan.travel_s),
        "reference": round(theirs_s),
        "ratio": round(plan.travel_s / theirs_s, 3),
        "goal": "<= 1.05",
        "unit": "s of travel",
        "n": cells,
        "reference_planning_s": round(their_time_s, 1),
        "planning_s": round(plan.took_s, 2),
        "shared_evenly": _about(shared),
        "people": people,
    }


def _about(plan: Plan) -> dict[str, Any]:
    """The tours as the product plans them: nobody works much longer than the others."""
    work_s = [tour.ends_s for tour in plan.tours]
    return {
        "travel_s": round(plan.travel_s),
        "planning_s": round(plan.took_s, 2),
        "longest_min": round(max(work_s) / 60, 1),
        "shortest_min": round(min(work_s) / 60, 1),
        "cut_short": plan.cut_short,
    }


def _stops(ground: SweepGround, count: int) -> list[Stop]:
    """Reachable cells at random, each at the road nearest to its middle."""
    places = ground.best_places(mode=Mode.CAR)
    chosen = np.random.default_rng(11).choice(np.flatnonzero(ground.reachable([Mode.CAR])), size=count, replace=False)
    return [
        Stop(id=ground.cells[n], lon=places[n].lon, lat=places[n].lat, service_s=SERVICE_S) for n in chosen.tolist()
    ]


def _teams(roads: Roads, count: int) -> list[TourTeam]:
    modes = (Mode.CAR, Mode.CAR, Mode.EBIKE)
    return [
        TourTeam(id=f"T{n:02d}", mode=modes[n % 3], lon=at.lon, lat=at.lat, until_s=12 * 3600.0)
        for n, at in enumerate(scatter(roads, count, 7))
    ]


def reference(
    roads: Roads, stops: Sequence[Stop], teams: Sequence[TourTeam], limit_s: float, seconds: float
) -> tuple[float, float]:
    """OR-Tools' total travel for the same question, and the seconds it took: guided local search, open ends, nothing left out."""
    starts, end = len(stops), len(stops) + len(teams)
    index = pywrapcp.RoutingIndexManager(end + 1, len(teams), list(range(starts, end)), [end] * len(teams))
    model = pywrapcp.RoutingModel(index)
    legs = {mode: _legs(roads, stops, teams, mode) for mode in {team.mode for team in teams}}
    stay = np.array([*(stop.service_s for stop in stops), *([0.0] * (len(teams) + 1))])
    travel = {mode: model.RegisterTransitMatrix(_whole(leg)) for mode, leg in legs.items()}
    work = {mode: model.RegisterTransitMatrix(_whole(leg + stay[:, None])) for mode, leg in legs.items()}
    for number, team in enumerate(teams):
        model.SetArcCostEvaluatorOfVehicle(travel[team.mode], number)
    by_team = [work[team.mode] for team in teams]
    model.AddDimensionWithVehicleTransitAndCapacity(by_team, 0, [int(limit_s) + 1] * len(teams), True, "time")
    wanted = pywrapcp.DefaultRoutingSearchParameters()
    wanted.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    wanted.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    wanted.time_limit.FromMilliseconds(int(seconds * 1000))
    began = time.perf_counter()
    found = model.SolveWithParameters(wanted)
    took_s = time.perf_counter() - began
    if found is None:
        raise RuntimeError("OR-Tools found no tours in its time")
    total_s = 0.0
    for number, team in enumerate(teams):
        at = model.Start(number)
        while not model.IsEnd(at):
            then = found.Value(model.NextVar(at))
            total_s += float(legs[team.mode][index.IndexToNode(at), index.IndexToNode(then)])
            at = then
    return total_s, took_s


def _legs(roads: Roads, stops: Sequence[Stop], teams: Sequence[TourTeam], mode: Mode) -> NDArray[np.float64]:
    """Seconds between all places; the last one is the end of every tour and costs nothing."""
    at = [(stop.lon, stop.lat) for stop in stops] + [(team.lon, team.lat) for team in teams]
    legs = np.zeros((len(at) + 1, len(at) + 1))
    places = np.array(at)
    legs[:-1, : len(stops)] = matrix(roads, places, places[: len(stops)], mode)
    return np.minimum(legs, 1e7)


def _whole(seconds: NDArray[np.float64]) -> list[list[int]]:
    rows: list[list[int]] = np.round(seconds).astype(np.int64).tolist()
    return rows
