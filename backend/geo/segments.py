"""From ways to segments: stretches of road between junctions, all alike along their length.

`cut` splits ways wherever they meet, end or have a barrier; `contract` joins segments again at nodes where nothing happens, keeping their
shape; `select` takes some of them. Everything is vectorised over the whole city.

A half-edge is a segment in one direction: number 2s runs along segment s (u to v), 2s + 1 against it, so `h ^ 1` is the way back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.geo.modes import SPEED_KMH, RoadClass
from backend.geo.osm import Ints, RawWays
from backend.geo.place import EARTH_RADIUS_M
from backend.geo.tags import ALL_MODES

SCALE = 1e7
"""Positions are whole numbers of 1e-7 degrees (about a centimetre), as in OpenStreetMap."""

MIN_STEP_M = 0.1
"""Two nodes at the same position are this far apart, so that no segment is without length."""


@dataclass(frozen=True, slots=True)
class Segments:
    """Segments s from node `u[s]` to `v[s]`; their shape is `node[ptr[s]:ptr[s + 1]]`, indexes into `xy`, both ends included.

    perm: (2, n) masks of who may go along and against; signals: (2, n) signals met along and against, the far end included;
    kmh: (n, 3) speeds; metres: (n,).
    """

    xy: NDArray[np.int32]
    u: Ints
    v: Ints
    ptr: Ints
    node: Ints
    perm: NDArray[np.uint8]
    signals: NDArray[np.int32]
    road: NDArray[np.uint8]
    name: NDArray[np.int32]
    kmh: NDArray[np.float32]
    metres: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.u)


def step_m(xy: NDArray[np.int32], a: Ints, b: Ints) -> NDArray[np.float64]:
    """Metres from nodes `a` to nodes `b` (flat earth at their latitude: exact to 1e-6 for steps under 10 km)."""
    degrees = np.radians(xy[b].astype(np.float64) / SCALE - xy[a].astype(np.float64) / SCALE)
    latitude = np.radians((xy[a, 1].astype(np.float64) + xy[b, 1]) / (2 * SCALE))
    metres: NDArray[np.float64] = np.hypot(degrees[:, 0] * np.cos(latitude), degrees[:, 1]) * EARTH_RADIUS_M
    return metres


def ragged(starts: Ints, counts: Ints) -> Ints:
    """The indexes `starts[i], starts[i] + 1, ...` (`counts[i]` of them) of every i, one after the other."""
    total = int(counts.sum())
    offsets = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    indexes: Ints = np.arange(total, dtype=np.int64) + offsets
    return indexes


def pointers(counts: Ints) -> Ints:
    """Counts as the n + 1 borders of their runs."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))


def cut(raw: RawWays) -> Segments:
    """Split the ways at every node that several ways share, that ends one, or that has a barrier."""
    first, last = raw.ptr[:-1], raw.ptr[1:] - 1
    breaks = np.bincount(raw.node, minlength=len(raw.xy)) > 1
    breaks[raw.node[first]] = breaks[raw.node[last]] = True
    breaks[raw.passes != ALL_MODES] = True
    is_break = breaks[raw.node]
    is_last = np.zeros(len(raw.node), np.bool_)
    is_last[last] = True
    is_first = np.zeros(len(raw.node), np.bool_)
    is_first[first] = True
    begin, end = np.flatnonzero(is_break & ~is_last), np.flatnonzero(is_break & ~is_first)
    way = np.repeat(np.arange(len(first)), raw.ptr[1:] - first)[begin]
    counts = end - begin + 1
    return Segments(
        xy=raw.xy,
        u=raw.node[begin],
        v=raw.node[end],
        ptr=pointers(counts),
        node=raw.node[ragged(begin, counts)],
        perm=np.stack((raw.along[way], raw.against[way])),
        signals=_signals(raw, begin, end),
        road=raw.road[way],
        name=raw.name[way],
        kmh=raw.kmh[way],
        metres=_metres(raw, begin, end),
    )


def _signals(raw: RawWays, begin: Ints, end: Ints) -> NDArray[np.int32]:
    along = np.concatenate(([0], np.cumsum(raw.signal_along[raw.node])))
    against = np.concatenate(([0], np.cumsum(raw.signal_against[raw.node])))
    return np.stack((along[end + 1] - along[begin + 1], against[end] - against[begin])).astype(np.int32)


def _metres(raw: RawWays, begin: Ints, end: Ints) -> NDArray[np.float64]:
    steps = np.maximum(step_m(raw.xy, raw.node[:-1], raw.node[1:]), MIN_STEP_M)
    run = np.concatenate(([0.0], np.cumsum(steps)))
    metres: NDArray[np.float64] = run[end] - run[begin]
    return metres


def close_barriers(segments: Segments, passes: NDArray[np.uint8]) -> Segments:
    """Give every road that meets a barrier an end of its own there, joined by a barrier segment that only some may pass."""
    ends = np.concatenate((segments.u, segments.v))
    at = np.flatnonzero(passes[ends] != ALL_MODES)
    if not len(at):
        return segments
    at = at[np.argsort(ends[at], kind="stable")]
    further = at[1:][ends[at[1:]] == ends[at[:-1]]]
    barrier = ends[further]
    copies = np.arange(len(further), dtype=np.int64) + len(segments.xy)
    ends = ends.copy()
    ends[further] = copies
    n = len(segments)
    node = segments.node.copy()
    node[segments.ptr[:-1]], node[segments.ptr[1:] - 1] = ends[:n], ends[n:]
    added = len(further)
    may = passes[barrier]
    return Segments(
        xy=np.concatenate((segments.xy, segments.xy[barrier])),
        u=np.concatenate((ends[:n], barrier)),
        v=np.concatenate((ends[n:], copies)),
        ptr=np.concatenate((segments.ptr, segments.ptr[-1] + 2 * np.arange(1, added + 1))),
        node=np.concatenate((node, np.column_stack((barrier, copies)).ravel())),
        perm=np.concatenate((segments.perm, np.stack((may, may))), axis=1),
        signals=np.concatenate((segments.signals, np.zeros((2, added), np.int32)), axis=1),
        road=np.concatenate((segments.road, np.full(added, RoadClass.BARRIER, np.uint8))),
        name=np.concatenate((segments.name, np.zeros(added, np.int32))),
        kmh=np.concatenate((segments.kmh, np.tile(np.array(SPEED_KMH[RoadClass.BARRIER], np.float32), (added, 1)))),
        metres=np.concatenate((segments.metres, np.full(added, MIN_STEP_M))),
    )


def select(segments: Segments, keep: NDArray[np.bool_], perm: NDArray[np.uint8]) -> Segments:
    """Only some of the segments, with permissions `perm` (2, all of them)."""
    chosen = np.flatnonzero(keep)
    counts = np.diff(segments.ptr)[chosen]
    return Segments(
        xy=segments.xy,
        u=segments.u[chosen],
        v=segments.v[chosen],
        ptr=pointers(counts),
        node=segments.node[ragged(segments.ptr[chosen], counts)],
        perm=perm[:, chosen],
        signals=segments.signals[:, chosen],
        road=segments.road[chosen],
        name=segments.name[chosen],
        kmh=segments.kmh[chosen],
        metres=segments.metres[chosen],
    )


def contract(segments: Segments) -> Segments:
    """Join segments at nodes where exactly two meet that agree in class, name, speeds and who may go which way."""
    head, rank = _chains(_successors(segments))
    chain_heads, tails = _one_direction(head, rank)
    kept = np.zeros(len(head), np.bool_)
    kept[chain_heads] = True
    members = np.flatnonzero(kept[head])
    members = members[np.lexsort((rank[members], np.searchsorted(chain_heads, head[members])))]
    sizes = rank[tails] + 1
    start = pointers(sizes)[:-1]
    along = chain_heads >> 1
    flip = chain_heads & 1
    ptr, node = _joined_shapes(segments, members, start, sizes)
    signals = np.stack((segments.signals.T.ravel()[members], segments.signals.T.ravel()[members ^ 1]))
    perm = segments.perm.T.ravel()
    return Segments(
        xy=segments.xy,
        u=node[ptr[:-1]],
        v=node[ptr[1:] - 1],
        ptr=ptr,
        node=node,
        perm=np.stack((perm[2 * along + flip], perm[2 * along + (1 - flip)])),
        signals=np.add.reduceat(signals, start, axis=1),
        road=segments.road[along],
        name=segments.name[along],
        kmh=segments.kmh[along],
        metres=np.add.reduceat(segments.metres[members >> 1], start),
    )


def _successors(segments: Segments) -> Ints:
    """For every half-edge the one that simply continues it, or -1."""
    n = len(segments)
    tail = np.column_stack((segments.u, segments.v)).ravel()
    leaving = np.argsort(tail, kind="stable")
    sorted_tail = tail[leaving]
    degree = np.bincount(tail, minlength=len(segments.xy))
    first = np.flatnonzero((degree[sorted_tail] == 2) & (np.r_[True, sorted_tail[1:] != sorted_tail[:-1]]))
    a, b = leaving[first], leaving[first + 1]
    p, q = a >> 1, b >> 1
    perm = segments.perm.T.ravel()
    alike = (p != q) & (segments.road[p] == segments.road[q]) & (segments.name[p] == segments.name[q])
    alike &= (segments.kmh[p] == segments.kmh[q]).all(axis=1) & (segments.road[p] != RoadClass.BARRIER)
    alike &= (perm[a] == perm[b ^ 1]) & (perm[a ^ 1] == perm[b])
    successor = np.full(2 * n, -1, np.int64)
    successor[a[alike] ^ 1] = b[alike]
    successor[b[alike] ^ 1] = a[alike]
    return successor


def _chains(successor: Ints) -> tuple[Ints, Ints]:
    """The first half-edge of the chain that each one is in, and its place in it, by pointer doubling; rings stay cut up."""
    n = len(successor)
    before = np.arange(n)
    has_next = successor >= 0
    before[successor[has_next]] = np.flatnonzero(has_next)
    jump, rank = before.copy(), (before != np.arange(n)).astype(np.int64)
    while True:
        further = jump[jump]
        if np.array_equal(further, jump) or rank.max(initial=0) > 2 * n:
            break
        rank += rank[jump]
        jump = further
    in_ring = before[jump] != jump
    jump[in_ring], rank[in_ring] = np.flatnonzero(in_ring), 0
    return jump, rank


def _one_direction(head: Ints, rank: Ints) -> tuple[Ints, Ints]:
    """Each chain once: the heads of those kept (the direction with the lower number), and their last half-edges."""
    order = np.lexsort((rank, head))
    is_last = np.r_[head[order][1:] != head[order][:-1], True]
    tails = order[is_last]
    heads = head[tails]
    keep = heads < (tails ^ 1)
    return heads[keep], tails[keep]


def _joined_shapes(segments: Segments, members: Ints, start: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """Shapes of the chains: each member's nodes in its direction, the shared node between two members once."""
    piece, backwards = members >> 1, (members & 1).astype(np.bool_)
    counts = np.diff(segments.ptr)[piece]
    flat = ragged(segments.ptr[piece], counts)
    owner = np.repeat(np.arange(len(members)), counts)
    within = flat - segments.ptr[piece][owner]
    flat = np.where(backwards[owner], segments.ptr[piece + 1][owner] - 1 - within, flat)
    is_start = np.zeros(len(members), np.bool_)
    is_start[start] = True
    keep = (within > 0) | is_start[owner]
    chain = np.repeat(np.arange(len(sizes)), sizes)[owner[keep]]
    return pointers(np.bincount(chain, minlength=len(sizes))), segments.node[flat[keep]]
