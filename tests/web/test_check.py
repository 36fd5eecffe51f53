"""Somebody holds a paper in their hand: the page behind its QR code says whether it is genuine, and never about whom."""

from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Browser, expect

from tests.web.conftest import Shot
from tests.web.test_screens import looked_at
from tests.web.town import WAIT_MS, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_paper_is_checked_by_its_code_and_by_its_file_without_signing_in(
    town: Town, browser: Browser, shot: Shot, tmp_path: Path
) -> None:
    houses = await town.api.public.saw("/api/facilities")
    house = next(one for one in houses if one["kind"] == "station")
    staff = await town.somebody("station_staff", facility_id=UUID(house["id"]))
    wanted = {"ground": "has_support", "told": "表兄家", "name": "刘某", "sex": "male", "age_band": "adult"}
    path = f"/api/facilities/{house['id']}/no-help-notice"
    done = await staff.did(path, {"no_help": wanted})
    pdf = (await staff.get(f"/api/documents/{done['document_id']}/pdf")).content
    (tmp_path / "notice.pdf").write_bytes(pdf)
    (tmp_path / "touched.pdf").write_bytes(pdf.replace(b"%PDF-1.7", b"%PDF-1.6", 1) + b"\n")
    context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    await page.goto(f"{town.url}check/{done['code']}")
    found = page.locator("[data-result]")
    await expect(found).to_have_attribute("data-result", "valid", timeout=WAIT_MS)
    for words in ("不予救助通知书", done["number"], house["name"]):
        await expect(found).to_contain_text(words)
    await expect(page.locator("main")).not_to_contain_text("刘某")
    compared = page.locator("[data-compared]")
    await page.locator("[type=file]").set_input_files(tmp_path / "touched.pdf")
    await expect(compared).to_have_attribute("data-compared", "other")
    await page.locator("[type=file]").set_input_files(tmp_path / "notice.pdf")
    await expect(compared).to_have_attribute("data-compared", "same")
    await shot(page, "check-document")
    assert await looked_at(page) == []
    await staff.did(path, {"no_help": wanted, "replaces": done["document_id"]})
    await page.locator("#code").fill(done["code"].lower().replace("-", " "))
    await page.get_by_role("button", name="核对 Check").click()
    await expect(found).to_have_attribute("data-result", "replaced")
    await page.locator("#code").fill("7KQM")
    await page.get_by_role("button", name="核对 Check").click()
    await expect(found).to_contain_text("查验码应为 16 位")
    assert faults == []
    await context.close()
