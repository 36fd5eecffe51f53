"""The hotline's calls that were put aside."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from backend.access.actor import Actor
from backend.intake import parked_calls
from backend.intake.parked_calls import ParkedCall, ToPark
from backend.office import Office


class CallToPark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """id: made by the client; sent again, the draft is brought up to date. draft: the screen's own object, up to 32 KB."""

    id: UUID
    started_at: datetime
    draft: dict[str, Any]


class ParkedCalls(Controller):
    """暂存来电."""

    path = "/api/calls/parked"
    tags = ("热线 Hotline",)

    @get("/", summary="暂存的来电 Parked calls")
    async def waiting(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[ParkedCall]:
        """自己的附草稿；同岗位同辖区同事的只列出，打开时才有草稿。 One's own with drafts; colleagues' without."""
        return await parked_calls.list_parked(office, by=by)

    @post("/", summary="暂存来电 Park a call", status_code=200)
    async def park(
        self,
        data: JSONBody[CallToPark],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> ParkedCall:
        """草稿加密保存，一天内自动删除。 The draft lies sealed and is gone within a day."""
        call = ToPark(id=data.id, started_at=data.started_at, draft=data.draft)
        return await parked_calls.park(office, call, by=by, now=now)

    @get("/{call_id:uuid}", summary="打开暂存的来电 Open a parked call")
    async def one(
        self,
        call_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> ParkedCall:
        """打开同事的会记入日志。 Opening a colleague's is written to the log."""
        return await parked_calls.open_parked(office, call_id, by=by, now=now)

    @delete("/{call_id:uuid}", summary="接回来电 Take a call up again")
    async def taken(
        self,
        call_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> None:
        """草稿随即删除。 The draft is gone."""
        await parked_calls.remove(office, call_id, by=by, now=now)
