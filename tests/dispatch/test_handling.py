"""On the spot and after: arrivals, records, verification by somebody else, rework, and looks that come due."""

from datetime import timedelta
from uuid import UUID

import pytest

from backend import db as tables
from backend.dispatch import field, verification
from backend.dispatch.clocks import ClockKind
from backend.dispatch.field import Arrival
from backend.dispatch.records import ClockRow
from backend.errors import Invalid, NotAllowed, NotFound
from tests.dispatch.builders import (
    CHECKER,
    SPOT,
    Town,
    east_of,
    officer,
    somebody,
    stays,
    to_hospital,
)


async def _clock(town: Town, case_id: UUID, kind: ClockKind) -> ClockRow:
    return (await town.clocks(case_id))[kind]


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
