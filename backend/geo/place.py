"""A place on earth: one type, the coordinate systems that reach us, and what is accepted as a position.

Phones in China mostly speak GCJ-02 and some BD-09; everything inside is WGS-84. `locate` is the gate for whatever a person or a machine
sends; `to_wgs84` and `from_wgs84` are the bare conversions. GCJ-02 is undefined outside China: there all three systems are equal.
"""

import math
from enum import StrEnum
from functools import cached_property
from typing import Protocol

import geocoordinates_ffi as datum
import msgspec
import shapely
from shapely.geometry.base import BaseGeometry

from backend.errors import Invalid

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the earth (IUGG R1), metres."""

NULL_ISLAND_DEG = 1e-6
"""Within this of (0, 0) it is not a place but a phone that had no position, degrees (0.1 m)."""

INVERSE_TOLERANCE_DEG = 1e-9
"""The inverse conversions are refined until the forward one hits to within this, degrees (0.1 mm)."""


class Crs(StrEnum):
    """The coordinate system that a position was given in."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    BD09 = "bd09"


class LonLat(msgspec.Struct, frozen=True):
    """A place: longitude and latitude in WGS-84 degrees."""

    lon: float
    lat: float


class PlaceWarning(msgspec.Struct, frozen=True):
    """Something odd about an accepted position: `code` for machines, a sentence in Chinese and in English."""

    code: str
    zh: str
    en: str


class Located(msgspec.Struct, frozen=True):
    """An accepted position. `in_area` is false for places outside the service area: accepted, but nobody may be near."""

    place: LonLat
    in_area: bool
    warnings: tuple[PlaceWarning, ...] = ()


class Area(Protocol):
    """Whatever can say whether a place belongs to the city."""

    def contains(self, place: LonLat) -> bool: ...


class ServiceArea:
    """The polygon that a city serves; the border itself counts as inside."""

    def __init__(self, geometry: BaseGeometry) -> None:
        self.geometry = geometry
        shapely.prepare(geometry)

    def contains(self, place: LonLat) -> bool:
        return bool(shapely.intersects_xy(self.geometry, place.lon, place.lat))

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        west, south, east, north = self.geometry.bounds
        return (west, south, east, north)

    @cached_property
    def centre(self) -> LonLat:
        """A place well inside the polygon (not its centroid, which may lie in the sea)."""
        point = shapely.point_on_surface(self.geometry)
        return LonLat(float(shapely.get_x(point)), float(shapely.get_y(point)))


def distance_m(a: LonLat, b: LonLat) -> float:
    """Great-circle distance in metres (haversine; within 0.6 % of the ellipsoid)."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    half_lat = (lat_b - lat_a) / 2
    half_lon = math.radians(b.lon - a.lon) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def from_wgs84(place: LonLat, crs: Crs) -> tuple[float, float]:
    """(lon, lat) of the place in another coordinate system: what a map app or a partner expects. Exact."""
    if crs is Crs.WGS84:
        return place.lon, place.lat
    wgs = datum.Wgs84(lat=place.lat, lon=place.lon)
    there = datum.wgs84_to_gcj02(wgs) if crs is Crs.GCJ02 else datum.wgs84_to_bd09(wgs)
    return there.lon, there.lat


def to_wgs84(lon: float, lat: float, crs: Crs) -> LonLat:
    """The place that (lon, lat) in `crs` means; accurate to better than a millimetre inside China.

    The library's inverse is good to 0.5 m; what remains is taken out by running the exact forward conversion and
    correcting by the miss, which shrinks about a thousandfold per step.
    """
    if crs is Crs.WGS84:
        return LonLat(lon, lat)
    try:
        place = _first_guess(lon, lat, crs)
    except datum.GeoError:
        return LonLat(lon, lat)  # at the end of the world the correction would lead beyond it
    for _ in range(8):
        there_lon, there_lat = from_wgs84(place, crs)
        miss_lon, miss_lat = there_lon - lon, there_lat - lat
        if max(abs(miss_lon), abs(miss_lat)) < INVERSE_TOLERANCE_DEG:
            break
        place = LonLat(place.lon - miss_lon, place.lat - miss_lat)
    return place


def locate(lon: float, lat: float, crs: Crs, area: Area) -> Located:
    """Judge a position as it came in: convert it, say whether the city serves it, or refuse with the reason.

    Raises `Invalid` for what cannot be a position: not a number, out of range, (0, 0), longitude and latitude swapped.
    A place outside the area is accepted with `in_area=False`, with a warning when another coordinate system would put it inside.
    """
    _refuse_nonsense(lon, lat)
    place = to_wgs84(lon, lat, crs)
    if area.contains(place):
        return Located(place, in_area=True)
    if abs(lon) <= 90 and area.contains(to_wgs84(lat, lon, crs)):
        raise _swapped(lon, lat)
    return Located(place, in_area=False, warnings=_doubts(lon, lat, crs, area))


def _first_guess(lon: float, lat: float, crs: Crs) -> LonLat:
    near: datum.ApproxWgs84 = (
        datum.gcj02_to_wgs84_refined(datum.Gcj02(lat=lat, lon=lon))
        if crs is Crs.GCJ02
        else datum.bd09_to_wgs84_refined(datum.Bd09(lat=lat, lon=lon))
    )
    return LonLat(near.lon, near.lat)


def _refuse_nonsense(lon: float, lat: float) -> None:
    for field, degrees in (("lon", lon), ("lat", lat)):
        if not math.isfinite(degrees):
            raise Invalid(
                "位置不是有效的数字。", "The position is not a number.", code="place_not_a_number", field=field
            )
    if abs(lon) < NULL_ISLAND_DEG and abs(lat) < NULL_ISLAND_DEG:
        raise Invalid(
            "手机没有给出位置（经纬度为 0）。",
            "The phone gave no position (both coordinates are zero).",
            code="place_missing",
            field="place",
            hint="打开定位，或在地图上点选位置。 Switch location on, or mark the place on the map.",
        )
    if abs(lat) > 90 and abs(lat) <= 180 and abs(lon) <= 90:
        raise _swapped(lon, lat)
    for field, degrees, limit in (("lon", lon, 180), ("lat", lat, 90)):
        if abs(degrees) > limit:
            raise Invalid(
                f"{'经度' if field == 'lon' else '纬度'}超出范围（{degrees}）。",
                f"The {'longitude' if field == 'lon' else 'latitude'} is out of range ({degrees}).",
                code="place_out_of_range",
                field=field,
                hint=f"-{limit}…{limit}",
            )


def _swapped(lon: float, lat: float) -> Invalid:
    return Invalid(
        "经度和纬度似乎填反了。",
        "Longitude and latitude seem to be swapped.",
        code="place_swapped",
        field="place",
        hint=f"lon={lat}, lat={lon}",
    )


def _doubts(lon: float, lat: float, crs: Crs, area: Area) -> tuple[PlaceWarning, ...]:
    doubts = [PlaceWarning("outside_area", "位置不在本市服务范围内。", "The place is outside the service area.")]
    doubts += [
        PlaceWarning(
            f"perhaps_{other.value}",
            f"若按 {other.value.upper()} 坐标系解读，该位置在服务范围内，请核对坐标系。",
            f"Read as {other.value.upper()} the place would be inside the area: check the coordinate system.",
        )
        for other in Crs
        if other is not crs and area.contains(to_wgs84(lon, lat, other))
    ]
    return tuple(doubts)
