"""Detection 发现概率: how likely it is that somebody who is in a cell now has been found, after the looks that were had there.

A look finds a share of the people who are there: Koopman's exponential detection, the standard of search theory. A second look, or a longer one,
finds the same share of those whom the first missed, so that the chance of being missed is exp(-effort). [B. O. Koopman, Search and Screening, OEG
Report 56, 1946, and Operations Research 4-5, 1956-57; L. D. Stone, Theory of Optimal Search, 1975]

People come and go: who is there now was there `t` ago with probability exp(-t / stay), the memoryless stay of mean `stay`. Those who have come
since nobody has looked for, so detection decays by that share. It never rises with time and never falls by a look. Pure; begin at `after_look`.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

STAY: Final = timedelta(hours=6)
"""How long somebody stays in one place on average, where a city has no better figure: a night's sleep. Not measured."""


class Look(Struct, frozen=True):
    """One presence of a team in a cell: when it ended, and the share of the people there that it finds."""

    at: datetime
    share: float


def of_look(share: float, dwell_s: float, standard_s: float) -> float:
    """The share found by a look of `dwell_s`, where one of `standard_s` finds `share`: 1 - (1 - share)^(dwell / standard)."""
    if standard_s <= 0:
        return _bounded(share)
    effort = max(0.0, dwell_s) / standard_s
    return 1.0 - float((1.0 - _bounded(share)) ** effort)


def after_look(before: float, share: float) -> float:
    """Detection just after a look that finds `share` of those not found yet."""
    before = _bounded(before)
    return before + (1.0 - before) * _bounded(share)


def faded(detection: float, since: timedelta, stay: timedelta = STAY) -> float:
    """What is left of it after a while without a look. A `since` below zero (a late look) counts as none."""
    age_s = max(0.0, since.total_seconds())
    return _bounded(detection) * math.exp(-age_s / stay.total_seconds())


def detection_at(looks: Iterable[Look], at: datetime, stay: timedelta = STAY) -> float:
    """Detection at a moment from all looks up to it, in whatever order they became known."""
    found, last = 0.0, at
    for look in sorted((look for look in looks if look.at <= at), key=lambda look: look.at):
        found = after_look(faded(found, look.at - last, stay), look.share)
        last = look.at
    return faded(found, at - last, stay)


def due_at(
    detection: float, looked_at: datetime, *, every: timedelta, below: float, stay: timedelta = STAY
) -> datetime:
    """When a cell is due again: after the interval, or when detection has decayed under `below`, whichever is first.

    detection: just after the look at `looked_at`. At once, when the look was too weak to lift it to `below` (a car driving through).
    """
    if below <= 0:
        return looked_at + every
    if detection <= below:
        return looked_at
    fades = timedelta(seconds=stay.total_seconds() * math.log(_bounded(detection) / below))
    return looked_at + min(every, fades)


def worth_of_look(expected: float, detection: float, share: float) -> float:
    """People that a look now is expected to find: those expected there, not found yet, times the share that a look finds.

    Giving looks to the cells where this is largest is what search theory calls the best allocation of effort (Stone 1975, ch. 2).
    """
    return max(0.0, expected) * (1.0 - _bounded(detection)) * _bounded(share)


def _bounded(share: float) -> float:
    return min(1.0, max(0.0, share))
