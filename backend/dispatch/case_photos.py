"""Photos that a crew takes of a case: the spot 现场, what somebody has with them 随身物品, and the two signatures of a hand-over 交接签字.

Begin at `add_case_photo`. They are part of the record of a visit and read by whoever may read that (`person:read`). The id is
the phone's, so that a photo sent again is the one that is there; what it is, when it was taken and by which team stands in the
log, with a digest of the picture.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed
from backend.dispatch import find
from backend.dispatch.change import Change, Command, record
from backend.dispatch.lifecycle import CLOSED_STAGES
from backend.dispatch.move import demand_recent, touched
from backend.dispatch.protection import Handling
from backend.dispatch.records import Case
from backend.errors import Conflict, Invalid, Refused
from backend.intake.photo_rows import IS_THERE, KeptPhoto, Stored, drop, put, write_row
from backend.intake.photo_store import PhotoStore
from backend.intake.photos import prepare
from backend.office import Office

CasePhotoKind = Literal["scene", "belongings", "signature_crew", "signature_receiver"]
KINDS: Final[tuple[CasePhotoKind, ...]] = get_args(CasePhotoKind)
KIND_OF: Final[dict[str, CasePhotoKind]] = {
    "crew_signature": "signature_crew",
    "receiver_signature": "signature_receiver",
}
"""A field of the hand-over → the kind of photo that it names."""


class CasePhoto(Struct, frozen=True, kw_only=True):
    """A photo of a case that may be asked for. taken_at: by the crew's word; taken_in_at: when it came in. Sizes in pixels."""

    id: UUID
    kind: CasePhotoKind
    team_id: UUID
    taken_at: datetime
    taken_in_at: datetime
    width_px: int
    height_px: int


async def add_case_photo(
    office: Office,
    store: PhotoStore,
    case_id: UUID,
    photo_id: UUID,
    kind: CasePhotoKind,
    content: bytes,
    command: Command,
) -> KeptPhoto:
    """Keep a photo of a case under the phone's id. Raises Invalid for what is no photo or one too many, Conflict `id_reused`,
    `case_closed`, NotAllowed, NotFound, Unavailable when there is no room for it."""
    async with office.db.connect() as tx:
        if known := await _known(tx, office, await find.get_case(tx, office, case_id), photo_id, kind, command):
            return known
    photo = await asyncio.to_thread(prepare, content, office.city.policy)
    stored = await asyncio.to_thread(put, store, photo, photo_id)
    try:
        known = await _written(office, case_id, stored, kind, command)
    except Refused:
        await asyncio.to_thread(drop, store, stored)
        raise
    if known is not None:  # sent twice at once
        await asyncio.to_thread(drop, store, stored)
    return known or stored.kept


async def _known(
    tx: AsyncConnection, office: Office, case: Case, photo_id: UUID, kind: CasePhotoKind, command: Command
) -> KeptPhoto | None:
    """The photo of this id, if it is there; None for a new one, which may be added then. Raises NotAllowed, Conflict, Invalid."""
    command.demand(office, "case:handle", case.as_object())
    p = db.photos.c
    columns = [p[name] for name in KeptPhoto.__struct_fields__]
    row = (
        await tx.execute(select(p.case_id, p.kind, *columns).where(p.city_id == office.city_id, p.id == photo_id))
    ).first()
    if row is not None:
        if (row.case_id, row.kind) != (case.id, kind):
            zh, en = "这个编号已用于另一张照片。", "This id already stands for another photo."
            raise Conflict(zh, en, code="id_reused", field="id")
        return KeptPhoto(**{name: row._mapping[name] for name in KeptPhoto.__struct_fields__})
    if case.stage in CLOSED_STAGES:
        zh, en = "案卷已结束，不再接收照片。", "The case is closed: no more photos of it are taken in."
        raise Conflict(zh, en, code="case_closed", stage=case.stage)
    demand_recent(command.at, command.now)
    await _demand_room(tx, office, case, kind)
    return None


async def _demand_room(tx: AsyncConnection, office: Office, case: Case, kind: CasePhotoKind) -> None:
    """As many of a kind as a report may have, for each time that somebody was sent."""
    most = office.city.policy.intake.max_photos * (case.rework_count + 1)
    if sum(one.kind == kind for one in await case_photos(tx, office, case.id)) >= most:
        zh, en = f"每类照片最多 {most} 张。", f"At most {most} photos of a kind."
        raise Invalid(zh, en, field="photo", code="too_many_photos")


async def _written(
    office: Office, case_id: UUID, stored: Stored, kind: CasePhotoKind, command: Command
) -> KeptPhoto | None:
    """Row and event, unless another was faster with the same id: then that one."""
    async with office.begin() as tx:
        case = await find.lock_case(tx, office, case_id)
        if (known := await _known(tx, office, case, stored.kept.id, kind, command)) is not None:
            return known
        team_id = _taken_by(case, command.by)
        of = {"case_id": case.id, "kind": kind, "team_id": team_id, "taken_at": command.at}
        await write_row(tx, office, stored, command.now, **of)
        facts = {"photo_id": stored.kept.id, "picture_digest": stored.digest, **of}
        await record(tx, office, command, Change(kind="case.photo_added", rows=[(case, touched(case))], facts=facts))
        return None


def _taken_by(case: Case, by: Actor) -> UUID:
    """The team whose photo it is: one's own where it has or had the case. Raises Conflict where nobody was sent."""
    teams = case.teams()
    if not teams:
        raise Conflict("该案卷没有队伍，不能添加现场照片。", "The case has no team to take photos.", code="wrong_stage")
    return by.team_id if by.team_id in teams else teams[0]


async def case_photos(tx: AsyncConnection, office: Office, case_id: UUID) -> list[CasePhoto]:
    """All photos that crews took of a case, in the order they were taken."""
    p = db.photos.c
    columns = [p[name] for name in CasePhoto.__struct_fields__]
    query = select(*columns).where(p.city_id == office.city_id, p.case_id == case_id, IS_THERE)
    return [CasePhoto(**row._mapping) for row in await tx.execute(query.order_by(p.taken_at, p.id))]


def readable(office: Office, by: Actor, case: Case, photos: Sequence[CasePhoto]) -> list[CasePhoto]:
    """Those that the actor may see: whoever may read what that crew wrote."""
    return [one for one in photos if may_read(office, by, case, one.team_id)]


def may_read(office: Office, by: Actor, case: Case, team_id: UUID | None) -> bool:
    """Whether the actor may see what this team photographed."""
    what = Object(regions=case.regions, teams=[team_id] if team_id else [])
    return allowed(office.city.policy.roles, by, "person:read", what)


async def with_photos(tx: AsyncConnection, office: Office, case: Case, handling: Handling) -> Handling:
    """The record with what has come in: at least as many photos of the spot, and signed where there is a signature.

    Raises Invalid `no_such_signature` with the field.
    """
    photos = await case_photos(tx, office, case.id)
    paper = handling.hand_over
    for field, kind in KIND_OF.items() if paper else ():
        wanted = getattr(paper, field)
        if wanted is not None and not any(one.id == wanted and one.kind == kind for one in photos):
            zh = "签字照片还没有传到，请先重新发送签字，再提交处置记录。"
            en = "That signature has not come in: send it again before the record."
            raise Invalid(zh, en, code="no_such_signature", field=f"handling.hand_over.{field}")
    there = sum(one.kind == "scene" and one.team_id == case.team_id for one in photos)
    return msgspec.structs.replace(
        handling, photos=max(handling.photos, there), hand_over=paper.as_signed() if paper else None
    )
