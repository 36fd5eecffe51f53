"""How often somebody may fail to sign in: after a few tries the next one waits, each time longer, never for good.

Counted in PostgreSQL, so that all processes count together and a restart forgets nothing. A try is counted before it is
made: a hundred at once are a hundred. Counted are the login, the source address and, after a right password, the second
factor; a device where the person has signed in before is counted by itself, so that a stranger's failures do not lock it
(OWASP's device cookie). Keys are hashes. See docs/decisions/0501-signing-in.md.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import sign_in_attempts
from backend.errors import TooMany
from backend.office import Office

FREE_TRIES = 5
# A whole desk may sit behind one address.
FREE_TRIES_FROM_ONE_SOURCE = 50
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
FORGOTTEN_AFTER = timedelta(hours=24)
SWEPT_AT_ONCE = 1_000

_c = sign_in_attempts.c


class Counter(Struct, frozen=True, order=True):
    """What is counted: a key and how many tries are free. shared: by many people, of whom one being right clears nothing."""

    key: bytes
    free: int = FREE_TRIES
    shared: bool = False


class Tried(Struct, frozen=True):
    """A try that was counted; or not, because it has to wait until `locked_until`.

    begins: the counters whose lock-out begins should this try fail.
    """

    locked_until: datetime | None
    begins: tuple[Counter, ...] = ()


def of_login(login: str) -> Counter:
    """Tries as this login, whether it exists or not."""
    return Counter(_key("login", login))


def of_source(source: str) -> Counter:
    """Tries from this address."""
    return Counter(_key("source", source), FREE_TRIES_FROM_ONE_SOURCE, shared=True)


def of_device(account_id: UUID, device_hash: bytes) -> Counter:
    """Tries as this account from a device it has used before."""
    return Counter(_key("device", f"{account_id}:{device_hash.hex()}"))


def of_code(account_id: UUID) -> Counter:
    """Codes tried with the right password."""
    return Counter(_key("code", str(account_id)))


def of_own_password(account_id: UUID) -> Counter:
    """The current password, asked again of somebody signed in."""
    return Counter(_key("own password", str(account_id)))


async def count(office: Office, counters: Sequence[Counter], now: datetime) -> Tried:
    """Counts one try, before it is made; while one of the counters has to wait nothing is counted.

    What many share is counted by `failed` only: a whole shift may sign in within a second.
    """
    ordered = sorted(set(counters))
    async with office.db.begin() as tx:
        rows = await _hold(tx, office, ordered, now)
        waits = [row.locked_until for row in rows.values() if row.locked_until is not None and row.locked_until > now]
        if waits:
            return Tried(max(waits))
        begins = await _one_more(tx, office, [one for one in ordered if not one.shared], rows, now)
    await _sweep(office, now)
    return Tried(None, begins)


async def failed(office: Office, counters: Sequence[Counter], now: datetime) -> tuple[Counter, ...]:
    """The try failed: counts it for those who share a counter. Returns the counters whose lock-out begins with it."""
    shared = sorted({one for one in counters if one.shared})
    if not shared:
        return ()
    async with office.db.begin() as tx:
        return await _one_more(tx, office, shared, await _hold(tx, office, shared, now), now)


async def _one_more(
    tx: AsyncConnection, office: Office, counters: Sequence[Counter], rows: Mapping[bytes, Any], now: datetime
) -> tuple[Counter, ...]:
    """Adds one to counters whose rows are held. Returns those for which that was the last free one."""
    begins = []
    for one in counters:
        row = rows[one.key]
        failures = 1 if row.last_at < now - FORGOTTEN_AFTER else row.failures + 1
        values = {"failures": failures, "last_at": now, "locked_until": _until(failures, one, now)}
        await tx.execute(update(sign_in_attempts).where(_are(office, [one])).values(**values))
        if failures == one.free:
            begins.append(one)
    return tuple(begins)


async def _hold(tx: AsyncConnection, office: Office, counters: Sequence[Counter], now: datetime) -> dict[bytes, Any]:
    """The counters' rows, made where there are none and held, in one order: two tries count one after the other."""
    fresh = [{"city_id": office.city_id, "key": one.key, "failures": 0, "last_at": now} for one in counters]
    held = (
        upsert(sign_in_attempts)
        .values(fresh)
        .on_conflict_do_update(index_elements=["city_id", "key"], set_={"failures": _c.failures})
        .returning(_c.key, _c.failures, _c.last_at, _c.locked_until)
    )
    return {row.key: row for row in await tx.execute(held)}


def _until(failures: int, counter: Counter, now: datetime) -> datetime | None:
    over = failures - counter.free
    return None if over < 0 else now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(over, 20))


async def clear(tx: AsyncConnection, office: Office, counters: Sequence[Counter]) -> None:
    """The try was right: whoever it was begins anew. What many share stays as it is."""
    own = sorted({one for one in counters if not one.shared})
    if own:
        await tx.execute(delete(sign_in_attempts).where(_are(office, own)))


def wait(until: datetime, now: datetime) -> TooMany:
    """The refusal that says when to try again."""
    seconds = max(1, math.ceil((until - now).total_seconds()))
    zh, en = (
        (f"{seconds} 秒", f"{seconds} s")
        if seconds < 120
        else (f"{-(-seconds // 60)} 分钟", f"{-(-seconds // 60)} min")
    )
    return TooMany(
        f"失败次数过多，请 {zh}后再试；也可请管理员解除。",
        f"Too many failures: please try again in {en}, or ask an administrator to lift it.",
        code="locked_out",
        retry_after_s=seconds,
    )


async def _sweep(office: Office, now: datetime) -> None:
    """What is a day old is no longer counted; in a transaction of its own, passing over what others hold."""
    old = (_c.city_id == office.city_id) & (_c.last_at < now - FORGOTTEN_AFTER)
    some = select(_c.key).where(old).limit(SWEPT_AT_ONCE).with_for_update(skip_locked=True)
    async with office.db.begin() as tx:
        await tx.execute(delete(sign_in_attempts).where(old, _c.key.in_(some)))


def _are(office: Office, counters: Sequence[Counter]) -> ColumnElement[bool]:
    return (_c.city_id == office.city_id) & _c.key.in_([one.key for one in counters])


def _key(kind: str, what: str) -> bytes:
    return hashlib.sha256(f"{kind}:{what}".encode()).digest()
