"""The event log: append-only, totally ordered by commit, chained by hash.

`append` is the last thing a transaction does: it takes the log's lock, numbers the entries and commits soon after, so
that sequence order is commit order and a reader asking for "what came after n" misses nothing. Each entry's hash
covers the one before; `breaks` finds the places that do not fit.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import locks
from backend.access.actor import Actor
from backend.bulk import add_rows
from backend.db import events
from backend.ids import new_id

GENESIS = b"\x00" * 32
_encode = msgspec.json.Encoder(order="sorted").encode


class Entry(Struct, frozen=True, kw_only=True):
    """What a verb wants written. regions and teams say whom it concerns; data holds rows and facts, nothing personal."""

    kind: str
    actor: Actor
    occurred_at: datetime
    data: dict[str, Any]
    regions: Sequence[str] = ()
    teams: Sequence[UUID] = ()
    case_id: UUID | None = None
    case_version: int | None = None
    command_id: UUID | None = None


class Event(Struct, frozen=True, kw_only=True):
    """One entry of the log as it stands. seq counts from 1 without gaps within a city."""

    seq: int
    id: UUID
    kind: str
    case_id: UUID | None
    case_version: int | None
    regions: list[str]
    teams: list[UUID]
    actor: dict[str, Any]
    occurred_at: datetime
    recorded_at: datetime
    command_id: UUID | None
    data: dict[str, Any]

    @property
    def facilities(self) -> list[UUID]:
        """The stations and hospitals whose staff it concerns, beyond regions and teams."""
        return [UUID(str(one)) for one in self.data.get("facilities", ())]


async def append(tx: AsyncConnection, city_id: str, entries: Sequence[Entry], *, now: datetime) -> list[Event]:
    """Write the entries after the last one. Call it last in the transaction: it holds the log until the commit."""
    await locks.hold(tx, f"log:{city_id}")
    seq, prev = await head(tx, city_id)
    rows, written = [], []
    for entry in entries:
        seq += 1
        data = _encode(entry.data)  # once: for the hash and for the table
        event = _event(entry, seq, now, data)
        hash_ = _link(prev, city_id, event, msgspec.Raw(data))
        row = {"city_id": city_id, **msgspec.structs.asdict(event), "data": msgspec.Raw(data)}
        rows.append({**row, "prev_hash": prev, "hash": hash_})
        written.append(event)
        prev = hash_
    await add_rows(tx, events, rows)
    return written


def _event(entry: Entry, seq: int, now: datetime, data: bytes) -> Event:
    return Event(
        seq=seq,
        id=new_id(),
        kind=entry.kind,
        case_id=entry.case_id,
        case_version=entry.case_version,
        regions=list(entry.regions),
        teams=list(entry.teams),
        actor=msgspec.to_builtins(entry.actor.in_log()),
        occurred_at=entry.occurred_at,
        recorded_at=now,
        command_id=entry.command_id,
        data=msgspec.json.decode(data),
    )


def link(prev: bytes, city_id: str, event: Event) -> bytes:
    """The hash of an event over the one before it (32 bytes, SHA-256 over sorted JSON, times in UTC)."""
    return _link(prev, city_id, event, event.data)


def _link(prev: bytes, city_id: str, event: Event, data: dict[str, Any] | msgspec.Raw) -> bytes:
    body = msgspec.structs.asdict(event)
    body["data"] = data
    body["occurred_at"] = event.occurred_at.astimezone(UTC)
    body["recorded_at"] = event.recorded_at.astimezone(UTC)
    return hashlib.sha256(prev + city_id.encode() + _encode(body)).digest()


async def head(tx: AsyncConnection, city_id: str) -> tuple[int, bytes]:
    """The last sequence number and its hash; (0, GENESIS) for an empty log."""
    last = select(events.c.seq, events.c.hash).where(events.c.city_id == city_id).order_by(events.c.seq.desc()).limit(1)
    row = (await tx.execute(last)).first()
    return (row.seq, row.hash) if row else (0, GENESIS)


_COLUMNS = [events.c[name] for name in Event.__struct_fields__]


async def since(tx: AsyncConnection, city_id: str, after: int, *, limit: int) -> list[Event]:
    """Up to `limit` events with a sequence above `after`, oldest first."""
    query = select(*_COLUMNS).where(events.c.city_id == city_id, events.c.seq > after).order_by(events.c.seq)
    return [Event(**row._mapping) for row in await tx.execute(query.limit(limit))]


async def of_case(tx: AsyncConnection, city_id: str, case_id: UUID) -> list[Event]:
    """Everything that happened to one case, oldest first."""
    query = select(*_COLUMNS).where(events.c.city_id == city_id, events.c.case_id == case_id)
    return [Event(**row._mapping) for row in await tx.execute(query.order_by(events.c.seq))]


async def everything(tx: AsyncConnection, city_id: str, *, page: int = 2000) -> AsyncIterator[Event]:
    """The whole log in order, a page at a time."""
    after = 0
    while found := await since(tx, city_id, after, limit=page):
        for event in found:
            yield event
        after = found[-1].seq


class Break(Struct, frozen=True):
    """Where the chain does not hold. what: "missing" (events gone before it), "moved", "changed" or "link" (its link to
    the one before was cut or forged)."""

    seq: int
    what: str


async def breaks(tx: AsyncConnection, city_id: str, *, limit: int = 20) -> list[Break]:
    """The first `limit` places where an event is missing, moved or changed; [] when the chain holds.

    What was taken off the end leaves no gap: that is found by a witness outside the database (backend.anchors).
    """
    query = select(*_COLUMNS, events.c.prev_hash, events.c.hash).where(events.c.city_id == city_id)
    prev, expected = GENESIS, 1
    places = {GENESIS: 0}
    found: list[Break] = []
    after_break = False  # what follows a broken event cannot fit it: one fault is told once
    stream = await tx.stream(query.order_by(events.c.seq).execution_options(yield_per=2000))
    async for row in stream:
        *fields, prev_hash, hash_ = row
        event = Event(**dict(zip(Event.__struct_fields__, fields, strict=True)))
        whole = link(prev_hash, city_id, event) == hash_
        follows = event.seq == expected and (prev_hash == prev or (after_break and whole))
        after_break = not (whole and follows)
        if after_break:
            found.append(_break(city_id, event, expected, prev_hash, hash_, places))
            if len(found) == limit:
                break
        places[hash_] = event.seq
        prev, expected = hash_, event.seq + 1
    return found


def _break(
    city_id: str, event: Event, expected: int, prev_hash: bytes, hash_: bytes, places: dict[bytes, int]
) -> Break:
    if link(prev_hash, city_id, event) == hash_:
        # The event is as it was written; what stood before it does not stand there now.
        return Break(min(expected, event.seq), "missing" if event.seq != expected else "link")
    if event.seq != expected:
        return Break(expected, "missing")
    elsewhere = msgspec.structs.replace(event, seq=places.get(prev_hash, -1) + 1)
    neighbours = (elsewhere, *(msgspec.structs.replace(event, seq=event.seq + by) for by in (1, -1)))
    moved = any(link(prev_hash, city_id, other) == hash_ for other in neighbours)
    return Break(event.seq, "moved" if moved else "changed")


async def broken_link(tx: AsyncConnection, city_id: str) -> int | None:
    """The sequence number of the first event that is missing, moved or changed; None when the chain holds."""
    first = await breaks(tx, city_id, limit=1)
    return first[0].seq if first else None
