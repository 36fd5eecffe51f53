"""The register of those who went home: by street, one entry with its visits, moving, ending."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from backend.access.actor import Actor
from backend.office import Office
from backend.referral.home import desk, moving, returning, street_book, street_list, where
from backend.referral.home.desk import ReturneeDesk, ReturneeFile, ReturneesWanted
from backend.referral.home.returnee import Code, EndReason, HomeNow, VisitFigures
from backend.referral.home.street_list import StreetLists
from backend.referral.people.register_rows import Done
from backend.web import AMoment, CommandBody, command, moment

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
A_YEAR = timedelta(days=365)


class RegisterReturnee(CommandBody, frozen=True, kw_only=True):
    """Somebody of the register who went home. since: when, if not now. is_prone: to be visited though no ground is recorded."""

    person_id: UUID
    home: HomeNow
    since: datetime | None = None
    is_prone: bool = False


class MoveReturnee(CommandBody, frozen=True, kw_only=True):
    """Where they live now."""

    home: HomeNow


class EndReturnee(CommandBody, frozen=True, kw_only=True):
    """Why the visits end, and how it is known."""

    reason: EndReason
    note: Annotated[str, Meta(max_length=500)] = ""


class ToldElsewhere(CommandBody, frozen=True, kw_only=True):
    """Which city, district or county of another city."""

    region: Code


class Returnees(Controller):
    """返乡人员."""

    path = "/api/returnees"
    tags = ("返乡回访 Home visits",)

    @get("/", summary="返乡人员 Those who went home")
    async def listed(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        wanted: FromQuery[ReturneesWanted] = "live",
    ) -> ReturneeDesk:
        """按街道，先到期在前；不含姓名和住址；附近十二个月回访按期率。 By street, the first due first, without names or addresses; and how visits were kept."""
        async with office.db.connect() as tx:
            return await desk.desk_of(tx, office, by=by, now=now, wanted=wanted)

    @post("/", summary="返乡登记 Register somebody who went home")
    async def register(
        self,
        data: JSONBody[RegisterReturnee],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """护送返乡、亲属接回的自动登记；其他情形由人登记。 By itself after an escort or a fetching home; otherwise by hand."""
        returning.demand_home(data.home)
        wanted = command("returnee.register", data.person_id, data, by, now)
        return await returning.register_returnee(office, data.person_id, data.home, data.since, data.is_prone, wanted)

    @get("/figures", summary="回访按期率 How visits are kept")
    async def kept(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        since: AMoment = None,
        until: AMoment = None,
    ) -> VisitFigures:
        """按到期时间计入，不填则为近一年；未见到本人不算回访。 By when they were due, the last year if left out; where nobody was met it was no visit."""
        end = moment(until, "until") if until is not None else now
        begin = moment(since, "since") if since is not None else end - A_YEAR
        async with office.db.connect() as tx:
            return await desk.visit_figures(tx, office, by=by, since=begin, until=end, now=now)

    @get("/list.xlsx", summary="街道名单 XLSX Lists for the streets", media_type=XLSX)
    async def lists(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        region: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """每街道一张表，只含本街道的人；含姓名住址，逐人记入日志，文件中注明导出人、时间、编号。

        One street a sheet with its own people only; with names and addresses, so each is a look, and the file says who took it and when.
        """
        code = where.short(region) if region is not None else None
        made = await street_list.export(office, region=code, by=by, now=now)
        book = await asyncio.to_thread(street_book.workbook, made, office.city.zone)
        return Response(book, media_type=XLSX, headers=_as_file(made, office))

    @post("/told", summary="已转告外地 Another city was told", status_code=200)
    async def told(
        self,
        data: JSONBody[ToldElsewhere],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """名单已送达现住地。 The list went to where they live."""
        wanted = command("returnee.told", None, data, by, now)
        return await street_list.mark_told(office, where.short(data.region), wanted)

    @get("/{returnee_id:uuid}", summary="一位返乡人员 One entry")
    async def one(
        self,
        returnee_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> ReturneeFile:
        """住址、回访经过；每次查看都记入日志。 The home and the line of visits; every look is written to the log."""
        return await desk.open_entry(office, returnee_id, by=by, now=now)

    @post("/{returnee_id:uuid}/move", summary="变更住址 They live elsewhere now", status_code=200)
    async def move(
        self,
        returnee_id: FromPath[UUID],
        data: JSONBody[MoveReturnee],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """由新辖区的网格员接手，一周内回访；迁往外地的列入转告名单。 The new region's visitor takes over within a week; of another city, it is told by list."""
        wanted = command("returnee.move", returnee_id, data, by, now)
        return await moving.move_returnee(office, returnee_id, data.home, wanted)

    @post("/{returnee_id:uuid}/end", summary="结束回访 End the visits", status_code=200)
    async def end(
        self,
        returnee_id: FromPath[UUID],
        data: JSONBody[EndReturnee],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """须写明原因；去世的逐级上报。 With a reason; a death is reported up."""
        wanted = command("returnee.end", returnee_id, data, by, now)
        return await moving.end_returnee(office, returnee_id, data.reason, data.note, wanted)


def _as_file(made: StreetLists, office: Office) -> dict[str, str]:
    day = made.at.astimezone(office.city.zone).strftime("%Y%m%d")
    name = quote(f"返乡人员名单 {day}.xlsx")
    return {
        "Content-Disposition": f"attachment; filename=\"returnees-{day}.xlsx\"; filename*=UTF-8''{name}",
        "Cache-Control": "private, no-store",
    }
