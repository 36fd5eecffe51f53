"""Any commands by anybody in any order, time passing and the worker at work: the loop stays sound after every step."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, ClassVar, cast
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access.actor import PUBLIC, Actor
from backend.clock import ManualClock
from backend.db import make_engine
from backend.dispatch import approvals, desk, distress, field, found, offers, verification
from backend.dispatch.change import Answer, Command
from backend.dispatch.details import Details, add_details
from backend.dispatch.distress import Spot
from backend.dispatch.field import Arrival
from backend.dispatch.lifecycle import OPEN_STAGES
from backend.errors import Refused
from backend.ids import new_id
from backend.referral import answering, offering
from backend.referral.asked import Referred, Wish
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
WHICH = st.integers(0, 6)
"""One of the cases that the step is meant for, counted from the newest; the last number means any case at all."""
DESK = st.sampled_from([DISPATCHER, LEADER, ANYBODY])
PLACES = st.sampled_from([SPOT, SPOT, east_of(SPOT, 20), east_of(SPOT, 5000), builders.FAR_AWAY])
_EVERYTHING = ", ".join(table.name for table in tables.metadata.sorted_tables)
WAITING, OUT, OPEN = ("accepted",), ("dispatched", "handling"), tuple(sorted(OPEN_STAGES))


def _when(*stages: str) -> Callable[["Loop"], bool]:
    """A step is tried where some case is in one of these stages; which case it then is, is another matter."""
    return lambda loop: any(row["stage"] in stages for row in loop.cases)


class Loop(RuleBasedStateMachine):
    """The town, driven step by step. Whatever is refused in words is fine; anything else, and any fault, is not."""

    def __init__(self, runner: asyncio.Runner, db: AsyncEngine) -> None:
        super().__init__()
        self.runner, self.db = runner, db
        self.town: Town
        self.cases: list[dict[str, Any]] = []
        self.live: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.referrals: list[dict[str, Any]] = []
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
                await tx.execute(text("SET LOCAL session_replication_role = replica"))  # past the log's trigger
                await tx.execute(text(f"TRUNCATE {_EVERYTHING}"))
            town = await builders.town(self.db, ManualClock(START), TEAMS)
            await town.file(town.report(OPERATOR), town.report(PUBLIC, east_of(SPOT, 5000), looks=OLD_MAN))
            await town.worker.turn()
            return town

        self.town = self.runner.run(fresh())

    @invariant()
    def all_is_sound(self) -> None:
        async def look() -> list[str]:
            async with self.db.connect() as tx:
                found = await faults(tx, self.town.office)
            cases = await self.town.rows(tables.cases)
            self.cases = sorted(cases, key=lambda row: row["number"], reverse=True)
            self.live = sorted(await self.town.rows(tables.offers, state="offered"), key=lambda row: row["id"])
            self.asked = sorted(await self.town.rows(tables.approvals, state="asked"), key=lambda row: row["id"])
            self.calls = sorted(await self.town.rows(tables.distress_calls, over_at=None), key=lambda row: row["id"])
            waiting = await self.town.rows(tables.referrals, ended_at=None)
            self.referrals = sorted(waiting, key=lambda row: row["id"])
            return found

        assert self.runner.run(look()) == []

    def _case(self, which: int, *stages: str) -> UUID:
        """One of the cases in these stages, or any."""
        meant = [row for row in self.cases if row["stage"] in stages and which < 6] or self.cases
        return cast("UUID", meant[which % len(meant)]["id"]) if meant else new_id()

    def _by(self, actor: Actor, name: str) -> Command:
        return self.town.by(actor, name, id_=new_id())

    def _crew(self, case_id: UUID) -> Actor:
        team_id = next((row["team_id"] for row in self.cases if row["id"] == case_id), None)
        return officer(team_id) if team_id else ANYBODY

    # --- what people do --------------------------------------------------------------------------------------------

    @precondition(_when(*OPEN))
    @rule(which=WHICH, by=DESK, well=st.integers(0, 4))
    def go_on(self, which: int, by: Actor, well: int) -> None:
        """A case goes on as it is meant to, now and then not so well."""
        case_id = self._case(which, *OPEN)
        stage = next(row["stage"] for row in self.cases if row["id"] == case_id)
        if (act := self.NEXT.get(stage)) is not None:
            act(self, case_id, by, well)

    # A rule is chosen as often as it is listed; most of life goes on as it is meant to.
    go_on_more = go_on
    go_on_and_on = go_on

    @precondition(_when(*OPEN))
    @rule(which=WHICH, by=DESK, well=st.integers(0, 4), stage=st.sampled_from(sorted(OPEN_STAGES)))
    def stumble(self, which: int, by: Actor, well: int, stage: str) -> None:
        """Somebody does what would be the next step of a case in another stage."""
        self.NEXT[stage](self, self._case(which), by, well)

    def _judge(self, case_id: UUID, by: Actor, well: int) -> None:
        command = self._by(by, "judge")
        if well:
            self.run(desk.accept_case(self.town.office, case_id, command))
        else:
            self.run(desk.refuse_case(self.town.office, case_id, "prank", None, command))

    def _answer(self, case_id: UUID, _by: Actor, well: int) -> None:
        """The team that is asked answers; where none is, the worker looks for one."""
        offer = next((offer for offer in self.live if offer["case_id"] == case_id), None)
        if offer is None:
            return self.turn()
        command = self._by(officer(offer["team_id"]), "answer")
        if well:
            done = self.run(offers.accept_offer(self.town.office, offer["id"], command))
            self.last = (command, done) if done else self.last
        else:
            self.run(offers.decline_offer(self.town.office, offer["id"], "other", command))
        return None

    def _arrive(self, case_id: UUID, _by: Actor, well: int) -> None:
        at = self.town.now - timedelta(minutes=0 if well else 40)
        command = self.town.by(self._crew(case_id), "arrive", id_=new_id(), at=at)
        self.run(field.arrive(self.town.office, case_id, Arrival(reason="室内"), command))

    def _handle(self, case_id: UUID, _by: Actor, well: int) -> None:
        handling = to_hospital(self.town.now) if well % 2 else stays(self.town.now)
        at = self.town.now - timedelta(minutes=0 if well else 140)
        command = self.town.by(self._crew(case_id), "handle", id_=new_id(), at=at)
        self.run(field.handle(self.town.office, case_id, handling, command))

    def _check(self, case_id: UUID, by: Actor, well: int) -> None:
        command = self._by(ANYBODY if by is ANYBODY else CHECKER, "check")
        if well > 1:
            self.run(verification.verify_case(self.town.office, case_id, None, command))
        else:
            self.run(verification.send_back(self.town.office, case_id, "再看", command))

    def _resume(self, case_id: UUID, _by: Actor, _well: int) -> None:
        self.run(approvals.resume_case(self.town.office, case_id, "继续", self._by(LEADER, "resume")))

    NEXT: ClassVar[dict[str, Callable[["Loop", UUID, Actor, int], None]]] = {
        "discovered": _judge,
        "accepted": _answer,
        "dispatched": _arrive,
        "handling": _handle,
        "handled": _check,
        "suspended": _resume,
    }

    @rule(by=st.sampled_from([PUBLIC, OPERATOR, GRID_WORKER]), place=PLACES, known=st.booleans(), danger=st.booleans())
    def report(self, by: Actor, place: Any, known: bool, danger: bool) -> None:
        changes: dict[str, Any] = {"looks": OLD_MAN} if known else {}
        self.run(self.town.file(self.town.report(by, place, dangers=["injury"] if danger else [], **changes)))

    @rule(which=WHICH, danger=st.booleans())
    def add(self, which: int, danger: bool) -> None:
        """A reporter adds to what they said."""
        receipts = sorted((row["id"], row["receipt"]) for row in self.runner.run(self.town.rows(tables.sightings)))
        more = Details(people_count=2, dangers=["injury"] if danger else [])
        self.run(add_details(self.town.office, receipts[which % len(receipts)][1], more, self._by(PUBLIC, "add")))

    @rule(team=st.integers(0, TEAMS - 1), place=PLACES, minutes_ago=st.sampled_from([0, 0, 50]))
    def find(self, team: int, place: Any, minutes_ago: int) -> None:
        """A patrol comes upon somebody, whatever else it has to do."""
        team_id, at = self.town.teams[team], self.town.now - timedelta(minutes=minutes_ago)
        command = self.town.by(officer(team_id), "found", id_=new_id(), at=at)
        report = self.town.report(officer(team_id), place, occurred_at=at)
        self.run(found.found_someone(self.town.office, report, new_id(), team_id, command))

    @rule(team=st.integers(0, TEAMS - 1), placed=st.booleans())
    def call_for_help(self, team: int, placed: bool) -> None:
        team_id, spot = self.town.teams[team], Spot(SPOT, self.town.now) if placed else None
        self.run(distress.raise_call(self.town.office, team_id, spot, self._by(officer(team_id), "help")))

    @precondition(lambda loop: bool(loop.calls))
    @rule(which=WHICH, by=DESK, over=st.booleans())
    def answer_the_call(self, which: int, by: Actor, over: bool) -> None:
        call_id = self.calls[which % len(self.calls)]["id"]
        if over:
            self.run(distress.end_call(self.town.office, call_id, self._by(by, "over")))
        else:
            self.run(distress.answer_call(self.town.office, call_id, "马上到", self._by(by, "answer_call")))

    @precondition(_when(*OUT))
    @rule(which=WHICH, by=DESK)
    def refer(self, which: int, by: Actor) -> None:
        """Somebody is to go to the police, who are asked by telephone."""
        case_id = self._case(which, *OUT)
        who = (Referred(sex="male", age_band="adult"),)
        wish = Wish(to_kind="police", to_words="派出所值班室", people=who, consent="given", case_id=case_id)
        self.run(offering.offer(self.town.office, wish, self._by(by, "refer")))

    @precondition(lambda loop: bool(loop.referrals))
    @rule(which=WHICH, by=DESK, how=st.sampled_from(["accept", "refuse", "withdraw", "arrive"]))
    def go_on_referring(self, which: int, by: Actor, how: str) -> None:
        referral_id, command = self.referrals[which % len(self.referrals)]["id"], self._by(by, how)
        office = self.town.office
        if how == "accept":
            self.run(answering.accept(office, referral_id, "民警", command))
        elif how == "arrive":
            self.run(answering.arrive(office, referral_id, command))
        elif how == "refuse":
            self.run(answering.refuse(office, referral_id, "不归此处管", command))
        else:
            self.run(answering.withdraw(office, referral_id, "另有安排", command))

    @precondition(_when(*WAITING, *OUT))
    @rule(which=WHICH, team=st.integers(0, TEAMS - 1), by=DESK)
    def assign(self, which: int, team: int, by: Actor) -> None:
        case_id, command = self._case(which, *WAITING, *OUT), self._by(by, "assign")
        self.run(desk.assign_team(self.town.office, case_id, self.town.teams[team], "近", command))

    @precondition(_when(*WAITING, *OUT))
    @rule(which=WHICH, by=DESK, widen=st.booleans())
    def redirect(self, which: int, by: Actor, widen: bool) -> None:
        case_id, command = self._case(which, *WAITING, *(() if widen else OUT)), self._by(by, "redirect")
        if widen:
            self.run(desk.widen_search(self.town.office, case_id, command))
        else:
            self.run(desk.withdraw_team(self.town.office, case_id, "另派", command))

    @precondition(lambda loop: len(loop.cases) > 1)
    @rule(which=WHICH, other=WHICH, by=DESK)
    def join(self, which: int, other: int, by: Actor) -> None:
        case_id, into = self._case(which, "discovered", *WAITING, "dispatched"), self._case(other, *OPEN)
        self.run(desk.join_cases(self.town.office, case_id, into, "同一人", self._by(by, "join")))

    @precondition(_when("joined"))
    @rule(which=WHICH, by=DESK)
    def unjoin(self, which: int, by: Actor) -> None:
        self.run(desk.unjoin_case(self.town.office, self._case(which, "joined"), self._by(by, "unjoin")))

    @precondition(lambda loop: any(row["sighting_count"] > 1 for row in loop.cases))
    @rule(which=WHICH, count=st.integers(1, 2), by=DESK)
    def split(self, which: int, count: int, by: Actor) -> None:
        several = [row["id"] for row in self.cases if row["sighting_count"] > 1]
        case_id = several[which % len(several)]
        links = self.runner.run(self.town.rows(tables.case_sightings, case_id=case_id, left_at=None))
        chosen = sorted(link["sighting_id"] for link in links)[:count]
        self.run(desk.split_case(self.town.office, case_id, chosen, "另一人", self._by(by, "split")))

    @precondition(_when(*OPEN))
    @rule(which=WHICH, action=st.sampled_from(["suspend", "extend", "return", "void"]))
    def ask(self, which: int, action: str) -> None:
        case_id, command = self._case(which, *OPEN), self._by(DISPATCHER, "ask")
        self.run(approvals.ask(self.town.office, case_id, action, "理由", "20 min", command))

    @precondition(lambda loop: bool(loop.asked))
    @rule(which=WHICH, granted=st.integers(0, 3))
    def decide(self, which: int, granted: int) -> None:
        approval_id, command = self.asked[which % len(self.asked)]["id"], self._by(SECOND_LEADER, "decide")
        self.run(approvals.decide(self.town.office, approval_id, granted > 0, None, command))

    @rule(team=st.integers(0, TEAMS - 1), state=st.sampled_from(["on_duty", "on_duty", "off_duty", "resting"]))
    def duty(self, team: int, state: str) -> None:
        self.run(self.town.on_duty(self.town.teams[team], state))

    @precondition(lambda loop: loop.last is not None)
    @rule()
    def send_the_last_answer_again(self) -> None:
        assert self.last is not None
        command, first = self.last
        assert first.offer_id is not None
        assert self.run(offers.accept_offer(self.town.office, first.offer_id, command)) == first

    @rule(minutes=st.sampled_from([0.1, 0.8, 1.6, 4, 31, 200, 60 * 50]), turn=st.booleans())
    def wait(self, minutes: float, turn: bool) -> None:
        self.town.clock.advance(minutes=minutes)
        if turn:
            self.turn()

    @rule()
    def turn(self) -> None:
        self.runner.run(self.town.worker.turn())


@pytest.mark.invariant("I1")
@pytest.mark.invariant("I5")
@pytest.mark.invariant("I7")
def test_the_loop_stays_sound_whatever_is_done_in_whichever_order(database_url: str) -> None:
    """`LOOP_EXAMPLES` asks for more examples than every run can afford, chosen anew each time."""
    more = int(os.environ.get("LOOP_EXAMPLES", "0"))
    chosen = settings(
        max_examples=more or 20,
        stateful_step_count=40,
        # Made small only where somebody waits for it: a step costs 20 ms.
        phases=(Phase.generate, Phase.shrink) if more else (Phase.generate,),
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
