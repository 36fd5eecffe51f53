"""The H3 grid."""

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from backend.geo import cells
from backend.geo.place import LonLat, distance_m

HERE = LonLat(121.6, 38.91)


@given(lon=st.floats(-179, 179), lat=st.floats(-80, 80), res=st.sampled_from([cells.RES_SHOW, cells.RES_SWEEP]))
def test_a_place_lies_in_its_cell_and_near_its_centre(lon: float, lat: float, res: int) -> None:
    cell = cells.cell_of(LonLat(lon, lat), res)
    assert cells.is_cell(cell)
    assert cells.resolution(cell) == res
    assert distance_m(cells.centre(cell), LonLat(lon, lat)) < (700 if res == cells.RES_SHOW else 270)
    assert cells.cell_of(cells.centre(cell), res) == cell


def test_cells_covering_a_polygon_leave_no_ground_uncovered() -> None:
    area = shapely.union(shapely.box(121.6, 38.9, 121.63, 38.92), shapely.box(121.7, 38.9, 121.701, 38.901))
    covering = cells.cells_covering(area, cells.RES_SWEEP)
    assert covering == sorted(set(covering))
    assert shapely.union_all([cells.polygon(cell) for cell in covering]).buffer(1e-9).contains(area)
    assert all(cells.polygon(cell).intersects(area) for cell in covering)


def test_a_polygon_smaller_than_a_cell_still_has_one() -> None:
    assert len(cells.cells_covering(shapely.box(121.6, 38.91, 121.60001, 38.91001), cells.RES_SHOW)) >= 1


def test_rings_grow_and_distances_count_them() -> None:
    cell = cells.cell_of(HERE, cells.RES_SHOW)
    around = cells.ring(cell, 2)
    assert around[0] == cell
    assert len(around) == 19
    assert {cells.ring_distance(cell, other) for other in around} == {0, 1, 2}


def test_no_distance_between_cells_of_different_sizes_or_worlds_apart() -> None:
    cell = cells.cell_of(HERE, cells.RES_SHOW)
    with pytest.raises(ValueError, match="different resolutions"):
        cells.ring_distance(cell, cells.cell_of(HERE, cells.RES_SWEEP))
    with pytest.raises(ValueError, match="no grid distance"):
        cells.ring_distance(cell, cells.cell_of(LonLat(-60, -30), cells.RES_SHOW))


def test_children_and_parent_are_inverse() -> None:
    cell = cells.cell_of(HERE, cells.RES_SHOW)
    finer = cells.children(cell, cells.RES_SWEEP)
    assert len(finer) == 7
    assert {cells.parent(one, cells.RES_SHOW) for one in finer} == {cell}
