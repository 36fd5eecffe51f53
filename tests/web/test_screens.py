"""Every desk in a town at work: pictured for the documents, and looked at by axe for what keeps people out."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.web.conftest import ROOT, Shot
from tests.web.town import Town, at_desk, drawn, settled, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEAMS = [f"T{n:02}" for n in range(1, 15)]
Told = tuple[float, float, str, list[str]]
EARLIER: list[Told] = [
    (121.6147, 38.9140, "人民路公交站有人躺着", []),
    (121.5850, 38.9060, "会展路候车亭内有人睡觉", []),
    (121.6010, 38.9130, "长春路超市门口男子抱头坐着", ["mental_crisis"]),
    (121.5610, 38.8990, "中山路天桥下两人，有被褥", []),
    (121.6305, 38.9205, "友好广场老人问路，说不清家在哪", []),
    (121.5930, 38.9240, "香工街街心花园有人露宿", []),
]
NOW: list[Told] = [
    (121.6190, 38.9170, "人民路地下通道口，老人躺在地上，衣着单薄", ["exposure"]),
    (121.5890, 38.9090, "西安路公交站候车亭，一人裹着被子", []),
    (121.6040, 38.9150, "长江路超市门口，男子叫不应", ["unconscious"]),
    (121.5650, 38.9020, "黄河路天桥下，两人同住", []),
    (121.6345, 38.9235, "港湾广场，女孩独自哭，约七八岁", ["minor"]),
    (121.5770, 38.8850, "星海公园步道长椅上有人", []),
    (121.5560, 38.9180, "马栏河桥洞，有人咳嗽不止", ["acute_illness"]),
    (121.6460, 38.9160, "三八广场银行自助厅内过夜", []),
    (121.5970, 38.9270, "北岗桥下，老人坐着不动", []),
]
# name of the picture, role, desk, keys that bring up what is to be seen
DESKS = [
    ("board", "dispatcher", "board", ""),
    ("hotline-empty", "operator", "hotline", ""),
    ("verification", "checker", "verification", "ArrowDown"),
    ("teams", "dispatcher", "teams", "ArrowDown"),
    ("replay", "dispatcher", "replay?at=2016-09-19T09:20:00%2B08:00", "ArrowDown"),
    ("leader", "shift_leader", "leader", ""),
    ("admin", "admin", "admin", ""),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(town: Town) -> AsyncIterator[Town]:
    """A morning at work: cases that were closed, cases at every stage, teams on the roads, a request for the shift leader."""
    teams = await town.go_on_duty(*TEAMS)
    checker, dispatcher = await town.somebody("checker"), await town.somebody("dispatcher")
    for three in (EARLIER[:3], EARLIER[3:]):
        done = [await _report(town, *report) for report in three]
        crews = [(case_id, await town.accept_offer(case_id)) for case_id in done]
        town.later(minutes=9)
        for case_id, officer in crews:
            await town.handle(case_id, officer)
            town.later(minutes=6)
        for case_id in done:
            await checker.did(f"/api/cases/{case_id}/verify", {"note": "现场照片与位置相符"})
    town.later(minutes=50)
    for n, team_id in enumerate(teams):
        await town.move(team_id, *await _base_of(town, team_id), heading_deg=n * 47 % 360)
    cases = [await _report(town, *report) for report in NOW]
    crews = [(case_id, await town.accept_offer(case_id)) for case_id in cases[:5]]
    for case_id, officer in crews[:3]:
        await town.handle(case_id, officer)
    asked = {"action": "extend", "by": "30 min", "reason": "道路封闭，队伍绕行"}
    await dispatcher.did(f"/api/cases/{cases[5]}/ask", asked)
    yield town


async def _report(town: Town, lon: float, lat: float, words: str, dangers: list[str]) -> UUID:
    more: dict[str, Any] = {"description": words, "dangers": dangers, "address": words.partition("，")[0]}
    if not dangers:
        return await town.report((lon, lat), by=await town.somebody("grid_worker"), channel="grid", **more)
    contact = {"phone": "13900000001", "call_back": True}
    operator = await town.somebody("operator")
    return await town.report((lon, lat), by=operator, channel="hotline", contact=contact, **more)


async def _base_of(town: Town, team_id: UUID) -> tuple[float, float]:
    async with town.api.office.db.connect() as tx:
        found = await tx.exec_driver_sql("SELECT base_lon, base_lat FROM teams WHERE id = $1", (team_id,))
        base: Any = found.one()
    return base[0], base[1]


async def looked_at(page: Page) -> list[str]:
    """What axe finds that is serious or critical, as readable lines."""
    await page.evaluate((ROOT / "web/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in grave for node in one["nodes"][:3]]


@pytest.mark.parametrize(("name", "role", "desk", "keys"), DESKS, ids=[desk[0] for desk in DESKS])
async def test_a_desk_is_pictured_and_shuts_nobody_out(
    busy: Town, browser: Browser, shot: Shot, name: str, role: str, desk: str, keys: str
) -> None:
    page = await window_of(browser, busy, role)
    await at_desk(page, busy, desk)
    for key in keys.split():
        await page.keyboard.press(key)
    await settled(page)
    await shot(page, name)
    assert await looked_at(page) == []
    await page.get_by_role("button", name="浅色").click()
    await drawn(page)
    await shot(page, f"{name}-light")
    assert await looked_at(page) == []
    overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    await page.context.close()


async def test_a_case_is_pictured_and_shuts_nobody_out(busy: Town, browser: Browser, shot: Shot) -> None:
    page = await window_of(browser, busy, "dispatcher")
    await page.locator("[data-case]").filter(has_text=NOW[0][2].partition("，")[0]).click()
    await expect(page.locator("[data-case-panel]")).to_be_visible()
    for n, tab in enumerate(("overview", "why", "timeline", "sightings", "visits"), start=1):
        await page.keyboard.press(str(n))
        await expect(page.get_by_role("tab", selected=True)).to_have_count(1)
        if tab == "why":
            await page.get_by_role("button", name="看路线").first.click()
        await settled(page)
        await shot(page, f"case-{tab}")
        assert await looked_at(page) == []
    await page.context.close()


async def test_the_way_in_is_pictured_and_shuts_nobody_out(busy: Town, browser: Browser, shot: Shot) -> None:
    page = await browser.new_page()
    await page.goto(busy.url)
    await shot(page, "sign-in")
    assert await looked_at(page) == []
    await page.close()
