"""What is really there: the people at each spot, what a crew finds, and what it can truthfully record.

Only the simulated crews look here, on the spot. Shares and minutes are made up (docs/measurements.md gives them); what is
recorded always keeps the rules of protection (backend.dispatch.protection).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from backend.dispatch.protection import Handling, HandOver, PersonMet, season_of
from backend.dispatch.protection.handling import Outcome, Vulnerable
from backend.policy import Policy
from ops.simulate.chance import Chance, pick
from ops.simulate.day import DayReport

CAPABLE: Final[dict[Outcome, float]] = {
    "stays_supplies_given": 34,
    "informed_and_guided": 22,
    "escorted_to_station": 12,
    "not_found": 24,
    "to_family": 2,
    "to_hospital": 2,
    "other_department": 4,
}
"""What becomes of a visit to adults who decide for themselves, in percent."""
FRAIL: Final[dict[Outcome, float]] = {
    "escorted_to_station": 36,
    "stays_supplies_given": 26,
    "not_found": 24,
    "to_hospital": 8,
    "to_family": 6,
}
"""… to the old or disabled."""
MINOR: Final[dict[Outcome, float]] = {"escorted_to_station": 40, "to_family": 30, "not_found": 20, "to_police": 10}
ILL: Final[dict[Outcome, float]] = {"to_hospital": 80, "not_found": 20}
TAKEN_ALONG: Final[frozenset[Outcome]] = frozenset({"escorted_to_station", "to_hospital", "to_family", "to_police"})
MINUTES: Final = (10.0, 40.0)
"""How long a crew is busy on the spot."""
LOOKING_MINUTES: Final = (10.0, 18.0)
"""… when it finds nobody."""


class Visit(Struct, frozen=True, kw_only=True):
    """What comes of a crew's visit: how long it is on the spot, and where it has to take people (a kind of facility)."""

    outcome: Outcome
    on_spot_s: float
    taken_to: str | None
    people: tuple[PersonMet, ...]


class Street:
    """The truth behind the reports. `heard` tells it which case a report became."""

    def __init__(self, chance: Chance, policy: Policy) -> None:
        self._chance, self._policy = chance, policy
        self._spots: dict[str, DayReport] = {}
        self._gone: set[str] = set()
        self._visits: dict[str, int] = {}
        self.opened_by: dict[str, str] = {}

    def heard(self, case_id: str, key: str, report: DayReport) -> None:
        """The report `key` opened or joined this case; the first one says what the case is about."""
        self.opened_by.setdefault(case_id, key)
        self._spots.setdefault(case_id, report)

    def key(self, case: dict[str, Any]) -> str:
        """A name for the case that is the same in every run: the report that opened it, else when it was opened."""
        return self.opened_by.get(case["id"], str(case["opened_at"]))

    def visit(self, case: dict[str, Any]) -> Visit:
        """What a crew that arrives now will have found and done. Whoever was taken along is no longer there."""
        key = self.key(case)
        spot = self._spots[case["id"]].spot if case["id"] in self._spots else key
        nth = self._visits[key] = self._visits.get(key, 0) + 1
        chance = self._chance.of("visit", key, nth)
        people = _people(self._chance.of("people", spot), case)
        outcome = pick(chance, _shares(people, case))
        if spot in self._gone:
            outcome = "not_found"
        elif outcome in TAKEN_ALONG:
            self._gone.add(spot)
        low, high = LOOKING_MINUTES if outcome == "not_found" else MINUTES
        minutes = chance.uniform(low, high)
        taken_to = {"escorted_to_station": "station", "to_hospital": "hospital"}.get(outcome)
        return Visit(outcome=outcome, on_spot_s=minutes * 60, taken_to=taken_to, people=people)

    def record(self, visit: Visit, crew: "Crew", facility: str, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
        """The handling as the officer types it, as JSON. facility: where people were taken, if anywhere."""
        handling = Handling(
            outcome=visit.outcome,
            handled_at=now.astimezone(zone),
            people=() if visit.outcome in ("not_found", "other_department") else visit.people,
            crew_size=crew.size,
            crew_has_woman=crew.has_woman,
            crew_has_man=True,
            photos=1,
        )
        supplies = self._policy.protection.supplies[season_of(now, self._policy)]
        finished = _FINISH.get(visit.outcome, _as_it_is)(handling, facility, supplies)
        plain: dict[str, Any] = msgspec.to_builtins(finished)
        return plain


class Crew(Struct, frozen=True):
    """Who is in the car."""

    size: int
    has_woman: bool


def _shares(people: tuple[PersonMet, ...], case: dict[str, Any]) -> dict[Outcome, float]:
    if {"acute_illness", "injury", "unconscious"} & set(case["dangers"]):
        return ILL
    if any(person.is_minor for person in people):
        return MINOR
    return FRAIL if any(person.needs_escort for person in people) else CAPABLE


def _people(chance: Random, case: dict[str, Any]) -> tuple[PersonMet, ...]:
    looks = case["looks"]
    ill = bool({"acute_illness", "injury", "unconscious"} & set(case["dangers"]))
    first = PersonMet(
        sex=looks["sex"],
        age_band=looks["age_band"] if looks["age_band"] != "unknown" else "adult",
        capacity="limited" if looks["age_band"] in ("child", "teen", "infant") else "capable",
        vulnerable=_frailty(chance, looks),
        acutely_ill=ill,
        identity_known=chance.random() < 0.7,
    )
    others = [
        PersonMet(sex=chance.choice(("male", "female")), age_band="adult", capacity="capable", identity_known=True)
    ]
    return (first, *others * (min(case["people_count"], 4) - 1))


def _frailty(chance: Random, looks: dict[str, Any]) -> tuple[Vulnerable, ...]:
    found: list[Vulnerable] = []
    if {"crutches", "wheelchair"} & set(looks["belongings"]):
        found.append("disabled")
    if looks["age_band"] == "old":
        found.append("old")
    elif chance.random() < 0.06:
        found.append("mental_illness")
    return tuple(found)


_Finish = Callable[[Handling, str, tuple[str, ...]], Handling]
_replace = msgspec.structs.replace


def _as_it_is(h: Handling, _facility: str, _supplies: tuple[str, ...]) -> Handling:
    return h


def _consenting(h: Handling) -> tuple[PersonMet, ...]:
    return tuple(_replace(person, consent="given") for person in h.people)


def _stays(h: Handling, _facility: str, supplies: tuple[str, ...]) -> Handling:
    people = tuple(_replace(person, consent="refused") for person in h.people)
    said = "劝导进站，本人表示暂不愿意；已告知救助站地址电话。"
    return _replace(h, people=people, info_left=True, supplies=supplies[:2], persuasion=said, note="已登记，择日回访。")


def _guided(h: Handling, _facility: str, _supplies: tuple[str, ...]) -> Handling:
    return _replace(h, info_left=True, note="已告知求助方式，本人自行前往救助站。")


def _escorted(h: Handling, facility: str, _supplies: tuple[str, ...]) -> Handling:
    paper = HandOver(facility=facility, receiver="值班员", signed_by_crew=True, signed_by_receiver=True)
    return _replace(
        h,
        people=_consenting(h),
        hand_over=paper,
        station_told_at=h.handled_at - timedelta(minutes=5),
        crew_has_woman=True,
    )


def _hospital(h: Handling, facility: str, _supplies: tuple[str, ...]) -> Handling:
    called = h.handled_at - timedelta(minutes=25)
    return _replace(
        h,
        people=_consenting(h),
        hand_over=HandOver(facility=facility, receiver="急诊护士"),
        medical_called_at=called,
        station_told_at=h.handled_at - timedelta(minutes=5),
    )


def _family(h: Handling, _facility: str, _supplies: tuple[str, ...]) -> Handling:
    return _replace(
        h, people=_consenting(h), family_relation_checked=True, crew_has_woman=True, note="亲属到场接回，关系已核实。"
    )


def _police(h: Handling, _facility: str, _supplies: tuple[str, ...]) -> Handling:
    return _replace(
        h, police_told_at=h.handled_at - timedelta(minutes=15), police_told_by="带队队员", crew_has_woman=True
    )


def _nobody(h: Handling, _facility: str, _supplies: tuple[str, ...]) -> Handling:
    return _replace(h, note="周边二百米内已查找，未发现。")


def _elsewhere(h: Handling, _facility: str, _supplies: tuple[str, ...]) -> Handling:
    return _replace(h, department="环境卫生部门", note="现场为遗留物品，已转告。")


_FINISH: Final[dict[Outcome, _Finish]] = {
    "stays_supplies_given": _stays,
    "informed_and_guided": _guided,
    "escorted_to_station": _escorted,
    "to_hospital": _hospital,
    "to_family": _family,
    "to_police": _police,
    "not_found": _nobody,
    "other_department": _elsewhere,
}
