"""Whom a facility takes, and in what kind of place."""

import pytest

from backend.referral.facilities.takes import (
    GROUP_NAMES,
    PLACE_NAMES,
    Group,
    Need,
    PlaceKind,
    Someone,
    not_taken,
    place_kinds,
)

MAN, WOMAN = Someone(sex="male", age_band="adult"), Someone(sex="female", age_band="adult")
CHILD, BABY, OLD = Someone(age_band="child"), Someone(age_band="infant"), Someone(sex="male", age_band="old")


def needing(*needs: Need) -> Someone:
    return Someone(sex="male", age_band="adult", needs=needs)


@pytest.mark.parametrize(
    ("people", "takes", "missing"),
    [
        ([MAN], ["adults"], []),
        ([MAN], ["men"], []),
        ([MAN], ["women"], ["men"]),
        ([WOMAN], ["men"], ["women"]),
        ([OLD], ["adults"], []),
        ([OLD], ["old"], []),
        ([OLD], ["women", "minors"], ["old"]),
        ([CHILD], ["adults"], ["minors"]),
        ([BABY], ["minors"], []),
        ([BABY], ["adults"], ["infants"]),
        ([Someone()], ["women"], []),
        ([Someone()], ["minors"], ["adults"]),
        ([needing("injured")], ["adults"], ["injured"]),
        ([needing("foreigner", "disabled")], ["adults"], ["disabled", "foreigners"]),
        ([needing("hardly_mobile")], ["adults", "disabled"], []),
        ([needing("mental_illness")], ["mental_illness"], []),
        ([needing("acutely_ill")], ["acutely_ill"], []),
        ([MAN], ["acutely_ill"], ["men"]),
        ([WOMAN, CHILD], ["women", "minors"], ["families"]),
        ([WOMAN, CHILD], ["women", "minors", "families"], []),
        ([needing("violence")], ["adults"], []),
    ],
)
def test_everything_about_a_person_has_to_be_taken(people: list[Someone], takes: list[str], missing: list[str]) -> None:
    assert not_taken(people, takes, "station") == missing


def test_who_says_nothing_takes_everybody_but_only_a_hospital_treats() -> None:
    assert not_taken([OLD, CHILD], [], "station") == []
    assert not_taken([needing("acutely_ill")], [], "station") == ["acutely_ill"]
    assert not_taken([needing("acutely_ill", "injured")], [], "hospital") == []


@pytest.mark.parametrize(
    ("people", "kinds"),
    [
        ([MAN], ("men", "any")),
        ([WOMAN, WOMAN], ("women", "any")),
        ([MAN, WOMAN], ("any",)),
        ([Someone()], ("any",)),
        ([CHILD], ("minors", "any")),
        ([WOMAN, CHILD], ("families", "any")),
        ([needing("injured")], ("medical", "any")),
    ],
)
def test_the_kind_of_place_follows_from_who_comes(people: list[Someone], kinds: tuple[PlaceKind, ...]) -> None:
    assert place_kinds(people) == kinds


def test_every_word_of_the_lists_has_a_name_in_both_languages() -> None:
    assert set(GROUP_NAMES) == set(Group.__args__)  # type: ignore[attr-defined]
    assert set(PLACE_NAMES) == set(PlaceKind.__args__)  # type: ignore[attr-defined]
    assert all(zh and en for zh, en in (*GROUP_NAMES.values(), *PLACE_NAMES.values()))
