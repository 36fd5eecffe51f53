"""文书 An issued form as it is kept: what it is, about whom, its code, and the digests by which it is known again. Pure."""

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct

from backend.access.permissions import Object

FormKind = Literal[
    "hand_over",
    "help_registration",
    "no_help_notice",
    "leave_declaration",
    "stay_record",
    "end_notice",
    "escort_home",
    "settlement_application",
    "incident_report",
]
OfAStay = Literal[
    "help_registration", "leave_declaration", "stay_record", "end_notice", "escort_home", "settlement_application"
]
KIND_NAMES: Final[dict[FormKind, tuple[str, str]]] = {
    "hand_over": ("受助人员交接单", "hand-over"),
    "help_registration": ("求助登记表", "registration of somebody asking for help"),
    "no_help_notice": ("不予救助通知书", "notice that no help is given"),
    "leave_declaration": ("自行离站声明书", "declaration of leaving"),
    "stay_record": ("在站服务及离站登记表", "record of a stay and of leaving"),
    "end_notice": ("终止救助通知书", "notice that help ends"),
    "escort_home": ("护送返乡交接书", "hand-over of somebody escorted home"),
    "settlement_application": ("落户安置申请表", "application for settlement"),
    "incident_report": ("突发事件报告表", "report of an incident"),
}


class Document(Struct, frozen=True, kw_only=True):
    """文书. number: "W", the day, a counter. code: by which anybody asks whether it is genuine. content_sha256: SHA-256 (hex) of what it says,
    salt included; pdf_sha256: of the file. replaced_by: the one that was issued in its place. content, pdf: sealed, and emptied when
    their time is over; the digests stay."""

    id: UUID
    number: str
    code: str
    kind: FormKind
    regions: list[str]
    facilities: list[UUID]
    teams: list[UUID]
    issued_at: datetime
    issued_by: str
    content_sha256: str
    pdf_sha256: str
    house: str
    referral_id: UUID | None = None
    stay_id: UUID | None = None
    person_id: UUID | None = None
    case_id: UUID | None = None
    incident_id: UUID | None = None
    replaced_by: UUID | None = None
    replaced_at: datetime | None = None
    content: dict[str, Any] = {}
    pdf: bytes = b""

    def as_object(self) -> Object:
        """What permissions ask about."""
        return Object(regions=self.regions, facilities=self.facilities, teams=self.teams, owner=self.issued_by)


def number_of(day: int, last: str | None) -> str:
    """The next number of a day (yyyymmdd), after the last one given out that day."""
    serial = int(last[-4:]) + 1 if last else 1
    return f"W{day}{serial:04d}"
