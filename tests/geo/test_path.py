"""The way of a team is drawn where it drives, and takes as long as the search for the nearest says."""

import numpy as np
import pytest

from backend.geo.fleet import Fleet
from backend.geo.modes import MODES, Factors, Mode
from backend.geo.nearest import nearest
from backend.geo.path import way
from backend.geo.place import LonLat, distance_m
from backend.geo.roads import Roads

RUSH = Factors(car=1.4, ebike=1.0, foot=1.1)


@pytest.mark.parametrize("mode", MODES)
def test_its_seconds_are_those_of_nearest(dalian: Roads, mode: Mode) -> None:
    rng = np.random.default_rng(4)
    for _ in range(30):
        start, end = (dalian.node_place(int(rng.integers(dalian.nodes))) for _ in range(2))
        start = LonLat(start.lon + float(rng.normal(0, 0.001)), start.lat)
        fleet = Fleet(dalian)
        fleet.put("t", start, mode, mobilisation_s=75.0)
        found = nearest(dalian, fleet, end, k=1, within_s=6 * 3600, factors=RUSH)
        drawn = way(dalian, start, end, mode, mobilisation_s=75.0, factors=RUSH)
        assert drawn is not None
        assert drawn.seconds == pytest.approx(found[0].seconds, abs=1.0)
        assert drawn.line[0] == start
        assert drawn.line[-1] == end


def test_its_line_is_as_long_as_it_says(dalian: Roads) -> None:
    start, end = dalian.node_place(10), dalian.node_place(5_000)
    drawn = way(dalian, start, end, Mode.CAR)
    assert drawn is not None
    steps = zip(drawn.line, drawn.line[1:], strict=False)
    assert sum(distance_m(a, b) for a, b in steps) == pytest.approx(drawn.metres, rel=0.02)


def test_without_roads_it_is_a_straight_line_and_says_so() -> None:
    start, end = LonLat(121.6, 38.9), LonLat(121.61, 38.9)
    drawn = way(None, start, end, Mode.CAR, mobilisation_s=30)
    assert drawn is not None
    assert (drawn.basis, drawn.line) == ("straight_line", (start, end))
    assert drawn.seconds > 30


def test_a_team_that_stands_there_has_no_way_to_go(dalian: Roads) -> None:
    here = dalian.node_place(77)
    drawn = way(dalian, here, here, Mode.FOOT)
    assert drawn is not None
    assert drawn.seconds == pytest.approx(0, abs=0.5)
    assert len(drawn.line) == 2
