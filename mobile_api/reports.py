"""Reporting: what anybody may send in without an account, and what their receipt tells them later."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, MultipartBody
from msgspec import Meta, Struct

from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.body import DROPS_UNREADABLE
from backend.dispatch import asking
from backend.dispatch.asking import OwnReport, ReportStatus, Similar
from backend.dispatch.details import Details, add_details
from backend.dispatch.filing import Receipt
from backend.dispatch.group_filing import Filing
from backend.gate import of_reports, sender_of
from backend.intake.looks import Looks
from backend.intake.photo_rows import KeptPhoto, add_photo
from backend.intake.photo_store import PhotoStore
from backend.intake.receipts import parse_receipt
from backend.intake.report import Report, prepare
from backend.intake.weather import Outlook
from backend.limits.limiter import Limiter
from backend.office import Office
from backend.phone_clock import PhoneClock
from backend.policy import Danger
from backend.web import AnyRequest, CommandBody, command

LARGEST_PHOTO_BODY_BYTES = 32_000_000
"""Above every policy's `max_photo_mb`, so that what is somewhat too big is refused in words about photos."""

REPORT_EXAMPLE = Example(
    summary="群众在路边看到一位躺着的老人 A passer-by sees an old man lying by the road",
    value={
        "channel": "web",
        "place": {"lon": 121.6147, "lat": 38.9140, "crs": "wgs84", "accuracy_m": 15},
        "people_count": 1,
        "looks": {"sex": "male", "age_band": "old", "posture": "lying"},
        "dangers": ["exposure"],
        "description": "人民路地下通道口，老人躺在地上，衣着单薄",
        "contact": {"phone": "13800000000", "call_back": True},
    },
)
SIMILAR_EXAMPLE = Example(
    summary="提交前询问 Asked before sending",
    value={"report": {"channel": "web", "place": {"lon": 121.6147, "lat": 38.9140}}},
)


DETAILS_EXAMPLE = Example(
    summary="司机停车后补充 A driver adds at the next stop",
    value={"people_count": 2, "dangers": ["injury"], "description": "一男一女，男的腿部流血"},
)


class SimilarTo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report not yet sent: is it about somebody who is known already?"""

    report: Report


class PhotoForm(Struct, frozen=True):
    """A form with one file, JPEG, PNG or WebP."""

    photo: UploadFile


class AddDetails(CommandBody, frozen=True, kw_only=True):
    """What is added to a report; what is left out stays as it was."""

    people_count: Annotated[int, Meta(ge=1, le=999)] | None = None
    looks: Looks | None = None
    dangers: Annotated[list[Danger], Meta(max_length=20)] = msgspec.field(default_factory=list)
    description: Annotated[str, Meta(max_length=2000)] = ""


class Reports(Controller):
    """Public reporting."""

    path = "/api/reports"
    tags = ("线索 Reports",)

    @post(summary="提交线索 Report somebody who needs help", opt={DROPS_UNREADABLE: True})
    async def file(
        self,
        request: AnyRequest,
        data: Annotated[Report, Body(examples=[REPORT_EXAMPLE])],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        filing: NamedDependency[Filing],
        outlook: NamedDependency[Outlook],
        limiter: NamedDependency[Limiter],
        phone: NamedDependency[PhoneClock],
    ) -> Receipt:
        """收到即受保存：返回回执码，可凭码查询进度。同一 id 重复提交只算一次。

        Durable once answered. The receipt code is what the reporter asks with later. Sending the same `id` again
        answers the first receipt.
        """
        await limiter.demand(of_reports(office.city.policy, data.channel, sender_of(request, by)))
        return await filing.file(prepare(data, office.city, by, now, weather=await outlook.at(now), phone=phone))

    @get("/mine", summary="我的上报 My own reports")
    async def mine(
        self, by: NamedDependency[Actor], office: NamedDependency[Office], now: NamedDependency[datetime]
    ) -> list[OwnReport]:
        """登录后本人三十天内的上报及进展，新的在前。 Signed in: one's own of the last thirty days and how far each has come."""
        if by.kind != "account":
            demand({}, by, "report:mine")
        return await asking.own_reports(office, by, now)

    @get("/{receipt:str}", summary="凭回执码查询 What became of a report")
    async def status(self, receipt: FromPath[str], office: NamedDependency[Office]) -> ReportStatus:
        """不含任何个人信息。 No personal data: only how far it has come."""
        return await asking.report_status(office, parse_receipt(receipt))

    @post(
        "/similar",
        summary="附近是否已有类似线索 Is it one of these?",
        status_code=200,
        opt={DROPS_UNREADABLE: True},
    )
    async def similar(
        self,
        data: Annotated[SimilarTo, Body(examples=[SIMILAR_EXAMPLE])],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> list[Similar]:
        """提交前询问：附近已知的情况，不含个人信息。 Known cases nearby, without personal data."""
        return await asking.similar_cases(office, prepare(data.report, office.city, by, now, phone=phone))

    @post("/{receipt:str}/details", summary="补充情况 Add details later", status_code=200, opt={DROPS_UNREADABLE: True})
    async def details(
        self,
        receipt: FromPath[str],
        data: Annotated[AddDetails, Body(examples=[DETAILS_EXAMPLE])],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> ReportStatus:
        """24 小时内，凭回执码。危险情形只增不减，优先级只升不降；在途的队伍会收到通知。

        With the receipt, within 24 hours. Dangers are only added, the priority is only raised; a team on its way is told.
        """
        code = parse_receipt(receipt)
        wanted = command("report.details", None, data, by, now, phone)
        wanted = msgspec.structs.replace(wanted, args={**wanted.args, "receipt": code})
        told = {name: getattr(data, name) for name in Details.__struct_fields__}
        await add_details(office, code, Details(**told), wanted)
        return await asking.report_status(office, code)

    @post("/{receipt:str}/photos", summary="补充照片 Add a photo", request_max_body_size=LARGEST_PHOTO_BODY_BYTES)
    async def photo(
        self,
        receipt: FromPath[str],
        data: MultipartBody[PhotoForm],
        office: NamedDependency[Office],
        photos: NamedDependency[PhotoStore],
        now: NamedDependency[datetime],
    ) -> KeptPhoto:
        """表单字段 photo。位置等信息会被删除；同一张照片只保存一次。

        Form field `photo`; its metadata are removed, and the same photo twice is one photo.
        """
        return await add_photo(office, photos, parse_receipt(receipt), await data.photo.read(), now=now)
