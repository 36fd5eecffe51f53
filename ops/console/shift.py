"""The shift leader: hand-over notes between shifts."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from backend.access.actor import Actor
from backend.dispatch import shift_draft, shift_notes
from backend.dispatch.shift_notes import ShiftNote
from backend.office import Office
from backend.wording import NOT_BLANK

MOST_NOTES = 100


class WriteNote(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """id: made by the client (UUIDv7), so that the same note sent twice is one."""

    id: UUID
    text: Annotated[str, Meta(min_length=1, max_length=5000, pattern=NOT_BLANK)]


class NoteDraft(Struct, frozen=True, kw_only=True):
    """How a note begins: line by line, in both languages, as things stand at `at`."""

    at: datetime
    lines: list[shift_draft.Line]


class ShiftNotes(Controller):
    """交接班."""

    path = "/api/shift-notes"
    tags = ("交接班 Hand-over between shifts",)

    @get("/", summary="交接班记录 Notes")
    async def notes(
        self, by: NamedDependency[Actor], office: NamedDependency[Office], limit: FromQuery[int] = 20
    ) -> list[ShiftNote]:
        """您有权审批的辖区的记录，新的在前。 About the regions you approve in, newest first."""
        async with office.db.connect() as tx:
            return await shift_notes.list_notes(tx, office, by, limit=max(1, min(limit, MOST_NOTES)))

    @get("/draft", summary="自动起草 How a note begins")
    async def draft(
        self, by: NamedDependency[Actor], office: NamedDependency[Office], now: NamedDependency[datetime]
    ) -> NoteDraft:
        """未结、超期、报警、队伍、待审批。 What is open, late, alarming, who is out, what waits."""
        async with office.db.connect() as connection:
            tx = await connection.execution_options(isolation_level="REPEATABLE READ")
            return NoteDraft(at=now, lines=await shift_draft.draft(tx, office, by))

    @post("/", summary="写交接班记录 Write a note")
    async def write(
        self,
        data: JSONBody[WriteNote],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> ShiftNote:
        """内容加密保存，不进入日志。 Sealed at rest, and not in the log."""
        return await shift_notes.write_note(office, data.id, data.text, by=by, now=now)

    @post("/{note_id:uuid}/taken", summary="接班 Take over", status_code=200)
    async def taken(
        self,
        note_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> ShiftNote:
        """确认已阅；不能接自己的班。 Read and taken over; never one's own."""
        return await shift_notes.take_note(office, note_id, by=by, now=now)
