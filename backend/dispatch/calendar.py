"""Working time in China: which days and hours count, with public holidays and make-up days.

The days come from the kept library `chinesecalendar`, which knows the State Council's yearly arrangement once it is
published (in November, for the next year). For a year it does not know, the policy may list the days; otherwise
ordinary weekends and the holidays fixed by law hold, and `assumption` says so in words. Begin at `WorkCalendar`.
See docs/decisions/0302-calendar-library.md.
"""

import calendar as months
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import chinese_calendar
from chinese_calendar.constants import holidays as library_holidays

from backend.policy import Span, WorkingTime

_US: Final = 1_000_000
_DAY_US: Final = 86400 * _US
_FAR_DAYS: Final = 3660  # ten years: a deadline beyond is a fault in the policy, not something to count to

# 全国年节及纪念日放假办法 (2024 revision): days off whose date needs no yearly notice.
_FIXED_BY_LAW: Final = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})


def library_years() -> tuple[int, int]:
    """First and last year whose arrangement the installed library knows."""
    return min(library_holidays).year, max(library_holidays).year


class WorkCalendar:
    """Working time of one city. Immutable; safe to share.

    All moments are aware; results are in UTC. Days the policy lists (`holidays`, `workdays`) win over the library.
    """

    def __init__(self, working: WorkingTime) -> None:
        self.working = working
        self.zone = ZoneInfo(working.timezone)
        self._weekdays = frozenset(working.days)
        self._off, self._on = frozenset(working.holidays), frozenset(working.workdays)
        self._listed_years = {day.year for day in working.holidays + working.workdays}
        self._periods = tuple(_period_us(hours) for hours in working.hours)
        self.day_s = sum(end - begin for begin, end in self._periods) / _US
        self._first, self._last = library_years()
        self._is_workday = lru_cache(maxsize=4096)(self._decide)

    def is_workday(self, day: date) -> bool:
        """Whether people work on `day`: make-up Saturdays yes, public holidays no."""
        return self._is_workday(day)

    def is_known(self, year: int) -> bool:
        """Whether that year's arrangement is published (library) or listed (policy) rather than assumed."""
        return self._first <= year <= self._last or year in self._listed_years

    def is_working(self, moment: datetime) -> bool:
        """Whether working time runs at `moment`."""
        local = moment.astimezone(self.zone)
        at = _us_of(local)
        return self.is_workday(local.date()) and any(begin <= at < end for begin, end in self._periods)

    def working_s(self, start: datetime, end: datetime) -> float:
        """Seconds of working time between two moments; 0 when `end` is not after `start`."""
        if end <= start:
            return 0.0
        first, last = start.astimezone(self.zone), end.astimezone(self.zone)
        total, day = 0, first.date()
        while day <= last.date():
            if self.is_workday(day):
                low = _us_of(first) if day == first.date() else 0
                high = _us_of(last) if day == last.date() else _DAY_US
                total += sum(max(0, min(high, e) - max(low, b)) for b, e in self._periods)
            day += timedelta(days=1)
        return total / _US

    def add_working_s(self, start: datetime, seconds: float) -> datetime:
        """The earliest moment at which `seconds` of working time have passed since `start` (UTC).

        Raises ValueError when that is more than ten years away.
        """
        local = start.astimezone(self.zone)
        if seconds <= 0:
            return start.astimezone(UTC)
        day, low, left = local.date(), _us_of(local), round(seconds * _US)
        for _ in range(_FAR_DAYS):
            for begin, end in self._periods if self.is_workday(day) else ():
                usable = end - max(begin, low)
                if usable >= left:
                    return self._moment(day, max(begin, low) + left)
                left -= max(0, usable)
            day, low = day + timedelta(days=1), 0
        raise ValueError(f"{seconds} s of working time after {start} is out of reach")

    def add(self, start: datetime, span: Span, share: float = 1.0) -> datetime:
        """`start` + `share` of `span`, in UTC.

        Elapsed units pass all the time; `wh` and `wd` pass in working time only, a working day being as long as the
        policy's hours of one day; a month ends on the same date of a later month, or on its last day, and part of
        a month is that part of the elapsed time.
        """
        begin = start.astimezone(UTC)
        if span.unit == "wh":
            return self.add_working_s(begin, span.amount * 3600 * share)
        if span.unit == "wd":
            return self.add_working_s(begin, span.amount * self.day_s * share)
        if span.unit == "month":
            return begin + (self._months_later(start, int(span.amount)) - begin) * share
        return begin + timedelta(seconds=span.seconds * share)

    def assumption(self, start: datetime, end: datetime) -> tuple[str, str] | None:
        """(zh, en) when working time between the moments rests on a year that is not published yet; else None."""
        first, last = start.astimezone(self.zone).year, end.astimezone(self.zone).year
        unknown = [year for year in range(first, last + 1) if not self.is_known(year)]
        if not unknown:
            return None
        years = "、".join(str(year) for year in unknown)
        return (
            f"{years}年放假调休安排尚未收录，暂按周末和法定固定假日计算，公布后请更新。",
            f"The holidays of {', '.join(map(str, unknown))} are not known here yet: weekends and the holidays fixed "
            "by law are assumed until they are.",
        )

    def _decide(self, day: date) -> bool:
        if day in self._on or day in self._off:
            return day in self._on
        usual = day.isoweekday() in self._weekdays
        if not self._first <= day.year <= self._last:
            return usual and (day.year in self._listed_years or (day.month, day.day) not in _FIXED_BY_LAW)
        off, name = chinese_calendar.get_holiday_detail(day)
        if name is None:
            return usual  # an ordinary day: the city's own week decides
        return not off and (usual or day.isoweekday() > 5)  # a make-up day falls on a Saturday or Sunday

    def _moment(self, day: date, after_us: int) -> datetime:
        """That long after local midnight, on the clock on the wall."""
        return (
            (datetime.combine(day, time()) + timedelta(microseconds=after_us)).replace(tzinfo=self.zone).astimezone(UTC)
        )

    def _months_later(self, start: datetime, count: int) -> datetime:
        local = start.astimezone(self.zone)
        year, month = divmod(local.year * 12 + local.month - 1 + count, 12)
        last_day = months.monthrange(year, month + 1)[1]
        return local.replace(year=year, month=month + 1, day=min(local.day, last_day)).astimezone(UTC)


def _period_us(hours: str) -> tuple[int, int]:
    """ "08:30-12:00" → microseconds after midnight."""
    begin, end = ((int(edge[:2]) * 3600 + int(edge[3:]) * 60) * _US for edge in hours.split("-"))
    return begin, end


def _us_of(local: datetime) -> int:
    """Microseconds after local midnight: whole numbers, so that pausing and resuming loses nothing."""
    return (local.hour * 3600 + local.minute * 60 + local.second) * _US + local.microsecond
