"""How well do the default thresholds tell repeats from neighbours? Run by hand on a file of reports with known spots.

    python -m tests.rules.calibrate_duplicates reports.csv

Columns: reported_at, lon, lat, spot. Writes a row per threshold for the first ten months and the last two. Places
are used as they are and with 15 m of noise, as phones give them; looks are invented per spot (two values noticed out of
three, one in twenty mistaken), because no public file has them. The figures are in docs/decisions/0303-duplicates.md.
"""

import csv
import math
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from backend.geo.place import LonLat
from backend.intake.duplicates import Candidate, Report, compare, reach_m
from backend.intake.looks import Looks
from backend.policy import Policy, default_policy

_M_PER_DEG = 111_195
_SPLIT = datetime(2016, 11, 1, tzinfo=UTC)
_SEXES = ("male", "female")
_AGES = ("child", "adult", "adult", "adult", "old", "old")
_POSTURES = ("lying", "sitting", "sitting", "standing", "walking")
_COLOURS = ("red", "blue", "black", "grey", "green", "white", "brown", "yellow")
_BELONGINGS = ("bedding", "trolley", "bag", "dog", "wheelchair", "bottles")


class Row(NamedTuple):
    at: datetime
    place: LonLat
    spot: str


class Pair(NamedTuple):
    at: datetime
    score: float
    same: bool
    contradicted: bool


def read(path: Path, noise_m: float, chance: random.Random) -> list[Row]:
    """Rows in the order of time, moved by normal noise."""
    rows = []
    for line in csv.DictReader(path.open()):
        lon, lat = float(line["lon"]), float(line["lat"])
        lon += chance.gauss(0, noise_m) / (_M_PER_DEG * math.cos(math.radians(lat)))
        lat += chance.gauss(0, noise_m) / _M_PER_DEG
        rows.append(
            Row(datetime.fromisoformat(line["reported_at"]).replace(tzinfo=UTC), LonLat(lon, lat), line["spot"])
        )
    return sorted(rows, key=lambda row: row.at)


def noticed(spot: str, chance: random.Random) -> Looks:
    """What one reporter notices of the person whom the spot stands for."""
    person = random.Random(spot)
    truth: dict[str, Any] = {
        "sex": person.choice(_SEXES),
        "age_band": person.choice(_AGES),
        "posture": chance.choice(_POSTURES),
        "colours": (person.choice(_COLOURS),),
        "belongings": (person.choice(_BELONGINGS),),
    }
    other: dict[str, Any] = {"sex": chance.choice(_SEXES), "age_band": chance.choice(_AGES)}
    seen = {name: value for name, value in truth.items() if chance.random() < 0.67}
    return Looks(**{name: other.get(name, value) if chance.random() < 0.05 else value for name, value in seen.items()})


def pairs(
    rows: list[Row], policy: Policy, *, with_looks: bool, chance: random.Random
) -> Iterator[tuple[Row, list[Pair]]]:
    """Every report with its comparisons to the reports before it that the database would select."""
    window = timedelta(seconds=policy.intake.duplicate_window.seconds)
    looks = [noticed(row.spot, chance) if with_looks else Looks() for row in rows]
    first = 0
    for n, row in enumerate(rows):
        while row.at - rows[first].at > window:
            first += 1
        report, found = Report(row.place, row.at, looks=looks[n]), []
        for m in range(first, n):
            earlier = rows[m]
            near_m = reach_m((row.at - earlier.at).total_seconds(), policy, looks[n])
            if abs(earlier.place.lat - row.place.lat) * _M_PER_DEG <= near_m:
                match = compare(report, Candidate(str(m), earlier.place, earlier.at, looks=looks[m]), policy)
                if match.score > 0:
                    found.append(Pair(row.at, match.score, earlier.spot == row.spot, match.contradicted))
        yield row, found


def table(compared: list[tuple[Row, list[Pair]]], title: str) -> str:
    """Precision and recall of pairs, and of the best suggestion, by threshold."""
    every = sum(p.same for _, ps in compared for p in ps)
    repeats = [ps for _, ps in compared if any(p.same for p in ps)]
    lines = [
        f"\n{title}: {len(compared)} reports, {every} true pairs",
        "threshold  pair precision  pair recall  shown/report  repeats found  best is right",
    ]
    for threshold in (0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95):
        shown = [p for _, ps in compared for p in ps if p.score >= threshold]
        right = sum(p.same for p in shown)
        found = sum(any(p.same and p.score >= threshold for p in ps) for ps in repeats)
        best = [max(ps, key=lambda p: p.score) for _, ps in compared if any(p.score >= threshold for p in ps)]
        good = sum(p.same for p in best)
        lines.append(
            f"{threshold:9.2f}  {right / max(1, len(shown)):14.3f}  {right / max(1, every):11.3f}"
            f"  {len(shown) / len(compared):12.2f}  {found / max(1, len(repeats)):13.3f}"
            f"  {good / max(1, len(best)):13.3f}"
        )
    return "\n".join(lines) + "\n"


def main(path: Path) -> None:
    policy = default_policy()
    for noise_m in (0.0, 15.0):
        for with_looks in (False, True):
            chance = random.Random(2016)
            rows = read(path, noise_m, chance)
            compared = list(pairs(rows, policy, with_looks=with_looks, chance=chance))
            for name, chosen in (
                ("ten months", [c for c in compared if c[0].at < _SPLIT]),
                ("last two", [c for c in compared if c[0].at >= _SPLIT]),
            ):
                title = f"noise {noise_m:.0f} m, {'invented looks' if with_looks else 'no looks'}, {name}"
                sys.stdout.write(table(chosen, title))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
