"""The whole way of one person: found at night, taken in at the station, known by name, escorted home, and visited there."""

from hashlib import sha256
from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from backend.dispatch import proof
from tests.paper.test_typeset import text_of
from tests.web.phone.hand import a_phone
from tests.web.phone.officers import at_step, officer_phone, sign, with_somebody
from tests.web.town import WAIT_MS, Town, at_desk, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
XIGANG = "210203"
NAME = "于德水"


async def test_a_person_found_at_night_is_followed_to_the_station_home_and_beyond(town: Town, browser: Browser) -> None:
    town.later(hours=13, minutes=40)
    house = await town.house("F01")
    desk = await window_of(browser, town, "station_staff", facility_id=house)
    await at_desk(desk, town, "station")
    case_id = await _found_and_brought(town, browser, desk)
    await _taken_in_and_known(desk)
    await _on_paper(town, desk, house)
    await _escorted_home(desk)
    await desk.context.close()

    town.later(hours=12)
    await _visited(town, browser)
    await _on_the_register(town, browser)
    case = await town.case(case_id)
    assert (case["stage"], case["outcome"]) == ("handled", "escorted_to_station")
    office = town.api.office
    async with office.db.connect() as tx:
        assert await proof.contradictions(tx, office) == [], "the log tells all of it"


async def _found_and_brought(town: Town, browser: Browser, desk: Page) -> UUID:
    """The crew asks where he will be taken in; the desk says yes, and they meet at its door."""
    async with officer_phone(browser, town, "T01") as phone:
        page = phone.page
        case_id = await with_somebody(town, phone)
        where = page.locator("[data-where-to]")
        await where.locator("[data-house=F01]").get_by_role("button").click()
        await expect(where).to_have_attribute("data-state", "offered", timeout=WAIT_MS)
        arrival = desk.locator("[data-referral]")
        await expect(arrival).to_have_attribute("data-state", "offered", timeout=WAIT_MS)
        await arrival.locator("[data-act=accept]").click()
        await expect(where).to_have_attribute("data-state", "accepted", timeout=WAIT_MS)
        await page.locator("[data-next=there]").click()
        await expect(arrival).to_have_attribute("data-state", "arrived", timeout=WAIT_MS)
        await page.locator("[data-add-belonging]").click()
        await page.locator("[data-belonging='0'] [name=what]").fill("蓝色编织袋")
        await page.locator("[name=condition]").fill("说不清自己叫什么")
        for side in ("signature_crew", "signature_receiver"):
            await sign(page, side)
        await page.locator("[data-next=handle]").click()
        await at_step(phone, "done")
        await phone.sent()
    await expect(arrival).to_have_attribute("data-state", "handed_over", timeout=WAIT_MS)
    return case_id


async def _taken_in_and_known(desk: Page) -> None:
    """Registered as unknown with the clock of the search notice; then somebody knows who he is."""
    await desk.locator("[data-referral] [data-act=register]").click()
    form = desk.locator("[data-dialog=arrival]")
    await form.locator("[data-vulnerable=dementia]").check()
    await form.get_by_role("button", name="登记入站").click()
    panel = desk.locator("[data-stay-panel]")
    await expect(panel.locator("[data-deadline=search_notice]")).to_contain_text("还剩")
    await desk.keyboard.press("i")
    who = desk.locator("[data-dialog=identify]")
    await who.locator("[name=name]").fill(NAME)
    await who.locator("[name=source]").select_option("family")
    await who.get_by_role("button", name="保存身份").click()
    await expect(panel.locator("h2")).to_have_text(NAME)
    await expect(panel.locator("[data-deadlines] > ul > li")).to_have_count(1)  # how long he may stay, no more


async def _on_paper(town: Town, desk: Page, house: UUID) -> None:
    """What was signed on the crew's phone is printed at the desk, and the log proves the file."""
    paper = desk.locator("[data-stay-panel] [data-paper=hand_over]")
    await paper.locator("[data-issue]").click()
    await expect(paper.locator("[data-open]")).to_be_visible()
    staff = await town.somebody("station_staff", facility_id=house)
    (issued,) = [one for one in await staff.saw("/api/documents") if one["kind"] == "hand_over"]
    pdf = (await staff.get(f"/api/documents/{issued['id']}/pdf")).content
    for words in ("受助人员交接单", "蓝色编织袋", "说不清自己叫什么"):
        assert words in text_of(pdf).replace(" ", "")  # a heading is set wide
    told = await town.api.public.saw(f"/api/documents/check/{issued['code']}")
    assert (told["pdf_sha256"], NAME in str(told)) == (sha256(pdf).hexdigest(), False)


async def _escorted_home(desk: Page) -> None:
    """With two escorts and tickets, to his sister's in Xigang."""
    await desk.keyboard.press("l")
    leave = desk.locator("[data-dialog=leave]")
    await leave.locator("[data-how=escorted_home]").check()
    await leave.locator("[name=to]").fill("西岗区日新街道")
    await leave.locator("[name=tickets]").fill("站车护送，辽B·A0001")
    for n, name in enumerate(("赵敏", "孙强")):
        await leave.locator(f"[data-escort='{n}']").fill(name)
    await leave.locator("[name=home_region]").select_option(XIGANG)
    await leave.locator("[name=home_street]").fill("日新街道")
    await leave.locator("[name=home_address]").fill("新开路 40 号")
    await leave.locator("[name=home_contact]").fill("姐姐")
    await expect(leave.locator("[data-missing]")).to_have_count(0)
    await leave.get_by_role("button", name="登记离站").click()
    await expect(desk.locator("[data-stay-panel] [data-left]")).to_contain_text("护送返乡")


async def _visited(town: Town, browser: Browser) -> None:
    """Due within two months; the grid worker of his street passes by the next day already, and finds him well."""
    async with a_phone(browser, town, at=(121.6005, 38.9275)) as phone:
        await phone.sign_in("grid_worker", regions=(XIGANG,))
        card = phone.page.locator("[data-home-visit]")
        await expect(phone.page.get_by_text("近两周没有要上门回访")).to_be_visible()
        await phone.page.locator("[data-later]").click()
        await expect(card).to_contain_text(NAME)
        await expect(card).to_contain_text("新开路 40 号")
        await card.locator("[data-visited]").click()
        await card.locator("[data-outcome=at_home_well]").click()
        await card.locator("[name=note]").fill("与姐姐同住，按时吃药")
        await card.locator("[data-send-visit]").click()
        await expect(card.locator("[data-settled]")).to_contain_text("在家")
        await phone.sent()


async def _on_the_register(town: Town, browser: Browser) -> None:
    """Civil affairs have him on the register of returnees, visited once and in time."""
    desk = await window_of(browser, town, "civil_affairs")
    await at_desk(desk, town, "returnees")
    await desk.locator("[data-returnee]").click()
    entry = desk.locator("[data-entry]")
    await expect(entry.locator("h2")).to_contain_text(NAME)
    await expect(entry.locator("[data-visits]")).to_contain_text("与姐姐同住，按时吃药")
    await desk.context.close()
