"""Which regions a home lies in: of this city, of another, or not known yet. Pure but for the city.

A city's folder may have no more than districts: a street's code is then known by its digits.
"""

from collections.abc import Sequence

from backend.city import City
from backend.errors import Invalid
from backend.geo.place import LonLat
from backend.geo.regions import canonical, codes_above, level_of


def short(code: str) -> str:
    """The code in its shortest form. Raises Invalid `no_such_region` for what is no code."""
    if level_of(code) is None:
        zh, en = f"“{code}”不是行政区划代码。", f"'{code}' is no code of a region."
        raise Invalid(zh, en, field="region", code="no_such_region")
    return canonical(code)


def is_elsewhere(city: City, code: str | None) -> bool:
    """Whether it is another city's."""
    return code is not None and not city.regions.within(code, city.id)


def checked(city: City, code: str | None) -> str | None:
    """The code in its shortest form; None where it says no more than the city. Raises Invalid `no_such_region`."""
    if code is None or canonical(code) == city.id:
        return None
    short = canonical(code)
    below = [one for one in (short, *codes_above(short)) if one in city.regions and one != city.id]
    if level_of(short) is None or (not is_elsewhere(city, short) and not below):
        zh, en = f"没有代码为 {code} 的辖区。", f"There is no region with the code {code}."
        raise Invalid(zh, en, field="home.region", code="no_such_region")
    return short


def regions_of(city: City, code: str | None, otherwise: Sequence[str]) -> list[str]:
    """The code with those above it that the city knows, its own last. otherwise: whose it is while nothing is known."""
    if code is None or is_elsewhere(city, code):
        return list(dict.fromkeys([*otherwise, city.id]))
    return list(dict.fromkeys([code, *(one for one in codes_above(code) if one in city.regions), city.id]))


def known(city: City, regions: Sequence[str]) -> str:
    """The deepest of these that the city knows: who answers for it is told."""
    return next((one for one in regions if one in city.regions), city.id)


def name_of(city: City, code: str | None) -> str:
    """What it is called; the code itself where the city does not know it."""
    region = city.regions.find(code) if code else None
    return region.name if region else code or ""


def lies_in(city: City, place: LonLat, regions: Sequence[str]) -> bool:
    """Whether a place lies in the deepest of these that the city knows."""
    return known(city, regions) in city.regions_of(place)
