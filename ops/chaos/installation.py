"""What is broken: a database, a Redis, two API processes and two workers, each started as in real life.

Everything lies in one folder and on free ports of this machine, and is gone afterwards.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import asyncpg
import httpx

from backend import migrations, sealing
from backend.city import open_city
from backend.clock import CHINA, ScaledClock
from backend.db import make_engine
from backend.office import Office
from backend.settings import Settings
from ops.chaos.hosts import Host, this_machine, two_hosts
from ops.demo_accounts import DemoAccounts, make_demo_accounts, read_demo_accounts
from ops.load_city import load_city
from ops.local import services
from ops.local.services import Services

CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
APIS, WORKERS = 2, 2
MORNING: Final = datetime(2016, 9, 19, 8, 0, tzinfo=CHINA)
STARTS_WITHIN_S: Final = 60.0

POLICY: Final = """
[intake]
auto_accept = ["hotline", "grid", "taxi", "patrol", "partner"]
[intake.rate_per_minute]
web = 1000000
app = 1000000
hotline = 1000000
grid = 1000000
partner = 1000000
[limits]
look_ups_per_minute = 1000000
similar_per_minute = 1000000
photos_per_minute = 1000000
sign_ins_per_minute = 1000000
tickets_per_minute = 1000000
positions_per_minute = 1000000
sockets_per_account = 1000
[limits.requests_per_minute]
newcomers = 1000000
public = 1000000
account = 1000000
partner = 1000000
[sign_in]
second_factor = []
"""
"""Some reports are accepted by rule, some by the dispatchers; limits are tested elsewhere."""

SETTABLE_CLOCK: Final = """
CREATE SCHEMA settable;
CREATE TABLE settable.clock (by interval NOT NULL);
INSERT INTO settable.clock VALUES ('0');
CREATE FUNCTION settable.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.clock_timestamp() + by FROM settable.clock'"""
"""The database's clock as the programme asks for it, so that it can be set without setting the machine's."""


class Installation:
    """The running thing. `apis` are the addresses that clients may use; some of them answer nothing just now."""

    def __init__(self, folder: Path, found: Services, rate: float, hosts: Sequence[Host] = ()) -> None:
        """hosts: the n-th API and worker run on the n-th of them; without any, all on this machine."""
        self.folder, self.found = folder, found
        self.hosts = list(hosts) or [this_machine(found.database_url, found.redis_url)]
        self.city_folder = folder / "city"
        self.photos = folder / "files" / "photos"
        self.clock = ScaledClock(MORNING, datetime.now(UTC) + timedelta(seconds=1), rate)
        self.ports = {f"api-{n}": _free_port() for n in range(APIS)}
        self.accounts = DemoAccounts()
        self.began = datetime.now(UTC)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._secrets = {
            "RESCUE_SECRET_KEY": secrets.token_urlsafe(48),
            "RESCUE_PERSONAL_KEYS": sealing.fresh_key("chaos"),
        }

    @property
    def apis(self) -> list[str]:
        """The addresses of the API processes."""
        return [f"http://{self.host_of(name).address}:{port}" for name, port in self.ports.items()]

    def host_of(self, name: str) -> Host:
        """The machine that a process runs on."""
        return self.hosts[int(name.rpartition("-")[2]) % len(self.hosts)]

    @property
    def names(self) -> list[str]:
        """All processes of ours."""
        return [*self.ports, *(f"worker-{n}" for n in range(WORKERS))]

    @property
    def environment(self) -> dict[str, str]:
        """What every process is told."""
        return {
            **self._secrets,
            "RESCUE_DATABASE_URL": self.found.database_url,
            "RESCUE_REDIS_URL": self.found.redis_url,
            "RESCUE_DATA": str(self.folder / "files"),
            "RESCUE_CITY": str(self.city_folder),
            "RESCUE_CLOCK": str(self.clock),
            "RESCUE_LOG_LEVEL": "warning",
            "RESCUE_WEBHOOK_NETWORKS": "127.0.0.0/8",
            "RESCUE_STOP_NOTICE_S": "0",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "HOME": os.environ.get("HOME", "/"),
        }

    @property
    def settings(self) -> Settings:
        """The settings of its processes."""
        return Settings.from_environment({k: v for k, v in self.environment.items() if k.startswith("RESCUE_")})

    # --- processes --------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start a process that is not running."""
        verb = "serve" if name.startswith("api") else "worker"
        host = self.host_of(name)
        own = {"RESCUE_DATABASE_URL": host.database_url, "RESCUE_REDIS_URL": host.redis_url}
        own |= {"RESCUE_HOST": host.address, "RESCUE_PORT": str(self.ports.get(name, 1))}
        with (self.folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                [*host.prefix, sys.executable, "-m", "ops.cli", verb],
                env={**self.environment, **own},
                cwd=CHECKOUT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def signal(self, name: str, number: int) -> None:
        """Send a process a signal; one that has ended hears nothing."""
        with contextlib.suppress(ProcessLookupError):
            self._children[name].send_signal(number)

    async def ended(self, name: str, within_s: float = 30.0) -> int:
        """The exit code, waited for; one that does not end is killed and -9."""
        child = self._children[name]
        for _ in range(int(within_s / 0.05)):
            if child.poll() is not None:
                return int(child.returncode)
            await asyncio.sleep(0.05)
        child.kill()
        return child.wait()

    async def ready(self) -> None:
        """Until every API process answers. Raises TimeoutError with the end of its log."""
        async with httpx.AsyncClient(trust_env=False, timeout=2) as http:
            for name, address in zip(self.ports, self.apis, strict=True):
                for _ in range(int(STARTS_WITHIN_S / 0.1)):
                    with contextlib.suppress(httpx.HTTPError):
                        if (await http.get(f"{address}/health")).status_code == httpx.codes.OK:
                            break
                    await asyncio.sleep(0.1)
                else:
                    raise TimeoutError(f"{name}: {(self.folder / f'{name}.log').read_text()[-2000:]}")

    def stop_all(self) -> None:
        """Everything ends, whatever state it is in."""
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGCONT)
                child.kill()
        for child in self._children.values():
            child.wait()

    async def set_database_clock(self, by: timedelta) -> None:
        """Set the clock that the programme reads from the database."""
        connection = await asyncpg.connect(self.found.database_url)
        try:
            await connection.execute("UPDATE settable.clock SET by = $1", by)
        finally:
            await connection.close()


@asynccontextmanager
async def installation(
    parent: Path, *, rate: float, webhook_url: str | None = None, on_two_hosts: bool = False
) -> AsyncIterator[Installation]:
    """A fresh one, everything running. on_two_hosts: see `hosts.whether_possible`."""
    async with AsyncExitStack() as held:
        found = held.enter_context(services.running(parent, given={}))
        hosts = await held.enter_async_context(two_hosts(found.database_url, found.redis_url)) if on_two_hosts else ()
        made = Installation(parent, found, rate, hosts)
        await asyncio.to_thread(migrations.upgrade, found.database_url)
        await _settable_clock(found.database_url)
        _city(made.city_folder)
        await _load(made, webhook_url)
        made.clock = ScaledClock(MORNING, datetime.now(UTC), rate)
        try:
            for name in made.names:
                made.start(name)
            await made.ready()
            yield made
        finally:
            made.stop_all()


def _city(folder: Path) -> None:
    """Dalian with a policy of its own."""
    shutil.copytree(CHECKOUT / "cities/dalian", folder)
    (folder / "policy.toml").write_text(POLICY)


async def _settable_clock(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(SETTABLE_CLOCK)
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'ALTER DATABASE "{name}" SET search_path = settable, pg_catalog, public')
    finally:
        await connection.close()


async def _load(made: Installation, webhook_url: str | None) -> None:
    engine = make_engine(made.found.database_url)
    file = made.folder / "accounts.json"
    try:
        office = Office(open_city(made.city_folder), engine, ring=made.settings.ring)
        await load_city(office, made.city_folder, MORNING)
        await make_demo_accounts(office, MORNING, file, secret_key=made.settings.secret_key)
    finally:
        await engine.dispose()
    made.accounts = read_demo_accounts(file)
    connection = await asyncpg.connect(made.found.database_url)
    try:
        await connection.execute("UPDATE api_keys SET webhook_url = $1", webhook_url)
    finally:
        await connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def chance_of(seed: int, what: str) -> Random:
    """Chance that depends on the seed and on what it is for, and on nothing else."""
    return Random(f"{seed}:{what}")
