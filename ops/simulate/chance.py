"""Chance, from one seed. A draw is named, not numbered.

What is drawn for "the answer of team T03 to report 17" is the same in every run in which that happens, whatever else
happened before: so two ways of sending teams can be compared on the same day case by case.
"""

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Chance:
    """All randomness of a simulation."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def of(self, *names: object) -> Random:
        """A generator for the thing that the names say."""
        return Random(self._digest(names))

    def id(self, at: datetime, *names: object) -> UUID:
        """A UUIDv7 for the thing that the names say: what a client makes, only the same in every run."""
        milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
        body = int.from_bytes(self._digest(names)[:10])
        low = (0b10 << 62) | (body & ((1 << 62) - 1))
        return UUID(int=(milliseconds << 80) | (0x7 << 76) | ((body >> 62 & 0xFFF) << 64) | low)

    def _digest(self, names: tuple[object, ...]) -> bytes:
        return hashlib.sha256("|".join(map(str, (self.seed, *names))).encode()).digest()


def human_s(chance: Random, median_s: float, spread: float = 0.5) -> float:
    """How long a person takes, seconds: lognormal around the median; spread 0.5 means that one in forty takes 2.7 times as long."""
    return median_s * math.exp(chance.gauss(0.0, spread))


def pick[T](chance: Random, shares: Mapping[T, float]) -> T:
    """One of the keys, as likely as its share of the whole."""
    return chance.choices(list(shares), list(shares.values()))[0]
