"""One city, as its folder under `cities/` says: who it is, its roads, regions and policy. Read once per process.

The folder: `city.toml` (code, names, time zone, service area), `roads.graph` (may be missing: then distances are straight
lines and every answer says so), `regions.geojson`, `policy.toml`, `geocodes.csv` (what codes of foreign lists mean here; may be
missing), and for a demo `teams.csv`, `facilities.csv`, `reports.csv`.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import shapely

from backend.errors import Invalid
from backend.geo.geocodes import Geocodes, read_geocodes
from backend.geo.modes import Factors, factors
from backend.geo.place import LonLat, ServiceArea
from backend.geo.region_files import load as load_regions
from backend.geo.regions import RegionIndex
from backend.geo.roads import Roads
from backend.policy import Policy, default_policy, load_policy


@dataclass(frozen=True)
class City:
    """A city's facts. id: its code (leads every key). roads: None when no graph has been imported.

    policy_text: what the city itself wrote of the policy, "" for nothing but defaults. geocodes: what codes of foreign lists mean here.
    """

    id: str
    name_zh: str
    name_en: str
    zone: ZoneInfo
    area: ServiceArea
    regions: RegionIndex
    roads: Roads | None
    policy: Policy
    folder: Path | None = None
    policy_text: str = ""
    geocodes: Geocodes = field(default_factory=Geocodes)

    @cached_property
    def whole(self) -> list[str]:
        """The regions of a place that lies in none: the city itself, so that somebody is answerable for it."""
        return [self.id]

    def regions_of(self, place: LonLat) -> list[str]:
        """The codes of the regions a place lies in, smallest first, always ending with the city's own."""
        deepest = self.regions.deepest(place)
        if deepest is None:
            return list(self.whole)
        codes = [deepest.code, *(above.code for above in self.regions.ancestors(deepest.code))]
        return codes if self.id in codes else [*codes, self.id]

    def lineage(self, codes: Iterable[str]) -> list[str]:
        """The codes with all regions above them and the city: where something of these regions is to be seen."""
        above = [up.code for code in codes if code in self.regions for up in self.regions.ancestors(code)]
        return list(dict.fromkeys([*codes, *above, self.id]))

    def concerned(self, codes: Iterable[str]) -> list[str]:
        """Everybody whose ground something of these regions is: they, all above, and all that lie in one of them."""
        named = list(codes)
        everywhere = self.id in named
        below = [r.code for r in self.regions if everywhere or any(self.regions.within(r.code, code) for code in named)]
        return list(dict.fromkeys([*self.lineage(named), *below]))

    def factors_at(self, moment: datetime, weather: str = "clear") -> Factors:
        """How much longer the roads take at this hour of this day, in this state of the weather (policy `[weather.speed]`)."""
        local = moment.astimezone(self.zone)
        hourly = factors(local.hour, day_off=local.weekday() >= 5)
        slowed = self.policy.weather.speed.get(weather)
        return hourly if slowed is None else hourly.slowed(slowed.as_tuple())

    def local_day(self, moment: datetime) -> int:
        """The day as people there count it: yyyymmdd."""
        return int(moment.astimezone(self.zone).strftime("%Y%m%d"))


def open_city(folder: Path) -> City:
    """Read a city's folder. Raises Invalid naming the file that is missing or wrong."""
    facts = _facts(folder / "city.toml")
    regions, _ = load_regions(folder / "regions.geojson")
    graph, policy = folder / "roads.graph", folder / "policy.toml"
    return City(
        id=facts["code"],
        name_zh=facts["name_zh"],
        name_en=facts["name_en"],
        zone=ZoneInfo(facts.get("timezone", "Asia/Shanghai")),
        area=_area(facts, regions),
        regions=regions,
        roads=Roads.open(graph) if graph.exists() else None,
        policy=load_policy(policy) if policy.exists() else default_policy(),
        folder=folder,
        policy_text=policy.read_text(encoding="utf-8") if policy.exists() else "",
        geocodes=read_geocodes(folder / "geocodes.csv", regions, facts["code"]),
    )


def _facts(file: Path) -> dict[str, Any]:
    try:
        facts = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Invalid(
            f"没有找到城市文件 {file}；请先运行 rescue city import。",
            f"There is no {file}; run `rescue city import` first.",
            field=str(file),
        ) from None
    except tomllib.TOMLDecodeError as fault:
        raise Invalid(
            f"{file} 不是有效的 TOML：{fault}", f"{file} is not valid TOML: {fault}", field=str(file)
        ) from None
    if missing := [key for key in ("code", "name_zh", "name_en") if key not in facts]:
        raise Invalid(f"{file} 缺少 {missing}。", f"{file} lacks {missing}.", field=str(file))
    return facts


def _area(facts: dict[str, Any], regions: RegionIndex) -> ServiceArea:
    """`service_area`: "regions" (all of them), "hull" (the hull of the roads, then the one region), or WKT in WGS-84."""
    stated = facts.get("service_area", "regions")
    if stated in ("regions", "hull"):
        return regions.area
    try:
        return ServiceArea(shapely.from_wkt(stated))
    except shapely.errors.ShapelyError:
        raise Invalid(
            "city.toml 的 service_area 应为 regions、hull 或 WKT 多边形。",
            "service_area in city.toml is regions, hull or a WKT polygon.",
            field="service_area",
        ) from None
