"""`rescue simulate`: the simulated people of a demonstration on a server that runs already."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from backend.city import City, open_city
from backend.clock import ScaledClock, SystemClock
from backend.errors import Invalid, Unavailable
from ops.demo_accounts import DemoAccounts, accounts_file_here, read_demo_accounts
from ops.serve import settings_here
from ops.simulate.crowd import Crowd, crowd_of, keyed
from ops.simulate.day import DayReport, day_of, later
from ops.simulate.live import LiveCrowd
from ops.simulate.phone import Line, Phone, over_network
from ops.simulate.weather_service import Message, chain

LEAST_REAL_FIX_S = 0.5
"""No phone reports its place more often than this in real time, however fast the day runs."""
PEOPLE_REAL = timedelta(seconds=5)
"""So long, in real time, may a simulated officer go on after a person has signed in as their team."""
DAYS_AHEAD = 60


def simulate(*, url: str = "", city: Path = Path("cities/dalian"), seed: int = 1) -> None:
    """让模拟的群众、队员、派遣员和核查员在已运行的服务上工作。Simulated people on a running server, until Ctrl-C.

    Parameters
    ----------
    url: 服务地址；默认取设置。The server; from the settings when left out.
    city: 城市目录。The city's folder.
    seed: 随机种子。The seed.
    """
    settings = settings_here()
    kept = read_demo_accounts(accounts_file_here())
    if not kept.accounts:
        raise Unavailable(
            "没有演示账号：请先运行 rescue city load --demo。",
            "There are no demonstration accounts: run rescue city load --demo.",
        )
    if not isinstance(settings.clock, ScaledClock | SystemClock):
        raise Invalid("时钟不可用。", "This clock cannot be followed.", field="RESCUE_CLOCK")
    address = url or f"http://{settings.host}:{settings.port}"
    asyncio.run(run_live(address, open_city(city), city, kept, settings.clock, seed))


async def run_live(
    url: str, city: City, folder: Path, accounts: DemoAccounts, clock: ScaledClock | SystemClock, seed: int
) -> None:
    """Everybody acts until cancelled."""
    line = over_network(url)
    crowd = make_crowd(city, folder, accounts, line, clock, seed, first_day=clock.now())
    ear = Phone(line)
    dispatcher = accounts.of("dispatcher")
    await ear.sign_in(dispatcher.login, dispatcher.password)
    await LiveCrowd(crowd, clock, url, ear).run()


def make_crowd(
    city: City,
    folder: Path,
    accounts: DemoAccounts,
    line: Line,
    clock: ScaledClock | SystemClock,
    seed: int,
    *,
    first_day: datetime,
    cold_from: timedelta | None = None,
) -> Crowd:
    """The crowd for a clock that runs on: the day's reports come again every day, with ids of their own.

    cold_from: so long after each midnight begins what leads to the made-up cold wave; None: there is none.
    """
    stream = endless(day_of(folder), first_day, clock.now())
    warnings = [] if cold_from is None else cold_waves(city, first_day, clock.now(), cold_from)
    rate = clock.rate if isinstance(clock, ScaledClock) else 1.0
    return crowd_of(
        city,
        folder,
        stream,
        accounts,
        line,
        seed=seed,
        least_fix_s=LEAST_REAL_FIX_S * rate,
        people_every=PEOPLE_REAL * rate,
        warnings=warnings,
        houses=True,
    )


def cold_waves(city: City, first_day: datetime, now: datetime, begins: timedelta) -> list[Message]:
    """A cold wave on every day of the replay, from the day before `now`: those that were sent before a restart are known after it."""
    midnight = (
        max(first_day, now - timedelta(days=1)).astimezone(city.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    return [message for day in range(DAYS_AHEAD) for message in chain(midnight + timedelta(days=day) + begins)]


def endless(reports: list[DayReport], first_day: datetime, now: datetime) -> list[tuple[str, DayReport]]:
    """The reports of every day from the day of `first_day` on, from the day before `now` for so many days.

    Their keys count days of the calendar, so that a report that was sent before a restart has the same id after it.
    """
    begins = reports[0].at
    offset = (max(first_day, now - timedelta(days=1)).astimezone(begins.tzinfo).date() - begins.date()).days
    days = range(offset, offset + DAYS_AHEAD)
    return [keyed_one for day in days for keyed_one in keyed([later(report, day) for report in reports], day)]
