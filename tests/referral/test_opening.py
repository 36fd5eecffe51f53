"""When a facility is open."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Invalid
from backend.referral.facilities.opening import in_words, is_open, opens_next, read

CHINA = ZoneInfo("Asia/Shanghai")
WEEKDAYS = "1-5 08:30-17:00; 6,7 09:00-16:00"
NIGHTS = "5-7 20:00-08:00"


def at(day: int, clock: str) -> datetime:
    """September 2016: the 19th is a Monday."""
    hour, minute = clock.split(":")
    return datetime(2016, 9, day, int(hour), int(minute), tzinfo=CHINA)


@pytest.mark.parametrize(
    ("opening", "moment", "open_"),
    [
        (None, at(19, "03:00"), True),
        (WEEKDAYS, at(19, "08:29"), False),
        (WEEKDAYS, at(19, "08:30"), True),
        (WEEKDAYS, at(19, "17:00"), False),
        (WEEKDAYS, at(24, "08:40"), False),
        (WEEKDAYS, at(25, "15:59"), True),
        (NIGHTS, at(23, "21:00"), True),
        (NIGHTS, at(24, "07:59"), True),
        (NIGHTS, at(26, "07:59"), True),
        (NIGHTS, at(26, "20:00"), False),
        (NIGHTS, at(23, "07:59"), False),
        ("1-7 00:00-24:00", at(19, "23:59"), True),
        ("6-1 10:00-11:00", at(19, "10:30"), True),
    ],
)
def test_it_is_open_when_it_says(opening: str | None, moment: datetime, open_: bool) -> None:
    assert is_open(opening, moment, CHINA) == open_


@pytest.mark.parametrize(
    "wrong", ["", "daily", "1-5", "0-5 08:00-17:00", "1-5 8:00-17:00", "1-5 08:00-25:00", "1-5 24:00-08:00", "1-5;"]
)
def test_what_is_not_understood_is_named(wrong: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(wrong)
    assert refused.value.extra["field"] == "opening"
    assert "08:30-17:00" in refused.value.zh


def test_opening_times_in_words() -> None:
    assert in_words(None) == ("全天开放", "open day and night")
    zh, en = in_words(WEEKDAYS)
    assert zh == "周一、二、三、四、五 08:30-17:00；周六、日 09:00-16:00"
    assert en.endswith("Sat,Sun 09:00-16:00")


@given(st.integers(0, 7 * 24 * 60), st.sampled_from([WEEKDAYS, NIGHTS, "3 12:00-13:00", "6-1 22:30-00:30"]))
def test_it_opens_again_at_the_next_moment_it_says_and_not_before(minutes: int, opening: str) -> None:
    moment = datetime.fromtimestamp(at(19, "00:00").timestamp() + 60 * minutes, CHINA)
    again = opens_next(opening, moment, CHINA)
    assert (again is None) == is_open(opening, moment, CHINA)
    if again is not None:
        assert again > moment
        assert is_open(opening, again, CHINA)
        between = [moment.timestamp() + 60 * n for n in range(int((again - moment).total_seconds()) // 60)]
        assert not any(is_open(opening, datetime.fromtimestamp(one, CHINA), CHINA) for one in between)
