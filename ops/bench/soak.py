"""`rescue bench soak`: a bad night on real processes, without and with one client that asks without end.

Twenty times the busiest real hour (880 reports) within a minute, each from somewhere else; 2,000 teams that report their
positions; 500 screens. The reference is the same night without the heavy client: what it costs the others is the ratio of the
95th percentiles of the time until a report is acknowledged. Server, database and all clients share this machine.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import numpy as np

from ops.bench.clients import Line, Screen, events_in
from ops.bench.intake import a_report
from ops.bench.running import Phone, Running, open_screens, running

REPORTS_PER_MINUTE, TEAMS, SOCKETS = 880, 2_000, 500
FIXES, FIXES_EVERY_S = 2, 10.0
LOOKING = 20
"""Every so many-th screen reads what it is sent; the others let it pass."""
HEAVY_AT_ONCE = 32
WATCHED = (
    "rescue_filing_waiting",
    "rescue_feed_behind_events",
    "rescue_inbox_longest",
    "rescue_database_connections_in_use",
)
SETTLE_S = 3.0


@dataclass
class Seen:
    """What the clients saw. Seconds, and how many answers of each status."""

    acknowledged_s: list[float] = field(default_factory=list)
    delay_s: list[float] = field(default_factory=list)
    offered_s: list[float] = field(default_factory=list)
    reports: Counter[int] = field(default_factory=Counter)
    positions: Counter[int] = field(default_factory=Counter)
    heavy: Counter[int] = field(default_factory=Counter)
    fixes: int = 0
    screens_lost: int = 0
    most: dict[str, float] = field(default_factory=dict)
    grew_mb: float = 0.0


def run(*, seconds: float = 60, teams: int = TEAMS, sockets: int = SOCKETS) -> dict[str, Any]:
    """One object with both nights and what the heavy client cost the others."""
    calm = asyncio.run(_night(seconds, teams, sockets, with_heavy=False))
    heavy = asyncio.run(_night(seconds, teams, sockets, with_heavy=True))
    ours, reference = (_ms(night.acknowledged_s, 95) for night in (heavy, calm))
    return {
        "name": "soak",
        "ours": ours,
        "reference": reference,
        "ratio": round(ours / reference, 3) if reference else 0.0,
        "goal": "<= 1.5",
        "unit": "ms p95",
        "n": len(heavy.acknowledged_s),
        "with_heavy_client": _told(heavy, seconds),
        "without": _told(calm, seconds),
    }


def _told(seen: Seen, seconds: float) -> dict[str, Any]:
    times = {
        "acknowledged": seen.acknowledged_s,
        "offered_after_acceptance": seen.offered_s,
        "event_on_screen": seen.delay_s,
    }
    return {
        **{f"{name}_ms": {f"p{p}": _ms(found, p) for p in (50, 95, 99)} for name, found in times.items()},
        "reports": _by_status(seen.reports),
        "positions_per_s": round(seen.fixes / seconds, 1),
        "positions": _by_status(seen.positions),
        "heavy": _by_status(seen.heavy),
        "screens_lost": seen.screens_lost,
        "most": seen.most,
        "memory_grew_mb": round(seen.grew_mb, 1),
    }


def _by_status(counted: Counter[int]) -> dict[str, int]:
    return {str(status): count for status, count in sorted(counted.items())}


def _ms(times_s: list[float], percentile: int) -> float:
    return round(float(np.percentile(times_s, percentile)) * 1000, 1) if times_s else 0.0


async def _night(seconds: float, teams: int, sockets: int, *, with_heavy: bool) -> Seen:
    seen = Seen()
    async with running(teams=teams, sockets=sockets) as on:
        screens = await _screens(on, sockets, seen)
        before_mb = on.memory_mb()
        until = time.monotonic() + seconds
        work: list[Awaitable[None]] = [
            _reporters(on, seen, until, seconds),
            *(_phones(on, seen, until, part) for part in range(40)),
            _watch(on, seen, until),
        ]
        if with_heavy:
            work += [_heavy(on, seen, until, n) for n in range(HEAVY_AT_ONCE)]
        await asyncio.gather(*work)
        await asyncio.sleep(SETTLE_S)
        seen.grew_mb = on.memory_mb() - before_mb
        seen.screens_lost = sum(screen.ended.done() for screen in screens)
        for screen in screens:
            screen.close()
        seen.offered_s = await _offers(on.database_url)
    return seen


async def _screens(on: Running, count: int, seen: Seen) -> list[Screen]:
    """Every so many-th of them looks."""
    return await open_screens(on, count, lambda n: (lambda text: _delays(text, seen)) if n % LOOKING == 0 else None)


def _delays(text: bytes, seen: Seen) -> None:
    now = datetime.now(UTC)
    for event in events_in(text):
        seen.delay_s.append((now - datetime.fromisoformat(event["recorded_at"])).total_seconds())


async def _reporters(on: Running, seen: Seen, until: float, seconds: float) -> None:
    chance = random.Random(11)
    reporting: list[asyncio.Task[None]] = []
    count = max(1, round(REPORTS_PER_MINUTE * min(seconds, 60) / 60))
    for n in range(count):
        await asyncio.sleep(chance.expovariate(count / min(seconds, 60)))
        if time.monotonic() >= until:
            break
        reporting.append(asyncio.create_task(_one_report(on, seen, n, a_report(chance))))
    await asyncio.gather(*reporting)


async def _one_report(on: Running, seen: Seen, n: int, body: dict[str, Any]) -> None:
    source = f"127.2.{n // 250}.{n % 250 + 1}"
    began = time.perf_counter()
    async with Line(on.ports[n % len(on.ports)], source=source) as line:
        status, _ = await line.ask("POST", "/api/reports", body)
    seen.reports[status] += 1
    if status == 201:
        seen.acknowledged_s.append(time.perf_counter() - began)


async def _phones(on: Running, seen: Seen, until: float, part: int) -> None:
    """Every fortieth team, over one connection: each sends what it has gathered every ten seconds."""
    mine = on.phones[part::40]
    async with Line(on.ports[part % len(on.ports)], source=f"127.4.0.{part + 1}") as line:
        while mine:
            began = time.monotonic()
            for n, phone in enumerate(mine):
                await asyncio.sleep(max(0.0, began + n * FIXES_EVERY_S / len(mine) - time.monotonic()))
                if time.monotonic() >= until:
                    return
                await _send_fixes(line, phone, seen)
            await asyncio.sleep(max(0.0, min(began + FIXES_EVERY_S, until) - time.monotonic()))


async def _send_fixes(line: Line, phone: Phone, seen: Seen) -> None:
    lon, lat = phone.place.lon + random.uniform(-1e-3, 1e-3), phone.place.lat
    fixes = [{"at": datetime.now(UTC), "lon": lon + n * 1e-5, "lat": lat, "accuracy_m": 8} for n in range(FIXES)]
    status, _ = await line.ask("POST", "/api/officer/positions", {"fixes": fixes}, phone.token)
    seen.positions[status] += 1
    seen.fixes += FIXES if status == 200 else 0


async def _heavy(on: Running, seen: Seen, until: float, n: int) -> None:
    """One of the connections of the client that asks for the longest page there is, again and again."""
    async with Line(on.ports[n % len(on.ports)], token=on.heavy, source="127.3.0.1") as line:
        while time.monotonic() < until:
            status, _ = await line.ask("GET", "/api/cases?limit=200")
            seen.heavy[status] += 1


async def _watch(on: Running, seen: Seen, until: float) -> None:
    while time.monotonic() < until:
        for port in on.ports:
            with suppress(OSError, asyncio.IncompleteReadError):
                async with Line(port) as line:
                    _, page = await line.ask("GET", "/metrics")
                _note(page.decode(), seen)
        await asyncio.sleep(1)


def _note(page: str, seen: Seen) -> None:
    for line in page.splitlines():
        name, _, value = line.partition(" ")
        if name in WATCHED:
            seen.most[name] = max(seen.most.get(name, 0.0), float(value))


async def _offers(url: str) -> list[float]:
    """Per case the seconds from its acceptance to its first offer, by the log."""
    link = await asyncpg.connect(url)
    try:
        rows = await link.fetch(
            """SELECT extract(epoch FROM min(o.recorded_at) - a.recorded_at)::float8 AS waited_s
               FROM events a JOIN events o ON o.city_id = a.city_id AND o.case_id = a.case_id AND o.kind = 'offer.made'
               WHERE a.kind = 'case.accepted' GROUP BY a.case_id, a.recorded_at"""
        )
    finally:
        await link.close()
    return [row["waited_s"] for row in rows]
