"""Referrals in the control room: the desk asks a house, hears what needs somebody, answers by telephone, and reads what was signed."""

import pytest
from playwright.async_api import Browser, expect

from tests.web.conftest import Shot
from tests.web.town import WAIT_MS, Town, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_desk_asks_a_house_and_an_office_and_sees_each_through(
    town: Town, browser: Browser, shot: Shot
) -> None:
    await town.go_on_duty("T01")
    case_id = await town.report(dangers=["exposure"], address="人民路地下通道", people_count=1)
    await town.accept_offer(case_id)
    page = await window_of(browser, town, "dispatcher")
    await page.goto(f"{town.url}#/board/{case_id}?tab=referrals")
    panel = page.locator("[data-case-referrals]")
    await expect(panel).to_contain_text("本案没有转介")
    await panel.locator("[data-refer]").click()
    dialog = page.locator("[data-dialog=refer]")
    house = dialog.locator("[data-house]").first
    await expect(house).to_be_visible(timeout=WAIT_MS)
    await dialog.locator("select").nth(0).select_option("male")
    await dialog.locator("select").nth(1).select_option("adult")
    await expect(dialog.locator("input[name=to]:checked")).to_have_count(1)
    await dialog.locator("[data-house=F01] input").check()
    await dialog.locator("[name=note]").fill("听力不好，请大声说话")
    await shot(page, "referral-ask")
    await dialog.locator("button.primary").click()
    line = panel.locator("[data-referral]").first
    await expect(line).to_have_attribute("data-state", "offered", timeout=WAIT_MS)
    await expect(page.locator("[data-waiting-referrals]")).to_contain_text("转介待办 1")

    station = await town.staff_of("F01")
    (asked,) = await station.saw("/api/referrals", open=True)
    await station.did(f"/api/referrals/{asked['id']}/refuse", {"reason": "今夜床位不足"})
    await expect(line).to_have_attribute("data-state", "refused", timeout=WAIT_MS)
    bell = page.locator(".bell")
    await bell.locator("button").first.click()
    await expect(bell.locator("li").first).to_contain_text("转介被拒绝")
    await page.keyboard.press("Escape")
    await line.locator("[data-act=open]").click()
    await expect(panel.locator("[data-referral-file]")).to_contain_text("今夜床位不足")

    await panel.locator("[data-refer]").click()
    await expect(house).to_be_visible(timeout=WAIT_MS)
    await dialog.locator("[name=office]").select_option("police")
    await dialog.locator("[name=to_words]").fill("中山广场派出所，值班室")
    await dialog.locator("button.primary").click()
    office = panel.locator("[data-referral][data-state=offered]")
    await expect(office).to_contain_text("公安", timeout=WAIT_MS)
    town.later(minutes=31)
    await expect(office).to_contain_text("转介无人答复", timeout=WAIT_MS)
    await expect(office).to_contain_text("已告知：派遣员")
    await page.locator("[data-waiting-referrals] [data-fold]").click()
    await shot(page, "referral-waits")
    await office.locator("[data-act=accept]").click()
    answer = page.locator("[data-dialog=accept-referral]")
    await answer.locator("[name=receiver]").fill("民警王某")
    await answer.locator("button.primary").click()
    taken = panel.locator("[data-referral][data-state=accepted]")
    await expect(taken).to_be_visible(timeout=WAIT_MS)
    await taken.locator("[data-act=withdraw]").click()
    back = page.locator("[data-dialog=withdraw-referral]")
    await back.get_by_role("button", name="本人改变主意").click()
    await back.locator("button.danger").click()
    await expect(panel.locator("[data-state=withdrawn]")).to_be_visible(timeout=WAIT_MS)
    await expect(page.locator("[data-waiting-referrals]")).to_have_count(0)
    await page.context.close()
