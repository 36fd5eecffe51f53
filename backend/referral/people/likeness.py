"""May two records be one person? A score from 0 to 1 with its reasons, as for reports (backend.intake.duplicates). Pure.

Evidence is added up as log-odds, beginning well below zero: two records drawn at random are two people. A document settles it, marks
say much, looks and words a little; sex, an adult and a child, two documents, or having been seen side by side speak against it.
A person decides; nothing is merged by a score. Begin at `rank`.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from backend.geo.place import LonLat, distance_m
from backend.intake.duplicates import Evidence, text_likeness
from backend.intake.looks import YOUNG
from backend.referral.people.person import BodyMark, Person

TWO_PEOPLE: Final = -3.0
"""Log-odds that two records of a register are one person, nothing else known: one in twenty of those that are compared."""

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "same_document": ("证件号码相同", "the same document"),
    "other_document": ("证件号码不同", "different documents"),
    "same_name": ("姓名相同", "the same name"),
    "other_name": ("姓名不同", "another name"),
    "sex_agrees": ("性别相符", "sex agrees"),
    "sex_differs": ("性别不符", "sex differs"),
    "age_agrees": ("年龄段相符", "age agrees"),
    "age_differs": ("年龄段不符", "age differs"),
    "adult_or_child": ("一为成人一为未成年人", "one is an adult, one is not"),
    "years_agree": ("出生年份相符", "years of birth agree"),
    "years_differ": ("出生年份不符", "years of birth differ"),
    "height_agrees": ("身高相近", "height agrees"),
    "height_differs": ("身高相差较大", "height differs"),
    "marks_agree": ("体貌特征相符", "marks agree"),
    "accent_agrees": ("口音相同", "the same accent"),
    "origin_agrees": ("来源地相同", "the same origin"),
    "province_agrees": ("来源省份相同", "the same province"),
    "described_alike": ("描述相似", "described alike"),
    "met_near": ("发现地点相近", "met near by"),
    "met_together": ("曾同时在场", "met side by side"),
    "is_listed": ("对方在重点人员名单上", "the other is on the list of vulnerable people"),
}
_AGAINST: Final = frozenset({"other_document", "sex_differs", "adult_or_child", "met_together"})
_AGES: Final = ("infant", "child", "teen", "adult", "old")
_GROWS_S: Final = 2 * 365.25 * 86_400
"""After so long a child may be counted as a grown-up."""


class Known(Struct, frozen=True, kw_only=True):
    """A record and what stands around it. met: where its cases were (WGS-84). cases, stays: those it took part in, at the same time as
    whoever else did. listed: on the list of vulnerable people."""

    person: Person
    met: tuple[LonLat, ...] = ()
    together: frozenset[UUID] = frozenset()
    listed: bool = False


class Likeness(Struct, frozen=True, kw_only=True):
    """How likely another record is the same person, and why."""

    person_id: UUID
    score: float
    reasons: tuple[Evidence, ...]


def in_words(reasons: Iterable[dict[str, Any]]) -> list[Evidence]:
    """Reasons as they are kept, with their words."""
    return [_evidence(one["code"], one["weight"]) for one in reasons]


def rank(known: Known, others: Iterable[Known], suggest_at: float) -> list[Likeness]:
    """Those worth showing to somebody who decides, likeliest first. suggest_at: the score from which on they are."""
    found = [compare(known, other) for other in others if other.person.id != known.person.id]
    return sorted((one for one in found if one.score >= suggest_at), key=lambda m: (-m.score, str(m.person_id)))


def compare(ours: Known, theirs: Known) -> Likeness:
    """The score of one pair. Symmetric but for who is on the list."""
    reasons = [*_identity(ours.person, theirs.person), *_looks(ours.person, theirs.person)]
    reasons += [*_body(ours.person, theirs.person), *_origin(ours.person, theirs.person)]
    reasons += [*_around(ours, theirs)]
    odds = TWO_PEOPLE + sum(reason.weight for reason in reasons)
    if any(reason.code in _AGAINST for reason in reasons) and not any(r.code == "same_document" for r in reasons):
        odds = min(odds, TWO_PEOPLE)
    score = round(1 / (1 + math.exp(-odds)), 4) if odds > -9 else 0.0
    return Likeness(person_id=theirs.person.id, score=score, reasons=tuple(reasons))


def _evidence(code: str, weight: float) -> Evidence:
    zh, en = _WORDS[code]
    return Evidence(code, zh, en, round(weight, 2))


def _identity(ours: Person, theirs: Person) -> list[Evidence]:
    found = []
    a, b = ours.identity, theirs.identity
    if a.id_number and b.id_number and a.document == b.document:
        found.append(
            _evidence("same_document", 9.0) if a.id_number == b.id_number else _evidence("other_document", -9.0)
        )
    if a.name and b.name:
        said = "own_word" in (ours.identity_source, theirs.identity_source)
        same = _plain(a.name) == _plain(b.name)
        found.append(_evidence("same_name", 2.5) if same else _evidence("other_name", -0.5 if said else -2.5))
    return found


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _looks(ours: Person, theirs: Person) -> list[Evidence]:
    found = []
    if "unknown" not in (ours.sex, theirs.sex):
        found.append(_evidence("sex_agrees", 0.4) if ours.sex == theirs.sex else _evidence("sex_differs", -4.0))
    if "unknown" not in (ours.age_band, theirs.age_band):
        found += _ages(ours, theirs)
    return found


def _ages(ours: Person, theirs: Person) -> list[Evidence]:
    apart = abs(_AGES.index(ours.age_band) - _AGES.index(theirs.age_band))
    if apart == 0:
        return [_evidence("age_agrees", 0.5)]
    if _apart_s(ours.created_at, theirs.created_at) > _GROWS_S:
        return []
    if (ours.age_band in YOUNG) != (theirs.age_band in YOUNG):
        return [_evidence("adult_or_child", -4.0)]
    return [_evidence("age_differs", -0.5 * apart)]


def _apart_s(a: datetime, b: datetime) -> float:
    return abs((a - b).total_seconds())


def _body(ours: Person, theirs: Person) -> list[Evidence]:
    a, b = ours.told, theirs.told
    found = [*_years(ours, theirs)]
    if a.height_cm and b.height_cm and not (ours.is_minor or theirs.is_minor):
        off_cm = abs(a.height_cm - b.height_cm)
        found += [_evidence("height_agrees", 0.6)] if off_cm <= 4 else []
        found += [_evidence("height_differs", -1.5)] if off_cm > 12 else []
    if (alike := _marks(a.marks, b.marks)) > 0:
        found.append(_evidence("marks_agree", alike))
    return found


def _years(ours: Person, theirs: Person) -> list[Evidence]:
    a, b = _born(ours), _born(theirs)
    if a is None or b is None:
        return []
    gap = max(a[0], b[0]) - min(a[1], b[1])
    if gap <= 0:
        return [_evidence("years_agree", 0.7)]
    return [_evidence("years_differ", -2.0)] if gap > 8 else []


def _born(person: Person) -> tuple[int, int] | None:
    if (day := person.identity.born_on) is not None:
        return day.year, day.year
    told = person.told
    if told.born_from is None and told.born_to is None:
        return None
    return told.born_from or told.born_to or 0, told.born_to or told.born_from or 0


def _marks(ours: Sequence[BodyMark], theirs: Sequence[BodyMark]) -> float:
    """Each mark of ours that has its like there: of what kind, where, and in similar words."""
    left = list(theirs)
    total = 0.0
    for mark in ours:
        weight, best = max(((_mark(mark, other), n) for n, other in enumerate(left)), default=(0.0, 0))
        if weight > 0:
            total += weight
            left.pop(best)
    return min(3.6, total)


def _mark(a: BodyMark, b: BodyMark) -> float:
    if a.kind != b.kind or (a.where != b.where and "unknown" not in (a.where, b.where)):
        return 0.0
    where = 1.4 if a.where == b.where != "unknown" else 0.5
    common = 0.4 if a.kind in ("glasses", "hair", "other") else 1.0
    return where * common + (0.8 if text_likeness(a.words, b.words) >= 0.3 else 0.0)


def _origin(ours: Person, theirs: Person) -> list[Evidence]:
    a, b = ours.told, theirs.told
    found = []
    if a.accent and _plain(a.accent) == _plain(b.accent):
        found.append(_evidence("accent_agrees", 0.6))
    if a.origin and b.origin and a.origin[:2] == b.origin[:2]:
        same = a.origin == b.origin and not a.origin.endswith("0000")
        found.append(_evidence("origin_agrees", 1.0) if same else _evidence("province_agrees", 0.4))
    if (alike := text_likeness(a.description, b.description)) >= 0.2:
        found.append(_evidence("described_alike", min(0.9, 1.3 * alike)))
    return found


def _around(ours: Known, theirs: Known) -> list[Evidence]:
    if theirs.person.id in ours.together:
        return [_evidence("met_together", -6.0)]
    found = []
    off_m = min((distance_m(a, b) for a in ours.met for b in theirs.met), default=None)
    if off_m is not None and off_m <= 5_000:
        found.append(_evidence("met_near", 0.8 if off_m <= 1_000 else 0.3))
    if theirs.listed or ours.listed:
        found.append(_evidence("is_listed", 0.4))
    return found
