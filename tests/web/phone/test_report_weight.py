"""What the phone app weighs, and whether it can be used on an old phone over a slow line. Figures are printed: docs/measurements.md."""

import time
from typing import Any

import pytest
from playwright.async_api import Browser, CDPSession, expect

from tests.web.phone.hand import Phone, a_phone
from tests.web.phone.test_report import go_on, receipt_of, see, sighting_of
from tests.web.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")
MOST_BYTES = 200_000
SLOW_CPU = 4
# "Slow 3G" as Chromium's own tools have it: 400 kbit/s each way, 400 ms.
SLOW_3G = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}


async def weighed(phone: Phone) -> tuple[CDPSession, dict[str, float]]:
    """Counts the bytes of each answer to the page as they come over the wire, head and packed body."""
    line = await phone.context.new_cdp_session(phone.page)
    names: dict[str, str] = {}
    bytes_of: dict[str, float] = {}

    def asked(told: dict[str, Any]) -> None:
        names[told["requestId"]] = told["response"]["url"].split("/", 3)[-1]

    def came(told: dict[str, Any]) -> None:
        bytes_of[names.get(told["requestId"], "?")] = told["encodedDataLength"]

    line.on("Network.responseReceived", asked)
    line.on("Network.loadingFinished", came)
    await line.send("Network.enable")
    return line, bytes_of


async def test_the_first_load_is_small(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town, service_workers="block") as phone:
        for page in ("", "report", "sign-in"):
            await phone.page.goto("about:blank")
            line, bytes_of = await weighed(phone)
            await line.send("Network.setCacheDisabled", {"cacheDisabled": True})
            await phone.open(page)
            await phone.page.wait_for_load_state("load")
            if page == "report":
                await expect(phone.page.locator("[data-said] strong")).to_be_visible()
            total = sum(bytes_of.values())
            print(f"\nfirst load of /m/#/{page}: {total / 1000:.1f} kB in {len(bytes_of)} answers")  # noqa: T201
            for name, size in sorted(bytes_of.items(), key=lambda one: -one[1])[:8]:
                print(f"  {size / 1000:8.1f} kB  {name}")  # noqa: T201
            assert any("assets/" in name for name in bytes_of), "counted at all"
            assert not [name for name in bytes_of if "maplibre" in name.lower() or "PlaceMap" in name]
            assert total <= MOST_BYTES
            await line.detach()


async def test_the_form_can_be_used_on_an_old_phone_over_a_slow_line(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town, at=(121.5705, 38.9155), service_workers="block") as phone:
        page = phone.page
        await page.goto("about:blank")
        line, bytes_of = await weighed(phone)
        await line.send("Network.setCacheDisabled", {"cacheDisabled": True})
        await line.send("Network.emulateNetworkConditions", SLOW_3G)
        await line.send("Emulation.setCPUThrottlingRate", {"rate": SLOW_CPU})
        began = time.monotonic()
        await page.goto(f"{phone.url}#/report")
        await expect(page.locator("[data-sign=lying]")).to_be_visible()
        await see(page, "lying")
        await expect(page.locator("[data-sign=lying]")).to_have_attribute("aria-pressed", "true")
        usable_s = time.monotonic() - began
        await expect(page.locator("[data-said] strong")).to_be_visible()
        await page.locator("[name=words]").fill("长椅上躺着一人")
        began = time.monotonic()
        await page.locator("[data-send]").click()
        await go_on(page)
        receipt = await receipt_of(page)
        sent_s = time.monotonic() - began
        figures = f"usable after {usable_s:.1f} s, receipt {sent_s:.1f} s after the tap, {sum(bytes_of.values()) / 1000:.0f} kB"
        print(f"\n4x CPU, 400 kbit/s, 400 ms: {figures}")  # noqa: T201
        assert (await sighting_of(town, receipt))["description"] == "长椅上躺着一人"
