"""The clock of a phone: what it says is put right by what it shows when it sends. Pure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Invalid
from backend.patrol.positions import Fix
from backend.phone_clock import ON_TIME, seen_at

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
_A_WHILE = st.timedeltas(timedelta(days=-3000), timedelta(days=3000))


@given(ahead=_A_WHILE, earlier=st.timedeltas(timedelta(0), timedelta(days=3)))
def test_what_a_phone_says_is_put_right_however_wrong_it_is(ahead: timedelta, earlier: timedelta) -> None:
    phone = seen_at(NOON + ahead, NOON)
    assert phone.right(NOON + ahead - earlier) == NOON - earlier


def test_a_phone_that_does_not_say_what_it_shows_is_believed() -> None:
    assert seen_at(None, NOON) == ON_TIME
    assert (ON_TIME.right(NOON), ON_TIME.off_s) == (NOON, None)


@pytest.mark.parametrize(("ahead_s", "told"), [(0, None), (119, None), (-120, None), (121, 121), (-3600, -3600)])
def test_more_than_two_minutes_are_worth_telling(ahead_s: int, told: int | None) -> None:
    assert seen_at(NOON + timedelta(seconds=ahead_s), NOON).off_s == told


def test_every_moment_of_a_record_is_put_right() -> None:
    fix = Fix(at=NOON, lon=121.6, lat=38.9)
    assert seen_at(NOON + timedelta(hours=1), NOON).right_all(fix) == Fix(
        at=NOON - timedelta(hours=1), lon=121.6, lat=38.9
    )


def test_a_moment_beyond_all_calendars_is_refused_in_words() -> None:
    phone = seen_at(datetime(1, 1, 1, tzinfo=UTC), NOON)
    with pytest.raises(Invalid, match="手机时间"):
        phone.right(datetime(9000, 1, 1, tzinfo=UTC))
