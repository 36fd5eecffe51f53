"""Regions: codes, hierarchy, and tolerant reading of GeoJSON."""

import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from backend.errors import Invalid, NotFound
from backend.geo.place import LonLat
from backend.geo.region_files import dump, load
from backend.geo.regions import Level, canonical, codes_above, level_of
from tests.geo.extracts import SHARED_DATA

SHARED = SHARED_DATA / "regions"


def square(west: float, south: float, side: float) -> dict[str, Any]:
    ring = [[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def feature(geometry: dict[str, Any] | None, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def write(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return write(
        tmp_path / "city.geojson",
        feature(square(120, 38, 2), code="210200", name="大连市"),
        feature(square(120, 38, 1), code="210202000000", name="中山区"),
        feature(square(121, 38, 1), code="210203", name="西岗区"),
        feature(square(120, 38, 0.5), code="210202001", name="海军广场街道"),
        feature(square(120, 38, 0.1), code="210202001002", name="春海社区"),
    )


@pytest.mark.parametrize(
    ("code", "short", "level"),
    [
        ("210000000000", "210000", Level.PROVINCE),
        ("210200000000", "210200", Level.CITY),
        ("210202000000", "210202", Level.DISTRICT),
        ("210202001000", "210202001", Level.STREET),
        ("210202001", "210202001", Level.STREET),
        ("210202001002", "210202001002", Level.COMMUNITY),
        ("LA-01", "LA-01", None),
    ],
)
def test_codes_in_any_length_mean_the_same_region(code: str, short: str, level: Level | None) -> None:
    assert canonical(code) == short
    assert level_of(code) == level


def test_the_chain_of_codes_goes_up_to_the_province() -> None:
    assert codes_above("210202001002") == ("210202001", "210202", "210200", "210000")
    assert codes_above("LA-01") == ()


def test_the_deepest_region_is_found_with_all_above_it(city: Path) -> None:
    index, report = load(city)
    assert (report.read, report.dropped, report.repaired) == (5, [], [])
    found = index.deepest(LonLat(120.05, 38.05))
    assert found is not None
    assert (found.code, found.cpeas) == ("210202001002", "210202001002")
    assert [region.name for region in index.ancestors(found.code)] == ["海军广场街道", "中山区", "大连市"]
    assert [region.name for region in index.children("210200")] == ["中山区", "西岗区"]
    assert index.deepest(LonLat(100, 20)) is None
    assert index.get("210202000000").cpeas == "210202000000"


def test_on_a_border_the_lower_code_wins(city: Path) -> None:
    found = load(city)[0].deepest(LonLat(121, 38.9))
    assert found is not None
    assert found.code == "210202"


def test_within_is_asked_by_code_in_either_form(city: Path) -> None:
    index, _ = load(city)
    assert index.within("210202001002", "210200000000")
    assert index.within("210202000000", "210202")
    assert not index.within("210203", "210202")
    assert index.within("210299", "210200")
    assert not index.within("210200", "210202")
    with pytest.raises(NotFound):
        index.get("999999")


def test_a_missing_level_is_skipped_in_the_hierarchy(tmp_path: Path) -> None:
    file = write(
        tmp_path / "x.geojson",
        feature(square(116, 39, 2), code="110000", name="北京市"),
        feature(square(116, 39, 1), code="110101", name="东城区"),
    )
    assert load(file)[0].get("110101").parent == "110000"


def test_generic_codes_take_level_and_parent_from_the_file(tmp_path: Path) -> None:
    file = write(
        tmp_path / "x.geojson",
        feature(square(-119, 33, 2), code="LA", name="Los Angeles", level="city"),
        feature(square(-119, 33, 1), code="LA-1", name="District 1", level="district", parent="LA"),
        feature(square(-118, 33, 1), code="A", name="a", parent="B"),
        feature(square(-118, 34, 1), code="B", name="b", parent="A"),
    )
    index, _ = load(file)
    assert [region.code for region in index.ancestors("LA-1")] == ["LA"]
    assert index.within("LA-1", "LA")
    assert len(index.ancestors("A")) <= 1


def test_what_cannot_be_read_is_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "broken.geojson").write_text("{", encoding="utf-8")
    bow_tie = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
    write(
        tmp_path / "some.geojson",
        feature(bow_tie, code="210299", name="repaired"),
        feature(None, code="210298", name="nowhere"),
        feature({"type": "Point", "coordinates": [1, 1]}, code="210297", name="point"),
        feature(square(0, 0, 1), name="nameless code"),
        feature(square(5, 5, 1), code="210299", name="again"),
    )
    index, report = load(tmp_path)
    assert [region.code for region in index] == ["210299"]
    assert shapely.is_valid(index.get("210299").geometry)
    assert len(report.repaired) == 1
    assert len(report.dropped) == 5


def test_a_file_named_by_a_twelve_digit_code_needs_no_code_inside(tmp_path: Path) -> None:
    (tmp_path / "211122000000.geojson").write_text(json.dumps(feature(square(121, 40, 1), dt_name="盘山县")), "utf-8")
    region = load(tmp_path)[0].get("211122")
    assert (region.name, region.level) == ("盘山县", Level.DISTRICT)


@pytest.mark.parametrize("content", [None, "[]", '{"type":"FeatureCollection","features":[]}'])
def test_nothing_usable_is_an_error_not_an_empty_city(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "x.geojson"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(Invalid):
        load(path)


def test_what_is_written_is_read_again_and_written_the_same(city: Path, tmp_path: Path) -> None:
    index, _ = load(city)
    (tmp_path / "again.geojson").write_bytes(dump(index))
    again, report = load(tmp_path / "again.geojson")
    assert dump(again) == dump(index)
    assert [(r.code, r.name, r.level, r.parent) for r in again] == [(r.code, r.name, r.level, r.parent) for r in index]
    assert report.repaired == []


def test_the_city_of_dalian_has_its_districts(dalian_regions: Path) -> None:
    index, report = load(dalian_regions)
    assert report.dropped == []
    assert index.get("210202").name == "中山区"
    place = LonLat(121.64, 38.91)
    assert index.area.contains(place)
    found = index.deepest(place)
    assert found is not None
    assert found.parent == "210200"


@pytest.mark.skipif(not SHARED.exists(), reason="the source polygons are not on this machine")
def test_the_source_polygons_are_read_whole() -> None:
    index, report = load(SHARED)
    assert report.read == len(list(SHARED.glob("*.geojson")))
    assert report.dropped == []
    assert index.within("211122", "211100")
