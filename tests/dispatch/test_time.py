"""What time does by itself, through the worker: lights, misses, the chain, pauses and extensions."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from backend.access.actor import PUBLIC
from backend.clock import ManualClock
from backend.dispatch import approvals, clocks, desk, timekeeping, verification
from backend.dispatch.clocks import ClockKind, Light
from backend.dispatch.records import ClockRow
from backend.errors import Conflict, Invalid, NotAllowed, Refused
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
    team,
    town_policy,
)


async def _clock(town: Town, case_id: UUID, kind: ClockKind) -> ClockRow:
    return (await town.clocks(case_id))[kind]


async def _light(town: Town, case_id: UUID, kind: ClockKind) -> Light:
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


async def test_an_arrival_told_late_is_in_time_when_it_was_although_its_clock_was_noted_as_missed(town: Town) -> None:
    case_id, begun = await town.dispatched(), town.now
    await _pass(town, 45, each=5)
    assert (await _clock(town, case_id, "on_spot")).state == "missed"
    await town.arrive(case_id, at=begun + timedelta(minutes=20))
    clock = await _clock(town, case_id, "on_spot")
    assert (clock.state, clock.missed_at, clock.ended_at) == ("met", None, begun + timedelta(minutes=20))
    told = await _fired(town, case_id)
    assert ("clock.missed", "on_spot", ["team"]) in told, "that it was noted stays in the log"
    await _pass(town, 40, each=5)
    assert [one for one in await _fired(town, case_id) if one[1] == "on_spot"] == [
        one for one in told if one[1] == "on_spot"
    ]
    await town.is_sound()


async def test_a_record_told_late_is_in_time_when_it_was(town: Town) -> None:
    case_id, begun = await town.arrived(), town.now
    await _pass(town, 150, each=30)
    assert (await _clock(town, case_id, "feedback")).state == "missed"
    await town.handle(case_id, at=begun + timedelta(minutes=90))
    assert (await _clock(town, case_id, "feedback")).missed_at is None
    assert (await _clock(town, case_id, "verify")).started_at == town.now, "the checker has it whole"
    await town.is_sound()


async def test_an_arrival_told_late_that_was_late_stays_late(town: Town) -> None:
    case_id, begun = await town.dispatched(), town.now
    await _pass(town, 60, each=10)
    await town.arrive(case_id, at=begun + timedelta(minutes=30))
    clock = await _clock(town, case_id, "on_spot")
    assert (clock.state, clock.missed_at) == ("met", begun + timedelta(minutes=30))


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


async def test_a_clock_that_had_ended_and_runs_again_is_told_whole(town: Town) -> None:
    """A screen that began while it was over has no row of it that columns could be changed of."""
    case_id = await town.handled()
    await verification.send_back(town.office, case_id, "人还在", town.by(CHECKER))
    event = (await town.events(case_id))[-1]
    again = [row for row in event.data["rows"]["clocks"] if row.get("ended_at", "") is None]
    assert [row["kind"] for row in again] == ["on_spot"]
    assert set(ClockRow.__struct_fields__) - set(again[0]) == {"fires_at"}, "but for the worker's own note"
