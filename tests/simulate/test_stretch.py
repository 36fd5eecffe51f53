"""A short stretch of the day in virtual time: everybody simulated, everything else real, and nothing lost at the end."""

from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from backend.city import City
from backend.clock import CHINA
from backend.settings import Settings
from ops.measure import Day, DayRun, Method
from ops.simulate.day import read_day
from tests.keys import KEYS
from tests.simulate.conftest import DALIAN

BEGIN = datetime(2016, 9, 19, 8, 0, tzinfo=CHINA)
TEAMS = 4


async def stretch(city: City, database_url: str, redis_url: str, folder: Path, method: Method = "road") -> DayRun:
    """Twelve reports from a quarter past eight on, four teams."""
    given = {
        "RESCUE_DATABASE_URL": database_url,
        "RESCUE_REDIS_URL": redis_url,
        "RESCUE_SECRET_KEY": "fN3vQ8xT2mL7cR5wZ1kB9hY4pD6sJ0aG",
        "RESCUE_PERSONAL_KEYS": KEYS,
        "RESCUE_CITY": str(DALIAN),
        "RESCUE_DATA": str(folder / "files"),
    }
    reports = [report for report in read_day(DALIAN / "reports.csv") if report.at > BEGIN][:12]
    settings = Settings.from_environment(given)
    day = Day(city, method, 7, reports, settings, folder / "accounts.json", TEAMS, BEGIN, BEGIN.replace(hour=9))
    return await day.run()


async def test_a_stretch_ends_with_every_case_verified_and_the_log_telling_it_all(
    dalian: City, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    run = await stretch(dalian, database_url, redis_url, tmp_path)
    assert run.checks.hold, run.checks
    assert run.figures.reports == 12
    assert run.figures.open_at_the_end == 0
    assert run.figures.closed == run.figures.cases == run.figures.cases_opened - run.figures.cases_joined > 4
    assert run.figures.reached_within_30_min is not None
    assert sum(run.figures.outcomes.values()) == run.figures.closed
    assert run.second_opinion is not None
    assert run.second_opinion.decisions == run.figures.offers
    assert run.second_opinion.longer_when_other_mean_s != 0 or run.second_opinion.other_team == 0


@pytest.mark.parametrize("method", ["straight_line"])
async def test_without_roads_the_searcher_guesses_and_everything_still_holds(
    method: Method, dalian: City, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    run = await stretch(dalian, database_url, redis_url, tmp_path, method)
    assert run.checks.hold, run.checks
    assert (run.method, run.second_opinion) == ("straight_line", None)
    plain = msgspec.json.decode(msgspec.json.encode(run.figures))
    assert plain["reports"] == 12
