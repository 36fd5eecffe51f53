"""A policy changed over HTTP: what everybody may do is another thing from that moment on, on sockets too, in every process."""

import asyncio
from pathlib import Path

import redis.asyncio as redis_asyncio

from backend.city import City
from backend.clock import ManualClock
from backend.ids import new_id
from tests.api.builders import Api, Person, problem_of, settings_of
from tests.api.server import serving

WITHOUT_CIRCLE = """
[roles]
checker = ["case:read@region", "offer:read@region", "feed:open@region", "case:verify@region"]
"""


async def changed(admin: Person, text: str) -> dict[str, object]:
    told = await admin.saw("/api/policy/text")
    wanted = {"id": str(new_id()), "text": text, "expected_digest": told["digest"], "reason": "按新规定"}
    return await admin.did("/api/policy", wanted)


async def test_a_role_that_loses_something_is_told_to_begin_anew_and_others_are_not(api: Api) -> None:
    admin, checker, dispatcher = await api.person("admin"), await api.person("checker"), await api.person("dispatcher")
    async with checker.feed() as hers, dispatcher.feed() as others:
        await hers.until("snapshot")
        await others.until("snapshot")
        reached = max(message["seq"] for message in hers.messages if "seq" in message)
        told = await admin.saw("/api/policy/text")
        done = await changed(admin, told["text"] + WITHOUT_CIRCLE)
        await asyncio.wait_for(hers.line.wait_closed(), 5)
        assert hers.line.close_code == 4410
        await others.until_seq(int(str(done["seq"])))
    # Who comes back with a number from before the change gets a whole picture, as after a change of the account.
    async with checker.feed(since=reached) as again:
        assert (await again.until("snapshot"))["seq"] >= done["seq"]
    assert problem_of(await checker.get("/api/teams"))["status"] == 403
    assert (await api.person("dispatcher")).me.roles == ("dispatcher",)


async def test_another_process_and_one_that_starts_later_obey(
    api: Api, redis: redis_asyncio.Redis, redis_url: str, tmp_path: Path, dalian: City, clock: ManualClock
) -> None:
    admin = await api.person("admin")
    settings = settings_of(api.parts.settings.database_url, redis_url, tmp_path, clock)
    async with serving(settings, dalian) as second:
        before = (await admin.saw("/api/policy"))["digest"]
        assert second.office.city.policy.digest == before
        told = await admin.saw("/api/policy/text")
        done = await changed(admin, told["text"] + '\n[clocks]\naccept = "6 min"\n')
        async with asyncio.timeout(5):
            while second.office.city.policy.digest == before:  # noqa: ASYNC110 - it has nobody to tell
                await asyncio.sleep(0.02)
        assert second.office.city.policy.digest == done["digest"] != before
    async with serving(settings, dalian) as third:
        assert third.office.city.policy.digest == done["digest"]
    assert dalian.policy.digest == before, "what the folder says is not touched"


async def test_a_policy_with_faults_is_refused_with_each_of_them(api: Api) -> None:
    admin = await api.person("admin")
    text = '[clocks]\naccept = "soon"\n'
    shown = await admin.did("/api/policy/preview", {"text": text})
    assert [(fault["line"], fault["key"]) for fault in shown["problems"]] == [(2, "clocks.accept")]
    digest = (await admin.saw("/api/policy"))["digest"]
    wanted = {"id": str(new_id()), "text": text, "expected_digest": digest, "reason": "试"}
    refused = problem_of(await admin.post("/api/policy", wanted))
    assert (refused["status"], refused["code"]) == (422, "policy_invalid")
    assert refused["problems"][0]["line"] == 2


async def test_the_past_and_the_figures_over_http(api: Api) -> None:
    dispatcher = await api.person("dispatcher")
    shown = await dispatcher.saw("/api/replay/board")
    assert shown["seq"] == shown["head"] > 0
    assert (
        problem_of(await dispatcher.get("/api/replay/board", at="2031-01-01T00:00:00+08:00"))["code"] == "in_the_future"
    )
    assert (
        problem_of(await dispatcher.get("/api/replay/board", at="2011-01-01T00:00:00+08:00"))["code"]
        == "before_the_log"
    )
    assert problem_of(await dispatcher.get("/api/replay/board", at="2016-09-19T00:00:00"))["status"] == 422
    far = {"since": "2016-09-17T00:00:00+08:00", "until": "2016-09-19T00:00:00+08:00"}
    assert problem_of(await dispatcher.get("/api/replay/marks", **far))["code"] == "span_too_long"
    assert problem_of(await dispatcher.get("/api/replay/positions", **far))["code"] == "span_too_long"
    assert problem_of(await dispatcher.get("/api/replay/positions", step_s=0))["field"] == "step_s"
    assert (await dispatcher.saw("/api/figures"))["by"] == "hour"
    assert len((await dispatcher.saw("/api/events", until=1))["events"]) <= 1
