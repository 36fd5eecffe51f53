"""Clocks that agree, run at their rate and wake on time; ids that carry a moment."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.clock import CHINA, ManualClock, ScaledClock, SystemClock, parse_clock
from backend.errors import Invalid
from backend.ids import made_at, new_id
from ops.local import demo_clock

START = datetime(2016, 9, 19, tzinfo=CHINA)
ANCHOR = datetime(2025, 1, 1, 8, 0, tzinfo=UTC)


def test_the_scaled_clock_runs_its_rate_from_its_anchor() -> None:
    clock = ScaledClock(START, ANCHOR, 60)
    assert clock.at(ANCHOR) == START
    assert clock.at(ANCHOR + timedelta(minutes=1)) == START + timedelta(hours=1)


def test_processes_that_are_handed_the_text_agree_to_the_microsecond() -> None:
    first = parse_clock("2016-09-19T00:00:00+08:00@59.94", real_now=ANCHOR + timedelta(microseconds=7))
    second = parse_clock(str(first))
    assert isinstance(first, ScaledClock)
    assert isinstance(second, ScaledClock)
    moment = ANCHOR + timedelta(days=3, microseconds=123)
    assert first.at(moment) == second.at(moment)


@pytest.mark.parametrize("clock", [SystemClock(), ScaledClock(START, ANCHOR, 60), ManualClock(START)])
def test_every_moment_is_aware_and_chinese(clock: SystemClock | ScaledClock | ManualClock) -> None:
    assert clock.now().utcoffset() == timedelta(hours=8)


def test_an_hour_of_simulated_time_is_slept_in_a_fraction_of_a_second() -> None:
    clock = ScaledClock(START, datetime.now(UTC), 36_000)
    before = time.monotonic()
    asyncio.run(clock.sleep_until(clock.now() + timedelta(hours=1)))
    assert 0.05 < time.monotonic() - before < 5


async def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    for clock in (SystemClock(), ManualClock(START)):
        await asyncio.wait_for(clock.sleep_until(clock.now() - timedelta(days=1)), 1)


async def test_the_manual_clock_wakes_those_whose_moment_has_come_and_no_others(clock: ManualClock) -> None:
    soon = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(seconds=90)))
    later = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(hours=1)))
    await asyncio.sleep(0)
    clock.advance(seconds=89)
    await asyncio.sleep(0)
    assert not soon.done()
    clock.advance(seconds=1)
    await asyncio.wait_for(soon, 1)
    assert not later.done()
    clock.advance(hours=1)
    await asyncio.wait_for(later, 1)


@pytest.mark.parametrize(
    "text",
    ["tomorrow", "2016-09-19T00:00:00@60", "2016-09-19T00:00:00+08:00@0", "2016-09-19T00:00:00+08:00@nan", "a@b@c@d"],
)
def test_a_clock_that_cannot_be_read_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(Invalid, match="2016-09-19T00:00:00"):
        parse_clock(text)


def test_an_id_carries_the_moment_it_was_given_and_is_a_plain_uuid() -> None:
    moment = datetime(2016, 9, 19, 6, 0, 0, 123_000, tzinfo=CHINA)
    made = new_id(moment)
    assert (made.version, made_at(made)) == (7, moment)


def test_ids_of_one_process_rise() -> None:
    made = [new_id() for _ in range(1_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_the_demonstrations_day_goes_on_where_it_was_left_however_long_that_is_ago(tmp_path: Path) -> None:
    assert demo_clock.resume(tmp_path, START, 60, real_now=ANCHOR).at(ANCHOR) == START
    demo_clock.remember(tmp_path, START + timedelta(hours=5))
    night_later = ANCHOR + timedelta(days=1)
    assert demo_clock.resume(tmp_path, START, 60, real_now=night_later).at(night_later) == START + timedelta(hours=5)
    demo_clock.forget(tmp_path)
    assert demo_clock.resume(tmp_path, START, 60, real_now=night_later).at(night_later) == START


def test_a_damaged_note_of_the_day_begins_it_again(tmp_path: Path) -> None:
    (tmp_path / "demo-clock").write_text("never")
    assert demo_clock.resume(tmp_path, START, 60, real_now=ANCHOR).at(ANCHOR) == START
