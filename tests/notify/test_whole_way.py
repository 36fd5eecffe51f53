"""From a report to a phone and back, through real processes: what a browser subscribed gets, and what its receipt does."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend import db as tables
from backend.notify.offered import fresh_key
from tests.api.builders import IN_ZHONGSHAN, ZHONGSHAN, Api, Person, a_report
from tests.notify.servers import Asked, Says, a_service
from tests.notify.test_providers import Browser
from tests.ops.processes import environment, exit_code, serving, start


async def _until(found: Any, *, within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not found():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.05)


async def _an_officer(api: Api, browser: Browser) -> Person:
    [team] = await api.teams(IN_ZHONGSHAN)
    officer = await api.person("officer", regions=(ZHONGSHAN,), team_id=team)
    keys = {name: browser.address[name] for name in ("p256dh", "auth")}
    subscription = {"endpoint": browser.address["endpoint"], "expirationTime": None, "keys": keys}
    await officer.did("/api/devices", {"kind": "web_push", "subscription": subscription})
    return officer


@pytest.mark.invariant("I13")
async def test_a_report_reaches_a_subscribed_phone_and_a_service_that_hangs_delays_no_accept(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    hanging = Says(201, after_s=20)
    async with a_service(hanging) as service:
        browser = Browser(f"{service.url}/send")
        more = {"RESCUE_WEB_PUSH_KEY": fresh_key(), "RESCUE_PUSH_NETWORKS": "127.0.0.0/8"}
        given = environment(database_url, redis_url, tmp_path, **more)
        async with serving(given, tmp_path) as (server, api):
            worker = start("worker", given, tmp_path / "worker.log")
            officer = await _an_officer(api, browser)
            partner = await api.partner()
            await partner.did("/api/reports", a_report(IN_ZHONGSHAN, channel="partner", description="老人自称姓欧阳"))
            await _until(lambda: service.asked)
            await _accept_and_acknowledge(officer, browser, service.asked[0])
            await _one_receipt(api)
            worker.kill()  # it would wait for the service to answer
            server.terminate()
            for process in (server, worker):
                await exit_code(process)


async def _accept_and_acknowledge(officer: Person, browser: Browser, asked: Asked) -> None:
    """While the push service has not answered yet."""
    payload = browser.reads(asked.body)
    assert payload["kind"] == "offer.made"
    assert "欧阳" not in str(payload)
    task = await officer.saw("/api/officer/task")
    assert task["notice"]["id"] == payload["id"]
    began = asyncio.get_running_loop().time()
    said = {"code": payload["code"], "shown": True}
    receipt = await officer.api.public.post(f"/api/notices/{payload['id']}/received", said)
    assert receipt.status_code == 204, receipt.text
    assert (await officer.saw("/api/officer/task"))["notice"] is None
    await officer.did(f"/api/offers/{payload['offer_id']}/accept")
    assert asyncio.get_running_loop().time() - began < 10


async def _one_receipt(api: Api) -> None:
    async with api.office.db.connect() as tx:
        row = (await tx.execute(select(tables.notice_receipts))).one()
    assert (row.way, row.shown) == ("web_push", True)
