"""Changing keys: everything is sealed anew with the newest one, while the system serves.

Begin at `reseal`. It goes in batches in the order of the rows' ids and may be broken off and begun again; `left` says what
still needs an older key, so that one can be dropped.
"""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.intake.photo_store import PLAIN_SUFFIX, PhotoStore
from backend.office import Office
from backend.personal import FIELDS, Field, indexed, open_, seal
from backend.sealing import ID_BYTES, Unsealable

BATCH = 500
PAUSE_S = 0.02
FIRST = UUID(int=0)


class Resealed(Struct, frozen=True, kw_only=True):
    """What a rotation came to. unopened: values that no key of the ring opens, left as they are."""

    values: int
    files: int
    unopened: int


async def reseal(office: Office, store: PhotoStore) -> Resealed:
    """Seals with the newest key whatever another sealed, blind indexes and photos too."""
    values = unopened = 0
    for field in FIELDS:
        done, shut = await _reseal_field(office, field)
        values, unopened = values + done, unopened + shut
    await _rename_plain_photos(office, store)
    files, shut = await asyncio.to_thread(_reseal_files, store)
    return Resealed(values=values, files=files, unopened=unopened + shut)


async def left(office: Office, store: PhotoStore) -> dict[str, int]:
    """How much is sealed by which key, by its name; under its id in hex when the ring does not have it."""
    counted: Counter[str] = Counter()
    names = {key.id: key.name for key in office.ring.keys}
    async with office.db.connect() as tx:
        for field in FIELDS:
            id_ = func.substr(field.column, 2, ID_BYTES)
            query = select(id_, func.count()).where(field.table.c.city_id == office.city_id, field.column.is_not(None))
            for key_id, number in await tx.execute(query.group_by(id_)):
                counted[names.get(bytes(key_id), bytes(key_id).hex())] += number
    counted += await asyncio.to_thread(_files_by_key, store, names)
    return dict(counted)


async def _reseal_field(office: Office, field: Field) -> tuple[int, int]:
    done, shut, last = 0, 0, FIRST
    while True:
        async with office.db.begin() as tx:
            rows = await _due(tx, office, field, last)
            for key, kept in rows:
                try:
                    await _write(tx, office, field, key, kept)
                    done += 1
                except Unsealable:
                    shut += 1
        if not rows:
            return done, shut
        last = rows[-1][0]
        await asyncio.sleep(PAUSE_S)


async def _due(tx: AsyncConnection, office: Office, field: Field, last: UUID) -> list[tuple[UUID, bytes]]:
    """The next rows that another key sealed, held until the batch is written."""
    key = field.table.c[field.key]
    query = select(key, field.column).where(
        field.table.c.city_id == office.city_id,
        key > last,
        field.column.is_not(None),
        func.substr(field.column, 1, len(office.ring.mark)) != office.ring.mark,
    )
    found = await tx.execute(query.order_by(key).limit(BATCH).with_for_update())
    return [(row[0], row[1]) for row in found]


async def _write(tx: AsyncConnection, office: Office, field: Field, key: UUID, kept: bytes) -> None:
    ring, table = office.ring, field.table
    plain = open_(ring, field, kept, key)
    values: dict[str, Any] = {field.column.name: seal(ring, field, plain, key), **indexed(ring, field, plain)}
    mine = (table.c.city_id == office.city_id) & (table.c[field.key] == key)
    await tx.execute(update(table).where(mine).values(**values))


async def _rename_plain_photos(office: Office, store: PhotoStore) -> None:
    """Photos of the version before lie open and are named by their hash: each is put anew under a name that says nothing."""
    plain = await asyncio.to_thread(lambda: {f.key for f in store.files() if f.key and f.path.suffix == PLAIN_SUFFIX})
    p = db.photos
    for column in (p.c.file, p.c.thumbnail_file):
        async with office.db.connect() as tx:
            named = (await tx.execute(select(p.c.id, column).where(p.c.city_id == office.city_id))).all()
        for photo_id, key in named:
            if key in plain:
                fresh = await asyncio.to_thread(_put_anew, store, key)
                async with office.db.begin() as tx:
                    mine = (p.c.city_id == office.city_id) & (p.c.id == photo_id)
                    await tx.execute(update(p).where(mine).values({column: fresh}))
    for key in plain:
        if not await _is_named(office, key):
            await asyncio.to_thread(store.delete, key)


def _put_anew(store: PhotoStore, key: str) -> str:
    return store.put(store.read(key))


async def _is_named(office: Office, key: str) -> bool:
    p = db.photos
    async with office.db.connect() as tx:
        query = select(p.c.id).where((p.c.file == key) | (p.c.thumbnail_file == key)).limit(1)
        return (await tx.execute(query)).first() is not None


def _reseal_files(store: PhotoStore) -> tuple[int, int]:
    done = shut = 0
    for file in store.files():
        if file.key is not None:
            try:
                done += store.reseal(file.key)
            except Unsealable:
                shut += 1
    return done, shut


def _files_by_key(store: PhotoStore, names: dict[bytes, str]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for file in store.files():
        if file.key is not None:
            with file.path.open("rb") as content:
                id_ = content.read(1 + ID_BYTES)[1:]
            plain = file.path.suffix == PLAIN_SUFFIX
            counted["plain" if plain else names.get(id_, id_.hex())] += 1
    return counted
