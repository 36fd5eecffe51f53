"""The phone app as it stands before anybody does anything: it opens without network once it was kept."""

import pytest
from playwright.async_api import Browser, expect

from tests.web.phone.hand import a_phone
from tests.web.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_app_opens_without_network_after_it_was_closed(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town) as phone:
        await expect(phone.page.get_by_role("link", name="我要上报")).to_be_visible()
        await phone.offline()
        await phone.close()
        await phone.open()
        await expect(phone.page.get_by_role("link", name="我要上报")).to_be_visible()
        assert await phone.kept_actions() == []
        assert await phone.grave_faults() == []
        await phone.large_text()
        assert await phone.sideways() == 0


async def test_who_signs_in_begins_at_their_own_face(town: Town, browser: Browser) -> None:
    async with a_phone(browser, town) as phone:
        (team_id,) = await town.go_on_duty("T01")
        await phone.sign_in("officer", team_id=team_id)
        await expect(phone.page.get_by_role("navigation").get_by_text("任务")).to_be_visible()
