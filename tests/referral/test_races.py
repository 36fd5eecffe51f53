"""Referrals and capacity, whoever does what at once and in whichever order: never over capacity, never two holders of one person,
nothing that waits for ever, and the log tells it all."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.clock import ManualClock
from backend.dispatch import proof
from backend.errors import Refused
from backend.ids import new_id
from backend.referral.asked import Referred
from backend.referral.facilities.places import Places
from tests.conftest import START
from tests.dispatch import builders
from tests.dispatch.builders import DISPATCHER, SPOT, east_of
from tests.referral.builders import Stations

STATIONS, CASES, PEOPLE = 2, 2, 4
"""Two people in each of the cases."""
CAPACITY = {"men": 1, "any": 1}
_EVERYTHING = ", ".join(table.name for table in tables.metadata.sorted_tables)

NEVER: dict[str, str] = {
    "more on the way and there than a kind of place has": """
        SELECT r.to_facility FROM referrals r JOIN facility_places p
            ON p.facility_id = r.to_facility AND p.kind = r.place_kind
        WHERE r.state IN ('offered', 'accepted', 'arrived', 'handed_over')
        GROUP BY r.to_facility, p.kind, p.capacity HAVING sum(r.people_count) > p.capacity""",
    "one person held out to two": """
        SELECT p.case_id FROM referral_people p JOIN referrals r ON r.id = p.referral_id
        WHERE r.state IN ('offered', 'accepted', 'arrived')
        GROUP BY p.case_id, p.person_index HAVING count(*) > 1""",
    "one person with two holders": """
        SELECT p.case_id FROM referral_people p JOIN referrals r ON r.id = p.referral_id WHERE r.state = 'handed_over'
        GROUP BY p.case_id, p.person_index HAVING count(*) > 1""",
    "what waits with no next moment (I14), or is over with one (I5)": """
        SELECT id FROM referrals WHERE (fires_at IS NOT NULL) <> (state IN ('offered', 'accepted', 'arrived'))""",
    "people who do not say what their referral says": """
        SELECT p.id FROM referral_people p JOIN referrals r ON r.id = p.referral_id
        WHERE p.live <> (r.state IN ('offered', 'accepted', 'arrived'))""",
    "a handed-over referral that nobody accepted": """
        SELECT id FROM referrals WHERE state = 'handed_over' AND answered_at IS NULL""",
}
WHO, WHERE, WHICH = st.integers(0, PEOPLE - 1), st.integers(0, STATIONS - 1), st.integers(0, 9)
DEED = st.one_of(
    st.tuples(st.just("offer"), WHO, WHERE),
    st.tuples(st.sampled_from(["accept", "refuse", "withdraw", "arrive", "hand_over"]), WHICH, st.just(0)),
)
ROUND = st.tuples(st.lists(DEED, min_size=1, max_size=4), st.sampled_from([0, 0, 1, 31, 130]))
"""Some deeds at once, and then so many minutes."""


async def _made(engine: AsyncEngine, clock: ManualClock) -> Stations:
    async with engine.begin() as tx:
        await tx.execute(text("SET LOCAL session_replication_role = replica"))
        await tx.execute(text(f"TRUNCATE {_EVERYTHING} CASCADE"))
    stations = Stations(await builders.town(engine, clock, teams=1))
    for n in range(STATIONS):
        listed = [Places("men", CAPACITY["men"]), Places("any", CAPACITY["any"])]
        await stations.add(f"S{n}", places=listed, place=east_of(SPOT, 2000 + 500 * n))
    return stations


def _deeds(
    stations: Stations, cases: list[Any], deeds: list[tuple[str, int, int]], known: list[Any]
) -> list[Awaitable[object]]:
    verbs: dict[str, Callable[[Any], Awaitable[object]]] = {
        name: getattr(stations, name) for name in ("accept", "refuse", "withdraw", "arrive", "hand_over")
    }
    ids = list(stations.ids.values())
    todo: list[Awaitable[object]] = []
    for deed, which, where in deeds:
        if deed == "offer":
            man = Referred(index=which // CASES, sex="male", age_band="adult")
            wish = {"case_id": cases[which % CASES], "people": (man,), "to_facility": ids[where], "id_": new_id()}
            todo.append(stations.offer(DISPATCHER, **wish))
        elif known:
            todo.append(verbs[deed](known[which % len(known)].id))
    return todo


async def _never(stations: Stations) -> None:
    async with stations.town.office.db.connect() as tx:
        for what, query in NEVER.items():
            assert (await tx.execute(text(query))).all() == [], what


@pytest.mark.invariant("I14")
async def test_at_once_and_in_any_order_no_place_is_given_twice_and_nobody_is_forgotten(
    db: AsyncEngine, cheap_passwords: None
) -> None:
    loop = asyncio.get_running_loop()

    async def one(rounds: list[Any]) -> None:
        clock = ManualClock(START)
        stations = await _made(db, clock)
        cases = [await stations.town.accepted(east_of(SPOT, 3000 * n), people_count=PEOPLE) for n in range(CASES)]
        for deeds, minutes in rounds:
            known = sorted(await stations.all(), key=lambda one: one.number, reverse=True)
            done = await asyncio.gather(*_deeds(stations, cases, deeds, known), return_exceptions=True)
            strange = [one for one in done if isinstance(one, BaseException) and not _is_refusal(one)]
            assert strange == []
            await _never(stations)
            if minutes:
                await stations.pass_(minutes=minutes)
                await _never(stations)
        for _ in range(8):
            await stations.pass_(minutes=130)
        left = {one.state for one in await stations.all()}
        assert left <= {"refused", "withdrawn", "not_used", "handed_over", "arrived"}, "nothing unanswered for ever"
        async with stations.town.office.db.connect() as tx:
            assert await proof.contradictions(tx, stations.town.office) == []

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(ROUND, min_size=1, max_size=6))
    def run(rounds: list[Any]) -> None:
        asyncio.run_coroutine_threadsafe(one(rounds), loop).result()

    await asyncio.to_thread(run)


def _is_refusal(fault: BaseException) -> bool:
    """A rule said no, or the index that has the last word did: both are 409 on the wire."""
    return isinstance(fault, Refused) or "uq_referral_people" in str(fault)


@pytest.mark.parametrize("asking", [6])
async def test_of_many_who_want_the_last_place_one_gets_it(stations: Stations, asking: int) -> None:
    station = await stations.add(places=[Places("men", 1)])
    cases = [await stations.town.accepted(east_of(SPOT, 3000 * n)) for n in range(asking)]
    wishes = [stations.offer(DISPATCHER, case_id=case_id, id_=new_id()) for case_id in cases]
    done = await asyncio.gather(*wishes, return_exceptions=True)
    refused = [one for one in done if isinstance(one, Refused)]
    assert len(refused) == asking - 1
    assert {one.code for one in refused} == {"full"}
    assert await stations.held(station) == {"men": 1}
