"""The hotline: from ringing to a team that is asked, by keyboard alone; parked, taken up, joined; nothing typed is lost."""

import re
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from tests.web.conftest import ROOT, Shot
from tests.web.town import WAIT_MS, Town, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
CROSSING = "一二九街与中山路交叉口"


async def operator(town: Town, browser: Browser, **more: Any) -> Page:
    """A window at the hotline desk, ready for a number."""
    page = await window_of(browser, town, "operator", **more)
    await page.goto(f"{town.url}#/hotline")
    await expect(page.locator("[data-number]")).to_be_focused()
    await expect(page.locator(".danger")).to_have_count(len(town.api.office.city.policy.triage))
    return page


async def find_place(page: Page, said: str, name: str) -> None:
    """By key: F4, what the caller says, and Enter once the place stands on top."""
    await page.keyboard.press("F4")
    await page.keyboard.type(said)
    await expect(page.locator("#hotline-places li.at")).to_contain_text(name)
    await page.keyboard.press("Enter")
    await expect(page.locator(".hotline-pin")).to_be_visible()


async def dispatched(page: Page) -> UUID:
    """Ctrl+Enter; the case."""
    await page.keyboard.press("Control+Enter")
    sent = page.locator("article.large[data-sent]")
    await expect(sent.locator("[data-receipt]")).to_have_text(_like_a_receipt())
    return UUID(await sent.get_attribute("data-sent"))


def _like_a_receipt() -> Any:
    return re.compile(r"^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$")


async def test_a_call_is_dispatched_by_keyboard_alone_and_followed_until_a_team_takes_it(
    town: Town, browser: Browser, shot: Shot
) -> None:
    await town.go_on_duty("T01", "T02", "T03", "T04")
    page = await operator(town, browser)
    await page.keyboard.type("13800001111")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("没有以往来电")).to_be_visible()
    await page.keyboard.type("有位老人躺在路口，叫不醒")
    await find_place(page, "zsl yejj", CROSSING)
    await expect(page.locator("[data-place]")).to_have_value("西岗区 一二九街与中山路交叉口附近（约 10 米）")
    await expect(page.locator("[data-people]")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("3")
    await expect(page.get_by_role("switch", checked=True)).to_have_text("3昏迷、叫不醒✓")
    await expect(page.get_by_text("先请来电人拨打 120")).to_be_visible()
    await shot(page, "hotline-call")
    case_id = await dispatched(page)
    await expect(page.locator("[data-number]")).to_be_focused()
    await expect(page.locator("[data-step=offered]")).to_have_attribute("data-state", "now", timeout=WAIT_MS)
    await expect(page.locator("[data-step=offered] strong")).to_contain_text("分钟到")
    await shot(page, "hotline")
    await town.accept_offer(case_id)
    await expect(page.locator("[data-step=on_the_way]")).to_have_attribute("data-state", "now")
    await page.context.close()


async def test_an_earlier_caller_is_recognised_and_a_second_call_about_the_same_is_joined_by_key(
    town: Town, browser: Browser
) -> None:
    page = await operator(town, browser)
    await page.keyboard.type("13800003333")
    await page.keyboard.press("Enter")
    await find_place(page, "人民广场", "人民广场")
    first = await dispatched(page)
    await page.keyboard.press("F2")
    await page.keyboard.type("13800003333")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("list", name="这个号码的以往来电")).to_be_visible()
    await page.keyboard.type("还是刚才说的那个人")
    await find_place(page, "人民广场", "人民广场")
    same = page.locator(f"[data-same='{first}']")
    await expect(same).to_be_visible()
    await page.keyboard.press("F7")
    await page.keyboard.press("Enter")
    await expect(same).to_have_attribute("aria-pressed", "true")
    assert await dispatched(page) == first
    assert (await town.case(first))["sighting_count"] == 2
    await page.context.close()


async def test_a_call_is_parked_and_taken_up_elsewhere_by_key_with_all_that_was_typed(
    town: Town, browser: Browser
) -> None:
    page = await operator(town, browser)
    await page.keyboard.type("13800004444")
    await page.keyboard.press("Enter")
    await page.keyboard.type("说话断断续续，等他再打来")
    await find_place(page, "中山广场", "中山广场")
    await page.keyboard.press("F8")
    await expect(page.locator("[data-parked]")).to_have_count(1)
    await expect(page.locator("[data-words]")).to_have_value("")
    await page.keyboard.type("13800005555")
    await page.keyboard.press("F9")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-words]")).to_have_value("说话断断续续，等他再打来")
    await expect(page.locator("[data-number]")).to_have_value("13800004444")
    await expect(page.locator(".hotline-pin")).to_be_visible()
    await expect(page.locator("[data-parked]")).to_have_count(1)
    await expect(page.locator("[data-parked]")).to_contain_text("13800005555")
    await page.context.close()


async def test_what_was_typed_survives_a_reload_and_is_gone_with_signing_out(town: Town, browser: Browser) -> None:
    page = await operator(town, browser)
    await page.keyboard.type("13800006666")
    await page.locator("[data-words]").fill("刷新前没写完")
    await page.reload()
    await expect(page.locator("[data-words]")).to_have_value("刷新前没写完")
    await expect(page.get_by_text("已恢复刷新前没有发出的来电")).to_be_visible()
    await page.get_by_role("button", name="退出").click()
    await expect(page.locator("input[name=login]")).to_be_visible()
    assert await page.evaluate("sessionStorage.getItem('rescue.hotline.draft')") is None
    await page.context.close()


async def test_what_is_missing_is_said_and_what_the_server_refuses_leaves_everything_typed(
    town: Town, browser: Browser
) -> None:
    page = await operator(town, browser)
    await page.locator("[data-words]").fill("桥下有人")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_role("alert")).to_contain_text("还缺地点")
    await expect(page.locator("#hotline-place")).to_be_focused()
    await page.keyboard.type("没有这样的路名")
    await expect(page.get_by_text("没有找到“没有这样的路名”")).to_be_visible()
    await find_place(page, "友好广场", "友好广场")
    await page.route("**/api/reports", lambda route: route.abort())
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_role("alert")).to_contain_text("连不上服务器")
    await expect(page.locator("[data-words]")).to_have_value("桥下有人")
    await page.unroute("**/api/reports")
    await dispatched(page)
    await page.context.close()


async def test_the_pin_is_moved_by_arrow_keys_and_told_in_words(town: Town, browser: Browser) -> None:
    page = await operator(town, browser)
    await find_place(page, "中山路 一二九街", CROSSING)
    await expect(page.locator("[data-place]")).to_have_value("西岗区 一二九街与中山路交叉口附近（约 10 米）")
    await page.locator(".hotline-pin").focus()
    for _ in range(3):
        await page.keyboard.press("Shift+ArrowDown")
    await expect(page.locator("[data-place]")).not_to_have_value("西岗区 一二九街与中山路交叉口附近（约 10 米）")
    await page.context.close()


@pytest.mark.parametrize(("theme", "size"), [("light", (1366, 768)), ("dark", (3840, 2160))], ids=["light", "4K"])
async def test_the_desk_has_no_serious_fault_for_who_cannot_see_well(
    town: Town, browser: Browser, theme: str, size: tuple[int, int]
) -> None:
    page = await operator(town, browser, size=size)
    await page.evaluate("theme => document.documentElement.classList.toggle('dark', theme === 'dark')", theme)
    await find_place(page, "中山路 一二九街", CROSSING)
    await page.keyboard.press("F6")
    await page.keyboard.press("1")
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run().then(found => found.violations)")
    serious = [
        (one["id"], one["help"], [node["html"][:160] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    await page.context.close()
