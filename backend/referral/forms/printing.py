"""A sheet → the PDF that is kept. Begin at `printed`.

At the foot of every page and in the file's properties stand the code, the address at which it can be checked, and the digest of what
the form says, so that a sheet of paper and a file lead to the same row and the same entry of the log.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from backend.paper.typeset import photo, qr_code, typeset
from backend.referral.forms.sheet import Sheet, Signature, pictures_of
from backend.referral.signature import as_svg

FORM: Final = "government_form"
CHECK: Final = "/check"
"""The page at which anybody checks a document, below the public address."""
_MARKS: Final = re.compile(rb"document-code:([0-9A-Z-]{19}), content-sha256:([0-9a-f]{64})")


class Marks(NamedTuple):
    """What a document says of itself."""

    code: str
    digest: str


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of everything that the document says; `salt` in it keeps it from being guessed."""
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def address_of(origin: str, code: str) -> str:
    """Where a code is checked. origin: https://host, without a path."""
    return f"{origin.rstrip('/')}{CHECK}/{code}"


async def printed(
    sheet: Sheet, *, number: str, marks: Marks, origin: str, issued: str, made_at: datetime, photos: Mapping[str, bytes]
) -> bytes:
    """The form as PDF. photos: JPEG or PNG by the name that the sheet calls them. Raises Unavailable (no font, too busy)."""
    address = address_of(origin, marks.code)
    pictures = {"qr.svg": qr_code(address), **{_file(name): photo(photos[name]) for name in pictures_of(sheet)}}
    pictures |= {f"signature-{n}.svg": as_svg(drawn).encode() for n, drawn in _drawn(sheet)}
    data = {
        "sheet": _laid_out(sheet),
        "number": number,
        "keywords": [f"document-code:{marks.code}", f"content-sha256:{marks.digest}"],
        "marks": [
            f"查验码 Code {marks.code} · 出具 Issued {issued}",
            f"扫码或访问 {address} 核对真伪 Scan or open to check",
            f"内容摘要 SHA-256 {marks.digest}",
        ],
    }
    return await typeset(FORM, data, made_at=made_at, pictures=pictures)


def marks_in(document: bytes) -> Marks | None:
    """What a file says of itself; None for one that was not made here, or whose marks are broken."""
    found = _MARKS.search(document)
    return Marks(found[1].decode(), found[2].decode()) if found else None


def _drawn(sheet: Sheet) -> list[tuple[int, Any]]:
    """The signatures that were drawn, by their place among all signatures of the sheet."""
    return [(n, one.drawn) for n, one in enumerate(_signatures(sheet)) if one.drawn is not None]


def _signatures(sheet: Sheet) -> list[Signature]:
    return [one for block in sheet.blocks for one in getattr(block, "signatures", ())]


def _laid_out(sheet: Sheet) -> dict[str, Any]:
    """The sheet as the form reads it: each signature and photo with the name of its picture."""
    plain: dict[str, Any] = msgspec.to_builtins(sheet)
    n = 0
    for block in plain["blocks"]:
        for one in block.get("signatures", ()):
            if one.pop("drawn", None):
                one["image"] = f"signature-{n}.svg"
            elif one.get("picture"):
                one["image"] = _file(one["picture"])
            n += 1
        if block["type"] == "pictures":
            block["files"] = [_file(name) for name in block["names"]]
    return plain


def _file(name: str) -> str:
    return f"photo-{name}.svg"
