"""Nearest, matrix, circle and route against an independent reference, on random small cities and on Dalian."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.geo.circle import Ground
from backend.geo.fleet import Fleet
from backend.geo.matrix import matrix
from backend.geo.modes import MODES, WALK_MPS, Factors, Mode
from backend.geo.nearest import nearest
from backend.geo.place import LonLat, distance_m
from backend.geo.roads import Roads
from tests.geo.extracts import Reference, random_city

SEEDS = st.integers(0, 10_000)


@pytest.fixture(scope="module")
def cities(tmp_path_factory: pytest.TempPathFactory) -> list[Roads]:
    built = []
    for seed in range(12):
        folder: Path = tmp_path_factory.mktemp("city")
        west, south = ((121.5, 38.9), (-70.6, -33.4), (0.0, 51.5))[seed % 3]
        built.append(random_city(seed, west=west, south=south).build(folder)[0])
    return built


def anywhere(roads: Roads, rng: np.random.Generator, count: int) -> list[LonLat]:
    """Places on and off the roads: some exactly at junctions, some on the same segment, some far off."""
    places = []
    for _ in range(count):
        segment = int(rng.integers(min(roads.segments, 4) if rng.random() < 0.3 else roads.segments))
        at = roads.point_on(segment, float(rng.choice([0.0, 1.0, rng.random(), rng.random()])))
        off = rng.normal(0, 0.002) if rng.random() < 0.5 else 0.0
        places.append(LonLat(at.lon + off, at.lat + off))
    return places


@given(seed=SEEDS, which=st.integers(0, 11), mode=st.sampled_from(MODES), more=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_matrix_is_what_a_plain_dijkstra_on_the_split_graph_says(
    cities: list[Roads], seed: int, which: int, mode: Mode, more: bool
) -> None:
    roads, rng = cities[which], np.random.default_rng(seed)
    sources, targets = anywhere(roads, rng, 9 if more else 4), anywhere(roads, rng, 5)
    if not roads.serves(mode):
        return
    expected = Reference(roads, mode).matrix(sources, targets)
    np.testing.assert_allclose(matrix(roads, sources, targets, mode), expected, atol=1e-4)


@given(seed=SEEDS, which=st.integers(0, 11), k=st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_the_nearest_teams_are_the_first_of_all_teams_sorted_by_time(
    cities: list[Roads], seed: int, which: int, k: int
) -> None:
    roads, rng = cities[which], np.random.default_rng(seed)
    fleet, place, expected = Fleet(roads, capacity=2), anywhere(roads, rng, 1)[0], []
    for number, start in enumerate(anywhere(roads, rng, 14)):
        mode = MODES[int(rng.integers(3))]
        ready_s, available = float(rng.choice([0, 45, 300])), bool(rng.random() < 0.7)
        fleet.put(f"t{number}", start, mode, mobilisation_s=ready_s, available=available)
        if available and roads.serves(mode):
            expected.append((Reference(roads, mode).matrix([start], [place])[0, 0] + ready_s, f"t{number}"))
    found = [one for one in nearest(roads, fleet, place, k=k, within_s=7200) if one.basis == "road"]
    best = sorted(expected)[: len(found)]
    np.testing.assert_allclose([one.seconds for one in found], [seconds for seconds, _ in best], atol=1e-4)
    for one in found:
        assert one.seconds == pytest.approx(one.mobilisation_s + one.off_road_s + one.drive_s)
        assert one.seconds == pytest.approx(next(s for s, team in expected if team == one.team_id), abs=1e-4)


@given(seed=SEEDS, which=st.integers(0, 11), teams=st.integers(0, 6))
@settings(max_examples=30, deadline=None)
def test_a_cell_of_the_circle_has_the_time_and_the_team_that_nearest_finds_for_its_centre(
    cities: list[Roads], seed: int, which: int, teams: int
) -> None:
    roads, rng = cities[which], np.random.default_rng(seed)
    fleet = Fleet(roads)
    for number, start in enumerate(anywhere(roads, rng, teams)):
        fleet.put(f"t{number}", start, MODES[number % 3], mobilisation_s=float(rng.choice([0, 60])))
    ground = Ground.of_roads(roads, res=9)
    factors = Factors(car=1.3, ebike=1.1, foot=1.2)
    circle = ground.circle(fleet, limit_s=400, factors=factors)
    for i in range(len(ground.cells)):
        found = nearest(roads, fleet, ground.place_of(i), k=1, within_s=800, factors=factors)
        road = [one for one in found if one.basis == "road"]
        assert (circle.team_ids[i] is None) == (not road)
        if road:
            assert circle.seconds[i] == pytest.approx(road[0].seconds, abs=1e-6)


@given(seed=SEEDS, which=st.integers(0, 11), mode=st.sampled_from(MODES))
@settings(max_examples=40, deadline=None)
def test_a_route_takes_the_time_of_the_matrix_and_leads_from_door_to_door(
    cities: list[Roads], seed: int, which: int, mode: Mode
) -> None:
    roads, rng = cities[which], np.random.default_rng(seed)
    a, b = anywhere(roads, rng, 2)
    if not roads.serves(mode):
        assert roads.route(a, b, mode) is None
        return
    route = roads.route(a, b, mode)
    assert route is not None
    assert route.seconds == pytest.approx(matrix(roads, [a], [b], mode)[0, 0], abs=1e-4)
    assert (route.line[0], route.line[-1]) == (a, b)
    assert list(route.at_s) == sorted(route.at_s)
    assert len(route.at_s) == len(route.line)
    drawn_m = sum(distance_m(p, q) for p, q in zip(route.line[:-1], route.line[1:], strict=True))
    assert route.metres == pytest.approx(drawn_m, rel=0.01, abs=3)


@pytest.mark.parametrize("mode", MODES)
def test_dalian_agrees_with_the_reference(dalian: Roads, mode: Mode) -> None:
    rng = np.random.default_rng(7)
    sources, targets = anywhere(dalian, rng, 12), anywhere(dalian, rng, 15)
    expected = Reference(dalian, mode).matrix(sources, targets)
    np.testing.assert_allclose(matrix(dalian, sources, targets, mode), expected, atol=1e-3)


def test_twenty_of_four_hundred_teams_in_dalian_are_in_exact_order(dalian: Roads) -> None:
    rng = np.random.default_rng(8)
    fleet, starts, places = Fleet(dalian), anywhere(dalian, rng, 400), anywhere(dalian, rng, 10)
    for number, start in enumerate(starts):
        fleet.put(str(number), start, Mode.CAR, available=number % 3 > 0)
    times = Reference(dalian, Mode.CAR).matrix(starts, places)[np.arange(400) % 3 > 0]
    for i, place in enumerate(places):
        found = nearest(dalian, fleet, place, k=20)
        np.testing.assert_allclose([one.seconds for one in found], np.sort(times[:, i])[:20], atol=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_places_in_dalian_snap_to_the_nearest_road_and_nothing_is_nearer(dalian: Roads, mode: Mode) -> None:
    west, south, east, north = dalian.bbox
    places = np.random.default_rng(9).uniform((west - 0.01, south - 0.01), (east + 0.01, north + 0.01), (200, 2))
    snapped = dalian.snap(places, mode)
    owner, points = dalian.arrays["shape_seg"], dalian.arrays["shape_xy"] / 1e7
    usable = (dalian.net.seg_mask[owner] & (1 << mode.layer)) > 0
    steps = np.flatnonzero((owner[:-1] == owner[1:]) & usable[:-1] & (dalian.arrays["seg_road"][owner[:-1]] > 0))
    for i, place in enumerate(places):
        scale = np.array([np.cos(np.radians(place[1])), 1.0]) * 111_195.08
        a, b = (points[steps] - place) * scale, (points[steps + 1] - place) * scale
        length = np.maximum(((b - a) ** 2).sum(axis=1), 1e-12)
        foot = np.clip(-(a * (b - a)).sum(axis=1) / length, 0, 1)
        nearest_m = np.hypot(*(a + foot[:, None] * (b - a)).T).min()
        assert snapped.off_road_m[i] == pytest.approx(nearest_m, abs=0.01)
        at = dalian.point_on(int(snapped.segment[i]), float(snapped.fraction[i]))
        assert distance_m(LonLat(*place), at) == pytest.approx(nearest_m, rel=0.001, abs=1.5)


def test_mobilisation_walks_and_factors_add_up(cities: list[Roads]) -> None:
    roads = cities[0]
    fleet, place = Fleet(roads), roads.point_on(0, 0.5)
    fleet.put("a", LonLat(place.lon + 0.001, place.lat), Mode.FOOT, mobilisation_s=50)
    plain = nearest(roads, fleet, place, k=1)[0]
    slow = nearest(roads, fleet, place, k=1, factors=Factors(foot=2.0))[0]
    assert slow.drive_s == pytest.approx(2 * plain.drive_s)
    assert slow.off_road_s == pytest.approx(2 * plain.off_road_s)
    assert slow.mobilisation_s == plain.mobilisation_s == 50
    snapped = roads.snap([fleet.place_of("a"), place], Mode.FOOT)
    assert plain.off_road_s == pytest.approx(snapped.off_road_m.sum() / WALK_MPS)
