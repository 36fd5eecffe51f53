"""The rules of protection (DOMAIN §4): each kept and each broken, in the words an officer reads."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from backend.dispatch.protection import (
    RULES,
    Consequence,
    Handling,
    HandOver,
    PersonMet,
    check,
    consequences,
    season_of,
)
from tests.rules.builders import NOON, POLICY, a_handling, a_man, local

SIGNED = HandOver("大连市救助管理站", "王某", signed_by_crew=True, signed_by_receiver=True)
STAYS: dict[str, Any] = {
    "outcome": "stays_supplies_given",
    "people": (a_man(consent="refused"),),
    "info_left": True,
    "supplies": ("blanket",),
    "persuasion": "劝导两次，本人表示不去",
}
HOSPITAL: dict[str, Any] = {
    "outcome": "to_hospital",
    "people": (a_man(acutely_ill=True, consent="not_asked"),),
    "medical_called_at": NOON,
    "station_told_at": NOON,
    "hand_over": HandOver("大医一院"),
}
POLICE: dict[str, Any] = {"police_told_at": NOON, "police_told_by": "李队员"}
FAMILY: dict[str, Any] = {"outcome": "to_family", "family_relation_checked": True}


def codes(handling: Handling) -> set[str]:
    return {violation.code for violation in check(handling, POLICY)}


def woman(**changes: Any) -> PersonMet:
    return a_man(sex="female", **changes)


def child(**changes: Any) -> PersonMet:
    return a_man(age_band="child", capacity="limited", **changes)


def old(**changes: Any) -> PersonMet:
    return a_man(age_band="old", **changes)


@dataclass(frozen=True)
class Broken:
    """A handling and the one code it must give; `kept` is the nearest one that keeps the rule."""

    code: str
    broken: Handling
    kept: Handling


BROKEN = [
    Broken("consent_missing", a_handling(people=(a_man(consent="not_asked"),)), a_handling()),
    Broken(
        "consent_missing",
        a_handling(people=(a_man(consent="not_possible"),)),
        a_handling(people=(a_man(consent="not_possible", consent_ground="意识模糊"),)),
    ),
    Broken(
        "consent_missing",
        a_handling(people=(child(consent="not_asked"),), crew_has_woman=True, hand_over=SIGNED),
        a_handling(people=(child(consent="refused"),), crew_has_woman=True, hand_over=SIGNED),
    ),
    Broken("escorted_against_will", a_handling(people=(a_man(consent="refused"),)), a_handling(**STAYS)),
    Broken("info_not_left", a_handling(**STAYS | {"info_left": False}), a_handling(**STAYS)),
    Broken(
        "info_not_left",
        a_handling(outcome="informed_and_guided"),
        a_handling(outcome="informed_and_guided", info_left=True),
    ),
    Broken("supplies_missing", a_handling(**STAYS | {"supplies": ()}), a_handling(**STAYS)),
    Broken(
        "supplies_missing",
        a_handling(**STAYS | {"supplies": ("heatstroke_medicine",)}),
        a_handling(**STAYS | {"supplies": (), "supplies_refused": True}),
    ),
    Broken("persuasion_missing", a_handling(**STAYS | {"persuasion": " "}), a_handling(**STAYS)),
    Broken(
        "minor_left",
        a_handling(**STAYS | {"people": (child(consent="refused"),)}),
        a_handling(people=(child(),), crew_has_woman=True, hand_over=SIGNED),
    ),
    Broken(
        "incapable_left",
        a_handling(**STAYS | {"people": (a_man(capacity="limited", consent="refused"),)}),
        a_handling(
            people=(a_man(capacity="limited", consent="refused", consent_ground="监护人同意"),), hand_over=SIGNED
        ),
    ),
    Broken(
        "vulnerable_not_escorted",
        a_handling(outcome="informed_and_guided", info_left=True, people=(old(),)),
        a_handling(**STAYS | {"people": (old(consent="refused"),)}),
    ),
    Broken("hand_over_missing", a_handling(people=(old(),)), a_handling(people=(old(),), hand_over=SIGNED)),
    Broken(
        "hand_over_unsigned",
        a_handling(people=(a_man(vulnerable=("disabled",)),), hand_over=HandOver("站", "王某", signed_by_crew=True)),
        a_handling(people=(a_man(vulnerable=("disabled",)),), hand_over=SIGNED),
    ),
    Broken("medical_not_called", a_handling(**HOSPITAL | {"medical_called_at": None}), a_handling(**HOSPITAL)),
    Broken(
        "medical_note_missing",
        a_handling(people=(a_man(acutely_ill=True),), medical_called_at=NOON),
        a_handling(people=(a_man(acutely_ill=True),), medical_called_at=NOON, medical_note="急救到场，无须送医"),
    ),
    Broken("station_not_told", a_handling(**HOSPITAL | {"station_told_at": None}), a_handling(**HOSPITAL)),
    Broken("hospital_missing", a_handling(**HOSPITAL | {"hand_over": None}), a_handling(**HOSPITAL)),
    Broken(
        "police_not_told",
        a_handling(people=(a_man(suspicions=("abuse",)),)),
        a_handling(people=(a_man(suspicions=("abuse",)),), **POLICE),
    ),
    Broken(
        "police_not_told",
        a_handling(outcome="to_police", police_told_at=NOON),
        a_handling(outcome="to_police", **POLICE),
    ),
    Broken(
        "sent_back_to_violence",
        a_handling(**FAMILY, **POLICE, people=(child(suspicions=("abuse",)),), crew_has_woman=True),
        a_handling(**FAMILY, **POLICE, people=(a_man(suspicions=("domestic_violence",)),)),
    ),
    Broken("family_not_checked", a_handling(outcome="to_family"), a_handling(**FAMILY)),
    Broken(
        "foreigner_not_confirmed",
        a_handling(people=(a_man(is_foreigner=True),)),
        a_handling(people=(a_man(is_foreigner=True),), police_told_at=NOON),
    ),
    Broken("escort_too_small", a_handling(crew_size=1), a_handling(crew_size=2)),
    Broken("woman_missing", a_handling(people=(woman(),)), a_handling(people=(woman(),), crew_has_woman=True)),
    Broken(
        "woman_missing",
        a_handling(**STAYS | {"people": (woman(consent="refused", searched=True),)}),
        a_handling(**STAYS | {"people": (woman(consent="refused"),)}),
    ),
    Broken(
        "woman_missing",
        a_handling(people=(child(),), hand_over=SIGNED),
        a_handling(people=(child(),), hand_over=SIGNED, crew_has_woman=True, crew_has_man=False),
    ),
    Broken(
        "man_missing",
        a_handling(people=(a_man(age_band="teen"),), hand_over=SIGNED, crew_has_woman=True, crew_has_man=False),
        a_handling(people=(a_man(age_band="teen"),), hand_over=SIGNED, crew_has_woman=True, crew_has_man=True),
    ),
    Broken(
        "family_separated",
        a_handling(family_separated_ground=""),
        a_handling(family_separated_ground="母亲急病送医"),
    ),
    Broken("enforced", a_handling(enforcement="没收铺盖"), a_handling()),
    Broken(
        "department_missing",
        a_handling(outcome="other_department", people=()),
        a_handling(outcome="other_department", people=(), department="城管执法"),
    ),
    Broken("incident_undescribed", a_handling(incident="accident"), a_handling(incident="accident", note="途中追尾")),
    Broken(
        "incident_police_not_told",
        a_handling(incident="death", note="到场已无生命体征"),
        a_handling(incident="death", note="到场已无生命体征", police_told_at=NOON),
    ),
    Broken("people_missing", a_handling(people=()), a_handling()),
    Broken(
        "search_not_shown",
        a_handling(outcome="not_found", people=()),
        a_handling(outcome="not_found", people=(), photos=1),
    ),
    Broken(
        "duplicate_of_missing",
        a_handling(outcome="duplicate", people=()),
        a_handling(outcome="duplicate", people=(), duplicate_of="case-2"),
    ),
]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.code)
def test_a_rule_broken_is_named_and_nothing_else(case: Broken) -> None:
    assert codes(case.broken) == {case.code}


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.code)
def test_a_rule_kept_is_silent(case: Broken) -> None:
    assert codes(case.kept) == set()


def test_every_rule_is_broken_by_some_test() -> None:
    """A rule nobody can break is not a rule."""
    for rule in RULES:
        assert any(list(rule(case.broken, POLICY)) for case in BROKEN), rule.__name__


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.code)
def test_what_an_officer_reads_is_short_bilingual_and_has_a_source(case: Broken) -> None:
    for violation in check(case.broken, POLICY):
        assert 4 <= len(violation.zh) <= 60
        assert violation.en.endswith(".")
        assert violation.source.startswith("§")
        assert hasattr(case.broken, violation.field) or hasattr(PersonMet(), violation.field)


def test_life_comes_before_paper_in_the_list() -> None:
    handling = a_handling(people=(old(acutely_ill=True, consent="not_asked", suspicions=("abuse",)),), crew_size=1)
    assert next(violation.code for violation in check(handling, POLICY)) == "medical_not_called"
    assert len(check(handling, POLICY)) >= 5


def test_a_violation_about_one_of_several_says_which() -> None:
    handling = a_handling(people=(a_man(), a_man(consent="refused")))
    assert [violation.person for violation in check(handling, POLICY)] == [1]


def test_treatment_never_waits_for_a_name() -> None:
    assert codes(a_handling(**HOSPITAL | {"people": (a_man(acutely_ill=True, identity_known=False),)})) == set()


def test_a_minor_may_be_escorted_although_they_say_no() -> None:
    handling = a_handling(people=(child(consent="refused"),), crew_has_woman=True, hand_over=SIGNED)
    assert codes(handling) == set()


def test_seasons_follow_the_calendar_of_the_city() -> None:
    months = {1: "winter", 3: "spring", 6: "summer", 9: "autumn", 12: "winter"}
    assert {month: season_of(local(2026, month, 1), POLICY) for month in months} == months


def by_code(handling: Handling) -> dict[str, Consequence]:
    return {after.code: after for after in consequences(handling, POLICY)}


def test_an_ordinary_escort_asks_the_station_to_establish_who_it_is_within_a_day() -> None:
    after = by_code(a_handling(station_told_at=NOON))
    assert set(after) == {"station_told", "identify"}
    assert after["identify"].due_at == NOON + timedelta(hours=24)
    assert after["station_told"].done_at == NOON
    assert "identify" not in by_code(a_handling(people=(a_man(identity_known=True),)))


def test_whoever_stays_is_looked_at_again() -> None:
    assert by_code(a_handling(**STAYS))["revisit"].due_at == NOON + timedelta(days=2)
    assert "revisit" not in by_code(a_handling())


def test_a_death_goes_up_every_level_within_half_an_hour() -> None:
    up = by_code(a_handling(incident="death"))["report_up"]
    assert up.due_at == NOON + timedelta(minutes=30)
    assert up.to == ("shift_leader", "supervisor", "civil_affairs")
    assert "report_up" not in by_code(a_handling())


def test_a_foreigner_is_told_of_to_the_police_and_the_foreign_affairs_office() -> None:
    after = by_code(a_handling(people=(a_man(is_foreigner=True),)))
    assert after["foreign_affairs_told"].done_at is None
    assert after["foreign_affairs_told"].person == 0
    assert "police_told" in after
    assert "foreign_affairs_told" not in by_code(a_handling())


def test_the_place_of_a_victim_of_violence_at_home_is_hidden() -> None:
    after = by_code(a_handling(people=(woman(suspicions=("domestic_violence",)),)))
    assert {"hide_place", "police_told"} <= set(after)
    assert "hide_place" not in by_code(a_handling())


def test_returnees_prone_to_return_are_registered_for_revisits() -> None:
    assert "revisit_returnee" in by_code(a_handling(**FAMILY, people=(a_man(vulnerable=("dementia",)),)))
    assert "revisit_returnee" not in by_code(a_handling(**FAMILY))


def test_a_handling_can_be_sent_and_stored() -> None:
    handling = a_handling(people=(old(), child()), hand_over=SIGNED, incident="accident")
    assert msgspec.json.decode(msgspec.json.encode(handling), type=Handling) == handling
