"""Campaigns begin, go on and end by the warnings that hold and by what people decide; on a real database, with several workers.

After each test the log has to tell the tables, and its chain has to hold.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access.actor import SYSTEM
from backend.campaign import campaigns, keeping, reading, warnings
from backend.campaign.campaigns import Seen, ToOpen
from backend.campaign.recording import CampaignDone
from backend.clock import ManualClock
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.ids import new_id
from backend.policy import Policy, default_policy
from backend.worker import Worker
from tests.campaign.builders import EAST_CODE, WEST_CODE, all_campaigns, code, comes, kinds, lifted, the_campaign
from tests.dispatch import builders
from tests.dispatch.builders import CITY, EAST, LEADER, SUPERVISOR, WEST, Town, somebody, town_policy

EAST_LEADER = somebody("shift_leader", regions=(EAST,), id_="leader-east")
OFFICER = somebody("officer", regions=(EAST,))


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> AsyncIterator[Town]:
    made = await builders.town(db, clock)
    yield made
    await made.is_sound()


def plans_of(**hazards: dict[str, dict[str, Any]]) -> Policy:
    """The default policy with these plans and no others; of each what is not given is as the default's for a cold wave, yellow."""
    usual = default_policy().campaign.plans["cold_wave"]["yellow"]
    made = {
        hazard: {colour: msgspec.structs.replace(usual, **keys) for colour, keys in graded.items()}
        for hazard, graded in hazards.items()
    }
    return town_policy(campaign={"plans": made})


def obey(town: Town, policy: Policy) -> None:
    town.office.obey(policy, "", 0)


async def turned(town: Town, times: int = 2) -> None:
    """The worker has done what is due."""
    for _ in range(times):
        await town.worker.turn()


async def opened(town: Town, **more: Any) -> CampaignDone:
    """By hand, by a leader of the city."""
    by = more.pop("by", LEADER)
    wanted = ToOpen(**{"hazard": "cold_wave", "note": "今夜降温，预警未到", **more})
    return await campaigns.open_by_hand(town.office, wanted, town.by(by, "campaign.open"))


# --- by warnings -----------------------------------------------------------------------------------------------------


async def test_a_warning_opens_a_campaign_by_its_plan(town: Town) -> None:
    await comes(town, "W0", "黄")
    await turned(town)
    one = await the_campaign(town)
    assert (one.state, one.cause, one.hazard, one.colour) == ("running", "warning", "cold_wave", "yellow")
    assert (one.number, one.season) == (f"Z{town.office.city.local_day(town.now)}01", "winter")
    assert (one.plan.sweep_every_s, one.regions) == (4 * 3600, [CITY])
    assert one.expires_at == town.now + timedelta(hours=24)
    assert await kinds(town) == ["opened"]


async def test_an_upgrade_intensifies_it_and_a_downgrade_goes_on_more_mildly(town: Town) -> None:
    await comes(town, "W0", "蓝")
    await turned(town)
    await comes(town, "W1", "红", msg_type="Update", references="大连市气象台,W0,x")
    await turned(town)
    one = await the_campaign(town)
    assert (one.state, one.colour, one.plan.sweep_every_s, one.plan.cover) == ("running", "red", 2 * 3600, "cells")
    await comes(town, "W2", "黄")
    await turned(town)
    one = await the_campaign(town)
    assert (one.state, one.colour, one.plan.sweep_every_s) == ("running", "yellow", 4 * 3600)
    assert [kind for kind in await kinds(town) if kind != "called_in"] == ["opened", "upgraded", "downgraded"]


async def test_a_colour_without_a_plan_of_its_own_goes_by_the_next_milder_one(town: Town) -> None:
    obey(town, plans_of(cold_wave={"blue": {}, "red": {"cells": 7}}))
    await comes(town, "W0", "橙")
    await turned(town)
    one = await the_campaign(town)
    assert (one.colour, one.plan.colour, one.plan.cells) == ("orange", "blue", 120)


async def test_downgraded_to_what_has_no_plan_it_closes_and_upgraded_again_a_new_one_opens(town: Town) -> None:
    obey(town, plans_of(cold_wave={"orange": {}}))
    await comes(town, "W0", "橙")
    await turned(town)
    await comes(town, "W1", "蓝")
    await turned(town)
    one = await the_campaign(town)
    assert (one.state, one.close_reason) == ("closed", "downgraded")
    await comes(town, "W2", "红")
    await turned(town)
    assert [other.state for other in await all_campaigns(town)] == ["closed", "running"]


async def test_a_lift_closes_it_with_its_reason_and_what_comes_later_opens_another(
    town: Town, clock: ManualClock
) -> None:
    await comes(town, "W0")
    await turned(town)
    clock.advance(hours=3)
    await lifted(town, "W1")
    await turned(town)
    one = await the_campaign(town)
    assert (one.state, one.close_reason, one.closed_at, one.closed_by) == ("closed", "lifted", town.now, "system")
    clock.advance(hours=1)
    await comes(town, "W2", references="大连市气象台,W0,x", msg_type="Update")
    await turned(town)
    first, second = await all_campaigns(town)
    assert (first.state, second.state, second.chain_id) == ("closed", "running", first.chain_id)
    assert second.number.endswith("02")


async def test_when_the_warning_has_had_its_time_so_has_the_campaign(town: Town, clock: ManualClock) -> None:
    await comes(town, "W0", hours=6)
    await turned(town)
    clock.advance(hours=5)
    await comes(town, "W1", hours=6)
    await turned(town)
    clock.advance(hours=2)
    await turned(town)
    assert (await the_campaign(town)).state == "running"
    clock.advance(hours=5)
    await turned(town)
    one = await the_campaign(town)
    assert (one.state, one.close_reason) == ("closed", "expired")
    assert await kinds(town) == ["opened", "prolonged", "closed"]


@pytest.mark.invariant("I6")
async def test_a_worker_that_died_between_the_warning_and_the_campaign_loses_nothing(
    town: Town, clock: ManualClock
) -> None:
    await comes(town, "W0")
    assert await all_campaigns(town) == []
    await Worker(town.office, clock).turn()
    assert (await the_campaign(town)).state == "running"
    await lifted(town, "W1")
    await Worker(town.office, clock).turn()
    assert (await the_campaign(town)).state == "closed"


@pytest.mark.invariant("I6")
async def test_of_workers_at_the_same_moment_one_does_it(town: Town, clock: ManualClock) -> None:
    await comes(town, "W0", "红")
    workers = [Worker(town.office, clock) for _ in range(2)]
    await asyncio.gather(*(worker.turn() for worker in workers))
    await comes(town, "W1", "黄")
    await asyncio.gather(*(worker.turn() for worker in workers))
    async with town.office.db.connect() as tx:
        assert await keeping.due(tx, town.office, town.now) == []
    one = await the_campaign(town)
    again = await asyncio.gather(*(keeping.follow(town.office, one.id, town.by(SYSTEM)) for _ in range(4)))
    assert again == [False] * 4
    assert [kind for kind in await kinds(town) if kind != "called_in"] == ["opened", "downgraded"]


async def test_a_second_chain_of_the_same_hazard_on_the_same_ground_joins(town: Town, clock: ManualClock) -> None:
    await comes(town, "W0", "蓝", area=code(EAST_CODE), hours=6)
    await turned(town)
    first = await the_campaign(town)
    clock.advance(minutes=5)
    await comes(town, "P0", "黄", sender="辽宁省气象台", hours=20)
    await turned(town)
    one = await the_campaign(town)
    assert (one.id, one.colour, one.chain_id, len(one.chains)) == (first.id, "yellow", first.chain_id, 2)
    assert (one.regions, one.expires_at) == ([CITY], town.now + timedelta(hours=20))
    await lifted(town, "W1", area=code(EAST_CODE))
    await turned(town)
    one = await the_campaign(town)
    assert (one.state, one.regions) == ("running", [CITY])
    await lifted(town, "P1", sender="辽宁省气象台")
    await turned(town)
    assert (await the_campaign(town)).close_reason == "lifted"


async def test_on_other_ground_or_of_another_hazard_it_is_another_campaign(town: Town) -> None:
    await comes(town, "W0", area=code(EAST_CODE))
    await comes(town, "W1", area=code(WEST_CODE))
    await comes(town, "W2", "橙", event="大风", area=code(EAST_CODE))
    await turned(town)
    found = {(one.hazard, *one.regions): one.state for one in await all_campaigns(town)}
    assert found == {("cold_wave", EAST): "running", ("cold_wave", WEST): "running", ("gale", EAST): "proposed"}
    assert len({one.number for one in await all_campaigns(town)}) == 3


async def test_what_is_drawn_is_its_ground(town: Town) -> None:
    ring = "38.90,121.70 38.90,121.80 39.00,121.80 39.00,121.70 38.90,121.70"
    await comes(town, "W0", area=f"<polygon>{ring}</polygon>")
    await turned(town)
    one = await the_campaign(town)
    assert (one.regions, one.drawn is not None) == ([EAST], True)
    assert campaigns.ground(one, town.office.city).area == pytest.approx(0.01, rel=1e-6)


async def test_exercises_and_hazards_without_a_plan_open_nothing(town: Town) -> None:
    await comes(town, "W0", "红", status="Exercise")
    await comes(town, "W1", "红", event="沙尘暴")
    await comes(town, "W2", "红", event="高温", area=code("370100000000"))
    await turned(town)
    assert await all_campaigns(town) == []
    async with town.office.db.connect() as tx:
        listed = await warnings.list_warnings(tx, town.office, LEADER, since=town.now)
    assert {one.identifier: one.without_plan for one in listed} == {"W0": False, "W1": True}


async def test_a_plan_that_is_switched_off_is_no_plan(town: Town) -> None:
    obey(town, plans_of(cold_wave={"blue": {}, "yellow": {"approval": "off"}}))
    await comes(town, "W0", "黄")
    await turned(town)
    assert await all_campaigns(town) == []


async def test_a_policy_that_changes_meanwhile_leaves_what_runs_as_it_is(town: Town) -> None:
    await comes(town, "W0", "黄")
    await turned(town)
    obey(town, plans_of(cold_wave={"yellow": {"cells": 3}}))
    await turned(town)
    assert (await the_campaign(town)).plan.cells == 120
    assert await kinds(town) == ["opened"]


# --- leave -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def asked(town: Town) -> Town:
    """A cold wave whose plan wants leave, and its proposal."""
    obey(town, plans_of(cold_wave={"blue": {"approval": "needed"}, "red": {"approval": "automatic"}}))
    await comes(town, "W0")
    await turned(town)
    return town


async def test_where_leave_is_needed_it_is_proposed_and_told_to_the_leaders(asked: Town) -> None:
    one = await the_campaign(asked)
    assert (one.state, one.opened_at) == ("proposed", None)
    async with asked.office.db.connect() as tx:
        assert await campaigns.running(tx, asked.office) == []
    told = await asked.rows(tables.notices, kind="campaign.proposed")
    assert [row["to"] for row in told] == [f"ground:shift_leader:{CITY}"]


async def test_approved_it_runs(asked: Town) -> None:
    one = await the_campaign(asked)
    await campaigns.approve(asked.office, one.id, "同意", asked.by(LEADER))
    one = await the_campaign(asked)
    assert (one.state, one.opened_by, one.answer) == ("running", LEADER.id, "同意")
    with pytest.raises(Conflict) as refused:
        await campaigns.approve(asked.office, one.id, None, asked.by(SUPERVISOR))
    assert refused.value.code == "not_proposed"


async def test_declined_it_is_not_asked_again_unless_the_warning_gets_graver(asked: Town, clock: ManualClock) -> None:
    one = await the_campaign(asked)
    await campaigns.decline(asked.office, one.id, "已在集中安置", asked.by(LEADER))
    await turned(asked)
    clock.advance(minutes=10)
    await comes(asked, "W1", "蓝")
    await turned(asked)
    assert [(one.state, one.answer) for one in await all_campaigns(asked)] == [("declined", "已在集中安置")]
    await comes(asked, "W2", "红")
    await turned(asked)
    assert [one.state for one in await all_campaigns(asked)] == ["declined", "running"]


async def test_a_proposal_that_nobody_answers_goes_up_and_never_opens_by_itself(
    asked: Town, clock: ManualClock
) -> None:
    for level in (1, 2, 2, 2):
        clock.advance(minutes=16)
        await turned(asked)
        one = await the_campaign(asked)
        assert (one.state, one.level) == ("proposed", level)
    told = [row["to"].split(":")[1] for row in await asked.rows(tables.notices, kind="campaign.escalated")]
    assert sorted(told) == ["civil_affairs", "shift_leader", "shift_leader", "supervisor", "supervisor"]
    async with asked.office.db.connect() as tx:
        [shown] = await reading.list_campaigns(tx, asked.office, LEADER, since=asked.now)
    assert shown.waits


async def test_a_proposal_ends_with_its_warning_and_opens_with_a_graver_one_that_needs_no_leave(asked: Town) -> None:
    await comes(asked, "W1", "红")
    await turned(asked)
    one = await the_campaign(asked)
    assert (one.state, one.colour, one.opened_by) == ("running", "red", "system")
    await comes(asked, "W2", "蓝")
    await turned(asked)
    assert (await the_campaign(asked)).state == "running", (
        "what runs goes on, also where the plan would have wanted leave"
    )


async def test_lifted_before_anybody_answered_it_never_ran(asked: Town) -> None:
    await lifted(asked, "W1")
    await turned(asked)
    one = await the_campaign(asked)
    assert (one.state, one.close_reason, one.opened_at) == ("closed", "lifted", None)


# --- by hand ---------------------------------------------------------------------------------------------------------


async def test_opened_by_hand_it_runs_at_once_where_somebody_said(town: Town, clock: ManualClock) -> None:
    ends = town.now + timedelta(hours=10)
    done = await opened(town, regions=[EAST], ends_at=ends)
    one = await the_campaign(town)
    assert (done.id, done.state) == (one.id, "running")
    assert (one.cause, one.regions, one.plan.colour, one.note) == ("hand", [EAST], "blue", "今夜降温，预警未到")
    await turned(town)
    assert await kinds(town) == ["opened"]
    clock.advance(hours=11)
    await turned(town)
    assert (await the_campaign(town)).close_reason == "expired"


async def test_what_cannot_be_opened_is_refused_in_words(town: Town) -> None:
    with pytest.raises(Invalid) as unknown:
        await opened(town, regions=["999999"])
    assert unknown.value.extra["field"] == "regions[0]"
    with pytest.raises(Invalid) as none:
        await opened(town, hazard="sandstorm", colour="red")
    assert none.value.code == "no_plan"
    with pytest.raises(Invalid):
        await opened(town, ends_at=town.now)
    with pytest.raises(NotAllowed):
        await opened(town, by=OFFICER)
    await opened(town, regions=[EAST])
    with pytest.raises(Conflict) as same:
        await opened(town)
    assert same.value.code == "already_open"


async def test_a_district_s_leader_sets_going_their_own_district_only(town: Town) -> None:
    with pytest.raises(NotFound):
        await opened(town, by=EAST_LEADER)
    await opened(town, by=EAST_LEADER, regions=[EAST])
    west = await opened(town, regions=[WEST])
    with pytest.raises(NotFound):
        await campaigns.close(town.office, west.id, "不需要", town.by(EAST_LEADER))


@pytest.mark.invariant("I8")
async def test_the_same_command_twice_opens_one(town: Town) -> None:
    command = town.by(LEADER, "campaign.open", id_=new_id())
    wanted = ToOpen(hazard="heat", note="高温")
    first = await campaigns.open_by_hand(town.office, wanted, command)
    assert await campaigns.open_by_hand(town.office, wanted, command) == first
    assert len(await all_campaigns(town)) == 1


async def test_a_warning_joins_what_was_opened_by_hand_which_goes_on_when_it_is_lifted(town: Town) -> None:
    await opened(town, colour="blue")
    await comes(town, "W0", "橙")
    await turned(town)
    one = await the_campaign(town)
    assert (one.cause, one.colour, one.plan.colour) == ("hand", "orange", "orange")
    await lifted(town, "W1")
    await turned(town)
    one = await the_campaign(town)
    assert (one.state, one.colour, one.plan.colour, one.expires_at) == ("running", "blue", "blue", None)


async def test_closed_by_hand_it_stays_closed_while_the_warning_is_no_graver(town: Town, clock: ManualClock) -> None:
    await comes(town, "W0", "黄")
    await turned(town)
    one = await the_campaign(town)
    await campaigns.close(town.office, one.id, "全部安置完毕", town.by(LEADER))
    await turned(town)
    clock.advance(minutes=5)
    await comes(town, "W1", "黄")
    await turned(town)
    one = await the_campaign(town)
    assert (one.state, one.close_reason, one.closed_by, one.answer) == ("closed", "hand", LEADER.id, "全部安置完毕")
    with pytest.raises(Conflict):
        await campaigns.close(town.office, one.id, "再结束", town.by(LEADER))
    await comes(town, "W2", "红")
    await turned(town)
    assert [other.state for other in await all_campaigns(town)] == ["closed", "running"]


async def test_what_people_wrote_is_sealed_and_not_in_the_log(town: Town) -> None:
    done = await opened(town, note="王某家门口")
    await campaigns.close(town.office, done.id, "已送王某进站", town.by(LEADER))
    assert "王某" not in str(await town.events())
    async with town.office.db.connect() as tx:
        assert "王某" not in str((await tx.execute(tables.campaigns.select())).all())
        file = await reading.campaign_file(tx, town.office, LEADER, done.id, town.now)
    assert (file.campaign.note, file.campaign.answer) == ("王某家门口", "已送王某进站")


# --- by what was measured --------------------------------------------------------------------------------------------


def cold(town: Town, hours: float = 6) -> Seen:
    measured = {"temperature_c": -8.0, "wind_kmh": 30.0}
    return Seen(
        hazard="low_temperature",
        felt_c=-16.9,
        formula="wind_chill",
        measured=measured,
        ends_at=town.now + timedelta(hours=hours),
    )


async def observed(town: Town, hours: float = 6) -> CampaignDone | None:
    return await campaigns.open_observed(town.office, cold(town, hours), town.by(SYSTEM, "observed"))


@pytest.fixture
async def watching(town: Town) -> Town:
    """Where measured cold opens a campaign without anybody's leave."""
    obey(town, plans_of(low_temperature={"blue": {}}, cold_wave={"blue": {}}))
    return town


async def test_measured_cold_opens_one_and_goes_on_as_long_as_it_is_measured(
    watching: Town, clock: ManualClock
) -> None:
    assert await observed(watching) is not None
    assert await observed(watching) is None
    one = await the_campaign(watching)
    assert (one.state, one.cause, one.basis["felt_c"], one.colour) == ("running", "observed", -16.9, "blue")
    clock.advance(hours=4)
    assert await observed(watching) is not None
    clock.advance(hours=4)
    await turned(watching)
    assert (await the_campaign(watching)).state == "running"
    clock.advance(hours=3)
    await turned(watching)
    assert (await the_campaign(watching)).close_reason == "expired"
    assert await kinds(watching) == ["opened", "prolonged", "closed"]


async def test_measured_cold_does_not_double_what_runs_against_the_cold(watching: Town) -> None:
    await comes(watching, "W0")
    await turned(watching)
    assert await observed(watching) is None
    assert len(await all_campaigns(watching)) == 1


async def test_what_was_measured_and_ended_by_somebody_does_not_begin_again_the_same_night(
    watching: Town, clock: ManualClock
) -> None:
    done = await observed(watching)
    assert done is not None
    await campaigns.close(watching.office, done.id, "测站故障", watching.by(LEADER))
    clock.advance(hours=11)
    assert await observed(watching) is None
    clock.advance(hours=2)
    assert await observed(watching) is not None


async def test_where_the_policy_says_none_measured_values_open_nothing(watching: Town) -> None:
    rules = watching.office.city.policy.campaign
    off = msgspec.structs.replace(rules, observed=msgspec.structs.replace(rules.observed, colour="none"))
    obey(watching, msgspec.structs.replace(watching.office.city.policy, campaign=off))
    assert await observed(watching) is None
