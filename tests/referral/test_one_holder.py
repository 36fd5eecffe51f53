"""One person, one pair of hands, one place: what a referral keeps, what a stay takes, and that neither outlives what it was for."""

from typing import Any
from uuid import UUID

import pytest

from backend import db as tables
from backend.dispatch import desk
from backend.errors import Conflict, Invalid, NotFound
from backend.ids import new_id
from backend.referral import offering, reading
from backend.referral.asked import Referred, Wish
from backend.referral.facilities.places import Places
from backend.referral.people import sameness
from backend.referral.station import stays
from backend.referral.station.stay import ArrivalNote, Leaving
from backend.referral.station.stays import NewStay
from tests.dispatch.builders import DISPATCHER, EAST, SPOT, WEST, east_of, somebody
from tests.referral.builders import Stations
from tests.referral.builders import staff as of
from tests.referral.people import KEEPER, an_old_man, comes_in, registered, staff

OLD_MAN = Referred(sex="male", age_band="old")
LEFT = Leaving(how="home", receiver="儿子", relation_checked=True, to="本市")


async def _brought(stations: Stations, house: UUID, **wish: Any) -> tuple[UUID, UUID]:
    """(case, referral) of a man whom a crew has handed over to a house."""
    case_id = await stations.town.arrived()
    crew = await stations.town.crew(case_id)
    id_ = await stations.offer(crew, case_id=case_id, to_facility=house, **wish)
    await stations.accept(id_)
    await stations.hand_over(id_)
    return case_id, id_


async def _taken_in(stations: Stations, house: UUID, **rest: Any) -> Any:
    """Somebody new taken in at the desk of a house."""
    values = {
        "facility_id": house,
        "came": "team",
        "consent": True,
        "person": an_old_man(),
        "arrival": ArrivalNote(),
    }
    if "person_id" in rest:
        values["person"] = None
    wanted = NewStay(**{**values, **rest})
    return await stays.take_in(stations.town.office, wanted, stations.town.by(staff(house), "stay.take_in"))


async def _onwards(stations: Stations, house: UUID, to: UUID, **wish: Any) -> UUID:
    """A referral from one house to another, handed over."""
    id_ = await stations.offer(staff(house), to_facility=to, **wish)
    await stations.accept(id_)
    await stations.hand_over(id_)
    return id_


# --- one place -------------------------------------------------------------------------------------------------------


async def test_the_place_that_a_referral_kept_is_the_place_of_whoever_is_taken_in(stations: Stations) -> None:
    house = await stations.add(places=[Places("men", 1), Places("any", 1)])
    _, id_ = await _brought(stations, house)
    assert await stations.held(house) == {"men": 1}
    done = await _taken_in(stations, house, referral_id=id_)
    assert await stations.held(house) == {"men": 1}
    (row,) = await stations.town.rows(tables.referral_people)
    assert row["person_id"] == done.person_id, "who they are in the register is known now"
    await stays.let_leave(stations.town.office, done.stay_id, LEFT, stations.town.by(staff(house)))
    assert await stations.held(house) == {}
    await stations.town.is_sound()


async def test_a_referral_takes_in_no_more_people_than_it_brought(stations: Stations) -> None:
    """Two on one referral's ticket would count for none, and the house take one too many."""
    house = await stations.add(places=[Places("men", 1), Places("any", 1)])
    _, id_ = await _brought(stations, house)
    await _taken_in(stations, house, referral_id=id_)
    with pytest.raises(Conflict) as refused:
        await _taken_in(stations, house, referral_id=id_)
    assert refused.value.code == "taken_in_already"
    await _taken_in(stations, house)
    with pytest.raises(Conflict) as refused:
        await _taken_in(stations, house)
    assert refused.value.code == "full"


async def test_whoever_was_brought_is_counted_once_though_nobody_names_the_referral(stations: Stations) -> None:
    house = await stations.add(places=[Places("men", 1)])
    case_id, id_ = await _brought(stations, house)
    person_id = (await registered(stations.town, case_id=case_id)).person_id
    await stations.town.run("UPDATE referral_people SET person_id = :p", p=person_id)
    await _taken_in(stations, house, person_id=person_id)
    assert await stations.held(house) == {"men": 1}
    (stay,) = await stations.town.rows(tables.stays)
    assert stay["referral_id"] == id_


async def test_who_comes_long_after_their_hand_over_frees_no_place_of_others(stations: Stations) -> None:
    house = await stations.add(places=[Places("men", 1)])
    _, id_ = await _brought(stations, house)
    await stations.pass_(days=11)
    await _taken_in(stations, house)
    with pytest.raises(Conflict) as refused:
        await _taken_in(stations, house, referral_id=id_)
    assert refused.value.code == "full"


@pytest.mark.parametrize("state", ["offered", "accepted", "arrived"])
async def test_nobody_is_taken_in_before_both_sides_have_signed(stations: Stations, state: str) -> None:
    house = await stations.add()
    case_id = await stations.town.arrived()
    id_ = await stations.offer(await stations.town.crew(case_id), case_id=case_id)
    for verb in (stations.accept, stations.arrive)[: ("offered", "accepted", "arrived").index(state)]:
        await verb(id_)
    with pytest.raises((Conflict, NotFound)):
        await _taken_in(stations, house, referral_id=id_)
    assert await stations.town.rows(tables.stays) == []


# --- one pair of hands -----------------------------------------------------------------------------------------------


async def test_with_the_onward_hand_over_the_stay_ends_and_its_place_is_free(stations: Stations) -> None:
    county = await stations.add("C1", places=[Places("men", 1)])
    centre = await stations.add("R1", place=east_of(SPOT, 6000), is_regional_centre=True)
    _, first = await _brought(stations, county)
    done = await _taken_in(stations, county, referral_id=first)
    who = Referred(person_id=done.person_id, sex="male", age_band="old")
    await _onwards(stations, county, centre, people=(who,), to_kind="regional_centre")
    (stay,) = await stations.town.rows(tables.stays)
    assert (stay["state"], stay["how"]) == ("left", "referred")
    assert await stations.held(county) == {}
    clocks = {row["kind"]: row["state"] for row in await stations.town.rows(tables.stay_clocks)}
    assert clocks["search_notice"] == "running", (
        "who they are is still to be found out, until the centre goes on with it"
    )
    assert clocks["stay_at_most"] == "met"
    next_ = await _taken_in(stations, centre, person_id=done.person_id, came="other_station")
    (old, new) = sorted(await stations.town.rows(tables.stays), key=lambda row: row["arrived_at"])
    if old["state"] != "left":
        old, new = new, old
    assert (new["id"], new["continues"], new["state"]) == (next_.stay_id, old["id"], "present")
    assert sum((await stations.held(centre)).values()) == 1
    await stations.town.is_sound()


async def test_a_house_that_keeps_no_desk_has_its_place_free_once_it_handed_them_on(stations: Stations) -> None:
    county = await stations.add("C1", places=[Places("men", 1)])
    centre = await stations.add("R1", place=east_of(SPOT, 6000))
    case_id, _ = await _brought(stations, county)
    await _onwards(stations, county, centre, case_id=case_id)
    assert await stations.held(county) == {}
    assert sum((await stations.held(centre)).values()) == 1
    await stations.town.is_sound()


async def test_to_a_hospital_they_are_still_looked_for_and_to_an_office_not(stations: Stations) -> None:
    house = await stations.add()
    hospital = await stations.add("H1", kind="hospital", place=east_of(SPOT, 4000), takes=["adults", "ill"])
    ill, gone = [(await comes_in(stations.town, house)).person_id for _ in range(2)]
    await _onwards(
        stations, house, hospital, people=(Referred(person_id=ill, sex="male", age_band="old"),), to_kind="hospital"
    )
    office = await stations.offer(
        staff(house),
        people=(Referred(person_id=gone, sex="male", age_band="old"),),
        to_kind="other_city",
        to_words="沈阳市救助站",
    )
    await stations.accept(office, by=DISPATCHER, receiver="王站长")
    await stations.hand_over(office, by=DISPATCHER)
    left = {row["person_id"]: row["how"] for row in await stations.town.rows(tables.stays)}
    assert left == {ill: "hospital", gone: "other_office"}
    running = {row["stay_id"] for row in await stations.town.rows(tables.stay_clocks) if row["state"] == "running"}
    of_ill = {row["id"] for row in await stations.town.rows(tables.stays) if row["person_id"] == ill}
    assert running == of_ill
    await stations.town.is_sound()


async def test_nobody_is_written_down_as_handed_on_by_hand(stations: Stations) -> None:
    house = await stations.add()
    done = await comes_in(stations.town, house)
    for how in ("referred", "other_office"):
        with pytest.raises(Invalid) as refused:
            await stays.let_leave(
                stations.town.office, done.stay_id or new_id(), Leaving(how=how), stations.town.by(staff(house))
            )
        assert refused.value.code == "by_hand_over"


async def test_whoever_leaves_otherwise_is_held_out_to_nobody_any_more(stations: Stations) -> None:
    house = await stations.add()
    other = await stations.add("S2", place=east_of(SPOT, 4000))
    done = await comes_in(stations.town, house)
    who = Referred(person_id=done.person_id, sex="male", age_band="old")
    id_ = await stations.offer(staff(house), people=(who,), to_facility=other)
    await stations.accept(id_)
    await stays.let_leave(stations.town.office, done.stay_id or new_id(), LEFT, stations.town.by(staff(house)))
    referral = await stations.one(id_)
    assert (referral.state, referral.because) == ("withdrawn", "stay_ended")
    assert await stations.held(other) == {}
    assert [one["to"] for one in await stations.town.notices("referral.withdrawn")] == [f"facility:{other}"]
    await stations.town.is_sound()


async def test_whoever_is_at_a_station_is_referred_by_it_and_by_nobody_else(stations: Stations) -> None:
    house = await stations.add()
    other = await stations.add("S2", place=east_of(SPOT, 4000))
    case_id = await stations.town.arrived()
    person_id = (await registered(stations.town, case_id=case_id)).person_id
    await comes_in(stations.town, house, person_id=person_id, by=somebody("everything"))
    who = Referred(index=0, person_id=person_id, sex="male", age_band="old")
    with pytest.raises(Conflict) as refused:
        await stations.offer(DISPATCHER, case_id=case_id, people=(who,), to_facility=other)
    assert refused.value.code == "at_a_station"
    with pytest.raises(NotFound):
        await stations.offer(staff(other), people=(Referred(person_id=person_id),), to_facility=house)
    id_ = await stations.offer(staff(house), people=(Referred(person_id=person_id, sex="male"),), to_facility=other)
    assert (await stations.one(id_)).from_facility == house


async def test_under_none_of_their_records_is_anybody_held_out_to_two(stations: Stations) -> None:
    first = await stations.add()
    second = await stations.add("S2", place=east_of(SPOT, 4000))
    cases = [await stations.town.accepted(east_of(SPOT, 3000 * n)) for n in range(2)]
    one, two = [(await registered(stations.town, case_id=case_id)).person_id or new_id() for case_id in cases]
    wishes = [
        {"case_id": case_id, "people": (Referred(person_id=who, sex="male", age_band="old"),), "to_facility": house}
        for case_id, who, house in zip(cases, (one, two), (first, second), strict=True)
    ]
    id_ = await stations.offer(DISPATCHER, **wishes[0])
    await sameness.merge_people(stations.town.office, one, two, stations.town.by(KEEPER))
    with pytest.raises(Conflict) as refused:
        await stations.offer(DISPATCHER, **wishes[1])
    assert refused.value.code == "already_referred"
    with pytest.raises(Conflict) as refused:
        await comes_in(stations.town, second, person_id=two, by=somebody("everything"))
    assert refused.value.code == "referred_elsewhere"
    await stations.withdraw(id_)
    await comes_in(stations.town, second, person_id=two, by=somebody("everything"))


async def test_one_at_a_station_and_one_on_the_way_are_not_one_person(stations: Stations) -> None:
    house = await stations.add()
    case_id = await stations.town.accepted()
    on_the_way = (await registered(stations.town, case_id=case_id)).person_id or new_id()
    there = (await comes_in(stations.town, house)).person_id or new_id()
    who = Referred(person_id=on_the_way, sex="male", age_band="old")
    await stations.offer(DISPATCHER, case_id=case_id, people=(who,), to_facility=house)
    with pytest.raises(Conflict) as refused:
        await sameness.merge_people(stations.town.office, on_the_way, there, stations.town.by(somebody("everything")))
    assert refused.value.code == "both_present"


# --- a case that is over ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("end", "because"), [("void", "case_voided"), ("join", "case_joined")])
@pytest.mark.parametrize("accepted", [False, True])
async def test_what_was_asked_for_a_case_ends_with_it_and_both_sides_hear_of_it(
    stations: Stations, end: str, because: str, accepted: bool
) -> None:
    house = await stations.add()
    case_id = await stations.town.dispatched()
    crew = await stations.town.crew(case_id)
    id_ = await stations.offer(DISPATCHER, case_id=case_id)
    if accepted:
        await stations.accept(id_)
    if end == "void":
        await stations.town.granted(case_id, "void")
    else:
        into = await stations.town.accepted(east_of(SPOT, 5000))
        await desk.join_cases(stations.town.office, case_id, into, "同一人", stations.town.by(DISPATCHER))
    referral = await stations.one(id_)
    assert (referral.state, referral.because, referral.fires_at) == ("withdrawn", because, None)
    assert await stations.held(house) == {}
    told = {one["to"] for one in await stations.town.notices("referral.withdrawn")}
    assert told == {f"facility:{house}", f"team:{crew.team_id}"}
    await stations.town.is_sound()


async def test_who_stands_at_the_door_is_handed_over_whatever_becomes_of_the_case(stations: Stations) -> None:
    await stations.add()
    case_id = await stations.town.arrived()
    id_ = await stations.offer(await stations.town.crew(case_id), case_id=case_id)
    await stations.accept(id_)
    await stations.arrive(id_)
    await stations.town.granted(case_id, "void")
    assert (await stations.one(id_)).state == "arrived"
    await stations.hand_over(id_)
    await stations.town.is_sound()


# --- across districts ------------------------------------------------------------------------------------------------


async def test_up_to_the_centre_in_another_district_both_desks_see_it_and_a_third_does_not(stations: Stations) -> None:
    west = await stations.add("W1", level="county", place=SPOT)
    centre = await stations.add("E1", level="city", is_regional_centre=True, place=east_of(SPOT, 6000))
    done = await comes_in(stations.town, west)
    who = Referred(person_id=done.person_id, sex="male", age_band="old")
    wish = Wish(to_kind="regional_centre", people=(who,), consent="given", to_facility=centre)
    answer = await offering.offer(stations.town.office, wish, stations.town.by(staff(west), "referral.offer"))
    sees = {
        who_: await _listed(stations, by)
        for who_, by in {
            "west": somebody("dispatcher", regions=(WEST,), id_="w"),
            "east": somebody("dispatcher", regions=(EAST,), id_="e"),
            "third": somebody("dispatcher", regions=("210299",), id_="t"),
            "centre": of(centre),
        }.items()
    }
    mine = [answer.referral_id]
    assert sees == {"west": mine, "east": mine, "third": [], "centre": mine}
    for by in (somebody("dispatcher", regions=("210299",), id_="t"), staff(west)):
        with pytest.raises(NotFound):
            await stations.accept(answer.referral_id or new_id(), by=by)


async def _listed(stations: Stations, by: Any) -> list[UUID]:
    async with stations.town.office.db.connect() as tx:
        return [one.id for one in await reading.list_referrals(tx, stations.town.office, by, open_only=True)]
