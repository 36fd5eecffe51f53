"""Stay points: the city's own list, what an extract knows, and a mistake in the list said with its line."""

from pathlib import Path

import osmium
import pytest
import shapely
from osmium.osm.mutable import Node, Way

from backend.campaign import stay_points_osm
from backend.campaign.stay_points import FOUND, HAND, KINDS, StayPoint, of_city, read_stay_points, write_stay_points
from backend.city import open_city
from backend.errors import Invalid
from backend.geo.modes import Mode
from backend.geo.place import ServiceArea

DALIAN = Path("cities/dalian")
AREA = ServiceArea(shapely.box(121, 38, 122, 39))
HEAD = "code,name,kind,lon,lat,people\n"


def written(folder: Path, *lines: str) -> Path:
    file = folder / HAND
    file.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("line", "zh", "en"),
    [
        ("S1,,park,121.5,38.5,", "缺少编号或名称", "missing"),
        ("S1,公园,garden,121.5,38.5,", "类型 garden", "kind is one of"),
        ("S1,公园,park,x,38.5,", "lon 不是数字", "lon is not a number"),
        ("S1,公园,park,nan,38.5,", "lon 不是数字", "lon is not a number"),
        ("S1,公园,park,38.5,121.5,", "超出范围", "out of range"),
        ("S1,公园,park,120.5,38.5,", "不在本市范围内", "outside the city"),
        ("S1,公园,park,121.5,38.5,-1", "人数应在", "people is between"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, line: str, zh: str, en: str) -> None:
    file = written(tmp_path, "S0,桥下,underpass,121.5,38.5,2", line)
    with pytest.raises(Invalid) as told:
        read_stay_points(file, AREA)
    assert "第 3 行" in told.value.zh
    assert zh in told.value.zh
    assert en in told.value.en


def test_swapped_coordinates_are_recognised(tmp_path: Path) -> None:
    near = ServiceArea(shapely.box(61, 38, 62, 39))
    with pytest.raises(Invalid, match="填反"):
        read_stay_points(written(tmp_path, "S1,公园,park,38.5,61.5,"), near)


def test_a_code_stands_for_one_place(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="重复"):
        read_stay_points(written(tmp_path, "S1,甲,park,121.5,38.5,", "S1,乙,park,121.6,38.5,"))


def test_columns_that_are_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / HAND).write_text("code,name\nS1,公园\n", encoding="utf-8")
    with pytest.raises(Invalid, match="lacks the columns kind, lon, lat"):
        read_stay_points(tmp_path / HAND)


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    (tmp_path / HAND).write_text("\ufeff" + HEAD + "S1, 公园 ,park, 121.5 ,38.5,1.5\r\n", encoding="utf-8")
    (point,) = read_stay_points(tmp_path / HAND, AREA)
    assert (point.name, point.people) == ("公园", 1.5)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    points = [StayPoint(code="S1", name="桥下", kind="underpass", lon=121.5, lat=38.5, people=2.0)]
    write_stay_points(tmp_path / HAND, points)
    assert read_stay_points(tmp_path / HAND) == points


def test_the_citys_own_word_counts_over_the_extracts(tmp_path: Path) -> None:
    written(tmp_path, "S1,桥洞,underpass,121.5000,38.5000,5")
    found = [
        StayPoint(code="O001", name="同处", kind="underpass", lon=121.5003, lat=38.5),
        StayPoint(code="O002", name="别处", kind="underpass", lon=121.51, lat=38.5),
    ]
    write_stay_points(tmp_path / FOUND, found)
    assert [point.code for point in of_city(tmp_path, AREA)] == ["O002", "S1"]


def test_a_city_without_lists_has_none(tmp_path: Path) -> None:
    assert of_city(tmp_path) == []
    assert of_city(None) == []


def test_the_demonstrations_points_are_in_the_city_and_on_its_roads() -> None:
    city = open_city(DALIAN)
    assert city.roads is not None
    points = of_city(DALIAN, city.area)
    assert {"underpass", "tunnel", "bus_station", "station"} <= {point.kind for point in points}
    assert city.roads.snap([point.place for point in points], Mode.FOOT).off_road_m.max() < 60
    for point in points:
        assert city.area.contains(point.place)
    assert all(zh and en for zh, en in KINDS.values())


def extract(path: Path) -> Path:
    """A viaduct of two carriageways over a street and beside a tunnel, a bus station, a shop that never closes, a long road tunnel."""
    nodes = {
        1: (121.50, 38.500), 2: (121.51, 38.500), 3: (121.50, 38.5003), 4: (121.51, 38.5003),
        5: (121.505, 38.495), 6: (121.505, 38.505), 7: (121.52, 38.50), 8: (121.5205, 38.50), 9: (121.53, 38.50),
        10: (121.54, 38.50), 11: (121.535, 38.495), 12: (121.535, 38.505),
    }  # fmt: skip
    ways = [
        ([1, 2], {"highway": "trunk", "bridge": "yes", "layer": "1", "name": "疏港路"}),
        ([3, 4], {"highway": "trunk", "bridge": "yes", "layer": "1", "name": "疏港路"}),
        ([5, 6], {"highway": "residential", "name": "港汇街"}),
        ([7, 8], {"highway": "footway", "tunnel": "yes", "name": "站前"}),
        ([9, 10], {"highway": "primary", "tunnel": "yes", "layer": "-1", "name": "长隧道"}),
        ([11, 12], {"highway": "residential", "name": "上面的路"}),
    ]
    with osmium.SimpleWriter(str(path), overwrite=True) as out:
        for number, at in nodes.items():
            out.add_node(Node(id=number, location=at, tags={}))
        out.add_node(Node(id=20, location=(121.55, 38.5), tags={"amenity": "bus_station", "name": "客运站"}))
        out.add_node(Node(id=21, location=(121.56, 38.5), tags={"shop": "convenience", "opening_hours": "24/7"}))
        out.add_node(Node(id=22, location=(121.57, 38.5), tags={"shop": "convenience", "opening_hours": "08:00-22:00"}))
        for number, (refs, tags) in enumerate(ways, start=1):
            out.add_way(Way(id=number, nodes=refs, tags=tags))
    return path


def test_an_extract_tells_where_one_can_stand_below_a_bridge(tmp_path: Path) -> None:
    found = {point.kind: point for point in stay_points_osm.find(extract(tmp_path / "x.osm.pbf"))}
    assert set(found) == {"underpass", "tunnel", "bus_station", "lobby_24h"}
    below = found["underpass"]
    assert below.name == "疏港路跨港汇街桥下"
    assert (below.lon, below.lat) == pytest.approx((121.505, 38.5), abs=0.0005)
    assert found["bus_station"].name == "客运站"


def test_the_same_extract_gives_the_same_points(tmp_path: Path) -> None:
    file = extract(tmp_path / "x.osm.pbf")
    assert stay_points_osm.find(file) == stay_points_osm.find(file)
