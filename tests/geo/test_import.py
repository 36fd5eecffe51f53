"""Building a graph out of tiny extracts: what tags mean, what is dropped, and the file."""

from pathlib import Path

import numpy as np
import pytest

from backend.errors import Invalid
from backend.geo import graph_file
from backend.geo.build import build
from backend.geo.matrix import matrix
from backend.geo.modes import Mode
from backend.geo.place import LonLat
from backend.geo.roads import Roads
from backend.geo.tags import CAR, EBIKE, FOOT, WAY_KEYS, WayRule, judge_way
from tests.geo.extracts import SHARED_DATA, Extract, random_city

DALIAN = SHARED_DATA / "osm" / "dalian.osm.pbf"


def seconds(roads: Roads, a: LonLat, b: LonLat, mode: Mode = Mode.CAR) -> float:
    return float(matrix(roads, [a], [b], mode)[0, 0])


def rule(**tags: str) -> WayRule | str:
    tags = {key.replace("__", ":"): value for key, value in tags.items()}
    return judge_way(tuple(map(tags.get, WAY_KEYS)))


def ring(side: float = 400.0, **tags: str) -> Extract:
    city = Extract()
    city.square(side, **tags)
    return city


@pytest.mark.parametrize("oneway", ["yes", "1", "true"])
def test_a_one_way_ring_is_driven_round_but_walked_back(tmp_path: Path, oneway: str) -> None:
    city = ring(oneway=oneway)
    roads, _ = city.build(tmp_path)
    a, b = city.place(100, 0), city.place(300, 0)
    assert seconds(roads, a, b) < seconds(roads, b, a) / 4
    assert seconds(roads, a, b, Mode.FOOT) == pytest.approx(seconds(roads, b, a, Mode.FOOT), rel=0.05)


def test_oneway_minus_one_runs_against_the_way(tmp_path: Path) -> None:
    city = ring(oneway="-1")
    roads, _ = city.build(tmp_path)
    a, b = city.place(100, 0), city.place(300, 0)
    assert seconds(roads, b, a) < seconds(roads, a, b) / 4


def test_a_roundabout_is_one_way_without_saying_so(tmp_path: Path) -> None:
    city = Extract()
    for number, (east, north) in enumerate(((0, 0), (60, 0), (60, 60), (0, 60)), start=1):
        city.node(number, east, north)
    city.way(1, 2, 3, 4, 1, junction="roundabout")
    roads, _ = city.build(tmp_path)
    a, b = city.place(30, 0), city.place(60, 30)
    assert seconds(roads, a, b) < seconds(roads, b, a)


def test_a_bicycle_may_ride_against_a_one_way_that_says_so() -> None:
    free = rule(highway="residential", oneway="yes", oneway__bicycle="no")
    lane = rule(highway="residential", oneway="yes", cycleway="opposite_lane")
    plain = rule(highway="residential", oneway="yes")
    assert isinstance(free, WayRule)
    assert isinstance(lane, WayRule)
    assert isinstance(plain, WayRule)
    assert free.against == lane.against == EBIKE | FOOT
    assert plain.against == FOOT


@pytest.mark.parametrize(
    ("tags", "allowed"),
    [
        ({"highway": "residential"}, CAR | EBIKE | FOOT),
        ({"highway": "residential", "access": "no"}, 0),
        ({"highway": "residential", "access": "no", "foot": "yes"}, FOOT),
        ({"highway": "residential", "motor_vehicle": "no"}, EBIKE | FOOT),
        ({"highway": "residential", "vehicle": "no", "bicycle": "yes"}, EBIKE | FOOT),
        ({"highway": "footway"}, EBIKE | FOOT),
        ({"highway": "pedestrian", "motor_vehicle": "yes"}, CAR | EBIKE | FOOT),
        ({"highway": "motorway"}, CAR),
        ({"highway": "trunk", "motorroad": "yes"}, CAR),
        ({"highway": "steps"}, FOOT),
        ({"highway": "construction"}, 0),
        ({"highway": "busway"}, 0),
        ({"route": "ferry"}, 0),
    ],
)
def test_access_tags_decide_who_may_go(tags: dict[str, str], allowed: int) -> None:
    judged = rule(**tags)
    assert (judged.along if isinstance(judged, WayRule) else 0) == allowed


@pytest.mark.parametrize(
    ("maxspeed", "kmh", "bad"),
    [("30", 25.5, False), ("20 mph", 27.4, False), ("schnell", 48, True), ("0", 48, True), ("CN:urban", 48, False)],
)
def test_speed_limits_are_understood_or_reported(maxspeed: str, kmh: float, bad: bool) -> None:
    judged = rule(highway="primary", maxspeed=maxspeed)
    assert isinstance(judged, WayRule)
    assert judged.speeds_kmh[0] == pytest.approx(kmh, abs=0.1)
    assert judged.bad_maxspeed is bad


def test_an_island_that_cannot_be_reached_is_dropped_and_reported(tmp_path: Path) -> None:
    city = ring()
    city.node(11, 2000, 2000)
    city.node(12, 2100, 2000)
    city.way(11, 12)
    roads, report = city.build(tmp_path)
    assert report.lost_segments == {"car": 1, "ebike": 1, "foot": 1}
    assert report.lost_m["car"] == pytest.approx(100, abs=1)
    assert roads.snap([city.place(2050, 2000)], Mode.CAR).off_road_m[0] > 1500


def test_a_one_way_dead_end_is_closed_to_cars_only(tmp_path: Path) -> None:
    city = ring()
    city.node(11, 700, 0)
    city.way(2, 11, oneway="yes")
    roads, report = city.build(tmp_path)
    assert report.lost_segments == {"car": 1, "ebike": 1, "foot": 0}
    place = [city.place(650, 0)]
    assert roads.snap(place, Mode.FOOT).off_road_m[0] < 1
    assert roads.snap(place, Mode.CAR).off_road_m[0] == pytest.approx(250, abs=1)


@pytest.mark.parametrize(
    ("barrier", "car", "foot"), [("bollard", False, True), ("gate", True, True), ("wall", False, False)]
)
def test_barriers_stop_those_they_stop(tmp_path: Path, barrier: str, car: bool, foot: bool) -> None:
    city = ring()
    city.node(5, 200, 0, barrier=barrier)
    city.ways[0] = ([1, 5, 2], city.ways[0][1])
    roads, report = city.build(tmp_path)
    a, b = city.place(180, 0), city.place(220, 0)
    direct_s = 40 / (25 / 3.6)
    assert (seconds(roads, a, b) < 3 * direct_s) is car
    assert (seconds(roads, a, b, Mode.FOOT) < 60) is foot
    assert report.barriers == (0 if barrier == "gate" else 1)


def test_nodes_that_repeat_or_coincide_do_no_harm(tmp_path: Path) -> None:
    city = ring()
    city.node(5, 0, 0)
    city.ways[0] = ([1, 1, 5, 2, 2], city.ways[0][1])
    roads, _ = city.build(tmp_path)
    assert float(roads.arrays["seg_m"].sum()) == pytest.approx(1600, abs=3)
    assert np.isfinite(seconds(roads, city.place(10, 0), city.place(390, 0)))


def test_a_way_whose_nodes_are_beyond_the_border_is_kept_as_far_as_known(tmp_path: Path) -> None:
    city = ring()
    city.ways.append(([3, 998, 999], {"highway": "residential"}))
    city.ways.append(([998, 999], {"highway": "residential"}))
    _, report = city.build(tmp_path)
    assert report.missing_nodes == 4
    assert report.dropped["fewer than two known nodes"] == 2


def test_degree_two_nodes_are_contracted_and_the_shape_is_kept(tmp_path: Path) -> None:
    city = ring()
    for i in range(9):
        city.node(100 + i, 400 + 50 * (i + 1), 20 * (i % 2))
    city.way(2, 100, 101, 102, name="弯路")
    city.way(102, 103, 104, name="弯路")
    city.way(105, 104, name="直路")
    city.way(105, 106, 107, 108, name="直路")
    roads, _ = city.build(tmp_path)
    lengths = [len(roads.shape(segment)) for segment in range(roads.segments)]
    assert sorted(lengths) == [5, 5, 6]
    assert roads.street(city.place(500, 0)) == "弯路"
    assert roads.street(city.place(840, 0)) == "直路"
    assert roads.street(city.place(0, 3000)) is None


def test_the_chinese_name_is_preferred(tmp_path: Path) -> None:
    city = ring(name="Zhongshan Road", name__zh="中山路")
    roads, report = city.build(tmp_path)
    assert roads.street(city.place(200, 0)) == "中山路"
    assert report.named_km == pytest.approx(1.6, abs=0.01)


def test_signals_and_junctions_cost_time_in_their_direction_only(tmp_path: Path) -> None:
    plain, signal = ring(), ring()
    signal.node(5, 380, 0, **{"highway": "traffic_signals", "traffic_signals:direction": "forward"})
    signal.ways[0] = ([1, 5, 2], signal.ways[0][1])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    without, _ = plain.build(tmp_path / "a")
    with_signal, _ = signal.build(tmp_path / "b")
    a, b = plain.place(0, 200), plain.place(400, 200)
    assert np.nansum(with_signal.net.seg_s[:, :, 0]) == pytest.approx(
        np.nansum(without.net.seg_s[:, :, 0]) + 18, abs=0.1
    )
    assert seconds(with_signal, b, a) == pytest.approx(seconds(without, b, a), abs=0.2)


def test_another_city_works_anywhere_on_earth(tmp_path: Path) -> None:
    city = random_city(3, side=7, west=-58.4, south=-34.6)
    roads, report = city.build(tmp_path)
    assert report.segments > 40
    west, south, east, north = roads.bbox
    assert west < roads.centre.lon < east
    assert south < roads.centre.lat < north


def test_the_same_extract_gives_the_same_bytes(tmp_path: Path) -> None:
    pbf = random_city(4).write(tmp_path / "x.osm.pbf")
    build(pbf, tmp_path / "a.graph")
    build(pbf, tmp_path / "b.graph")
    assert (tmp_path / "a.graph").read_bytes() == (tmp_path / "b.graph").read_bytes()


def test_progress_names_its_stages(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    build(random_city(5).write(tmp_path / "x.osm.pbf"), tmp_path / "x.graph", lambda *step: told.append(step))
    assert [stage for stage, done, total in told if done == total == 1] == ["read", "cut", "connect", "weigh", "write"]


def test_a_missing_a_broken_and_an_empty_extract_are_told_apart(tmp_path: Path) -> None:
    good = random_city(6).write(tmp_path / "good.osm.pbf").read_bytes()
    (tmp_path / "broken.osm.pbf").write_bytes(good[: len(good) // 2])
    (tmp_path / "text.osm.pbf").write_text("not a map")
    empty = Extract()
    empty.node(1, 0, 0)
    empty.node(2, 9, 9)
    empty.way(1, 2, highway="construction")
    empty.write(tmp_path / "empty.osm.pbf")
    for name, code in (("none", "missing"), ("broken", "broken"), ("text", "broken"), ("empty", "no_roads")):
        with pytest.raises(Invalid) as refused:
            build(tmp_path / f"{name}.osm.pbf", tmp_path / "x.graph")
        assert refused.value.code == f"extract_{code}"
    assert not (tmp_path / "x.graph").exists()


def test_a_graph_file_that_is_not_one_is_refused_with_the_reason(tmp_path: Path) -> None:
    random_city(7).build(tmp_path)
    good = (tmp_path / "roads.graph").read_bytes()
    damaged = bytearray(good)
    damaged[-1] ^= 1
    cases = {
        "truncated": good[:-100],
        "foreign": b"x" * 100,
        "version": good[:8] + b"\x63\0\0\0" + good[12:],
        "damaged": bytes(damaged),
    }
    for code, content in {**cases, "truncated ": b"", " truncated": good[:10]}.items():
        (tmp_path / "x.graph").write_bytes(content)
        with pytest.raises(Invalid) as refused:
            Roads.open(tmp_path / "x.graph", verify=True)
        assert refused.value.code == f"roads_{code.strip()}"
    with pytest.raises(Invalid):
        Roads.open(tmp_path / "none.graph")


def test_arrays_of_a_graph_file_are_aligned_and_cannot_be_written(dalian: Roads) -> None:
    for array in dalian.arrays.values():
        assert array.ctypes.data % array.dtype.alignment == 0
        assert not array.flags.writeable


def test_a_graph_file_keeps_facts_and_empty_arrays(tmp_path: Path) -> None:
    graph_file.write(tmp_path / "x", {"b": np.arange(3), "a": np.empty((0, 2), np.float32)}, {"km": 1.5})
    arrays, facts = graph_file.read(tmp_path / "x", verify=True)
    assert facts == {"km": 1.5}
    assert arrays["b"].tolist() == [0, 1, 2]
    assert arrays["a"].shape == (0, 2)


@pytest.mark.skipif(not DALIAN.exists(), reason="the extract of Dalian is not on this machine")
def test_the_committed_graph_of_dalian_is_what_the_extract_gives(tmp_path: Path, dalian_regions: Path) -> None:
    build(DALIAN, tmp_path / "roads.graph")
    assert (tmp_path / "roads.graph").read_bytes() == (dalian_regions.parent / "roads.graph").read_bytes()
