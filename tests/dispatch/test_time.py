"""What time does by itself, through the worker: lights, misses, the chain, revisits; and how a case is verified."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from backend import db as tables
from backend.access.actor import PUBLIC
from backend.clock import ManualClock
from backend.dispatch import approvals, clocks, desk, field, timekeeping, verification
from backend.dispatch.clocks import Light
from backend.dispatch.field import Arrival
from backend.dispatch.records import ClockRow
from backend.errors import Conflict, Invalid, NotAllowed, NotFound, Refused
from tests.dispatch import builders
from tests.dispatch.builders import (
    CHECKER,
    DISPATCHER,
    LEADER,
    OPERATOR,
    SECOND_LEADER,
    SPOT,
    Town,
    east_of,
    officer,
    somebody,
    stays,
    team,
    to_hospital,
    town_policy,
)


async def _clock(town: Town, case_id: UUID, kind: str) -> ClockRow:
    return (await town.clocks(case_id))[kind]


async def _light(town: Town, case_id: UUID, kind: str) -> Light:
    return clocks.light(timekeeping.of_row(await _clock(town, case_id, kind)), town.now)


async def _fired(town: Town, case_id: UUID) -> list[tuple[str, str, list[str]]]:
    """(event, clock, who was told) of everything that fired."""
    return [
        (event.kind, event.data["kind"], event.data["told"])
        for event in await town.events(case_id)
        if event.kind.startswith("clock.")
    ]


async def _pass(town: Town, minutes: float, *, each: float = 1.0) -> None:
    """Time passes with the worker at work."""
    until = town.now + timedelta(minutes=minutes)
    while town.now < until:
        town.clock.advance(minutes=min(each, (until - town.now).total_seconds() / 60))
        await town.worker.turn()


async def test_a_clock_turns_yellow_then_is_missed_and_goes_up_the_chain_step_by_step(town: Town) -> None:
    case_id = await town.dispatched()
    due = (await _clock(town, case_id, "on_spot")).due_at
    assert due == town.now + timedelta(minutes=30)

    await _pass(town, 23)
    assert await _fired(town, case_id) == []
    assert await _light(town, case_id, "on_spot") is Light.GREEN
    await _pass(town, 1)
    assert await _fired(town, case_id) == [("clock.yellow", "on_spot", [])]
    assert await _light(town, case_id, "on_spot") is Light.YELLOW
    await _pass(town, 7)
    assert await _light(town, case_id, "on_spot") is Light.RED
    missed = await _clock(town, case_id, "on_spot")
    assert (missed.state, missed.missed_at) == ("missed", due)
    await _pass(town, 60)
    assert await _fired(town, case_id) == [
        ("clock.yellow", "on_spot", []),
        ("clock.missed", "on_spot", ["team"]),
        ("clock.escalated", "on_spot", ["dispatcher"]),
        ("clock.escalated", "on_spot", ["shift_leader"]),
        ("clock.escalated", "on_spot", ["supervisor"]),
    ]
    when = [event.recorded_at for event in await town.events(case_id) if event.kind.startswith("clock.")]
    assert [moment - when[1] for moment in when[2:]] == [timedelta(minutes=n) for n in (10, 20, 30)]
    told = [one["to"] for one in await town.notices() if one.get("clock") == "on_spot"]
    team_id = (await town.case(case_id)).team_id
    assert told == [
        f"team:{team_id}",
        *(f"role:{role}:210203" for role in ("dispatcher", "shift_leader", "supervisor")),
    ]
    await town.is_sound()


async def test_a_case_that_nobody_accepts_is_told_to_the_dispatcher_at_once(town: Town) -> None:
    """No team has it, so nobody of the first step of the chain could hear."""
    case_id = await town.filed()
    await _pass(town, 6)
    assert ("clock.missed", "accept", ["team", "dispatcher"]) in await _fired(town, case_id)
    assert [one["to"] for one in await town.notices("clock.missed")] == ["role:dispatcher:210203"]
    await _pass(town, 30)
    assert [told for _, kind, told in await _fired(town, case_id) if kind == "accept"] == [
        [],
        ["team", "dispatcher"],
        ["shift_leader"],
        ["supervisor"],
    ]


async def test_a_worker_that_slept_through_it_all_tells_everybody_once(town: Town) -> None:
    case_id = await town.dispatched()
    town.clock.advance(minutes=65)
    for _ in range(3):
        await town.worker.turn()
    assert [one for one in await _fired(town, case_id) if one[1] == "on_spot"] == [
        ("clock.missed", "on_spot", ["team", "dispatcher", "shift_leader", "supervisor"])
    ]


@pytest.mark.invariant("I5")
@pytest.mark.parametrize("stage", ["assisted", "refused", "voided", "joined"])
async def test_nothing_fires_on_a_closed_case(town: Town, stage: str) -> None:
    case_id = await town.at(stage)
    before = await town.events(case_id)
    assert {clock.state for clock in (await town.clocks(case_id)).values()} <= {"met", "missed", "cancelled"}
    assert {clock.fires_at for clock in (await town.clocks(case_id)).values()} == {None}
    for _ in range(6):
        town.clock.advance(hours=13)
        await town.worker.turn()
    assert await town.events(case_id) == before


@pytest.mark.invariant("I5")
async def test_a_timer_seen_due_before_its_case_closed_finds_nothing_to_do(town: Town) -> None:
    case_id = await town.handled()
    town.clock.advance(hours=20)
    await town.verify(case_id)
    before = await town.events(case_id)
    for kind in await town.clocks(case_id):
        assert not await builders.fire(town, case_id, kind)
    assert await town.events(case_id) == before


async def test_a_clock_met_late_stays_late_and_stops_escalating(town: Town) -> None:
    case_id = await town.dispatched()
    await _pass(town, 41, each=2)
    await town.arrive(case_id)
    clock = await _clock(town, case_id, "on_spot")
    assert (clock.state, clock.ended_at) == ("met", town.now)
    assert timekeeping.of_row(clock).is_late
    told = await _fired(town, case_id)
    await _pass(town, 40, each=5)
    assert [one for one in await _fired(town, case_id) if one[1] == "on_spot"] == told


async def test_a_clock_met_in_time_is_not_late(town: Town) -> None:
    case_id = await town.dispatched()
    await _pass(town, 20, each=5)
    await town.arrive(case_id)
    clock = await _clock(town, case_id, "on_spot")
    assert (clock.state, clock.missed_at) == ("met", None)
    assert (await _clock(town, case_id, "feedback")).due_at == town.now + timedelta(hours=2)


async def test_suspended_time_counts_against_no_clock(town: Town) -> None:
    case_id = await town.accepted()
    await _pass(town, 10, each=5)
    before = await town.clocks(case_id)
    await town.granted(case_id, "suspend")
    fired = await _fired(town, case_id)
    await _pass(town, 600, each=60)
    assert await _fired(town, case_id) == fired
    assert {kind for kind, clock in (await town.clocks(case_id)).items() if clock.state == "paused"} == {
        "on_spot",
        "whole",
    }
    await approvals.resume_case(town.office, case_id, "继续", town.by(LEADER))
    after = await town.clocks(case_id)
    for kind in ("on_spot", "whole"):
        assert after[kind].due_at - before[kind].due_at == timedelta(hours=10)
        assert (after[kind].state, after[kind].paused_s) == ("running", 36_000)
    await town.is_sound()


async def test_a_missed_clock_does_not_escalate_while_its_case_is_suspended(town: Town) -> None:
    case_id = await town.dispatched()
    await _pass(town, 31)
    await town.granted(case_id, "suspend")
    told = await _fired(town, case_id)
    await _pass(town, 300, each=30)
    assert await _fired(town, case_id) == told
    await approvals.resume_case(town.office, case_id, "继续", town.by(LEADER))
    await _pass(town, 10)
    assert [one[2] for one in await _fired(town, case_id) if one[1] == "on_spot"][-1] == ["dispatcher"]


async def test_an_extension_moves_the_clocks_that_still_run_and_is_counted(town: Town) -> None:
    case_id = await town.dispatched()
    before = await town.clocks(case_id)
    await town.granted(case_id, "extend", "20 min")
    after = await town.clocks(case_id)
    for kind in ("on_spot", "whole"):
        assert (after[kind].due_at - before[kind].due_at, after[kind].extended) == (timedelta(minutes=20), 1)
    assert after["accept"] == before["accept"]
    await _pass(town, 45, each=5)
    assert not [one for one in await _fired(town, case_id) if one[0] == "clock.missed"]
    await _pass(town, 10, each=5)
    assert [one for one in await _fired(town, case_id) if one[0] == "clock.missed"]
    await town.is_sound()


async def test_an_extension_granted_too_late_does_not_undo_a_miss(town: Town) -> None:
    case_id = await town.dispatched()
    town.clock.advance(minutes=31)
    await town.granted(case_id, "extend", "1 h")
    await town.worker.turn()
    assert (await _clock(town, case_id, "on_spot")).missed_at is not None


async def test_nobody_grants_their_own_request_and_only_once(town: Town) -> None:
    case_id = await town.accepted()
    asked = await approvals.ask(town.office, case_id, "suspend", "等待家属", None, town.by(LEADER))
    assert asked.approval_id is not None
    with pytest.raises(NotAllowed) as refused:
        await approvals.decide(town.office, asked.approval_id, True, None, town.by(LEADER))
    assert refused.value.code == "own_request"
    with pytest.raises(Conflict) as again:
        await approvals.ask(town.office, case_id, "suspend", "再次", None, town.by(DISPATCHER))
    assert again.value.code == "already_asked"
    await approvals.decide(town.office, asked.approval_id, True, None, town.by(SECOND_LEADER))
    with pytest.raises(Conflict) as over:
        await approvals.decide(town.office, asked.approval_id, False, None, town.by(SECOND_LEADER))
    assert over.value.code == "already_decided"


async def test_a_request_granted_when_the_case_has_moved_on_is_refused(town: Town) -> None:
    case_id = await town.dispatched()
    asked = await approvals.ask(town.office, case_id, "suspend", "等待", None, town.by(DISPATCHER))
    await town.arrive(case_id)
    await town.handle(case_id)
    assert asked.approval_id is not None
    with pytest.raises(Conflict) as refused:
        await approvals.decide(town.office, asked.approval_id, True, None, town.by(LEADER))
    assert refused.value.code == "wrong_stage"
    await approvals.decide(town.office, asked.approval_id, False, "已处置", town.by(LEADER))
    await town.is_sound()


@pytest.mark.parametrize("wrong", [("jump", "理由", None), ("suspend", " ", None), ("extend", "理由", None)])
async def test_a_request_needs_an_action_a_reason_and_for_more_time_how_much(
    town: Town, wrong: tuple[str, str, str | None]
) -> None:
    case_id = await town.accepted()
    with pytest.raises(Invalid):
        await approvals.ask(town.office, case_id, *wrong, town.by(DISPATCHER))


# --- on the spot -----------------------------------------------------------------------------------------------------


async def test_an_arrival_far_from_the_place_needs_a_reason(town: Town) -> None:
    case_id = await town.dispatched()
    crew, far = await town.crew(case_id), east_of(SPOT, 900)
    for arrival, code in ((Arrival(place=far), "too_far"), (Arrival(), "no_position")):
        with pytest.raises(Invalid) as refused:
            await field.arrive(town.office, case_id, arrival, town.by(crew))
        assert refused.value.code == code
    await field.arrive(town.office, case_id, Arrival(place=far, reason="在桥的另一侧"), town.by(crew))
    (told,) = [event for event in await town.events(case_id) if event.kind == "case.arrived"]
    assert told.data["off_by_m"] == pytest.approx(900, rel=0.01)


async def test_an_inexact_position_may_be_as_far_off_as_it_is_inexact(town: Town) -> None:
    case_id = await town.dispatched()
    arrival = Arrival(place=east_of(SPOT, 390), accuracy_m=100)
    await field.arrive(town.office, case_id, arrival, town.by(await town.crew(case_id)))


async def test_what_was_done_without_network_counts_when_it_was_done_but_never_before_the_stage(town: Town) -> None:
    case_id = await town.dispatched()
    dispatched_at = town.now
    crew = await town.crew(case_id)
    town.clock.advance(minutes=25)
    done_at = town.now
    town.clock.advance(minutes=20)
    await field.arrive(town.office, case_id, Arrival(place=SPOT), town.by(crew, at=done_at))
    assert (await _clock(town, case_id, "on_spot")).missed_at is None
    event = (await town.events(case_id))[-1]
    assert (event.occurred_at, event.recorded_at) == (done_at, town.now)
    too_early = dispatched_at - timedelta(hours=1)
    await field.handle(town.office, case_id, to_hospital(town.now), town.by(crew, at=too_early))
    assert (await town.case(case_id)).stage_since == done_at


async def test_another_team_cannot_handle_the_case(town: Town) -> None:
    case_id = await town.arrived()
    mine = (await town.case(case_id)).team_id
    other = next(one for one in town.teams if one != mine)
    with pytest.raises(NotFound):
        await field.handle(town.office, case_id, to_hospital(town.now), town.by(officer(other)))


async def test_a_record_that_does_not_keep_the_rules_of_protection_changes_nothing(town: Town) -> None:
    case_id = await town.arrived()
    before = await town.events()
    broken = to_hospital(town.now, medical_called_at=None, station_told_at=None)
    with pytest.raises(Invalid) as refused:
        await town.handle(case_id, broken)
    assert refused.value.code == "protection"
    violations = refused.value.extra["violations"]
    assert [one["code"] for one in violations] == ["medical_not_called", "station_not_told"]  # type: ignore[attr-defined]
    assert await town.events() == before


async def test_the_log_of_a_handling_says_how_many_and_what_but_never_who(town: Town) -> None:
    case_id = await town.handled(handling=to_hospital(town.now, note="自称李某，右腿骨折", medical_note="意识清楚"))
    told = (await town.events(case_id))[-1]
    assert (told.data["outcome"], told.data["people_met"]) == ("to_hospital", 1)
    said = await town.run_scalar("SELECT string_agg(data::text, ' ') FROM events")
    assert "李某" not in said
    assert "意识清楚" not in said


# --- verification ----------------------------------------------------------------------------------------------------


async def test_nobody_verifies_what_they_or_their_team_handled(town: Town) -> None:
    case_id = await town.handled()
    team_id = (await town.case(case_id)).handled_by_team
    assert team_id is not None
    the_officer = somebody("officer", "checker", team_id=team_id, id_=officer(team_id).id)
    their_mate = somebody("checker", team_id=team_id, id_="mate")
    the_officer_later = somebody("checker", id_=officer(team_id).id)
    for by in (the_officer, their_mate, the_officer_later):
        for verb in (verification.verify_case, verification.send_back):
            with pytest.raises(NotAllowed) as refused:
                await verb(town.office, case_id, "好", town.by(by))
            assert refused.value.code == "own_case"
    await town.verify(case_id)


async def test_rework_is_counted_and_its_clocks_run_anew(town: Town) -> None:
    case_id = await town.handled()
    (first,) = await town.offers(case_id)
    town.clock.advance(hours=1)
    await verification.send_back(town.office, case_id, "人还在", town.by(CHECKER))
    case = await town.case(case_id)
    assert (case.stage, case.rework_count, case.outcome, case.handled_by_team) == ("accepted", 1, None, None)
    on_spot = await _clock(town, case_id, "on_spot")
    assert (on_spot.state, on_spot.restarts, on_spot.due_at) == ("running", 1, town.now + timedelta(minutes=30))
    assert (await _clock(town, case_id, "whole")).restarts == 0
    await town.worker.turn()
    again = await town.live_offer(case_id)
    assert again is not None
    assert (again.team_id, again.round) == (first.team_id, 2), "the team that knows the place may be asked again"
    await town.take(case_id)
    await town.arrive(case_id)
    await town.handle(case_id)
    await town.verify(case_id)
    assert [row["verdict"] for row in await town.rows(tables.handlings)] == ["sent_back", "passed"]
    assert (await town.case(case_id)).rework_count == 1
    await town.is_sound()


async def test_sending_back_needs_a_reason(town: Town) -> None:
    case_id = await town.handled()
    with pytest.raises(Invalid):
        await verification.send_back(town.office, case_id, "  ", town.by(CHECKER))


# --- revisits --------------------------------------------------------------------------------------------------------


async def _revisited(town: Town) -> list[UUID]:
    """The cases that a revisit has opened."""
    return [row["id"] for row in await town.rows(tables.cases, channel="revisit")]


async def test_somebody_who_stayed_outside_is_looked_at_again_when_it_is_due(town: Town) -> None:
    case_id = await town.verified(handling=stays(town.now))
    (revisit,) = await town.rows(tables.revisits)
    assert revisit["due_at"] == town.now + timedelta(days=2)
    town.clock.advance(days=2, seconds=-1)
    await town.worker.turn()
    assert await _revisited(town) == []
    town.clock.advance(seconds=1)
    await town.worker.turn()
    await town.worker.turn()
    (again,) = await _revisited(town)
    case = await town.case(again)
    assert (case.stage, case.lon, case.opened_at) == ("accepted", SPOT.lon, town.now)
    assert await town.live_offer(again) is not None
    assert (await town.case(case_id)).stage == "assisted"
    assert [(row["state"], row["opened_case"]) for row in await town.rows(tables.revisits)] == [("opened", again)]
    await town.is_sound()


async def test_a_revisit_of_a_case_that_is_still_open_is_part_of_it(town: Town) -> None:
    case_id = await town.handled(handling=stays(town.now))
    town.clock.advance(days=3)
    await town.worker.turn()
    assert await _revisited(town) == []
    assert [row["state"] for row in await town.rows(tables.revisits)] == ["done"]
    assert "revisit.done" in await town.kinds(case_id)


async def test_a_void_case_is_not_looked_at_again(town: Town) -> None:
    case_id = await town.handled(handling=stays(town.now))
    await town.granted(case_id, "void")
    town.clock.advance(days=3)
    await town.worker.turn()
    assert await _revisited(town) == []


async def test_whoever_was_brought_in_after_rework_is_not_looked_for_outside(town: Town) -> None:
    """What the second visit recorded counts, not what the first had planned."""
    case_id = await town.handled(handling=stays(town.now))
    await verification.send_back(town.office, case_id, "再去劝", town.by(CHECKER))
    await town.worker.turn()
    await town.take(case_id)
    await town.arrive(case_id)
    await town.handle(case_id, to_hospital(town.now))
    await town.verify(case_id)
    town.clock.advance(days=3)
    await town.worker.turn()
    assert await _revisited(town) == []
    await town.is_sound()


async def test_whoever_stayed_again_after_rework_is_looked_at_once(town: Town) -> None:
    case_id = await town.handled(handling=stays(town.now))
    await verification.send_back(town.office, case_id, "再去劝", town.by(CHECKER))
    await town.worker.turn()
    await town.take(case_id)
    await town.arrive(case_id)
    await town.handle(case_id, stays(town.now))
    await town.verify(case_id)
    town.clock.advance(days=3)
    await town.worker.turn()
    await town.worker.turn()
    assert len(await _revisited(town)) == 1


# --- the worker ------------------------------------------------------------------------------------------------------


async def test_a_shift_that_is_over_gets_no_offer(db: AsyncEngine, clock: ManualClock) -> None:
    town = await builders.town(db, clock, [team(0), team(1)])
    await town.run("UPDATE presence SET shift_ends_at = :at WHERE team_id = :t", at=town.now, t=town.teams[0])
    case_id = await town.offered()
    assert [one.team_id for one in await town.offers(case_id)] == [town.teams[1]]


async def test_a_fault_in_one_thing_that_is_due_does_not_hold_up_the_others(town: Town) -> None:
    bad, good = await town.dispatched(), await town.dispatched(east_of(SPOT, 3000))
    await town.run("DELETE FROM events WHERE case_id = :id AND case_version = 1", id=bad)
    await town.run("INSERT INTO events SELECT city_id, seq + 1000, id, kind, case_id, :v, regions, teams, actor, occurred_at,"
                   " recorded_at, command_id, data, prev_hash, hash FROM events WHERE case_id = :id LIMIT 1",
                   v=(await town.case(bad)).version + 1, id=bad)  # fmt: skip
    town.clock.advance(minutes=31)
    with capture_logs() as told:
        await town.worker.turn()
    assert {(one["event"], one["what"]) for one in told} == {("due", "fire")}
    assert [kind for kind, _, _ in await _fired(town, good)] == ["clock.missed"]
    assert (await _clock(town, bad, "on_spot")).state == "running"


def test_every_step_of_the_table_says_what_it_does_to_the_clocks() -> None:
    from backend.dispatch.lifecycle import CASE_STEPS

    assert {action for _, action in CASE_STEPS} <= timekeeping.STEPS.keys()


async def test_the_desk_hears_why_nothing_can_be_done(town: Town) -> None:
    """Every refusal of a verb has a sentence in both languages."""
    case_id = await town.filed(PUBLIC)
    wishes = [
        desk.withdraw_team(town.office, case_id, "x", town.by(DISPATCHER)),
        desk.widen_search(town.office, case_id, town.by(DISPATCHER)),
        desk.refuse_case(town.office, case_id, "no_such_reason", None, town.by(DISPATCHER)),
        desk.accept_case(town.office, case_id, town.by(CHECKER)),
        verification.verify_case(town.office, case_id, None, town.by(OPERATOR)),
    ]
    for wish in wishes:
        with pytest.raises(Refused) as refused:
            await wish
        assert refused.value.zh
        assert refused.value.en
        assert refused.value.code


async def test_a_city_in_which_the_offer_lapses_goes_on_to_the_next_team_without_a_person(town: Town) -> None:
    case_id = await town.offered()
    seen: list[datetime] = []
    for _ in range(2):
        town.clock.advance(seconds=91)
        seen.append(town.now)
        await town.worker.turn()
    assert [one.offered_at for one in await town.offers(case_id)][1:] == seen
    assert town_policy().clocks.offer.seconds == 90
