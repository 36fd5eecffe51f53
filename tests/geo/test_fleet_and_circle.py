"""The fleet as it changes, the circle as something to ask, moving up, and what happens without roads."""

import math
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from backend.geo import cells
from backend.geo.circle import Ground
from backend.geo.fleet import Fleet
from backend.geo.matrix import matrix, spread_out
from backend.geo.modes import NO_FACTORS, Mode, factors
from backend.geo.move_up import move_up
from backend.geo.nearest import nearest
from backend.geo.place import LonLat, distance_m
from backend.geo.roads import Roads
from backend.geo.warm import warm_up

HERE = LonLat(121.6, 38.91)


def near(place: LonLat, metres: float) -> LonLat:
    return LonLat(place.lon, place.lat + metres / 111_195)


def junctions(roads: Roads, count: int, seed: int = 1) -> list[LonLat]:
    return [roads.node_place(node) for node in random.Random(seed).sample(range(roads.nodes), count)]


def test_a_team_that_moves_leaves_no_trace_where_it_was(dalian: Roads) -> None:
    rng = random.Random(2)
    moved, fresh = Fleet(dalian, capacity=1), Fleet(dalian)
    places = junctions(dalian, 400)
    for step in range(300):
        team = f"t{rng.randrange(20)}"
        if rng.random() < 0.15:
            moved.remove(team)
        else:
            moved.put(team, rng.choice(places), rng.choice(list(Mode)), mobilisation_s=float(step % 7))
        if rng.random() < 0.2:
            moved.set_available(team, rng.random() < 0.5)
    for team in moved:
        ready_s = float(moved.teams.team["ready_s"][moved.slot_of[team]])
        fresh.put(
            team, moved.place_of(team), moved.mode_of(team), mobilisation_s=ready_s, available=moved.is_available(team)
        )
    for place in places[:40]:
        a, b = (nearest(dalian, fleet, place, k=30, within_s=20_000) for fleet in (moved, fresh))
        assert {(one.team_id, one.seconds) for one in a} == {(one.team_id, one.seconds) for one in b}


def test_unavailable_and_unknown_teams_are_not_found(dalian: Roads) -> None:
    fleet = Fleet(dalian)
    fleet.put("a", HERE, Mode.CAR)
    fleet.put("b", HERE, Mode.CAR, available=False)
    fleet.remove("c")
    fleet.set_available("c", available=True)
    assert [one.team_id for one in nearest(dalian, fleet, HERE, k=5)] == ["a"]
    fleet.put("b", HERE, Mode.CAR)
    assert not fleet.is_available("b")
    assert [one.team_id for one in nearest(dalian, fleet, HERE, k=5, available=fleet.mask(["b", "x"]))] == ["b"]
    assert (len(fleet), "a" in fleet, "c" in fleet) == (2, True, False)


def test_nobody_in_time_is_an_empty_list(dalian: Roads) -> None:
    fleet = Fleet(dalian)
    assert nearest(dalian, fleet, HERE, k=3) == []
    fleet.put("a", HERE, Mode.FOOT, mobilisation_s=700)
    assert nearest(dalian, fleet, HERE, k=3, within_s=600) == []
    assert nearest(dalian, fleet, LonLat(123.0, 40.0), k=3) == []


def test_a_fleet_of_other_roads_is_refused(dalian: Roads) -> None:
    with pytest.raises(ValueError, match="other roads"):
        nearest(None, Fleet(dalian), HERE, k=1)
    with pytest.raises(ValueError, match="other roads"):
        Ground.of_roads(dalian).circle(Fleet(None))


def test_without_roads_the_straight_line_is_taken_and_said(dalian: Roads) -> None:
    fleet = Fleet(None)
    fleet.put("far", near(HERE, 3000), Mode.CAR)
    fleet.put("near", near(HERE, 700), Mode.CAR, mobilisation_s=30)
    fleet.put("walker", near(HERE, 700), Mode.FOOT)
    found = nearest(None, fleet, HERE, k=2)
    assert [(one.team_id, one.basis) for one in found] == [("near", "straight_line"), ("far", "straight_line")]
    assert found[0].seconds == pytest.approx(30 + 700 * 1.35 / 7, rel=0.01)
    ground = Ground(None, cells.ring(cells.cell_of(HERE, 8), 3))
    circle = ground.circle(fleet, limit_s=600)
    assert circle.basis == "straight_line"
    assert circle.team_ids[0] in {"near", "far"}
    assert ground.circle(Fleet(None)).share() == 0
    assert move_up(ground, fleet) == []
    assert matrix(None, [HERE], [near(HERE, 700)], Mode.CAR)[0, 0] == pytest.approx(135, rel=0.01)


def test_share_gaps_margin_and_change_of_a_circle(dalian: Roads) -> None:
    ground, fleet = Ground.of_roads(dalian), Fleet(dalian)
    nobody = ground.circle(fleet)
    assert (nobody.share(), len(nobody.gaps())) == (0.0, len(ground.cells))
    fleet.put("a", HERE, Mode.CAR)
    one = ground.circle(fleet, limit_s=600)
    assert 0 < one.share() < 1
    assert one.share() == pytest.approx(1 - len(one.gaps()) / len(ground.cells))
    inside = [cell for cell in ground.cells if cell not in set(one.gaps())]
    assert one.share(dict.fromkeys(inside, 2.0)) == 1.0
    assert math.isnan(one.share({}))
    assert one.share(np.ones(len(ground.cells))) == one.share()
    assert one.since(nobody).gained == tuple(sorted(inside))
    assert nobody.since(one).lost == tuple(sorted(inside))
    assert (one.margin_s[[one.index[cell] for cell in inside]] >= 0).all()
    assert one.minutes.min() == one.seconds.min() / 60


def test_a_cell_is_lost_when_its_only_team_becomes_busy(dalian: Roads) -> None:
    ground, fleet = Ground.of_roads(dalian), Fleet(dalian)
    for i, place in enumerate(junctions(dalian, 5)):
        fleet.put(str(i), place, Mode.CAR)
    before = ground.circle(fleet, limit_s=500)
    fleet.set_available("0", available=False)
    after = ground.circle(fleet, limit_s=500)
    alone = {cell for cell, team in zip(before.cells, before.team_ids, strict=True) if team == "0"}
    assert set(after.since(before).lost) <= alone
    assert after.since(before).gained == ()
    assert (after.seconds >= before.seconds).all()


def test_cells_without_a_road_are_not_ground(dalian: Roads) -> None:
    sea = cells.cell_of(LonLat(121.9, 38.7), 8)
    ground = Ground(dalian, [sea, cells.cell_of(HERE, 8)])
    assert ground.roadless == (sea,)
    assert len(ground.cells) == 1


def test_moving_up_gains_what_it_promises(dalian: Roads) -> None:
    ground, fleet = Ground.of_roads(dalian), Fleet(dalian)
    for i, place in enumerate(junctions(dalian, 4, seed=5)):
        fleet.put(str(i), place, Mode.CAR)
    weights = {cell: 1.0 + i % 3 for i, cell in enumerate(ground.cells)}
    before = ground.circle(fleet, limit_s=420)
    moves = move_up(ground, fleet, weights=weights, limit_s=420)
    assert moves
    best = moves[0]
    fleet.put(best.team_id, _road_at(dalian, cells.centre(best.cell)), Mode.CAR)
    after = ground.circle(fleet, limit_s=420)
    change = after.since(before)
    assert best.gained_weight > 0
    assert abs(len(change.gained) - best.gained_cells) <= 1
    assert abs(len(change.lost) - best.lost_cells) <= 1
    assert sum(weights[c] for c in change.gained) - sum(weights[c] for c in change.lost) == pytest.approx(
        best.gained_weight, abs=3
    )


def _road_at(roads: Roads, place: LonLat) -> LonLat:
    snapped = roads.snap([place], Mode.CAR)
    return roads.point_on(int(snapped.segment[0]), float(snapped.fraction[0]))


def test_only_idle_teams_are_moved(dalian: Roads) -> None:
    ground, fleet = Ground.of_roads(dalian), Fleet(dalian)
    for i, place in enumerate(junctions(dalian, 4, seed=5)):
        fleet.put(str(i), place, Mode.CAR)
    moves = move_up(ground, fleet, idle=fleet.mask(["2"]), limit_s=420)
    assert {move.team_id for move in moves} <= {"2"}
    assert move_up(ground, fleet, idle=fleet.mask([])) == []


def test_searches_in_several_threads_do_not_disturb_each_other(dalian: Roads) -> None:
    fleet = Fleet(dalian)
    for i, place in enumerate(junctions(dalian, 200)):
        fleet.put(str(i), place, list(Mode)[i % 3])
    places = junctions(dalian, 200, seed=9)
    alone = [nearest(dalian, fleet, place, k=10) for place in places]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda place: nearest(dalian, fleet, place, k=10), places * 5))
    assert together == alone * 5


def test_hour_and_weather_slow_each_mode_in_its_own_way() -> None:
    assert factors(8).car > factors(3).car
    assert factors(8, day_off=True).car < factors(8).car
    assert factors(8).foot == 1.0
    snow = factors(12).slowed((0.625, 0.4, 0.8))
    assert snow.ebike == 2.5
    assert snow.car == pytest.approx(factors(12).car * 1.6)
    assert NO_FACTORS.of(Mode.EBIKE) == 1.0


def test_teams_are_spread_so_that_none_stand_together(dalian: Roads) -> None:
    places = spread_out(dalian, 24, Mode.CAR)
    assert len(set(places)) == 24
    gaps = [distance_m(a, b) for i, a in enumerate(places) for b in places[:i]]
    assert min(gaps) > 300
    assert spread_out(dalian, 5, Mode.CAR) == places[:5]


def test_warming_up_leaves_later_searches_as_they_are(dalian: Roads) -> None:
    fleet = Fleet(dalian)
    fleet.put("a", HERE, Mode.CAR)
    before = nearest(dalian, fleet, near(HERE, 900), k=1)
    warm_up(dalian)
    assert nearest(dalian, fleet, near(HERE, 900), k=1) == before
