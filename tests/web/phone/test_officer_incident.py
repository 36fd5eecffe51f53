"""Reported at once, from a crew's record to the conclusion: what the phone owes, who hears of it, who acknowledges."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.api.builders import a_handling
from tests.web.conftest import Shot
from tests.web.phone.officers import all_off_duty, at_step, base_of, beside, officer_phone, pick, tick
from tests.web.test_screens import looked_at
from tests.web.town import WAIT_MS, Town, at_desk, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def quiet(town: Town) -> AsyncIterator[None]:
    yield
    await all_off_duty(town)


async def _a_death(town: Town, team_id: Any, spot: tuple[float, float]) -> str:
    """Somebody is found dead by the crew, which says so in its record; the case's id."""
    crew = await town.somebody("officer", team_id=team_id)
    case_id = str(await town.report(spot, address="人民路地下通道口", dangers=["unconscious"]))
    leader = await town.somebody("shift_leader")
    await leader.post(f"/api/cases/{case_id}/assign", {"reason": "就近", "team_id": str(team_id)})
    await crew.did(f"/api/cases/{case_id}/arrive", {"lon": spot[0], "lat": spot[1]})
    moment = town.api.parts.clock.now().isoformat()
    told = {"police_told_at": moment, "police_told_by": "李队", "medical_called_at": moment, "station_told_at": moment}
    hospital = {"hand_over": {"facility": "大连市中心医院", "receiver": "急诊科"}}
    dead = {
        "outcome": "to_hospital",
        "incident": "death",
        "note": "到场时已无呼吸心跳，胸外按压，120 到场",
        **told,
        **hospital,
    }
    await crew.did(f"/api/cases/{case_id}/handle", a_handling(moment, **dead))
    return case_id


def _strip(page: Page, kind: str) -> Locator:
    return page.locator("[data-incident-strip] [data-incident]").filter(has_text=kind)


async def test_a_death_goes_up_is_filled_in_on_the_phone_acknowledged_at_every_level_and_concluded(
    town: Town, browser: Browser, shot: Shot
) -> None:
    team_id, base = await base_of(town, "T01")
    leader, supervisor = [await window_of(browser, town, role) for role in ("shift_leader", "supervisor")]
    civil = await town.somebody("civil_affairs")
    async with officer_phone(browser, town, "T01") as phone:
        await _a_death(town, team_id, beside(base, north_m=30))
        owed = phone.page.locator("[data-owed=death]")
        await expect(owed.locator("[data-missing]")).to_contain_text("请写明涉及何人", timeout=WAIT_MS)
        await shot(phone.page, "phone-report-owed")
        await owed.get_by_role("link", name="填写上报表").click()
        page = phone.page
        await expect(page.locator("[name=what]")).to_have_value("到场时已无呼吸心跳，胸外按压，120 到场")
        await page.locator("[name=place]").fill("人民路地下通道口")
        await page.locator("[name=who]").fill("男，七十岁上下，灰白短发，无证件")
        await page.locator("[name=measures]").fill("胸外按压至 120 到场，送中心医院，现场已保护")
        await tick(page, "family_unknown")
        await shot(page, "phone-incident-form")
        assert await phone.grave_faults() == []
        await page.locator("[data-next=incident]").click()
        await phone.sent()
        await expect(owed).to_have_count(0)
    mine = _strip(leader, "死亡")
    await expect(mine).to_contain_text("死亡", timeout=WAIT_MS)
    await shot(leader, "incident-strip")
    await mine.locator("[data-act=acknowledge]").click()
    await expect(mine).to_have_count(0, timeout=WAIT_MS)
    await at_desk(supervisor, town, "incidents")
    await supervisor.locator("[data-incidents] [data-incident]").filter(has_text="死亡").click()
    file = supervisor.locator("[data-incident-file]")
    await expect(file.locator("[data-level='0']")).to_contain_text("已签收")
    await expect(file.locator("[name=who]")).to_have_value("男，七十岁上下，灰白短发，无证件")
    await file.locator("[data-act=acknowledge]").click()
    await expect(file.locator("[data-level='1']")).to_have_attribute("data-state", "acknowledged", timeout=WAIT_MS)
    (listed,) = [one for one in await civil.saw("/api/incidents", open_only="true") if one["kind"] == "death"]
    await civil.did(f"/api/incidents/{listed['id']}/acknowledge")
    await file.locator("[data-act=follow-up]").click()
    dialog = supervisor.locator("[data-dialog=incident-followUp]")
    await dialog.locator("[name=text]").fill("法医初步认定猝死，公安协查身份")
    await dialog.get_by_role("button", name="确定").click()
    await expect(file.locator("[data-follow-ups]")).to_contain_text("法医初步认定猝死", timeout=WAIT_MS)
    await file.get_by_role("button", name="出具上报表").click()
    await expect(file.locator("[data-paper]")).to_contain_text("W", timeout=WAIT_MS)
    async with supervisor.expect_popup() as opened:
        await file.get_by_role("button", name="打开打印").click()
    await (await opened.value).close()
    await expect(file.get_by_role("button", name="打开打印")).to_be_enabled(timeout=WAIT_MS)
    await expect(file.locator("[role=alert]")).to_have_count(0)
    await shot(supervisor, "incidents")
    assert await looked_at(supervisor) == []
    await file.locator("[data-act=conclude]").click()
    dialog = supervisor.locator("[data-dialog=incident-conclude]")
    await dialog.locator("[name=text]").fill("猝死，无外力；遗体已移交，继续寻亲")
    await dialog.get_by_role("button", name="确定").click()
    await expect(file.locator("header")).to_contain_text("已结论", timeout=WAIT_MS)
    await supervisor.locator("[name=month]").fill(town.api.parts.clock.now().strftime("%Y-%m"))
    shown = supervisor.locator("[data-incidents] [data-incident]").filter(has_text="死亡")
    await expect(shown).to_contain_text("已结论", timeout=WAIT_MS)


async def test_a_crew_without_network_reports_what_it_knows_and_a_desk_that_is_silent_is_named(
    town: Town, browser: Browser, shot: Shot
) -> None:
    leader = await window_of(browser, town, "shift_leader")
    async with officer_phone(browser, town, "T02") as phone:
        page = phone.page
        await at_step(phone, "wait")
        await page.locator("[data-raise]").click()
        await pick(page, "kind", "missing")
        await page.locator("[name=what]").fill("护送途中老人走失")
        await phone.offline()
        await page.locator("[data-next=incident]").click()
        await at_step(phone, "wait")
        await phone.offline(False)
        await phone.sent()
        await expect(page.locator("[data-owed=missing]")).to_be_visible(timeout=WAIT_MS)
    strip = _strip(leader, "走失")
    await expect(strip).to_contain_text("走失", timeout=WAIT_MS)
    town.later(minutes=40)
    await expect(strip).to_contain_text("未签收", timeout=WAIT_MS)
    await expect(strip).to_contain_text("值班长")
    await expect(strip).to_contain_text("上报表逾期未填")
    await leader.keyboard.press("b")
    await expect(leader.get_by_label("告警", exact=True).locator("li").first).to_contain_text("即时上报")
    await at_desk(leader, town, "incidents")
    await leader.locator("[data-act=raise]").click()
    dialog = leader.locator("[data-dialog=raise-incident]")
    await dialog.get_by_label("意外事故").check()
    await shot(leader, "incident-raise")
    await dialog.get_by_role("button", name="立即上报").click()
    await expect(leader.locator("[data-incident-file] h2")).to_contain_text("意外事故", timeout=WAIT_MS)
    await expect(leader.locator("[data-missing]")).to_contain_text("请写明发生了什么")
