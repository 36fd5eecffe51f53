"""What a hand-over form is made of: a referral that was handed over, or a crew's record of a visit that named none. Begin at `of_referral`.

Both sides may have signed on the screens of two houses (`Paper`, strokes) or on the crew's phone (`HandOver`, pictures of the case).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import referred
from backend.dispatch.protection import Belonging, Handling, HandOver, PersonMet
from backend.dispatch.records import Case, HandlingRow, Referral, ReferralPerson
from backend.errors import Conflict
from backend.intake.photo_rows import IS_THERE
from backend.office import Office
from backend.referral.answering import Paper
from backend.referral.asked import TO_NAMES
from backend.referral.facilities.facility import facility_for
from backend.referral.facilities.takes import PLACE_NAMES
from backend.referral.forms import words
from backend.referral.forms.facts import house_as_said, identity_of, names_of
from backend.referral.forms.hand_over_form import Handed, HandedOver, Side
from backend.referral.forms.sheet import NOTHING, Signature
from backend.referral.people import register_rows
from backend.referral.signature import Drawn

DESK: Final = "救助指挥中心"
MOST_PHOTOS: Final = 9
"""So many photos are printed; all of them stay with the case."""


async def of_referral(tx: AsyncConnection, office: Office, referral: Referral) -> HandedOver:
    """The hand-over that ended a referral. Raises Conflict `not_yet`, `content_gone`."""
    if referral.handed_over_at is None:
        raise not_yet()
    signed = await _signed(tx, office, referral)
    people = await referred.people_of(tx, office, [referral.id])
    giver, receiver = await _giver(tx, office, referral), await _receiver(tx, office, referral)
    place: Any = referral.place_kind
    ground: Any = referral.consent_ground
    both = await _both(tx, office, signed, giver, receiver, referral.handed_over_at)
    return HandedOver(
        about=f"转介 {referral.number}",
        people=tuple([await _handed(tx, office, one) for one in people]),
        handed_over_at=referral.handed_over_at,
        offered_at=referral.offered_at,
        arrived_at=referral.arrived_at,
        consent=referral.consent,
        ground=ground,
        place=PLACE_NAMES[place][0] if place else NOTHING,
        **both,
    )


async def of_visit(tx: AsyncConnection, office: Office, case: Case, visit: HandlingRow) -> HandedOver:
    """The hand-over in a crew's record that named no referral: to the police, the family, a hospital. Raises Conflict `not_yet`."""
    record = msgspec.convert(visit.record, Handling) if visit.record else None
    if record is None or record.hand_over is None or visit.handled_at is None:
        raise not_yet()
    paper = record.hand_over
    signed = await _by_crew(tx, office, case.id, visit.team_id, paper)
    giver = await _team(tx, office, visit.team_id)
    both = await _both(tx, office, signed, giver, paper.facility or NOTHING, visit.handled_at)
    people = await _registered(tx, office, case) or tuple(_met(one) for one in record.people)
    return HandedOver(
        about=f"案卷 {case.number}", people=people, handed_over_at=visit.handled_at, arrived_at=visit.arrived_at, **both
    )


def not_yet() -> Conflict:
    return Conflict("尚未交接，不能出具交接单。", "They have not been handed over yet.", code="not_yet")


async def _both(
    tx: AsyncConnection, office: Office, signed: "Signed", giver: str, receiver: str, at: datetime
) -> dict[str, Any]:
    """The two sides with their signatures, and what went along."""
    day = words.day(at, office.city.zone)
    gave = _side("移交人签名", signed.giver, day, signed.drawn_giver, signed.picture_giver, signed.giver_signed)
    took = _side(
        "接收人签名", signed.receiver, day, signed.drawn_receiver, signed.picture_receiver, signed.receiver_signed
    )
    return {
        "giver": Side(organisation=giver, person=signed.giver or NOTHING, signature=gave),
        "receiver": Side(organisation=receiver, person=signed.receiver or NOTHING, signature=took),
        "belongings": signed.belongings,
        "condition": signed.condition,
        "photos": await _with_digests(tx, office, signed.photos),
    }


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
        paper = msgspec.convert(kept, HandOver)
        return await _by_crew(tx, office, referral.case_id, referral.from_team, paper)
    lines = kept.get("belongings")
    old = {"belongings": [{"what": lines}] if lines else []} if isinstance(lines, str) else {}
    signed = msgspec.convert({**kept, **old}, Paper)
    return Signed(
        giver=signed.giver,
        receiver=signed.receiver,
        giver_signed=signed.signed_by_giver,
        receiver_signed=signed.signed_by_receiver,
        drawn_giver=signed.signature_giver,
        drawn_receiver=signed.signature_receiver,
        belongings=signed.belongings,
        condition=signed.condition,
        photos=signed.photos[:MOST_PHOTOS],
    )


async def _by_crew(
    tx: AsyncConnection, office: Office, case_id: UUID | None, team_id: UUID | None, paper: HandOver
) -> Signed:
    """By the record of the crew: signatures are photos of the case, and so are those of the spot. Who wrote it down gave."""
    p, h = db.photos.c, db.handlings.c
    of_case = (p.city_id == office.city_id) & (p.case_id == case_id) & (p.kind == "scene")
    taken = select(p.id).where(of_case, p.team_id == team_id, IS_THERE).order_by(p.taken_at, p.id)
    visits = select(h.by).where(h.city_id == office.city_id, h.case_id == case_id, h.team_id == team_id)
    by: str = (await tx.execute(visits.order_by(h.arrived_at.desc()).limit(1))).scalar() or ""
    return Signed(
        giver=(await names_of(tx, office, [by])).get(by, ""),
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


async def _registered(tx: AsyncConnection, office: Office, case: Case) -> tuple[Handed, ...]:
    """Those whom the register says the case is about; () where nobody was registered."""
    found = []
    for link in await register_rows.people_of(tx, office, case.id):
        person = await register_rows.get_person(tx, office, link.person_id)
        name = words.name(await identity_of(tx, office, person), person.number)
        note = words.vulnerable(person).replace(NOTHING, "")
        found.append(Handed(name=name, sex=person.sex, age_band=person.age_band, note=note))
    return tuple(found)


def _met(one: PersonMet) -> Handed:
    """Somebody as the crew's record says."""
    needs: list[Any] = [*one.vulnerable, *(["acutely_ill"] if one.acutely_ill else [])]
    needs = [need for need in needs if need in words.NEED_NAMES]
    return Handed(name=words.UNKNOWN, sex=one.sex, age_band=one.age_band, needs=tuple(needs))


async def _giver(tx: AsyncConnection, office: Office, referral: Referral) -> str:
    if referral.from_facility is not None:
        return house_as_said(await facility_for(tx, office, referral.from_facility))[0]
    if referral.from_team is None:
        return DESK
    return await _team(tx, office, referral.from_team)


async def _team(tx: AsyncConnection, office: Office, team_id: UUID) -> str:
    t = db.teams.c
    query = select(t.code, t.name).where(t.city_id == office.city_id, t.id == team_id)
    team = (await tx.execute(query)).one()
    return f"{team.code} {team.name}"


async def _receiver(tx: AsyncConnection, office: Office, referral: Referral) -> str:
    if referral.to_facility is not None:
        return house_as_said(await facility_for(tx, office, referral.to_facility))[0]
    return words.joined([TO_NAMES[referral.to_kind][0], referral.to_words or ""], " ")


async def _with_digests(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> tuple[tuple[str, str], ...]:
    """Those that are still there, each with the digest that the log knows it by."""
    p = db.photos.c
    found = await tx.execute(select(p.id, p.picture_digest).where(p.city_id == office.city_id, p.id.in_(ids), IS_THERE))
    digests = {row.id: row.picture_digest or "" for row in found}
    return tuple((str(one), digests[one]) for one in ids if one in digests)
