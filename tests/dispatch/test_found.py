"""A patrol that finds somebody: a whole case in its own hands at once, sound as any other."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from backend import db as tables
from backend.dispatch import found
from backend.dispatch.change import Answer
from backend.errors import Conflict
from backend.ids import new_id
from tests.dispatch.at_once import at_once
from tests.dispatch.builders import SPOT, Town, east_of, officer, to_hospital
from tests.dispatch.soundness import faults
from tests.dispatch.test_figures import rate
from tests.dispatch.test_filing import OLD_MAN


async def _find(town: Town, n: int = 0, case_id: UUID | None = None, **more: Any) -> Answer:
    """Team number n comes upon somebody at the spot."""
    team_id, ago = town.teams[n], more.pop("ago", timedelta())
    command_id, at = more.pop("command_id", None), town.now - ago
    command = town.by(officer(team_id), "officer.found", id_=command_id, at=at)
    report = town.report(officer(team_id), more.pop("place", SPOT), occurred_at=at, **more)
    return await found.found_someone(town.office, report, case_id or new_id(), team_id, command)


async def _is_sound(town: Town) -> None:
    async with town.office.db.connect() as tx:
        assert await faults(tx, town.office) == []


async def test_a_patrol_that_finds_somebody_has_the_case_in_hand_at_once(town: Town) -> None:
    case_id = new_id()
    answer = await _find(town, case_id=case_id, dangers=["injury"], description="桥下有人受伤")
    assert (answer.case_id, answer.stage, answer.version) == (case_id, "handling", 4)
    case = await town.case(case_id)
    assert (case.stage, case.team_id, case.channel, case.priority) == (
        "handling",
        town.teams[0],
        "patrol",
        "critical",
    )
    assert await town.kinds(case_id) == ["case.opened", "case.accepted", "case.dispatched", "case.arrived"]
    (visit,) = await town.rows(tables.handlings, case_id=case_id)
    assert (visit["team_id"], visit["arrived_at"], visit["handled_at"]) == (town.teams[0], town.now, None)
    (sighting,) = await town.rows(tables.sightings)
    assert (sighting["channel"], sighting["description"]) == ("patrol", "桥下有人受伤")
    await _is_sound(town)


async def test_a_case_that_was_found_goes_on_like_any_other(town: Town) -> None:
    case_id = (await _find(town)).case_id
    assert case_id is not None
    await town.handle(case_id, to_hospital(town.now))
    await town.verify(case_id)
    assert (await town.case(case_id)).stage == "assisted"
    await _is_sound(town)


async def test_every_clock_counts_from_when_somebody_was_found_also_without_network(town: Town) -> None:
    at = town.now - timedelta(minutes=50)
    case_id = (await _find(town, ago=timedelta(minutes=50))).case_id
    assert case_id is not None
    clocks = await town.clocks(case_id)
    assert {kind: (clock.state, clock.started_at, clock.missed_at) for kind, clock in clocks.items()} == {
        "accept": ("met", at, None),
        "on_spot": ("met", at, None),
        "feedback": ("running", at, None),
        "whole": ("running", at, None),
    }
    await town.handle(case_id, to_hospital(at + timedelta(minutes=20)), at=at + timedelta(minutes=20))
    (visit,) = await town.rows(tables.handlings, case_id=case_id)
    assert (visit["arrived_at"], visit["handled_at"]) == (at, at + timedelta(minutes=20))
    await _is_sound(town)


@pytest.mark.invariant("I8")
async def test_the_same_find_sent_twice_is_one_case(town: Town) -> None:
    case_id, command_id = new_id(), new_id()
    first = await _find(town, case_id=case_id, command_id=command_id)
    assert await _find(town, case_id=case_id, command_id=command_id) == first
    assert len(await town.rows(tables.cases)) == len(await town.rows(tables.sightings)) == 1


async def test_an_id_that_stands_for_another_case_is_refused(town: Town) -> None:
    taken = await town.accepted(east_of(SPOT, 5000))
    with pytest.raises(Conflict) as refusal:
        await _find(town, case_id=taken)
    assert refusal.value.code == "id_reused"
    assert len(await town.rows(tables.sightings)) == 1


@pytest.mark.invariant("I1")
async def test_a_team_that_has_a_case_finishes_it_first(town: Town) -> None:
    held = await town.dispatched()
    with pytest.raises(Conflict) as refusal:
        await _find(town)
    assert (refusal.value.code, refusal.value.extra["case_id"]) == ("case_open", held)


@pytest.mark.parametrize("state", ["off_duty", "resting"])
async def test_only_a_team_on_duty_finds(town: Town, state: str) -> None:
    await town.on_duty(town.teams[0], state)
    with pytest.raises(Conflict) as refusal:
        await _find(town)
    assert refusal.value.code == "off_duty"


@pytest.mark.invariant("I1")
@pytest.mark.invariant("I7")
async def test_an_offer_held_out_to_the_finders_goes_to_the_next_team(town: Town) -> None:
    asked = await town.offered()
    mine = await town.live_offer(asked)
    assert mine is not None
    assert mine.team_id == town.teams[0]
    await _find(town, ago=timedelta(minutes=5), place=east_of(SPOT, 2000))
    (ended,) = await town.rows(tables.offers, id=mine.id)
    assert (ended["state"], ended["reason"], ended["answered_at"]) == ("withdrawn", "found_someone", town.now)
    assert [notice["to"] for notice in await town.notices("offer.withdrawn")] == [f"team:{town.teams[0]}"]
    await town.worker.turn()
    another = await town.live_offer(asked)
    assert another is not None
    assert another.team_id == town.teams[1]
    await _is_sound(town)


async def test_who_was_found_is_joined_to_nobody_and_what_may_be_the_same_is_suggested(town: Town) -> None:
    known = await town.filed(looks=OLD_MAN, description="白发老人，坐轮椅")
    case_id = (await _find(town, looks=OLD_MAN, description="白发老人，坐轮椅")).case_id
    assert case_id != known
    (suggestion,) = await town.rows(tables.suggestions)
    assert (suggestion["case_id"], suggestion["other_case_id"], suggestion["state"]) == (case_id, known, "open")


async def test_somebody_found_far_outside_the_city_is_still_helped(town: Town) -> None:
    case_id = (await _find(town, place=east_of(SPOT, 900_000))).case_id
    assert case_id is not None
    case = await town.case(case_id)
    assert (case.stage, case.in_area) == ("handling", False)


@pytest.mark.invariant("I1")
async def test_of_two_finds_of_one_team_in_the_same_instant_one_is_told_to_finish_the_other(town: Town) -> None:
    done, refused = await at_once(_find(town), _find(town, place=east_of(SPOT, 800)))
    assert (len(done), [fault.code for fault in refused]) == (1, ["case_open"])
    await _is_sound(town)


@pytest.mark.invariant("I1")
async def test_a_find_and_the_offer_of_the_same_instant_leave_the_team_with_one_case(town: Town) -> None:
    await town.accepted(east_of(SPOT, 1500))
    done, _ = await at_once(_find(town), town.worker.turn())
    assert done
    await town.worker.turn()
    await _is_sound(town)


async def test_what_patrols_find_does_not_count_as_reported_by_the_public(town: Town) -> None:
    since = town.now
    await town.filed(place=east_of(SPOT, 5000))
    await _find(town)
    town.clock.advance(hours=1)
    assert await rate(town, since, "public_share") == (1, 2)
    assert await rate(town, since, "dispatched_right") == (1, 1)
    assert await rate(town, since, "dispatched_on_time") == (1, 1)
