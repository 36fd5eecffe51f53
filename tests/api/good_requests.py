"""One request to every operation there is that has to succeed, in the order of a day: what the fuzzing varies afterwards."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pyotp
from sqlalchemy import insert

from backend.db import notices
from backend.ids import new_id
from backend.notify.receipts import Told, code_for
from tests.api.builders import (
    A_PAPER,
    CITY,
    IN_XIGANG,
    IN_ZHONGSHAN,
    PASSWORD,
    XIGANG,
    Api,
    Person,
    a_browser,
    a_facility,
    a_handling,
    a_photo,
    a_report,
    a_team,
    a_wish,
)
from tests.api.two_of_everything import WHY, a_campaign, a_cell
from tests.campaign.warnings_made import an_alert

OUTSIDE = (120.0, 36.0)
DESK = ("operator", "dispatcher", "checker", "shift_leader", "supervisor")
_numbers = count(1)
NEW_PASSWORD = "quite another horse 马"


@dataclass
class Staff:
    """Who asks. desk: every role of a desk in one person, for the whole city; second: another such; victims: what they have
    may be taken from them; chief: above the desk."""

    desk: Person
    second: Person
    officer: Person
    partner: Person
    admin: Person
    victims: list[Person]
    grid_worker: Person
    chief: Person
    teams: list[UUID]


async def hire(api: Api) -> Staff:
    """Teams in two districts, and everybody."""
    lon, lat = IN_ZHONGSHAN
    teams = await api.teams(IN_ZHONGSHAN, (lon + 0.002, lat), IN_XIGANG, (IN_XIGANG[0], IN_XIGANG[1] + 0.002))
    return Staff(
        desk=await api.person(*DESK, regions=(CITY,)),
        second=await api.person(*DESK, regions=(CITY,)),
        officer=await api.person("officer", regions=(CITY,), team_id=teams[0]),
        partner=await api.partner(),
        admin=await api.person("admin", regions=(CITY,)),
        victims=[await api.person("checker", regions=(XIGANG,)) for _ in range(3)],
        grid_worker=await api.person("grid_worker", regions=(CITY,)),
        chief=await api.person("civil_affairs", "supervisor", regions=(CITY,)),
        teams=teams,
    )


async def every_good_request(api: Api, staff: Staff) -> None:
    """All of them, each at least once."""
    case_id = await _report(api, staff)
    await _handle(api, staff, case_id)
    await _read(staff, case_id)
    await _check(api, staff, case_id)
    await staff.desk.did(f"/api/cases/{case_id}/send-back", WHY)
    await _ask_for_permission(api, staff, case_id)
    await _handle(api, staff, case_id)
    await staff.desk.did(f"/api/cases/{case_id}/verify", {"note": "已电话回访"})
    await _decide(api, staff)
    await _find_somebody(api, staff)
    await _to_the_police(api, staff)
    await _refer(api, staff)
    await _register_people(api, staff, case_id)
    await _at_the_station(api, staff)
    await _after_return(api, staff)
    await _report_up(staff, case_id)
    await _call_for_help(api, staff)
    await _supplies(staff)
    await _look_at_the_city(api, staff)
    await _look_back(api, staff)
    await _write_the_city(staff)
    await _accounts(staff)
    await _keys(staff)
    await _notices(api, staff)
    await _sessions(api, staff)


async def _report(api: Api, staff: Staff) -> str:
    report = a_report(contact={"phone": "13800000000", "name": "李某", "call_back": True})
    await api.public.post("/api/reports/similar", {"report": report})
    receipt = await api.public.did("/api/reports", report)
    files = {"photo": ("a.jpg", a_photo(), "image/jpeg")}
    photo = await api.http.post(f"/api/reports/{receipt['receipt']}/photos", files=files)
    assert photo.status_code == 201, photo.text
    await api.public.saw(f"/api/reports/{receipt['receipt']}")
    more = {"people_count": 2, "dangers": ["exposure"], "looks": {"sex": "male"}, "description": "在北门"}
    await api.public.did(f"/api/reports/{receipt['receipt']}/details", more)
    await staff.grid_worker.did("/api/reports", a_report((118.0, 36.0), channel="grid"))
    assert await staff.grid_worker.saw("/api/reports/mine")
    await staff.partner.did("/api/reports", a_report(IN_XIGANG, channel="partner"))
    return str(receipt["case_id"])


async def _offered(api: Api, officer: Person) -> str:
    await api.work()
    task = await officer.saw("/api/officer/task")
    assert task["offer"], "the officer's team is the nearest"
    return str(task["offer"]["id"])


async def _handle(api: Api, staff: Staff, case_id: str) -> None:
    """By the officer's team; the first time it is declined, and assigned by the desk."""
    officer, desk = staff.officer, staff.desk
    here = {"lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1]}
    await officer.did("/api/officer/duty", {"state": "on_duty"})
    fix = {"at": api.clock.now().isoformat(), **here, "accuracy_m": 8, "speed_m_s": 0.4, "heading_deg": 90}
    await officer.did("/api/officer/positions", {"fixes": [fix]})
    file = await desk.saw(f"/api/cases/{case_id}")
    if file["case"]["rework_count"]:
        await desk.did(f"/api/cases/{case_id}/assign", {**WHY, "team_id": str(staff.teams[0])})
    else:
        await officer.did(f"/api/offers/{await _offered(api, officer)}/accept")
    await officer.did(f"/api/cases/{case_id}/set-out")
    await officer.did(f"/api/cases/{case_id}/arrive", here)
    kept = await officer.upload(f"/api/cases/{case_id}/photos", id=str(new_id()), kind="scene")
    assert kept.status_code == 201, kept.text
    await officer.did(f"/api/cases/{case_id}/handle", a_handling(api.clock.now().isoformat()))


async def _read(staff: Staff, case_id: str) -> None:
    file = await staff.desk.saw(f"/api/cases/{case_id}")
    for part in ("contacts", "events", "decisions", f"photos/{file['photos'][0]['id']}"):
        assert (await staff.desk.get(f"/api/cases/{case_id}/{part}")).status_code == 200, part
    assert (await staff.desk.saw("/api/cases", stage="handled", limit=1))["cases"]
    assert (await staff.desk.post("/api/calls/search", {"phone": "13800000000"})).json()
    assert (await staff.admin.saw("/api/looks"))["looks"]


async def _check(api: Api, staff: Staff, case_id: str) -> None:
    """What the verification desk and the hotline do besides."""
    desk = staff.desk
    assert (await desk.saw(f"/api/cases/{case_id}/evidence"))["items"]
    waiting = await desk.saw("/api/call-backs")
    path = f"/api/call-backs/{waiting[0]['sighting_id']}"
    await desk.did(path, {"reached": False})
    await desk.did(path, {"reached": True, "satisfied": 5, "note": "表示感谢"})
    call = {"id": str(new_id()), "started_at": api.clock.now().isoformat(), "draft": {"words": "老人"}}
    await desk.did("/api/calls/parked", call)
    assert await staff.second.saw("/api/calls/parked")
    assert (await staff.second.saw(f"/api/calls/parked/{call['id']}"))["draft"] == call["draft"]
    assert (await desk.send("DELETE", f"/api/calls/parked/{call['id']}")).status_code == 204


async def _write_the_city(staff: Staff) -> None:
    """Teams, shifts and facilities by hand, and the log of it."""
    desk, admin = staff.desk, staff.admin
    team = await desk.did("/api/teams", a_team("H01"))
    await desk.did(f"/api/teams/{team['id']}", {"skills": ["minors"], "mode": "foot"})
    assert await desk.saw("/api/teams/all")
    times = {"starts_at": "2030-01-01T08:00:00+08:00", "ends_at": "2030-01-01T20:00:00+08:00"}
    shift = await desk.did("/api/shifts", {"team_id": team["id"], **times})
    await desk.saw("/api/shifts")
    await desk.did(f"/api/shifts/{shift['id']}/cancel")
    wards = {"takes": ["women", "minors"], "opening": "1-7 08:00-22:00", "places": [{"kind": "women", "capacity": 8}]}
    made = await admin.did("/api/facilities", {**a_facility("H02"), **wards, "level": "county"})
    people = '[{"sex": "female", "age_band": "adult", "needs": ["violence"]}]'
    lon, lat = IN_ZHONGSHAN
    assert (await desk.saw("/api/facilities/fitting", lon=lon, lat=lat, people=people))["facilities"]
    await admin.did(f"/api/facilities/{made['id']}", {"hidden": True})
    assert (await desk.saw("/api/log/search", kind="team.", limit=5))["events"]


async def _ask_for_permission(api: Api, staff: Staff, case_id: str) -> None:
    """Suspended with leave and taken up again; voiding is refused."""
    for action, answer in (("suspend", "grant"), ("void", "refuse")):
        asked = await staff.desk.did(f"/api/cases/{case_id}/ask", {**WHY, "action": action})
        assert await staff.second.saw("/api/approvals")
        await staff.second.did(f"/api/approvals/{asked['approval_id']}/{answer}", {"answer": "同意"})
        if answer == "grant":
            await staff.second.did(f"/api/cases/{case_id}/resume", WHY)


async def _decide(api: Api, staff: Staff) -> None:
    """What the desk does with reports that wait for a look."""
    desk = staff.desk
    waiting = []
    for n in range(3):
        place = (OUTSIDE[0] + n * 0.1, OUTSIDE[1])
        waiting.append((await api.public.did("/api/reports", a_report(place)))["case_id"])
    await desk.did(f"/api/cases/{waiting[0]}/refuse", {"reason": "outside_city", "note": "不在本市"})
    await desk.did(f"/api/cases/{waiting[1]}/accept")
    await desk.did(f"/api/cases/{waiting[1]}/widen")
    into = {**WHY, "into": waiting[1]}
    await desk.did(f"/api/cases/{waiting[2]}/join", into)
    await desk.did(f"/api/cases/{waiting[2]}/unjoin")
    await desk.did(f"/api/cases/{waiting[2]}/join", into)
    sightings = (await desk.saw(f"/api/cases/{waiting[1]}"))["sightings"]
    await desk.did(f"/api/cases/{waiting[1]}/split", {**WHY, "sighting_ids": [sightings[-1]["id"]]})
    case_id = (await api.public.did("/api/reports", a_report((IN_ZHONGSHAN[0], IN_ZHONGSHAN[1] + 0.02))))["case_id"]
    await staff.officer.did(f"/api/offers/{await _offered(api, staff.officer)}/decline", {"reason": "too_far"})
    await desk.did(f"/api/cases/{case_id}/assign", {**WHY, "team_id": str(staff.teams[1])})
    await desk.did(f"/api/cases/{case_id}/withdraw", WHY)


async def _find_somebody(api: Api, staff: Staff) -> None:
    """The patrol comes upon somebody who stays outside, and a grid worker looks at them again."""
    visit = await _stayed_outside(api, staff)
    assert any(one["id"] == visit for one in await staff.grid_worker.saw("/api/visits"))
    (lon, lat), note = IN_ZHONGSHAN, "还在，咳嗽"
    found = {"found": "still_there", "note": note, "place": {"lon": lon + 0.011, "lat": lat, "crs": "wgs84"}}
    await staff.grid_worker.did(f"/api/visits/{visit}/done", found)


async def _register_people(api: Api, staff: Staff, case_id: str) -> None:
    """Two unknown people of a case; one gets a name, a photo and another case; both are merged, and two again."""
    desk = staff.desk
    told = {"description": "灰白短发", "marks": [{"kind": "scar", "where": "left_arm"}], "height_cm": 168}
    new = {"case_id": case_id, "sex": "male", "age_band": "old", "told": told}
    one, other = [(await desk.did("/api/persons", new))["person_id"] for _ in range(2)]
    path = f"/api/persons/{one}"
    await desk.did(f"{path}/describe", {"age_band": "adult", "is_listed": True})
    identity = {"name": "王小明", "id_number": "11010519491231002X", "born_on": "1949-12-31", "kin": "儿子"}
    await desk.did(f"{path}/identify", {"identity": identity, "source": "document"})
    assert await desk.did("/api/persons/search", {"name": "王小明", "reason": "family_asks"})
    assert (await desk.saw("/api/looks", person_id=one))["looks"]
    asked = {"given_to": "guardian", "reason": "wants_to_know", "relation_checked": True}
    assert (await desk.did(f"{path}/subject-access", asked))["records"]
    assert (await desk.post(f"{path}/subject-access/pdf", asked)).content.startswith(b"%PDF")
    assert (await desk.saw("/api/persons", case_id=case_id, identified="true", listed="true", suggested="false"))[
        "people"
    ]
    kept = await desk.upload(f"{path}/photos", id=str(new_id()))
    assert kept.status_code == 201, kept.text
    assert (await desk.get(f"{path}/photos/{kept.json()['id']}")).status_code == 200
    await desk.did("/api/persons/families", {"case_id": case_id, "person_ids": [one, other]})
    await desk.did(f"{path}/keep-apart", {"other_id": other})
    await desk.did(f"{path}/merge", {"other_id": other})
    assert len((await desk.saw(path))["records"]) == 2
    await desk.did(f"{path}/unmerge")
    await desk.did(f"{path}/withdraw-identity")
    await desk.did(f"{path}/unlink", {"case_id": case_id})
    await desk.did(f"{path}/link", {"case_id": case_id})


async def _at_the_station(api: Api, staff: Staff) -> None:
    """Somebody unknown asks for help: looked for, named, gone home; and another, for whom settlement is applied for."""
    house = (await staff.admin.did("/api/facilities", a_facility("H09")))["id"]
    desk = await api.person("station_staff", regions=(CITY,), facility_id=UUID(house))
    arrival = {"condition": "体温正常", "wishes": ["food", "shelter"], "belongings": "旧包"}
    new = {"sex": "male", "age_band": "old", "told": {"height_cm": 168}}
    one, other = [(await desk.did("/api/stays", {"person": new, "arrival": arrival}))["stay_id"] for _ in range(2)]
    assert (await desk.saw("/api/station"))["due"]
    assert (await staff.desk.saw("/api/station", facility_id=house))["present"]
    path = f"/api/stays/{one}"
    notice = await desk.saw(f"{path}/search-notice")
    await desk.did(f"{path}/search-notice", {"notice": notice})
    await desk.did(f"{path}/renew", {"notice": notice})
    await desk.did(f"{path}/dna-request")
    await desk.did(f"{path}/dna-answer", {"matched": True})
    until = (api.clock.now() + timedelta(days=30)).isoformat()
    await desk.did(f"{path}/prolong", {"until": until, "reason": "等候亲属"})
    await desk.did(f"{path}/identify", {"identity": {"name": "李某"}, "source": "dna"})
    assert (await desk.saw(path))["identity"]["name"] == "李某"
    await desk.did(f"{path}/leave", {"leaving": {"how": "home", "receiver": "女儿", "relation_checked": True}})
    await desk.did(f"/api/stays/{other}/search-notice", {"notice": notice})
    await desk.did(f"/api/stays/{other}/settle")
    await _papers(api, desk, one, house)


async def _papers(api: Api, desk: Person, stay_id: str, house: str) -> None:
    """A form of a stay, opened and checked; and a notice that no help is given, put right."""
    done = await desk.did(f"/api/stays/{stay_id}/documents", {"kind": "stay_record"})
    assert [one["id"] for one in await desk.saw("/api/documents", stay_id=stay_id)] == [done["document_id"]]
    assert (await desk.get(f"/api/documents/{done['document_id']}/pdf")).content.startswith(b"%PDF")
    assert (await api.public.saw(f"/api/documents/check/{done['code']}"))["state"] == "valid"
    wanted = {"no_help": {"ground": "has_support", "told": "表兄家", "sex": "male", "age_band": "adult"}}
    path = f"/api/facilities/{house}/no-help-notice"
    first = await desk.did(path, wanted)
    await desk.did(path, {**wanted, "replaces": first["document_id"]})


async def _after_return(api: Api, staff: Staff) -> None:
    """Somebody goes home from a station, is visited there, moves, and the visits end; another is registered by hand."""
    house = (await staff.admin.did("/api/facilities", a_facility("H10")))["id"]
    desk = await api.person("station_staff", regions=(CITY,), facility_id=UUID(house))
    new = {"sex": "male", "age_band": "adult", "told": {"vulnerable": ["dementia"]}}
    stay = await desk.did("/api/stays", {"person": new})
    home = {
        "region": "210202",
        "street": "桃源街道",
        "address": "解放路 9 号",
        "contact": "女儿",
        "phone": "0411-82500000",
    }
    leaving = {"how": "home", "receiver": "女儿", "relation_checked": True, "home": home}
    await desk.did(f"/api/stays/{stay['stay_id']}/leave", {"leaving": leaving})
    by_hand = {"person_id": stay["person_id"], "home": home, "since": "2016-07-25T08:00:00+08:00"}
    returnee = (await staff.desk.did("/api/returnees", by_hand))["returnee_id"]
    assert (await staff.desk.saw("/api/returnees", wanted="live"))["returnees"]
    (visit,) = await staff.grid_worker.saw("/api/home-visits")
    place = {"lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1], "crs": "wgs84"}
    found = {"outcome": "needs_help", "needs": ["medical"], "note": "断药", "place": place}
    await staff.grid_worker.did(f"/api/home-visits/{visit['id']}/done", found)
    path = f"/api/returnees/{returnee}"
    assert (await staff.desk.saw(path))["visits"]
    moved = {"region": "210203", "address": "新开路 3 号"}
    await staff.desk.did(f"{path}/move", {"home": moved})
    times = {"since": "2016-01-01T00:00:00+08:00", "until": "2016-12-31T00:00:00+08:00"}
    await staff.desk.saw("/api/returnees/figures", **times)
    assert (await staff.desk.get("/api/returnees/list.xlsx", region="210203")).status_code == 200
    await staff.desk.did(f"{path}/move", {"home": {"region": "411500", "address": "河南信阳"}})
    await staff.desk.did("/api/returnees/told", {"region": "411500"})
    await staff.desk.did(f"{path}/end", {"reason": "mistake", "note": "认错人"})
    assert (await staff.desk.saw("/api/returnees", wanted="ended"))["returnees"]


async def _returned(api: Api, staff: Staff) -> str:
    """Somebody on the register of those who went home; the entry's id."""
    case_id = await _reported(api, OUTSIDE, 1)
    person = (await staff.desk.did("/api/persons", {"case_id": case_id}))["person_id"]
    home = {"region": "210202", "address": "解放路 9 号"}
    wanted = {"person_id": person, "home": home, "is_prone": True}
    return str((await staff.desk.did("/api/returnees", wanted))["returnee_id"])


A_FORM = {
    "what": "在桥下摔倒，头部出血", "place": "西安路桥下", "who": "男，六十岁上下", "measures": "止血，送中心医院",
    "medics_told_at": "2016-09-19T08:10:00+08:00", "family_unknown": True,
}  # fmt: skip


async def _report_up(staff: Staff, case_id: str) -> None:
    """An accident goes up: filled in, acknowledged, followed up, concluded; and another that was none."""
    desk = staff.desk
    one, other = [
        (await desk.did("/api/incidents", {"kind": "accident", "case_id": case_id}))["incident_id"] for _ in range(2)
    ]
    path = f"/api/incidents/{one}"
    assert (await desk.saw("/api/incidents", open_only="true", case_id=case_id))[0]["owes"] == "report"
    await desk.did(f"{path}/complete", {"form": A_FORM})
    await staff.chief.did(f"{path}/acknowledge")
    await desk.did(f"{path}/follow-ups", {"text": "已缝合，留观"})
    assert (await desk.saw(path))["follow_ups"][0]["text"] == "已缝合，留观"
    await staff.chief.did(f"{path}/conclude", {"conclusion": "意外摔伤，已治疗"})
    issued = await staff.chief.did(f"{path}/documents")
    assert (await desk.saw(path))["report"]["id"] == issued["document_id"]
    await desk.did(f"/api/incidents/{other}/withdraw", WHY)


async def _call_for_help(api: Api, staff: Staff) -> None:
    """The crew calls for help; somebody answers, and it is over."""
    place = {"lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1], "crs": "gcj02", "accuracy_m": 30}
    moment = api.clock.now().isoformat()
    call = await staff.officer.did("/api/officer/distress", {"occurred_at": moment, "place": place})
    await staff.desk.did(f"/api/distress/{call['id']}/answer", {"note": "增援马上到"})
    assert (await staff.officer.saw("/api/officer/task"))["distress"]["note"] == "增援马上到"
    await staff.desk.did(f"/api/distress/{call['id']}/over")


async def _stayed_outside(api: Api, staff: Staff) -> str:
    """Somebody found by the patrol, who would not come along; closed. Returns the visit that is due."""
    (lon, lat), case_id = IN_ZHONGSHAN, str(new_id())
    place = {"lon": lon + 0.01, "lat": lat, "crs": "wgs84", "accuracy_m": 9}
    await staff.officer.did("/api/officer/found", {"case_id": case_id, "place": place, "people_count": 2})
    stays = {"outcome": "stays_supplies_given", "supplies": ["water", "food"]}
    await staff.officer.did(f"/api/cases/{case_id}/handle", a_handling(api.clock.now().isoformat(), **stays))
    await staff.desk.did(f"/api/cases/{case_id}/verify")
    visits = await staff.grid_worker.saw("/api/visits")
    return str(next(visit["id"] for visit in visits if visit["case_id"] == case_id))


async def _to_the_police(api: Api, staff: Staff) -> None:
    """Somebody found by the patrol and handed to the police, with the paper of it."""
    (lon, lat), case_id, now = IN_ZHONGSHAN, str(new_id()), api.clock.now().isoformat()
    place = {"lon": lon - 0.01, "lat": lat, "crs": "wgs84", "accuracy_m": 9}
    await staff.officer.did("/api/officer/found", {"case_id": case_id, "place": place, "people_count": 1})
    paper = {"facility": "派出所", "receiver": "民警王某", "signed_by_crew": True, "signed_by_receiver": True}
    person = {"sex": "male", "age_band": "adult", "capacity": "capable", "consent": "given"}
    told = {"outcome": "to_police", "police_told_at": now, "police_told_by": "队长", "people": [person]}
    await staff.officer.did(f"/api/cases/{case_id}/handle", a_handling(now, hand_over=paper, **told))
    await staff.officer.did(f"/api/cases/{case_id}/documents/hand-over")
    await staff.desk.did(f"/api/cases/{case_id}/verify")


async def _supplies(staff: Staff) -> None:
    """Taken in by a team, given back to nobody, counted, looked at."""
    team = f"team:{staff.teams[1]}"
    await staff.desk.did("/api/stock/moves", {"item": "water", "amount": 9, "from": "supplier", "to": team})
    await staff.desk.did("/api/stock/moves", {"item": "water", "amount": 2, "from": team, "to": "written_off"})
    await staff.desk.did("/api/stock/counts", {"place": team, "item": "water", "amount": 6, "note": "少一件"})
    assert (await staff.desk.saw("/api/stock"))["places"]
    assert await staff.desk.saw("/api/stock/moves", place=team)
    assert len((await staff.officer.saw("/api/stock"))["places"]) == 1


async def _refer(api: Api, staff: Staff) -> None:
    """Accepted and handed over, refused, taken back."""
    desk = staff.desk
    ways: list[dict[str, Any]] = [
        {"accept": {"receiver": "民警王某"}, "arrived": {}, "hand-over": {"paper": A_PAPER}},
        {"refuse": WHY},
        {"withdraw": WHY},
    ]
    for steps in ways:
        referral_id = await _referred(api, desk)
        for verb, body in steps.items():
            await desk.did(f"/api/referrals/{referral_id}/{verb}", body)
        assert (await desk.saw(f"/api/referrals/{referral_id}"))["to_words"]
        if "hand-over" in steps:
            assert (await desk.did(f"/api/referrals/{referral_id}/documents/hand-over"))["code"]
    assert await desk.saw("/api/referrals", open="false")


async def _referred(api: Api, desk: Person, *, accepted: bool = False) -> str:
    case_id = await _reported(api, OUTSIDE, next(_numbers))
    await desk.did(f"/api/cases/{case_id}/accept")
    referral_id = str((await desk.did("/api/referrals", {"wish": a_wish(case_id)}))["referral_id"])
    if accepted:
        await desk.did(f"/api/referrals/{referral_id}/accept", {"receiver": "民警王某"})
    return referral_id


async def _look_at_the_city(api: Api, staff: Staff) -> None:
    for path in ("board", "events", "teams", "circle", "weather", "policy", "facilities", "regions", "approvals"):
        await staff.desk.saw(f"/api/{path}")
    await _look_at_the_map(staff)
    await staff.desk.did("/api/weather", {"state": "clear", "feels_c": 3.5, "warned": True})
    measured = {
        "at": api.clock.now().isoformat(),
        "temperature_c": -8.0,
        "humidity": 40,
        "wind_mps": 6.5,
        "station": "大连站",
    }
    await staff.desk.did(
        "/api/weather/observed", {**measured, "place": {"lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1]}}
    )
    assert (await staff.desk.saw("/api/weather/observed", hours=3))[0]["felt_by"] == "wind_chill"
    await staff.desk.did("/api/warnings", {"cap": an_alert(status="Exercise").decode()})
    assert await staff.desk.saw("/api/warnings", days=3)
    await _campaigns(api, staff)
    await staff.desk.did(f"/api/teams/{staff.teams[3]}/duty", {"state": "resting"})
    await staff.desk.did("/api/feed/tickets")
    for path in ("/health", "/metrics"):
        assert (await api.public.get(path)).status_code == 200


async def _campaigns(api: Api, staff: Staff) -> None:
    """One by hand with a temporary point, closed; two that are proposed, and answered."""
    desk = staff.desk
    wanted = {
        "hazard": "heat",
        "colour": "red",
        "note": "高温",
        "regions": [XIGANG],
        "ends_at": "2030-01-01T20:00:00+08:00",
    }
    made = (await desk.did("/api/campaigns", wanted))["id"]
    point = {**a_facility("H03"), "kind": "temporary_point"}
    place = (await staff.admin.did("/api/facilities", point))["id"]
    own = (await desk.did("/api/campaigns", {"hazard": "rainstorm", "note": "暴雨"}))["id"]
    await desk.did(f"/api/campaigns/{own}/points/{place}/open")
    await desk.did(f"/api/campaigns/{own}/points/{place}/close")
    approved, declined = [await _proposed(api, n) for n in range(2)]
    await desk.did(f"/api/campaigns/{approved}/approve", {"note": "说明"})
    await desk.did(f"/api/campaigns/{declined}/decline", {"note": "说明"})
    await desk.did(f"/api/campaigns/{made}/close", {"note": "降雨，气温回落"})
    assert await desk.saw("/api/campaigns", open="true", days=3)
    assert await desk.saw(f"/api/campaigns/{own}")
    assert (await desk.saw(f"/api/campaigns/{made}/report"))["report"]["final"]
    for kind in ("pdf", "xlsx"):
        assert (await desk.get(f"/api/campaigns/{own}/report.{kind}")).status_code == 200
    cell = await a_cell(api, own)
    said = {"campaign_id": own, "cell": cell, "reason": "地下室没有信号"}
    assert (await staff.officer.did("/api/officer/sweep/looks", said))["state"] == "covered"
    assert (await staff.officer.did("/api/officer/sweep/pass", said))["cell"] == cell
    assert (await staff.officer.saw("/api/officer/sweep"))["campaign"]["id"] in (own, str(approved))
    assert (await desk.saw(f"/api/campaigns/{own}/coverage"))["totals"]["covered"] == 1
    assert len((await desk.saw(f"/api/campaigns/{own}/cells/{cell}"))["looks"]) == 1


async def _proposed(api: Api, n: int) -> str:
    return await a_campaign(api, n, state="proposed", opened_at=None, opened_by=None)


async def _look_at_the_map(staff: Staff) -> None:
    """Tiles, names of places, what was before, and where teams drive."""
    desk, (lon, lat) = staff.desk, IN_ZHONGSHAN
    assert await desk.saw("/api/dangers")
    assert (await desk.saw("/api/promises"))["max_photos"] > 0
    about = await desk.saw("/api/map")
    assert (await desk.get(about["tiles"].format(z=12, x=3433, y=1566))).status_code == 200
    assert await desk.saw("/api/places/search", q="人民路", lon=lon, lat=lat)
    await desk.saw("/api/places/at", lon=lon, lat=lat)
    for path in ("map/sightings", "map/tracks", "circle/moves"):
        await desk.saw(f"/api/{path}")
    case = (await desk.saw("/api/cases", limit=1))["cases"][0]
    await desk.saw(f"/api/cases/{case['id']}/routes/{staff.teams[1]}")
    await desk.saw(f"/api/teams/{staff.teams[1]}/track")


async def _look_back(api: Api, staff: Staff) -> None:
    """The board as it was, the figures, what the next shift must know, and a policy that is changed and changed back."""
    for path in ("replay/board", "replay/positions", "replay/marks", "figures", "shift-notes", "shift-notes/draft"):
        await staff.desk.saw(f"/api/{path}")
    assert (await staff.desk.saw("/api/figures", bucket="day", region=CITY))["figures"]
    assert (await staff.desk.saw("/api/statistics/people", since="2016-01", until="2016-02"))["least"]
    note = await staff.desk.did("/api/shift-notes", {"id": str(new_id()), "text": "人民路口早班再看一次"})
    await staff.second.did(f"/api/shift-notes/{note['id']}/taken")
    told = await staff.admin.saw("/api/policy/text")
    other = told["text"] + '\n[clocks]\naccept = "6 min"\n'
    assert (await staff.admin.did("/api/policy/preview", {"text": other}))["changes"]
    for text in (other, told["text"]):
        digest = (await staff.admin.saw("/api/policy"))["digest"]
        wanted = {"id": str(new_id()), "text": text, "expected_digest": digest, "reason": "试用"}
        await staff.admin.did("/api/policy", wanted)


async def _accounts(staff: Staff) -> None:
    admin, victim = staff.admin, staff.victims[0]
    new = {"login": "new-one", "name": "新", "password": PASSWORD, "roles": ["checker"], "regions": [XIGANG]}
    await admin.did("/api/accounts", new)
    assert (await admin.saw("/api/accounts", limit=2))["next"]
    path = f"/api/accounts/{victim.me.id}"
    await admin.saw(path)
    await admin.saw(f"{path}/sessions")
    assert (await admin.send("PATCH", path, {"name": "改名"})).status_code == 200
    for method, part, body in (
        ("POST", "/password", {"password": NEW_PASSWORD}),
        ("POST", "/unlock", None),
        ("DELETE", "/second-factor", None),
        ("DELETE", "/sessions", None),
    ):
        answer = await admin.send(method, path + part, body)
        assert answer.status_code == 204, (path + part, answer.text)


async def _keys(staff: Staff) -> None:
    admin = staff.admin
    made = await admin.did("/api/keys", {"partner": "city-110", "regions": [CITY]})
    path = f"/api/keys/{made['key']['id']}"
    await admin.did(f"{path}/webhook", {"url": None})
    await admin.did(f"{path}/rotate", {"overlap_days": 3})
    assert (await admin.send("DELETE", path)).status_code == 200
    assert await admin.saw("/api/keys")


async def _notices(api: Api, staff: Staff) -> None:
    """A phone that can be told, and that says it was."""
    assert (await api.public.saw("/api/devices/keys"))["web_push"]
    device = (await staff.officer.did("/api/devices", a_browser()))["id"]
    notice_id = new_id()
    row = {"id": notice_id, "to": f"team:{staff.teams[0]}", "kind": "offer.made", "rung": "push"}
    async with api.office.db.begin() as tx:
        row |= {"city_id": api.office.city_id, "began_at": api.clock.now()}
        await tx.execute(insert(notices).values(row))
    code = code_for(api.office.ring, notice_id, Told("device", UUID(device)))
    answer = await api.public.post(f"/api/notices/{notice_id}/received", {"code": code, "shown": True})
    assert answer.status_code == 204, answer.text
    assert (await staff.officer.send("DELETE", f"/api/devices/{device}")).status_code == 204


async def _sessions(api: Api, staff: Staff) -> None:
    known = await staff.admin.saw(f"/api/accounts/{staff.victims[2].me.id}")
    await api.public.did("/api/sessions", {"login": known["login"], "password": PASSWORD})
    login = {"login": "new-one", "password": PASSWORD, "device": "测试"}
    told = await api.public.did("/api/sessions", login)
    me = Person(api, {"Authorization": f"Bearer {told['token']}"}, staff.victims[0].me)
    again = await api.public.did("/api/sessions", login)
    await me.saw("/api/sessions/me")
    assert len(await me.saw("/api/sessions")) == 2
    assert (await me.send("DELETE", f"/api/sessions/{again['session']['id']}")).status_code == 204
    assert (await me.send("DELETE", "/api/sessions")).status_code == 204
    begun = await me.did("/api/second-factor", {"password": PASSWORD})
    await me.did("/api/second-factor/confirm", {"code": pyotp.TOTP(begun["secret"]).now()})
    assert (await me.send("DELETE", "/api/sessions/current")).status_code == 204


async def lay_in(api: Api, staff: Staff) -> dict[str, list[str]]:
    """For what can be done once to a thing: some more things that it can be done to, by operation."""
    desk, stock = staff.desk, {}
    for verb in ("accept", "refuse"):
        stock[f"POST /api/cases/{{case_id}}/{verb}"] = [await _reported(api, OUTSIDE, n) for n in range(3)]
    for verb in ("grant", "refuse"):
        cases = [await _reported(api, OUTSIDE, n) for n in range(3)]
        asked = [await desk.did(f"/api/cases/{one}/ask", {**WHY, "action": "void"}) for one in cases]
        stock[f"POST /api/approvals/{{approval_id}}/{verb}"] = [one["approval_id"] for one in asked]
    for verb in ("verify", "send-back"):
        case_id = await _reported(api, IN_ZHONGSHAN, len(stock))
        await desk.did(f"/api/cases/{case_id}/assign", {**WHY, "team_id": str(staff.teams[0])})
        await staff.officer.did(f"/api/cases/{case_id}/arrive", WHY)
        await staff.officer.did(f"/api/cases/{case_id}/handle", a_handling(api.clock.now().isoformat()))
        stock[f"POST /api/cases/{{case_id}}/{verb}"] = [case_id]
    places = [(117.0, 36.0 + 0.2 * n) for n in range(3)]
    filed = [await api.public.did("/api/reports", a_report(place)) for place in places]
    stock["POST /api/reports/{receipt}/details"] = [one["receipt"] for one in filed]
    stock["POST /api/visits/{visit_id}/done"] = [await _stayed_outside(api, staff) for _ in range(3)]
    for verb in ("move", "end"):
        stock[f"POST /api/returnees/{{returnee_id}}/{verb}"] = [await _returned(api, staff) for _ in range(3)]
    entries = [await staff.desk.saw(f"/api/returnees/{await _returned(api, staff)}") for _ in range(3)]
    stock["POST /api/home-visits/{visit_id}/done"] = [one["visits"][0]["id"] for one in entries]
    stock["POST /api/cases/{case_id}/unjoin"] = [await _joined(api, desk, n) for n in range(3)]
    stock["POST /api/distress/{distress_id}/answer"] = [
        (await (await api.person("officer", team_id=team)).did("/api/officer/distress"))["id"]
        for team in staff.teams[1:4]
    ]
    stock["POST /api/shifts/{shift_id}/cancel"] = [await _planned(desk, staff.teams[3], n) for n in range(3)]
    stock["POST /api/call-backs/{sighting_id}"] = [await _to_be_rung(api, desk, n) for n in range(3)]
    for n, verb in enumerate(("approve", "decline")):
        stock[f"POST /api/campaigns/{{campaign_id}}/{verb}"] = [await _proposed(api, 10 * n + m + 10) for m in range(3)]
    stock["POST /api/campaigns/{campaign_id}/close"] = [await a_campaign(api, 40 + n) for n in range(3)]
    for verb in ("accept", "refuse", "withdraw", "arrived", "hand-over"):
        stock[f"POST /api/referrals/{{referral_id}}/{verb}"] = [
            await _referred(api, desk, accepted=verb in ("arrived", "hand-over")) for _ in range(3)
        ]
    for verb in ("complete", "acknowledge", "follow-ups", "conclude", "withdraw"):
        stock[f"POST /api/incidents/{{incident_id}}/{verb}"] = [
            await _went_up(staff, reported=verb in ("follow-ups", "conclude")) for _ in range(3)
        ]
    waiting = [await _reported(api, OUTSIDE, n) for n in range(3)]
    for case_id in waiting:
        await desk.did(f"/api/cases/{case_id}/accept")
    stock["POST /api/cases/{case_id}/widen"] = waiting
    browsers = [await staff.officer.did("/api/devices", a_browser(f"https://push.example.cn/{n}")) for n in range(3)]
    stock["DELETE /api/devices/{device_id}"] = [one["id"] for one in browsers]
    made = [await staff.admin.did("/api/keys", {"partner": f"city-{n}", "regions": [CITY]}) for n in range(3)]
    stock["POST /api/keys/{key_id}/rotate"] = [one["key"]["id"] for one in made]
    return stock


async def _went_up(staff: Staff, *, reported: bool) -> str:
    made = await staff.officer.did("/api/incidents", {"kind": "accident", **({"form": A_FORM} if reported else {})})
    if reported:
        await staff.chief.did(f"/api/incidents/{made['incident_id']}/acknowledge")
    return str(made["incident_id"])


async def _joined(api: Api, desk: Person, n: int) -> str:
    case_id, into = await _reported(api, OUTSIDE, n), await _reported(api, OUTSIDE, n)
    await desk.did(f"/api/cases/{case_id}/join", {**WHY, "into": into})
    return case_id


async def _planned(desk: Person, team: UUID, n: int) -> str:
    times = {"starts_at": f"2030-02-0{n + 1}T08:00:00+08:00", "ends_at": f"2030-02-0{n + 1}T20:00:00+08:00"}
    return str((await desk.did("/api/shifts", {"team_id": str(team), **times}))["id"])


async def _to_be_rung(api: Api, desk: Person, n: int) -> str:
    """A reporter who has something to be told: the case was refused."""
    place = (OUTSIDE[0] + 0.3 * next(_numbers), OUTSIDE[1] + 0.01 * n)
    told = await api.public.did("/api/reports", a_report(place, contact={"phone": "13800000000", "call_back": True}))
    await desk.did(f"/api/cases/{told['case_id']}/refuse", {"reason": "outside_city"})
    return str(told["sighting_id"])


async def _reported(api: Api, near: tuple[float, float], n: int) -> str:
    """Each kilometres from the others, so that no two are taken for one."""
    far = 0.3 * next(_numbers) if near == OUTSIDE else 0.0
    place = (near[0] + far, near[1] + 0.01 * n)
    return str((await api.public.did("/api/reports", a_report(place)))["case_id"])
