"""The verification desk: what speaks for a handled case, and who waits to be rung back."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from backend.access.actor import Actor
from backend.dispatch import call_backs
from backend.dispatch.call_backs import Called, OpenCallBack
from backend.dispatch.case_evidence import Evidence, case_evidence
from backend.dispatch.change import Answer
from backend.dispatch.looking import note_file_read
from backend.office import Office
from backend.web import CommandBody, command
from ops.console.cases import seen_case


@get(
    "/api/cases/{case_id:uuid}/evidence", summary="核查依据 What speaks for a handled case", tags=["核查 Verification"]
)
async def evidence(
    case_id: FromPath[UUID],
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    now: NamedDependency[datetime],
) -> Evidence:
    """规则要求的各项及其依据，附队伍在本案的轨迹；查看记入日志。

    What the rule asks for, item by item, with the team's track on this case; the look is written to the log.
    """
    case = await seen_case(office, by, case_id)
    async with office.db.connect() as tx:
        found = await case_evidence(tx, office, case, by=by)
    await note_file_read(office, case, by=by, now=now)
    return found


class CallMade(CommandBody, frozen=True, kw_only=True):
    """reached: somebody answered. satisfied: 1 (not at all) to 5. note: what they said, kept sealed."""

    reached: bool
    satisfied: Annotated[int, Meta(ge=1, le=5)] | None = None
    note: Annotated[str, Meta(max_length=500)] | None = None


class CallBacks(Controller):
    """电话回访."""

    path = "/api/call-backs"
    tags = ("核查 Verification",)

    @get("/", summary="待回访名单 Who waits to be rung back")
    async def waiting(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[OpenCallBack]:
        """已处置或结案、报告人要求回电的，等得久的在前；不含号码。 Longest waiting first; without the number."""
        async with office.db.connect() as tx:
            return await call_backs.list_open(tx, office, by)

    @post("/{sighting_id:uuid}", summary="记录一次回访 Write down a call", status_code=200)
    async def called(
        self,
        sighting_id: FromPath[UUID],
        data: JSONBody[CallMade],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """未打通的保留在名单上，直到试满规则的次数。 Who is not reached stays on the list until the tries are used up."""
        told = Called(reached=data.reached, satisfied=data.satisfied, note=data.note)
        wanted = command("case.call_back", sighting_id, data, by, now)
        return await call_backs.call_back(office, sighting_id, told, wanted)
