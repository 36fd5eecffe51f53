"""`rescue bench fanout`: events to two thousand screens, against bare `websockets` broadcasting the very same messages.

One API process as it is served, and beside it one process that does nothing but `websockets.broadcast`; the clients of both
are this process. In turns: ten events a second, for the delay of each from the commit (from the line written, for the
reference) to the client and for the work per message; then a burst, for the most that goes through.
"""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import uvloop

from backend import log
from backend.access.actor import SYSTEM
from backend.city import open_city
from backend.db import make_engine
from backend.ids import new_id
from backend.live.nudge import Nudge
from backend.live.wire import Wire
from backend.office import Office
from backend.sealing import Ring, fresh_key
from ops.bench.clients import Screen, events_in
from ops.bench.running import CHECKOUT, Running, free_port, listens, open_screen, open_screens, running

SOCKETS, PER_S, SECONDS, BURST, ROUNDS = 2_000, 10, 5, 200, 3
LOOKING = 20
"""Every so many-th socket is looked at for delays."""
MARK = b'"data":{"n":'
"""How each event of ours says which it is."""
ARRIVES_WITHIN_S, SETTLE_S = 60.0, 0.5

Tell = Callable[[list[int]], Awaitable[None]]


@dataclass
class Side:
    """One of the two: how it is told of the n-th events, its process, and what its sockets heard."""

    tell: Tell
    pid: int
    screens: list[Screen] = field(default_factory=list)
    began: dict[int, float] = field(default_factory=dict)
    delay_s: list[float] = field(default_factory=list)
    reached: list[int] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    work_s: list[float] = field(default_factory=list)
    burst_s: list[float] = field(default_factory=list)

    def hear(self, n: int, text: bytes) -> None:
        """What the n-th socket was sent."""
        at, mark = time.perf_counter(), text.rfind(MARK)
        if mark < 0:
            return
        begin = mark + len(MARK)
        self.reached[n] = int(text[begin : text.index(b",", begin)])
        for event in events_in(text) if n % LOOKING == 0 else ():
            number = event["data"]["n"]
            self.delay_s.append(at - self.began[number])
            self.texts.setdefault(number, msgspec.json.encode(event).decode())

    async def everybody_has(self, number: int) -> None:
        """Waits until each socket heard of this event. Raises TimeoutError."""
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while min(self.reached) < number:  # noqa: ASYNC110 - sockets have nobody to tell
                await asyncio.sleep(0.001)


def run(
    *, sockets: int = SOCKETS, seconds: float = SECONDS, burst: int = BURST, rounds: int = ROUNDS
) -> dict[str, Any]:
    """One object: the most events per second, the delay and the work per message of both."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return uvloop.run(_measure(sockets, seconds, burst, rounds))


async def _measure(sockets: int, seconds: float, burst: int, rounds: int) -> dict[str, Any]:
    async with (
        running(teams=1, sockets=sockets, apis=1, worker=False) as on,
        _ours(on, sockets) as ours,
        _reference(ours, sockets) as reference,
    ):
        number = 0
        for _ in range(rounds):
            singles = range(number, number + round(seconds * PER_S))
            number = singles.stop + burst
            for side in (ours, reference):
                await _steadily(side, singles)
                await _at_once(side, range(singles.stop, number))
    delivered = rounds * round(seconds * PER_S) * sockets
    most = [burst / statistics.median(side.burst_s) for side in (ours, reference)]
    p99 = [_ms(side, 99) for side in (ours, reference)]
    return {
        "name": "fanout",
        "ours": round(most[0], 1),
        "reference": round(most[1], 1),
        "ratio": round(most[0] / most[1], 3),
        "goal": ">= 0.85",
        "unit": f"events/s to {sockets} sockets",
        "n": rounds * burst,
        "p99_ms": {"ours": p99[0], "reference": p99[1], "ratio": round(p99[0] / p99[1], 3), "goal": "<= 1.5"},
        "p50_ms": {"ours": _ms(ours, 50), "reference": _ms(reference, 50)},
        "cpu_us_per_message": {
            name: round(sum(side.work_s) / delivered * 1e6, 1)
            for name, side in (("ours", ours), ("reference", reference))
        },
        "at_events_per_s": PER_S,
    }


def _ms(side: Side, percentile: int) -> float:
    return round(float(np.percentile(side.delay_s, percentile)) * 1000, 2)


@asynccontextmanager
async def _ours(on: Running, sockets: int) -> AsyncIterator[Side]:
    """The live feed, told of events by the log as everybody tells it."""
    engine = make_engine(on.database_url)
    city, wire = open_city(CHECKOUT / "cities/dalian"), Wire(on.redis_url)
    nudge = Nudge(city.id, wire)
    async with wire:
        office = Office(city, engine, nudge, ring=Ring.parse(fresh_key("bench")))
        side = Side(tell=lambda numbers: _append(office, side, numbers), pid=on.processes[0].pid)
        side.reached = [-1] * sockets
        side.screens = await open_screens(on, sockets, lambda n: partial(side.hear, n))
        try:
            yield side
        finally:
            _close(side)
            await engine.dispose()


async def _append(office: Office, side: Side, numbers: list[int]) -> None:
    """Events as large as those of the loop, in one transaction."""
    now = datetime.now(UTC)
    entries = [
        log.Entry(kind="case.dispatched", actor=SYSTEM, occurred_at=now, regions=[office.city_id], data=_data(n))
        for n in numbers
    ]
    async with office.begin() as tx:
        await log.append(tx, office.city_id, entries, now=now)
        side.began |= dict.fromkeys(numbers, time.perf_counter())


def _data(n: int) -> dict[str, Any]:
    case, offer, team = (str(new_id()) for _ in range(3))
    since = "2016-09-19T14:31:19.257900+08:00"
    changed = {"id": case, "stage": "dispatched", "team_id": team, "version": 4, "stage_since": since}
    return {"rows": {"cases": [changed], "offers": [{"id": offer, "state": "accepted", "answered_at": since}]}, "n": n}


@asynccontextmanager
async def _reference(ours: Side, sockets: int) -> AsyncIterator[Side]:
    """`bare_broadcast`, told of the messages that the first of our sockets was sent."""
    port = free_port()
    command = [sys.executable, "-m", "ops.bench.bare_broadcast", str(port)]
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, cwd=CHECKOUT)
    pipe = process.stdin
    assert pipe is not None

    async def tell(numbers: list[int]) -> None:
        side.began |= dict.fromkeys(numbers, time.perf_counter())
        pipe.write("".join(ours.texts[n] + "\n" for n in numbers).encode())
        await pipe.drain()

    side = Side(tell=tell, pid=process.pid, reached=[-1] * sockets)
    try:
        await listens(port)
        for n in range(sockets):
            side.screens.append(await open_screen(port, "/", partial(side.hear, n), n))
        yield side
    finally:
        _close(side)
        process.kill()
        await process.wait()


def _close(side: Side) -> None:
    for screen in side.screens:
        screen.close()


async def _steadily(side: Side, numbers: range) -> None:
    """One event after the other, at the rate of the goal; notes what the process worked meanwhile."""
    begin, worked = time.perf_counter(), _cpu_s(side.pid)
    for n, number in enumerate(numbers):
        await asyncio.sleep(max(0.0, begin + n / PER_S - time.perf_counter()))
        await side.tell([number])
    await side.everybody_has(numbers[-1])
    side.work_s.append(_cpu_s(side.pid) - worked)
    await asyncio.sleep(SETTLE_S)


async def _at_once(side: Side, numbers: range) -> None:
    """All of them at the same moment: how long until everybody has them all. Their delays say nothing."""
    steady = list(side.delay_s)
    begin = time.perf_counter()
    await side.tell(list(numbers))
    await side.everybody_has(numbers[-1])
    side.burst_s.append(time.perf_counter() - begin)
    side.delay_s = steady
    await asyncio.sleep(SETTLE_S)


def _cpu_s(pid: int) -> float:
    """What a process has worked, in user and kernel mode."""
    said = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(said[11]) + int(said[12])) / os.sysconf("SC_CLK_TCK")
