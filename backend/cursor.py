"""Cursors: where a page ended, as an opaque text a client hands back."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

import msgspec

from backend.errors import Invalid


def encode_cursor(moment: datetime, id_: UUID) -> str:
    """The cursor after the row with this moment and id."""
    return base64.urlsafe_b64encode(msgspec.json.encode((moment, id_))).decode().rstrip("=")


def decode_cursor(text: str) -> tuple[datetime, UUID]:
    """What `encode_cursor` was given. Raises Invalid."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(plain, type=tuple[datetime, UUID])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise Invalid(
            "翻页标记无效，请从第一页开始。", "The cursor is not valid; begin at the first page.", field="cursor"
        ) from None
