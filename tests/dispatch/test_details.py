"""What a reporter adds later: dangers only added, the priority only raised, and whoever is on the way is told."""

from datetime import timedelta
from typing import Any

import pytest

from backend import db as tables
from backend.access.actor import PUBLIC, Actor
from backend.dispatch import asking
from backend.dispatch.change import Answer
from backend.dispatch.details import Details, add_details
from backend.dispatch.filing import Receipt
from backend.errors import Conflict, Invalid, NotFound
from backend.ids import new_id
from backend.intake.looks import Looks
from tests.dispatch.builders import OPERATOR, SPOT, Town, east_of, somebody
from tests.dispatch.soundness import faults

DRIVER = somebody("driver")


async def _reported(town: Town, by: Actor = OPERATOR, **changes: Any) -> Receipt:
    return (await town.file(town.report(by, **changes)))[0]


async def _add(town: Town, receipt: str, by: Actor = PUBLIC, **added: Any) -> Answer:
    id_ = added.pop("id_", None)
    command = town.by(by, "report.details", id_=id_, args={"receipt": receipt})
    return await add_details(town.office, receipt, Details(**added), command)


async def _is_sound(town: Town) -> None:
    async with town.office.db.connect() as tx:
        assert await faults(tx, town.office) == []


async def test_later_details_are_added_and_nothing_of_what_was_said_is_lost(town: Town) -> None:
    filed = await _reported(town, dangers=["exposure"], description="路边有人", looks=Looks(sex="male"))
    town.clock.advance(minutes=4)
    await _add(
        town,
        filed.receipt,
        people_count=2,
        dangers=["injury"],
        description="腿部流血，请走北门",
        looks=Looks(age_band="old"),
    )
    (sighting,) = await town.rows(tables.sightings)
    assert (sighting["people_count"], sighting["dangers"]) == (2, ["exposure", "injury"])
    assert sighting["description"] == "路边有人\n腿部流血，请走北门"
    assert (sighting["looks"]["sex"], sighting["looks"]["age_band"]) == ("male", "old")
    assert sighting["detailed_at"] == town.now
    case = await town.case(filed.case_id)
    assert (case.priority, case.dangers, case.people_count) == ("critical", ["exposure", "injury"], 2)
    assert (case.call_first, case.looks["age_band"]) == (["120"], "old")
    (event,) = [event for event in await town.events(filed.case_id) if event.kind == "case.detailed"]
    assert event.data["raised"] is True
    assert "流血" not in str(event.data)
    await _is_sound(town)


async def test_a_priority_and_a_count_are_never_lowered(town: Town) -> None:
    filed = await _reported(town, dangers=["injury"], people_count=3)
    await _add(town, filed.receipt, people_count=1, description="看错了，人已坐起")
    case = await town.case(filed.case_id)
    assert (case.priority, case.people_count, case.dangers) == ("critical", 3, ["injury"])
    assert [row["people_count"] for row in await town.rows(tables.sightings)] == [3]


async def test_a_danger_in_the_words_raises_as_in_a_report(town: Town) -> None:
    filed = await _reported(town)
    await _add(town, filed.receipt, description="现在叫不醒了")
    assert (await town.case(filed.case_id)).priority == "critical"
    await _is_sound(town)


async def test_a_case_that_is_looked_for_is_looked_for_at_once_and_before_others(town: Town) -> None:
    for team_id in town.teams[1:]:
        await town.on_duty(team_id, "off_duty")
    first = await town.offered(east_of(SPOT, 3000))
    await town.accepted(east_of(SPOT, 4000))
    raised = await _reported(town, place=east_of(SPOT, 5000))
    await town.worker.turn()  # the only team is asked elsewhere: both are put off
    await _add(town, raised.receipt, dangers=["unconscious"])
    case = await town.case(raised.case_id)
    assert (case.priority, case.search_at) == ("critical", town.now)
    assert await town.live_offer(first) is not None
    await town.decline(first)
    await town.worker.turn()
    assert await town.live_offer(raised.case_id) is not None
    await _is_sound(town)


async def test_a_team_on_its_way_is_told_and_one_that_is_asked(town: Town) -> None:
    filed = await _reported(town)
    await town.worker.turn()
    offer = await town.live_offer(filed.case_id)
    assert offer is not None
    await _add(town, filed.receipt, description="在北门")
    await town.take(filed.case_id)
    await _add(town, filed.receipt, dangers=["injury"])
    assert [one["to"] for one in await town.notices("case.detailed")] == [f"team:{offer.team_id}"] * 2
    events = [event for event in await town.events(filed.case_id) if event.kind == "case.detailed"]
    assert [event.teams for event in events] == [[offer.team_id]] * 2
    assert (await town.case(filed.case_id)).stage == "dispatched"
    await _is_sound(town)


async def test_a_suspended_case_that_becomes_urgent_is_told_to_a_person(town: Town) -> None:
    filed = await _reported(town)
    await town.granted(filed.case_id, "suspend")
    await _add(town, filed.receipt, dangers=["injury"])
    (event,) = [event for event in await town.events(filed.case_id) if event.kind == "case.detailed"]
    assert event.data["alarm"] == "raised_while_suspended"


@pytest.mark.invariant("I8")
async def test_the_same_details_sent_twice_are_added_once(town: Town) -> None:
    filed = await _reported(town, description="路边有人")
    id_ = new_id()
    first = await _add(town, filed.receipt, id_=id_, description="在北门")
    assert await _add(town, filed.receipt, id_=id_, description="在北门") == first
    assert [row["description"] for row in await town.rows(tables.sightings)] == ["路边有人\n在北门"]


@pytest.mark.invariant("I8")
async def test_a_report_that_comes_again_after_it_was_added_to_is_still_the_same(town: Town) -> None:
    report = town.report(OPERATOR, description="路边有人")
    (first,) = await town.file(report)
    await _add(town, first.receipt, people_count=4, description="在北门", looks=Looks(sex="male"))
    (again,) = await town.file(report)
    assert (again.receipt, again.repeated) == (first.receipt, True)


async def test_after_a_day_and_once_it_is_dealt_with_it_is_reported_anew(town: Town) -> None:
    filed = await _reported(town)
    await town.granted(filed.case_id, "void")
    with pytest.raises(Conflict) as refusal:
        await _add(town, filed.receipt, description="在北门")
    assert refusal.value.code == "case_closed"
    other = await _reported(town, place=east_of(SPOT, 6000))
    town.clock.advance(hours=24, seconds=1)
    with pytest.raises(Conflict) as refusal:
        await _add(town, other.receipt, description="在北门")
    assert refusal.value.code == "too_late"


async def test_nothing_too_much_and_a_receipt_that_nobody_has_are_refused_in_words(town: Town) -> None:
    filed = await _reported(town, description="路边有人")
    for words, code in (("", "nothing_added"), ("很" * 8_000, "description_too_long")):
        with pytest.raises(Invalid) as refusal:
            await _add(town, filed.receipt, description=words)
        assert refusal.value.code == code
    with pytest.raises(NotFound):
        await _add(town, "2222-2222-2222", description="在北门")


async def test_a_reporter_sees_their_own_reports_of_a_month_and_nobody_elses(town: Town) -> None:
    old = await _reported(town, DRIVER, place=east_of(SPOT, 3000))
    town.clock.advance(days=31)
    mine = await _reported(town, DRIVER, people_count=2)
    await _reported(town, somebody("driver", id_="another"), place=east_of(SPOT, 6000))
    await _add(town, mine.receipt, DRIVER, description="在北门")
    (seen,) = await asking.own_reports(town.office, DRIVER, town.now)
    assert (seen.id, seen.status.receipt, seen.status.state) == (mine.sighting_id, mine.receipt, "received")
    assert (seen.people_count, seen.detailed_at) == (2, town.now)
    assert old.receipt not in str(seen)
    later = await asking.own_reports(town.office, DRIVER, town.now - timedelta(days=20))
    assert len(later) == 2
