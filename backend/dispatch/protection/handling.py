"""What a crew records of a handling, and what the rules answer. No rule lives here."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from backend.policy import permissions

Outcome = permissions.Outcome
Vulnerable = Literal["disabled", "old", "hardly_mobile", "mental_illness", "dementia", "pregnant"]
Suspicion = Literal["abuse", "abandonment", "trafficking", "domestic_violence", "other_crime"]
Incident = Literal["death", "missing", "accident"]

_TO_BE_ESCORTED: Final[frozenset[Vulnerable]] = frozenset({"disabled", "old", "hardly_mobile"})


SIGNATURES: Final = ("crew_signature", "receiver_signature")
"""The fields of a hand-over that name a signature."""


class PersonMet(Struct, frozen=True, forbid_unknown_fields=True):
    """One person met, as far as the rules ask. capacity: whether they can decide for themselves.

    consent: to being taken along; with "not_possible" the ground says why. A minor's capacity is always limited.
    """

    sex: Literal["male", "female", "unknown"] = "unknown"
    age_band: Literal["infant", "child", "teen", "adult", "old", "unknown"] = "unknown"
    capacity: Literal["capable", "limited", "unknown"] = "unknown"
    consent: Literal["given", "refused", "not_possible", "not_asked"] = "not_asked"
    consent_ground: str = ""
    vulnerable: tuple[Vulnerable, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    acutely_ill: bool = False
    is_foreigner: bool = False
    identity_known: bool = False
    searched: bool = False

    @property
    def is_minor(self) -> bool:
        return self.age_band in ("infant", "child", "teen")

    @property
    def decides(self) -> bool:
        """Whether this is an adult who, as far as known, decides for themselves."""
        return not self.is_minor and self.capacity != "limited"

    @property
    def needs_escort(self) -> bool:
        return self.is_minor or self.age_band == "old" or not _TO_BE_ESCORTED.isdisjoint(self.vulnerable)


class Belonging(Struct, frozen=True, forbid_unknown_fields=True):
    """随身物品 One kind of thing that somebody has with them. note: what it looks like, or its number."""

    what: Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\S")]
    count: Annotated[int, Meta(ge=1, le=9999)] = 1
    note: Annotated[str, Meta(max_length=120)] = ""


Belongings = Annotated[tuple[Belonging, ...], Meta(max_length=40)]


class HandOver(Struct, frozen=True, forbid_unknown_fields=True):
    """A written hand-over: where to, who received, and the two signatures.

    crew_signature, receiver_signature: ids of photos of this case, when they were drawn on a screen; a signature that is
    there counts as signed. Signed on paper has the booleans alone. referral_id: the referral that was accepted; it fills in
    where to, and who received. belongings, condition: what the crew brought with the person, and how they were.
    """

    facility: str = ""
    receiver: str = ""
    signed_by_crew: bool = False
    signed_by_receiver: bool = False
    crew_signature: UUID | None = None
    receiver_signature: UUID | None = None
    referral_id: UUID | None = None
    belongings: Belongings = ()
    condition: Annotated[str, Meta(max_length=1000)] = ""

    def as_signed(self) -> "HandOver":
        """The same, saying that it is signed where there is a signature."""
        return replace(
            self,
            signed_by_crew=self.signed_by_crew or self.crew_signature is not None,
            signed_by_receiver=self.signed_by_receiver or self.receiver_signature is not None,
        )


class Handling(Struct, frozen=True, forbid_unknown_fields=True):
    """What a crew records of one handling. Moments are aware. photos: how many of the spot, of which none may
    have come in yet."""

    outcome: Outcome
    handled_at: datetime
    people: tuple[PersonMet, ...] = ()
    crew_size: int = 2
    crew_has_woman: bool = False
    crew_has_man: bool = True
    info_left: bool = False
    supplies: tuple[str, ...] = ()
    supplies_refused: bool = False
    persuasion: str = ""
    station_told_at: datetime | None = None
    medical_called_at: datetime | None = None
    medical_note: str = ""
    police_told_at: datetime | None = None
    police_told_by: str = ""
    foreign_affairs_told_at: datetime | None = None
    hand_over: HandOver | None = None
    family_relation_checked: bool = False
    family_separated_ground: str | None = None
    enforcement: str = ""
    department: str = ""
    duplicate_of: str = ""
    incident: Incident | None = None
    note: str = ""
    photos: int = 0


class Violation(Struct, frozen=True):
    """A rule not kept. field: what to fill in or change; person: position in `people`, if about one."""

    code: str
    zh: str
    en: str
    field: str
    source: str
    person: int | None = None


class Consequence(Struct, frozen=True):
    """What follows from a handling. done_at: already done, when; due_at: to be done by; to: roles or offices."""

    code: Literal[
        "revisit",
        "station_told",
        "police_told",
        "foreign_affairs_told",
        "report_up",
        "identify",
        "hide_place",
        "revisit_returnee",
    ]
    zh: str
    en: str
    to: tuple[str, ...]
    due_at: datetime | None = None
    done_at: datetime | None = None
    person: int | None = None
