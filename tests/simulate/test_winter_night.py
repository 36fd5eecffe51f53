"""A winter night in virtual time: a blizzard is warned of, gets graver and is lifted; cases in between, two crews failing.

Everybody acts through the public API on real roads, PostGIS and the real worker. What is judged is read from the tables and the
tracks, not from what the sweep says of itself.
"""

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import h3
import msgspec
import pytest
from sqlalchemy import select, text

from backend import db as tables
from backend import log
from backend.app import create_app
from backend.city import City
from backend.clock import CHINA, ManualClock
from backend.dispatch import proof, replay
from backend.geo.place import LonLat, distance_m
from backend.logs import configure_logs
from backend.office import Office
from backend.settings import Settings
from backend.worker import Worker
from ops.demo_accounts import read_demo_accounts
from ops.load_city import load_city
from ops.simulate.crowd import Crowd, crowd_of, keyed
from ops.simulate.day import later, read_day
from ops.simulate.officer import Officer, State
from ops.simulate.person import Event
from ops.simulate.phone import Phone, in_process
from ops.simulate.virtual import News, VirtualDay
from ops.simulate.weather_service import Step, chain
from ops.unlimited import without_limits
from tests.keys import KEYS
from tests.simulate.conftest import DALIAN

BEGINS = datetime(2016, 12, 19, 20, 0, tzinfo=CHINA)
BLIZZARD = (
    Step(timedelta(minutes=5), "blue"),
    Step(timedelta(minutes=40), "orange"),
    Step(timedelta(minutes=80), None),
)
ENDS = BEGINS + timedelta(minutes=90)
SILENT_AT, OFF_AT = BEGINS + timedelta(minutes=25), BEGINS + timedelta(minutes=55)
REPORTS, TEAMS = 5, 9


class Misfortune:
    """One crew's phone dies while it is on its tour; another's crew goes off duty in the middle of the night."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd, self.failed = crowd, list[Officer]()
        self._todo = [(SILENT_AT, False), (OFF_AT, True)]

    @property
    def next_at(self) -> datetime | None:
        return self._todo[0][0] if self._todo else None

    async def begin(self, now: datetime) -> None:
        """Bides its time."""

    async def act(self, now: datetime) -> None:
        on_tour = [one for one in self.crowd.officers if one.state in (State.TO_A_STOP, State.LOOKING)]
        if not on_tour:
            self._todo[0] = (now + timedelta(minutes=1), self._todo[0][1])
            return
        _, says_so = self._todo.pop(0)
        victim = on_tour[0]
        if says_so:
            assert (await victim._phone.post("/api/officer/duty", {"state": "off_duty"})).ok
        self.crowd.people.remove(victim)
        self.failed.append(victim)

    def hear(self, event: Event, now: datetime) -> None:
        """Nothing."""

    async def end(self) -> None:
        """Nothing."""


@dataclass
class Witness:
    """Sees the cells after everything that happens."""

    office: Office
    kinds: list[str] = field(default_factory=list)
    ever: dict[UUID, set[str]] = field(default_factory=lambda: defaultdict(set))
    lost: list[str] = field(default_factory=list)
    states: set[str] = field(default_factory=set)

    async def on(self, events: list[Event], now: datetime) -> None:
        self.kinds += [event["kind"] for event in events if event["kind"].startswith(("campaign.", "sweep."))]
        if not any(event["kind"].startswith(("campaign.", "sweep.")) for event in events):
            return
        c = tables.sweep_cells.c
        async with self.office.db.connect() as tx:
            rows = (await tx.execute(select(c.campaign_id, c.cell, c.state))).all()
        there: dict[UUID, set[str]] = defaultdict(set)
        for row in rows:
            there[row.campaign_id].add(row.cell)
            self.states.add(row.state)
        for campaign_id, cells in self.ever.items():
            self.lost += [f"{now:%H:%M} {cell}" for cell in cells - there[campaign_id]]
        for campaign_id, cells in there.items():
            self.ever[campaign_id] |= cells


@dataclass
class Night:
    """How it was."""

    office: Office
    crowd: Crowd
    witness: Witness
    misfortune: Misfortune


@pytest.fixture
async def night(dalian: City, database_url: str, redis_url: str, tmp_path: Path) -> Night:
    given = {
        "RESCUE_DATABASE_URL": database_url,
        "RESCUE_REDIS_URL": redis_url,
        "RESCUE_SECRET_KEY": "fN3vQ8xT2mL7cR5wZ1kB9hY4pD6sJ0aG",
        "RESCUE_PERSONAL_KEYS": KEYS,
        "RESCUE_CITY": str(DALIAN),
        "RESCUE_DATA": str(tmp_path / "files"),
    }
    configure_logs("error")
    clock, file = ManualClock(BEGINS), tmp_path / "accounts.json"
    settings = msgspec.structs.replace(Settings.from_environment(given), clock=clock)
    application = create_app(settings, city=without_limits(dalian))
    office: Office = application.state.parts.office
    await load_city(office, DALIAN, BEGINS, demo=True, accounts_file=file)
    evening = [report for report in read_day(DALIAN / "reports.csv") if report.at.hour >= 9]
    days = (BEGINS.date() - evening[0].at.date()).days
    moved = [later(report, days) for report in evening[:REPORTS]]
    reports = [msgspec.structs.replace(one, at=BEGINS + timedelta(minutes=10 * n)) for n, one in enumerate(moved, 1)]
    accounts, line = read_demo_accounts(file), in_process(application)
    async with application.lifespan():
        warned = chain(BEGINS, BLIZZARD, "snow")
        crowd = crowd_of(dalian, DALIAN, keyed(reports), accounts, line, seed=3, teams=TEAMS, warnings=warned)
        misfortune = Misfortune(crowd)
        crowd.people.append(misfortune)
        phone = Phone(line)
        leader = accounts.of("shift_leader")
        await phone.sign_in(leader.login, leader.password)
        worker, witness = Worker(office, clock), Witness(office)
        day = VirtualDay(office, clock, worker, crowd, News(phone), witness=witness.on)
        await day.begin()
        await day.run(ENDS)
        await crowd.end()
        await phone.close()
    return Night(office, crowd, witness, misfortune)


async def test_a_blizzard_opens_a_campaign_by_itself_and_the_night_is_accounted_for(night: Night) -> None:
    assert night.crowd.faults == []
    assert len(night.misfortune.failed) == 2
    assert night.witness.lost == [], "a cell that was laid out stays to the end"
    await _the_campaign(night)
    await _the_cells(night)
    await _the_looks(night)
    await _the_people(night)
    async with night.office.db.connect() as tx:
        assert await replay.differences(tx, night.office) == []
        assert await proof.contradictions(tx, night.office) == []
        assert await log.broken_link(tx, night.office.city_id) is None


async def _rows(night: Night, query: str) -> list[Any]:
    async with night.office.db.connect() as tx:
        return list(await tx.execute(text(query)))


async def _the_campaign(night: Night) -> None:
    """Opened, intensified and closed by the warnings alone."""
    (one,) = await _rows(night, "SELECT cause, state, close_reason, colour, hazard, plan FROM campaigns")
    assert (one.cause, one.state, one.close_reason, one.hazard) == ("warning", "closed", "lifted", "snow")
    told = [kind for kind in night.witness.kinds if kind in ("campaign.opened", "campaign.upgraded", "campaign.closed")]
    assert told == ["campaign.opened", "campaign.upgraded", "campaign.closed"]
    async with night.office.db.connect() as tx:
        events = [event async for event in log.everything(tx, night.office.city_id) if event.kind in told]
    plans = [row["plan"] for event in events for row in event.data["rows"]["campaigns"] if "plan" in row]
    assert plans[0]["sweep_every_s"] > plans[1]["sweep_every_s"]
    assert plans[0]["cells"] < plans[1]["cells"]


async def _the_cells(night: Night) -> None:
    """Each is covered, waits, or was dropped for a reason; nobody holds one after the end; looked at are those with looks."""
    cells = await _rows(night, "SELECT cell, state, looks, looked_at, dropped_because FROM sweep_cells")
    looks = await _rows(night, "SELECT cell, count(*) AS n FROM sweep_looks WHERE refuted_at IS NULL GROUP BY cell")
    counted = {row.cell: row.n for row in looks}
    assert len(cells) > 20
    assert {row.state for row in cells} <= {"covered", "due", "dropped"}
    assert "leased" in night.witness.states, "while it ran cells were held"
    assert "covered" in night.witness.states
    assert {row.cell: row.looks for row in cells if row.looks} == counted
    assert all((row.looked_at is not None) == (row.looks > 0) for row in cells)
    assert all(row.looks > 0 for row in cells if row.state == "covered")
    assert sum(row.looks > 0 for row in cells) > 10


async def _the_looks(night: Night) -> None:
    """None without presence: by the track of that team at that time; and no two crews in one cell at once."""
    policy = night.office.city.policy.campaign
    query = """SELECT l.*, c.lon, c.lat FROM sweep_looks l JOIN sweep_cells c USING (city_id, campaign_id, cell)
               WHERE l.by = 'track' AND l.refuted_at IS NULL"""
    looks = await _rows(night, query)
    fixes = defaultdict(list)
    for row in await _rows(night, "SELECT team_id, at, lon, lat FROM fixes ORDER BY at"):
        fixes[row.team_id].append(row)
    for look in looks:
        during = [one for one in fixes[look.team_id] if look.began_at <= one.at <= look.ended_at]
        stop = LonLat(look.lon, look.lat)
        there = [
            h3.latlng_to_cell(one.lat, one.lon, 9) == look.cell
            or distance_m(LonLat(one.lon, one.lat), stop) <= policy.near_m
            for one in during
        ]
        assert look.is_passing or all(there), (look.cell, look.began_at)
        assert look.is_passing or look.ended_at - look.began_at >= timedelta(seconds=policy.dwell.seconds)
        assert during or look.is_passing, "somebody was there"
    stayed = sorted((one for one in looks if not one.is_passing), key=lambda one: (one.cell, one.began_at))
    for one, other in itertools.pairwise(stayed):
        apart = one.cell != other.cell or one.team_id == other.team_id or one.ended_at <= other.began_at
        assert apart, f"{one.cell}: two crews at once"


async def _the_people(night: Night) -> None:
    """Cases went on beside it; somebody was found on a tour, and the campaign is remembered; the failed did no more."""
    cases = await _rows(night, "SELECT campaign_id, stage FROM cases")
    assert len(cases) > 4
    assert [one for one in cases if one.campaign_id is not None], "found on a tour"
    assert {one.stage for one in cases if one.campaign_id is not None} >= {"handled"} or any(
        one.stage == "assisted" for one in cases
    )
    silent, off = (one._team_id for one in night.misfortune.failed)
    late = await _rows(night, "SELECT team_id::text AS team, max(ended_at) AS at FROM sweep_looks GROUP BY team_id")
    ends = {row.team: row.at for row in late}
    assert ends.get(silent, BEGINS) <= SILENT_AT + timedelta(minutes=10)
    assert ends.get(off, BEGINS) <= OFF_AT + timedelta(minutes=10)
    tours = await _rows(night, "SELECT team_id::text AS team, state FROM sweep_tours WHERE state = 'current'")
    assert {row.team for row in tours}.isdisjoint({silent, off})
