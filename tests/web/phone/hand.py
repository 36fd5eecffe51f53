"""A phone in somebody's hand: a small touch screen over the real application, with a place in the world and a network that can be cut.

Begin at `a_phone`. The network is cut for good: a relay of the phone's own stands between it and the server, so that sockets and
the service worker lose it as well as pages. What the page itself got wrong fails the test when the phone is put away.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.api.builders import IN_ZHONGSHAN, PASSWORD
from tests.web.conftest import ROOT
from tests.web.town import WAIT_MS, Town, login_of

SIZE = (390, 844)
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
# What a page says of a network that is not there is no fault of the page.
NOT_A_FAULT = ("Failed to fetch", "NetworkError", "Load failed")


@dataclass
class Air:
    """What is between a phone and the server: passes everything on, until it is cut."""

    server_port: int
    port: int = 0
    is_cut: bool = False
    lines: set[asyncio.StreamWriter] = field(default_factory=set)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the phone's, carried to the server and back."""
        if self.is_cut:
            writer.transport.abort()
            return
        with suppress(OSError):
            there, to_server = await asyncio.open_connection("127.0.0.1", self.server_port)
            self.lines |= {writer, to_server}
            await asyncio.gather(_carry(reader, to_server), _carry(there, writer))
            self.lines -= {writer, to_server}

    def cut(self) -> None:
        """Nothing passes any more, and what is open breaks off."""
        self.is_cut = True
        for line in self.lines:
            line.transport.abort()
        self.lines.clear()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.close()


@dataclass
class Phone:
    """One phone: its own storage, one page open at most. `page` is the app as long as it is open."""

    town: Town
    air: Air
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the app is."""
        return f"http://127.0.0.1:{self.air.port}/m/"

    async def open(self, page: str = "") -> None:
        """Opens the app at one of its pages (`report`), also after it was closed. Works without network once it was kept."""
        if self.page.is_closed():
            self.page = await self.context.new_page()
            self._watch()
        await self.page.goto(f"{self.url}#/{page}")
        await expect(self.page.locator("main > *").first).to_be_visible()

    async def go(self, page: str) -> None:
        """To another page of the open app, without loading it anew."""
        await self.page.evaluate("page => { location.hash = '#/' + page }", page)
        await expect(self.page.locator("main > *").first).to_be_visible()

    async def close(self) -> None:
        """The app is closed; what it keeps stays."""
        await self.page.close()

    async def kept(self) -> None:
        """Returns when the app is kept on the phone, so that it opens without network."""
        async with asyncio.timeout(WAIT_MS / 1000):
            await self.page.evaluate(_UNTIL_KEPT)

    async def sign_in(self, *roles: str, **more: Any) -> None:
        """Signs in at the form as somebody with these roles, made when first wanted (team_id=…)."""
        await self.town.somebody(*roles, **more)
        await self.open("sign-in")
        await self.page.locator("input[name=login]").fill(login_of(*roles, **more))
        await self.page.locator("input[name=password]").fill(PASSWORD)
        await self.page.locator("input[name=password]").press("Enter")
        await expect(self.page.locator("input[name=password]")).to_have_count(0)

    async def offline(self, cut: bool = True) -> None:
        """The network is gone, or back. It goes once the app is kept: before, the next page cannot be had."""
        if cut:
            await self.kept()
        self.air.is_cut = cut
        if cut:
            self.air.cut()
        await self.context.set_offline(cut)

    async def be_at(self, lon: float, lat: float, accuracy_m: float = 10) -> None:
        """The phone is carried there."""
        await self.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": accuracy_m})

    def actions(self, state: str | None = None) -> Locator:
        """The lines of the outbox, which has to be open."""
        return self.page.locator("[data-action]" if state is None else f"[data-state={state}]")

    async def sent(self) -> None:
        """Returns when nothing waits any more; the bar at the top says so."""
        await expect(self.page.locator("a.bar")).to_have_count(0, timeout=WAIT_MS)

    async def kept_actions(self) -> list[dict[str, Any]]:
        """Everything in the queue as it lies on the phone, oldest first."""
        found: list[dict[str, Any]] = await self.page.evaluate(_READ_ACTIONS)
        return found

    async def grave_faults(self) -> list[str]:
        """What axe finds serious or worse on the page as it is; [] is what a test wants."""
        await self.page.evaluate(AXE.read_text(encoding="utf-8") + "; undefined")
        found = await self.page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
            ".filter(one => ['serious', 'critical'].includes(one.impact))"
            ".map(one => [one.id, ...one.nodes.map(node => node.html + ' ' + node.failureSummary)].join('\\n'))"
        )
        return [str(one) for one in found]

    async def sideways(self) -> int:
        """By how many pixels the page is wider than the screen; 0 is what a test wants."""
        wider = await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return int(wider)

    async def large_text(self, share: float = 2.0) -> None:
        """Letters so many times as large, as set on the phone."""
        await self.page.add_style_tag(content=f"html {{ font-size: {106.25 * share}% !important }}")

    def _watch(self) -> None:
        self.page.on("pageerror", lambda fault: self._note(str(fault)))

    def _note(self, fault: str) -> None:
        if not any(word in fault for word in NOT_A_FAULT):
            self.faults.append(fault)


_UNTIL_KEPT = """async () => {
    const kept = navigator.serviceWorker
    await kept.ready
    if (!kept.controller) await new Promise(done => kept.addEventListener('controllerchange', done, { once: true }))
}"""
_READ_ACTIONS = """
() => new Promise((done, failed) => {
  const asked = indexedDB.open('rescue-phone')
  asked.onerror = () => failed(asked.error)
  asked.onsuccess = () => {
    const all = asked.result.transaction('actions').objectStore('actions').getAll()
    all.onsuccess = () => {
      asked.result.close()
      done(all.result)
    }
  }
})
"""


@asynccontextmanager
async def a_phone(
    browser: Browser, town: Town, *, at: tuple[float, float] = IN_ZHONGSHAN, **more: Any
) -> AsyncIterator[Phone]:
    """A phone that is held there, its app open at the first page. more: of the browser's context (color_scheme="dark")."""
    air = Air(town.api.port)
    relay = await asyncio.start_server(air.meet, "127.0.0.1", 0)
    air.port = relay.sockets[0].getsockname()[1]
    settings: dict[str, Any] = {
        "viewport": {"width": SIZE[0], "height": SIZE[1]},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
        "locale": "zh-CN",
        "permissions": ["geolocation"],
        "geolocation": {"longitude": at[0], "latitude": at[1], "accuracy": 10},
    }
    context = await browser.new_context(**{**settings, **more})
    context.set_default_timeout(WAIT_MS)
    phone = Phone(town, air, context, await context.new_page())
    phone._watch()
    try:
        await phone.open()
        yield phone
        assert phone.faults == [], f"the page failed: {json.dumps(phone.faults, ensure_ascii=False)}"
    finally:
        await context.close()
        air.cut()
        relay.close()
