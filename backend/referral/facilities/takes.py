"""Whom a facility takes, and what kinds of place it has: the closed lists, in both languages. Pure.

A facility's `takes` names groups; an empty list is no limit. Whoever is to be taken in belongs to a base group (a man, a minor)
and has needs besides (an injury, a child with them): every one of them has to be taken. Begin at `not_taken`.
"""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from backend.intake.looks import YOUNG, AgeBand, Sex

Group = Literal[
    "adults",
    "men",
    "women",
    "minors",
    "infants",
    "old",
    "disabled",
    "mental_illness",
    "acutely_ill",
    "injured",
    "families",
    "foreigners",
    "pregnant",
]
GROUP_NAMES: Final[dict[Group, tuple[str, str]]] = {
    "adults": ("成年人", "adults"),
    "men": ("男性", "men"),
    "women": ("女性", "women"),
    "minors": ("未成年人", "minors"),
    "infants": ("婴幼儿", "infants"),
    "old": ("老年人", "old people"),
    "disabled": ("残障、行动不便者", "disabled people"),
    "mental_illness": ("精神障碍患者", "people with a mental illness"),
    "acutely_ill": ("急病患者", "the acutely ill"),
    "injured": ("伤者", "the injured"),
    "families": ("家庭", "families"),
    "foreigners": ("外国人", "foreigners"),
    "pregnant": ("孕产妇", "pregnant women"),
}
PlaceKind = Literal["any", "men", "women", "minors", "families", "medical"]
PLACE_NAMES: Final[dict[PlaceKind, tuple[str, str]]] = {
    "any": ("不分类床位", "places for anybody"),
    "men": ("男床位", "places for men"),
    "women": ("女床位", "places for women"),
    "minors": ("未成年人床位", "places for minors"),
    "families": ("家庭床位", "places for families"),
    "medical": ("医疗床位", "medical places"),
}
Need = Literal[
    "disabled", "hardly_mobile", "mental_illness", "dementia", "acutely_ill", "injured", "foreigner", "pregnant", "violence"
]  # fmt: skip
"""What somebody needs that not every place can give. violence: suspected violence at home, abuse or trafficking."""
_ASKS_FOR: Final[dict[Need, Group]] = {
    "disabled": "disabled",
    "hardly_mobile": "disabled",
    "mental_illness": "mental_illness",
    "dementia": "mental_illness",
    "acutely_ill": "acutely_ill",
    "injured": "injured",
    "foreigner": "foreigners",
    "pregnant": "pregnant",
}
# Where nothing is said of it, only a hospital treats.
_ONLY_IN_HOSPITALS: Final[frozenset[Group]] = frozenset({"acutely_ill", "injured"})


class Someone(Struct, frozen=True, kw_only=True):
    """Whoever is to be taken in, as far as it matters for where."""

    sex: Sex = "unknown"
    age_band: AgeBand = "unknown"
    needs: tuple[Need, ...] = ()

    @property
    def is_minor(self) -> bool:
        return self.age_band in YOUNG


def not_taken(people: Sequence[Someone], takes: Sequence[str], facility_kind: str) -> list[Group]:
    """The groups among these people that the facility does not take, in the order of the list; [] when it takes them all."""
    missing = {group for one in people for group in _lacking(one, takes, facility_kind)}
    if _is_family(people) and takes and "families" not in takes:
        missing.add("families")
    return [group for group in GROUP_NAMES if group in missing]


def place_kinds(people: Sequence[Someone]) -> tuple[PlaceKind, ...]:
    """The kinds of place that would do for these people together, the best first."""
    if any(not _ONLY_IN_HOSPITALS.isdisjoint(one.needs) for one in people):
        return ("medical", "any")
    if _is_family(people):
        return ("families", "any")
    if all(one.is_minor for one in people):
        return ("minors", "any")
    sexes = {one.sex for one in people}
    return ("men", "any") if sexes == {"male"} else ("women", "any") if sexes == {"female"} else ("any",)


def _is_family(people: Sequence[Someone]) -> bool:
    """Several who are taken in together, a minor and an adult among them, stay together (DOMAIN §4.6)."""
    return len({one.is_minor for one in people}) == 2


def _lacking(one: Someone, takes: Sequence[str], facility_kind: str) -> set[Group]:
    asked: set[Group] = {_ASKS_FOR[need] for need in one.needs if need in _ASKS_FOR}
    if not takes:
        return asked & _ONLY_IN_HOSPITALS if facility_kind != "hospital" else set()
    lacking = {group for group in asked if group not in takes}
    return lacking if _base(one) & set(takes) or _treats(asked, takes) else lacking | {_asked_first(one)}


def _treats(asked: set[Group], takes: Sequence[str]) -> bool:
    """A ward that says for which illness it is there takes whoever has it, of whatever age."""
    return bool(asked & {"acutely_ill", "injured", "mental_illness"} & set(takes)) and not (
        {"adults", "men", "women", "minors", "infants", "old"} & set(takes)
    )


def _base(one: Someone) -> set[Group]:
    """The groups any of which says that somebody of this age and sex is taken."""
    if one.age_band == "infant":
        return {"infants", "minors"}
    if one.is_minor:
        return {"minors"}
    of_sex: set[Group] = {"men"} if one.sex == "male" else {"women"} if one.sex == "female" else {"men", "women"}
    return {"adults", "old", *of_sex} if one.age_band == "old" else {"adults", *of_sex}


def _asked_first(one: Someone) -> Group:
    """The group that is named when none of them is taken."""
    if one.is_minor:
        return "infants" if one.age_band == "infant" else "minors"
    if one.age_band == "old":
        return "old"
    return "men" if one.sex == "male" else "women" if one.sex == "female" else "adults"
