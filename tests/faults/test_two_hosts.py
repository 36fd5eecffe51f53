"""Two machines over one database and one Redis: what happens on one is heard on the other; one is cut off and healed."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest
import websockets

from backend.ids import new_id
from ops.chaos import hosts
from ops.chaos.caller import Caller
from ops.chaos.diary import Diary
from ops.chaos.installation import CHECKOUT, Installation, installation

WITHIN_S = 60.0
SILENT_S = 7.0
REASON = hosts.whether_possible()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture
async def place(empty_folder: Path) -> AsyncIterator[Installation]:
    (empty_folder / "files").mkdir()
    async with installation(empty_folder, rate=1.0, on_two_hosts=True) as made:
        yield made


def caller(place: Installation, host: int, role: str = "dispatcher", team: str | None = None) -> Caller:
    """Somebody who speaks to one host only."""
    one = place.accounts.of_team(team) if team else place.accounts.of(role)
    return Caller([place.apis[host]], Diary(), Random(host), (one.login, one.password))


def a_report() -> dict[str, Any]:
    id_ = new_id()
    return {"id": str(id_), "channel": "hotline", "place": {"lon": 121.6147, "lat": 38.9140, "accuracy_m": 10}}


async def file(who: Caller) -> str:
    """A report through this host; its case."""
    body = a_report()
    told = await who.send("report", "/api/reports", new_id(), body)
    assert told.ok, told
    return str(told.body["case_id"])


class Listening:
    """A screen at one host, which comes back with the last number it heard."""

    def __init__(self, who: Caller) -> None:
        self._who = who
        self.told: list[dict[str, Any]] = []
        self._since: int | None = None
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def hears(self, kind: str, case_id: str) -> None:
        await eventually(lambda: any(e["kind"] == kind and e["case_id"] == case_id for e in self.told))

    async def _listen(self) -> None:
        while True:
            try:
                address = f"{self._who.address.replace('http', 'ws', 1)}/api/feed?ticket={await self._who.ticket()}"
                address += "" if self._since is None else f"&since={self._since}"
                async with websockets.connect(address, proxy=None, open_timeout=3, ping_timeout=3) as line:
                    while True:
                        self._hear(json.loads(await asyncio.wait_for(line.recv(), SILENT_S)))
            except (OSError, TimeoutError, websockets.WebSocketException):
                await asyncio.sleep(0.5)

    def _hear(self, message: dict[str, Any]) -> None:
        self._since = max(self._since or 0, message["seq"]) if "seq" in message else self._since
        self.told += (
            message["events"] if message["type"] == "events" else [message] if message["type"] == "event" else []
        )


@asynccontextmanager
async def listening(who: Caller) -> AsyncIterator[Listening]:
    made = Listening(who)
    try:
        yield made
    finally:
        await made.stop()


async def eventually(holds: Callable[[], Any]) -> None:
    """Until it holds; fails after a minute."""
    until = time.monotonic() + WITHIN_S
    while True:
        if holds():
            return
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


async def answer_offer(who: Caller) -> str:
    """Come on duty, wait for an offer and take it; the case."""
    await who.send("duty", "/api/officer/duty", new_id(), {"state": "on_duty"})
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        task = await who.get("/api/officer/task")
        if task["offer"] is not None:
            told = await who.command("offer.accept", f"/api/offers/{task['offer']['id']}/accept")
            assert told.ok, told
            return str(told.body["case_id"])
        await asyncio.sleep(0.2)
    raise AssertionError("no offer within a minute")


@pytest.mark.invariant("I16")
async def test_each_hears_of_the_other_and_one_that_was_cut_off_catches_up(place: Installation) -> None:
    team = next(one.team for one in place.accounts.accounts if one.team)
    async with (
        caller(place, 0, "operator") as desk,
        caller(place, 0) as here,
        caller(place, 1) as there,
        caller(place, 1, team=team) as officer,
        listening(here) as near,
        listening(there) as far,
    ):
        first = await file(desk)
        for screen in (near, far):
            await screen.hears("case.opened", first)
        assert await answer_offer(officer) == first
        await near.hears("case.dispatched", first)

        place.hosts[1].pull_the_cable()
        missed = [await file(desk) for _ in range(3)]
        for case_id in missed:
            await near.hears("case.opened", case_id)
        await asyncio.sleep(SILENT_S + 1)  # long enough for the far screen to notice that its line is dead
        assert not any(event["case_id"] in missed for event in far.told)

        place.hosts[1].plug_it_in()
        for case_id in missed:
            await far.hears("case.opened", case_id)
        last = near.told[-1]["seq"]
        await eventually(lambda: far.told[-1]["seq"] >= last)
        first_of_both = max(near.told[0]["seq"], far.told[0]["seq"])
        heard = [[e["seq"] for e in one.told if first_of_both <= e["seq"] <= last] for one in (near, far)]
        assert heard[0] == heard[1], "each once, in order"
        after = await file(there)
        await near.hears("case.opened", after)


@pytest.mark.invariant("I6")
async def test_a_host_that_is_cut_off_while_it_holds_the_log_does_not_hold_up_the_other(place: Installation) -> None:
    """In the middle of a transaction, with the log's lock: the database gives it up within seconds, not hours."""
    holding = """
import asyncio
from sqlalchemy import text
from backend.db import make_engine
async def main():
    async with make_engine(URL).begin() as tx:
        await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('log:210200', 0))"))
        await asyncio.sleep(600)
asyncio.run(main())
"""
    host = place.hosts[1]
    argv = [*host.prefix, sys.executable, "-c", holding.replace("URL", repr(host.database_url))]
    stuck = await asyncio.create_subprocess_exec(*argv, env=place.environment, cwd=CHECKOUT)
    watching = await asyncpg.connect(place.found.database_url)
    try:
        until = time.monotonic() + WITHIN_S
        while not await watching.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"):
            assert time.monotonic() < until
            await asyncio.sleep(0.1)
        host.pull_the_cable()
        async with caller(place, 0, "operator") as desk:
            assert await file(desk)
    finally:
        await watching.close()
        stuck.kill()
        await stuck.wait()
        host.plug_it_in()
