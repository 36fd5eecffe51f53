"""What stands on the screen is what the server says: by its events alone, in time, and whatever breaks in between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from backend.access.actor import SYSTEM
from backend.dispatch import desk
from backend.dispatch.change import Command
from backend.ids import new_id
from ops.local.postgres import Cluster
from ops.local.valkey import Valkey
from tests.access.builders import cheapen_passwords
from tests.conftest import _fresh_database
from tests.live.builders import start_at
from tests.web.processes import RealTown, a_real_town
from tests.web.recording import Recorded, recorded
from tests.web.town import WAIT_MS, line_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
PARK = (121.5850, 38.9060)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey of this module's own, to be stopped and started."""
    own = Valkey(tmp_path_factory.mktemp("valkey"))
    own.start()
    yield own
    own.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(
    built: None, cluster: Cluster, template_database: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RealTown]:
    """One installation for the tests of this module."""
    with pytest.MonkeyPatch.context() as patch:
        cheapen_passwords(patch)
        async for database_url in _fresh_database(cluster, template_database):
            async with a_real_town(database_url, valkey.url(), tmp_path_factory.mktemp("real")) as town:
                yield town


@pytest_asyncio.fixture(loop_scope="module")
async def windows(real: RealTown, browser: Browser) -> AsyncIterator[tuple[Recorded, Recorded]]:
    """A dispatcher and a shift leader, each at a board."""
    pair = await recorded(browser, real, "dispatcher"), await recorded(browser, real, "shift_leader")
    async with AsyncExitStack() as held:
        for window in pair:
            held.push_async_callback(window.page.context.close)
        yield pair
    assert [window.errors for window in pair] == [[], []]


def line(window: Recorded, case_id: UUID, stage: str) -> Locator:
    """The case's line in the queue, at this stage."""
    return window.page.locator(f"[data-case='{case_id}'][data-stage={stage}]")


async def is_live(window: Recorded) -> None:
    await expect(window.page.locator("[data-line]")).to_have_attribute("data-state", "live", timeout=WAIT_MS)


async def accept_by_key(window: Recorded, case_id: UUID) -> None:
    """As a dispatcher does: choose the line, press the key."""
    await line_of(window.page, case_id).click()
    await expect(window.page.locator("[data-case-panel]")).to_be_visible()
    await window.page.keyboard.press("a")


async def asked_for_the_place(window: Recorded) -> None:
    """Waits until the window has asked for the address of a case that opened before its eyes: no event carries it."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while True:
            if "GET /api/cases?limit=50" in window.asked:
                return
            await asyncio.sleep(0.05)


async def test_what_one_does_the_other_sees_and_asks_for_nothing(
    real: RealTown, windows: tuple[Recorded, Recorded], record_property: Callable[[str, object], None]
) -> None:
    one, other = windows
    case_id = await real.report(PARK)
    await expect(line(one, case_id, "discovered")).to_be_visible()
    await expect(line(other, case_id, "discovered")).to_be_visible()
    await asked_for_the_place(other)
    await other.note_when(f"[data-case='{case_id}'][data-stage=accepted]")
    asked_before = list(other.asked)
    await accept_by_key(one, case_id)
    event = await other.event("case.accepted", case_id)
    seen_ms = await other.appeared_at_ms() - datetime.fromisoformat(event["recorded_at"]).timestamp() * 1000
    record_property("from the event to the other window, ms", round(seen_ms))
    print(f"from the event to the other window: {seen_ms:.0f} ms")  # noqa: T201
    assert seen_ms < WAIT_MS
    await expect(line(one, case_id, "accepted")).to_be_visible()
    assert [one.pictures(), other.pictures()] == [1, 1], "I11: a change reloads no board"
    board_again = [
        path for path in other.asked[len(asked_before) :] if path.startswith(("GET /api/cases", "GET /api/board"))
    ]
    assert board_again == []


async def test_the_board_goes_on_without_redis_and_with_it_again(
    real: RealTown, windows: tuple[Recorded, Recorded], valkey: Valkey
) -> None:
    url = valkey.url()
    valkey.stop()
    try:
        case_id = await real.report((PARK[0] + 0.02, PARK[1]))
        for window in windows:
            await expect(line(window, case_id, "discovered")).to_be_visible()
        await accept_by_key(windows[0], case_id)
        await expect(line(windows[1], case_id, "accepted")).to_be_visible()
    finally:
        start_at(valkey, url)
    case_id = await real.report((PARK[0] + 0.04, PARK[1]))
    for window in windows:
        await expect(line(window, case_id, "discovered")).to_be_visible()
        assert (window.pictures(), len(window.lines)) == (1, 1), "nobody had to begin again"


async def test_while_the_server_restarts_the_picture_says_how_old_it_is_and_then_catches_up(
    real: RealTown, windows: tuple[Recorded, Recorded]
) -> None:
    case_id = await real.report((PARK[0], PARK[1] + 0.02))
    for window in windows:
        await expect(line(window, case_id, "discovered")).to_be_visible()
        await window.page.evaluate("window.sameAsBefore = true")
    await real.stop("serve")
    for window in windows:
        await expect(window.page.locator("[data-age]")).to_be_visible()
        await expect(line(window, case_id, "discovered")).to_be_visible()
    accepted = Command(name="accept", by=SYSTEM, now=real.now(), at=real.now(), id=new_id())
    await desk.accept_case(real.api.office, case_id, accepted)
    await real.start("serve")
    for window in windows:
        await is_live(window)
        await expect(line(window, case_id, "accepted")).to_be_visible()
        await expect(window.page.locator("[data-age]")).to_have_count(0)
        assert window.pictures() == 1, "the gap was small: what was missed came, and no second picture"
        assert window.lines[-1][1]["type"] == "events"
        assert await window.page.evaluate("window.sameAsBefore"), "the page was not loaded again"


async def test_who_is_signed_out_elsewhere_sees_nothing_any_more(
    real: RealTown, windows: tuple[Recorded, Recorded]
) -> None:
    one, other = windows
    admin = await real.somebody("admin")
    session_id = await one.page.evaluate("JSON.parse(localStorage.getItem('rescue.session')).me.session_id")
    assert (await admin.send("DELETE", f"/api/sessions/{session_id}")).status_code == 204
    await expect(one.page.locator("input[name=login]")).to_be_visible()
    await expect(one.page.locator("[data-case]")).to_have_count(0)
    heard = len(one.heard)
    case_id = await real.report((PARK[0], PARK[1] - 0.01))
    await expect(line(other, case_id, "discovered")).to_be_visible()
    await asyncio.sleep(0)
    assert len(one.heard) == heard
