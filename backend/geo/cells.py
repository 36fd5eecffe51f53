"""The H3 grid: resolution 8 to show the rescue circle, resolution 9 to sweep.

A cell is its H3 index as 15 lower-case hexadecimal digits. Sizes at the latitude of Dalian: resolution 8 about 0.7 km² and 0.9 km
between neighbouring centres, resolution 9 about 0.1 km² and 0.35 km.
"""

from typing import Final

import h3
import shapely
from shapely.geometry.base import BaseGeometry

from backend.geo.place import LonLat

RES_SHOW: Final = 8
RES_SWEEP: Final = 9


def cell_of(place: LonLat, res: int) -> str:
    """The cell of resolution `res` (0-15) that contains the place."""
    return str(h3.latlng_to_cell(place.lat, place.lon, res))


def centre(cell: str) -> LonLat:
    lat, lon = h3.cell_to_latlng(cell)
    return LonLat(lon, lat)


def boundary(cell: str) -> list[LonLat]:
    """The corners of the cell in order (six, or five), not closed."""
    return [LonLat(lon, lat) for lat, lon in h3.cell_to_boundary(cell)]


def polygon(cell: str) -> shapely.Polygon:
    """The cell as a shapely polygon in degrees (lon, lat)."""
    return shapely.Polygon([(corner.lon, corner.lat) for corner in boundary(cell)])


def is_cell(text: str) -> bool:
    return bool(h3.is_valid_cell(text))


def resolution(cell: str) -> int:
    return int(h3.get_resolution(cell))


def cells_covering(area: BaseGeometry, res: int) -> list[str]:
    """Every cell that shares ground with the polygon or multipolygon (degrees), sorted; a tiny polygon gets at least one."""
    parts = shapely.get_parts(area)
    found: set[str] = set()
    for part in parts:
        shape = h3.geo_to_h3shape(part)
        found.update(h3.h3shape_to_cells_experimental(shape, res, contain="overlap"))
    return sorted(found)


def ring(cell: str, distance: int) -> list[str]:
    """All cells within `distance` steps, the cell itself first, then sorted."""
    around = sorted(set(h3.grid_disk(cell, distance)) - {cell})
    return [cell, *around]


def ring_distance(a: str, b: str) -> int:
    """Steps from cell to cell. Raises `ValueError` for different resolutions or cells too far apart for H3 to tell."""
    if resolution(a) != resolution(b):
        raise ValueError(f"cells of different resolutions: {a}, {b}")
    try:
        return int(h3.grid_distance(a, b))
    except h3.H3BaseException as far:
        raise ValueError(f"no grid distance between {a} and {b}") from far


def parent(cell: str, res: int) -> str:
    """The coarser cell that holds this one."""
    return str(h3.cell_to_parent(cell, res))


def children(cell: str, res: int) -> list[str]:
    """The finer cells of this one, sorted."""
    return sorted(h3.cell_to_children(cell, res))
