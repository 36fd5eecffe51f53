"""Danger first: what raises a priority, what to call, and that nothing lowers it silently."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Conflict, Invalid
from backend.intake.danger_words import DANGER_WORDS, suggested_dangers
from backend.intake.looks import Looks
from backend.intake.triage import Triage, WeatherNow, assess, highest, lower, merge_priority
from backend.policy import Danger, Priority
from tests.rules.builders import POLICY, local

DAY = local(2026, 5, 6, 14)
WINTER_NIGHT = local(2026, 12, 20, 23)
PRIORITIES: tuple[Priority, ...] = ("normal", "high", "critical")
some_dangers = st.lists(st.sampled_from(get_args(Danger)), max_size=4)


def judged(*dangers: Danger, **more: object) -> Triage:
    return assess(dangers, POLICY, **{"local": DAY, **more})  # type: ignore[arg-type]


def test_an_ordinary_sighting_is_normal_and_calls_nobody() -> None:
    result = judged()
    assert (result.priority, result.call_first, result.dangers, result.reasons) == ("normal", (), (), ())


@pytest.mark.parametrize("danger", get_args(Danger))
def test_every_danger_has_the_priority_calls_and_skills_of_the_policy(danger: Danger) -> None:
    result, rule = judged(danger), POLICY.triage[danger]
    assert (result.priority, result.call_first, result.skills) == (rule.priority, rule.call_first, rule.skills)
    assert result.reasons[0].zh == rule.zh


def test_the_gravest_danger_decides_who_is_rung_first() -> None:
    result = judged("minor", "unconscious")
    assert result.priority == "critical"
    assert result.dangers == ("unconscious", "minor")
    assert result.call_first == ("120", "110")
    assert result.skills == ("first_aid", "minors")


def test_an_infant_and_a_child_are_seen_from_their_looks() -> None:
    assert judged(looks=Looks(age_band="infant")).dangers == ("infant",)
    assert judged(looks=Looks(age_band="child")).dangers == ("minor",)
    assert judged(looks=Looks(age_band="adult")).dangers == ()


def test_cold_heat_and_warnings_are_exposure() -> None:
    assert judged(weather=WeatherNow(feels_c=-1)).priority == "high"
    assert judged(weather=WeatherNow(feels_c=36)).dangers == ("exposure",)
    assert judged(weather=WeatherNow(warned=True)).dangers == ("exposure",)
    assert judged(weather=WeatherNow(feels_c=20)).dangers == ()


def test_the_frail_in_extreme_weather_are_critical() -> None:
    assert judged(weather=WeatherNow(feels_c=-1), looks=Looks(age_band="old")).priority == "critical"
    assert judged(weather=WeatherNow(feels_c=-1), looks=Looks(posture="lying")).priority == "critical"
    assert judged(weather=WeatherNow(feels_c=-15)).priority == "critical"


def test_a_winter_night_outside_is_high_whatever_else() -> None:
    assert judged(local=WINTER_NIGHT).priority == "high"
    assert judged(local=local(2026, 12, 20, 12)).priority == "normal"
    assert judged(local=local(2026, 7, 20, 23)).priority == "normal"


def test_words_suggest_dangers_and_raise_until_somebody_has_looked() -> None:
    result = judged(text="有个男的倒在路边昏迷，头上在流血")
    assert result.suggested == ("injury", "unconscious")
    assert result.dangers == ()
    assert result.priority == "critical"
    assert result.call_first == ("120",)
    assert "待确认" in result.reasons[0].zh


def test_a_stated_danger_is_not_suggested_as_well() -> None:
    result = judged("injury", text="流血")
    assert (result.dangers, result.suggested) == (("injury",), ())


@pytest.mark.parametrize(
    ("text", "dangers"),
    [
        ("老人叫不醒，没反应", {"unconscious"}),
        ("桥下有个弃婴", {"infant"}),
        ("女人被打，身上有淤青", {"abuse"}),
        ("被老公打出来的，带着小孩", {"domestic_violence", "minor"}),
        ("他要跳海自杀", {"mental_crisis"}),
        ("光着身子冻得发抖", {"exposure"}),
        ("没有呼吸了", {"death"}),
        ("像是被人贩子控制，强迫乞讨", {"trafficking"}),
        ("口吐白沫抽搐", {"acute_illness"}),
        ("没有受伤，也没流血", set()),
        ("未见明显出血", set()),
        ("不是被打的", set()),
        ("没有受伤，但是头上在流血", {"injury"}),
        ("有人在桥洞睡觉", set()),
        ("man BLEEDING near the station", {"injury"}),
        ("", set()),
    ],
)
def test_everyday_words_are_understood_and_denials_too(text: str, dangers: set[str]) -> None:
    assert set(suggested_dangers(text)) == dangers


def test_every_danger_has_words() -> None:
    assert set(DANGER_WORDS) == set(get_args(Danger))


@given(some_dangers, some_dangers, st.text(max_size=30))
def test_more_danger_never_lowers(some: list[Danger], more: list[Danger], text: str) -> None:
    less, all_of_it = judged(*some), judged(*some, *more, text=text)
    assert PRIORITIES.index(all_of_it.priority) >= PRIORITIES.index(less.priority)
    assert set(less.skills) <= set(all_of_it.skills)


@given(st.sampled_from(PRIORITIES), st.sampled_from(PRIORITIES), st.sampled_from(PRIORITIES))
def test_merging_takes_the_higher_in_any_order(a: Priority, b: Priority, c: Priority) -> None:
    assert merge_priority(a, b) == merge_priority(b, a) == max(a, b, key=PRIORITIES.index)
    assert merge_priority(merge_priority(a, b), c) == merge_priority(a, merge_priority(b, c)) == highest([a, b, c])


def test_lowering_takes_a_person_and_a_reason() -> None:
    lowered = lower("critical", "normal", reason=" 医护到场，确认无碍 ", by="officer-1")
    assert (lowered.before, lowered.after, lowered.reason) == ("critical", "normal", "医护到场，确认无碍")
    for reason, by in (("", "officer-1"), ("  ", "officer-1"), ("无碍", " ")):
        with pytest.raises(Invalid):
            lower("critical", "normal", reason=reason, by=by)


def test_raising_is_not_lowering() -> None:
    with pytest.raises(Conflict):
        lower("normal", "high", reason="x", by="y")
    with pytest.raises(Conflict):
        lower("high", "high", reason="x", by="y")
