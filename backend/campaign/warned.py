"""Which part of a city a warning is about: by administrative code, by polygon and circle, by a table of other codes. Pure.

Chinese warnings name a region by its 12-digit CPEAS code and draw nothing. A province's code is about every city in it; a
district's about that district. A warning of another city is about none of this one. Begin at `where`.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Final

import shapely
import shapely.affinity
from msgspec import Struct
from shapely.geometry.base import BaseGeometry

from backend.campaign.cap import Alert, Area, Circle
from backend.city import City
from backend.errors import Invalid
from backend.geo.regions import canonical, codes_above, level_of

CODE_LISTS: Final = frozenset(
    {"cpeas geographic code", "cpeas", "geographic code", "gb/t 2260", "gb2260", "adcode", "行政区划代码"}
)
"""Names under which Chinese senders write administrative codes; one that is all digits and of their length counts as well."""
KM_PER_DEGREE: Final = 111.195
CIRCLE_CORNERS: Final = 16
MOST_SHAPES: Final = 2_000
MOST_TANGLED: Final = 1_000


class Ground(Struct, frozen=True, kw_only=True):
    """What of the city is warned. regions: its codes, the city's own for all of it; drawn: the part of it that shapes show, WKB in
    WGS-84, None where there are none. unmatched: codes of lists that nobody has given a table for. is_said: whether the warning
    says where at all; cancellations often do not. is_unplaced: it does so only in codes that nobody here knows.
    """

    regions: tuple[str, ...] = ()
    drawn: bytes | None = None
    is_said: bool = False
    unmatched: tuple[tuple[str, str], ...] = ()
    is_unplaced: bool = False

    @property
    def concerns_us(self) -> bool:
        return bool(self.regions) or self.drawn is not None

    @property
    def is_elsewhere(self) -> bool:
        return self.is_said and not self.concerns_us and not self.is_unplaced


def where(alert: Alert, city: City) -> Ground:
    """The part of the city that the warning is about; nothing of it when it is about somewhere else.

    Raises Invalid `too_large` for more shapes on the city than anybody draws.
    """
    areas = [area for info in alert.infos for area in info.areas]
    regions: list[str] = []
    unmatched: list[tuple[str, str]] = []
    for name, code in dict.fromkeys(pair for area in areas for pair in area.geocodes):
        found = _by_code(name, code, city)
        regions += found or ()
        if found is None:
            unmatched.append((name, code))
    # A code says it exactly; shapes are looked at where a sender gives no code that we know.
    drawn = None if regions else _drawn(areas, city)
    is_said = any(area.geocodes or area.polygons or area.circles for area in areas)
    coded = {pair for area in areas for pair in area.geocodes}
    return Ground(
        regions=_outermost(regions, city),
        drawn=drawn,
        unmatched=tuple(unmatched),
        is_said=is_said,
        is_unplaced=bool(coded) and len(unmatched) == len(coded) and not any(a.polygons or a.circles for a in areas),
    )


def _by_code(name: str, code: str, city: City) -> tuple[str, ...] | None:
    """Regions of this city; () for elsewhere, None when the code is of a list that is not known."""
    if (listed := city.geocodes.find(name, code)) is not None:
        return listed
    if name.strip().lower() not in CODE_LISTS and not (code.isdigit() and len(code) == 12):
        return None
    if level_of(code) is None:
        return None
    here = canonical(code)
    if here == city.id or here in codes_above(city.id):
        return (city.id,)
    if here in city.regions:
        return (here,)
    above = next((one for one in codes_above(here) if one in city.regions), None)
    if above is not None and above != city.id:
        return (above,)  # a street of ours that is not loaded: its district
    return (city.id,) if above == city.id or city.id in codes_above(here) else ()


def _outermost(codes: Iterable[str], city: City) -> tuple[str, ...]:
    """Without those that lie in another of them."""
    named = list(dict.fromkeys(codes))
    if city.id in named:
        return (city.id,)
    return tuple(
        code for code in named if not any(other != code and city.regions.within(code, other) for other in named)
    )


def _drawn(areas: Iterable[Area], city: City) -> bytes | None:
    box = shapely.box(*city.area.bounds)
    near = [shape for shape in _shapes(areas) if shapely.box(*shape.bounds).intersects(box)]
    if not near:
        return None
    if len(near) > MOST_SHAPES:
        raise Invalid("预警图形过多，不予读取。", "The alert draws too many shapes.", code="too_large")
    part = shapely.intersection(shapely.union_all([_valid(shape) for shape in near]), box)
    # A city is warned by what lies on it, not by a line that it shares with its neighbour.
    return None if part.is_empty or part.area == 0 else bytes(shapely.to_wkb(part))


def _shapes(areas: Iterable[Area]) -> Iterator[BaseGeometry]:
    for area in areas:
        yield from (shapely.Polygon([(p.lon, p.lat) for p in ring]) for ring in area.polygons)
        yield from (_round(circle) for circle in area.circles)


def _valid(shape: BaseGeometry) -> BaseGeometry:
    """A shape that crosses itself, put right; one of very many points by its hull: untangling it could take hours."""
    if shape.is_valid:
        return shape
    return shapely.make_valid(shape) if shapely.get_num_coordinates(shape) <= MOST_TANGLED else shape.convex_hull


def _round(circle: Circle) -> BaseGeometry:
    """A circle on the ground as a polygon in degrees. A radius of 0 is a point: a hundred metres around it."""
    radius_deg = max(circle.radius_km, 0.1) / KM_PER_DEGREE
    widened = 1 / max(0.01, math.cos(math.radians(circle.centre.lat)))
    centre = shapely.Point(circle.centre.lon, circle.centre.lat)
    disc = centre.buffer(radius_deg, quad_segs=CIRCLE_CORNERS)
    return shapely.affinity.scale(disc, xfact=widened, yfact=1.0, origin=centre)
