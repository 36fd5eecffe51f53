"""The deadlines of DOMAIN §4.9 as what follows from facts: when each begins, what meets it, and what ends it. No database."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from backend.clock import CHINA
from backend.dispatch.calendar import WorkCalendar
from backend.dispatch.clocks import Clock, ClockState, light
from backend.policy import default_policy
from backend.referral.station import deadlines
from backend.referral.station.deadlines import Facts, clock_of, wanted

POLICY = default_policy()
CALENDAR = WorkCalendar(POLICY.working_time)
BEFORE_THE_HOLIDAYS = datetime(2016, 9, 29, 10, 0, tzinfo=CHINA)
"""A Thursday; the National Day week lies off from the 1st to the 7th of October, the 8th and 9th are made up."""


def _facts(**changes: object) -> Facts:
    values = {"arrived_at": BEFORE_THE_HOLIDAYS, "unknown_since": BEFORE_THE_HOLIDAYS, **changes}
    return Facts(**values)  # type: ignore[arg-type]


def _clocks(facts: Facts, now: datetime, held: dict[str, Clock] | None = None) -> dict[str, Clock]:
    before = held or {}
    return {
        one.kind: clock_of(one, before.get(one.kind), policy=POLICY, calendar=CALENDAR, now=now)
        for one in wanted(facts)
    }


def _due(facts: Facts) -> dict[str, str]:
    now = facts.arrived_at
    return {kind: f"{clock.due_at.astimezone(CHINA):%m-%d %H:%M}" for kind, clock in _clocks(facts, now).items()}


def test_of_an_unknown_person_each_is_due_when_the_rule_says_holidays_and_make_up_days_counted() -> None:
    assert _due(_facts()) == {
        "search_notice": "09-30 10:00",
        "dna_request": "10-13 10:00",
        "renew": "10-29 10:00",
        "settlement": "12-29 10:00",
        "stay_at_most": "10-09 10:00",
    }


def test_of_somebody_known_from_the_first_only_the_length_of_the_stay_counts() -> None:
    assert set(_due(_facts(identified_at=BEFORE_THE_HOLIDAYS))) == {"stay_at_most"}


@pytest.mark.parametrize(
    ("kind", "fact"),
    [
        ("search_notice", "notice_at"),
        ("dna_request", "dna_requested_at"),
        ("renew", "renewed_at"),
        ("settlement", "settlement_at"),
        ("stay_at_most", "left_at"),
    ],
)
def test_each_is_met_by_its_own_deed_and_late_once_its_time_is_over(kind: str, fact: str) -> None:
    due = _clocks(_facts(), BEFORE_THE_HOLIDAYS)[kind].due_at
    in_time = _clocks(_facts(**{fact: due - timedelta(seconds=1), "how": "home"}), due)[kind]
    assert (in_time.state, in_time.missed_at) == (ClockState.MET, None)
    late = _clocks(_facts(**{fact: due + timedelta(days=1), "how": "home"}), due + timedelta(days=2))[kind]
    assert (late.state, late.missed_at) == (ClockState.MET, due)


def test_the_answer_about_dna_is_awaited_a_month_from_the_asking() -> None:
    asked = BEFORE_THE_HOLIDAYS + timedelta(days=3)
    assert "dna_answer" not in _clocks(_facts(), asked)
    clock = _clocks(_facts(dna_requested_at=asked), asked)["dna_answer"]
    assert clock.due_at.astimezone(CHINA) == datetime(2016, 11, 2, 10, 0, tzinfo=CHINA)
    answered = _clocks(_facts(dna_requested_at=asked, dna_answered_at=asked + timedelta(days=20)), asked)["dna_answer"]
    assert answered.state is ClockState.MET


def test_once_it_is_known_who_they_are_nothing_of_the_unknown_is_due_and_what_was_done_stays_done() -> None:
    known = BEFORE_THE_HOLIDAYS + timedelta(days=2)
    found = _clocks(_facts(identified_at=known, notice_at=known - timedelta(days=1, hours=2)), known)
    states = {kind: clock.state.value for kind, clock in found.items()}
    assert states == {
        "search_notice": "met",
        "dna_request": "cancelled",
        "renew": "cancelled",
        "settlement": "cancelled",
        "stay_at_most": "running",
    }


@pytest.mark.parametrize(
    ("how", "goes_on"), [("hospital", True), ("runaway", False), ("death", False), ("home", False)]
)
def test_whoever_is_taken_to_a_hospital_unknown_is_looked_for_on_and_nobody_else(how: str, goes_on: bool) -> None:
    left = BEFORE_THE_HOLIDAYS + timedelta(days=1, hours=-2)
    found = _clocks(_facts(left_at=left, how=how), left)
    assert found["stay_at_most"].state is ClockState.MET
    assert (found["search_notice"].state is ClockState.RUNNING) == goes_on


def test_an_identity_withdrawn_brings_the_deadlines_back_from_where_they_began() -> None:
    known = BEFORE_THE_HOLIDAYS + timedelta(hours=3)
    first = _clocks(_facts(), BEFORE_THE_HOLIDAYS)
    ended = _clocks(_facts(identified_at=known), known, first)
    again = _clocks(_facts(), known + timedelta(hours=5), ended)
    assert {kind: (c.state, c.due_at) for kind, c in again.items()} == {
        kind: (c.state, c.due_at) for kind, c in first.items()
    }


def test_a_stay_made_longer_is_due_later_and_its_light_is_green_again() -> None:
    first = _clocks(_facts(), BEFORE_THE_HOLIDAYS)["stay_at_most"]
    now = BEFORE_THE_HOLIDAYS + timedelta(days=9)
    assert light(first, now) == "yellow"
    until = BEFORE_THE_HOLIDAYS + timedelta(days=40)
    longer = _clocks(_facts(prolonged_to=until), now, {"stay_at_most": first})["stay_at_most"]
    assert (longer.due_at, light(longer, now), longer.extended) == (until, "green", 1)


MOMENTS = st.one_of(st.none(), st.integers(0, 120).map(lambda day: BEFORE_THE_HOLIDAYS + timedelta(days=day, hours=7)))


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        dict.fromkeys(
            ("identified_at", "notice_at", "renewed_at", "dna_requested_at", "settlement_at", "left_at"), MOMENTS
        )
    ),
    st.sampled_from(["home", "hospital", "death", "settled"]),
    st.lists(st.integers(0, 130), min_size=1, max_size=5),
)
def test_whenever_it_is_looked_at_the_same_facts_give_the_same_deadlines(
    moments: dict[str, datetime | None], how: str, days: list[int]
) -> None:
    facts = _facts(**moments, how=how if moments["left_at"] else None)
    held: dict[str, Clock] = {}
    for day in sorted(days):
        held = _clocks(facts, BEFORE_THE_HOLIDAYS + timedelta(days=day), held)
    at_once = _clocks(facts, BEFORE_THE_HOLIDAYS + timedelta(days=max(days)))
    assert {k: (c.due_at, c.ended_at, c.missed_at) for k, c in held.items()} == {
        k: (c.due_at, c.ended_at, c.missed_at) for k, c in at_once.items()
    }
    for clock in held.values():
        assert clock.started_at <= clock.yellow_at <= clock.due_at
        assert clock.ended_at is None or clock.ended_at >= clock.started_at.astimezone(UTC)
        assert (clock.ended_at is None) == (deadlines.fires_at(clock, POLICY, BEFORE_THE_HOLIDAYS) is not None)
