"""What is kept on a person as it is given to them (个人信息保护法第45条), as values, and the rules about giving it. Pure.

Begin at `SubjectFile`. Of other people nothing is in it: not who reported them, their kin, who received them, nor which of the staff
did what (their role is). What a crew wrote of several people together is given only as far as it is known to be about this one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from backend.dispatch.protection import Outcome
from backend.dispatch.records import IncidentKind, ReferralState, ReferralTo
from backend.errors import Conflict, Invalid
from backend.intake.looks import AgeBand, Sex
from backend.referral.forms.document import FormKind
from backend.referral.home.returnee import ReturneeState, VisitOutcome, VisitState
from backend.referral.people.person import Identity, IdentitySource, Person, ToldOf
from backend.referral.people.person_photos import PersonPhoto
from backend.referral.station.deadlines import How, StayClockKind
from backend.referral.station.stay import ArrivalNote, Came, StayClockState, StayState

GivenTo = Literal["person", "guardian"]
AccessReason = Literal["wants_to_know", "wants_correction", "complains", "moves_on"]
GIVEN_NAMES: Final[dict[GivenTo, tuple[str, str]]] = {
    "person": ("本人", "the person"),
    "guardian": ("监护人", "a guardian"),
}
REASON_NAMES: Final[dict[AccessReason, tuple[str, str]]] = {
    "wants_to_know": ("查阅、复制个人信息", "wants to know what is kept"),
    "wants_correction": ("更正、补充个人信息", "wants it put right"),
    "complains": ("投诉、申诉", "complains"),
    "moves_on": ("转往其他机构", "goes to another house"),
}
LEFT_OUT: Final[dict[str, tuple[str, str]]] = {
    "reporters": ("报告人及其所述（他人信息）", "who reported, and what they said"),
    "kin": ("亲属、接领人、护送人的姓名和电话（他人信息）", "names and numbers of kin, receivers, escorts"),
    "staff": ("工作人员的姓名和账号（只列岗位）", "names and accounts of staff: their role is told"),
    "shared_record": ("同一次处置中涉及多人、无法区分的记录", "what a crew wrote of several people together"),
    "incidents": ("即时上报的内容（涉及他人和调查）", "what reports of incidents say"),
    "contents": (
        "文书原件可另行索取；照片原图可另行查看",
        "documents and photos themselves: they are listed, and given on demand",
    ),
}
_ALONE: Final = (
    *("info_left", "supplies", "supplies_refused", "persuasion", "medical_note", "enforcement", "department", "note"),
    *("station_told_at", "medical_called_at", "police_told_at", "foreign_affairs_told_at"),
)
"""Of a crew's record, what is about the one who was met, when it was one."""


class SubjectRecord(Struct, frozen=True, kw_only=True):
    """One record of the register."""

    number: str
    created_at: datetime
    sex: Sex
    age_band: AgeBand
    identity_source: IdentitySource | None
    identified_at: datetime | None
    listed_at: datetime | None
    told: ToldOf
    identity: Identity
    photos: list[PersonPhoto]


class MetBy(Struct, frozen=True, kw_only=True):
    """A visit of a crew. met: what it noted of the person; wrote: the rest of its record, when it met nobody else. is_shared: it did,
    and something of what it wrote is held back."""

    arrived_at: datetime
    handled_at: datetime | None
    outcome: Outcome | None
    met: dict[str, Any]
    wrote: dict[str, Any]
    is_shared: bool


class SubjectCase(Struct, frozen=True, kw_only=True):
    """A case that was about them."""

    number: int
    opened_at: datetime
    linked_at: datetime
    visits: list[MetBy]


class SubjectReferral(Struct, frozen=True, kw_only=True):
    """A referral. to: the house's name; told: what it was told of them."""

    number: int
    to_kind: ReferralTo
    to: str
    state: ReferralState
    offered_at: datetime
    ended_at: datetime | None
    told: dict[str, Any]


class SubjectClock(Struct, frozen=True, kw_only=True):
    """A deadline of a stay."""

    kind: StayClockKind
    state: StayClockState
    due_at: datetime
    missed_at: datetime | None
    ended_at: datetime | None


class SubjectStay(Struct, frozen=True, kw_only=True):
    """A stay at a house."""

    house: str
    state: StayState
    came: Came
    arrived_at: datetime
    left_at: datetime | None
    how: How | None
    arrival: ArrivalNote
    leaving: dict[str, Any]
    notice_at: datetime | None
    notice: dict[str, Any]
    dna_requested_at: datetime | None
    dna_answered_at: datetime | None
    dna_matched: bool | None
    settlement_at: datetime | None
    clocks: list[SubjectClock]


class SubjectDocument(Struct, frozen=True, kw_only=True):
    """A document that was issued."""

    number: str
    code: str
    kind: FormKind
    house: str
    issued_at: datetime
    replaced_at: datetime | None


class SubjectIncident(Struct, frozen=True, kw_only=True):
    """Something about them that was reported at once. What the report says names others: that there is one is told."""

    kind: IncidentKind
    happened_at: datetime
    raised_at: datetime
    ended_at: datetime | None


class SubjectVisit(Struct, frozen=True, kw_only=True):
    """A visit at home."""

    due_at: datetime
    state: VisitState
    done_at: datetime | None
    outcome: VisitOutcome | None
    found: dict[str, Any]


class SubjectReturn(Struct, frozen=True, kw_only=True):
    """A return home."""

    state: ReturneeState
    since: datetime
    until: datetime
    region: str
    is_prone: bool
    home: dict[str, Any]
    ended_at: datetime | None
    end_note: str | None
    visits: list[SubjectVisit]


class SubjectLook(Struct, frozen=True, kw_only=True):
    """A look at them. roles: of whoever looked."""

    at: datetime
    what: str
    roles: list[str]


class SubjectFile(Struct, frozen=True, kw_only=True):
    """Everything that is kept on one person, under all records found to be theirs. left_out: codes of `LEFT_OUT`."""

    made_at: datetime
    given_to: GivenTo
    reason: AccessReason
    records: list[SubjectRecord]
    cases: list[SubjectCase]
    referrals: list[SubjectReferral]
    stays: list[SubjectStay]
    documents: list[SubjectDocument]
    returns: list[SubjectReturn]
    incidents: list[SubjectIncident]
    looks: list[SubjectLook]
    left_out: list[str]


class AccessWanted(Struct, frozen=True, kw_only=True):
    """Who asks, and why. relation_checked: that the guardian is one was seen from a document."""

    given_to: GivenTo
    reason: AccessReason
    relation_checked: bool = False


def demand_may_be_given(wanted: AccessWanted, group: Sequence[Person], suspicions: Sequence[str]) -> None:
    """Raises Invalid `relation_unchecked`, and Conflict `guardian_suspected`: what harms somebody may come from their guardian."""
    if wanted.given_to == "person":
        return
    if not wanted.relation_checked:
        zh, en = "提供给监护人前，请核对监护关系证明。", "See a proof that they are the guardian first."
        raise Invalid(zh, en, field="relation_checked", code="relation_unchecked")
    if suspicions or any(one.told.suspicions for one in group):
        zh = "该人员疑似受到侵害，不能将资料提供给监护人；请先由公安机关或民政部门核查。"
        en = "Harm to this person is suspected: nothing is given to a guardian before the police or civil affairs have looked into it."
        raise Conflict(zh, en, code="guardian_suspected")


def record_of(person: Person, photos: Sequence[PersonPhoto]) -> SubjectRecord:
    """Without the names of kin, who are other people."""
    same = ("number", "created_at", "sex", "age_band", "identity_source", "identified_at", "listed_at", "told")
    own = [one for one in photos if one.person_id == person.id]
    values = {name: getattr(person, name) for name in same}
    return SubjectRecord(**values, identity=msgspec.structs.replace(person.identity, kin="", kin_phone=""), photos=own)


def met_of(record: Mapping[str, Any], index: int | None, *, alone: bool) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """(what was noted of them, what else was written, whether something is held back) of a crew's record.

    index: which of the people in it they are, where that is known. alone: whether it can be about nobody else.
    """
    people = record.get("people", [])
    if len(people) > 1 or not alone:
        met = dict(people[index]) if index is not None and index < len(people) else {}
        return met, {}, True
    wrote = {name: record[name] for name in _ALONE if record.get(name)}
    over = record.get("hand_over") or {}
    handed = {name: over[name] for name in ("facility", "belongings", "condition") if over.get(name)}
    return dict(people[0]) if people else {}, {**wrote, **({"hand_over": handed} if handed else {})}, False


def without_others(values: Mapping[str, Any], *others: str) -> dict[str, Any]:
    """What is about the person alone."""
    return {name: value for name, value in values.items() if name not in others and value not in (None, "", [], False)}
