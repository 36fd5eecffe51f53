"""Detection: bounded, lifted by looks, worn away by time, and what follows for when a cell is due."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.campaign.detection import Look, after_look, detection_at, due_at, faded, of_look, worth_of_look

NOW = datetime(2016, 12, 1, 20, 0, tzinfo=UTC)
STAY = timedelta(hours=6)
SHARE = st.floats(0, 1)
SOON = st.timedeltas(timedelta(0), timedelta(days=2))
LOOKS = st.lists(st.builds(lambda ago, share: Look(NOW - ago, share), SOON, SHARE), max_size=8)


@given(LOOKS)
def test_detection_is_a_probability(looks: list[Look]) -> None:
    assert 0 <= detection_at(looks, NOW) <= 1


@given(LOOKS, SOON, SHARE)
def test_one_more_look_never_lowers_it(looks: list[Look], ago: timedelta, share: float) -> None:
    assert detection_at([*looks, Look(NOW - ago, share)], NOW) >= detection_at(looks, NOW) - 1e-12


@given(LOOKS, SOON, SOON)
def test_time_alone_never_raises_it(looks: list[Look], soon: timedelta, later: timedelta) -> None:
    assert detection_at(looks, NOW + soon + later) <= detection_at(looks, NOW + soon) + 1e-12


@given(LOOKS)
def test_the_order_in_which_looks_become_known_is_nothing(looks: list[Look]) -> None:
    assert detection_at(looks[::-1], NOW) == pytest.approx(detection_at(looks, NOW))


@given(SHARE, st.floats(1, 600), st.floats(1, 600))
def test_a_longer_look_finds_no_fewer(share: float, dwell_s: float, more_s: float) -> None:
    assert of_look(share, dwell_s + more_s, 45) >= of_look(share, dwell_s, 45) >= 0


def test_two_looks_find_what_one_missed() -> None:
    assert after_look(after_look(0, 0.5), 0.5) == pytest.approx(0.75)
    assert of_look(0.5, 90, 45) == pytest.approx(0.75)


def test_who_came_since_has_not_been_looked_for() -> None:
    assert faded(0.8, STAY, STAY) == pytest.approx(0.8 / 2.718281828)
    assert faded(0.8, -STAY, STAY) == 0.8  # a look that is known of before its time is not of the past


def test_a_cell_is_due_when_detection_has_worn_off_or_the_interval_has_passed() -> None:
    whole_night = timedelta(hours=12)
    due = due_at(0.8, NOW, every=whole_night, below=0.4, stay=STAY)
    assert faded(0.8, due - NOW, STAY) == pytest.approx(0.4)
    assert due_at(0.8, NOW, every=timedelta(hours=2), below=0.4, stay=STAY) == NOW + timedelta(hours=2)
    assert due_at(0.8, NOW, every=whole_night, below=0.0) == NOW + whole_night


def test_a_look_too_weak_to_cover_leaves_the_cell_due() -> None:
    assert due_at(0.3, NOW, every=timedelta(hours=2), below=0.4) == NOW


@given(SHARE, SHARE, st.floats(0, 10), st.floats(0, 10))
def test_a_look_is_worth_most_where_nobody_has_looked(found: float, share: float, expected: float, more: float) -> None:
    assert 0 <= worth_of_look(expected, found, share) <= worth_of_look(expected + more, 0.0, share) + 1e-12
