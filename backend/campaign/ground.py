"""The ground of a campaign: the warned part of the city, as codes and as a shape. Pure. Begin at `shape_of`."""

from collections.abc import Iterable, Sequence
from typing import Final

import shapely
from msgspec import Struct
from shapely.geometry.base import BaseGeometry

from backend.city import City

TOUCHED: Final = 0.01
"""From this share of the smaller of two shapes on they have something in common."""
SHARED: Final = 0.1
"""From this share on they are the same ground: districts of real maps overlap by some hundredths."""


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
    touched = [
        region.code for region in city.regions if region.code != city.id and _overlap(region.geometry, shape, TOUCHED)
    ]
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


def meet(one: Ground, other: Ground, city: City) -> bool:
    """Whether it is the same ground, or one lies in the other in good part. By codes where both have nothing but those."""
    if one.drawn is None and other.drawn is None:
        return city.id in (*one.regions, *other.regions) or any(
            city.regions.within(a, b) or city.regions.within(b, a) for a in one.regions for b in other.regions
        )
    return _overlap(shape_of(one, city), shape_of(other, city), SHARED)


def _overlap(one: BaseGeometry, other: BaseGeometry, share: float) -> bool:
    if not one.intersects(other):
        return False
    smaller = min(one.area, other.area)
    return bool(smaller > 0 and one.intersection(other).area >= share * smaller)
