"""The weather that a desk sets: roads take longer in it, and reports are judged by it."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import log
from backend.access.actor import PUBLIC
from backend.clock import ManualClock
from backend.errors import Invalid, NotAllowed
from backend.intake import weather
from backend.intake.report import GivenPlace, Report, prepare
from backend.intake.triage import WeatherNow
from backend.office import Office
from tests.dispatch.builders import DISPATCHER, SPOT, city
from tests.keys import RING

TOWN = city()


async def test_a_desk_sets_the_weather_and_the_log_has_it(db: AsyncEngine, clock: ManualClock) -> None:
    office = Office(TOWN, db, ring=RING)
    async with db.connect() as tx:
        assert await weather.current(tx, office, clock.now()) == WeatherNow()
    await weather.set_weather(office, WeatherNow(state="snow", feels_c=-12.0), by=DISPATCHER, now=clock.now())
    async with db.connect() as tx:
        assert (await weather.current(tx, office, clock.now())).state == "snow"
        assert [event.kind for event in await log.since(tx, office.city_id, 0, limit=9)] == ["weather.set"]


async def test_weather_that_the_policy_does_not_name_is_refused(db: AsyncEngine, clock: ManualClock) -> None:
    with pytest.raises(Invalid):
        await weather.set_weather(
            Office(TOWN, db, ring=RING), WeatherNow(state="frogs"), by=DISPATCHER, now=clock.now()
        )
    with pytest.raises(NotAllowed):
        await weather.set_weather(Office(TOWN, db, ring=RING), WeatherNow(), by=PUBLIC, now=clock.now())


def test_snow_makes_the_roads_longer_for_each_way_of_moving(clock: ManualClock) -> None:
    clear, snow = TOWN.factors_at(clock.now()), TOWN.factors_at(clock.now(), "snow")
    share = TOWN.policy.weather.speed["snow"]
    assert snow.car == pytest.approx(clear.car / share.car)
    assert snow.ebike == pytest.approx(clear.ebike / share.ebike)


def test_a_report_in_deadly_cold_is_critical(clock: ManualClock) -> None:
    report = Report(place=GivenPlace(lon=SPOT.lon, lat=SPOT.lat))
    mild = prepare(report, TOWN, PUBLIC, clock.now())
    cold = prepare(report, TOWN, PUBLIC, clock.now(), weather=WeatherNow(feels_c=-25.0))
    assert (mild.triage.priority, cold.triage.priority) == ("normal", "critical")
