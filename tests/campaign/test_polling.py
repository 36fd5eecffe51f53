"""Sources are looked at again and again, over real HTTP, whatever they answer."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.campaign import warnings
from backend.campaign.cap_read import LARGEST_BYTES
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
    """A weather service's server: what it answers by path, and what it was asked. ways: paths that answer in a way of their own."""

    port: int = 0
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ways: dict[str, Callable[[asyncio.StreamWriter], Awaitable[None]]] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1]
        self.asked.append(path)
        if path in self.ways:
            await self.ways[path](writer)
            writer.close()
            return
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


# --- sources that misbehave -------------------------------------------------------------------------------------------


async def _drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, for ever."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Type: text/xml\r\n\r\n<feed>")
    while not writer.is_closing():
        try:
            writer.write(b" ")
            await writer.drain()
        except ConnectionError:
            return
        await asyncio.sleep(0.01)


async def _endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Type: text/xml\r\n\r\n<feed>")
    try:
        while not writer.is_closing():
            writer.write(b" " * 65_536)
            await writer.drain()
    except ConnectionError:
        return


def _packed(body: bytes, *, said: bool) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def answer(writer: asyncio.StreamWriter) -> None:
        name = "Content-Encoding: gzip\r\n" if said else ""
        writer.write(f"HTTP/1.1 200 X\r\n{name}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


async def _loop(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 X\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def _hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3)


def _page(body: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + body)
        await writer.drain()

    return answer


async def _refused(town: Town) -> dict[str, str]:
    """Path of a source → why it was refused, as the desk sees it."""
    w = tables.warnings.c
    async with town.office.db.connect() as tx:
        rows = await tx.execute(select(w.source, w.because).where(w.state == "refused"))
        return {row.source.rpartition("/")[2]: row.because for row in rows}


async def test_whatever_a_source_does_a_look_ends_and_the_reason_is_shown(
    town: Town, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.campaign.polling.EVERY_S", 0.05)
    monkeypatch.setattr("backend.campaign.polling.WITHIN_S", 0.3)
    bomb = gzip.compress(b" " * (LARGEST_BYTES + 1))
    stopping = Stopping()
    async with _service() as service:
        service.ways = {
            "/drip": _drip,
            "/endless": _endless,
            "/loop": _loop,
            "/hang": _hang,
            "/bomb": _packed(bomb, said=True),
            "/half": _packed(gzip.compress(b"<feed/>")[:12], said=False),
            "/page": _page(b"<html><body>Sign in</body></html>"),
            "/doctype": _page(b"<!DOCTYPE html><html></html>"),
            "/packed": _packed(gzip.compress(atom("/0.xml")), said=True),
        }
        service.answers["/0.xml"] = (200, warning(town, 0))
        base = f"http://127.0.0.1:{service.port}"
        looking = asyncio.create_task(
            keep_looking(town.office, tuple(base + path for path in service.ways), clock, stopping)
        )
        wanted = {"drip": "unreachable", "loop": "unreachable", "hang": "unreachable", "endless": "too_large", "bomb": "too_large",
                  "half": "not_xml", "page": "not_a_list", "doctype": "has_doctype"}  # fmt: skip
        async with asyncio.timeout(150):
            while await _refused(town) != wanted or await kept(town) != {"W0"}:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        stopping.begin()
        await asyncio.wait_for(looking, 10)
    assert await _refused(town) == wanted, "each said once, however often it is looked at"


async def test_an_entry_that_answers_too_much_is_refused_and_not_fetched_again(town: Town, clock: ManualClock) -> None:
    async with _service() as service, httpx.AsyncClient(trust_env=False) as client:
        service.ways["/big.xml"] = _endless
        service.answers = {"/feed": (200, atom("/big.xml", "/0.xml")), "/0.xml": (200, warning(town, 0))}
        source = Source(town.office, f"http://127.0.0.1:{service.port}/feed", client)
        for _ in range(3):
            source._tag = None
            await source.look(clock)
        assert await kept(town) == {"W0"}
        assert await _refused(town) == {"big.xml": "too_large"}
        assert service.asked.count("/big.xml") == 1


async def test_of_a_folder_so_many_are_taken_at_a_look_and_of_a_huge_file_only_the_beginning(
    town: Town, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.campaign.polling.MOST_FILES", 3)
    for n in range(5):
        (tmp_path / f"{n}.xml").write_bytes(b"garbage %d" % n)
    with (tmp_path / "9.xml").open("wb") as huge:
        huge.truncate(LARGEST_BYTES * 50)
    async with httpx.AsyncClient() as client:
        source = Source(town.office, str(tmp_path), client)
        assert [await source.look(clock) for _ in range(3)] == [3, 3, 0]
    w = tables.warnings.c
    async with town.office.db.connect() as tx:
        assert sorted((await tx.execute(select(w.because))).scalars()) == ["not_xml"] * 5 + ["too_large"]
        kept_bytes = (await tx.execute(select(w.content).where(w.because == "too_large"))).scalar_one()
    assert len(zlib.decompress(kept_bytes)) == warnings.LARGEST_KEPT_BYTES
