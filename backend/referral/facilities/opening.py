"""When a facility is open: "1-5 08:30-17:00; 6,7 20:00-08:00" by ISO weekday (1 = Monday), local time; nothing is day and night. Pure.

A period that ends before it begins goes on after midnight. Begin at `is_open`.
"""

import re
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from backend.errors import Invalid

_LINE: Final = re.compile(r"(?P<days>[1-7](?:[-,][1-7])*)\s+(?P<begin>[\d:]{5})-(?P<end>[\d:]{5})")
_CLOCK: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00")
DAY_NAMES: Final = "一二三四五六日"


class Period(Struct, frozen=True):
    """Open on these weekdays from `begin` to `end`, minutes after midnight; up to the next morning where end <= begin."""

    days: frozenset[int]
    begin: int
    end: int

    def holds(self, weekday: int, minute: int) -> bool:
        if self.begin < self.end:
            return weekday in self.days and self.begin <= minute < self.end
        day_before = 7 if weekday == 1 else weekday - 1
        return (weekday in self.days and minute >= self.begin) or (day_before in self.days and minute < self.end)


def read(text: str) -> list[Period]:
    """The periods of a line. Raises Invalid (field `opening`) naming the part that is not understood."""
    return [_period(part.strip()) for part in text.split(";") if part.strip()] or [_period(text)]


def is_open(opening: str | None, moment: datetime, zone: ZoneInfo) -> bool:
    """Whether it is open at a moment."""
    if opening is None:
        return True
    local = moment.astimezone(zone)
    return any(period.holds(local.isoweekday(), local.hour * 60 + local.minute) for period in read(opening))


def opens_next(opening: str | None, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """When it opens next, seen from a moment at which it is closed; None when it is open then."""
    if opening is None or is_open(opening, moment, zone):
        return None
    local = moment.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    begins = [
        midnight + timedelta(days=day, minutes=period.begin)
        for period in read(opening)
        for day in range(8)
        if (midnight + timedelta(days=day)).isoweekday() in period.days
    ]
    return min(begin for begin in begins if begin > local)


def in_words(opening: str | None) -> tuple[str, str]:
    """Opening times as people say them, zh and en."""
    if opening is None:
        return "全天开放", "open day and night"
    told = [(part.days, _hours(part)) for part in read(opening)]
    zh = "；".join(f"周{'、'.join(DAY_NAMES[day - 1] for day in sorted(days))} {hours}" for days, hours in told)
    en = "; ".join(f"{','.join(_EN[day - 1] for day in sorted(days))} {hours}" for days, hours in told)
    return zh, en


_EN: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _hours(period: Period) -> str:
    return f"{_clock(period.begin)}-{_clock(period.end)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _period(part: str) -> Period:
    said = _LINE.fullmatch(part)
    if said is None or not all(_CLOCK.fullmatch(said[edge]) for edge in ("begin", "end")) or said["begin"] == "24:00":
        raise Invalid(
            f"开放时间写作“1-5 08:30-17:00; 6,7 09:00-16:00”（1 为周一），看不懂“{part}”。",
            f"Opening times read '1-5 08:30-17:00; 6,7 09:00-16:00' (1 is Monday); '{part}' is not understood.",
            field="opening",
            hint="1-5 08:30-17:00; 6,7 09:00-16:00",
        )
    begin, end = (int(said[edge][:2]) * 60 + int(said[edge][3:]) for edge in ("begin", "end"))
    return Period(_days(said["days"]), begin, end)


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, *rest = (int(day) for day in part.split("-"))
        last = rest[-1] if rest else first
        found |= set(range(first, last + 1)) if first <= last else {*range(first, 8), *range(1, last + 1)}
    return frozenset(found)
