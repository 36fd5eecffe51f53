"""A grid worker's home visits: who went home and is to be looked after, and what was found there."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery
from msgspec import Meta

from backend.access.actor import Actor
from backend.intake.report import GivenPlace
from backend.office import Office
from backend.phone_clock import PhoneClock
from backend.referral.home import due, visiting
from backend.referral.home.due import HomeVisitDue
from backend.referral.home.returnee import HomeNeed, HomeNow, Note, VisitOutcome
from backend.referral.home.visiting import HomeVisited
from backend.referral.people.register_rows import Done
from backend.web import CommandBody, command

DONE_EXAMPLE = Example(
    summary="在家，需要帮助 At home, needs help",
    value={"outcome": "needs_help", "needs": ["medical"], "note": "断药半个月，家属无力送医"},
)


class HomeVisitDone(CommandBody, frozen=True, kw_only=True):
    """What was found. note, needs: kept sealed. place: where the visitor stood; kept is only whether that is where they live.
    moved_to: where somebody who has moved lives now, as far as it is known."""

    outcome: VisitOutcome
    note: Note = ""
    needs: Annotated[tuple[HomeNeed, ...], Meta(max_length=9)] = ()
    place: GivenPlace | None = None
    moved_to: HomeNow | None = None


class HomeVisits(Controller):
    """Home visits 返乡回访."""

    path = "/api/home-visits"
    tags = ("返乡回访 Home visits",)

    @get(summary="待返乡回访 Home visits to make")
    async def due(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        later: FromQuery[bool] = False,
    ) -> list[HomeVisitDue]:
        """本辖区已超期和即将到期的，先到期在前；later 时也列以后到期的，可提前回访。查看会被记录。

        Late or due soon in the own regions, the first due first; with `later` those due after that too. Looking is recorded.
        """
        return await due.list_home_visits(office, by=by, now=now, later=later)

    @post("/{visit_id:uuid}/done", summary="返乡回访完成 Say what was found", status_code=200)
    async def done(
        self,
        visit_id: FromPath[UUID],
        data: Annotated[HomeVisitDone, Body(examples=[DONE_EXAMPLE])],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Done:
        """在家的两个月内再访；未见到、需要帮助、已搬走的一周内再访；再次外出的立即立案；去世的逐级上报。超期的仍应完成。

        At home: again within two months. Not met, in need, moved: again within a week. Gone again: a case at once. Dead: reported up.
        A late visit is still made.
        """
        told = HomeVisited(
            outcome=data.outcome, note=data.note, needs=data.needs, place=data.place, moved_to=data.moved_to
        )
        wanted = command("home_visit.done", visit_id, data, by, now, phone)
        return await visiting.settle_visit(office, visit_id, told, wanted)
