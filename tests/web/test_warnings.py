"""A weather warning as two desks see it: handed in at one, in force at both, until it is lifted."""

from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from backend.clock import CHINA
from tests.campaign.warnings_made import an_alert, an_info
from tests.web.conftest import Shot
from tests.web.test_screens import looked_at
from tests.web.town import Town, at_desk, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _cold(town: Town, n: int, headline: str, **more: str) -> bytes:
    at = (town.now() + timedelta(minutes=n)).astimezone(CHINA)
    until = (at + timedelta(hours=24)).isoformat()
    words = "受强冷空气影响，预计未来 24 小时我市最低气温将下降 10℃以上，请注意防寒保暖。"
    info = an_info("寒潮", headline, expires=until, description=words)
    return an_alert(info, identifier=f"W{n}", sent=at.isoformat(), **more)


async def _hand_in(page: Page, content: bytes) -> None:
    file = {"name": "warning.xml", "mimeType": "text/xml", "buffer": content}
    await page.locator("[data-warning-panel] input[type=file]").set_input_files(file)  # type: ignore[arg-type]


async def test_a_warning_holds_at_every_desk_until_it_is_lifted(town: Town, browser: Browser, shot: Shot) -> None:
    leader, dispatcher = [await window_of(browser, town, role) for role in ("shift_leader", "dispatcher")]
    await at_desk(leader, town, "leader")
    await expect(dispatcher.locator("[data-warnings]")).to_have_count(0)
    await _hand_in(leader, _cold(town, 0, "大连市气象台发布寒潮蓝色预警信号[IV级/一般]"))
    panel = leader.locator("[data-warning-panel]")
    await expect(panel.get_by_role("status")).to_have_text("新预警，已生效")
    for page in (leader, dispatcher):
        await expect(page.locator("[data-warnings] [data-warning=W0]")).to_contain_text("寒潮 蓝色")
    await _hand_in(leader, _cold(town, 1, "大连市气象台变更发布寒潮橙色预警信号[II级/严重]", msg_type="Update"))
    strip = dispatcher.locator("[data-warnings]")
    await expect(strip.locator("[data-warning]")).to_have_count(1)
    await expect(strip).to_contain_text("寒潮 橙色")
    await strip.get_by_role("button", name="详情").click()
    await expect(strip).to_contain_text("请注意防寒保暖")
    await shot(dispatcher, "warning")
    assert await looked_at(dispatcher) == []
    await _hand_in(leader, b"<html>502</html>")
    await expect(panel.get_by_role("status")).to_contain_text("这不是 CAP 预警")
    assert await looked_at(leader) == []
    await expect(panel.locator("[data-signature]")).to_have_count(0)
    await panel.locator("[data-warning=W1]").get_by_role("button", name="详情").click()
    await expect(panel.locator("[data-warning=W1] [data-signature]")).to_contain_text("没有签名")
    await _measure(town)
    await expect(panel.locator("[data-measured]")).to_contain_text(
        "大连站 −9.0 °C · 湿度 40% · 风 7.0 米/秒 · 体感 −17.5 °C (风寒)"
    )
    await shot(leader, "warning-leader")
    assert await looked_at(leader) == []
    await _hand_in(leader, _cold(town, 2, "大连市气象台解除寒潮橙色预警信号"))
    await expect(panel.get_by_role("status")).to_have_text("已解除")
    await expect(strip).to_have_count(0)
    await leader.context.close()
    await dispatcher.context.close()


async def _measure(town: Town) -> None:
    """A station says how cold it is."""
    dispatcher = await town.somebody("dispatcher")
    values = {"at": town.now().isoformat(), "temperature_c": -9, "humidity": 40, "wind_mps": 7, "station": "大连站"}
    await dispatcher.did("/api/weather/observed", values)
