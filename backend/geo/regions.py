"""Regions 辖区: city → district/county → street/town → community, by GB/T 2260 and statistical codes.

Codes are kept in their shortest form: 6 digits down to the district, 9 for a street, 12 for a community; the 12-digit form that Chinese
CAP alerts carry (`210202000000`) is understood everywhere and is `Region.cpeas`. `RegionIndex` answers which region a place is in
and which contains which; `load` in `region_files` reads GeoJSON.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from backend.errors import NotFound
from backend.geo.place import LonLat, ServiceArea


class Level(IntEnum):
    """How deep a region lies; a larger number is a smaller region."""

    PROVINCE = 1
    CITY = 2
    DISTRICT = 3
    STREET = 4
    COMMUNITY = 5


@dataclass(frozen=True, slots=True)
class Region:
    """One administrative region. `parent` is the code of the nearest region above it that is loaded, if any."""

    code: str
    name: str
    level: Level
    parent: str | None
    geometry: BaseGeometry

    @property
    def cpeas(self) -> str:
        """The 12-digit form of the code, as alerts write it."""
        return self.code.ljust(12, "0") if self.code.isdigit() else self.code


def canonical(code: str) -> str:
    """The shortest form of a GB/T 2260 or 12-digit code; other codes are returned as they are."""
    code = code.strip()
    if not code.isdigit() or len(code) not in (6, 9, 12):
        return code
    for length in (12, 9):
        if len(code) >= length and code[length - 3 : length].strip("0"):
            return code[:length]
    return code[:6]


def level_of(code: str) -> Level | None:
    """The level that a GB/T 2260 code says, or None for a code of another kind."""
    code = canonical(code)
    if not code.isdigit() or len(code) not in (6, 9, 12):
        return None
    if len(code) == 6:
        return Level.PROVINCE if code.endswith("0000") else Level.CITY if code.endswith("00") else Level.DISTRICT
    return Level.STREET if len(code) == 9 else Level.COMMUNITY


def codes_above(code: str) -> tuple[str, ...]:
    """The codes that contain a GB/T 2260 code, nearest first; empty for codes of another kind."""
    code = canonical(code)
    if level_of(code) is None:
        return ()
    chain = [code[:9]] if len(code) == 12 else []
    chain += [code[:6], code[:4] + "00", code[:2] + "0000"]
    return tuple(dict.fromkeys(above for above in chain if above != code))


class RegionIndex:
    """All regions of a city, to be asked by place and by code. Immutable; safe to share between threads."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self._by_code = {region.code: region for region in sorted(regions, key=lambda r: (r.level, r.code))}
        self._ordered = list(self._by_code.values())
        self._tree = shapely.STRtree([region.geometry for region in self._ordered])

    def __len__(self) -> int:
        return len(self._ordered)

    def __iter__(self) -> Iterator[Region]:
        """From the largest level down, by code."""
        return iter(self._ordered)

    def __contains__(self, code: str) -> bool:
        return canonical(code) in self._by_code

    def get(self, code: str) -> Region:
        """The region of a code, in either form. Raises `NotFound`."""
        region = self.find(code)
        if region is None:
            raise NotFound(f"没有代码为 {code} 的辖区。", f"There is no region with the code {code}.", region=code)
        return region

    def find(self, code: str) -> Region | None:
        return self._by_code.get(canonical(code))

    def deepest(self, place: LonLat) -> Region | None:
        """The smallest region that contains the place; on a border between equals the one with the lower code."""
        hits = self._tree.query(shapely.points(place.lon, place.lat), predicate="intersects")
        if not len(hits):
            return None
        around = [self._ordered[int(i)] for i in hits]
        return min(around, key=lambda region: (-region.level, region.code))

    def ancestors(self, code: str) -> tuple[Region, ...]:
        """The regions above, nearest first."""
        chain: list[Region] = []
        above = self.get(code).parent
        while above is not None:
            region = self._by_code[above]
            chain.append(region)
            above = region.parent
        return tuple(chain)

    def children(self, code: str) -> tuple[Region, ...]:
        """The regions directly below, by code."""
        here = canonical(code)
        return tuple(region for region in self._ordered if region.parent == here)

    def within(self, code: str, ancestor: str) -> bool:
        """Whether a region is the other one or lies below it. Codes that are not loaded are judged by their digits."""
        inner, outer = canonical(code), canonical(ancestor)
        if inner == outer or outer in codes_above(inner):
            return True
        if inner not in self._by_code:
            return any(above in self._by_code and self.within(above, outer) for above in codes_above(inner)[:1])
        return any(region.code == outer for region in self.ancestors(inner))

    @cached_property
    def area(self) -> ServiceArea:
        """Everything that is covered by some region."""
        tops = [region.geometry for region in self._ordered if region.parent is None]
        return ServiceArea(shapely.union_all(np.array(tops, dtype=object)) if tops else shapely.Polygon())


def with_parents(regions: Iterable[Region], named: dict[str, str]) -> list[Region]:
    """Set every region's parent to the nearest loaded one above; `named` are parents that a file states itself."""
    loaded = {region.code: region for region in regions}
    return [
        Region(region.code, region.name, region.level, _parent_of(region.code, named, loaded), region.geometry)
        for region in loaded.values()
    ]


def _parent_of(code: str, named: dict[str, str], loaded: dict[str, Region]) -> str | None:
    stated = named.get(code)
    if stated is not None and stated != code and stated in loaded and not _leads_back(stated, code, named):
        return stated
    return next((above for above in codes_above(code) if above in loaded), None)


def _leads_back(start: str, code: str, named: dict[str, str]) -> bool:
    seen = {start}
    above = named.get(start)
    while above is not None and above not in seen:
        if above == code:
            return True
        seen.add(above)
        above = named.get(above)
    return False
