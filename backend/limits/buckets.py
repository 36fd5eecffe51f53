"""Counting by one process: a bucket that fills with every request and empties steadily. Pure; time comes in as `now_s`.

A bucket is kept as the moment at which it will be empty again (the generic cell rate algorithm), so that an empty bucket
is no entry at all and the memory is bounded by who has asked within the last minute.
"""

import heapq

from msgspec import Struct

MOST_KEPT = 20_000
"""Senders with something in their bucket. A flood of addresses drives out those who asked least, never the heaviest."""


MINUTE_S = 60.0


class Want(Struct, frozen=True):
    """What somebody wants to do. key: who, and what kind of thing; cost: how many; per_minute: as many are allowed.

    at_once_s: what is allowed in so many seconds may also come at once.
    """

    key: str
    per_minute: int
    cost: int = 1
    at_once_s: float = MINUTE_S

    @property
    def fills_s(self) -> float:
        """How long it takes until what is wanted has run off."""
        return self.cost * MINUTE_S / self.per_minute


class Buckets:
    """One process's own count."""

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._empty_at: dict[str, float] = {}
        self._most_kept = most_kept

    def __len__(self) -> int:
        return len(self._empty_at)

    def take(self, want: Want, now_s: float) -> float:
        """0 when it is allowed, which is then counted; else how many seconds to wait."""
        full_s = max(0.0, self._empty_at.get(want.key, now_s) - now_s) + want.fills_s
        over_s = full_s - want.at_once_s
        if over_s > 1e-6:
            return over_s
        self._keep(want.key, now_s + full_s, now_s)
        return 0.0

    def learn(self, key: str, full_s: float, now_s: float) -> None:
        """What all processes together have counted."""
        self._keep(key, now_s + full_s, now_s)

    def _keep(self, key: str, empty_at: float, now_s: float) -> None:
        self._empty_at[key] = empty_at
        if len(self._empty_at) > self._most_kept:
            heaviest = heapq.nlargest(self._most_kept // 2, self._empty_at.items(), key=lambda item: item[1])
            self._empty_at = {key: at for key, at in heaviest if at > now_s}
