"""Photos of a sighting: the file in the store first, then the row that names it, so that no row points to nothing.

A file without a row (a crash in between) is harmless and found by `rescue doctor`.
"""

import asyncio
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, insert, select
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
    """Keep a photo for the sighting of this receipt. Raises Invalid for what is no photo or one too many."""
    async with office.db.connect() as tx:
        sighting_id = await _with_room(tx, office, receipt)
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
        await tx.execute(
            insert(photos).values(
                city_id=office.city_id,
                id=kept.id,
                sighting_id=sighting_id,
                sha256=key,
                thumbnail_sha256=small,
                media_type=kept.media_type,
                bytes=kept.bytes,
                width_px=kept.width_px,
                height_px=kept.height_px,
                taken_in_at=now,
            )
        )
    return kept


async def _with_room(tx: AsyncConnection, office: Office, receipt: str) -> UUID:
    mine = (sightings.c.city_id == office.city_id) & (sightings.c.receipt == receipt)
    sighting_id = (await tx.execute(select(sightings.c.id).where(mine))).scalar()
    if sighting_id is None:
        raise NotFound("没有这个回执码。", "There is no such receipt.")
    count = select(func.count()).where(photos.c.city_id == office.city_id, photos.c.sighting_id == sighting_id)
    if (await tx.execute(count)).scalar_one() >= office.city.policy.intake.max_photos:
        most = office.city.policy.intake.max_photos
        raise Invalid(f"每条线索最多 {most} 张照片。", f"At most {most} photos.", field="photo", code="too_many_photos")
    return sighting_id


async def photo_keys(tx: AsyncConnection, office: Office, sighting_ids: list[UUID]) -> list[tuple[UUID, UUID, str]]:
    """(sighting, photo, media type) of the sightings' photos, oldest first."""
    p = photos.c
    query = select(p.sighting_id, p.id, p.media_type).where(p.city_id == office.city_id, p.sighting_id.in_(sighting_ids))
    return [(row[0], row[1], row[2]) for row in await tx.execute(query.order_by(p.taken_in_at))]


async def store_key(tx: AsyncConnection, office: Office, photo_id: UUID) -> tuple[UUID, str, str]:
    """(sighting, key in the store, media type) of a photo. Raises NotFound."""
    p = photos.c
    row = (
        await tx.execute(select(p.sighting_id, p.sha256, p.media_type).where(p.city_id == office.city_id, p.id == photo_id))
    ).first()
    if row is None:
        raise NotFound("没有这张照片。", "There is no such photo.")
    return row[0], row[1], row[2]
