"""What is kept on a person is given to them: all of it, nothing of others, and it is written down."""

import msgspec
import pypdfium2
import pytest

from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.referral.people import sameness
from backend.referral.people.person import Identity, ToldOf
from backend.referral.privacy.subject import AccessWanted
from backend.referral.privacy.subject_access import give
from backend.referral.privacy.subject_sheet import as_pdf
from tests.dispatch.builders import CHECKER, EAST, LEADER, Town, somebody, stays
from tests.referral.homes import goes_home, visited
from tests.referral.people import KEEPER, WANG, a_house, an_old_man, file, person, registered

SELF = AccessWanted(given_to="person", reason="wants_to_know")
GUARDIAN = AccessWanted(given_to="guardian", reason="complains", relation_checked=True)
KNOWN = Identity(name="王小明", id_number=WANG.id_number, kin="儿子王强", kin_phone="0411-83600000")


async def test_everything_is_given_under_all_merged_records_with_who_looked_and_nothing_of_others(town: Town) -> None:
    house = await a_house(town)
    one = await goes_home(
        town, house, an_old_man(identity=KNOWN, source="document", told=ToldOf(vulnerable=("dementia",)))
    )
    town.clock.advance(days=40)
    await visited(town, one, note="饭菜充足")
    two = await person(town)
    await file(town, one, by=LEADER)
    await file(town, two, by=LEADER)
    await sameness.merge_people(town.office, one, two, town.by(KEEPER))
    given = await give(town.office, two, SELF, by=KEEPER, now=town.now)
    assert len(given.records) == 2
    assert {record.identity.name for record in given.records} == {"王小明", ""}
    (stay,) = given.stays
    assert (stay.how, stay.arrival.condition, bool(stay.clocks)) == ("home", "体温正常", True)
    (home,) = given.returns
    assert home.home["address"] == "香炉礁 12 号"
    assert "饭菜充足" in str([visit.found for visit in home.visits])
    looks = [(look.what, look.roles) for look in given.looks]
    assert looks.count(("person_read", list(LEADER.roles))) == 2
    said = msgspec.json.encode(given).decode()
    assert not any(other in said for other in ("王强", "83600000", KEEPER.id))
    again = await give(town.office, one, SELF, by=KEEPER, now=town.now)
    assert again.looks[-1].what == "subject_access", "that it was given before is a look as well"
    event = (await town.events())[-1]
    assert event.kind == "look.subject_access"
    assert set(event.data) == {"person_id", "given_to", "reason", "form"}
    paper = pypdfium2.PdfDocument(await as_pdf(given, town.office.city))
    text = "".join("".join(page.get_textpage().get_text_range().split()) for page in paper)
    for words in ("个人信息查阅表", "王小明", "香炉礁12号", "饭菜充足", "班长", "查看登记"):
        assert words in text, words
    assert "王强" not in text


async def test_what_a_crew_wrote_of_several_people_is_given_only_as_far_as_it_is_about_this_one(town: Town) -> None:
    alone = await town.handled(handling=stays(town.now))
    mine = (await registered(town, case_id=alone)).person_id
    assert mine
    given = await give(town.office, mine, SELF, by=KEEPER, now=town.now)
    (visit,) = given.cases[0].visits
    assert (visit.wrote["persuasion"], visit.is_shared) == ("劝说两次，本人不愿进站", False)
    await registered(town, case_id=alone)
    given = await give(town.office, mine, SELF, by=KEEPER, now=town.now)
    assert [(v.met, v.wrote, v.is_shared) for v in given.cases[0].visits] == [({}, {}, True)]
    assert "shared_record" in given.left_out


async def test_a_guardian_proves_to_be_one_and_gets_nothing_where_harm_is_suspected(town: Town) -> None:
    one = await person(town)
    unseen = AccessWanted(given_to="guardian", reason="complains")
    with pytest.raises(Invalid) as refused:
        await give(town.office, one, unseen, by=KEEPER, now=town.now)
    assert refused.value.code == "relation_unchecked"
    assert (await give(town.office, one, GUARDIAN, by=KEEPER, now=town.now)).records
    hurt = await person(town, told=ToldOf(suspicions=("abuse",)))
    with pytest.raises(Conflict) as held:
        await give(town.office, hurt, GUARDIAN, by=KEEPER, now=town.now)
    assert held.value.code == "guardian_suspected"
    assert (await give(town.office, hurt, SELF, by=KEEPER, now=town.now)).records[0].told.suspicions == ("abuse",)


async def test_only_who_may_see_who_somebody_is_gives_it(town: Town) -> None:
    one = await person(town)
    for stranger in (CHECKER, somebody("shift_leader", regions=(EAST,), id_="east")):
        with pytest.raises((NotAllowed, NotFound)):
            await give(town.office, one, SELF, by=stranger, now=town.now)
