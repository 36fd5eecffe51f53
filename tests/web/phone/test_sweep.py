"""A tour on an officer's phone: the next place, ticked by being there, by hand with a reason, without a network; somebody found."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.web.conftest import Shot
from tests.web.phone.hand import Phone
from tests.web.phone.officers import all_off_duty, at_step, base_of, beside, officer_phone, pick
from tests.web.sweeping import end_all, stood_at, swept, warn
from tests.web.town import DRAWN_MS, WAIT_MS, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def quiet(town: Town) -> AsyncIterator[None]:
    yield
    await end_all(town)
    await all_off_duty(town)


def card(phone: Phone) -> Locator:
    """The next place."""
    return phone.page.locator("[data-next-stop]")


async def next_cell(phone: Phone, *, after: str = "") -> str:
    """Which cell is next on the phone, once it is another than `after`."""
    another = phone.page.locator(f"[data-next-stop]:not([data-cell='{after}'])")
    await expect(another).to_be_visible(timeout=WAIT_MS)
    return str(await another.get_attribute("data-cell"))


async def stop_of(town: Town, team_id: UUID, cell: str) -> dict[str, Any]:
    """The stop in that cell as the server tells the team of it."""
    tour = (await (await town.officer_of(team_id)).saw("/api/officer/sweep"))["tour"]
    return next(one for one in tour["stops"] if one["cell"] == cell)


async def cell_file(town: Town, campaign_id: str, cell: str, *, having: str) -> list[dict[str, Any]]:
    """Waits until the server knows of looks or passes of the cell; those."""
    leader = await town.somebody("shift_leader")
    async with asyncio.timeout(WAIT_MS / 1000):
        while True:
            file = await leader.saw(f"/api/campaigns/{campaign_id}/cells/{cell}")
            if found := file[having]:
                return list(found)
            await asyncio.sleep(0.1)


async def test_the_next_place_is_ticked_by_being_there(town: Town, browser: Browser, shot: Shot) -> None:
    team_id, _ = await base_of(town, "T01")
    async with officer_phone(browser, town, "T01") as phone:
        await at_step(phone, "wait")
        await warn(town, "寒潮", "橙色", "II级/严重", identifier="P1")
        running, _ = await swept(town)
        cell = await next_cell(phone)
        sweep = phone.page.locator("[data-sweep]")
        await expect(sweep).to_contain_text("寒潮")
        await expect(sweep).to_contain_text("大连市气象台发布寒潮橙色预警信号")
        await expect(card(phone)).to_contain_text("自动打卡")
        await expect(card(phone).locator("[data-supplies]")).to_contain_text("棉被 1")
        await expect(card(phone).locator("ul li").first).to_be_visible()
        await expect(card(phone).locator("[data-way-by=amap]")).to_have_attribute("href", re.compile("uri.amap.com"))
        assert await phone.grave_faults() == []
        assert await phone.sideways() == 0
        await shot(phone.page, "phone-sweep")
        await card(phone).locator("[data-map]").click()
        await expect(card(phone).locator(".whole > .map")).to_have_attribute("data-idle", "", timeout=DRAWN_MS)
        await card(phone).locator("[data-map]").scroll_into_view_if_needed()
        await shot(phone.page, "phone-sweep-map")
        assert await phone.grave_faults() == []
        await card(phone).locator("[data-map]").click()
        stop = await stop_of(town, team_id, cell)
        await stood_at(town, team_id, stop["lon"], stop["lat"])
        await next_cell(phone, after=cell)
        await expect(phone.page.locator("[data-ticked]")).to_contain_text("已自动打卡")
        (look,) = await cell_file(town, running["id"], cell, having="looks")
        assert look["by"] == "track"


async def test_without_a_network_the_tour_goes_on_and_what_was_said_arrives_later(
    town: Town, browser: Browser, shot: Shot
) -> None:
    async with officer_phone(browser, town, "T02") as phone:
        page = phone.page
        await warn(town, "暴雪", "橙色", "II级/严重", identifier="P2")
        running, _ = await swept(town, "snow")
        by_hand = await next_cell(phone)
        await phone.offline()
        await expect(page.locator("[data-away]")).to_be_visible(timeout=WAIT_MS)
        await page.locator("[data-say=look]").click()
        await expect(page.locator("[data-say-send]")).to_be_disabled()
        await page.locator("[data-field=sweep_reason] label").filter(has_text="没有信号").click()
        assert await phone.grave_faults() == []
        await shot(page, "phone-sweep-by-hand")
        await page.locator("[data-say-send]").click()
        unreached = await next_cell(phone, after=by_hand)
        await expect(page.locator("[data-sweep-waits]")).to_have_count(1)
        await page.locator("[data-say=pass]").click()
        await page.locator("[data-field=sweep_reason] label").filter(has_text="其他").click()
        await page.locator("[name=sweep_words]").fill("施工围挡，进不去")
        await page.locator("[data-say-send]").click()
        await next_cell(phone, after=unreached)
        await page.evaluate("scrollTo(0, 0)")
        await shot(page, "phone-sweep-offline")
        await phone.close()

        await phone.open("task")
        await next_cell(phone, after=unreached)
        await expect(phone.page.locator("[data-sweep-waits]")).to_have_count(2)
        await phone.offline(False)
        await phone.sent()
        (look,) = await cell_file(town, running["id"], by_hand, having="looks")
        assert (look["by"], look["reason"]) == ("hand", "没有信号")
        (said,) = await cell_file(town, running["id"], unreached, having="passes")
        assert said["reason"] == "施工围挡，进不去"
        await expect(phone.page.locator("[data-sweep-waits]")).to_have_count(0)


async def test_an_offer_takes_over_the_screen_and_the_tour_comes_back(town: Town, browser: Browser) -> None:
    _, base = await base_of(town, "T01")
    async with officer_phone(browser, town, "T01") as phone:
        await warn(town, "低温", "橙色", "II级/严重", identifier="P3")
        await swept(town, "low_temperature")
        await next_cell(phone)
        await phone.page.locator("[data-say=look]").click()
        await town.report(beside(base, north_m=200), by=await town.somebody("grid_worker"), channel="grid")
        await at_step(phone, "offer")
        await expect(phone.page.locator("[data-sweep], dialog[open]")).to_have_count(0)
        await phone.page.locator("[data-decline-open]").click()
        await phone.page.locator("[data-decline]").first.click()
        await next_cell(phone)


async def test_somebody_found_on_a_tour_is_a_case_that_remembers_the_campaign(town: Town, browser: Browser) -> None:
    _, base = await base_of(town, "T01")
    async with officer_phone(browser, town, "T01") as phone:
        page = phone.page
        await warn(town, "高温", "橙色", "II级/严重", identifier="P4")
        running, _ = await swept(town, "heat")
        cell = await next_cell(phone)
        await phone.be_at(*beside(base, north_m=60))
        await page.locator("[data-found-here]").click()
        await expect(page.locator("[data-on-tour]")).to_be_visible()
        await expect(page.locator("[data-found-place]")).to_have_attribute("data-known", "true")
        await pick(page, "age_band", "old")
        await page.locator("[data-next=found]").click()
        await at_step(phone, "spot")
        await phone.sent()
        (found,) = [one for one in await phone.kept_actions() if one["kind"] == "found"]
        assert (found["body"]["campaign_id"], found["body"]["cell"]) == (running["id"], cell)
        assert (await town.case(UUID(found["body"]["case_id"])))["campaign_id"] == running["id"]


async def test_a_tour_in_english_in_the_dark_with_letters_twice_as_large(
    town: Town, browser: Browser, shot: Shot
) -> None:
    async with officer_phone(browser, town, "T01", color_scheme="dark") as phone:
        page = phone.page
        await phone.go("settings")
        await page.get_by_role("button", name="English").click()
        await phone.go("task")
        await warn(town, "暴雨", "橙色", "II级/严重", identifier="P5")
        await swept(town, "rainstorm")
        await next_cell(phone)
        await expect(card(phone)).to_contain_text(re.compile("ticked", re.IGNORECASE))
        assert await phone.grave_faults() == []
        await shot(page, "phone-sweep-english-dark")
        await phone.large_text()
        assert await phone.sideways() == 0
        assert await phone.grave_faults() == []
        await page.locator("[data-say=pass]").click()
        assert await phone.sideways() == 0
        assert await phone.grave_faults() == []
