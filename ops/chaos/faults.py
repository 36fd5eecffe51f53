"""What is done to the installation: each fault begins, lasts and is healed. `timetable` orders them by the seed.

A kill is a SIGKILL in the middle of whatever goes on; what was killed is started again after a moment, as systemd would.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

import asyncpg
import redis as redis_client
from msgspec import Struct

from ops.chaos.installation import Installation
from ops.chaos.partner import MOODS, Partner

REST_S: Final = (2.0, 6.0)
"""Between faults, everything well."""
A_MINUTE_S: Final = 60.0


class Fault(Struct, frozen=True):
    """One thing that goes wrong: its name, and what does it and heals it within so many seconds."""

    name: str
    do: Callable[[], Awaitable[None]]


class Saboteur:
    """Knows how to break each part."""

    def __init__(self, place: Installation, partner: Partner, chance: Random) -> None:
        self.place, self.partner, self.chance = place, partner, chance
        self.done: dict[str, int] = {}

    def all(self) -> list[Fault]:
        """Every kind of fault that can be done on this machine."""
        found = [
            Fault("api killed", self._kill("api")),
            Fault("worker killed", self._kill("worker")),
            Fault("api asked to stop", self._restart("api")),
            Fault("worker asked to stop", self._restart("worker")),
            Fault("api frozen", self._freeze("api")),
            Fault("worker frozen", self._freeze("worker")),
            Fault("both workers killed", self._kill_workers),
            Fault("redis stopped", self._stop_redis),
            Fault("redis emptied", self._empty_redis),
            Fault("postgres restarted", self._restart_postgres),
            Fault("postgres killed", self._kill_postgres),
            Fault("connections cut", self._cut_connections),
            Fault("clock set", self._set_clock),
            Fault("partner unwell", self._spoil_partner),
        ]
        if len(self.place.hosts) > 1:
            found.append(Fault("host cut off", self._cut_off_host))
        return found + (
            [Fault("disk of the photos full", self._fill_disk)] if os.path.ismount(self.place.photos) else []
        )

    def timetable(self) -> Iterator[Fault]:
        """For ever: all of them in an order of chance, then again."""
        while True:
            yield from self.chance.sample(kinds := self.all(), len(kinds))

    async def run(self, going: Callable[[], bool]) -> None:
        """One fault after the other until it is time to stop; everything is healed when this returns."""
        for fault in self.timetable():
            await asyncio.sleep(self.chance.uniform(*REST_S))
            if not going():
                return
            await fault.do()
            self.done[fault.name] = self.done.get(fault.name, 0) + 1

    def _one(self, kind: str) -> str:
        return self.chance.choice([name for name in self.place.names if name.startswith(kind)])

    def _kill(self, kind: str) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            name = self._one(kind)
            self.place.signal(name, signal.SIGKILL)
            await self.place.ended(name)
            await asyncio.sleep(self.chance.uniform(0.1, 2.0))
            self.place.start(name)

        return do

    async def _kill_workers(self) -> None:
        names = [name for name in self.place.names if name.startswith("worker")]
        for name in names:
            self.place.signal(name, signal.SIGKILL)
        await asyncio.sleep(self.chance.uniform(0.5, 4.0))
        for name in names:
            await self.place.ended(name)
            self.place.start(name)

    def _restart(self, kind: str) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            name = self._one(kind)
            self.place.signal(name, signal.SIGTERM)
            code = await self.place.ended(name)
            if code not in (0, -signal.SIGKILL):
                self.done[f"{kind} ended with {code}"] = self.done.get(f"{kind} ended with {code}", 0) + 1
            self.place.start(name)

        return do

    def _freeze(self, kind: str) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            name = self._one(kind)
            self.place.signal(name, signal.SIGSTOP)
            await asyncio.sleep(self.chance.uniform(1.0, 6.0))
            self.place.signal(name, signal.SIGCONT)

        return do

    async def _cut_off_host(self) -> None:
        """Its processes run and reach nobody, and nobody reaches them."""
        host = self.chance.choice(self.place.hosts)
        host.pull_the_cable()
        await asyncio.sleep(self.chance.uniform(2.0, 25.0))
        host.plug_it_in()

    # --- services -----------------------------------------------------------------------------------------------------

    async def _stop_redis(self) -> None:
        """For a moment mostly; every third time for a whole minute."""
        valkey = self.place.found.valkey
        assert valkey is not None
        await asyncio.to_thread(valkey.stop)
        long = self.done.get("redis stopped", 0) % 3 == 0
        await asyncio.sleep(A_MINUTE_S if long else self.chance.uniform(1.0, 8.0))
        await asyncio.to_thread(valkey.start)

    async def _empty_redis(self) -> None:
        def empty() -> None:
            with redis_client.Redis.from_url(self.place.found.redis_url) as client:
                client.flushall()

        await asyncio.to_thread(empty)

    async def _restart_postgres(self) -> None:
        cluster = self.place.found.cluster
        assert cluster is not None
        await asyncio.to_thread(cluster.stop)
        await asyncio.sleep(self.chance.uniform(0.0, 3.0))
        await asyncio.to_thread(cluster.start)

    async def _kill_postgres(self) -> None:
        """All of its processes, without a word: what was not committed is gone, what was is recovered."""
        cluster = self.place.found.cluster
        assert cluster is not None
        pid = int((cluster.data / "postmaster.pid").read_text().split()[0])
        for one in [pid, *_children_of(pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(cluster.start)

    async def _cut_connections(self) -> None:
        connection = await asyncpg.connect(self.place.found.database_url)
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()

    async def _set_clock(self) -> None:
        """Ten minutes on or back, for half a minute, and right again: the office's time must not notice."""
        await self.place.set_database_clock(timedelta(minutes=self.chance.choice((10, -10))))
        await asyncio.sleep(self.chance.uniform(12.0, 20.0))
        await self.place.set_database_clock(timedelta(0))

    async def _spoil_partner(self) -> None:
        self.partner.mood = self.chance.choice(MOODS[1:])
        await asyncio.sleep(self.chance.uniform(3.0, 10.0))
        self.partner.mood = "well"

    async def _fill_disk(self) -> None:
        ballast = Path(self.place.photos) / ".ballast"
        free = shutil.disk_usage(self.place.photos).free
        ballast.write_bytes(b"\0" * free)
        await asyncio.sleep(self.chance.uniform(3.0, 8.0))
        ballast.unlink()


def _children_of(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
