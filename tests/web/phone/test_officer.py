"""An officer's whole task on the phone: from the offer to the hand-over that both sides have signed."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.web.conftest import Shot
from tests.web.phone.officers import (
    all_off_duty,
    at_step,
    base_of,
    be,
    beside,
    officer_phone,
    photograph,
    pick,
    sign,
)
from tests.web.town import DRAWN_MS, WAIT_MS, Town, at_desk, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
OLD_MAN = "老人躺在地下通道口，衣着单薄，说腿疼走不动"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def quiet(town: Town) -> AsyncIterator[None]:
    yield
    await all_off_duty(town)


async def test_the_whole_task_with_a_network(town: Town, browser: Browser, shot: Shot) -> None:
    _, base = await base_of(town, "T01")
    spot = beside(base, north_m=700)
    async with officer_phone(browser, town, "T01", on_duty=False) as phone:
        page = phone.page
        await at_step(phone, "off_duty")
        await shot(page, "phone-off-duty")
        await be(phone, "on_duty")
        await at_step(phone, "wait")
        await expect(page.locator("[data-position]")).to_have_attribute("data-state", "on")
        await shot(page, "phone-on-duty")
        grid_worker = await town.somebody("grid_worker")
        case_id = await town.report(
            spot, by=grid_worker, channel="grid", description=OLD_MAN, dangers=["injury"], address="人民路地下通道口"
        )
        await at_step(phone, "offer")
        await expect(page.locator("[data-lease]")).to_contain_text("秒内应答")
        await expect(page.locator("[data-dangers]")).to_contain_text("受伤")
        await expect(page.locator("[data-dangers] a[href='tel:120']")).to_be_visible()
        await expect(page.locator("[data-way]")).to_contain_text("车程")
        await expect(page.locator("[data-sighting]")).to_contain_text(OLD_MAN)
        await expect(page.locator("[data-why] li").first).to_be_visible()
        assert await phone.grave_faults() == []
        await shot(page, "phone-offer")
        await page.locator("[data-accept]").click()
        await at_step(phone, "set_out")
        await shot(page, "phone-set-out")
        await page.locator("[data-next=set_out]").click()
        await at_step(phone, "drive")
        ways = {
            way: await page.locator(f"[data-way-by={way}]").get_attribute("href")
            for way in ("amap", "baidu", "tencent")
        }
        assert f"{spot[1]:.6f},{spot[0]:.6f}" not in str(ways), "none of these maps is drawn in WGS-84"
        await page.locator("[data-next=arrive]").click()
        await expect(page.locator("[data-arrive-reason]")).to_contain_text("您离现场约 700 米")
        await shot(page, "phone-too-far")
        await page.get_by_role("button", name="还没到").click()
        await phone.be_at(*spot)
        await expect(page.get_by_text("直线距离 10 米")).to_be_visible()
        await shot(page, "phone-drive")
        await page.locator("[data-next=arrive]").click()
        await at_step(phone, "spot")
        await expect(page.locator("[data-person='0']")).to_be_visible()
        await pick(page, "sex", "male")
        await pick(page, "age_band", "old")
        await pick(page, "capacity", "capable")
        await pick(page, "consent", "given")
        await pick(page, "vulnerable", "hardly_mobile")
        await page.locator("[data-open-register]").click()
        register = page.locator("[data-register='0']")
        await register.locator("[name=person_description]").fill("灰白短发，蓝布外套")
        await register.locator("[data-field=marks] [data-code=scar]").check()
        await register.locator("[data-mark=scar] select").select_option("left_arm")
        await photograph(register, camera="data-person-camera")
        await expect(register.locator(".photos img")).to_be_visible()
        await register.locator("[data-act=register]").scroll_into_view_if_needed()
        await shot(page, "phone-register")
        await register.locator("[data-act=register]").click()
        await expect(register.locator("[data-registered=sent]")).to_contain_text("已登记 R", timeout=WAIT_MS)
        await page.locator("[name=wishes]").fill("想去救助站，天暖了再回老家")
        await photograph(page)
        await expect(page.locator("[data-field=photos] img")).to_be_visible()
        assert await phone.grave_faults() == []
        await shot(page, "phone-found-people")
        await page.locator("[data-next=did]").click()
        await expect(page.locator("[data-outcome]")).to_have_count(9)
        await shot(page, "phone-outcomes")
        await page.locator("[data-outcome=escorted_to_station]").click()
        await page.locator("[data-now=station_told_at]").click()
        await shot(page, "phone-escorted")
        await page.locator("[data-next=hand_over]").click()
        await page.locator("[data-by-hand] summary").click()
        await page.locator("input[type=radio][value='大连市救助管理站（演示）']").check()
        await page.locator("[name=receiver]").fill("王站长")
        await page.locator("[data-next=handle]").click()
        await expect(page.locator("[data-fault=hand_over_unsigned]")).to_be_visible()
        await sign(page, "signature_crew")
        await sign(page, "signature_receiver")
        assert await phone.grave_faults() == []
        await shot(page, "phone-hand-over")
        await page.locator("[data-next=handle]").click()
        await at_step(phone, "done")
        await expect(page.locator("[data-done=sent]")).to_be_visible(timeout=WAIT_MS)
        await shot(page, "phone-done")
        await phone.sent()
        case = await town.case(case_id)
        assert (case["stage"], case["outcome"]) == ("handled", "escorted_to_station")
        leader = await town.somebody("shift_leader")
        (known,) = (await leader.saw("/api/persons", case_id=str(case_id)))["people"]
        (person,) = (await leader.saw(f"/api/persons/{known['id']}"))["records"]
        assert (person["told"]["description"], len(person["photos"])) == ("灰白短发，蓝布外套", 1)
        assert person["told"]["marks"][0]["where"] == "left_arm"
        file = await (await town.somebody("checker")).saw(f"/api/cases/{case_id}")
        (visit,) = file["handlings"]
        record = visit["record"]
        paper = record["hand_over"]
        assert (paper["facility"], paper["receiver"]) == ("大连市救助管理站（演示）", "王站长")
        assert {one["id"] for one in file["case_photos"] if one["kind"] != "scene"} == {
            paper["crew_signature"],
            paper["receiver_signature"],
        }
        assert record["note"] == "本人的意愿：想去救助站，天暖了再回老家"
        await page.locator("[data-next=away]").click()
        await at_step(phone, "wait")
    desk = await window_of(browser, town, "checker")
    await at_desk(desk, town, "verification")
    await desk.locator(f"[data-case='{case_id}']").click()
    await expect(desk.locator("[data-item=hand_over]")).to_contain_text("签字可查看")
    photos = desk.locator("[data-crew-photos]")
    for n, kind in enumerate(("scene", "signature_crew", "signature_receiver"), start=1):
        await photos.locator(f"[data-kind={kind}] button").click()
        await expect(photos.locator("img")).to_have_count(n)
    await desk.context.close()


async def test_an_offer_that_rings_can_be_declined_with_a_reason(town: Town, browser: Browser, shot: Shot) -> None:
    _, base = await base_of(town, "T02")
    async with officer_phone(browser, town, "T02") as phone:
        await phone.go("queue")
        case_id = await town.report(beside(base, north_m=400), by=await town.somebody("grid_worker"), channel="grid")
        await at_step(phone, "offer")
        await phone.page.locator("[data-decline-open]").click()
        await expect(phone.page.locator("[data-decline]")).to_have_count(6)
        await shot(phone.page, "phone-decline")
        await phone.page.locator("[data-decline=vehicle_trouble]").click()
        await at_step(phone, "wait")
        await phone.sent()
        offers = (await (await town.somebody("shift_leader")).saw(f"/api/cases/{case_id}"))["offers"]
        assert [(one["state"], one["reason"]) for one in offers] == [("declined", "vehicle_trouble")]


async def test_somebody_found_elsewhere_is_put_on_the_map(town: Town, browser: Browser, shot: Shot) -> None:
    _, base = await base_of(town, "T02")
    async with officer_phone(browser, town, "T02") as phone:
        page = phone.page
        await phone.go("found")
        await expect(page.locator("[data-found-place]")).to_have_attribute("data-known", "true")
        await page.locator("[data-map]").click()
        chart = page.locator(".maplibregl-canvas")
        await expect(page.locator(".whole > .map")).to_have_attribute("data-idle", "", timeout=DRAWN_MS)
        await chart.focus()
        await page.keyboard.press("ArrowUp")
        await expect(page.locator("[data-found-place]")).to_contain_text("已在地图上选定", timeout=DRAWN_MS)
        assert await phone.grave_faults() == []
        await shot(page, "phone-found-map")
        await page.locator("[name=words]").fill("河边护栏内侧，两人")
        await page.get_by_role("button", name="多一人").click()
        await page.locator("[data-next=found]").click()
        await at_step(phone, "spot")
        await expect(page.locator("[data-person]")).to_have_count(2)
        await phone.sent()
        (mine,) = [one for one in await phone.kept_actions() if one["kind"] == "found"]
        case = await town.case(mine["body"]["case_id"])
        assert (case["stage"], case["people_count"]) == ("handling", 2)
        assert case["lat"] > base[1] + 0.0003, "north of where the officer stands"
