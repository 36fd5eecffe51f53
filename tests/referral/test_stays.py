"""Coming to a station, being looked for, leaving: nobody in two houses, no house too full, no deadline that passes unseen."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from backend import db as tables
from backend.access.actor import Actor
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.ids import new_id
from backend.referral.people import case_people, register, sameness
from backend.referral.people.person import BodyMark, ToldOf
from backend.referral.people.register import NewPerson
from backend.referral.station import desk as station
from backend.referral.station import searching_kin, stays
from backend.referral.station.notice import SearchNotice
from backend.referral.station.stay import ArrivalNote, Escort, Leaving
from tests.dispatch.at_once import at_once
from tests.dispatch.builders import DISPATCHER, EAST, LEADER, SUPERVISOR, Town, east_of, officer, somebody
from tests.dispatch.builders import SPOT as HERE
from tests.referral.people import KEEPER, WANG, a_house, an_old_man, comes_in, person, registered, staff

NOTICE = SearchNotice(title="寻亲公告", text="男，老年，身高约168厘米，左臂疤痕。", contact="救助管理站 0411-82500000")
FETCHED = Leaving(how="home", receiver="儿子王强", relation_checked=True, to="本市")


async def _clocks(town: Town, stay_id: UUID) -> dict[str, dict[str, Any]]:
    return {row["kind"]: row for row in await town.rows(tables.stay_clocks, stay_id=stay_id)}


async def _states(town: Town, stay_id: UUID) -> dict[str, str]:
    return {kind: row["state"] for kind, row in (await _clocks(town, stay_id)).items()}


async def _stay(town: Town, house: UUID, new: NewPerson | None = None, **rest: Any) -> tuple[UUID, UUID]:
    """(stay, person) of somebody who came in."""
    done = await comes_in(town, house, new, **rest)
    assert done.stay_id is not None
    assert done.person_id is not None
    return done.stay_id, done.person_id


async def _passes(town: Town, **time: float) -> None:
    """Time goes by, and the worker with it."""
    town.clock.advance(**time)
    while await town.worker.turn():
        pass


async def test_somebody_unknown_who_asks_for_help_is_registered_and_taken_in_with_every_deadline(town: Town) -> None:
    house = await a_house(town)
    stay_id, person_id = await _stay(town, house)
    assert await _states(town, stay_id) == dict.fromkeys(
        ("search_notice", "dna_request", "renew", "settlement", "stay_at_most"), "running"
    )
    async with town.office.db.connect() as tx:
        desk = await station.desk_of(tx, town.office, None, by=staff(house), now=town.now)
    assert [one.person.id for one in desk.present] == [person_id]
    assert desk.due[0].deadline.kind == "search_notice"
    assert (desk.room[0].free, desk.room[0].taken) == (9, 1)
    await town.is_sound()


async def test_somebody_who_has_a_document_has_only_the_length_of_the_stay(town: Town) -> None:
    stay_id, _ = await _stay(town, await a_house(town), an_old_man(identity=WANG, source="document"))
    assert await _states(town, stay_id) == {"stay_at_most": "running"}


async def test_what_was_written_down_at_the_door_lies_sealed(town: Town) -> None:
    await comes_in(town, await a_house(town), arrival=ArrivalNote(condition="左脚冻伤", belongings="旧军大衣"))
    raw = await town.run_scalar("SELECT string_agg(s::text, ' ') FROM stays s")
    said = str([event.data for event in await town.events()])
    for secret in ("左脚冻伤", "旧军大衣", "灰白短发"):
        assert secret not in said
        assert secret.encode().hex() not in raw


async def test_nobody_is_in_two_houses_under_whichever_record(town: Town) -> None:
    house, other = await a_house(town), await a_house(town, "S2")
    _, one = await _stay(town, house)
    for where in (house, other):
        with pytest.raises(Conflict) as refused:
            await comes_in(town, where, person_id=one, by=somebody("everything"))
        assert refused.value.code == "present_already"
    _, two = await _stay(town, other)
    with pytest.raises(Conflict) as refused:
        await sameness.merge_people(town.office, one, two, town.by(KEEPER))
    assert refused.value.code == "both_present"
    third = await person(town)
    await sameness.merge_people(town.office, third, one, town.by(KEEPER))
    with pytest.raises(Conflict) as refused:
        await comes_in(town, other, person_id=third, by=somebody("everything"))
    assert refused.value.code == "present_already"
    await town.is_sound()


async def test_the_last_place_goes_to_one_of_several_who_come_at_once(town: Town) -> None:
    house = await a_house(town, capacity=2)
    done, refused = await at_once(*(comes_in(town, house) for _ in range(5)))
    assert (len(done), {fault.code for fault in refused}) == (2, {"full"})
    assert len(await town.rows(tables.stays)) == 2
    (leaves, *_) = await town.rows(tables.stays)
    await stays.let_leave(town.office, leaves["id"], FETCHED, town.by(staff(house)))
    assert (await comes_in(town, house)).stay_id


async def test_a_capable_adult_who_was_brought_has_to_agree_and_a_minor_has_not(town: Town) -> None:
    house = await a_house(town)
    with pytest.raises(Invalid) as refused:
        await comes_in(town, house, came="police")
    assert refused.value.code == "no_consent"
    assert (await comes_in(town, house, came="police", consent=True)).stay_id
    assert (await comes_in(town, house, came="police", arrival=ArrivalNote(no_consent="danger"))).stay_id
    assert (await comes_in(town, house, NewPerson(age_band="child"), came="police")).stay_id


async def test_a_family_is_not_parted_unless_it_is_said_why(town: Town) -> None:
    house, other = await a_house(town), await a_house(town, "S2")
    case_id = await town.accepted()
    ids = [(await registered(town, NewPerson(age_band=a), case_id=case_id)).person_id for a in ("adult", "child")]
    mother, child = (one or new_id() for one in ids)
    await case_people.set_family(town.office, case_id, [mother, child], town.by(KEEPER))
    anybody = somebody("everything")
    await comes_in(town, house, person_id=mother, by=anybody)
    with pytest.raises(Conflict) as refused:
        await comes_in(town, other, person_id=child, by=anybody)
    assert refused.value.code == "family_elsewhere"
    await comes_in(town, other, person_id=child, by=anybody, arrival=ArrivalNote(separated="母亲须隔离治疗"))
    await town.is_sound()


async def test_whoever_a_patrol_brought_is_taken_in_by_a_station_that_did_not_know_them(town: Town) -> None:
    house = await a_house(town)
    brought, other = await town.handled(), await town.accepted(east_of(HERE, 3000))
    one = (await registered(town, case_id=brought)).person_id
    two = (await registered(town, case_id=other)).person_id
    assert one is not None
    assert two is not None
    done = await comes_in(town, house, person_id=one, came="team", consent=True, case_id=brought)
    assert done.person_id == one
    with pytest.raises(NotFound):
        await comes_in(town, house, person_id=two, came="team", consent=True)
    with pytest.raises(NotFound):
        await comes_in(town, house, came="team", consent=True, case_id=other)
    async with town.office.db.connect() as tx:
        desk = await station.desk_of(tx, town.office, house, by=staff(house), now=town.now)
    assert [one.case_id for one in desk.present] == [brought]
    await town.is_sound()


async def test_a_deadline_that_nobody_meets_goes_up_step_by_step_and_is_told_once_each(town: Town) -> None:
    stay_id, _ = await _stay(town, await a_house(town))
    told: list[list[str]] = []
    for hours in (20, 4, 12, 12, 12, 12):
        before = len(await town.events())
        await _passes(town, hours=hours)
        told.append(
            [
                f"{event.kind}:{','.join(event.data['told'])}"
                for event in (await town.events())[before:]
                if event.data.get("kind") == "search_notice"
            ]
        )
    assert told == [
        ["stay.clock_yellow:"],
        ["stay.clock_missed:station_staff"],
        ["stay.clock_escalated:shift_leader"],
        ["stay.clock_escalated:supervisor"],
        ["stay.clock_escalated:civil_affairs"],
        [],
    ]
    assert len(await town.notices("stay.clock_missed")) == 1
    await searching_kin.publish_notice(town.office, stay_id, NOTICE, town.by(somebody("everything")))
    clock = (await _clocks(town, stay_id))["search_notice"]
    assert (clock["state"], clock["fires_at"]) == ("met", None)
    assert clock["missed_at"] == clock["due_at"], "met late"
    await town.is_sound()


@pytest.mark.invariant("I5")
async def test_after_four_months_with_holidays_every_deadline_has_passed_once_and_nothing_fires_on_whoever_left(
    town: Town,
) -> None:
    """From the 19th of September on: the mid-autumn make-up, National Day, New Year; the worker looks twice a day."""
    house = await a_house(town)
    stay_id, _ = await _stay(town, house)
    gone, _ = await _stay(town, house)
    await stays.let_leave(town.office, gone, FETCHED, town.by(staff(house)))
    for _ in range(2 * 123):
        await _passes(town, hours=12)
    missed = [e.data for e in await town.events() if e.kind == "stay.clock_missed"]
    assert [(one["kind"], one["due_at"][:10]) for one in missed if one["stay_id"] == str(stay_id)] == [
        ("search_notice", "2016-09-19"),
        ("dna_request", "2016-09-27"),
        ("stay_at_most", "2016-09-28"),
        ("renew", "2016-10-18"),
        ("settlement", "2016-12-18"),
    ]
    assert [one for one in missed if one["stay_id"] == str(gone)] == []
    assert set((await _states(town, stay_id)).values()) == {"missed"}
    assert set((await _states(town, gone)).values()) == {"cancelled", "met"}
    await town.is_sound()


async def test_all_that_a_station_does_for_somebody_unknown_meets_its_deadline(town: Town) -> None:
    house = await a_house(town)
    stay_id, _ = await _stay(town, house)
    by = staff(house)
    await _passes(town, hours=5)
    await searching_kin.publish_notice(town.office, stay_id, NOTICE, town.by(by))
    await _passes(town, days=3)
    await searching_kin.ask_for_dna(town.office, stay_id, town.by(by))
    assert (await _states(town, stay_id))["dna_answer"] == "running"
    await searching_kin.prolong(town.office, stay_id, town.now + timedelta(days=120), "身份未查明", town.by(by))
    await _passes(town, days=20)
    await searching_kin.note_dna_answer(town.office, stay_id, False, town.by(by))
    await searching_kin.renew_notice(town.office, stay_id, None, town.by(by))
    await _passes(town, days=60)
    await searching_kin.apply_for_settlement(town.office, stay_id, town.by(by))
    assert await _states(town, stay_id) == {
        **dict.fromkeys(("search_notice", "dna_request", "dna_answer", "renew", "settlement"), "met"),
        "stay_at_most": "running",
    }
    await stays.let_leave(town.office, stay_id, Leaving(how="settled"), town.by(by))
    assert (await _states(town, stay_id))["stay_at_most"] == "met"
    assert [e for e in await town.kinds() if "missed" in e and e.startswith("stay")] == []
    await town.is_sound()


async def test_once_they_have_a_name_nothing_of_the_unknown_runs_and_withdrawn_it_runs_as_from_the_first(
    town: Town,
) -> None:
    house = await a_house(town)
    stay_id, person_id = await _stay(town, house)
    first = await _clocks(town, stay_id)
    await _passes(town, hours=3)
    await register.identify_person(town.office, person_id, WANG, "police", town.by(staff(house)))
    assert set((await _states(town, stay_id)).values()) == {"cancelled", "running"}
    for deed in (searching_kin.ask_for_dna, searching_kin.apply_for_settlement):
        with pytest.raises(Conflict) as refused:
            await deed(town.office, stay_id, town.by(staff(house)))
        assert refused.value.code == "identified"
    await register.withdraw_identity(town.office, person_id, town.by(staff(house)))
    assert await _clocks(town, stay_id) == first
    await town.is_sound()


async def test_merged_with_somebody_known_they_are_known_and_taken_apart_the_deadlines_run_on(town: Town) -> None:
    house = await a_house(town)
    stay_id, person_id = await _stay(town, house)
    first = await _clocks(town, stay_id)
    known = await person(town, identity=WANG, source="document")
    await sameness.merge_people(town.office, person_id, known, town.by(KEEPER))
    assert (await _states(town, stay_id))["search_notice"] == "cancelled"
    await sameness.unmerge_person(town.office, person_id, town.by(KEEPER))
    assert await _clocks(town, stay_id) == first
    await town.is_sound()


async def test_back_from_a_hospital_the_deadlines_go_on_from_the_first_arrival(town: Town) -> None:
    house = await a_house(town)
    stay_id, person_id = await _stay(town, house)
    await searching_kin.publish_notice(town.office, stay_id, NOTICE, town.by(staff(house)))
    await _passes(town, days=2)
    ill = Leaving(how="hospital", to="市中心医院", receiver="急诊科")
    await stays.let_leave(town.office, stay_id, ill, town.by(staff(house)))
    assert (await _states(town, stay_id))["dna_request"] == "running"
    await searching_kin.ask_for_dna(town.office, stay_id, town.by(staff(house)))
    await _passes(town, days=4)
    again, _ = await _stay(town, house, person_id=person_id, came="hospital", consent=True)
    states = await _states(town, again)
    assert (states["search_notice"], states["dna_request"], states["dna_answer"]) == ("met", "met", "running")
    first, second = (await town.rows(tables.stays, id=stay_id))[0], (await town.rows(tables.stays, id=again))[0]
    assert second["unknown_since"] == first["arrived_at"]
    assert (await _states(town, stay_id))["renew"] == "cancelled"
    await town.is_sound()


@pytest.mark.parametrize(
    ("leaving", "missing"),
    [
        (Leaving(how="left_by_self"), {"no_declaration"}),
        (Leaving(how="home"), {"no_receiver"}),
        (Leaving(how="hospital", to="市中心医院"), {"no_receiver"}),
        (Leaving(how="settled"), {"settlement_not_applied"}),
        (Leaving(how="death"), {"police_not_told"}),
        (Leaving(how="escorted_home", to="河南", tickets="K1", escorts=(Escort("甲", "male"),)), {"escorts_too_few"}),
        (Leaving(how="escorted_home", escorts=(Escort("甲"), Escort("乙"))), {"no_place", "no_tickets"}),
    ],
    ids=lambda value: getattr(value, "how", ""),
)
async def test_nobody_leaves_before_what_has_to_be_done_is_done(
    town: Town, leaving: Leaving, missing: set[str]
) -> None:
    house = await a_house(town)
    stay_id, _ = await _stay(town, house, NewPerson(sex="male", age_band="adult"))
    with pytest.raises(Invalid) as refused:
        await stays.let_leave(town.office, stay_id, leaving, town.by(staff(house)))
    said: Any = refused.value.extra["missing"]
    assert set(said) == missing
    assert (await town.rows(tables.stays, id=stay_id))[0]["state"] == "present"


async def test_a_woman_is_escorted_home_by_a_woman_and_who_cannot_decide_never_leaves_alone(town: Town) -> None:
    house = await a_house(town)
    by = town.by(staff(house))
    stay_id, _ = await _stay(town, house, NewPerson(sex="female", age_band="adult"))
    men = (Escort("甲", "male"), Escort("乙", "male"))
    way = Leaving(how="escorted_home", to="河南信阳", tickets="K1 硬座", escorts=men)
    with pytest.raises(Invalid) as refused:
        await stays.let_leave(town.office, stay_id, way, by)
    assert refused.value.code == "escort_of_fitting_sex"
    await stays.let_leave(
        town.office, stay_id, msgspec.structs.replace(way, escorts=(men[0], Escort("丙", "female"))), by
    )
    for one in (NewPerson(age_band="teen"), NewPerson(age_band="old", told=ToldOf(vulnerable=("dementia",)))):
        stay_id, _ = await _stay(town, house, one)
        alone = Leaving(how="left_by_self", declaration_signed=True)
        with pytest.raises(Invalid) as refused:
            await stays.let_leave(town.office, stay_id, alone, by)
        assert refused.value.code == "not_alone"


async def test_death_and_running_away_are_told_up_at_once(town: Town) -> None:
    house = await a_house(town)
    stay_id, _ = await _stay(town, house)
    await stays.let_leave(town.office, stay_id, Leaving(how="runaway", note="夜间翻墙"), town.by(staff(house)))
    (incident,) = await town.rows(tables.incidents)
    assert (incident["kind"], incident["cause"], incident["stay_id"]) == ("missing", "stay", stay_id)
    assert incident["facilities"] == [house]
    assert await town.notices("incident.raised")
    await town.is_sound()


async def test_whoever_is_prone_to_return_is_on_the_list_once_they_went_home(town: Town) -> None:
    house = await a_house(town)
    ill = NewPerson(sex="male", age_band="adult", told=ToldOf(vulnerable=("mental_illness",)))
    stay_id, person_id = await _stay(town, house, ill)
    await stays.let_leave(town.office, stay_id, FETCHED, town.by(staff(house)))
    (row,) = await town.rows(tables.persons, id=person_id)
    assert row["listed_at"] == town.now
    with pytest.raises(Conflict) as refused:
        await stays.let_leave(town.office, stay_id, FETCHED, town.by(staff(house)))
    assert refused.value.code == "left_already"
    await town.is_sound()


async def test_a_notice_is_drafted_without_what_must_not_be_public(town: Town) -> None:
    house = await a_house(town)
    told = ToldOf(
        marks=(BodyMark("scar", "left_arm", "旧伤"),), height_cm=168, accent="河南", vulnerable=("mental_illness",)
    )
    stay_id, _ = await _stay(town, house, NewPerson(sex="male", age_band="old", told=told))
    async with town.office.db.connect() as tx:
        draft = await searching_kin.draft_notice(tx, town.office, stay_id, by=staff(house))
    for part in ("男", "老年", "168厘米", "河南口音", "左臂疤痕", "大连市西岗区"):
        assert part in draft.text
    assert "精神" not in draft.text
    assert draft.contact == "S1救助管理站，0411-82500000"
    await searching_kin.publish_notice(town.office, stay_id, draft, town.by(staff(house)))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (f"身份证 {WANG.id_number}", "document_number"),
        ("联系 138 0000 0000", "private_phone"),
        ("患有精神障碍", "health"),
        ("疑似被拐卖", "suspicion"),
    ],
    ids=lambda value: value if value.isascii() else "words",
)
async def test_what_must_not_be_public_is_refused_in_a_notice(town: Town, words: str, what: str) -> None:
    house = await a_house(town)
    stay_id, _ = await _stay(town, house)
    notice = SearchNotice(title="寻亲公告", text=f"男，老年。{words}")
    with pytest.raises(Invalid) as refused:
        await searching_kin.publish_notice(town.office, stay_id, notice, town.by(staff(house)))
    assert refused.value.extra["what"] == [what]


async def test_the_notice_of_a_victim_in_a_hidden_shelter_says_neither_where_nor_how_they_look_in_a_photo(
    town: Town,
) -> None:
    house = await a_house(town, hidden=True, address="海滨路 9 号", kind="shelter")
    victim = NewPerson(sex="female", age_band="adult", told=ToldOf(suspicions=("domestic_violence",)))
    stay_id, _ = await _stay(town, house, victim)
    async with town.office.db.connect() as tx:
        draft = await searching_kin.draft_notice(tx, town.office, stay_id, by=staff(house))
    assert (draft.contact, draft.photos) == ("", ())
    assert "西岗" not in draft.text
    notice = SearchNotice(title="寻亲", text="女，成年，现在海滨路 9 号。")
    with pytest.raises(Invalid):
        await searching_kin.publish_notice(town.office, stay_id, notice, town.by(staff(house)))


async def test_a_station_sees_its_own_people_and_others_see_none_of_them(town: Town) -> None:
    house, other = await a_house(town), await a_house(town, "S2", place=east_of(HERE, 4000))
    stay_id, _ = await _stay(town, house)
    async with town.office.db.connect() as tx:
        for by in (staff(house), LEADER, SUPERVISOR):
            assert len((await station.desk_of(tx, town.office, house, by=by, now=town.now)).present) == 1
        for by in (staff(other), somebody("shift_leader", regions=(EAST,), id_="east")):
            with pytest.raises(NotFound):
                await station.desk_of(tx, town.office, house, by=by, now=town.now)
        with pytest.raises(NotAllowed):
            await station.desk_of(tx, town.office, house, by=DISPATCHER, now=town.now)
        with pytest.raises(Invalid):
            await station.desk_of(tx, town.office, None, by=LEADER, now=town.now)
    with pytest.raises(NotFound):
        await station.open_stay(town.office, stay_id, by=staff(other), now=town.now)


@pytest.mark.parametrize("who", [LEADER, SUPERVISOR, DISPATCHER, officer(new_id())], ids=lambda one: one.roles[0])
async def test_only_its_own_staff_does_anything_at_a_station(town: Town, who: Actor) -> None:
    house, other = await a_house(town), await a_house(town, "S2")
    stay_id, _ = await _stay(town, house)
    before = await town.kinds()
    for by, fault in ((who, NotAllowed), (staff(other), NotFound)):
        command = town.by(by)
        with pytest.raises(fault):
            await comes_in(town, house, by=by)
        for deed in (
            searching_kin.publish_notice(town.office, stay_id, NOTICE, command),
            searching_kin.renew_notice(town.office, stay_id, None, command),
            searching_kin.ask_for_dna(town.office, stay_id, command),
            searching_kin.note_dna_answer(town.office, stay_id, True, command),
            searching_kin.apply_for_settlement(town.office, stay_id, command),
            searching_kin.prolong(town.office, stay_id, town.now + timedelta(days=20), "理由", command),
            stays.let_leave(town.office, stay_id, FETCHED, command),
        ):
            with pytest.raises(fault):
                await deed
    assert await town.kinds() == before


@pytest.mark.invariant("I8")
async def test_the_same_arrival_sent_twice_is_one_stay(town: Town) -> None:
    house, id_ = await a_house(town), new_id()
    first = await comes_in(town, house, id_=id_)
    assert await comes_in(town, house, id_=id_) == first
    assert len(await town.rows(tables.stays)) == 1


async def test_a_stay_is_opened_with_the_name_for_who_may_see_it_and_the_look_is_written_down(town: Town) -> None:
    house = await a_house(town)
    stay_id, person_id = await _stay(town, house, an_old_man(identity=WANG))
    found = await station.open_stay(town.office, stay_id, by=staff(house), now=town.now)
    assert found.identity == WANG
    assert found.stay.arrival.condition == "体温正常"
    assert (await station.open_stay(town.office, stay_id, by=SUPERVISOR, now=town.now)).identity is None
    looks = [event.data["person_id"] for event in await town.events() if event.kind == "look.person_read"]
    assert looks == [str(person_id)] * 2
