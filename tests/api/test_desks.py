"""What the desks write over HTTP: calls put aside, teams, shifts, facilities; and the log searched for who did it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from backend import db, retention
from backend.ids import new_id
from tests.api.builders import (
    CITY,
    IN_XIGANG,
    IN_ZHONGSHAN,
    XIGANG,
    ZHONGSHAN,
    Api,
    Person,
    a_facility,
    a_report,
    a_team,
    problem_of,
)

WORDS = "穿红棉袄的老人 13901234567"


def a_call(api: Api, **changes: Any) -> dict[str, Any]:
    return {"id": str(new_id()), "started_at": api.clock.now().isoformat(), "draft": {"words": WORDS}, **changes}


def the_code(answer: Any) -> str:
    return str(problem_of(answer)["code"])


async def kinds(who: Person, **wanted: Any) -> list[str]:
    return [event["kind"] for event in (await who.saw("/api/log/search", **wanted))["events"]]


# --- calls put aside -------------------------------------------------------------------------------------------------


async def test_a_call_is_parked_and_taken_up_with_everything_that_was_typed(api: Api) -> None:
    operator = await api.person("operator")
    call = a_call(api)
    await operator.did("/api/calls/parked", call)
    (waiting,) = await operator.saw("/api/calls/parked")
    assert (waiting["draft"], waiting["mine"], waiting["name"]) == ({"words": WORDS}, True, "王某")
    assert (await operator.send("DELETE", f"/api/calls/parked/{call['id']}")).status_code == 204
    assert await operator.saw("/api/calls/parked") == []
    assert the_code(await operator.send("DELETE", f"/api/calls/parked/{call['id']}")) == "not_found"


async def test_parked_again_under_its_id_the_draft_is_brought_up_to_date(api: Api) -> None:
    operator, other = await api.person("operator"), await api.person("operator")
    call = a_call(api)
    for draft in ({"words": "老"}, {"words": "老人"}):
        await operator.did("/api/calls/parked", {**call, "draft": draft})
    assert [one["draft"] for one in await operator.saw("/api/calls/parked")] == [{"words": "老人"}]
    assert the_code(await other.post("/api/calls/parked", call)) == "command_id_reused"


async def test_a_colleague_opens_it_and_that_is_a_look(api: Api) -> None:
    operator, colleague = await api.person("operator"), await api.person("operator")
    leader = await api.person("shift_leader")
    call = a_call(api)
    await operator.did("/api/calls/parked", call)
    (listed,) = await colleague.saw("/api/calls/parked")
    assert (listed["draft"], listed["mine"], listed["name"]) == (None, False, "王某")
    assert (await colleague.saw(f"/api/calls/parked/{call['id']}"))["draft"] == {"words": WORDS}
    looks = (await leader.saw("/api/looks"))["looks"]
    assert [(look["what"], look["who"]) for look in looks] == [("call_read", colleague.me.id)]
    assert (await operator.saw(f"/api/calls/parked/{call['id']}"))["mine"]
    assert len((await leader.saw("/api/looks"))["looks"]) == 1, "one's own is no look"


async def test_another_desk_and_another_region_do_not_see_it(api: Api) -> None:
    operator = await api.person("operator", regions=(ZHONGSHAN,))
    call = a_call(api)
    await operator.did("/api/calls/parked", call)
    for other in (
        await api.person("dispatcher", regions=(ZHONGSHAN,)),
        await api.person("operator", regions=(XIGANG,)),
    ):
        assert await other.saw("/api/calls/parked") == []
        for method in ("GET", "DELETE"):
            assert the_code(await other.send(method, f"/api/calls/parked/{call['id']}")) == "not_found"


async def test_what_was_typed_lies_sealed_and_is_in_no_event(api: Api) -> None:
    operator = await api.person("operator")
    await operator.did("/api/calls/parked", a_call(api))
    async with api.office.db.connect() as tx:
        everything = str((await tx.execute(select(db.parked_calls))).all())
        everything += str((await tx.execute(select(db.events))).all())
    assert WORDS not in everything
    assert "call.parked" in everything


async def test_a_parked_call_is_gone_after_a_day(api: Api) -> None:
    operator = await api.person("operator")
    await operator.did("/api/calls/parked", a_call(api))
    for hours, left in ((23, 1), (2, 0)):
        api.clock.advance(hours=hours)
        now = api.clock.now()
        await retention.run(api.office, None, now=now, machine_now=now, again=True)
        assert len(await operator.saw("/api/calls/parked")) == left


async def test_a_draft_has_its_limits(api: Api) -> None:
    operator = await api.person("operator")
    assert (
        the_code(await operator.post("/api/calls/parked", a_call(api, draft={"words": "老" * 12_000}))) == "too_large"
    )
    assert the_code(await operator.post("/api/calls/parked", a_call(api, draft="text"))) == "invalid"
    for _ in range(30):
        await operator.did("/api/calls/parked", a_call(api))
    assert the_code(await operator.post("/api/calls/parked", a_call(api))) == "too_many_parked"


# --- teams -----------------------------------------------------------------------------------------------------------


async def test_a_team_that_is_written_is_on_every_board_without_a_reload(api: Api) -> None:
    leader = await api.person("shift_leader")
    async with leader.feed() as feed:
        await feed.until("snapshot")
        team = await leader.did("/api/teams", a_team("H01"))
        told = await feed.until("event")
        (row,) = told["data"]["rows"]["teams"]
    assert told["kind"] == "team.changed"
    (shown,) = await leader.saw("/api/teams")
    assert {key: shown[key] for key in row} == row, "the row is what the board shows"
    assert (shown["id"], shown["state"], shown["lon"]) == (team["id"], "off_duty", None)


async def test_a_changed_team_tells_what_changed_and_the_search_goes_by_it(api: Api) -> None:
    leader = await api.person("shift_leader")
    (team_id,) = await api.teams(IN_ZHONGSHAN)
    changed = await leader.did(f"/api/teams/{team_id}", {"skills": ["minors", "minors"], "name": "海港队"})
    assert (changed["skills"], changed["name"], changed["size"]) == (["minors"], "海港队", 2)
    told = (await leader.saw("/api/log/search", kind="team.changed"))["events"][0]
    assert told["data"]["changed"] == ["name", "skills"]
    assert told["data"]["rows"]["teams"][0]["state"] == "on_duty"
    before = (await leader.saw("/api/log/search"))["events"][0]["seq"]
    await leader.did(f"/api/teams/{team_id}", {"name": "海港队"})
    assert (await leader.saw("/api/log/search"))["events"][0]["seq"] == before, "no change is no event"


async def test_the_same_wish_sent_twice_makes_one_team(api: Api) -> None:
    leader = await api.person("shift_leader")
    wish = {**a_team("H01"), "command_id": str(new_id())}
    assert await leader.did("/api/teams", wish) == await leader.did("/api/teams", wish)
    assert len(await leader.saw("/api/teams")) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"skills": ["flying"]}, "skills"),
        ({"regions": []}, "regions"),
        ({"regions": ["999999"]}, "regions"),
        ({"base_lon": 110.0}, "base_lon"),
        ({"size": 0}, "size"),
        ({"name": "  "}, "name"),
        ({"mode": "boat"}, "mode"),
    ],
)
async def test_what_a_team_cannot_be_is_said_by_field(api: Api, wrong: dict[str, Any], field: str) -> None:
    leader = await api.person("shift_leader")
    assert problem_of(await leader.post("/api/teams", {**a_team("H01"), **wrong}))["field"] == field


async def test_a_code_is_one_teams_alone(api: Api) -> None:
    leader = await api.person("shift_leader")
    await leader.did("/api/teams", a_team("H01"))
    assert the_code(await leader.post("/api/teams", a_team("H01"))) == "code_taken"


async def test_a_leader_of_one_district_writes_its_teams_and_gives_none_to_another(api: Api) -> None:
    leader = await api.person("shift_leader", regions=(ZHONGSHAN,))
    mine, other = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    assert the_code(await leader.post(f"/api/teams/{other}", {"size": 3})) == "not_found"
    assert the_code(await leader.post(f"/api/teams/{mine}", {"regions": [ZHONGSHAN, XIGANG]})) == "not_found"
    assert the_code(await leader.post("/api/teams", a_team("H01", XIGANG))) == "not_found"
    assert [team["id"] for team in await leader.saw("/api/teams/all")] == [str(mine)]


async def test_a_team_is_taken_out_of_use_only_off_duty(api: Api) -> None:
    leader = await api.person("shift_leader")
    (team_id,) = await api.teams(IN_ZHONGSHAN)
    assert the_code(await leader.post(f"/api/teams/{team_id}", {"active": False})) == "on_duty"
    await leader.did(f"/api/teams/{team_id}/duty", {"state": "off_duty"})
    await leader.did(f"/api/teams/{team_id}", {"active": False})
    assert await leader.saw("/api/teams") == []
    assert [team["active"] for team in await leader.saw("/api/teams/all")] == [False]


# --- shifts ----------------------------------------------------------------------------------------------------------


def moment(said: str) -> datetime:
    return datetime.fromisoformat(said)


def a_shift(api: Api, team_id: UUID, begins_h: float, lasts_h: float = 8, **more: Any) -> dict[str, Any]:
    begin: datetime = api.clock.now() + timedelta(hours=begins_h)
    times = {"starts_at": begin.isoformat(), "ends_at": (begin + timedelta(hours=lasts_h)).isoformat()}
    return {"team_id": str(team_id), **times, **more}


async def test_shifts_are_added_moved_and_cancelled(api: Api) -> None:
    leader = await api.person("shift_leader")
    (team_id,) = await api.teams(IN_ZHONGSHAN)
    shift = await leader.did("/api/shifts", a_shift(api, team_id, 1))
    moved = await leader.did("/api/shifts", a_shift(api, team_id, 2, id=shift["id"]))
    assert [moment(one["starts_at"]) for one in await leader.saw("/api/shifts")] == [moment(moved["starts_at"])]
    await leader.did(f"/api/shifts/{shift['id']}/cancel")
    assert await leader.saw("/api/shifts") == []
    assert await kinds(leader, kind="team.shift") == ["team.shift_cancelled", "team.shift_set", "team.shift_set"]


async def test_two_shifts_of_one_team_do_not_overlap(api: Api) -> None:
    leader = await api.person("shift_leader")
    team_id, other = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    await leader.did("/api/shifts", a_shift(api, team_id, 1))
    refused = problem_of(await leader.post("/api/shifts", a_shift(api, team_id, 8)))
    assert refused["code"] == "overlaps"
    assert "队0" in refused["detail_zh"]
    await leader.did("/api/shifts", a_shift(api, team_id, 9))
    await leader.did("/api/shifts", a_shift(api, other, 8))


async def test_a_shift_that_runs_tells_the_board_when_it_ends(api: Api) -> None:
    leader = await api.person("shift_leader")
    (team_id,) = await api.teams(IN_ZHONGSHAN)
    shift = await leader.did("/api/shifts", a_shift(api, team_id, -1))
    assert moment((await leader.saw("/api/teams"))[0]["shift_ends_at"]) == moment(shift["ends_at"])
    told = (await leader.saw("/api/log/search", kind="team.shift_set"))["events"][0]
    assert told["data"]["rows"]["teams"][0]["id"] == str(team_id)
    await leader.did(f"/api/shifts/{shift['id']}/cancel")
    assert (await leader.saw("/api/teams"))[0]["shift_ends_at"] is None


@pytest.mark.parametrize(("begins_h", "lasts_h"), [(1, 0), (1, -1), (1, 37)])
async def test_a_shift_has_a_length(api: Api, begins_h: float, lasts_h: float) -> None:
    leader = await api.person("shift_leader")
    (team_id,) = await api.teams(IN_ZHONGSHAN)
    refused = problem_of(await leader.post("/api/shifts", a_shift(api, team_id, begins_h, lasts_h)))
    assert refused["field"] == "ends_at"


async def test_a_leader_plans_and_sees_what_is_theirs(api: Api) -> None:
    leader, boss = await api.person("shift_leader", regions=(ZHONGSHAN,)), await api.person("shift_leader")
    _, other = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    shift = await boss.did("/api/shifts", a_shift(api, other, 1))
    assert await leader.saw("/api/shifts") == []
    assert the_code(await leader.post("/api/shifts", a_shift(api, other, 12))) == "not_found"
    assert the_code(await leader.post(f"/api/shifts/{shift['id']}/cancel")) == "not_found"


# --- facilities ------------------------------------------------------------------------------------------------------


async def test_an_open_place_is_known_to_all_and_a_hidden_one_to_its_region(api: Api) -> None:
    admin, near = await api.person("admin"), await api.person("dispatcher", regions=(ZHONGSHAN,))
    far = await api.person("dispatcher", regions=(XIGANG,))
    made = await admin.did("/api/facilities", a_facility("F20"))
    assert [one["id"] for one in await api.public.saw("/api/facilities")] == [made["id"]]
    await admin.did(f"/api/facilities/{made['id']}", {"hidden": True})
    assert await api.public.saw("/api/facilities") == []
    assert await far.saw("/api/facilities") == []
    assert [one["hidden"] for one in await near.saw("/api/facilities")] == [True]


async def test_where_a_hidden_place_is_stands_in_no_event_and_no_answer_kept(api: Api) -> None:
    admin, far = await api.person("admin"), await api.person("dispatcher", regions=(XIGANG,))
    wish = {**a_facility("F20", hidden=True), "command_id": str(new_id())}
    made = await admin.did("/api/facilities", wish)
    await admin.did(f"/api/facilities/{made['id']}", {"address": "昆明街 7 号", "command_id": str(new_id())})
    async with api.office.db.connect() as tx:
        told = str((await tx.execute(select(db.events))).all()) + str((await tx.execute(select(db.commands))).all())
    assert "facility.changed" in told
    for secret in ("昆明街", "0411-12345", str(made["lon"])):
        assert secret not in told
    assert "facility.changed" not in await kinds(far)


async def test_who_may_not_know_of_it_any_more_is_told_that_it_is_gone(api: Api) -> None:
    admin, near = await api.person("admin"), await api.person("dispatcher", regions=(ZHONGSHAN,))
    far = await api.person("dispatcher", regions=(XIGANG,))
    made = await admin.did("/api/facilities", a_facility("F20"))
    assert await kinds(far, kind="facility.") == ["facility.changed"]
    await admin.did(f"/api/facilities/{made['id']}", {"hidden": True})
    assert await kinds(far, kind="facility.") == ["facility.withdrawn", "facility.changed"]
    assert await kinds(near, kind="facility.") == ["facility.changed", "facility.changed"]
    await admin.did(f"/api/facilities/{made['id']}", {"lon": IN_XIGANG[0], "lat": IN_XIGANG[1]})
    assert (await kinds(near, kind="facility."))[0] == "facility.withdrawn"
    assert (await kinds(far, kind="facility."))[0] == "facility.changed"


async def test_a_facility_sent_twice_is_made_once_and_its_code_is_its_own(api: Api) -> None:
    admin = await api.person("admin")
    wish = {**a_facility("F20", hidden=True), "command_id": str(new_id())}
    first, again = await admin.did("/api/facilities", wish), await admin.did("/api/facilities", wish)
    assert first == again
    assert the_code(await admin.post("/api/facilities", a_facility("F20"))) == "code_taken"
    far = {**a_facility("F21"), "lon": 110.0}
    assert problem_of(await admin.post("/api/facilities", far))["field"] == "lon"


# --- the log, searched -----------------------------------------------------------------------------------------------


async def test_the_log_is_searched_by_kind_person_case_team_and_time(api: Api) -> None:
    boss = await api.person("dispatcher")
    (team_id,) = await api.teams(IN_ZHONGSHAN)
    first = await api.public.did("/api/reports", a_report())
    api.clock.advance(hours=1)
    noon = api.clock.now()
    second = await api.public.did("/api/reports", a_report(IN_XIGANG))
    await boss.did(f"/api/cases/{second['case_id']}/assign", {"reason": "顺路", "team_id": str(team_id)})
    number = (await boss.saw(f"/api/cases/{second['case_id']}"))["case"]["number"]
    found = await boss.saw("/api/log/search", who=boss.me.id)
    assert [event["kind"] for event in found["events"]] == ["case.assigned"]
    assert found["numbers"] == {second["case_id"]: number}
    assert found["names"] == {boss.me.id: "王某"}
    assert found["teams"] == {str(team_id): "队0"}
    by_number, by_id = await kinds(boss, case=str(number)), await kinds(boss, case=second["case_id"])
    assert by_number == by_id == ["case.assigned", "case.accepted", "case.opened"]
    assert await kinds(boss, team_id=str(team_id)) == ["case.assigned", "team.on_duty"]
    assert await kinds(boss, kind="case.opened", since=noon.isoformat()) == ["case.opened"]
    earlier = await boss.saw("/api/log/search", kind="case.opened", until=noon.isoformat())
    assert [event["case_id"] for event in earlier["events"]] == [first["case_id"]]
    assert await kinds(boss, case="299912310000001") == []
    assert the_code(await boss.get("/api/log/search", case="张三")) == "invalid"


async def test_pages_lead_back_and_forth(api: Api) -> None:
    boss = await api.person("dispatcher")
    for n in range(4):
        await api.public.did("/api/reports", a_report((IN_ZHONGSHAN[0], IN_ZHONGSHAN[1] + 0.01 * n)))
    whole = [event["seq"] for event in (await boss.saw("/api/log/search"))["events"]]
    assert whole == sorted(whole, reverse=True)
    newest = await boss.saw("/api/log/search", limit=3)
    assert (newest["newer"], [event["seq"] for event in newest["events"]]) == (None, whole[:3])
    older = await boss.saw("/api/log/search", limit=3, before=newest["older"])
    assert [event["seq"] for event in older["events"]] == whole[3:6]
    back = await boss.saw("/api/log/search", limit=3, after=older["newer"])
    assert [event["seq"] for event in back["events"]] == whole[:3]
    assert back["newer"] is None


async def test_a_search_finds_what_the_list_of_events_shows_and_nothing_else(api: Api) -> None:
    await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    for place in (IN_ZHONGSHAN, IN_XIGANG):
        await api.public.did("/api/reports", a_report(place))
    await api.work()
    for role in ("operator", "dispatcher", "checker", "shift_leader", "supervisor", "civil_affairs", "admin"):
        for region in (CITY, XIGANG):
            who = await api.person(role, regions=(region,))
            listed = {event["seq"] for event in (await who.saw("/api/events", limit=1000))["events"]}
            found = {event["seq"] for event in (await who.saw("/api/log/search", limit=200))["events"]}
            assert found == listed, (role, region)


async def test_names_are_for_those_who_may_read_accounts(api: Api) -> None:
    boss, checker = await api.person("dispatcher"), await api.person("checker")
    (team_id,) = await api.teams(IN_ZHONGSHAN, on_duty=False)
    await boss.did(f"/api/teams/{team_id}/duty", {"state": "on_duty"})
    leader = await api.person("shift_leader")
    assert boss.me.id in (await leader.saw("/api/log/search", kind="team."))["names"]
    assert (await checker.saw("/api/log/search", kind="team."))["names"] == {}
