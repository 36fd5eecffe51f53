"""Anchors: where the log stood, written down outside the database, so that an end taken off it is missed.

A chain of hashes cannot say how long it was. A worker appends the log's head to a file on another medium (the data
folder) about once a minute; each line is signed over the one before with the installation's key. Whoever changes the
database alone cannot make the file agree. Begin at `contradictions`; `keep_anchoring` is the worker's duty.
"""

import asyncio
import fcntl
import hmac
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.db import events
from backend.errors import Invalid
from backend.office import Office
from backend.stopping import Stopping

EVERY_S = 60.0
_log = structlog.get_logger("anchors")


class Anchor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The log's head at a moment (None: one that was kept on paper). restored: the database was put back to here, and what
    came after is known to be lost."""

    at: datetime | None
    seq: int
    hash: str
    restored: bool = False
    mac: str = ""


def file_of(data_folder: Path, city_id: str) -> Path:
    """Where a city's anchors are kept."""
    return data_folder / "anchors" / f"{city_id}.jsonl"


def write(file: Path, anchor: Anchor, *, secret_key: str) -> None:
    """Append an anchor, signed over the last line, and have it on disk. Safe from several processes at once.

    Raises OSError, and Invalid `bad_anchors` when the file has been changed by another hand: nothing is added to it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        _drop_torn_line(opened)
        opened.seek(0)
        before = _decode(opened.read(), secret_key)
        if before and before[-1].seq >= anchor.seq and not anchor.restored:
            return  # another worker was here
        signed = msgspec.structs.replace(anchor, mac=_mac(secret_key, before[-1].mac if before else "", anchor))
        opened.write(msgspec.json.encode(signed) + b"\n")
        opened.flush()
        os.fsync(opened.fileno())


def read(file: Path, *, secret_key: str) -> list[Anchor]:
    """All anchors, oldest first; [] when there are none yet. Raises Invalid `bad_anchors` naming the first bad line."""
    return _decode(file.read_bytes(), secret_key) if file.exists() else []


def _drop_torn_line(opened: BinaryIO) -> None:
    """A machine that stopped while writing leaves half a line; it said nothing yet."""
    opened.seek(0)
    whole = opened.read()
    if whole and not whole.endswith(b"\n"):
        opened.truncate(whole.rfind(b"\n") + 1)


def _decode(content: bytes, secret_key: str) -> list[Anchor]:
    found: list[Anchor] = []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            anchor = msgspec.json.decode(line, type=Anchor)
        except msgspec.DecodeError:
            raise _bad_line(number) from None
        if not hmac.compare_digest(anchor.mac, _mac(secret_key, found[-1].mac if found else "", anchor)):
            raise _bad_line(number)
        found.append(anchor)
    return found


def _bad_line(number: int) -> Invalid:
    return Invalid(
        f"锚点文件第 {number} 行被改动过，或由另一个 RESCUE_SECRET_KEY 签名。",
        f"Line {number} of the anchors was changed, or was signed with another RESCUE_SECRET_KEY.",
        code="bad_anchors",
    )


def _mac(secret_key: str, before: str, anchor: Anchor) -> str:
    body = msgspec.json.encode(msgspec.structs.replace(anchor, mac=before), order="sorted")
    return hmac.digest(secret_key.encode(), b"anchor:" + body, "sha256").hex()


async def contradictions(tx: AsyncConnection, city_id: str, anchors: Iterable[Anchor]) -> list[int]:
    """The sequence numbers at which log and anchors disagree: an event that is gone, or another in its place."""
    standing: list[Anchor] = []
    for anchor in anchors:
        if anchor.restored:
            standing = [one for one in standing if one.seq <= anchor.seq]
        standing.append(anchor)
    query = select(events.c.seq, events.c.hash).where(events.c.city_id == city_id)
    held = {
        seq: hash_.hex() for seq, hash_ in await tx.execute(query.where(events.c.seq.in_({a.seq for a in standing})))
    }
    return sorted({anchor.seq for anchor in standing if anchor.seq > 0 and held.get(anchor.seq) != anchor.hash})


async def take(office: Office, file: Path, *, secret_key: str, now: datetime, restored: bool = False) -> Anchor:
    """Write down where the log stands now."""
    async with office.db.connect() as tx:
        seq, hash_ = await log.head(tx, office.city_id)
    anchor = Anchor(at=now, seq=seq, hash=hash_.hex(), restored=restored)
    await asyncio.to_thread(write, file, anchor, secret_key=secret_key)
    return anchor


async def keep_anchoring(
    office: Office,
    file: Path,
    stopping: Stopping,
    *,
    secret_key: str,
    now: Callable[[], datetime],
    every_s: float = EVERY_S,
) -> None:
    """Take an anchor now and then, and a last one when stopping. What fails is tried again next time."""
    while True:
        try:
            await take(office, file, secret_key=secret_key, now=now())
        except Exception as fault:  # noqa: BLE001 - a full disk or a database away: both come back
            _log.error("no anchor", error=type(fault).__name__)
        if stopping.is_on:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), every_s)
