"""What a campaign sets going: temporary points are wanted, opened and closed; teams off duty are called in and come."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access.actor import PUBLIC
from backend.campaign import points, reading
from backend.clock import ManualClock
from backend.errors import Conflict, NotFound
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.referral.facilities import facility as facilities
from tests.campaign.builders import all_campaigns, calls_of, comes, kinds, lifted, points_of, the_campaign
from tests.campaign.test_campaigns import EAST_LEADER, obey, plans_of, turned
from tests.dispatch import builders
from tests.dispatch.builders import CITY, LEADER, SPOT, WEST, Town, team


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> AsyncIterator[Town]:
    made = await builders.town(db, clock, teams=1)
    yield made
    await made.is_sound()


async def a_point(town: Town, code: str, place: LonLat = SPOT, kind: str = "temporary_point") -> UUID:
    row = {"id": new_id(), "code": code, "kind": kind, "name": f"{code}点", "lon": place.lon, "lat": place.lat}
    async with town.office.begin() as tx:
        await tx.execute(insert(tables.facilities).values(city_id=CITY, **row))
    return UUID(str(row["id"]))


def wanting(town: Town, **graded: dict[str, Any]) -> None:
    obey(town, plans_of(cold_wave=graded))


async def states(town: Town) -> dict[UUID, str]:
    return {one.facility_id: one.state for one in await points_of(town, (await the_campaign(town)).id)}


async def test_the_points_of_the_plan_are_wanted_and_the_desk_opens_them(town: Town) -> None:
    first, second = await a_point(town, "L1"), await a_point(town, "L2")
    wanting(town, blue={"points": ("L1", "L2", "L9")})
    await comes(town, "W0")
    await turned(town)
    one = await the_campaign(town)
    assert await states(town) == {first: "wanted", second: "wanted"}
    assert (await town.events())[-1].data["points_unknown"] == ["L9"]
    await points.open_point(town.office, one.id, first, town.by(LEADER))
    with pytest.raises(Conflict):
        await points.open_point(town.office, one.id, first, town.by(LEADER))
    async with town.office.db.connect() as tx:
        assert await points.open_now(tx, town.office) == {first}
        seen = {who: await facilities.list_facilities(tx, town.office, who) for who in (PUBLIC, LEADER)}
    assert [one.id for one in seen[PUBLIC]] == [first], "the public is sent to what is open"
    assert [one.id for one in seen[LEADER]] == [first, second]
    await points.close_point(town.office, one.id, second, town.by(LEADER))
    assert await states(town) == {first: "open", second: "closed"}
    await points.open_point(town.office, one.id, second, town.by(LEADER))
    assert await states(town) == {first: "open", second: "open"}


async def test_they_close_with_the_campaign(town: Town) -> None:
    first, second = await a_point(town, "L1"), await a_point(town, "L2")
    wanting(town, blue={"points": ("L1", "L2")})
    await comes(town, "W0")
    await turned(town)
    await points.open_point(town.office, (await the_campaign(town)).id, first, town.by(LEADER))
    await lifted(town, "W1")
    await turned(town)
    assert await states(town) == {first: "closed", second: "closed"}
    async with town.office.db.connect() as tx:
        assert await points.open_now(tx, town.office) == set()
    with pytest.raises(Conflict) as over:
        await points.open_point(town.office, (await the_campaign(town)).id, first, town.by(LEADER))
    assert over.value.code == "not_running"


async def test_an_upgrade_wants_more_and_a_downgrade_leaves_open_what_people_are_in(town: Town) -> None:
    first, second, third = await a_point(town, "L1"), await a_point(town, "L2"), await a_point(town, "L3")
    wanting(town, blue={"points": ("L1",)}, red={"points": ("L1", "L2", "L3")})
    await comes(town, "W0", "红")
    await turned(town)
    await points.open_point(town.office, (await the_campaign(town)).id, second, town.by(LEADER))
    await comes(town, "W1", "蓝")
    await turned(town)
    assert await states(town) == {first: "wanted", second: "open", third: "closed"}
    await comes(town, "W2", "红")
    await turned(town)
    assert await states(town) == {first: "wanted", second: "open", third: "wanted"}


async def test_only_temporary_points_of_one_s_own_ground_are_opened(town: Town) -> None:
    station, west = await a_point(town, "F1", kind="station"), await a_point(town, "L1")
    wanting(town, blue={"points": ("F1",)})
    await comes(town, "W0")
    await turned(town)
    one = await the_campaign(town)
    assert await states(town) == {}
    for facility, by in ((station, LEADER), (new_id(), LEADER), (west, EAST_LEADER)):
        with pytest.raises(NotFound):
            await points.open_point(town.office, one.id, facility, town.by(by))
    east = await a_point(town, "L2", LonLat(121.8, 38.95))
    await points.open_point(town.office, one.id, east, town.by(EAST_LEADER))
    assert await states(town) == {east: "open"}


async def off_duty(town: Town, n: int, **changes: Any) -> UUID:
    return await town.add_team(team(n, **changes), on_duty=False)


async def test_teams_off_duty_are_called_in_told_and_counted_when_they_come(town: Town, clock: ManualClock) -> None:
    one_man = await off_duty(town, 1, size=1)
    near, far = await off_duty(town, 2), await off_duty(town, 3, place=LonLat(121.4, 38.85), regions=[WEST])
    wanting(town, blue={"call_in": 1}, red={"call_in": 3})
    clock.advance(hours=9)
    await comes(town, "W0")
    await turned(town)
    campaign = await the_campaign(town)
    [call] = await calls_of(town, campaign.id)
    assert call.team_id == near, "of two as rested and as local the first by its code"
    assert call.why == {"is_local": True, "rest_h": 9.0, "km": 0.0}
    told = await town.rows(tables.notices, kind="campaign.called_in")
    assert [(row["to"], row["team_id"]) for row in told] == [(f"off_duty:{near}", None)]
    clock.advance(minutes=20)
    await town.on_duty(near)
    await turned(town)
    [call] = await calls_of(town, campaign.id)
    assert call.came_at == town.now
    await comes(town, "W1", "红")
    await turned(town)
    assert {call.team_id for call in await calls_of(town, campaign.id)} == {near, far}
    assert one_man not in {call.team_id for call in await calls_of(town, campaign.id)}
    assert (await town.events())[-1].data["wanted"] == 2
    assert await kinds(town) == ["opened", "called_in", "came", "upgraded", "called_in"]


async def test_a_call_that_nobody_needs_any_more_is_not_sent(town: Town) -> None:
    await off_duty(town, 1)
    wanting(town, blue={"call_in": 1})
    await comes(town, "W0")
    await turned(town, 1)
    await lifted(town, "W1")
    await turned(town)
    assert (await the_campaign(town)).state == "closed"
    assert (
        await town.rows(tables.notices, kind="campaign.called_in") == []
        or (await town.rows(tables.notices, kind="campaign.called_in"))[0]["climbs_at"] is None
    )


async def test_a_team_is_called_by_one_campaign_at_a_time(town: Town) -> None:
    first, second = await off_duty(town, 1), await off_duty(town, 2)
    obey(town, plans_of(cold_wave={"blue": {"call_in": 1}}, snow={"blue": {"call_in": 1}}))
    await comes(town, "W0")
    await comes(town, "S0", event="暴雪")
    await turned(town)
    called = {one.hazard: (await calls_of(town, one.id))[0].team_id for one in await all_campaigns(town)}
    assert set(called.values()) == {first, second}


async def test_the_file_of_a_campaign_has_all_of_it(town: Town) -> None:
    await a_point(town, "L1")
    await off_duty(town, 1)
    wanting(town, blue={"points": ("L1",), "call_in": 1})
    await comes(town, "W0")
    await turned(town)
    await comes(town, "W1")
    await turned(town)
    one = await the_campaign(town)
    async with town.office.db.connect() as tx:
        file = await reading.campaign_file(tx, town.office, LEADER, one.id, town.now)
        [listed] = await reading.list_campaigns(tx, town.office, EAST_LEADER, since=town.now, open_only=True)
    assert listed == file.campaign
    assert [warning.identifier for warning in file.warnings] == ["W1", "W0"]
    assert [(point.code, point.state) for point in file.points] == [("L1", "wanted")]
    assert [team.code for team in file.called_in] == ["T01"]
    assert [told.role for told in file.told] == ["dispatcher", "shift_leader"]
    assert [one.kind for one in file.history] == ["campaign.opened", "campaign.called_in", "campaign.prolonged"]
    assert file.history[0].zh == "启动（蓝色）"
    assert file.ground["type"] == "Polygon"
