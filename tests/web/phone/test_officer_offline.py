"""The officer's task while the network comes and goes: nothing is lost, nothing has two effects, and the phone says what holds."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.web.conftest import Shot
from tests.web.phone.hand import Phone
from tests.web.phone.officers import (
    Place,
    all_off_duty,
    at_step,
    base_of,
    be,
    beside,
    officer_phone,
    photograph,
    pick,
    sign,
    tick,
)
from tests.web.town import WAIT_MS, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def quiet(town: Town) -> AsyncIterator[None]:
    yield
    await all_off_duty(town)


async def accepted(town: Town, phone: Phone, spot: Place, **told: Any) -> UUID:
    """The team has a case there, by the phone, and has set out."""
    case_id = await town.report(spot, by=await town.somebody("grid_worker"), channel="grid", **told)
    await at_step(phone, "offer")
    await phone.page.locator("[data-accept]").click()
    await at_step(phone, "set_out")
    await phone.page.locator("[data-next=set_out]").click()
    await at_step(phone, "drive")
    await phone.sent()
    return case_id


async def kinds_of(town: Town, case_id: UUID) -> list[str]:
    """What happened to the case, in order."""
    leader = await town.somebody("shift_leader")
    return [one["kind"] for one in (await leader.saw(f"/api/cases/{case_id}/events"))["events"]]


async def test_the_task_goes_on_without_network_and_after_the_app_was_closed(
    town: Town, browser: Browser, shot: Shot
) -> None:
    _, base = await base_of(town, "T01")
    spot = beside(base, north_m=500)
    async with officer_phone(browser, town, "T01") as phone:
        case_id = await accepted(town, phone, spot, description="桥下老人，两天没吃饭", address="白山路桥下")
        await phone.be_at(*spot)
        await phone.offline()
        await expect(phone.page.locator("[data-away]")).to_be_visible(timeout=WAIT_MS)
        await phone.page.locator("[data-next=arrive]").click()
        await at_step(phone, "spot")
        await pick(phone.page, "age_band", "old")
        await pick(phone.page, "sex", "male")
        await pick(phone.page, "consent", "given")
        await phone.page.locator("[name=wishes]").fill("想喝口热水")
        await photograph(phone.page)
        await expect(phone.page.locator("[data-field=photos] img")).to_be_visible()
        await shot(phone.page, "phone-offline-spot")
        await phone.close()

        await phone.open("task")
        await at_step(phone, "spot")
        await expect(phone.page.locator("[name=wishes]")).to_have_value("想喝口热水")
        await expect(phone.page.locator("[data-field=age_band] [data-code=old]")).to_be_checked()
        await expect(phone.page.locator("[data-field=photos] img")).to_be_visible()
        await phone.page.locator("[data-next=did]").click()
        await phone.page.locator("[data-outcome=escorted_to_station]").click()
        await phone.page.locator("[data-next=hand_over]").click()
        await phone.page.locator("[name=facility]").fill("大连市救助管理站")
        await phone.page.locator("[name=receiver]").fill("李师傅")
        await sign(phone.page, "signature_crew")
        await sign(phone.page, "signature_receiver")
        await phone.page.locator("[data-next=handle]").click()
        await at_step(phone, "done")
        await expect(phone.page.locator("[data-done=waiting]")).to_contain_text("等待网络发送")
        await shot(phone.page, "phone-offline-done")
        assert [one["kind"] for one in await phone.kept_actions() if one["state"] == "waiting"] == [
            "arrive", "photo", "signature", "signature", "handle",
        ]  # fmt: skip
        await phone.close()

        await phone.open("queue")
        await expect(phone.actions("waiting")).to_have_count(5)
        await shot(phone.page, "phone-offline-outbox")
        await phone.offline(False)
        await phone.sent()
        await phone.go("task")
        await expect(phone.page.locator("[data-done=sent]")).to_be_visible(timeout=WAIT_MS)
    case = await town.case(case_id)
    assert (case["stage"], case["outcome"]) == ("handled", "escorted_to_station")
    kinds = await kinds_of(town, case_id)
    assert [kinds.count(kind) for kind in ("case.set_out", "case.arrived", "case.handled")] == [1, 1, 1]
    file = await (await town.somebody("checker")).saw(f"/api/cases/{case_id}")
    assert sorted(one["kind"] for one in file["case_photos"]) == ["scene", "signature_crew", "signature_receiver"]


async def test_somebody_found_without_network_is_a_case_that_is_handled_at_once(
    town: Town, browser: Browser, shot: Shot
) -> None:
    _, base = await base_of(town, "T02")
    async with officer_phone(browser, town, "T02") as phone:
        await phone.offline()
        await phone.go("found")
        page = phone.page
        await expect(page.locator("[data-found-place]")).to_contain_text("已定位，误差约 10 米")
        await pick(page, "age_band", "adult")
        await pick(page, "sex", "female")
        await pick(page, "posture", "sitting")
        await page.locator("[name=words]").fill("站前广场长椅上，带着行李")
        await photograph(page)
        await shot(page, "phone-found")
        await page.locator("[data-next=found]").click()
        await at_step(phone, "spot")
        await expect(page.get_by_text("新案卷（未发送）")).to_be_visible()
        await expect(page.locator("[data-field=sex] [data-code=female]")).to_be_checked()
        await expect(page.locator("[data-field=photos] img")).to_be_visible()
        await pick(page, "consent", "refused")
        await page.locator("[data-next=did]").click()
        await page.locator("[data-outcome=stays_supplies_given]").click()
        await page.locator("[data-next=handle]").click()
        await expect(page.locator("[data-missing]")).to_contain_text("还缺 3 项")
        await shot(page, "phone-missing")
        await tick(page, "info_left")
        await pick(page, "supplies", "food")
        await page.locator("[name=persuasion]").fill("劝了三次，说等家人来接")
        await page.locator("[data-next=handle]").click()
        await at_step(phone, "done")
        (found,) = [one for one in await phone.kept_actions() if one["kind"] == "found"]
        await phone.offline(False)
        await phone.sent()
        case = await town.case(UUID(found["body"]["case_id"]))
        assert (case["stage"], case["outcome"], case["channel"]) == ("handled", "stays_supplies_given", "patrol")
        assert abs(case["lon"] - base[0]) < 1e-4
        assert (await kinds_of(town, UUID(case["id"]))).count("case.handled") == 1


async def test_an_acceptance_without_network_is_no_hold_on_the_case(town: Town, browser: Browser, shot: Shot) -> None:
    """Two phones of one crew race for the offer: the one without network is told the truth, before and after."""
    team_id, base = await base_of(town, "T01")
    async with (
        officer_phone(browser, town, "T01") as first,
        officer_phone(browser, town, "T01", on_duty=False) as second,
    ):
        await second.go("settings")
        await second.page.get_by_role("button", name="退出登录").click()
        await second.sign_in("officer", "grid_worker", team_id=team_id)
        await at_step(second, "wait")
        case_id = await town.report(beside(base, north_m=300), by=await town.somebody("grid_worker"), channel="grid")
        await at_step(first, "offer")
        await at_step(second, "offer")
        await second.offline()
        await second.page.locator("[data-accept]").click()
        await expect(second.page.locator("[data-accept-waits]")).to_contain_text("还没有接受成功")
        await shot(second.page, "phone-accept-waits")
        await first.page.locator("[data-accept]").click()
        await at_step(first, "set_out")
        await second.offline(False)
        await expect(second.page.locator("[data-refused=accept]")).to_be_visible(timeout=WAIT_MS)
        await shot(second.page, "phone-accept-refused")
        await second.page.locator("[data-refused=accept] [data-drop]").click()
        await at_step(second, "set_out")
        kinds = await kinds_of(town, case_id)
        assert (kinds.count("case.dispatched"), kinds.count("offer.made")) == (1, 1)


async def test_of_two_teams_that_want_one_case_the_later_reads_why_it_has_none(town: Town, browser: Browser) -> None:
    _, base = await base_of(town, "T01")
    async with officer_phone(browser, town, "T01") as near, officer_phone(browser, town, "T02") as far:
        case_id = await town.report(beside(base, north_m=300), by=await town.somebody("grid_worker"), channel="grid")
        await at_step(near, "offer")
        await near.offline()
        await near.page.locator("[data-accept]").click()
        await expect(near.page.locator("[data-accept-waits]")).to_be_visible()
        town.later(seconds=120)
        await at_step(far, "offer")
        await far.page.locator("[data-accept]").click()
        await at_step(far, "set_out")
        await near.offline(False)
        refused = near.page.locator("[data-refused=accept]")
        await expect(refused).to_be_visible(timeout=WAIT_MS)
        await expect(refused).to_contain_text("没有接到这个派遣")
        await refused.locator("[data-drop]").click()
        await at_step(near, "wait")
        team_id, _ = await base_of(town, "T02")
        assert (await town.case(case_id))["team_id"] == str(team_id)


async def test_what_the_server_refuses_is_mended_and_goes_through(town: Town, browser: Browser, shot: Shot) -> None:
    _, base = await base_of(town, "T01")
    spot = beside(base, north_m=200)
    async with officer_phone(browser, town, "T01") as phone:
        case_id = await accepted(town, phone, spot)
        page = phone.page
        await page.locator("[data-next=arrive]").click()
        await at_step(phone, "spot")
        await pick(page, "age_band", "adult")
        await page.locator("[data-next=did]").click()
        await page.locator("[data-outcome=informed_and_guided]").click()
        await page.locator("[data-next=handle]").click()
        await page.get_by_role("button", name="仍然提交").click()
        await expect(page.locator("[data-mending]")).to_be_visible()
        await expect(page.locator("[data-fault=info_not_left]")).to_contain_text("救助站地址、电话")
        await expect(page.locator("a.bar")).to_contain_text("1 条未被接受")
        await shot(page, "phone-mend")
        await phone.go("queue")
        await page.get_by_role("button", name="修改后再发").click()
        await at_step(phone, "spot")
        await tick(page, "info_left")
        await page.locator("[data-next=handle]").click()
        await at_step(phone, "done")
        await phone.sent()
        await expect(page.locator("[data-done=sent]")).to_be_visible(timeout=WAIT_MS)
        assert (await town.case(case_id))["outcome"] == "informed_and_guided"
        assert (await kinds_of(town, case_id)).count("case.handled") == 1


async def test_an_arrival_that_the_server_doubts_is_explained_afterwards(town: Town, browser: Browser) -> None:
    """Without a position the phone asks for the reason at once; what it lets pass and the server does not is mended."""
    _, base = await base_of(town, "T01")
    async with officer_phone(browser, town, "T01") as phone:
        case_id = await accepted(town, phone, beside(base, north_m=900))
        page = phone.page
        await page.locator("[data-next=arrive]").click()
        reason = page.locator("[data-arrive-reason]")
        await expect(reason).to_contain_text("您离现场约 900 米")
        await reason.get_by_role("button", name="地点标得不准，人在别处").click()
        await reason.get_by_role("button", name="写明原因，确认到达").click()
        await at_step(phone, "spot")
        await phone.sent()
        assert (await town.case(case_id))["stage"] == "handling"


async def test_duty_is_as_last_wished_once_the_network_is_back(town: Town, browser: Browser) -> None:
    team_id, _ = await base_of(town, "T03")
    async with officer_phone(browser, town, "T03", on_duty=False) as phone:
        await phone.offline()
        await phone.page.locator("[data-duty=on_duty]").click()
        await expect(phone.page.get_by_text("等待网络发送")).to_be_visible()
        await phone.page.locator("[data-duty=resting]").click()
        await phone.page.locator("[data-duty=on_duty]").click()
        await expect(phone.page.locator("[data-duty=on_duty]")).to_have_attribute("aria-pressed", "true")
        assert [one["body"] for one in await phone.kept_actions()] == [{"state": "on_duty"}]
        await phone.offline(False)
        await phone.sent()
        leader = await town.somebody("shift_leader")
        states = {one["id"]: one["state"] for one in await leader.saw("/api/teams")}
        assert states[str(team_id)] == "on_duty"
        await be(phone, "off_duty")
