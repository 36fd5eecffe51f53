"""A checker in a browser: the crew's photos and the two signatures beside the record that they speak for."""

from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from backend.ids import new_id
from tests.api.builders import Person
from tests.web.test_screens import looked_at
from tests.web.town import Town, at_desk, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _escorted(town: Town, case_id: UUID, officer: Person) -> None:
    """The crew photographs the spot and brings an old man to the station, where both sign on the phone."""
    path, case = f"/api/cases/{case_id}", await town.case(case_id)
    await officer.did(f"{path}/arrive", {"lon": case["lon"], "lat": case["lat"]})
    ids = {kind: str(new_id()) for kind in ("scene", "signature_crew", "signature_receiver")}
    for kind, id_ in ids.items():
        assert (await officer.upload(f"{path}/photos", id=id_, kind=kind)).status_code == 201
    record = {
        "outcome": "escorted_to_station",
        "handled_at": town.now().isoformat(),
        "people": [{"sex": "male", "age_band": "old", "capacity": "capable", "consent": "given"}],
        "crew_size": 2,
        "hand_over": {
            "facility": "大连市救助管理站",
            "receiver": "王",
            "crew_signature": ids["signature_crew"],
            "receiver_signature": ids["signature_receiver"],
        },
    }
    await officer.did(f"{path}/handle", {"handling": record})


async def _at_the_case(page: Page, town: Town) -> None:
    await at_desk(page, town, "verification")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("[data-crew-photos]")).to_be_visible()


async def test_a_checker_sees_the_spot_and_the_signatures(town: Town, browser: Browser) -> None:
    await town.go_on_duty("T01", "T02")
    case_id = await town.report(description="地下通道口有位老人")
    officer = await town.accept_offer(case_id)
    await _escorted(town, case_id, officer)
    page = await window_of(browser, town, "checker")
    await _at_the_case(page, town)
    await expect(page.locator("[data-item=photo]")).to_have_attribute("data-state", "ok")
    await expect(page.locator("[data-item=hand_over]")).to_contain_text("签字可查看")
    photos = page.locator("[data-crew-photos]")
    await expect(photos.locator("img")).to_have_count(
        0
    )  # nothing is fetched, and no look noted, before it is asked for
    for n, kind in enumerate(("scene", "signature_crew", "signature_receiver"), start=1):
        await photos.locator(f"[data-kind={kind}] button").click()
        await expect(photos.locator("img")).to_have_count(n)
    assert await photos.locator("img").evaluate_all("images => images.every(one => one.naturalWidth > 0)")
    assert await looked_at(page) == []
    leader = await town.somebody("shift_leader")
    looks = (await leader.saw("/api/looks", case_id=str(case_id)))["looks"]
    assert sum(look["what"] == "photo_read" for look in looks) == 3
    # One more comes in while the checker looks.
    assert (await officer.upload(f"/api/cases/{case_id}/photos", id=str(new_id()), kind="scene")).status_code == 201
    await expect(photos.locator("[data-kind=scene] button")).to_have_count(1)
    await page.context.close()
