"""What time it is, for everything that has to know.

Rules never look: they are handed `now`. Whoever starts a verb (a route, a worker) asks a `Clock`.

* `SystemClock` — the machine's time.
* `ScaledClock` — a day that runs faster: simulated = start + (real − anchor) × rate. Every process that is given the
  same three values agrees to the microsecond, so they travel as one text, `START@RATE@ANCHOR` (see `parse_clock`).
* `ManualClock` — tests move it by hand.

All moments are aware and in China Standard Time, which has had no daylight saving since 1991.
"""

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from backend.errors import Invalid

CHINA = ZoneInfo("Asia/Shanghai")
# A sleep is cut into pieces so that a machine that was suspended, or whose clock was set, is noticed.
LONGEST_NAP_S = 30.0


class Clock(Protocol):
    """Says what time it is and waits for a moment."""

    def now(self) -> datetime:
        """The present moment, aware."""

    async def sleep_until(self, moment: datetime) -> None:
        """Returns when `now() >= moment`; at once when that is so already."""

    def by(self, real: Callable[[], datetime]) -> "Clock":
        """The same clock, going by another source of real time."""


def machine_time() -> datetime:
    """What this machine's clock says."""
    return datetime.now(UTC)


class SystemClock:
    """The time as it is: the machine's own, or `real` where another source is steadier (backend.steady)."""

    def __init__(self, real: Callable[[], datetime] = machine_time) -> None:
        self._real = real

    def now(self) -> datetime:
        """The present moment in China Standard Time."""
        return self._real().astimezone(CHINA)

    def by(self, real: Callable[[], datetime]) -> "SystemClock":
        """The same clock, going by another source."""
        return SystemClock(real)

    async def sleep_until(self, moment: datetime) -> None:
        """Waits until the machine's time has reached `moment`."""
        await _nap_until(self, moment, rate=1.0)

    def __str__(self) -> str:
        """The text that `parse_clock` turns into this clock."""
        return "system"


class ScaledClock:
    """Simulated time that starts at `start` when the machine's time is `anchor`, and runs `rate` times as fast."""

    def __init__(
        self, start: datetime, anchor: datetime, rate: float, real: Callable[[], datetime] = machine_time
    ) -> None:
        self.start, self.anchor, self.rate = start.astimezone(CHINA), anchor.astimezone(UTC), rate
        self._real = real

    def now(self) -> datetime:
        """The simulated moment."""
        return self.at(self._real())

    def by(self, real: Callable[[], datetime]) -> "ScaledClock":
        """The same clock, going by another source of real time."""
        return ScaledClock(self.start, self.anchor, self.rate, real)

    def at(self, real: datetime) -> datetime:
        """The simulated moment for a moment of the machine's time; before the anchor it stands at the start."""
        return self.start + max(real - self.anchor, timedelta(0)) * self.rate

    async def sleep_until(self, moment: datetime) -> None:
        """Waits until the simulated time has reached `moment`: a simulated hour at rate 60 takes a minute."""
        await _nap_until(self, moment, rate=self.rate)

    def __str__(self) -> str:
        """`START@RATE@ANCHOR`: handed to other processes in RESCUE_CLOCK."""
        return f"{self.start.isoformat()}@{self.rate:g}@{self.anchor.isoformat()}"


class ManualClock:
    """Stands still until it is moved. `sleep_until` wakes when `advance` or `set` has passed its moment."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(CHINA)
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def now(self) -> datetime:
        """The moment it was set to."""
        return self._now

    def by(self, _real: Callable[[], datetime]) -> "ManualClock":
        """Itself: no source moves it but the test."""
        return self

    def set(self, moment: datetime) -> None:
        """Moves to `moment`, forward or back."""
        self._now = moment.astimezone(CHINA)
        for due, woken in self._sleepers:
            if due <= self._now:
                woken.set()

    def advance(self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0) -> datetime:
        """Moves on by so much and returns the new moment."""
        self.set(self._now + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
        return self._now

    async def sleep_until(self, moment: datetime) -> None:
        """Waits until somebody has moved the clock to `moment` or past it."""
        if moment <= self._now:
            await asyncio.sleep(0)
            return
        entry = (moment, asyncio.Event())
        self._sleepers.append(entry)
        try:
            await entry[1].wait()
        finally:
            self._sleepers.remove(entry)


def parse_clock(text: str, *, real_now: datetime | None = None) -> SystemClock | ScaledClock:
    """`system`, or `START@RATE` anchored at `real_now` (default: this instant), or `START@RATE@ANCHOR`.

    START and ANCHOR are ISO 8601 with an offset, RATE a number above 0. Raises `Invalid` (field RESCUE_CLOCK).
    """
    if text.strip() in ("", "system"):
        return SystemClock()
    start_text, *rest = text.strip().split("@")
    if len(rest) not in (1, 2):
        raise _bad_clock(text)
    start = _moment(start_text, text)
    anchor = _moment(rest[1], text) if len(rest) == 2 else real_now or datetime.now(UTC)
    try:
        rate = float(rest[0])
    except ValueError:
        raise _bad_clock(text) from None
    if not (math.isfinite(rate) and 0 < rate <= 100_000):
        raise _bad_clock(text)
    return ScaledClock(start, anchor, rate)


def _moment(part: str, whole: str) -> datetime:
    try:
        moment = datetime.fromisoformat(part)
    except ValueError:
        raise _bad_clock(whole) from None
    if moment.tzinfo is None:
        raise _bad_clock(whole)
    return moment


def _bad_clock(text: str) -> Invalid:
    hint = "system / 2016-09-19T00:00:00+08:00@60 / 2016-09-19T00:00:00+08:00@60@2025-01-01T08:00:00+08:00"
    return Invalid(
        f"RESCUE_CLOCK 的值“{text}”无法识别；应为以下之一：{hint}。",
        f"RESCUE_CLOCK is '{text}', which is no clock; right would be one of: {hint}.",
        field="RESCUE_CLOCK",
        hint=hint,
    )


async def _nap_until(clock: Clock, moment: datetime, *, rate: float) -> None:
    while (left_s := (moment - clock.now()).total_seconds() / rate) > 0:  # noqa: ASYNC110 - time is no event
        await asyncio.sleep(min(left_s, LONGEST_NAP_S))
    await asyncio.sleep(0)
