"""One case with everything about it, as far as whoever asks may see it; and the looks at what is sensitive, each written down.

A case is seen by many, what was said in it by fewer: descriptions and photos need `sighting:read`, the record of a visit and the
crew's photos `person:read`, offers `offer:read`. A reporter's name and number, `contact:read`, are for the desks that ring back (DOMAIN §8).
"""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log, personal
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed, demand
from backend.dispatch import board, case_photos, find
from backend.dispatch.board import Photo
from backend.dispatch.case_photos import CasePhoto
from backend.dispatch.records import Case, ClockRow, HandlingRow, Offer, Suggestion
from backend.errors import NotFound
from backend.intake.photo_rows import PhotoRow, get_photo
from backend.intake.report import Sighting
from backend.office import Office


class CaseFile(Struct, frozen=True, kw_only=True):
    """Everything about one case that the one who asks may see: never who reported it."""

    case: Case
    sightings: list[Sighting]
    photos: list[Photo]
    offers: list[Offer]
    clocks: list[ClockRow]
    handlings: list[HandlingRow]
    case_photos: list[CasePhoto]
    suggestions: list[Suggestion]


class ReporterContact(Struct, frozen=True, kw_only=True):
    """How to ring back the reporter of one sighting. recording_ref: where the hotline keeps what was said."""

    sighting_id: UUID
    phone: str | None
    name: str | None
    call_back: bool
    recording_ref: str | None


async def case_file(tx: AsyncConnection, office: Office, by: Actor, case: Case) -> CaseFile:
    """The file of a case that the actor may see (ask `board.find_visible_case` first)."""
    roles = office.city.policy.roles
    offers = await find.offers_of(tx, office, case.id)
    sightings = await readable_sightings(tx, office, by, case, offers)
    handlings = await find.handlings_of(tx, office, case.id)
    return CaseFile(
        case=case,
        sightings=[msgspec.structs.replace(one, receipt="", reporter="") for one in sightings],
        photos=msgspec.convert(await board.photos_of(tx, office, [one.id for one in sightings]), list[Photo]),
        offers=[o for o in offers if allowed(roles, by, "offer:read", Object(regions=case.regions, teams=[o.team_id]))],
        clocks=list((await find.clocks_of(tx, office, case.id)).values()),
        handlings=[_visit_as_seen(office, by, case, visit) for visit in handlings],
        case_photos=case_photos.readable(office, by, case, await case_photos.case_photos(tx, office, case.id)),
        suggestions=await _suggestions(tx, office, by, case),
    )


def tells_of_people(file: CaseFile) -> bool:
    """Whether whoever opens it reads what was said or written of people: a look to be written down."""
    return any(one.description for one in file.sightings) or any(visit.record for visit in file.handlings)


async def readable_sightings(
    tx: AsyncConnection, office: Office, by: Actor, case: Case, offers: list[Offer]
) -> list[Sighting]:
    """The sightings that belong to a case now and that the actor may read; offers: all of the case."""
    links = await find.links_of(tx, office, case.id)
    found = [await find.get_sighting(tx, office, link.sighting_id) for link in links]
    return [one for one in found if _may_read(office, by, case, offers, one)]


def _may_read(office: Office, by: Actor, case: Case, offers: list[Offer], sighting: Sighting) -> bool:
    asked = [offer.team_id for offer in offers if offer.state == "offered"]
    what = Object(regions=case.regions, teams=[*case.teams(), *asked], owner=sighting.reporter)
    return allowed(office.city.policy.roles, by, "sighting:read", what)


def _visit_as_seen(office: Office, by: Actor, case: Case, visit: HandlingRow) -> HandlingRow:
    """What a crew wrote of the people it met is for those who may read of persons."""
    what = Object(regions=case.regions, teams=[visit.team_id])
    if allowed(office.city.policy.roles, by, "person:read", what):
        return visit
    return msgspec.structs.replace(visit, record={})


async def _suggestions(tx: AsyncConnection, office: Office, by: Actor, case: Case) -> list[Suggestion]:
    found = await find.suggestions_of(tx, office, case.id)
    others = {s.case_id for s in found} | {s.other_case_id for s in found}
    mine = select(db.cases.c.id).where(
        db.cases.c.city_id == office.city_id, db.cases.c.id.in_(others), board.visible(office, by)
    )
    seen = set((await tx.execute(mine)).scalars())
    return [s for s in found if {s.case_id, s.other_case_id} <= seen]


async def read_contacts(office: Office, case: Case, *, by: Actor, now: datetime) -> list[ReporterContact]:
    """The contacts of a case's reporters, for a call back. Every look is an event. Raises NotAllowed, NotFound."""
    demand(office.city.policy.roles, by, "contact:read", Object(regions=case.regions))
    async with office.begin() as tx:
        contacts = await _contacts_of(tx, office, case)
        looks = [_look("sighting.contact_read", case, one.sighting_id, by, now) for one in contacts]
        if looks:
            await log.append(tx, office.city_id, looks, now=now)
    return contacts


async def _contacts_of(tx: AsyncConnection, office: Office, case: Case) -> list[ReporterContact]:
    contacts, links = db.sighting_contacts, db.case_sightings
    columns = personal.columns(contacts, ReporterContact.__struct_fields__)
    query = (
        select(*columns)
        .join(links, (links.c.city_id == contacts.c.city_id) & (links.c.sighting_id == contacts.c.sighting_id))
        .where(links.c.city_id == office.city_id, links.c.case_id == case.id, links.c.left_at.is_(None))
        .order_by(links.c.joined_at)
    )
    found = await tx.execute(query)
    return [ReporterContact(**personal.opened(office.ring, contacts, row._mapping)) for row in found]


async def open_photo(office: Office, case: Case, photo_id: UUID, *, by: Actor, now: datetime) -> tuple[str, str]:
    """(key in the store, media type) of a photo of this case or of its sightings. Every look is an event. Raises NotFound,
    NotAllowed."""
    async with office.begin() as tx:
        photo = await get_photo(tx, office, photo_id)
        if photo.case_id is None:
            await _demand_sightings(tx, office, case, photo, by)
            look = _look("sighting.photo_read", case, photo.sighting_id, by, now)
        else:
            _demand_of_case(office, case, photo, by)
            look = _look("look.photo_read", case, photo_id, by, now, what="photo_id")
        await log.append(tx, office.city_id, [look], now=now)
    return photo.file, photo.media_type


async def _demand_sightings(tx: AsyncConnection, office: Office, case: Case, photo: PhotoRow, by: Actor) -> None:
    demand(office.city.policy.roles, by, "sighting:read")
    offers = await find.offers_of(tx, office, case.id)
    if photo.sighting_id not in {one.id for one in await readable_sightings(tx, office, by, case, offers)}:
        raise NotFound("没有这张照片。", "There is no such photo.")


def _demand_of_case(office: Office, case: Case, photo: PhotoRow, by: Actor) -> None:
    demand(office.city.policy.roles, by, "person:read")
    if photo.case_id != case.id or not case_photos.may_read(office, by, case, photo.team_id):
        raise NotFound("没有这张照片。", "There is no such photo.")


def _look(kind: str, case: Case, id_: UUID | None, by: Actor, now: datetime, *, what: str = "sighting_id") -> log.Entry:
    return log.Entry(
        kind=kind,
        actor=by,
        occurred_at=now,
        regions=case.regions,
        teams=[by.team_id] if by.team_id else [],
        case_id=case.id,
        data={what: id_},
    )
