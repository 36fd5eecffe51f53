"""Anybody reports from a phone: with a photo, with no network, after a refusal; and learns what became of it."""

import asyncio
import io
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from playwright.async_api import Browser, FilePayload, Locator, Page, expect

from backend.geo.place import Crs, LonLat, distance_m, from_wgs84
from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN
from tests.web.conftest import Shot
from tests.web.phone.hand import Phone, a_phone
from tests.web.town import WAIT_MS, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")
RECEIPT = re.compile(r"^[2-9A-HJKMNP-Z]{4}(-[2-9A-HJKMNP-Z]{4}){2}$")


def a_photo(width_px: int = 3000, height_px: int = 1500) -> FilePayload:
    """A picture as a camera makes it, with a place in it."""
    picture = Image.new("RGB", (width_px, height_px), (40, 90, 160))
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    return {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}


async def see(page: Page, *signs: str) -> None:
    """Taps what is seen."""
    for sign in signs:
        await page.locator(f"[data-sign={sign}]").click()


async def placed(page: Page) -> Locator:
    """Returns when the form knows where; what it says."""
    said = page.locator("[data-said] strong")
    await expect(said).to_be_visible()
    return said


async def send(page: Page) -> None:
    """Reports; rings first where that is asked for, and says that it is another person where some are known."""
    await page.locator("[data-send]").click()
    await go_on(page)


async def go_on(page: Page) -> None:
    """Answers what is asked before a report is sent."""
    rung, other, thanks = (page.locator(f"[data-{name}]") for name in ("rung", "other", "thanks"))
    while True:
        await expect(rung.or_(other).or_(thanks)).to_be_visible(timeout=WAIT_MS)
        if await thanks.count():
            return
        for asked in (rung, other):
            if await asked.count():
                await asked.click()
                await expect(asked).to_have_count(0)


async def receipt_of(page: Page) -> str:
    """The code of the newest own report, which has reached the server."""
    code = page.locator("[data-code]").first
    await expect(code).to_have_text(RECEIPT, timeout=WAIT_MS)
    return await code.inner_text()


async def case_of(town: Town, receipt: str) -> UUID:
    """The case that a report belongs to."""
    async with town.api.office.db.connect() as tx:
        found = await tx.exec_driver_sql(
            "SELECT l.case_id FROM sightings s JOIN case_sightings l ON l.city_id = s.city_id AND l.sighting_id = s.id "
            "WHERE s.receipt = $1 AND l.left_at IS NULL",
            (receipt,),
        )
        case_id: UUID = found.scalar_one()
    return case_id


async def sighting_of(town: Town, receipt: str) -> dict[str, Any]:
    """The report as the server has it."""
    async with town.api.office.db.connect() as tx:
        found = await tx.exec_driver_sql("SELECT id FROM sightings WHERE receipt = $1", (receipt,))
        id_ = str(found.scalar_one())
    leader = await town.somebody("shift_leader")
    file = await leader.saw(f"/api/cases/{await case_of(town, receipt)}")
    sighting: dict[str, Any] = next(one for one in file["sightings"] if one["id"] == id_)
    return sighting


async def photos_of(town: Town, receipt: str) -> list[UUID]:
    """The photos that the server keeps of a report."""
    async with town.api.office.db.connect() as tx:
        found = await tx.exec_driver_sql(
            "SELECT p.id FROM photos p JOIN sightings s ON s.city_id = p.city_id AND s.id = p.sighting_id "
            "WHERE s.receipt = $1",
            (receipt,),
        )
        return list(found.scalars())


async def reports_in(town: Town) -> int:
    """So many reports has the server."""
    async with town.api.office.db.connect() as tx:
        return int((await tx.exec_driver_sql("SELECT count(*) FROM sightings")).scalar_one())


async def test_a_report_with_a_photo_becomes_a_case_and_its_reporter_learns_the_outcome(
    town: Town, browser: Browser, shot: Shot
) -> None:
    await town.go_on_duty("T01", "T02", "T03")
    async with a_phone(browser, town) as phone:
        page = phone.page
        await page.get_by_role("link", name="我要上报").click()
        await expect(await placed(page)).to_contain_text("中山区 安阳街与柳林街交叉口附近")
        await expect(page.locator("[data-said]")).to_contain_text("误差约 10 米")
        await see(page, "lying", "unconscious", "old")
        await expect(page.locator("[data-numbers]")).to_contain_text("请先拨打 120")
        await page.get_by_role("button", name="多一人").click()
        await page.locator("[data-gallery]").set_input_files(files=[a_photo()])
        await expect(page.locator("figure img")).to_be_visible()
        await page.locator("[name=words]").fill("老人躺在路口，叫不醒")
        await page.locator("[name=phone]").fill("13800001234")
        await page.get_by_label("处理后请给我回电").check()
        await expect(page.locator("[data-promise]")).to_contain_text("办结 180 天后删除")
        await shot(page, "phone-report")
        assert await phone.grave_faults() == []
        await page.locator("[data-send]").click()
        await expect(page.locator("[data-call-first]").get_by_role("link", name="拨打 120")).to_have_attribute(
            "href", "tel:120"
        )
        await shot(page, "phone-report-call-first")
        await go_on(page)
        receipt = await receipt_of(page)
        await phone.sent()
        sighting = await sighting_of(town, receipt)
        assert (sighting["people_count"], sighting["channel"]) == (2, "web")
        assert sighting["looks"]["posture"] == "lying"
        assert "unconscious" in sighting["dangers"]
        (photo_id,) = await photos_of(town, receipt)
        case_id = await case_of(town, receipt)
        leader = await town.somebody("shift_leader")
        kept = await leader.get(f"/api/cases/{case_id}/photos/{photo_id}")
        picture = Image.open(io.BytesIO(kept.content))
        assert max(picture.size) == 2000, "made smaller on the phone, since it goes over a weak network"
        assert not picture.getexif(), "made anew by the server: where it was taken is not in it any more"

        await page.locator("[data-more]").click()
        await expect(page.locator("[data-receipt]")).to_have_text(receipt)
        officer = await town.accept_offer(case_id)
        await page.get_by_role("button", name="刷新").click()
        await expect(page.locator(".steps")).to_have_attribute("data-state", "on_the_way")
        await shot(page, "phone-receipt")
        now = town.now().isoformat()
        hospital = {"facility": "大连市中心医院", "receiver": "急诊科"}
        taken = {"outcome": "to_hospital", "people": [{"acutely_ill": True}], "hand_over": hospital}
        await town.handle(case_id, officer, medical_called_at=now, station_told_at=now, **taken)
        await page.get_by_role("button", name="刷新").click()
        await expect(page.get_by_text("现场已处理，正在核查。谢谢您！")).to_be_visible()
        checker = await town.somebody("checker")
        await checker.did(f"/api/cases/{case_id}/verify", {"note": "照片与位置相符"})
        await page.get_by_role("button", name="刷新").click()
        await expect(page.get_by_text("您反映的情况已处理。谢谢您！")).to_be_visible()
        await expect(page.locator("[data-add]")).to_have_count(0)
        assert await phone.grave_faults() == []
        await shot(page, "phone-receipt-thanks")


async def test_without_network_and_with_the_app_closed_it_is_sent_once_when_the_network_returns(
    town: Town, browser: Browser, shot: Shot
) -> None:
    async with a_phone(browser, town, at=(121.58, 38.90)) as phone:
        await phone.open("report")
        before = await reports_in(town)
        await phone.offline()
        await placed(phone.page)
        await see(phone.page, "sitting", "bedding")
        await phone.page.locator("[data-gallery]").set_input_files(files=[a_photo(600, 400)])
        await expect(phone.page.locator("figure img")).to_be_visible()
        await send(phone.page)
        await expect(phone.page.get_by_text("2 条等待发送")).to_be_visible()
        await shot(phone.page, "phone-report-offline")
        first, _ = await phone.kept_actions()
        await phone.close()
        await phone.open("receipt")
        await expect(phone.page.locator("[data-report=waiting]")).to_be_visible()
        assert [one["state"] for one in await phone.kept_actions()] == ["waiting", "waiting"]
        assert await reports_in(town) == before
        await phone.offline(False)
        receipt = await receipt_of(phone.page)
        await phone.sent()
        assert await reports_in(town) == before + 1
        sighting = await sighting_of(town, receipt)
        assert sighting["id"] == first["id"], "the phone's own id, so that it counts once however often it is sent"
        assert len(await photos_of(town, receipt)) == 1


async def test_a_refused_report_stays_says_why_and_is_mended(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town, at=(0, 0)) as phone:
        page = phone.page
        await phone.open("report")
        await placed(page)
        await see(page, "cold", "sitting")
        await page.locator("[name=words]").fill("候车亭里的年轻人")
        await send(page)
        refused = page.locator("[data-report=refused]")
        await expect(refused.locator(".refused")).to_be_visible(timeout=WAIT_MS)
        assert (await phone.kept_actions())[0]["refusal"]["code"] == "place_missing"
        await refused.get_by_role("link", name="修改后再发").click()
        await expect(page.locator("[name=words]")).to_have_value("候车亭里的年轻人")
        await expect(page.locator("[data-sign=cold]")).to_have_attribute("aria-pressed", "true")
        await phone.be_at(*IN_XIGANG)
        await page.locator("[data-own]").click()
        await expect(page.locator("[data-said] strong")).to_contain_text("西岗区", timeout=WAIT_MS)
        await page.locator("[data-send]").click()
        sighting = await sighting_of(town, await receipt_of(page))
        assert distance_m(LonLat(sighting["lon"], sighting["lat"]), LonLat(*IN_XIGANG)) < 20
        assert len(await phone.kept_actions()) == 1, "mended in its old place, under its old id"


async def test_a_report_that_waited_too_long_is_sent_as_of_now_when_they_are_still_there(
    town: Town, browser: Browser
) -> None:
    async with a_phone(browser, town, at=(121.60, 38.91)) as phone:
        page = phone.page
        await phone.open("report")
        await placed(page)
        await phone.offline()
        await see(page, "lying")
        await send(page)
        await page.evaluate(_AGE_ACTIONS, timedelta(days=9) / timedelta(milliseconds=1))
        await phone.offline(False)
        refused = page.locator("[data-report=refused]")
        await expect(refused).to_be_visible(timeout=WAIT_MS)
        await refused.get_by_role("link", name="修改后再发").click()
        await expect(page.locator("[data-why]")).to_be_visible()
        await page.locator("[data-still]").check()
        await page.locator("[data-send]").click()
        sighting = await sighting_of(town, await receipt_of(page))
        assert datetime.fromisoformat(sighting["occurred_at"]) > town.now() - timedelta(hours=1)


async def test_what_was_begun_is_there_again_after_the_app_was_closed(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town) as phone:
        await phone.open("report")
        await see(phone.page, "child")
        await phone.page.locator("[name=words]").fill("孩子在哭")
        await phone.page.locator("[data-gallery]").set_input_files(files=[a_photo(300, 200)])
        await expect(phone.page.locator("figure img")).to_be_visible()
        async with asyncio.timeout(WAIT_MS / 1000):
            while True:
                if await phone.page.evaluate(_DRAFT, "孩子在哭/1"):
                    break
                await asyncio.sleep(0.05)
        await phone.close()
        await phone.open("report")
        await expect(phone.page.get_by_text("这是您上次没有填完的内容")).to_be_visible()
        await expect(phone.page.locator("[name=words]")).to_have_value("孩子在哭")
        await expect(phone.page.locator("[data-sign=child]")).to_have_attribute("aria-pressed", "true")
        await expect(phone.page.locator("figure img")).to_be_visible()
        await phone.page.get_by_role("button", name="重新填写").click()
        await expect(phone.page.locator("[name=words]")).to_have_value("")
        await expect(phone.page.locator("figure img")).to_have_count(0)


async def test_who_is_known_already_is_asked_about_and_either_answer_sends(
    town: Town, browser: Browser, shot: Shot
) -> None:
    place = (121.5610, 38.8990)
    known = await town.report(place, looks={"posture": "sitting", "age_band": "old"}, description="桥下坐着一位老人")
    for answer, is_same in (("[data-other]", False), ("[data-same]", True)):
        async with a_phone(browser, town, at=place) as phone:
            page = phone.page
            await phone.open("report")
            await placed(page)
            await see(page, "sitting", "old")
            await page.locator("[name=words]").fill("桥下坐着一位老人")
            await page.locator("[data-send]").click()
            about = page.locator("[data-similar]")
            await expect(about.get_by_text("约 100 米内").first).to_be_visible(timeout=WAIT_MS)
            assert "老人" not in await about.inner_text(), "nothing of how somebody looks"
            assert await phone.grave_faults() == []
            if is_same:
                await shot(page, "phone-report-similar")
            await page.locator(answer).first.click()
            receipt = await receipt_of(page)
            joined = await case_of(town, receipt)
            reasons = await _reasons_of(town, joined, receipt)
            if not is_same:
                assert joined != known, "the reporter saw that it is another: no rule joins them"
            elif joined == known:
                assert "said_same" in reasons


async def _reasons_of(town: Town, case_id: UUID, receipt: str) -> set[str]:
    async with town.api.office.db.connect() as tx:
        found = await tx.exec_driver_sql(
            "SELECT l.reasons FROM case_sightings l JOIN sightings s ON s.city_id = l.city_id AND s.id = l.sighting_id "
            "WHERE l.case_id = $1 AND s.receipt = $2",
            (case_id, receipt),
        )
        reasons: list[dict[str, Any]] = found.scalar_one()
    return {reason["code"] for reason in reasons}


async def test_a_landmark_is_found_by_its_pinyin_and_the_pin_is_moved_by_hand(
    town: Town, browser: Browser, shot: Shot
) -> None:
    async with a_phone(browser, town, permissions=[]) as phone:
        page = phone.page
        await phone.open("report")
        await page.locator("[data-own]").click()
        await expect(page.get_by_text("没有定位权限")).to_be_visible()
        await page.locator("[data-send]").click()
        await expect(page.get_by_role("alert")).to_contain_text("请先说明在哪里")
        await page.locator("[name=landmark]").fill("zsgc")
        await page.locator("[data-found]").filter(has_text="中山广场").first.click()
        await expect(page.locator("[data-said]")).to_have_attribute("data-from", "landmark")
        await page.locator("[data-map]").click()
        chart = page.locator(".maplibregl-canvas")
        await expect(page.locator(".whole > .map")).to_have_attribute("data-idle", "", timeout=90_000)
        await shot(page, "phone-report-map")
        await chart.focus()
        await page.keyboard.press("ArrowRight")
        await expect(page.locator("[data-said]")).to_have_attribute("data-from", "map", timeout=WAIT_MS)
        await see(page, "bedding")
        await send(page)
        sighting = await sighting_of(town, await receipt_of(page))
        assert sighting["address"].startswith("中山广场")
        assert (121.64, 38.91) < (sighting["lon"], sighting["lat"]) < (121.66, 38.93)


async def test_without_network_a_landmark_in_words_goes_with_where_the_phone_was_last(
    town: Town, browser: Browser
) -> None:
    async with a_phone(browser, town, at=(121.62, 38.92)) as phone:
        await phone.open("report")
        await placed(phone.page)
        await phone.context.clear_permissions()
        await phone.offline()
        await phone.close()
        await phone.open("report")
        await phone.page.locator("[name=landmark]").fill("火车站南广场")
        await expect(phone.page.locator("[data-said]")).to_contain_text("手机上次所在位置", timeout=WAIT_MS)
        await see(phone.page, "sitting")
        await send(phone.page)
        await phone.offline(False)
        sighting = await sighting_of(town, await receipt_of(phone.page))
        assert (sighting["address"], sighting["accuracy_m"]) == ("火车站南广场", 3000)


async def test_a_phone_that_speaks_gcj02_is_understood_when_it_is_started_so(town: Town, browser: Browser) -> None:
    there = from_wgs84(LonLat(*IN_ZHONGSHAN), Crs.GCJ02)
    async with a_phone(browser, town, at=there) as phone:
        await phone.page.goto(phone.url.replace("/m/", "/m/?crs=gcj02#/report"))
        await expect(await placed(phone.page)).to_contain_text("中山区 安阳街与柳林街交叉口附近")
        await see(phone.page, "sitting")
        await send(phone.page)
        sighting = await sighting_of(town, await receipt_of(phone.page))
        assert distance_m(LonLat(sighting["lon"], sighting["lat"]), LonLat(*IN_ZHONGSHAN)) < 1


async def test_a_phone_without_room_says_so_and_sends_directly(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town, at=(121.63, 38.905)) as phone:
        await phone.open("report")
        await placed(phone.page)
        await see(phone.page, "bedding")
        await phone.page.locator("[data-gallery]").set_input_files(files=[a_photo(300, 200)])
        await expect(phone.page.locator("figure img")).to_be_visible()
        await phone.page.evaluate(_FULL)
        await phone.page.locator("[data-send]").click()
        await expect(phone.page.locator("[data-other]").or_(phone.page.locator("[data-direct]"))).to_be_visible()
        if await phone.page.locator("[data-other]").count():
            await phone.page.locator("[data-other]").click()
        await expect(phone.page.get_by_text("手机存储已满")).to_be_visible()
        await phone.page.locator("[data-direct]").click()
        code = phone.page.locator("[data-receipt]")
        await expect(code).to_have_text(RECEIPT, timeout=WAIT_MS)
        assert len(await photos_of(town, await code.inner_text())) == 1
        assert await phone.kept_actions() == []


async def test_a_receipt_is_asked_for_by_its_code_and_a_slip_is_named(town: Town, browser: Browser) -> None:
    receipt = (await town.api.public.did("/api/reports", {"place": {"lon": 121.6, "lat": 38.93}}))["receipt"]
    async with a_phone(browser, town) as phone:
        page = phone.page
        await phone.open("receipt")
        field = page.locator("[name=receipt]")
        await field.fill(receipt[:-1] + ("2" if receipt[-1] != "2" else "3"))
        await field.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("回执码有误")
        await field.fill(receipt.lower().replace("-", " "))
        await field.press("Enter")
        await expect(page.locator("[data-receipt]")).to_have_text(receipt)
        await expect(page.locator(".steps")).to_be_visible()
        await phone.open("receipt")
        await expect(page.locator("[data-code]")).to_have_text(receipt)


async def test_the_form_speaks_english_and_large_letters_fit(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town) as phone:
        await phone.open("settings")
        await phone.page.get_by_role("button", name="English").click()
        await phone.open("report")
        await expect(phone.page.get_by_role("heading", name="Report somebody")).to_be_visible()
        await placed(phone.page)
        words = await phone.page.locator("form").inner_text()
        assert not re.search("[一-鿿]", words.replace("中文", "").replace("人民路", "")), words
        await _at_200_percent(phone)


async def _at_200_percent(phone: Phone) -> None:
    await phone.large_text()
    assert await phone.sideways() == 0
    assert await phone.grave_faults() == []


_AGE_ACTIONS = """
by => new Promise((done, failed) => {
  const asked = indexedDB.open('rescue-phone')
  asked.onerror = () => failed(asked.error)
  asked.onsuccess = () => {
    const change = asked.result.transaction('actions', 'readwrite')
    change.objectStore('actions').openCursor().onsuccess = event => {
      const at = event.target.result
      if (!at) return
      at.update({...at.value, occurredAt: at.value.occurredAt && at.value.occurredAt - by})
      at.continue()
    }
    change.oncomplete = () => (asked.result.close(), done())
  }
})
"""
_DRAFT = """
wanted => new Promise(done => {
  const asked = indexedDB.open('rescue-phone')
  asked.onsuccess = () => {
    const kept = asked.result.transaction('kept').objectStore('kept').get('draft-report')
    kept.onsuccess = () => {
      asked.result.close()
      const found = kept.result?.value
      done(found !== undefined && `${found.draft.words}/${found.photos.length}` === wanted)
    }
  }
})
"""
_FULL = """
() => {
  const add = IDBObjectStore.prototype.add
  IDBObjectStore.prototype.add = function (...what) {
    if (this.name === 'actions') throw new DOMException('no room', 'QuotaExceededError')
    return add.apply(this, what)
  }
}
"""
