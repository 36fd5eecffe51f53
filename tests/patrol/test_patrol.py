"""Teams: on and off duty, where they are, and who is free."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.clock import ManualClock
from backend.errors import Conflict, Invalid, NotFound
from backend.geo.place import Crs, LonLat, from_wgs84
from backend.ids import new_id
from backend.patrol import duty, positions, roster
from backend.patrol.positions import Fix, TeamFix
from backend.patrol.roster import Roster
from backend.patrol.teams import get_team, list_teams, put_teams
from tests.dispatch import builders
from tests.dispatch.builders import SPOT, Town, east_of, officer, team


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> Town:
    """A town of three teams on duty, at 06:00."""
    return await builders.town(db, clock)


def fix(town: Town, seconds_ago: float = 0.0, place: LonLat = SPOT, **changes: Any) -> Fix:
    values: dict[str, Any] = {"at": town.now - timedelta(seconds=seconds_ago), "lon": place.lon, "lat": place.lat}
    return Fix(**{**values, **changes})


async def store(town: Town, team_id: UUID, *fixes: Fix) -> tuple[list[TeamFix], list[str]]:
    good, refused = positions.judge(town.office, team_id, fixes, town.now)
    return list((await positions.store(town.office, good)).newest.values()), refused


async def presence(town: Town, team_id: UUID) -> dict[str, object]:
    (row,) = await town.rows(tables.presence, team_id=team_id)
    return row


async def free(town: Town) -> dict[UUID, bool]:
    async with town.office.db.connect() as tx:
        return {one.id: one.free for one in await roster.on_duty(tx, town.office, town.now)}


# --- duty ------------------------------------------------------------------------------------------------------------


async def test_a_change_of_duty_is_an_event_and_repeating_it_is_none(town: Town) -> None:
    before = len(await town.events())
    for _ in range(2):
        await town.on_duty(town.teams[0], "resting")
    (told,) = (await town.events())[before:]
    assert (told.kind, told.data["before"], told.teams) == ("team.resting", "on_duty", [town.teams[0]])
    assert set(told.regions) == {"210200", "210202", "210203"}
    await town.is_sound()


async def test_a_team_with_an_offer_or_a_case_cannot_go(town: Town) -> None:
    case_id = await town.offered()
    offer = await town.live_offer(case_id)
    assert offer is not None
    for code in ("offer_open", "case_open"):
        for state in ("off_duty", "resting"):
            with pytest.raises(Conflict) as refused:
                await town.on_duty(offer.team_id, state)
            assert refused.value.code == code
        if code == "offer_open":
            await town.take(case_id)
    await town.arrive(case_id)
    await town.handle(case_id)
    await town.on_duty(offer.team_id, "off_duty")


async def test_only_the_three_states_and_only_teams_there_are(town: Town) -> None:
    with pytest.raises(Invalid):
        await town.on_duty(town.teams[0], "asleep")
    with pytest.raises(NotFound):
        await town.on_duty(new_id())


async def test_the_end_of_the_shift_is_known_when_it_begins(town: Town) -> None:
    team_id = town.teams[0]
    await town.on_duty(team_id, "off_duty")
    for starts, ends in ((-2, 6), (6, 14), (-30, -22)):
        await town.run(
            "INSERT INTO shifts (city_id, id, team_id, starts_at, ends_at) VALUES ('210200', :id, :team, :a, :b)",
            id=new_id(), team=team_id, a=town.now + timedelta(hours=starts), b=town.now + timedelta(hours=ends),
        )  # fmt: skip
    held = await duty.set_duty(town.office, team_id, "on_duty", by=officer(team_id), now=town.now)
    assert held.shift_ends_at == town.now + timedelta(hours=6)
    assert team_id in await free(town)
    town.clock.advance(hours=6)
    assert team_id in await free(town), "the next shift is planned to begin as this one ends"
    town.clock.advance(hours=8)
    assert team_id not in await free(town)


async def test_a_wish_that_a_phone_sends_twice_does_not_undo_what_came_after_it(town: Town) -> None:
    team_id, once = town.teams[0], new_id()
    me = officer(team_id)
    await duty.set_duty(town.office, team_id, "on_duty", by=me, now=town.now, command_id=once)
    await town.on_duty(team_id, "off_duty")
    held = await duty.set_duty(town.office, team_id, "on_duty", by=me, now=town.now, command_id=once)
    assert held.state == "off_duty"
    with pytest.raises(Conflict) as refused:
        await duty.set_duty(town.office, team_id, "resting", by=me, now=town.now, command_id=once)
    assert refused.value.code == "command_id_reused"


# --- teams -----------------------------------------------------------------------------------------------------------


async def test_a_team_written_again_keeps_its_id_and_its_duty(town: Town) -> None:
    async with town.office.db.begin() as tx:
        await put_teams(tx, town.office, [team(0, name="改名队", size=4)], town.now)
        listed = await list_teams(tx, town.office)
        again = await get_team(tx, town.office, town.teams[0])
    assert (again.name, again.size) == ("改名队", 4)
    assert [one.id for one in listed] == town.teams
    assert (await presence(town, again.id))["state"] == "on_duty"


async def test_the_roster_says_who_is_free_and_how_much_they_had_today(town: Town) -> None:
    case_id = await town.offered()
    offer = await town.live_offer(case_id)
    assert offer is not None
    assert {id_ for id_, is_free in (await free(town)).items() if not is_free} == {offer.team_id}
    await town.take(case_id)
    assert not (await free(town))[offer.team_id]
    await town.arrive(case_id)
    await town.handle(case_id)
    assert (await free(town))[offer.team_id]
    async with town.office.db.connect() as tx:
        today = {one.id: one.cases_today for one in await roster.on_duty(tx, town.office, town.now)}
        tomorrow = await roster.on_duty(tx, town.office, town.now + timedelta(days=1))
    assert today[offer.team_id] == 1
    assert {one.cases_today for one in tomorrow} == {0}


async def test_a_kept_roster_follows_what_the_database_says(town: Town) -> None:
    kept = Roster(town.office)

    async def seen() -> set[UUID]:
        async with town.office.db.connect() as tx:
            await kept.refresh(tx, town.now)
        return {UUID(kept.fleet.ids[slot]) for slot in kept.available().nonzero()[0]}

    assert await seen() == set(town.teams)
    await town.on_duty(town.teams[1], "off_duty")
    case_id = await town.offered()
    offer = await town.live_offer(case_id)
    assert offer is not None
    assert await seen() == set(town.teams) - {town.teams[1], offer.team_id}
    await town.on_duty(town.teams[1])
    await town.decline(case_id)
    assert await seen() == set(town.teams)
    left_out = kept.available([town.teams[0]])
    assert left_out.sum() == 2


# --- positions -------------------------------------------------------------------------------------------------------


async def test_the_newest_fix_moves_the_team_and_all_are_kept(town: Town) -> None:
    team_id = town.teams[0]
    moved, _ = await store(town, team_id, fix(town, 20), fix(town, 5, east_of(SPOT, 30)), fix(town, 12))
    assert [one.place for one in moved] == [east_of(SPOT, 30)]
    assert len(await town.rows(tables.fixes, team_id=team_id)) == 3
    moved, _ = await store(town, team_id, fix(town, 15, east_of(SPOT, 900)))
    assert moved == []
    assert (await presence(town, team_id))["lon"] == east_of(SPOT, 30).lon


async def test_the_same_fixes_sent_twice_are_kept_once(town: Town) -> None:
    for _ in range(2):
        await store(town, town.teams[0], fix(town, 5), fix(town, 3))
    assert len(await town.rows(tables.fixes)) == 2


@pytest.mark.invariant("I9")
@pytest.mark.parametrize(
    "bad",
    [
        {"at": None, "ahead": timedelta(minutes=5)},
        {"at": None, "ahead": timedelta(days=-4)},
        {"lon": 999.0},
        {"lat": float("nan")},
        {"lon": 0.0, "lat": 0.0},
        {"at": "naive"},
    ],
    ids=["ahead", "old", "nowhere", "nan", "null island", "without a zone"],
)
async def test_one_bad_fix_does_not_cost_the_others(town: Town, bad: dict[str, Any]) -> None:
    changes = {name: value for name, value in bad.items() if name not in ("at", "ahead")}
    if "ahead" in bad:
        changes["at"] = town.now + bad["ahead"]
    elif bad.get("at") == "naive":
        changes["at"] = town.now.replace(tzinfo=None)
    moved, refused = await store(town, town.teams[0], fix(town, 9), fix(town, 3, **changes), fix(town, 1))
    assert len(refused) == 1
    assert len(moved) == 1
    assert len(await town.rows(tables.fixes)) == 2


@pytest.mark.invariant("I12")
async def test_off_duty_no_position_is_kept(town: Town) -> None:
    team_id = town.teams[0]
    await town.on_duty(team_id, "off_duty")
    moved, _ = await store(town, team_id, fix(town, 5))
    assert moved == []
    assert await town.rows(tables.fixes) == []
    assert (await presence(town, team_id))["lon"] is None


async def test_a_fix_in_another_coordinate_system_is_brought_home(town: Town) -> None:
    lon, lat = from_wgs84(SPOT, Crs.GCJ02)
    (moved,), _ = await store(town, town.teams[0], fix(town, 1, LonLat(lon, lat), crs=Crs.GCJ02))
    assert moved.place.lon == pytest.approx(SPOT.lon, abs=1e-6)
    assert moved.place.lat == pytest.approx(SPOT.lat, abs=1e-6)


async def test_a_fix_on_the_way_to_a_case_says_which(town: Town) -> None:
    case_id = await town.dispatched()
    team_id = (await town.case(case_id)).team_id
    assert team_id is not None
    await store(town, team_id, fix(town, 1))
    (kept,) = await town.rows(tables.fixes)
    assert kept["case_id"] == case_id


async def test_positions_are_no_events(town: Town) -> None:
    before = await town.events()
    await store(town, town.teams[0], fix(town, 1))
    assert await town.events() == before


async def test_many_fixes_of_all_teams_from_many_phones_at_once_never_wait_for_each_other(town: Town) -> None:
    for n in range(3, 12):
        await town.add_team(team(n))

    async def phones(first: int) -> None:
        order = town.teams[::1] if first % 2 else town.teams[::-1]
        judged = [
            one
            for n, team_id in enumerate(order)
            for one in positions.judge(town.office, team_id, [fix(town, 60 - first - n / 100)], town.now)[0]
        ]
        await positions.store(town.office, judged)

    for _ in range(3):
        await asyncio.gather(*(phones(n) for n in range(12)))
    assert len(await town.rows(tables.fixes)) == 12 * 12
