"""Parked calls 暂存来电: what an operator had typed when a call was put aside, so that it, or a colleague, goes on with it.

A draft is about a caller and whoever they saw: it lies sealed, only the hotline's desks of the same role and region can take
it up, a colleague's look at it is an event, and it is gone within a day (`[retention] parked_calls`).
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import Select, Text, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log, personal
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.errors import Conflict, Invalid, NotFound
from backend.office import Office

LARGEST_DRAFT_BYTES: Final = 32 * 1024
MOST_PARKED: Final = 30
"""Of one operator at a time: nobody goes on with more."""
DESKS: Final = frozenset({"operator", "dispatcher", "shift_leader"})


class ToPark(Struct, frozen=True, kw_only=True):
    """A call to put aside. id: made by the client, sent twice it is parked once. draft: the screen's own, up to 32 KB."""

    id: UUID
    started_at: datetime
    draft: dict[str, Any]


class ParkedCall(Struct, frozen=True, kw_only=True):
    """A call that waits. draft: of one's own; of a colleague's only when it is opened. name: who parked it."""

    id: UUID
    account: str
    name: str
    mine: bool
    started_at: datetime
    parked_at: datetime
    draft: dict[str, Any] | None = None


async def park(office: Office, call: ToPark, *, by: Actor, now: datetime) -> ParkedCall:
    """Put a call aside; the same id again brings its draft up to date. Raises Invalid, Conflict, NotAllowed."""
    _demand(office, by)
    if call.started_at.tzinfo is None:
        raise Invalid("时间必须带时区。", "A time needs its zone.", field="started_at")
    if len(msgspec.json.encode(call.draft)) > LARGEST_DRAFT_BYTES:
        raise Invalid("草稿太大，不能暂存。", "The draft is too large to be parked.", field="draft", code="too_large")
    values = {"account": by.id, "roles": list(by.roles), "regions": list(by.regions), "started_at": call.started_at}
    row = {"city_id": office.city_id, "id": call.id, **values, "parked_at": now, "draft": call.draft}
    async with office.begin() as tx:
        held = await _find(tx, office, call.id)
        if held is not None and held["account"] != by.id:
            zh, en = "这个编号已是别人暂存的来电。", "This id is a call that somebody else has parked."
            raise Conflict(zh, en, code="command_id_reused")
        if held is None and await _count(tx, office, by) >= MOST_PARKED:
            raise Conflict(
                "暂存的来电太多，请先处理。", "Too many parked calls: go on with some.", code="too_many_parked"
            )
        kept = personal.sealed(office.ring, db.parked_calls, row)
        if held is None:
            await tx.execute(insert(db.parked_calls).values(**kept))
            await _tell(tx, office, "call.parked", call.id, by, now)
        else:
            fresh = {"draft_sealed": kept["draft_sealed"], "parked_at": now}
            await tx.execute(update(db.parked_calls).where(_is(office, call.id)).values(**fresh))
    return ParkedCall(
        id=call.id, account=by.id, name=by.name, mine=True, started_at=call.started_at, parked_at=now, draft=call.draft
    )


async def list_parked(office: Office, *, by: Actor) -> list[ParkedCall]:
    """One's own and those of colleagues at the same desk, longest waiting first."""
    _demand(office, by)
    p = db.parked_calls.c
    query = _named().where(p.city_id == office.city_id).order_by(p.parked_at, p.id)
    async with office.db.connect() as tx:
        rows = [row._mapping for row in await tx.execute(query)]
    return [_shown(office, row, by, opened=str(row["account"]) == by.id) for row in rows if _is_for(by, row)]


async def open_parked(office: Office, call_id: UUID, *, by: Actor, now: datetime) -> ParkedCall:
    """One with its draft; a colleague's is a look that is written down. Raises NotFound, NotAllowed."""
    _demand(office, by)
    async with office.begin() as tx:
        row = await _find(tx, office, call_id)
        if row is None or not _is_for(by, row):
            raise _gone()
        if row["account"] != by.id:
            await _tell(tx, office, "look.call_read", call_id, by, now)
    return _shown(office, row, by, opened=True)


async def remove(office: Office, call_id: UUID, *, by: Actor, now: datetime) -> None:
    """It was gone on with, or came to nothing. Raises NotFound, NotAllowed."""
    _demand(office, by)
    async with office.begin() as tx:
        row = await _find(tx, office, call_id)
        if row is None or not _is_for(by, row):
            raise _gone()
        await tx.execute(delete(db.parked_calls).where(_is(office, call_id)))
        await _tell(tx, office, "call.taken", call_id, by, now)


def _gone() -> NotFound:
    return NotFound("这个来电已被接回，或不在您的范围内。", "The call was taken up already, or is not yours.")


def _demand(office: Office, by: Actor) -> None:
    """Whoever takes calls: they read callers' numbers and file what was said."""
    demand(office.city.policy.roles, by, "contact:read")
    demand(office.city.policy.roles, by, "sighting:create")


def _is_for(by: Actor, row: Any) -> bool:
    """One's own, or of somebody who shares a desk's role and a region."""
    same_desk = DESKS & set(by.roles) & set(row["roles"])
    return row["account"] == by.id or bool(same_desk and set(by.regions) & set(row["regions"]))


def _named() -> Select[Any]:
    """The calls with the name of whoever parked them."""
    p, a = db.parked_calls, db.accounts
    same = (a.c.city_id == p.c.city_id) & (a.c.id.cast(Text) == p.c.account)
    return select(p, a.c.name).outerjoin(a, same)


def _is(office: Office, call_id: UUID) -> Any:
    return (db.parked_calls.c.city_id == office.city_id) & (db.parked_calls.c.id == call_id)


async def _find(tx: AsyncConnection, office: Office, call_id: UUID) -> Any:
    row = (await tx.execute(_named().where(_is(office, call_id)).with_for_update(of=db.parked_calls))).first()
    return row._mapping if row else None


async def _count(tx: AsyncConnection, office: Office, by: Actor) -> int:
    p = db.parked_calls.c
    query = select(p.id).where(p.city_id == office.city_id, p.account == by.id)
    return len((await tx.execute(query)).all())


def _shown(office: Office, row: Any, by: Actor, *, opened: bool) -> ParkedCall:
    draft = personal.opened(office.ring, db.parked_calls, row)["draft"] if opened else None
    return ParkedCall(
        id=row["id"],
        account=row["account"],
        name=row["name"] or "",
        mine=row["account"] == by.id,
        started_at=row["started_at"],
        parked_at=row["parked_at"],
        draft=draft,
    )


async def _tell(tx: AsyncConnection, office: Office, kind: str, call_id: UUID, by: Actor, now: datetime) -> None:
    regions = office.city.lineage(by.regions)
    entry = log.Entry(kind=kind, actor=by, occurred_at=now, regions=regions, data={"call_id": call_id})
    await log.append(tx, office.city_id, [entry], now=now)
