"""Any commands by anybody in any order, time passing and the worker at work: the loop stays sound after every step."""

import asyncio
import os
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Verbosity, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access.actor import PUBLIC, Actor
from backend.clock import ManualClock
from backend.db import make_engine
from backend.dispatch import approvals, desk, field, offers, verification
from backend.dispatch.change import Answer, Command
from backend.dispatch.field import Arrival
from backend.errors import Refused
from backend.ids import new_id
from tests.conftest import START
from tests.dispatch import builders
from tests.dispatch.builders import (
    ANYBODY,
    CHECKER,
    DISPATCHER,
    GRID_WORKER,
    LEADER,
    OPERATOR,
    SECOND_LEADER,
    SPOT,
    Town,
    east_of,
    officer,
    stays,
    to_hospital,
)
from tests.dispatch.soundness import faults
from tests.dispatch.test_filing import OLD_MAN

TEAMS = 3
WHICH = st.integers(0, 5)
"""One of the cases, offers or teams there are, counted from the newest."""
DESK = st.sampled_from([DISPATCHER, LEADER, ANYBODY])
PLACES = st.sampled_from([SPOT, east_of(SPOT, 20), east_of(SPOT, 5000), builders.FAR_AWAY])
_EVERYTHING = ", ".join(table.name for table in tables.metadata.sorted_tables)


class Loop(RuleBasedStateMachine):
    """The town, driven step by step. Whatever is refused in words is fine; anything else, and any fault, is not."""

    def __init__(self, runner: asyncio.Runner, db: AsyncEngine) -> None:
        super().__init__()
        self.runner, self.db = runner, db
        self.town: Town
        self.last: tuple[Command, Answer] | None = None

    def run[T](self, wish: Awaitable[T]) -> T | None:
        """What came of it; None when it was refused."""

        async def wished() -> T | None:
            try:
                return await wish
            except Refused:
                return None

        return self.runner.run(wished())

    @initialize()
    def begin(self) -> None:
        async def fresh() -> Town:
            async with self.db.begin() as tx:
                await tx.execute(text(f"TRUNCATE {_EVERYTHING}"))
            return await builders.town(self.db, ManualClock(START), TEAMS)

        self.town = self.runner.run(fresh())

    # --- whom and what it is about ---------------------------------------------------------------------------------

    def _ids(self, table: Any, order: Any, **where: Any) -> list[UUID]:
        rows = self.runner.run(self.town.rows(table, **where))
        return [row["id"] for row in sorted(rows, key=order, reverse=True)]

    def _case(self, which: int) -> UUID:
        """One of the cases; one that nobody knows when there are none."""
        cases = self._ids(tables.cases, lambda row: row["number"])
        return cases[which % len(cases)] if cases else new_id()

    def _by(self, actor: Actor, name: str) -> Command:
        return self.town.by(actor, name, id_=new_id())

    def _crew(self, case_id: UUID) -> Actor:
        held = self.runner.run(self.town.rows(tables.cases, id=case_id))
        team_id = held[0]["team_id"] if held else None
        return officer(team_id) if team_id else ANYBODY

    # --- what people do --------------------------------------------------------------------------------------------

    @rule(by=st.sampled_from([PUBLIC, OPERATOR, GRID_WORKER]), place=PLACES, known=st.booleans(), danger=st.booleans())
    def report(self, by: Actor, place: Any, known: bool, danger: bool) -> None:
        changes: dict[str, Any] = {"looks": OLD_MAN} if known else {}
        self.run(self.town.file(self.town.report(by, place, dangers=["injury"] if danger else [], **changes)))

    @rule(which=WHICH, by=DESK, refuse=st.booleans())
    def judge(self, which: int, by: Actor, refuse: bool) -> None:
        case_id, command = self._case(which), self._by(by, "judge")
        if refuse:
            self.run(desk.refuse_case(self.town.office, case_id, "prank", None, command))
        else:
            self.run(desk.accept_case(self.town.office, case_id, command))

    @rule(which=WHICH, take=st.integers(0, 3))
    def answer(self, which: int, take: int) -> None:
        live = self._ids(tables.offers, lambda row: row["id"], state="offered")
        if not live:
            return
        offer_id = live[which % len(live)]
        (offer,) = self.runner.run(self.town.rows(tables.offers, id=offer_id))
        command = self._by(officer(offer["team_id"]), "answer")
        if take:
            done = self.run(offers.accept_offer(self.town.office, offer_id, command))
            self.last = (command, done) if done else self.last
        else:
            self.run(offers.decline_offer(self.town.office, offer_id, "other", command))

    @rule(which=WHICH, stay=st.booleans(), late=st.booleans())
    def go_on(self, which: int, stay: bool, late: bool) -> None:
        """The crew does what comes next: it arrives, or it handles."""
        case_id = self._case(which)
        command = self._by(self._crew(case_id), "go_on")
        if late:
            command = self.town.by(command.by, "go_on", id_=new_id(), at=self.town.now - timedelta(minutes=40))
        handling = stays(self.town.now) if stay else to_hospital(self.town.now)
        done = self.run(field.arrive(self.town.office, case_id, Arrival(reason="室内"), command))
        self.run(
            field.handle(self.town.office, case_id, handling, self._by(command.by, "handle")) if not done else _no()
        )

    @rule(which=WHICH, good=st.booleans(), by=st.sampled_from([CHECKER, ANYBODY]))
    def check(self, which: int, good: bool, by: Actor) -> None:
        case_id, command = self._case(which), self._by(by, "check")
        if good:
            self.run(verification.verify_case(self.town.office, case_id, None, command))
        else:
            self.run(verification.send_back(self.town.office, case_id, "再看", command))

    @rule(which=WHICH, team=st.integers(0, TEAMS - 1), by=DESK)
    def assign(self, which: int, team: int, by: Actor) -> None:
        command = self._by(by, "assign")
        self.run(desk.assign_team(self.town.office, self._case(which), self.town.teams[team], "近", command))

    @rule(which=WHICH, by=DESK, widen=st.booleans())
    def redirect(self, which: int, by: Actor, widen: bool) -> None:
        case_id, command = self._case(which), self._by(by, "redirect")
        if widen:
            self.run(desk.widen_search(self.town.office, case_id, command))
        else:
            self.run(desk.withdraw_team(self.town.office, case_id, "另派", command))

    @rule(which=WHICH, other=WHICH, by=DESK)
    def join(self, which: int, other: int, by: Actor) -> None:
        case_id, into = self._case(which), self._case(other)
        self.run(desk.join_cases(self.town.office, case_id, into, "同一人", self._by(by, "join")))

    @rule(which=WHICH, by=DESK)
    def unjoin(self, which: int, by: Actor) -> None:
        joined = self._ids(tables.cases, lambda row: row["number"], stage="joined")
        case_id = joined[which % len(joined)] if joined else self._case(which)
        self.run(desk.unjoin_case(self.town.office, case_id, self._by(by, "unjoin")))

    @rule(which=WHICH, count=st.integers(1, 2), by=DESK)
    def split(self, which: int, count: int, by: Actor) -> None:
        case_id = self._case(which)
        links = self.runner.run(self.town.rows(tables.case_sightings, case_id=case_id, left_at=None))
        chosen = sorted(link["sighting_id"] for link in links)[:count]
        self.run(desk.split_case(self.town.office, case_id, chosen, "另一人", self._by(by, "split")))

    @rule(which=WHICH, action=st.sampled_from(["suspend", "extend", "return", "void"]), granted=st.integers(0, 4))
    def ask(self, which: int, action: str, granted: int) -> None:
        case_id, office = self._case(which), self.town.office
        by = self._by(DISPATCHER, "ask")
        self.run(approvals.ask(office, case_id, action, "理由", "20 min", by))
        waiting = self._ids(tables.approvals, lambda row: row["id"], state="asked")
        if waiting and granted:
            decide = self._by(SECOND_LEADER, "decide")
            self.run(approvals.decide(office, waiting[which % len(waiting)], granted > 1, None, decide))

    @rule(which=WHICH)
    def resume(self, which: int) -> None:
        suspended = self._ids(tables.cases, lambda row: row["number"], stage="suspended")
        case_id = suspended[which % len(suspended)] if suspended else self._case(which)
        self.run(approvals.resume_case(self.town.office, case_id, "继续", self._by(LEADER, "resume")))

    @rule(team=st.integers(0, TEAMS - 1), state=st.sampled_from(["on_duty", "on_duty", "off_duty", "resting"]))
    def duty(self, team: int, state: str) -> None:
        self.run(self.town.on_duty(self.town.teams[team], state))

    @rule()
    def send_the_last_answer_again(self) -> None:
        if self.last is not None:
            command, first = self.last
            (row,) = self.runner.run(self.town.rows(tables.offers, id=first.offer_id))
            assert self.run(offers.accept_offer(self.town.office, row["id"], command)) == first

    @rule(minutes=st.sampled_from([0.1, 0.8, 1.6, 31, 200, 60 * 50]))
    def wait(self, minutes: float) -> None:
        self.town.clock.advance(minutes=minutes)

    @rule()
    def turn(self) -> None:
        self.runner.run(self.town.worker.turn())

    @rule()
    def turn_again(self) -> None:
        self.turn()

    @invariant()
    def all_is_sound(self) -> None:
        async def look() -> list[str]:
            async with self.db.connect() as tx:
                return await faults(tx, self.town.office)

        assert self.runner.run(look()) == []


async def _no() -> None:
    """Nothing."""


@pytest.mark.invariant("I1")
@pytest.mark.invariant("I5")
@pytest.mark.invariant("I7")
def test_the_loop_stays_sound_whatever_is_done_in_whichever_order(database_url: str) -> None:
    """`LOOP_EXAMPLES` asks for more examples than every run can afford, chosen anew each time."""
    more = int(os.environ.get("LOOP_EXAMPLES", "0"))
    chosen = settings(
        max_examples=more or 25,
        stateful_step_count=30,
        derandomize=not more,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    with asyncio.Runner() as runner:
        db = make_engine(database_url)
        try:
            made = cast("type[Loop]", lambda: Loop(runner, db))  # a machine is whatever makes one
            run_state_machine_as_test(made, settings=chosen)
        finally:
            runner.run(db.dispose())
