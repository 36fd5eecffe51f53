"""The officer's pages for every eye and hand: large letters, the dark, another language; and a position that is shown when it is on."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.web.conftest import Shot
from tests.web.phone.officers import all_off_duty, at_step, base_of, be, beside, officer_phone, pick
from tests.web.town import WAIT_MS, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")
WATCHES = """
  window.watches = new Set()
  const { geolocation } = navigator
  const [watch, clear] = [geolocation.watchPosition.bind(geolocation), geolocation.clearWatch.bind(geolocation)]
  geolocation.watchPosition = (...more) => { const id = watch(...more); window.watches.add(id); return id }
  geolocation.clearWatch = id => { window.watches.delete(id); clear(id) }
"""


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def quiet(town: Town) -> AsyncIterator[None]:
    yield
    await all_off_duty(town)


async def fixes_of(town: Town, code: str) -> int:
    """How many positions of the team the server keeps."""
    async with town.api.office.db.connect() as tx:
        found = await tx.exec_driver_sql(
            "SELECT count(*) FROM fixes f JOIN teams t ON t.id = f.team_id WHERE t.code = $1", (code,)
        )
        return int(found.scalar_one())


async def test_positions_are_sent_on_duty_and_stop_off_duty_and_at_sign_out(
    town: Town, browser: Browser, shot: Shot
) -> None:
    _, base = await base_of(town, "T05")
    async with officer_phone(browser, town, "T05", on_duty=False) as phone:
        page = phone.page
        await page.add_init_script(WATCHES)
        await page.reload()
        sign = page.locator("[data-position]")
        await expect(sign).to_have_attribute("data-state", "off")
        assert await page.evaluate("window.watches.size") == 0
        await be(phone, "on_duty")
        await expect(sign).to_contain_text("误差 10 米")
        for north_m in (100, 200, 300):
            await phone.be_at(*beside(base, north_m=north_m))
            async with asyncio.timeout(WAIT_MS / 1000):
                while await fixes_of(town, "T05") < north_m // 100:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        await sign.click()
        await expect(page.get_by_text("在岗，约 20 秒一次")).to_be_visible()
        await shot(page, "phone-position")
        assert await page.evaluate("window.watches.size") == 1
        await be(phone, "off_duty")
        await expect(sign).to_have_attribute("data-state", "off")
        assert await page.evaluate("window.watches.size") == 0
        assert await fixes_of(town, "T05") >= 3
        await phone.be_at(*beside(base, north_m=2_000))
        await be(phone, "on_duty")
        await expect(sign).to_have_attribute("data-state", "on")
        await phone.go("settings")
        await page.get_by_role("button", name="退出登录").click()
        await expect(page.locator("[data-officer-bar]")).to_have_count(0)
        assert await page.evaluate("window.watches.size") == 0


async def test_a_refused_position_says_what_to_do_and_hinders_nothing(town: Town, browser: Browser, shot: Shot) -> None:
    _, base = await base_of(town, "T01")
    async with officer_phone(browser, town, "T01", permissions=[]) as phone:
        page = phone.page
        await expect(page.locator("[data-position]")).to_have_attribute("data-state", "refused", timeout=WAIT_MS)
        await page.locator("[data-position]").click()
        await expect(page.get_by_text("设置 → 应用 → 位置信息")).to_be_visible()
        await shot(page, "phone-position-refused")
        await town.report(beside(base, north_m=200), by=await town.somebody("grid_worker"), channel="grid")
        await at_step(phone, "offer")
        await page.locator("[data-accept]").click()
        await at_step(phone, "set_out")
        await page.locator("[data-next=arrive]").click()
        await expect(page.locator("[data-arrive-reason]")).to_contain_text("没有定位权限")
        await page.locator("[data-arrive-reason] textarea").fill("手机不许定位，人就在眼前")
        await page.get_by_role("button", name="写明原因，确认到达").click()
        await at_step(phone, "spot")
        await phone.sent()


async def test_twice_as_large_letters_in_the_dark_and_in_english(town: Town, browser: Browser, shot: Shot) -> None:
    _, base = await base_of(town, "T01")
    async with officer_phone(browser, town, "T01", color_scheme="dark") as phone:
        page = phone.page
        await phone.go("settings")
        await page.get_by_role("button", name="English").click()
        await phone.go("task")
        await expect(page.get_by_text("Ready. An offer will ring.")).to_be_visible()
        await town.report(
            beside(base, north_m=200),
            by=await town.somebody("grid_worker"),
            channel="grid",
            dangers=["injury", "minor"],
            address="Renmin Road 1",
            description="An old man on the steps",
        )
        await at_step(phone, "offer")
        await expect(page.locator("[data-accept]")).to_have_text(re.compile("Accept"))
        assert await phone.grave_faults() == []
        await shot(page, "phone-offer-english-dark")
        chinese = re.findall(r"[\u4e00-\u9fff]+", await page.locator("body").inner_text())
        assert chinese == [], "nothing but what people wrote is in Chinese"
        await phone.large_text()
        assert await phone.sideways() == 0
        await shot(page, "phone-offer-large")
        await page.locator("[data-accept]").click()
        await at_step(phone, "set_out")
        assert await phone.sideways() == 0
        await page.locator("[data-next=arrive]").click()
        await at_step(phone, "spot")
        assert await phone.sideways() == 0
        assert await phone.grave_faults() == []
        await pick(page, "age_band", "child")
        await shot(page, "phone-spot-large")
        await page.locator("[data-next=did]").click()
        for outcome in ("stays_supplies_given", "to_police"):
            await page.locator(f"[data-outcome={outcome}]").click()
            assert await phone.sideways() == 0
            assert await phone.grave_faults() == []
            await page.get_by_role("button", name="Another outcome").click()


async def test_a_crew_asks_the_control_room_for_more_time(town: Town, browser: Browser, shot: Shot) -> None:
    _, base = await base_of(town, "T01")
    async with officer_phone(browser, town, "T01") as phone:
        page = phone.page
        case_id = await town.report(beside(base, north_m=200), by=await town.somebody("grid_worker"), channel="grid")
        await at_step(phone, "offer")
        await page.locator("[data-accept]").click()
        await at_step(phone, "set_out")
        await page.locator("[data-ask]").click()
        await page.locator("[name=ask_reason]").fill("前方道路封闭，绕行")
        assert await phone.grave_faults() == []
        await shot(page, "phone-ask")
        await page.locator("[data-ask-send]").click()
        await expect(page.get_by_text("申请已提交，等待审批。")).to_be_visible()
        await phone.sent()
        requests = await (await town.somebody("shift_leader")).saw("/api/approvals")
        (asked,) = [one for one in requests if one["case_id"] == str(case_id)]
        assert (asked["action"], asked["reason"]) == ("extend", "前方道路封闭，绕行")
