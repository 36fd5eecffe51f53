"""From a track to presence: what counts as being in a cell, and that only when fixes were taken matters, not when they came."""

from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backend.campaign.presence import PASSING, STILL_GAP_S, Fix, Rules, Stay, Stops, stays, worth
from backend.clock import CHINA
from backend.geo.cells import RES_SWEEP, cell_of, centre, ring
from backend.geo.place import LonLat

BEGAN = datetime(2016, 12, 19, 18, tzinfo=CHINA)
HERE = cell_of(LonLat(121.61, 38.912), RES_SWEEP)
NEXT = ring(HERE, 1)[1]
RULES = Rules(dwell_s=45, near_m=120, max_speed_mps=6)
DEGREE_M = 86_500.0


def stops(*cells: str) -> Stops:
    """The cells with their stops in the middle."""
    return Stops({cell: centre(cell) for cell in cells}, res=RES_SWEEP, near_m=RULES.near_m)


def east(place: LonLat, metres: float) -> LonLat:
    return LonLat(place.lon + metres / DEGREE_M, place.lat)


def fix(s: float, place: LonLat, *, accuracy_m: float | None = 10, speed: float | None = None) -> Fix:
    return Fix(at=BEGAN + timedelta(seconds=s), place=place, accuracy_m=accuracy_m, speed_m_s=speed)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


LATER = at(100_000)


def found(*fixes: Fix, ground: Stops | None = None, now: datetime = LATER) -> list[Stay]:
    return stays(fixes, ground or stops(HERE), RULES, now=now)


def standing(*seconds: float, place: LonLat | None = None) -> list[Fix]:
    """In the middle of the cell, unless another place is given."""
    return [fix(s, place or centre(HERE)) for s in seconds]


def test_standing_in_a_cell_for_as_long_as_the_rule_says_is_a_look() -> None:
    (stay,) = found(*standing(0, 20, 45))
    assert (stay.cell, stay.began_at, stay.ended_at) == (HERE, at(0), at(45))
    assert worth(stay, RULES) == 1.0
    (short,) = found(*standing(0, 20, 44))
    assert worth(short, RULES) is None


def test_one_fix_is_no_presence_however_good() -> None:
    assert found(*standing(0)) == []


def test_a_place_that_is_not_certain_does_not_count() -> None:
    poor = [fix(s, centre(HERE), accuracy_m=300) for s in (0, 20, 40, 60)]
    assert found(*poor) == []
    mixed = [*standing(0), *poor, *standing(70)]
    (stay,) = found(*mixed)
    assert stay.slow_s == 70, "what lies between two good fixes still counts"


def test_a_gap_in_the_track_is_no_presence() -> None:
    out_of_sight = [fix(0, centre(HERE)), fix(200, east(centre(HERE), 100))]
    assert found(*out_of_sight) == []
    assert found(*standing(0, STILL_GAP_S + 1)) == []


def test_whoever_stands_still_sends_less_often_and_is_there_all_the_same() -> None:
    (stay,) = found(*standing(0, 120, 240))
    assert stay.slow_s == 240


def test_driving_through_finds_less_and_driving_through_fast_nothing() -> None:
    there_and_back = [fix(s, east(centre(HERE), abs(7 * s - 170) - 100), speed=7) for s in range(0, 50, 5)]
    (stay,) = found(*there_and_back)
    assert (stay.slow_s, worth(stay, RULES)) == (0, PASSING)
    fast_through = [fix(s, east(centre(HERE), -160 + 20 * s)) for s in range(0, 20, 4)]
    (stay,) = found(*fast_through)
    assert worth(stay, RULES) is None


def test_the_phone_is_believed_about_speed_and_else_the_way_that_was_made() -> None:
    jittering = [fix(s, east(centre(HERE), 40 * (s % 2)), speed=0.3) for s in range(60)]
    (stay,) = found(*jittering)
    assert stay.fast_s == 0
    silent = [replace(one, speed_m_s=None) for one in jittering]
    (stay,) = found(*silent)
    assert stay.slow_s == 0


def test_near_the_stop_counts_though_it_is_the_next_cell() -> None:
    by_the_border = LonLat(
        centre(HERE).lon * 0.55 + centre(NEXT).lon * 0.45, centre(HERE).lat * 0.55 + centre(NEXT).lat * 0.45
    )
    ground = Stops({NEXT: by_the_border}, res=RES_SWEEP, near_m=RULES.near_m)
    assert cell_of(by_the_border, RES_SWEEP) == HERE
    (stay,) = found(*standing(0, 60, place=by_the_border), ground=ground)
    assert stay.cell == NEXT


def test_one_place_counts_for_its_cell_first_and_then_for_stops_near_it() -> None:
    spot = centre(HERE)
    ground = Stops({HERE: east(spot, 150), NEXT: east(spot, 50)}, res=RES_SWEEP, near_m=120)
    assert ground.at(spot) == (HERE, NEXT)
    assert ground.at(east(spot, 5_000)) == ()


def test_stepping_out_for_a_moment_is_one_stay_and_coming_back_later_another() -> None:
    outside = east(centre(HERE), 600)
    left_for = [
        fix(0, centre(HERE)),
        fix(30, centre(HERE)),
        fix(60, outside),
        fix(100, centre(HERE)),
        fix(140, centre(HERE)),
    ]
    (stay,) = found(*left_for)
    assert (stay.began_at, stay.ended_at, stay.slow_s) == (at(0), at(140), 70)
    back_later = [*left_for[:3], fix(400, centre(HERE)), fix(450, centre(HERE))]
    assert len(found(*back_later)) == 2


def test_the_last_stay_is_open_until_the_team_leaves_or_falls_silent() -> None:
    track = standing(0, 60)
    assert [stay.is_open for stay in found(*track, now=at(100))] == [True]
    assert [stay.is_open for stay in found(*track, now=at(60 + STILL_GAP_S + 1))] == [False]
    assert [stay.is_open for stay in found(*track, fix(80, east(centre(HERE), 900)), now=at(90))] == [False]


WALK = st.lists(
    st.tuples(
        st.integers(1, 120),
        st.integers(-500, 500),
        st.sampled_from([5.0, 40.0, 300.0, None]),
        st.sampled_from([None, None, 0.0, 3.0, 12.0]),
    ),
    max_size=40,
)


def walked(steps: list[tuple[int, int, float | None, float | None]]) -> list[Fix]:
    track, seconds, metres = [], 0, 0
    for after, by, accuracy_m, speed in steps:
        seconds, metres = seconds + after, metres + by
        track.append(fix(seconds, east(centre(HERE), metres), accuracy_m=accuracy_m, speed=speed))
    return track


@given(WALK, st.randoms(use_true_random=False))
def test_late_doubled_and_out_of_order_fixes_give_the_same_stays(
    steps: list[tuple[int, int, float | None, float | None]], chance: Random
) -> None:
    track = walked(steps)
    ground = stops(HERE, *ring(HERE, 2)[1:])
    mixed = [*track, *chance.sample(track, len(track) // 2)]
    chance.shuffle(mixed)
    assert stays(mixed, ground, RULES, now=LATER) == stays(track, ground, RULES, now=LATER)


@given(WALK)
def test_no_stay_counts_more_than_the_time_between_fixes_that_lie_in_its_cell(
    steps: list[tuple[int, int, float | None, float | None]],
) -> None:
    track = [one for one in walked(steps) if one.accuracy_m is None or one.accuracy_m <= 100]
    ground = stops(HERE, *ring(HERE, 2)[1:])
    for stay in stays(track, ground, RULES, now=LATER):
        inside = sum(
            (b.at - a.at).total_seconds()
            for a, b in pairwise(track)
            if stay.cell in ground.at(a.place) and stay.cell in ground.at(b.place)
        )
        assert 0 < stay.slow_s + stay.fast_s <= inside
        assert stay.slow_s + stay.fast_s <= (stay.ended_at - stay.began_at).total_seconds()


@pytest.mark.parametrize("near_m", [20, 120, 500, 1000])
def test_a_stop_counts_as_far_as_the_rule_says(near_m: float) -> None:
    ground = Stops({HERE: centre(HERE)}, res=RES_SWEEP, near_m=near_m)
    for metres in (near_m - 1, near_m + 250):
        place = east(centre(HERE), metres)
        inside = cell_of(place, RES_SWEEP) == HERE or metres <= near_m
        assert (HERE in ground.at(place)) == inside
