"""Sources are looked at again and again, over real HTTP, whatever they answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.campaign.index import entries
from backend.campaign.polling import Source, keep_looking
from backend.clock import CHINA, ManualClock
from backend.errors import Invalid
from backend.stopping import Stopping
from tests.campaign.warnings_made import an_alert, an_info
from tests.dispatch import builders
from tests.dispatch.builders import Town

ATOM = "http://www.w3.org/2005/Atom"


@dataclass
class Service:
    """A weather service's server: what it answers by path, and what it was asked."""

    port: int = 0
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1]
        self.asked.append(path)
        status, body = self.answers.get(path, (404, b""))
        if '"same"' in head:
            status, body = 304, b""
        told = f'HTTP/1.1 {status} X\r\nETag: "{"same" if path == "/feed" else path}"\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n'
        writer.write(told.encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def _service() -> AsyncIterator[Service]:
    service = Service()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    async with server:
        yield service


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> Town:
    return await builders.town(db, clock)


def warning(town: Town, n: int, **more: str) -> bytes:
    """The n-th; each of a hazard of its own, so that they do not replace each other."""
    until = (town.now + timedelta(hours=9)).astimezone(CHINA).isoformat()
    event = ("寒潮", "高温", "暴雪", "大风")[n]
    info = an_info(event, f"{event}黄色预警", expires=until)
    return an_alert(info, identifier=f"W{n}", sent=town.now.astimezone(CHINA).isoformat(), **more)


def atom(*links: str, updated: str = "1") -> bytes:
    told = "".join(
        f'<entry><id>{link}</id><updated>{updated}</updated><link type="application/cap+xml" href="{link}"/></entry>'
        for link in links
    )
    return f'<feed xmlns="{ATOM}">{told}</feed>'.encode()


async def kept(town: Town) -> set[str]:
    w = tables.warnings.c
    async with town.office.db.connect() as tx:
        return {row.identifier for row in await tx.execute(select(w.identifier).where(w.state == "live"))}


async def test_a_list_is_read_and_each_entry_fetched_once(town: Town, clock: ManualClock) -> None:
    async with _service() as service, httpx.AsyncClient(trust_env=False) as client:
        service.answers = {f"/{n}.xml": (200, warning(town, n)) for n in (0, 1)}
        service.answers["/feed"] = (200, atom("/0.xml", "1.xml", "http://127.0.0.1:1/elsewhere.xml", "/gone.xml"))
        source = Source(town.office, f"http://127.0.0.1:{service.port}/feed", client)
        await source.look(clock)
        assert await kept(town) == {"W0", "W1"}
        assert sorted(service.asked) == ["/0.xml", "/1.xml", "/feed", "/gone.xml"], (
            "nowhere but where the list came from"
        )
        await source.look(clock)
        assert service.asked[-1] == "/feed", "it was as before"
        source._tag = None
        service.answers["/gone.xml"] = (200, warning(town, 2))
        await source.look(clock)
        assert await kept(town) == {"W0", "W1", "W2"}, "what could not be fetched is tried again"
        assert service.asked.count("/0.xml") == 1


async def test_folders_and_files_are_sources_too(town: Town, clock: ManualClock, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(warning(town, 0))
    (tmp_path / "b.xml").write_bytes(b"garbage")
    async with httpx.AsyncClient() as client:
        source = Source(town.office, str(tmp_path), client)
        assert await source.look(clock) == 2
        assert await source.look(clock) == 0
        (tmp_path / "c.xml").write_bytes(warning(town, 1))
        assert await source.look(clock) == 1
    assert await kept(town) == {"W0", "W1"}


async def test_a_source_that_fails_stops_nobody(
    town: Town, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("backend.campaign.polling.EVERY_S", 0.05)
    (tmp_path / "a.xml").write_bytes(warning(town, 3))
    stopping = Stopping()
    async with _service() as service:
        service.answers = {"/feed": (200, b"\x00garbage"), "/broken": (500, b""), "/list": (200, atom("/0.xml"))}
        service.answers["/0.xml"] = (200, warning(town, 0))
        base = f"http://127.0.0.1:{service.port}"
        addresses = (
            "http://127.0.0.1:1/away",
            f"{base}/feed",
            f"{base}/broken",
            str(tmp_path / "missing"),
            f"{base}/list",
            str(tmp_path),
        )
        looking = asyncio.create_task(keep_looking(town.office, addresses, clock, stopping))
        async with asyncio.timeout(20):
            while await kept(town) != {"W0", "W3"} or service.asked.count("/broken") < 3:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        stopping.begin()
        await asyncio.wait_for(looking, 5)


def test_rss_and_warnings_within_the_list_are_read(town: Town) -> None:
    base = "https://weather.example/rss"
    inside = warning(town, 0).decode().partition("?>")[2]
    items = "<item><guid>1</guid><link>https://weather.example/1.xml</link></item>"
    items += '<item><guid>2</guid><enclosure type="application/cap+xml" url="/2.cap"/><link>https://weather.example/2.html</link></item>'
    items += f"<item><guid>3</guid>{inside}</item><item><guid>4</guid></item>"
    found = entries(f"<rss><channel>{items}</channel></rss>".encode(), base)
    assert [entry.link for entry in found] == ["https://weather.example/1.xml", "https://weather.example/2.cap", None]
    assert found[2].content is not None
    assert entries(warning(town, 1), base)[0].content == warning(town, 1)
    with pytest.raises(Invalid):
        entries(b"<html/>", base)
