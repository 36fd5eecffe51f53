"""How much one sender may ask, how a sign-in fails, and what the process says of itself when something is away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from backend.city import City
from backend.clock import ManualClock
from ops.local.postgres import Cluster
from tests.api.builders import IN_ZHONGSHAN, PASSWORD, Api, a_photo, a_report, problem_of, settings_of
from tests.api.server import serving


async def test_a_sender_who_is_too_fast_is_told_how_long_to_wait(api: Api) -> None:
    answers = [await api.public.post("/api/reports", a_report()) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    said = problem_of(answers[-1])
    assert said["code"] == "too_many"
    assert 0 < said["retry_after_s"] <= 60
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    operator = await api.person("operator")
    assert (await operator.post("/api/reports", a_report(channel="hotline"))).status_code == 201


async def test_a_refused_report_costs_as_much_as_any(api: Api) -> None:
    """Or whoever floods us only has to be wrong."""
    nowhere = a_report((0.0, 0.0))
    answers = [await api.public.post("/api/reports", nowhere) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429] * 2


async def test_asking_and_photos_are_limited_too(api: Api) -> None:
    receipt = (await api.public.did("/api/reports", a_report()))["receipt"]
    asked = [await api.public.post("/api/reports/similar", {"report": a_report()}) for _ in range(31)]
    assert {answer.status_code for answer in asked[:30]} == {200}
    assert problem_of(asked[30])["status"] == 429
    files = {"photo": ("a.jpg", a_photo(), "image/jpeg")}
    sent = [await api.http.post(f"/api/reports/{receipt}/photos", files=files) for _ in range(31)]
    assert {answer.status_code for answer in sent[:30]} == {201}
    assert problem_of(sent[30])["status"] == 429


async def test_trying_passwords_is_slowed_down_and_says_nothing(api: Api) -> None:
    who = await api.person("dispatcher", login="zhang")
    wrong = [await api.public.post("/api/sessions", {"login": "zhang", "password": "wrong"}) for _ in range(6)]
    nobody = await api.public.post("/api/sessions", {"login": "nobody-here", "password": "wrong"})
    first, last = problem_of(wrong[0]), problem_of(wrong[-1])
    assert (first["status"], first["code"]) == (401, "wrong_credentials")
    assert problem_of(nobody)["detail_zh"] == first["detail_zh"]
    assert (last["status"], last["code"]) == (429, "locked_out")
    assert 1 <= int(wrong[-1].headers["retry-after"]) <= 30
    assert (await who.get("/api/sessions/me")).status_code == 200
    right = await api.public.post("/api/sessions", {"login": "ZHANG ", "password": PASSWORD})
    assert right.status_code == 429, "another spelling of the login is the same login"


async def test_who_is_not_signed_in_is_asked_to(api: Api) -> None:
    answer = await api.public.get("/api/cases")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert problem_of(answer)["code"] == "not_signed_in"
    assert (await api.public.saw("/api/sessions/me"))["kind"] == "public"
    assert problem_of(await api.public.get("/api/sessions"))["status"] == 401


async def test_one_sees_and_ends_the_own_sessions(api: Api) -> None:
    first = await api.person("checker", login="li")
    second = await api.sign_in("li")
    mine = await first.saw("/api/sessions")
    assert {session["id"] for session in mine} == {str(first.me.session_id), str(second.me.session_id)}
    assert (await first.send("DELETE", f"/api/sessions/{second.me.session_id}")).status_code == 204
    assert problem_of(await second.get("/api/sessions/me"))["code"] == "session_ended"
    assert (await first.get("/api/sessions/me")).status_code == 200


async def test_a_revoked_key_opens_nothing(api: Api) -> None:
    admin, partner = await api.person("admin"), await api.partner()
    await partner.did("/api/reports", a_report(channel="partner"))
    (key,) = await admin.saw("/api/keys")
    assert (await admin.send("DELETE", f"/api/keys/{key['id']}")).json()["revoked_at"]
    said = problem_of(await partner.post("/api/reports", a_report(channel="partner")))
    assert (said["status"], said["code"]) == (401, "bad_key")


async def test_a_key_is_made_over_http_and_shown_once(api: Api) -> None:
    admin = await api.person("admin")
    made = await admin.did("/api/keys", {"partner": "city-110", "webhook_url": "https://p.example.cn/in"})
    headers = {"Authorization": f"Bearer {made['plain']}"}
    me = (await api.http.get("/api/sessions/me", headers=headers)).json()
    assert (me["kind"], me["id"]) == ("partner", "partner:city-110")
    listed = await admin.get("/api/keys")
    assert made["plain"] not in listed.text
    assert made["webhook_secret"] not in listed.text


async def test_health_and_metrics_tell_how_it_is(api: Api) -> None:
    async with asyncio.timeout(10):
        while not api.parts.wire.is_up:  # noqa: ASYNC110 - it has nobody to tell
            await asyncio.sleep(0.01)
    await api.teams(IN_ZHONGSHAN)
    await api.public.did("/api/reports", a_report())
    well = await api.public.saw("/health")
    assert (well["status"], well["degraded"]) == ("ok", [])
    assert well["log_seq"] >= 2
    page = (await api.public.get("/metrics")).text
    for name in ("rescue_requests_total", "rescue_request_seconds_bucket", "rescue_open_sockets", "rescue_cases"):
        assert name in page
    assert 'rescue_cases{stage="accepted"} 1.0' in page
    await api.public.get("/api/reports/2222-2222-2222")
    await api.public.get("/somewhere/else")
    page = (await api.public.get("/metrics")).text
    assert "2222-2222" not in page
    assert "somewhere" not in page


async def test_a_stage_that_has_emptied_is_counted_as_empty(api: Api) -> None:
    receipt = await api.public.did("/api/reports", a_report((120.0, 36.0)))
    assert 'rescue_cases{stage="discovered"} 1.0' in (await api.public.get("/metrics")).text
    operator = await api.person("operator")
    await operator.did(f"/api/cases/{receipt['case_id']}/refuse", {"reason": "outside_city"})
    assert 'rescue_cases{stage="discovered"} 0.0' in (await api.public.get("/metrics")).text


async def test_without_redis_it_is_slower_and_says_so(
    database_url: str, tmp_path: Path, dalian: City, clock: ManualClock
) -> None:
    settings = settings_of(database_url, f"unix://{tmp_path}/no-such.sock", tmp_path, clock)
    async with serving(settings, dalian) as api:
        await api.teams(IN_ZHONGSHAN)
        dispatcher = await api.person("dispatcher")
        async with dispatcher.feed() as feed:
            await feed.until("events")
            receipt = await api.public.did("/api/reports", a_report())
            event = await asyncio.wait_for(feed.next_event(), 5)
            assert event["case_id"] == receipt["case_id"]
        answer = await api.public.get("/health")
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["degraded"]) == ("degraded", ["redis"])


@pytest.fixture
async def closable(cluster: Cluster, api: Api) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the one database that the server has, to take it away and give it back."""
    admin = await asyncpg.connect(cluster.url("postgres"))
    yield admin
    await admin.close()


async def test_without_the_database_nothing_is_acknowledged_and_it_comes_back_by_itself(
    api: Api, closable: asyncpg.Connection
) -> None:
    dispatcher = await api.person("dispatcher")
    name = urlsplit(api.parts.settings.database_url).path.strip("/")
    await closable.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
    await closable.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    report = a_report()
    try:
        for answer in (
            await api.public.post("/api/reports", report),
            await dispatcher.get("/api/cases"),
            await api.public.get("/api/reports/2222-2222-2222"),
        ):
            said = problem_of(answer)
            assert (said["status"], said["code"]) == (503, "unavailable")
        down = await api.public.get("/health")
        assert (down.status_code, down.json()["status"]) == (503, "down")
        assert (await api.public.get("/metrics")).status_code == 200
    finally:
        await closable.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    receipt = await api.public.did("/api/reports", report)
    assert receipt["repeated"] is False
    assert (await api.public.get("/health")).status_code == 200


async def test_unexpected_faults_are_told_by_their_id_alone(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("backend.dispatch.asking.report_status", broken)
    answer = await api.public.get("/api/reports/2222-2222-2222")
    assert answer.status_code == 500
    said = answer.json()
    assert said["code"] == "unexpected"
    assert said["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text
