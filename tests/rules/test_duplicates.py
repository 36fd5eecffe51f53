"""Two reports of one person are found, and two people are not made one."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.geo.place import LonLat
from backend.intake.duplicates import compare, mobility, rank, reach_m, text_likeness, to_join
from backend.intake.looks import Looks
from backend.policy import parse_policy
from tests.rules.builders import NOON, POLICY, SQUARE, a_candidate, a_report, north

MAN = Looks(sex="male", age_band="old", posture="lying", colours=("blue",), belongings=("bedding",))
JOIN_AT = POLICY.intake.auto_join_at
SUGGEST_AT = POLICY.intake.suggest_at

some_looks = st.builds(
    Looks,
    sex=st.sampled_from(["male", "female", "unknown"]),
    age_band=st.sampled_from(["infant", "child", "teen", "adult", "old", "unknown"]),
    posture=st.sampled_from(["lying", "sitting", "standing", "walking", "unknown"]),
    colours=st.lists(st.sampled_from(["red", "blue", "black"]), max_size=2).map(tuple),
    belongings=st.lists(st.sampled_from(["dog", "bag", "wheelchair"]), max_size=2).map(tuple),
    moving_deg=st.none() | st.floats(0, 359),
)
some_metres = st.floats(-4000, 4000)
some_minutes = st.integers(-2000, 2000)


def codes(match: object) -> set[str]:
    return {reason.code for reason in match.reasons}  # type: ignore[attr-defined]


def test_one_spot_at_one_time_is_suggested_but_never_joined_by_itself() -> None:
    match = compare(a_report(), a_candidate(), POLICY)
    assert SUGGEST_AT <= match.score < JOIN_AT
    assert codes(match) == {"same_place"}


def test_the_same_looks_at_the_same_spot_are_joined() -> None:
    report = a_report(looks=MAN, text="老人躺在地铁口, 盖着蓝色被子")
    found = rank(report, [a_candidate(looks=MAN, text="地铁口有老人躺着, 蓝色被子")], POLICY)
    joined = to_join(found, POLICY)
    assert joined is not None
    assert joined.case_id == "case-1"
    assert {"sex_agrees", "age_agrees", "colours_agree", "belongings_agree", "words_agree"} <= codes(joined)


def test_a_reporter_who_says_that_it_is_another_is_believed_and_one_who_says_the_same_only_helps() -> None:
    known = a_candidate(looks=MAN, text="地铁口有老人躺着, 蓝色被子")
    words = {"looks": MAN, "text": "老人躺在地铁口, 盖着蓝色被子"}
    other = rank(a_report(said_same=False, **words), [known], POLICY)
    assert to_join(other, POLICY) is None
    assert "said_other" in codes(other[0])
    alone = compare(a_report(said_same=True), a_candidate(), POLICY)
    assert compare(a_report(), a_candidate(), POLICY).score < alone.score < JOIN_AT


def test_two_cases_that_both_fit_are_left_to_a_person() -> None:
    report = a_report(looks=MAN)
    found = rank(report, [a_candidate(case_id=name, looks=MAN) for name in ("one", "two")], POLICY)
    assert len(found) == 2
    assert to_join(found, POLICY) is None


@given(some_looks, some_looks, some_metres, some_minutes, st.text(max_size=20))
def test_another_sex_or_an_adult_for_a_child_is_never_joined(
    ours: Looks, theirs: Looks, metres: float, minutes: int, text: str
) -> None:
    report = a_report(
        looks=ours, place=north(metres), occurred_at=NOON + timedelta(minutes=minutes), text=text, reporter="r"
    )
    match = compare(report, a_candidate(looks=theirs, text=text, reporters=frozenset({"r"})), POLICY)
    other_sex = {ours.sex, theirs.sex} == {"male", "female"}
    minors = {"infant", "child", "teen"}
    known = "unknown" not in (ours.age_band, theirs.age_band)
    if other_sex or (known and (ours.age_band in minors) != (theirs.age_band in minors)):
        assert match.score < JOIN_AT
        assert to_join([match], POLICY) is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Looks(sex="male"), Looks(sex="female")), (Looks(age_band="child"), Looks(age_band="adult"))],
)
def test_no_threshold_however_low_joins_a_contradiction(ours: Looks, theirs: Looks) -> None:
    eager = parse_policy("[intake]\nsuggest_at = 0.0\nauto_join_at = 0.01\n")
    match = compare(a_report(looks=ours), a_candidate(looks=theirs), eager)
    assert match.contradicted
    assert match.score < 0.01


@pytest.mark.parametrize("stage", ["assisted", "refused", "voided", "joined"])
def test_a_case_that_has_ended_swallows_no_new_report(stage: str) -> None:
    report = a_report(looks=MAN, text="老人躺在地铁口，盖着蓝色被子", reporter="r")
    same = {"looks": MAN, "text": "地铁口有老人躺着，蓝色被子", "reporters": frozenset({"r"})}
    assert to_join([compare(report, a_candidate(**same), POLICY)], POLICY) is not None
    ended = compare(report, a_candidate(stage=stage, **same), POLICY)
    assert SUGGEST_AT <= ended.score < JOIN_AT
    assert to_join([ended], POLICY) is None


@given(some_looks, some_looks, some_metres, some_minutes)
def test_a_score_is_a_share_and_does_not_depend_on_which_report_came_first(
    ours: Looks, theirs: Looks, metres: float, minutes: int
) -> None:
    later = NOON + timedelta(minutes=minutes)
    ours = Looks(ours.sex, ours.age_band, ours.posture, ours.colours, ours.belongings)
    theirs = Looks(theirs.sex, theirs.age_band, theirs.posture, theirs.colours, theirs.belongings)
    one = compare(a_report(looks=ours, place=north(metres), occurred_at=later), a_candidate(looks=theirs), POLICY)
    other = compare(a_report(looks=theirs), a_candidate(looks=ours, place=north(metres), seen_at=later), POLICY)
    assert 0 <= one.score <= 1
    assert one.score == other.score


@given(st.floats(0, 2000), st.floats(0, 2000), st.integers(0, 1400), some_looks)
def test_whoever_is_farther_away_is_no_likelier(near: float, far: float, minutes: int, looks: Looks) -> None:
    near, far = sorted((near, far))
    later = NOON + timedelta(minutes=minutes)
    still = Looks(looks.sex, looks.age_band, looks.posture, looks.colours, looks.belongings)
    scores = [
        compare(a_report(looks=still, place=north(m), occurred_at=later), a_candidate(looks=still), POLICY).score
        for m in (near, far)
    ]
    assert scores[0] >= scores[1] - 0.02  # "stayed" and "walked" meet with a small step


@given(some_looks, some_looks, st.integers(0, 1430), st.floats(0, 3000))
def test_the_database_selects_everything_that_could_be_suggested(
    ours: Looks, theirs: Looks, minutes: int, metres: float
) -> None:
    report = a_report(looks=ours, place=north(metres), occurred_at=NOON + timedelta(minutes=minutes))
    match = compare(report, a_candidate(looks=theirs), POLICY)
    if match.score >= SUGGEST_AT:
        assert match.distance_m <= reach_m(minutes * 60, POLICY, ours)


def test_somebody_lying_hardly_moves_and_somebody_walking_gets_far() -> None:
    hour_s = 3600
    lying = reach_m(hour_s, POLICY, Looks(posture="lying"))
    walking = reach_m(hour_s, POLICY, Looks(posture="walking"))
    assert lying < 200 < 1000 < walking
    assert reach_m(10 * hour_s, POLICY, Looks(posture="walking")) == POLICY.intake.max_radius_m
    assert mobility(Looks(posture="walking", belongings=("wheelchair",))) < mobility(Looks(posture="walking"))


def test_an_inexact_position_is_looked_around_more_widely() -> None:
    assert reach_m(0, POLICY, accuracy_m=500) > reach_m(0, POLICY) > reach_m(0, POLICY, accuracy_m=5)


def test_a_walker_found_a_kilometre_on_after_an_hour_is_possible_and_a_lying_person_is_not() -> None:
    later = NOON + timedelta(hours=1)
    walking, lying = Looks(posture="walking", sex="male"), Looks(posture="lying", sex="male")
    walked = compare(a_report(looks=walking, place=north(1000), occurred_at=later), a_candidate(looks=walking), POLICY)
    lay = compare(a_report(looks=lying, place=north(1000), occurred_at=later), a_candidate(looks=lying), POLICY)
    assert "within_walk" in codes(walked)
    assert walked.score > 0
    assert codes(lay) == {"too_far"}
    assert lay.score == 0


def test_what_lies_outside_the_window_is_not_compared() -> None:
    match = compare(a_report(occurred_at=NOON + timedelta(hours=25)), a_candidate(), POLICY)
    assert (match.score, codes(match)) == (0, {"too_long_ago"})


def test_time_apart_speaks_gently_against() -> None:
    now, later = (
        compare(a_report(occurred_at=NOON + timedelta(hours=h)), a_candidate(), POLICY).score for h in (0, 20)
    )
    assert later < now < later + 0.15


def test_another_direction_speaks_against_and_the_same_for() -> None:
    walking = Looks(posture="walking", moving_deg=0.0)
    later = NOON + timedelta(minutes=30)
    ahead = compare(a_report(place=north(300), occurred_at=later), a_candidate(looks=walking), POLICY)
    behind = compare(a_report(place=north(-300), occurred_at=later), a_candidate(looks=walking), POLICY)
    aside = compare(
        a_report(place=LonLat(SQUARE.lon + 0.0035, SQUARE.lat), occurred_at=later), a_candidate(looks=walking), POLICY
    )
    assert ahead.score > aside.score > behind.score
    assert "direction_agrees" in codes(ahead)
    assert "direction_differs" in codes(behind)


def test_numbers_of_people_that_differ_speak_against() -> None:
    two, three, six = (compare(a_report(people_count=n), a_candidate(people_count=2), POLICY).score for n in (2, 3, 6))
    assert two > three > six


def test_the_same_reporter_again_probably_means_the_same_person() -> None:
    again = compare(a_report(reporter="r"), a_candidate(reporters=frozenset({"r"})), POLICY)
    assert "same_reporter" in codes(again)
    assert again.score > compare(a_report(reporter="x"), a_candidate(reporters=frozenset({"r"})), POLICY).score


def test_a_closed_case_is_less_likely_and_one_reported_often_more() -> None:
    closed, plain, often = (
        compare(a_report(), candidate, POLICY).score
        for candidate in (a_candidate(stage="assisted"), a_candidate(), a_candidate(sightings=5))
    )
    assert closed < plain < often


def test_the_best_comes_first_and_the_hopeless_not_at_all() -> None:
    candidates = [
        a_candidate(case_id="far", place=north(900)),
        a_candidate(case_id="near", place=north(20)),
        a_candidate(case_id="here", looks=MAN),
    ]
    assert [m.case_id for m in rank(a_report(looks=MAN), candidates, POLICY)] == ["here", "near"]


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        ("老人躺在地铁口台阶上", "地铁口台阶上躺着一位老人", True),
        ("红衣女子抱着孩子坐在天桥", "桥洞下有男子睡觉", False),
        ("", "老人躺在地铁口", False),
        ("有人", "有人", False),
    ],
)
def test_words_are_compared_without_cutting_them_apart(a: str, b: str, *, alike: bool) -> None:
    assert (text_likeness(a, b) >= 0.2) is alike


@given(st.text(max_size=40), st.text(max_size=40))
def test_likeness_of_words_is_a_share_and_symmetric(a: str, b: str) -> None:
    assert 0 <= text_likeness(a, b) == text_likeness(b, a) <= 1


def test_reasons_are_in_both_languages() -> None:
    match = compare(a_report(looks=MAN), a_candidate(looks=MAN, sightings=4), POLICY)
    assert all(reason.zh and reason.en and math.isfinite(reason.weight) for reason in match.reasons)


def test_two_people_who_both_fit_are_left_to_a_person() -> None:
    same = {"looks": MAN, "text": "穿红色外套的老人躺在地铁口台阶上"}
    report = a_report(**same)
    one, other = a_candidate(case_id="1", **same), a_candidate(case_id="2", place=north(6), **same)
    assert to_join(rank(report, [one], POLICY), POLICY) is not None
    assert to_join(rank(report, [one, other], POLICY), POLICY) is None
