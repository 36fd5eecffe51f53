"""What a city's stores and teams begin with, from `stock.csv`: place (`store:<facility code>` or `team:<team code>`), item, amount.

Loaded once: where anything was ever moved, what lies where is the desk's own.
"""

import csv
from datetime import datetime
from pathlib import Path

from backend.access.actor import SYSTEM
from backend.dispatch import stock, stock_rules
from backend.dispatch.change import Command
from backend.dispatch.stock_rules import SUPPLIER
from backend.errors import Invalid
from backend.office import Office
from backend.patrol.teams import list_teams


async def load_stock(office: Office, file: Path, now: datetime) -> int:
    """How many lines the file has, 0 when there is none; they are laid in once. Raises Invalid naming the line."""
    async with office.db.connect() as tx:
        teams = {team.code: stock_rules.team(team.id) for team in await list_teams(tx, office)}
    listed = [_wanted(file, n, row, teams) for n, row in enumerate(_lines(file), start=2)]
    known = set(stock_rules.item_codes(office.city.policy))
    wanted = [one for one in listed if one.item in known]
    await stock.lay_in(office, wanted, Command(name="stock.lay_in", by=SYSTEM, now=now, at=now))
    return len(listed)


def _lines(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def _wanted(file: Path, number: int, row: dict[str, str], teams: dict[str, str]) -> stock.Wanted:
    try:
        kind, _, code = row["place"].partition(":")
        place = teams[code] if kind == "team" else stock_rules.store(code)
        amount = int(row["amount"])
        if kind not in ("team", "store") or amount < 1:
            raise ValueError(row["place"] if amount > 0 else row["amount"])
    except (KeyError, ValueError) as fault:
        zh = f"{file} 第 {number} 行：{fault}。"
        raise Invalid(zh, f"{file}, line {number}: {fault}.", field=str(file)) from None
    return stock.Wanted(item=row["item"], amount=amount, from_place=SUPPLIER, to_place=place)
