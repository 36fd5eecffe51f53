"""The feed: nothing missed, nothing doubled, nobody told what is not theirs, nobody waited for."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import log
from backend.access import accounts, sessions, tickets
from backend.access.accounts import AccountChange
from backend.access.actor import Actor
from backend.clock import ManualClock
from backend.live.feed import Feed
from backend.live.hub import Hub
from backend.live.inbox import TOGETHER_CHARS
from backend.live.nudge import Nudge
from backend.office import Office
from tests.access.builders import (
    ADMIN,
    CITY,
    NOW,
    XIGANG,
    ZHONGSHAN,
    add_account,
    add_event,
    add_session,
    an_office,
    events_of,
)
from tests.live.builders import HOUR, FakeSocket, caught_up, counted, following


@pytest.fixture
def nudge() -> Nudge:
    return Nudge(CITY)


@pytest.fixture
def office(db: AsyncEngine, nudge: Nudge) -> Office:
    return an_office(db, nudge)


@pytest.fixture
async def hub(office: Office, nudge: Nudge, clock: ManualClock) -> AsyncIterator[Hub]:
    async with Hub(office, nudge, clock, session_clock=clock, inbox_size=32, pulse_every_s=0.2) as hub:
        yield hub


@pytest.fixture
def feed(hub: Hub) -> Feed:
    return Feed(hub, counted)


async def test_who_begins_gets_hello_then_a_picture_then_what_happens(office: Office, feed: Feed) -> None:
    await add_event(office)
    async with following(feed, office, await add_account(office)) as socket:
        await socket.got("events")
        await add_event(office, "case.handled", note="四号线")
        event = await socket.got("event")
    hello, snapshot, caught_up = socket.messages[:3]
    assert (hello["type"], hello["city"], hello["roles"]) == ("hello", CITY, ["dispatcher"])
    assert (snapshot["type"], snapshot["seq"], snapshot["board"]) == ("snapshot", 2, {"seqs": [1, 2]})
    assert caught_up == {"type": "events", "seq": 2, "events": []}
    assert (event["seq"], event["kind"], event["data"]) == (3, "case.handled", {"note": "四号线"})


async def test_who_comes_back_gets_what_was_missed_and_no_picture(office: Office, feed: Feed) -> None:
    account = await add_account(office)
    for _ in range(3):
        await add_event(office)
    async with following(feed, office, account, since=2) as socket:
        await add_event(office)
        await socket.until(lambda s: len(s.seqs()) == 3)
    assert not socket.of("snapshot")
    assert socket.seqs() == [3, 4, 5]


@pytest.mark.parametrize("since", [-1, 3, 1_000_000])
async def test_who_is_too_far_behind_or_ahead_of_the_log_begins_again(office: Office, hub: Hub, since: int) -> None:
    account = await add_account(office)
    for _ in range(10):
        await add_event(office)
    await caught_up(hub, 11)
    async with following(Feed(hub, counted, largest_gap=5), office, account, since=since) as socket:
        assert (await socket.got("snapshot"))["seq"] == 11


async def test_who_was_ahead_with_another_process_is_not_told_twice(office: Office, clock: ManualClock) -> None:
    account = await add_account(office)
    ear = Nudge(CITY)
    async with Hub(office, ear, clock, session_clock=clock, poll_s=60) as behind:
        await asyncio.sleep(0.1)
        for _ in range(4):
            await add_event(office)
        assert behind.seq == 1
        async with following(Feed(behind, counted), office, account, since=4) as socket:
            await socket.got("events")
            ear()
            await socket.until(lambda s: s.seqs() == [5])
    assert not socket.of("snapshot")


@pytest.mark.parametrize("ring_size", [0, 5, 1000])
async def test_what_was_missed_comes_from_memory_or_from_the_log(
    office: Office, nudge: Nudge, clock: ManualClock, ring_size: int
) -> None:
    account = await add_account(office)
    async with Hub(office, nudge, clock, session_clock=clock, ring_size=ring_size) as hub:
        for _ in range(20):
            await add_event(office)
        await caught_up(hub, 21)
        for after, upto in ((0, 21), (1, 21), (14, 21), (15, 18), (16, 21), (17, 17), (20, 21), (3, 7)):
            assert [told.event.seq for told in await hub.replay(after, upto)] == list(range(after + 1, upto + 1))
        async with following(Feed(hub, counted), office, account, since=1) as socket:
            await socket.until(lambda s: s.seqs() == list(range(2, 22)))


async def test_under_many_writers_the_picture_and_the_events_are_the_log(office: Office, feed: Feed) -> None:
    """The property the feed is for: for whoever joins whenever, snapshot + events = everything, once, in order."""
    account = await add_account(office)
    chance = random.Random(7)
    sockets: list[tuple[FakeSocket, int | None]] = []

    async def write(number: int) -> None:
        for _ in range(30):
            await add_event(office, writer=number)
            await asyncio.sleep(chance.random() * 0.01)

    async with AsyncExitStack() as stack:

        async def join(number: int) -> None:
            await asyncio.sleep(chance.random() * 0.3)
            since = None if number % 2 else chance.randint(1, 5)
            sockets.append((await stack.enter_async_context(following(feed, office, account, since=since)), since))

        await asyncio.gather(*map(write, range(6)), *map(join, range(12)))
        everything = [event.seq for event in await events_of(office)]
        for socket, since in sockets:
            await socket.until(lambda s: bool(s.messages) and s.messages[-1].get("seq") == everything[-1])
            picture = socket.of("snapshot")
            known = picture[0]["board"]["seqs"] if picture else [n for n in everything if n <= (since or 0)]
            assert known + socket.seqs() == everything


async def test_what_is_ready_together_goes_out_together_and_what_is_alone_as_itself(office: Office, feed: Feed) -> None:
    async with following(feed, office, await add_account(office)) as socket:
        await socket.got("events")
        await add_event(office)
        await socket.got("event")
        socket.moving.clear()
        for _ in range(20):
            await add_event(office)
        await caught_up(feed._hub, 22)
        socket.moving.set()
        await socket.got_events(21)
    assert socket.seqs() == list(range(2, 23))
    singles, together = socket.of("event"), socket.of("events")[1:]
    assert len(singles) <= 2, "the first, and the one that was on its way when the line stood still"
    assert [message["seq"] for message in together] == [message["events"][-1]["seq"] for message in together]


async def test_what_goes_out_together_is_of_bounded_size(office: Office, feed: Feed) -> None:
    async with following(feed, office, await add_account(office)) as socket:
        await socket.got("events")
        socket.moving.clear()
        for _ in range(20):
            await add_event(office, note="很" * 8_000)
        await caught_up(feed._hub, 21)
        socket.moving.set()
        await socket.got_events(20)
    assert socket.seqs() == list(range(2, 22))
    assert max(map(len, socket.texts)) <= TOGETHER_CHARS + 1_000
    assert max(len(message["events"]) for message in socket.of("events")) > 1


async def test_a_slow_reader_is_let_go_and_catches_up(office: Office, feed: Feed, hub: Hub) -> None:
    account = await add_account(office)
    async with following(feed, office, account) as slow, following(feed, office, account) as quick:
        await slow.got("events")
        await quick.got("events")
        slow.moving.clear()
        for _ in range(100):
            await add_event(office)
        await quick.until(lambda s: len(s.seqs()) == 100)
        await slow.until(lambda s: s.closed is not None)
        assert slow.closed == (4409, "start again from your last sequence")
        assert len(hub.inboxes()) == 1
        last = slow.seqs()[-1] if slow.seqs() else 1
        async with following(feed, office, account, since=last) as again:
            await again.until(lambda s: bool(s.seqs()) and s.seqs()[-1] == 101)
    assert slow.seqs() + again.seqs() == quick.seqs() == list(range(2, 102))


@pytest.mark.invariant("I12")
async def test_signing_out_closes_the_sockets_of_that_session_only(office: Office, feed: Feed) -> None:
    account = await add_account(office)
    phone = await add_session(office, account, expires_at=NOW + HOUR)
    async with following(feed, office, phone) as on_phone, following(feed, office, account) as elsewhere:
        await on_phone.got("events")
        await elsewhere.got("events")
        await sessions.sign_out(office, phone, now=NOW)
        await on_phone.until(lambda s: s.closed is not None)
        await add_event(office)
        await elsewhere.got("event")
    assert on_phone.closed == (4401, "sign in again")
    assert not on_phone.of("event")
    assert elsewhere.closed is None


async def test_an_account_that_is_changed_or_deactivated_has_to_come_again(office: Office, feed: Feed) -> None:
    account = await add_account(office)
    async with following(feed, office, account) as socket:
        await socket.got("events")
        await accounts.change(office, account.id, AccountChange(regions=[XIGANG]), by=ADMIN, now=NOW)
        await socket.until(lambda s: s.closed is not None)
    assert socket.closed is not None
    assert socket.closed[0] == 4410
    async with following(feed, office, account, since=1) as socket:
        await socket.got("snapshot")  # what it knew may be more than it may know now
        await accounts.change(office, account.id, AccountChange(active=False), by=ADMIN, now=NOW)
        await socket.until(lambda s: s.closed is not None)
    assert socket.closed is not None
    assert socket.closed[0] == 4401


async def test_rights_that_change_between_the_ticket_and_the_hub_are_noticed(office: Office, feed: Feed) -> None:
    account = await add_account(office)
    actor = await add_session(office, account, expires_at=NOW + HOUR)
    await accounts.change(office, account.id, AccountChange(roles=["checker"]), by=ADMIN, now=NOW)
    closing = await feed._follow(FakeSocket().line, actor, None, NOW)
    assert closing is not None
    assert closing.code == 4410


async def test_a_session_that_ends_by_time_closes_its_socket(office: Office, nudge: Nudge, clock: ManualClock) -> None:
    account = await add_account(office)
    async with Hub(office, nudge, clock, session_clock=clock, sessions_every_s=0.05) as hub:
        short = await add_session(office, account, expires_at=NOW + HOUR)
        async with following(Feed(hub, counted), office, short) as socket:
            await socket.got("events")
            await asyncio.sleep(0.15)
            assert socket.closed is None
            clock.advance(hours=1)
            await socket.until(lambda s: s.closed is not None)
    assert socket.closed == (4401, "sign in again")


async def test_an_open_socket_keeps_its_session_alive(office: Office, nudge: Nudge, clock: ManualClock) -> None:
    actor = await add_session(office, await add_account(office), expires_at=NOW + 12 * HOUR)
    async with (
        Hub(office, nudge, clock, session_clock=clock, sessions_every_s=0.05) as hub,
        following(Feed(hub, counted), office, actor) as socket,
    ):
        await socket.got("events")
        for hours in (11, 22, 33):
            clock.advance(hours=11)
            await _prolonged(office, actor, NOW + (hours + 12) * HOUR)
        assert socket.closed is None


async def _prolonged(office: Office, actor: Actor, until: datetime) -> None:
    async with asyncio.timeout(10):
        while [s.expires_at for s in await _sessions_of(office, actor)] != [until]:  # noqa: ASYNC110 - the hub tells nobody
            await asyncio.sleep(0.02)


async def _sessions_of(office: Office, actor: Actor) -> list[sessions.Session]:
    return await sessions.list_sessions(office, UUID(actor.id), by=actor, now=NOW)


async def test_a_ticket_used_twice_opens_nothing(office: Office, feed: Feed) -> None:
    actor = await add_session(office, await add_account(office), expires_at=NOW + HOUR)
    ticket = await tickets.issue(office, by=actor, now=NOW)
    await tickets.take(office, ticket.ticket, now=NOW)
    socket = FakeSocket()
    await feed.serve(socket.line, ticket.ticket, now=NOW)
    assert socket.closed == (4401, "sign in again")
    assert not socket.messages


async def test_a_role_without_the_feed_is_turned_away(office: Office, feed: Feed) -> None:
    async with following(feed, office, await add_account(office, roles=("driver",))) as socket:
        await socket.until(lambda s: s.closed is not None)
    assert socket.closed == (4403, "not allowed")


@pytest.mark.parametrize(
    "said",
    [
        *('{"type":"subscribe"}', "x", b"\xff", '{"type":"ack"}', '{"type":"ack","seq":1,"more":2}', "x" * 2000),
        *('{"type":"view"}', '{"type":"view","bounds":[121,38,122]}', '{"type":"view","bounds":[121,38,122,39,0]}'),
        *('{"type":"view","bounds":[122,38,121,39]}', '{"type":"view","bounds":[121,39,122,38]}'),
        *('{"type":"view","bounds":[121,38,181,39]}', '{"type":"view","bounds":["121",38,122,39]}'),
        '{"type":"view","bounds":[121,38,122,39],"zoom":9}',
    ],
)
async def test_what_is_neither_an_acknowledgement_nor_a_view_closes(
    office: Office, feed: Feed, said: str | bytes
) -> None:
    async with following(feed, office, await add_account(office)) as socket:
        socket.said.put_nowait('{"type":"ack","seq":1}')
        socket.said.put_nowait('{"type":"view","bounds":[121.5,38.8,121.7,39.0]}')
        await socket.got("events")
        assert socket.closed is None
        socket.said.put_nowait(said)
        await socket.until(lambda s: s.closed is not None)
    assert socket.closed == (4400, "not understood")


async def test_a_picture_that_fails_says_come_again(office: Office, hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(*_: object) -> dict[str, object]:
        raise RuntimeError("the board fell down")

    async with following(Feed(hub, broken), office, await add_account(office)) as socket:
        await socket.until(lambda s: s.closed is not None)
    assert socket.closed == (1013, "try again later")
    assert "the board fell down" in caplog.text
    assert not hub.inboxes()


async def test_pulses_tell_how_far_one_has_come_even_when_nothing_was_ones_own(office: Office, feed: Feed) -> None:
    account = await add_account(office, regions=(XIGANG,))
    async with following(feed, office, account) as socket:
        await socket.got("events")
        seq = await add_event(office, regions=(ZHONGSHAN,))
        await socket.until(lambda s: any(pulse["seq"] == seq for pulse in s.of("pulse")))
    assert not socket.of("event")
    assert socket.of("pulse")[-1]["now"] == "2016-09-19T06:00:00+08:00"


async def test_when_the_process_ends_everybody_is_told_to_come_again(
    office: Office, nudge: Nudge, clock: ManualClock
) -> None:
    hub = Hub(office, nudge, clock, session_clock=clock)
    await hub.start()
    account = await add_account(office)
    async with following(Feed(hub, counted), office, account) as socket:
        await socket.got("events")
        await hub.aclose()
        await socket.until(lambda s: s.closed is not None)
    assert socket.closed == (1012, "restarting: come again")
    async with following(Feed(hub, counted), office, account) as late:
        await late.until(lambda s: s.closed is not None)
    assert late.closed == (1012, "restarting: come again")


async def test_the_hub_outlives_an_outage_of_the_database(
    office: Office, feed: Feed, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await add_account(office)
    read = log.since

    async def down(*_: object, **__: object) -> list[log.Event]:
        raise ConnectionError("the database is away")

    async with following(feed, office, account) as socket:
        await socket.got("events")
        monkeypatch.setattr(log, "since", down)
        await add_event(office)
        await asyncio.sleep(0.2)
        monkeypatch.setattr(log, "since", read)
        assert (await socket.got("event"))["seq"] == 2
