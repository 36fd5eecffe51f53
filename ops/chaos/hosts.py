"""Two machines that are not there: network namespaces with a cable each to the services, which can be pulled out.

The services listen on this machine's sockets; a door on the cable's near end passes connections on to them.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

from msgspec import Struct

from ops.local.postgres import SUPERUSER

NETWORK = "10.213.77"


def whether_possible() -> str | None:
    """Why namespaces cannot be made here; None when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need the command ip (Debian: iproute2)"
    name = f"rc-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return (
        None if tried.returncode == 0 else f"network namespaces are not allowed here: {tried.stderr.decode().strip()}"
    )


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Host(Struct, frozen=True):
    """A machine: how to start something there, its address, and where it finds the services."""

    name: str
    prefix: tuple[str, ...]
    address: str
    near: str
    database_url: str
    redis_url: str

    def pull_the_cable(self) -> None:
        """Nothing goes in or out any more; nobody is told."""
        _ip("link", "set", f"v-{self.name}", "down")

    def plug_it_in(self) -> None:
        """The line is there again."""
        _ip("link", "set", f"v-{self.name}", "up")


@asynccontextmanager
async def two_hosts(database_url: str, redis_url: str) -> AsyncIterator[list[Host]]:
    """Two machines whose cables are plugged in, gone afterwards. The addresses are those of the embedded services."""
    database, _, folder = database_url.rpartition("/rescue?host=")
    assert database, database_url
    doors = {5432: f"{folder}/.s.PGSQL.5432", 6379: urlsplit(redis_url).path}
    async with AsyncExitStack() as held:
        made = []
        for n in range(2):
            host = _host(n, "rescue")
            held.callback(_remove, host)
            _make(host)
            for port, socket in doors.items():
                await held.enter_async_context(_Door(host.near, port, socket))
            made.append(host)
        yield made


def _host(n: int, database: str) -> Host:
    name, near = f"rc-host-{n}", f"{NETWORK}.{8 * n + 1}"
    return Host(
        name=name,
        prefix=("ip", "netns", "exec", name),
        address=f"{NETWORK}.{8 * n + 2}",
        near=near,
        database_url=f"postgresql://{SUPERUSER}@{near}:5432/{database}",
        redis_url=f"redis://{near}:6379/0",
    )


def this_machine(database_url: str, redis_url: str) -> Host:
    """Where everything runs when there is one machine."""
    return Host("here", (), "127.0.0.1", "127.0.0.1", database_url, redis_url)


def _make(host: Host) -> None:
    _remove(host)
    _ip("netns", "add", host.name)
    _ip("link", "add", f"v-{host.name}", "type", "veth", "peer", "name", "cable", "netns", host.name)
    _ip("addr", "add", f"{host.near}/30", "dev", f"v-{host.name}")
    _ip("link", "set", f"v-{host.name}", "up")
    inside = ("netns", "exec", host.name, "ip")
    _ip(*inside, "addr", "add", f"{host.address}/30", "dev", "cable")
    _ip(*inside, "link", "set", "cable", "up")
    _ip(*inside, "link", "set", "lo", "up")


def _remove(host: Host) -> None:
    with suppress(subprocess.CalledProcessError):
        _ip("link", "del", f"v-{host.name}")
    with suppress(subprocess.CalledProcessError):
        _ip("netns", "del", host.name)


class _Door:
    """Passes connections on to a socket of this machine."""

    def __init__(self, address: str, port: int, socket: str) -> None:
        self._address, self._port, self._socket = address, port, socket
        self._carrying: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._opened, self._address, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            inner_reader, inner_writer = await asyncio.open_unix_connection(self._socket)
            writers.append(inner_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(_one_way(reader, inner_writer))
                both.create_task(_one_way(inner_reader, writer))
        except* OSError:
            pass
        finally:
            for one in writers:
                one.transport.abort()
            await asyncio.gather(*(one.wait_closed() for one in writers), return_exceptions=True)


async def _one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until that side ends; then both do."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError
