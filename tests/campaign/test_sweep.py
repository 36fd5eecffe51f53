"""The sweep as it is done: cells laid out, tours given, ticked off by tracks, leased, due again; nothing lost and nobody held up."""

import asyncio
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.campaign import by_hand, coverage, finds, tours
from backend.campaign.sweep import CLAIMED_FOR
from backend.campaign.sweeping import Sweeping
from backend.clock import ManualClock, ScaledClock
from backend.dispatch.found import found_someone
from backend.errors import Conflict, NotFound
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.live.hub import tell
from backend.worker import Worker
from tests.campaign.sweeps_made import NIGHT, Swept, open_or_served, running
from tests.dispatch import builders
from tests.dispatch.builders import LEADER, SPOT, Town, east_of, officer


@pytest.fixture
async def town(db: AsyncEngine) -> Town:
    """Two teams near the spot, at night."""
    return await builders.town(db, ManualClock(NIGHT), 2)


@pytest.fixture
async def swept(town: Town) -> Swept:
    """A campaign over the ground around the spot, laid out and under way."""
    return await (await running(town)).begun()


async def test_when_a_campaign_begins_its_ground_is_laid_out_and_its_teams_are_sent(swept: Swept) -> None:
    cells = await swept.cells()
    assert len(cells) == swept.campaign.plan.cells
    assert {cell.state for cell in cells.values()} == {"due"}
    assert all(cell.why and cell.due_at > swept.town.now for cell in cells.values())
    tours = await swept.tours()
    assert {tour.team_id for tour in tours} == set(swept.town.teams)
    assert sorted(cell for tour in tours for cell in tour.cells) == sorted(cells), "each cell in exactly one tour"
    assert [tour.why for tour in tours] == ["first", "first"]
    assert await swept.kinds() == ["sweep.laid_out", "sweep.planned"]
    await swept.town.is_sound()


async def test_a_track_ticks_a_cell_off_held_while_the_team_is_there_and_covered_when_it_leaves(swept: Swept) -> None:
    team = swept.town.teams[0]
    cell = next(iter((await swept.cells()).values()))
    await swept.stays(team, cell)
    held = await swept.cell(cell.cell)
    assert (held.state, held.team_id) == ("leased", team)
    assert await swept.looks() == [], "it is still there"
    await swept.leaves(team)
    after = await swept.cell(cell.cell)
    assert (after.state, after.team_id, after.looks) == ("covered", None, 1)
    (look,) = await swept.looks()
    assert (look.by, look.team_id, look.ended_at) == ("track", team, after.looked_at)
    assert after.due_at > swept.town.now + timedelta(hours=1)
    assert await swept.kinds() == ["sweep.laid_out", "sweep.planned", "sweep.leased", "sweep.looked"]
    await swept.town.is_sound()


async def test_who_drives_by_or_is_only_near_the_edge_for_a_moment_covers_nothing(swept: Swept) -> None:
    team = swept.town.teams[0]
    cell = next(iter((await swept.cells()).values()))
    await swept.is_at(team, LonLat(cell.lon, cell.lat))
    await swept.turn(later=20)
    await swept.is_at(team, LonLat(cell.lon, cell.lat))
    await swept.turn()
    assert (await swept.cell(cell.cell)).state == "leased"
    await swept.leaves(team)
    after = await swept.cell(cell.cell)
    assert (after.state, after.looks, await swept.looks()) == ("due", 0, [])
    await swept.town.is_sound()


async def test_two_teams_in_one_cell_are_one_that_holds_it_and_both_have_looked(swept: Swept) -> None:
    one, other = swept.town.teams
    cell = next(iter((await swept.cells()).values()))
    await swept.stays(one, cell)
    await swept.stays(other, cell)
    assert (await swept.cell(cell.cell)).team_id == one
    await swept.leaves(one)
    await swept.is_at(other, LonLat(cell.lon, cell.lat))
    await swept.turn()
    assert (await swept.cell(cell.cell)).team_id == other, "whoever is still there holds it now"
    await swept.leaves(other)
    assert {look.team_id for look in await swept.looks()} == {one, other}
    assert (await swept.cell(cell.cell)).looks == 2
    await swept.town.is_sound()


async def test_a_lease_ends_with_its_time_though_the_team_stays_and_when_it_falls_silent(swept: Swept) -> None:
    one, other = swept.town.teams
    first, second, *_ = (await swept.cells()).values()
    await swept.stays(one, first, seconds=1300, step=60)
    assert (await swept.cell(first.cell)).state == "covered", "held for twenty minutes, and looked at since"
    await swept.stays(other, second)
    assert (await swept.cell(second.cell)).team_id == other
    await swept.turn(later=400)
    after = await swept.cell(second.cell)
    assert (after.state, after.looks) == ("covered", 1), "its phone says nothing more: what it saw before counts"
    await swept.town.is_sound()


async def test_a_team_that_takes_a_case_leaves_its_stops_to_the_others_and_comes_back_later(swept: Swept) -> None:
    town = swept.town
    case_id = await town.dispatched(SPOT)
    busy = (await town.case(case_id)).team_id
    assert busy is not None
    other = next(team for team in town.teams if team != busy)
    await swept.turn()
    ended = await swept.last("sweep.ended")
    assert ended.data["rows"]["sweep_tours"][0]["ended_because"] == "case"
    assert {tour.team_id for tour in await swept.tours()} == {other}
    assert await open_or_served(swept) == []
    await swept.turn(later=130)
    (tour,) = await swept.tours()
    assert sorted(tour.cells) == sorted(await swept.cells())
    assert tour.why == "case"
    await town.arrive(case_id)
    await town.handle(case_id)
    await swept.turn(times=2, later=130)
    assert {tour.team_id for tour in await swept.tours()} == set(town.teams)
    assert {tour.why for tour in await swept.tours()} == {"team_in"}
    await town.is_sound()


async def test_an_offer_changes_no_tour_until_it_is_taken(swept: Swept) -> None:
    before = await swept.tours()
    await swept.town.offered(SPOT)
    await swept.turn(times=2, later=20)
    assert await swept.tours() == before


async def test_a_team_that_goes_off_duty_holds_nothing_and_is_sent_nowhere(swept: Swept) -> None:
    one, other = swept.town.teams
    cell = next(iter((await swept.cells()).values()))
    await swept.stays(one, cell)
    await swept.town.on_duty(one, "off_duty")
    await swept.turn()
    after = await swept.cell(cell.cell)
    assert (after.state, after.team_id) == ("due", None), (
        "its stay has not been counted: nothing says yet that it is over"
    )
    await swept.turn(later=400)
    assert (await swept.cell(cell.cell)).looks in (0, 1)
    assert {tour.team_id for tour in await swept.tours()} == {other}
    assert (await swept.tour_of(other)).why == "team_out"
    await swept.town.is_sound()


async def test_tours_are_not_planned_anew_within_the_pause_whatever_happens(swept: Swept) -> None:
    planned = (await swept.kinds()).count("sweep.planned")
    await swept.town.on_duty(swept.town.teams[0], "off_duty")
    await swept.turn(times=5, later=15)
    assert (await swept.kinds()).count("sweep.planned") == planned
    await swept.turn(times=3, later=30)
    assert (await swept.kinds()).count("sweep.planned") == planned + 1


async def test_a_covered_cell_waits_again_when_most_of_its_time_is_used_and_is_overdue_after(swept: Swept) -> None:
    cell = await swept.sees(swept.town.teams[0], next(iter((await swept.cells()).values())))
    assert cell.looked_at is not None
    length = cell.due_at - cell.looked_at
    swept.clock.set(cell.looked_at + 0.79 * length)
    await swept.turn(later=0)
    assert (await swept.cell(cell.cell)).state == "covered"
    swept.clock.set(cell.looked_at + 0.81 * length)
    await swept.turn(later=0)
    after = await swept.cell(cell.cell)
    assert after.state == "due"
    assert after.unserved_since is not None or cell.cell in (await swept.tours())[0].cells
    assert await open_or_served(swept) == []
    await swept.town.is_sound()


async def test_cells_that_fell_due_again_are_given_to_somebody(swept: Swept) -> None:
    cells = await swept.cells()
    for cell in list(cells.values())[:3]:
        await swept.sees(swept.town.teams[0], cell)
    await swept.turn(later=6500)
    await swept.turn(times=3, later=130)
    served = [cell for tour in await swept.tours() for cell in tour.cells]
    assert sorted(served) == sorted(cells)
    assert len(served) == len(set(served))
    await swept.town.is_sound()


async def test_late_positions_count_at_their_own_time_and_a_fresh_worker_sees_the_same(swept: Swept) -> None:
    team = swept.town.teams[0]
    cell = next(iter((await swept.cells()).values()))
    there = swept.town.now
    await swept.turn(later=600)
    await swept.is_at(team, SPOT)
    await swept.turn(times=2)
    moments = [there + timedelta(seconds=s) for s in (10, 40, 70)]
    await swept.is_at(team, LonLat(cell.lon, cell.lat), *moments)
    fresh = Worker(swept.town.office, swept.clock)
    await swept.turn(fresh)
    (look,) = await swept.looks()
    assert (look.began_at, look.ended_at) == (moments[0], moments[-1])
    assert (await swept.cell(cell.cell)).looked_at == moments[-1]
    await swept.turn(Worker(swept.town.office, swept.clock), times=3)
    assert await swept.looks() == [look]
    await swept.town.is_sound()


async def test_a_milder_plan_drops_what_lies_outside_and_loses_nothing_that_was_done(swept: Swept) -> None:
    cells = await swept.cells()
    ranked = sorted(cells.values(), key=lambda cell: (-cell.score, cell.cell))
    best, worst = ranked[0], ranked[-1]
    seen = await swept.sees(swept.town.teams[0], worst)
    await swept.becomes("campaign.downgraded", plan={"cells": 5, "sweep_every_s": 14400.0})
    await swept.turn(times=3)
    after = await swept.cells()
    dropped = [cell for cell in after.values() if cell.state == "dropped"]
    assert len(after) == len(cells)
    assert len(dropped) == len(cells) - 5
    assert {cell.dropped_because for cell in dropped} == {"outside"}
    assert after[best.cell].state == "due"
    assert (after[worst.cell].looks, after[worst.cell].looked_at) == (1, seen.looked_at)
    await swept.turn(times=2, later=120)
    assert all(after[cell].state != "dropped" for tour in await swept.tours() for cell in tour.cells)
    await swept.becomes(plan={"cells": 12, "sweep_every_s": 3600.0})
    await swept.turn(times=3, later=60)
    again = await swept.cells()
    assert {cell.state for cell in again.values()} == {"due", "covered"}
    assert again[worst.cell].state == "covered", "it was looked at less than an hour ago"
    assert await open_or_served(swept) == []
    await swept.town.is_sound()


async def test_ground_that_is_added_is_laid_out_and_counts_from_then(swept: Swept) -> None:
    before = await swept.cells()
    await swept.becomes(plan={"cells": 60}, ground=2000)
    await swept.turn(times=2)
    after = await swept.cells()
    fresh = after.keys() - before.keys()
    assert len(after) == 60
    assert all(after[cell].due_at == after[cell].laid_at + timedelta(hours=2) for cell in fresh)
    assert (await swept.last("sweep.laid_out")).data["why"] == "warning"


async def test_when_the_campaign_is_over_nobody_is_sent_anywhere_and_what_was_done_stays(swept: Swept) -> None:
    one, other = swept.town.teams
    first, second, *_ = (await swept.cells()).values()
    quiet = swept.town.now
    await swept.turn(later=300)
    await swept.sees(one, first)
    await swept.stays(other, second)
    await swept.closes()
    await swept.turn()
    cells = await swept.cells()
    assert await swept.tours() == []
    assert {cell.state for cell in cells.values()} <= {"due", "covered"}
    assert (cells[first.cell].looks, cells[second.cell].looks) == (1, 1), "who was there at the end has looked"
    late = quiet + timedelta(minutes=1)
    third = list(cells.values())[2]
    await swept.is_at(one, LonLat(third.lon, third.lat), *(late + timedelta(seconds=s) for s in (0, 30, 60)))
    await swept.turn()
    assert (await swept.cell(third.cell)).looks == 1, "what a phone sends late of its time still counts"
    kinds = await swept.kinds()
    await swept.turn(times=3, later=60)
    assert await swept.kinds() == kinds, "and then there is silence"
    await swept.town.is_sound()


async def test_only_one_of_two_workers_lays_out_and_plans(town: Town) -> None:
    swept = await running(town)
    workers = [Worker(town.office, town.clock) for _ in range(3)]
    for _ in range(4):
        swept.clock.advance(seconds=6)
        await asyncio.gather(*(worker.sweeping.turn() for worker in workers))
        await asyncio.gather(*(worker.sweeping.finish() for worker in workers))
    assert await swept.kinds() == ["sweep.laid_out", "sweep.planned"]
    await town.is_sound()


async def _is_busy(worker: Worker, what: str) -> None:
    while not worker.sweeping.is_busy(what):  # noqa: ASYNC110 - nothing tells that it has begun
        await asyncio.sleep(0.01)


async def test_a_worker_that_dies_while_it_plans_leaves_the_planning_to_another(town: Town) -> None:
    swept = await running(town)
    dying = Worker(town.office, town.clock)
    await dying.sweeping.turn()
    await asyncio.sleep(0)
    await _is_busy(dying, "lay_out")
    await dying.sweeping.aclose()
    await swept.turn()
    assert await swept.cells() == {}, "the claim stands for a minute"
    await swept.turn(times=4, later=30)
    assert len(await swept.cells()) == 12
    assert len(await swept.tours()) == 2


async def test_a_case_is_offered_while_tours_are_being_planned(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    swept = await running(town)
    real, offered = tours.plan_tours, threading.Event()

    def slow(*given: Any, **more: Any) -> tours.Plan:
        assert offered.wait(60)
        return real(*given, **more)

    monkeypatch.setattr(tours, "plan_tours", slow)
    await swept.turn()
    swept.clock.advance(seconds=6)
    case_id = await town.accepted(SPOT)
    await town.worker.sweeping.turn()
    await _is_busy(town.worker, "plan")
    await town.worker.turn()
    assert await town.live_offer(case_id) is not None
    assert town.worker.sweeping.is_busy("plan")
    offered.set()
    await town.worker.sweeping.finish()


async def test_a_campaign_without_a_free_team_says_that_its_cells_are_served_by_nobody(town: Town) -> None:
    for team in town.teams:
        await town.on_duty(team, "off_duty")
    swept = await running(town)
    await swept.turn(times=3)
    cells = await swept.cells()
    assert len(cells) == 12
    assert all(cell.unserved_since is not None for cell in cells.values())
    await town.on_duty(town.teams[0])
    await swept.turn(times=2)
    assert all(cell.unserved_since is None for cell in (await swept.cells()).values())
    await town.is_sound()


async def test_two_campaigns_over_one_ground_share_teams_and_no_cell_is_held_by_two(town: Town) -> None:
    swept = await running(town)
    other = await running(town, number="Z2")
    await swept.turn(times=4)
    tours = [*await swept.tours(), *await other.tours()]
    assert len({tour.team_id for tour in tours}) == len(tours)
    cell = next(iter((await swept.cells()).values()))
    await swept.stays(town.teams[0], cell)
    await swept.stays(town.teams[1], cell)
    holders = {(await one.cell(cell.cell)).team_id for one in (swept, other)}
    assert holders == {town.teams[0]}
    await swept.leaves(town.teams[0])
    assert (await swept.cell(cell.cell)).looks == (await other.cell(cell.cell)).looks == 1
    await town.is_sound()


async def test_a_team_that_makes_no_progress_is_thought_to_have_strayed(swept: Swept) -> None:
    for team in swept.town.teams:
        await swept.is_at(team, east_of(SPOT, 20_000))
    await swept.turn(times=2, later=4000)
    planned = await swept.last("sweep.planned")
    assert planned.data["why"] == "strayed"


# --- by hand ---------------------------------------------------------------------------------------------------------


async def test_a_look_by_hand_needs_a_reason_that_the_log_does_not_tell_and_is_worth_less(swept: Swept) -> None:
    town, team = swept.town, swept.town.teams[0]
    cell = next(iter((await swept.cells()).values()))
    place = east_of(LonLat(cell.lon, cell.lat), 40)
    wanted = town.by(officer(team), id_=new_id())
    answer = await by_hand.look(town.office, swept.campaign.id, cell.cell, "地下室无信号", team, wanted, place=place)
    assert (answer.state, answer.looked_at) == ("covered", town.now)
    again = await by_hand.look(town.office, swept.campaign.id, cell.cell, "地下室无信号", team, wanted, place=place)
    assert again == answer
    (look,) = await swept.looks()
    assert (look.by, look.reason) == ("hand", "地下室无信号")
    assert look.off_by_m == pytest.approx(40, abs=2)
    assert look.detection < 0.5
    told = await swept.last("sweep.looked")
    assert "无信号" not in str(told.data)
    assert told.actor["id"] == officer(team).id
    await town.is_sound()


async def test_a_look_by_hand_from_before_counts_at_its_own_time_and_not_outside_the_campaign(swept: Swept) -> None:
    town, team = swept.town, swept.town.teams[0]
    first, second, *_ = await swept.cells()
    then = town.now
    swept.clock.advance(minutes=40)
    offline = town.by(officer(team), id_=new_id(), at=then)
    answer = await by_hand.look(town.office, swept.campaign.id, first, "没有网络", team, offline)
    assert answer.looked_at == then
    before = town.by(officer(team), id_=new_id(), at=swept.campaign.proposed_at - timedelta(hours=1))
    with pytest.raises(Conflict, match="not running"):
        await by_hand.look(town.office, swept.campaign.id, second, "没有网络", team, before)
    await swept.closes()
    late = town.by(officer(team), id_=new_id(), at=then)
    assert (await by_hand.look(town.office, swept.campaign.id, second, "没有网络", team, late)).looked_at == then
    with pytest.raises(Conflict, match="not part of"):
        await by_hand.look(town.office, swept.campaign.id, "8930e1d8a5bffff", "没有网络", team, town.by(officer(team)))
    await town.is_sound()


async def test_who_cannot_reach_a_cell_leaves_it_to_another_and_when_two_say_so_it_is_dropped(swept: Swept) -> None:
    town, (one, other) = swept.town, swept.town.teams
    mine = (await swept.tour_of(one)).cells[0]
    wanted = town.by(officer(one), id_=new_id())
    first = await by_hand.pass_by(town.office, swept.campaign.id, mine, "围挡封闭", one, wanted)
    assert first.state == "due"
    assert await by_hand.pass_by(town.office, swept.campaign.id, mine, "围挡封闭", one, wanted) == first
    assert mine not in (await swept.tour_of(one)).cells
    assert (await swept.cell(mine)).unserved_since is not None
    await swept.turn(times=2, later=700)
    assert mine in (await swept.tour_of(other)).cells, "and never back to who could not"
    second = await by_hand.pass_by(town.office, swept.campaign.id, mine, "水淹", other, town.by(officer(other)))
    assert second.state == "dropped"
    assert (await swept.cell(mine)).dropped_because == "unreachable"
    seen = await swept.sees(one, await swept.cell(mine))
    assert (seen.state, seen.dropped_because) == ("covered", None), "somebody was there: it can be reached"
    assert "围挡" not in str([event.data for event in await town.events()])
    await town.is_sound()


async def test_only_the_own_team_says_something_of_its_sweep(swept: Swept) -> None:
    one, other = swept.town.teams
    cell = next(iter(await swept.cells()))
    with pytest.raises(NotFound):
        await by_hand.look(swept.town.office, swept.campaign.id, cell, "看过", one, swept.town.by(officer(other)))


# --- finding somebody ------------------------------------------------------------------------------------------------


async def found(swept: Swept, team: UUID, place: LonLat, said: UUID | None = None) -> UUID | None:
    """The campaign of the case of somebody whom the team finds there."""
    town, case_id = swept.town, new_id()
    report = town.report(officer(team), place)
    campaign_id = await finds.campaign_of_find(town.office, team, report, town.now, said=said)
    wanted = town.by(officer(team))
    await found_someone(town.office, report, case_id, team, wanted, campaign_id=campaign_id)
    case = await town.case(case_id)
    assert (await town.events(case_id))[0].data["rows"]["cases"][0]["campaign_id"] == (
        str(case.campaign_id) if case.campaign_id else None
    )
    await town.handle(case_id)
    return case.campaign_id


async def test_somebody_found_on_a_tour_belongs_to_its_campaign_though_the_phone_does_not_say_so(swept: Swept) -> None:
    one, other = swept.town.teams
    assert await found(swept, one, SPOT) == swept.campaign.id
    assert await found(swept, other, east_of(SPOT, 9_000)) is None, "not on its ground"
    assert await found(swept, other, east_of(SPOT, 9_000), said=swept.campaign.id) == swept.campaign.id
    assert await found(swept, other, SPOT, said=new_id()) == swept.campaign.id, (
        "a campaign that is not known refuses nobody"
    )
    await swept.town.is_sound()


# --- what screens and phones are shown -------------------------------------------------------------------------------


async def test_coverage_says_how_every_cell_stands_and_what_is_in_time(swept: Swept) -> None:
    town, (one, other) = swept.town, swept.town.teams
    first, second, third, *_ = (await swept.cells()).values()
    await swept.sees(one, first)
    await swept.stays(other, second)
    await by_hand.pass_by(town.office, swept.campaign.id, third.cell, "封闭", one, town.by(officer(one)))
    async with town.office.db.connect() as tx:
        seen = await coverage.coverage(tx, town.office, LEADER, swept.campaign.id, town.now)
    assert (seen.totals.cells, seen.totals.covered, seen.totals.leased, seen.totals.due) == (12, 1, 1, 10)
    assert seen.totals.in_time_share == pytest.approx(1 / 12, abs=0.001)
    assert [tour.team_id for tour in seen.tours] == sorted(town.teams, key=str)
    assert all(len(tour.cells) == len(tour.minutes) for tour in seen.tours)
    later = town.now + timedelta(hours=3)
    async with town.office.db.connect() as tx:
        late = await coverage.coverage(tx, town.office, LEADER, swept.campaign.id, later)
        file = await coverage.cell_file(tx, town.office, LEADER, swept.campaign.id, first.cell, town.now)
        passed = await coverage.cell_file(tx, town.office, LEADER, swept.campaign.id, third.cell, town.now)
    assert (late.totals.overdue, late.totals.in_time_share) == (11, 0.0)
    assert [look.team_id for look in file.looks] == [one]
    assert all(part.zh and part.en for part in file.why)
    assert [(said.team_id, said.reason) for said in passed.passes] == [(one, "封闭")]


async def test_a_crew_sees_its_own_tour_with_what_is_left_first_and_its_task_says_that_there_is_one(
    swept: Swept,
) -> None:
    town, team = swept.town, swept.town.teams[0]
    tour = await swept.tour_of(team)
    await swept.sees(team, await swept.cell(tour.cells[0]))
    async with town.office.db.connect() as tx:
        mine = await coverage.my_sweep(tx, town.office, officer(team), team, town.now)
        hint = await coverage.hint(tx, town.office, team)
    assert mine.campaign is not None
    assert mine.tour is not None
    assert (mine.campaign.number, mine.campaign.supplies) == ("Z1", {"hot_food": 1})
    assert [stop.cell for stop in mine.tour.stops] == [*tour.cells[1:], tour.cells[0]]
    assert mine.tour.left == len(tour.cells) - 1
    assert all(len(stop.boundary) >= 5 and stop.why for stop in mine.tour.stops)
    assert hint is not None
    assert (hint.campaign_id, hint.number) == (swept.campaign.id, "Z1")
    await swept.closes()
    await swept.turn()
    async with town.office.db.connect() as tx:
        nothing = await coverage.my_sweep(tx, town.office, officer(team), team, town.now)
    assert (nothing.campaign, nothing.tour) == (None, None)


@pytest.mark.invariant("I11")
async def test_cells_laid_out_are_not_sent_to_every_screen(swept: Swept) -> None:
    laid_out = await swept.last("sweep.laid_out")
    assert len(laid_out.data["rows"]["sweep_cells"]) == 12
    told = tell(laid_out).message
    assert "sweep_cells" not in told
    assert len(told) < 1_500
    looked = await swept.last("sweep.planned")
    assert "sweep_tours" in tell(looked).message


def test_a_claim_holds_by_the_machine_s_time_however_fast_the_office_s_runs(town: Town) -> None:
    """Planning takes seconds: at ten times the speed of life a claim of a minute would be over before it is through."""
    assert Sweeping(town.office, ScaledClock(NIGHT, NIGHT, 10.0))._claimed_for == 10 * CLAIMED_FOR
    assert Sweeping(town.office, ManualClock(NIGHT))._claimed_for == CLAIMED_FOR
