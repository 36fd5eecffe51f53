"""Signing in as a client does it: second factor, devices, sessions, keys, commands sent twice."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest

from backend.access import attempts, sessions
from backend.ids import new_id
from tests.api.builders import PASSWORD, XIGANG, ZHONGSHAN, Api, Person, a_report, problem_of


async def _sign_in(api: Api, login: str, **more: Any) -> Any:
    return await api.http.post("/api/sessions", json={"login": login, "password": PASSWORD, **more})


async def _enrolled(who: Person) -> tuple[pyotp.TOTP, list[str]]:
    begun = await who.did("/api/second-factor", {"password": PASSWORD})
    phone = pyotp.TOTP(begun["secret"])
    assert begun["uri"].startswith("otpauth://totp/")
    confirmed = await who.did("/api/second-factor/confirm", {"code": phone.now()})
    return phone, confirmed["codes"]


async def test_a_desk_sets_up_its_second_factor_and_then_needs_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "needs_second_factor", lambda *_: True)
    who = await api.person("dispatcher", login="zhang")
    assert problem_of(await who.get("/api/cases"))["code"] == "second_factor_needed"
    assert problem_of(await who.post("/api/feed/tickets"))["code"] == "second_factor_needed"
    _, codes = await _enrolled(who)
    assert (await who.get("/api/cases")).status_code == 200
    assert problem_of(await _sign_in(api, "zhang"))["code"] == "code_needed"
    assert problem_of(await _sign_in(api, "zhang", code="12345"))["code"] == "wrong_code"
    told = (await _sign_in(api, "zhang", code=codes[0])).json()
    assert told["me"]["only"] is None
    assert problem_of(await _sign_in(api, "zhang", code=codes[0]))["code"] == "wrong_code"


async def test_no_session_is_taken_for_a_partner_s_key_whatever_chance_gives(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.person("dispatcher", login="li")
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _: "rk_" + "A" * 40)
    token = (await _sign_in(api, "li")).json()["token"]
    me = await api.http.get("/api/sessions/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["roles"] == ["dispatcher"], me.text


async def test_a_lost_phone_is_put_right_by_an_administrator(api: Api) -> None:
    admin, who = await api.person("admin"), await api.person("checker", login="li")
    await _enrolled(who)
    assert (await admin.saw(f"/api/accounts/{who.me.id}"))["second_factor"]
    assert (await admin.send("DELETE", f"/api/accounts/{who.me.id}/second-factor")).status_code == 204
    assert problem_of(await who.get("/api/sessions/me"))["code"] == "session_ended"
    assert (await _sign_in(api, "li")).status_code == 201


async def test_strangers_lock_a_login_but_not_the_known_device_and_an_administrator_lifts_it(api: Api) -> None:
    admin, who = await api.person("admin"), await api.person("checker", login="li")
    device_key = (await _sign_in(api, "li")).json()["device_key"]
    for _ in range(attempts.FREE_TRIES):
        await api.http.post("/api/sessions", json={"login": "li", "password": "wrong"})
    said = problem_of(await _sign_in(api, "li"))
    assert (said["status"], said["code"]) == (429, "locked_out")
    assert (await _sign_in(api, "li", device_key=device_key)).status_code == 201
    assert (await admin.send("POST", f"/api/accounts/{who.me.id}/unlock")).status_code == 204
    assert (await _sign_in(api, "li")).status_code == 201


async def test_sessions_are_listed_with_their_device_and_end_all_at_once(api: Api) -> None:
    admin, who = await api.person("admin"), await api.person("checker", login="li")
    other = await api.sign_in("li")
    mine = await who.saw("/api/sessions")
    assert {(s["device"], s["source"]) for s in mine} == {("测试", "127.0.0.1")}
    assert (await who.send("DELETE", "/api/sessions")).status_code == 204
    assert problem_of(await other.get("/api/sessions/me"))["code"] == "session_ended"
    assert len(await admin.saw(f"/api/accounts/{who.me.id}/sessions")) == 1
    assert (await admin.send("DELETE", f"/api/accounts/{who.me.id}/sessions")).status_code == 204
    assert problem_of(await who.get("/api/sessions/me"))["code"] == "session_ended"


async def test_a_password_is_changed_by_who_knows_it_and_given_by_an_administrator(api: Api) -> None:
    admin, who = await api.person("admin"), await api.person("checker", login="li")
    path = f"/api/accounts/{who.me.id}/password"
    for body, code in (
        ({"password": "a new sentence", "current": "wrong"}, "wrong_password"),
        ({"password": "password123", "current": PASSWORD}, "password_known"),
        ({"password": "dalian2026", "current": PASSWORD}, "password_is_a_name"),
    ):
        assert problem_of(await who.post(path, body))["code"] == code
    assert (await who.post(path, {"password": "a new sentence", "current": PASSWORD})).status_code == 204
    assert problem_of(await _sign_in(api, "li"))["code"] == "wrong_credentials"
    assert (await admin.post(path, {"password": PASSWORD})).status_code == 204
    assert (await _sign_in(api, "li")).status_code == 201


async def test_a_key_rotates_over_http(api: Api) -> None:
    admin = await api.person("admin")
    ends = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    wish = {"partner": "city-110", "regions": [ZHONGSHAN], "actions": ["sighting:create"], "expires_at": ends}
    old = await admin.did("/api/keys", wish)
    fresh = await admin.did(f"/api/keys/{old['key']['id']}/rotate", {"overlap_days": 0})
    said = problem_of(await _reported(api, old["plain"]))
    assert (said["status"], said["code"]) == (401, "key_expired")
    assert (await _reported(api, fresh["plain"])).status_code == 201
    listed = {key["id"]: key for key in await admin.saw("/api/keys")}
    assert listed[fresh["key"]["id"]]["last_used_at"] is not None
    assert listed[fresh["key"]["id"]]["replaces"] == old["key"]["id"]
    forbidden = await api.http.get("/api/cases", headers={"Authorization": f"Bearer {fresh['plain']}"})
    assert problem_of(forbidden)["status"] == 403


async def _reported(api: Api, key: str) -> Any:
    return await api.http.post(
        "/api/reports", json=a_report(channel="partner"), headers={"Authorization": f"Bearer {key}"}
    )


@pytest.mark.invariant("I8")
async def test_a_command_that_comes_twice_has_one_effect(api: Api) -> None:
    admin = await api.person("admin")
    wish = {"login": "new", "name": "新", "password": PASSWORD, "roles": ["checker"], "command_id": str(new_id())}
    first, again = [await admin.did("/api/accounts", wish) for _ in range(2)]
    assert first == again
    other = await admin.post("/api/accounts", {**wish, "login": "other"})
    assert problem_of(other)["code"] == "command_id_reused"
    path, change = f"/api/accounts/{first['id']}", {"regions": [XIGANG], "command_id": str(new_id())}
    changed = [(await admin.send("PATCH", path, change)).json() for _ in range(2)]
    assert changed[0] == changed[1]
    key = {"partner": "city-110", "command_id": str(new_id())}
    made = [await admin.did("/api/keys", key) for _ in range(2)]
    assert made[0]["key"] == made[1]["key"]
    assert made[1]["plain"] is None
    assert len(await admin.saw("/api/keys")) == 1
