"""Photos of a person: what helps to know them again. Kept like every photo; each look at one is written down."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.dispatch.change import Command
from backend.errors import Conflict, Invalid, NotFound, Refused
from backend.intake.photo_rows import IS_THERE, KeptPhoto, Stored, drop, put, write_row
from backend.intake.photo_store import PhotoStore
from backend.intake.photos import prepare
from backend.office import Office
from backend.referral.people import register_rows as rows
from backend.referral.people.person import object_of

KIND: Final = "person"


class PersonPhoto(Struct, frozen=True, kw_only=True):
    """A photo of a person that may be asked for. Sizes in pixels."""

    id: UUID
    person_id: UUID
    taken_at: datetime
    width_px: int
    height_px: int


async def add_person_photo(
    office: Office, store: PhotoStore, person_id: UUID, photo_id: UUID, content: bytes, command: Command
) -> KeptPhoto:
    """Keep a photo of a person under the client's id. Raises Invalid for what is no photo or one too many, Conflict `id_reused`,
    NotAllowed, NotFound, Unavailable when there is no room for it."""
    async with office.begin() as tx:
        if (known := await _known(tx, office, person_id, photo_id, command)) is not None:
            return known
    photo = await asyncio.to_thread(prepare, content, office.city.policy)
    stored = await asyncio.to_thread(put, store, photo, photo_id)
    try:
        known = await _written(office, person_id, stored, command)
    except Refused:
        await asyncio.to_thread(drop, store, stored)
        raise
    if known is not None:  # sent twice at once
        await asyncio.to_thread(drop, store, stored)
    return known or stored.kept


async def _known(
    tx: AsyncConnection, office: Office, person_id: UUID, photo_id: UUID, command: Command
) -> KeptPhoto | None:
    """The photo of this id, if it is there; None for a new one, which may be added then."""
    await rows.held(tx, office, person_id, command)
    p = db.photos.c
    columns = [p[name] for name in KeptPhoto.__struct_fields__]
    row = (await tx.execute(select(p.person_id, *columns).where(p.city_id == office.city_id, p.id == photo_id))).first()
    if row is None:
        await _demand_room(tx, office, person_id)
        return None
    if row.person_id != person_id:
        raise Conflict(
            "这个编号已用于另一张照片。", "This id already stands for another photo.", code="id_reused", field="id"
        )
    return KeptPhoto(**{name: row._mapping[name] for name in KeptPhoto.__struct_fields__})


async def _demand_room(tx: AsyncConnection, office: Office, person_id: UUID) -> None:
    most = office.city.policy.intake.max_photos
    if len(await photos_of(tx, office, [person_id])) >= most:
        zh, en = f"每份登记最多 {most} 张照片。", f"At most {most} photos of a record."
        raise Invalid(zh, en, field="photo", code="too_many_photos")


async def _written(office: Office, person_id: UUID, stored: Stored, command: Command) -> KeptPhoto | None:
    """Row and event, unless another was faster with the same id: then that one."""
    async with office.begin() as tx:
        if (known := await _known(tx, office, person_id, stored.kept.id, command)) is not None:
            return known
        _, group = await rows.held(tx, office, person_id, command)
        of = {"person_id": person_id, "kind": KIND, "taken_at": command.at}
        await write_row(tx, office, stored, command.now, **of)
        what = object_of(group)
        entry = log.Entry(
            kind="person.photo_added",
            actor=command.by,
            occurred_at=command.at,
            regions=list(what.regions),
            teams=list(what.teams),
            data={"photo_id": stored.kept.id, "picture_digest": stored.digest, **of},
        )
        await log.append(tx, office.city_id, [entry], now=command.now)
        return None


async def photos_of(tx: AsyncConnection, office: Office, person_ids: Sequence[UUID]) -> list[PersonPhoto]:
    """All photos of these records, in the order they were taken."""
    p = db.photos.c
    columns = [p[name] for name in PersonPhoto.__struct_fields__]
    query = select(*columns).where(p.city_id == office.city_id, p.person_id.in_(person_ids), IS_THERE)
    return [PersonPhoto(**row._mapping) for row in await tx.execute(query.order_by(p.taken_at, p.id))]


async def open_photo(office: Office, person_id: UUID, photo_id: UUID, *, by: Actor, now: datetime) -> tuple[str, str]:
    """(key in the store, media type) of a photo of this person, of whichever of their records. Every look is an event."""
    roles = office.city.policy.roles
    demand(roles, by, "person:read")
    async with office.begin() as tx:
        person = await rows.get_person(tx, office, person_id)
        group = await rows.group_of(tx, office, person.root_id)
        what = object_of(group)
        demand(roles, by, "person:read", what)
        p = db.photos.c
        mine = (p.city_id == office.city_id) & (p.id == photo_id) & p.person_id.in_([one.id for one in group])
        row = (await tx.execute(select(p.file, p.media_type).where(mine, IS_THERE))).first()
        if row is None:
            raise NotFound("没有这张照片。", "There is no such photo.")
        entry = log.Entry(
            kind="look.person_photo_read",
            actor=by,
            occurred_at=now,
            regions=list(what.regions),
            teams=[by.team_id] if by.team_id else [],
            data={"person_id": person.root_id, "photo_id": photo_id},
        )
        await log.append(tx, office.city_id, [entry], now=now)
    return row.file, row.media_type
