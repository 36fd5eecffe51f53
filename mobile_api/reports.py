"""Reporting: what anybody may send in without an account, and what their receipt tells them later."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, MultipartBody
from msgspec import Struct

from backend.access.actor import Actor
from backend.body import DROPS_UNREADABLE
from backend.dispatch import asking
from backend.dispatch.asking import ReportStatus, Similar
from backend.dispatch.filing import Receipt
from backend.dispatch.group_filing import Filing
from backend.gate import of_reports, sender_of
from backend.intake.photo_rows import KeptPhoto, add_photo
from backend.intake.photo_store import PhotoStore
from backend.intake.receipts import parse_receipt
from backend.intake.report import Report, prepare
from backend.intake.weather import Outlook
from backend.limits.limiter import Limiter
from backend.office import Office
from backend.phone_clock import PhoneClock
from backend.web import AnyRequest

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


class SimilarTo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report not yet sent: is it about somebody who is known already?"""

    report: Report


class PhotoForm(Struct, frozen=True):
    """A form with one file, JPEG, PNG or WebP."""

    photo: UploadFile


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
        return await filing.file(prepare(data, office.city, by, now, weather=await outlook.now(), phone=phone))

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
