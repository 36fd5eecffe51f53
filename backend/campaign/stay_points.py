"""Stay points 停留点: places where people stay overnight — under a bridge, a station's hall, a lobby open all night.

Two tables in a city's folder: `stay_points.csv`, written by hand, because a city knows its own; and `stay_points_osm.csv`, which `rescue city import`
finds in the extract (`stay_points_osm`). Begin at `of_city`. Pure.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, get_args

from msgspec import Struct

from backend.errors import Invalid
from backend.geo.place import Area, LonLat, distance_m

type Kind = Literal[
    "underpass",
    "tunnel",
    "bridge",
    "station",
    "bus_station",
    "lobby_24h",
    "atm_lobby",
    "hospital",
    "market",
    "park",
    "waterside",
    "other",
]
KINDS: Final[dict[Kind, tuple[str, str]]] = {
    "underpass": ("高架桥下", "below an overpass"),
    "tunnel": ("地下通道", "underpass or tunnel"),
    "bridge": ("桥头", "bridge"),
    "station": ("车站", "railway or metro station"),
    "bus_station": ("公交场站", "bus station"),
    "lobby_24h": ("24 小时场所", "place open all night"),
    "atm_lobby": ("自助银行", "cash machine lobby"),
    "hospital": ("医院候诊厅", "hospital hall"),
    "market": ("市场", "market"),
    "park": ("公园", "park"),
    "waterside": ("河边、海边", "waterside"),
    "other": ("其他", "other"),
}
SHELTERED: Final[frozenset[Kind]] = frozenset(
    {"underpass", "tunnel", "station", "bus_station", "lobby_24h", "atm_lobby", "hospital", "market"}
)
"""Out of wind, snow and sun."""
LOW: Final[frozenset[Kind]] = frozenset({"underpass", "tunnel", "waterside"})
"""Where water gathers."""
OPEN: Final[frozenset[Kind]] = frozenset({"park", "waterside", "bridge"})
"""Under the sky."""

SAME_M: Final = 60.0
"""A place found in the extract this near to one written by hand is that one."""
COLUMNS: Final = ("code", "name", "kind", "lon", "lat", "people")
HAND, FOUND = "stay_points.csv", "stay_points_osm.csv"


class StayPoint(Struct, frozen=True, kw_only=True):
    """A place where people stay. people: how many one usually meets there at night, None where nobody has said."""

    code: str
    name: str
    kind: Kind
    lon: float
    lat: float
    people: float | None = None

    @property
    def place(self) -> LonLat:
        return LonLat(self.lon, self.lat)


def of_city(folder: Path | None, area: Area | None = None) -> list[StayPoint]:
    """Both tables of a city's folder, by code; of two that are the same place, the one written by hand. [] where there are none.

    Raises Invalid naming file and line.
    """
    if folder is None:
        return []
    hand = read_stay_points(folder / HAND, area)
    found = [one for one in read_stay_points(folder / FOUND) if not _is_one_of(one, hand)]
    if twice := {one.code for one in hand} & {one.code for one in found}:
        code = min(twice)
        raise Invalid(
            f"停留点编号 {code} 在 {HAND} 和 {FOUND} 中都有。",
            f"The code {code} is in {HAND} and in {FOUND}.",
            field=HAND,
        )
    return sorted([*hand, *found], key=lambda one: one.code)


def read_stay_points(file: Path, area: Area | None = None) -> list[StayPoint]:
    """One table; [] when there is no such file. area: what lies outside it is refused. Raises Invalid naming the line."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8-sig", newline="") as table:
        reader = csv.DictReader(table)
        if missing := [name for name in COLUMNS[:5] if name not in (reader.fieldnames or ())]:
            raise _bad_line(file, 1, f"缺少列 {'、'.join(missing)}", f"lacks the columns {', '.join(missing)}")
        points: dict[str, StayPoint] = {}
        for number, row in enumerate(reader, start=2):
            point = _point(file, number, row, area)
            if point.code in points:
                raise _bad_line(file, number, f"编号 {point.code} 重复", f"the code {point.code} is there already")
            points[point.code] = point
    return list(points.values())


def write_stay_points(file: Path, points: Iterable[StayPoint]) -> None:
    """A table as `read_stay_points` reads it, by code."""
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(COLUMNS)
        for one in sorted(points, key=lambda point: point.code):
            people = "" if one.people is None else f"{one.people:g}"
            table.writerow([one.code, one.name, one.kind, f"{one.lon:.6f}", f"{one.lat:.6f}", people])


def _point(file: Path, number: int, row: dict[str, str | None], area: Area | None) -> StayPoint:
    code, name, kind = ((row.get(column) or "").strip() for column in ("code", "name", "kind"))
    if not code or not name:
        raise _bad_line(file, number, "缺少编号或名称", "code or name is missing")
    known = get_args(Kind.__value__)
    if kind not in known:
        raise _bad_line(file, number, f"类型 {kind} 应为 {'、'.join(known)}", f"kind is one of {', '.join(known)}")
    lon, lat = (_number(file, number, column, row.get(column)) for column in ("lon", "lat"))
    if abs(lon) > 180 or abs(lat) > 90:
        raise _bad_line(file, number, f"经纬度超出范围（{lon}, {lat}）", f"lon or lat is out of range ({lon}, {lat})")
    if area is not None and not area.contains(LonLat(lon, lat)):
        swapped = abs(lon) <= 90 and area.contains(LonLat(lat, lon))
        zh, en = (
            ("经度和纬度似乎填反了", "lon and lat seem to be swapped")
            if swapped
            else ("不在本市范围内", "lies outside the city")
        )
        raise _bad_line(file, number, zh, en)
    said = (row.get("people") or "").strip()
    people = _number(file, number, "people", said) if said else None
    if people is not None and not 0 <= people <= 1000:
        raise _bad_line(file, number, "人数应在 0 到 1000 之间", "people is between 0 and 1000")
    return StayPoint(code=code, name=name, kind=kind, lon=lon, lat=lat, people=people)  # type: ignore[arg-type]


def _number(file: Path, number: int, column: str, text: str | None) -> float:
    try:
        value = float((text or "").strip())
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _bad_line(file, number, f"{column} 不是数字：{text or ''}", f"{column} is not a number: {text or ''}")
    return value


def _is_one_of(point: StayPoint, others: Sequence[StayPoint]) -> bool:
    return any(distance_m(point.place, other.place) <= SAME_M for other in others)


def _bad_line(file: Path, number: int, zh: str, en: str) -> Invalid:
    return Invalid(f"{file} 第 {number} 行：{zh}。", f"{file}, line {number}: {en}.", field=str(file))
