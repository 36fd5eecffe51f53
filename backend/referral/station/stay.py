"""在站 Somebody's stay at a station, as values: how they came, what was done for them, how they left. Pure.

Begin at `Stay`; `check_leaving` is what has to hold when somebody leaves (DOMAIN §4, 1, 2, 6 and 9).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from backend.access.permissions import Object
from backend.dispatch.protection import Violation
from backend.errors import Invalid
from backend.intake.looks import Sex
from backend.referral.facilities.takes import Need, PlaceKind, Someone
from backend.referral.home.returnee import HomeNow
from backend.referral.people.person import Line, Person, ToldOf
from backend.referral.signature import Drawn
from backend.referral.station.deadlines import Facts, How, StayClockKind

Came = Literal["walk_in", "team", "referral", "police", "hospital", "other_station", "family"]
Wish = Literal["food", "shelter", "medical", "find_family", "return_home", "other"]
NoConsentGround = Literal["minor", "no_capacity", "danger", "illness"]
EndGround = Literal["false_information", "refuses_to_leave", "not_eligible", "unlawful"]
StayState = Literal["present", "left"]
StayClockState = Literal["running", "met", "missed", "cancelled"]

CAME_NAMES: Final[dict[Came, tuple[str, str]]] = {
    "walk_in": ("本人求助", "came by themselves"),
    "team": ("巡查队护送", "brought by a patrol"),
    "referral": ("转介", "referred"),
    "police": ("公安移送", "brought by the police"),
    "hospital": ("医院转来", "from a hospital"),
    "other_station": ("其他站转来", "from another station"),
    "family": ("亲属送来", "brought by family"),
}
HOW_NAMES: Final[dict[How, tuple[str, str]]] = {
    "home": ("亲属接回", "fetched home by family"),
    "escorted_home": ("护送返乡", "escorted home"),
    "hospital": ("送医", "to a hospital"),
    "welfare_home": ("转福利机构", "to a welfare home"),
    "left_by_self": ("自行离站", "left by themselves"),
    "runaway": ("擅自离站", "ran away"),
    "death": ("死亡", "died"),
    "settled": ("落户安置", "settled"),
    "referred": ("转其他机构", "referred to another house"),
    "other_office": ("移交其他部门", "handed to another office"),
    "help_ended": ("终止救助", "help ended"),
}
WISH_NAMES: Final[dict[Wish, tuple[str, str]]] = {
    "food": ("饮食", "food"),
    "shelter": ("住宿", "shelter"),
    "medical": ("就医", "medical help"),
    "find_family": ("联系亲属", "to find family"),
    "return_home": ("返乡", "to go home"),
    "other": ("其他", "something else"),
}
NO_CONSENT_NAMES: Final[dict[NoConsentGround, tuple[str, str]]] = {
    "minor": ("未成年人", "a minor"),
    "no_capacity": ("无民事行为能力", "cannot decide"),
    "danger": ("情况危急", "danger"),
    "illness": ("急病", "illness"),
}
END_NAMES: Final[dict[EndGround, tuple[str, str]]] = {
    "false_information": ("故意提供虚假个人情况", "gave false information on purpose"),
    "refuses_to_leave": ("救助期满，无正当理由不愿离站", "stays on without a reason when help has come to its end"),
    "not_eligible": ("经查明不属于救助对象", "found to be nobody whom a station may help"),
    "unlawful": ("违法违规，由公安机关依法处理", "broke the law, and the police deal with it"),
}
BY_HAND_OVER: Final[frozenset[How]] = frozenset({"referred", "other_office"})
"""Written down by a referral that is handed over, and by nothing else."""

Words = Annotated[str, Meta(max_length=1000)]


class ArrivalNote(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """求助登记: what is written down when somebody comes in; sealed. no_consent: on what ground a capable adult's leave is not needed.
    separated: why a family is parted after all. signature: of whoever asks for help. prolonged_because: why they stay longer than the
    first ten days, each reason in its turn; written by `searching_kin.prolong`."""

    condition: Words = ""
    belongings: Words = ""
    wishes: Annotated[tuple[Wish, ...], Meta(max_length=6)] = ()
    brought_by: Line = ""
    no_consent: NoConsentGround | None = None
    separated: Line = ""
    signature: Drawn | None = None
    prolonged_because: tuple[Words, ...] = ()


class Escort(Struct, frozen=True, forbid_unknown_fields=True):
    """Who goes with somebody."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    sex: Sex = "unknown"


class Leaving(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """离站: how somebody leaves; sealed but for `how`. to: where, or to whom; tickets: train and seat. signature: under the declaration,
    or of whoever takes them over; a declaration that bears one is signed. home: where somebody who goes home lives from now on.
    ground: why help ends (终止救助)."""

    how: How
    to: Line = ""
    receiver: Line = ""
    relation_checked: bool = False
    escorts: Annotated[tuple[Escort, ...], Meta(max_length=10)] = ()
    tickets: Line = ""
    declaration_signed: bool = False
    signature: Drawn | None = None
    police_told_at: datetime | None = None
    home: HomeNow | None = None
    ground: EndGround | None = None
    note: Words = ""


class Stay(Struct, frozen=True, kw_only=True):
    """在站. regions: the station's. unknown_since: from when the deadlines of an unknown person count. continues: the stay before, when
    somebody comes back from a hospital."""

    id: UUID
    person_id: UUID
    facility_id: UUID
    place_kind: PlaceKind
    regions: list[str]
    came: Came
    arrived_at: datetime
    arrived_by: str
    unknown_since: datetime
    state: StayState = "present"
    case_id: UUID | None = None
    referral_id: UUID | None = None
    continues: UUID | None = None
    continued_at: datetime | None = None
    notice_at: datetime | None = None
    renewed_at: datetime | None = None
    dna_requested_at: datetime | None = None
    dna_answered_at: datetime | None = None
    dna_matched: bool | None = None
    settlement_at: datetime | None = None
    prolonged_to: datetime | None = None
    left_at: datetime | None = None
    left_by: str | None = None
    how: How | None = None
    arrival: ArrivalNote = ArrivalNote()
    notice: dict[str, Any] = {}
    leaving: dict[str, Any] = {}

    def as_object(self) -> Object:
        """What permissions ask about."""
        return Object(regions=self.regions, facilities=[self.facility_id])

    def facts(self, identified_at: datetime | None) -> Facts:
        """What the deadlines follow from. identified_at: since when any record of the person has a name."""
        named = [name for name in Facts.__struct_fields__ if name != "identified_at"]
        return Facts(**{name: getattr(self, name) for name in named}, identified_at=identified_at)


class StayClock(Struct, frozen=True, kw_only=True):
    """A deadline of a stay as it is stored (backend.referral.station.deadlines)."""

    id: UUID
    stay_id: UUID
    kind: StayClockKind
    state: StayClockState
    span: str
    started_at: datetime
    due_at: datetime
    yellow_at: datetime
    missed_at: datetime | None = None
    ended_at: datetime | None = None
    extended: int = 0
    level: int = 0
    misses: int = 0
    fires_at: datetime | None = None


_NEEDS: Final[dict[str, Need]] = {
    "disabled": "disabled",
    "hardly_mobile": "hardly_mobile",
    "mental_illness": "mental_illness",
    "dementia": "dementia",
    "pregnant": "pregnant",
}
_VIOLENCE: Final = frozenset({"domestic_violence", "abuse", "trafficking"})


def someone(person: Person) -> Someone:
    """The person as far as it matters for where they can be taken."""
    told: ToldOf = person.told
    needs = [_NEEDS[one] for one in told.vulnerable if one in _NEEDS]
    needs += ["foreigner"] if told.is_foreigner else []
    needs += ["violence"] if not _VIOLENCE.isdisjoint(told.suspicions) else []
    return Someone(sex=person.sex, age_band=person.age_band, needs=tuple(needs))


def cannot_decide(person: Person) -> bool:
    """Whether somebody is not let go alone: a minor, or whose mind is not clear enough."""
    return person.is_minor or not {"mental_illness", "dementia"}.isdisjoint(person.told.vulnerable)


def check_leaving(leaving: Leaving, person: Person, settlement_at: datetime | None, crew_min: int) -> list[Violation]:
    """What is missing for somebody to leave so; [] when nothing is. crew_min: how many an escort needs at least."""
    return [one for rule in _RULES for one in rule(leaving, person, settlement_at, crew_min)]


def demand_leaving(leaving: Leaving, person: Person, settlement_at: datetime | None, crew_min: int) -> None:
    """Raises Invalid with all that is missing."""
    found = check_leaving(leaving, person, settlement_at, crew_min)
    if found:
        zh, en = "；".join(one.zh for one in found), "; ".join(one.en for one in found)
        codes = [one.code for one in found]
        raise Invalid(f"{zh}。", f"{en}.", field=found[0].field, code=found[0].code, missing=codes)


def _violation(code: str, zh: str, en: str, field: str, source: str) -> Violation:
    return Violation(code, zh, en, f"leaving.{field}", source)


def _escorted(h: Leaving, person: Person, _: datetime | None, crew_min: int) -> Iterator[Violation]:
    """Escorts home: at least two, one of the fitting sex for a woman or a minor, with tickets and a place to go. [§4.6]"""
    if h.how != "escorted_home":
        return
    if len(h.escorts) < crew_min:
        zh, en = f"护送返乡须至少{crew_min}人", f"an escort home needs {crew_min} people at least"
        yield _violation("escorts_too_few", zh, en, "escorts", "§4.6")
    sexes = {one.sex for one in h.escorts}
    if person.sex == "female" and "female" not in sexes:
        zh, en = "护送女性须有女性工作人员", "a woman is escorted by a woman among others"
        yield _violation("escort_of_fitting_sex", zh, en, "escorts", "§4.6")
    if person.is_minor and person.sex == "male" and "male" not in sexes:
        zh, en = "护送未成年人须有同性别工作人员", "a minor is escorted by somebody of the same sex"
        yield _violation("escort_of_fitting_sex", zh, en, "escorts", "§4.6")
    if not h.to.strip():
        yield _violation("no_place", "请写明护送到何处", "say where they are escorted to", "to", "§4.9")
    if not h.tickets.strip():
        yield _violation("no_tickets", "请登记车票", "write down the tickets", "tickets", "§4.9")


def _fetched(h: Leaving, person: Person, _: datetime | None, __: int) -> Iterator[Violation]:
    """Family who fetch somebody are asked who they are. [§4.2]"""
    if h.how == "home" and not h.receiver.strip():
        yield _violation("no_receiver", "请写明由谁接回", "say who fetched them", "receiver", "§4.2")
    if h.how == "home" and cannot_decide(person) and not h.relation_checked:
        zh, en = "须核实接领人与本人的关系", "check how the one who fetches them is related"
        yield _violation("relation_not_checked", zh, en, "relation_checked", "§4.2")


def _alone(h: Leaving, person: Person, _: datetime | None, __: int) -> Iterator[Violation]:
    """A capable adult leaves as they like, with a signed declaration; nobody else is let go alone. [§4.1]"""
    if h.how != "left_by_self":
        return
    if cannot_decide(person):
        zh, en = (
            "未成年人、精神或认知障碍者不得自行离站",
            "minors and people whose mind is not clear are not let go alone",
        )
        yield _violation("not_alone", zh, en, "how", "§4.1")
    elif not (h.declaration_signed or h.signature):
        zh, en = "须签署自行离站声明", "the declaration of leaving is to be signed"
        yield _violation("no_declaration", zh, en, "declaration_signed", "§4.1")


def _taken_on(h: Leaving, _: Person, __: datetime | None, ___: int) -> Iterator[Violation]:
    """To a hospital or a welfare home: which, and who received. [§4.2]"""
    if h.how in ("hospital", "welfare_home"):
        if not h.to.strip():
            yield _violation("no_place", "请写明送往何处", "say where they are taken", "to", "§4.2")
        if not h.receiver.strip():
            yield _violation("no_receiver", "请写明接收人", "say who received them", "receiver", "§4.2")


def _handed_on(h: Leaving, _: Person, __: datetime | None, ___: int) -> Iterator[Violation]:
    """To other hands only with a hand-over that both sides sign. [§4.2]"""
    if h.how in BY_HAND_OVER:
        zh, en = "请办理转介，交接签字后自动离站", "refer them: they have left once the hand-over is signed"
        yield _violation("by_hand_over", zh, en, "how", "§4.2")


def _settled(h: Leaving, _: Person, settlement_at: datetime | None, __: int) -> Iterator[Violation]:
    """Settlement is applied for first. [§4.9]"""
    if h.how == "settled" and settlement_at is None:
        zh, en = "尚未申请落户安置", "settlement has not been applied for"
        yield _violation("settlement_not_applied", zh, en, "how", "§4.9")


def _ended(h: Leaving, person: Person, _: datetime | None, __: int) -> Iterator[Violation]:
    """Help ends on a ground of the closed list, and never for who cannot look after themselves. [实施细则]"""
    if h.how != "help_ended":
        return
    if cannot_decide(person):
        zh, en = (
            "未成年人、精神或认知障碍者不得终止救助",
            "help never ends for minors and people whose mind is not clear",
        )
        yield _violation("not_to_be_ended", zh, en, "how", "§4.1")
    elif h.ground is None:
        yield _violation(
            "no_ground", "请选择终止救助的理由", "choose the ground on which help ends", "ground", "实施细则"
        )
    elif h.ground == "unlawful" and h.police_told_at is None:
        zh, en = "须告知公安，并写明时间", "the police are told; say when"
        yield _violation("police_not_told", zh, en, "police_told_at", "§4.7")


def _police(h: Leaving, person: Person, _: datetime | None, __: int) -> Iterator[Violation]:
    """Death, and somebody missing who cannot look after themselves: the police know at once. [§4.8]"""
    if (h.how == "death" or (h.how == "runaway" and cannot_decide(person))) and h.police_told_at is None:
        zh, en = "须立即告知公安，并写明时间", "the police are told at once; say when"
        yield _violation("police_not_told", zh, en, "police_told_at", "§4.8")


_RULES: Final[tuple[Callable[[Leaving, Person, datetime | None, int], Iterator[Violation]], ...]] = (
    _escorted,
    _fetched,
    _alone,
    _taken_on,
    _handed_on,
    _settled,
    _ended,
    _police,
)


def needs_leave(came: Came, people: Sequence[Person]) -> bool:
    """Whether somebody among them is taken in without having asked: their leave, or a ground, has to be recorded. [§4.1]"""
    return came != "walk_in" and any(not cannot_decide(one) for one in people)
