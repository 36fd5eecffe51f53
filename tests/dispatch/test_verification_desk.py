"""The verification desk on a real database: what speaks for a case, and reporters rung back."""

from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.clock import ManualClock
from backend.dispatch import call_backs, replay, verification
from backend.dispatch.call_backs import Called, OpenCallBack
from backend.dispatch.case_evidence import Evidence, case_evidence
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.patrol.positions import TeamFix, store
from tests.dispatch.builders import (
    CHECKER,
    CONTACT,
    DISPATCHER,
    EAST,
    SPOT,
    SUPERVISOR,
    Town,
    east_of,
    somebody,
    stays,
    town,
)

REACHED, NOBODY = Called(reached=True, satisfied=5, note="王女士说谢谢"), Called(reached=False)


@pytest.fixture
async def made(db: AsyncEngine, clock: ManualClock) -> Town:
    return await town(db, clock)


async def evidence_of(made: Town, case_id: UUID) -> Evidence:
    async with made.office.db.connect() as tx:
        return await case_evidence(tx, made.office, await made.case(case_id), by=CHECKER)


async def states_of(made: Town, case_id: UUID) -> dict[str, str]:
    return {item.code: item.state for item in (await evidence_of(made, case_id)).items}


async def waiting(made: Town) -> list[OpenCallBack]:
    async with made.office.db.connect() as tx:
        return await call_backs.list_open(tx, made.office, CHECKER)


async def ring(made: Town, case_id: UUID, called: Called = REACHED, **rest: object) -> None:
    (link,) = await made.rows(tables.case_sightings, case_id=case_id)
    command = made.by(CHECKER, "case.call_back", **rest)
    await call_backs.call_back(made.office, link["sighting_id"], called, command)


# --- what speaks for it ----------------------------------------------------------------------------------------------


async def test_the_track_and_the_times_of_a_visit_are_laid_beside_the_case(made: Town) -> None:
    case_id = await made.dispatched()
    team_id = (await made.case(case_id)).team_id
    assert team_id is not None
    for metres in (900, 400, 30):
        made.clock.advance(minutes=2)
        place = east_of(SPOT, metres)
        fix = TeamFix(team_id=team_id, at=made.now, place=place, accuracy_m=8, heading_deg=None, speed_m_s=None)
        await store(made.office, [fix])
    await made.arrive(case_id)
    made.clock.advance(minutes=10)
    await made.handle(case_id, stays(made.now))
    found = await evidence_of(made, case_id)
    assert (found.outcome, found.team_id, len(found.track)) == ("stays_supplies_given", team_id, 3)
    assert (found.arrived_lon, found.arrived_lat) == (SPOT.lon, SPOT.lat)
    states = {item.code: item.state for item in found.items}
    assert states["photo"] == "missing"
    assert {states[code] for code in ("place", "track", "on_time", "stay", "order", "help_left")} == {"ok"}
    assert {states[code] for code in ("hand_over", "consent", "call_back")} == {"not_needed"}


async def test_after_rework_the_second_visit_is_judged_by_itself(made: Town) -> None:
    case_id = await made.handled()
    first = await evidence_of(made, case_id)
    made.clock.advance(hours=5)
    await verification.send_back(made.office, case_id, "没有照片", made.by(CHECKER))
    await made.worker.turn()
    await made.take(case_id)
    made.clock.advance(minutes=12)
    await made.arrive(case_id)
    await made.handle(case_id)
    second = await evidence_of(made, case_id)
    assert second.handling_id != first.handling_id
    (on_time,) = [item for item in second.items if item.code == "on_time"]
    assert (on_time.state, on_time.facts["took_s"]) == ("ok", 720)


async def test_before_anybody_has_arrived_there_is_nothing_to_check(made: Town) -> None:
    with pytest.raises(Invalid) as refused:
        await evidence_of(made, await made.dispatched())
    assert refused.value.code == "no_visit"


async def test_what_was_recorded_of_people_is_not_for_everybody_who_sees_the_case(made: Town) -> None:
    case = await made.case(await made.handled())
    async with made.office.db.connect() as tx:
        with pytest.raises(NotAllowed):
            await case_evidence(tx, made.office, case, by=SUPERVISOR)
        with pytest.raises(NotFound):
            await case_evidence(tx, made.office, case, by=somebody("checker", regions=(EAST,), id_="east"))


# --- ringing back ----------------------------------------------------------------------------------------------------


async def test_who_asked_for_it_waits_on_the_list_once_there_is_something_to_tell(made: Town) -> None:
    wanted = await made.dispatched(contact=CONTACT)
    assert await waiting(made) == []
    await made.arrive(wanted)
    await made.handle(wanted)
    (one,) = await waiting(made)
    assert (one.case_id, one.stage, one.tries, one.outcome) == (wanted, "handled", 0, "to_hospital")
    assert str(CONTACT.phone) not in str(one)
    await made.verify(wanted)
    assert [still.case_id for still in await waiting(made)] == [wanted]


async def test_who_did_not_ask_is_not_rung(made: Town) -> None:
    case_id = await made.handled()
    assert await waiting(made) == []
    with pytest.raises(Conflict) as refused:
        await ring(made, case_id)
    assert refused.value.code == "no_call_back"


async def test_one_who_is_reached_is_done_with(made: Town) -> None:
    case_id = await made.handled(contact=CONTACT)
    assert (await states_of(made, case_id))["call_back"] == "missing"
    await ring(made, case_id)
    assert await waiting(made) == []
    assert (await states_of(made, case_id))["call_back"] == "ok"
    with pytest.raises(Conflict) as refused:
        await ring(made, case_id)
    assert refused.value.code == "already_reached"
    await made.is_sound()


async def test_one_who_is_not_reached_is_tried_again_until_the_tries_are_used_up(made: Town) -> None:
    case_id = await made.handled(contact=CONTACT)
    for tries in range(made.office.city.policy.verification.call_back_tries):
        assert [one.tries for one in await waiting(made)] == [tries]
        made.clock.advance(minutes=10)
        await ring(made, case_id, NOBODY)
    assert await waiting(made) == []
    assert (await states_of(made, case_id))["call_back"] == "doubtful"
    assert len(await made.rows(tables.call_backs)) == 3


async def test_what_a_reporter_said_stands_sealed_beside_the_log(made: Town) -> None:
    case_id = await made.handled(contact=CONTACT)
    await ring(made, case_id)
    told = (await made.events(case_id))[-1]
    assert told.kind == "case.called_back"
    assert told.data["satisfied"] == 5
    assert "王女士" not in str(told)
    (words,) = await made.rows(tables.event_words, event_id=told.id)
    assert words["words"].endswith("王女士说谢谢")


async def test_the_log_tells_every_try(made: Town) -> None:
    case_id = await made.handled(contact=CONTACT)
    await ring(made, case_id, NOBODY)
    async with made.office.db.connect() as tx:
        assert await replay.differences(tx, made.office) == []
    await made.run("DELETE FROM call_backs")
    async with made.office.db.connect() as tx:
        assert "call_backs" in "".join(await replay.differences(tx, made.office))


async def test_the_same_call_sent_twice_is_written_once(made: Town) -> None:
    case_id = await made.handled(contact=CONTACT)
    id_ = UUID("01900000-0000-7000-8000-000000000001")
    await ring(made, case_id, NOBODY, id_=id_)
    await ring(made, case_id, NOBODY, id_=id_)
    assert len(await made.rows(tables.call_backs)) == 1


async def test_nobody_who_was_not_reached_can_be_satisfied(made: Town) -> None:
    case_id = await made.handled(contact=CONTACT)
    with pytest.raises(Invalid):
        await ring(made, case_id, Called(reached=False, satisfied=3))
    with pytest.raises(Invalid):
        await ring(made, case_id, Called(reached=True, satisfied=6))


async def test_a_number_that_was_removed_is_not_rung(made: Town) -> None:
    await made.handled(contact=CONTACT)
    await made.run("UPDATE sighting_contacts SET phone_sealed = NULL")
    assert await waiting(made) == []


async def test_a_call_back_of_another_district_is_not_on_the_list(made: Town) -> None:
    await made.handled(contact=CONTACT)
    async with made.office.db.connect() as tx:
        east = somebody("checker", regions=(EAST,), id_="east")
        assert await call_backs.list_open(tx, made.office, east) == []
        assert len(await call_backs.list_open(tx, made.office, DISPATCHER)) == 1
    (link,) = await made.rows(tables.sighting_contacts)
    with pytest.raises(NotFound):
        await call_backs.call_back(made.office, link["sighting_id"], NOBODY, made.by(east))
