"""What is sent as JSON, as the document says it: each field of its own kind, and no text that cannot be read.

The framework by itself takes a body as loosely as a query (0 for false, a number for a time), and takes a fault in a field
for one of ours where a dependency has the same name. Texts are looked at here and nowhere else, however they will be kept.
"""

import re
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import ValidationException

from backend.errors import Invalid
from backend.wording import FieldFault

UNREADABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters: no database keeps all of them and no screen shows one. Line ends and tabs are not meant."""
DROPS_UNREADABLE: Final = "drops_unreadable"
"""An `opt` of routes that nobody in need may be turned away from for a detail: what cannot be shown is left out there."""


class JsonRequest(Request[Any, Any, State]):
    """A request whose body is decoded strictly."""

    async def json(self) -> Any:
        """The body as the handler wants it. Raises ValidationException; Invalid `cannot_be_kept` for a text that cannot be
        read, with its field."""
        body = await super().json()
        if not self.route_handler.opt.get(DROPS_UNREADABLE):
            demand_readable(body)
        try:
            return msgspec.convert(body, self.route_handler.parsed_fn_signature.parameters["data"].annotation)
        except msgspec.ValidationError as fault:
            message, _, at = str(fault).partition(" - at `$")
            raise ValidationException(extra=[{"message": message, "key": at.strip("`.")}]) from None


def demand_readable(body: Any) -> None:
    """Raises Invalid `cannot_be_kept` where a text in the body has a control character."""
    field = unreadable_field(body)
    if field is None:
        return
    fault = FieldFault(field, "含有无法保存或显示的字符", "has a character that cannot be kept or shown")
    zh, en = fault.sentence()
    told = {"field": field or None, "faults": [fault]}
    raise Invalid(f"请求内容有误：{zh}。", f"The request is malformed: {en}.", code="cannot_be_kept", **told)


def unreadable_field(body: Any) -> str | None:
    """The first field with a control character, as `place.lon` or `notes[2]`; "" for the body itself; None without one."""
    waiting = [("", body)]
    while waiting:
        field, node = waiting.pop()
        if isinstance(node, str) and UNREADABLE.search(node):
            return field
        if isinstance(node, dict):
            if any(UNREADABLE.search(name) for name in node):
                return field
            waiting += reversed([(f"{field}.{name}" if field else name, part) for name, part in node.items()])
        elif isinstance(node, list):
            waiting += reversed([(f"{field}[{n}]", part) for n, part in enumerate(node)])
    return None
