"""The hotline: from ringing to a team that is asked, by keyboard alone; parked, taken up, joined; nothing typed is lost."""

import re
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from tests.web.conftest import ROOT, Shot
from tests.web.town import WAIT_MS, Town, at_desk, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
CROSSING = "一二九街与中山路交叉口"


async def operator(town: Town, browser: Browser, **more: Any) -> Page:
    """A window at the hotline desk, ready for a number."""
    page = await window_of(browser, town, "operator", **more)
    await page.goto(f"{town.url}#/hotline")
    await expect(page.locator("[data-number]")).to_be_focused()
    await expect(page.locator(".dangers .danger")).to_have_count(len(town.api.office.city.policy.triage))
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


async def sighting_of(town: Town, case_id: UUID) -> Any:
    """The one sighting of a case, as the server has it."""
    leader = await town.somebody("shift_leader")
    (found,) = (await leader.saw(f"/api/cases/{case_id}"))["sightings"]
    return found


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
    await expect(page.locator("[data-dangers]")).to_be_focused()
    await page.keyboard.press("3")
    await expect(page.locator("[data-people]")).to_have_value("1")
    await expect(page.get_by_role("switch", checked=True)).to_have_text("3昏迷、叫不醒✓")
    await expect(page.get_by_text("先请来电人拨打 120")).to_be_visible()
    await shot(page, "hotline-call")
    case_id = await dispatched(page)
    await expect(page.locator("[data-number]")).to_be_focused()
    await expect(page.locator("[data-step=offered]")).to_have_attribute("data-state", "now", timeout=WAIT_MS)
    await expect(page.locator("[data-step=offered] strong")).to_contain_text("队伍接受后再告知来电人")
    await expect(page.get_by_text("请来电人先拨打 120")).to_be_visible()
    await shot(page, "hotline")
    await town.accept_offer(case_id)
    await expect(page.locator("[data-step=on_the_way]")).to_have_attribute("data-state", "now")
    going = page.locator("[data-step=on_the_way] strong")
    await expect(going).to_have_text(re.compile(r"，还有约 \d+ 分钟（\d\d:\d\d 到）$"))
    assert (await town.case(case_id))["address"] == "西岗区 一二九街与中山路交叉口附近（约 10 米）"
    await at_desk(page, town, "board")
    await page.keyboard.press("Alt+2")
    told = page.locator(f"[data-sent='{case_id}']")
    await expect(told.locator("[data-where]")).to_contain_text("一二九街与中山路交叉口")
    await expect(told.locator("[data-where]")).to_contain_text("尾号 1111")
    await page.context.close()


async def test_streets_that_do_not_meet_are_told_so_and_a_street_alone_is_no_exact_place(
    town: Town, browser: Browser
) -> None:
    page = await operator(town, browser)
    await page.keyboard.press("F4")
    await page.keyboard.type("西安路 长春路")
    await expect(page.locator("[data-apart]")).to_contain_text("西安路与长春路不相交，请问清是哪条路、靠近哪里")
    await page.locator("#hotline-place").fill("香炉礁立交桥")
    await expect(page.locator("[data-shortened]")).to_contain_text("没有“香炉礁立交桥”，按“香炉礁”查到")
    await page.locator("#hotline-place").fill("")
    await find_place(page, "西安路", "西安路")
    await expect(page.locator("[data-rough]")).to_contain_text("位置不准")
    await expect(page.locator("[data-place]")).to_have_value(re.compile("^西安路（.*位置不准）$"))
    case_id = await dispatched(page)
    assert (await sighting_of(town, case_id))["accuracy_m"] == 500
    await find_place(page, "西安路", "西安路")
    await page.locator(".maplibregl-canvas").click(position={"x": 60, "y": 200})
    await expect(page.locator("#hotline-place")).to_have_value("")
    await expect(page.locator("[data-rough]")).to_have_count(0)
    await page.context.close()


async def test_many_people_are_asked_about_before_they_are_sent(town: Town, browser: Browser) -> None:
    page = await operator(town, browser)
    await find_place(page, "数码广场", "数码广场")
    await page.keyboard.press("F3")
    await page.keyboard.type("31")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-many]")).to_contain_text("确定有 31 人吗？")
    await expect(page.locator("article.large[data-sent]")).to_have_count(0)
    await page.keyboard.type("3")
    await expect(page.locator("[data-many]")).to_have_count(0)
    case_id = await dispatched(page)
    assert (await town.case(case_id))["people_count"] == 3
    await page.context.close()


async def test_one_story_told_of_another_street_is_shown_as_such_and_joined_without_another_team(
    town: Town, browser: Browser
) -> None:
    story = "一个穿红衣服的女孩抱着吉他在台阶上哭"
    await town.go_on_duty("T05", "T06", "T07", "T08", "T09", "T10")
    page = await operator(town, browser)
    await page.keyboard.type("13800007777")
    await page.locator("[data-words]").fill(story)
    await page.locator("[data-call-back]").check()
    await find_place(page, "马栏广场", "马栏广场")
    first = await dispatched(page)
    await expect(page.locator("article.large [data-called-back]")).to_contain_text("已记要回电")
    await town.accept_offer(first)
    await page.locator("[data-words]").fill(story)
    await find_place(page, "西安路", "西安路")
    same = page.locator(f"[data-same='{first}']")
    await expect(same).to_contain_text("地点不同，说法相似")
    await expect(same).to_contain_text("马栏广场")
    await same.press("Enter")
    await expect(page.locator("[data-dispatch]")).to_contain_text("并入（不另派队伍）")
    await page.context.close()


async def test_a_parked_call_is_pointed_to_by_its_number_and_thrown_away_after_a_question(
    town: Town, browser: Browser
) -> None:
    page = await operator(town, browser)
    await page.keyboard.type("13800008888")
    await page.keyboard.press("F8")
    await expect(page.locator("[data-note]")).to_have_text("已暂存")
    await page.keyboard.type("138 0000 8888")
    await expect(page.locator("[data-parked-same]")).to_contain_text("这个号码有一个暂存的来电")
    await expect(page.locator("[data-note]")).to_have_count(0)
    await page.keyboard.press("F9")
    one = page.get_by_role("listitem").filter(has_text="13800008888")
    await expect(one.locator("[data-parked]")).to_be_focused()
    await one.locator("[data-discard]").click()
    await one.locator("[data-discard-yes]").click()
    await expect(one).to_have_count(0)
    await expect(page.locator("[data-parked-same]")).to_have_count(0)
    await page.context.close()


async def test_an_operator_comes_to_the_hotline_and_is_shown_its_keys_and_the_alarms_go_with_esc(
    town: Town, browser: Browser
) -> None:
    page = await window_of(browser, town, "operator")
    await expect(page.locator("[data-number]")).to_be_focused()
    await page.locator(".map canvas").focus()
    await page.keyboard.press("?")
    await expect(page.locator("[data-keys-here]")).to_contain_text("Ctrl+Enter")
    desks = page.locator("[data-keys-desks]")
    await expect(desks).to_contain_text("热线")
    await expect(desks).not_to_contain_text("管理")
    await page.keyboard.press("Escape")
    bell = page.get_by_role("button", name="告警")
    panel = page.get_by_role("region", name="告警")
    await bell.click()
    await expect(panel).to_be_visible()
    await page.locator("[data-number]").focus()
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await bell.click()
    await page.keyboard.press("Alt+1")
    await expect(page).to_have_url(re.compile("#/board"))
    await expect(panel).to_be_hidden()
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
    await expect(page.get_by_text("已恢复没有发出的来电")).to_be_visible()
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
    await page.route("**/api/reports", lambda route: route.abort())
    await find_place(page, "友好广场", "友好广场")
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
