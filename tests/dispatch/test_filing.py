"""Filing: what becomes of reports, alone and together."""

import asyncio

import pytest

from backend import db as tables
from backend.access.actor import PUBLIC
from backend.dispatch import desk
from backend.dispatch.filing import file_reports
from backend.dispatch.group_filing import Filing
from backend.errors import Conflict
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.intake.looks import Looks
from tests.dispatch.at_once import at_once
from tests.dispatch.builders import (
    CONTACT,
    DISPATCHER,
    GRID_WORKER,
    OPERATOR,
    PARTNER,
    SPOT,
    Town,
    east_of,
)

OLD_MAN = Looks(sex="male", age_band="old", posture="lying", colours=("red", "black"), belongings=("bag",))
"""Looks that, at one place and time, are enough to join by rule."""
YOUNG_WOMAN = Looks(sex="female", age_band="adult", posture="lying", colours=("red", "black"), belongings=("bag",))


async def test_a_report_from_the_public_waits_for_a_person_to_accept_it(town: Town) -> None:
    case = await town.case(await town.filed(PUBLIC))
    assert (case.stage, case.search_at) == ("discovered", None)
    assert await town.kinds(case.id) == ["case.opened"]


@pytest.mark.parametrize("by", [OPERATOR, GRID_WORKER, PARTNER], ids=lambda actor: actor.roles[0])
async def test_a_report_from_a_trusted_source_is_accepted_by_rule_and_searched_for_at_once(town: Town, by) -> None:  # type: ignore[no-untyped-def]
    case = await town.case(await town.filed(by))
    assert (case.stage, case.search_at) == ("accepted", town.now)
    assert await town.kinds(case.id) == ["case.opened", "case.accepted"]
    assert {kind for kind, clock in (await town.clocks(case.id)).items() if clock.state == "running"} == {
        "on_spot",
        "whole",
    }


@pytest.mark.invariant("I8")
async def test_a_report_sent_again_gets_its_first_receipt(town: Town) -> None:
    report = town.report(OPERATOR, id=new_id())
    (first,) = await town.file(report)
    town.clock.advance(minutes=5)
    again = town.report(OPERATOR, id=report.sighting.id)
    (second,) = await town.file(again)
    assert (second.receipt, second.case_id, second.repeated) == (first.receipt, first.case_id, True)
    assert len(await town.rows(tables.sightings)) == 1
    assert len(await town.events()) == 3 + 2


@pytest.mark.parametrize("change", ["place", "reporter"])
async def test_an_id_that_stands_for_another_report_is_refused(town: Town, change: str) -> None:
    id_ = new_id()
    await town.file(town.report(OPERATOR, id=id_))
    other = {
        "place": town.report(OPERATOR, east_of(SPOT, 50), id=id_),
        "reporter": town.report(DISPATCHER, id=id_, channel="hotline"),
    }[change]
    with pytest.raises(Conflict) as refused:
        await town.file(other)
    assert refused.value.code == "id_reused"


@pytest.mark.invariant("I16")
async def test_two_reports_that_reach_the_desk_together_under_one_id_are_not_taken_for_one(town: Town) -> None:
    """Whoever gets a receipt has a sighting of their own words; the other one is told to make a new id."""
    id_, filing = new_id(), Filing(town.office)
    mine, theirs = town.report(OPERATOR, id=id_), town.report(GRID_WORKER, east_of(SPOT, 700), id=id_)
    done, refused = await at_once(filing.file(mine), filing.file(theirs))
    assert [one.code for one in refused] == ["id_reused"]
    (kept,) = await town.rows(tables.sightings)
    assert kept["receipt"] == done[0].receipt
    assert kept["reporter"] in (OPERATOR.id, GRID_WORKER.id)


async def test_a_second_report_of_the_same_person_joins_the_case(town: Town) -> None:
    (first,) = await town.file(town.report(OPERATOR, looks=OLD_MAN))
    town.clock.advance(minutes=3)
    (second,) = await town.file(town.report(GRID_WORKER, east_of(SPOT, 10), looks=OLD_MAN))
    assert (second.case_id, second.known) == (first.case_id, True)
    assert second.receipt != first.receipt
    case = await town.case(first.case_id)
    assert (case.sighting_count, case.last_seen_at, case.lon) == (2, town.now, east_of(SPOT, 10).lon)
    (told,) = [event for event in await town.events(case.id) if event.kind == "case.sighting_joined"]
    assert told.data["score"] >= town.office.city.policy.intake.auto_join_at
    links = await town.rows(tables.case_sightings, joined_by="rule")
    assert {reason["code"] for reason in links[0]["reasons"]} >= {"same_place", "sex_agrees", "colours_agree"}
    await town.is_sound()


async def test_a_report_that_is_only_alike_opens_a_case_and_suggests_the_other(town: Town) -> None:
    first = await town.accepted()
    second = await town.accepted(east_of(SPOT, 10))
    assert first != second
    (suggested,) = await town.rows(tables.suggestions)
    assert (suggested["case_id"], suggested["other_case_id"], suggested["state"]) == (second, first, "open")
    assert suggested["score"] >= town.office.city.policy.intake.suggest_at
    assert suggested["reasons"]


async def test_a_contradiction_in_looks_is_never_joined_by_rule(town: Town) -> None:
    first = await town.accepted(looks=OLD_MAN)
    assert await town.accepted(looks=YOUNG_WOMAN) != first


async def test_reports_far_apart_in_place_or_time_are_two_cases(town: Town) -> None:
    first = await town.accepted(looks=OLD_MAN)
    assert await town.accepted(east_of(SPOT, 5000), looks=OLD_MAN) != first
    town.clock.advance(hours=25)
    assert await town.accepted(looks=OLD_MAN) != first


async def test_two_reports_of_one_person_in_one_batch_see_each_other(town: Town) -> None:
    receipts = await town.file(
        town.report(OPERATOR, looks=OLD_MAN),
        town.report(GRID_WORKER, east_of(SPOT, 4000)),
        town.report(GRID_WORKER, east_of(SPOT, 5), looks=OLD_MAN),
    )
    assert [receipt.known for receipt in receipts] == [False, False, True]
    assert receipts[2].case_id == receipts[0].case_id
    assert (await town.case(receipts[0].case_id)).sighting_count == 2
    await town.is_sound()


async def test_a_joined_report_raises_the_danger_and_never_lowers_it(town: Town) -> None:
    case_id = await town.accepted(looks=OLD_MAN)
    assert (await town.case(case_id)).priority == "normal"
    await town.file(town.report(GRID_WORKER, looks=OLD_MAN, dangers=["unconscious"]))
    raised = await town.case(case_id)
    assert (raised.priority, raised.dangers, raised.call_first) == ("critical", ["unconscious"], ["120"])
    await town.file(town.report(OPERATOR, looks=OLD_MAN))
    after = await town.case(case_id)
    assert (after.priority, after.dangers, after.call_first) == ("critical", ["unconscious"], ["120"])
    assert [e.data["raised"] for e in await town.events(case_id) if e.kind == "case.sighting_joined"] == [True, False]


async def test_a_report_from_outside_the_city_is_taken_flagged_and_left_to_a_person(town: Town) -> None:
    (receipt,) = await town.file(town.report(OPERATOR, LonLat(123.4, 41.8)))
    case = await town.case(receipt.case_id)
    assert (case.stage, case.in_area, case.regions) == ("discovered", False, ["210200"])
    assert [warning["code"] for warning in receipt.warnings] != []


async def test_a_case_that_has_ended_takes_no_report_and_does_not_hide_the_open_one(town: Town) -> None:
    """Somebody who was helped this morning and is seen again: one new case, not one for every report."""
    ended = await town.verified(looks=OLD_MAN)
    town.clock.advance(minutes=10)
    (second,) = await town.file(town.report(OPERATOR, looks=OLD_MAN))
    (third,) = await town.file(town.report(GRID_WORKER, looks=OLD_MAN))
    assert second.case_id != ended
    assert (third.case_id, third.known) == (second.case_id, True)


async def test_a_case_that_waits_to_be_verified_takes_no_new_report(town: Town) -> None:
    handled = await town.handled(looks=OLD_MAN)
    (receipt,) = await town.file(town.report(GRID_WORKER, looks=OLD_MAN))
    assert receipt.case_id != handled


@pytest.mark.invariant("I16")
async def test_one_bad_report_in_a_batch_does_not_cost_the_others_their_receipts(town: Town) -> None:
    taken = new_id()
    await town.file(town.report(OPERATOR, id=taken))
    filing = Filing(town.office)
    good = [town.report(OPERATOR, east_of(SPOT, 2000 + 300 * n)) for n in range(6)]
    bad = town.report(GRID_WORKER, east_of(SPOT, 90), id=taken)
    done, refused = await at_once(*(filing.file(report) for report in [*good[:3], bad, *good[3:]]))
    assert [receipt.sighting_id for receipt in done] == [report.sighting.id for report in good]
    assert [one.code for one in refused] == ["id_reused"]
    assert len(await town.rows(tables.sightings)) == 7
    await town.is_sound()


async def test_reports_that_wait_share_a_commit(town: Town) -> None:
    filing = Filing(town.office)
    await asyncio.gather(*(filing.file(town.report(OPERATOR, east_of(SPOT, 500 * n))) for n in range(10)))
    recorded = await town.run_scalar("SELECT count(DISTINCT xmin::text) FROM sightings")
    assert recorded <= 2


async def test_a_reporter_who_hangs_up_costs_nobody_else_anything(town: Town) -> None:
    filing = Filing(town.office)
    waiting = [asyncio.create_task(filing.file(town.report(OPERATOR, east_of(SPOT, 500 * n)))) for n in range(5)]
    await asyncio.sleep(0)
    waiting[2].cancel()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [False, False, True, False, False]


async def test_numbers_count_from_one_every_day_and_a_failed_filing_leaves_no_hole(town: Town) -> None:
    taken = new_id()
    await town.file(town.report(OPERATOR, id=taken))
    with pytest.raises(Conflict):
        await town.file(town.report(OPERATOR, east_of(SPOT, 900)), town.report(OPERATOR, east_of(SPOT, 30), id=taken))
    await town.file(town.report(OPERATOR, east_of(SPOT, 3000)), town.report(OPERATOR, east_of(SPOT, 6000)))
    town.clock.advance(days=1)
    await town.file(town.report(OPERATOR, east_of(SPOT, 3000)))
    numbers = sorted(row["number"] for row in await town.rows(tables.cases))
    assert numbers == [2016091900001, 2016091900002, 2016091900003, 2016092000001]


async def test_a_filing_across_midnight_numbers_by_its_last_moment(town: Town) -> None:
    town.clock.advance(hours=17, minutes=59, seconds=59)
    early = town.report(OPERATOR)
    town.clock.advance(seconds=2)
    await file_reports(town.office, [early, town.report(OPERATOR, east_of(SPOT, 4000))])
    assert sorted(row["number"] for row in await town.rows(tables.cases)) == [2016092000001, 2016092000002]


async def test_the_log_tells_nothing_of_who_reported_or_what_they_wrote(town: Town) -> None:
    words = "老人自称姓张，住在码头"
    report = town.report(OPERATOR, description=words, contact=CONTACT, recording_ref="rec/2016/1.wav")
    await town.file(report)
    said = await town.run_scalar("SELECT string_agg(data::text, ' ') FROM events")
    for secret in (words, "13900000000", "rec/2016", report.sighting.receipt):
        assert secret not in said
    (contact,) = await town.rows(tables.sighting_contacts)
    assert (contact["phone"], contact["recording_ref"]) == ("13900000000", "rec/2016/1.wav")


async def test_every_reporter_reads_how_far_their_report_has_come(town: Town) -> None:
    (receipt,) = await town.file(town.report(PUBLIC))
    said = [await town.status(receipt.receipt)]
    await desk.accept_case(town.office, receipt.case_id, town.by(DISPATCHER))
    said.append(await town.status(receipt.receipt))
    await town.worker.turn()
    await town.take(receipt.case_id)
    said.append(await town.status(receipt.receipt))
    await town.arrive(receipt.case_id)
    said.append(await town.status(receipt.receipt))
    await town.handle(receipt.case_id)
    said.append(await town.status(receipt.receipt))
    await town.verify(receipt.case_id)
    said.append(await town.status(receipt.receipt))
    assert said == ["received", "accepted", "on_the_way", "on_the_spot", "done", "closed"]
