"""Taxi drivers report by one tap, grid workers visit their people: from the phone, with and without network."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Browser, expect

from backend.geo.place import LonLat, distance_m
from tests.api.builders import XIGANG, ZHONGSHAN
from tests.web.conftest import Shot
from tests.web.phone.hand import Phone, a_phone
from tests.web.phone.test_report import case_of, receipt_of, see, send, sighting_of
from tests.web.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_driver_reports_by_one_tap_and_says_more_when_the_car_stands(
    town: Town, browser: Browser, shot: Shot
) -> None:
    place = (121.6210, 38.9180)
    async with a_phone(browser, town, at=place) as phone:
        page = phone.page
        await phone.sign_in("driver")
        await expect(page.locator("[data-tap]")).to_have_count(4)
        assert await phone.grave_faults() == []
        await page.locator("[data-tap=child]").click()
        await expect(page.locator("[data-told]")).to_contain_text("已记下：孩子独自一人")
        receipt = await receipt_of(page)
        await expect(page.locator("[data-tap=child]")).to_be_enabled()
        await shot(page, "phone-driver")
        sighting = await sighting_of(town, receipt)
        assert (sighting["channel"], sighting["dangers"]) == ("taxi", ["minor"])
        assert distance_m(LonLat(sighting["lon"], sighting["lat"]), LonLat(*place)) < 2
        await page.locator("[data-more]").first.click()
        await page.locator("[data-add]").click()
        await see(page, "injured")
        await page.locator("[name=more_words]").fill("七八岁的女孩，膝盖出血")
        assert await phone.grave_faults() == []
        await page.locator("[data-send-details]").click()
        await expect(page.locator("[data-added]")).to_be_visible()
        await phone.sent()
        later = await sighting_of(town, receipt)
        assert set(later["dangers"]) == {"minor", "injury"}
        assert "七八岁的女孩" in later["description"]


async def test_without_network_a_tap_keeps_the_place_where_it_was_made(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town, at=(121.575, 38.905)) as phone:
        await phone.sign_in("driver", regions=("210200",))
        await expect(phone.page.locator("[data-tap=lying]")).to_be_visible()
        await phone.offline()
        await phone.page.locator("[data-tap=lying]").click()
        await expect(phone.page.locator("[data-told]")).to_be_visible()
        await phone.page.locator("[data-mistake]").click()
        await expect(phone.page.locator("[data-mistaken]")).to_be_visible()
        await phone.be_at(121.66, 38.93)
        await phone.close()
        await phone.open("drive")
        await phone.offline(False)
        receipt = await receipt_of(phone.page)
        await phone.sent()
        sighting = await sighting_of(town, receipt)
        assert distance_m(LonLat(sighting["lon"], sighting["lat"]), LonLat(121.575, 38.905)) < 2
        assert "误触" in sighting["description"]


async def somebody_to_visit(town: Town, place: tuple[float, float]) -> UUID:
    """A case that ended with somebody who stayed: they are to be looked at again in two days."""
    await town.go_on_duty("T01", "T02", "T03", "T04", "T05", "T06")
    case_id = await town.report(
        place, by=await town.somebody("grid_worker"), channel="grid", description="桥洞里一位老人"
    )
    officer = await town.accept_offer(case_id)
    await town.handle(case_id, officer, outcome="stays_supplies_given", supplies=["water"])
    await (await town.somebody("checker")).did(f"/api/cases/{case_id}/verify", {"note": "属实"})
    return case_id


async def test_a_grid_worker_visits_who_is_due_also_without_network(town: Town, browser: Browser, shot: Shot) -> None:
    await somebody_to_visit(town, (121.6450, 38.9150))
    await somebody_to_visit(town, (121.6390, 38.9110))
    async with a_phone(browser, town, at=(121.64, 38.915)) as phone:
        page = phone.page
        await phone.sign_in("grid_worker", regions=(ZHONGSHAN,))
        cards = page.locator("[data-visit]")
        await expect(cards).to_have_count(2)
        await expect(cards.first).to_contain_text("桥洞里一位老人")
        assert await phone.grave_faults() == []
        await phone.offline()
        await phone.close()
        await phone.open("grid")
        page = phone.page
        await expect(page.get_by_text("没有网络，这是").first).to_be_visible()
        first, second = page.locator("[data-visit]").nth(0), page.locator("[data-visit]").nth(1)
        await first.locator("[data-visited]").click()
        await first.locator("[data-found=helped]").click()
        await first.locator("[name=note]").fill("已由儿子接回")
        await shot(page, "phone-grid")
        await first.locator("[data-send-visit]").click()
        await expect(first.locator("[data-settled]")).to_contain_text("已得到帮助")
        await second.locator("[data-visited]").click()
        await second.locator("[data-found=still_there]").click()
        await expect(second.get_by_text("将立即为此人立案")).to_be_visible()
        await second.locator("[data-send-visit]").click()
        before = await cases_in(town)
        await phone.offline(False)
        await phone.sent()
        assert await cases_in(town) == before + 1, "still there: a case at once"
        await page.get_by_role("button", name="刷新").click()
        await expect(page.locator("[data-visit] [data-visited]")).to_have_count(0)


async def somebody_went_home(town: Town, name: str, address: str) -> None:
    """Somebody who is prone to be on the street again went home in Xigang almost two months ago."""
    leader = await town.somebody("shift_leader")
    case_id = await town.report((121.6001, 38.9301), description="说不清住处的中年人")
    person = (await leader.did("/api/persons", {"case_id": str(case_id), "sex": "male", "age_band": "adult"}))[
        "person_id"
    ]
    await leader.did(f"/api/persons/{person}/identify", {"identity": {"name": name}, "source": "family"})
    await leader.did(f"/api/persons/{person}/unlink", {"case_id": str(case_id)})
    home: dict[str, Any] = {
        "region": XIGANG,
        "street": "日新街道",
        "address": address,
        "contact": "姐姐",
        "phone": "0411-83600000",
    }
    home |= {"note": "傍晚在家；先打电话，不要穿制服", "grounds": ["mental_illness"]}
    went = (town.now() - timedelta(days=55)).isoformat()
    await leader.did("/api/returnees", {"person_id": person, "home": home, "since": went})


async def test_a_grid_worker_visits_those_who_went_home_also_without_network(
    town: Town, browser: Browser, shot: Shot
) -> None:
    for name, address in (("赵德海", "香炉礁 12 号 3 楼"), ("孙立", "新开路 40 号"), ("周平", "北岗街 7 号")):
        await somebody_went_home(town, name, address)
    async with a_phone(browser, town, at=(121.6005, 38.9275)) as phone:
        page = phone.page
        await phone.sign_in("grid_worker", regions=(XIGANG,))
        cards = page.locator("[data-home-visit]")
        await expect(cards).to_have_count(3)
        await expect(cards.first).to_contain_text("先打电话，不要穿制服")
        await expect(cards.first).to_contain_text("精神障碍")
        await shot(page, "phone-home-visits")
        assert await phone.grave_faults() == []
        await phone.offline()
        await phone.close()
        await phone.open("grid")
        page = phone.page
        card = page.locator("[data-home-visit]", has_text="赵德海")
        await card.locator("[data-visited]").click()
        await card.locator("[data-outcome=needs_help]").click()
        await expect(card.locator("[data-send-visit]")).to_be_disabled()
        await card.locator("[data-need=medical]").click()
        await card.locator("[name=note]").fill("断药半个月，姐姐送不动")
        await card.scroll_into_view_if_needed()
        await shot(page, "phone-home-visit")
        await card.locator("[data-send-visit]").click()
        await expect(card.locator("[data-settled]")).to_contain_text("在家，需要帮助")
        card = page.locator("[data-home-visit]", has_text="孙立")
        await card.locator("[data-visited]").click()
        await card.locator("[data-outcome=gone_again]").click()
        await expect(card.get_by_text("将立即立案寻找")).to_be_visible()
        await card.locator("[data-send-visit]").click()
        before = await cases_in(town)
        await phone.offline(False)
        await phone.sent()
        assert await cases_in(town) == before + 1, "gone again: a case at once"
        card = page.locator("[data-home-visit]", has_text="周平")
        await card.locator("[data-visited]").click()
        await card.locator("[data-outcome=moved]").click()
        await expect(card.locator("[name=region] option")).not_to_have_count(1)
        await card.locator("[name=region]").select_option(label="中山区")
        await card.locator("[name=address]").fill("人民路 1 号")
        await card.locator("[data-send-visit]").click()
        await phone.sent()
        await page.get_by_role("button", name="刷新").click()
        await expect(page.locator("[data-home-visit]", has_text="周平")).to_have_count(0)
        await expect(page.locator("[data-home-visit]", has_text="赵德海")).to_contain_text("第 2 次回访")


@pytest.mark.parametrize(
    ("role", "pages"),
    [(None, ["", "report", "receipt", "queue"]), ("driver", ["drive", "receipt"]), ("grid_worker", ["grid", "report"])],
)
@pytest.mark.parametrize("dark", [False, True])
async def test_every_page_fits_large_letters_and_keeps_nobody_out(
    role: str | None, pages: list[str], dark: bool, town: Town, browser: Browser
) -> None:
    async with a_phone(browser, town, color_scheme="dark" if dark else "light") as phone:
        if role:
            await phone.sign_in(role)
        await phone.large_text()
        for page in pages:
            await phone.go(page)
            await expect(phone.page.locator("h1").first).to_be_visible()
            assert await phone.sideways() == 0, page
            assert await phone.grave_faults() == [], page


async def cases_in(town: Town) -> int:
    """So many cases has the server."""
    async with town.api.office.db.connect() as tx:
        return int((await tx.exec_driver_sql("SELECT count(*) FROM cases")).scalar_one())


async def test_a_grid_worker_reports_with_their_own_channel(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town, at=(121.6005, 38.9275)) as phone:
        page = phone.page
        await phone.sign_in("grid_worker")
        await page.get_by_role("link", name="我要上报").click()
        await expect(page.locator("[data-said] strong")).to_be_visible()
        await expect(page.locator("[name=phone]")).to_have_count(0)
        await see(page, "sitting", "cold")
        await send(page)
        receipt = await receipt_of(page)
        assert (await sighting_of(town, receipt))["channel"] == "grid"
        assert (await town.case(await case_of(town, receipt)))["stage"] != "discovered", "trusted by rule"


async def test_who_signs_out_leaves_no_list_of_people_behind(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town) as phone:
        await phone.sign_in("grid_worker", regions=(ZHONGSHAN,))
        await expect(phone.page.get_by_role("heading", name="待回访")).to_be_visible()
        await phone.open("settings")
        await phone.page.get_by_role("button", name="退出登录").click()
        await expect(phone.page.get_by_role("link", name="我要上报")).to_be_visible()
        await _gone(phone)


async def _gone(phone: Phone) -> None:
    assert not {"visits", "home-visits"} & set(await phone.page.evaluate(_KEYS))


_KEYS = """
() => new Promise(done => {
  const asked = indexedDB.open('rescue-phone')
  asked.onsuccess = () => {
    const keys = asked.result.transaction('kept').objectStore('kept').getAllKeys()
    keys.onsuccess = () => (asked.result.close(), done(keys.result))
  }
})
"""
