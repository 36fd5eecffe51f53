"""`rescue bench intake`: accepting a sighting durably, against the same server's POST that does nothing.

Both are asked over HTTP on this machine by the same clients, in turns: ours validates, looks for duplicates, opens or
joins a case, writes events and commits before it answers; the reference reads the same body and answers.
"""

import asyncio
import random
import secrets
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from backend import migrations, sealing
from backend.ids import new_id
from ops.local import services
from ops.local.services import Services

CLIENTS = 48
ROUND_S = 3.0
ROUNDS = 4
WEST, SOUTH, EAST, NORTH = 121.52, 38.88, 121.65, 38.95


def run(*, round_s: float = ROUND_S, rounds: int = ROUNDS) -> dict[str, Any]:
    """One object with ours and reference in requests per second, and their ratio."""
    with tempfile.TemporaryDirectory(prefix="rc-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the user postgres has to pass through
        with services.running(folder, given={}) as found:
            migrations.upgrade(found.database_url)
            return asyncio.run(_measure(found, folder, round_s, rounds))


async def _measure(found: Services, folder: Path, round_s: float, rounds: int) -> dict[str, Any]:
    async with _server(found, folder) as port:
        ours: list[float] = []
        reference: list[float] = []
        await _rate(port, "/api/reports", min(1.0, round_s))
        await _rate(port, "/api/nothing", min(1.0, round_s))
        for _ in range(rounds):
            reference.append(await _rate(port, "/api/nothing", round_s))
            ours.append(await _rate(port, "/api/reports", round_s))
    ratios = [a / b for a, b in zip(ours, reference, strict=True)]
    return {
        "name": "intake",
        "ours": round(statistics.median(ours), 1),
        "reference": round(statistics.median(reference), 1),
        "ratio": round(statistics.median(ratios), 3),
        "goal": ">= 0.6",
        "unit": "requests/s",
        "n": round(sum(ours) * round_s),
    }


@asynccontextmanager
async def _server(found: Services, folder: Path) -> AsyncIterator[int]:
    """The API as it is served, with one more route that does nothing, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    here = _checkout()
    environment = {
        "RESCUE_DATABASE_URL": found.database_url,
        "RESCUE_REDIS_URL": found.redis_url,
        "RESCUE_SECRET_KEY": secrets.token_urlsafe(48),
        "RESCUE_PERSONAL_KEYS": sealing.fresh_key("bench"),
        "RESCUE_DATA": str(folder / "files"),
        "RESCUE_CITY": "dalian",
        "RESCUE_PORT": str(port),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": here,
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "ops.bench.intake_server", env=environment)
    try:
        await _until_it_answers(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


def _checkout() -> str:
    return str(Path(__file__).resolve().parent.parent.parent)


async def _until_it_answers(port: int) -> None:
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise TimeoutError("the server did not start within 30 s")


async def _rate(port: int, path: str, seconds: float) -> float:
    """Requests answered per second by CLIENTS connections that each wait for their answer."""
    chance = random.Random(7)
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    counts = await asyncio.gather(*(_client(port, path, until, lambda: _body(chance)) for _ in range(CLIENTS)))
    return sum(counts) / (time.perf_counter() - began)


async def _client(port: int, path: str, until: float, body: Callable[[], bytes]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    try:
        while time.perf_counter() < until:
            content = body()
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            writer.write(head.encode() + content)
            answered += await _answered(reader)
    finally:
        writer.close()
    return answered


async def _answered(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 201", b"HTTP/1.1 200")):
        raise RuntimeError(head.decode())
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return 1


def _body(chance: random.Random) -> bytes:
    return msgspec.json.encode(a_report(chance))


def a_report(chance: random.Random) -> dict[str, Any]:
    """A report somewhere in the city; a tenth of them of a few spots, so that there are duplicates to find."""
    spot = random.Random(chance.randrange(20)) if chance.random() < 0.1 else chance
    place = {"lon": spot.uniform(WEST, EAST), "lat": spot.uniform(SOUTH, NORTH), "accuracy_m": 20}
    return {
        "id": str(new_id()),
        "channel": "web",
        "place": place,
        "looks": {"sex": chance.choice(["male", "female"]), "posture": "lying"},
        "description": "路边有人需要帮助，衣着单薄",
    }
