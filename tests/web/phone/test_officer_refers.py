"""An officer takes somebody where they will be taken in: asked and answered on the phone, and handed over with what goes along."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.web.conftest import Shot
from tests.web.phone.officers import (
    all_off_duty,
    at_step,
    officer_phone,
    photograph,
    sign,
    with_somebody,
)
from tests.web.town import WAIT_MS, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def quiet(town: Town) -> AsyncIterator[None]:
    yield
    await all_off_duty(town)


async def test_where_to_is_asked_answered_and_handed_over_on_the_phone(
    town: Town, browser: Browser, shot: Shot
) -> None:
    async with officer_phone(browser, town, "T01") as phone:
        page = phone.page
        case_id = await with_somebody(town, phone)
        where = page.locator("[data-where-to]")
        houses = where.locator("[data-house]")
        await expect(houses.first).to_be_visible(timeout=WAIT_MS)
        assert await phone.grave_faults() == []
        assert await phone.sideways() == 0
        await shot(page, "phone-where-to")
        first = await houses.first.get_attribute("data-house")
        second = await houses.nth(1).get_attribute("data-house")
        assert first is not None
        assert second is not None
        await houses.first.get_by_role("button").click()
        await expect(where).to_have_attribute("data-state", "offered", timeout=WAIT_MS)
        await page.locator("[data-next=handle]").click()
        await expect(page.locator("[data-fault=not_accepted]")).to_be_visible()

        refuses = await town.staff_of(first)
        (asked,) = await refuses.saw("/api/referrals", open=True)
        await refuses.did(f"/api/referrals/{asked['id']}/refuse", {"reason": "床位已满"})
        await expect(where).to_have_attribute("data-state", "none", timeout=WAIT_MS)
        await expect(where).to_contain_text("床位已满")
        await where.locator(f"[data-house={second}]").get_by_role("button").click()
        await expect(where).to_have_attribute("data-state", "offered", timeout=WAIT_MS)
        takes = await town.staff_of(second)
        (asked,) = await takes.saw("/api/referrals", open=True)
        whole = await takes.saw(f"/api/referrals/{asked['id']}")
        assert (whole["people"][0]["note"], whole["referral"]["consent"]) == ("想住两天，再回老家", "given")
        await takes.did(f"/api/referrals/{asked['id']}/accept", {"receiver": "赵值班"})
        await expect(where).to_have_attribute("data-state", "accepted", timeout=WAIT_MS)
        await expect(where.locator("[data-yes]")).to_contain_text("赵值班")
        await expect(where.locator("[data-way-by=amap]")).to_be_visible()
        await shot(page, "phone-referral-accepted")

        await phone.offline()
        await page.locator("[data-next=there]").click()
        await expect(where).to_have_attribute("data-state", "arrived")
        await page.locator("[data-add-belonging]").click()
        await page.locator("[data-belonging='0'] [name=what]").fill("蓝色编织袋")
        await page.locator("[data-add-belonging]").click()
        await page.locator("[data-belonging='1'] [name=what]").fill("现金")
        await page.locator("[data-belonging='1'] [name=belonging_note]").fill("八十五元")
        await photograph(page.locator("[data-field=belongings]"))
        await page.locator("[name=condition]").fill("神志清楚，左腿疼")
        await expect(page.locator("[name=receiver]")).to_have_value("赵值班")
        await sign(page, "signature_crew")
        await sign(page, "signature_receiver")
        assert await phone.grave_faults() == []
        assert await phone.sideways() == 0
        await shot(page, "phone-hand-over-referral")
        await page.locator("[data-next=handle]").click()
        await at_step(phone, "done")
        await phone.offline(False)
        await phone.sent()
        await expect(page.locator("[data-done=sent]")).to_be_visible(timeout=WAIT_MS)

    done = await takes.saw(f"/api/referrals/{asked['id']}")
    assert (done["referral"]["state"], done["referral"]["arrived_at"] is not None) == ("handed_over", True)
    assert [one["what"] for one in done["hand_over"]["belongings"]] == ["蓝色编织袋", "现金"]
    file = await (await town.somebody("checker")).saw(f"/api/cases/{case_id}")
    paper = file["handlings"][0]["record"]["hand_over"]
    assert (paper["referral_id"], paper["receiver"], paper["condition"]) == (asked["id"], "赵值班", "神志清楚，左腿疼")
    kinds = sorted(one["kind"] for one in file["case_photos"])
    assert kinds == ["belongings", "signature_crew", "signature_receiver"]
