"""What a team's phone shows: why this team, what was reported, where it stands, and what the crew has with it."""

from datetime import datetime
from typing import Any

import pytest

from backend.dispatch.offers import DECLINE_REASONS
from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN, Api, Person, a_facility, a_photo, a_report, a_wish

HERE = {"lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1]}


async def _asked(api: Api, **report: Any) -> tuple[Person, str]:
    """An officer whose team is held out a case, and the receipt of its report."""
    near, _ = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    officer = await api.person("officer", team_id=near)
    receipt = (await api.public.did("/api/reports", a_report(**report)))["receipt"]
    await api.work()
    return officer, str(receipt)


async def test_an_offer_says_why_this_team(api: Api) -> None:
    officer, _ = await _asked(api, dangers=["minor"])
    why = (await officer.saw("/api/officer/task"))["why"]
    assert why[0] == {"zh": "2 支候选中最优", "en": "best of 2"}
    assert why[1]["zh"].startswith("到达约")
    assert any("未成年人照护" in one["zh"] and "care of minors" in one["en"] for one in why[2:])


async def test_the_reasons_of_the_machine_read_the_same_on_the_phone_and_at_the_desk(api: Api) -> None:
    officer, _ = await _asked(api)
    task = await officer.saw("/api/officer/task")
    dispatcher = await api.person("dispatcher")
    (decision,) = await dispatcher.saw(f"/api/cases/{task['case']['id']}/decisions")
    for one in task["why"]:
        assert one["zh"] in decision["reason"]["zh"]
        assert one["en"] in decision["reason"]["en"]


async def test_a_team_that_was_assigned_reads_that_a_person_chose(api: Api) -> None:
    (team,) = await api.teams(IN_ZHONGSHAN)
    officer, dispatcher = await api.person("officer", team_id=team), await api.person("dispatcher")
    case_id = (await api.public.did("/api/reports", a_report()))["case_id"]
    await dispatcher.did(f"/api/cases/{case_id}/assign", {"team_id": str(team), "reason": "就在附近"})
    assert (await officer.saw("/api/officer/task"))["why"] == [
        {"zh": "由派遣员指派", "en": "assigned by the dispatcher"}
    ]


async def test_the_crew_reads_what_was_reported_and_may_ask_for_the_photos(api: Api) -> None:
    officer, receipt = await _asked(api, people_count=2, looks={"posture": "lying"})
    await api.http.post(f"/api/reports/{receipt}/photos", files={"photo": ("a.jpg", a_photo(), "image/jpeg")})
    task = await officer.saw("/api/officer/task")
    (sighting,) = task["sightings"]
    assert sighting["description"] == "人民路地下通道口有位老人躺着"
    assert (sighting["people_count"], sighting["looks"]["posture"], sighting["channel"]) == (2, "lying", "web")
    assert not {"reporter", "receipt", "contact"} & set(sighting)
    (photo,) = sighting["photos"]
    assert (await officer.get(f"/api/cases/{task['case']['id']}/photos/{photo}")).status_code == 200


async def test_the_visit_begins_with_the_arrival_and_ends_with_the_record(api: Api) -> None:
    officer, _ = await _asked(api)
    task = await officer.saw("/api/officer/task")
    assert task["visit"] is None
    case = f"/api/cases/{task['case']['id']}"
    await officer.did(f"/api/offers/{task['offer']['id']}/accept")
    await officer.did(f"{case}/arrive", HERE)
    task = await officer.saw("/api/officer/task")
    assert datetime.fromisoformat(task["visit"]["arrived_at"]) == api.clock.now()
    assert [clock["kind"] for clock in task["clocks"] if clock["state"] == "running"]


async def test_a_team_without_a_case_has_its_kit_all_the_same(api: Api) -> None:
    (team,) = await api.teams(IN_ZHONGSHAN)
    officer, admin = await api.person("officer", team_id=team), await api.person("admin")
    await admin.did("/api/facilities", {**a_facility("S01"), "kind": "station", "name": "大连市救助管理站"})
    await admin.did("/api/facilities", {**a_facility("S02", hidden=True), "kind": "station", "name": "不公开"})
    await admin.did("/api/facilities", {**a_facility("S03"), "kind": "hospital"})
    task = await officer.saw("/api/officer/task")
    assert (task["case"], task["why"], task["sightings"], task["visit"]) == (None, [], [], None)
    kit = task["kit"]
    assert (kit["season"], kit["supplies"]) == ("autumn", ["water", "food", "blanket", "station_card"])
    assert [one["name"] for one in kit["stations"]] == ["大连市救助管理站"]
    assert [one["code"] for one in kit["decline_reasons"]] == list(DECLINE_REASONS)
    assert datetime.fromisoformat(task["now"]) == api.clock.now()


async def test_the_crew_reads_why_it_was_refused_and_who_said_yes_and_that_is_a_look(api: Api) -> None:
    officer, _ = await _asked(api, description="")
    admin, desk = await api.person("admin"), await api.person("dispatcher")
    house = await admin.did("/api/facilities", {**a_facility("S01"), "kind": "station", "takes": ["adults"]})
    task = await officer.saw("/api/officer/task")
    case_id = task["case"]["id"]
    assert task["referrals"] == []
    await officer.did(f"/api/offers/{task['offer']['id']}/accept")
    wish = {**a_wish(case_id), "to_kind": "facility", "to_facility": house["id"], "to_words": None}
    first = (await officer.did("/api/referrals", {"wish": wish}))["referral_id"]
    await desk.did(f"/api/referrals/{first}/refuse", {"reason": "今夜无人看护"})
    second = (await officer.did("/api/referrals", {"wish": wish}))["referral_id"]
    await desk.did(f"/api/referrals/{second}/accept", {"receiver": "站内赵某"})
    told = (await officer.saw("/api/officer/task"))["referrals"]
    assert [(one["id"], one["state"], one["reason"], one["receiver"]) for one in told] == [
        (second, "accepted", None, "站内赵某"),
        (first, "refused", "今夜无人看护", None),
    ]
    assert (told[0]["to"]["name"], told[0]["to"]["phone"]) == ("中山庇护点", "0411-12345")
    looks = (await (await api.person("shift_leader")).saw("/api/looks", case_id=case_id))["looks"]
    assert [one["what"] for one in looks if one["who"] == officer.me.id] == ["file_read"]


@pytest.mark.parametrize("words", ["人民路地下通道口有位老人躺着", ""])
async def test_a_phone_that_asks_all_the_time_has_looked_once_in_ten_minutes(api: Api, words: str) -> None:
    officer, _ = await _asked(api, description=words)
    leader = await api.person("shift_leader")
    for _ in range(5):
        task = await officer.saw("/api/officer/task")
    looks = (await leader.saw("/api/looks", case_id=task["case"]["id"]))["looks"]
    assert [(look["what"], look["who"]) for look in looks] == ([("file_read", officer.me.id)] if words else [])
    api.clock.advance(minutes=11)
    await officer.saw("/api/officer/task")
