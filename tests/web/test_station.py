"""A station at night: who is brought in and signed for, who walks in, what is done for somebody unknown, and how they leave."""

from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.api.builders import Person
from tests.web.conftest import Shot
from tests.web.test_screens import looked_at
from tests.web.town import Town, at_desk, settled, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRAIN_STATION = (121.6204, 38.9223)


async def _house(town: Town, code: str = "F01") -> UUID:
    """A facility of Dalian by its code."""
    leader = await town.somebody("shift_leader")
    return UUID(next(one["id"] for one in await leader.saw("/api/facilities") if one["code"] == code))


async def _brought(town: Town, house: UUID, *people: dict[str, Any]) -> tuple[Person, str]:
    """A crew on the spot asks the house to take whom it met; the crew, and the referral."""
    case_id = await town.report(TRAIN_STATION)
    officer = await town.accept_offer(case_id)
    case = await town.case(case_id)
    await officer.did(f"/api/cases/{case_id}/arrive", {"lon": case["lon"], "lat": case["lat"]})
    met = list(people) or [
        {"sex": "male", "age_band": "old", "needs": ["hardly_mobile"], "note": "左腿无力，说不清家在哪"}
    ]
    wish = {
        "case_id": str(case_id),
        "to_kind": "facility",
        "to_facility": str(house),
        "people": met,
        "consent": "given",
    }
    asked = await officer.did("/api/referrals", {"wish": wish})
    return officer, asked["referral_id"]


async def _signs(page: Page, where: Locator) -> None:
    """Somebody writes their name with the mouse."""
    await where.get_by_role("button", name="签名", exact=False).first.click()
    paper = page.locator("dialog[open] svg.paper")
    box = await paper.bounding_box()
    assert box is not None
    x, y = box["x"], box["y"]
    await page.mouse.move(x + 60, y + 60)
    await page.mouse.down()
    for dx, dy in ((200, 120), (260, 60), (330, 150), (420, 70)):
        await page.mouse.move(x + dx, y + dy, steps=4)
    await page.mouse.up()
    await page.locator("[data-keep-signature]").click()
    await expect(where.locator("[data-signed=yes]")).to_be_visible()


async def test_a_night_at_the_station(town: Town, browser: Browser, shot: Shot) -> None:
    await town.go_on_duty("T01", "T02", "T03")
    house = await _house(town)
    page = await window_of(browser, town, "station_staff", facility_id=house)
    await at_desk(page, town, "station")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    # A crew asks; the house says yes; they come to the door.
    officer, referral_id = await _brought(town, house)
    card = page.locator("[data-referral]")
    await expect(card).to_have_attribute("data-state", "offered")
    await expect(card).to_contain_text("男 · 老年")
    await card.locator("[data-act=accept]").click()
    await expect(card).to_have_attribute("data-state", "accepted")
    await officer.did(f"/api/referrals/{referral_id}/arrived")
    await expect(card).to_have_attribute("data-state", "arrived")
    await expect(card).to_contain_text("须交接")

    # Both sign, and he is registered in the same go.
    await card.locator("[data-act=receive]").click()
    paper = page.locator("[data-dialog=hand-over]")
    await expect(paper).to_contain_text("左腿无力，说不清家在哪")
    await paper.locator("[name=condition]").fill("神志清楚，左脚冻伤")
    await paper.locator("[data-thing='0']").fill("旧军大衣")
    await paper.locator("[data-thing='1']").fill("老年公交卡")
    await expect(paper.locator("[data-missing]")).to_contain_text("移交人签字")
    for side in ("giver", "receiver"):
        await _signs(page, paper.locator(f"[data-sign={side}]"))
    await expect(paper.locator("[data-missing]")).to_have_count(0)
    await shot(page, "station-hand-over")
    assert await looked_at(page) == []
    await paper.get_by_role("button", name="双方签好，交接").click()
    form = page.locator("[data-dialog=arrival]")
    await expect(form.locator("[name=belongings]")).to_have_value("旧军大衣 × 1\n老年公交卡 × 1")
    await expect(form.locator("[name=condition]")).to_have_value("神志清楚，左脚冻伤")
    await form.locator("[data-vulnerable=dementia]").check()
    await form.locator("[data-wish=find_family]").check()
    await shot(page, "station-arrival")
    assert await looked_at(page) == []
    await form.get_by_role("button", name="登记入站").click()
    panel = page.locator("[data-stay-panel]")
    await expect(panel).to_contain_text("不得自行离站")
    await expect(panel.locator("[data-deadline=search_notice]")).to_contain_text("还剩")
    await expect(page.locator("[data-stay]")).to_have_count(1)
    await expect(card).to_have_count(0)
    await expect(page.locator("[data-room] [data-kind=men]")).to_contain_text("住 1")

    # Another walks in and knows who she is.
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await form.get_by_text("女", exact=True).click()
    await form.get_by_text("成年", exact=True).click()
    await form.locator("[data-wish=return_home]").check()
    await form.locator("[name=known]").check()
    await expect(form.get_by_role("button", name="登记入站")).to_be_disabled()
    await form.locator("[name=name]").fill("王小梅")
    await form.locator("[name=id_number]").fill("11010519491231002A")
    await form.get_by_role("button", name="登记入站").click()
    await expect(form.get_by_role("alert")).to_contain_text("身份证号")
    await form.locator("[name=id_number]").fill("11010519491231002X")
    await form.get_by_role("button", name="登记入站").click()
    await expect(panel.locator("h2")).to_have_text("王小梅")
    await expect(panel.locator("[data-deadline]")).to_have_count(1)
    await settled(page)
    await shot(page, "station")
    assert await looked_at(page) == []
    await page.context.close()
