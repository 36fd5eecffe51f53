"""Campaigns as two desks see them: proposed, answered, opened by hand, swept, ended; what is done in one window is seen in the other."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.web.conftest import Shot
from tests.web.sweeping import campaign, coverage, end_all, stood_at, swept, warn
from tests.web.test_distress import HEARD
from tests.web.test_screens import looked_at
from tests.web.town import DRAWN_MS, Town, at_desk, drawn, settled, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def quiet(town: Town) -> AsyncIterator[None]:
    """Nothing runs and nobody is on duty when a test begins."""
    yield
    await end_all(town)
    leader = await town.somebody("shift_leader")
    for team in await leader.saw("/api/teams"):
        if team["state"] != "off_duty":
            await leader.did(f"/api/teams/{team['id']}/duty", {"state": "off_duty"})


def _line(page: Page, number: str) -> Locator:
    """The campaign's line in the list of the desk."""
    return page.locator(f"[data-campaign='{number}']")


async def _pitches(page: Page) -> list[float]:
    heard: list[float] = await page.evaluate("window.heard")
    return heard


async def test_what_is_proposed_waits_at_every_desk_for_one_yes(town: Town, browser: Browser, shot: Shot) -> None:
    leader, dispatcher = [await window_of(browser, town, role) for role in ("shift_leader", "dispatcher")]
    await at_desk(leader, town, "leader")
    await dispatcher.evaluate(HEARD)
    await dispatcher.keyboard.press("Shift")
    await warn(town, "低温", "蓝色", "IV级/一般", identifier="L1")
    number = (await campaign(town, "low_temperature", "proposed"))["number"]
    for page in (leader, dispatcher):
        await expect(page.locator(f"[data-proposed='{number}']")).to_contain_text("低温 蓝色")
    await expect(dispatcher.locator(f"[data-proposed='{number}']")).to_contain_text("由值班长批准")
    await expect(dispatcher.locator(f"[data-proposed='{number}'] button")).to_have_count(0)
    await dispatcher.wait_for_function("window.heard.includes(554)")  # it rings
    await shot(leader, "campaign-proposed")
    assert await looked_at(leader) == []
    await leader.locator(f"[data-proposed='{number}']").get_by_role("button", name="批准启动").click()
    dialog = leader.locator("[data-dialog=approve-campaign]")
    await expect(dialog).to_contain_text("每 6 小时 巡一遍")
    assert await looked_at(leader) == []
    await leader.keyboard.press("Tab")
    await dialog.get_by_role("button", name="批准启动").click()
    for page in (leader, dispatcher):
        await expect(page.locator("[data-proposed-campaigns]")).to_have_count(0)
    await at_desk(dispatcher, town, "campaigns")
    await expect(_line(dispatcher, number)).to_have_attribute("data-state", "running")
    for page in (leader, dispatcher):
        await page.context.close()


async def test_no_needs_a_reason(town: Town, browser: Browser) -> None:
    leader = await window_of(browser, town, "shift_leader")
    await warn(town, "道路结冰", "黄色", "III级/较重", identifier="I1")
    running = await campaign(town, "icy_roads", "proposed")
    await leader.goto(f"{town.url}#/campaigns/{running['id']}")
    await expect(leader.locator("[data-campaign-panel]")).to_have_attribute("data-state", "proposed")
    await leader.keyboard.press("d")
    dialog = leader.locator("[data-dialog=decline-campaign]")
    await expect(dialog.get_by_role("button", name="不启动")).to_be_disabled()
    await dialog.locator("textarea").fill("气温已经回升")
    await dialog.get_by_role("button", name="不启动").click()
    await expect(leader.locator("[data-campaign-panel]")).to_have_attribute("data-state", "declined")
    await expect(leader.locator("[data-proposed-campaigns]")).to_have_count(0)
    await leader.context.close()


async def test_a_campaign_opened_by_hand_in_one_window_is_closed_in_both(town: Town, browser: Browser) -> None:
    leader, supervisor = [await window_of(browser, town, role) for role in ("shift_leader", "supervisor")]
    for page in (leader, supervisor):
        await at_desk(page, town, "campaigns")
    await leader.keyboard.press("n")
    dialog = leader.locator("[data-dialog=open-campaign]")
    await expect(dialog.locator("[name=hazard]")).to_be_focused()
    assert await looked_at(leader) == []
    await dialog.locator("[name=hazard]").select_option("flood")
    await dialog.locator("[name=colour]").select_option("yellow")
    await dialog.get_by_text("中山区").click()
    await expect(dialog.get_by_role("button", name="启动", exact=False).last).to_be_disabled()
    await dialog.locator("[name=note]").fill("马栏河水位超过警戒线")
    await dialog.get_by_role("button", name="启动").last.click()
    await expect(dialog).to_have_count(0)
    running = await campaign(town, "flood", "running")
    assert running["note"] == "马栏河水位超过警戒线"
    await expect(leader.locator("[data-campaign-panel]")).to_contain_text("马栏河水位超过警戒线")
    await expect(_line(supervisor, running["number"])).to_contain_text("洪涝 黄色")
    await expect(_line(supervisor, running["number"])).to_contain_text("中山区")
    await _line(supervisor, running["number"]).click()
    await supervisor.keyboard.press("x")
    end = supervisor.locator("[data-dialog=close-campaign]")
    await end.locator("textarea").fill("水位已回落")
    await end.get_by_role("button", name="结束行动").click()
    for page in (leader, supervisor):
        await expect(_line(page, running["number"])).to_have_attribute("data-state", "closed")
        await expect(page.locator("[data-campaign-panel]")).to_contain_text("水位已回落")
        await page.context.close()


async def test_temporary_points_are_opened_and_closed_at_the_desk(town: Town, browser: Browser) -> None:
    leader, dispatcher = [await window_of(browser, town, role) for role in ("shift_leader", "dispatcher")]
    await warn(town, "寒潮", "橙色", "II级/严重", identifier="C1")
    running = await campaign(town, "cold_wave", "running")
    for page in (leader, dispatcher):
        await page.goto(f"{town.url}#/campaigns/{running['id']}")
        await page.locator("[data-tab=points]").click()
    point = leader.locator("[data-point]").first
    code = await point.get_attribute("data-point")
    there = dispatcher.locator(f"[data-point='{code}']")
    await expect(there).to_have_attribute("data-state", "wanted")
    await expect(there.locator("[data-open]")).to_have_count(0)
    await point.locator("[data-open]").click()
    await expect(there).to_have_attribute("data-state", "open")
    await point.locator("[data-close]").click()
    await expect(there).to_have_attribute("data-state", "closed")
    assert await looked_at(leader) == []
    for page in (leader, dispatcher):
        await page.context.close()


async def test_a_team_s_track_ticks_a_cell_and_every_map_counts_it(town: Town, browser: Browser, shot: Shot) -> None:
    teams = await town.go_on_duty("T01", "T02", "T03")
    await warn(town, "暴雪", "红色", "I级/特别严重", identifier="S1")
    running, told = await swept(town, "snow", tours=3)
    leader, dispatcher = [await window_of(browser, town, role) for role in ("shift_leader", "dispatcher")]
    for page in (leader, dispatcher):
        await page.goto(f"{town.url}#/campaigns/{running['id']}")
        await expect(page.locator("[data-totals] [data-count=covered]")).to_contain_text("0")
        await settled(page)
    tour = next(one for one in told["tours"] if one["team_id"] == str(teams[0]))
    cell = next(one for one in told["cells"] if one["cell"] == tour["cells"][0])
    asked: list[str] = []
    dispatcher.on("request", lambda request: asked.append(request.url))
    await stood_at(town, UUID(tour["team_id"]), cell["lon"], cell["lat"])
    for page in (leader, dispatcher):
        await expect(page.locator("[data-totals] [data-count=covered]")).to_contain_text("1")
    assert not [url for url in asked if "/coverage" in url], "one look reloads nothing"
    assert (await coverage(town, running["id"]))["totals"]["covered"] == 1
    await dispatcher.keyboard.press("3")
    await dispatcher.locator("select").last.select_option("covered")
    await dispatcher.locator(f"[data-cell='{cell['cell']}']").click()
    file = dispatcher.locator("[data-cell-file]")
    await expect(file).to_have_attribute("data-stands", "covered")
    await expect(file.locator("[data-look=track]")).to_contain_text("轨迹自动打卡")
    await settled(dispatcher)
    await shot(dispatcher, "campaign-cell")
    assert await looked_at(dispatcher) == []
    await dispatcher.keyboard.press("2")
    await dispatcher.locator("[data-tour-of=T02]").click()
    await settled(dispatcher)
    assert await looked_at(dispatcher) == []
    await leader.keyboard.press("1")
    await settled(leader)
    await shot(leader, "campaign")
    assert await looked_at(leader) == []
    await leader.get_by_role("button", name="浅色").click()
    await drawn(leader)
    await shot(leader, "campaign-light")
    assert await looked_at(leader) == []
    await leader.get_by_role("button", name="English").click()
    await expect(leader.locator("[data-campaign-panel]")).to_contain_text("Each cell every")
    wide = await leader.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    for page in (leader, dispatcher):
        await page.context.close()


async def test_the_dispatcher_s_map_shows_the_cells_while_a_campaign_runs(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "dispatcher")
    layer = page.locator("[data-layer=sweep]")
    await page.get_by_role("button", name="图层").click()
    await expect(layer).to_be_disabled()
    await town.go_on_duty("T01")
    await warn(town, "高温", "黄色", "III级/较重", identifier="H1")
    await swept(town, "heat")
    await expect(layer).to_be_checked()
    await layer.uncheck()
    await page.reload()
    await page.get_by_role("button", name="图层").click()
    await expect(layer).to_be_enabled()
    await expect(layer).not_to_be_checked()
    await page.context.close()


async def test_all_of_it_fits_a_wall(town: Town, browser: Browser) -> None:
    await town.go_on_duty("T01", "T02")
    await warn(town, "暴雨", "橙色", "II级/严重", identifier="R1")
    running, _ = await swept(town, "rainstorm", tours=2)
    page = await window_of(browser, town, "supervisor", size=(3840, 2160))
    await page.goto(f"{town.url}#/campaigns/{running['id']}")
    await expect(page.locator("[data-totals] [data-count=due]")).to_be_visible(timeout=DRAWN_MS)
    await drawn(page)
    assert await looked_at(page) == []
    await page.context.close()
