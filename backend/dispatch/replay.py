"""Replaying the log gives the tables of the loop: the proof that nothing is known that the log does not say.

`fold` is pure: events in order → the rows of each table. `differences` compares them with what the database holds.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.dispatch.tables import NOT_IN_LOG, TABLES
from backend.office import Office

Board = dict[str, dict[tuple[str, ...], dict[str, Any]]]

_KEYS = {table.name: tuple(c.name for c in table.primary_key if c.name != "city_id") for table in TABLES.values()}
_FIELDS = {table.name: kind.__struct_fields__ for kind, table in TABLES.items()}


def apply(board: Board, event: log.Event) -> None:
    """One event onto the board, in place: each row it names has the values it gives."""
    lay(board, event.data.get("rows", {}))


def lay(board: Board, told: dict[str, list[dict[str, Any]]]) -> None:
    """What an event tells in `data.rows`, onto the board, in place. Rows of other tables than the loop's are for screens."""
    for name, rows in told.items():
        if name not in _KEYS:
            continue
        table = board.setdefault(name, {})
        for row in rows:
            key = tuple(str(row[k]) for k in _KEYS[name])
            table.setdefault(key, {}).update(row)


def fold(events: Iterable[log.Event]) -> Board:
    """The board after all events."""
    board: Board = {}
    for event in events:
        apply(board, event)
    return board


async def tables(tx: AsyncConnection, office: Office) -> Board:
    """The board as the tables have it, in the same shape."""
    board: Board = {}
    for table in TABLES.values():
        kept = [table.c[f] for f in _FIELDS[table.name] if f not in NOT_IN_LOG.get(table.name, ())]
        for row in await tx.execute(select(*kept).where(table.c.city_id == office.city_id)):
            plain = msgspec.to_builtins(dict(row._mapping))
            board.setdefault(table.name, {})[tuple(str(plain[k]) for k in _KEYS[table.name])] = plain
    return board


async def differences(tx: AsyncConnection, office: Office) -> list[str]:
    """Every row of the loop on which log and tables disagree, in words; [] when the log tells it all."""
    board: Board = {}
    async for event in log.everything(tx, office.city_id):
        apply(board, event)
    return compared(board, await tables(tx, office))


def compared(board: Board, held: Board) -> list[str]:
    """What two boards disagree on, row by row: `board` as the log says, `held` as the tables have it."""
    found: list[str] = []
    for name in sorted(board.keys() | held.keys()):
        said, kept = board.get(name, {}), held.get(name, {})
        for key in sorted(said.keys() | kept.keys()):
            found += _differing(name, key, said.get(key), kept.get(key))
    return found


def _differing(name: str, key: tuple[str, ...], said: dict[str, Any] | None, kept: dict[str, Any] | None) -> list[str]:
    if said is None or kept is None:
        return [f"{name} {'/'.join(key)}: {'not in the log' if said is None else 'not in the table'}"]
    return [
        f"{name} {'/'.join(key)}.{column}: log {said.get(column)!r}, table {value!r}"
        for column, value in kept.items()
        if not same_value(said.get(column), value)
    ]


def same_value(a: Any, b: Any) -> bool:
    """Equal, moments compared as moments whatever zone they are written in."""
    if a == b:
        return True
    if isinstance(a, str) and isinstance(b, str) and len(a) > 18 and len(b) > 18 and a[4:5] == b[4:5] == "-":
        try:
            return _moment(a) == _moment(b)
        except msgspec.ValidationError:
            return False
    return False


def _moment(text: str) -> datetime:
    return msgspec.convert(text, datetime)
