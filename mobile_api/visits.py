"""A grid worker's visits: who is to be looked at again in the own community, and what was found there."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath
from msgspec import Meta

from backend.access.actor import Actor
from backend.dispatch import revisits, visits_due
from backend.dispatch.change import Answer
from backend.dispatch.revisits import Outcome, Visited
from backend.dispatch.visits_due import VisitDue
from backend.intake.report import GivenPlace
from backend.office import Office
from backend.phone_clock import PhoneClock
from backend.web import CommandBody, command

DONE_EXAMPLE = Example(summary="人还在原处 Still there", value={"found": "still_there", "note": "愿意交谈，缺棉被"})


class VisitDone(CommandBody, frozen=True, kw_only=True):
    """What was found. note: kept sealed; of people still there the team reads it. place: where, if not where they were."""

    found: Outcome
    note: Annotated[str, Meta(max_length=2000)] = ""
    place: GivenPlace | None = None


class Visits(Controller):
    """Revisits 回访."""

    path = "/api/visits"
    tags = ("回访 Visits",)

    @get(summary="待回访 Visits to make")
    async def due(
        self, by: NamedDependency[Actor], office: NamedDependency[Office], now: NamedDependency[datetime]
    ) -> list[VisitDue]:
        """本辖区七天内到期的；已到期立案、由巡查队前往的注明 taken_over。查看会被记录。

        Due within seven days in the own regions; where a patrol goes because it was due, `taken_over` says so. Looking is recorded.
        """
        return await visits_due.list_visits(office, by=by, now=now)

    @post("/{visit_id:uuid}/done", summary="回访完成 Say what was found", status_code=200)
    async def done(
        self,
        visit_id: FromPath[UUID],
        data: Annotated[VisitDone, Body(examples=[DONE_EXAMPLE])],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """仍在原处的立即立案并派队，与原案卷关联；其他结果则回访结束。

        People still there become a case at once, linked to the earlier one; anything else ends the revisit.
        """
        visited = Visited(found=data.found, note=data.note, place=data.place)
        wanted = command("visit.done", visit_id, data, by, now, phone)
        return await revisits.settle_visit(office, visit_id, visited, wanted)
