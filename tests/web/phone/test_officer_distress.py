"""A crew in danger: one press on the phone, an alarm in the control room, and its answer on the phone, with and without a network."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.web.conftest import Shot
from tests.web.phone.officers import all_off_duty, at_step, be, officer_phone, photograph
from tests.web.town import WAIT_MS, Town, at_desk, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
SAYS = "[data-distress-says]"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def quiet(town: Town) -> AsyncIterator[None]:
    yield
    await all_off_duty(town)


async def test_held_down_it_is_an_alarm_at_once_and_the_answer_comes_back(
    town: Town, browser: Browser, shot: Shot
) -> None:
    desk = await window_of(browser, town, "dispatcher")
    await at_desk(desk, town, "board")
    async with officer_phone(browser, town, "T01") as phone:
        button = phone.page.locator("[data-distress]")
        await button.click(delay=1_700)
        await expect(phone.page.locator(SAYS)).to_contain_text("等待应答", timeout=WAIT_MS)
        alarm = desk.locator("[role=alert]").filter(has_text="队员求助")
        await expect(alarm).to_be_visible(timeout=WAIT_MS)
        assert await phone.grave_faults() == []
        await shot(phone.page, "phone-distress")
        await desk.keyboard.press("Alt+0")
        await expect(desk.locator("input[name=note]")).to_be_focused()
        await desk.keyboard.type("增援五分钟到")
        await desk.keyboard.press("Enter")
        says = phone.page.locator("[data-distress-says=answered]")
        await expect(says).to_contain_text("已应答", timeout=WAIT_MS)
        await expect(says).to_contain_text("增援五分钟到")
        await shot(phone.page, "phone-distress-answered")
        await phone.sent()
        await be(phone, "off_duty")
    await desk.context.close()


async def test_a_key_or_a_short_tap_asks_first(town: Town, browser: Browser, shot: Shot) -> None:
    async with officer_phone(browser, town, "T02") as phone:
        page = phone.page
        await page.locator("[data-distress]").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-distress-confirm]")).to_be_visible()
        assert await phone.grave_faults() == []
        await shot(page, "phone-distress-ask")
        await page.keyboard.press("Escape")
        await expect(page.locator("[data-distress-confirm]")).to_have_count(0)
        await expect(page.locator("[data-distress]")).to_be_focused()
        assert [one for one in await phone.kept_actions() if one["kind"] == "distress"] == []


async def test_without_a_network_it_waits_first_in_line_and_says_so(town: Town, browser: Browser, shot: Shot) -> None:
    async with officer_phone(browser, town, "T04") as phone:
        page = phone.page
        await phone.go("found")
        await phone.offline()
        await page.locator("[name=words]").fill("桥下")
        await photograph(page)
        await expect(page.locator("[data-found-place]")).to_have_attribute("data-known", "true")
        await page.locator("[data-next=found]").click()
        await at_step(phone, "spot")
        await page.locator("[data-distress]").click()
        await page.locator("[data-distress-confirm]").click()
        await expect(page.locator("[data-distress-says=waits]")).to_contain_text("拨打 110")
        await shot(page, "phone-distress-offline")
        waiting = [one["kind"] for one in await phone.kept_actions() if one["state"] == "waiting"]
        assert waiting == ["distress", "found", "photo"]
        await phone.offline(False)
        await expect(page.locator("[data-distress-says=sent]")).to_be_visible(timeout=WAIT_MS)
        await phone.sent()
        async with town.api.office.db.connect() as tx:
            calls = await tx.exec_driver_sql(
                "SELECT count(*) FROM distress_calls d JOIN teams t ON t.id = d.team_id WHERE t.code = 'T04'"
            )
            assert calls.scalar_one() == 1
