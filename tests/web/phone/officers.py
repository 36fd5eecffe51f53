"""What officers do with their phones, step by step, as tests say it."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from PIL import Image
from playwright.async_api import Browser, FilePayload, Locator, Page, expect

from tests.web.phone.hand import Phone, a_phone
from tests.web.town import WAIT_MS, Town

Place = tuple[float, float]


async def base_of(town: Town, code: str) -> tuple[UUID, Place]:
    """A team by its code: its id and where it stands."""
    async with town.api.office.db.connect() as tx:
        found = await tx.exec_driver_sql("SELECT id, base_lon, base_lat FROM teams WHERE code = $1", (code,))
        row = found.one()
    return row.id, (row.base_lon, row.base_lat)


def beside(place: Place, north_m: float = 0, east_m: float = 0) -> Place:
    """A place so far from another."""
    return (round(place[0] + east_m / 86_600, 6), round(place[1] + north_m / 111_195, 6))


@asynccontextmanager
async def officer_phone(
    browser: Browser, town: Town, code: str, *, on_duty: bool = True, **more: Any
) -> AsyncIterator[Phone]:
    """The phone of an officer of that team, who has signed in and stands at the team's base."""
    team_id, base = await base_of(town, code)
    async with a_phone(browser, town, at=base, **more) as phone:
        await phone.sign_in("officer", team_id=team_id)
        await expect(phone.page.locator("[data-officer-bar]")).to_be_visible()
        await phone.kept()
        if on_duty:
            await be(phone, "on_duty")
        yield phone


async def be(phone: Phone, duty: str) -> None:
    """On duty, resting or off duty, by the switch; returns when the server has it."""
    await phone.page.locator(f"[data-duty={duty}]").click()
    await expect(phone.page.locator(f"[data-duty={duty}]")).to_have_attribute("aria-pressed", "true")
    await phone.sent()


async def all_off_duty(town: Town) -> None:
    """Nobody is on duty, calls for help or has anything open: the next test has the town for itself."""
    leader, dispatcher = await town.somebody("shift_leader"), await town.somebody("dispatcher")
    async with town.api.office.db.connect() as tx:
        calls = await tx.exec_driver_sql("SELECT id FROM distress_calls WHERE over_at IS NULL")
    for (call_id,) in calls:
        await dispatcher.post(f"/api/distress/{call_id}/answer", {"note": ""})
        await dispatcher.did(f"/api/distress/{call_id}/over")
    for case in (await leader.saw("/api/cases", limit=200))["cases"]:
        if case["stage"] in ("discovered", "accepted", "dispatched", "handling", "handled"):
            path = f"/api/cases/{case['id']}/ask"
            asked = await dispatcher.did(path, {"action": "void", "reason": "下一项测试"})
            await leader.did(f"/api/approvals/{asked['approval_id']}/grant", {"answer": "同意"})
    for team in await leader.saw("/api/teams"):
        if team["state"] != "off_duty":
            await leader.did(f"/api/teams/{team['id']}/duty", {"state": "off_duty"})


def step(page: Page, name: str) -> Locator:
    """The page when it is at this step."""
    return page.locator(f"[data-step={name}]")


async def at_step(phone: Phone, name: str) -> None:
    """Returns when the page has come to this step."""
    await expect(step(phone.page, name)).to_be_visible(timeout=WAIT_MS)


async def pick(page: Page | Locator, field: str, code: str) -> None:
    """Picks one of a few."""
    await page.locator(f"[data-field={field}] [data-code={code}]").check()


async def tick(page: Page | Locator, field: str) -> None:
    """Ticks a box."""
    await page.locator(f"[data-field={field}] input").check()


async def photograph(page: Page | Locator, colour: str = "darkslategray", *, camera: str = "data-camera") -> None:
    """Takes a photo with the phone's camera."""
    kept = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(kept, "JPEG")
    photo = FilePayload(name="photo.jpg", mimeType="image/jpeg", buffer=kept.getvalue())
    await page.locator(f"[{camera}]").set_input_files(photo)


async def sign(page: Page, kind: str) -> None:
    """Draws a signature and keeps it."""
    await page.locator(f"[data-sign={kind}]").click()
    box = await page.locator("canvas[aria-label]").bounding_box()
    assert box is not None
    across = [0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85]
    down = [0.6, 0.3, 0.65, 0.3, 0.6, 0.35, 0.65, 0.4]
    await page.mouse.move(box["x"] + box["width"] * across[0], box["y"] + box["height"] * down[0])
    await page.mouse.down()
    for x, y in zip(across[1:], down[1:], strict=True):
        await page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=4)
    await page.mouse.up()
    await page.locator("[data-keep-signature]").click()
    await expect(page.locator(f"[data-field={kind}] img")).to_be_visible()


async def with_somebody(town: Town, phone: Phone) -> UUID:
    """The team is with a man who wants to go to the station, and is to say where he is taken; the case."""
    _, base = await base_of(town, "T01")
    grid_worker = await town.somebody("grid_worker")
    case_id = await town.report(beside(base, north_m=200), by=grid_worker, channel="grid", address="白山路桥下")
    page = phone.page
    await at_step(phone, "offer")
    await page.locator("[data-accept]").click()
    await page.locator("[data-next=set_out]").click()
    await page.locator("[data-next=arrive]").click()
    await at_step(phone, "spot")
    for field, code in (("sex", "male"), ("age_band", "adult"), ("capacity", "capable"), ("consent", "given")):
        await pick(page, field, code)
    await page.locator("[name=wishes]").fill("想住两天，再回老家")
    await page.locator("[data-next=did]").click()
    await page.locator("[data-outcome=escorted_to_station]").click()
    await page.locator("[data-next=hand_over]").click()
    return case_id
