"""Between processes, with Redis there, gone, coming back, and never there. Two offices stand for two processes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import ManualClock
from backend.ids import new_id
from backend.live.feed import Feed
from backend.live.hub import Hub
from backend.live.nudge import Nudge
from backend.live.positions import Fix, Positions
from backend.live.wire import Wire
from ops.local.valkey import Valkey
from tests.access.builders import CITY, NOW, XIGANG, ZHONGSHAN, add_account, add_event, an_office
from tests.live.builders import counted, following, start_at


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey of the test's own, to be stopped and started."""
    own = Valkey(tmp_path / "valkey")
    own.start()
    yield own
    own.stop()


@pytest.fixture
async def wires(redis_url: str, redis: Redis) -> AsyncIterator[tuple[Wire, Wire]]:
    """Two processes' wires, not started."""
    here, there = Wire(redis_url), Wire(redis_url)
    yield here, there
    await here.aclose()
    await there.aclose()


async def _is_up(*wires: Wire) -> None:
    async with asyncio.timeout(10):
        while not all(wire.is_up for wire in wires):  # noqa: ASYNC110 - it has nobody to tell
            await asyncio.sleep(0.01)


async def test_a_nudge_is_heard_here_and_there(wires: tuple[Wire, Wire]) -> None:
    here, there = (Nudge(CITY, wire) for wire in wires)
    ears = [here.listener(), here.listener(), there.listener()]
    async with wires[0], wires[1]:
        await _is_up(*wires)
        assert await ears[2].wait(0.1)  # what was missed before listening
        here()
        assert all(await asyncio.gather(*(ear.wait(2) for ear in ears)))
        assert not await ears[0].wait(0.05)


async def test_a_nudge_given_while_nobody_waits_is_heard_at_the_next_wait() -> None:
    nudge = Nudge(CITY)
    ear = nudge.listener()
    nudge()
    nudge()
    assert await ear.wait(0)
    assert not await ear.wait(0.01)


async def test_a_thousand_nudges_travel_as_few(wires: tuple[Wire, Wire], redis: Redis) -> None:
    nudge = Nudge(CITY, wires[0])
    async with wires[0], redis.pubsub(ignore_subscribe_messages=True) as heard:
        await heard.subscribe(f"rescue:{CITY}:log")
        await heard.get_message(timeout=1)
        for _ in range(1000):
            nudge()
        count = 0
        while await heard.get_message(timeout=0.3):
            count += 1
    assert 1 <= count <= 2


async def test_nudging_takes_no_time_while_redis_answers_nothing(tmp_path: Path) -> None:
    """A server that takes connections and is silent."""
    path = str(tmp_path / "silent.sock")
    lines: list[asyncio.StreamWriter] = []
    server = await asyncio.start_unix_server(lambda _, line: lines.append(line), path)
    nudge = Nudge(CITY, wire := Wire(f"unix://{path}"))
    ear = nudge.listener()
    await wire.start()
    await asyncio.sleep(0.05)
    for _ in range(100):
        nudge()  # no coroutine: there is nothing it could wait for
    assert await ear.wait(0)
    async with asyncio.timeout(30):  # it would hang for ever, were the silent server waited for
        await wire.aclose()
    server.close()
    assert lines
    for line in lines:
        line.close()


@pytest.mark.parametrize("url", [None, "unix:///nowhere/at/all.sock", "redis://127.0.0.1:1/0"])
async def test_without_redis_a_process_lives_by_itself(url: str | None) -> None:
    wire = Wire(url)
    nudge = Nudge(CITY, wire)
    ear = nudge.listener()
    before = asyncio.all_tasks()
    async with wire:
        await asyncio.sleep(0.1)
        nudge()
        assert await ear.wait(0)
        positions = Positions(CITY, wire)
        positions.tell([_fix()])
        assert await positions.latest(not_before=NOW) == []
        await positions.forget(new_id())
    assert asyncio.all_tasks() == before


async def test_screens_go_on_while_redis_is_away_and_are_quick_again_afterwards(
    db: AsyncEngine, clock: ManualClock, valkey: Valkey
) -> None:
    writing, reading = Wire(url := valkey.url()), Wire(url)
    tells, hears = Nudge(CITY, writing), Nudge(CITY, reading)
    office, other = an_office(db, tells), an_office(db, hears)
    account = await add_account(office)
    async with writing, reading, Hub(other, hears, clock, session_clock=clock) as hub:
        await _is_up(reading)
        async with following(Feed(hub, counted), other, account) as socket:
            await socket.got("events")
            await add_event(office)
            await socket.got_events(1)
            valkey.stop()
            for count in (2, 3):
                await add_event(office)
                await socket.got_events(count)
            await asyncio.sleep(0.6)
            assert not reading.is_up
            start_at(valkey, url)
            await _is_up(reading)
            hub._poll_s = 60  # from here on only a nudge brings it in time
            await asyncio.sleep(0.6)
            await add_event(office)
            await socket.got_events(4)
    assert socket.seqs() == [2, 3, 4, 5]


async def test_closing_leaves_no_task_behind_whatever_redis_does(valkey: Valkey) -> None:
    before = asyncio.all_tasks()
    for stopped in (False, True, True):
        wire = Wire(valkey.url() if not stopped else "unix:///nowhere.sock")
        nudge = Nudge(CITY, wire)
        for pause in (0, 0.001, 0.02, 0.3):
            await wire.start()
            await asyncio.sleep(pause)
            nudge()
            async with asyncio.timeout(3):
                await wire.aclose()
    assert asyncio.all_tasks() == before


async def test_a_message_that_is_not_understood_does_not_stop_the_listening(
    wires: tuple[Wire, Wire], redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Fix] = []
    positions = Positions(CITY, wires[0])
    positions.on_news(heard.extend)
    async with wires[0]:
        await _is_up(wires[0])
        await redis.publish(f"rescue:{CITY}:positions", b"12345678{not json")
        await redis.publish(f"rescue:{CITY}:positions", b"")
        async with wires[1]:
            Positions(CITY, wires[1]).tell([_fix()])
            async with asyncio.timeout(5):
                while not heard:  # noqa: ASYNC110 - the list has nobody to tell
                    await asyncio.sleep(0.01)
    assert "was not understood" in caplog.text


async def test_the_last_position_of_a_team_is_kept_and_forgotten(wires: tuple[Wire, Wire]) -> None:
    team, old = new_id(), new_id()
    async with wires[0]:
        positions = Positions(CITY, wires[0])
        positions.tell([_fix(team), _fix(team, lon=121.7), _fix(old, minutes=-30)])
        async with asyncio.timeout(5):
            while not (found := await positions.latest(not_before=NOW)):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert [(fix.team_id, fix.lon, fix.regions) for fix in found] == [(team, 121.7, (ZHONGSHAN, CITY))]
        assert len(await positions.latest(not_before=NOW - timedelta(hours=1))) == 2
        await positions.forget(team, old)
        assert not await positions.latest(not_before=NOW - timedelta(hours=1))


async def test_positions_reach_the_screens_of_another_process_once_a_second_and_only_whom_they_may(
    db: AsyncEngine, clock: ManualClock, wires: tuple[Wire, Wire]
) -> None:
    office = an_office(db)
    city, west = await add_account(office, "city"), await add_account(office, "west", regions=(XIGANG,))
    here, there = (Positions(CITY, wire) for wire in wires)
    first, second, far = new_id(), new_id(), new_id()
    async with wires[0], wires[1], Hub(office, Nudge(CITY), clock, session_clock=clock, positions_every_s=0.5) as hub:
        there.on_news(hub.positions)
        await _is_up(*wires)
        feed = Feed(hub, counted)
        async with following(feed, office, city) as sees_all, following(feed, office, west) as sees_west:
            await sees_all.got("events")
            await sees_west.got("events")
            for step in range(10):
                here.tell([_fix(first, lon=121.6 + step / 100, seconds=step), _fix(second)])
            here.tell([_fix(first, lon=100.0, seconds=-5), _fix(far, regions=(XIGANG, CITY))])
            await sees_all.until(lambda s: len({team[0] for m in s.of("positions") for team in m["teams"]}) == 3)
            await sees_west.got("positions")
            await asyncio.sleep(0.6)
    last = {team[0]: team for message in sees_all.of("positions") for team in message["teams"]}
    at_ms = round((NOW + timedelta(seconds=9)).timestamp() * 1000)
    assert last[str(first)] == [str(first), at_ms, 121.69, 38.91, None]
    assert len(sees_all.of("positions")) <= 2
    assert [team[0] for team in sees_west.of("positions")[0]["teams"]] == [str(far)]


async def test_a_slow_screen_gets_the_newest_position_of_each_team_and_no_old_ones(
    db: AsyncEngine, clock: ManualClock
) -> None:
    office = an_office(db)
    account = await add_account(office)
    first, second = new_id(), new_id()
    hub = Hub(office, Nudge(CITY), clock, session_clock=clock, positions_every_s=0.02)
    async with hub, following(Feed(hub, counted), office, account) as socket:
        await socket.got("events")
        socket.moving.clear()
        hub.positions([_fix(second)])
        for step in range(20):
            hub.positions([_fix(first, lon=121.6 + step / 100, seconds=step)])
            await asyncio.sleep(0.03)
        socket.moving.set()
        await socket.until(lambda s: _lons(s.of("positions"))[-1:] == [pytest.approx(121.79)])
    assert len(socket.of("positions")) <= 3


def _lons(messages: list[dict[str, Any]]) -> list[float]:
    return [lon for message in messages for _, _, lon, *_ in message["teams"]]


def _fix(
    team_id: object = None, *, lon: float = 121.65, seconds: int = 0, minutes: int = 0, regions: tuple[str, ...] = ()
) -> Fix:
    at = NOW + timedelta(seconds=seconds, minutes=minutes)
    return Fix(team_id=team_id or new_id(), at=at, lon=lon, lat=38.91, regions=regions or (ZHONGSHAN, CITY))  # type: ignore[arg-type]
