"""For the steps that take personal data out of plain columns: what lay open where, and how it is sealed.

A copy on purpose: a step does the same for ever, whatever `backend.personal` becomes. Begin at `seal_what_lies_open`.
"""

import os
from typing import Any, Final, NamedTuple

from alembic import context
from sqlalchemy import Connection, text

from backend.errors import Invalid
from backend.sealing import Ring, normalised

BATCH: Final = 1000
PHONE: Final = "sighting_contacts.phone"


class Plain(NamedTuple):
    """A plain column. key: the column that names its row. empty: how one that says nothing reads as text."""

    table: str
    name: str
    key: str = "id"
    empty: str = ""


COLUMNS: Final = (
    Plain("sightings", "address"),
    Plain("sightings", "description"),
    Plain("sighting_contacts", "phone", "sighting_id"),
    Plain("sighting_contacts", "name", "sighting_id"),
    Plain("sighting_contacts", "recording_ref", "sighting_id"),
    Plain("cases", "address"),
    Plain("approvals", "reason"),
    Plain("approvals", "answer"),
    Plain("handlings", "record", empty="{}"),
    Plain("handlings", "verdict_note"),
)


def seal_what_lies_open(connection: Connection) -> int:
    """Seals every plain value that has no sealed one beside it, in batches. Returns how many. Raises Invalid without keys."""
    return sum(_seal_column(connection, column) for column in COLUMNS)


def _seal_column(connection: Connection, column: Plain) -> int:
    table, name, key, empty = column
    look = text(
        f"SELECT city_id, {key} AS key, {name}::text AS plain FROM {table} "  # noqa: S608 - names from above only
        f"WHERE {name}::text <> :empty AND {name}_sealed IS NULL LIMIT {BATCH}"
    )
    index = ", phone_index = :phone_index" if name == "phone" else ""
    write = text(f"UPDATE {table} SET {name}_sealed = :sealed{index} WHERE city_id = :city AND {key} = :key")  # noqa: S608
    done = 0
    while found := connection.execute(look, {"empty": empty}).all():
        ring = ring_here()
        connection.execute(write, [_sealed(ring, column, *row) for row in found])
        done += len(found)
    return done


def _sealed(ring: Ring, column: Plain, city: str, key: object, plain: str) -> dict[str, Any]:
    values = {"city": city, "key": key, "sealed": ring.seal(plain, f"{column.table}.{column.name}:{key}")}
    index = ring.index(plain, PHONE) if normalised(plain) else None
    return values | ({"phone_index": index} if column.name == "phone" else {})


def ring_here() -> Ring:
    """The keys that this run was given, else those of the environment. Raises Invalid."""
    given = context.config.attributes.get("ring")
    if isinstance(given, Ring):
        return given
    try:
        return Ring.parse(os.environ["RESCUE_PERSONAL_KEYS"])
    except (KeyError, ValueError):
        raise Invalid(
            "库中有未加密的个人信息，升级需要密钥：请设置 RESCUE_PERSONAL_KEYS（rescue privacy key 可生成）。",
            "The database holds personal data that lie open; the step that seals them needs RESCUE_PERSONAL_KEYS "
            "(`rescue privacy key` makes one).",
            field="RESCUE_PERSONAL_KEYS",
        ) from None
