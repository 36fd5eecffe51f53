"""Measured cold and heat open campaigns, keep them open, and let them end; gusts do not make them flap."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access.actor import SYSTEM
from backend.campaign import warnings
from backend.campaign.observing import COLD, HEAT, HOLDS, judge
from backend.clock import CHINA, ManualClock
from backend.ids import new_id
from backend.intake import observed
from backend.intake.felt import felt
from backend.intake.observed import Measured, Measurement
from backend.policy import Hazard, default_policy
from tests.campaign.warnings_made import an_alert, an_info
from tests.dispatch import builders
from tests.dispatch.builders import Town

POLICY = default_policy().campaign.observed
NIGHT = datetime(2016, 12, 19, 23, 0, tzinfo=CHINA)
NOON = datetime(2016, 7, 19, 12, 0, tzinfo=CHINA)
NONE: frozenset[Hazard] = frozenset()


def measured(at: datetime, c: float, wind: float = 0.0, humidity: float = 40.0, station: str = "大连站") -> Measurement:
    one = felt(c, humidity, wind)
    return Measurement(
        id=new_id(),
        at=at,
        station=station,
        temperature_c=c,
        humidity=humidity,
        wind_mps=wind,
        felt_c=one.c,
        felt_by=one.by,
    )


def hazards(
    *rows: Measurement, now: datetime = NIGHT, running: frozenset[Hazard] = NONE
) -> list[tuple[Hazard, timedelta]]:
    newest_first = sorted(rows, key=lambda one: one.at, reverse=True)
    return [(one.hazard, one.ends_at - now) for one in judge(newest_first, POLICY, running, CHINA, now)]


def test_cold_felt_at_night_opens_and_says_until_when() -> None:
    assert hazards(measured(NIGHT, -5, wind=8)) == [(COLD, HOLDS)]
    assert hazards(measured(NIGHT, -5)) == []


def test_the_same_cold_by_day_opens_nothing_but_keeps_open_what_runs() -> None:
    day = NIGHT.replace(hour=11)
    cold = measured(day, -12, wind=8)
    assert hazards(cold, now=day) == []
    assert hazards(cold, now=day, running=frozenset({COLD})) == [(COLD, HOLDS)]


def test_heat_by_the_heat_index_opens_by_day() -> None:
    assert hazards(measured(NOON, 34, humidity=70), now=NOON) == [(HEAT, HOLDS)]
    assert hazards(measured(NOON, 34, humidity=30), now=NOON) == []
    late = NOON.replace(hour=23)
    assert hazards(measured(late, 36, humidity=70), now=late) == []


def test_a_little_warmer_keeps_it_open_and_much_warmer_does_not() -> None:
    running = frozenset({COLD})
    assert hazards(measured(NIGHT, POLICY.cold_at_c + 1.5), running=running) == [(COLD, HOLDS)]
    assert hazards(measured(NIGHT, POLICY.cold_at_c + 2.5), running=running) == []


def test_of_several_stations_the_most_extreme_newest_counts() -> None:
    rows = (
        measured(NIGHT, -11, station="海边"),
        measured(NIGHT, -14, station="山上"),
        measured(NIGHT, 2, station="市区"),
    )
    (seen,) = judge(rows, POLICY, NONE, CHINA, NIGHT)
    assert seen.measured["station"] == "山上"
    assert seen.formula == "wind_chill"


def test_what_is_old_says_nothing() -> None:
    assert hazards(measured(NIGHT - timedelta(hours=2), -20)) == []


def test_a_jump_that_no_weather_makes_opens_nothing() -> None:
    before, broken = measured(NIGHT - timedelta(minutes=20), 4), measured(NIGHT, -50)
    assert hazards(before, broken) == []


def test_switched_off_it_opens_nothing() -> None:
    off = type(POLICY)(cold_at_c=-10, between="18:00-08:00", heat_at_c=38, heat_between="10:00-21:00", colour="none")
    assert judge([measured(NIGHT, -30)], off, NONE, CHINA, NIGHT) == []


@pytest.mark.parametrize(
    ("hour", "minute", "opens"), [(18, 0, True), (17, 59, False), (0, 0, True), (7, 59, True), (8, 0, False)]
)
def test_the_night_is_from_its_first_to_before_its_last_minute(hour: int, minute: int, opens: bool) -> None:
    at = NIGHT.replace(hour=hour, minute=minute)
    assert bool(hazards(measured(at, -15), now=at)) is opens


@given(gusts=st.lists(st.floats(-3, 1.9), min_size=6, max_size=40))
def test_gusts_around_the_point_open_it_once(gusts: list[float]) -> None:
    """Every ten minutes something within the margin of the point, or under it: once open it stays open."""
    is_open, ends, opened = False, NIGHT, 0
    rows: list[Measurement] = []
    for n, gust in enumerate(gusts):
        now = NIGHT + timedelta(minutes=10 * n)
        rows.insert(0, measured(now, POLICY.cold_at_c + gust))
        is_open = is_open and ends > now
        for seen in judge(rows, POLICY, frozenset({COLD}) if is_open else NONE, CHINA, now):
            opened += not is_open
            is_open, ends = True, seen.ends_at
    assert opened <= 1


# --- with the worker --------------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NIGHT)


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> Town:
    return await builders.town(db, clock)


async def report(town: Town, c: float, wind: float = 8.0) -> None:
    values = Measured(at=town.now, temperature_c=c, wind_mps=wind, station="大连站")
    await observed.keep(town.office, values, by=builders.DISPATCHER, now=town.now)


async def known(town: Town) -> list[tuple[str, str, str | None]]:
    c = tables.campaigns.c
    async with town.office.db.connect() as tx:
        rows = await tx.execute(select(c.hazard, c.state, c.close_reason).order_by(c.proposed_at))
        return [(row.hazard, row.state, row.close_reason) for row in rows]


async def test_a_cold_night_is_one_campaign_from_the_first_cold_to_three_hours_after_the_last(
    town: Town, clock: ManualClock
) -> None:
    await report(town, 1.0)
    await town.worker.turn()
    assert await known(town) == []
    for c in (-6.0, -4.0, -6.0, -4.5, -6.0):
        clock.advance(minutes=30)
        await report(town, c)
        await town.worker.turn()
        await town.worker.turn()
    ((hazard, state, _),) = await known(town)
    assert (hazard, state) == (COLD, "proposed"), "its mildest plan asks a shift leader first"
    for _ in range(9):
        clock.advance(minutes=30)
        await report(town, 4.0)
        await town.worker.turn()
    ((_, state, reason),) = await known(town)
    assert (state, reason) == ("closed", "expired")


async def test_while_a_warning_of_the_season_holds_nothing_is_opened_beside_it(town: Town, clock: ManualClock) -> None:
    until = (town.now + timedelta(hours=20)).astimezone(CHINA).isoformat()
    cold = an_alert(an_info("寒潮", "寒潮蓝色预警", expires=until), sent=town.now.astimezone(CHINA).isoformat())
    await warnings.take_in(town.office, cold, source="feed", by=SYSTEM, now=town.now)
    await town.worker.turn()
    await report(town, -12.0)
    clock.advance(minutes=2)
    await town.worker.turn()
    assert [hazard for hazard, _, _ in await known(town)] == ["cold_wave"]
