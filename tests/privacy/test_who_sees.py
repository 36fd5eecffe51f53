"""What is known of a reporter and of whom they saw stays where it is needed: nowhere else may it be read."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from sqlalchemy import insert, select, text

from backend import db
from backend.errors import Refused
from backend.ids import new_id
from backend.logs import configure_logs
from backend.policy import Role
from tests.api.builders import (
    IN_XIGANG,
    IN_ZHONGSHAN,
    XIGANG,
    ZHONGSHAN,
    Api,
    Person,
    a_handling,
    a_photo,
    a_report,
    problem_of,
)

PHONE, NAME, WORDS, NOTE = "13901234567", "张三丰收", "穿红棉袄的老人说自己姓欧阳", "本人自述患病史"
CONTACT = {"phone": PHONE, "name": NAME, "call_back": True}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged, as the server writes it; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logs("debug", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


async def _handled_case(api: Api, reporter: Person, **more: Any) -> tuple[dict[str, Any], dict[str, Person]]:
    """A case through to handled, and who had to do with it."""
    (team,) = await api.teams(IN_ZHONGSHAN)
    people = {
        "officer": await api.person("officer", team_id=team, regions=(ZHONGSHAN,)),
        "another officer": await api.person("officer", team_id=(await api.teams(IN_XIGANG))[0]),
    }
    roles: list[Role] = ["grid_worker", "station_staff", "civil_affairs", "operator", "dispatcher", "checker"]
    roles += ["shift_leader", "supervisor", "admin"]
    people |= {role: await api.person(role) for role in roles}
    report = a_report(description=WORDS, contact=CONTACT, recording_ref=f"tel-{PHONE}", **more)
    receipt = await reporter.did("/api/reports", report)
    files = {"photo": ("a.jpg", a_photo(), "image/jpeg")}
    await api.http.post(f"/api/reports/{receipt['receipt']}/photos", files=files)
    await api.work()
    officer, case = people["officer"], f"/api/cases/{receipt['case_id']}"
    task = await officer.saw("/api/officer/task")
    await officer.did(f"/api/offers/{task['offer']['id']}/accept")
    await officer.did(f"{case}/arrive", {"reason": "到达"})
    await officer.did(f"{case}/handle", a_handling(api.clock.now().isoformat(), note=NOTE))
    return receipt, people


def _addresses(receipt: dict[str, Any]) -> list[str]:
    case = f"/api/cases/{receipt['case_id']}"
    own = [case, f"{case}/events", f"{case}/decisions", f"/api/reports/{receipt['receipt']}"]
    lists = ["/api/cases", "/api/board", "/api/events", "/api/teams", "/api/approvals", "/api/officer/task"]
    return [*own, *lists, "/api/sessions/me", "/api/facilities", "/metrics", "/health", "/schema/openapi.json"]


async def test_the_phone_and_the_name_of_a_reporter_are_on_no_page_in_no_feed_and_in_no_log(
    api: Api, logged: io.StringIO
) -> None:
    partner = await api.partner(webhook_url="https://partner.example.cn/rescue")
    receipt, people = await _handled_case(api, partner, channel="partner")
    people |= {"public": api.public, "partner": partner}
    pages: dict[str, str] = {}
    for name, who in people.items():
        for address in _addresses(receipt):
            pages[f"{name} {address}"] = (await who.get(address)).text
        similar = await who.post("/api/reports/similar", {"report": a_report(contact=CONTACT)})
        pages[f"{name} similar"] = similar.text
    for name in ("officer", "dispatcher", "checker"):
        async with people[name].feed(since=0) as feed:
            await feed.until("events")
            pages[f"{name} feed"] = str(feed.messages)
    pages["refusals"] = await _refusals(api)
    pages["log"] = logged.getvalue()
    async with api.office.db.connect() as tx:
        pages["outbox"] = str((await tx.execute(select(db.outbox))).all())
        pages["events"] = str((await tx.execute(select(db.events))).all())
        pages["commands"] = str((await tx.execute(select(db.commands))).all())
    for where, page in pages.items():
        assert PHONE not in page, where
        assert NAME not in page, where
    assert str(receipt["sighting_id"]) in pages["outbox"], "the partner is told"
    assert "request_id" in pages["log"]
    for where in ("log", "outbox", "events", "commands", "officer feed", "dispatcher feed"):
        assert WORDS not in pages[where], where
        assert NOTE not in pages[where], where


async def _refusals(api: Api) -> str:
    """Reports with the markers in them that are refused, each for another reason."""
    bad: list[dict[str, Any]] = [
        {"place": {"lon": 0, "lat": 0}},
        {"people_count": 0},
        {"contact": {**CONTACT, "more": 1}},
        {"channel": "hotline"},
        {"occurred_at": "2036-01-01T00:00:00+08:00"},
    ]
    answers = [await api.public.post("/api/reports", a_report(contact=CONTACT) | one) for one in bad]
    return " ".join(str(problem_of(answer)) for answer in answers)


async def test_an_error_of_the_database_says_nothing_of_the_values_it_was_given(api: Api) -> None:
    """SQLAlchemy prints parameters into its messages unless told otherwise, and messages end up in logs."""
    async with api.office.db.connect() as tx:
        with pytest.raises(Exception, match="does not exist") as caught:
            await tx.execute(text("SELECT nothing FROM sighting_contacts WHERE phone = :p"), {"p": PHONE})
    assert PHONE not in str(caught.value)


READS_SIGHTINGS = {"officer", "operator", "dispatcher", "checker", "shift_leader", "supervisor", "grid_worker"}
READS_PERSONS = {"officer", "checker", "shift_leader"}


async def test_words_photos_and_records_are_read_by_those_who_need_them(api: Api) -> None:
    receipt, people = await _handled_case(api, api.public)
    path = f"/api/cases/{receipt['case_id']}"
    for name, who in people.items():
        page = await who.get(path)
        if page.status_code != 200:
            assert name in ("admin", "another officer", "grid_worker", "station_staff"), name
            assert WORDS not in page.text
            continue
        file = page.json()
        assert (WORDS in page.text) == (name in READS_SIGHTINGS), name
        assert bool(file["sightings"]) == bool(file["photos"]) == (name in READS_SIGHTINGS), name
        assert (NOTE in page.text) == (name in READS_PERSONS), name
        assert receipt["receipt"] not in page.text, name
        assert all(sighting["reporter"] == "" for sighting in file["sightings"])


async def test_a_partner_reads_its_own_words_and_nothing_that_a_crew_wrote(api: Api) -> None:
    partner = await api.partner()
    receipt, _ = await _handled_case(api, partner, channel="partner")
    page = await partner.get(f"/api/cases/{receipt['case_id']}")
    assert WORDS in page.text
    assert NOTE not in page.text
    assert page.json()["offers"] == []
    other = await api.partner("city-110")
    assert (await other.get(f"/api/cases/{receipt['case_id']}")).status_code == 404


async def test_an_officer_sees_the_offers_of_the_own_team_only(api: Api) -> None:
    first, second = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    officers = {team: await api.person("officer", team_id=team) for team in (first, second)}
    receipt = await api.public.did("/api/reports", a_report())
    await api.work()
    task = await officers[first].saw("/api/officer/task")
    await officers[first].did(f"/api/offers/{task['offer']['id']}/decline", {"reason": "vehicle_trouble"})
    await api.work()
    path = f"/api/cases/{receipt['case_id']}"
    (offer,) = (await officers[second].saw(path))["offers"]
    assert offer["team_id"] == str(second)
    assert (await officers[first].get(path)).status_code == 404
    for event in (await officers[second].saw(f"{path}/events"))["events"]:
        assert str(first) not in str(event)


async def test_the_desk_reads_how_to_ring_back_and_every_look_is_written_down(api: Api) -> None:
    receipt, people = await _handled_case(api, api.public)
    path = f"/api/cases/{receipt['case_id']}/contacts"
    callers = ("operator", "dispatcher", "checker", "shift_leader")
    for name, who in people.items():
        answer = await who.get(path)
        if name in callers:
            (contact,) = answer.json()
            assert (contact["phone"], contact["name"], contact["call_back"]) == (PHONE, NAME, True)
        else:
            assert problem_of(answer)["status"] in (403, 404), name
            assert PHONE not in answer.text
    elsewhere = await api.person("dispatcher", regions=(XIGANG,))
    assert problem_of(await elsewhere.get(path))["status"] == 404
    assert problem_of(await api.public.get(path))["status"] == 401
    await people["checker"].did(f"/api/cases/{receipt['case_id']}/verify")
    timeline = (await people["shift_leader"].saw(f"/api/cases/{receipt['case_id']}/events"))["events"]
    looks = [event for event in timeline if event["kind"] == "sighting.contact_read"]
    assert [event["actor"]["id"] for event in looks] == [people[name].me.id for name in people if name in callers]
    assert {event["data"]["sighting_id"] for event in looks} == {receipt["sighting_id"]}
    assert [event["seq"] for event in timeline] == sorted(event["seq"] for event in timeline)


async def test_every_look_at_a_photo_is_written_down(api: Api) -> None:
    receipt, people = await _handled_case(api, api.public)
    path, checker = f"/api/cases/{receipt['case_id']}", people["checker"]
    photo_id = (await checker.saw(path))["photos"][0]["id"]
    assert (await checker.get(f"{path}/photos/{photo_id}")).status_code == 200
    assert problem_of(await people["civil_affairs"].get(f"{path}/photos/{photo_id}"))["status"] == 403
    timeline = (await checker.saw(f"{path}/events"))["events"]
    (look,) = [event for event in timeline if event["kind"] == "sighting.photo_read"]
    assert (look["actor"]["id"], look["data"]) == (checker.me.id, {"sighting_id": receipt["sighting_id"]})


async def test_asking_what_is_near_finds_neither_where_somebody_sleeps_nor_who_they_are(api: Api) -> None:
    """Two strangers asking from one patch of ground get one answer, whatever else they say."""
    lon, lat = IN_ZHONGSHAN
    looks = {"sex": "male", "age_band": "old", "colours": ["red"]}
    await api.public.did("/api/reports", a_report((lon, lat), looks=looks, description=WORDS))
    said = []
    for step, more in ((0.0, {}), (0.0001, {"looks": looks}), (0.0002, {"description": WORDS})):
        (found,) = (
            await api.public.post("/api/reports/similar", {"report": a_report((lon + step, lat)) | more})
        ).json()
        assert found["distance_m"] in (100, 200, 500)
        assert found["minutes_ago"] % 15 == 0
        assert found["score"] == round(found["score"], 1)
        said.append(found)
    assert said[0] == said[1] == said[2]
    assert WORDS not in str(said)
    operator = await api.person("operator")
    asked = a_report((lon, lat), looks=looks, description=WORDS, channel="hotline")
    (exact,) = (await operator.post("/api/reports/similar", {"report": asked})).json()
    assert exact["distance_m"] == 0
    assert "衣着颜色相符" in exact["reasons_zh"]


@pytest.mark.parametrize("danger", ["domestic_violence", "trafficking", "abuse"])
async def test_whoever_may_be_looked_for_is_not_found_by_asking(api: Api, danger: str) -> None:
    await api.public.did("/api/reports", a_report(dangers=[danger]))
    asked = {"report": a_report()}
    assert (await api.public.post("/api/reports/similar", asked)).json() == []
    operator = await api.person("operator")
    asked = {"report": a_report(channel="hotline")}
    assert len((await operator.post("/api/reports/similar", asked)).json()) == 1


async def test_hidden_shelters_are_shown_to_the_staff_of_their_own_region_only(api: Api) -> None:
    rows = [
        {
            "code": "s1",
            "kind": "shelter",
            "name": "庇护所",
            "hidden": True,
            "lon": IN_ZHONGSHAN[0],
            "lat": IN_ZHONGSHAN[1],
        },
        {"code": "s2", "kind": "station", "name": "救助站", "hidden": False, "lon": IN_XIGANG[0], "lat": IN_XIGANG[1]},
    ]
    async with api.office.db.begin() as tx:
        await tx.execute(
            insert(db.facilities), [{"city_id": api.office.city_id, "id": new_id(), **row} for row in rows]
        )
    sees = {
        "public": (api.public, {"s2"}),
        "own region": (await api.person("dispatcher", regions=(ZHONGSHAN,)), {"s1", "s2"}),
        "other region": (await api.person("dispatcher", regions=(XIGANG,)), {"s2"}),
        "partner": (await api.partner(), {"s2"}),
        "admin": (await api.person("admin"), {"s1", "s2"}),
    }
    for name, (who, codes) in sees.items():
        assert {facility["code"] for facility in await who.saw("/api/facilities")} == codes, name


async def test_where_a_team_is_off_duty_is_nobodys_business(api: Api) -> None:
    (team,) = await api.teams(IN_ZHONGSHAN)
    officer, dispatcher = await api.person("officer", team_id=team), await api.person("dispatcher")
    fix = {"at": api.clock.now().isoformat(), "lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1]}
    await officer.did("/api/officer/positions", {"fixes": [fix]})
    (shown,) = await dispatcher.saw("/api/teams")
    assert shown["lon"] == pytest.approx(IN_ZHONGSHAN[0])
    await officer.did("/api/officer/duty", {"state": "off_duty"})
    (shown,) = await dispatcher.saw("/api/teams")
    assert (shown["lon"], shown["lat"], shown["fix_at"]) == (None, None, None)
    assert (await officer.did("/api/officer/positions", {"fixes": [{**fix, "lat": 38.9}]}))["kept"] == 0


def test_no_refusal_is_in_english_only() -> None:
    """The family has a place for both languages and no default for either."""
    with pytest.raises(TypeError):
        Refused("只有中文")  # type: ignore[call-arg]
