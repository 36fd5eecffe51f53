"""The register at a desk: somebody without a name is found by their looks, two records are laid side by side, merged, and taken apart."""

from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from backend.ids import new_id
from tests.api.builders import IN_ZHONGSHAN
from tests.web.conftest import Shot
from tests.web.test_screens import looked_at
from tests.web.town import WAIT_MS, Town, at_desk, window_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCAR = {"kind": "scar", "where": "left_arm", "words": "约五厘米旧疤"}
LIMP = {"kind": "deformity", "where": "right_leg", "words": "右腿微跛"}
TOLD = {
    "description": "灰白短发，蓝布外套，说话含糊，自称来自山里",
    "marks": [SCAR],
    "born_from": 1945,
    "born_to": 1952,
    "accent": "辽南",
}


async def _register(town: Town, case_id: UUID, **told: object) -> dict[str, str]:
    """Somebody met in a case."""
    leader = await town.somebody("shift_leader")
    person = {"case_id": str(case_id), "sex": "male", "age_band": "old", "told": {**TOLD, **told}}
    made: dict[str, str] = await leader.did("/api/persons", person)
    return made


async def _part(page: Page, name: str) -> None:
    await page.locator(f"[data-part={name}]").click()
    await expect(page.locator(f"[data-part={name}]")).to_have_attribute("aria-selected", "true")


async def test_two_records_are_found_laid_side_by_side_merged_and_taken_apart(
    town: Town, browser: Browser, shot: Shot
) -> None:
    leader = await town.somebody("shift_leader")
    first_case = await town.report()
    lon, lat = IN_ZHONGSHAN
    second_case = await town.report((lon + 0.01, lat))
    one = await _register(town, first_case)
    two = await _register(town, second_case, marks=[SCAR, LIMP], height_cm=168)
    wife = await leader.did("/api/persons", {"case_id": str(first_case), "sex": "female", "age_band": "old"})
    kept = await leader.upload(f"/api/persons/{one['person_id']}/photos", id=str(new_id()))
    assert kept.status_code == 201, kept.text

    page = await window_of(browser, town, "shift_leader")
    await page.keyboard.press("Alt+p")
    await expect(page.locator("[data-people]")).to_be_visible()
    await at_desk(page, town, "register")
    await expect(page.locator(f"[data-person={wife['number']}]")).to_be_visible()
    # --- a name is asked for with a reason, looks without ---
    form = page.locator("[data-search]")
    await form.locator("[name=name]").fill("王小明")
    await expect(form.locator("[data-act=search]")).to_be_disabled()
    await form.locator("[name=reason]").select_option("family_asks")
    await form.locator("[data-act=search]").click()
    await expect(page.locator("[data-nobody]")).to_be_visible()
    await form.locator("[name=name]").fill("")
    await form.locator("[name=words]").fill("左臂疤痕 灰白")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-person]")).to_have_count(2)
    # --- the file, and what waits to be decided in it ---
    await page.locator(f"[data-person={one['number']}] .pick").click()
    panel = page.locator("[data-person-panel]")
    await expect(panel.locator("[data-record]")).to_contain_text("灰白短发")
    suggestion = panel.locator(f"[data-suggestion={two['number']}]")
    await expect(suggestion).to_contain_text("体貌特征相符")
    await panel.locator("[data-show-photo]").click()
    await expect(panel.locator("article img")).to_be_visible()
    await shot(page, "register")
    assert await looked_at(page) == []
    await suggestion.locator("[data-act=compare]").click()
    dialog = page.locator("[data-dialog=compare]")
    await expect(dialog.locator("[data-side='1']")).to_contain_text("右腿微跛")
    await shot(page, "register-compare")
    await dialog.get_by_text(f"以 {one['number']} 为准").click()
    await dialog.get_by_role("button", name="合并").click()
    await expect(dialog).to_have_count(0)
    await expect(panel.locator("[data-record]")).to_have_count(2)
    await expect(panel.locator("[data-case]")).to_have_count(2)
    # --- it was somebody else after all: both are as they were, and it is to be decided again ---
    await panel.locator(f"[data-record={two['number']}] [data-act=unmerge]").click()
    await expect(panel.locator("[data-record]")).to_have_count(1)
    await suggestion.locator("[data-act=compare]").click()
    await dialog.get_by_text("不是同一人", exact=True).click()
    await dialog.get_by_role("button", name="不再提示").click()
    await expect(panel.locator("[data-suggestions]")).to_contain_text("已判断不是同一人 1 份")
    # --- a family, the list of vulnerable people, a name ---
    await panel.locator("[data-act=family]").first.click()
    family = page.locator("[data-dialog=family]")
    await family.locator(f"[data-member={wife['number']}] input").check()
    await family.get_by_role("button", name="标为一家人").click()
    await expect(panel.locator("[data-cases]")).to_contain_text(wife["number"])
    await panel.locator("[data-act=list]").click()
    await expect(panel.locator("[data-listed]")).to_be_visible()
    await panel.locator("[data-act=identify]").click()
    naming = page.locator("[data-dialog=identify]")
    await naming.locator("[name=name]").fill("王小明")
    await naming.get_by_role("button", name="保存身份").click()
    await expect(panel.locator("h2")).to_have_text("王小明")
    # --- what is kept is given to a guardian who proved to be one ---
    await panel.locator("[data-act=access]").click()
    access = page.locator("[data-dialog=access]")
    await access.locator("[name=given_to]").select_option("guardian")
    await expect(access.locator("button.primary")).to_be_disabled()
    await access.locator("[name=relation_checked]").check()
    await shot(page, "register-access")
    async with page.expect_response(lambda answer: answer.url.endswith("/subject-access/pdf")) as paper:
        await access.locator("button.primary").click()
    assert (await paper.value).status == 200
    await expect(access).to_have_count(0)
    await panel.locator("[data-act=looks]").click()
    await expect(panel.locator("[data-looks]")).to_contain_text("提供给本人或监护人查阅")
    await expect(panel.locator("[data-looks]")).to_contain_text("值班长")
    await _part(page, "listed")
    await expect(page.locator("[data-person]")).to_have_count(1, timeout=WAIT_MS)


async def test_whom_a_crew_met_is_registered_from_the_case_and_somebody_known_is_linked(
    town: Town, browser: Browser, shot: Shot
) -> None:
    await town.go_on_duty()
    case_id = await town.report()
    officer = await town.accept_offer(case_id)
    await town.handle(case_id, officer)
    lon, lat = IN_ZHONGSHAN
    known = await _register(town, await town.report((lon + 0.02, lat)), description="光头", marks=[])
    page = await window_of(browser, town, "shift_leader")
    await page.goto(f"{town.url}#/board/{case_id}")
    await page.locator("[data-case-panel]").get_by_role("tab", name="处置").click()
    registered = page.locator("[data-registered]")
    await registered.locator("[data-act=register]").click()
    dialog = page.locator("[data-dialog=register]")
    await expect(dialog.locator("[name=sex][value=male]")).to_be_checked()
    await dialog.locator("[name=description]").fill("中年男子，提编织袋")
    await dialog.get_by_role("button", name="登记").click()
    await expect(registered.locator("[data-registered-person]")).to_have_count(1)
    await registered.locator("[name=known]").fill(known["number"].lower())
    await registered.get_by_role("button", name="关联").click()
    await expect(registered.locator(f"[data-registered-person={known['number']}]")).to_be_visible()
