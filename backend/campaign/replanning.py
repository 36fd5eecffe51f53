"""Tours planned, and planned anew: what waits is divided among the teams that can go. Begin at `plan`.

Read, computed in a thread, then written if it still fits: whoever has taken a case meanwhile gets no tour, what was looked at
meanwhile is no stop. A crew that keeps its stops keeps its tour.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.access.actor import SYSTEM
from backend.campaign import by_hand, sweep, sweep_rows, tours
from backend.campaign.looked import Timing, stops_left, waits
from backend.campaign.sweep import Crews, Job
from backend.campaign.sweep_records import SweepCell, Tour
from backend.campaign.sweep_rows import Book
from backend.campaign.tours import Plan, Stop, TourTeam
from backend.clock import Clock
from backend.geo.matrix import matrix
from backend.geo.modes import Factors, Mode
from backend.geo.place import LonLat, distance_m
from backend.geo.roads import Roads
from backend.ids import new_id
from backend.intake import weather
from backend.office import Office
from backend.patrol.records import TeamNow

SERVICE_S: Final = 180.0
"""So long a crew stays at a stop, as planned; at least twice what makes a look."""
SHIFT: Final = timedelta(hours=12)
"""A team for which no end of its shift is known is taken to go on so long."""
ROUNDS_OF_A_STOP: Final = 500
DIVIDED_ANEW: Final = frozenset({"team_in", "done"})
"""Then a team has nothing to do: what is left is divided without regard to whose it was. Else a crew keeps its stops where it can."""
LEAST_LEFT: Final = timedelta(minutes=20)
"""Whose shift ends sooner is sent nowhere any more."""


class Asked(Struct, frozen=True, kw_only=True):
    """What tours are planned from. refused: (team, cell) of what a team said it cannot reach."""

    stops: list[Stop]
    teams: list[TourTeam]
    within_s: float
    factors: Factors
    refused: frozenset[tuple[str, str]]


async def plan(office: Office, job: Job, clock: Clock) -> None:
    """Plan the tours of a campaign and write them, unless the claim has passed to somebody else."""
    asked = await _ask(office, job, clock.now())
    if asked is None:
        return
    planned = await asyncio.to_thread(_planned, office.city.roads, asked)
    await _write(office, job, asked, planned, clock.now())


async def _ask(office: Office, job: Job, now: datetime) -> Asked | None:
    """Everything that is needed, read at one moment; None when the campaign is over."""
    async with office.db.connect() as tx:
        campaign = await sweep.running(tx, office, job.campaign_id)
        if campaign is None:
            return None
        book = await sweep_rows.open_book(tx, office, campaign)
        crews = await sweep.crews_now(tx, office, now)
        elsewhere = await _elsewhere(tx, office, book)
        timing = sweep.timing_of(office, campaign)
        passes = await sweep_rows.passes_of(tx, office, campaign.id)
        factors = office.city.factors_at(now, (await weather.current(tx, office, now)).state)
    waiting = [cell for cell in book.cells.values() if waits(cell, timing, now)]
    refused = frozenset((str(team), cell.cell) for cell in waiting for team in by_hand.said_by(passes, cell))
    service_s = max(SERVICE_S, 2 * office.city.policy.campaign.dwell.seconds)
    return Asked(
        stops=[_stop(cell, timing, now, service_s) for cell in waiting],
        teams=[
            _team(one, book, timing, now, anew=job.why in DIVIDED_ANEW)
            for one in _who_goes(book, crews, elsewhere, waiting, now)
        ],
        within_s=timing.every.total_seconds(),
        factors=factors,
        refused=refused,
    )


async def _elsewhere(tx: AsyncConnection, office: Office, book: Book) -> set[UUID]:
    """The teams that are on a tour of another campaign."""
    current = await sweep_rows.current_tours(tx, office)
    return {tour.team_id for tour in current if tour.campaign_id != book.campaign.id}


def _who_goes(
    book: Book, crews: Crews, elsewhere: set[UUID], waiting: Sequence[SweepCell], now: datetime
) -> list[TeamNow]:
    """The teams that are given tours, as many as the plan allows: those that are on one, then the nearest."""
    able = [
        team
        for team in crews.teams.values()
        if crews.can_sweep(team.id)
        and team.id not in elsewhere
        and (team.free or book.tour_of(team.id) is not None)
        and (team.shift_ends_at is None or team.shift_ends_at > now + LEAST_LEFT)
    ]
    ranked = sorted(able, key=lambda team: (book.tour_of(team.id) is None, _far_m(team, waiting), str(team.id)))
    return ranked[: book.campaign.plan.teams]


def _far_m(team: TeamNow, waiting: Iterable[SweepCell]) -> float:
    here = LonLat(team.lon, team.lat)
    return min((distance_m(here, LonLat(cell.lon, cell.lat)) for cell in waiting), default=0.0)


def _stop(cell: SweepCell, timing: Timing, now: datetime, service_s: float) -> Stop:
    """What is overdue weighs more, up to twice as much."""
    late = min(1.0, max(0.0, (now - cell.due_at) / timing.every))
    return Stop(id=cell.cell, lon=cell.lon, lat=cell.lat, value=cell.score * (1.0 + late), service_s=service_s)


def _team(team: TeamNow, book: Book, timing: Timing, now: datetime, *, anew: bool) -> TourTeam:
    ends = team.shift_ends_at or now + SHIFT
    tour = book.tour_of(team.id)
    held = tuple(cell.cell for cell in book.cells.values() if cell.team_id == team.id and waits(cell, timing, now))
    left = [] if tour is None or anew else stops_left(tour, book.cells)
    before = tuple(one for one in left if waits(book.cells[one], timing, now) and one not in held)
    return TourTeam(
        id=str(team.id),
        mode=Mode(team.mode),
        lon=team.lon,
        lat=team.lat,
        until_s=(ends - now).total_seconds(),
        fixed=held,
        before=before,
    )


class Way(Struct, frozen=True):
    """A tour as it is to be written: its stops, and the minutes to each from the one before."""

    cells: list[str]
    minutes: list[float]


def _planned(roads: Roads | None, asked: Asked) -> dict[str, Way]:
    """The tours by team, those without stops left out. Takes seconds: not for the event loop."""
    found: Plan = tours.plan_tours(
        roads, asked.stops, asked.teams, within_s=asked.within_s, factors=asked.factors, rounds=_rounds(asked)
    )
    cells = {tour.team_id: [stop.id for stop in tour.stops] for tour in found.tours}
    minutes = {tour.team_id: [round(stop.travel_s / 60, 1) for stop in tour.stops] for tour in found.tours}
    changed = _given_to_others(cells, asked)
    for team in asked.teams:
        if team.id in changed:
            minutes[team.id] = _minutes(roads, team, cells[team.id], asked)
    return {team: Way(cells[team], minutes[team]) for team in cells if cells[team]}


def _rounds(asked: Asked) -> int:
    """Few stops are soon in order: the search is as long as they are many."""
    return min(tours.ROUNDS, ROUNDS_OF_A_STOP * len(asked.stops))


def _given_to_others(cells: dict[str, list[str]], asked: Asked) -> set[str]:
    """Take from each team what it said it cannot reach, and put it beside the nearest stop of another. Returns whose tours changed."""
    places = {stop.id: LonLat(stop.lon, stop.lat) for stop in asked.stops}
    changed: set[str] = set()
    for team_id, cell in sorted(asked.refused):
        if cell not in cells.get(team_id, ()):
            continue
        cells[team_id].remove(cell)
        changed.add(team_id)
        others = [
            (distance_m(places[cell], places[stop]), other, number)
            for other, stops in cells.items()
            for number, stop in enumerate(stops)
            if (other, cell) not in asked.refused
        ]
        free = [team for team in cells if not cells[team] and (team, cell) not in asked.refused]
        if others:
            _, other, number = min(others)
            cells[other].insert(number + 1, cell)
            changed.add(other)
        elif free:
            cells[free[0]].append(cell)
            changed.add(free[0])
    return changed


def _minutes(roads: Roads | None, team: TourTeam, cells: Sequence[str], asked: Asked) -> list[float]:
    """The minutes to each stop from the one before, by road; where there is no way, those of a long one."""
    places = {stop.id: LonLat(stop.lon, stop.lat) for stop in asked.stops}
    way = [LonLat(team.lon, team.lat), *(places[cell] for cell in cells)]
    seconds = matrix(roads, way[:-1], way[1:], team.mode, asked.factors)
    return [round(min(float(seconds[n, n]), asked.within_s) / 60, 1) for n in range(len(cells))]


async def _write(office: Office, job: Job, asked: Asked, planned: Mapping[str, Way], now: datetime) -> None:
    """The tours, as far as they still fit. What changed meanwhile is seen at the next look."""
    async with office.begin() as tx:
        await sweep_rows.hold(tx, office)
        campaign = await sweep.running(tx, office, job.campaign_id)
        state = await sweep_rows.sweep_of(tx, office, job.campaign_id)
        if campaign is None or state.claim != job.claim:
            return
        book = await sweep_rows.open_book(tx, office, campaign)
        crews = await sweep.crews_now(tx, office, now)
        elsewhere = await _elsewhere(tx, office, book)
        timing = sweep.timing_of(office, campaign)
        ways = {
            UUID(team): _still(way, book, timing, now)
            for team, way in planned.items()
            if crews.can_sweep(UUID(team)) and UUID(team) not in elsewhere
        }
        _replace(book, {team: way for team, way in ways.items() if way.cells}, job, now)
        sweep.mark(book, "planned", timing, now)
        considered = [UUID(team.id) for team in asked.teams if crews.can_sweep(UUID(team.id))]
        after = replace(state, planned_at=now, considered=considered, claim=None, claim_until=None)
        await sweep_rows.put_sweep(tx, office, after)
        await sweep_rows.record(tx, office, book, by=SYSTEM, now=now)


def _still(way: Way, book: Book, timing: Timing, now: datetime) -> Way:
    """What of it is still to be done: the minutes of what falls out go to the next."""
    cells: list[str] = []
    minutes: list[float] = []
    more = 0.0
    for name, each in zip(way.cells, way.minutes, strict=True):
        cell = book.cells.get(name)
        if cell is None or not waits(cell, timing, now):
            more += each
            continue
        cells.append(name)
        minutes.append(round(each + more, 1))
        more = 0.0
    return Way(cells, minutes)


def _replace(book: Book, ways: Mapping[UUID, Way], job: Job, now: datetime) -> None:
    kept: set[UUID] = set()
    for tour in book.current():
        way = ways.get(tour.team_id)
        if way is not None and way.cells == stops_left(tour, book.cells):
            kept.add(tour.team_id)
            continue
        book.put("planned", replace(tour, state="replaced", ended_at=now, ended_because="replanned"))
    for team_id, way in ways.items():
        if team_id not in kept:
            fresh = Tour(
                id=new_id(),
                campaign_id=book.campaign.id,
                team_id=team_id,
                cells=way.cells,
                minutes=way.minutes,
                state="current",
                planned_at=now,
                why=job.why,
            )
            book.put("planned", fresh, why=job.why)
