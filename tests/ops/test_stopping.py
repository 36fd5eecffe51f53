"""An orderly stop: what was acknowledged is kept, what was asked is answered, sockets are told to come again, code 0."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis.asyncio as redis_asyncio
import websockets
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access import keys
from backend.access.actor import SYSTEM
from backend.access.keys import NewKey
from backend.city import open_city
from backend.clock import SystemClock
from backend.db import make_engine
from backend.notify import outbox
from backend.office import Office
from tests.access.builders import cheapen_passwords
from tests.api.builders import CITY, IN_ZHONGSHAN, Person, Socket, a_report
from tests.keys import RING
from tests.ops import processes
from tests.ops.builders import SECRET


@dataclass
class Told:
    """What the clients of one run were told. cut: connections that ended without an answer."""

    acknowledged: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    refused: int = 0
    other: list[int] = field(default_factory=list)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheapen_passwords(monkeypatch)


@pytest.fixture
def given(database_url: str, redis: redis_asyncio.Redis, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return processes.environment(database_url, redis_url, tmp_path)


async def test_a_worker_hears_of_what_others_commit(
    given: dict[str, str], redis: redis_asyncio.Redis, tmp_path: Path
) -> None:
    """Over Redis, at once; it looks twice a second by itself, so that nobody would notice if it did not."""
    process = processes.start("worker", given, tmp_path / "worker.log")
    channel = f"rescue:{CITY}:log"
    try:
        async with asyncio.timeout(60):
            while not dict(await redis.pubsub_numsub(channel)).get(channel.encode()):  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0.05)
    finally:
        process.terminate()
    assert await processes.exit_code(process) == 0


async def keep_reporting(port: int, told: Told) -> None:
    """Reports, one after the other over a kept connection, until nobody listens any more."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
        while not told.refused:
            report = a_report()
            try:
                answer = await http.post("/api/reports", json=report)
            except httpx.ConnectError:
                told.refused += 1
            except httpx.TransportError:
                told.cut.append(report["id"])
            else:
                told.acknowledged.append(report["id"]) if answer.status_code == 201 else told.other.append(
                    answer.status_code
                )


async def listen(person: Person) -> tuple[Socket, websockets.ConnectionClosed]:
    """A socket until the server ends it: what it told, and how it was closed."""
    async with person.feed() as feed:
        try:
            while True:
                await feed.until("event")
        except websockets.ConnectionClosed as closed:
            return feed, closed


async def filed(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as tx:
        return {str(id_) for id_ in (await tx.execute(select(tables.sightings.c.id))).scalars()}


async def test_under_load_no_acknowledged_report_is_lost_and_everybody_is_told(
    given: dict[str, str], tmp_path: Path, db: AsyncEngine
) -> None:
    told = Told()
    async with processes.serving(given | {"RESCUE_STOP_NOTICE_S": "1"}, tmp_path) as (process, api):
        dispatcher = await api.person("dispatcher")
        sockets = [asyncio.create_task(listen(dispatcher)) for _ in range(6)]
        reporters = [asyncio.create_task(keep_reporting(api.port, told)) for _ in range(6)]
        await wait_until(lambda: len(told.acknowledged) > 30)
        before = set(told.acknowledged)
        process.send_signal(signal.SIGTERM)
        said = await until_stopping(api.http)
        await asyncio.gather(*reporters)
        heard = await asyncio.gather(*sockets)
        assert await processes.exit_code(process) == 0, (tmp_path / "serve.log").read_text()
    kept = await filed(db)
    assert (said["status"], told.other, told.refused > 0) == ("stopping", [], True)
    assert len(told.acknowledged) > len(before), "what came while it was stopping was served"
    assert set(told.acknowledged) <= kept
    assert not set(told.cut) & kept, "whoever got no answer was not served either"
    for feed, closed in heard:
        assert closed.rcvd is not None
        assert closed.rcvd.code == 1012
        assert "come again in" in closed.rcvd.reason
        assert last_seq(feed) == last_seq(heard[0][0]), "all were told the same before they were let go"
    assert len({closed.rcvd.reason for _, closed in heard if closed.rcvd}) > 1, "not all at the same moment"


def last_seq(feed: Socket) -> int:
    return max(int(event["seq"]) for event in feed.events())


async def test_the_last_event_is_told_before_a_socket_is_closed(given: dict[str, str], tmp_path: Path) -> None:
    async with processes.serving(given, tmp_path) as (process, api):
        dispatcher = await api.person("dispatcher")
        async with dispatcher.feed() as feed:
            await feed.until("events")
            receipt = await api.public.did("/api/reports", a_report(IN_ZHONGSHAN))
            process.send_signal(signal.SIGTERM)
            with pytest.raises(websockets.ConnectionClosed):
                await feed.until("never")
        assert receipt["case_id"] in {event["case_id"] for event in feed.events()}
        assert await processes.exit_code(process) == 0


async def test_a_second_signal_ends_it_at_once(given: dict[str, str], tmp_path: Path) -> None:
    async with processes.serving(given | {"RESCUE_STOP_NOTICE_S": "600"}, tmp_path) as (process, api):
        process.send_signal(signal.SIGTERM)
        await until_stopping(api.http)
        assert (await api.public.post("/api/reports", a_report())).status_code == 201
        process.send_signal(signal.SIGTERM)
        assert await processes.exit_code(process) == 0


async def test_a_worker_ends_what_it_has_in_hand(given: dict[str, str], tmp_path: Path, db: AsyncEngine) -> None:
    async with partner(answers_after_s=1.0) as (url, deliveries), message_to(url, given):
        process = processes.start("worker", allowed(given), tmp_path / "worker.log")
        await wait_until(lambda: len(deliveries) > 0)
        process.send_signal(signal.SIGTERM)
        assert await processes.exit_code(process) == 0, (tmp_path / "worker.log").read_text()
        assert (await states(db), len(deliveries)) == (["sent"], 1)


async def test_what_a_worker_cannot_end_in_time_stays_for_the_next(
    given: dict[str, str], tmp_path: Path, db: AsyncEngine
) -> None:
    async with partner(answers_after_s=60.0) as (url, deliveries), message_to(url, given):
        process = processes.start("worker", allowed(given, RESCUE_STOP_WITHIN_S="1"), tmp_path / "worker.log")
        await wait_until(lambda: len(deliveries) > 0)
        process.send_signal(signal.SIGTERM)
        assert await processes.exit_code(process) == 0, (tmp_path / "worker.log").read_text()
        assert await states(db) == ["waiting"]


async def test_a_worker_tells_how_it_is_where_it_is_told_to(given: dict[str, str], tmp_path: Path) -> None:
    port = processes.free_port()
    more = {"RESCUE_WORKER_METRICS_PORT": str(port)}
    process = processes.start("worker", given | more, tmp_path / "worker.log")
    try:
        page = await page_of(f"http://127.0.0.1:{port}/metrics", "rescue_worker_turn_timestamp_seconds 1.")
        began = next(
            line for line in page.splitlines() if line.startswith("rescue_worker_heartbeat_timestamp_seconds ")
        )
        assert abs(float(began.split()[1]) - time.time()) < 3600
    finally:
        process.send_signal(signal.SIGTERM)
        assert await processes.exit_code(process) == 0


async def page_of(url: str, containing: str) -> str:
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as http:
        while True:
            try:
                if containing in (page := (await http.get(url)).text):
                    return page
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def wait_until(holds: Any) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - it has nobody to tell
            await asyncio.sleep(0.01)


async def until_stopping(http: httpx.AsyncClient) -> dict[str, Any]:
    """What /health says once it says no."""
    async with asyncio.timeout(20):
        while (answer := await http.get("/health")).status_code == 200:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    assert answer.status_code == 503
    assert answer.headers["connection"] == "close"
    found: dict[str, Any] = answer.json()
    return found


def allowed(given: dict[str, str], **more: str) -> dict[str, str]:
    return given | {"RESCUE_WEBHOOK_NETWORKS": "127.0.0.0/8"} | more


@asynccontextmanager
async def partner(*, answers_after_s: float) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A partner's system that takes its time. What was delivered to it, as it began to come."""
    deliveries: list[bytes] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            deliveries.append(await reader.readuntil(b"\r\n\r\n"))
            await asyncio.wait([asyncio.ensure_future(over.wait())], timeout=answers_after_s)
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in", deliveries
    finally:
        over.set()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def message_to(url: str, given: dict[str, str]) -> AsyncIterator[None]:
    """One message waits for the partner at this address."""
    engine = make_engine(given["RESCUE_DATABASE_URL"])
    office = Office(open_city(Path(given["RESCUE_CITY"])), engine, ring=RING)
    now = SystemClock().now()
    new = NewKey(partner="110", regions=[CITY], webhook_url=url)
    made = await keys.create(office, new, secret_key=SECRET, by=SYSTEM, now=now)
    async with office.db.begin() as tx:
        await outbox.enqueue(tx, office, "webhook", str(made.key.id), {"kind": "test"}, now=now)
    yield
    await engine.dispose()


async def states(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as tx:
        return list((await tx.execute(select(tables.outbox.c.state))).scalars())
