"""A crew calls for help: heard by whoever can see it, answered once, and never left lying."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from backend import db as tables
from backend.access.actor import Actor
from backend.dispatch import board, distress, past, replay
from backend.dispatch.change import Answer
from backend.dispatch.distress import Spot
from backend.errors import Conflict, NotAllowed, NotFound
from backend.ids import new_id
from backend.notify import outbox
from tests.dispatch.at_once import at_once
from tests.dispatch.builders import (
    DISPATCHER,
    EAST,
    LEADER,
    SPOT,
    WEST,
    Town,
    east_of,
    officer,
    somebody,
)
from tests.dispatch.soundness import faults


async def _call(town: Town, n: int = 0, spot: Spot | None = None, **more: Any) -> UUID:
    """Team number n calls for help."""
    id_, at = more.pop("id_", None), more.pop("at", None)
    command = town.by(officer(town.teams[n]), "officer.distress", id_=id_, at=at)
    answer = await distress.raise_call(town.office, town.teams[n], spot, command)
    assert answer.distress_id is not None
    return answer.distress_id


async def _answer(town: Town, call_id: UUID, by: Actor = DISPATCHER, note: str = "增援五分钟到", **rest: Any) -> Answer:
    return await distress.answer_call(town.office, call_id, note, town.by(by, "distress.answer", **rest))


async def _rows(town: Town) -> list[dict[str, Any]]:
    return sorted(await town.rows(tables.distress_calls), key=lambda row: row["id"])


async def _seen(town: Town, by: Actor) -> list[dict[str, Any]]:
    async with town.office.db.connect() as tx:
        found: list[dict[str, Any]] = (await board.snapshot(tx, town.office, by, town.now))["distress_calls"]
    return found


async def _now(town: Town, n: int = 0) -> distress.DistressNow | None:
    async with town.office.db.connect() as tx:
        return await distress.current(tx, town.office, town.teams[n])


async def _is_sound(town: Town) -> None:
    async with town.office.db.connect() as tx:
        assert await faults(tx, town.office) == []


async def test_a_call_for_help_is_told_to_the_desks_at_once_with_its_place_and_its_own_time(town: Town) -> None:
    at = town.now - timedelta(minutes=3)
    call_id = await _call(town, spot=Spot(SPOT, at, 12.0), at=at)
    (event,) = [event for event in await town.events() if event.kind == "team.distress"]
    (row,) = event.data["rows"]["distress_calls"]
    assert (row["id"], row["lon"], row["lat"], event.occurred_at) == (str(call_id), SPOT.lon, SPOT.lat, at)
    assert event.teams == [town.teams[0]]
    assert event.data["alarm"] == "distress"
    told = await town.notices("team.distress")
    assert {one["to"].split(":")[1] for one in told} == {"dispatcher", "shift_leader"}
    assert "lon" not in str(told)
    now = await _now(town)
    assert now is not None
    assert (now.id, now.raised_at, now.answered_at) == (call_id, at, None)
    await _is_sound(town)


async def test_whoever_sees_the_team_sees_the_call_and_nobody_else(town: Town) -> None:
    await _call(town, spot=Spot(SPOT, town.now))
    for by in (DISPATCHER, somebody("operator", regions=(WEST,)), officer(town.teams[0])):
        assert len(await _seen(town, by)) == 1, by.roles
    for by in (officer(town.teams[1]), somebody("grid_worker"), somebody("driver")):
        assert await _seen(town, by) == [], by.roles


async def test_it_is_taken_off_duty_and_without_any_position(town: Town) -> None:
    await town.on_duty(town.teams[0], "off_duty")
    await _call(town)
    (row,) = await _rows(town)
    assert (row["lon"], row["place_at"], row["case_id"]) == (None, None, None)
    await _is_sound(town)


async def test_without_a_position_it_is_where_the_team_was_seen_last_and_says_which_case_it_has(town: Town) -> None:
    case_id = await town.dispatched()
    team_id = (await town.case(case_id)).team_id
    assert team_id is not None
    await town.run(
        "UPDATE presence SET lon = :lon, lat = :lat, fix_at = :at WHERE team_id = :team",
        lon=SPOT.lon, lat=SPOT.lat, at=town.now, team=team_id,
    )  # fmt: skip
    town.clock.advance(minutes=4)
    await _call(town, town.teams.index(team_id))
    (row,) = await _rows(town)
    assert (row["lon"], row["place_at"], row["case_id"]) == (SPOT.lon, town.now - timedelta(minutes=4), case_id)


async def test_pressed_again_before_an_answer_it_is_the_same_call_at_the_newer_place(town: Town) -> None:
    first = await _call(town, spot=Spot(SPOT, town.now))
    town.clock.advance(seconds=40)
    there = east_of(SPOT, 90)
    assert await _call(town, spot=Spot(there, town.now)) == first
    assert await _call(town, spot=Spot(SPOT, town.now - timedelta(minutes=9))) == first
    (row,) = await _rows(town)
    assert (row["presses"], row["lon"]) == (3, there.lon)
    assert (await town.kinds()).count("team.distress") == 3
    await _answer(town, first)
    assert await _call(town) != first, "help is wanted anew"
    await _is_sound(town)


@pytest.mark.invariant("I8")
async def test_the_same_call_sent_twice_is_one_press(town: Town) -> None:
    id_ = new_id()
    assert await _call(town, id_=id_) == await _call(town, id_=id_)
    assert [row["presses"] for row in await _rows(town)] == [1]


async def test_two_phones_of_a_crew_at_once_are_one_call(town: Town) -> None:
    done, refused = await at_once(_call(town), _call(town), _call(town))
    assert (len(set(done)), refused) == (1, [])
    assert [row["presses"] for row in await _rows(town)] == [3]


async def test_somebody_answers_and_the_crew_reads_it(town: Town) -> None:
    call_id = await _call(town)
    town.clock.advance(seconds=20)
    await _answer(town, call_id)
    now = await _now(town)
    assert now is not None
    assert (now.answered_at, now.note) == (town.now, "增援五分钟到")
    assert [one["to"] for one in await town.notices("team.distress_answered")] == [f"team:{town.teams[0]}"]
    for table in ("events", "commands", "outbox"):
        assert "增援" not in str(await town.run_scalar(f"SELECT string_agg(t::text, ' ') FROM {table} t"))
    with pytest.raises(Conflict) as refusal:
        await _answer(town, call_id, LEADER)
    assert refusal.value.code == "answered"
    await _is_sound(town)


async def test_a_notice_of_a_call_that_was_answered_meanwhile_is_not_sent(town: Town) -> None:
    call_id = await _call(town)

    async def wanted() -> int:
        async with town.office.db.begin() as tx:
            claimed = await outbox.claim(tx, town.office, "push", now=town.now, lease=timedelta(), limit=9)
            return len(await outbox.still_wanted(tx, town.office, claimed))

    assert await wanted() == 2
    await _answer(town, call_id)
    assert await wanted() == 1, "what was answered, for the crew"


async def test_a_call_that_nobody_answers_goes_to_the_shift_leader_and_then_to_the_supervisor(town: Town) -> None:
    await _call(town)
    town.clock.advance(minutes=2, seconds=-1)
    await town.worker.turn()
    assert "team.distress_escalated" not in await town.kinds()
    town.clock.advance(seconds=1)
    await town.worker.turn()
    town.clock.advance(minutes=2)
    await town.worker.turn()
    town.clock.advance(minutes=20)
    await town.worker.turn()
    told = [event.data["told"] for event in await town.events() if event.kind == "team.distress_escalated"]
    assert told == [["shift_leader"], ["shift_leader", "supervisor"]]
    assert len(await town.notices("team.distress_escalated")) == 3
    await _is_sound(town)


@pytest.mark.invariant("I5")
async def test_a_call_that_was_answered_climbs_no_further(town: Town) -> None:
    call_id = await _call(town)
    await _answer(town, call_id)
    town.clock.advance(minutes=10)
    await town.worker.turn()
    assert "team.distress_escalated" not in await town.kinds()
    assert await distress.escalate(town.office, call_id, town.by(somebody("system"), "distress")) is False


async def test_it_is_over_once_somebody_says_so_and_not_before_an_answer(town: Town) -> None:
    call_id = await _call(town)
    with pytest.raises(Conflict) as refusal:
        await distress.end_call(town.office, call_id, town.by(DISPATCHER))
    assert refusal.value.code == "not_answered"
    await _answer(town, call_id)
    town.clock.advance(minutes=5)
    async with town.office.db.connect() as tx:
        seq = await past.last_until(tx, town.office, town.now)
        then = await past.board_at(tx, town.office, DISPATCHER, at=town.now, seq=seq)
    await distress.end_call(town.office, call_id, town.by(DISPATCHER))
    assert await _seen(town, DISPATCHER) == []
    assert await _now(town) is None
    assert [call["id"] for call in then["distress_calls"]] == [str(call_id)]
    with pytest.raises(Conflict):
        await distress.end_call(town.office, call_id, town.by(LEADER))
    await _is_sound(town)


async def test_only_those_who_answer_for_the_region_answer(town: Town) -> None:
    call_id = await _call(town, spot=Spot(SPOT, town.now))
    with pytest.raises(NotAllowed):
        await _answer(town, call_id, somebody("operator"))
    with pytest.raises(NotFound):
        await _answer(town, new_id())
    with pytest.raises(NotFound):
        await distress.raise_call(town.office, town.teams[1], None, town.by(officer(town.teams[0])))


async def test_the_desk_of_the_ground_hears_of_a_team_of_another_district(town: Town) -> None:
    await town.run("UPDATE teams SET regions = ARRAY[:west]", west=WEST)
    call_id = await _call(town, spot=Spot(east_of(SPOT, 8000), town.now))
    next_door = somebody("dispatcher", regions=(EAST,), id_="dispatcher-east")
    assert [call["id"] for call in await _seen(town, next_door)] == [str(call_id)]
    await _answer(town, call_id, next_door)


async def test_what_the_log_tells_is_what_the_table_has(town: Town) -> None:
    await _answer(town, await _call(town, spot=Spot(SPOT, town.now)))
    await town.run("UPDATE distress_calls SET lon = 1.0")
    async with town.office.db.connect() as tx:
        assert any("distress_calls" in one for one in await replay.differences(tx, town.office))
