"""Receipts of notices: the phone itself says that it has one, and whether it was shown.

A notice carries a code made for the one that receives it, so that the receipt needs no sign-in (a service worker has none)
and still says who. Begin at `code_for`; nothing of it is stored.
"""

import base64
import hmac
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.errors import NotFound
from backend.notify.devices import base64url
from backend.office import Office
from backend.sealing import Ring

ABOUT = "notices.code"
MAC_BYTES = 16
_MARKS = {"device": b"d", "session": b"s"}

Receiver = Literal["device", "session"]


class Told(NamedTuple):
    """Whom a code was made for: a device, or the session of a live feed."""

    receiver: Receiver
    id: UUID


def code_for(ring: Ring, notice_id: UUID, told: Told) -> str:
    """What the notice carries to this receiver; only who has the keys can make it."""
    named = _MARKS[told.receiver] + told.id.bytes
    return base64.urlsafe_b64encode(named + _macs(ring, notice_id, named)[0]).decode()


def read_code(ring: Ring, notice_id: UUID, code: str) -> Told:
    """Whom the code was made for. Raises NotFound, the same for every wrong one."""
    try:
        plain = base64url(code)
    except ValueError:
        raise _unknown() from None
    named, mac = plain[:17], plain[17:]
    genuine = len(mac) == MAC_BYTES and any(hmac.compare_digest(mac, right) for right in _macs(ring, notice_id, named))
    receiver = next((name for name, mark in _MARKS.items() if mark == named[:1]), None)
    if not genuine or receiver is None:
        raise _unknown()
    return Told(receiver, UUID(bytes=named[1:]))  # type: ignore[arg-type]  # a name of _MARKS


def _macs(ring: Ring, notice_id: UUID, named: bytes) -> list[bytes]:
    return [digest[:MAC_BYTES] for digest in ring.digests(notice_id.bytes + named, ABOUT)]


async def receive(office: Office, notice_id: UUID, code: str, *, shown: bool, now: datetime) -> None:
    """The phone has it. Told again, it may say that it is shown now, never that it is not any more. Raises NotFound.

    Shown, the ladder ends there. now: the office's time.
    """
    told = read_code(office.ring, notice_id, code)
    n, r = db.notices.c, db.notice_receipts
    mine = (n.city_id == office.city_id) & (n.id == notice_id)
    async with office.db.begin() as tx:
        if (await tx.execute(select(n.id).where(mine).with_for_update())).first() is None:
            raise _unknown()
        way, account_id = await _of(tx, office, told)
        put = upsert(db.notice_receipts).values(
            city_id=office.city_id, notice_id=notice_id, receiver=told.id, way=way, account_id=account_id,
            received_at=now, shown=shown,
        )  # fmt: skip
        again = {"shown": r.c.shown | put.excluded.shown}
        await tx.execute(put.on_conflict_do_update(index_elements=["city_id", "notice_id", "receiver"], set_=again))
        if shown:
            reached = {"reached_at": func.coalesce(n.reached_at, now), "climbs_at": None}
            await tx.execute(update(db.notices).where(mine).values(**reached))


async def _of(tx: AsyncConnection, office: Office, told: Told) -> tuple[str, UUID | None]:
    """By which way it came, and to whom."""
    if told.receiver == "device":
        d = db.devices.c
        mine = and_(d.city_id == office.city_id, d.id == told.id)
        row = (await tx.execute(select(d.kind, d.account_id).where(mine))).first()
        return (row.kind, row.account_id) if row is not None else ("device", None)
    s = db.sessions.c
    account = select(s.account_id).where(s.city_id == office.city_id, s.id == told.id)
    return "socket", (await tx.execute(account)).scalar()


def _unknown() -> NotFound:
    return NotFound("没有这条通知，或回执码不对。", "There is no such notice, or the code is wrong.")
