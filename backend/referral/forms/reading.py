"""Reading documents: lists without what they say, one as its file, which is a look, and what anybody is told who has a code.

The public learns the kind, the number, the house, when it was issued and whether it still stands; never about whom (DOMAIN §8).
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import demand, scopes
from backend.access.visible import visible
from backend.errors import Conflict, NotFound
from backend.office import Office
from backend.referral.forms.document import KIND_NAMES, Document, FormKind
from backend.referral.people import register_rows as rows

MOST = 200


class DocumentShown(Struct, frozen=True, kw_only=True):
    """A document in a list. has_content: false once what it says has had its time. zh, en: what its kind is called."""

    id: UUID
    number: str
    code: str
    kind: FormKind
    zh: str
    en: str
    house: str
    issued_at: datetime
    issued_by: str
    pdf_sha256: str
    referral_id: UUID | None
    stay_id: UUID | None
    person_id: UUID | None
    case_id: UUID | None
    incident_id: UUID | None
    replaced_by: UUID | None
    replaced_at: datetime | None
    has_content: bool


class DocumentChecked(Struct, frozen=True, kw_only=True):
    """What anybody is told who has a code. pdf_sha256: of the file as it was issued, to be compared with a file."""

    code: str
    kind: FormKind
    zh: str
    en: str
    number: str
    house: str
    issued_at: datetime
    state: Literal["valid", "replaced"]
    replaced_at: datetime | None
    pdf_sha256: str


async def list_documents(
    tx: AsyncConnection,
    office: Office,
    by: Actor,
    *,
    stay_id: UUID | None = None,
    referral_id: UUID | None = None,
    person_id: UUID | None = None,
    case_id: UUID | None = None,
    incident_id: UUID | None = None,
    kind: FormKind | None = None,
) -> list[DocumentShown]:
    """Those that the actor may see, newest first. Raises NotAllowed."""
    demand(office.city.policy.roles, by, "document:read")
    d = db.documents.c
    about = {"stay_id": stay_id, "referral_id": referral_id, "person_id": person_id, "case_id": case_id}
    wanted = {**about, "incident_id": incident_id, "kind": kind}
    named = [d[name] for name in DocumentShown.__struct_fields__ if name in d]
    query = (
        select(*named, d.content_sealed.is_not(None).label("has_content"))
        .where(d.city_id == office.city_id, _visible(office, by))
        .where(*(d[name] == value for name, value in wanted.items() if value is not None))
        .order_by(d.issued_at.desc(), d.number.desc())
    )
    found = await tx.execute(query.limit(MOST))
    return [_shown(row) for row in found]


def _shown(row: Any) -> DocumentShown:
    zh, en = KIND_NAMES[row.kind]
    return DocumentShown(**row._mapping, zh=zh, en=en)


def _visible(office: Office, by: Actor) -> ColumnElement[bool]:
    d = db.documents
    return visible(office.city.policy.roles, by, "document:read", d, own=d.c.issued_by == by.id)


async def open_pdf(office: Office, document_id: UUID, *, by: Actor, now: datetime) -> Document:
    """The document with its file; every look is an event. Raises NotAllowed, NotFound, Conflict `content_gone`."""
    roles = office.city.policy.roles
    if not scopes(roles, by, "incident:read"):
        demand(roles, by, "document:read")
    async with office.begin() as tx:
        found = await rows.fetch(
            tx, office, Document, rows.select_rows(Document, office, db.documents.c.id == document_id)
        )
        if not found:
            raise NotFound("没有这份文书。", "There is no such document.")
        document = found[0]
        demand(roles, by, _action(document.kind), document.as_object())
        if not document.pdf:
            zh, en = (
                "文书内容已到期清除，只保留编号和摘要。",
                "What it says has had its time: number and digests remain.",
            )
            raise Conflict(zh, en, code="content_gone")
        entry = log.Entry(
            kind="look.document_read",
            actor=by,
            occurred_at=now,
            regions=document.regions,
            teams=document.teams,
            case_id=document.case_id,
            data={"document_id": document.id, **({"person_id": document.person_id} if document.person_id else {})},
        )
        await log.append(tx, office.city_id, [entry], now=now)
    return document


def _action(kind: FormKind) -> str:
    """Who may read an incident may read its report, which says no more than the incident does."""
    return "incident:read" if kind == "incident_report" else "document:read"


async def checked(tx: AsyncConnection, office: Office, code: str) -> DocumentChecked:
    """What a code stands for. code: as `forms.code.read_code` gives it. Raises NotFound `no_document`."""
    d = db.documents.c
    query = select(d.kind, d.number, d.house, d.issued_at, d.replaced_at, d.pdf_sha256)
    row = (await tx.execute(query.where(d.city_id == office.city_id, d.code == code))).first()
    if row is None:
        zh, en = "没有这个查验码的文书，请核对；如核对无误，该文书不是本系统出具的。", "No document has this code."
        raise NotFound(zh, en, code="no_document")
    state: Literal["valid", "replaced"] = "replaced" if row.replaced_at else "valid"
    zh, en = KIND_NAMES[row.kind]
    return DocumentChecked(code=code, state=state, **row._mapping, zh=zh, en=en)
