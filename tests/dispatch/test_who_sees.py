"""Who sees what of the loop: the SQL of the lists, the rule of permissions and the live feed say the same (I10)."""

from uuid import UUID

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access.actor import PUBLIC, SYSTEM, Actor
from backend.access.permissions import allowed, scopes
from backend.clock import ManualClock
from backend.dispatch import board, desk
from backend.dispatch.board import CaseFilter
from backend.live.visibility import action_of, may_see
from tests.dispatch import builders
from tests.dispatch.builders import (
    CITY,
    DISPATCHER,
    EAST,
    GRID_WORKER,
    OPERATOR,
    PARTNER,
    SPOT,
    WEST,
    Town,
    east_of,
    officer,
    somebody,
    team,
)


@pytest.fixture
async def busy_town(db: AsyncEngine, clock: ManualClock) -> Town:
    """Cases of many reporters in both districts and in many stages; teams of one district and of both."""
    town = await builders.town(
        db, clock, [team(n, regions=[CITY, WEST] if n % 2 else [CITY, WEST, EAST]) for n in range(10)]
    )
    there = east_of(SPOT, 6000)
    await town.dispatched()
    await town.arrived(there)
    await town.handled(east_of(SPOT, 9000))
    await town.verified(east_of(there, 9000))
    await town.offered(there)
    await town.filed(PUBLIC, east_of(SPOT, -3000))
    await town.filed(GRID_WORKER, east_of(SPOT, -6000))
    await town.filed(PARTNER, east_of(there, 12_000))
    await town.joined(east_of(there, -20_000))
    await town.refused(east_of(there, -24_000))
    declined = await town.offered(east_of(SPOT, -9000))
    await town.decline(declined)
    return town


def _everybody(town: Town) -> list[Actor]:
    """Each role in the city and in each district; officers of each team; people of two roles; and nobody."""
    roles = [role for role in town.office.city.policy.roles if role not in ("everything", "system")]
    people = [somebody(role, regions=(place,), id_=f"{role}-{place}") for role in roles for place in (CITY, EAST, WEST)]
    people += [officer(team_id) for team_id in town.teams]
    people += [somebody("officer", "checker", regions=(EAST,), team_id=town.teams[0], id_="both")]
    return [*people, PUBLIC, SYSTEM, GRID_WORKER, PARTNER, OPERATOR, somebody(regions=(CITY,), id_="nobody")]


async def _reported_by(town: Town, by: Actor) -> set[UUID]:
    found = await town.run_scalar(
        "SELECT array_agg(DISTINCT l.case_id) FROM case_sightings l JOIN sightings s ON s.id = l.sighting_id "
        "WHERE s.reporter = :by",
        by=by.id,
    )
    return set(found or ())


@pytest.mark.invariant("I10")
async def test_lists_and_permissions_agree_on_every_case_for_everybody(busy_town: Town) -> None:
    town = busy_town
    roles = town.office.city.policy.roles
    cases = [await town.case(row["id"]) for row in await town.rows(tables.cases)]
    live = {case.id: await town.live_offer(case.id) for case in cases}
    for by in _everybody(town):
        mine = await _reported_by(town, by)
        async with town.office.db.connect() as tx:
            listed = {case.id for case in await board.list_cases(tx, town.office, by, CaseFilter(limit=200))}
            for case in cases:
                offer = live[case.id]
                what = case.as_object(offered_to=offer.team_id if offer else None)
                own = case.id in mine and "own" in scopes(roles, by, "case:read")
                may = own or allowed(roles, by, "case:read", what)
                assert (case.id in listed) is may, (by, case)
                found = await board.find_visible_case(tx, town.office, by, case.id)
                assert (found is not None) is may, (by, case)
            counted = await board.count_by_stage(tx, town.office, by)
        assert sum(counted.values()) == len(listed)


@pytest.mark.invariant("I10")
async def test_a_snapshot_holds_only_what_the_same_person_could_ask_for(busy_town: Town) -> None:
    town = busy_town
    for by in _everybody(town):
        async with town.office.db.connect() as tx:
            shown = await board.snapshot(tx, town.office, by, town.now)
            listed = {str(case.id): case for case in await board.list_cases(tx, town.office, by, CaseFilter(limit=200))}
            teams = {one["id"]: one for one in await board.teams_of(tx, town.office, by)}
        assert {case["id"] for case in shown["cases"]} == listed.keys()
        assert shown["cases"] == [msgspec.to_builtins(listed[case["id"]]) for case in shown["cases"]]
        assert {offer["case_id"] for offer in shown["offers"]} <= listed.keys()
        assert {clock["case_id"] for clock in shown["clocks"]} <= listed.keys()
        assert {one["id"] for one in shown["teams"]} <= teams.keys()


@pytest.mark.invariant("I10")
async def test_an_offer_is_in_the_snapshot_of_those_who_are_told_how_it_ends(busy_town: Town) -> None:
    """Whoever saw an offer begin but never hears that it lapsed would look at it for ever."""
    town = busy_town
    made = [event for event in await town.events() if event.kind == "offer.made"]
    by_offer = {row["id"]: event for event in made for row in event.data["rows"]["offers"]}
    for by in _everybody(town):
        async with town.office.db.connect() as tx:
            shown = await board.snapshot(tx, town.office, by, town.now)
        for offer in shown["offers"]:
            assert may_see(town.office.city.policy.roles, by, by_offer[offer["id"]]), (by, offer)


@pytest.mark.invariant("I10")
async def test_an_event_of_a_case_is_told_to_nobody_who_could_not_read_the_case(busy_town: Town) -> None:
    """Those of a team's own past with a case apart: it is told how what it had goes on without it."""
    town = busy_town
    roles = town.office.city.policy.roles
    for by in _everybody(town):
        if "officer" in by.roles:
            continue
        async with town.office.db.connect() as tx:
            readable = {case.id for case in await board.list_cases(tx, town.office, by, CaseFilter(limit=200))}
        for event in await town.events():
            if event.case_id is not None and may_see(roles, by, event):
                assert event.case_id in readable, (by, event.kind)


@pytest.mark.invariant("I10")
async def test_a_team_sees_the_events_of_its_own_cases_only(busy_town: Town) -> None:
    town = busy_town
    roles = town.office.city.policy.roles
    for team_id in town.teams:
        had = {row["case_id"] for row in await town.rows(tables.offers, team_id=team_id)}
        for event in await town.events():
            if event.case_id is not None and may_see(roles, officer(team_id), event):
                assert event.case_id in had


@pytest.mark.invariant("I10")
async def test_a_team_that_declined_no_longer_sees_the_case(busy_town: Town) -> None:
    town = busy_town
    (declined,) = await town.rows(tables.offers, state="declined")
    async with town.office.db.connect() as tx:
        found = await board.find_visible_case(tx, town.office, officer(declined["team_id"]), declined["case_id"])
    assert found is None


@pytest.mark.invariant("I10")
async def test_every_kind_of_event_has_somebody_who_may_see_it(busy_town: Town) -> None:
    town = busy_town
    await desk.widen_search(
        town.office, (await town.rows(tables.cases, stage="accepted"))[0]["id"], town.by(DISPATCHER)
    )
    for event in await town.events():
        assert action_of(event.kind) is not None, event.kind
        assert may_see(town.office.city.policy.roles, DISPATCHER, event), event.kind


async def test_pages_of_a_list_follow_each_other_without_gap_or_repeat(busy_town: Town) -> None:
    town = busy_town
    async with town.office.db.connect() as tx:
        whole = await board.list_cases(tx, town.office, DISPATCHER, CaseFilter(limit=200))
        paged, before = [], None
        while page := await board.list_cases(tx, town.office, DISPATCHER, CaseFilter(limit=3, before=before)):
            paged += page
            before = (page[-1].opened_at, page[-1].id)
    assert paged == whole
    assert len(whole) == len(await town.rows(tables.cases))


@pytest.mark.parametrize(
    ("wanted", "of"),
    [
        (CaseFilter(stages=["dispatched", "handling"]), lambda case: case.stage in ("dispatched", "handling")),
        (CaseFilter(region=EAST), lambda case: EAST in case.regions),
        (CaseFilter(channel="grid"), lambda case: case.channel == "grid"),
        (CaseFilter(priority="critical"), lambda case: case.priority == "critical"),
    ],
    ids=["stages", "region", "channel", "priority"],
)
async def test_a_list_is_narrowed_to_what_is_asked_for(busy_town: Town, wanted: CaseFilter, of) -> None:  # type: ignore[no-untyped-def]
    async with busy_town.office.db.connect() as tx:
        whole = await board.list_cases(tx, busy_town.office, DISPATCHER, CaseFilter(limit=200))
        found = await board.list_cases(tx, busy_town.office, DISPATCHER, wanted)
    assert found == [case for case in whole if of(case)]
