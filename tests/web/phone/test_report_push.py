"""Notices reach a phone with the app closed: registered at a tap, shown in words, answered by a receipt, over when signed out."""

import asyncio
import base64
import json
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Browser, expect

from backend.notify.offered import public_key
from tests.api.builders import WEB_PUSH_KEY, Person
from tests.web.phone.hand import Phone, a_phone
from tests.web.town import WAIT_MS, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")
# A browser's push service as far as the page sees it: what it was subscribed with, and keys as a browser makes them.
PUSH_SERVICE = """
const keys = {
  p256dh: 'BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM',
  auth: 'tBHItJI5svbpez7KI4CCXg',
}
let made = null
Object.defineProperty(Notification, 'permission', { get: () => localStorage.getItem('said-yes') ?? 'default' })
Notification.requestPermission = async () => (localStorage.setItem('said-yes', 'granted'), 'granted')
PushManager.prototype.getSubscription = async () => made
PushManager.prototype.subscribe = async how => {
  const text = JSON.stringify([...new Uint8Array(how.applicationServerKey)])
  localStorage.setItem('subscribed-with', text)
  return (made = {
    options: { applicationServerKey: new Uint8Array(how.applicationServerKey).buffer },
    endpoint: 'https://push.example.com/1',
    unsubscribe: async () => (made = null, true),
    toJSON: () => ({ endpoint: 'https://push.example.com/1', expirationTime: null, keys }),
  })
}
"""


async def devices_of(town: Town) -> list[dict[str, Any]]:
    """The devices that are pushed to."""
    async with town.api.office.db.connect() as tx:
        rows = await tx.exec_driver_sql("SELECT kind, account_id FROM devices WHERE gone_at IS NULL")
        return [dict(row._mapping) for row in rows]


async def push(phone: Phone, notice: dict[str, Any]) -> None:
    """What a push service delivers to the phone's browser."""
    line = await phone.context.new_cdp_session(phone.page)
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def known(told: dict[str, Any]) -> None:
        for one in told["registrations"]:
            if one["scopeURL"].endswith("/m/") and not found.done():
                found.set_result(one["registrationId"])

    line.on("ServiceWorker.workerRegistrationUpdated", known)
    await line.send("ServiceWorker.enable")
    told = {"origin": phone.url.removesuffix("/m/"), "registrationId": await found, "data": json.dumps(notice)}
    await line.send("ServiceWorker.deliverPushMessage", told)
    await line.detach()


async def test_a_tap_registers_the_phone_and_signing_out_takes_it_off(town: Town, browser: Browser) -> None:
    (team_id,) = await town.go_on_duty("T01")
    async with a_phone(browser, town, permissions=["geolocation", "notifications"]) as phone:
        await phone.context.add_init_script(PUSH_SERVICE)
        await phone.sign_in("officer", team_id=team_id)
        await phone.kept()
        await phone.open("settings")
        await phone.page.reload()
        await phone.page.locator("[data-push-on]").click()
        await expect(phone.page.locator("[data-push=on]")).to_be_visible(timeout=WAIT_MS)
        assert await phone.grave_faults() == []
        key = json.loads(await phone.page.evaluate("localStorage.getItem('subscribed-with')"))
        assert bytes(key) == public_key_bytes()
        officer = await town.officer_of(team_id)
        (device,) = await devices_of(town)
        assert (device["kind"], str(device["account_id"])) == ("web_push", officer.me.id)
        await phone.page.get_by_role("button", name="退出登录").click()
        await expect(phone.page.get_by_role("link", name="我要上报")).to_be_visible()
        assert await devices_of(town) == []


def public_key_bytes() -> bytes:
    """The server's key as a browser subscribes with it."""
    text = public_key(WEB_PUSH_KEY)
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_notice_is_shown_in_words_and_its_receipt_goes_back(town: Town, browser: Browser) -> None:
    (team_id,) = await town.go_on_duty("T02")
    async with a_phone(browser, town, permissions=["geolocation", "notifications"]) as phone:
        await phone.sign_in("officer", team_id=team_id)
        await phone.kept()
        case_id = await town.report(description="叫不醒", dangers=["unconscious"])
        offer = await town.offer_of(case_id)
        waiting = await _waiting_notice(await town.officer_of(UUID(offer["team_id"])))
        await push(
            phone, {**waiting, "kind": "offer.made", "number": 12, "priority": "critical", "offer_id": offer["id"]}
        )
        shown = await phone.page.evaluate(_SHOWN)
        assert shown == [["危急 · 新的派遣，请应答", "案卷 12 · Critical: A new offer: please answer"]]
        async with asyncio.timeout(WAIT_MS / 1000):
            while True:
                if await _is_received(town, waiting["id"]):
                    break
                await asyncio.sleep(0.05)


async def _waiting_notice(officer: Person) -> dict[str, str]:
    """id and code of the notice whose receipt is waited for."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while True:
            notice: dict[str, str] | None = (await officer.saw("/api/officer/task"))["notice"]
            if notice is not None:
                return notice
            await asyncio.sleep(0.05)


async def _is_received(town: Town, notice_id: str) -> bool:
    async with town.api.office.db.connect() as tx:
        found = await tx.exec_driver_sql("SELECT shown FROM notice_receipts WHERE notice_id = $1", (notice_id,))
        return bool(found.scalar())


_SHOWN = """
async () => {
  const at = await navigator.serviceWorker.ready
  for (let n = 0; n < 200; n += 1) {
    const found = await at.getNotifications()
    if (found.length) return found.map(one => [one.title, one.body])
    await new Promise(done => setTimeout(done, 50))
  }
  return []
}
"""
