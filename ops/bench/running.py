"""A real installation for a measurement: two API processes and a worker as they are served, over services of their own.

Two thousand teams on duty all over the city, one officer signed in for each, and people at screens. Accounts and sessions are
written as rows: nobody waits for two thousand password hashes.
"""

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from backend import migrations, sealing
from backend.access.sessions import digest
from backend.city import City, open_city
from backend.geo.place import LonLat
from backend.ids import new_id
from ops.bench.clients import Line, Screen
from ops.bench.nearest import scatter
from ops.local import services

CHECKOUT = Path(__file__).resolve().parents[2]
APIS = 2
SOCKETS_PER_SCREEN_ACCOUNT = 10
STARTS_WITHIN_S = 90.0
CREATED = 201
POLICY = """
[intake]
auto_accept = ["web"]
[sign_in]
second_factor = []
"""
"""Every report inside the city is accepted by rule, as the demonstration's city has it. The limits are the shipped ones."""


@dataclass(frozen=True)
class Phone:
    """A team's phone: where it starts, and whose it is."""

    team_id: UUID
    place: LonLat
    token: str


@dataclass(frozen=True)
class Running:
    """What a load is put on. screens: tokens of people at desks; heavy: the token of the one who asks without end."""

    ports: list[int]
    database_url: str
    redis_url: str
    phones: list[Phone]
    screens: list[str]
    heavy: str
    processes: "list[subprocess.Popen[bytes]]"

    def memory_mb(self) -> float:
        """What the processes hold in memory, summed up."""
        return sum(_resident_mb(process.pid) for process in self.processes)


@asynccontextmanager
async def running(*, teams: int, sockets: int, apis: int = APIS, worker: bool = True) -> AsyncIterator[Running]:
    """Everything started and warm; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="rc-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 - the user postgres has to pass through; nothing else is under way
        with services.running(folder, given={}) as found:
            await asyncio.to_thread(migrations.upgrade, found.database_url)
            shutil.copytree(CHECKOUT / "cities/dalian", folder / "city")
            (folder / "city/policy.toml").write_text(POLICY, encoding="utf-8")
            phones, screens, heavy = await _people(found.database_url, open_city(folder / "city"), teams, sockets)
            ports = [free_port() for _ in range(apis)]
            given = _environment(found, folder)
            processes = [_start("serve", {**given, "RESCUE_PORT": str(port)}, folder) for port in ports]
            if worker:
                processes.append(_start("worker", given, folder))
            try:
                await asyncio.gather(*(_answers(port, folder) for port in ports))
                yield Running(ports, found.database_url, found.redis_url, phones, screens, heavy, processes)
            finally:
                for process in processes:
                    process.kill()
                for process in processes:
                    process.wait()


async def open_screens(on: Running, count: int, hears: Callable[[int], Callable[[bytes], None] | None]) -> list[Screen]:
    """Live feeds, opened one after the other: that everybody opens at once is another measurement.

    hears: who is told what the n-th of them is sent, if anybody is.
    """
    opened: list[Screen] = []
    for n in range(count):
        port, token = on.ports[n % len(on.ports)], on.screens[n // SOCKETS_PER_SCREEN_ACCOUNT]
        async with Line(port, token=token) as line:
            status, answer = await line.ask("POST", "/api/feed/tickets")
            if status != CREATED:
                raise RuntimeError(answer.decode())
        path = f"/api/feed?ticket={msgspec.json.decode(answer)['ticket']}"
        opened.append(await open_screen(port, path, hears(n), n))
    return opened


async def open_screen(port: int, path: str, hear: Callable[[bytes], None] | None, n: int) -> Screen:
    """A websocket of this machine, the n-th: every 250 of them come from a network of their own."""
    source = (f"127.1.{n // 250}.{n % 250 + 1}", 0)
    loop = asyncio.get_running_loop()
    _, screen = await loop.create_connection(lambda: Screen(path, hear), "127.0.0.1", port, local_addr=source)
    return screen


def _environment(found: services.Services, folder: Path) -> dict[str, str]:
    return {
        "RESCUE_DATABASE_URL": found.database_url,
        "RESCUE_REDIS_URL": found.redis_url,
        "RESCUE_SECRET_KEY": secrets.token_urlsafe(48),
        "RESCUE_PERSONAL_KEYS": sealing.fresh_key("bench"),
        "RESCUE_DATA": str(folder / "files"),
        "RESCUE_CITY": str(folder / "city"),
        "RESCUE_LOG_LEVEL": "warning",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT),
        "HOME": os.environ.get("HOME", "/"),
    }


def _start(verb: str, given: dict[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / f"{verb}.log").open("ab") as log:
        command = [sys.executable, "-m", "ops.cli", verb]
        return subprocess.Popen(command, env=given, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


async def _answers(port: int, folder: Path) -> None:
    for _ in range(int(STARTS_WITHIN_S / 0.1)):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await reader.readline()
            writer.close()
            if b" 200 " in answer:
                return
        except OSError:
            pass
        await asyncio.sleep(0.1)
    raise TimeoutError((folder / "serve.log").read_text(encoding="utf-8")[-2000:])


async def listens(port: int) -> None:
    """Until somebody takes connections there. Raises TimeoutError."""
    async with asyncio.timeout(STARTS_WITHIN_S):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def _people(url: str, city: City, teams: int, sockets: int) -> tuple[list[Phone], list[str], str]:
    assert city.roads is not None
    phones = [Phone(new_id(), place, secrets.token_urlsafe(32)) for place in scatter(city.roads, teams, 5)]
    screens = [secrets.token_urlsafe(32) for _ in range(-(-sockets // SOCKETS_PER_SCREEN_ACCOUNT))]
    heavy, now = secrets.token_urlsafe(32), datetime.now(UTC)
    link = await asyncpg.connect(url)
    try:
        await _copy(
            link,
            "teams",
            "city_id id code name organisation mode size regions base_lon base_lat",
            [
                (
                    city.id,
                    p.team_id,
                    f"b{n}",
                    f"队{n}",
                    "city_management",
                    "car",
                    2,
                    [city.id],
                    p.place.lon,
                    p.place.lat,
                )
                for n, p in enumerate(phones)
            ],
        )
        duty = [(city.id, p.team_id, "on_duty", now, p.place.lon, p.place.lat, now) for p in phones]
        await _copy(link, "presence", "city_id team_id state state_since lon lat fix_at", duty)
        tokens: list[tuple[str, str, UUID | None]] = [(p.token, "officer", p.team_id) for p in phones]
        tokens += [(token, "dispatcher", None) for token in (*screens, heavy)]
        who = [(new_id(), token, role, team_id) for token, role, team_id in tokens]
        accounts = [
            (city.id, i, f"{role}{n}", role, "-", [role], [city.id], t, now) for n, (i, _, role, t) in enumerate(who)
        ]
        await _copy(link, "accounts", "city_id id login name password_hash roles regions team_id created_at", accounts)
        later = now + timedelta(hours=12)
        signed_in = [(city.id, new_id(), digest(token), i, now, now, later) for i, token, *_ in who]
        await _copy(link, "sessions", "city_id id token_hash account_id created_at seen_at expires_at", signed_in)
    finally:
        await link.close()
    return phones, screens, heavy


async def _copy(link: asyncpg.Connection, table: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> None:
    await link.copy_records_to_table(table, records=rows, columns=columns.split())


def free_port() -> int:
    """One that nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
