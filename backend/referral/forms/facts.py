"""What the forms are made of, read from the tables under the transaction that issues them. Begin at `of_referral`, `of_stay`.

Who an account is called stands in its row; a hidden shelter is never named on paper (DOMAIN §4.4).
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import referred
from backend.dispatch.change import Command
from backend.dispatch.protection import Belonging, HandOver
from backend.dispatch.records import Referral, ReferralPerson
from backend.errors import Conflict
from backend.intake.photo_rows import IS_THERE, read_photo
from backend.intake.photo_store import PhotoStore
from backend.office import Office
from backend.referral import register_rows
from backend.referral.answering import Paper
from backend.referral.asked import TO_NAMES
from backend.referral.facilities import Facility, facility_for
from backend.referral.forms import words
from backend.referral.forms.hand_over_form import Handed, HandedOver, Side
from backend.referral.forms.sheet import NOTHING, Signature
from backend.referral.forms.stay_forms import OfStay
from backend.referral.person import NOBODY, Identity, Person
from backend.referral.signature import Drawn
from backend.referral.stay import Stay
from backend.referral.takes import PLACE_NAMES

HIDDEN: Final = "庇护机构（地址保密）"
DESK: Final = "救助指挥中心"
MOST_PHOTOS: Final = 9
"""So many photos are printed; all of them stay with the case."""


def house_as_said(house: Facility) -> tuple[str, str]:
    """Its name and telephone on paper; a hidden one has neither."""
    return (HIDDEN, NOTHING) if house.hidden else (house.name, house.phone or NOTHING)


# --- a hand-over --------------------------------------------------------------------------------------------------------


async def of_referral(tx: AsyncConnection, office: Office, referral: Referral) -> HandedOver:
    """The hand-over that ended a referral. Raises Conflict `not_yet`, `content_gone`."""
    if referral.handed_over_at is None:
        raise Conflict("尚未交接，不能出具交接单。", "They have not been handed over yet.", code="not_yet")
    signed = await _signed(tx, office, referral)
    people = await referred.people_of(tx, office, [referral.id])
    giver, receiver = await _giver(tx, office, referral), await _receiver(tx, office, referral)
    zone = office.city.zone
    day = words.day(referral.handed_over_at, zone)
    place: Any = referral.place_kind
    return HandedOver(
        about=f"转介 {referral.number}",
        giver=Side(
            organisation=giver,
            person=signed.giver or NOTHING,
            signature=_side(
                "移交人签名", signed.giver, day, signed.drawn_giver, signed.picture_giver, signed.giver_signed
            ),
        ),
        receiver=Side(
            organisation=receiver,
            person=signed.receiver,
            signature=_side(
                "接收人签名",
                signed.receiver,
                day,
                signed.drawn_receiver,
                signed.picture_receiver,
                signed.receiver_signed,
            ),
        ),
        people=tuple([await _handed(tx, office, one) for one in people]),
        handed_over_at=referral.handed_over_at,
        offered_at=referral.offered_at,
        arrived_at=referral.arrived_at,
        consent=referral.consent,
        ground=referral.consent_ground,  # type: ignore[arg-type]  # the table's check holds it
        place=PLACE_NAMES[place][0] if place else NOTHING,
        belongings=signed.belongings,
        condition=signed.condition,
        photos=await _with_digests(tx, office, signed.photos),
    )


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What both sides signed, whichever way it was written down: on screens of two houses, or in the record of a crew."""

    giver: str
    receiver: str
    giver_signed: bool
    receiver_signed: bool
    drawn_giver: Drawn | None = None
    drawn_receiver: Drawn | None = None
    picture_giver: UUID | None = None
    picture_receiver: UUID | None = None
    belongings: tuple[Belonging, ...] = ()
    condition: str = ""
    photos: tuple[UUID, ...] = ()


async def _signed(tx: AsyncConnection, office: Office, referral: Referral) -> Signed:
    """Raises Conflict `content_gone` where what was signed had its time."""
    kept: Mapping[str, Any] = referral.hand_over
    if not kept:
        zh, en = "交接内容已到期清除，不能再出具。", "What was signed has had its time and is gone."
        raise Conflict(zh, en, code="content_gone")
    if "signed_by_crew" in kept:
        return await _by_crew(tx, office, referral, msgspec.convert(kept, HandOver))
    lines = kept.get("belongings")
    old = {"belongings": [{"what": lines}] if lines else []} if isinstance(lines, str) else {}
    paper = msgspec.convert({**kept, **old}, Paper)
    return Signed(
        giver=paper.giver,
        receiver=paper.receiver,
        giver_signed=paper.signed_by_giver,
        receiver_signed=paper.signed_by_receiver,
        drawn_giver=paper.signature_giver,
        drawn_receiver=paper.signature_receiver,
        belongings=paper.belongings,
        condition=paper.condition,
        photos=paper.photos[:MOST_PHOTOS],
    )


async def _by_crew(tx: AsyncConnection, office: Office, referral: Referral, paper: HandOver) -> Signed:
    """By the record of the crew: signatures are photos of the case, and so are those of the spot."""
    p = db.photos.c
    of_case = (p.city_id == office.city_id) & (p.case_id == referral.case_id) & (p.kind == "scene")
    taken = select(p.id).where(of_case, p.team_id == referral.from_team, IS_THERE).order_by(p.taken_at, p.id)
    return Signed(
        giver="",
        receiver=paper.receiver,
        giver_signed=paper.signed_by_crew,
        receiver_signed=paper.signed_by_receiver,
        picture_giver=paper.crew_signature,
        picture_receiver=paper.receiver_signature,
        belongings=paper.belongings,
        condition=paper.condition,
        photos=tuple((await tx.execute(taken.limit(MOST_PHOTOS))).scalars()),
    )


def _side(label: str, name: str, day: str, drawn: Drawn | None, picture: UUID | None, signed: bool) -> Signature:
    there = drawn is not None or picture is not None
    return Signature(
        label=label,
        name=name,
        at=day if signed else "",
        drawn=drawn,
        picture=str(picture) if picture else "",
        on_paper=signed and not there,
    )


async def _handed(tx: AsyncConnection, office: Office, one: ReferralPerson) -> Handed:
    """Somebody as the referral says, with the name that is known of them."""
    name = words.UNKNOWN
    if one.person_id is not None:
        person = await register_rows.get_person(tx, office, one.person_id)
        name = words.name(await identity_of(tx, office, person), person.number)
    told = {"needs": one.told.get("needs", ()), "note": one.told.get("note", "")}
    return msgspec.convert({"name": name, "sex": one.sex, "age_band": one.age_band, **told}, Handed)


async def _giver(tx: AsyncConnection, office: Office, referral: Referral) -> str:
    if referral.from_facility is not None:
        return house_as_said(await facility_for(tx, office, referral.from_facility))[0]
    if referral.from_team is None:
        return DESK
    t = db.teams.c
    query = select(t.code, t.name).where(t.city_id == office.city_id, t.id == referral.from_team)
    team = (await tx.execute(query)).one()
    return f"{team.code} {team.name}"


async def _receiver(tx: AsyncConnection, office: Office, referral: Referral) -> str:
    if referral.to_facility is not None:
        return house_as_said(await facility_for(tx, office, referral.to_facility))[0]
    return words.joined([TO_NAMES[referral.to_kind][0], referral.to_words or ""], " ")


# --- a stay -------------------------------------------------------------------------------------------------------------


async def of_stay(tx: AsyncConnection, office: Office, stay: Stay, command: Command) -> OfStay:
    """Everything that the forms of a stay say. Raises NotFound where the person is not in the register any more."""
    person = await register_rows.get_person(tx, office, stay.person_id)
    house, phone = house_as_said(await facility_for(tx, office, stay.facility_id))
    names = await names_of(tx, office, [stay.arrived_by, stay.left_by or ""])
    c = db.cases.c
    number = select(c.number).where(c.city_id == office.city_id, c.id == stay.case_id)
    return OfStay(
        stay=stay,
        person=person,
        identity=await identity_of(tx, office, person),
        house=house,
        phone=phone,
        by=command.by.name,
        took_in=names.get(stay.arrived_by, ""),
        let_leave=names.get(stay.left_by or "", ""),
        now=command.now,
        case_number=(await tx.execute(number)).scalar() if stay.case_id else None,
    )


async def identity_of(tx: AsyncConnection, office: Office, person: Person) -> Identity:
    """The own record's first; where it has none, that of another record of the same person."""
    group = await register_rows.group_of(tx, office, person.root_id)
    named = sorted((one for one in group if one.is_identified), key=lambda one: one.id != person.id)
    return named[0].identity if named else NOBODY


async def names_of(tx: AsyncConnection, office: Office, actors: Sequence[str]) -> dict[str, str]:
    """What accounts are called, by the id that the log knows them by; who is no account is not there."""
    ids = [UUID(one) for one in actors if _is_uuid(one)]
    a = db.accounts.c
    found = await tx.execute(select(a.id, a.name).where(a.city_id == office.city_id, a.id.in_(ids)))
    return {str(row.id): row.name for row in found}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


# --- photos -------------------------------------------------------------------------------------------------------------


async def _with_digests(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> tuple[tuple[str, str], ...]:
    """Those that are still there, each with the digest that the log knows it by."""
    p = db.photos.c
    found = await tx.execute(select(p.id, p.picture_digest).where(p.city_id == office.city_id, p.id.in_(ids), IS_THERE))
    digests = {row.id: row.picture_digest or "" for row in found}
    return tuple((str(one), digests[one]) for one in ids if one in digests)


async def photos(tx: AsyncConnection, office: Office, store: PhotoStore, names: Sequence[str]) -> dict[str, bytes]:
    """The pictures by their names on the sheet. Raises Conflict `photo_gone`."""
    if not names:
        return {}
    p = db.photos.c
    query = select(p.id, p.file).where(p.city_id == office.city_id, p.id.in_([UUID(one) for one in names]), IS_THERE)
    keys = {str(row.id): row.file for row in await tx.execute(query)}
    if set(names) - set(keys):
        raise Conflict("照片或签名已被清除，不能再出具。", "A photo or signature is gone.", code="photo_gone")
    return {name: await asyncio.to_thread(read_photo, store, keys[name]) for name in names}
