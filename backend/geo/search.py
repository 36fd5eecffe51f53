"""Shortest times through the road graph: a bucket queue, exact, compiled.

The three modes are three layers of one graph: state `layer * nodes + node`. A bucket holds the states whose time lies in the same
`BUCKET_S`; within a bucket a state may be improved and looked at again, so the result is exact whatever the width. When a bucket is empty
everything in it is final. `Scratch` remembers what a search touched by a number of its own (`stamp`), so that starting the next one
costs nothing however large the city.
"""

import math
import threading
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.geo.kernel import kernel

BUCKET_S: Final = 4.0
"""Width of a bucket, seconds. Measured on Dalian: 2-8 s are alike."""

FAR_S: Final = 6 * 3600.0
"""How far a search without a limit looks, seconds of travel; what lies beyond counts as not reachable."""


STATE: Final = np.dtype(
    [
        ("stamp", np.int64),
        ("seconds", np.float64),
        ("done_s", np.float64),
        ("after", np.int32),
        ("before", np.int32),
        ("owner", np.int32),
        ("via", np.int32),
    ],
    align=True,
)
"""What a search knows of a state, one record (most of a cache line) each: valid when `stamp` is the search's number; the time found; the
time at which it was last expanded; its neighbours in the bucket; which seed it descends from; the arc it was reached by."""

type States = NDArray[np.void]
type Buckets = NDArray[np.int32]


class Arcs(NamedTuple):
    """Compressed rows of arcs between states: row s is `ptr[s]:ptr[s + 1]` of `to` and `seconds`."""

    ptr: NDArray[np.int32]
    to: NDArray[np.int32]
    seconds: NDArray[np.float32]


class Scratch(NamedTuple):
    """Working memory of one thread.

    states: see `STATE`; bucket: each bucket's first state or -1; order: states in the order they became final;
    number: `number[0]` counts the searches.
    """

    states: States
    bucket: Buckets
    order: Buckets
    number: NDArray[np.int64]


def new_scratch(states: int) -> Scratch:
    """Working memory for a graph of so many states."""
    return Scratch(
        states=np.zeros(states, STATE),
        bucket=np.empty(int(FAR_S / BUCKET_S) + 2, np.int32),
        order=np.empty(states, np.int32),
        number=np.zeros(1, np.int64),
    )


class ScratchPerThread(threading.local):
    """Hands each thread its own `Scratch`, made at first use."""

    def __init__(self, states: int) -> None:
        self.scratch = new_scratch(states)


@kernel
def begin(bucket: Buckets, number: NDArray[np.int64], limit_s: float) -> tuple[int, int]:
    """Start a search up to `limit_s`: (its number, how many buckets it has)."""
    number[0] += 1
    buckets = min(int(limit_s / BUCKET_S) + 1, len(bucket))
    bucket[:buckets] = -1
    return number[0], buckets


@kernel
def reach(
    states: States, bucket: Buckets, now: int, state: int, seconds: float, owner: int, via: int, limit_s: float
) -> None:
    """Note that `state` can be had in `seconds`, when that is news, and queue it."""
    here = states[state]
    known = here.stamp == now
    if seconds > limit_s or (known and here.seconds <= seconds):
        return
    target = int(seconds / BUCKET_S)
    queued = known and here.done_s != here.seconds
    source = int(here.seconds / BUCKET_S) if queued else -1
    if not known:
        here.stamp = now
        here.done_s = math.inf
    here.seconds = seconds
    here.owner = owner
    here.via = via
    if source == target:
        return
    if queued:
        _leave(states, bucket, state, source)
    first = bucket[target]
    here.after = first
    here.before = -1
    if first >= 0:
        states[first].before = state
    bucket[target] = state


@kernel
def _leave(states: States, bucket: Buckets, state: int, source: int) -> None:
    after, before = states[state].after, states[state].before
    if before >= 0:
        states[before].after = after
    else:
        bucket[source] = after
    if after >= 0:
        states[after].before = before


@kernel
def drain(  # noqa: C901 - one loop on purpose, as it says below
    states: States,
    bucket: Buckets,
    order: Buckets,
    now: int,
    ptr: NDArray[np.int32],
    to: NDArray[np.int32],
    arc_s: NDArray[np.float32],
    factors: NDArray[np.float64],
    which: int,
    limit_s: float,
) -> int:
    """Empty a bucket: afterwards the states in it are final. Writes each of them to `order` once, returns how many.

    One long loop on purpose: as steps of their own (`reach`, `_leave`) it takes two to five times as long.
    """
    nodes, count = (len(ptr) - 1) // 3, 0
    while bucket[which] >= 0:
        state = bucket[which]
        here = states[state]
        bucket[which] = here.after
        if here.after >= 0:
            states[here.after].before = -1
        if here.done_s == math.inf:
            order[count] = state
            count += 1
        here_s, owner = here.seconds, here.owner
        here.done_s = here_s
        factor = factors[0 if state < nodes else 1 if state < 2 * nodes else 2]
        for arc in range(ptr[state], ptr[state + 1]):
            there_s = here_s + arc_s[arc] * factor
            there = states[to[arc]]
            known = there.stamp == now
            if there_s > limit_s or (known and there.seconds <= there_s):
                continue
            target, source = int(there_s / BUCKET_S), -1
            if not known:
                there.stamp, there.done_s = now, math.inf
            elif there.done_s != there.seconds:
                source = int(there.seconds / BUCKET_S)
            there.seconds, there.owner, there.via = there_s, owner, arc
            if source == target:
                continue
            if source >= 0:
                before, after = there.before, there.after
                if before >= 0:
                    states[before].after = after
                else:
                    bucket[source] = after
                if after >= 0:
                    states[after].before = before
            first = bucket[target]
            there.after, there.before = first, -1
            if first >= 0:
                states[first].before = to[arc]
            bucket[target] = to[arc]
    return count


@kernel
def spread(
    work: Scratch,
    arcs: Arcs,
    now: int,
    buckets: int,
    factors: NDArray[np.float64],
    wanted: NDArray[np.int64],
    limit_s: float,
) -> None:
    """Run the search that has been begun and seeded until everything within `limit_s` is final.

    With states `wanted` (each listed once) it stops as soon as all of them are final.
    """
    states, bucket, order = work.states, work.bucket, work.order
    ptr, to, arc_s = arcs.ptr, arcs.to, arcs.seconds
    have = 0
    for which in range(buckets):
        if bucket[which] >= 0:
            drain(states, bucket, order, now, ptr, to, arc_s, factors, which, limit_s)
        while have < len(wanted) and seconds_at(states, now, wanted[have]) < (which + 1) * BUCKET_S:
            have += 1
        if have and have == len(wanted):
            return


@kernel
def seconds_at(states: States, now: int, state: int) -> float:
    """The time found for a state, inf when it was not reached."""
    return float(states[state].seconds) if states[state].stamp == now else math.inf


NOTHING_WANTED: Final = np.empty(0, np.int64)


@kernel
def along_s(seg_s: NDArray[np.float32], layer: int, segment: int, start: float, end: float) -> float:
    """Seconds from one fraction of a segment to another on it; inf against a one-way."""
    if start == end:
        return 0.0
    if start < end:
        return (end - start) * float(seg_s[0, segment, layer])
    return (start - end) * float(seg_s[1, segment, layer])


@kernel
def to_end_s(seg_s: NDArray[np.float32], layer: int, segment: int, fraction: float, end: int) -> float:
    """Seconds from a place on a segment to its end (0 is u, 1 is v): 0 at the junction itself, inf where forbidden."""
    return along_s(seg_s, layer, segment, fraction, float(end))


@kernel
def from_end_s(seg_s: NDArray[np.float32], layer: int, segment: int, fraction: float, end: int) -> float:
    """Seconds from an end of a segment (0 is u, 1 is v) to a place on it: 0 at the junction itself, inf where forbidden."""
    return along_s(seg_s, layer, segment, float(end), fraction)
