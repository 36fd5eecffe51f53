"""What the clients were told: the only thing the checker believes, and only until the database says the same."""

import math
from collections import Counter, defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct


class Told(Struct, frozen=True, kw_only=True):
    """One operation and its first definite answer. tries: how often it had to be sent until there was one.

    id: the report's or the command's own, made by the client. took_s: from the first sending to the answer, real seconds.
    """

    kind: str
    id: UUID
    status: int
    body: Any
    tries: int
    took_s: float

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Diary:
    """Everything that was told to anybody, in memory."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.fixes: dict[str, set[datetime]] = defaultdict(set)
        self.photos: dict[UUID, tuple[UUID, UUID]] = {}
        self.screens: dict[str, list[int]] = defaultdict(list)
        self.contradictions: list[str] = []
        self.received: Counter[str] = Counter()
        self.reads = 0
        self.repeats = 0
        self.unanswered: list[str] = []

    def tell(self, told: Told) -> None:
        """Somebody was answered."""
        self.told.append(told)

    def of(self, kind: str) -> list[Told]:
        """What was answered to one kind of operation."""
        return [one for one in self.told if one.kind == kind]

    def by_kind(self) -> dict[str, dict[str, int]]:
        """Kind → how many were done, refused for a reason, and sent more than once."""
        found: dict[str, dict[str, int]] = {}
        for one in self.told:
            row = found.setdefault(one.kind, {"done": 0, "refused": 0, "sent_again": 0})
            row["done" if one.ok else "refused"] += 1
            row["sent_again"] += one.tries > 1
        return dict(sorted(found.items()))

    def waited_s(self) -> dict[str, float]:
        """How long clients waited for a definite answer, faults included: median, p95, p99, longest."""
        waits = sorted(one.took_s for one in self.told) or [0.0]
        at = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "longest": 1.0}
        return {name: round(waits[max(0, math.ceil(share * len(waits)) - 1)], 3) for name, share in at.items()}
