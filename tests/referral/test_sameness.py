"""Records that may be one person: suggested with reasons, decided by somebody, and taken back as if it had not been."""

import asyncio
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from backend import db as tables
from backend.clock import ManualClock
from backend.db import make_engine
from backend.errors import Conflict, NotFound, Refused
from backend.ids import new_id
from backend.referral.people import person_file, register, sameness
from backend.referral.people.person import Identity, ToldOf, roots
from backend.referral.people.register import Description, NewPerson
from tests.conftest import START
from tests.dispatch import builders
from tests.dispatch.at_once import at_once
from tests.dispatch.builders import EAST, SPOT, Town, east_of, somebody
from tests.referral.people import KEEPER, SCAR, WANG, an_old_man, file, person, register_rows, registered

EVERYTHING = ", ".join(table.name for table in tables.metadata.sorted_tables)
RECORDS = 5


async def _suggested(town: Town, person_id: UUID) -> list[person_file.Suggested]:
    return (await file(town, person_id)).suggestions


async def _pair(town: Town) -> tuple[UUID, UUID]:
    """Two records that look alike, from two cases a few kilometres apart."""
    one = await person(town)
    case_id = await town.accepted(east_of(SPOT, 400))
    other = (await registered(town, an_old_man(), case_id=case_id)).person_id
    assert other is not None
    return one, other


async def test_somebody_met_again_is_suggested_with_reasons_in_both_languages(town: Town) -> None:
    one, other = await _pair(town)
    (suggested,) = await _suggested(town, other)
    assert (suggested.other.id, suggested.state) == (one, "open")
    assert suggested.score > 0.8
    assert {"marks_agree", "sex_agrees", "met_near"} <= {reason.code for reason in suggested.reasons}
    assert all(reason.zh and reason.en for reason in suggested.reasons)
    assert [found.other.id for found in await _suggested(town, one)] == [other]
    await town.is_sound()


async def test_two_people_of_one_case_are_two_people_however_alike(town: Town) -> None:
    case_id = await town.accepted()
    one = (await registered(town, an_old_man(), case_id=case_id)).person_id
    done = await registered(town, an_old_man(), case_id=case_id)
    assert one is not None
    assert done.suggested == 0
    assert await _suggested(town, one) == []


async def test_a_man_and_a_woman_or_two_documents_are_never_suggested_and_one_document_always_is(town: Town) -> None:
    await person(town, identity=WANG, source="document")
    await person(town, sex="female")
    passport = Identity(name="李四", document="passport", id_number="X1")
    second = await person(town, sex="female", identity=passport)
    assert all("sex_differs" not in {r.code for r in s.reasons} for s in await _suggested(town, second))
    bare = await registered(town, NewPerson(identity=WANG, source="police"))
    assert bare.suggested >= 1
    assert bare.person_id is not None
    best = (await _suggested(town, bare.person_id))[0]
    assert "same_document" in {reason.code for reason in best.reasons}
    assert best.score > 0.99


async def test_somebody_on_the_list_of_vulnerable_people_is_suggested_as_such(town: Town) -> None:
    one = await person(town)
    await register.describe_person(town.office, one, Description(is_listed=True), town.by(KEEPER))
    done = await registered(town, an_old_man(), case_id=await town.accepted(east_of(SPOT, 400)))
    assert done.person_id is not None
    (suggested,) = await _suggested(town, done.person_id)
    assert suggested.other.listed_at is not None
    assert "is_listed" in {reason.code for reason in suggested.reasons}


async def test_merged_they_are_one_person_and_taken_back_two_again(town: Town) -> None:
    one, other = await _pair(town)
    before = await register_rows(town)
    await sameness.merge_people(town.office, one, other, town.by(KEEPER))
    found = await file(town, one)
    assert [record.person.id for record in found.records] == [other, one]
    assert {case.person_id for case in found.cases} == {one, other}
    assert found.suggestions == [], "between records of one person nothing is suggested"
    assert [shown.id for shown in await _listed(town)] == [other]
    await town.is_sound()
    await sameness.unmerge_person(town.office, one, town.by(KEEPER))
    assert await register_rows(town) == before
    (suggested,) = await _suggested(town, one)
    assert suggested.state == "open"
    await town.is_sound()


async def test_what_was_decided_to_be_two_is_not_suggested_again_and_can_still_be_merged(town: Town) -> None:
    one, other = await _pair(town)
    await sameness.keep_apart(town.office, one, other, town.by(KEEPER))
    told = Description(told=ToldOf(marks=(SCAR,), height_cm=168, description="灰白短发"))
    await register.describe_person(town.office, one, told, town.by(KEEPER))
    (suggested,) = await _suggested(town, one)
    assert (suggested.state, suggested.decided_by) == ("different", KEEPER.id)
    await sameness.merge_people(town.office, one, other, town.by(KEEPER))
    with pytest.raises(Conflict) as refused:
        await sameness.keep_apart(town.office, one, other, town.by(KEEPER))
    assert refused.value.code == "merged_already"
    await town.is_sound()


async def test_two_of_whom_nothing_was_suggested_can_be_kept_apart_too(town: Town) -> None:
    one = (await registered(town, NewPerson())).person_id or new_id()
    other = (await registered(town, NewPerson())).person_id or new_id()
    await sameness.keep_apart(town.office, one, other, town.by(KEEPER))
    assert [found.state for found in await _suggested(town, one)] == ["different"]
    await town.is_sound()


async def test_two_who_were_told_apart_can_be_told_apart_again(town: Town) -> None:
    case_id = await town.accepted()
    one, other = [(await registered(town, NewPerson(), case_id=case_id)).person_id for _ in range(2)]
    assert one is not None
    assert other is not None
    for _ in range(2):
        await sameness.keep_apart(town.office, one, other, town.by(KEEPER))
    (decided,) = await town.rows(tables.person_suggestions)
    assert decided["state"] == "different"
    await town.is_sound()


async def test_a_record_that_is_merged_already_says_where_it_leads(town: Town) -> None:
    one, other = await _pair(town)
    third = await person(town, sex="unknown", told=ToldOf())
    await sameness.merge_people(town.office, one, other, town.by(KEEPER))
    for from_, into in ((one, third), (third, one)):
        with pytest.raises(Conflict) as refused:
            await sameness.merge_people(town.office, from_, into, town.by(KEEPER))
        assert (refused.value.code, refused.value.extra["into"]) == ("merged_already", other)
    with pytest.raises(Conflict):
        await sameness.merge_people(town.office, third, third, town.by(KEEPER))
    with pytest.raises(Conflict):
        await sameness.unmerge_person(town.office, other, town.by(KEEPER))


async def test_two_who_merge_each_into_the_other_at_once_end_with_one_that_stands(town: Town) -> None:
    one, other = await _pair(town)
    done, refused = await at_once(
        sameness.merge_people(town.office, one, other, town.by(KEEPER)),
        sameness.merge_people(town.office, other, one, town.by(KEEPER)),
    )
    assert (len(done), [fault.code for fault in refused]) == (1, ["merged_already"])
    await town.is_sound()


async def test_who_may_not_see_the_other_record_is_not_told_of_it_and_cannot_merge(town: Town) -> None:
    one = await person(town)
    case_id = await town.accepted(east_of(SPOT, 4000))  # in the eastern district
    east = somebody("shift_leader", regions=(EAST,), id_="east")
    other = (await registered(town, an_old_man(), case_id=case_id, by=east)).person_id
    assert other is not None
    assert (await file(town, other, by=east)).suggestions == []
    assert [s.other.id for s in (await file(town, other, by=somebody("shift_leader"))).suggestions] == [one]
    with pytest.raises(NotFound):
        await sameness.merge_people(town.office, other, one, town.by(east))


@pytest.mark.invariant("I8")
async def test_the_same_merge_sent_twice_is_one(town: Town) -> None:
    one, other = await _pair(town)
    command: dict[str, Any] = {"id_": new_id()}
    first = await sameness.merge_people(town.office, one, other, town.by(KEEPER, **command))
    assert await sameness.merge_people(town.office, one, other, town.by(KEEPER, **command)) == first


async def _listed(town: Town) -> list[person_file.PersonShown]:
    async with town.office.db.connect() as tx:
        return await person_file.list_people(tx, town.office, KEEPER)


STEP = st.tuples(
    st.sampled_from(["merge", "unmerge", "apart"]), st.integers(0, RECORDS - 1), st.integers(0, RECORDS - 1)
)


async def _tried(town: Town, ids: list[UUID], deed: str, n: int, m: int) -> None:
    """One step; what is refused in words is fine."""
    command = town.by(KEEPER)
    try:
        if deed == "merge":
            await sameness.merge_people(town.office, ids[n], ids[m], command)
        elif deed == "unmerge":
            await sameness.unmerge_person(town.office, ids[n], command)
        else:
            await sameness.keep_apart(town.office, ids[n], ids[m], command)
    except Refused:
        return


def test_merged_and_unmerged_in_any_order_every_record_is_as_it_was_in_the_end(database_url: str) -> None:
    """Whatever was merged into what, and taken back in whatever order: nothing is lost, and the log tells the tables all along."""
    with asyncio.Runner() as runner:
        db = make_engine(database_url)

        async def fresh() -> tuple[Town, list[UUID]]:
            async with db.begin() as tx:
                await tx.execute(text("SET LOCAL session_replication_role = replica"))
                await tx.execute(text(f"TRUNCATE {EVERYTHING}"))
            town = await builders.town(db, ManualClock(START), 1)
            case_id = await town.accepted()
            first = [(await registered(town, NewPerson(), case_id=case_id)).person_id for _ in range(RECORDS)]
            return town, [one for one in first if one is not None]

        async def undone(town: Town, ids: list[UUID], order: list[int]) -> None:
            for n in order:
                await _tried(town, ids, "unmerge", n, n)

        async def stands(town: Town) -> None:
            rows = await register_rows(town)
            leads = roots({id_: row["merged_into"] for id_, row in rows.items()})
            assert {id_: row["root_id"] for id_, row in rows.items()} == leads
            await town.is_sound()

        @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(steps=st.lists(STEP, max_size=12), order=st.permutations(range(RECORDS)))
        def any_order(steps: list[tuple[str, int, int]], order: list[int]) -> None:
            async def walk() -> None:
                town, ids = await fresh()
                before = await register_rows(town)
                for step in steps:
                    await _tried(town, ids, *step)
                await stands(town)
                await undone(town, ids, order)
                assert await register_rows(town) == before
                await stands(town)

            runner.run(walk())

        try:
            any_order()
        finally:
            runner.run(db.dispose())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_every_record_leads_to_one_that_stands(merges: list[tuple[int, int]]) -> None:
    ids = [UUID(int=n) for n in range(8)]
    parents: dict[UUID, UUID | None] = dict.fromkeys(ids)
    for one, into in merges:
        if one != into and parents[ids[one]] is None and parents[ids[into]] is None:
            parents[ids[one]] = ids[into]
    for id_, root in roots(parents).items():
        assert parents[root] is None
        assert (id_ == root) == (parents[id_] is None)
