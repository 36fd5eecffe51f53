"""Teams move, go off duty and take cases, warnings change the campaign, workers restart, positions come late: in any order nothing is
lost, nothing is held twice, and nothing is called covered without presence or a reason."""

import asyncio
import os
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend import db as tables
from backend import log
from backend.campaign import by_hand, finds, sweep, sweep_rows, tracked
from backend.campaign.looked import stops_left, waits
from backend.campaign.presence import Fix, Stops, stays
from backend.campaign.sweep_records import Look, SweepCell, Tour
from backend.clock import ManualClock
from backend.db import make_engine
from backend.dispatch import desk, field, found, offers, proof
from backend.dispatch.field import Arrival
from backend.errors import Refused
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.worker import Worker
from tests.campaign.sweeps_made import NIGHT, Swept, running
from tests.dispatch import builders
from tests.dispatch.builders import DISPATCHER, SPOT, east_of, officer, to_hospital

TEAMS = 3
WHICH = st.integers(0, TEAMS - 1)
CELL = st.integers(0, 30)
_EVERYTHING = ", ".join(table.name for table in tables.metadata.sorted_tables)


class Sweep(RuleBasedStateMachine):
    """The town on a cold night, step by step. Whatever is refused in words is fine; anything else, and any fault, is not."""

    def __init__(self, runner: asyncio.Runner, db: AsyncEngine) -> None:
        super().__init__()
        self.runner, self.db = runner, db
        self.swept: Swept
        self.known: set[str] = set()
        self.worker: Worker

    def run[T](self, wish: Awaitable[T]) -> T | None:
        """What came of it; None when it was refused."""

        async def wished() -> T | None:
            try:
                return await wish
            except Refused:
                return None

        return self.runner.run(wished())

    @initialize(drive=st.booleans())
    def begin(self, drive: bool) -> None:
        async def fresh() -> Swept:
            async with self.db.begin() as tx:
                await tx.execute(text("SET LOCAL session_replication_role = replica"))  # past the log's trigger
                await tx.execute(text(f"TRUNCATE {_EVERYTHING}"))
            modes = ["car" if drive else "foot", "foot", "ebike"]
            teams = [builders.team(n, mode=mode) for n, mode in enumerate(modes)]
            town = await builders.town(self.db, ManualClock(NIGHT), teams)
            return await running(town, cells=9, teams=2, sweep_every_s=3600.0)

        self.swept = self.runner.run(fresh())
        self.worker = self.swept.town.worker

    @property
    def team(self) -> list[UUID]:
        return self.swept.town.teams

    async def _turn(self, later: float = 6) -> None:
        await self.swept.turn(self.worker, later=later)

    async def _place(self, n: int) -> LonLat:
        """The stop of one of the cells; the last numbers are outside."""
        cells = list((await self.swept.cells()).values())
        if not cells or n >= 27:
            return east_of(SPOT, 1000 * (n - 20))
        return LonLat(cells[n % len(cells)].lon, cells[n % len(cells)].lat)

    # --- what happens ------------------------------------------------------------------------------------------------

    @rule(later=st.sampled_from([6, 6, 30, 130, 130, 700, 1500]))
    def time_passes(self, later: int) -> None:
        self.run(self._turn(later))

    time_passes_more = time_passes

    @rule(which=WHICH, n=CELL, fixes=st.integers(1, 5), step=st.sampled_from([10, 20, 60]))
    def a_team_is_somewhere(self, which: int, n: int, fixes: int, step: int) -> None:
        """A team stands in a cell for a while, the worker looking now and then."""

        async def stand() -> None:
            place = await self._place(n)
            for number in range(fixes):
                await self.swept.is_at(self.team[which], place)
                if number % 2:
                    await self._turn(step)
                else:
                    self.swept.clock.advance(seconds=step)

        self.run(stand())

    teams_are_about = a_team_is_somewhere
    teams_go_on = a_team_is_somewhere

    @rule(which=WHICH, n=CELL, minutes=st.integers(1, 90), fixes=st.integers(2, 5))
    def positions_come_late(self, which: int, n: int, minutes: int, fixes: int) -> None:
        """A phone was without network and sends what it kept, in no order."""

        async def late() -> None:
            began = self.swept.town.now - timedelta(minutes=minutes)
            moments = [began + timedelta(seconds=25 * k) for k in range(fixes)]
            await self.swept.is_at(self.team[which], await self._place(n), *reversed(moments))

        self.run(late())

    @rule(which=WHICH, state=st.sampled_from(["on_duty", "on_duty", "off_duty", "resting"]))
    def a_team_comes_or_goes(self, which: int, state: str) -> None:
        self.run(self.swept.town.on_duty(self.team[which], state))

    @rule(n=CELL)
    def somebody_reports(self, n: int) -> None:
        async def report() -> None:
            await self.swept.town.accepted(await self._place(n))
            await self.worker.turn()
            await self.worker.sweeping.finish()

        self.run(report())

    @rule(which=WHICH, well=st.booleans())
    def a_team_goes_on_with_its_case(self, which: int, well: bool) -> None:
        """It answers what is held out to it, arrives, or is done."""

        async def go_on() -> None:
            town, team = self.swept.town, self.team[which]
            async with town.office.db.connect() as tx:
                offer = await offers.live_offer_of_team(tx, town.office, team)
                case_id = await field.current_case_id(tx, town.office, team)
            command = town.by(officer(team), id_=new_id())
            if offer is not None and well:
                await offers.accept_offer(town.office, offer.id, command)
            elif offer is not None:
                await offers.decline_offer(town.office, offer.id, "too_far", command)
            elif case_id is not None and (await town.case(case_id)).stage == "dispatched":
                case = await town.case(case_id)
                await field.arrive(town.office, case_id, Arrival(place=LonLat(case.lon, case.lat)), command)
            elif case_id is not None and well:
                await field.handle(town.office, case_id, to_hospital(town.now), command)
            elif case_id is not None:
                await desk.withdraw_team(town.office, case_id, "别的队更近", town.by(DISPATCHER))

        self.run(go_on())

    @rule(which=WHICH, n=CELL)
    def a_team_finds_somebody(self, which: int, n: int) -> None:
        async def find() -> None:
            town, team = self.swept.town, self.team[which]
            report = town.report(officer(team), await self._place(n))
            campaign_id = await finds.campaign_of_find(town.office, team, report, town.now, said=None)
            command = town.by(officer(team), id_=new_id())
            await found.found_someone(town.office, report, new_id(), team, command, campaign_id=campaign_id)

        self.run(find())

    @rule(which=WHICH, n=CELL, passes=st.booleans(), ago=st.sampled_from([0, 0, 600, 4000]))
    def a_crew_says_something(self, which: int, n: int, passes: bool, ago: int) -> None:
        """A look by hand, or that a cell cannot be reached; now or from before."""

        async def say() -> None:
            cells = list(await self.swept.cells())
            if cells:
                at = self.swept.town.now - timedelta(seconds=ago)
                command = self.swept.town.by(officer(self.team[which]), id_=new_id(), at=at)
                do = by_hand.pass_by if passes else by_hand.look
                cell, office = cells[n % len(cells)], self.swept.town.office
                for _ in range(2):  # the phone did not hear the first answer
                    await do(office, self.swept.campaign.id, cell, "没有信号", self.team[which], command)

        self.run(say())

    @rule(
        cells=st.sampled_from([4, 9, 14]),
        every=st.sampled_from([1800.0, 3600.0, 7200.0]),
        ground=st.sampled_from((1000, 700, 1400)),
    )
    def the_warning_changes(self, cells: int, every: float, ground: int) -> None:
        async def change() -> None:
            if self.swept.campaign.state == "running":
                await self.swept.becomes(plan={"cells": cells, "sweep_every_s": every}, ground=ground)
                await self._turn()

        self.run(change())

    @rule()
    def a_worker_restarts(self) -> None:
        """It dies in the middle of what it does; another begins."""

        async def restart() -> None:
            self.swept.clock.advance(seconds=6)
            await self.worker.sweeping.turn()
            await asyncio.sleep(0.003)
            await self.worker.sweeping.aclose()
            self.worker = Worker(self.swept.town.office, self.swept.clock)

        self.run(restart())

    @rule(chance=st.integers(0, 3))
    def the_warning_is_lifted(self, chance: int) -> None:
        async def lift() -> None:
            if self.swept.campaign.state == "running" and chance == 0:
                await self.swept.closes()
                await self._turn()

        self.run(lift())

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def all_is_sound(self) -> None:
        assert self.runner.run(self._faults()) == []

    async def _faults(self) -> list[str]:
        office = self.swept.town.office
        async with office.db.connect() as tx:
            cells = await sweep_rows.cells_of(tx, office, self.swept.campaign.id)
            tours = await sweep_rows.current_tours(tx, office)
            looks = await sweep_rows.fetch(tx, office, Look)
            found_ = await _unproven_looks(tx, self.swept, cells, looks)
            found_ += await proof.contradictions(tx, office)
            if (broken := await log.broken_link(tx, office.city_id)) is not None:
                found_.append(f"the log is broken at {broken}")
        found_ += self._lost(cells) + self._left_out(cells, tours) + _wrongly_covered(cells, looks)
        return found_

    def _lost(self, cells: dict[str, SweepCell]) -> list[str]:
        """No cell ever goes."""
        gone = self.known - cells.keys()
        self.known |= cells.keys()
        return [f"{cell} is lost" for cell in sorted(gone)]

    def _left_out(self, cells: dict[str, SweepCell], tours: list[Tour]) -> list[str]:
        """What is known to wait stands in one tour, or is said to be served by nobody."""
        served = [cell for tour in tours for cell in stops_left(tour, cells)]
        twice = {cell for cell in served if served.count(cell) > 1}
        if self.swept.campaign.state != "running":
            return [f"there are tours though the campaign is over: {tour.id}" for tour in tours if self._has_ended()]
        timing = sweep.timing_of(self.swept.town.office, self.swept.campaign)
        silent = [
            cell.cell
            for cell in cells.values()
            if cell.state == "due" and cell.unserved_since is None and cell.cell not in served
        ]
        both = [
            cell.cell
            for cell in cells.values()
            if cell.unserved_since and cell.cell in served and waits(cell, timing, self.swept.town.now)
        ]
        return [
            *(f"{cell} is in two tours" for cell in sorted(twice)),
            *(f"{cell} waits and nobody says so" for cell in silent),
            *(f"{cell} is said to be nobody's and stands in a tour" for cell in both),
        ]

    def _has_ended(self) -> bool:
        closed = self.swept.campaign.closed_at
        return closed is not None and self.swept.town.now > closed + timedelta(minutes=1)


def _wrongly_covered(cells: dict[str, SweepCell], looks: list[Look]) -> list[str]:
    """Covered is what was looked at, and the count is that of the looks that hold."""
    faults: list[str] = []
    for cell in cells.values():
        mine = [look for look in looks if look.cell == cell.cell and look.refuted_at is None]
        if cell.looks != len(mine):
            faults.append(f"{cell.cell} counts {cell.looks} looks of {len(mine)}")
        if cell.state == "covered" and not any(look.ended_at == cell.looked_at for look in mine):
            faults.append(f"{cell.cell} is covered without a look")
        faults += [f"{look.id} is by hand without a reason" for look in mine if look.by == "hand" and not look.reason]
    return faults


async def _unproven_looks(
    tx: AsyncConnection, swept: Swept, cells: dict[str, SweepCell], looks: list[Look]
) -> list[str]:
    """Looks by track during which the stored positions show no presence at all in the cell: read anew, with no look at what is kept.

    What came late and was not read yet may say otherwise: then nothing is asked of that team.
    """
    unread = (await tx.execute(text("SELECT team_id FROM presence WHERE late_from IS NOT NULL"))).scalars().all()
    office = swept.town.office
    stops = Stops(
        {c.cell: LonLat(c.lon, c.lat) for c in cells.values()}, res=9, near_m=office.city.policy.campaign.near_m
    )
    rules = tracked.rules_of(office.city.policy.campaign)
    faults: list[str] = []
    for team in swept.town.teams:
        if team in unread:
            continue
        fixes = [await _fix(row) for row in await swept.town.rows(tables.fixes, team_id=team)]
        there = stays(fixes, stops, rules, now=swept.town.now)
        for look in looks:
            if look.team_id == team and look.by == "track" and look.refuted_at is None:
                seconds = sum(_overlap_s(look, s.began_at, s.ended_at) for s in there if s.cell == look.cell)
                if seconds <= 0:
                    faults.append(f"{look.id} in {look.cell}: nobody was there")
    return faults


async def _fix(row: dict[str, Any]) -> Fix:
    return Fix(
        at=row["at"], place=LonLat(row["lon"], row["lat"]), accuracy_m=row["accuracy_m"], speed_m_s=row["speed_m_s"]
    )


def _overlap_s(look: Look, began: datetime, ended: datetime) -> float:
    return max(0.0, (min(look.ended_at, ended) - max(look.began_at, began)).total_seconds())


def test_in_any_order_the_sweep_stays_sound(database_url: str) -> None:
    """`SWEEP_EXAMPLES` asks for more examples than every run can afford, chosen anew each time."""
    more = int(os.environ.get("SWEEP_EXAMPLES", "0"))
    chosen = settings(
        max_examples=more or 8,
        stateful_step_count=30,
        phases=(Phase.generate,),
        derandomize=not more,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    with asyncio.Runner() as runner:
        db = make_engine(database_url)
        try:
            run_state_machine_as_test(
                cast("type[Sweep]", lambda: Sweep(runner, db)),  # a machine is whatever makes one
                settings=chosen,
            )
        finally:
            runner.run(db.dispose())
