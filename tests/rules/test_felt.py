"""Wind chill and heat index, against the values that the services publish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.intake.felt import Felt, felt, heat_index_c, wind_chill_c

# Environment Canada's wind chill calculation chart: wind (km/h at 10 m), then the index at each air temperature (°C).
CANADA_C = (5, 0, -5, -10, -15, -20, -25, -30, -35, -40, -45, -50)
CANADA = """
 5  4 -2 -7 -13 -19 -24 -30 -36 -41 -47 -53 -58
10  3 -3 -9 -15 -21 -27 -33 -39 -45 -51 -57 -63
15  2 -4 -11 -17 -23 -29 -35 -41 -48 -54 -60 -66
20  1 -5 -12 -18 -24 -30 -37 -43 -49 -56 -62 -68
30  0 -6 -13 -20 -26 -33 -39 -46 -52 -59 -65 -72
40 -1 -7 -14 -21 -27 -34 -41 -48 -54 -61 -68 -74
50 -1 -8 -15 -22 -29 -35 -42 -49 -56 -63 -69 -76
60 -2 -9 -16 -23 -30 -36 -43 -50 -57 -64 -71 -78
80 -3 -10 -17 -24 -31 -38 -45 -52 -60 -67 -74 -81
"""
# The heat index chart of the US National Weather Service: air temperature (°F), then the index at 40, 45, … per cent.
CHART = """
100 109 114 118 124 129 136
 98 105 109 113 117 123 128 134
 96 101 104 108 112 116 121 126 132
 94 97 100 102 106 110 114 119 124 129 136
 92 94 96 99 101 105 108 112 116 121 126 131
 90 91 93 95 97 100 103 106 109 113 117 122 127 132
 88 88 89 91 93 95 98 100 103 106 110 113 117 121
 86 85 87 88 89 91 93 95 97 100 102 105 108 112
 84 83 84 85 86 88 89 90 92 94 96 98 100 103
 82 81 82 83 84 84 85 86 88 89 90 91 93 95
"""
# The regression as a table: COEFFICIENTS[i][j] belongs to T^i R^j.
COEFFICIENTS = (
    (-42.379, 10.14333127, -5.481717e-2),
    (2.04901523, -0.22475541, 8.5282e-4),
    (-6.83783e-3, 1.22874e-3, -1.99e-6),
)


def _rows(table: str) -> list[tuple[int, list[int]]]:
    lines = [[int(cell) for cell in line.split()] for line in table.strip().splitlines()]
    return [(first, rest) for first, *rest in lines]


def _c(fahrenheit: float) -> float:
    return (fahrenheit - 32) * 5 / 9


def _f(celsius: float) -> float:
    return celsius * 9 / 5 + 32


def test_wind_chill_is_what_canada_publishes() -> None:
    for v_kmh, published in _rows(CANADA):
        found = [wind_chill_c(t, v_kmh / 3.6) for t in CANADA_C]
        assert found == pytest.approx(published, abs=0.51), f"{v_kmh} km/h"


def test_the_american_formula_in_its_own_units_says_the_same() -> None:
    """35.74 + 0.6215 T - 35.75 V^0.16 + 0.4275 T V^0.16, °F and mph."""
    for t, v in [(40, 5), (30, 30), (0, 15), (-20, 10), (-45, 60)]:
        american = 35.74 + 0.6215 * t - 35.75 * v**0.16 + 0.4275 * t * v**0.16
        assert _f(wind_chill_c(_c(t), v * 0.44704)) == pytest.approx(american, abs=0.15)


def test_heat_index_is_what_the_weather_service_publishes() -> None:
    """The chart is of the bare regression: what is adjusted for damp air (over 85 % up to 87 °F) is left to the next test."""
    for t_f, whole in _rows(CHART):
        published = whole[:10] if t_f <= 87 else whole
        found = [heat_index_c(_c(t_f), 40 + 5 * n) for n in range(len(published))]
        assert [_f(one) for one in found if one is not None] == pytest.approx(published, abs=0.9), f"{t_f} F"


@pytest.mark.parametrize(
    ("t", "r", "adjustment"),
    [(95, 5, -2.0), (95, 12.99, 0.0), (82, 95, 1.0), (87, 95, 0.0), (95, 50, 0.0), (80.1, 100, 2.07)],
)
def test_the_adjustments_for_very_dry_and_very_damp_air(t: float, r: float, adjustment: float) -> None:
    regression = sum(c * t**i * r**j for i, row in enumerate(COEFFICIENTS) for j, c in enumerate(row))
    found = heat_index_c(_c(t), r)
    assert found is not None
    assert _f(found) - regression == pytest.approx(adjustment, abs=0.01)


def test_where_the_heat_index_is_not_defined_there_is_none() -> None:
    assert heat_index_c(_c(79), 40) is None
    assert heat_index_c(20, 100) is None


def test_what_was_not_measured_is_left_out() -> None:
    assert felt(-8.0) == Felt(-8.0, "air")
    assert felt(-8.0, 60.0, 8.0) == Felt(round(wind_chill_c(-8, 8), 1), "wind_chill")
    assert felt(-8.0, 60.0, 0.0) == Felt(-8.0, "air")
    assert felt(35.0, 60.0, 8.0).by == "heat_index"
    assert felt(20.0, 60.0, 8.0) == Felt(20.0, "air")
    assert felt(35.0, None, 8.0) == Felt(35.0, "air")


@given(t=st.floats(-60, 60), wind=st.floats(0, 40))
def test_wind_never_warms_and_more_wind_is_never_warmer(t: float, wind: float) -> None:
    assert wind_chill_c(t, wind) <= t
    assert wind_chill_c(t, wind + 1) <= wind_chill_c(t, wind) + 1.7


@given(t=st.floats(-60, 60), humidity=st.floats(0, 100), wind=st.floats(0, 60))
def test_every_measurement_has_an_answer(t: float, humidity: float, wind: float) -> None:
    found = felt(t, humidity, wind)
    assert -130 < found.c < 210
    assert (found.by == "wind_chill") <= (t <= 10)
