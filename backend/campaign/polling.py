"""Looking for warnings: each source that the installation names is read again and again, whatever it answers.

A source is an http(s) address or a folder or file here; it is a list (Atom, RSS) or a warning itself. Each entry is fetched once.
Every worker looks, so that none has to be the one; the same warning from two of them is one. Whatever a source answers, a look ends
within a minute and reads so much and no more; what is wrong with it is logged and shown at the desk. Begin at `keep_looking`.
"""

import asyncio
import zlib
from collections import OrderedDict
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import httpx
import structlog

from backend import metrics
from backend.access.actor import SYSTEM
from backend.campaign import warnings
from backend.campaign.cap_read import GZIP, LARGEST_BYTES
from backend.campaign.index import Entry, entries
from backend.clock import Clock
from backend.errors import Invalid
from backend.office import Office
from backend.stopping import Stopping

EVERY_S: Final = 60.0
WITHIN_S: Final = 20.0
LOOK_WITHIN_S: Final = 60.0
REMEMBERED: Final = 20_000
MOST_FILES: Final = 500
"""So many new files of a folder are taken in at one look; the rest at the next."""
FAILS_BEFORE_TOLD: Final = 5
"""A source that cannot be reached is shown at the desk after so many looks in a row: a network may be away for a moment."""
AT_ONCE: Final = 4
_log = structlog.get_logger("warnings")


class Source:
    """One source, and which of its entries have been taken in."""

    def __init__(self, office: Office, address: str, client: httpx.AsyncClient) -> None:
        self.office, self.address, self._client = office, address, client
        self._tag: str | None = None
        self._taken: OrderedDict[str, None] = OrderedDict()
        self.failed = 0

    async def look(self, clock: Clock) -> int:
        """Reads it once; the number of warnings that were new. Raises what the network or the disk raises, and Invalid."""
        new = [entry for entry in await self._listed() if not entry.mark or entry.mark not in self._taken]
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(entry: Entry) -> None:
            async with gate:
                await self._take(entry, clock.now())

        await asyncio.gather(*(one(entry) for entry in new))
        metrics.WARNING_SOURCE_AT.labels(self.address).set_to_current_time()
        return len(new)

    async def _listed(self) -> list[Entry]:
        if not self.address.startswith(("http://", "https://")):
            return await asyncio.to_thread(_on_disk, Path(self.address), frozenset(self._taken))
        content = await self._fetch(self.address, self._tag)
        return [] if content is None else entries(content, self.address)

    async def _fetch(self, url: str, tag: str | None = None) -> bytes | None:
        """The document, or None when it is as it was. Read only as far as a warning may be long."""
        headers = {"Accept-Encoding": "identity"} | ({"If-None-Match": tag} if tag else {})
        async with asyncio.timeout(WITHIN_S), self._client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == httpx.codes.NOT_MODIFIED:
                return None
            answer.raise_for_status()
            if url == self.address:
                self._tag = answer.headers.get("ETag")
            content = bytearray()
            async for chunk in answer.aiter_raw():
                content += chunk
                if len(content) > LARGEST_BYTES:
                    raise _too_much()
        return _unpacked(bytes(content))

    async def _take(self, entry: Entry, now: datetime) -> None:
        """One that cannot be fetched is tried again next time, one that answers too much is not; the others go on."""
        content = entry.content
        try:
            if content is None and entry.link is not None:
                content = await self._fetch(entry.link)
        except Invalid as fault:
            _log.warning("entry", source=self.address, link=entry.link, error=fault.en)
            await warnings.source_failed(self.office, entry.link or self.address, fault, by=SYSTEM, now=now)
        except (httpx.HTTPError, OSError, TimeoutError) as fault:
            _log.warning("entry", source=self.address, link=entry.link, error=str(fault) or type(fault).__name__)
            return
        if content is not None:
            await warnings.take_in(self.office, content, source=self.address, by=SYSTEM, now=now)
        self._taken[entry.mark] = None
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)


def _on_disk(place: Path, taken: frozenset[str]) -> list[Entry]:
    """The new files of a folder, or the one file, by name and time. Of one that is too long only so much that this shows."""
    files = sorted(place.glob("*.xml")) if place.is_dir() else [place]
    marked = ((f"{file}|{(told := file.stat()).st_mtime_ns}|{told.st_size}", file) for file in files)
    new = islice(((mark, file) for mark, file in marked if mark not in taken), MOST_FILES)
    return [Entry(mark, content=_head_of(file)) for mark, file in new]


def _head_of(file: Path) -> bytes:
    with file.open("rb") as content:
        return content.read(LARGEST_BYTES + 1)


def _unpacked(content: bytes) -> bytes:
    """What a server packs although nobody asked it to; a little that would become very much is too much."""
    if not content.startswith(GZIP):
        return content
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacking.decompress(content, LARGEST_BYTES + 1)
    except zlib.error as fault:
        raise Invalid(f"压缩的内容无法解开：{fault}。", f"It cannot be unpacked: {fault}.", code="packed") from None
    if len(plain) > LARGEST_BYTES:
        raise _too_much()
    return plain


def _too_much() -> Invalid:
    return Invalid("来源返回的内容过大。", "The source answers too much.", code="too_large")


async def keep_looking(office: Office, addresses: tuple[str, ...], clock: Clock, stopping: Stopping) -> None:
    """Looks at every source until stopping; a source that fails is named in the log and looked at again."""
    if not addresses:
        await stopping.wait()
        return
    async with httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=WITHIN_S) as client:
        sources = [Source(office, address, client) for address in addresses]
        while not stopping.is_on:
            # Side by side: one that drips must not keep the others waiting.
            await asyncio.gather(*(_look(source, clock) for source in sources))
            await _rest(stopping)


async def _look(source: Source, clock: Clock) -> None:
    try:
        await asyncio.wait_for(source.look(clock), LOOK_WITHIN_S)
        source.failed = 0
    except Exception as fault:  # noqa: BLE001 - a source may fail in any way, and must be looked at again
        source.failed += 1
        _log.warning("source", source=source.address, failed=source.failed, error=str(fault) or type(fault).__name__)
        await _tell(source, fault, clock.now())


async def _tell(source: Source, fault: Exception, now: datetime) -> None:
    """Shown at the desk: at once what cannot be read, after some looks what cannot be reached."""
    if not isinstance(fault, Invalid):
        if source.failed != FAILS_BEFORE_TOLD:
            return
        said = str(fault) or type(fault).__name__
        fault = Invalid(
            f"预警来源连续无法读取：{said}", f"This source of warnings cannot be read: {said}", code="unreachable"
        )
    try:
        await warnings.source_failed(source.office, source.address, fault, by=SYSTEM, now=now)
    except Exception as away:  # noqa: BLE001 - the database may be away: it is told next time
        _log.warning("source", source=source.address, error=str(away) or type(away).__name__)


async def _rest(stopping: Stopping) -> None:
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait([waiting], timeout=EVERY_S)
    waiting.cancel()
