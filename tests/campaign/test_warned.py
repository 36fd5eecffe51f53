"""Which part of the city a warning is about."""

import pytest
import shapely

from backend.campaign.cap_read import read
from backend.campaign.warned import Ground, where
from backend.city import City, open_city
from tests.campaign.warnings_made import an_alert, an_info
from tests.ops.processes import DALIAN

CENTRE = "38.914,121.615"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Dalian's regions, without its roads."""
    folder = tmp_path_factory.mktemp("city")
    for name in ("city.toml", "regions.geojson", "policy.toml"):
        (folder / name).symlink_to(DALIAN / name)
    return open_city(folder)


def ground(city: City, area: str) -> Ground:
    return where(read(an_alert(an_info(area=area))), city)


def code(value: str, name: str = "CPEAS Geographic Code") -> str:
    return f"<geocode><valueName>{name}</valueName><value>{value}</value></geocode>"


@pytest.mark.parametrize(
    ("codes", "regions"),
    [
        (["210200000000"], ("210200",)),
        (["210000000000"], ("210200",)),
        (["210202000000"], ("210202",)),
        (["210202005000"], ("210202",)),
        (["210202000000", "210203000000", "210202005000"], ("210202", "210203")),
        (["210202000000", "210200000000"], ("210200",)),
        (["211100000000"], ()),
        (["370614000000"], ()),
        (["110000"], ()),
    ],
)
def test_an_administrative_code_names_the_region(city: City, codes: list[str], regions: tuple[str, ...]) -> None:
    found = ground(city, "".join(map(code, codes)))
    assert found.regions == regions
    assert found.concerns_us == bool(regions)


def test_a_shape_is_the_part_of_the_city_it_lies_on(city: City) -> None:
    drawn = ground(city, "<polygon>38.90,121.60 38.93,121.60 38.93,121.63 38.90,121.63</polygon>").drawn
    assert drawn is not None
    assert shapely.from_wkb(drawn).area == pytest.approx(0.0009, rel=0.01)
    assert not ground(city, "<polygon>30,100 31,100 31,101</polygon>").concerns_us


def test_a_circle_is_kilometres_on_the_ground(city: City) -> None:
    drawn = ground(city, f"<circle>{CENTRE} 2</circle>").drawn
    assert drawn is not None
    west, south, east, north = shapely.from_wkb(drawn).bounds
    assert (north - south) * 111.195 == pytest.approx(4, rel=0.02)
    assert (east - west) * 111.195 * 0.778 == pytest.approx(4, rel=0.02)
    assert ground(city, f"<circle>{CENTRE} 0</circle>").concerns_us
    assert not ground(city, "<circle>10,10 5</circle>").concerns_us


def test_a_self_crossing_shape_is_not_lost(city: City) -> None:
    assert ground(city, "<polygon>38.90,121.60 38.93,121.63 38.93,121.60 38.90,121.63</polygon>").concerns_us


def test_other_codes_are_kept_and_matched_where_there_is_a_table(city: City) -> None:
    alert = read(an_alert(an_info(area=code("MNZ012", "UGC") + code("027031", "SAME"))))
    assert where(alert, city).unmatched == (("UGC", "MNZ012"), ("SAME", "027031"))
    assert not where(alert, city).concerns_us
    table = {("UGC", "MNZ012"): ("210204",)}
    assert where(alert, city, table).regions == ("210204",)


def test_of_a_national_feed_only_what_is_ours_concerns_us(city: City) -> None:
    every = [f"{province}{district:02}00000000" for province in range(11, 66) for district in range(1, 20)]
    ours = [value for value in every if ground(city, code(value)).concerns_us]
    assert len(every) > 1_000
    assert ours == ["210200000000"]
