"""Which teams off duty are called in 召集. Pure. Begin at `choose`.

The rule, in this order: of the campaign's own ground; rested for eight hours; nearest, in steps of three kilometres; longest off
duty. Never a team without a crew, one that is on duty, one that has been called before, or one whose own shift begins within two
hours: it comes by itself.
"""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

RESTED_H: Final = 8.0
SOON_H: Final = 2.0
STEP_KM: Final = 3.0


class Resting(Struct, frozen=True, kw_only=True):
    """A team off duty. rest_h: how long it has been; km: from its base to the ground, 0 inside.

    shift_in_h: until its next shift begins; under 0 when one runs that it has not come to.
    """

    team_id: UUID
    code: str
    size: int
    is_local: bool
    rest_h: float
    km: float
    shift_in_h: float | None = None


def choose(resting: Iterable[Resting], count: int, *, crew_min: int) -> list[Resting]:
    """The teams to be called, best first; fewer than wanted when there are no more."""
    able = [one for one in resting if one.size >= crew_min and not _comes_anyway(one)]
    return sorted(able, key=_place)[: max(0, count)]


def why(one: Resting) -> dict[str, Any]:
    """What it was chosen by, as the log keeps it."""
    return {"is_local": one.is_local, "rest_h": round(one.rest_h, 1), "km": round(one.km, 1)}


def _comes_anyway(one: Resting) -> bool:
    return one.shift_in_h is not None and 0 < one.shift_in_h <= SOON_H


def _place(one: Resting) -> tuple[bool, bool, int, float, str]:
    return (not one.is_local, one.rest_h < RESTED_H, int(one.km // STEP_KM), -one.rest_h, one.code)
