"""The ground of a campaign: the warned part of the city, as codes and as a shape. Pure. Begin at `shape_of`."""

from collections.abc import Iterable, Sequence
from typing import Final

import shapely
from msgspec import Struct
from shapely.geometry.base import BaseGeometry

from backend.city import City

SHARED: Final = 0.01
"""From this share of the smaller of two grounds on they overlap: neighbours share a border, and maps are not exact."""


class Ground(Struct, frozen=True):
    """regions: codes, the city's own for all of it. drawn: the shape where it is not just those regions (WKB in WGS-84)."""

    regions: tuple[str, ...]
    drawn: bytes | None = None


def shape_of(ground: Ground, city: City) -> BaseGeometry:
    """The part of the city that it is: what is drawn, else the regions, else everything."""
    if ground.drawn is not None:
        return shapely.intersection(shapely.from_wkb(ground.drawn), city.area.geometry)
    named = [city.regions.get(code).geometry for code in ground.regions if code in city.regions]
    if not named or city.id in ground.regions:
        return city.area.geometry
    return shapely.union_all(named)


def warned(regions: Sequence[str], drawn: bytes | None, city: City) -> Ground:
    """The ground of a warning: a warning that only draws concerns the districts that lie in what it draws."""
    if drawn is None or regions:
        return Ground(outermost(regions or city.whole, city))
    shape = shapely.from_wkb(drawn)
    touched = [region.code for region in city.regions if region.code != city.id and overlap(region.geometry, shape)]
    return Ground(outermost(touched or city.whole, city), drawn)


def together(grounds: Sequence[Ground], city: City) -> Ground:
    """All of them as one; drawn only where some of it is drawn and not all of the city is meant."""
    regions = outermost([code for ground in grounds for code in ground.regions], city)
    drawn = [ground for ground in grounds if ground.drawn is not None]
    if not drawn or any(city.id in ground.regions and ground.drawn is None for ground in grounds):
        return Ground(regions)
    if len(grounds) == 1:
        return grounds[0]
    shape = shapely.union_all([shape_of(ground, city) for ground in grounds])
    return Ground(regions, bytes(shapely.to_wkb(shape)))


def outermost(codes: Iterable[str], city: City) -> tuple[str, ...]:
    """The codes without those that lie in another of them, in order."""
    named = sorted(dict.fromkeys(codes))
    if city.id in named:
        return (city.id,)
    return tuple(one for one in named if not any(other != one and city.regions.within(one, other) for other in named))


def overlap(one: BaseGeometry, other: BaseGeometry) -> bool:
    """Whether two grounds share more than a border."""
    if not one.intersects(other):
        return False
    smaller = min(one.area, other.area)
    return bool(smaller > 0 and one.intersection(other).area >= SHARED * smaller)


def concerned(regions: Iterable[str], city: City) -> list[str]:
    """Everybody whose ground it is: these regions, all below and all above them, and the city."""
    codes = list(regions)
    below = [region.code for region in city.regions if any(city.regions.within(region.code, code) for code in codes)]
    if city.id in codes:
        below = [region.code for region in city.regions]
    return list(dict.fromkeys([*city.lineage(codes), *below]))
