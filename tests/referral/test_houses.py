"""Referrals, capacity and stays together, whoever does what at once and in whichever order: no house fuller than it is, nobody in two
houses nor held out to two, under whichever of their records, nothing unanswered for ever, and the log tells every row."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access.actor import Actor
from backend.clock import ManualClock
from backend.dispatch import desk, proof
from backend.errors import Refused
from backend.referral.asked import Referred
from backend.referral.facilities.places import Places
from backend.referral.people import sameness
from backend.referral.station import stays
from backend.referral.station.stay import ArrivalNote, Leaving
from backend.referral.station.stays import NewStay
from tests.conftest import START
from tests.dispatch import builders
from tests.dispatch.builders import DISPATCHER, SPOT, Town, east_of, somebody
from tests.referral.builders import Stations
from tests.referral.people import an_old_man, registered, staff

HOUSES = ("S1", "S2", "H1")
CASES = 3
_EVERYTHING = ", ".join(table.name for table in tables.metadata.sorted_tables)
_LIVE = "('offered', 'accepted', 'arrived')"

NEVER: dict[str, str] = {
    "more in a house and on the way to it than it has places": f"""
        SELECT h.f FROM (
            SELECT r.to_facility AS f, r.place_kind AS k FROM referral_people p JOIN referrals r ON r.id = p.referral_id
                WHERE p.released_at IS NULL AND (r.state IN {_LIVE} OR r.state = 'handed_over')
            UNION ALL SELECT facility_id, place_kind FROM stays WHERE state = 'present') h
        JOIN facility_places p ON p.facility_id = h.f AND p.kind = h.k
        GROUP BY h.f, h.k, p.capacity HAVING count(*) > p.capacity""",
    "somebody in two houses": """
        SELECT q.root_id FROM stays s JOIN persons q ON q.id = s.person_id WHERE s.state = 'present'
        GROUP BY q.root_id HAVING count(*) > 1""",
    "somebody held out to two": """
        SELECT q.root_id FROM referral_people p JOIN persons q ON q.id = p.person_id WHERE p.live
        GROUP BY q.root_id HAVING count(*) > 1""",
    "somebody in a house and held out by another": """
        SELECT p.id FROM referral_people p JOIN referrals r ON r.id = p.referral_id JOIN persons q ON q.id = p.person_id
        JOIN persons o ON o.root_id = q.root_id JOIN stays s ON s.person_id = o.id AND s.state = 'present'
        WHERE p.live AND r.from_facility IS DISTINCT FROM s.facility_id""",
    "somebody held out by a house that they have left": """
        SELECT r.id FROM referral_people p JOIN referrals r ON r.id = p.referral_id JOIN persons q ON q.id = p.person_id
        WHERE p.live AND r.from_facility IS NOT NULL AND NOT EXISTS (
            SELECT FROM stays s JOIN persons o ON o.id = s.person_id
            WHERE o.root_id = q.root_id AND s.state = 'present' AND s.facility_id = r.from_facility)""",
    "somebody handed on and still there": """
        SELECT s.id FROM stays s JOIN referral_people p ON p.person_id = s.person_id JOIN referrals r ON r.id = p.referral_id
        WHERE s.state = 'present' AND r.state = 'handed_over' AND r.from_facility = s.facility_id
            AND r.handed_over_at > s.arrived_at""",
    "more taken in from a referral than it brought": """
        SELECT r.id FROM referrals r JOIN stays s ON s.referral_id = r.id GROUP BY r.id, r.people_count
        HAVING count(*) > r.people_count""",
    "somebody asked for by a case that is over": """
        SELECT r.id FROM referrals r JOIN cases c ON c.id = r.case_id
        WHERE r.state IN ('offered', 'accepted') AND r.from_facility IS NULL AND c.stage IN ('voided', 'joined')""",
    "what waits with no next moment (I14), or is over with one (I5)": f"""
        SELECT id FROM referrals WHERE (fires_at IS NOT NULL) <> (state IN {_LIVE})""",
    "a deadline that runs and never fires": """
        SELECT id FROM stay_clocks WHERE state = 'running' AND fires_at IS NULL""",
}

WHICH, WHERE = st.integers(0, 5), st.sampled_from(HOUSES)
DEED = st.one_of(
    st.tuples(st.sampled_from(["offer", "walk_in", "onwards", "known_comes"]), WHICH, WHERE),
    st.tuples(st.sampled_from(["accept", "arrive", "hand_over", "hand_over", "take_in", "take_in"]), WHICH, WHERE),
    st.tuples(st.sampled_from(["refuse", "withdraw", "leave", "to_hospital", "merge", "void", "join"]), WHICH, WHERE),
)
ROUND = st.tuples(st.lists(DEED, min_size=1, max_size=4), st.sampled_from([0, 0, 1, 31, 130]))
"""Some deeds at once, and then so many minutes."""
BROUGHT: list[Any] = [([("offer", n, "S1"), ("offer", n + 1, "S1")], 0) for n in (0, 1)]
BROUGHT += [([(deed, 0, "S1"), (deed, 1, "S1")], 0) for deed in ("accept", "hand_over", "take_in")]
"""Two who are brought to a station and taken in: what is drawn goes on from there as well as from the empty town."""


@dataclass
class Machine:
    """The town, with what has been made in it."""

    stations: Stations
    cases: list[UUID] = field(default_factory=list)
    met: list[UUID] = field(default_factory=list)

    @property
    def town(self) -> Town:
        return self.stations.town

    async def rows(self, table: Any) -> list[dict[str, Any]]:
        return sorted(await self.town.rows(table), key=lambda row: str(row["id"]), reverse=True)

    async def deed(self, name: str, which: int, where: str) -> Awaitable[object] | None:
        """What it stands for just now; None where there is nothing that it could be done with."""
        house = self.stations.ids[where]
        if name in ("accept", "arrive", "hand_over", "refuse", "withdraw", "take_in"):
            return await self._with_referral(name, which)
        if name in ("leave", "to_hospital", "onwards"):
            return await self._with_stay(name, which, house)
        if name == "offer":
            n = which % CASES
            man = Referred(index=0, person_id=self.met[n], sex="male", age_band="old")
            return self.stations.offer(DISPATCHER, case_id=self.cases[n], people=(man,), to_facility=house)
        if name == "merge":
            people = await self.rows(tables.persons)
            one, other = people[which % len(people)]["id"], people[(which + 1) % len(people)]["id"]
            return sameness.merge_people(self.town.office, one, other, self.town.by(somebody("everything")))
        if name == "void":
            return self.town.granted(self.cases[which % CASES], "void")
        if name == "join":
            one, into = self.cases[which % CASES], self.cases[(which + 1) % CASES]
            return desk.join_cases(self.town.office, one, into, "同一人", self.town.by(DISPATCHER))
        return self._comes(house, self.met[which % CASES] if name == "known_comes" else None)

    async def _with_referral(self, name: str, which: int) -> Awaitable[object] | None:
        known = await self.rows(tables.referrals)
        if not known:
            return None
        one = known[which % len(known)]
        if name != "take_in":
            verb: Any = getattr(self.stations, name)
            return verb(one["id"])  # type: ignore[no-any-return]
        return self._comes(one["to_facility"], referral_id=one["id"], case_id=None)

    async def _with_stay(self, name: str, which: int, house: UUID) -> Awaitable[object] | None:
        there = [row for row in await self.rows(tables.stays) if row["state"] == "present"]
        if not there:
            return None
        stay = there[which % len(there)]
        by = staff(stay["facility_id"])
        if name == "onwards":
            man = Referred(person_id=stay["person_id"], sex="male", age_band="old")
            return self.stations.offer(by, people=(man,), to_facility=house)
        how: Any = "hospital" if name == "to_hospital" else "home"
        leaving = Leaving(how=how, to="市医院", receiver="李", relation_checked=True)
        return stays.let_leave(self.town.office, stay["id"], leaving, self.town.by(by))

    def _comes(self, house: UUID, person_id: UUID | None = None, **rest: Any) -> Awaitable[object]:
        by: Actor = somebody("everything") if person_id else staff(house)
        new = NewStay(
            facility_id=house, came="team", consent=True, arrival=ArrivalNote(), person_id=person_id,
            person=None if person_id else an_old_man(), **rest,
        )  # fmt: skip
        return stays.take_in(self.town.office, new, self.town.by(by))

    async def never(self) -> None:
        async with self.town.office.db.connect() as tx:
            for what, query in NEVER.items():
                assert (await tx.execute(text(query))).all() == [], what

    async def round(self, deeds: list[tuple[str, int, str]], minutes: int) -> None:
        todo = [one for one in [await self.deed(*deed) for deed in deeds] if one is not None]
        done = await asyncio.gather(*todo, return_exceptions=True)
        strange = [one for one in done if isinstance(one, BaseException) and not _is_refusal(one)]
        assert strange == []
        await self.never()
        if minutes:
            await self.stations.pass_(minutes=minutes)
            await self.never()


async def _made(engine: AsyncEngine, clock: ManualClock) -> Machine:
    async with engine.begin() as tx:
        await tx.execute(text("SET LOCAL session_replication_role = replica"))
        await tx.execute(text(f"TRUNCATE {_EVERYTHING} CASCADE"))
    machine = Machine(Stations(await builders.town(engine, clock, teams=1)))
    for n, code in enumerate(HOUSES):
        kind = "hospital" if code == "H1" else "station"
        listed = [Places("men", 1), Places("any", 1)]
        await machine.stations.add(
            code, kind=kind, places=listed, place=east_of(SPOT, 2000 + 500 * n), with_account=code == "S1"
        )
    for n in range(CASES):
        machine.cases.append(await machine.town.accepted(east_of(SPOT, 3000 * n)))
        found = await registered(machine.town, case_id=machine.cases[n], by=somebody("everything"))
        assert found.person_id is not None
        machine.met.append(found.person_id)
    return machine


@pytest.mark.invariant("I14")
async def test_in_any_order_no_house_is_too_full_and_nobody_is_in_two_hands_or_forgotten(
    db: AsyncEngine, cheap_passwords: None
) -> None:
    loop = asyncio.get_running_loop()

    async def one(begun: bool, rounds: list[Any]) -> None:
        machine = await _made(db, ManualClock(START))
        for deeds, minutes in [*(BROUGHT if begun else []), *rounds]:
            await machine.round(deeds, minutes)
        for _ in range(4):
            await machine.stations.pass_(minutes=260)
        await machine.never()
        waiting = {row["state"] for row in await machine.rows(tables.referrals)} & {"offered", "accepted"}
        assert waiting == set(), "nothing unanswered for ever"
        async with machine.town.office.db.connect() as tx:
            assert await proof.contradictions(tx, machine.town.office) == []

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.booleans(), st.lists(ROUND, min_size=1, max_size=6))
    def run(begun: bool, rounds: list[Any]) -> None:
        asyncio.run_coroutine_threadsafe(one(begun, rounds), loop).result()

    await asyncio.to_thread(run)


def _is_refusal(fault: BaseException) -> bool:
    """A rule said no, or the index that has the last word did: both are 409 on the wire."""
    return isinstance(fault, Refused) or "uq_referral_people" in str(fault) or "uq_stays_one_present" in str(fault)
