"""The control room in a real Chromium, over the real application with PostGIS and Valkey."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

from backend.city import City, open_city
from ops.local.postgres import Cluster
from ops.local.services import Services
from ops.unlimited import without_limits
from tests.access.builders import cheapen_passwords
from tests.conftest import _fresh_database
from tests.web.town import SCREENS, WAIT_MS, Town, a_town

ROOT = Path(__file__).resolve().parents[2]
DALIAN = ROOT / "cities" / "dalian"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# Nothing of the browser's own talks to the network.
ARGUMENTS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--force-color-profile=srgb",
]  # fmt: skip
expect.set_options(timeout=WAIT_MS)
Shot = Callable[[Page, str], Awaitable[Path]]


@pytest.fixture(scope="session")
def built() -> None:
    """The web apps as they are now; nothing is done when they are built already."""
    subprocess.run(["make", "--silent", "web/dist/index.html"], cwd=ROOT, check=True)


@pytest.fixture(scope="session")
def dalian() -> City:
    """The shipped city with its roads, opened once; without limits, since all people of a test have one address."""
    return without_limits(open_city(DALIAN))


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheapen_passwords(monkeypatch)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a screen."""
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    assert program is not None, "no Chromium: run make setup-test"
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(
    built: None,
    cluster: Cluster,
    template_database: str,
    local_services: Services,
    tmp_path_factory: pytest.TempPathFactory,
    dalian: City,
) -> AsyncIterator[Town]:
    """Dalian with its roads, teams and facilities, for all tests of a module."""
    async for database_url in _fresh_database(cluster, template_database):
        with pytest.MonkeyPatch.context() as patch:
            cheapen_passwords(patch)
            folder = tmp_path_factory.mktemp("town")
            async with a_town(database_url, local_services.redis_url, folder, dalian, DALIAN) as town:
                yield town


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """Takes a picture of a page: for docs/screens when RESCUE_SCREENSHOTS is set (`make screenshots`), else for nobody."""
    folder = SCREENS if TAKING else tmp_path

    async def take(page: Page, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{name}.png"
        await page.screenshot(path=file)
        if TAKING:  # a screen has few colours: a fifth of the size, and nobody sees a difference
            Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
        return file

    return take


# Read before the tests clear RESCUE_* from the environment.
TAKING = bool(os.environ.get("RESCUE_SCREENSHOTS"))
