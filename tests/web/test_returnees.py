"""The desk of those who went home: by street without names, one person's line of visits, moving, ending, lists taken as a file."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.api.builders import XIGANG, ZHONGSHAN
from tests.web.conftest import Shot
from tests.web.test_screens import looked_at
from tests.web.town import WAIT_MS, Town, at_desk, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = [
    ("赵德海", XIGANG, "日新街道", "香炉礁 12 号 3 楼", 70),
    ("孙立", XIGANG, "日新街道", "新开路 40 号", 55),
    ("周平", ZHONGSHAN, "桃源街道", "解放路 9 号", 20),
    ("吴桂芳", ZHONGSHAN, "海军广场街道", "白云街 3 号", 58),
    ("郑永", "411502", "", "河南信阳浉河区", 9),
]


async def _went_home(town: Town, name: str, region: str, street: str, address: str, days: int) -> str:
    leader = await town.somebody("shift_leader")
    case_id = str(await town.report((121.6001, 38.9301), description="说不清住处的中年人"))
    new = {"case_id": case_id, "sex": "female" if name.endswith("芳") else "male", "age_band": "adult"}
    person = await leader.did("/api/persons", new)
    await leader.did(f"/api/persons/{person['person_id']}/identify", {"identity": {"name": name}, "source": "family"})
    await leader.did(f"/api/persons/{person['person_id']}/unlink", {"case_id": case_id})
    home: dict[str, Any] = {"region": region, "street": street, "address": address, "contact": "姐姐"}
    home |= {"phone": "0411-83600000", "note": "傍晚在家；先打电话", "grounds": ["mental_illness"]}
    since = (town.now() - timedelta(days=days)).isoformat()
    await leader.did("/api/returnees", {"person_id": person["person_id"], "home": home, "since": since})
    return str(person["number"])


async def test_the_desk_of_those_who_went_home(town: Town, browser: Browser, shot: Shot) -> None:
    numbers = [await _went_home(town, *one) for one in PEOPLE]
    grid = await town.somebody("grid_worker", regions=(XIGANG,))
    late = next(one for one in await grid.saw("/api/home-visits") if one["number"] == numbers[0])
    found = {"outcome": "needs_help", "needs": ["medical", "money"], "note": "断药半个月，姐姐送不动"}
    await grid.did(f"/api/home-visits/{late['id']}/done", found)
    page = await window_of(browser, town, "shift_leader")
    await at_desk(page, town, "returnees")
    rows = page.locator("[data-returnee]")
    await expect(rows).to_have_count(5, timeout=WAIT_MS)
    await expect(page.locator("[data-returnees]")).not_to_contain_text("赵德海")
    await expect(page.locator("[data-figures]")).to_contain_text("0.0%")
    await page.locator("[data-filter=elsewhere]").click()
    await expect(rows).to_have_count(1)
    await page.locator("[data-filter=all]").click()
    await page.locator("select[name=street]").select_option("西岗区 日新街道")
    await expect(rows).to_have_count(2)
    await page.locator("select[name=street]").select_option("")
    await page.locator(f"[data-returnee={numbers[0]}]").click()
    entry = page.locator("[data-entry]")
    await expect(entry.locator("h2")).to_contain_text("赵德海", timeout=WAIT_MS)
    await expect(entry.locator("[data-visits]")).to_contain_text("断药半个月")
    await expect(entry.locator("[data-visits]")).to_contain_text("看病吃药")
    await shot(page, "returnees")
    assert await looked_at(page) == []
    await page.locator(f"[data-returnee={numbers[2]}]").click()
    await expect(entry.locator("h2")).to_contain_text("周平", timeout=WAIT_MS)
    await entry.locator("[data-act=move]").click()
    dialog = page.locator("[data-dialog=returnee-move]")
    await dialog.locator("[name=home_region]").select_option(label="西岗区")
    await dialog.locator("[name=home_street]").fill("北岗街道")
    await dialog.locator("[name=home_address]").fill("北岗街 7 号")
    await dialog.get_by_role("button", name="变更住址").click()
    await expect(dialog).to_have_count(0)
    await expect(page.locator(f"[data-returnee={numbers[2]}]")).to_contain_text("西岗区 北岗街道", timeout=WAIT_MS)
    await page.locator("[data-act=export]").click()
    async with page.expect_download(timeout=WAIT_MS) as taken:
        await page.locator("[data-dialog=returnee-export]").get_by_role("button", name="导出 Excel").click()
    assert (await (await taken.value).path()).read_bytes().startswith(b"PK")
    await page.locator("[data-act=tell]").click()
    await page.locator("[data-dialog=returnee-told]").get_by_role("button", name="确定").click()
    await expect(page.locator("[data-act=tell]")).to_have_count(0, timeout=WAIT_MS)
    await page.locator(f"[data-returnee={numbers[3]}]").click()
    await entry.locator("[data-act=end]").click()
    dialog = page.locator("[data-dialog=returnee-end]")
    await dialog.locator("[name=note]").fill("住进市社会福利院")
    await dialog.get_by_role("button", name="结束回访").click()
    await expect(rows).to_have_count(4, timeout=WAIT_MS)
    await page.locator("[data-filter=ended]").click()
    await expect(rows).to_have_count(1, timeout=WAIT_MS)
    await expect(rows).to_contain_text("转入机构照料")
