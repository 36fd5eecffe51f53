"""Positions: coordinate systems, what is refused and what is warned about."""

import csv
import math

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Invalid
from backend.geo.place import Crs, LonLat, ServiceArea, distance_m, from_wgs84, locate, to_wgs84
from tests.geo.extracts import SHARED_DATA

VECTORS = SHARED_DATA / "gcj" / "vectors.csv"
CITY = ServiceArea(shapely.box(121.4, 38.8, 121.7, 39.0))
INSIDE = LonLat(121.6, 38.91)
CHINA = st.builds(LonLat, st.floats(74, 134), st.floats(19, 53))


@pytest.mark.skipif(not VECTORS.exists(), reason="the published vectors are not on this machine")
def test_the_published_gcj02_vectors_hold_both_ways() -> None:
    for row in csv.DictReader(VECTORS.read_text(encoding="utf-8").splitlines()):
        wgs = LonLat(float(row["wgs84_lon"]), float(row["wgs84_lat"]))
        lon, lat = from_wgs84(wgs, Crs.GCJ02)
        assert distance_m(LonLat(lon, lat), LonLat(float(row["gcj02_lon"]), float(row["gcj02_lat"]))) < 0.01
        back = to_wgs84(float(row["gcj02_lon"]), float(row["gcj02_lat"]), Crs.GCJ02)
        assert distance_m(back, wgs) < 0.1


@pytest.mark.parametrize("crs", [Crs.GCJ02, Crs.BD09])
def test_dalian_is_shifted_by_hundreds_of_metres(crs: Crs) -> None:
    there = LonLat(*from_wgs84(INSIDE, crs))
    assert 300 < distance_m(INSIDE, there) < 2000


@given(place=CHINA, crs=st.sampled_from(Crs))
def test_there_and_back_is_within_a_centimetre(place: LonLat, crs: Crs) -> None:
    assert distance_m(to_wgs84(*from_wgs84(place, crs), crs), place) < 0.01


def test_outside_china_gcj02_is_wgs84() -> None:
    assert from_wgs84(LonLat(-118.2, 34.05), Crs.GCJ02) == (-118.2, 34.05)
    assert to_wgs84(-118.2, 34.05, Crs.GCJ02) == LonLat(-118.2, 34.05)


@given(a=CHINA, b=CHINA)
def test_distance_is_symmetric_and_near_the_law_of_cosines(a: LonLat, b: LonLat) -> None:
    assert distance_m(a, b) == pytest.approx(distance_m(b, a))
    lat_a, lat_b, lon = math.radians(a.lat), math.radians(b.lat), math.radians(b.lon - a.lon)
    cosine = math.sin(lat_a) * math.sin(lat_b) + math.cos(lat_a) * math.cos(lat_b) * math.cos(lon)
    assert distance_m(a, b) == pytest.approx(6_371_008.8 * math.acos(max(-1, min(1, cosine))), rel=1e-4, abs=1)


@pytest.mark.parametrize("crs", Crs)
def test_a_place_in_the_city_is_accepted_in_every_system(crs: Crs) -> None:
    located = locate(*from_wgs84(INSIDE, crs), crs, CITY)
    assert located.in_area
    assert located.warnings == ()
    assert distance_m(located.place, INSIDE) < 0.01


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (math.nan, 38.9, "place_not_a_number"),
        (121.6, math.inf, "place_not_a_number"),
        (0.0, 0.0, "place_missing"),
        (1e-9, -1e-9, "place_missing"),
        (999.0, 38.9, "place_out_of_range"),
        (121.6, -91.0, "place_out_of_range"),
        (38.91, 121.6, "place_swapped"),
        (500.0, 200.0, "place_out_of_range"),
    ],
)
def test_what_cannot_be_a_position_is_refused_with_a_reason(lon: float, lat: float, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        locate(lon, lat, Crs.WGS84, CITY)
    assert refused.value.code == code
    assert refused.value.zh
    assert refused.value.en


@given(
    st.sampled_from([-180.0, -179.999, 179.999, 180.0]) | st.floats(-180, 180),
    st.sampled_from([-90.0, -89.999, 89.999, 90.0]) | st.floats(-90, 90),
    st.sampled_from(Crs),
)
def test_anywhere_on_earth_is_judged_and_nothing_fails(lon: float, lat: float, crs: Crs) -> None:
    try:
        located = locate(lon, lat, crs, CITY)
    except Invalid:
        return
    assert math.isfinite(located.place.lon)


def test_swapped_coordinates_are_recognised_where_both_would_be_valid() -> None:
    area = ServiceArea(shapely.box(70, 30, 75, 35))
    with pytest.raises(Invalid) as refused:
        locate(32.0, 72.0, Crs.WGS84, area)
    assert refused.value.code == "place_swapped"
    assert refused.value.extra["hint"] == "lon=72.0, lat=32.0"


def test_a_place_outside_is_accepted_and_said_to_be_outside() -> None:
    located = locate(122.5, 39.9, Crs.WGS84, CITY)
    assert not located.in_area
    assert [warning.code for warning in located.warnings] == ["outside_area"]


def test_the_wrong_coordinate_system_is_suspected_at_the_border() -> None:
    corner = from_wgs84(LonLat(121.6999, 38.9999), Crs.GCJ02)
    located = locate(*corner, Crs.WGS84, CITY)
    assert not located.in_area
    assert "perhaps_gcj02" in [warning.code for warning in located.warnings]


def test_the_border_itself_is_inside() -> None:
    assert CITY.contains(LonLat(121.4, 38.8))
    assert CITY.bounds == (121.4, 38.8, 121.7, 39.0)
    assert CITY.contains(CITY.centre)
