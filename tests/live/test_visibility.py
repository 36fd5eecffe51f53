"""Who may see what: one table, the same answer live, replayed and listed."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import cast
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import log
from backend.access.actor import Actor
from backend.clock import ManualClock
from backend.ids import new_id
from backend.live.feed import Feed
from backend.live.hub import Hub
from backend.live.nudge import Nudge
from backend.live.visibility import ACTIONS, action_of, may_see
from backend.office import Office
from backend.policy import ACTIONS as ALL_ACTIONS
from backend.policy import default_policy
from tests.access.builders import (
    CITY,
    NOW,
    XIGANG,
    ZHONGSHAN,
    add_account,
    add_event,
    add_session,
    add_team,
    an_actor,
    an_office,
    events_of,
)
from tests.live.builders import HOUR, counted, following

EAST, WEST = new_id(), new_id()
ROLES = cast("dict[str, tuple[str, ...]]", default_policy().roles)
KINDS = [f"{first}.happened" for first in (*ACTIONS, "mystery", "")]


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


def test_every_permission_of_the_table_exists() -> None:
    assert set(ACTIONS.values()) <= ALL_ACTIONS
    assert action_of("case.accepted") == "case:read"
    assert action_of("cases.accepted") is None


def test_an_event_of_an_unknown_kind_is_seen_by_nobody() -> None:
    event = _event("mystery.happened", [CITY], [EAST])
    assert not any(may_see(ROLES, an_actor(role, team_id=EAST), event) for role in ROLES)


@pytest.mark.invariant("I10")
@settings(max_examples=200, deadline=None)
@given(
    role=st.sampled_from(list(ROLES)),
    mine=st.sets(st.sampled_from([CITY, ZHONGSHAN, XIGANG])),
    team=st.sampled_from([None, EAST, WEST]),
    kind=st.sampled_from(KINDS),
    regions=st.sets(st.sampled_from([CITY, ZHONGSHAN, XIGANG])),
    teams=st.sets(st.sampled_from([EAST, WEST])),
)
def test_within_a_group_of_viewers_everybody_may_see_the_same(
    role: str, mine: set[str], team: UUID | None, kind: str, regions: set[str], teams: set[UUID]
) -> None:
    """The hub asks once for all viewers of the same roles, regions and team: nothing else of an actor may matter."""
    event = _event(kind, sorted(regions), sorted(teams))
    viewers = [an_actor(role, regions=tuple(mine), team_id=team) for _ in range(2)]
    assert may_see(ROLES, viewers[0], event) == may_see(ROLES, viewers[1], event)


@pytest.mark.invariant("I10")
async def test_live_replayed_and_listed_are_the_same_events(office: Office, feed: Feed) -> None:
    teams = [await add_team(office, "t1"), await add_team(office, "t2", regions=(XIGANG, CITY))]
    viewers = [
        await add_account(office, "city", roles=("dispatcher", "shift_leader")),
        await add_account(office, "east", regions=(ZHONGSHAN,)),
        await add_account(office, "crew", roles=("officer",), regions=(ZHONGSHAN,), team_id=teams[0]),
        await add_account(office, "checks", roles=("checker",), regions=(XIGANG,)),
    ]
    actors = [await add_session(office, account, expires_at=NOW + HOUR) for account in viewers]
    before = (await events_of(office))[-1].seq
    chance = random.Random(3)
    async with AsyncExitStack() as stack:
        live = [await stack.enter_async_context(following(feed, office, actor)) for actor in actors]
        for socket in live:
            await socket.got("events")
        for _ in range(60):
            place = chance.choice([(ZHONGSHAN, CITY), (XIGANG, CITY), (CITY,)])
            await add_event(office, chance.choice(KINDS), regions=place, teams=(chance.choice(teams),))
        log_now = await events_of(office)
        listed = [_listed(office, actor, log_now, before) for actor in actors]
        for socket, expected in zip(live, listed, strict=True):
            await socket.got_events(len(expected))
        replayed = [await stack.enter_async_context(following(feed, office, actor, since=before)) for actor in actors]
        for socket in replayed:
            await socket.until(lambda s: bool(s.of("events")))
        await asyncio.sleep(0.3)
    for got, again, expected in zip(live, replayed, listed, strict=True):
        assert got.seqs() == again.seqs() == expected
    assert len({tuple(expected) for expected in listed}) == len(listed)


def _listed(office: Office, actor: Actor, events: list[log.Event], after: int) -> list[int]:
    """What the HTTP list of events answers: the same question, asked of each."""
    return [event.seq for event in events if event.seq > after and may_see(office.city.policy.roles, actor, event)]


def _event(kind: str, regions: list[str], teams: list[UUID]) -> log.Event:
    return log.Event(
        seq=1,
        id=new_id(),
        kind=kind,
        case_id=None,
        case_version=None,
        regions=regions,
        teams=teams,
        actor={},
        occurred_at=NOW,
        recorded_at=NOW,
        command_id=None,
        data={},
    )
