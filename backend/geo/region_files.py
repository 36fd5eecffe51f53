"""Reading and writing regions as GeoJSON (RFC 7946, WGS-84).

`load` takes one FeatureCollection (or Feature) or a folder of such files and reads tolerantly: what cannot be used is left out and said so
in the report, never silently. Understood properties: `code`/`name` (with optional `level`, `parent`), and the Chinese administrative
sets' `dt_adcode`/`dt_name`, `ct_adcode`/`ct_name`, `pr_adcode`/`pr_name`; failing these, a 12-digit code in the file's name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from backend.errors import Invalid
from backend.geo.regions import Level, Region, RegionIndex, canonical, level_of, with_parents

_CODE_KEYS = ("code", "cm_adcode", "tn_adcode", "dt_adcode", "ct_adcode", "pr_adcode", "adcode")
_NAME_KEYS = ("name_zh", "name", "cm_name", "tn_name", "dt_name", "ct_name", "pr_name")


@dataclass(slots=True)
class RegionReport:
    """What happened while reading: how many regions were read, and a line for each thing repaired or left out."""

    read: int = 0
    repaired: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    regions: dict[str, Region] = field(default_factory=dict)
    named_parents: dict[str, str] = field(default_factory=dict)
    report: RegionReport = field(default_factory=RegionReport)


def load(path: Path, pattern: str = "*.geojson") -> tuple[RegionIndex, RegionReport]:
    """Read a GeoJSON file, or every file in a folder that matches `pattern`.

    Raises `Invalid` when the path is missing or nothing usable is in it.
    """
    files = sorted(path.glob(pattern)) if path.is_dir() else [path]
    if not path.exists() or not files:
        raise Invalid(f"找不到辖区文件：{path}", f"No region file at {path}.", code="regions_missing", field="regions")
    reading = _Reading()
    for file in files:
        _read_file(file, reading)
    if not reading.regions:
        why = "; ".join(reading.report.dropped[:3])
        raise Invalid("没有可用的辖区。", f"No usable region was found. {why}", code="regions_empty", field="regions")
    return RegionIndex(with_parents(reading.regions.values(), reading.named_parents)), reading.report


def dump(index: RegionIndex, decimals: int = 5) -> bytes:
    """The regions as one FeatureCollection, coordinates rounded (5 decimals are about a metre); deterministic bytes."""
    features = []
    for region in index:
        geometry = shapely.transform(region.geometry, lambda degrees: np.round(degrees, decimals))
        geometry = geometry if shapely.is_valid(geometry) else _repair(geometry)
        shape = msgspec.json.decode(shapely.to_geojson(geometry))
        shape["coordinates"] = _rounded(shape["coordinates"], decimals)
        properties = {
            "code": region.code,
            "name": region.name,
            "level": region.level.name.lower(),
            "parent": region.parent,
        }
        features.append(msgspec.json.encode({"type": "Feature", "properties": properties, "geometry": shape}))
    return b'{"type":"FeatureCollection","features":[\n' + b",\n".join(features) + b"\n]}\n"


def _read_file(file: Path, reading: _Reading) -> None:
    try:
        document = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as broken:
        reading.report.dropped.append(f"{file.name}: unreadable ({broken})")
        return
    features = document.get("features") if isinstance(document, dict) and "features" in document else [document]
    if not isinstance(features, list):
        reading.report.dropped.append(f"{file.name}: not a FeatureCollection")
        return
    for number, feature in enumerate(features):
        _read_feature(feature, f"{file.name}[{number}]", file.stem, reading)


def _read_feature(feature: Any, where: str, stem: str, reading: _Reading) -> None:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    code = _first(properties, _CODE_KEYS) or next(iter(re.findall(r"(?<!\d)\d{12}(?!\d)", stem)), None)
    if code is None:
        reading.report.dropped.append(f"{where}: no code")
        return
    code = canonical(code)
    if code in reading.regions:
        reading.report.dropped.append(f"{where}: {code} appears twice")
        return
    geometry = _geometry(feature, where, code, reading.report)
    if geometry is None:
        return
    level = _level(properties, code)
    name = _first(properties, _NAME_KEYS) or code
    reading.regions[code] = Region(code, name, level, None, geometry)
    stated = _first(properties, ("parent",))
    if stated is not None:
        reading.named_parents[code] = canonical(stated)
    reading.report.read += 1


def _geometry(feature: Any, where: str, code: str, report: RegionReport) -> BaseGeometry | None:
    try:
        geometry = shapely.force_2d(shapely.from_geojson(msgspec.json.encode(feature.get("geometry"))))
    except (shapely.errors.GEOSException, AttributeError, TypeError, ValueError) as broken:
        report.dropped.append(f"{where}: {code} has no readable geometry ({broken})")
        return None
    if not shapely.is_valid(geometry):
        report.repaired.append(f"{where}: {code} {shapely.is_valid_reason(geometry)}")
        geometry = _repair(geometry)
    if geometry.is_empty or geometry.area == 0:
        report.dropped.append(f"{where}: {code} covers no ground")
        return None
    return geometry


def _repair(geometry: BaseGeometry) -> BaseGeometry:
    """A valid polygon or multipolygon of the same ground; lines and points that fall out of the repair are left away."""
    if not shapely.is_valid(geometry):
        geometry = shapely.make_valid(geometry)
    polygons = [
        polygon
        for part in shapely.get_parts(geometry)
        for polygon in shapely.get_parts(part)
        if shapely.get_type_id(polygon) == shapely.GeometryType.POLYGON and not polygon.is_empty
    ]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def _level(properties: Mapping[str, Any], code: str) -> Level:
    stated = str(properties.get("level", "")).upper()
    if stated in Level.__members__:
        return Level[stated]
    return level_of(code) or Level.DISTRICT


def _first(properties: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((str(properties[key]).strip() for key in keys if str(properties.get(key) or "").strip()), None)


def _rounded(coordinates: Any, decimals: int) -> Any:
    if isinstance(coordinates, list):
        return [_rounded(inner, decimals) for inner in coordinates]
    return round(float(coordinates), decimals)
