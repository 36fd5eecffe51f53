"""The station desk: who is on the way, who stands in the hall, and how somebody of a referral becomes somebody of the house."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from backend.errors import NotAllowed, NotFound
from backend.referral.asked import Referred
from backend.referral.people.register_rows import Done
from backend.referral.station import desk as station
from backend.referral.station import stays
from backend.referral.station.desk import StationDesk
from backend.referral.station.expected import OnTheWay
from backend.referral.station.stay import ArrivalNote
from backend.referral.station.stays import NewStay
from tests.dispatch.builders import LEADER, officer
from tests.referral.builders import MAN, SIGNED, Stations, staff
from tests.referral.people import an_old_man, registered


async def _desk(stations: Stations, house: UUID, by: Any = None) -> StationDesk:
    async with stations.town.office.db.connect() as tx:
        return await station.desk_of(tx, stations.town.office, house, by=by or staff(house), now=stations.town.now)


async def _one(stations: Stations, house: UUID) -> OnTheWay:
    (found,) = (await _desk(stations, house)).expected
    return found


async def _take_in(stations: Stations, house: UUID, by: Any = None, **said: Any) -> Done:
    new = NewStay(**{"facility_id": house, "came": "team", "arrival": ArrivalNote(), "consent": True, **said})
    return await stays.take_in(stations.town.office, new, stations.town.by(by or staff(house), "stay.take_in"))


async def test_each_step_of_a_referral_stands_at_the_desk_with_the_clock_of_whoever_has_to_act(
    stations: Stations,
) -> None:
    house, other = await stations.add(), await stations.add("S2")
    town = stations.town
    case_id = await town.arrived()
    id_ = await stations.offer(await town.crew(case_id), case_id=case_id)
    offered = await _one(stations, house)
    assert (offered.referral.id, offered.to, offered.taken_in) == (id_, "S1站", 0)
    assert offered.by is not None
    assert offered.due_at == town.now + timedelta(minutes=30)
    assert offered.yellow_at == town.now + timedelta(minutes=24)
    await stations.accept(id_)
    assert (await _one(stations, house)).due_at == town.now + timedelta(hours=2)
    town.clock.advance(minutes=10)
    await stations.arrive(id_)
    assert (await _one(stations, house)).due_at == town.now + timedelta(minutes=30)
    assert (await _desk(stations, other)).expected == []
    assert [one.referral.id for one in (await _desk(stations, house, LEADER)).expected] == [id_]


async def test_whoever_was_handed_over_is_expected_until_all_of_them_are_taken_in(stations: Stations) -> None:
    house = await stations.add()
    case_id = await stations.town.arrived(people_count=2)
    id_ = await stations.offer(await stations.town.crew(case_id), case_id=case_id, people=(MAN, MAN))
    await stations.accept(id_)
    await stations.hand_over(id_)
    for taken in (0, 1):
        found = await _one(stations, house)
        assert (found.referral.state, found.due_at, found.taken_in) == ("handed_over", None, taken)
        await _take_in(stations, house, person=an_old_man(), referral_id=id_, case_id=case_id)
    desk = await _desk(stations, house)
    assert desk.expected == []
    assert len(desk.present) == 2
    assert await stations.held(house) == {"men": 1, "any": 1}
    await stations.town.is_sound()


async def test_the_person_whom_a_referral_names_is_taken_in_before_the_crew_has_written_its_record(
    stations: Stations,
) -> None:
    house, other = await stations.add(), await stations.add("S2")
    case_id = await stations.town.arrived()
    person_id = (await registered(stations.town, case_id=case_id)).person_id
    stranger = (await registered(stations.town)).person_id
    man = Referred(person_id=person_id, sex="male", age_band="old")
    id_ = await stations.offer(await stations.town.crew(case_id), case_id=case_id, people=(man,))
    await stations.accept(id_)
    await stations.hand_over(id_, paper=SIGNED)
    for where, who in ((other, person_id), (house, stranger)):
        with pytest.raises(NotFound):
            await _take_in(stations, where, person_id=who, referral_id=id_)
    done = await _take_in(stations, house, person_id=person_id, referral_id=id_, case_id=case_id)
    assert done.person_id == person_id
    await stations.town.is_sound()


async def test_whom_a_house_refers_onwards_stands_at_its_desk_until_they_are_in_other_hands(stations: Stations) -> None:
    house, other = await stations.add(), await stations.add("S2")
    done = await _take_in(stations, house, person=an_old_man(), came="walk_in")
    man = Referred(person_id=done.person_id, sex="male", age_band="old")
    id_ = await stations.offer(staff(house), people=(man,), to_facility=other)
    (given,) = (await _desk(stations, house)).given
    assert (given.referral.id, given.to, given.by) == (id_, "S2站", "S1站")
    assert [one.referral.id for one in (await _desk(stations, other)).expected] == [id_]
    await stations.accept(id_)
    await stations.hand_over(id_)
    assert (await _desk(stations, house)).given == []


async def test_looking_again_within_ten_minutes_is_one_look(stations: Stations) -> None:
    house, town = await stations.add(), stations.town
    done = await _take_in(stations, house, person=an_old_man(), came="walk_in")
    assert done.stay_id is not None
    for by, minutes in ((staff(house), 0), (staff(house), 9), (staff(house, "another"), 0), (staff(house), 2)):
        town.clock.advance(minutes=minutes)
        found = await station.open_stay(town.office, done.stay_id, by=by, now=town.now)
    assert (found.told.height_cm, found.decides, found.escorts_min) == (168, True, 2)
    assert (await town.kinds()).count("look.person_read") == 3


async def test_a_crew_sees_no_station_desk(stations: Stations) -> None:
    house = await stations.add()
    with pytest.raises(NotFound):
        await _desk(stations, house, staff(await stations.add("S2")))
    with pytest.raises(NotAllowed):
        await _desk(stations, house, officer(house))
