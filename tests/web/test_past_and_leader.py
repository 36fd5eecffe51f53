"""The past on the screen is what was seen live; a leader decides, hands over, and the rules change, all in front of others."""

import asyncio
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, expect

from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN
from tests.web.town import Town, at_desk, line_of, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def lines_of(page: Page) -> list[tuple[str | None, str | None]]:
    """What the queue shows, from top to bottom: case and stage."""
    lines = await page.locator("[data-case][data-stage]").all()
    return [(await line.get_attribute("data-case"), await line.get_attribute("data-stage")) for line in lines]


async def test_the_replay_shows_what_was_seen_live(town: Town, browser: Browser) -> None:
    await town.go_on_duty("T01", "T02", "T03", "T04")
    live = await window_of(browser, town, "dispatcher")
    first = await town.report(IN_XIGANG, description="地下通道口有位老人")
    officer = await town.accept_offer(first)
    second = await town.report((IN_ZHONGSHAN[0] + 0.006, IN_ZHONGSHAN[1]), description="桥下有两个人")
    await town.accept_offer(second)
    for case_id in (first, second):
        await expect(line_of(live, case_id)).to_have_attribute("data-stage", "dispatched")
    await asyncio.sleep(1)
    seen, at = await lines_of(live), town.now()
    await asyncio.sleep(1)
    await town.handle(first, officer)
    await expect(line_of(live, first)).to_have_attribute("data-stage", "handled")
    await live.goto(f"{town.url}#/replay?at={quote(at.isoformat())}")
    await expect(live.locator("[data-at]")).not_to_have_attribute("data-seq", "-1")
    await expect(line_of(live, first)).to_have_attribute("data-stage", "dispatched")
    assert sorted(await lines_of(live)) == sorted(seen)
    await expect(live.locator(".past")).to_contain_text("这是过去")
    # Played on, event by event, it comes to what is now.
    for _ in range(12):
        await live.locator("[data-next]").click()
        if await line_of(live, first).get_attribute("data-stage") == "handled":
            break
    await expect(line_of(live, first)).to_have_attribute("data-stage", "handled")
    await live.context.close()


async def test_before_the_log_begins_the_server_says_so(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "dispatcher")
    await page.goto(f"{town.url}#/replay?at={quote((town.now() - timedelta(days=400)).isoformat())}")
    await expect(page.get_by_role("alert")).to_contain_text("还没有任何记录")
    await page.context.close()


async def test_a_request_is_granted_here_and_carried_out_there(town: Town, browser: Browser) -> None:
    await town.go_on_duty("T05", "T06")
    case_id = await town.report((IN_ZHONGSHAN[0] - 0.008, IN_ZHONGSHAN[1]), description="车站候车厅有人")
    await town.accept_offer(case_id)
    leader = await window_of(browser, town, "shift_leader")
    await at_desk(leader, town, "leader")
    dispatcher = await town.somebody("dispatcher")
    asked = await dispatcher.did(f"/api/cases/{case_id}/ask", {"reason": "路上积雪", "action": "suspend"})
    request = leader.locator(f"[data-approval='{asked['approval_id']}']")
    await expect(request).to_contain_text("路上积雪")
    await request.get_by_role("button", name="批准", exact=False).first.click()
    await town.until(case_id, "suspended")
    await expect(request).to_have_count(0)
    await expect(leader.locator("[data-figure='closed'] strong")).to_contain_text("—")
    await leader.context.close()


async def test_one_leader_leaves_a_note_and_the_next_takes_over(town: Town, browser: Browser) -> None:
    writer = await window_of(browser, town, "shift_leader")
    await at_desk(writer, town, "leader")
    await writer.locator("[data-draft]").click()
    await expect(writer.locator("#note")).to_have_value(re.compile("未结案卷"))
    await writer.locator("#note").press("Control+End")
    await writer.locator("#note").type("桥下老人早班再看")
    reader = await window_of(browser, town, "supervisor")
    await at_desk(reader, town, "leader")
    await writer.locator("[data-write]").click()
    await expect(reader.locator(".waiting")).to_contain_text("桥下老人早班再看")
    await expect(writer.locator("[data-take]")).to_have_count(0)
    await reader.locator("[data-take]").click()
    await expect(writer.locator("[data-notes] details").first).to_contain_text("已接班")
    await writer.context.close()
    await reader.context.close()


async def test_a_policy_is_previewed_and_put_in_force(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "admin")
    await at_desk(page, town, "admin")
    await page.locator("[data-tab=policy]").click()
    editor = page.locator("textarea")
    await expect(editor).not_to_have_value("")
    before = await editor.input_value()
    await editor.fill(before + '\n[clocks]\naccept = "soon"\n')
    await page.locator("[data-preview]").click()
    await expect(page.locator("[data-problems]")).to_contain_text("clocks.accept")
    await editor.fill(before + '\n[clocks]\naccept = "7 min"\n')
    await page.locator("[data-preview]").click()
    await expect(page.locator("[data-changes]")).to_contain_text("7 min")
    await page.locator("#why").fill("试行新规定")
    await page.locator("[data-apply]").click()
    await expect(page.locator("[data-applied]")).to_be_visible()
    assert str(town.api.office.city.policy.clocks.accept) == "7 min"
    await page.context.close()
