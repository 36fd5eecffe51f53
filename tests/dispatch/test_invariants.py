"""What must never happen (DOMAIN §9), one after the other; what happens at once is in test_at_once."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from backend import db as tables
from backend.access.actor import SYSTEM, Actor
from backend.dispatch import approvals, board, desk, field, ladder, offers, searching, verification
from backend.dispatch.change import Answer, Command
from backend.dispatch.field import Arrival
from backend.dispatch.ladder import Ways
from backend.dispatch.records import Offer
from backend.errors import Conflict, NotAllowed, NotFound
from backend.ids import new_id
from backend.live.notices import Told
from backend.notify import outbox
from tests.conftest import START
from tests.dispatch.builders import (
    CHECKER,
    DISPATCHER,
    LEADER,
    SPOT,
    Town,
    east_of,
    officer,
    stays,
    to_hospital,
)
from tests.dispatch.test_filing import OLD_MAN

LATER = datetime(2100, 1, 1, tzinfo=UTC)
"""Due by whichever clock."""


async def _offer(town: Town, case_id: UUID) -> Offer:
    offer = await town.live_offer(case_id)
    assert offer is not None
    return offer


async def _hold_out(town: Town, offer: Offer) -> None:
    """Behind everybody's back."""
    async with town.office.db.begin() as tx:
        await tx.execute(insert(tables.offers).values(city_id="210200", **msgspec.structs.asdict(offer)))


@pytest.mark.invariant("I1")
@pytest.mark.parametrize("which", ["case", "team"])
async def test_the_database_itself_holds_no_second_live_offer(town: Town, which: str) -> None:
    first = await _offer(town, await town.offered())
    other = await town.accepted(east_of(SPOT, 5000))
    twin = msgspec.structs.replace(
        first,
        id=new_id(),
        case_id=first.case_id if which == "case" else other,
        team_id=first.team_id if which == "team" else town.teams[2],
    )
    with pytest.raises(IntegrityError, match=f"uq_offers_one_live_per_{which}"):
        await _hold_out(town, twin)


@pytest.mark.invariant("I1")
async def test_the_database_itself_holds_no_second_assignment_of_a_team(town: Town) -> None:
    taken = (await town.case(await town.dispatched())).team_id
    other = await town.dispatched(east_of(SPOT, 5000))
    with pytest.raises(IntegrityError, match="uq_cases_one_assignment_per_team"):
        await town.run("UPDATE cases SET team_id = :team WHERE id = :id", team=taken, id=other)


@pytest.mark.invariant("I1")
async def test_a_team_with_an_offer_or_a_case_is_offered_nothing_else(town: Town) -> None:
    cases = [await town.accepted(east_of(SPOT, 200 * n)) for n in range(5)]
    await town.worker.turn()
    held = [offer for case_id in cases if (offer := await town.live_offer(case_id))]
    assert sorted(offer.team_id for offer in held) == sorted(town.teams)
    for offer in held:
        await town.take(offer.case_id)
    town.clock.advance(seconds=40)
    await town.worker.turn()
    assert [await town.live_offer(case_id) for case_id in cases] == [None] * 5


@pytest.mark.invariant("I2")
async def test_an_answer_to_one_offer_touches_no_other(town: Town) -> None:
    first, second = await town.offered(), await town.offered(east_of(SPOT, 3000))
    before = (await town.case(second), await town.offers(second), await town.clocks(second))
    await town.take(first)
    assert (await town.case(second), await town.offers(second), await town.clocks(second)) == before
    await town.arrive(first)
    await town.handle(first)
    assert (await town.case(second), await town.offers(second), await town.clocks(second)) == before


@pytest.mark.invariant("I2")
async def test_an_old_notice_tapped_late_does_not_take_the_new_offer(town: Town) -> None:
    case_id = await town.offered()
    old = await _offer(town, case_id)
    await desk.widen_search(town.office, case_id, town.by(DISPATCHER))
    await town.worker.turn()
    new = await _offer(town, case_id)
    with pytest.raises(Conflict) as refused:
        await offers.accept_offer(town.office, old.id, town.by(officer(old.team_id)))
    assert refused.value.code == "offer_over"
    assert await _offer(town, case_id) == new


@pytest.mark.invariant("I2")
async def test_another_team_can_neither_take_nor_decline_an_offer(town: Town) -> None:
    offer = await _offer(town, await town.offered())
    other = officer(next(team for team in town.teams if team != offer.team_id))
    with pytest.raises(NotFound):
        await offers.accept_offer(town.office, offer.id, town.by(other))
    with pytest.raises(NotFound):
        await offers.decline_offer(town.office, offer.id, "too_far", town.by(other))
    with pytest.raises(NotAllowed):
        await offers.accept_offer(town.office, offer.id, town.by(CHECKER))


@pytest.mark.invariant("I3")
async def test_a_case_that_is_only_held_out_is_not_shown_as_dispatched(town: Town) -> None:
    case_id = await town.offered()
    case = await town.case(case_id)
    assert (case.stage, case.team_id) == ("accepted", None)
    async with town.office.db.connect() as tx:
        assert await board.count_by_stage(tx, town.office, DISPATCHER) == {"accepted": 1}
    assert "case.dispatched" not in await town.kinds(case_id)
    await town.take(case_id)
    async with town.office.db.connect() as tx:
        assert await board.count_by_stage(tx, town.office, DISPATCHER) == {"dispatched": 1}


async def _told(town: Town) -> list[tuple[str, str]]:
    """What teams are told of what waits in the outbox now."""
    got: list[tuple[str, str]] = []

    def hear(told: Told) -> None:
        got.append((f"team:{told.team_id}", told.told["kind"]))

    ways = Ways(senders=(), live=hear, machine_now=town.clock.now)
    async with town.office.db.connect() as tx:
        waiting = await outbox.due_notices(tx, town.office, LATER)
    for message_id in waiting:
        await ladder.begin(town.office, message_id, ways, town.by(SYSTEM))
    return got


async def _held_out_now(town: Town) -> UUID:
    """A case whose team is yet to be told."""
    case_id = await town.accepted()
    await searching.search_case(town.office, town.worker.watch.roster, case_id, town.by(SYSTEM))
    return case_id


async def _end_by(town: Town, case_id: UUID, how: str) -> None:
    match how:
        case "accepted":
            await town.take(case_id)
        case "assigned to another":
            await desk.assign_team(town.office, case_id, town.teams[2], "近", town.by(DISPATCHER))
        case "declined":
            await town.decline(case_id)
        case "lapsed":
            town.clock.advance(seconds=100)
            await offers.lapse_offer(town.office, (await _offer(town, case_id)).id, town.by(DISPATCHER))
        case _:
            await town.granted(case_id, how)


@pytest.mark.invariant("I4")
@pytest.mark.parametrize("how", ["accepted", "assigned to another", "declined", "lapsed", "void", "suspend"])
async def test_a_notice_of_an_offer_that_has_ended_meanwhile_is_not_sent(town: Town, how: str) -> None:
    case_id = await _held_out_now(town)
    await _end_by(town, case_id, how)
    assert "offer.made" not in [kind for _, kind in await _told(town)]


@pytest.mark.invariant("I4")
async def test_a_notice_of_a_live_offer_is_sent_once(town: Town) -> None:
    offer = await _offer(town, await _held_out_now(town))
    assert await _told(town) == [(f"team:{offer.team_id}", "offer.made")]
    assert await _told(town) == []


@pytest.mark.invariant("I4")
async def test_an_assignment_of_a_case_that_has_closed_meanwhile_is_not_told(town: Town) -> None:
    case_id = await town.accepted()
    await desk.assign_team(town.office, case_id, town.teams[0], "近", town.by(DISPATCHER))
    await town.granted(case_id, "void")
    assert await _told(town) == [(f"team:{town.teams[0]}", "case.taken_off")]


@pytest.mark.invariant("I7")
async def test_the_database_itself_holds_no_second_offer_after_a_decline(town: Town) -> None:
    case_id = await town.offered()
    first = await _offer(town, case_id)
    await town.decline(case_id)
    with pytest.raises(IntegrityError, match="uq_offers_no_second_after_decline"):
        await _hold_out(town, msgspec.structs.replace(first, id=new_id()))


type By = Callable[[Actor], Command]
type Wish = Callable[[By], Awaitable[Answer]]


async def _wishes(town: Town) -> dict[str, Wish]:
    """One of each kind of command, each possible when its turn comes."""
    case_id = await town.filed(looks=OLD_MAN)
    other = await town.filed(place=east_of(SPOT, 9000))
    office, crew = town.office, officer(town.teams[1])
    return {
        "accept": lambda by: desk.accept_case(office, case_id, by(DISPATCHER)),
        "join": lambda by: desk.join_cases(office, other, case_id, "同一人", by(DISPATCHER)),
        "unjoin": lambda by: desk.unjoin_case(office, other, by(DISPATCHER)),
        "widen": lambda by: desk.widen_search(office, case_id, by(DISPATCHER)),
        "assign": lambda by: desk.assign_team(office, case_id, town.teams[1], "近", by(DISPATCHER)),
        "set_out": lambda by: field.set_out(office, case_id, by(crew)),
        "arrive": lambda by: field.arrive(office, case_id, Arrival(place=SPOT), by(crew)),
        "handle": lambda by: field.handle(office, case_id, stays(START), by(crew)),
        "send_back": lambda by: verification.send_back(office, case_id, "再看", by(CHECKER)),
        "ask": lambda by: approvals.ask(office, case_id, "suspend", "等", None, by(DISPATCHER)),
    }


@pytest.mark.invariant("I8")
async def test_any_command_sent_again_answers_as_the_first_time_and_does_nothing_more(town: Town) -> None:
    for name, carry_out in (await _wishes(town)).items():
        id_ = new_id()

        def by(actor: Actor, name: str = name, id_: UUID = id_) -> Command:
            return town.by(actor, name, id_=id_)

        first = await carry_out(by)
        before = await town.events()
        town.clock.advance(seconds=7)
        assert await carry_out(by) == first, name
        assert await town.events() == before, name
    await town.is_sound()


@pytest.mark.invariant("I8")
async def test_an_id_that_stood_for_another_wish_or_person_is_refused(town: Town) -> None:
    case_id, id_ = await town.filed(), new_id()
    await desk.accept_case(town.office, case_id, town.by(DISPATCHER, "case.accept", id_=id_, args={"about": 1}))
    for by, name, args in (
        (DISPATCHER, "case.accept", {"about": 2}),
        (DISPATCHER, "case.void", {"about": 1}),
        (LEADER, "case.accept", {"about": 1}),
    ):
        with pytest.raises(Conflict) as refused:
            await desk.accept_case(town.office, case_id, town.by(by, name, id_=id_, args=args))
        assert refused.value.code == "command_id_reused"


@pytest.mark.invariant("I8")
async def test_a_command_that_was_refused_may_be_sent_again_when_it_is_possible(town: Town) -> None:
    case_id, id_ = await town.filed(), new_id()
    with pytest.raises(Conflict):
        await desk.widen_search(town.office, case_id, town.by(DISPATCHER, "widen", id_=id_))
    await desk.accept_case(town.office, case_id, town.by(DISPATCHER))
    answer = await desk.widen_search(town.office, case_id, town.by(DISPATCHER, "widen", id_=id_))
    assert isinstance(answer, Answer)


@pytest.mark.invariant("I11")
async def test_a_life_is_one_small_event_per_fact(town: Town) -> None:
    case_id = await town.verified(looks=OLD_MAN, description="码头边躺着一位老人" * 60)
    told = await town.events(case_id)
    assert [event.kind for event in told] == [
        "case.opened", "case.accepted", "offer.made", "case.dispatched", "case.arrived", "case.handled",
        "case.verified",
    ]  # fmt: skip
    assert [event.case_version for event in told] == list(range(1, 8))
    sizes = {event.kind: len(msgspec.json.encode(event)) for event in told}
    assert max(sizes.values()) < 4096, sizes


@pytest.mark.invariant("I11")
async def test_what_did_not_change_is_not_told(town: Town) -> None:
    case_id = await town.handled()
    handled = (await town.events(case_id))[-1]
    (row,) = handled.data["rows"]["cases"]
    assert row.keys() == {
        "id", "version", "stage", "team_id", "handled_by", "handled_by_team", "outcome",
    }  # fmt: skip


@pytest.mark.invariant("I11")
async def test_an_event_stays_small_however_many_have_reported(town: Town) -> None:
    case_id = await town.accepted(looks=OLD_MAN)
    for batch in range(4):
        await town.file(*(town.report(DISPATCHER, looks=OLD_MAN, id=new_id()) for _ in range(20)))
        assert (await town.case(case_id)).sighting_count == 1 + 20 * (batch + 1)
    assert len(msgspec.json.encode((await town.events(case_id))[-1])) < 4096


@pytest.mark.invariant("I6")
async def test_what_was_due_while_no_worker_ran_is_done_when_one_comes(town: Town) -> None:
    first = await town.offered()
    second = await town.handled(east_of(SPOT, 3000), handling=to_hospital(town.now))
    town.clock.advance(days=4)
    await town.worker.turn()
    assert (await town.offers(first))[0].state == "lapsed"
    fired = {(e.kind, e.data["kind"]) for e in await town.events(second) if e.kind.startswith("clock.")}
    assert fired == {("clock.missed", "verify"), ("clock.missed", "whole")}
    due = (await town.clocks(second))["verify"]
    assert due.missed_at == due.due_at < town.now - timedelta(days=2)
    await town.is_sound()
