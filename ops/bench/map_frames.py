"""`rescue bench map`: how long a frame takes with 5,000 moving teams and 1,000 open cases, in a Chromium without a screen.

Ours is the console's own map fed as the live feed feeds it; the reference is MapLibre with the same layers, given the same
points ready made once a second. Both in turns, in fresh windows, the map moved all the time so that every frame is drawn. Neither
has base tiles: those are not in question. Without a graphics card the processor draws: figures are to be read as a ratio.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from playwright.async_api import Browser, async_playwright

from backend.errors import Unavailable

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "web" / "bench"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
TEAMS, CASES, SECONDS, ROUNDS = 5_000, 1_000, 10.0, 3
READY_WITHIN_MS = 120_000
BUDGET_MS = 100.0
"""A frame that takes longer is felt."""
CITY = {
    "tiles": "/api/tiles/{z}/{x}/{y}",
    "bounds": [121.0, 38.5, 122.3, 39.5],
    "roads_bounds": [121.5, 38.86, 121.7, 38.96],
    "attribution": "",
    "min_zoom": 5,
}


def run(*, teams: int = TEAMS, cases: int = CASES, seconds: float = SECONDS, rounds: int = ROUNDS) -> dict[str, Any]:
    """One object: the mean time of a frame, ours and MapLibre's own."""
    _build()
    with _served(PAGE / "dist") as address:
        return asyncio.run(_measure(address, teams, cases, seconds, rounds))


async def _measure(address: str, teams: int, cases: int, seconds: float, rounds: int) -> dict[str, Any]:
    found: dict[str, list[list[float]]] = {"ours": [], "bare": []}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_chromium(), args=list(ARGUMENTS))
        for _ in range(rounds):
            for mode, frames in found.items():
                query = f"?mode={mode}&teams={teams}&cases={cases}"
                frames.append(await _frames(browser, f"{address}/index.html{query}", seconds))
        await browser.close()
    return _told(found, teams, cases)


async def _frames(browser: Browser, address: str, seconds: float) -> list[float]:
    """The times (ms) of all frames of a fresh window."""
    context = await browser.new_context(viewport={"width": 1366, "height": 768})
    page = await context.new_page()
    page.set_default_timeout(READY_WITHIN_MS)
    await page.goto(address)
    await page.wait_for_function("window.isReady")
    measured = await page.evaluate("seconds => window.measure(seconds)", seconds)
    await context.close()
    times: list[float] = measured["frames_ms"]
    return times


def _told(found: dict[str, list[list[float]]], teams: int, cases: int) -> dict[str, Any]:
    ours, reference = (statistics.median(float(np.mean(times)) for times in found[mode]) for mode in found)
    every = {
        name: [time for times in found[mode] for time in times]
        for name, mode in (("ours", "ours"), ("reference", "bare"))
    }
    return {
        "name": "map",
        "ours": round(ours, 2),
        "reference": round(reference, 2),
        "ratio": round(ours / reference, 3),
        "goal": "<= 1.25",
        "unit": f"ms a frame, {teams} teams and {cases} cases",
        "n": len(every["ours"]),
        **{
            f"p{p}_ms": {name: round(float(np.percentile(times, p)), 1) for name, times in every.items()}
            for p in (50, 95, 99)
        },
        "longest_ms": {name: round(max(times), 1) for name, times in every.items()},
        "felt": {name: sum(time > BUDGET_MS for time in times) for name, times in every.items()},
    }


def _build() -> None:
    """The page anew: it takes two seconds. Raises `Unavailable` where the web apps' packages are not installed."""
    if not (CHECKOUT / "web/node_modules").is_dir():
        raise Unavailable("请先运行 make web。", "Run make web first.", code="not_built")
    binaries = CHECKOUT / ".venv" / "bin"
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    config = ("--config", str(PAGE / "vite.config.ts"))
    command = [str(binaries / "node"), "node_modules/vite/bin/vite.js", "build", *config, "--logLevel", "error"]
    subprocess.run(command, cwd=CHECKOUT / "web", env={**os.environ, "PATH": path}, check=True)


def _chromium() -> str:
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        raise Unavailable("没有找到 Chromium。", "There is no Chromium: apt-get install chromium", code="no_browser")
    return program


class _Pages(SimpleHTTPRequestHandler):
    """The built page, and as much of the API as its map asks for: what the city is, and tiles with nothing on them."""

    def do_GET(self) -> None:
        """Answers one request."""
        if self.path == "/api/map":
            body = msgspec.json.encode(CITY)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        elif self.path.startswith("/api/"):
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
