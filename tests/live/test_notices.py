"""Notices at the live feed: to those of the team who are here, each with the code of their own receipt, and to nobody else."""

import asyncio
from typing import Any
from uuid import UUID

import redis.asyncio as redis_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import ManualClock
from backend.ids import new_id
from backend.live.feed import Feed
from backend.live.hub import Hub
from backend.live.notices import Notices, Told
from backend.live.nudge import Nudge
from backend.live.wire import Wire
from backend.notify.receipts import read_code
from backend.office import Office
from tests.access.builders import CITY, NOW, add_account, add_session, add_team, an_office
from tests.live.builders import HOUR, counted, following

SAID = {"kind": "offer.made", "number": 2016091900001, "eta_s": 240.0, "priority": "high"}


def a_notice(team_id: UUID) -> Told:
    return Told(team_id=team_id, notice_id=new_id(), told=SAID)


def a_hub(office: Office, clock: ManualClock) -> tuple[Hub, Feed]:
    hub = Hub(office, Nudge(CITY), clock, session_clock=clock)
    return hub, Feed(hub, counted)


async def test_only_the_team_s_own_feeds_get_it_each_with_a_code_of_its_own(
    db: AsyncEngine, clock: ManualClock
) -> None:
    office = an_office(db)
    team, other = await add_team(office), await add_team(office, "t2")
    people = [
        await add_session(office, await add_account(office, login, roles=roles, team_id=rides), expires_at=NOW + HOUR)
        for login, roles, rides in (
            ("wang", ("officer",), team),
            ("li", ("officer",), team),
            ("zhao", ("officer",), other),
            ("qian", ("dispatcher",), None),
        )
    ]
    hub, feed = a_hub(office, clock)
    told = a_notice(team)
    async with (
        hub,
        following(feed, office, people[0]) as wang,
        following(feed, office, people[1]) as li,
        following(feed, office, people[2]) as zhao,
        following(feed, office, people[3]) as qian,
    ):
        for socket in (wang, li, zhao, qian):
            await socket.got("events")
        hub.notice(told)
        got = [await socket.got("notice") for socket in (wang, li)]
        await asyncio.sleep(0.05)
        assert zhao.of("notice") == qian.of("notice") == []
    for message, person in zip(got, people, strict=False):
        assert (message["id"], message["kind"], message["number"]) == (
            str(told.notice_id),
            "offer.made",
            SAID["number"],
        )
        assert read_code(office.ring, told.notice_id, message["code"]).id == person.session_id
        assert "eta_s" not in message, "what a phone gets by a push and no more"


async def test_it_comes_from_another_process(
    db: AsyncEngine, clock: ManualClock, redis: redis_asyncio.Redis, redis_url: str
) -> None:
    office = an_office(db)
    team = await add_team(office)
    account = await add_account(office, roles=("officer",), team_id=team)
    hub, feed = a_hub(office, clock)
    here, there = Wire(redis_url), Wire(redis_url)
    Notices(CITY, here).on_news(hub.notice)
    worker = Notices(CITY, there)
    async with here, there, hub, following(feed, office, account) as socket:
        await socket.got("events")
        async with asyncio.timeout(10):
            while not here.is_up:  # noqa: ASYNC110 - the wire has nobody to tell
                await asyncio.sleep(0.02)
        worker.tell(a_notice(team))
        assert (await socket.got("notice"))["kind"] == "offer.made"


async def test_without_redis_nothing_is_waited_for(clock: ManualClock) -> None:
    heard: list[Any] = []
    notices = Notices(CITY, Wire(None))
    notices.on_news(heard.append)
    told = a_notice(new_id())
    notices.tell(told)
    assert heard == [told]
