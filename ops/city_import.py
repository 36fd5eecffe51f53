"""Bringing a city in: an OpenStreetMap extract and region polygons become the folder that the system runs on.

`import_city` writes `roads.graph`, `regions.geojson`, `city.toml`, `stay_points_osm.csv` where the extract knows any and, for a demonstration,
`teams.csv`. The same input gives the same bytes. The command line wires it to `rescue city import`.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import shapely

from backend.campaign import stay_points_osm
from backend.campaign.stay_points import FOUND, write_stay_points
from backend.errors import Invalid
from backend.geo import build, region_files
from backend.geo.matrix import spread_out
from backend.geo.modes import Mode
from backend.geo.osm import ImportReport, Progress, silent
from backend.geo.place import LonLat
from backend.geo.region_files import RegionReport
from backend.geo.regions import Level, Region, RegionIndex
from backend.geo.roads import Roads

HULL_MARGIN_DEG: Final = 0.005
"""Where no regions are given the city is the hull of its roads and so many degrees around (about 500 m)."""


@dataclass(frozen=True, slots=True)
class _TeamKind:
    """What a demonstration team is like; `{n}` counts the teams of a kind in a district."""

    organisation: str
    title: str
    mode: Mode
    skills: str
    size: int
    women: int
    mobilisation_s: int
    shift_pattern: str


_KINDS: Final = (
    _TeamKind("police", "公安巡逻{n}组", Mode.CAR, "police;vehicle", 2, 0, 30, "24h"),
    _TeamKind("city_management", "城管巡查{n}组", Mode.CAR, "vehicle", 3, 1, 60, "day"),
    _TeamKind("social_work", "社工外展{n}组", Mode.EBIKE, "mental_health;female_staff;minors", 2, 1, 90, "day"),
    _TeamKind("station", "救助站流动救助{n}组", Mode.CAR, "first_aid;female_staff;minors;vehicle", 3, 1, 120, "24h"),
    _TeamKind("police", "公安夜巡{n}组", Mode.CAR, "police;female_staff;vehicle", 2, 1, 30, "night"),
    _TeamKind("city_management", "城管骑巡{n}组", Mode.EBIKE, "", 2, 0, 60, "day"),
    _TeamKind("station", "救助站夜间{n}组", Mode.CAR, "first_aid;mental_health;vehicle", 2, 1, 120, "night"),
    _TeamKind("social_work", "社工步行{n}组", Mode.FOOT, "mental_health", 2, 1, 60, "day"),
)
_COLUMNS: Final = (
    *("code", "name", "organisation", "mode", "skills", "size", "women", "lon", "lat", "region"),
    *("mobilisation_s", "shift_pattern"),
)


@dataclass(frozen=True, slots=True)
class CityReport:
    """What an import did: the reports of its parts and the files written, with their sizes in bytes."""

    roads: ImportReport
    regions: RegionReport
    files: dict[str, int] = field(default_factory=dict)


def import_city(
    pbf: Path,
    regions: Path | None,
    out_dir: Path,
    name: str,
    code: str,
    progress: Progress = silent,
    demo_teams: int = 0,
    *,
    timezone: str = "Asia/Shanghai",
) -> CityReport:
    """Import a city into `out_dir`.

    regions: a GeoJSON file or a folder of them; of several cities only what lies under `code` is taken; None: the hull of the roads.
    name: in Chinese and English, as "大连 Dalian". Raises `Invalid` for input that cannot be used; nothing half-written stays.
    """
    name_zh, name_en = split_name(name)
    out_dir.mkdir(parents=True, exist_ok=True)
    graph = out_dir / "roads.graph"
    built = build.build(pbf, graph, progress)
    roads = Roads.open(graph)
    progress("regions", 0, 1)
    index, region_report = _regions(regions, code, name_zh, roads)
    (out_dir / "regions.geojson").write_bytes(region_files.dump(index))
    progress("regions", 1, 1)
    service_area = "hull" if regions is None else "regions"
    (out_dir / "city.toml").write_text(
        _city_toml(code, name_zh, name_en, timezone, service_area, roads), encoding="utf-8"
    )
    found = _stay_points(pbf, out_dir, index, progress)
    if demo_teams:
        progress("teams", 0, 1)
        (out_dir / "teams.csv").write_text(demo_team_csv(roads, index, demo_teams), encoding="utf-8")
        progress("teams", 1, 1)
    written = ["roads.graph", "regions.geojson", "city.toml", *([FOUND] if found else [])]
    written += ["teams.csv"] if demo_teams else []
    return CityReport(built, region_report, {file: (out_dir / file).stat().st_size for file in written})


def _stay_points(pbf: Path, out_dir: Path, index: RegionIndex, progress: Progress) -> int:
    """Write the stay points that the extract knows within the city; the list of an earlier import goes. The one by hand is not touched."""
    progress("stay_points", 0, 1)
    points = [point for point in stay_points_osm.find(pbf) if index.area.contains(point.place)]
    (out_dir / FOUND).unlink(missing_ok=True)
    if points:
        write_stay_points(out_dir / FOUND, points)
    progress("stay_points", 1, 1)
    return len(points)


def split_name(name: str) -> tuple[str, str]:
    """The Chinese and the other part of a city's name; each stands in for the other when it is missing."""
    chinese = "".join(re.findall(r"[\u3400-\u9fff]+", name))
    other = " ".join(re.sub(r"[\u3400-\u9fff]+", " ", name).split())
    if not chinese and not other:
        raise Invalid("城市名称为空。", "The city needs a name.", field="name")
    return chinese or other, other or chinese


def demo_team_csv(roads: Roads, index: RegionIndex, count: int) -> str:
    """A table of `count` teams spread over the roads so that every place is soon reached."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    numbers: dict[tuple[str, str], int] = {}
    for i, place in enumerate(spread_out(roads, count, Mode.CAR)):
        kind = _KINDS[i % len(_KINDS)]
        region = index.deepest(place)
        where = region.name if region else ""
        number = numbers[where, kind.title] = numbers.get((where, kind.title), 0) + 1
        table.writerow(_team_row(i + 1, kind, where + kind.title.format(n=number), place, region))
    return text.getvalue()


def _team_row(number: int, kind: _TeamKind, name: str, place: LonLat, region: Region | None) -> list[object]:
    return [
        *(f"T{number:02d}", name, kind.organisation, kind.mode.value, kind.skills, kind.size, kind.women),
        *(f"{place.lon:.6f}", f"{place.lat:.6f}", region.code if region else "", kind.mobilisation_s),
        kind.shift_pattern,
    ]


def _regions(source: Path | None, code: str, name_zh: str, roads: Roads) -> tuple[RegionIndex, RegionReport]:
    if source is None:
        hull = shapely.buffer(shapely.MultiPoint(roads.arrays["node_xy"] / 1e7).convex_hull, HULL_MARGIN_DEG)
        return RegionIndex([Region(code, name_zh, Level.CITY, None, hull)]), RegionReport(read=1)
    index, report = region_files.load(source)
    ours = [region for region in index if index.within(region.code, code)]
    if not ours or len(ours) == len(index):
        return index, report
    left = [region for region in index if region not in ours]
    report.dropped += [f"{region.code} {region.name}: not in {code}" for region in left]
    return RegionIndex(ours), report


def _city_toml(code: str, name_zh: str, name_en: str, timezone: str, service_area: str, roads: Roads) -> str:
    bbox = ", ".join(f"{degrees:.6f}" for degrees in roads.bbox)
    return (
        "# Written by `rescue city import`; edit and keep, or import again.\n"
        f"code = {_quoted(code)}\nname_zh = {_quoted(name_zh)}\nname_en = {_quoted(name_en)}\n"
        f"timezone = {_quoted(timezone)}\n"
        '# What the city serves: "regions" (all of regions.geojson) or "hull" (the hull of its roads, which is the one region).\n'
        f"service_area = {_quoted(service_area)}\n"
        "# West, south, east, north of the roads; the middle of the map.\n"
        f"bbox = [{bbox}]\ncentre = [{roads.centre.lon:.6f}, {roads.centre.lat:.6f}]\n"
    )


def _quoted(text: str) -> str:
    """A TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
