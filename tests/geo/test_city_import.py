"""Importing a city as a whole."""

import csv
import json
import tomllib
from pathlib import Path

import pytest

from backend.errors import Invalid
from backend.geo import region_files
from backend.geo.place import LonLat
from backend.geo.roads import Roads
from ops.city_import import import_city, split_name
from tests.geo.extracts import SHARED_DATA, random_city

SHARED = SHARED_DATA


@pytest.fixture
def pbf(tmp_path: Path) -> Path:
    return random_city(1, side=8).write(tmp_path / "x.osm.pbf")


def test_a_city_without_regions_is_the_hull_of_its_roads(pbf: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    out = tmp_path / "new" / "city"
    report = import_city(pbf, None, out, "测试市 Testville", "990100", lambda stage, *_: stages.append(stage), 6)
    settings = tomllib.loads((out / "city.toml").read_text("utf-8"))
    assert (settings["code"], settings["name_zh"], settings["name_en"]) == ("990100", "测试市", "Testville")
    assert settings["service_area"] == "hull"
    index, _ = region_files.load(out / "regions.geojson")
    roads = Roads.open(out / "roads.graph")
    assert [region.code for region in index] == ["990100"]
    assert all(index.area.contains(roads.node_place(node)) for node in range(roads.nodes))
    assert index.area.contains(LonLat(*settings["centre"]))
    assert set(report.files) == {"roads.graph", "regions.geojson", "city.toml", "teams.csv"}
    assert {"read", "regions", "teams"} <= set(stages)


def test_of_several_cities_only_the_one_asked_for_is_taken(pbf: Path, tmp_path: Path) -> None:
    ring = [[121, 38], [122, 38], [122, 39], [121, 39], [121, 38]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    features = [
        {"type": "Feature", "properties": {"code": code, "name": code}, "geometry": shape}
        for code in ("210200", "210202", "211100")
    ]
    (tmp_path / "r.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    report = import_city(pbf, tmp_path / "r.geojson", tmp_path / "out", "大连", "210200")
    index, _ = region_files.load(tmp_path / "out" / "regions.geojson")
    assert [region.code for region in index] == ["210200", "210202"]
    assert report.regions.dropped == ["211100 211100: not in 210200"]
    assert not (tmp_path / "out" / "teams.csv").exists()


def test_demo_teams_are_complete_and_stand_on_the_roads(pbf: Path, tmp_path: Path) -> None:
    import_city(pbf, None, tmp_path, "测试", "990100", demo_teams=9)
    rows = list(csv.DictReader((tmp_path / "teams.csv").read_text("utf-8").splitlines()))
    assert len(rows) == 9
    assert len({row["name"] for row in rows}) == 9
    assert {row["organisation"] for row in rows} == {"police", "city_management", "social_work", "station"}
    assert {row["mode"] for row in rows} == {"car", "ebike", "foot"}
    assert {row["shift_pattern"] for row in rows} == {"24h", "day", "night"}
    assert all(int(row["size"]) >= 2 for row in rows)


def test_importing_again_gives_the_same_bytes(pbf: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        import_city(pbf, None, tmp_path / folder, "测试", "990100", demo_teams=4)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_a_name_may_be_in_one_language() -> None:
    assert split_name("大连 Dalian") == ("大连", "Dalian")
    assert split_name("Los Angeles") == ("Los Angeles", "Los Angeles")
    assert split_name("大连") == ("大连", "大连")
    with pytest.raises(Invalid):
        split_name(" ")


@pytest.mark.skipif(not SHARED.exists(), reason="the sources of Dalian are not on this machine")
def test_the_committed_city_is_what_the_import_gives(tmp_path: Path) -> None:
    committed = Path(__file__).parents[2] / "cities" / "dalian"
    import_city(SHARED / "osm" / "dalian.osm.pbf", SHARED / "regions", tmp_path, "大连 Dalian", "210200", demo_teams=24)
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (committed / file.name).read_bytes(), file.name
