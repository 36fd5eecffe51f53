"""After return: on the register, visited in time or told of, moved, gone again; nobody who is followed is ever without a visit due."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from backend import db as tables
from backend.access.actor import Actor
from backend.dispatch import field as spot
from backend.dispatch.protection import HandOver, PersonMet
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.ids import new_id
from backend.intake.report import GivenPlace
from backend.referral.handing import by_referral
from backend.referral.home import moving, returning, visiting
from backend.referral.home.by_patrol import from_handling
from backend.referral.home.returnee import HomeNow, VisitOutcome
from backend.referral.home.visiting import HomeVisited
from backend.referral.incidents.rows import told_of
from backend.referral.people import case_people, sameness
from backend.referral.station import stays
from backend.referral.station.stay import Leaving
from tests.dispatch.builders import (
    DISPATCHER,
    EAST,
    GRID_WORKER,
    LEADER,
    SPOT,
    SUPERVISOR,
    WEST,
    Town,
    east_of,
    officer,
    somebody,
    to_hospital,
)
from tests.referral.homes import AT_HOME, WELL, due, entry, goes_home, passes, visited
from tests.referral.incidents import every, told, with_levels
from tests.referral.people import KEEPER, a_house, an_old_man, comes_in, person, registered, staff

IN_THE_EAST = HomeNow(region=EAST, address="人民路 1 号", contact="女儿")


async def _told(town: Town, kind: str) -> list[str]:
    return [one["to"] for one in await town.notices(kind)]


async def test_whoever_is_prone_and_goes_home_is_visited_within_two_months_and_others_are_on_the_register(
    town: Town,
) -> None:
    house = await a_house(town)
    ill, well = await goes_home(town, house), await goes_home(town, house, WELL)
    first, second = await entry(town, ill), await entry(town, well)
    assert (first["state"], first["is_prone"], second["state"]) == ("followed", True, "registered")
    assert (first["region"], first["regions"], first["facilities"]) == (WEST, [WEST, "210200"], [house])
    visit = await due(town, ill)
    assert visit["due_at"].date().isoformat() == "2016-11-18"
    assert (visit["due_at"] - visit["fires_at"]).days == 14
    assert await town.rows(tables.home_visits, returnee_id=second["id"]) == []
    (row,) = await town.rows(tables.persons, id=ill)
    assert row["listed_at"] == town.now
    await town.is_sound()


async def test_where_they_live_and_why_they_are_visited_lies_sealed(town: Town) -> None:
    ill = await goes_home(town, await a_house(town))
    await passes(town, days=50)
    await visited(town, ill, "needs_help", note="断药半个月", needs=("medical",))
    raw = await town.run_scalar("SELECT string_agg(h::text, ' ') FROM (SELECT * FROM returnees) h")
    raw += await town.run_scalar("SELECT string_agg(h::text, ' ') FROM home_visits h")
    said = str([event.data for event in await town.events()])
    for secret in ("香炉礁", "王强", "mental_illness", "断药半个月", "medical"):
        assert secret not in said
        assert secret.encode().hex() not in raw
    assert (await entry(town, ill))["home"]["grounds"] == ["mental_illness"]


async def test_a_visit_that_nobody_makes_is_told_ever_further_up_and_never_falls_silent(town: Town) -> None:
    ill = await goes_home(town, await a_house(town))
    await passes(town, days=47)
    assert await _told(town, "returnee.visit_near") == [f"role:grid_worker:{WEST}"]
    for _ in range(2 * 26):
        await passes(town, hours=12)
    assert await _told(town, "returnee.visit_missed") == [f"role:grid_worker:{WEST}"]
    later = await _told(town, "returnee.visit_escalated")
    assert later == [f"role:shift_leader:{WEST}", *[f"role:civil_affairs:{WEST}"] * 3]
    done = await visited(town, ill)
    assert done.returnee_id == (await entry(town, ill))["id"]
    late, fresh = sorted(await town.rows(tables.home_visits), key=lambda row: row["due_at"])
    assert (late["state"], late["missed_at"]) == ("done", late["due_at"])
    assert fresh["due_at"] == town.now.replace(month=2, year=2017, day=town.now.day)
    before = await town.kinds()
    await passes(town, days=10)
    assert [kind for kind in (await town.kinds())[len(before) :] if kind.startswith("returnee")] == []
    await town.is_sound()


async def test_a_visit_made_in_time_and_told_only_later_was_made_in_time(town: Town) -> None:
    ill = await goes_home(town, await a_house(town))
    await passes(town, days=61, hours=2)
    visit = await due(town, ill)
    assert visit["missed_at"] is not None
    await visited(town, ill, at=town.now - timedelta(days=2))
    (row,) = await town.rows(tables.home_visits, id=visit["id"])
    assert (row["missed_at"], row["state"]) == (None, "done")
    await town.is_sound()


async def test_who_was_not_met_is_looked_for_again_within_a_week_and_the_second_time_the_leader_hears_of_it(
    town: Town,
) -> None:
    ill = await goes_home(town, await a_house(town))
    await passes(town, days=50)
    await visited(town, ill, "not_at_home", place=GivenPlace(lon=SPOT.lon, lat=SPOT.lat))
    assert await _told(town, "returnee.visited") == []
    again = await due(town, ill)
    assert ((again["due_at"] - town.now).days, again["attempts"]) == (7, 1)
    (made,) = await town.rows(tables.home_visits, state="done")
    assert made["in_region"] is True
    await passes(town, days=7)
    await visited(town, ill, "not_at_home", place=GivenPlace(lon=121.9, lat=39.0))
    assert await _told(town, "returnee.visited") == [f"role:shift_leader:{WEST}"]
    assert [row["in_region"] for row in await town.rows(tables.home_visits, state="done")].count(False) == 1
    assert (await due(town, ill))["attempts"] == 2
    await town.is_sound()


async def test_who_has_moved_is_the_new_regions_and_its_grid_worker_looks_soon(town: Town) -> None:
    ill = await goes_home(town, await a_house(town))
    await passes(town, days=50)
    await visited(town, ill, "moved", moved_to=IN_THE_EAST)
    assert (await entry(town, ill))["regions"] == [EAST, "210200"]
    assert await _told(town, "returnee.visited") == [f"role:{role}:{WEST}" for role in ("grid_worker", "shift_leader")]
    with pytest.raises(NotFound):
        await visited(town, ill)
    eastern = somebody("grid_worker", regions=(EAST,), id_="east")
    await visited(town, ill, "moved", by=eastern, moved_to=HomeNow(region="411500", address="河南信阳"))
    assert (await entry(town, ill))["state"] == "elsewhere"
    assert await town.rows(tables.home_visits, state="due") == []
    await moving.move_returnee(town.office, (await entry(town, ill))["id"], AT_HOME, town.by(LEADER))
    assert ((await due(town, ill))["due_at"] - town.now).days == 7
    await town.is_sound()


async def test_who_has_moved_nobody_knows_where_to_goes_on_being_asked_for(town: Town) -> None:
    ill = await goes_home(town, await a_house(town))
    await visited(town, ill, "moved")
    assert (await entry(town, ill))["region"] is None
    visit = await due(town, ill)
    assert (visit["level"], (visit["due_at"] - town.now).days) == (1, 7)
    await passes(town, days=7, hours=1)
    assert await _told(town, "returnee.visit_missed") == [f"role:shift_leader:{WEST}"]


async def test_gone_again_opens_a_case_at_once_and_tells_street_and_station(town: Town) -> None:
    house = await a_house(town)
    ill = await goes_home(town, house)
    await passes(town, days=50)
    done = await visited(town, ill, "gone_again", note="一周前离家")
    assert done.case_id is not None
    case = await town.case(done.case_id)
    assert (case.stage, case.channel, case.regions[0], case.looks["sex"]) == ("accepted", "revisit", WEST, "male")
    (link,) = await town.rows(tables.case_people, case_id=done.case_id)
    assert link["person_id"] == ill
    returnee = await entry(town, ill)
    assert (returnee["state"], returnee["relapses"]) == ("followed", [done.case_id])
    told = {f"role:grid_worker:{WEST}", f"role:shift_leader:{WEST}", f"facility:{house}"}
    assert set(await _told(town, "returnee.relapsed")) == told
    opened = next(e for e in await town.events(done.case_id) if e.kind == "case.opened")
    assert opened.data["relapse_of"] == str(returnee["id"])
    await passes(town, days=3)
    again = await visited(town, ill, "gone_again")
    assert again.case_id == done.case_id, "the case that looks for them already"
    assert (await entry(town, ill))["relapses"] == [done.case_id]
    await town.is_sound()


async def test_whoever_is_met_in_a_new_case_under_whichever_record_has_relapsed(town: Town) -> None:
    house = await a_house(town)
    ill = await goes_home(town, house)
    old = await town.accepted()
    await passes(town, days=20)
    case_id = await town.accepted(east_of(SPOT, 2500))
    met = (await registered(town, an_old_man(), case_id=case_id)).person_id
    assert met is not None
    assert "returnee.relapsed" not in await town.kinds()
    await sameness.merge_people(town.office, met, ill, town.by(KEEPER))
    assert (await entry(town, ill))["relapses"] == [case_id]
    (event,) = [one for one in await town.events() if one.kind == "returnee.relapsed"]
    assert (event.case_id, event.data["told"]) == (case_id, ["grid_worker", "shift_leader", "station"])
    other = await town.accepted(east_of(SPOT, 5000))
    await case_people.link_person(town.office, ill, other, town.by(somebody("everything")))
    await case_people.link_person(town.office, ill, old, town.by(somebody("everything")))
    assert set((await entry(town, ill))["relapses"]) == {case_id, other}, "a case of before is none"
    await town.is_sound()


async def test_back_at_a_station_is_a_relapse_and_home_again_the_year_begins_anew(town: Town) -> None:
    house, other = await a_house(town), await a_house(town, "S2")
    well = await goes_home(town, house, WELL)
    await passes(town, days=30)
    done = await comes_in(town, other, person_id=well, by=somebody("everything"))
    assert (await entry(town, well))["relapses"] == [done.stay_id]
    assert f"facility:{house}" in await _told(town, "returnee.relapsed")
    assert done.stay_id is not None
    fetched = Leaving(how="home", receiver="女儿", relation_checked=True, home=IN_THE_EAST)
    await stays.let_leave(town.office, done.stay_id, fetched, town.by(staff(other)))
    first, second = sorted(await town.rows(tables.returnees), key=lambda row: row["since"])
    assert (first["state"], first["end_reason"]) == ("ended", "returned_anew")
    assert (second["state"], second["home"]["grounds"]) == ("followed", ["repeatedly"])
    await town.is_sound()


async def test_the_dead_and_those_in_care_are_visited_no_more(town: Town) -> None:
    house = await a_house(town)
    dead, kept = await goes_home(town, house), await goes_home(town, house)
    await visited(town, dead, "died", note="社区证明")
    assert (await entry(town, dead))["end_reason"] == "died"
    done = await comes_in(town, house, person_id=kept, by=somebody("everything"))
    assert done.stay_id is not None
    care = Leaving(how="welfare_home", to="市社会福利院", receiver="张主任")
    await stays.let_leave(town.office, done.stay_id, care, town.by(staff(house)))
    assert (await entry(town, kept))["end_reason"] == "in_care"
    assert await town.rows(tables.home_visits, state="due") == []
    before = len(await town.kinds())
    await passes(town, days=100)
    assert [kind for kind in (await town.kinds())[before:] if kind.startswith("returnee")] == []
    await town.is_sound()


@pytest.mark.usefixtures("cheap_passwords")
async def test_a_death_found_at_a_visit_or_heard_of_goes_up_in_the_same_moment(town: Town) -> None:
    await with_levels(town)
    house = await a_house(town)
    found, heard = await goes_home(town, house), await goes_home(town, house)
    visit = await due(town, found)
    await visited(town, found, "died", note="邻居说上周在家中去世")
    first, *more = await every(town)
    assert more == []
    assert (first.kind, first.cause, first.home_visit_id, first.person_id) == ("death", "visit", visit["id"], found)
    assert (first.raised_by, first.owes, first.regions) == (
        GRID_WORKER.id,
        "report",
        (await entry(town, found))["regions"],
    )
    form = told_of(first).form
    assert (form.what, form.place) == ("邻居说上周在家中去世", AT_HOME.address)
    assert {one.state for one in await told(town, first.id)} == {"waiting"}
    entry_id = (await entry(town, heard))["id"]
    command = town.by(KEEPER, "returnee.end", id_=new_id())
    for _ in range(2):
        await moving.end_returnee(town.office, entry_id, "died", "医院来电", command)
    _, second = await every(town)
    assert (second.cause, second.person_id, second.home_visit_id) == ("visit", heard, None)
    assert told_of(second).form.what == "医院来电"
    await town.is_sound()


async def _brought_home(town: Town, person_met: PersonMet, **rest: Any) -> UUID:
    """A patrol brings somebody to their family."""
    case_id = await town.arrived()
    team = (await town.case(case_id)).team_id
    assert team is not None
    paper = HandOver(facility="日新街道香炉礁 12 号", receiver="儿子王强")
    home = to_hospital(
        town.now, outcome="to_family", people=(person_met,), family_relation_checked=True, hand_over=paper, **rest
    )
    await spot.handle(town.office, case_id, home, town.by(officer(team)), by_referral, from_handling)
    return case_id


async def test_whoever_a_patrol_brings_to_their_family_is_visited_if_they_are_prone(town: Town) -> None:
    ill = PersonMet(
        sex="male",
        age_band="adult",
        vulnerable=("dementia",),
        capacity="limited",
        consent="not_possible",
        consent_ground="认知障碍",
        identity_known=True,
    )
    case_id = await _brought_home(town, ill, crew_has_man=True)
    (row,) = await town.rows(tables.returnees)
    assert (row["case_id"], row["state"], row["region"]) == (case_id, "followed", None)
    assert (row["home"]["contact"], row["home"]["grounds"]) == ("儿子王强", ["dementia"])
    (link,) = await town.rows(tables.case_people, case_id=case_id)
    assert link["person_id"] == row["person_id"]
    assert len(await town.rows(tables.home_visits, state="due")) == 1
    await town.is_sound()


async def test_by_hand_somebody_is_registered_moved_and_ended_with_a_reason(town: Town) -> None:
    one = await person(town)
    with pytest.raises(NotAllowed):
        await returning.register_returnee(town.office, one, AT_HOME, None, True, town.by(DISPATCHER))
    wrong = HomeNow(region="210299", address="某处")
    with pytest.raises(Invalid) as refused:
        await returning.register_returnee(town.office, one, wrong, None, True, town.by(KEEPER))
    assert refused.value.code == "no_such_region"
    done = await returning.register_returnee(town.office, one, AT_HOME, None, True, town.by(KEEPER))
    assert done.returnee_id is not None
    street = HomeNow(region="210203004", address="新开路 3 号")
    await moving.move_returnee(town.office, done.returnee_id, street, town.by(KEEPER))
    assert (await entry(town, one))["regions"] == ["210203004", WEST, "210200"]
    for reason, note, code in (("over", "x", "reason_not_by_hand"), ("other", " ", "no_note")):
        with pytest.raises(Invalid) as refused:
            await moving.end_returnee(town.office, done.returnee_id, reason, note, town.by(KEEPER))  # type: ignore[arg-type]
        assert refused.value.code == code
    await moving.end_returnee(town.office, done.returnee_id, "moved_away", "迁回原籍", town.by(KEEPER))
    with pytest.raises(Conflict):
        await moving.end_returnee(town.office, done.returnee_id, "other", "再次", town.by(KEEPER))
    assert await town.rows(tables.home_visits, state="due") == []
    await town.is_sound()


@pytest.mark.invariant("I8")
async def test_a_visit_is_made_once_and_by_whose_region_it_is(town: Town) -> None:
    ill = await goes_home(town, await a_house(town))
    visit, id_ = await due(town, ill), new_id()

    async def by(who: Actor, id_: UUID | None = None, outcome: VisitOutcome = "at_home_well") -> object:
        made = HomeVisited(outcome=outcome)
        return await visiting.settle_visit(town.office, visit["id"], made, town.by(who, "home_visit.done", id_=id_))

    for who in (somebody("grid_worker", regions=(EAST,), id_="east"), SUPERVISOR):
        with pytest.raises((NotFound, NotAllowed)):
            await by(who)
    with pytest.raises(Invalid) as refused:
        await by(GRID_WORKER, outcome="needs_help")
    assert refused.value.code == "needs_missing"
    first = await by(GRID_WORKER, id_)
    assert await by(GRID_WORKER, id_) == first
    with pytest.raises(Conflict) as done:
        await by(GRID_WORKER)
    assert done.value.code == "visit_done"
