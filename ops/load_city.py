"""A city's folder into a database: regions, streets, teams with their shifts, facilities, stock, and for a demonstration its accounts.

Begin at `load_city`. It may be repeated: it adds what is missing, and keeps what was written by hand since.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import batched
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
import shapely
from geoalchemy2.shape import from_shape
from msgspec import Struct
from sqlalchemy import Table, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.city import City
from backend.errors import Invalid
from backend.geo.streets import digest_of, streets_of
from backend.ids import new_id
from backend.office import Office
from backend.patrol.records import Team
from backend.patrol.teams import list_teams, new_team, put_teams
from backend.referral.facilities import places
from backend.referral.facilities.opening import read as read_opening
from backend.referral.facilities.places import Places
from ops.demo_accounts import make_demo_accounts
from ops.load_stock import load_stock

SHIFTS: Final = {"24h": (8, 32), "day": (8, 20), "night": (20, 32)}
"""Pattern → (from, to) in hours after the local midnight: 24 hours change crews at eight in the morning."""
DAYS_BEFORE, DAYS_AFTER = 2, 8
ROWS_AT_ONCE: Final = 2_000
FACILITY_COLUMNS: Final = ("code", "kind", "name", "address", "phone", "lon", "lat", "capacity", "takes", "hidden")
MAY_BE_MISSING: Final = ("opening", "level", "is_regional_centre", "places")
"""Columns of facilities.csv that a table may lack. places: "men:40 women:20"."""
SHIFT_NAMES: Final = UUID("6f0c4c0e-6d3a-5a63-9a55-2b9a3f0f7c11")


class Loaded(Struct, frozen=True):
    """How much was loaded. accounts: demonstration accounts made or kept, and the file that has their passwords."""

    regions: int
    teams: int
    shifts: int
    facilities: int
    streets: int = 0
    stock: int = 0
    accounts: int = 0
    accounts_file: Path | None = None

    def __str__(self) -> str:
        text = (
            f"辖区 Regions {self.regions}，巡查队 teams {self.teams}，班次 shifts {self.shifts}，"
            f"救助机构 facilities {self.facilities}，道路 streets {self.streets}，"
            f"物资 supplies {self.stock}"
        )
        return (
            f"{text}\n演示账号 Demonstration accounts {self.accounts}: {self.accounts_file}" if self.accounts else text
        )


async def load_city(
    office: Office,
    folder: Path,
    now: datetime,
    *,
    demo: bool = False,
    accounts_file: Path | None = None,
    overwrite: bool = False,
) -> Loaded:
    """Load regions, the streets of the road graph, teams.csv, facilities.csv, stock.csv (any may be missing) and the shifts of the days around `now`.

    The tables are what a city begins with: a team or facility that is there under its code stays as somebody may have written it
    since, unless `overwrite`. demo: make demonstration accounts too, with passwords kept in `accounts_file`. Raises Invalid naming file and line.
    """
    teams = read_teams(folder / "teams.csv", office.city)
    facilities = read_facilities(folder / "facilities.csv")
    async with office.begin() as tx:
        await _put_regions(tx, office)
        kept = set() if overwrite else await _codes(tx, office, db.teams)
        await put_teams(tx, office, [team for team in teams if team.code not in kept], now)
        kept = set() if overwrite else await _codes(tx, office, db.facilities)
        await _put_facilities(tx, office, [one for one in facilities if one["code"] not in kept])
        streets = await _put_streets(tx, office)
        shifts = await put_shifts(tx, office, await list_teams(tx, office), now)
    stock = await load_stock(office, folder / "stock.csv", now)
    loaded = Loaded(len(office.city.regions), len(teams), shifts, len(facilities), streets, stock)
    if not demo:
        return loaded
    made, kept_in = await make_demo_accounts(office, now, accounts_file)
    return msgspec.structs.replace(loaded, accounts=len(made), accounts_file=kept_in)


async def _codes(tx: AsyncConnection, office: Office, table: Table) -> set[str]:
    found = await tx.execute(select(table.c.code).where(table.c.city_id == office.city_id))
    return set(found.scalars())


def read_teams(file: Path, city: City) -> list[Team]:
    """The teams of a table (columns as `rescue city import` writes them). Raises Invalid naming the line.

    A police crew has the skill police, one with a woman female_staff, one with a car vehicle: that follows from its columns.
    """
    return [_checked(file, number, row, city) for number, row in _lines(file)]


def _checked(file: Path, number: int, row: dict[str, str], city: City) -> Team:
    try:
        team = _team(row)
    except (KeyError, AttributeError, msgspec.ValidationError) as fault:
        raise _bad_line(file, number, str(fault), str(fault)) from None
    known = city.policy.skills
    if strange := [skill for skill in team.skills if skill not in known]:
        listed = "、".join(known)
        raise _bad_line(
            file, number, f"规则文件中没有技能 {strange}，可用：{listed}", f"unknown skills {strange}; known: {listed}"
        )
    if strange := [code for code in team.regions if code not in city.regions and code != city.id]:
        raise _bad_line(file, number, f"没有辖区 {strange}", f"there is no region {strange}")
    if team.shift_pattern not in SHIFTS:
        raise _bad_line(
            file,
            number,
            f"班次 {team.shift_pattern} 应为 {'、'.join(SHIFTS)}",
            f"shift_pattern is one of {', '.join(SHIFTS)}",
        )
    return team


def _team(row: dict[str, str]) -> Team:
    women = row["women"] in ("1", "true", "yes")
    follows = {"police": row["organisation"] == "police", "female_staff": women, "vehicle": row["mode"] == "car"}
    skills = {*_several(row["skills"]), *(skill for skill, has in follows.items() if has)}
    values: dict[str, Any] = {name: row[name] for name in ("code", "name", "organisation", "mode", "shift_pattern")}
    values |= {"size": int(row["size"]), "mobilisation_s": float(row["mobilisation_s"] or 0)}
    values |= {"base_lon": float(row["lon"]), "base_lat": float(row["lat"])}
    return new_team(**values, women=women, skills=sorted(skills), regions=_several(row["region"]))


def _several(cell: str) -> list[str]:
    return [part for part in cell.replace(";", " ").split() if part]


def read_facilities(file: Path) -> list[dict[str, Any]]:
    """The facilities of a table as rows of `facilities` with their `places`, without ids; [] when there is no such file."""
    found = []
    for number, row in _lines(file):
        try:
            found.append(_facility(row))
        except Invalid as fault:
            raise _bad_line(file, number, fault.zh, fault.en) from None
        except (KeyError, AttributeError, ValueError, msgspec.ValidationError) as fault:
            raise _bad_line(file, number, str(fault), str(fault)) from None
    return found


def _facility(row: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: row[name] or None for name in FACILITY_COLUMNS}
    values |= {name: row.get(name) or None for name in MAY_BE_MISSING}
    if values["opening"] is not None:
        read_opening(values["opening"])
    return values | {
        "is_regional_centre": row.get("is_regional_centre") == "1",
        "places": _places(row.get("places") or "", values["capacity"]),
        "lon": float(row["lon"]),
        "lat": float(row["lat"]),
        "capacity": int(row["capacity"]) if row["capacity"] else None,
        "takes": _several(row["takes"]),
        "hidden": row["hidden"] == "1",
    }


def _places(cell: str, capacity: str | None) -> list[Places]:
    said = [part.partition(":") for part in _several(cell)]
    found = msgspec.convert([{"kind": kind, "capacity": int(count)} for kind, _, count in said], list[Places])
    places.check(found, int(capacity) if capacity else None)
    return found


def _lines(file: Path) -> Iterable[tuple[int, dict[str, str]]]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as table:
        return list(enumerate(csv.DictReader(table), start=2))


def _bad_line(file: Path, number: int, zh: str, en: str) -> Invalid:
    return Invalid(f"{file} 第 {number} 行：{zh}。", f"{file}, line {number}: {en}.", field=str(file))


async def _put_regions(tx: AsyncConnection, office: Office) -> None:
    for region in office.city.regions:
        parts = shapely.get_parts(region.geometry)
        shape = shapely.MultiPolygon(list(parts))
        values: dict[str, Any] = {"name": region.name, "level": region.level.name.lower(), "parent": region.parent}
        values["geom"] = from_shape(shape, srid=4326)
        written = insert(db.regions).values(city_id=office.city_id, code=region.code, **values)
        await tx.execute(written.on_conflict_do_update(index_elements=["city_id", "code"], set_=values))


async def _put_facilities(tx: AsyncConnection, office: Office, facilities: Sequence[dict[str, Any]]) -> None:
    for facility in facilities:
        row = {name: value for name, value in facility.items() if name != "places"}
        written = insert(db.facilities).values(city_id=office.city_id, id=new_id(), **row)
        kept = written.on_conflict_do_update(index_elements=["city_id", "code"], set_=row).returning(db.facilities.c.id)
        await places.put(tx, office, (await tx.execute(kept)).scalar_one(), facility["places"])


async def _put_streets(tx: AsyncConnection, office: Office) -> int:
    """What the map draws of the road graph; nothing to do when it was drawn of this very graph. Returns how many there are."""
    roads, mine = office.city.roads, db.streets.c.city_id == office.city_id
    if roads is None:
        await tx.execute(delete(db.streets).where(mine))
        return 0
    digest = digest_of(roads)
    known = (await tx.execute(select(func.min(db.streets.c.digest), func.count()).where(mine))).one()
    if known[0] == digest:
        return int(known[1])
    await tx.execute(delete(db.streets).where(mine))
    rows = [
        {
            "city_id": office.city_id,
            "number": number,
            "name": street.name,
            "class": street.word,
            "rank": int(street.kind),
            "geom": from_shape(street.line, srid=4326),
            "digest": digest,
        }
        for number, street in enumerate(streets_of(roads))
    ]
    for few in batched(rows, ROWS_AT_ONCE):
        await tx.execute(insert(db.streets), list(few))
    return len(rows)


async def put_shifts(tx: AsyncConnection, office: Office, teams: Sequence[Team], now: datetime) -> int:
    """Plan the shifts of the days around `now` by every team's pattern. Returns how many those are.

    Of a team only days that were never planned: what was moved or cancelled since stays so.
    """
    today = now.astimezone(office.city.zone).date()
    days = [today + timedelta(days=n) for n in range(-DAYS_BEFORE, DAYS_AFTER)]
    s = db.shifts.c
    last = select(s.team_id, func.max(s.starts_at)).where(s.city_id == office.city_id).group_by(s.team_id)
    planned = {row[0]: row[1] for row in await tx.execute(last)}
    rows = [_shift_row(office, team, day) for team in teams for day in days if team.shift_pattern in SHIFTS]
    fresh = [row for row in rows if row["team_id"] not in planned or row["starts_at"] > planned[row["team_id"]]]
    if fresh:
        await tx.execute(insert(db.shifts).values(fresh).on_conflict_do_nothing())
    return len(rows)


def _shift_row(office: Office, team: Team, day: date) -> dict[str, Any]:
    starts_at, ends_at = shift_on(team.shift_pattern, day, office.city)
    # Named by team and start, so that planning a day twice plans it once.
    id_ = uuid5(SHIFT_NAMES, f"{office.city_id}/{team.id}/{starts_at.isoformat()}")
    return {"city_id": office.city_id, "id": id_, "team_id": team.id, "starts_at": starts_at, "ends_at": ends_at}


def shift_on(pattern: str, day: date, city: City) -> tuple[datetime, datetime]:
    """The shift of a pattern that begins on a day, as aware moments."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=city.zone)
    begin_h, end_h = SHIFTS[pattern]
    return midnight + timedelta(hours=begin_h), midnight + timedelta(hours=end_h)
