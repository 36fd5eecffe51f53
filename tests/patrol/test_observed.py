"""Measurements of stations and desks: kept once, felt, and what reports are judged by while they are fresh."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import log
from backend.access.actor import PUBLIC, Actor
from backend.clock import ManualClock
from backend.dispatch import proof
from backend.errors import Invalid, NotAllowed
from backend.geo.place import LonLat
from backend.intake import observed, weather
from backend.intake.observed import Measured, Measurement
from backend.intake.triage import WeatherNow
from backend.office import Office
from tests.dispatch.builders import DISPATCHER, city
from tests.keys import RING

TOWN = city()
STATION = Actor(id="partner:weather", name="大连站", kind="partner", roles=("dispatcher",), regions=(TOWN.id,), only=("weather:observe",))  # fmt: skip


@pytest.fixture
def office(db: AsyncEngine) -> Office:
    return Office(TOWN, db, ring=RING)


async def measured(office: Office, clock: ManualClock, c: float = -9.0, **more: Any) -> Measurement:
    values: dict[str, Any] = {"at": clock.now(), "temperature_c": c, "wind_mps": 7.0, "humidity": 40.0} | more
    return await observed.keep(office, Measured(**values), by=STATION, now=clock.now())


async def test_a_measurement_is_kept_with_what_it_feels_like_and_the_log_proves_it(
    office: Office, clock: ManualClock
) -> None:
    one = await measured(office, clock)
    assert (one.station, one.felt_by, one.felt_by_zh) == ("大连站", "wind_chill", "风寒")
    assert one.felt_c == pytest.approx(-17.5, abs=0.1)
    async with office.db.connect() as tx:
        assert [event.kind for event in await log.since(tx, office.city_id, 0, limit=9)] == ["weather.observed"]
        assert await proof.contradictions(tx, office) == []
        await tx.execute(text("UPDATE observations SET felt_c = 3"))
        assert any("felt_c" in line for line in await proof.contradictions(tx, office))


@pytest.mark.invariant("I8")
async def test_the_same_station_s_of_the_same_moment_is_one_however_often_it_is_sent(
    office: Office, clock: ManualClock
) -> None:
    sent = await asyncio.gather(*(measured(office, clock) for _ in range(6)))
    assert len({one.id for one in sent}) == 1
    assert (await measured(office, clock, -3.0)).temperature_c == -9.0
    assert (await measured(office, clock, -3.0, station="甘井子站")).temperature_c == -3.0
    async with office.db.connect() as tx:
        assert len(await observed.lately(tx, office, clock.now() - timedelta(hours=1), clock.now())) == 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"at": timedelta(minutes=5)}, "at"),
        ({"at": timedelta(days=-3)}, "at"),
        ({"place": LonLat(100.0, 30.0)}, "place"),
    ],
)
async def test_what_cannot_be_is_refused(office: Office, clock: ManualClock, wrong: dict[str, Any], field: str) -> None:
    if isinstance(at := wrong.get("at"), timedelta):
        wrong = {"at": clock.now() + at}
    with pytest.raises(Invalid) as refused:
        await measured(office, clock, **wrong)
    assert refused.value.extra["field"] == field


async def test_not_everybody_measures(office: Office, clock: ManualClock) -> None:
    with pytest.raises(NotAllowed):
        await observed.keep(office, Measured(at=clock.now(), temperature_c=1.0), by=PUBLIC, now=clock.now())


async def test_reports_are_judged_by_what_is_measured_as_long_as_it_is_fresh(
    office: Office, clock: ManualClock
) -> None:
    async def feels() -> float | None:
        async with office.db.connect() as tx:
            return (await weather.current(tx, office, clock.now())).feels_c

    assert await feels() is None
    await measured(office, clock)
    await measured(office, clock, -2.0, station="海边站", wind_mps=0.0)
    assert await feels() == pytest.approx(-17.5, abs=0.1), "where stations differ, the most extreme"
    clock.advance(minutes=5)
    await weather.set_weather(office, WeatherNow(state="snow", feels_c=-12.0), by=DISPATCHER, now=clock.now())
    assert await feels() == -12.0, "the desk said it later"
    clock.advance(minutes=5)
    await measured(office, clock, -20.0)
    assert (await feels() or 0) < -25
    clock.advance(hours=3)
    assert await feels() == -12.0
