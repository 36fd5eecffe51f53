"""Tours 巡查路线: which team goes to which cells, in which order, so that the most valuable ground is seen in the time there is.

Begin at `plan_tours`. Times are seconds from the moment of planning; roads, modes and weather are those of `backend.geo.matrix`. What a team is
at (`fixed`) stays its own and comes first; what it was to do next (`before`) is moved only where that saves something worth moving it for. Pure,
and deterministic: the same stops and teams, in whatever order, give the same tours, unless the wall clock cut the search short (which is said).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backend.campaign import tour_search
from backend.campaign.tour_search import NEAR, NEVER_S, Links, Problem
from backend.errors import Invalid
from backend.geo.matrix import matrix
from backend.geo.modes import MODES, NO_FACTORS, Factors, Mode
from backend.geo.roads import Roads

type Places = NDArray[np.float64]
type Between = Callable[[Roads | None, Places, Places, Mode, Factors], NDArray[np.float64]]
"""Seconds from every place (row lon, lat) to every other; `backend.geo.matrix.matrix` is one."""
type Reason = Literal["no_team", "no_way", "no_time", "less_valuable"]
REASONS: Final[dict[Reason, tuple[str, str]]] = {
    "no_team": ("没有可用的队伍", "no team is available"),
    "no_way": ("没有队伍能按道路到达", "no team can get there by road"),
    "no_time": ("没有队伍能在时限内到达", "no team can be there and done in the time there is"),
    "less_valuable": ("时间用在了更要紧的网格", "the time goes to more valuable ground"),
}

STAY_S: Final = 120.0
"""Seconds of travel that must be saved before a stop is given to another team than before."""
WORTH_A_CHANGE: Final = 0.02
"""A tour that stands is thrown over only for so much less travel, as a share."""
EVEN_WITHIN: Final = (1.03, 1.1, 1.25, 1.5)
"""No team works longer than so many times the mean, the first of these that leaves nothing out."""
MOST_STOPS: Final = 2_000
"""More stops than this are not looked at in one planning; the most valuable are."""
ROUNDS: Final = 200_000
"""Rounds of the search: about 2.5 s of one core for 500 stops and 20 teams."""
_CHUNK: Final = 20_000
_SEED: Final = 20151217


class Stop(Struct, frozen=True, kw_only=True):
    """A place to be looked at. value: what a look there is worth (people expected); service_s: how long one stays."""

    id: str
    lon: float
    lat: float
    value: float = 1.0
    service_s: float = 180.0


class Pause(Struct, frozen=True):
    """A break: taken after the first stop that is done later than `from_s`."""

    from_s: float
    length_s: float


class TourTeam(Struct, frozen=True, kw_only=True):
    """A team that sweeps. until_s: end of its shift; ready_s: when it can set out.

    fixed: ids of stops that stay its own and come first, in this order (where it stands, what it holds). before: what it was to do next.
    """

    id: str
    mode: Mode
    lon: float
    lat: float
    until_s: float
    ready_s: float = 0.0
    pause: Pause | None = None
    fixed: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


class TourStop(Struct, frozen=True):
    """A stop in a tour: how long the way there takes, when one is there and when done."""

    id: str
    travel_s: float
    arrive_s: float
    leave_s: float


class Tour(Struct, frozen=True):
    """One team's tour in order; ends_s: done with the last stop (and the break)."""

    team_id: str
    stops: tuple[TourStop, ...]
    travel_s: float
    ends_s: float


class Unserved(Struct, frozen=True):
    """A stop that is in no tour, and why."""

    id: str
    reason: Reason

    @property
    def words(self) -> tuple[str, str]:
        return REASONS[self.reason]


class Plan(Struct, frozen=True):
    """All tours, one a team, and what is in none. cut_short: the time allowed ran out before the search was through."""

    tours: tuple[Tour, ...]
    unserved: tuple[Unserved, ...]
    took_s: float
    cut_short: bool

    @property
    def travel_s(self) -> float:
        return sum(tour.travel_s for tour in self.tours)


def plan_tours(
    roads: Roads | None,
    stops: Sequence[Stop],
    teams: Sequence[TourTeam],
    *,
    within_s: float,
    factors: Factors = NO_FACTORS,
    rounds: int = ROUNDS,
    budget_s: float = 20.0,
    even: bool = True,
    between: Between = matrix,
) -> Plan:
    """Divide the stops among the teams. Every stop is in exactly one tour or in `unserved`.

    within_s: the interval in which all should be seen; nothing is planned beyond it, nor beyond a team's shift, but for what is fixed.
    budget_s: seconds that the search may take by the wall clock. even: share the work out, at the price of some travel.
    between: seconds from places to places, for who keeps them. Raises `Invalid` for a stop given twice or fixed to two teams.
    """
    warm_up()
    began = time.perf_counter()
    stops, teams = sorted(stops, key=lambda stop: stop.id), sorted(teams, key=lambda team: team.id)
    _refuse_twice(stops, teams)
    if not teams:
        return Plan((), tuple(Unserved(stop.id, "no_team") for stop in stops), time.perf_counter() - began, False)
    near, beyond = _most_valuable(stops, teams)
    case = _Case(roads, near, teams, within_s, factors, between)
    cut_short = case.search(rounds, began + budget_s, even=even)
    tours, unserved = case.tours(), case.unserved()
    unserved += [Unserved(stop.id, "less_valuable") for stop in beyond]
    unserved.sort(key=lambda one: one.id)
    return Plan(tours, tuple(unserved), time.perf_counter() - began, cut_short)


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Compile the search, once per machine (up to half a minute; then kept on disk): not to be counted as time for planning."""
    stop, team = Stop(id="", lon=0.0, lat=0.0), TourTeam(id="", mode=Mode.FOOT, lon=0.0, lat=0.0, until_s=60.0)
    case = _Case(None, [stop], [team], 600.0, NO_FACTORS, matrix)
    case.search(2, time.perf_counter() + 600.0, even=True)


def _refuse_twice(stops: Sequence[Stop], teams: Sequence[TourTeam]) -> None:
    fixed = [stop_id for team in teams for stop_id in team.fixed]
    known = {stop.id for stop in stops}
    for ids, zh, en in (
        ([stop.id for stop in stops], "网格", "The stop"),
        ([team.id for team in teams], "队伍", "The team"),
        (fixed, "占用的网格", "The fixed stop"),
    ):
        if twice := _twice(ids):
            raise Invalid(f"{zh} {twice} 出现了两次。", f"{en} {twice} is given twice.", field="stops")
    if strange := next((one for one in fixed if one not in known), None):
        raise Invalid(
            f"占用的网格 {strange} 不在列表中。", f"The fixed stop {strange} is none of the stops.", field="fixed"
        )


def _twice(ids: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            return one
        seen.add(one)
    return None


def _most_valuable(stops: list[Stop], teams: Sequence[TourTeam]) -> tuple[list[Stop], list[Stop]]:
    """The stops that are looked at, in order of id, and those that are not."""
    if len(stops) <= MOST_STOPS:
        return stops, []
    held = {stop_id for team in teams for stop_id in (*team.fixed, *team.before)}
    ranked = sorted(stops, key=lambda stop: (stop.id not in held, -stop.value, stop.id))
    return sorted(ranked[:MOST_STOPS], key=lambda stop: stop.id), ranked[MOST_STOPS:]


class _Case:
    """One planning: the problem as arrays, and the tours found so far."""

    def __init__(
        self,
        roads: Roads | None,
        stops: Sequence[Stop],
        teams: Sequence[TourTeam],
        within_s: float,
        factors: Factors,
        between: Between,
    ) -> None:
        self.stops, self.teams = stops, teams
        self.index = {stop.id: number for number, stop in enumerate(stops)}
        self.modes = [mode for mode in MODES if any(team.mode is mode for team in teams)]
        self.leg_s = _legs(roads, stops, teams, self.modes, factors, between)
        self.problem = self._problem(within_s)
        self.links = tour_search.no_tours(self.problem)

    def search(self, rounds: int, stop_at: float, *, even: bool) -> bool:
        """Begin with the tours that stand, improve, then make them even. Returns whether the clock cut it short."""
        if not len(self.problem.service_s):
            return False
        self._take_up_what_stands()
        tour_search.fill(self.problem, self.links)
        stood, cost_s = _copy(self.links), tour_search.cost_s(self.problem, self.links)
        had_tours = any(team.before for team in self.teams)
        cut_short = self._improve(self.problem, rounds // 2 if even else rounds, stop_at)
        if even:
            cut_short |= self._even(rounds // 2, stop_at)
        if had_tours and tour_search.cost_s(self.problem, self.links) > cost_s * (1 - WORTH_A_CHANGE):
            self.links = stood
        return cut_short

    def tours(self) -> tuple[Tour, ...]:
        return tuple(self._tour(number, team) for number, team in enumerate(self.teams))

    def unserved(self) -> list[Unserved]:
        """What is in no tour, and why."""
        problem, count = self.problem, len(self.problem.service_s)
        missing = [number for number in range(count) if self.links.team[number] < 0 and not self.held[number]]
        if not missing:
            return []
        first_s = np.array([problem.leg_s[problem.layer[k], count + k, :count] for k in range(len(self.teams))])
        alone_s = problem.ready_s[:, None] + first_s + problem.service_s[None, :]
        in_time = (alone_s <= problem.until_s[:, None]).any(axis=0)
        on_roads = (first_s < NEVER_S).any(axis=0)
        return [Unserved(self.stops[n].id, _reason(bool(on_roads[n]), bool(in_time[n]))) for n in missing]

    def _problem(self, within_s: float) -> Problem:
        count = len(self.stops)
        self.held = np.zeros(count, np.bool_)
        before, ready_s = np.full(count, -1), np.array([team.ready_s for team in self.teams], np.float64)
        for number, team in enumerate(self.teams):
            before[[self.index[one] for one in team.before if one in self.index]] = number
            fixed = [self.index[one] for one in team.fixed]
            self.held[fixed] = True
            if fixed:
                ready_s[number] = self._walk(number, team, fixed)[-1].leave_s
        leg_s = self.leg_s.copy()
        for number, team in enumerate(self.teams):
            if team.fixed:  # it sets out from the last of them
                leg_s[:, count + number] = leg_s[:, self.index[team.fixed[-1]]]
        leg_s[:, :, :count][:, :, self.held] = NEVER_S  # they are planned already
        value = np.array([stop.value for stop in self.stops], np.float64)
        mean = float(value.mean()) if count and value.mean() > 0 else 1.0
        return Problem(
            leg_s=leg_s,
            layer=np.array([self.modes.index(team.mode) for team in self.teams]),
            ready_s=ready_s,
            until_s=np.array([min(team.until_s, within_s) for team in self.teams], np.float64),
            pause_from_s=np.array([team.pause.from_s if team.pause else np.inf for team in self.teams], np.float64),
            pause_s=np.array([team.pause.length_s if team.pause else 0.0 for team in self.teams], np.float64),
            service_s=np.array([stop.service_s for stop in self.stops], np.float64),
            # A stop is never left out to save its way, as long as there is time: so much more than any way is it worth.
            lost_s=np.where(self.held, 0.0, within_s * (1.0 + np.maximum(0.0, value) / mean)),
            before=before,
            stay_s=STAY_S,
            near=_near(self.leg_s, count),
            far_s=self.leg_s[:, count:, :count].min(axis=(0, 1)).astype(np.float64),
        )

    def _take_up_what_stands(self) -> None:
        for number, team in enumerate(self.teams):
            for stop_id in team.before:
                stop = self.index.get(stop_id)
                if stop is not None and not self.held[stop] and self.links.team[stop] < 0:
                    tour_search.append(self.problem, self.links, number, stop)

    def _improve(self, problem: Problem, rounds: int, stop_at: float) -> bool:
        """True when the clock cut it short: looked at between chunks, so that what it found does not depend on it otherwise."""
        hot_s, cold_s = max(1.0, float(np.median(problem.far_s)) / 4), 1.0
        chunks = max(1, -(-rounds // _CHUNK))
        steps = np.geomspace(hot_s, cold_s, chunks + 1)
        for number in range(chunks):
            if time.perf_counter() > stop_at:
                return True
            now_s, then_s = float(steps[number]), float(steps[number + 1])
            tour_search.improve(problem, self.links, min(rounds, _CHUNK), now_s, then_s, _SEED + number)
        return False

    def _even(self, rounds: int, stop_at: float) -> bool:
        """Where all fits, nobody works much longer than the mean; where time is short everybody works to the end anyway."""
        work_s = self.links.end_s - self.problem.ready_s
        if (self.links.team[~self.held] < 0).any() or len(self.teams) < 2:
            return self._improve(self.problem, rounds, stop_at)
        for share in EVEN_WITHIN:
            bound_s = np.minimum(self.problem.until_s, self.problem.ready_s + share * work_s.mean())
            found, kept = self._within(bound_s, rounds, stop_at), self.links
            if found is None:
                return True
            if not (found.team[~self.held] < 0).any():
                self.links = found
                return False
            self.links = kept
        return False

    def _within(self, until_s: NDArray[np.float64], rounds: int, stop_at: float) -> Links | None:
        """Tours that end by then; None when the clock ran out."""
        kept, tight = self.links, self.problem._replace(until_s=until_s)
        self.links = tour_search.no_tours(tight)
        for number in range(len(self.teams)):
            for stop in _chain(kept, number):
                tour_search.append(tight, self.links, number, stop)
        tour_search.fill(tight, self.links)
        cut_short = self._improve(tight, rounds, stop_at)
        found, self.links = self.links, kept
        return None if cut_short else found

    def _tour(self, number: int, team: TourTeam) -> Tour:
        order = [self.index[one] for one in team.fixed] + _chain(self.links, number)
        stops = self._walk(number, team, order)
        ends_s = stops[-1].leave_s if stops else team.ready_s
        if team.pause and stops and ends_s > team.pause.from_s and stops[-1].leave_s == ends_s:
            before_s = stops[-2].leave_s if len(stops) > 1 else -np.inf
            ends_s += team.pause.length_s if before_s <= team.pause.from_s else 0.0
        return Tour(team.id, tuple(stops), sum(stop.travel_s for stop in stops), ends_s)

    def _walk(self, number: int, team: TourTeam, order: Sequence[int]) -> list[TourStop]:
        """When one is where, along stops by their number."""
        at, now_s, paused = len(self.stops) + number, team.ready_s, team.pause is None
        layer = self.modes.index(team.mode)
        done: list[TourStop] = []
        for stop in order:
            travel_s = float(self.leg_s[layer, at, stop])
            arrive_s = now_s + travel_s
            leave_s = arrive_s + self.stops[stop].service_s
            done.append(TourStop(self.stops[stop].id, travel_s, arrive_s, leave_s))
            now_s, at = leave_s, stop
            if not paused and team.pause is not None and leave_s > team.pause.from_s:
                now_s, paused = now_s + team.pause.length_s, True
        return done


def _legs(
    roads: Roads | None,
    stops: Sequence[Stop],
    teams: Sequence[TourTeam],
    modes: Sequence[Mode],
    factors: Factors,
    between: Between,
) -> NDArray[np.float32]:
    """(modes, stops + teams, stops + 1) seconds; the last column, the end, costs nothing."""
    at = [(stop.lon, stop.lat) for stop in stops] + [(team.lon, team.lat) for team in teams]
    places = np.array(at, np.float64).reshape(-1, 2)
    legs = np.zeros((len(modes), len(places), len(stops) + 1), np.float32)
    for layer, mode in enumerate(modes):
        if stops:
            legs[layer, :, :-1] = np.minimum(between(roads, places, places[: len(stops)], mode, factors), NEVER_S)
    return legs


def _near(leg_s: NDArray[np.float32], count: int) -> NDArray[np.int32]:
    """The nearest stops of each by the quickest mode, there and back."""
    quickest = leg_s[:, :count, :count].min(axis=0)
    there_and_back = quickest + quickest.T
    np.fill_diagonal(there_and_back, np.inf)
    kept = min(NEAR, count - 1)
    return np.argsort(there_and_back, axis=1, kind="stable")[:, :kept].astype(np.int32)


def _reason(on_roads: bool, in_time: bool) -> Reason:
    if not on_roads:
        return "no_way"
    return "less_valuable" if in_time else "no_time"


def _chain(links: Links, team: int) -> list[int]:
    count = len(links.team)
    order, at = [], int(links.after[count + team])
    while at < count:
        order.append(at)
        at = int(links.after[at])
    return order


def _copy(links: Links) -> Links:
    return Links(links.after.copy(), links.ahead.copy(), links.team.copy(), links.end_s.copy(), links.size.copy())
