"""A station at night: who is brought in and signed for, who walks in, what is done for somebody unknown, and how they leave."""

import re
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from playwright.async_api import Browser, Locator, Page, expect

from tests.api.builders import Person
from tests.web.conftest import Shot
from tests.web.test_screens import looked_at
from tests.web.town import Town, at_desk, settled, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRAIN_STATION = (121.6204, 38.9223)
GUESTS = (
    ("male", "old", "灰白短发，说话含糊，自称来自山里"),
    ("female", "adult", "穿红色羽绒服，不说话"),
    ("male", "adult", "左脸有疤，带一只编织袋"),
    ("female", "old", "白发，拄拐杖，记不清住处"),
    ("male", "adult", "河南口音，丢了身份证和手机"),
)


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


def a_picture() -> bytes:
    """A photo of somebody."""
    with BytesIO() as out:
        Image.new("RGB", (320, 400), (120, 130, 140)).save(out, "PNG")
        return out.getvalue()


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

    # Who he is nobody knows: the notice is drafted, what must not be public is refused, and it goes out.
    await page.locator("[data-stay]").first.click()
    await expect(panel.locator("h2")).to_have_text("身份不明")
    await panel.locator("[data-deadlines] [data-act=notice]").click()
    notice = page.locator("[data-dialog=notice]")
    text = notice.locator("[name=text]")
    await expect(text).to_have_value(re.compile("老年.*大连市"))
    await expect(text).not_to_have_value(re.compile("认知|痴呆"))
    drafted = await text.input_value()
    await text.fill(f"{drafted}患有痴呆。")
    await notice.get_by_role("button", name="发布").click()
    await expect(notice.get_by_role("alert")).to_contain_text("不得公开的内容：健康状况")
    await text.fill(drafted)
    assert await looked_at(page) == []
    await notice.get_by_role("button", name="发布").click()
    await expect(panel.locator("[data-notice]")).to_contain_text("寻亲公告")
    await expect(panel.locator("[data-deadlines] li").first).not_to_contain_text("发布寻亲公告")
    await panel.locator("[data-deadlines] [data-act=dna]").click()
    await page.locator("[data-dialog=dna]").get_by_role("button", name="登记为已提请").click()
    await expect(panel.locator("[data-deadlines] [data-deadline=dna_answer]")).to_contain_text("还剩")
    await panel.locator("[data-add-photo]").set_input_files(
        {"name": "him.png", "mimeType": "image/png", "buffer": a_picture()}
    )
    await expect(panel.locator("[data-photo]")).to_have_count(1)
    await settled(page)
    assert await looked_at(page) == []

    # Where else he could go is shown with why not; his name is found; he may stay longer, and goes home with two.
    await page.keyboard.press("r")
    houses = page.locator("[data-dialog=refer]")
    await expect(houses.locator("[data-houses]")).to_contain_text("眼下没有合适的机构")
    await expect(houses.locator("[data-house=F02]")).to_contain_text("不接收")
    assert await looked_at(page) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("i")
    who = page.locator("[data-dialog=identify]")
    await who.locator("[name=name]").fill("李长河")
    await who.locator("[name=source]").select_option("police")
    await who.locator("[name=home]").fill("沈阳市铁西区（演示）")
    await who.get_by_role("button", name="保存身份").click()
    await expect(panel.locator("h2")).to_have_text("李长河")
    await expect(panel.locator("[data-deadlines] > ul > li")).to_have_count(1)
    await page.keyboard.press("y")
    longer = page.locator("[data-dialog=prolong]")
    await longer.locator("[name=reason]").fill("等家属来站")
    await longer.get_by_role("button", name="延长").click()
    await expect(panel.locator("[data-arrival]")).to_contain_text("等家属来站")
    await page.keyboard.press("l")
    leave = page.locator("[data-dialog=leave]")
    await expect(leave.locator("[data-how=left_by_self]")).to_be_disabled()
    await leave.locator("[data-how=escorted_home]").check()
    await expect(leave.locator("[data-missing]")).to_contain_text("车票")
    await leave.locator("[name=to]").fill("沈阳市救助管理站")
    await leave.locator("[name=tickets]").fill("G8012 次 5 车 3A、3B、3C")
    await leave.locator("[data-escort='0']").fill("赵敏")
    await leave.locator("[data-escort='1']").fill("孙强")
    await expect(leave.locator("[data-missing]")).to_have_count(0)
    await shot(page, "station-leave")
    assert await looked_at(page) == []
    await leave.get_by_role("button", name="登记离站").click()
    await expect(panel.locator("[data-left]")).to_contain_text("护送返乡")
    await expect(page.locator("[data-stay]")).to_have_count(1)
    await expect(page.locator("[data-tab=left]")).to_have_text("近期离站 1")
    await expect(page.locator("[data-room] [data-kind=men]")).to_contain_text("住 0")

    # His papers are issued, and opened to be printed.
    papers = panel.locator("[data-papers]")
    for kind in ("hand_over", "help_registration", "escort_home", "stay_record"):
        await papers.locator(f"[data-paper={kind}] [data-issue]").click()
        await expect(papers.locator(f"[data-paper={kind}] [data-open]")).to_be_enabled()
    async with page.expect_response(lambda answer: answer.url.endswith("/pdf")) as answered:
        await papers.locator("[data-paper=escort_home] [data-open]").click()
    assert (await answered.value).headers["content-type"] == "application/pdf"
    await papers.scroll_into_view_if_needed()
    await settled(page)
    await shot(page, "station-papers")
    assert await looked_at(page) == []
    assert not [url for url in asked if "/api/cases" in url or "/api/map" in url], "a station asks for its own alone"

    # Whoever is not helped gets a paper that says why and who else can help; the old are not turned away.
    await page.locator("[data-act=no-help]").click()
    no_help = page.locator("[data-dialog=no-help]")
    await no_help.locator("[name=ground]").select_option("has_support")
    await no_help.locator("[name=age_band]").select_option("old")
    await no_help.locator("[name=told]").fill("可投靠其兄，已电话联系")
    assert await looked_at(page) == []
    await no_help.get_by_role("button", name="出具通知书").click()
    await expect(no_help.get_by_role("alert")).to_contain_text("先行救助")
    await no_help.locator("[name=age_band]").select_option("adult")
    await no_help.get_by_role("button", name="出具通知书").click()
    await expect(no_help.locator("[data-issued]")).to_contain_text("W2016")

    # The shift leader reads the same desk and has nothing to press.
    leader = await window_of(browser, town, "shift_leader")
    await at_desk(leader, town, "station")
    await leader.locator("[name=house]").select_option(str(house))
    await expect(leader.locator("[data-stay]")).to_have_count(1)
    await expect(leader.locator("[data-act]")).to_have_count(0)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await leader.evaluate(wide) <= 0
    # More desks than the bar has room for: the rest are behind one button, and where one is stands in the bar.
    await leader.get_by_role("button", name="English").click()
    await leader.locator("[data-more-desks]").click()
    other = leader.locator("[data-more-desks] + ul a").last
    name = (await other.inner_text()).split("\n")[0]
    await other.click()
    await expect(leader.locator("nav a.router-link-active")).to_contain_text(name)
    assert await leader.evaluate(wide) <= 0
    await leader.keyboard.press("Alt+z")
    await expect(leader.locator("nav a.router-link-active")).to_have_text("Station")
    assert await looked_at(leader) == []
    for window in (page, leader):
        await window.context.close()


async def test_what_is_due_first_stands_on_top_and_what_is_over_is_red(
    town: Town, browser: Browser, shot: Shot
) -> None:
    house = await _house(town, "F04")
    staff = await town.somebody("station_staff", facility_id=house)
    for sex, age_band, said in GUESTS:
        person = {"sex": sex, "age_band": age_band, "told": {"description": said, "vulnerable": ["repeatedly"]}}
        await staff.did("/api/stays", {"person": person, "arrival": {"condition": "体温正常", "wishes": ["shelter"]}})
        town.later(hours=6)
    await town.go_on_duty("T01", "T02", "T03")
    await _brought(town, house, {"sex": "male", "age_band": "old", "note": "说不清家在哪"})
    page = await window_of(browser, town, "station_staff", facility_id=house)
    await at_desk(page, town, "station")
    first = page.locator("[data-stay]").first
    await expect(first).to_have_attribute("data-light", "red")
    await expect(first).to_contain_text("发布寻亲公告 · 已超")
    await expect(page.locator("[data-overdue]")).to_contain_text("人已超期")
    await expect(page.locator("[data-referral]")).to_have_attribute("data-state", "offered")
    await page.keyboard.press("j")
    panel = page.locator("[data-stay-panel]")
    await expect(panel.locator("[data-deadline=search_notice]")).to_contain_text("已上报 1 级")
    await settled(page)
    await shot(page, "station")
    await page.get_by_role("button", name="浅色").click()
    assert await looked_at(page) == []
    await page.context.close()
