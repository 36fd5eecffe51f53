"""The register of people: the unknown first, several in a case, families together, every look written down."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend import db as tables
from backend.access.actor import Actor
from backend.dispatch import looking
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.ids import new_id
from backend.referral import offering
from backend.referral.asked import Referred, Wish
from backend.referral.people import case_people, person_file, person_search, register, sameness
from backend.referral.people.person import BodyMark, Identity, ToldOf
from backend.referral.people.person_search import PeopleWanted, PersonFound
from backend.referral.people.register import Description, MetIn, NewPerson
from backend.referral.station import stays
from backend.referral.station.stay import Leaving
from tests.dispatch.builders import CHECKER, DISPATCHER, EAST, LEADER, WEST, Town, east_of, officer, somebody
from tests.dispatch.builders import SPOT as HERE
from tests.referral.people import KEEPER, WANG, a_house, an_old_man, comes_in, file, person, registered, staff


async def test_somebody_of_whom_nothing_is_known_is_a_whole_record(town: Town) -> None:
    done = await registered(town, NewPerson())
    assert done.number == f"R{town.office.city.local_day(town.now)}0001"
    found = await file(town, done.person_id or new_id())
    (record,) = found.records
    assert (record.person.sex, record.person.age_band, record.person.is_identified) == ("unknown", "unknown", False)
    assert [one.person_id for one in found.cases] == [done.person_id]
    await town.is_sound()


async def test_what_is_told_of_somebody_lies_sealed_and_not_in_the_log(town: Town) -> None:
    await registered(town, an_old_man(identity=WANG, source="document"))
    said = str([event.data for event in await town.events()])
    raw = await town.run_scalar("SELECT string_agg(p::text, ' ') FROM persons p")
    for secret in ("灰白短发", "左臂", "王小明", WANG.id_number):
        assert secret not in said
        assert secret not in raw
        assert secret.encode().hex() not in raw


async def test_numbers_count_up_within_a_day(town: Town) -> None:
    numbers = [(await registered(town, NewPerson())).number for _ in range(3)]
    assert [str(number)[-4:] for number in numbers] == ["0001", "0002", "0003"]
    town.clock.advance(hours=24)
    assert str((await registered(town, NewPerson())).number).endswith("0001")


@pytest.mark.invariant("I8")
async def test_the_same_registration_sent_twice_is_one_record(town: Town) -> None:
    case_id, id_ = await town.accepted(), new_id()
    first = await registered(town, case_id=case_id, id_=id_)
    assert await registered(town, case_id=case_id, id_=id_) == first
    assert len(await town.rows(tables.persons)) == 1


async def test_a_resident_s_number_that_cannot_be_one_is_refused_and_a_passport_is_not(town: Town) -> None:
    for number in ("110105194912310021", "11010519491231002", "abc"):
        with pytest.raises(Invalid) as refused:
            await registered(town, an_old_man(identity=Identity(id_number=number)))
        assert refused.value.extra["field"] == "identity.id_number"
    passport = Identity(name="Ivanov", document="passport", id_number="63 1234567")
    done = await registered(town, an_old_man(identity=passport))
    (record,) = (await file(town, done.person_id or new_id())).records
    assert record.identity is not None
    assert record.identity.id_number == "631234567"


async def test_years_the_wrong_way_round_and_a_source_without_a_name_are_refused(town: Town) -> None:
    with pytest.raises(Invalid, match="颠倒"):
        await registered(town, NewPerson(told=ToldOf(born_from=1980, born_to=1970)))
    with pytest.raises(Invalid) as refused:
        await registered(town, NewPerson(source="police"))
    assert refused.value.code == "nobody_named"


async def test_an_identity_is_found_put_right_and_withdrawn(town: Town) -> None:
    one = await person(town)
    await register.identify_person(town.office, one, WANG, "police", town.by(KEEPER))
    (record,) = (await file(town, one)).records
    assert (record.person.identity_source, record.identity) == ("police", WANG)
    known_since = record.person.identified_at
    town.clock.advance(hours=1)
    other = Identity(name="王晓明", id_number=WANG.id_number)
    await register.identify_person(town.office, one, other, "dna", town.by(KEEPER))
    (record,) = (await file(town, one)).records
    assert (record.identity, record.person.identified_at) == (other, known_since)
    await register.withdraw_identity(town.office, one, town.by(KEEPER))
    (record,) = (await file(town, one)).records
    assert (record.person.is_identified, record.identity) == (False, Identity())
    with pytest.raises(Conflict):
        await register.withdraw_identity(town.office, one, town.by(KEEPER))
    assert await _found(town, name="王晓明") == []
    await town.is_sound()


async def test_what_is_known_is_told_anew_and_the_rest_stays(town: Town) -> None:
    one = await person(town)
    wanted = Description(age_band="adult", is_listed=True)
    await register.describe_person(town.office, one, wanted, town.by(KEEPER))
    (record,) = (await file(town, one)).records
    assert (record.person.age_band, record.person.sex, record.told) == ("adult", "male", an_old_man().told)
    assert record.person.listed_at == town.now
    await register.describe_person(town.office, one, Description(is_listed=False), town.by(KEEPER))
    assert (await file(town, one)).records[0].person.listed_at is None
    await town.is_sound()


async def test_several_people_in_one_case_and_one_person_in_several_cases(town: Town) -> None:
    case_id = await town.accepted()
    ids = [(await registered(town, NewPerson(), case_id=case_id)).person_id for _ in range(3)]
    assert {one.id for one in await _listed(town, case_id=case_id)} == set(ids)
    again = await town.accepted(east_of(HERE, 2000))
    assert ids[0] is not None
    await case_people.link_person(town.office, ids[0], again, town.by(KEEPER))
    assert {one.case_id for one in (await file(town, ids[0])).cases} == {case_id, again}
    with pytest.raises(Conflict) as refused:
        await case_people.link_person(town.office, ids[0], again, town.by(KEEPER))
    assert refused.value.code == "linked_already"
    await case_people.unlink_person(town.office, ids[0], again, town.by(KEEPER))
    assert {one.case_id for one in (await file(town, ids[0])).cases} == {case_id}
    with pytest.raises(NotFound):
        await case_people.unlink_person(town.office, ids[0], again, town.by(KEEPER))
    await town.is_sound()


async def test_a_family_belongs_together_until_one_is_left(town: Town) -> None:
    case_id = await town.accepted()
    mother, child, other = [
        (await registered(town, NewPerson(), case_id=case_id)).person_id or new_id() for _ in range(3)
    ]
    await case_people.set_family(town.office, case_id, [mother, child], town.by(KEEPER))
    assert (await file(town, mother)).cases[0].family == [child]
    assert (await file(town, other)).cases[0].family == []
    await case_people.set_family(town.office, case_id, [child], town.by(KEEPER))
    assert (await file(town, mother)).cases[0].family == []
    with pytest.raises(NotFound):
        await case_people.set_family(town.office, case_id, [mother, new_id()], town.by(KEEPER))
    await town.is_sound()


async def test_a_visit_that_is_named_must_be_one_of_the_case(town: Town) -> None:
    case_id = await town.handled()
    (visit,) = await town.rows(tables.handlings)
    assert (await registered(town, case_id=case_id, handling_id=visit["id"])).person_id
    with pytest.raises(NotFound):
        await registered(town, case_id=case_id, handling_id=new_id())


async def test_every_look_is_written_down_and_listed_with_whom_it_was_at(town: Town) -> None:
    one = await person(town, identity=WANG, source="document")
    before = len(await town.events())
    await file(town, one)
    await file(town, one, by=LEADER)
    await _found(town, name=" 王 小明 ")
    async with town.office.db.connect() as tx:
        looks = await looking.list_looks(tx, town.office, LEADER, case_id=None, who=None, before=None)
    newest = [(look.what, look.who, look.person_id) for look in looks[:3]]
    assert newest == [
        ("person_searched", KEEPER.id, None),
        ("person_read", LEADER.id, one),
        ("person_read", KEEPER.id, one),
    ]
    assert len(await town.events()) == before + 3
    assert "王" not in str([event.data for event in await town.events()])


async def test_a_name_or_a_document_is_found_exactly_and_nothing_else(town: Town) -> None:
    one = await person(town, identity=WANG, source="document")
    assert [found.id for found in await _found(town, name="王小明")] == [one]
    assert [found.id for found in await _found(town, id_number=WANG.id_number.lower())] == [one]
    assert [found.id for found in await _found(town, name="王小明", id_number=WANG.id_number)] == [one]
    for wrong in ({"name": "王小"}, {"id_number": "110105194912310"}, {"name": "张", "id_number": WANG.id_number}):
        assert await _found(town, **wrong) == []
    with pytest.raises(Invalid):
        await _found(town, name=" ")


async def test_somebody_without_a_name_is_found_by_what_they_look_like(town: Town) -> None:
    mark = BodyMark(kind="tattoo", where="right_arm", words="右臂青龙")
    young = ToldOf(description="瘦高，穿蓝色工装", marks=(mark,), accent="川渝口音")
    one = await person(town)
    two = await person(town, sex="male", age_band="adult", told=young)
    for wanted, ids in (
        ({"words": "灰白短发"}, [one]),
        ({"words": "蓝色工装 川渝"}, [two]),
        ({"words": "左臂 蓝色工装 川渝"}, [two, one]),
        ({"mark": "tattoo"}, [two]),
        ({"mark": "tattoo", "words": "左臂"}, []),
        ({"age_band": "old"}, [one]),
        ({"sex": "female"}, []),
        ({"region": WEST}, [two, one]),
        ({"region": EAST}, []),
        ({"since": town.now.date(), "until": town.now.date()}, [two, one]),
        ({"until": town.now.date() - timedelta(days=2)}, []),
        ({"is_identified": True}, []),
    ):
        assert [found.id for found in await _found(town, **wanted)] == ids, wanted
    (found,) = await _found(town, words="青龙")
    assert (found.description, found.marks, found.suggested) == ("瘦高，穿蓝色工装", [mark], 0)


async def test_a_search_says_why_and_the_log_says_by_what_but_not_for_what(town: Town) -> None:
    one = await person(town)
    with pytest.raises(Invalid) as refused:
        await _found(town, name="王小明", reason=None)
    assert refused.value.code == "no_reason"
    with pytest.raises(Invalid) as refused:
        await _found(town)
    assert refused.value.code == "nothing_asked"
    await _found(town, words="灰白短发", reason=None)
    event = (await town.events())[-1]
    assert event.data == {"found": 1, "by": ["words"], "reason": None, "people": [str(one)]}
    await file(town, one, by=LEADER)
    async with town.office.db.connect() as tx:
        looks = await looking.list_looks(tx, town.office, LEADER, case_id=None, who=None, before=None, person_id=one)
        assert [look.what for look in looks] == ["person_read", "person_searched"]
        of_nobody = await looking.list_looks(
            tx, town.office, LEADER, case_id=None, who=None, before=None, person_id=new_id()
        )
        assert of_nobody == []
    assert "灰白" not in str(event)
    checker = PeopleWanted(words="灰白短发")
    assert await person_search.find_people(town.office, checker, by=CHECKER, now=town.now), (
        "looks need no right to names"
    )


async def test_the_file_tells_of_stays_referrals_and_returns_to_those_who_may_know(town: Town) -> None:
    house, next_ = await a_house(town), await a_house(town, "S2")
    done = await comes_in(town, house)
    assert done.person_id is not None
    await offering.offer(
        town.office,
        Wish(to_kind="facility", to_facility=next_, people=(Referred(person_id=done.person_id),), consent="given"),
        town.by(staff(house)),
    )
    await stays.let_leave(
        town.office,
        done.stay_id or new_id(),
        Leaving(how="home", receiver="儿子", relation_checked=True, to="本市"),
        town.by(staff(house)),
    )
    story = (await file(town, done.person_id, by=LEADER)).story
    assert [(one.facility, one.how) for one in story.stays] == [("S1救助管理站", "home")]
    assert [(one.to, one.state) for one in story.referrals] == [("S2救助管理站", "withdrawn")]
    assert [one.state for one in story.returns] == ["registered"]
    other = (await file(town, done.person_id, by=CHECKER)).story
    assert (other.stays, other.returns, len(other.referrals)) == ([], [], 1)


async def test_the_list_shows_what_waits_to_be_decided(town: Town) -> None:
    one, two = await person(town), await person(town)
    third = await person(town, sex="female", age_band="child", told=ToldOf())
    assert {found.id for found in await _listed(town, suggested=True)} == {one, two}
    assert [found.id for found in await _listed(town, suggested=False)] == [third]
    async with town.office.db.connect() as tx:
        assert await person_search.counted(tx, town.office, [one, two, third]) == ({}, {one: 1, two: 1})


async def test_who_may_not_see_identities_reads_the_record_without_them_and_cannot_search(town: Town) -> None:
    case_id = await town.handled()
    (visit,) = await town.rows(tables.handlings)
    crew = officer(visit["team_id"])
    done = await registered(town, an_old_man(identity=WANG), case_id=case_id, by=crew)
    assert done.person_id is not None
    for by, named in ((KEEPER, True), (LEADER, True), (CHECKER, False), (crew, False)):
        (record,) = (await file(town, done.person_id, by=by)).records
        assert (record.identity is not None) == named, by.roles
        assert record.told.description
    wanted = PeopleWanted(name="王", reason="family_asks")
    with pytest.raises(NotAllowed):
        await person_search.find_people(town.office, wanted, by=CHECKER, now=town.now)


async def test_only_whom_it_concerns_knows_of_somebody(town: Town) -> None:
    one = await person(town)
    elsewhere = somebody("shift_leader", regions=(EAST,), id_="east")
    another_crew = officer(town.teams[2])
    for by in (elsewhere, another_crew):
        with pytest.raises(NotFound):
            await file(town, one, by=by)
        assert await _listed(town, by=by) == []
    for by in (DISPATCHER, somebody("grid_worker", regions=(WEST,))):
        with pytest.raises(NotAllowed):
            await file(town, one, by=by)
        with pytest.raises(NotAllowed):
            await _listed(town, by=by)


@pytest.mark.parametrize("role", ["checker", "dispatcher", "grid_worker", "civil_affairs", "supervisor", "operator"])
async def test_nothing_of_the_register_is_changed_by_who_only_reads_or_less(town: Town, role: str) -> None:
    one, other = await person(town), await person(town)
    case_id = await town.accepted(east_of(HERE, 3000))
    by = town.by(somebody(role))
    office = town.office
    deeds: list[Callable[[], Awaitable[Any]]] = [
        lambda: register.register_person(office, NewPerson(), MetIn(case_id=case_id), by),
        lambda: register.describe_person(office, one, Description(sex="female"), by),
        lambda: register.identify_person(office, one, WANG, "police", by),
        lambda: register.withdraw_identity(office, one, by),
        lambda: sameness.merge_people(office, one, other, by),
        lambda: sameness.unmerge_person(office, one, by),
        lambda: sameness.keep_apart(office, one, other, by),
        lambda: case_people.link_person(office, one, case_id, by),
        lambda: case_people.unlink_person(office, one, case_id, by),
        lambda: case_people.set_family(office, case_id, [one], by),
    ]
    before = await town.kinds()
    for deed in deeds:
        with pytest.raises(NotAllowed):
            await deed()
    assert await town.kinds() == before


async def test_people_are_listed_a_page_at_a_time_newest_first(town: Town) -> None:
    case_id = await town.accepted()
    async with town.office.db.begin() as tx:
        await tx.execute(
            text("""INSERT INTO persons (city_id, id, number, sex, age_band, regions, created_at, created_by, root_id)
                SELECT :city, u, 'X' || n, 'male', 'adult', ARRAY['210203'], cast(:at as timestamptz) + n * interval '1 s', 'x', u
                FROM (SELECT n, gen_random_uuid() u FROM generate_series(1, 60) n) s"""),
            {"city": town.office.city_id, "at": town.now},
        )
    first = await _listed(town)
    assert [one.number for one in first[:2]] == ["X60", "X59"]
    rest = await _listed(town, before=(first[-1].created_at, first[-1].id))
    assert (len(first), len(rest)) == (50, 10)
    assert await _listed(town, case_id=case_id) == []
    assert await _listed(town, identified=True) == []
    assert len(await _listed(town, listed=False)) == 50


async def _found(town: Town, **wanted: Any) -> list[PersonFound]:
    asked = PeopleWanted(**{"reason": "family_asks", **wanted})
    return await person_search.find_people(town.office, asked, by=KEEPER, now=town.now)


async def _listed(town: Town, by: Actor = KEEPER, **wanted: Any) -> list[person_file.PersonShown]:
    async with town.office.db.connect() as tx:
        return await person_file.list_people(tx, town.office, by, **wanted)
