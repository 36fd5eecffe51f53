"""A grid worker's visits: who stayed outside is looked at again before a patrol has to, and what was found counts at once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from backend import db as tables
from backend.access.actor import Actor
from backend.dispatch import revisits, visits_due
from backend.dispatch.change import Answer
from backend.dispatch.revisits import Outcome, Visited
from backend.dispatch.visits_due import VisitDue
from backend.errors import Conflict, NotAllowed, NotFound, Refused
from backend.ids import new_id
from backend.intake.report import GivenPlace
from tests.dispatch.builders import (
    DISPATCHER,
    EAST,
    GRID_WORKER,
    SPOT,
    Town,
    east_of,
    somebody,
    stays,
)
from tests.dispatch.soundness import faults
from tests.dispatch.test_filing import OLD_MAN


async def _stayed(town: Town, **changes: Any) -> UUID:
    """A closed case of somebody who stayed outside: to be looked at again in two days."""
    return await town.verified(handling=stays(town.now), looks=OLD_MAN, description="白发老人睡在桥下", **changes)


async def _due(town: Town, by: Actor = GRID_WORKER) -> list[VisitDue]:
    return await visits_due.list_visits(town.office, by=by, now=town.now)


async def _done(town: Town, found: Outcome, by: Actor = GRID_WORKER, **more: Any) -> Answer:
    (revisit,) = await town.rows(tables.revisits)
    id_, at = more.pop("id_", None), more.pop("at", None)
    command = town.by(by, "visit.done", id_=id_, at=at)
    return await revisits.settle_visit(town.office, revisit["id"], Visited(found=found, **more), command)


async def _is_sound(town: Town) -> None:
    async with town.office.db.connect() as tx:
        assert await faults(tx, town.office) == []


async def test_a_grid_worker_sees_whom_to_visit_within_a_week_and_the_look_is_written_down(town: Town) -> None:
    case_id = await _stayed(town, address="人民路 1 号")
    (visit,) = await _due(town)
    assert (visit.case_id, visit.number) == (case_id, (await town.case(case_id)).number)
    assert (visit.address, visit.description, visit.outcome, visit.taken_over) == (
        "人民路 1 号",
        "白发老人睡在桥下",
        "stays_supplies_given",
        None,
    )
    await _due(town)
    looks = [event for event in await town.events() if event.kind == "look.file_read"]
    assert [(event.case_id, event.actor["id"]) for event in looks] == [(case_id, GRID_WORKER.id)]
    assert "桥下" not in str(looks)


async def test_a_visit_of_another_region_is_nobody_elses(town: Town) -> None:
    await _stayed(town)
    elsewhere = somebody("grid_worker", regions=(EAST,), id_="grid-east")
    assert await _due(town, elsewhere) == []
    with pytest.raises(NotFound):
        await _done(town, "gone", elsewhere)
    with pytest.raises(NotAllowed):
        await _due(town, DISPATCHER)


async def test_a_case_that_is_still_open_looks_after_its_people_itself(town: Town) -> None:
    await town.handled(handling=stays(town.now))
    assert await _due(town) == []


@pytest.mark.parametrize("found", ["gone", "helped", "not_found"])
async def test_a_visit_that_finds_nobody_in_need_ends_the_revisit(town: Town, found: Outcome) -> None:
    case_id = await _stayed(town)
    answer = await _done(town, found, note="张某已被儿子接走", place=GivenPlace(lon=SPOT.lon, lat=SPOT.lat))
    assert (answer.case_id, answer.stage) == (case_id, "assisted")
    assert await _due(town) == []
    (event,) = [event for event in await town.events(case_id) if event.kind == "revisit.done"]
    assert (event.data["found"], event.data["off_by_m"]) == (found, 0.0)
    assert "张某" not in str(event.data)
    assert any("张某" in row["words"] for row in await town.rows(tables.event_words))
    town.clock.advance(days=3)
    await town.worker.turn()
    assert len(await town.rows(tables.cases)) == 1
    await _is_sound(town)


async def test_people_who_are_still_there_become_a_case_at_once(town: Town) -> None:
    case_id = await _stayed(town, dangers=["exposure"], address="人民路 1 号")
    town.clock.advance(hours=20)
    answer = await _done(town, "still_there", note="咳嗽，缺棉被")
    assert answer.case_id is not None
    fresh = await town.case(answer.case_id)
    assert (fresh.channel, fresh.stage, fresh.address, fresh.lon) == ("revisit", "accepted", "人民路 1 号", SPOT.lon)
    assert (fresh.dangers, fresh.looks["age_band"], fresh.sighting_count) == (["exposure"], "old", 1)
    (revisit,) = await town.rows(tables.revisits)
    assert (revisit["state"], revisit["opened_case"]) == ("opened", fresh.id)
    opened = (await town.events(fresh.id))[0]
    assert (opened.data["revisit_of"], opened.data["channel"]) == (str(case_id), "grid")
    newest = max(await town.rows(tables.sightings), key=lambda row: row["received_at"])
    assert newest["description"] == "咳嗽，缺棉被"
    await town.worker.turn()
    assert await town.live_offer(fresh.id) is not None
    assert await town.rows(tables.suggestions) == []
    await _is_sound(town)


async def test_a_person_who_has_moved_on_is_looked_for_where_the_grid_worker_stands(town: Town) -> None:
    await _stayed(town, address="人民路 1 号")
    there = east_of(SPOT, 700)
    answer = await _done(town, "still_there", place=GivenPlace(lon=there.lon, lat=there.lat))
    assert answer.case_id is not None
    fresh = await town.case(answer.case_id)
    assert (fresh.lon, fresh.address) == (there.lon, None)


async def test_what_was_critical_then_comes_before_others_but_is_not_critical_for_ever(town: Town) -> None:
    await _stayed(town, dangers=["injury"])
    answer = await _done(town, "still_there")
    assert answer.case_id is not None
    assert (await town.case(answer.case_id)).priority == "high"
    (revisit,) = await town.rows(tables.revisits)
    assert revisit["state"] == "opened"


async def test_a_danger_in_the_note_raises_the_new_case(town: Town) -> None:
    await _stayed(town)
    answer = await _done(town, "still_there", note="叫不醒")
    assert answer.case_id is not None
    assert (await town.case(answer.case_id)).priority == "critical"


async def test_what_was_due_before_anybody_came_is_the_patrols_and_says_so(town: Town) -> None:
    await _stayed(town)
    town.clock.advance(days=2)
    await town.worker.turn()
    (visit,) = await _due(town)
    assert visit.taken_over is not None
    assert visit.taken_over.number in [row["number"] for row in await town.rows(tables.cases, channel="revisit")]
    with pytest.raises(Conflict) as refusal:
        await _done(town, "gone")
    assert (refusal.value.code, refusal.value.extra["number"]) == ("visit_opened", visit.taken_over.number)
    await town.worker.turn()
    await town.take(visit.taken_over.case_id)
    await town.arrive(visit.taken_over.case_id)
    await town.handle(visit.taken_over.case_id)
    assert await _due(town) == []


@pytest.mark.invariant("I9")
async def test_a_visit_made_in_time_and_told_late_is_noted_in_the_case_that_was_opened_meanwhile(town: Town) -> None:
    earlier = await _stayed(town)
    town.clock.advance(days=2)
    await town.worker.turn()
    (visit,) = await _due(town)
    assert visit.taken_over is not None
    answer = await _done(town, "gone", note="邻居说昨晚已离开", at=town.now - timedelta(hours=1))
    assert (answer.case_id, answer.stage) == (visit.taken_over.case_id, "accepted")
    (event,) = [event for event in await town.events(answer.case_id) if event.kind == "revisit.told_late"]
    assert (event.data["found"], event.data["revisit_of"]) == ("gone", str(earlier))
    assert any("邻居" in row["words"] for row in await town.rows(tables.event_words))
    await _is_sound(town)


@pytest.mark.invariant("I8")
async def test_the_same_visit_sent_twice_opens_one_case_and_another_is_told_that_it_is_done(town: Town) -> None:
    await _stayed(town)
    command_id = new_id()
    first = await _done(town, "still_there", id_=command_id)
    assert await _done(town, "still_there", id_=command_id) == first
    assert len(await town.rows(tables.cases)) == 2
    with pytest.raises(Refused):
        await _done(town, "gone")


async def test_a_visit_to_a_case_that_was_taken_up_again_is_part_of_it(town: Town) -> None:
    case_id = await town.handled(handling=stays(town.now))
    answer = await _done(town, "still_there")
    assert answer.case_id == case_id
    assert [row["state"] for row in await town.rows(tables.revisits)] == ["done"]
    assert len(await town.rows(tables.cases)) == 1
