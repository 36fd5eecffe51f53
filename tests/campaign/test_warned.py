"""Which part of the city a warning is about."""

from dataclasses import replace
from pathlib import Path

import pytest
import shapely

from backend.campaign.cap_read import read
from backend.campaign.warned import Ground, where
from backend.city import City, open_city
from backend.errors import Invalid
from backend.geo.geocodes import Geocodes, read_geocodes
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
    assert where(alert, city).is_unplaced
    table = Geocodes({("ugc", "mnz012"): ("210204",)})
    found = where(alert, replace(city, geocodes=table))
    assert found.regions == ("210204",)
    assert found.unmatched == (("SAME", "027031"),)


def test_a_list_that_has_a_table_is_complete_so_other_codes_of_it_are_elsewhere(city: City) -> None:
    table = Geocodes({("emma_id", "cn001"): (city.id,)})
    ours, theirs = (read(an_alert(an_info(area=code(value, "EMMA_ID")))) for value in ("CN001 ", "CN002"))
    known = replace(city, geocodes=table)
    assert where(ours, known).regions == (city.id,)
    assert where(theirs, known).is_elsewhere
    assert not where(theirs, known).is_unplaced


def test_the_table_is_read_from_the_city_s_folder(city: City, tmp_path: Path) -> None:
    file = tmp_path / "geocodes.csv"
    file.write_text("list,code,regions\nUGC,LNZ001,210202 210203\nSAME,210200,210200\n", encoding="utf-8-sig")
    table = read_geocodes(file, city.regions, city.id)
    assert table.find(" ugc", "lnz001") == ("210202", "210203")
    assert table.find("SAME", "210200") == ("210200",)
    assert table.find("SAME", "1") == ()
    assert table.find("EMMA_ID", "1") is None
    assert read_geocodes(tmp_path / "none.csv", city.regions, city.id).find("UGC", "1") is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("list,code\nUGC,1", "第 1 行"),
        ("list,code,regions\nUGC,LNZ001,210202\nUGC,,210202", "第 3 行"),
        ("list,code,regions\nUGC,LNZ001,999999", "没有辖区 ['999999']"),
        ("list,code,regions\nUGC,LNZ001,210202\nugc,lnz001,210203", "与第 2 行重复"),
    ],
)
def test_a_wrong_line_of_the_table_is_named(city: City, tmp_path: Path, lines: str, said: str) -> None:
    (tmp_path / "geocodes.csv").write_text(lines)
    with pytest.raises(Invalid, match="第") as refused:
        read_geocodes(tmp_path / "geocodes.csv", city.regions, city.id)
    assert said in refused.value.zh
    assert "line" in refused.value.en


def test_a_tangle_of_very_many_corners_costs_no_hours(city: City) -> None:
    """A ring that crosses itself everywhere, and thousands of shapes: an answer all the same, or a refusal in words."""
    tangled = " ".join(f"{38.8 + (n * 7919 % 1009) / 3000},{121.4 + (n * 104729 % 997) / 3000}" for n in range(20_000))
    assert ground(city, f"<polygon>{tangled}</polygon>").concerns_us
    circles = "".join(f"<circle>38.9,121.6 {n / 100}</circle>" for n in range(1_500))
    assert ground(city, circles).concerns_us
    far = "".join(f"<circle>-{n % 80},{n % 170} 5</circle>" for n in range(20_000))
    assert not ground(city, far).concerns_us
    with pytest.raises(Invalid) as refused:
        ground(city, circles * 2)
    assert refused.value.code == "too_large"


def test_of_a_national_feed_only_what_is_ours_concerns_us(city: City) -> None:
    every = [f"{province}{district:02}00000000" for province in range(11, 66) for district in range(1, 20)]
    ours = [value for value in every if ground(city, code(value)).concerns_us]
    assert len(every) > 1_000
    assert ours == ["210200000000"]
