"""Things the rules are tried on, with defaults that keep every rule."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from backend.dispatch.protection import Handling, PersonMet
from backend.geo.place import LonLat
from backend.intake.duplicates import Candidate, Report
from backend.policy import default_policy

POLICY = default_policy()
CHINA = ZoneInfo("Asia/Shanghai")
SQUARE = LonLat(121.6440, 38.9200)
"""Zhongshan Square, Dalian."""
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""A Monday in autumn, noon in China."""


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """A moment on the clock on the wall in China."""
    return datetime(year, month, day, hour, minute, second, tzinfo=CHINA)


def a_report(**changes: Any) -> Report:
    return Report(**{"place": SQUARE, "occurred_at": NOON, **changes})


def a_candidate(**changes: Any) -> Candidate:
    return Candidate(**{"case_id": "case-1", "place": SQUARE, "seen_at": NOON, **changes})


def a_man(**changes: Any) -> PersonMet:
    """A capable grown-up who has agreed to come along."""
    return PersonMet(**{"sex": "male", "age_band": "adult", "capacity": "capable", "consent": "given", **changes})


def a_handling(**changes: Any) -> Handling:
    """A man escorted to the station by two, with everything recorded."""
    return Handling(**{"outcome": "escorted_to_station", "handled_at": NOON, "people": (a_man(),), **changes})


def north(metres: float) -> LonLat:
    """A place so far north of the square."""
    return LonLat(SQUARE.lon, SQUARE.lat + metres / 111_195)
