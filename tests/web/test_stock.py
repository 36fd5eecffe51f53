"""Supplies at a desk: what stores and teams have, issued and counted; and the report of a campaign, read and taken away as a file."""

import pytest
from playwright.async_api import Browser, expect

from tests.web.conftest import Shot
from tests.web.test_screens import looked_at
from tests.web.town import WAIT_MS, Town, at_desk, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_supplies_are_issued_and_counted_at_the_desk(town: Town, browser: Browser, shot: Shot) -> None:
    page = await window_of(browser, town, "dispatcher")
    await at_desk(page, town, "stock")
    desk = page.locator("[data-stock]")
    quilts = desk.locator("[data-place=F01] [data-item=quilt]")
    await expect(quilts).to_have_text("320", timeout=WAIT_MS)
    await desk.locator("[data-act=move]").click()
    dialog = page.locator("[data-dialog=stock-move]")
    await dialog.locator("[name=item]").select_option("quilt")
    await dialog.locator("[name=from]").select_option("store:F01")
    await expect(dialog.locator("[data-book]")).to_have_text("账面 320 件")
    await dialog.locator("[name=to]").select_option(index=6)
    await dialog.locator("[name=amount]").fill("400")
    await dialog.get_by_role("button", name="登记").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("棉被只有 320 件")
    await dialog.locator("[name=amount]").fill("20")
    await dialog.locator("[name=note]").fill("夜间备用")
    await dialog.get_by_role("button", name="登记").click()
    await expect(dialog).to_have_count(0)
    await expect(quilts).to_have_text("300", timeout=WAIT_MS)
    await expect(page.locator("[data-moves] li").first).to_contain_text("棉被 × 20")
    await expect(page.locator("[data-moves] li").first).to_contain_text("夜间备用")
    await quilts.click()
    count = page.locator("[data-dialog=stock-count]")
    await count.locator("[name=amount]").fill("297")
    await count.get_by_role("button", name="登记").click()
    await expect(quilts).to_have_text("297", timeout=WAIT_MS)
    await shot(page, "stock")
    assert await looked_at(page) == []


async def test_a_report_is_read_and_taken_away_as_a_file(town: Town, browser: Browser, shot: Shot) -> None:
    leader = await town.somebody("shift_leader")
    wanted = {"hazard": "cold_wave", "colour": "orange", "note": "夜间降温，手动启动", "regions": []}
    made = await leader.did("/api/campaigns", wanted)
    town.later(hours=6)
    await leader.did(f"/api/campaigns/{made['id']}/close", {"note": "气温回升"})
    page = await window_of(browser, town, "shift_leader")
    await page.goto(f"{town.url}#/campaigns/{made['id']}/report")
    report = page.locator("[data-report]")
    await expect(report.locator("h1")).to_contain_text("寒潮 专项行动报告", timeout=WAIT_MS)
    await expect(report.locator("[data-number=lasted_h]")).to_contain_text("6.0 小时")
    await expect(report.locator("[data-tile=deaths]")).to_contain_text("0")
    for kind, first in (("pdf", b"%PDF"), ("xlsx", b"PK")):
        async with page.expect_download(timeout=WAIT_MS) as taken:
            await report.locator(f"[data-act={kind}]").click()
        file = await (await taken.value).path()
        assert file.read_bytes().startswith(first)
    await shot(page, "campaign-report")
    assert await looked_at(page) == []
