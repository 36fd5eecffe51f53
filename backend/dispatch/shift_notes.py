"""交接班记录: what one shift leader hands over to the next, who confirms having read it.

The text is sealed like every free text and is not in the log; the events `note.written` and `note.taken` say who and when. A note
is about the writer's regions: who approves there may read and take it, but nobody takes their own.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import ARRAY, ColumnElement, Text, and_, cast, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.once import Once, first_answer, keep_answer
from backend.access.permissions import Object, demand, scopes
from backend.dispatch.words import readable
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.office import Office
from backend.personal import columns, opened, sealed

ACTION = "case:approve"


class ShiftNote(Struct, frozen=True, kw_only=True):
    """One note. text: None when its time is over (`[retention] persons`). taken_by: the account that took over."""

    id: UUID
    written_by: str
    written_at: datetime
    regions: list[str]
    text: str | None
    taken_by: str | None
    taken_at: datetime | None


async def write_note(office: Office, id_: UUID, text: str, *, by: Actor, now: datetime) -> ShiftNote:
    """Leave a note for the next shift. The same id and text again answers the same note."""
    demand(office.city.policy.roles, by, ACTION)
    if not (text := readable(text)):
        raise Invalid("请写明交接内容。", "Say what is handed over.", field="text")
    note = ShiftNote(
        id=id_,
        written_by=by.id,
        written_at=now,
        regions=office.city.lineage(by.regions),
        text=text,
        taken_by=None,
        taken_at=None,
    )
    once = Once(id=id_, name="note.write", by=by, now=now, wants={"text": text})
    async with office.begin() as tx:
        if await first_answer(tx, office, once) is not None:
            return await get_note(tx, office, id_)
        values = {"city_id": office.city_id, **msgspec.structs.asdict(note)}
        await tx.execute(insert(db.shift_notes).values(**sealed(office.ring, db.shift_notes, values)))
        entry = log.Entry(
            kind="note.written", actor=by, occurred_at=now, regions=note.regions, data={"note_id": note.id}
        )
        await log.append(tx, office.city_id, [entry], now=now)
        # What is kept of a command's answer is not sealed: the note itself is read again.
        await keep_answer(tx, office, once, msgspec.structs.replace(note, text=None))
    return note


async def take_note(office: Office, note_id: UUID, *, by: Actor, now: datetime) -> ShiftNote:
    """The next leader has read it and takes over. Twice by the same person is once.

    Raises NotFound, NotAllowed `own_note`, Conflict `already_taken`.
    """
    async with office.begin() as tx:
        note = await get_note(tx, office, note_id, lock=True)
        demand(office.city.policy.roles, by, ACTION, Object(regions=note.regions))
        if note.written_by == by.id:
            raise NotAllowed("不能接自己的班。", "Nobody takes over from themselves.", code="own_note")
        if note.taken_by == by.id:
            return note
        if note.taken_by is not None:
            raise Conflict("这份记录已有人接班。", "Somebody has taken over already.", code="already_taken")
        mine = (db.shift_notes.c.city_id == office.city_id) & (db.shift_notes.c.id == note_id)
        await tx.execute(update(db.shift_notes).where(mine).values(taken_by=by.id, taken_at=now))
        entry = log.Entry(kind="note.taken", actor=by, occurred_at=now, regions=note.regions, data={"note_id": note_id})
        await log.append(tx, office.city_id, [entry], now=now)
    return msgspec.structs.replace(note, taken_by=by.id, taken_at=now)


async def list_notes(tx: AsyncConnection, office: Office, by: Actor, *, limit: int) -> list[ShiftNote]:
    """The notes about the actor's regions, newest first."""
    demand(office.city.policy.roles, by, ACTION)
    n = db.shift_notes
    query = select(*_columns()).where(n.c.city_id == office.city_id, _readable_by(office, by))
    rows = await tx.execute(query.order_by(n.c.written_at.desc(), n.c.id.desc()).limit(limit))
    return [_note(office, row) for row in rows]


async def get_note(tx: AsyncConnection, office: Office, note_id: UUID, *, lock: bool = False) -> ShiftNote:
    """One note, with `lock` held until the commit. Raises NotFound."""
    n = db.shift_notes
    query = select(*_columns()).where(and_(n.c.city_id == office.city_id, n.c.id == note_id))
    row = (await tx.execute(query.with_for_update() if lock else query)).first()
    if row is None:
        raise NotFound("没有这份交接记录。", "There is no such note.")
    return _note(office, row)


def _columns() -> list[Any]:
    return columns(db.shift_notes, ShiftNote.__struct_fields__)


def _note(office: Office, row: Any) -> ShiftNote:
    return ShiftNote(**opened(office.ring, db.shift_notes, row._mapping))


def _readable_by(office: Office, by: Actor) -> ColumnElement[bool]:
    held = scopes(office.city.policy.roles, by, ACTION)
    conditions: list[ColumnElement[bool]] = [literal("all" in held)]
    if "region" in held and by.regions:
        conditions.append(db.shift_notes.c.regions.bool_op("&&")(cast(list(by.regions), ARRAY(Text))))
    return or_(*conditions)
