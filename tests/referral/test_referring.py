"""Referring somebody: who may, what stands against it, what each side is told, and what it is worth to the officer's record."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from backend import db as tables
from backend.dispatch import field as spot
from backend.dispatch.protection import Belonging, HandOver, PersonMet
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.ids import new_id
from backend.referral import reading
from backend.referral.answering import Paper
from backend.referral.asked import Referred
from backend.referral.facilities import near
from backend.referral.facilities.places import Places
from backend.referral.handing import by_referral
from backend.referral.signature import Drawn
from tests.dispatch.builders import CHECKER, DISPATCHER, EAST, SPOT, WEST, east_of, officer, somebody, to_hospital
from tests.referral.builders import MAN, Stations, staff

CHILD = Referred(sex="female", age_band="child")


async def _found(stations: Stations) -> Any:
    """A case on the spot, and its crew."""
    case_id = await stations.town.arrived()
    return case_id, await stations.town.crew(case_id)


async def test_a_crew_asks_a_station_which_holds_a_place_and_says_yes(stations: Stations) -> None:
    station = await stations.add()
    case_id, crew = await _found(stations)
    id_ = await stations.offer(crew, case_id=case_id)
    offered = await stations.one(id_)
    assert (offered.state, offered.from_kind, offered.place_kind, offered.people_count) == ("offered", "team", "men", 1)
    assert offered.answer_due_at == stations.town.now + timedelta(minutes=30)
    assert offered.eta_s is not None
    assert await stations.held(station) == {"men": 1}
    await stations.accept(id_)
    accepted = await stations.one(id_)
    assert (accepted.state, accepted.receiver) == ("accepted", "值班员")
    assert accepted.reserved_until == stations.town.now + timedelta(hours=2)
    assert await stations.held(station) == {"men": 1}
    told = [(one["kind"], one["to"]) for one in await stations.town.notices() if one["kind"].startswith("referral.")]
    assert told == [("referral.offered", f"facility:{station}"), ("referral.accepted", f"team:{crew.team_id}")]
    await stations.town.is_sound()


async def test_what_is_said_of_people_is_sealed_and_not_in_the_log(stations: Stations) -> None:
    await stations.add(takes=["adults", "injured"])
    case_id, crew = await _found(stations)
    await stations.offer(
        crew, case_id=case_id, people=(Referred(sex="male", age_band="adult", needs=("injured",), note="左腿有伤"),)
    )
    (event,) = [event for event in await stations.town.events() if event.kind == "referral.offered"]
    assert "injured" not in str(event.data["rows"])
    assert "左腿" not in str(event.data)
    (row,) = await stations.town.rows(tables.referral_people)
    assert row["told"] == {"needs": ["injured"], "note": "左腿有伤"}


async def test_a_refusal_has_a_reason_frees_the_place_and_reaches_crew_and_desk_at_once(stations: Stations) -> None:
    station = await stations.add()
    case_id, crew = await _found(stations)
    id_ = await stations.offer(crew, case_id=case_id)
    await stations.refuse(id_)
    assert await stations.held(station) == {}
    refused = await stations.one(id_)
    assert (refused.state, refused.reason) == ("refused", "没有床位")
    told = {
        one["to"].split(":")[0] + ":" + one["to"].split(":")[1]
        for one in await stations.town.notices("referral.refused")
    }
    assert told == {f"team:{crew.team_id}", "role:dispatcher"}
    again = await stations.offer(crew, case_id=case_id)
    assert again != id_


async def test_nobody_is_held_out_to_two_at_once(stations: Stations) -> None:
    await stations.add("S1")
    other = await stations.add("S2")
    case_id, crew = await _found(stations)
    first = await stations.offer(crew, case_id=case_id)
    with pytest.raises(Conflict) as refused:
        await stations.offer(crew, case_id=case_id, to_facility=other)
    assert refused.value.code == "already_referred"
    await stations.withdraw(first, by=crew)
    await stations.offer(crew, case_id=case_id, to_facility=other)


async def test_several_people_of_one_case_go_to_different_places(stations: Stations) -> None:
    await stations.add("S1")
    home = await stations.add("S2", takes=["minors"], places=[Places("minors", 1)])
    case_id = await stations.town.arrived(people_count=2)
    crew = await stations.town.crew(case_id)
    await stations.offer(crew, case_id=case_id, people=(Referred(index=0, sex="male", age_band="adult"),))
    id_ = await stations.offer(
        crew, case_id=case_id, to_facility=home, people=(Referred(index=1, age_band="teen"),),
        consent="not_needed", consent_ground="minor",
    )  # fmt: skip
    assert (await stations.one(id_)).place_kind == "minors"


async def test_full_is_full_for_everybody(stations: Stations) -> None:
    await stations.add(places=[Places("men", 1)])
    case_id, crew = await _found(stations)
    await stations.offer(crew, case_id=case_id)
    other = await stations.town.arrived(east_of(SPOT, 3000))
    with pytest.raises(Conflict) as refused:
        await stations.offer(DISPATCHER, case_id=other)
    assert refused.value.code == "full"
    assert refused.value.extra["free"] == 0


@pytest.mark.parametrize(
    ("station", "wish", "code"),
    [
        ({"takes": ["women"]}, {}, "does_not_take"),
        ({"opening": "1-7 23:00-23:30"}, {}, "does_not_take"),
        ({}, {"place_kind": "women"}, "full"),
        ({}, {"to_kind": "hospital"}, "invalid"),
        ({}, {"to_kind": "regional_centre"}, "invalid"),
        ({}, {"to_kind": "police"}, "invalid"),
        ({}, {"consent": "not_needed"}, "invalid"),
        ({}, {"consent": "not_needed", "consent_ground": "minor"}, "invalid"),
        ({}, {"consent_ground": "danger"}, "invalid"),
        ({}, {"people": (Referred(index=3), Referred(index=3))}, "invalid"),
        ({}, {"to_facility": None}, "invalid"),
        ({}, {"to_facility": new_id()}, "not_found"),
    ],
)
async def test_what_stands_against_a_referral_is_said(
    stations: Stations, station: dict[str, Any], wish: dict[str, Any], code: str
) -> None:
    await stations.add(**station)
    case_id, crew = await _found(stations)
    with pytest.raises((Conflict, Invalid, NotFound)) as refused:
        await stations.offer(crew, case_id=case_id, **wish)
    assert refused.value.code == code
    assert refused.value.zh
    assert await stations.all() == []


async def test_a_desk_may_ask_where_it_is_closed_having_telephoned(stations: Stations) -> None:
    await stations.add(opening="1-7 23:00-23:30")
    case_id, crew = await _found(stations)
    id_ = await stations.offer(DISPATCHER, case_id=case_id)
    referral = await stations.one(id_)
    assert (referral.from_kind, referral.from_team) == ("desk", crew.team_id)


async def test_who_may_refer_and_who_may_answer(stations: Stations) -> None:
    station = await stations.add()
    case_id, crew = await _found(stations)
    strangers = [officer(stations.town.teams[1], "other"), somebody("dispatcher", regions=(EAST,), id_="far")]
    for by in (*strangers, CHECKER):
        with pytest.raises((NotFound, NotAllowed)):
            await stations.offer(by, case_id=case_id)
    id_ = await stations.offer(crew, case_id=case_id)
    for by in (crew, staff(new_id()), CHECKER, *strangers):
        with pytest.raises((NotFound, NotAllowed)):
            await stations.accept(id_, by=by)
    with pytest.raises(Invalid) as refused:
        await stations.accept(id_, by=DISPATCHER)
    assert refused.value.code == "receiver_missing"
    await stations.accept(id_, by=DISPATCHER, receiver="站长李某（电话）")
    assert (await stations.one(id_)).receiver == "站长李某（电话）"
    for by in (staff(station), *strangers):
        with pytest.raises((NotFound, NotAllowed)):
            await stations.withdraw(id_, by=by)


async def test_who_sees_a_referral_is_whom_it_concerns(stations: Stations) -> None:
    station, other = await stations.add("S1", place=east_of(SPOT, 5000)), await stations.add("S2")
    case_id, crew = await _found(stations)
    id_ = await stations.offer(crew, case_id=case_id)
    office = stations.town.office
    both_sides = [crew, staff(station), DISPATCHER, somebody("dispatcher", regions=(EAST,), id_="e")]
    both_sides += [somebody("dispatcher", regions=(WEST,), id_="w")]
    for by in (*both_sides, staff(other), officer(stations.town.teams[1], "other")):
        sees = by in both_sides
        async with office.db.connect() as tx:
            listed = await reading.list_referrals(tx, office, by, open_only=True)
        assert [one.id for one in listed] == ([id_] if sees else []), by
        if sees:
            whole = await reading.one_referral(office, id_, by=by, now=stations.town.now)
            assert whole.referral == listed[0]
        else:
            with pytest.raises(NotFound):
                await reading.one_referral(office, id_, by=by, now=stations.town.now)
    looks = [event for event in await stations.town.events() if event.kind == "look.referral_read"]
    assert len(looks) == len(both_sides)
    await reading.one_referral(office, id_, by=crew, now=stations.town.now + timedelta(minutes=5))
    assert await stations.town.kinds() == [event.kind for event in await stations.town.events()]
    assert len([k for k in await stations.town.kinds() if k == "look.referral_read"]) == len(both_sides)


async def test_the_same_command_twice_is_one_referral(stations: Stations) -> None:
    await stations.add()
    case_id, crew = await _found(stations)
    wish, command_id = {"case_id": case_id}, new_id()
    assert await stations.offer(crew, **wish, id_=command_id) == await stations.offer(crew, **wish, id_=command_id)
    assert len(await stations.all()) == 1


async def test_both_sides_sign_or_it_is_no_hand_over(stations: Stations) -> None:
    await stations.add()
    case_id, crew = await _found(stations)
    id_ = await stations.offer(crew, case_id=case_id)
    await stations.accept(id_)
    with pytest.raises(Invalid) as refused:
        await stations.hand_over(id_, paper=Paper(receiver="李", signed_by_giver=True))
    assert refused.value.code == "hand_over_unsigned"
    elsewhere = Paper(receiver="李", signed_by_giver=True, signed_by_receiver=True, photos=(new_id(),))
    with pytest.raises(Invalid) as refused:
        await stations.hand_over(id_, paper=elsewhere)
    assert refused.value.code == "no_such_photo"
    drawn = Drawn(strokes=(((100, 80), (100, 300)), ((40, 120), (260, 120))))
    things = (Belonging(what="双肩包", note="黑色"), Belonging(what="现金（元）", count=35))
    signed = Paper(receiver="李", signature_giver=drawn, signature_receiver=drawn, belongings=things)
    await stations.hand_over(id_, paper=signed)
    kept = msgspec.convert((await stations.one(id_)).hand_over, Paper)
    assert (kept.receiver, kept.signature_giver, kept.belongings) == ("李", drawn, things)
    assert (kept.signed_by_giver, kept.signed_by_receiver) == (True, True), "what is drawn is signed"
    with pytest.raises(Conflict) as again:
        await stations.offer(crew, case_id=case_id)
    assert again.value.code == "already_handed_over"
    await stations.town.is_sound()


# --- the officer's record --------------------------------------------------------------------------------------------


def _escorted(stations: Stations, **paper: Any) -> Any:
    old = PersonMet(sex="male", age_band="old", consent="given")
    told = {"station_told_at": stations.town.now, "crew_size": 2, "medical_called_at": None}
    hand_over = HandOver(signed_by_crew=True, signed_by_receiver=True, **paper)
    return to_hospital(stations.town.now, outcome="escorted_to_station", people=(old,), hand_over=hand_over, **told)


async def _handle(stations: Stations, case_id: Any, handling: Any) -> Any:
    command = stations.town.by(await stations.town.crew(case_id))
    return await spot.handle(stations.town.office, case_id, handling, command, by_referral)


async def test_a_record_that_names_the_accepted_referral_hands_over_and_is_filled_in_from_it(
    stations: Stations,
) -> None:
    station = await stations.add()
    case_id, crew = await _found(stations)
    id_ = await stations.offer(crew, case_id=case_id)
    with pytest.raises(Conflict) as refused:
        await _handle(stations, case_id, _escorted(stations, referral_id=id_))
    assert refused.value.code == "not_accepted"
    await stations.accept(id_)
    await _handle(stations, case_id, _escorted(stations, referral_id=id_))
    referral = await stations.one(id_)
    assert (referral.state, referral.handed_over_at) == ("handed_over", stations.town.now)
    (visit,) = await stations.town.rows(tables.handlings)
    assert (visit["record"]["hand_over"]["facility"], visit["record"]["hand_over"]["receiver"]) == ("S1站", "值班员")
    assert (await stations.town.kinds())[-2:] == ["case.handled", "referral.handed_over"]
    assert await stations.held(station) == {"men": 1}
    await stations.town.is_sound()


async def test_a_record_names_no_other_case_s_referral_and_no_unfitting_one(stations: Stations) -> None:
    await stations.add(kind="hospital", takes=[], places=[])
    case_id, crew = await _found(stations)
    id_ = await stations.offer(crew, case_id=case_id, to_kind="hospital")
    await stations.accept(id_)
    with pytest.raises(Invalid) as refused:
        await _handle(stations, case_id, _escorted(stations, referral_id=id_))
    assert refused.value.code == "outcome_does_not_fit"
    other = await stations.town.arrived(east_of(SPOT, 3000))
    for wrong in (id_, new_id()):
        with pytest.raises(Invalid) as strange:
            await _handle(stations, other, _escorted(stations, referral_id=wrong))
        assert strange.value.code == "no_such_referral"
    with pytest.raises(Invalid):
        await spot.handle(
            stations.town.office,
            other,
            _escorted(stations, referral_id=id_),
            stations.town.by(await stations.town.crew(other)),
        )


async def test_a_visit_with_another_end_takes_back_what_was_asked_for_it(stations: Stations) -> None:
    station = await stations.add()
    case_id, crew = await _found(stations)
    id_ = await stations.offer(crew, case_id=case_id)
    await _handle(stations, case_id, to_hospital(stations.town.now))
    referral = await stations.one(id_)
    assert (referral.state, referral.because) == ("withdrawn", "handled_otherwise")
    assert await stations.held(station) == {}
    await stations.town.is_sound()


# --- onwards: up, and across districts -------------------------------------------------------------------------------


async def test_a_county_station_refers_up_to_the_regional_centre_those_whom_it_has(stations: Stations) -> None:
    county = await stations.add("C1", level="county")
    centre = await stations.add("R1", level="city", is_regional_centre=True, place=east_of(SPOT, 6000))
    case_id, crew = await _found(stations)
    first = await stations.offer(crew, case_id=case_id, to_facility=county)
    up = {"case_id": case_id, "to_kind": "regional_centre", "to_facility": centre}
    with pytest.raises(NotFound):
        await stations.offer(staff(county), **up)
    await stations.accept(first)
    await stations.hand_over(first)
    with pytest.raises(NotFound):
        await stations.offer(staff(centre), **{**up, "to_facility": county, "to_kind": "facility"})
    second = await stations.offer(staff(county), **up)
    referral = await stations.one(second)
    assert (referral.from_kind, referral.from_facility, referral.from_team) == ("facility", county, None)
    assert {EAST, WEST} <= set(referral.regions), "seen in both districts"
    await stations.accept(second)
    await stations.hand_over(second)
    with pytest.raises(NotFound):
        await stations.offer(staff(county), **up)
    await stations.town.is_sound()


@pytest.mark.parametrize("to_kind", ["police", "foreign_affairs", "womens_federation", "family", "other_city"])
async def test_offices_and_families_are_asked_by_the_desk_which_writes_down_who_said_yes(
    stations: Stations, to_kind: str
) -> None:
    case_id, crew = await _found(stations)
    id_ = await stations.offer(crew, case_id=case_id, to_kind=to_kind, to_words="值班电话已打")
    (told,) = await stations.town.notices("referral.offered")
    assert told["to"].startswith("role:dispatcher:")
    await stations.accept(id_, by=DISPATCHER, receiver="民警王某")
    await stations.hand_over(id_, by=DISPATCHER)
    referral = await stations.one(id_)
    assert (referral.state, referral.place_kind, referral.to_words) == ("handed_over", None, "值班电话已打")


async def test_a_family_stays_together_where_families_are_taken(stations: Stations) -> None:
    await stations.add("S1")
    home = await stations.add("S2", takes=["women", "minors", "families"], places=[Places("families", 2)])
    case_id = await stations.town.arrived(people_count=2)
    crew = await stations.town.crew(case_id)
    family = (Referred(sex="female", age_band="adult"), CHILD)
    with pytest.raises(Conflict) as refused:
        await stations.offer(crew, case_id=case_id, people=family)
    assert "takes_no_families" in [reason["code"] for reason in refused.value.extra["reasons"]]  # type: ignore[attr-defined]
    id_ = await stations.offer(crew, case_id=case_id, people=family, to_facility=home)
    assert (await stations.one(id_)).place_kind == "families"
    assert await stations.held(home) == {"families": 2}


async def test_places_that_are_held_are_not_offered_to_others(stations: Stations) -> None:
    await stations.add(places=[Places("men", 1)])
    case_id, crew = await _found(stations)
    await stations.offer(crew, case_id=case_id)
    wanted = near.Wanted(place=SPOT, people=[MAN.as_someone()])
    found = await near.fitting(stations.town.office, wanted, by=DISPATCHER, now=stations.town.now)
    assert [[reason.code for reason in one.reasons] for one in found.facilities] == [["full"]]
