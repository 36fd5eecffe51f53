"""A warning in the Common Alerting Protocol (CAP 1.0 to 1.2; GB/T 35965.1 is its Chinese relative), as it was written.

Nothing here judges: what a warning means for a city is asked in `hazard` and `warned`. `cap_read` makes these from XML.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from backend.geo.place import LonLat

Status = Literal["Actual", "Exercise", "System", "Test", "Draft"]
MsgType = Literal["Alert", "Update", "Cancel", "Ack", "Error"]


class Reference(Struct, frozen=True):
    """An earlier warning: `sender,identifier,sent` as CAP writes it. sent: None where it cannot be read; it is not matched by."""

    sender: str
    identifier: str
    sent: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What a warning is known by. Chinese updates carry their own time in `sent`, so it is left out."""
        return (self.sender, self.identifier)


class Circle(Struct, frozen=True):
    """Centre, and radius in kilometres; 0 is a point."""

    centre: LonLat
    radius_km: float


class Area(Struct, frozen=True, kw_only=True):
    """Where: words, rings of places (closed, WGS-84), circles, and codes by the name of their list."""

    words: str = ""
    polygons: tuple[tuple[LonLat, ...], ...] = ()
    circles: tuple[Circle, ...] = ()
    geocodes: tuple[tuple[str, str], ...] = ()


class Info(Struct, frozen=True, kw_only=True):
    """What, in one language. Several of them say the same in several languages, or several things about several places."""

    language: str = "en-US"
    event: str = ""
    categories: tuple[str, ...] = ()
    urgency: str = "Unknown"
    severity: str = "Unknown"
    certainty: str = "Unknown"
    event_codes: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    effective: datetime | None = None
    onset: datetime | None = None
    expires: datetime | None = None
    sender_name: str = ""
    headline: str = ""
    description: str = ""
    instruction: str = ""
    areas: tuple[Area, ...] = ()

    @property
    def is_chinese(self) -> bool:
        return self.language.lower().startswith("zh")


class Oddity(Struct, frozen=True):
    """Something that does not follow the standard and was read all the same."""

    code: str
    zh: str
    en: str


class Alert(Struct, frozen=True, kw_only=True):
    """One warning. signature: whether it carries one (not whether it is good). oddities: what was read tolerantly."""

    identifier: str
    sender: str
    sent: datetime
    status: Status
    msg_type: MsgType
    scope: str = "Public"
    note: str = ""
    references: tuple[Reference, ...] = ()
    infos: tuple[Info, ...] = ()
    has_signature: bool = False
    oddities: tuple[Oddity, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What references know it by."""
        return (self.sender, self.identifier)

    @property
    def is_real(self) -> bool:
        """Whether anybody is to act on it: exercises, tests and drafts open nothing."""
        return self.status == "Actual" and self.msg_type in ("Alert", "Update", "Cancel")
