"""受助人员登记 The register of people, as values: whoever was met, known by name or not, and what is kept of them. Pure.

Begin at `Person`. An unknown person is a whole record, not a gap: sex, age, marks and words stand in for a name. What is told
of somebody (`ToldOf`) and who they are (`Identity`) lie sealed; the log has neither. Records found to be one person point to one
another (`merged_into`); nothing is copied, so that taking it back restores both.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from backend.access.permissions import Object
from backend.dispatch.protection import Suspicion
from backend.errors import Invalid
from backend.intake.looks import YOUNG, AgeBand, Sex

Vulnerability = Literal["disabled", "old", "hardly_mobile", "mental_illness", "dementia", "pregnant", "repeatedly"]
IdentitySource = Literal["own_word", "document", "police", "dna", "family", "face_recognition", "other"]
DocumentKind = Literal["resident_id", "passport", "other"]
MarkKind = Literal["scar", "tattoo", "birthmark", "missing_limb", "deformity", "teeth", "glasses", "hair", "other"]
BodyPart = Literal["head", "face", "neck", "trunk", "back", "left_arm", "right_arm", "left_hand", "right_hand", "left_leg", "right_leg", "unknown"]  # fmt: skip
SamenessState = Literal["open", "merged", "different"]

VULNERABILITY_NAMES: Final[dict[str, tuple[str, str]]] = {
    "disabled": ("残疾", "disabled"),
    "old": ("高龄", "old"),
    "hardly_mobile": ("行动不便", "hardly mobile"),
    "mental_illness": ("精神障碍", "mental illness"),
    "dementia": ("认知障碍", "dementia"),
    "pregnant": ("孕期", "pregnant"),
    "repeatedly": ("反复流浪", "repeatedly on the street"),
}
SOURCE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "own_word": ("本人陈述", "their own word"),
    "document": ("证件", "a document"),
    "police": ("公安核实", "the police"),
    "dna": ("DNA 比对", "DNA"),
    "family": ("亲属辨认", "their family"),
    "face_recognition": ("人像比对", "face recognition"),
    "other": ("其他", "otherwise"),
}
MARK_NAMES: Final[dict[str, str]] = {
    "scar": "疤痕", "tattoo": "纹身", "birthmark": "胎记", "missing_limb": "肢体缺失", "deformity": "肢体特征",
    "teeth": "牙齿特征", "glasses": "戴眼镜", "hair": "发型", "other": "其他特征",
}  # fmt: skip
PART_NAMES: Final[dict[str, str]] = {
    "head": "头部", "face": "面部", "neck": "颈部", "trunk": "躯干", "back": "背部", "left_arm": "左臂", "right_arm": "右臂",
    "left_hand": "左手", "right_hand": "右手", "left_leg": "左腿", "right_leg": "右腿", "unknown": "",
}  # fmt: skip
KINDS_OF_PLACE: Final[dict[str, str]] = {"male": "men", "female": "women"}

Line = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=2000)]
Year = Annotated[int, Meta(ge=1900, le=2200)]
RegionCode = Annotated[str, Meta(pattern=r"^\d{6}$")]


class BodyMark(Struct, frozen=True, forbid_unknown_fields=True):
    """特征 What tells somebody apart for long: what, where on the body, and in words."""

    kind: MarkKind
    where: BodyPart = "unknown"
    words: Annotated[str, Meta(max_length=100)] = ""


class ToldOf(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is told of somebody that is no name: sealed. born_from, born_to: years, as far as it can be guessed. origin: the code
    (GB/T 2260) of where they seem to come from; accent, in words, how they speak."""

    description: Text = ""
    marks: Annotated[tuple[BodyMark, ...], Meta(max_length=20)] = ()
    height_cm: Annotated[int, Meta(ge=30, le=250)] | None = None
    born_from: Year | None = None
    born_to: Year | None = None
    accent: Annotated[str, Meta(max_length=60)] = ""
    origin: RegionCode | None = None
    vulnerable: Annotated[tuple[Vulnerability, ...], Meta(max_length=10)] = ()
    suspicions: Annotated[tuple[Suspicion, ...], Meta(max_length=10)] = ()
    is_foreigner: bool = False


class Identity(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """身份 Who somebody is: sealed, and shown to fewer (`identity:read`). kin: whom to reach."""

    name: Annotated[str, Meta(max_length=60)] = ""
    document: DocumentKind = "resident_id"
    id_number: Annotated[str, Meta(max_length=40)] = ""
    born_on: date | None = None
    home: Line = ""
    kin: Line = ""
    kin_phone: Annotated[str, Meta(max_length=40)] = ""


NOBODY: Final = Identity()


class Person(Struct, frozen=True, kw_only=True):
    """受助人员. number: "R", the day, a counter. regions, teams, facilities: whom it concerns. from_case: where they were met first.

    root_id: the record that this one leads to, its own id while it stands alone. listed_at: on the list of vulnerable people since.
    """

    id: UUID
    number: str
    sex: Sex
    age_band: AgeBand
    regions: list[str]
    created_at: datetime
    created_by: str
    root_id: UUID
    teams: list[UUID] = []
    facilities: list[UUID] = []
    from_case: UUID | None = None
    is_identified: bool = False
    identity_source: IdentitySource | None = None
    identified_at: datetime | None = None
    listed_at: datetime | None = None
    merged_into: UUID | None = None
    merged_at: datetime | None = None
    merged_by: str | None = None
    told: ToldOf = ToldOf()
    identity: Identity = NOBODY

    @property
    def is_minor(self) -> bool:
        """Under age, as far as is known."""
        return self.age_band in YOUNG


class CasePerson(Struct, frozen=True, kw_only=True):
    """Somebody whom a case is about. family_group: those with the same one belong together. handling_id: the visit they were met at."""

    id: UUID
    case_id: UUID
    person_id: UUID
    linked_at: datetime
    linked_by: str
    handling_id: UUID | None = None
    family_group: UUID | None = None
    unlinked_at: datetime | None = None


class Sameness(Struct, frozen=True, kw_only=True):
    """Two records that may be one person (person_id is the smaller id), why, and what somebody decided."""

    id: UUID
    person_id: UUID
    other_id: UUID
    score: float
    reasons: list[dict[str, Any]]
    found_at: datetime
    state: SamenessState = "open"
    decided_by: str | None = None
    decided_at: datetime | None = None

    def other_than(self, person_id: UUID) -> UUID:
        """The other of the two."""
        return self.other_id if person_id == self.person_id else self.person_id


def object_of(group: Sequence[Person]) -> Object:
    """What permissions ask about: whoever is concerned with any record of the person."""
    regions = list(dict.fromkeys(code for one in group for code in one.regions))
    teams = list(dict.fromkeys(team for one in group for team in one.teams))
    houses = list(dict.fromkeys(house for one in group for house in one.facilities))
    return Object(regions=regions, teams=teams, facilities=houses, owner=group[0].created_by if group else None)


def roots(parents: Mapping[UUID, UUID | None]) -> dict[UUID, UUID]:
    """Where each record leads to in the end. parents: record → what it was merged into. Never a circle: `into` is not merged itself."""
    found: dict[UUID, UUID] = {}
    for one in parents:
        at, steps = one, 0
        while (above := parents.get(at)) is not None:
            at, steps = above, steps + 1
            assert steps <= len(parents), "merged in a circle"
        found[one] = at
    return found


_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"
_LENGTH: Final = 18


def checked(identity: Identity) -> Identity:
    """The identity with its number as it is compared. Raises Invalid (field) for a resident's number that cannot be one (GB 11643)."""
    number = identity.id_number.strip().upper().replace(" ", "")
    if not number or identity.document != "resident_id":
        return _with_number(identity, number)
    if len(number) != _LENGTH or not number[:17].isdigit():
        zh, en = "居民身份证号码应为18位。", "A resident's id number has 18 places."
        raise Invalid(zh, en, field="identity.id_number", code="bad_id_number")
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    if _CHECKS[total % 11] != number[17]:
        zh, en = "居民身份证号码的校验位不对，请核对。", "The id number's check digit does not fit: look again."
        raise Invalid(zh, en, field="identity.id_number", code="bad_id_number")
    return _with_number(identity, number)


def _with_number(identity: Identity, number: str) -> Identity:
    values = {name: getattr(identity, name) for name in Identity.__struct_fields__}
    return Identity(**{**values, "id_number": number, "name": identity.name.strip()})


def demand_sense(told: ToldOf) -> ToldOf:
    """Raises Invalid where years contradict each other."""
    if told.born_from is not None and told.born_to is not None and told.born_from > told.born_to:
        zh, en = "出生年份的起止颠倒了。", "The years of birth are the wrong way round."
        raise Invalid(zh, en, field="told.born_from", code="years_reversed")
    return told


def number_of(day: int, last: str | None) -> str:
    """The next number of a day (yyyymmdd), after the last one given out that day."""
    serial = int(last[-4:]) + 1 if last else 1
    return f"R{day}{serial:04d}"
