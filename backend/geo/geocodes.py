"""Codes of other lists than the administrative one (SAME, UGC, EMMA …) and which regions of the city they mean: a city's `geocodes.csv`.

Columns `list,code,regions`, regions separated by blanks or semicolons, the city's own code for all of it. A list that stands in the
table counts as complete: a code of it that does not is somewhere else. Begin at `read_geocodes`.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from backend.errors import Invalid
from backend.geo.regions import RegionIndex

COLUMNS: Final = ("list", "code", "regions")


@dataclass(frozen=True)
class Geocodes:
    """The table. Names of lists and codes are told apart neither by case nor by blanks around them."""

    regions: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def find(self, name: str, code: str) -> tuple[str, ...] | None:
        """The regions; () for a code of a known list that is not ours, None for a list that the table does not have."""
        listed = self.regions.get((_plain(name), _plain(code)))
        if listed is not None:
            return listed
        return () if any(known == _plain(name) for known, _ in self.regions) else None


def read_geocodes(file: Path, regions: RegionIndex, city_id: str) -> Geocodes:
    """The table of a city; none where there is no file. Raises Invalid naming the line that is wrong."""
    return Geocodes(dict(_lines(file, regions, city_id))) if file.exists() else Geocodes()


def _lines(file: Path, regions: RegionIndex, city_id: str) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    seen: dict[tuple[str, str], int] = {}
    with file.open(encoding="utf-8-sig", newline="") as lines:
        table = csv.DictReader(lines)
        if missing := [name for name in COLUMNS if name not in (table.fieldnames or ())]:
            raise _bad(file, 1, f"缺少列 {missing}", f"columns {missing} are missing")
        for number, row in enumerate(table, start=2):
            name, code = _plain(row["list"] or ""), _plain(row["code"] or "")
            named = tuple((row["regions"] or "").replace(";", " ").split())
            if not name or not code or not named:
                raise _bad(file, number, "三列都要填写", "all three columns have to be filled in")
            if strange := [one for one in named if one != city_id and one not in regions]:
                raise _bad(file, number, f"没有辖区 {strange}", f"there is no region {strange}")
            if (name, code) in seen:
                raise _bad(file, number, f"与第 {seen[name, code]} 行重复", f"the same as line {seen[name, code]}")
            seen[name, code] = number
            yield (name, code), named


def _plain(text: str) -> str:
    return text.strip().casefold()


def _bad(file: Path, number: int, zh: str, en: str) -> Invalid:
    return Invalid(f"{file} 第 {number} 行有误：{zh}。", f"{file}, line {number}: {en}.", field=str(file))
