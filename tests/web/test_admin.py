"""What makes an installation somebody's: accounts, teams and shifts, made and changed in a browser."""

import pytest
from playwright.async_api import Browser, expect

from tests.web.town import Town, at_desk, settled, sign_in, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_administrator_makes_an_account_and_its_owner_signs_in(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "admin")
    await at_desk(page, town, "admin")
    await page.locator("[data-act=new-account]").click()
    form = page.locator("[data-dialog=form]")
    await form.get_by_label("登录名").fill("sun.li")
    await form.get_by_label("姓名").fill("孙莉")
    await form.locator("input[type=password]").fill("password12")
    await form.get_by_text("派遣员").click()
    await form.get_by_text("中山区", exact=True).click()
    await page.keyboard.press("Enter")
    await expect(form.get_by_role("alert")).to_be_visible()  # guessable: refused in words, and nothing typed is lost
    await expect(form.get_by_label("姓名")).to_have_value("孙莉")
    await form.locator("input[type=password]").fill("correct horse battery staple")
    await form.locator("input[type=password]").press("Enter")
    await expect(page.locator("[data-login='sun.li']")).to_contain_text("派遣员")
    window = await browser.new_page()
    await window.goto(town.url)
    await sign_in(window, town, "sun.li", "correct horse battery staple")
    await window.close()
    await page.context.close()


async def test_a_team_is_made_and_given_a_shift(town: Town, browser: Browser) -> None:
    page = await window_of(browser, town, "shift_leader")
    await at_desk(page, town, "admin")
    await page.get_by_role("tab", name="队伍").click()
    await page.locator("[data-act=new-team]").click()
    form = page.locator("[data-dialog=form]")
    await form.get_by_label("队名").fill("青泥洼夜巡队")
    await form.get_by_label("编号").fill("T77")
    await form.get_by_text("中山区", exact=True).click()
    await settled(page)
    await form.locator(".whole > .map").click(position={"x": 200, "y": 110})
    await expect(form.get_by_role("status")).to_contain_text("38.")
    await form.get_by_role("button", name="保存").click()
    await expect(page.locator("[data-team=T77]")).to_contain_text("青泥洼夜巡队")
    await at_desk(page, town, "teams")
    await page.locator("[data-view=shifts]").click()
    line = page.get_by_role("listitem").filter(has_text="青泥洼夜巡队")
    for overlaps in (False, True):
        await line.locator(".track").click(position={"x": 370 if overlaps else 400, "y": 5})
        shift = page.locator("[data-dialog=shift]")
        await expect(shift.locator("input").first).to_be_focused()
        if overlaps:
            await shift.locator("input").last.press("Enter")
            await expect(shift.get_by_role("alert")).to_be_visible()
            await page.keyboard.press("Escape")
        else:
            await page.keyboard.press("Enter")
        await expect(shift).to_have_count(0)
    await expect(line.locator(".shift")).to_have_count(1)
    await page.context.close()
