"""The whole loop as somebody with curl goes through it, from a passer-by's report to the answer under their receipt."""

from datetime import timedelta

import pytest

from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN, Api, Person, a_handling, a_report


async def _handled(api: Api, officer: Person, case_id: str) -> None:
    """The officer's side, from the offer on the phone to what was done."""
    task = await officer.saw("/api/officer/task")
    assert task["offer"]["case_id"] == case_id == task["case"]["id"]
    await officer.did(f"/api/offers/{task['offer']['id']}/accept")
    await officer.did(f"/api/cases/{case_id}/set-out")
    api.clock.advance(minutes=6)
    lon, lat = IN_ZHONGSHAN
    assert (await officer.did(f"/api/cases/{case_id}/arrive", {"lon": lon, "lat": lat}))["stage"] == "handling"
    api.clock.advance(minutes=15)
    done = await officer.did(f"/api/cases/{case_id}/handle", a_handling(api.clock.now().isoformat()))
    assert done["stage"] == "handled"


async def test_a_report_becomes_a_verified_case_and_the_reporter_learns_of_it(api: Api) -> None:
    near, _ = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    officer, checker = await api.person("officer", team_id=near), await api.person("checker")
    dispatcher = await api.person("dispatcher")
    async with dispatcher.feed() as feed:
        await feed.until("events")
        receipt = await api.public.did("/api/reports", a_report())
        case_id, status = receipt["case_id"], f"/api/reports/{receipt['receipt']}"
        assert (await api.public.saw(status))["state"] == "accepted"
        await api.work()
        await _handled(api, officer, case_id)
        assert (await api.public.saw(status))["state"] == "done"
        answer = await checker.did(f"/api/cases/{case_id}/verify", {"note": "已电话回访"})
        assert answer["stage"] == "assisted"
        await feed.until_seq(answer["seq"])
    told = await api.public.saw(status)
    assert (told["state"], told["zh"]) == ("closed", "您反映的情况已处理。谢谢您！")

    timeline = (await dispatcher.saw(f"/api/cases/{case_id}/events"))["events"]
    kinds = [event["kind"] for event in timeline]
    steps = ["case.opened", "case.accepted", "offer.made", "case.dispatched", "case.set_out"]
    assert kinds == [*steps, "case.arrived", "case.handled", "case.verified"]
    assert [event for event in feed.events() if event["case_id"] == case_id] == timeline

    (decision,) = await dispatcher.saw(f"/api/cases/{case_id}/decisions")
    assert decision["candidates"][0]["team_id"] == str(near)
    assert decision["candidates"][0]["reasons"]


async def test_what_was_missed_is_told_from_the_last_number_on(api: Api) -> None:
    await api.teams(IN_ZHONGSHAN)
    dispatcher = await api.person("dispatcher")
    receipt = await api.public.did("/api/reports", a_report())
    async with dispatcher.feed() as feed:
        await feed.until("snapshot")
        seq = (await feed.until("events"))["seq"]
        case_id = feed.messages[1]["board"]["cases"][0]["id"]
    assert case_id == receipt["case_id"]
    await api.work()
    async with dispatcher.feed(since=seq) as feed:
        await feed.until("events")
        assert [message["type"] for message in feed.messages] == ["hello", "events"]
        assert [event["kind"] for event in feed.events() if event["case_id"] == case_id] == ["offer.made"]


async def test_the_board_is_the_picture_that_the_feed_begins_with(api: Api) -> None:
    await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    await api.public.did("/api/reports", a_report())
    await api.work()
    for role in ("dispatcher", "operator", "checker", "shift_leader", "supervisor"):
        person = await api.person(role)
        board = await person.saw("/api/board")
        async with person.feed() as feed:
            snapshot = await feed.until("snapshot")
        assert snapshot["board"] == board["board"]
        assert snapshot["seq"] == board["seq"]


async def test_a_report_that_needs_a_look_waits_for_the_desk(api: Api) -> None:
    """Outside the city nothing is accepted by rule."""
    receipt = await api.public.did("/api/reports", a_report((120.0, 36.0)))
    assert (await api.public.saw(f"/api/reports/{receipt['receipt']}"))["state"] == "received"
    operator = await api.person("operator")
    await operator.did(f"/api/cases/{receipt['case_id']}/refuse", {"reason": "outside_city"})
    told = await api.public.saw(f"/api/reports/{receipt['receipt']}")
    assert (told["state"], told["reason_zh"]) == ("refused", "不在本市")


async def test_what_is_sent_back_is_dispatched_again(api: Api) -> None:
    (team,) = await api.teams(IN_ZHONGSHAN)
    officer, checker = await api.person("officer", team_id=team), await api.person("checker")
    receipt = await api.public.did("/api/reports", a_report())
    await api.work()
    await _handled(api, officer, receipt["case_id"])
    await checker.did(f"/api/cases/{receipt['case_id']}/send-back", {"reason": "照片与地点不符"})
    file = await checker.saw(f"/api/cases/{receipt['case_id']}")
    assert (file["case"]["stage"], file["case"]["rework_count"]) == ("accepted", 1)
    await api.work()
    task = await officer.saw("/api/officer/task")
    assert task["offer"]["case_id"] == receipt["case_id"]


async def test_an_arrival_far_off_needs_a_reason(api: Api) -> None:
    (team,) = await api.teams(IN_ZHONGSHAN)
    officer = await api.person("officer", team_id=team)
    receipt = await api.public.did("/api/reports", a_report())
    await api.work()
    task = await officer.saw("/api/officer/task")
    await officer.did(f"/api/offers/{task['offer']['id']}/accept")
    far = {"lon": IN_XIGANG[0], "lat": IN_XIGANG[1]}
    refused = await officer.post(f"/api/cases/{receipt['case_id']}/arrive", far)
    assert (refused.status_code, refused.json()["code"]) == (422, "too_far")
    assert refused.json()["off_by_m"] > 3000
    await officer.did(f"/api/cases/{receipt['case_id']}/arrive", {**far, "reason": "本人已走到这里"})


@pytest.mark.parametrize("hours", [-1, 30])
async def test_what_happened_offline_keeps_its_time_and_the_future_is_refused(api: Api, hours: int) -> None:
    (team,) = await api.teams(IN_ZHONGSHAN)
    officer = await api.person("officer", team_id=team)
    receipt = await api.public.did("/api/reports", a_report())
    await api.work()
    task = await officer.saw("/api/officer/task")
    at = api.clock.now() + timedelta(hours=hours)
    answer = await officer.post(f"/api/offers/{task['offer']['id']}/accept", {"occurred_at": at.isoformat()})
    if hours < 0:
        assert answer.status_code == 200
        assert (await officer.saw(f"/api/cases/{receipt['case_id']}"))["case"]["stage"] == "dispatched"
    else:
        assert (answer.status_code, answer.json()["field"]) == (422, "occurred_at")
