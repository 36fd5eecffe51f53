"""One day of reports, as `cities/<city>/reports.csv` keeps it: when, where and how is real, what was seen is made up.

`write_day` makes the file from a table of a whole year (columns reported_at, channel, lon, lat, spot; local time without a
zone); `read_day` reads it. The command is `rescue city reports`.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from backend.clock import CHINA
from backend.errors import Invalid
from backend.geo.place import LonLat
from backend.geo.roads import Roads
from ops.simulate.chance import Chance
from ops.simulate.invented import as_reported, at_spot, described

COLUMNS: Final = (
    "at", "channel", "lon", "lat", "spot", "people_count", "sex", "age_band", "posture", "colours", "belongings",
    "dangers", "address", "description",
)  # fmt: skip
SEVERAL: Final = ("colours", "belongings", "dangers")
CHANNELS: Final = {"web": "web", "app": "app", "hotline": "hotline", "partner": "partner"}
MADE_UP_ON: Final = datetime(2016, 9, 19)  # noqa: DTZ001 - local time, as in the streams
INVENTED: Final = Chance(20160919)
"""The seed of what is made up: fixed, so that the same source gives the same file."""


class DayReport(Struct, frozen=True, kw_only=True):
    """One report of the day. at: aware; lon, lat: WGS-84; spot: which reports are of one place."""

    at: datetime
    channel: str
    lon: float
    lat: float
    spot: str
    people_count: int
    sex: str
    age_band: str
    posture: str
    colours: tuple[str, ...]
    belongings: tuple[str, ...]
    dangers: tuple[str, ...]
    address: str
    description: str


def write_day(source: Path, day: str, out: Path) -> int:
    """Write the reports of a day ("2016-09-19"), earliest first, and return how many there are. The same source gives the
    same bytes. Addresses use the street names of the roads.graph beside `out`. Raises Invalid for a day without any."""
    rows = sorted(_rows_of(source, day), key=lambda row: row["reported_at"])
    if not rows:
        raise Invalid(f"{source} 中没有 {day} 的报告。", f"There are no reports of {day} in {source}.", field="day")
    graph = out.parent / "roads.graph"
    roads = Roads.open(graph) if graph.exists() else None
    seen: Counter[str] = Counter()
    with out.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for row in rows:
            table.writerow(_cells(_report(row, seen[row["spot"]], roads)))
            seen[row["spot"]] += 1
    return len(rows)


def read_day(file: Path) -> list[DayReport]:
    """The reports of a day's file, earliest first. Raises Invalid naming the line that is wrong."""
    reports = []
    with file.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            try:
                values = {name: row[name].split() if name in SEVERAL else row[name] for name in COLUMNS}
                reports.append(msgspec.convert(values, DayReport, strict=False))
            except (KeyError, AttributeError, msgspec.ValidationError) as fault:
                raise Invalid(
                    f"{file} 第 {number} 行有误：{fault}", f"{file}, line {number}: {fault}", field=str(file)
                ) from None
    return sorted(reports, key=lambda report: report.at)


def day_of(folder: Path) -> list[DayReport]:
    """The day that a city's demonstration plays: its reports.csv, or where there is none one made up on its roads."""
    file = folder / "reports.csv"
    if file.exists():
        return read_day(file)
    graph = folder / "roads.graph"
    if not graph.exists():
        raise Invalid(
            f"{folder} 既没有 reports.csv 也没有 roads.graph，无法演示。",
            f"There is neither reports.csv nor roads.graph in {folder}: nothing to demonstrate with.",
            field=str(folder),
        )
    return made_up_day(Roads.open(graph))


def made_up_day(roads: Roads, *, count: int = 120, spots: int = 80) -> list[DayReport]:
    """A day of `count` reports at `spots` places on the roads, most of them between eight and eight; the same for the same roads."""
    chance = INVENTED.of("made-up-day")
    places = [roads.node_place(chance.randrange(roads.nodes)) for _ in range(spots)]
    seen: Counter[str] = Counter()
    reports = []
    for second in sorted(min(86_399, max(0, int(chance.gauss(13.5, 4) * 3600))) for _ in range(count)):
        spot = chance.randrange(spots)
        row = {
            "reported_at": (MADE_UP_ON + timedelta(seconds=second)).isoformat(),
            "channel": chance.choice(list(CHANNELS)),
            "lon": str(places[spot].lon),
            "lat": str(places[spot].lat),
            "spot": str(spot),
        }
        reports.append(_report(row, seen[row["spot"]], roads))
        seen[row["spot"]] += 1
    return reports


def _rows_of(source: Path, day: str) -> Iterator[dict[str, str]]:
    with source.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["reported_at"].startswith(f"{day}T"):
                yield row


def _report(row: dict[str, str], nth: int, roads: Roads | None) -> DayReport:
    lon, lat, spot = float(row["lon"]), float(row["lat"]), row["spot"]
    seen = as_reported(at_spot(spot, INVENTED), spot, nth, INVENTED)
    address, description = described(seen, roads.street(LonLat(lon, lat)) if roads else None, nth)
    return DayReport(
        at=datetime.fromisoformat(row["reported_at"]).replace(tzinfo=CHINA),
        channel=CHANNELS[row["channel"]],
        lon=lon,
        lat=lat,
        spot=spot,
        people_count=seen.people_count,
        sex=seen.sex,
        age_band=seen.age_band,
        posture=seen.posture,
        colours=seen.colours,
        belongings=seen.belongings,
        dangers=seen.dangers,
        address=address,
        description=description,
    )


def _cells(report: DayReport) -> list[str]:
    row = msgspec.structs.asdict(report)
    row["at"] = report.at.isoformat()
    return [" ".join(row[name]) if name in SEVERAL else str(row[name]) for name in COLUMNS]


def later(report: DayReport, days: int) -> DayReport:
    """The same report so many days later: the demonstration goes on with the same day again."""
    return msgspec.structs.replace(report, at=report.at + timedelta(days=days))
