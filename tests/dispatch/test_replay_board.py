"""The board of a past moment is the one that was seen live at that moment, whatever has happened since."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db as tables
from backend import log
from backend.access.actor import Actor
from backend.dispatch import approvals, board, desk, past, replay, verification
from backend.errors import Invalid, Refused
from backend.geo.place import LonLat
from backend.patrol import positions
from backend.patrol.past_duty import tracks
from tests.dispatch.builders import (
    DISPATCHER,
    LEADER,
    SPOT,
    WEST,
    Town,
    east_of,
    officer,
    somebody,
)

WATCHERS = (DISPATCHER, somebody("dispatcher", regions=(WEST,), id_="of-the-west"), somebody("operator"))


@dataclass(frozen=True)
class Seen:
    """What one person saw at a moment."""

    by: Actor
    at: datetime
    seq: int
    board: dict[str, Any]


async def look(town: Town, by: Actor) -> Seen:
    async with town.office.db.connect() as connection:
        tx = await connection.execution_options(isolation_level="REPEATABLE READ")
        seq, _ = await log.head(tx, town.office.city_id)
        return Seen(by, town.now, seq, await board.snapshot(tx, town.office, by, town.now))


async def then(town: Town, by: Actor, at: datetime) -> tuple[int, dict[str, Any]]:
    async with town.office.db.connect() as tx:
        seq = await past.reached(tx, town.office, at, town.now)
        return seq, await past.board_at(tx, town.office, by, at=at, seq=seq)


def comparable(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By id, without when the machine looks next, and moments as moments."""
    return {
        part: {
            f"{row['case_id']}/{row['kind']}" if part == "clocks" else row["id"]: {
                **row,
                "search_at": None,
                "fires_at": None,
            }
            for row in rows
        }
        for part, rows in shown.items()
    }


def assert_same(replayed: dict[str, Any], live: dict[str, Any]) -> None:
    one, other = comparable(replayed), comparable(live)
    for part in other:
        assert one[part].keys() == other[part].keys(), part
        for key, row in other[part].items():
            found = one[part][key]
            assert found.keys() == row.keys(), part
            wrong = {n: (found[n], v) for n, v in row.items() if not replay.same_value(found[n], v)}
            assert not wrong, (part, key, wrong)


async def some_verb(town: Town, chance: random.Random) -> None:
    """Somebody does something; what is refused did nothing."""
    cases = [row["id"] for row in await town.rows(tables.cases)]
    case_id: UUID | None = chance.choice(cases) if cases else None
    place = east_of(SPOT, chance.uniform(-3000, 9000))
    about: list[Callable[[UUID], Awaitable[object]]] = [
        town.take,
        town.decline,
        town.arrive,
        town.handle,
        town.verify,
        lambda id_: verification.send_back(town.office, id_, "照片不清", town.by(somebody("checker"))),
        lambda id_: desk.accept_case(town.office, id_, town.by(DISPATCHER)),
        lambda id_: desk.withdraw_team(town.office, id_, "另派", town.by(DISPATCHER)),
        lambda id_: desk.assign_team(town.office, id_, chance.choice(town.teams), "更近", town.by(DISPATCHER)),
        lambda id_: desk.join_cases(town.office, id_, chance.choice(cases), "同一人", town.by(DISPATCHER)),
        lambda id_: desk.unjoin_case(town.office, id_, town.by(DISPATCHER)),
        lambda id_: town.granted(id_, chance.choice(["suspend", "void", "return"])),
        lambda id_: approvals.resume_case(town.office, id_, "继续", town.by(LEADER)),
    ]
    roll = chance.random()
    try:
        if roll < 0.25 or case_id is None:
            await (town.accepted(place, address="人民路 5 号") if chance.random() < 0.7 else town.filed(place=place))
        elif roll < 0.4:
            await town.worker.turn()
        elif roll < 0.5:
            await town.on_duty(chance.choice(town.teams), chance.choice(["on_duty", "off_duty", "resting"]))
        elif roll < 0.6:
            await moved(town, chance.choice(town.teams), place)
        else:
            await chance.choice(about)(case_id)
    except (Refused, AssertionError):
        pass


async def moved(town: Town, team_id: UUID, place: LonLat) -> None:
    fix = positions.Fix(at=town.now, lon=place.lon, lat=place.lat, heading_deg=90.0)
    good, _ = positions.judge(town.office, team_id, [fix], town.now)
    await positions.store(town.office, good)


@pytest.mark.parametrize("seed", range(3))
async def test_the_board_of_any_moment_is_what_was_seen_live_then(town: Town, seed: int) -> None:
    chance = random.Random(seed)
    seen: list[Seen] = []
    for _ in range(70):
        await some_verb(town, chance)
        if chance.random() < 0.4:
            seen.append(await look(town, chance.choice(WATCHERS)))
        town.clock.advance(seconds=chance.choice([5, 40, 300, 7200]))
    assert any(one.board["offers"] for one in seen)
    assert any(one.board["cases"] for one in seen)
    for one in chance.sample(seen, 15):
        seq, shown = await then(town, one.by, one.at)
        assert seq == one.seq
        assert_same(shown, one.board)


async def test_played_forward_by_its_events_the_board_becomes_the_one_of_now(town: Town) -> None:
    case_id = await town.dispatched()
    early = town.now
    town.clock.advance(minutes=5)
    await town.arrive(case_id)
    await town.handle(case_id)
    async with town.office.db.connect() as tx:
        seq = await past.reached(tx, town.office, early, town.now)
        shown = await past.board_at(tx, town.office, DISPATCHER, at=early, seq=seq)
        events = await log.since(tx, town.office.city_id, seq, limit=1000)
    cases = {row["id"]: row for row in shown["cases"]}
    for event in events:
        for row in event.data.get("rows", {}).get("cases", ()):
            cases[row["id"]] |= row
    assert cases[str(case_id)]["stage"] == "handled"
    assert (await then(town, DISPATCHER, early))[1]["cases"][0]["stage"] == "dispatched"


async def test_before_the_log_and_in_the_future_there_is_nothing_to_show(town: Town) -> None:
    async def code(at: datetime) -> str:
        with pytest.raises(Invalid) as refused:
            await then(town, DISPATCHER, at)
        return refused.value.code

    assert await code(town.now - timedelta(days=1)) == "before_the_log"
    assert await code(town.now + timedelta(seconds=1)) == "in_the_future"


async def test_the_alarms_between_two_moments_are_told_to_those_who_may_see_them(town: Town) -> None:
    begun = town.now
    town.clock.advance(seconds=1)
    await town.accepted(LonLat(122.25, 39.15))
    await town.worker.turn()
    async with town.office.db.connect() as tx:
        first, last = await past.last_until(tx, town.office, begun), await past.last_until(tx, town.office, town.now)
        told = await past.marks(tx, town.office, DISPATCHER, after=first, until=last)
        west = await past.marks(tx, town.office, WATCHERS[1], after=first, until=last)
    assert "search.alarm" in [mark.kind for mark in told] or "offer.made" in await town.kinds()
    assert west == []


async def ways(town: Town, tx: AsyncConnection, since: datetime, until: datetime, step_s: float) -> Any:
    seqs = await past.last_until(tx, town.office, since), await past.last_until(tx, town.office, until)
    return await tracks(tx, town.office, town.teams, start=since, end=until, seqs=seqs, step_s=step_s)


async def test_the_ways_are_thinned_and_say_nothing_of_the_time_off_duty(town: Town) -> None:
    team_id, begun = town.teams[0], town.now
    for n in range(12):
        await moved(town, team_id, east_of(SPOT, 100 * n))
        town.clock.advance(seconds=5)
    await town.on_duty(team_id, "off_duty")
    off_at = town.now
    town.clock.advance(minutes=1)
    await town.on_duty(team_id)
    # A phone that had been late to say that the team was on duty again: its fixes lie in the time off duty.
    late = positions.Fix(at=off_at + timedelta(seconds=30), lon=SPOT.lon, lat=SPOT.lat)
    await positions.store(town.office, positions.judge(town.office, team_id, [late], town.now)[0])
    async with town.office.db.connect() as tx:
        (way,) = await ways(town, tx, begun, town.now, 20.0)
    assert [point.s for point in way.points] == [0.0, 20.0, 40.0]


async def test_too_many_points_at_once_are_refused_with_the_step_that_would_do(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.patrol.past_duty.POINTS_AT_MOST", 10)
    async with town.office.db.connect() as tx:
        with pytest.raises(Invalid) as refused:
            await ways(town, tx, town.now - timedelta(minutes=5), town.now, 1.0)
    assert int(str(refused.value.extra["hint"])) > 60


async def test_the_duty_of_a_team_that_was_silent_for_long_is_what_its_next_word_says_it_had_been(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.patrol.past_duty.LOOKED_BACK", (1,))
    town.clock.advance(hours=1)
    await town.filed()
    at = town.now
    town.clock.advance(hours=1)
    await town.on_duty(town.teams[0], "resting")
    _, shown = await then(town, DISPATCHER, at)
    assert {team["state"] for team in shown["teams"]} == {"on_duty"}


async def test_an_officer_sees_of_the_past_what_is_their_teams_today(town: Town) -> None:
    case_id = await town.dispatched()
    town.clock.advance(minutes=1)
    crew = await town.crew(case_id)
    other = next(team for team in town.teams if team != crew.team_id)
    assert [case["id"] for case in (await then(town, crew, town.now))[1]["cases"]] == [str(case_id)]
    assert (await then(town, officer(other), town.now))[1]["cases"] == []
