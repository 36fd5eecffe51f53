"""Everybody who is simulated, and who acts next."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from backend.city import City
from backend.geo.place import LonLat
from ops.demo_accounts import DemoAccounts
from ops.load_city import read_teams
from ops.simulate.chance import Chance
from ops.simulate.day import DayReport
from ops.simulate.desk import Checker, Dispatcher
from ops.simulate.leader import Leader
from ops.simulate.officer import Officer, World
from ops.simulate.person import Event, Person
from ops.simulate.phone import Line
from ops.simulate.reporters import Reporters
from ops.simulate.station import Staff
from ops.simulate.street import Street
from ops.simulate.visitor import GridWorker
from ops.simulate.weather_service import Message, WeatherService


class Crowd:
    """The simulated people of a city. Begin with `crowd_of`; a runner calls `begin`, then `due`, `act` and `tell`."""

    def __init__(self, world: World, reporters: Reporters, people: Sequence[Person]) -> None:
        self.world, self.reporters = world, reporters
        # Reporters first: what they send at a moment is there when the others look.
        self.people: list[Person] = [reporters, *people]

    async def begin(self, now: datetime) -> None:
        """All sign in, one after the other; the reporters last, so that there are teams when they report."""
        for person in [*self.people[1:], self.people[0]]:
            await person.begin(now)

    async def end(self) -> None:
        for person in self.people:
            await person.end()

    def next_at(self) -> datetime | None:
        """When the next of them wants to act."""
        return min((at for person in self.people if (at := person.next_at) is not None), default=None)

    def due(self, now: datetime) -> list[Person]:
        """Those who want to act now, always in the same order."""
        return [person for person in self.people if (at := person.next_at) is not None and at <= now]

    def tell(self, events: Iterable[Event], now: datetime) -> None:
        """News of the log for everybody; each picks what concerns them."""
        for event in events:
            for person in self.people:
                person.hear(event, now)

    @property
    def officers(self) -> list[Officer]:
        return [person for person in self.people if isinstance(person, Officer)]

    @property
    def faults(self) -> list[str]:
        """What the server refused although it should not have."""
        return [fault for person in self.people for fault in getattr(person, "faults", [])]


def crowd_of(
    city: City,
    folder: Path,
    reports: list[tuple[str, DayReport]],
    accounts: DemoAccounts,
    line: Line,
    *,
    seed: int,
    teams: int | None = None,
    least_fix_s: float = 0.0,
    people_every: timedelta | None = None,
    warnings: Sequence[Message] = (),
    houses: bool = False,
) -> Crowd:
    """The reporters of these reports (key and report), an officer per team of the folder, a dispatcher and a checker.

    people_every: how often officers look whether a person has their team. warnings: what the weather service of the simulation sends.
    houses: crews refer people, the staff of the houses answer and keep them, a grid worker goes to see them later.
    teams: only so many. The city's roads are what people drive on, whatever the server knows of them.
    """
    chance = Chance(seed)
    beats = sorted({(report.lon, report.lat) for _, report in reports})
    world = World(
        chance,
        Street(chance, city.policy),
        city,
        [LonLat(*place) for place in beats],
        least_fix_s,
        people_every,
        houses,
    )
    reporters = Reporters(world, reports, accounts.of("operator"), line)
    officers = [
        Officer(world, team, accounts.of_team(team.code), line)
        for team in read_teams(folder / "teams.csv", city)[:teams]
    ]
    desks: list[Person] = [
        Dispatcher(world, accounts.of("dispatcher"), line),
        Checker(world, accounts.of("checker"), line),
        Leader(world, accounts.of("shift_leader"), line),
    ]
    if houses:
        desks += [Staff(world, account, line) for account in accounts.of_facilities()]
        desks.append(GridWorker(world, accounts.of("grid_worker"), line))
    if warnings:
        desks.append(WeatherService(city, list(warnings), accounts.of("dispatcher"), line))
    return Crowd(world, reporters, [*officers, *desks])


def keyed(reports: Sequence[DayReport], day: int = 0) -> list[tuple[str, DayReport]]:
    """The reports with their names: day and position, the same in every run."""
    return [(f"{day}/{n}", report) for n, report in enumerate(reports)]
