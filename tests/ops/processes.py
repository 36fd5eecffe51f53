"""Real processes of an installation: `rescue serve` and `rescue worker` over a test's own database, with a small city."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx

from backend.city import open_city
from backend.clock import ManualClock, SystemClock
from backend.db import make_engine
from backend.office import Office
from tests.api.builders import Api
from tests.keys import RING
from tests.ops.builders import DALIAN_ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]
DALIAN = ROOT / "cities/dalian"
READY_WITHIN_S = 60.0
ENDED_WITHIN_S = 30.0
POLICY = """
[sign_in]
second_factor = []
[intake.rate_per_minute]
web = 1000000
[limits]
look_ups_per_minute = 1000000
[limits.requests_per_minute]
newcomers = 1000000
public = 1000000
account = 1000000
"""


def small_city(folder: Path) -> Path:
    """Dalian without its roads, which take seconds to open and are not needed here, nor are limits on reports and second factors."""
    folder.mkdir()
    for name in ("city.toml", "regions.geojson"):
        (folder / name).symlink_to(DALIAN / name)
    facts = (DALIAN / "city.toml").read_text(encoding="utf-8")
    assert 'service_area = "hull"' not in facts
    (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(database_url: str, redis_url: str, folder: Path, **more: str) -> dict[str, str]:
    """What the processes are given; nothing of whoever runs the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RESCUE_")}
    city = folder / "city"
    given = {
        **DALIAN_ENVIRONMENT,
        "RESCUE_DATABASE_URL": database_url,
        "RESCUE_REDIS_URL": redis_url,
        "RESCUE_CITY": str(city if city.exists() else small_city(city)),
        "RESCUE_DATA": str(folder / "files"),
        "RESCUE_PORT": str(free_port()),
    }
    return kept | given | more


def start(name: str, given: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """`rescue NAME`; killed by the kernel when the test's process ends."""
    command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "ops.cli", name]
    with log.open("ab") as out:
        return subprocess.Popen(command, env=dict(given), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


async def exit_code(process: "subprocess.Popen[bytes]") -> int:
    """Of a process that is ending."""
    return await asyncio.to_thread(process.wait, ENDED_WITHIN_S)


@asynccontextmanager
async def serving(given: Mapping[str, str], folder: Path) -> "AsyncIterator[tuple[subprocess.Popen[bytes], Api]]":
    """An API process that is ready, and one who speaks to it."""
    process = start("serve", given, folder / "serve.log")
    try:
        async with speaking(given) as api:
            await ready(api.http, process, folder / "serve.log")
            yield process, api
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@asynccontextmanager
async def speaking(given: Mapping[str, str]) -> "AsyncIterator[Api]":
    """One who speaks to the API process of these settings, whether it runs or not, and makes accounts in its database."""
    port = int(given["RESCUE_PORT"])
    engine = make_engine(given["RESCUE_DATABASE_URL"])
    office = Office(open_city(Path(given["RESCUE_CITY"])), engine, ring=RING)
    clock = ManualClock(SystemClock().now())
    app = cast("Any", SimpleNamespace(state={"parts": SimpleNamespace(office=office, clock=clock)}))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
            yield Api(app=app, http=http, port=port)
    finally:
        await engine.dispose()


async def ready(http: httpx.AsyncClient, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until /health says yes."""
    async with asyncio.timeout(READY_WITHIN_S):
        while True:
            assert process.poll() is None, log
            try:
                if (await http.get("/health")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
