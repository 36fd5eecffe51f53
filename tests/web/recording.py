"""What a window hears and asks, and when something appeared in it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
from playwright.async_api import Browser, Page, Request, WebSocket

from tests.web.town import WAIT_MS, Town, sign_in

# Notes the moment (ms) at which the first thing of its kind is in the page.
_NOTE = """selector => {
  window.appearedAt = null
  const look = () => { if (window.appearedAt === null && document.querySelector(selector)) window.appearedAt = Date.now() }
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true })
  look()
}"""


@dataclass
class Recorded:
    """A window. lines: the messages of each live feed it opened; asked: its requests to the API; errors: of its script."""

    page: Page
    lines: list[list[dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def heard(self) -> list[dict[str, Any]]:
        """Every message of every line."""
        return [message for line in self.lines for message in line]

    def pictures(self) -> int:
        """How often it was sent the whole board."""
        return sum(message["type"] == "snapshot" for message in self.heard)

    def events(self) -> list[dict[str, Any]]:
        """Every event it was told."""
        bundles = [message.get("events", [message]) for message in self.heard if message["type"] in ("event", "events")]
        return [event for bundle in bundles for event in bundle]

    async def event(self, kind: str, case_id: object) -> dict[str, Any]:
        """Waits until it was told of this."""
        async with asyncio.timeout(WAIT_MS / 1000):
            while True:
                for event in self.events():
                    if event["kind"] == kind and event["case_id"] == str(case_id):
                        return event
                await asyncio.sleep(0.02)

    async def note_when(self, selector: str) -> None:
        """From now on the page looks out for it."""
        await self.page.evaluate(_NOTE, selector)

    async def appeared_at_ms(self) -> float:
        """Waits for what `note_when` named; the moment (ms since 1970) at which it was in the page."""
        await self.page.wait_for_function("window.appearedAt !== null")
        return float(await self.page.evaluate("window.appearedAt"))

    def _listen(self, socket: WebSocket) -> None:
        line: list[dict[str, Any]] = []
        self.lines.append(line)
        socket.on("framereceived", lambda text: line.append(msgspec.json.decode(text)))

    def _note(self, request: Request) -> None:
        if "/api/" in request.url:
            self.asked.append(f"{request.method} /api/{request.url.partition('/api/')[2]}")


async def recorded(browser: Browser, town: Town, role: str) -> Recorded:
    """A browser of its own in which somebody with this role has signed in, everything recorded from the beginning."""
    await town.somebody(role)
    context = await browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    context.set_default_timeout(WAIT_MS)
    window = Recorded(await context.new_page())
    window.page.on("websocket", window._listen)
    window.page.on("request", window._note)
    window.page.on("pageerror", lambda error: window.errors.append(str(error)))
    await sign_in(window.page, town, role)
    return window
