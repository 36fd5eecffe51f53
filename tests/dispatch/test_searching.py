"""The search for a team: phases, rounds, alarms, reasons, many at once, and a dispatcher who knows better."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from backend import db as tables
from backend.clock import ManualClock
from backend.dispatch import board
from backend.dispatch.records import Offer
from backend.geo.modes import STRAIGHT_DETOUR, STRAIGHT_MPS
from backend.geo.place import LonLat, distance_m
from backend.policy import Phase, Span
from tests.dispatch import builders
from tests.dispatch.builders import FAR_AWAY, SPOT, Town, east_of, team, town_policy

SECONDS_PER_METRE = STRAIGHT_DETOUR / STRAIGHT_MPS[0]
"""A car at six in the morning, without roads."""


def at_minutes(minutes: float) -> float:
    """Metres east that a car needs so long for."""
    return minutes * 60 / SECONDS_PER_METRE


async def town_at(db: AsyncEngine, clock: ManualClock, *minutes: float, **search: Any) -> Town:
    """A town whose teams are so many minutes from the spot."""
    teams = [team(n, east_of(SPOT, at_minutes(away))) for n, away in enumerate(minutes)]
    return await builders.town(db, clock, teams, town_policy(search=search))


async def live(town: Town, case_id: UUID) -> Offer:
    offer = await town.live_offer(case_id)
    assert offer is not None
    return offer


async def _decisions(town: Town, case_id: UUID) -> list[dict[str, Any]]:
    async with town.office.db.connect() as tx:
        return await board.decisions_of(tx, town.office, case_id)


@pytest.mark.parametrize(("minutes", "phase"), [(5, 0), (15, 1), (25, 2)])
async def test_the_search_widens_until_somebody_is_near_enough(
    db: AsyncEngine, clock: ManualClock, minutes: int, phase: int
) -> None:
    town = await town_at(db, clock, minutes)
    offer = await live(town, await town.offered())
    assert (offer.phase, offer.round) == (phase, 1)
    assert offer.eta_s == pytest.approx(minutes * 60, rel=0.01)
    assert (await town.case(offer.case_id)).alarm is None
    assert not [one for one in await town.notices() if one["to"].startswith("role:")]


async def test_the_nearest_phase_wins_over_a_better_skilled_team_farther_off(
    db: AsyncEngine, clock: ManualClock
) -> None:
    town = await builders.town(
        db, clock, [team(0, east_of(SPOT, at_minutes(8)), skills=[]), team(1, east_of(SPOT, at_minutes(15)))]
    )
    case_id = await town.offered(dangers=["injury"])
    assert (await live(town, case_id)).team_id == town.teams[0]


async def test_outside_the_circle_the_best_that_can_be_had_is_asked_and_a_person_is_told_at_once(
    db: AsyncEngine, clock: ManualClock
) -> None:
    town = await town_at(db, clock, 45, 60)
    case_id = await town.offered()
    offer = await live(town, case_id)
    assert (offer.team_id, offer.phase, offer.offered_at) == (town.teams[0], 3, town.now)
    assert offer.eta_s == pytest.approx(45 * 60, rel=0.01)
    assert (await town.case(case_id)).alarm == "outside_circle"
    assert await _alarms(town) == ["outside_circle"]


def _patient() -> tuple[Phase, ...]:
    """Phases that look for a minute within the circle before they go beyond it."""
    *near, circle, beyond = town_policy().search.phases
    return (*near, msgspec.structs.replace(circle, wait=Span.parse("1 min")), beyond)


async def _alarms(town: Town) -> list[object]:
    """What the desk of the district has been told."""
    return [one["alarm"] for one in await town.notices() if one["to"] == "role:dispatcher:210203"]


async def test_a_search_that_waits_before_it_goes_beyond_the_circle_says_so_at_once(
    db: AsyncEngine, clock: ManualClock
) -> None:
    town = await town_at(db, clock, 45, phases=_patient())
    case_id = await town.accepted()
    await town.worker.turn()
    assert (await town.case(case_id)).alarm == "outside_circle"
    assert await _alarms(town) == ["outside_circle"]
    for _ in range(2):
        clock.advance(seconds=30)
        await town.worker.turn()
    assert (await live(town, case_id)).team_id == town.teams[0]
    await town.is_sound()


async def test_nobody_free_is_an_alarm_and_the_first_who_is_free_again_is_asked(
    db: AsyncEngine, clock: ManualClock
) -> None:
    town = await town_at(db, clock, 5)
    busy = await town.dispatched()
    case_id = await town.accepted(east_of(SPOT, 700))
    for _ in range(4):
        await town.worker.turn()
        clock.advance(seconds=30)
    case = await town.case(case_id)
    assert case.alarm == "no_team_free"
    assert case.search_at is not None
    assert (await town.kinds(case_id)).count("search.alarm") == 1
    quiet = len(await town.events(case_id))
    for _ in range(4):
        await town.worker.turn()
        clock.advance(seconds=30)
    assert len(await town.events(case_id)) == quiet, "nothing new is told twice"

    await town.granted(busy, "void")
    await town.worker.turn()
    assert (await live(town, case_id)).team_id == town.teams[0]
    assert (await town.case(case_id)).alarm is None
    await town.is_sound()


async def test_a_city_without_any_team_on_duty_is_an_alarm(db: AsyncEngine, clock: ManualClock) -> None:
    town = await town_at(db, clock)
    case_id = await town.accepted()
    await town.worker.turn()
    assert (await town.case(case_id)).alarm is not None
    decisions = await _decisions(town, case_id)
    assert [(one["chosen_team"], one["candidates"]) for one in decisions] == [(None, [])]


@pytest.mark.invariant("I7")
async def test_whoever_declined_is_not_asked_again_in_the_round(town: Town) -> None:
    case_id = await town.offered()
    declined = [await town.decline(case_id)]
    for _ in range(2):
        town.clock.advance(seconds=1)
        await town.worker.turn()
        declined.append(await town.decline(case_id))
    assert declined == town.teams
    await town.worker.turn()
    assert await town.live_offer(case_id) is None


@pytest.mark.invariant("I7")
async def test_whoever_let_it_lapse_is_not_asked_again_in_the_round(town: Town) -> None:
    case_id = await town.offered()
    for _ in range(2):
        town.clock.advance(seconds=91)
        await town.worker.turn()
    assert [one.state for one in await town.offers(case_id)] == ["lapsed", "lapsed", "offered"]
    assert [one.team_id for one in await town.offers(case_id)] == town.teams


async def test_a_decliner_hears_nothing_while_wider_phases_are_still_to_come(
    db: AsyncEngine, clock: ManualClock
) -> None:
    """Everybody has been asked only when the widest phase has nobody left."""
    town = await town_at(db, clock, 5, 45, phases=_patient())
    case_id = await town.offered()
    await town.decline(case_id)
    for _ in range(3):
        await town.worker.turn()
        clock.advance(seconds=30)
    offer = await live(town, case_id)
    assert (offer.team_id, offer.round) == (town.teams[1], 1)


async def _declined_by_all(town: Town, case_id: UUID, turns: int) -> None:
    for _ in range(turns):
        await town.worker.turn()
        if await town.live_offer(case_id) is not None:
            await town.decline(case_id)
        town.clock.advance(seconds=45)


async def test_when_all_have_declined_a_new_round_begins_and_after_the_last_a_person_goes_on(town: Town) -> None:
    case_id = await town.accepted()
    await _declined_by_all(town, case_id, 40)
    asked = [(one.round, one.team_id) for one in await town.offers(case_id)]
    assert asked == [(round_, team_id) for round_ in (1, 2, 3) for team_id in town.teams]
    case = await town.case(case_id)
    assert (case.alarm, case.search_round) == ("nobody_took_it", 3)
    alarms = [one["alarm"] for one in await town.notices("search.alarm")]
    assert alarms[-1] == "nobody_took_it"
    await town.is_sound()


async def test_a_pause_lies_between_two_rounds(town: Town) -> None:
    case_id = await town.accepted()
    await _declined_by_all(town, case_id, 30)
    offers = await town.offers(case_id)
    pause = offers[3].offered_at - offers[2].offered_at
    assert pause.total_seconds() >= town.office.city.policy.search.retry_after.seconds


async def test_a_city_may_remember_a_decline_for_the_whole_case(db: AsyncEngine, clock: ManualClock) -> None:
    town = await town_at(db, clock, 3, 5, decline_memory="case")
    case_id = await town.accepted()
    await _declined_by_all(town, case_id, 30)
    assert [one.team_id for one in await town.offers(case_id)] == town.teams
    assert (await town.case(case_id)).alarm == "nobody_took_it"


async def test_what_counts_against_a_team_is_stored_with_exact_seconds(db: AsyncEngine, clock: ManualClock) -> None:
    rules = town_policy().matching
    town = await builders.town(
        db,
        clock,
        [
            team(0, east_of(SPOT, 500), skills=[], regions=["210202"]),
            team(1, east_of(SPOT, 600)),
            team(2, east_of(SPOT, 700), size=1),
        ],
    )
    await town.run("UPDATE presence SET fix_at = :at, lon = 121.62, lat = 38.912 WHERE team_id = :t",
                   at=town.now, t=town.teams[1])  # fmt: skip
    await town.run("UPDATE presence SET shift_ends_at = :at WHERE team_id = :t",
                   at=town.now.replace(minute=30), t=town.teams[1])  # fmt: skip
    case_id = await town.offered(dangers=["injury"])

    (decision,) = await _decisions(town, case_id)
    seen = {one["team_id"]: one for one in decision["candidates"]}
    assert list(seen) == [str(town.teams[n]) for n in (1, 0, 2)], "a crew too small comes last, but is there"
    reasons = {n: {r["code"]: r["seconds"] for r in seen[str(town.teams[n])]["reasons"]} for n in range(3)}
    assert reasons == {
        0: {
            "without_skill": rules.skill_missing_s,
            "other_region": rules.region_outside_s,
            "stale_position": rules.stale_fix_s,
        },
        1: {"shift_ends_soon": rules.shift_end_s},
        2: {"crew_too_small": 0.0, "stale_position": rules.stale_fix_s},
    }
    for n in range(3):
        one = seen[str(town.teams[n])]
        assert one["cost_s"] == pytest.approx(one["seconds"] + sum(reasons[n].values()))
    (row,) = await town.rows(tables.teams, id=town.teams[0])
    away_m = distance_m(SPOT, LonLat(row["base_lon"], row["base_lat"]))
    assert seen[str(town.teams[0])]["seconds"] == pytest.approx(away_m * SECONDS_PER_METRE, rel=0.001)


async def test_a_decision_is_kept_whole(town: Town) -> None:
    case_id = await town.offered()
    offer = await live(town, case_id)
    (decision,) = await _decisions(town, case_id)
    assert decision["id"] == str(offer.decision_id)
    assert decision["chosen_team"] == str(offer.team_id)
    assert (decision["basis"], decision["round"], decision["phase"]) == ("straight_line", 1, 0)
    assert decision["policy_hash"] == town.office.city.policy.digest
    assert decision["made_by"] == "system"
    assert len(decision["candidates"]) == 3
    assert decision["reason"]["code"] == "best"
    assert decision["reason"]["zh"]
    assert decision["reason"]["en"]
    (told,) = [event for event in await town.events(case_id) if event.kind == "offer.made"]
    assert told.data["decision_id"] == decision["id"]


async def test_a_team_that_lacks_what_the_case_must_have_is_asked_last_and_not_never(
    db: AsyncEngine, clock: ManualClock
) -> None:
    town = await builders.town(db, clock, [team(0), team(1, skills=["minors", "female_staff"], mode="foot"), team(2)])
    case_id = await town.offered(dangers=["infant"])
    asked = [await town.decline(case_id)]
    for _ in range(2):
        await town.worker.turn()
        asked.append(await town.decline(case_id))
    assert set(asked) == set(town.teams)


async def test_a_critical_case_has_the_shorter_lease(town: Town) -> None:
    normal = await live(town, await town.offered())
    critical = await live(town, await town.offered(east_of(SPOT, 3000), dangers=["unconscious"]))
    assert (normal.expires_at - normal.offered_at).total_seconds() == 90
    assert (critical.expires_at - critical.offered_at).total_seconds() == 45


async def test_the_gravest_case_is_searched_for_first(db: AsyncEngine, clock: ManualClock) -> None:
    town = await town_at(db, clock, 5, method="one_by_one")
    await town.accepted()
    clock.advance(seconds=1)
    grave = await town.accepted(east_of(SPOT, 900), dangers=["injury"])
    await town.worker.turn()
    assert await town.live_offer(grave) is not None


async def test_many_are_settled_together_and_a_critical_case_is_never_the_one_left_out(
    db: AsyncEngine, clock: ManualClock
) -> None:
    town = await town_at(db, clock, 2, 4, method="batch")
    cases = [await town.accepted(east_of(SPOT, 300 * n)) for n in range(4)]
    grave = await town.accepted(east_of(SPOT, 2500), dangers=["unconscious"])
    await town.worker.turn()
    assert await town.live_offer(grave) is not None
    served = [case_id for case_id in cases if await town.live_offer(case_id)]
    assert len(served) == 1
    methods = {row["method"] for row in await town.rows(tables.decisions) if row["chosen_team"]}
    assert methods == {"batch"}
    for case_id in set(cases) - set(served):
        assert (await town.case(case_id)).alarm is not None, "who is left over is said"
    await town.is_sound()


async def test_a_batch_saves_seconds_over_one_by_one(db: AsyncEngine, clock: ManualClock) -> None:
    """The first case's best team is the only one near the second."""
    town = await town_at(db, clock, 4, 0.5, method="batch")
    first = await town.accepted(east_of(SPOT, at_minutes(1.9)))
    second = await town.accepted(east_of(SPOT, -at_minutes(5)))
    await town.worker.turn()
    assert (await live(town, first)).team_id == town.teams[0]
    assert (await live(town, second)).team_id == town.teams[1]


async def test_one_case_that_cannot_be_judged_does_not_stop_the_search_for_the_others(
    db: AsyncEngine, clock: ManualClock
) -> None:
    town = await town_at(db, clock, 2, 4, method="batch")
    good = await town.accepted()
    bad = await town.accepted(east_of(SPOT, 3000))
    # Nothing of such a case may be written, whoever tries.
    await town.run("CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a disk error'; END $$")
    await town.run(f"CREATE TRIGGER broken BEFORE UPDATE ON cases FOR EACH ROW WHEN (OLD.id = '{bad}') "
                   "EXECUTE FUNCTION broken()")  # fmt: skip
    with capture_logs() as told:
        await town.worker.turn()
    assert {(one["event"], one["log_level"]) for one in told} == {("batch", "error"), ("due", "error")}
    assert await town.live_offer(good) is not None
    assert await town.live_offer(bad) is None
    await town.run("DROP TRIGGER broken ON cases")
    await town.worker.turn()
    assert await town.live_offer(bad) is None, "it rests for a while"
    clock.advance(seconds=21)
    await town.worker.turn()
    assert await town.live_offer(bad) is not None
    await town.is_sound()


async def test_a_place_far_outside_the_circle_is_an_alarm_and_still_somebody_is_asked(town: Town) -> None:
    case_id = await town.accepted(FAR_AWAY)
    await town.worker.turn()
    assert (await town.case(case_id)).alarm == "outside_circle"
    assert (await live(town, case_id)).team_id in town.teams
