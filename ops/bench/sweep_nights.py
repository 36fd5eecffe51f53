"""People found per 100 visited cells, in simulated nights: by the score, by plain past frequency, and by visiting evenly at random.

Every night of November and December 2016, 18:00 to 06:00, the same teams at the same speeds go out in three rounds of four hours, each round to the
same number of cells, chosen in one of three ways and toured by `plan_tours`. A report counts as found, once, when a look into its cell ended within
`WINDOW_H` before it; the choice between cells seen this night already is by what is left to find there (backend.campaign.detection), for score and
plain frequency alike. What the score knows is either the first ten months alone (`trained`) or also what came in before the night (`rolling`).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.campaign import detection
from backend.campaign.score import Past, Scores, score
from backend.campaign.stay_points import StayPoint
from backend.campaign.sweep_ground import Place, SweepGround
from backend.campaign.tours import Stop, TourTeam, plan_tours
from backend.geo.matrix import matrix
from backend.geo.modes import Factors, Mode
from backend.geo.roads import Roads
from ops.bench.nearest import scatter
from ops.bench.sweep_stream import FIRST_JUDGED, LAST_JUDGED, ZONE

ROUND_H, ROUNDS_A_NIGHT = 4, 3
WINDOWS_H: Final = (6.0, 12.0, 24.0)
WINDOW_H: Final = 12.0
FOUND_BY_A_LOOK: Final = 0.8
"""What the choice of cells takes a look to find; a report in time counts as found all the same, for every way of choosing."""
SERVICE_S: Final = 180.0
SEARCH: Final = 3_000

type Floats = NDArray[np.float64]
type Choice = Callable[[datetime, Floats], Floats]
"""(time, detection of every cell) → what each cell is worth; the best are visited."""


@dataclass
class Told:
    """Looks had and reports found by window, over all nights."""

    visited: int = 0
    found: dict[float, int] = field(default_factory=lambda: dict.fromkeys(WINDOWS_H, 0))
    reports: int = 0

    def per_100(self, window_h: float = WINDOW_H) -> float:
        return 100.0 * self.found[window_h] / max(1, self.visited)


class KeptTimes:
    """Car seconds between all cells, worked out once: a year of nights asks for them thousands of times."""

    def __init__(self, ground: SweepGround, places: Sequence[Place]) -> None:
        at = np.array([(one.lon, one.lat) for one in places])
        self._index = {(lon, lat): number for number, (lon, lat) in enumerate(at.tolist())}
        self._seconds = matrix(ground.roads, at, at, Mode.CAR)
        self._from: dict[tuple[float, float], Floats] = {}
        self._at = at

    def between(self, roads: Roads | None, sources: Floats, targets: Floats, mode: Mode, factors: Factors) -> Floats:
        """As `matrix`; sources may be cells or where a team begins, targets are cells."""
        columns = [self._index[lon, lat] for lon, lat in targets.tolist()]
        return np.stack([self._row(roads, (lon, lat), mode, factors)[columns] for lon, lat in sources.tolist()])

    def _row(self, roads: Roads | None, at: tuple[float, float], mode: Mode, factors: Factors) -> Floats:
        if at in self._index:
            row: Floats = self._seconds[self._index[at]]
            return row
        if at not in self._from:
            self._from[at] = matrix(roads, np.array([at]), self._at, mode, factors)[0]
        return self._from[at]


@dataclass(frozen=True)
class Nights:
    """What is the same for every way of choosing. places: where to stop in each cell."""

    ground: SweepGround
    past: Past
    cell: NDArray[np.int64]
    reach: NDArray[np.bool_]
    places: list[Place]
    teams: int
    cells: int
    days: int
    kept: KeptTimes

    @classmethod
    def of(cls, ground: SweepGround, past: Past, *, teams: int, cells: int, days: int) -> Nights:
        reach, places = ground.reachable([Mode.CAR]), ground.best_places(mode=Mode.CAR)
        kept = KeptTimes(ground, [places[n] for n in np.flatnonzero(reach).tolist()])
        return cls(ground, past, ground.cell_index(past.lon, past.lat), reach, places, teams, cells, days, kept)

    def run(self, worth: Choice, seed: int) -> Told:
        """All nights, one way of choosing."""
        told, teams = Told(), self._teams(seed)
        for evening in evenings(self.days):
            looks = self._night(evening, worth, teams)
            self._count(evening, looks, told)
        return told

    def known(self, at: datetime, rolling: bool) -> Past:
        return self.past.until(at if rolling else min(at, FIRST_JUDGED))

    def _night(self, evening: datetime, worth: Choice, teams: Sequence[TourTeam]) -> list[tuple[int, float]]:
        """(cell, when the look ended) of one night."""
        found, looked_s = np.zeros(len(self.ground)), np.zeros(len(self.ground))
        looks: list[tuple[int, float]] = []
        for number in range(ROUNDS_A_NIGHT):
            at = evening + timedelta(hours=ROUND_H * number)
            faded = found * np.exp((looked_s - at.timestamp()) / detection.STAY.total_seconds())
            value = np.where(self.reach, worth(at, np.where(found > 0, faded, 0.0)), -np.inf)
            chosen = np.argsort(-value, kind="stable")[: self.cells].tolist()
            for cell, after_s in self._tour(chosen, value, teams):
                ended_s = at.timestamp() + after_s
                looks.append((cell, ended_s))
                found[cell], looked_s[cell] = detection.after_look(float(faded[cell]), FOUND_BY_A_LOOK), ended_s
        return looks

    def _tour(self, chosen: list[int], value: Floats, teams: Sequence[TourTeam]) -> Iterator[tuple[int, float]]:
        stops = [
            Stop(
                id=str(n),
                lon=self.places[n].lon,
                lat=self.places[n].lat,
                service_s=SERVICE_S,
                value=max(0.0, float(value[n])),
            )
            for n in chosen
        ]
        plan = plan_tours(
            self.ground.roads,
            stops,
            teams,
            within_s=ROUND_H * 3600.0,
            rounds=SEARCH,
            even=False,
            between=self.kept.between,
        )
        for tour in plan.tours:
            yield from ((int(stop.id), stop.leave_s) for stop in tour.stops)

    def _count(self, evening: datetime, looks: list[tuple[int, float]], told: Told) -> None:
        """Reports of the night and of the day after it, each once."""
        first_s, last_s = evening.timestamp(), (evening + timedelta(days=1)).timestamp()
        first, last = np.searchsorted(self.past.at_s, [first_s, last_s])
        ended: dict[int, list[float]] = {}
        for cell, at_s in looks:
            ended.setdefault(cell, []).append(at_s)
        told.visited += len(looks)
        for cell, at_s in zip(self.cell[first:last].tolist(), self.past.at_s[first:last].tolist(), strict=True):
            told.reports += 1
            since_s = [at_s - one for one in ended.get(cell, ()) if one <= at_s]
            for window_h in WINDOWS_H:
                told.found[window_h] += any(one <= window_h * 3600 for one in since_s)

    def _teams(self, seed: int) -> list[TourTeam]:
        assert self.ground.roads is not None
        return [
            TourTeam(id=f"T{n:02d}", mode=Mode.CAR, lon=at.lon, lat=at.lat, until_s=ROUND_H * 3600.0)
            for n, at in enumerate(scatter(self.ground.roads, self.teams, seed))
        ]


def evenings(days: int) -> Iterator[datetime]:
    """Six in the evening of the nights that are judged; the last one ends before the stream does."""
    count = (LAST_JUDGED - FIRST_JUDGED).days - 1
    for number in range(min(days, count)):
        yield FIRST_JUDGED + timedelta(days=number, hours=18)


def by_score(nights: Nights, rolling: bool, stay_points: Sequence[StayPoint] = ()) -> Choice:
    """What a look is expected to find: the score times what has not been found."""

    def worth(at: datetime, found: Floats) -> Floats:
        told: Scores = score(
            nights.ground, nights.known(at, rolling), at=at, zone=ZONE, stay_points=stay_points, reach=nights.reach
        )
        return told.score * (1.0 - found)

    return worth


def by_frequency(nights: Nights, rolling: bool) -> Choice:
    """The cells that had most reports, whenever that was."""

    def worth(at: datetime, found: Floats) -> Floats:
        known = nights.cell[: len(nights.known(at, rolling).at_s)]
        counted = np.bincount(known[known >= 0], minlength=len(nights.ground))
        return counted * (1.0 - found)

    return worth


def evenly(nights: Nights, seed: int) -> Choice:
    """At random, every cell once before any again."""
    rng = np.random.default_rng(seed)
    seen = np.zeros(len(nights.ground))

    def worth(at: datetime, found: Floats) -> Floats:  # noqa: ARG001
        value = rng.random(len(nights.ground)) - seen
        chosen = np.argsort(-np.where(nights.reach, value, -np.inf), kind="stable")[: nights.cells]
        seen[chosen] += 1
        return value

    return worth


def compared(
    ground: SweepGround,
    past: Past,
    stay_points: Sequence[StayPoint],
    *,
    teams: int,
    cells: int,
    days: int,
    seeds: Sequence[int],
) -> dict[str, Any]:
    """Found per 100 visited cells by each way of choosing, mean and spread over the seeds (where teams begin, what chance chooses)."""
    nights = Nights.of(ground, past, teams=teams, cells=cells, days=days)
    ways: dict[str, Callable[[int], Choice]] = {
        "evenly": lambda seed: evenly(nights, seed),
        "frequency_trained": lambda _: by_frequency(nights, False),
        "score_trained": lambda _: by_score(nights, False),
        "score_trained_stay_points": lambda _: by_score(nights, False, stay_points),
        "frequency_rolling": lambda _: by_frequency(nights, True),
        "score_rolling": lambda _: by_score(nights, True),
    }
    told = {name: [nights.run(way(seed), seed) for seed in seeds] for name, way in ways.items()}
    result: dict[str, Any] = {name: _figures(runs) for name, runs in told.items()}
    mean = {name: result[name]["per_100"] for name in ways}
    any_run = told["evenly"][0]
    return {
        "nights": len(list(evenings(days))),
        "teams": teams,
        "cells_a_round": cells,
        "reports": any_run.reports,
        "window_h": WINDOW_H,
        **result,
        "score_to_evenly": _ratio(mean["score_trained"], mean["evenly"]),
        "score_to_frequency": _ratio(mean["score_trained"], mean["frequency_trained"]),
        "rolling_score_to_frequency": _ratio(mean["score_rolling"], mean["frequency_rolling"]),
    }


def _figures(runs: Sequence[Told]) -> dict[str, Any]:
    rates = [run.per_100() for run in runs]
    return {
        "per_100": round(statistics.mean(rates), 2),
        "spread": round(statistics.stdev(rates), 2) if len(rates) > 1 else 0.0,
        "visited": round(statistics.mean(run.visited for run in runs)),
        "found": round(statistics.mean(run.found[WINDOW_H] for run in runs)),
        "per_100_by_window": {
            f"{window_h:g} h": round(statistics.mean(run.per_100(window_h) for run in runs), 2)
            for window_h in WINDOWS_H
        },
    }


def _ratio(ours: float, reference: float) -> float | None:
    return round(ours / reference, 2) if reference > 0 else None
