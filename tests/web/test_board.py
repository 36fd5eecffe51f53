"""The dispatcher's desk: what others do appears by itself, and everything is done by key."""

from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN
from tests.web.conftest import Shot
from tests.web.town import Town, drawn, line_of, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
OUTSIDE = (122.9000, 39.7000)
"""In the city, but beyond its loaded roads."""


async def choose(page: Page, case_id: UUID) -> None:
    """Goes down the queue by key until the case is chosen."""
    queue = page.get_by_role("listbox", name="案卷队列")
    await expect(line_of(page, case_id)).to_be_attached()  # it may come after the key, and above
    while (at := await queue.get_attribute("aria-activedescendant")) != f"line-{case_id}":
        await page.keyboard.press("ArrowDown")
        await expect(queue).not_to_have_attribute("aria-activedescendant", at or "")
    await expect(page.locator("[data-case-panel]")).to_be_visible()


async def test_a_report_appears_and_is_followed_to_its_end_without_touching_anything(
    town: Town, browser: Browser
) -> None:
    page = await window_of(browser, town, "dispatcher")
    await town.go_on_duty()
    case_id = await town.report(IN_XIGANG)
    await expect(line_of(page, case_id)).to_be_visible()
    officer = await town.accept_offer(case_id)
    await expect(line_of(page, case_id)).to_have_attribute("data-stage", "dispatched")
    await town.handle(case_id, officer)
    await expect(line_of(page, case_id)).to_have_attribute("data-stage", "handled")
    checker = await town.somebody("checker")
    await checker.did(f"/api/cases/{case_id}/verify", {"note": "属实"})
    await expect(line_of(page, case_id)).to_have_count(0)
    await page.context.close()


async def test_a_dispatcher_accepts_by_key(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "dispatcher")
    case_id = await town.report((121.0300, 38.8000), description="渤海边有人躺着")
    assert (await town.case(case_id))["stage"] == "discovered", "outside the city's area nothing is accepted by rule"
    await choose(page, case_id)
    await page.keyboard.press("a")
    await expect(page.locator("[data-stage]").first).to_be_visible()
    await town.until(case_id, "accepted")
    await expect(line_of(page, case_id)).to_have_attribute("data-stage", "accepted")
    await page.context.close()


async def test_a_team_is_assigned_over_the_machine_by_key_with_a_reason(
    town: Town, browser: Browser, shot: Shot
) -> None:
    await town.go_on_duty()
    page = await window_of(browser, town, "dispatcher")
    case_id = await town.report((IN_ZHONGSHAN[0] + 0.004, IN_ZHONGSHAN[1]), description="天桥下有人")
    asked = (await town.offer_of(case_id))["team_id"]
    await choose(page, case_id)
    await page.keyboard.press("2")
    await expect(page.get_by_text("看路线").first).to_be_visible()
    await page.keyboard.press("t")
    dialog = page.locator("[data-dialog=assign]")
    await expect(dialog.locator("[data-team]").first).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await shot(page, "case-assign")
    await page.keyboard.press("Enter")
    await page.keyboard.type("更近")
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    found = await town.case(case_id)
    taken = found["team_id"] or (await town.offer_of(case_id))["team_id"]
    assert taken != asked or found["stage"] == "dispatched"
    await page.keyboard.press("3")
    await expect(page.locator("[data-kind='case.assigned']")).to_contain_text("更近")
    await page.context.close()


async def test_two_cases_are_joined_by_key_after_a_preview(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "dispatcher")
    place = (121.5850, 38.9060)
    stays = await town.report(place, description="红衣老人", people_count=1)
    goes = await town.report((place[0] + 0.006, place[1]), description="公园长椅有人", people_count=3)
    assert stays != goes
    await choose(page, goes)
    await page.keyboard.press("m")
    dialog = page.locator("[data-dialog=join]")
    await dialog.locator(f"[data-into='{stays}']").click()
    await expect(dialog.locator("table")).to_contain_text("并案后")
    await dialog.locator("textarea").fill("同一人")
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    await town.until(goes, "joined")
    await expect(line_of(page, goes)).to_have_count(0)
    assert (await town.case(stays))["sighting_count"] == 2
    await page.context.close()


async def test_what_is_refused_is_said_in_words_and_what_was_typed_stays(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "dispatcher")
    case_id = await town.report((121.6000, 38.9200), description="桥洞")
    await choose(page, case_id)
    await page.keyboard.press("s")
    dialog = page.locator("[data-dialog=ask]")
    await dialog.locator("select").first.select_option("void")
    await dialog.locator("textarea").fill("重复登记")
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(page.locator("[data-case-panel]")).to_contain_text("等待审批：作废")
    await page.keyboard.press("s")
    await dialog.locator("select").first.select_option("void")
    await dialog.locator("textarea").fill("再次申请")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("同样的申请正在等待审批")
    await expect(dialog.locator("textarea")).to_have_value("再次申请")
    await page.context.close()


async def test_the_queue_is_narrowed_by_words_and_by_stage(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "dispatcher")
    other_id = await town.report((121.6280, 38.9180), description="站前广场花坛边")
    case_id = await town.report((121.5600, 38.9000), description="球场看台下")
    number = str((await town.case(case_id))["number"])
    await expect(line_of(page, case_id)).to_be_visible()
    await expect(line_of(page, other_id)).to_be_visible()
    await page.keyboard.press("/")
    await page.keyboard.type(number)
    await expect(page.locator("[data-case]")).to_have_count(1)
    await page.get_by_text("清除筛选").click()
    await expect(line_of(page, other_id)).to_be_visible()
    await page.context.close()


@pytest.mark.parametrize("size", [(1366, 768), (3840, 2160)], ids=["1366", "4K"])
@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_the_board_fits_its_screen(
    town: Town, browser: Browser, shot: Shot, size: tuple[int, int], theme: str
) -> None:
    page = await window_of(browser, town, "dispatcher", size=size)
    if theme == "light":
        await page.get_by_role("button", name="浅色").click()
    await drawn(page)
    overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    if size[0] > 2000 and theme == "dark":
        await shot(page, "board-4k")
    await page.context.close()


async def test_english_is_one_click_away_and_stays(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "dispatcher")
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    await page.context.close()


async def test_a_case_that_opens_before_one_s_eyes_is_named_by_its_place(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "dispatcher")
    case_id = await town.report((121.5480, 38.8990), address="马栏广场东侧报刊亭")
    await expect(line_of(page, case_id)).to_contain_text("马栏广场东侧报刊亭")
    await page.context.close()
