"""The largest strongly connected part of a graph: where every place can be reached from every other.

Forward and backward breadth-first search from a busy node, level by level in numpy. (scipy has the function too, but importing it
takes longer than this does on a city.)
"""

import numpy as np
from numpy.typing import NDArray

from backend.geo.osm import Ints
from backend.geo.segments import pointers, ragged


def largest_part(n: int, tail: Ints, head: Ints, weight: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the n nodes that belong to the strongly connected part with the most arc weight inside it.

    tail, head: node indexes of the arcs. Ties go to the part of the node with more arcs, then the lower index.
    """
    best, best_weight = np.zeros(n, np.bool_), -1.0
    alive = np.zeros(n, np.bool_)
    alive[tail] = alive[head] = True
    while True:
        tail, head, weight = _inside(alive, tail, head, weight)
        alive = _trimmed(n, tail, head)
        tail, head, weight = _inside(alive, tail, head, weight)
        if not len(tail) or float(weight.sum()) <= best_weight:
            return best
        pivot = int(np.argmax(np.minimum(np.bincount(tail, minlength=n), np.bincount(head, minlength=n))))
        part = _reached(n, tail, head, pivot) & _reached(n, head, tail, pivot)
        inside = float(weight[part[tail] & part[head]].sum())
        if inside > best_weight:
            best, best_weight = part, inside
        alive &= ~part


def _inside(
    alive: NDArray[np.bool_], tail: Ints, head: Ints, weight: NDArray[np.float64]
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    keep = alive[tail] & alive[head]
    return (tail, head, weight) if keep.all() else (tail[keep], head[keep], weight[keep])


def _trimmed(n: int, tail: Ints, head: Ints) -> NDArray[np.bool_]:
    """Nodes left when those that cannot be left or cannot be entered are taken away again and again."""
    while True:
        alive = (np.bincount(tail, minlength=n) > 0) & (np.bincount(head, minlength=n) > 0)
        keep = alive[tail] & alive[head]
        if keep.all():
            return alive
        tail, head = tail[keep], head[keep]


def _reached(n: int, tail: Ints, head: Ints, start: int) -> NDArray[np.bool_]:
    order = np.argsort(tail, kind="stable")
    to = head[order]
    ptr = pointers(np.bincount(tail, minlength=n))
    degree = np.diff(ptr)
    seen = np.zeros(n, np.bool_)
    seen[start] = True
    frontier = np.array([start], np.int64)
    while len(frontier):
        reached = to[ragged(ptr[frontier], degree[frontier])]
        reached = reached[~seen[reached]]
        seen[reached] = True
        frontier = np.unique(reached)
    return seen
