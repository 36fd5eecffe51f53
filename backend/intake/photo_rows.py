"""Photos of a sighting: the file in the store first, then the row that names it, so that no row points to nothing.

`put` and `drop` are that promise, for the photos of a case too (`backend.dispatch.case_photos`).

A file without a row (a crash in between) is swept a day later by `backend.retention`.
"""

import asyncio
import hashlib
import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import and_, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.access.actor import PUBLIC
from backend.db import photos, sightings
from backend.errors import Invalid, NotFound, Unavailable
from backend.ids import new_id
from backend.intake.photo_store import PhotoStore
from backend.intake.photos import Photo, prepare
from backend.office import Office

SALTED = b"\x00"
"""How a stored picture begins: this, a salt, the JPEG. One of the version before begins as a JPEG does (FF)."""
SALT_BYTES = 16
IS_THERE = and_(photos.c.leaving_at.is_(None), photos.c.file.is_not(None))
"""Its time is not over; and it is not of a process of the version before, which the last step of a migration takes in."""


class KeptPhoto(Struct, frozen=True, kw_only=True):
    """A photo as kept: re-encoded, without metadata. Sizes in pixels and bytes."""

    id: UUID
    media_type: str
    width_px: int
    height_px: int
    bytes: int


class Stored(Struct, frozen=True, kw_only=True):
    """A picture that lies in the store and that no row names yet. file, thumbnail_file: its keys there."""

    kept: KeptPhoto
    file: str
    thumbnail_file: str
    digest: str


async def add_photo(office: Office, store: PhotoStore, receipt: str, content: bytes, *, now: datetime) -> KeptPhoto:
    """Keep a photo for the sighting of this receipt; the same picture again is the one that is there already.

    Raises Invalid for what is no photo or one too many, NotFound, Unavailable when there is no room for it.
    """
    async with office.db.connect() as tx:
        sighting_id = await _sighting_of(tx, office, receipt)  # whoever guesses codes must not make us decode pictures
        known = await _photos_of(tx, office, sighting_id)
    photo = await asyncio.to_thread(prepare, content, office.city.policy)
    if (same := await asyncio.to_thread(_same, store, photo.data, known)) is not None:
        return same
    stored = await asyncio.to_thread(put, store, photo, new_id())
    try:
        async with office.begin() as tx:
            await _sighting_of(tx, office, receipt, lock=True)
            already = await _photos_of(tx, office, sighting_id)
            fresh = {key: one for key, one in already.items() if key not in known}  # sent twice at once
            twin = await asyncio.to_thread(_same, store, photo.data, fresh)
            if twin is None:
                _demand_room(office, len(already))
                await _write(tx, office, sighting_id, stored, now)
    except Invalid:
        await asyncio.to_thread(drop, store, stored)
        raise
    if twin is None:
        return stored.kept
    await asyncio.to_thread(drop, store, stored)
    return twin


async def _write(tx: AsyncConnection, office: Office, sighting_id: UUID, stored: Stored, now: datetime) -> None:
    await write_row(tx, office, stored, now, sighting_id=sighting_id)
    where = select(sightings.c.regions).where(sightings.c.city_id == office.city_id, sightings.c.id == sighting_id)
    entry = log.Entry(
        kind="sighting.photo_added",
        actor=PUBLIC,
        occurred_at=now,
        regions=(await tx.execute(where)).scalar_one(),
        data={"photo_id": stored.kept.id, "sighting_id": sighting_id, "picture_digest": stored.digest},
    )
    await log.append(tx, office.city_id, [entry], now=now)


async def write_row(tx: AsyncConnection, office: Office, stored: Stored, now: datetime, **of: Any) -> None:
    """The row that names what was put; of: what it is a photo of."""
    values = {**msgspec.structs.asdict(stored.kept), "file": stored.file, "thumbnail_file": stored.thumbnail_file}
    values |= {"picture_digest": stored.digest, "taken_in_at": now, **of}
    await tx.execute(insert(photos).values(city_id=office.city_id, **values))


def put(store: PhotoStore, photo: Photo, id_: UUID) -> Stored:
    """Picture and thumbnail into the store, both or neither. Blocks. Raises Unavailable."""
    salt = SALTED + secrets.token_bytes(SALT_BYTES)
    kept = KeptPhoto(
        id=id_, media_type="image/jpeg", width_px=photo.width_px, height_px=photo.height_px, bytes=len(photo.data)
    )
    file, small = _put_both(store, salt + photo.data, salt + photo.thumb)
    return Stored(kept=kept, file=file, thumbnail_file=small, digest=_digest(salt, photo.data))


def drop(store: PhotoStore, stored: Stored) -> None:
    """What was put and is not needed after all. Blocks."""
    for key in (stored.file, stored.thumbnail_file):
        store.delete(key)


def _put_both(store: PhotoStore, data: bytes, thumb: bytes) -> tuple[str, str]:
    """The keys of picture and thumbnail: both are kept or neither."""
    file = store.put(data)
    try:
        return file, store.put(thumb)
    except Unavailable:
        store.delete(file)
        raise


def _digest(salt: bytes, data: bytes) -> str:
    """What the log and the row say of a picture: salted, so that who has a picture cannot find out that we have it."""
    return hashlib.sha256(salt + data).hexdigest()


def _same(store: PhotoStore, data: bytes, already: dict[str, KeptPhoto]) -> KeptPhoto | None:
    """The photo of this sighting that is the very same picture, if any."""
    for key, kept in already.items():
        if kept.bytes == len(data) and read_photo(store, key) == data:
            return kept
    return None


def read_photo(store: PhotoStore, key: str) -> bytes:
    """The JPEG that was kept under this key. Raises NotFound, Unsealable."""
    content = store.read(key)
    return content[len(SALTED) + SALT_BYTES :] if content.startswith(SALTED) else content


async def _sighting_of(tx: AsyncConnection, office: Office, receipt: str, *, lock: bool = False) -> UUID:
    """The sighting; with `lock` held until the commit, so that photos are counted one after the other."""
    query = select(sightings.c.id).where(sightings.c.city_id == office.city_id, sightings.c.receipt == receipt)
    sighting_id: UUID | None = (await tx.execute(query.with_for_update() if lock else query)).scalar()
    if sighting_id is None:
        raise NotFound(
            "没有这个回执码，请核对后再试。", "There is no such receipt; please check it.", code="no_receipt"
        )
    return sighting_id


async def _photos_of(tx: AsyncConnection, office: Office, sighting_id: UUID) -> dict[str, KeptPhoto]:
    """The sighting's photos by their key in the store."""
    columns = [photos.c[name] for name in KeptPhoto.__struct_fields__]
    mine = (photos.c.city_id == office.city_id) & (photos.c.sighting_id == sighting_id)
    rows = await tx.execute(select(photos.c.file, *columns).where(mine, IS_THERE))
    return {key: KeptPhoto(**dict(zip(KeptPhoto.__struct_fields__, kept, strict=True))) for key, *kept in rows}


def _demand_room(office: Office, already: int) -> None:
    most = office.city.policy.intake.max_photos
    if already >= most:
        raise Invalid(
            f"每条线索最多 {most} 张照片。", f"At most {most} photos a report.", field="photo", code="too_many_photos"
        )


class PhotoRow(Struct, frozen=True, kw_only=True):
    """Where a photo lies, and what it is of: a sighting, or a case and the team that took it."""

    sighting_id: UUID | None
    case_id: UUID | None
    team_id: UUID | None
    file: str
    media_type: str


async def get_photo(tx: AsyncConnection, office: Office, photo_id: UUID) -> PhotoRow:
    """Raises NotFound, also when its time is over."""
    mine = (photos.c.city_id == office.city_id) & (photos.c.id == photo_id)
    columns = [photos.c[name] for name in PhotoRow.__struct_fields__]
    row = (await tx.execute(select(*columns).where(mine, IS_THERE))).first()
    if row is None:
        raise NotFound("没有这张照片。", "There is no such photo.")
    return PhotoRow(**row._mapping)
