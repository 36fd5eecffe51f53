"""A body is what the document says: strictly, and in texts that can be kept and shown."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tests.api.builders import Api, a_report, problem_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unlimited")]


async def test_a_reason_is_words_that_can_be_kept(shared: Api) -> None:
    dispatcher = await shared.person("dispatcher")
    case_id = (await shared.public.did("/api/reports", a_report()))["case_id"]
    for reason, zh in (("", "至少 1 个字"), ("   ", "不能为空"), ("长" * 501, "最多 500 个字"), (None, "应为文字")):
        said = problem_of(await dispatcher.post(f"/api/cases/{case_id}/withdraw", {"reason": reason}))
        assert (said["status"], said["field"]) == (422, "reason")
        assert zh in said["detail_zh"]
    body: dict[str, Any]
    for body in ({"reason": "\u0000", "action": "void"}, {"reason": "x", "action": "\u0000"}):
        assert problem_of(await dispatcher.post(f"/api/cases/{case_id}/ask", body))["status"] == 422
    for verb, body, field in (
        ("withdraw", {"reason": "\u0000"}, "reason"),
        ("withdraw", {"reason": "他走了\u001b[2J"}, "reason"),
        ("verify", {"note": "\u0007"}, "note"),
        ("handle", {"handling": {"note": "a\u0085b"}}, "handling.note"),
        ("split", {"reason": "x", "sighting_ids": ["\u0000"]}, "sighting_ids[0]"),
        ("verify", {"no\u0000te": "x"}, None),
    ):
        said = problem_of(await dispatcher.post(f"/api/cases/{case_id}/{verb}", body))
        assert (said["status"], said["code"], said.get("field")) == (422, "cannot_be_kept", field)
        assert "无法保存或显示的字符" in said["detail_zh"]
    lines = {"reason": "第一行\n\t第二行 👨\u200d👩\u200d👧"}
    assert problem_of(await dispatcher.post(f"/api/cases/{case_id}/withdraw", lines))["code"] == "nothing_to_withdraw"


async def test_a_body_is_not_taken_more_loosely_than_its_document_says(shared: Api) -> None:
    report = {**a_report(), "contact": {"call_back": 0}}
    for body, field in (
        (report, "contact.call_back"),
        ({**a_report(), "occurred_at": 0}, "occurred_at"),
        ({**a_report(), "people_count": "3"}, "people_count"),
    ):
        said = problem_of(await shared.public.post("/api/reports", body))
        assert (said["status"], said["code"], said["field"]) == (422, "invalid", field)


async def test_a_fault_in_a_field_that_is_called_like_something_of_ours_is_the_senders(shared: Api) -> None:
    """`by` is also what the handler calls who asks."""
    dispatcher = await shared.person("dispatcher")
    case_id = (await shared.public.did("/api/reports", a_report()))["case_id"]
    said = problem_of(await dispatcher.post(f"/api/cases/{case_id}/ask", {"reason": "x", "action": "extend", "by": 30}))
    assert (said["status"], said["field"]) == (422, "by")


async def test_a_phone_that_is_cut_off_in_the_middle_is_no_fault_of_ours(shared: Api) -> None:
    head = "POST /api/reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", shared.port)
    writer.write(head.encode() + b'{"place":')
    await writer.drain()
    before = {status: _answered(status) for status in ("400", "500")}
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(20):
        while {status: _answered(status) for status in before} == before:  # noqa: ASYNC110 - a counter tells nobody
            await asyncio.sleep(0.02)
    assert _answered("500") == before["500"], "nobody is called out of bed for it"


def _answered(status: str) -> float:
    told = {"route": "/api/reports", "method": "POST", "status": status}
    return REGISTRY.get_sample_value("rescue_requests_total", told) or 0.0
