"""Searching by a caller's number, and who looked at what."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody
from msgspec import Meta, Struct

from backend.access.actor import Actor
from backend.dispatch import looking
from backend.dispatch.looking import Call, Look
from backend.office import Office


class ByNumber(Struct, frozen=True, forbid_unknown_fields=True):
    """A caller's number, in whatever way it is written."""

    phone: Annotated[str, Meta(max_length=40)]


class LookPage(Struct, frozen=True):
    """Looks, newest first; `next` is what to ask the following page `before`, None at the end."""

    looks: list[Look]
    next: int | None


class Looks(Controller):
    """个人信息的查询与查看记录."""

    path = "/api"
    tags = ("个人信息 Personal data",)

    @post("/calls/search", summary="按来电号码查以往线索 Earlier sightings of a caller", status_code=200)
    async def calls(
        self,
        data: JSONBody[ByNumber],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> list[Call]:
        """号码只在请求正文中，不进入地址与日志；每次查询都记入日志。

        The number is in the body only, never in an address or a log; every search is written to the log, without it.
        """
        return await looking.find_calls(office, data.phone, by=by, now=now)

    @get("/looks", summary="谁查看过个人信息 Who looked at what")
    async def looks(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        case_id: FromQuery[UUID | None] = None,
        who: FromQuery[str | None] = None,
        person_id: FromQuery[UUID | None] = None,
        referral_id: FromQuery[UUID | None] = None,
        document_id: FromQuery[UUID | None] = None,
        before: FromQuery[int | None] = None,
    ) -> LookPage:
        """联系方式、照片、案卷内容的每次查看及按号码查询。 Every look at a contact, a photo, a file, and every search."""
        async with office.db.connect() as tx:
            found = await looking.list_looks(
                tx,
                office,
                by,
                case_id=case_id,
                who=who,
                before=before,
                person_id=person_id,
                referral_id=referral_id,
                document_id=document_id,
            )
        return LookPage(found, found[-1].seq if len(found) == looking.MOST_FOUND else None)
