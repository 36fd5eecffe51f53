"""What a phone did without network and sends later, by a clock of its own: when it happened, and how much of that is believed."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from backend.ids import new_id
from tests.api.builders import IN_ZHONGSHAN, Api, Person, a_handling, a_report, problem_of

HERE = {"lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1]}


async def _on_the_way(api: Api) -> tuple[Person, str]:
    """An officer whose team has a case, and the case."""
    (team,) = await api.teams(IN_ZHONGSHAN)
    officer = await api.person("officer", team_id=team)
    receipt = await api.public.did("/api/reports", a_report())
    await api.work()
    task = await officer.saw("/api/officer/task")
    await officer.did(f"/api/offers/{task['offer']['id']}/accept")
    return officer, f"/api/cases/{receipt['case_id']}"


async def _event(who: Person, case: str, kind: str) -> dict[str, Any]:
    events = (await who.saw(f"{case}/events"))["events"]
    found: dict[str, Any] = next(event for event in events if event["kind"] == kind)
    return found


def _said(at: datetime, **other: Any) -> dict[str, Any]:
    return {"command_id": str(new_id()), "occurred_at": at.isoformat(), **other}


@pytest.mark.parametrize("wrong", [timedelta(0), timedelta(hours=5), timedelta(days=-400)])
async def test_what_a_phone_says_is_put_right_by_what_its_clock_shows_when_it_sends(api: Api, wrong: timedelta) -> None:
    officer, case = await _on_the_way(api)
    api.clock.advance(minutes=9)
    arrived = api.clock.now()
    api.clock.advance(minutes=25)
    shows = api.clock.now() + wrong
    answer = await officer.phone(f"{case}/arrive", _said(arrived + wrong, **HERE), shows)
    assert answer.status_code == 200, answer.text
    handled = a_handling((arrived + wrong + timedelta(minutes=20)).isoformat())
    body = _said(arrived + wrong + timedelta(minutes=20), **handled)
    assert (await officer.phone(f"{case}/handle", body, shows)).status_code == 200

    event = await _event(officer, case, "case.arrived")
    assert datetime.fromisoformat(event["occurred_at"]) == arrived
    assert event["data"].get("phone_clock_off_s") == (round(wrong.total_seconds()) or None)
    (visit,) = (await officer.saw(case))["handlings"]
    assert datetime.fromisoformat(visit["handled_at"]) == arrived + timedelta(minutes=20)
    assert datetime.fromisoformat(visit["record"]["handled_at"]) == arrived + timedelta(minutes=20)


async def test_the_checker_is_told_of_a_phone_whose_clock_was_wrong(api: Api) -> None:
    officer, case = await _on_the_way(api)
    checker = await api.person("checker")
    shows = api.clock.now() + timedelta(minutes=30)
    await officer.phone(f"{case}/arrive", _said(shows, **HERE), shows)
    await officer.did(f"{case}/handle", a_handling(api.clock.now().isoformat()))
    items = {item["code"]: item for item in (await checker.saw(f"{case}/evidence"))["items"]}
    assert (items["order"]["state"], items["order"]["facts"]["phone_clock_off_s"]) == ("doubtful", 1800)
    assert "手机时钟快 30 分钟" in items["order"]["zh"]


async def test_the_same_command_sent_again_later_is_the_same_although_its_time_is_put_right_anew(api: Api) -> None:
    officer, case = await _on_the_way(api)
    body = _said(api.clock.now(), **HERE)
    first = await officer.phone(f"{case}/arrive", body, api.clock.now() + timedelta(hours=1))
    api.clock.advance(minutes=3)
    again = await officer.phone(f"{case}/arrive", body, api.clock.now() + timedelta(hours=1))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()


async def test_what_is_three_days_old_is_refused_but_not_what_was_done_then(api: Api) -> None:
    officer, case = await _on_the_way(api)
    done, late = _said(api.clock.now()), _said(api.clock.now(), **HERE)
    first = await officer.did(f"{case}/set-out", done)
    api.clock.advance(days=3, seconds=1)
    said = problem_of(await officer.post(f"{case}/arrive", late))
    assert (said["status"], said["code"], said["field"]) == (422, "too_long_ago", "occurred_at")
    assert await officer.did(f"{case}/set-out", done) == first
    corrected = {**late, "occurred_at": (api.clock.now() - timedelta(days=2)).isoformat()}
    await officer.did(f"{case}/arrive", corrected)


async def test_more_than_two_minutes_ahead_of_the_moment_of_sending_is_refused(api: Api) -> None:
    officer, case = await _on_the_way(api)
    wrong = api.clock.now() - timedelta(hours=8)
    for ahead, status in ((121, 422), (110, 200)):
        body = _said(wrong + timedelta(seconds=ahead), **HERE)
        answer = await officer.phone(f"{case}/arrive", body, wrong)
        assert answer.status_code == status, answer.text
    event = await _event(officer, case, "case.arrived")
    assert datetime.fromisoformat(event["occurred_at"]) == api.clock.now()


@pytest.mark.parametrize("shows", ["", "0.5", "gestern", "2016-09-19T06:00:00"])
async def test_a_header_that_is_no_moment_is_refused_in_words(api: Api, shows: str) -> None:
    officer, case = await _on_the_way(api)
    headers = {**officer.headers, "Rescue-Sent-At": shows}
    said = problem_of(await api.http.post(f"{case}/arrive", json=HERE, headers=headers))
    assert (said["status"], said["field"]) == (422, "Rescue-Sent-At")


async def test_a_report_from_a_phone_with_a_wrong_clock_is_put_right_and_says_so(api: Api) -> None:
    seen, wrong = api.clock.now() - timedelta(hours=2), timedelta(days=-30)
    report = a_report(occurred_at=(seen + wrong).isoformat())
    similar = await api.public.phone("/api/reports/similar", {"report": report}, api.clock.now() + wrong)
    assert (similar.status_code, similar.json()) == (200, [])
    receipt = (await api.public.phone("/api/reports", report, api.clock.now() + wrong)).json()
    assert [warning["code"] for warning in receipt["warnings"]] == ["phone_clock_off"]
    dispatcher = await api.person("dispatcher")
    (sighting,) = (await dispatcher.saw(f"/api/cases/{receipt['case_id']}"))["sightings"]
    assert datetime.fromisoformat(sighting["occurred_at"]) == seen
    old = problem_of(await api.public.post("/api/reports", a_report(occurred_at=(seen + wrong).isoformat())))
    assert (old["status"], old["code"]) == (422, "too_long_ago")


async def test_positions_kept_without_network_are_put_right(api: Api) -> None:
    (team,) = await api.teams(IN_ZHONGSHAN)
    officer = await api.person("officer", team_id=team)
    await officer.did("/api/officer/duty", {"state": "on_duty"})
    api.clock.advance(minutes=30)
    wrong = api.clock.now() + timedelta(hours=3)
    fixes = [{"at": (wrong - timedelta(minutes=m)).isoformat(), **HERE} for m in (1, 20)]
    assert (await officer.phone("/api/officer/positions", {"fixes": fixes}, wrong)).json() == {"kept": 2, "refused": []}
    presence = (await officer.saw("/api/officer/task"))["presence"]
    assert datetime.fromisoformat(presence["fix_at"]) == api.clock.now() - timedelta(minutes=1)
