"""Documents 文书: issued, listed, printed; and checked by anybody who has one in their hand."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from backend.access.actor import Actor
from backend.intake.photo_store import PhotoStore
from backend.office import Office
from backend.phone_clock import PhoneClock
from backend.referral.forms import issuing, reading
from backend.referral.forms.code import read_code
from backend.referral.forms.document import KIND_NAMES, Document, FormKind, OfAStay
from backend.referral.forms.no_help import NoHelp
from backend.referral.forms.reading import DocumentChecked, DocumentShown
from backend.referral.people.register_rows import Done
from backend.web import AnyRequest, CommandBody, Empty, command

PDF = "application/pdf"
TAGS = ["文书 Documents"]


class IssueForStay(CommandBody, frozen=True, kw_only=True):
    """Which form."""

    kind: OfAStay


class RefuseHelp(CommandBody, frozen=True, kw_only=True):
    """Somebody who is not helped. replaces: the notice that this one puts right."""

    no_help: NoHelp
    replaces: UUID | None = None


def _origin(public_address: str, request: AnyRequest) -> str:
    """Where the public reaches us: as the setting says, else as this request came."""
    return public_address or str(request.base_url)


@post(
    "/api/referrals/{referral_id:uuid}/documents/hand-over",
    summary="出具交接单 Issue the hand-over",
    tags=TAGS,
    status_code=201,
)
async def issue_hand_over(
    referral_id: FromPath[UUID],
    data: JSONBody[Empty],
    request: AnyRequest,
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    public_address: NamedDependency[str],
    photos: NamedDependency[PhotoStore],
    now: NamedDependency[datetime],
    phone: NamedDependency[PhoneClock],
) -> Done:
    """交接完成后出具；再次出具的，前一份作废。 Once both have signed; issued again it replaces the one before."""
    wanted = command("document.hand_over", referral_id, data, by, now, phone)
    return await issuing.issue_hand_over(office, photos, referral_id, wanted, origin=_origin(public_address, request))


@post(
    "/api/cases/{case_id:uuid}/documents/hand-over",
    summary="出具案卷的交接单 Issue the hand-over of a case",
    tags=TAGS,
    status_code=201,
)
async def issue_for_case(
    case_id: FromPath[UUID],
    data: JSONBody[Empty],
    request: AnyRequest,
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    public_address: NamedDependency[str],
    photos: NamedDependency[PhotoStore],
    now: NamedDependency[datetime],
    phone: NamedDependency[PhoneClock],
) -> Done:
    """最近一次处置反馈中的交接，未经转介的（移交公安、亲属接回、送医）也可出具。

    Of the last visit that handed somebody over, also where no referral was asked for: to police, family, a hospital.
    """
    wanted = command("document.of_case", case_id, data, by, now, phone)
    return await issuing.issue_for_case(office, photos, case_id, wanted, origin=_origin(public_address, request))


@post("/api/stays/{stay_id:uuid}/documents", summary="出具在站文书 Issue a form of a stay", tags=TAGS, status_code=201)
async def issue_for_stay(
    stay_id: FromPath[UUID],
    data: JSONBody[IssueForStay],
    request: AnyRequest,
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    public_address: NamedDependency[str],
    photos: NamedDependency[PhotoStore],
    now: NamedDependency[datetime],
) -> Done:
    """求助登记表、自行离站声明书、在站服务及离站登记表、终止救助通知书、护送返乡交接书、落户安置申请表。

    What has not happened yet cannot be issued; issued again it replaces the one before.
    """
    wanted = command("document.of_stay", stay_id, data, by, now)
    return await issuing.issue_for_stay(
        office, photos, stay_id, data.kind, wanted, origin=_origin(public_address, request)
    )


@post(
    "/api/facilities/{facility_id:uuid}/no-help-notice",
    summary="不予救助通知书 No help is given",
    tags=TAGS,
    status_code=201,
)
async def refuse_help(
    facility_id: FromPath[UUID],
    data: JSONBody[RefuseHelp],
    request: AnyRequest,
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    public_address: NamedDependency[str],
    photos: NamedDependency[PhotoStore],
    now: NamedDependency[datetime],
) -> Done:
    """来站求助但不予救助的：理由限于规定情形，并告知其他求助途径；未成年人、老年人、残障、伤病、疑似受侵害的不得拒绝。

    Somebody came and is not helped: on a ground of the closed list, told who else can help. Whom help comes first for is not refused.
    """
    wanted = command("document.no_help", facility_id, data, by, now)
    return await issuing.issue_no_help(
        office,
        photos,
        facility_id,
        data.no_help,
        wanted,
        origin=_origin(public_address, request),
        replaces=data.replaces,
    )


@post(
    "/api/incidents/{incident_id:uuid}/documents",
    summary="出具突发事件报告表 Issue the report of an incident",
    tags=TAGS,
    status_code=201,
)
async def issue_for_incident(
    incident_id: FromPath[UUID],
    data: JSONBody[Empty],
    request: AnyRequest,
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    public_address: NamedDependency[str],
    photos: NamedDependency[PhotoStore],
    now: NamedDependency[datetime],
) -> Done:
    """按当时所知出具，缺项注明待补报；续报、结论后再次出具的，前一份作废。

    With what is known now, what is missing marked as owed; issued again after a follow-up it replaces the one before.
    """
    wanted = command("document.of_incident", incident_id, data, by, now)
    return await issuing.issue_for_incident(
        office, photos, incident_id, wanted, origin=_origin(public_address, request)
    )


@get("/api/documents", summary="文书列表 Documents", tags=TAGS)
async def list_documents(
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    stay_id: FromQuery[UUID | None] = None,
    referral_id: FromQuery[UUID | None] = None,
    person_id: FromQuery[UUID | None] = None,
    case_id: FromQuery[UUID | None] = None,
    incident_id: FromQuery[UUID | None] = None,
    kind: FromQuery[FormKind | None] = None,
) -> list[DocumentShown]:
    """本人可见的，新的在前，不含内容。 Newest first, without what they say."""
    async with office.db.connect() as tx:
        return await reading.list_documents(
            tx,
            office,
            by,
            stay_id=stay_id,
            referral_id=referral_id,
            person_id=person_id,
            case_id=case_id,
            incident_id=incident_id,
            kind=kind,
        )


@get("/api/documents/{document_id:uuid}/pdf", summary="一份文书 One document", tags=TAGS, media_type=PDF)
async def document_pdf(
    document_id: FromPath[UUID],
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    now: NamedDependency[datetime],
) -> Response[bytes]:
    """出具时的原件；每次查看都记入日志。 The file as it was issued; every look is written to the log."""
    document = await reading.open_pdf(office, document_id, by=by, now=now)
    return Response(document.pdf, media_type=PDF, headers=_as_file(document))


@get("/api/documents/check/{code:str}", summary="核对文书 Check a document", tags=TAGS)
async def check_document(
    code: Annotated[FromPath[str], Meta(max_length=80)], office: NamedDependency[Office]
) -> DocumentChecked:
    """无需登录：种类、编号、出具机构和时间、是否有效、文件摘要；不含任何人的信息。

    Without signing in: kind, number, house, when, whether it stands, the file's digest; nothing about anybody.
    """
    async with office.db.connect() as tx:
        return await reading.checked(tx, office, read_code(code))


def _as_file(document: Document) -> dict[str, str]:
    name = quote(f"{KIND_NAMES[document.kind][0]} {document.number}.pdf")
    return {
        "Content-Disposition": f"inline; filename=\"{document.number}.pdf\"; filename*=UTF-8''{name}",
        "Cache-Control": "private, no-store",
    }


DOCUMENTS = (
    issue_hand_over,
    issue_for_case,
    issue_for_stay,
    issue_for_incident,
    refuse_help,
    list_documents,
    document_pdf,
    check_document,
)
