"""The score: what makes a cell likely, in numbers that add up and words that say so."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.campaign.score import FACTORS, PARTS, Params, Past, Scores, Shelter, in_words, score
from backend.campaign.stay_points import StayPoint
from backend.campaign.sweep_ground import SweepGround
from backend.geo import cells as h3cells
from backend.geo.modes import Mode
from backend.geo.place import LonLat
from backend.geo.roads import Roads
from ops.bench.nearest import GRAPH

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2016, 12, 1, 20, 0, tzinfo=ZONE)
HERE = LonLat(121.588945, 38.905766)
AREA = shapely.box(121.57, 38.89, 121.61, 38.92)


@pytest.fixture(scope="module")
def ground() -> SweepGround:
    return SweepGround.of(Roads.open(GRAPH), AREA)


def past_of(*sightings: tuple[LonLat, float]) -> Past:
    """Places and how many days ago."""
    return Past.of([(at.lon, at.lat, NOW - timedelta(days=days), 1.0) for at, days in sightings])


def scored(ground: SweepGround, past: Past | None = None, **more: object) -> Scores:
    return score(ground, past or past_of(), at=NOW, zone=ZONE, **more)  # type: ignore[arg-type]


def cell_at(ground: SweepGround, place: LonLat) -> int:
    return ground.index[h3cells.cell_of(place, 9)]


def test_a_cell_with_sightings_outranks_its_neighbours_and_they_the_rest(ground: SweepGround) -> None:
    found = scored(ground, past_of((HERE, 3), (HERE, 10)))
    here = cell_at(ground, HERE)
    ring = [ground.index[cell] for cell in h3cells.ring(ground.cells[here], 1)[1:] if cell in ground.index]
    far = [n for n in range(len(ground)) if n not in {here, *ring}]
    assert found.expected[here] > found.expected[ring].max()
    assert found.expected[ring].min() > np.median(found.expected[far])


def test_what_was_lately_counts_more_than_what_was_long_ago(ground: SweepGround) -> None:
    here = cell_at(ground, HERE)
    values = [scored(ground, past_of((HERE, days))).expected[here] for days in (1, 7, 30, 120, 300)]
    assert values == sorted(values, reverse=True)


def test_what_is_reported_later_is_not_known_yet(ground: SweepGround) -> None:
    later = scored(ground, past_of((HERE, -1)))
    assert later.expected[cell_at(ground, HERE)] == pytest.approx(scored(ground).expected[cell_at(ground, HERE)])


def test_a_spot_that_comes_again_counts_more_than_two_spots(ground: SweepGround) -> None:
    near = LonLat(HERE.lon + 0.0008, HERE.lat)
    assert h3cells.cell_of(near, 9) == h3cells.cell_of(HERE, 9)
    here = cell_at(ground, HERE)
    again, apart = scored(ground, past_of((HERE, 5), (HERE, 9))), scored(ground, past_of((HERE, 5), (near, 9)))
    assert again.parts["spot"][here] > apart.parts["spot"][here] == 0


def test_the_hour_of_a_sighting_goes_round_the_clock(ground: SweepGround) -> None:
    params = Params(window_h=3.0, own_hour=1.0)
    here = cell_at(ground, HERE)

    def at(hour: int) -> float:
        seen = NOW.replace(hour=hour) - timedelta(days=5)
        past = Past.of([(HERE.lon, HERE.lat, seen, 1.0)])
        found = score(ground, past, at=NOW.replace(hour=23), zone=ZONE, params=params)
        return float(found.parts["before"][here])

    assert at(0) > at(3) > at(11)
    assert at(0) > at(21) > at(15)


def test_parts_and_factors_make_up_the_score(ground: SweepGround) -> None:
    low = StayPoint(code="S1", name="桥下", kind="underpass", lon=HERE.lon, lat=HERE.lat)
    found = scored(
        ground, past_of((HERE, 2)), stay_points=[low], hazard="flood", shelters=[Shelter(lon=HERE.lon, lat=HERE.lat)]
    )
    assert set(found.parts) == set(PARTS)
    assert set(found.factors) == set(FACTORS)
    here = cell_at(ground, HERE)
    total = sum(found.parts[code][here] for code in PARTS) * found.factors["shelter"][here]
    assert found.expected[here] == pytest.approx(total)
    assert found.score[here] == pytest.approx(total * found.factors["danger"][here])


def test_cold_draws_people_to_shelter_and_a_flood_makes_low_ground_dangerous(ground: SweepGround) -> None:
    hall = StayPoint(code="S1", name="候车厅", kind="station", lon=HERE.lon, lat=HERE.lat)
    park = StayPoint(code="S2", name="公园", kind="park", lon=HERE.lon, lat=HERE.lat)
    low = StayPoint(code="S3", name="桥下", kind="underpass", lon=HERE.lon, lat=HERE.lat)
    here = cell_at(ground, HERE)

    def at(point: StayPoint, hazard: str) -> float:
        return float(scored(ground, stay_points=[point], hazard=hazard).score[here])

    assert at(hall, "cold_wave") > at(hall, "other") > at(park, "other") > at(park, "cold_wave")
    assert at(low, "flood") > 2 * at(low, "other")


def test_why_is_said_in_both_languages_largest_first(ground: SweepGround) -> None:
    found = scored(ground, past_of((HERE, 2), (HERE, 4)))
    parts = found.why(cell_at(ground, HERE))
    added = [part.value for part in parts if part.code in PARTS]
    assert added == sorted(added, reverse=True)
    for part in parts:
        zh, en = in_words(part)
        assert any("\u4e00" <= sign <= "\u9fff" for sign in zh)
        assert en.isascii() or "×" in en


def test_a_team_stops_at_the_stay_point_else_where_people_were_seen_else_on_the_road(ground: SweepGround) -> None:
    here = cell_at(ground, HERE)
    bare = scored(ground).best_place(here)
    seen = scored(ground, past_of((HERE, 2))).best_place(here)
    point = StayPoint(code="S1", name="桥下", kind="underpass", lon=HERE.lon, lat=HERE.lat)
    named = scored(ground, past_of((HERE, 2)), stay_points=[point]).best_place(here)
    assert (bare.why, seen.why, named.why, named.name) == ("road", "sightings", "stay_point", "桥下")
    assert abs(seen.lon - HERE.lon) < 0.002


def test_cells_without_a_road_say_so_and_score_nothing() -> None:
    roads = Roads.open(GRAPH)
    ground = SweepGround.of(roads, shapely.box(*roads.bbox))
    found = scored(ground)
    shut = [n for n in range(len(ground)) if not ground.reachable()[n]]
    assert shut
    assert all(found.score[n] == 0 for n in shut)
    assert set(found.ranked()).isdisjoint(shut)
    assert {ground.why_not(ground.cells[n]) for n in shut} <= {"no_road", "no_way"}
    assert all(ground.why_not(ground.cells[n]) is None for n in found.ranked())


def test_only_the_modes_there_are_can_reach_a_cell(ground: SweepGround) -> None:
    assert ground.reachable([Mode.CAR]).sum() <= ground.reachable().sum()


def test_a_small_area_has_at_least_one_cell() -> None:
    roads = Roads.open(GRAPH)
    assert len(SweepGround.of(roads, shapely.Point(HERE.lon, HERE.lat).buffer(0.0002))) >= 1


def test_a_city_without_roads_has_its_cells_all_the_same() -> None:
    ground = SweepGround.of(None, AREA)
    found = scored(ground, past_of((HERE, 2)))
    assert ground.reachable().all()
    assert found.best_place(found.ranked()[0]).why == "sightings"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.floats(121.5, 121.65), st.floats(38.85, 38.95), st.floats(-5, 400), st.integers(0, 30)),
        max_size=40,
    )
)
def test_a_score_is_a_number_and_never_negative(
    ground: SweepGround, sightings: list[tuple[float, float, float, int]]
) -> None:
    past = Past.of([(lon, lat, NOW - timedelta(days=days), float(n)) for lon, lat, days, n in sightings])
    found = scored(ground, past, hazard="cold_wave")
    assert np.isfinite(found.score).all()
    assert (found.score >= 0).all()


def test_the_folder_of_a_city_may_lack_everything(tmp_path: Path) -> None:
    ground = SweepGround.of(None, shapely.Point(HERE.lon, HERE.lat).buffer(0.001))
    assert (scored(ground).expected > 0).all()
