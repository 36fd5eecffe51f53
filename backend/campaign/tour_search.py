"""The search behind `tours`: whole strings of stops are taken out where they lie close together and put back where they cost least.

Slack induction by string removals (Christiaens and Vanden Berghe, Transportation Science 54, 2020) with simulated annealing, compiled. Why it is
our own and not a library: docs/decisions/1303. Deterministic: the same problem, seed and number of rounds give the same tours.

Stops are 0 … n-1; `n` stands for "nothing more", and row `n + team` of a matrix for where that team starts. Begin at `improve`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.geo.kernel import kernel

NEVER_S: Final = 1e8
"""Stands for "cannot be reached"; finite, so that sums stay numbers."""
REMOVED: Final = 10
"""Stops taken out in one round, on average; and the longest string of one tour (both as published)."""
BLINK: Final = 0.01
"""How often a place is overlooked: keeps the search from always making the same choice (as published)."""
NEAR: Final = 40
"""A stop is put back beside one of so many nearest ones, or at the beginning of a tour."""


class Problem(NamedTuple):
    """What is to be planned, as arrays. Times in seconds from the moment of planning.

    leg_s: (modes, n + teams, n + 1); the last column is the end of a tour and costs nothing. until_s: when a team has to be done.
    pause_from_s, pause_s: the break is taken after the first stop that is done later than that. lost_s: what leaving a stop out costs.
    before: the team whose tour a stop was in, -1 none; stay_s: what giving it to another one costs. near: (n, k) nearest stops.
    far_s: seconds from the nearest team.
    """

    leg_s: NDArray[np.float32]
    layer: NDArray[np.int64]
    ready_s: NDArray[np.float64]
    until_s: NDArray[np.float64]
    pause_from_s: NDArray[np.float64]
    pause_s: NDArray[np.float64]
    service_s: NDArray[np.float64]
    lost_s: NDArray[np.float64]
    before: NDArray[np.int64]
    stay_s: float
    near: NDArray[np.int32]
    far_s: NDArray[np.float64]


class Links(NamedTuple):
    """Tours as chains. after (n + teams), ahead (n): neighbours; team (n): whose tour, -1 none; end_s, size (teams) without the break."""

    after: NDArray[np.int64]
    ahead: NDArray[np.int64]
    team: NDArray[np.int64]
    end_s: NDArray[np.float64]
    size: NDArray[np.int64]


def no_tours(problem: Problem) -> Links:
    """Every team where it stands, nothing planned."""
    count, teams = len(problem.service_s), len(problem.layer)
    return Links(
        after=np.full(count + teams, count),
        ahead=np.full(count + 1, -1),
        team=np.full(count, -1),
        end_s=problem.ready_s.copy(),
        size=np.zeros(teams, np.int64),
    )


@kernel
def append(problem: Problem, links: Links, team: int, stop: int) -> bool:
    """Put a stop at the end of a team's tour; False, and nothing done, when there is no time for it."""
    last = len(problem.service_s) + team
    while links.after[last] < len(problem.service_s):
        last = links.after[last]
    done_s = links.end_s[team] + problem.leg_s[problem.layer[team], last, stop] + problem.service_s[stop]
    pause_s = problem.pause_s[team] if done_s > problem.pause_from_s[team] else 0.0
    if done_s + pause_s > problem.until_s[team]:
        return False
    _insert(problem, links, team, last, stop)
    return True


@kernel
def fill(problem: Problem, links: Links) -> None:
    """Put every stop that is in no tour where it costs least, the most valuable first; what has no room stays out. Nothing else moves."""
    count, teams = len(problem.service_s), len(problem.layer)
    for stop in np.argsort(-problem.lost_s, kind="mergesort"):
        if links.team[stop] >= 0:
            continue
        cheapest, chosen, at = np.inf, -1, -1
        for team in range(teams):
            mode, previous = problem.layer[team], count + team
            while previous != count:
                onward = links.after[previous]
                more_s = (
                    problem.leg_s[mode, previous, stop]
                    + problem.leg_s[mode, stop, onward]
                    - problem.leg_s[mode, previous, onward]
                )
                price = more_s + (problem.stay_s if problem.before[stop] >= 0 and problem.before[stop] != team else 0.0)
                done_s = links.end_s[team] + more_s + problem.service_s[stop]
                if done_s > problem.pause_from_s[team]:
                    done_s += problem.pause_s[team]
                if price < cheapest and done_s <= problem.until_s[team]:
                    cheapest, chosen, at = price, team, previous
                previous = onward
        if chosen >= 0 and cheapest < problem.lost_s[stop]:
            _insert(problem, links, chosen, at, stop)


@kernel
def cost_s(problem: Problem, links: Links) -> float:
    """What `improve` makes small: seconds of travel, of changes of team and of what is left out."""
    total_s = 0.0
    for stop in range(len(problem.service_s)):
        team = links.team[stop]
        if team < 0:
            total_s += problem.lost_s[stop]
            continue
        total_s += problem.leg_s[problem.layer[team], links.ahead[stop], stop]
        if problem.before[stop] >= 0 and problem.before[stop] != team:
            total_s += problem.stay_s
    return total_s


@kernel
def improve(problem: Problem, links: Links, rounds: int, hot_s: float, cold_s: float, seed: int) -> float:
    """`rounds` of taking out and putting back, from `hot_s` of tolerated loss down to `cold_s`; the best tours are left in `links`.

    Returns their cost as `cost_s` has it.
    """
    np.random.seed(seed)
    count, teams = len(problem.service_s), len(problem.layer)
    cost = kept_cost = best_cost = cost_s(problem, links)
    kept, best = _like(links), _like(links)
    _copy(links, kept)
    _copy(links, best)
    absent, rank, ruined = np.empty(count, np.int64), np.empty(count), np.full(teams, -1)
    cooling = (cold_s / hot_s) ** (1.0 / max(1, rounds))
    heat_s = hot_s
    for number in range(rounds):
        taken, change_s = _take_out(problem, links, absent, ruined, number)
        _put_in_order(problem, absent, rank, taken)
        cost += change_s + _put_back(problem, links, absent, taken)
        if cost < kept_cost - heat_s * np.log(np.random.random()):
            kept_cost = cost
            _copy(links, kept)
            if cost < best_cost - 1e-6:
                best_cost = cost
                _copy(links, best)
        else:
            cost = kept_cost
            _copy(kept, links)
        heat_s *= cooling
    _copy(best, links)
    return best_cost


@kernel
def _like(links: Links) -> Links:
    return Links(links.after.copy(), links.ahead.copy(), links.team.copy(), links.end_s.copy(), links.size.copy())


@kernel
def _copy(source: Links, to: Links) -> None:
    to.after[:], to.ahead[:], to.team[:] = source.after, source.ahead, source.team
    to.end_s[:], to.size[:] = source.end_s, source.size


@kernel
def _take_out(
    problem: Problem, links: Links, absent: NDArray[np.int64], ruined: NDArray[np.int64], number: int
) -> tuple[int, float]:
    """Take strings out of the tours that pass near a stop chosen at random, and note what is in no tour near it.

    Writes the stops into `absent`; returns how many, and what it changes of the cost. ruined: the round in which a tour last lost a string.
    """
    in_tours, used = float(links.size.sum()), float((links.size > 0).sum())
    longest = min(float(REMOVED), in_tours / max(1.0, used))
    strings = int(1 + np.random.random() * max(0.0, 4.0 * REMOVED / (1 + longest) - 1))
    taken, outside, change_s = 0, 0, 0.0
    chosen = np.random.randint(len(links.team))
    for nth in range(-1, problem.near.shape[1]):
        stop = chosen if nth < 0 else problem.near[chosen, nth]
        team = links.team[stop]
        if team < 0:
            if outside < 2 * REMOVED and not (absent[:taken] == stop).any():
                absent[taken] = stop
                taken += 1
                outside += 1
        elif strings > 0 and ruined[team] != number:
            ruined[team] = number
            strings -= 1
            string = min(int(1 + np.random.random() * min(float(links.size[team]), longest)), links.size[team])
            taken, saved_s = _cut(problem, links, absent, taken, stop, string)
            change_s += saved_s
    return taken, change_s


@kernel
def _cut(
    problem: Problem, links: Links, absent: NDArray[np.int64], taken: int, stop: int, string: int
) -> tuple[int, float]:
    """Take `string` neighbouring stops out of a tour, the given one about among them; sometimes one in their midst is spared."""
    team, count = links.team[stop], len(links.team)
    mode, spare = problem.layer[team], -1
    if string > 1 and links.size[team] > string and np.random.random() < 0.5:
        spare = np.random.randint(1, string)
        string += 1
    at = stop
    for _ in range(np.random.randint(string)):
        if links.ahead[at] < count:
            at = links.ahead[at]
    change_s = 0.0
    for item in range(string):
        if at >= count:
            break
        onward = links.after[at]
        if item != spare:
            previous = links.ahead[at]
            saved_s = problem.leg_s[mode, previous, at] + problem.leg_s[mode, at, onward]
            saved_s -= problem.leg_s[mode, previous, onward]
            links.after[previous] = onward
            if onward < count:
                links.ahead[onward] = previous
            links.end_s[team] -= saved_s + problem.service_s[at]
            links.size[team] -= 1
            links.team[at] = -1
            change_s += problem.lost_s[at] - saved_s
            if problem.before[at] >= 0 and problem.before[at] != team:
                change_s -= problem.stay_s
            absent[taken] = at
            taken += 1
        at = onward
    return taken, change_s


@kernel
def _put_in_order(problem: Problem, absent: NDArray[np.int64], rank: NDArray[np.float64], taken: int) -> None:
    """By chance, by value, the farthest first, or the nearest first (with the published weights)."""
    order = np.random.random() * 11
    for item in range(taken):
        stop = absent[item]
        if order < 4:
            rank[item] = np.random.random()
        elif order < 8:
            rank[item] = -problem.lost_s[stop]
        else:
            rank[item] = -problem.far_s[stop] if order < 10 else problem.far_s[stop]
    for item in range(1, taken):
        stop, own, at = absent[item], rank[item], item
        while at > 0 and rank[at - 1] > own:
            absent[at], rank[at] = absent[at - 1], rank[at - 1]
            at -= 1
        absent[at], rank[at] = stop, own


@kernel
def _put_back(problem: Problem, links: Links, absent: NDArray[np.int64], taken: int) -> float:
    """Each where it costs least, beside a stop near it or at the beginning of a tour; returns what that changes of the cost."""
    count, teams, change_s = len(links.team), len(problem.layer), 0.0
    leg_s, near = problem.leg_s, problem.near
    for item in range(taken):
        stop = absent[item]
        own, cheapest, chosen, at = problem.before[stop], problem.lost_s[stop], -1, -1
        for nth in range(-teams, 2 * near.shape[1]):
            team = nth + teams if nth < 0 else links.team[near[stop, nth // 2]]
            if team < 0:
                continue
            previous = count + team
            if nth >= 0:
                previous = near[stop, nth // 2] if nth % 2 == 0 else links.ahead[near[stop, nth // 2]]
            mode, onward = problem.layer[team], links.after[previous]
            more_s = leg_s[mode, previous, stop] + leg_s[mode, stop, onward] - leg_s[mode, previous, onward]
            price = more_s + (problem.stay_s if own >= 0 and own != team else 0.0)
            if price >= cheapest:
                continue
            done_s = links.end_s[team] + more_s + problem.service_s[stop]
            if done_s > problem.pause_from_s[team]:
                done_s += problem.pause_s[team]
            if done_s <= problem.until_s[team] and np.random.random() >= BLINK:
                cheapest, chosen, at = price, team, previous
        if chosen >= 0:
            _insert(problem, links, chosen, at, stop)
            change_s += cheapest - problem.lost_s[stop]
    return change_s


@kernel
def _insert(problem: Problem, links: Links, team: int, previous: int, stop: int) -> None:
    """Put a stop into a tour, after `previous`."""
    mode, onward = problem.layer[team], links.after[previous]
    more_s = problem.leg_s[mode, previous, stop] + problem.leg_s[mode, stop, onward]
    links.end_s[team] += more_s - problem.leg_s[mode, previous, onward] + problem.service_s[stop]
    links.after[previous], links.ahead[stop], links.after[stop] = stop, previous, onward
    if onward < len(links.team):
        links.ahead[onward] = stop
    links.team[stop] = team
    links.size[team] += 1
