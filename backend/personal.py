"""Which columns are personal and lie sealed, and the way in and out of them.

Begin at `FIELDS`. A row comes in and goes out with its plain fields (`phone`); the table has `phone_sealed`. What seals is
`backend.sealing`; bound to a value are its table, its column and its row's id.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Column, RowMapping, Table

from backend import db
from backend.sealing import Ring, normalised

SUFFIX: Final = "_sealed"
PHONE: Final = "sighting_contacts.phone"
"""What the blind index of a caller's number is about."""
DEVICE: Final = "devices.address"
"""What the blind index of a device's address is about."""
NAME: Final = "persons.name"
ID_NUMBER: Final = "persons.id_number"
"""What the blind indexes of a person's name and document are about."""
_IN_NAMES: Final = re.compile(r"[\s·・.•]+")


class Field(NamedTuple):
    """One sealed column. name: the plain field's. key: the column that names the row. is_json, is_bytes: not a text."""

    table: Table
    name: str
    key: str = "id"
    is_json: bool = False
    is_bytes: bool = False

    @property
    def column(self) -> Column[Any]:
        """Where it lies."""
        return self.table.c[self.name + SUFFIX]

    def about(self, key: object) -> str:
        """What is bound to the value of the row with this id."""
        return about(self.table.name, self.name, key)


FIELDS: Final = (
    Field(db.sightings, "address"),
    Field(db.sightings, "description"),
    Field(db.sighting_contacts, "phone", "sighting_id"),
    Field(db.sighting_contacts, "name", "sighting_id"),
    Field(db.sighting_contacts, "recording_ref", "sighting_id"),
    Field(db.cases, "address"),
    Field(db.approvals, "reason"),
    Field(db.approvals, "answer"),
    Field(db.handlings, "record", is_json=True),
    Field(db.handlings, "verdict_note"),
    Field(db.event_words, "words", "event_id"),
    Field(db.parked_calls, "draft", is_json=True),
    Field(db.shift_notes, "text"),
    Field(db.distress_calls, "note"),
    Field(db.campaigns, "note"),
    Field(db.campaigns, "answer"),
    Field(db.stock_moves, "note"),
    Field(db.sweep_looks, "reason"),
    Field(db.sweep_passes, "reason"),
    Field(db.persons, "told", is_json=True),
    Field(db.persons, "identity", is_json=True),
    Field(db.stays, "arrival", is_json=True),
    Field(db.stays, "notice", is_json=True),
    Field(db.stays, "leaving", is_json=True),
    Field(db.returnees, "home", is_json=True),
    Field(db.returnees, "end_note"),
    Field(db.home_visits, "found", is_json=True),
    Field(db.documents, "content", is_json=True),
    Field(db.documents, "pdf", is_bytes=True),
    Field(db.policies, "reason"),
    Field(db.referrals, "to_words"),
    Field(db.referrals, "reason"),
    Field(db.referrals, "receiver"),
    Field(db.referrals, "hand_over", is_json=True),
    Field(db.referral_people, "told", is_json=True),
    Field(db.incidents, "told", is_json=True),
    Field(db.outbox, "letter", is_json=True),
    Field(db.accounts, "totp"),
    Field(db.accounts, "duty_phone"),
    Field(db.devices, "address", is_json=True),
)
_OF: Final[dict[str, tuple[Field, ...]]] = {
    table: tuple(field for field in FIELDS if field.table.name == table) for table in {f.table.name for f in FIELDS}
}


def about(table: str, name: str, key: object) -> str:
    """`table.column:id`: what a sealed value is about."""
    return f"{table}.{name}:{key}"


def fields_of(table: Table) -> tuple[Field, ...]:
    """The sealed fields of a table; () for one without."""
    return _OF.get(table.name, ())


def columns(table: Table, names: tuple[str, ...]) -> list[Column[Any]]:
    """The columns to select for these fields of a row: those that are sealed come as they lie, for `opened`."""
    sealed = {field.name: field.column for field in fields_of(table)}
    return [sealed.get(name, table.c.get(name)) for name in names]  # type: ignore[misc]


def sealed(ring: Ring, table: Table, values: Mapping[str, Any], key: UUID | None = None) -> dict[str, Any]:
    """The values as the table takes them. key: the row's id, where `values` does not have it."""
    kept = dict(values)
    for field in fields_of(table):
        if field.name in kept:
            plain = kept.pop(field.name)
            kept[field.column.name] = seal(ring, field, plain, key or values[field.key])
            kept |= indexed(ring, field, plain)
    return kept


def opened(ring: Ring, table: Table, row: RowMapping) -> dict[str, Any]:
    """A row's values with the sealed ones opened, under their plain names. Raises Unsealable."""
    plain: dict[str, Any] = {str(name): value for name, value in row.items()}
    for field in fields_of(table):
        if field.column.name in plain:
            plain[field.name] = open_(ring, field, plain.pop(field.column.name), row[field.key])
    return plain


def phone_index(ring: Ring, number: str | None) -> bytes | None:
    """The blind index of a number; None for what has no digit in it."""
    return ring.index(number, PHONE) if number and normalised(number) else None


def address_indexes(ring: Ring, address: Mapping[str, str]) -> list[bytes]:
    """How the address of a device is found again, under every key, the newest first."""
    return ring.digests(msgspec.json.encode(address, order="sorted"), DEVICE)


def name_indexes(ring: Ring, name: str) -> list[bytes]:
    """How a name is found again, under every key, the newest first; spaces, dots and width do not count."""
    return ring.digests(_IN_NAMES.sub("", unicodedata.normalize("NFKC", name)).casefold().encode(), NAME)


def id_number_indexes(ring: Ring, number: str) -> list[bytes]:
    """The same of a document's number."""
    return ring.digests(_IN_NAMES.sub("", unicodedata.normalize("NFKC", number)).upper().encode(), ID_NUMBER)


def _of_identity(ring: Ring, identity: Mapping[str, Any]) -> dict[str, bytes | None]:
    name, number = identity.get("name"), identity.get("id_number")
    return {
        "name_index": name_indexes(ring, name)[0] if name else None,
        "id_number_index": id_number_indexes(ring, number)[0] if number else None,
    }


def indexed(ring: Ring, field: Field, plain: Any) -> dict[str, bytes | None]:
    """The blind index that lies beside a sealed value, where there is one."""
    if field.column is db.sighting_contacts.c.phone_sealed:
        return {"phone_index": phone_index(ring, plain)}
    if field.column is db.devices.c.address_sealed:
        return {"address_index": address_indexes(ring, plain)[0]}
    if field.column is db.persons.c.identity_sealed:
        return _of_identity(ring, plain or {})
    return {}


def seal(ring: Ring, field: Field, plain: Any, key: object) -> bytes | None:
    """One value sealed; what says nothing (None, an empty record) is not there at all."""
    if plain is None or ((field.is_json or field.is_bytes) and not plain):
        return None
    if field.is_bytes:
        return ring.seal_bytes(plain, field.about(key))
    text = msgspec.json.encode(plain).decode() if field.is_json else plain
    return ring.seal(text, field.about(key))


def open_(ring: Ring, field: Field, kept: bytes | None, key: object) -> Any:
    """One value opened. Raises Unsealable."""
    if kept is None:
        return {} if field.is_json else b"" if field.is_bytes else None
    if field.is_bytes:
        return ring.open_bytes(kept, field.about(key))
    text = ring.open(kept, field.about(key))
    return msgspec.json.decode(text) if field.is_json else text
