"""A dispatcher who knows better than the machine: assigns, takes back, widens; and the teams that hear of it."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.clock import ManualClock
from backend.dispatch import desk
from backend.errors import Conflict, NotFound
from backend.ids import new_id
from tests.dispatch.builders import DISPATCHER, LEADER, SPOT, Town, east_of
from tests.dispatch.test_searching import live, town_at


async def test_a_dispatcher_sends_another_team_than_the_one_being_asked(town: Town) -> None:
    case_id = await town.offered()
    asked = await live(town, case_id)
    other = town.teams[2]
    await desk.assign_team(town.office, case_id, other, "熟悉此人", town.by(DISPATCHER))
    case = await town.case(case_id)
    assert (case.stage, case.team_id) == ("dispatched", other)
    assert [(one.team_id, one.state) for one in await town.offers(case_id)] == [
        (asked.team_id, "withdrawn"),
        (other, "accepted"),
    ]
    assert await town.kinds(case_id) == [
        "case.opened", "case.accepted", "offer.made", "offer.withdrawn", "case.assigned",
    ]  # fmt: skip
    await town.is_sound()


async def test_a_dispatcher_may_send_the_very_team_that_is_being_asked(town: Town) -> None:
    case_id = await town.offered()
    asked = await live(town, case_id)
    await desk.assign_team(town.office, case_id, asked.team_id, "已电话确认", town.by(DISPATCHER))
    assert (await town.case(case_id)).team_id == asked.team_id
    await town.is_sound()


async def test_a_dispatcher_may_send_a_team_that_has_declined(town: Town) -> None:
    case_id = await town.offered()
    declined = await town.decline(case_id)
    await desk.assign_team(town.office, case_id, declined, "电话商定", town.by(DISPATCHER))
    assert (await town.case(case_id)).team_id == declined
    await town.is_sound()


async def test_a_case_can_go_from_team_to_team_and_back(town: Town) -> None:
    case_id = await town.dispatched()
    for team_id in (town.teams[1], town.teams[0], town.teams[1]):
        await desk.assign_team(town.office, case_id, team_id, "改派", town.by(DISPATCHER))
        assert (await town.case(case_id)).team_id == team_id
    await town.is_sound()


async def test_a_case_reassigned_on_the_spot_closes_the_first_teams_visit(town: Town) -> None:
    case_id = await town.arrived()
    await desk.assign_team(town.office, case_id, town.teams[1], "改派", town.by(DISPATCHER))
    (visit,) = await town.rows(tables.handlings)
    assert visit["verdict"] == "abandoned"
    await town.arrive(case_id)
    await town.handle(case_id)
    await town.verify(case_id)
    assert sorted(row["verdict"] for row in await town.rows(tables.handlings)) == ["abandoned", "passed"]
    await town.is_sound()


async def test_a_team_off_duty_or_with_a_case_cannot_be_sent(town: Town) -> None:
    busy = await town.dispatched()
    case_id = await town.accepted(east_of(SPOT, 2000))
    taken = (await town.case(busy)).team_id
    assert taken is not None
    await town.on_duty(town.teams[2], "off_duty")
    for team_id in (taken, town.teams[2]):
        with pytest.raises(Conflict) as refused:
            await desk.assign_team(town.office, case_id, team_id, "近", town.by(DISPATCHER))
        assert refused.value.code == "team_not_free"
    with pytest.raises(NotFound):
        await desk.assign_team(town.office, case_id, new_id(), "近", town.by(DISPATCHER))


@pytest.mark.parametrize("so_far", ["offered", "dispatched"])
async def test_the_machine_does_not_give_a_case_back_to_the_team_it_was_taken_from(town: Town, so_far: str) -> None:
    case_id = await (town.offered() if so_far == "offered" else town.dispatched())
    (first,) = await town.offers(case_id)
    await desk.withdraw_team(town.office, case_id, "车辆另有任务", town.by(DISPATCHER))
    await town.worker.turn()
    assert (await live(town, case_id)).team_id != first.team_id


async def test_the_machine_does_not_give_a_case_back_to_the_team_that_returned_it(town: Town) -> None:
    case_id = await town.dispatched()
    (first,) = await town.offers(case_id)
    await town.granted(case_id, "return")
    await town.worker.turn()
    assert (await live(town, case_id)).team_id != first.team_id


async def test_a_team_taken_off_is_free_at_once(town: Town) -> None:
    case_id = await town.dispatched()
    taken = (await town.case(case_id)).team_id
    assert taken is not None
    await desk.withdraw_team(town.office, case_id, "另有任务", town.by(LEADER))
    await desk.assign_team(town.office, await town.accepted(east_of(SPOT, 3000)), taken, "近", town.by(DISPATCHER))
    await town.is_sound()


async def test_widening_looks_farther_now_and_asks_everybody_anew(db: AsyncEngine, clock: ManualClock) -> None:
    town = await town_at(db, clock, 5, 45)
    case_id = await town.offered()
    declined = await town.decline(case_id)
    for expected in (1, 2, 3):
        await desk.widen_search(town.office, case_id, town.by(DISPATCHER))
        assert (await town.case(case_id)).search_phase == expected
    await town.worker.turn()
    assert (await live(town, case_id)).team_id == declined
    await town.is_sound()


async def test_widening_takes_the_live_offer_back(town: Town) -> None:
    case_id = await town.offered()
    await desk.widen_search(town.office, case_id, town.by(DISPATCHER))
    assert [one.state for one in await town.offers(case_id)] == ["withdrawn"]


async def test_a_team_that_is_sent_or_taken_off_by_a_dispatcher_is_told(town: Town) -> None:
    case_id = await town.accepted()
    first, second = town.teams[1], town.teams[2]
    await desk.assign_team(town.office, case_id, first, "近", town.by(DISPATCHER))
    await desk.assign_team(town.office, case_id, second, "更近", town.by(DISPATCHER))
    await desk.withdraw_team(town.office, case_id, "另有安排", town.by(DISPATCHER))
    told = [(one["to"], one["kind"]) for one in await town.notices() if one["to"].startswith("team:")]
    assert told == [
        (f"team:{first}", "case.assigned"),
        (f"team:{second}", "case.assigned"),
        (f"team:{first}", "case.taken_off"),
        (f"team:{second}", "case.taken_off"),
    ]


@pytest.mark.parametrize("how", ["suspend", "void", "return", "join"])
async def test_a_team_whose_case_ends_on_the_way_is_told(town: Town, how: str) -> None:
    case_id = await town.dispatched()
    team_id = (await town.case(case_id)).team_id
    if how == "join":
        into = await town.accepted(east_of(SPOT, 5000))
        await desk.join_cases(town.office, case_id, into, "同一人", town.by(DISPATCHER))
    else:
        await town.granted(case_id, how)
    assert [one["to"] for one in await town.notices("case.taken_off")] == [f"team:{team_id}"]
