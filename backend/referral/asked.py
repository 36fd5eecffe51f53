"""What somebody asks for who refers people: whom, to whom, with whose consent; and the rules about it. Pure. Begin at `check`."""

from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from backend.dispatch.records import ReferralTo
from backend.errors import Invalid
from backend.intake.looks import AgeBand, Sex
from backend.referral.facilities.facility import Facility
from backend.referral.facilities.takes import Need, PlaceKind, Someone

Consent = Literal["given", "not_needed"]
ConsentGround = Literal["minor", "danger", "cannot_decide"]
TO_NAMES: Final[dict[ReferralTo, tuple[str, str]]] = {
    "facility": ("救助机构", "a facility"),
    "regional_centre": ("区域中心（提级办理）", "the regional centre"),
    "hospital": ("医院", "a hospital"),
    "police": ("公安", "the police"),
    "foreign_affairs": ("外事部门", "the foreign-affairs office"),
    "womens_federation": ("妇联", "the women's federation"),
    "family": ("亲属", "the family"),
    "other_city": ("外地救助机构", "another city"),
}
OF_A_FACILITY: Final[frozenset[ReferralTo]] = frozenset({"facility", "regional_centre", "hospital"})
"""To one of our facilities, whose places are counted. The others are offices and people: a desk asks them by telephone."""


class Referred(Struct, frozen=True, kw_only=True):
    """One of those who are referred; no names. index: in the record of the case, by order where it is left out. person_id: in the
    register. needs: what the receiver must be able to give; note: what else the receiver must know."""

    index: Annotated[int, Meta(ge=0, le=98)] | None = None
    person_id: UUID | None = None
    sex: Sex = "unknown"
    age_band: AgeBand = "unknown"
    needs: Annotated[tuple[Need, ...], Meta(max_length=9)] = ()
    note: Annotated[str, Meta(max_length=500)] = ""

    def as_someone(self) -> Someone:
        return Someone(sex=self.sex, age_band=self.age_band, needs=self.needs)


class Wish(Struct, frozen=True, kw_only=True):
    """A referral that is asked for. to_facility: for facility, regional_centre and hospital; to_words: which office, or who, for the
    others. place_kind: the fittest that is free where it is left out. consent_ground: why nobody has to consent."""

    to_kind: ReferralTo
    people: Annotated[tuple[Referred, ...], Meta(min_length=1, max_length=20)]
    consent: Consent
    case_id: UUID | None = None
    to_facility: UUID | None = None
    to_words: Annotated[str, Meta(max_length=200)] | None = None
    place_kind: PlaceKind | None = None
    consent_ground: ConsentGround | None = None

    def someone(self) -> list[Someone]:
        return [one.as_someone() for one in self.people]


def check(wish: Wish) -> None:
    """What can be said without looking at anything else. Raises Invalid (field)."""
    _receiver_is_named(wish)
    _consent(wish)
    indexes = [one.index for one in wish.people if one.index is not None]
    known = [one.person_id for one in wish.people if one.person_id is not None]
    if len(set(indexes)) < len(indexes) or len(set(known)) < len(known):
        raise Invalid("同一人写了两次。", "One person is named twice.", field="people")
    if wish.case_id is None and len(known) < len(wish.people):
        raise Invalid(
            "没有案卷时，每个人都须是登记人员。", "Without a case everybody is of the register.", field="people"
        )


def _receiver_is_named(wish: Wish) -> None:
    zh, en = TO_NAMES[wish.to_kind]
    if wish.to_kind in OF_A_FACILITY and wish.to_facility is None:
        raise Invalid(f"请选择转往的机构（{zh}）。", f"Choose the facility ({en}).", field="to_facility")
    if wish.to_kind not in OF_A_FACILITY and wish.to_facility is not None:
        raise Invalid(f"转往{zh}时不选机构。", f"No facility is named for {en}.", field="to_facility")
    if wish.to_kind not in OF_A_FACILITY and not (wish.to_words or "").strip():
        raise Invalid(f"请写明转往哪里、联系谁（{zh}）。", f"Say where and whom to ask ({en}).", field="to_words")


def _consent(wish: Wish) -> None:
    """§4.1: recorded, or the ground on which it is not needed."""
    if wish.consent == "given" and wish.consent_ground is not None:
        raise Invalid("已同意的，不填无需同意的理由。", "With consent there is no ground.", field="consent_ground")
    if wish.consent == "not_needed" and wish.consent_ground is None:
        raise Invalid(
            "无需本人同意的，请选择理由：未成年人、危险、无法自主决定。",
            "Say why consent is not needed: a minor, danger, or they cannot decide.",
            field="consent_ground",
        )
    if wish.consent_ground == "minor" and not all(one.as_someone().is_minor for one in wish.people):
        raise Invalid(
            "有成年人，不能以未成年人为由。", "There is an adult: being a minor is no ground.", field="consent_ground"
        )


def check_receiver(wish: Wish, facility: Facility) -> None:
    """§4.11: reporting up goes to the regional centre; a hospital is one. Raises Invalid (field)."""
    if wish.to_kind == "regional_centre" and not facility.is_regional_centre:
        raise Invalid("该机构不是区域中心。", "That is no regional centre.", field="to_facility")
    if wish.to_kind == "hospital" and facility.kind != "hospital":
        raise Invalid("该机构不是医院。", "That is no hospital.", field="to_facility")
