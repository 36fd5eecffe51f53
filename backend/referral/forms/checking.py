"""Is a document genuine? The file laid beside the row, the row beside the log, and what it says beside its digest. Begin at `check_file`.

A file that was changed differs from the digest in the log; a row that was changed differs from its event; one that was forged whole has
no event. Each is named by itself, so that one knows what was touched.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.dispatch import replay
from backend.errors import Invalid
from backend.office import Office
from backend.referral.forms.code import read_code
from backend.referral.forms.document import Document
from backend.referral.forms.printing import digest_of, marks_in
from backend.referral.people import register_rows as rows

KEPT_BACK = frozenset({"content", "pdf"})


class Finding(Struct, frozen=True):
    """One thing that was looked at. good: None for what is only worth knowing."""

    good: bool | None
    zh: str
    en: str


async def check_file(tx: AsyncConnection, office: Office, content: bytes, code: str | None = None) -> list[Finding]:
    """What a file is found to be. code: as it stands on paper; without it the file's own. Raises Invalid `no_marks`, `bad_code`."""
    marks = marks_in(content)
    if marks is None and code is None:
        zh, en = "文件中没有查验码，请另外输入。", "There is no code in the file: give the one that is printed."
        raise Invalid(zh, en, code="no_marks", field="code")
    wanted = read_code(code or (marks.code if marks else ""))
    query = rows.select_rows(Document, office, db.documents.c.code == wanted)
    found = await rows.fetch(tx, office, Document, query)
    event = await _event(tx, office, wanted)
    if not found:
        return [*_no_row(event), *_in_log(event)]
    document = found[0]
    findings = [Finding(True, f"数据库中有 {document.number}", f"the database has {document.number}"), *_in_log(event)]
    if event is not None:
        findings += [await _in_chain(tx, office, event), *_row_as_told(document, event)]
    return [
        *findings,
        *_file(document, content, marks.digest if marks else None),
        *_content(document),
        *_state(document),
    ]


async def _event(tx: AsyncConnection, office: Office, code: str) -> log.Event | None:
    """The one that tells of the document with this code."""
    e = db.events.c
    columns = [e[name] for name in log.Event.__struct_fields__]
    told = e.data.contains({"rows": {"documents": [{"code": code}]}})
    query = select(*columns).where(e.city_id == office.city_id, e.kind == "document.issued", told)
    row = (await tx.execute(query.order_by(e.seq).limit(1))).first()
    return log.Event(**row._mapping) if row else None


def _no_row(event: log.Event | None) -> list[Finding]:
    if event is None:
        return [Finding(False, "数据库中没有这个查验码", "the database has no such code")]
    return [
        Finding(
            False, "数据库中已没有该文书，而日志中有", "the document is gone from the database, and the log tells of it"
        )
    ]


def _in_log(event: log.Event | None) -> list[Finding]:
    if event is None:
        return [
            Finding(
                False,
                "日志中没有出具记录：不是本系统出具的",
                "the log tells of no such document: it was not issued here",
            )
        ]
    return [Finding(True, f"日志第 {event.seq} 条记载出具", f"no. {event.seq} of the log tells that it was issued")]


async def _in_chain(tx: AsyncConnection, office: Office, event: log.Event) -> Finding:
    e = db.events.c
    query = select(e.prev_hash, e.hash).where(e.city_id == office.city_id, e.seq == event.seq)
    kept = (await tx.execute(query)).one()
    good = log.link(kept.prev_hash, office.city_id, event) == kept.hash
    return Finding(good, "日志该条与哈希链一致", "that entry fits the chain of hashes")


def _told(document: Document, event: log.Event) -> dict[str, Any]:
    told: list[dict[str, Any]] = event.data["rows"]["documents"]
    return next((one for one in told if one["id"] == str(document.id)), {})


def _row_as_told(document: Document, event: log.Event) -> Iterator[Finding]:
    """Every column that the event told, but for what a later one says: that it was replaced."""
    kept = msgspec.to_builtins(document)
    later = {"replaced_by", "replaced_at"}
    other = [
        name
        for name, value in _told(document, event).items()
        if name not in later and not replay.same_value(value, kept[name])
    ]
    for name in other:
        yield Finding(False, f"数据库记录被改动：{name}", f"the row was changed: {name}")
    if not other:
        yield Finding(True, "数据库记录与日志一致", "the row is what the log tells")


def _file(document: Document, content: bytes, digest: str | None) -> Iterator[Finding]:
    same = hashlib.sha256(content).hexdigest() == document.pdf_sha256
    yield Finding(same, "文件逐字节与出具时相同", "the file is byte for byte as it was issued")
    if digest is not None and digest != document.content_sha256:
        yield Finding(False, "文件所载内容摘要与记录不符", "the digest in the file is another than in the row")


def _content(document: Document) -> Iterator[Finding]:
    if not document.content:
        yield Finding(
            None, "内容已到期清除，只能核对摘要", "what it says has had its time; only digests can be compared"
        )
        return
    good = digest_of(document.content) == document.content_sha256
    yield Finding(good, "所存内容与摘要一致", "what is kept of it fits its digest")
    kept = hashlib.sha256(document.pdf).hexdigest() == document.pdf_sha256
    yield Finding(kept, "所存原件与摘要一致", "the file that is kept fits its digest")


def _state(document: Document) -> Iterator[Finding]:
    if document.replaced_at is not None:
        yield Finding(None, "已被新的文书替换", "it was replaced by another")
