"""A crew calls for help: every window says so at once, with a sound of its own, and one answer is everybody's."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN, Person
from tests.web.conftest import Shot
from tests.web.test_screens import looked_at
from tests.web.town import WAIT_MS, Town, at_desk, drawn, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEARD = """
    window.heard = [];
    const make = AudioContext.prototype.createOscillator;
    AudioContext.prototype.createOscillator = function () {
        const tone = make.call(this);
        const start = tone.start.bind(tone);
        tone.start = at => { window.heard.push(tone.frequency.value); start(at); };
        return tone;
    };
    true;
"""
"""Writes down the pitch of every tone that a page plays."""


async def _crew(town: Town, code: str) -> Person:
    (team_id,) = await town.go_on_duty(code)
    return await town.officer_of(team_id)


async def _listening(page: Page) -> None:
    """A browser gives no sound before the first key."""
    await page.evaluate(HEARD)
    await page.keyboard.press("Shift")


async def _hears(page: Page, times: int) -> None:
    """Waits until the high tone of a call for help, which no other alarm has, was played so often; a call plays it thrice."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while True:
            if await page.evaluate("window.heard.filter(pitch => pitch === 1320).length") >= times:
                return
            await asyncio.sleep(0.1)


async def _call(crew: Person, place: tuple[float, float] | None, **more: Any) -> str:
    given = {"lon": place[0], "lat": place[1], "accuracy_m": 15} if place else None
    return str((await crew.did("/api/officer/distress", {"place": given, **more}))["id"])


async def test_a_call_for_help_stands_in_both_windows_and_one_answer_by_key_is_everybodys(
    town: Town, browser: Browser
) -> None:
    crew = await _crew(town, "T03")
    dispatcher = await window_of(browser, town, "dispatcher")
    leader = await window_of(browser, town, "shift_leader")
    await at_desk(dispatcher, town, "hotline")
    await at_desk(leader, town, "leader")
    await _listening(dispatcher)
    await dispatcher.locator("textarea").first.fill("来电人说桥下")
    pressed_at = town.now()
    call_id = await _call(crew, IN_ZHONGSHAN, occurred_at=pressed_at.isoformat())
    for page in (dispatcher, leader):
        banner = page.locator(f"[data-distress='{call_id}']")
        await expect(banner).to_contain_text("队员求助")
        await expect(banner).to_contain_text(pressed_at.strftime("%H:%M:%S"))
        await expect(page.locator("[role=alert]").filter(has=banner)).to_be_visible()
    name = await _team_name(town, crew)
    await expect(dispatcher.locator(f"[data-distress='{call_id}']")).to_contain_text(name)
    await _hears(dispatcher, 3)
    assert await dispatcher.evaluate("document.activeElement.tagName") == "TEXTAREA", "nobody is torn from a call"
    assert await looked_at(dispatcher) == []
    await dispatcher.keyboard.press("Alt+0")
    await expect(dispatcher.locator("input[name=note]")).to_be_focused()
    await dispatcher.keyboard.type("增援三分钟到")
    await dispatcher.keyboard.press("Enter")
    for page in (dispatcher, leader):
        await expect(page.locator(f"[data-distress='{call_id}']")).to_have_attribute("data-answered", "true")
    assert await dispatcher.evaluate("document.activeElement.value") == "来电人说桥下", "and goes on where they were"
    assert (await crew.saw("/api/officer/task"))["distress"]["note"] == "增援三分钟到"
    assert await looked_at(leader) == []
    await leader.get_by_role("button", name="已安全，结束").click()
    for page in (dispatcher, leader):
        await expect(page.locator(f"[data-distress='{call_id}']")).to_have_count(0)
        await page.context.close()
    assert (await crew.saw("/api/officer/task"))["distress"] is None


async def _team_name(town: Town, crew: Person) -> str:
    teams = await (await town.somebody("shift_leader")).saw("/api/teams")
    return str(next(team["name"] for team in teams if team["id"] == str(crew.me.team_id)))


async def test_it_is_drawn_on_the_map_and_a_window_that_opens_later_shows_it(
    town: Town, browser: Browser, shot: Shot
) -> None:
    crew = await _crew(town, "T05")
    call_id = await _call(crew, IN_XIGANG)
    page = await window_of(browser, town, "dispatcher")
    banner = page.locator(f"[data-distress='{call_id}']")
    await banner.get_by_role("button", name="看地图").click()
    await drawn(page)
    await shot(page, "distress-map")
    assert await looked_at(page) == []
    await page.get_by_role("button", name="浅色").click()
    await drawn(page)
    assert await looked_at(page) == []
    desk = await town.somebody("dispatcher")
    await desk.did(f"/api/distress/{call_id}/answer", {"note": ""})
    await expect(banner).to_have_attribute("data-answered", "true")
    await desk.did(f"/api/distress/{call_id}/over")
    await expect(banner).to_have_count(0)
    await page.context.close()


async def test_it_sounds_on_until_somebody_answers_whatever_else_is_muted(town: Town, browser: Browser) -> None:
    crew = await _crew(town, "T07")
    page = await window_of(browser, town, "dispatcher")
    call_id = await _call(crew, None)
    await expect(page.locator(f"[data-distress='{call_id}']")).to_be_visible()
    await page.keyboard.press("b")
    for box in await page.locator(".bell input[type=checkbox]").all():
        await box.check()
    await page.keyboard.press("Escape")
    await _listening(page)
    await expect(page.locator(f"[data-distress='{call_id}']")).to_contain_text("没有定位")
    await _hears(page, 6)
    operator = await window_of(browser, town, "operator")
    await expect(operator.locator(f"[data-distress='{call_id}']")).to_contain_text("由派遣员或值班长答复")
    await operator.keyboard.press("Alt+0")
    await expect(operator.locator("input[name=note]")).to_have_count(0)
    desk = await town.somebody("dispatcher")
    await desk.did(f"/api/distress/{call_id}/answer", {"note": "收到"})
    await expect(page.locator(f"[data-distress='{call_id}']")).to_have_attribute("data-answered", "true")
    await page.evaluate("window.heard = []")
    await page.wait_for_timeout(6_500)
    assert 1320 not in await page.evaluate("window.heard")
    for one in (page, operator):
        await one.context.close()
    await desk.did(f"/api/distress/{call_id}/over")
