"""Photos of a sighting: the file in the store first, then the row that names it, so that no row points to nothing.

A file without a row (a crash in between) is harmless and found by `rescue doctor`.
"""

import asyncio
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import photos, sightings
from backend.errors import Invalid, NotFound
from backend.ids import new_id
from backend.intake.photos import PhotoStore, prepare
from backend.office import Office


class KeptPhoto(Struct, frozen=True, kw_only=True):
    """A photo as kept: re-encoded, without metadata. Sizes in pixels and bytes."""

    id: UUID
    media_type: str
    width_px: int
    height_px: int
    bytes: int


async def add_photo(office: Office, store: PhotoStore, receipt: str, content: bytes, *, now: datetime) -> KeptPhoto:
    """Keep a photo for the sighting of this receipt; the same picture again is the one that is there already.

    Raises Invalid for what is no photo or one too many, NotFound.
    """
    async with office.db.connect() as tx:
        await _sighting_of(tx, office, receipt)  # whoever guesses codes must not make us decode pictures
    photo = await asyncio.to_thread(prepare, content, office.city.policy)
    key = await asyncio.to_thread(store.put, photo.data)
    small = await asyncio.to_thread(store.put, photo.thumb)
    kept = KeptPhoto(
        id=new_id(),
        media_type="image/jpeg",
        width_px=photo.width_px,
        height_px=photo.height_px,
        bytes=len(photo.data),
    )
    async with office.db.begin() as tx:
        sighting_id = await _sighting_of(tx, office, receipt, lock=True)
        already = await _photos_of(tx, office, sighting_id)
        if key in already:
            return already[key]
        _demand_room(office, len(already))
        row = {**msgspec.structs.asdict(kept), "sha256": key, "thumbnail_sha256": small, "taken_in_at": now}
        await tx.execute(insert(photos).values(city_id=office.city_id, sighting_id=sighting_id, **row))
    return kept


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
    query = select(photos.c.sha256, *columns)
    rows = await tx.execute(query.where(photos.c.city_id == office.city_id, photos.c.sighting_id == sighting_id))
    return {key: KeptPhoto(**dict(zip(KeptPhoto.__struct_fields__, kept, strict=True))) for key, *kept in rows}


def _demand_room(office: Office, already: int) -> None:
    most = office.city.policy.intake.max_photos
    if already >= most:
        raise Invalid(
            f"每条线索最多 {most} 张照片。", f"At most {most} photos a report.", field="photo", code="too_many_photos"
        )


async def store_key(tx: AsyncConnection, office: Office, photo_id: UUID) -> tuple[UUID, str, str]:
    """(sighting, key in the store, media type) of a photo. Raises NotFound."""
    p = photos.c
    row = (
        await tx.execute(
            select(p.sighting_id, p.sha256, p.media_type).where(p.city_id == office.city_id, p.id == photo_id)
        )
    ).first()
    if row is None:
        raise NotFound("没有这张照片。", "There is no such photo.")
    return row[0], row[1], row[2]
