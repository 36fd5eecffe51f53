"""Who looks at what is personal is written down, and who answers for it can read that; a number is searched for unseen."""

import logging
from typing import Any

import pytest

from tests.api.builders import IN_XIGANG, XIGANG, ZHONGSHAN, Api, Person, a_report, problem_of

PHONE = "13901234567"


async def _reported(api: Api, *places: tuple[float, float], phone: str = PHONE) -> list[dict[str, Any]]:
    contact = {"phone": phone, "name": "张三丰收", "call_back": True}
    return [await api.public.did("/api/reports", a_report(place, contact=contact)) for place in places]


async def _looks(reader: Person, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await reader.saw("/api/looks", **asked))["looks"]
    return found


async def test_earlier_sightings_are_found_by_the_callers_number_however_it_is_typed(api: Api) -> None:
    (first,) = await _reported(api, (121.6450, 38.9150))
    api.clock.advance(hours=2)
    (second,) = await _reported(api, (121.6480, 38.9180))
    await _reported(api, (121.6420, 38.9120), phone="13907654321")
    operator = await api.person("operator")
    for written in (PHONE, "+86 139-0123-4567", "１３９０１２３４５６７"):
        calls = (await operator.post("/api/calls/search", {"phone": written})).json()
        assert [call["sighting_id"] for call in calls] == [second["sighting_id"], first["sighting_id"]]
    assert calls[0]["case_number"] == second["case_number"]
    assert PHONE not in str(calls)
    assert (await operator.post("/api/calls/search", {"phone": "13900000000"})).json() == []


async def test_only_those_who_ring_back_search_and_only_in_their_region(api: Api) -> None:
    await _reported(api, (121.6450, 38.9150), IN_XIGANG)
    west = await api.person("dispatcher", regions=(XIGANG,))
    assert len((await west.post("/api/calls/search", {"phone": PHONE})).json()) == 1
    for role in ("officer", "grid_worker", "supervisor", "civil_affairs", "admin"):
        assert problem_of(await (await api.person(role)).post("/api/calls/search", {"phone": PHONE}))["status"] == 403
    for who in (api.public, await api.partner()):
        assert problem_of(await who.post("/api/calls/search", {"phone": PHONE}))["status"] in (401, 403)


@pytest.mark.parametrize("phone", ["", "110", "张三丰", "-- --"])
async def test_part_of_a_number_is_refused_without_being_repeated(api: Api, phone: str) -> None:
    operator = await api.person("operator")
    said = problem_of(await operator.post("/api/calls/search", {"phone": phone}))
    assert (said["status"], said["code"]) == (422, "number_too_short")
    assert not phone or phone not in said["detail_zh"]


async def test_a_search_is_written_down_without_the_number(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await _reported(api, (121.6450, 38.9150))
    operator, leader = await api.person("operator"), await api.person("shift_leader")
    await operator.post("/api/calls/search", {"phone": PHONE})
    (look,) = await _looks(leader, who=operator.me.id)
    assert (look["what"], look["case_id"], look["roles"]) == ("searched", None, ["operator"])
    assert PHONE not in caplog.text


async def test_opening_what_was_said_of_somebody_is_written_down_once_in_ten_minutes(api: Api) -> None:
    (receipt,) = await _reported(api, (121.6450, 38.9150))
    path = f"/api/cases/{receipt['case_id']}"
    operator, checker, leader = [await api.person(role) for role in ("operator", "checker", "shift_leader")]
    for _ in range(3):
        await operator.saw(path)
    await checker.saw(path)
    api.clock.advance(minutes=11)
    await operator.saw(path)
    seen = await _looks(leader, case_id=receipt["case_id"])
    assert [(look["what"], look["who"]) for look in seen] == [
        ("file_read", operator.me.id),
        ("file_read", checker.me.id),
        ("file_read", operator.me.id),
    ]


async def test_a_case_without_words_may_be_opened_without_a_look(api: Api) -> None:
    receipt = await api.public.did("/api/reports", a_report(description=""))
    operator, leader = await api.person("operator"), await api.person("shift_leader")
    await operator.saw(f"/api/cases/{receipt['case_id']}")
    assert await _looks(leader) == []


async def test_looks_at_contacts_are_listed_with_the_others(api: Api) -> None:
    (receipt,) = await _reported(api, (121.6450, 38.9150))
    operator, admin = await api.person("operator"), await api.person("admin")
    await operator.saw(f"/api/cases/{receipt['case_id']}/contacts")
    (look,) = await _looks(admin)
    assert (look["what"], look["sighting_id"]) == ("contact_read", receipt["sighting_id"])


async def test_looks_are_for_those_who_answer_for_a_region(api: Api) -> None:
    (receipt,) = await _reported(api, (121.6450, 38.9150))
    await (await api.person("operator")).saw(f"/api/cases/{receipt['case_id']}")
    sees = {"shift_leader": True, "supervisor": True, "admin": True}
    for role in (
        "shift_leader",
        "supervisor",
        "admin",
        "operator",
        "dispatcher",
        "checker",
        "officer",
        "civil_affairs",
    ):
        answer = await (await api.person(role)).get("/api/looks")
        assert (answer.status_code == 200) == sees.get(role, False), role
    west = await api.person("shift_leader", regions=(XIGANG,))
    east = await api.person("shift_leader", regions=(ZHONGSHAN,))
    assert await _looks(west) == []
    assert len(await _looks(east)) == 1


async def test_a_reason_is_read_with_the_timeline_by_those_who_read_sightings(api: Api) -> None:
    receipt, other = await _reported(api, (121.6450, 38.9150), (121.6600, 38.9250))
    path = f"/api/cases/{receipt['case_id']}"
    leader, figures = await api.person("shift_leader"), await api.person("civil_affairs")
    await leader.did(f"{path}/ask", {"action": "void", "reason": "重复申请"})
    dispatcher = await api.person("dispatcher")
    await dispatcher.did(f"{path}/ask", {"action": "suspend", "reason": "王小明的家人已到"})
    waiting = await leader.saw("/api/approvals")
    assert "王小明的家人已到" in str(waiting)
    timeline = await leader.saw(f"{path}/events")
    assert "王小明" not in str(timeline["events"])
    await dispatcher.did(f"{path}/join", {"into": other["case_id"], "reason": "李某说是同一人"})
    timeline = await leader.saw(f"{path}/events")
    joined = next(event for event in timeline["events"] if event["kind"] == "case.joined")
    assert timeline["words"] == {joined["id"]: "李某说是同一人"}
    assert (await figures.saw(f"{path}/events"))["words"] == {}
