"""Requests to suspend, extend, return or void, and their answers."""

from datetime import datetime
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from backend.access.actor import Actor
from backend.access.permissions import allowed, demand
from backend.dispatch import approvals, find
from backend.dispatch.change import Answer
from backend.dispatch.records import Approval
from backend.office import Office
from backend.web import CommandBody, command


class Decide(CommandBody, frozen=True):
    """A word with the answer."""

    answer: str | None = None


class Approvals(Controller):
    """审批."""

    path = "/api/approvals"
    tags = ("审批 Approvals",)

    @get("/", summary="待审批 Waiting requests")
    async def waiting(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[Approval]:
        """您有权审批的申请，早的在前。 Those you may decide, oldest first."""
        roles = office.city.policy.roles
        demand(roles, by, "case:approve")
        async with office.db.connect() as tx:
            requests = await approvals.list_open(tx, office)
            held = {request.case_id: await find.get_case(tx, office, request.case_id) for request in requests}
        return [r for r in requests if allowed(roles, by, "case:approve", held[r.case_id].as_object())]

    @post("/{approval_id:uuid}/grant", summary="批准 Grant", status_code=200)
    async def grant(
        self,
        approval_id: FromPath[UUID],
        data: JSONBody[Decide],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """批准后立即执行；不能审批自己的申请。 Done at once; never one's own."""
        wanted = command("approval.grant", approval_id, data, by, now)
        return await approvals.decide(office, approval_id, True, data.answer, wanted)

    @post("/{approval_id:uuid}/refuse", summary="不批准 Refuse", status_code=200)
    async def refuse(
        self,
        approval_id: FromPath[UUID],
        data: JSONBody[Decide],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """案卷照旧进行。 The case goes on as it was."""
        wanted = command("approval.refuse", approval_id, data, by, now)
        return await approvals.decide(office, approval_id, False, data.answer, wanted)
