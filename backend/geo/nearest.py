"""Which team is soonest there: the k nearest by road time, exact, from live positions, each team on its own mode's graph.

The search runs backwards from the place over all three modes at once and stops as soon as nothing sooner can come. A team's time is its
mobilisation delay, the walk to its vehicle's road, the rest of its segment, the way, and the walk from the road to the place.
Thread-safe for readers: see `fleet` and `roads`. Where the city has no roads (or none for a mode) the straight line is taken, and said.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from backend.geo import search
from backend.geo.fleet import Finds, Fleet, Teams
from backend.geo.kernel import kernel
from backend.geo.modes import NO_FACTORS, STRAIGHT_DETOUR, STRAIGHT_MPS, WALK_MPS, Factors
from backend.geo.place import EARTH_RADIUS_M, LonLat
from backend.geo.roads import Roads
from backend.geo.search import (
    BUCKET_S,
    Arcs,
    Scratch,
    along_s,
    begin,
    drain,
    from_end_s,
    reach,
)
from backend.geo.snapping import Net, snap_one

type Basis = Literal["road", "straight_line"]


class Found(msgspec.Struct, frozen=True):
    """A team and how soon it can be there, in seconds: `seconds` = mobilisation_s + off_road_s (on foot, both ends) + drive_s."""

    team_id: str
    seconds: float
    drive_s: float
    off_road_s: float
    mobilisation_s: float
    basis: Basis


def nearest(
    roads: Roads | None,
    fleet: Fleet,
    place: LonLat,
    *,
    k: int,
    within_s: float = 3600.0,
    factors: Factors = NO_FACTORS,
    available: NDArray[np.bool_] | None = None,
) -> list[Found]:
    """The k teams soonest at the place, soonest first; fewer when no more can be there within `within_s`.

    available: mask over the fleet's slots (`fleet.mask`) instead of the fleet's own availability. Ties go to the lower slot.
    within_s is at most `search.FAR_S`. The fleet must have been made with the same roads.
    """
    among = fleet.available if available is None else available
    if roads is not fleet.roads:
        raise ValueError("the fleet was made with other roads")
    if roads is None:
        return _straight(fleet, place, np.flatnonzero(among & (fleet.teams.team["layer"] >= 0)), k, within_s, factors)
    limit_s = min(within_s, search.FAR_S)
    size = min(k, fleet.capacity)
    slots, times_s = np.empty(size, np.int32), np.empty((size, 3))
    count = _search(
        *(roads.net, roads.entering, fleet.teams, among, roads.scratch, fleet.finds),
        *(place.lon, place.lat, limit_s, np.array(factors.as_tuple()), slots, times_s),
    )
    found = [
        Found(str(fleet.ids[slot]), total, total - walk - ready, walk, ready, "road")
        for slot, (total, walk, ready) in zip(slots[:count].tolist(), times_s[:count].tolist(), strict=True)
    ]
    return found if not fleet.roadless else _with_roadless(found, fleet, place, among, k, within_s, factors)


def _with_roadless(
    found: list[Found],
    fleet: Fleet,
    place: LonLat,
    among: NDArray[np.bool_],
    k: int,
    within_s: float,
    factors: Factors,
) -> list[Found]:
    """Add the teams whose mode has no road in this city."""
    slots = np.array(sorted(slot for slot in fleet.roadless if among[slot]), np.int64)
    both = found + _straight(fleet, place, slots, k, within_s, factors)
    return sorted(both, key=lambda one: one.seconds)[:k]


def _straight(
    fleet: Fleet, place: LonLat, slots: NDArray[np.int64], k: int, within_s: float, factors: Factors
) -> list[Found]:
    """Straight line times detour at the mode's mean speed: a guess, flagged as one."""
    teams = fleet.teams.team[slots]
    layer, ready_s = teams["layer"], teams["ready_s"]
    metres = _straight_m(place, teams["lon"], teams["lat"])
    drive_s = metres * STRAIGHT_DETOUR / np.array(STRAIGHT_MPS)[layer] * np.array(factors.as_tuple())[layer]
    total_s = drive_s + ready_s
    order = [i for i in np.argsort(total_s, kind="stable")[:k].tolist() if total_s[i] <= within_s]
    return [
        Found(
            str(fleet.ids[slots[i]]),
            *(float(total_s[i]), float(drive_s[i]), 0.0, float(ready_s[i]), "straight_line"),
        )
        for i in order
    ]


def _straight_m(place: LonLat, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = np.radians((lat + place.lat) / 2)
    metres: NDArray[np.float64] = (
        np.hypot(np.radians(lon - place.lon) * np.cos(middle), np.radians(lat - place.lat)) * EARTH_RADIUS_M
    )
    return metres


@kernel
def _search(  # noqa: C901 - one loop on purpose, see `search.drain`
    net: Net,
    arcs: Arcs,
    teams: Teams,
    among: NDArray[np.bool_],
    work: Scratch,
    finds: Finds,
    lon: float,
    lat: float,
    limit_s: float,
    factors: NDArray[np.float64],
    slots: NDArray[np.int32],
    times_s: NDArray[np.float64],
) -> int:
    """Find up to len(slots) teams; writes their slots and (total, walk, mobilisation) seconds, returns how many.

    Arrays are taken out of their tuples once, up here: inside the loop that would cost more than the search.
    """
    states, bucket, order = work.states, work.bucket, work.order
    ptr, to, arc_s = arcs.ptr, arcs.to, arcs.seconds
    team, exits, state_first, seg_first = teams.team, teams.exit, teams.state_first, teams.seg_first
    best, known, per_bucket = finds.best, finds.slots, finds.per_bucket
    nodes, foot = (len(ptr) - 1) // 3, factors[2]
    now, buckets = begin(bucket, work.number, limit_s)
    per_bucket[:buckets] = 0
    place_walk_s = np.zeros(3)
    modes = _modes_among(team, among)
    found = 0
    for layer in range(3):
        if not modes[layer]:
            continue
        segment, fraction, off_road_m = snap_one(net, lon, lat, 1 << layer)
        if segment < 0:
            continue
        place_walk_s[layer] = walk_s = off_road_m / WALK_MPS * foot
        for end in range(2):
            node = net.seg_v[segment] if end == 1 else net.seg_u[segment]
            start_s = walk_s + from_end_s(net.seg_s, layer, segment, fraction, end) * factors[layer]
            reach(states, bucket, now, layer * nodes + node, start_s, -1, -1, limit_s)
        slot = seg_first[segment]
        while slot >= 0:
            if among[slot] and team[slot].layer == layer:
                drive_s = along_s(net.seg_s, layer, segment, team[slot].fraction, fraction) * factors[layer]
                total_s = walk_s + drive_s + _own_s(team, slot, foot)
                found = _note(best, known, per_bucket, now, found, slot, total_s, limit_s)
            slot = team[slot].after
    final, which = 0, 0
    for which in range(buckets):
        if bucket[which] >= 0:
            for state in order[: drain(states, bucket, order, now, ptr, to, arc_s, factors, which, limit_s)]:
                item = state_first[state]
                while item >= 0:
                    slot = item >> 1
                    if among[slot]:
                        drive_s = states[state].seconds + exits[item].seconds * factors[team[slot].layer]
                        total_s = drive_s + _own_s(team, slot, foot)
                        found = _note(best, known, per_bucket, now, found, slot, total_s, limit_s)
                    item = exits[item].after
        final += per_bucket[which]
        if final >= len(slots):
            break
    count = _ranked(best, known[:found], (which + 1) * BUCKET_S, slots, times_s)
    for i in range(count):
        here = team[slots[i]]
        times_s[i, 1] = here.off_road_m / WALK_MPS * foot + place_walk_s[here.layer]
        times_s[i, 2] = here.ready_s
    return count


@kernel
def _modes_among(team: NDArray[np.void], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which modes occur among the teams asked for; looks only until all three were seen."""
    modes = np.zeros(3, np.bool_)
    for slot in range(len(among)):
        if among[slot] and team[slot].layer >= 0:
            modes[team[slot].layer] = True
            if modes.all():
                break
    return modes


@kernel
def _own_s(team: NDArray[np.void], slot: int, foot: float) -> float:
    """Seconds before the team moves on its road: mobilisation and the walk there."""
    return float(team[slot].ready_s + team[slot].off_road_m / WALK_MPS * foot)


@kernel
def _note(
    best: NDArray[np.void],
    known: NDArray[np.int32],
    per_bucket: NDArray[np.int32],
    now: int,
    found: int,
    slot: int,
    total_s: float,
    limit_s: float,
) -> int:
    """Keep the team's best total; returns how many teams are known."""
    if not total_s <= limit_s:
        return found
    here = best[slot]
    if here.stamp == now:
        if here.seconds <= total_s:
            return found
        per_bucket[int(here.seconds / BUCKET_S)] -= 1
    else:
        here.stamp = now
        known[found] = slot
        found += 1
    here.seconds = total_s
    per_bucket[int(total_s / BUCKET_S)] += 1
    return found


@kernel
def _ranked(
    best: NDArray[np.void],
    known: NDArray[np.int32],
    final_s: float,
    slots: NDArray[np.int32],
    times_s: NDArray[np.float64],
) -> int:
    """Insert the teams whose total is final into the result, soonest first, ties by slot; how many there are."""
    count = 0
    for slot in known:
        total_s = best[slot].seconds
        if total_s >= final_s:
            continue
        at = count
        if count == len(slots):
            at -= 1
            if total_s > times_s[at, 0] or (total_s == times_s[at, 0] and slot > slots[at]):
                continue
        else:
            count += 1
        while at > 0 and (total_s < times_s[at - 1, 0] or (total_s == times_s[at - 1, 0] and slot < slots[at - 1])):
            slots[at], times_s[at, 0] = slots[at - 1], times_s[at - 1, 0]
            at -= 1
        slots[at], times_s[at, 0] = slot, total_s
    return count
