"""The place that a referral keeps, until whoever was handed over is taken in at the desk or is handed on: then it is kept no more.

One person, one place: `released_at` of a row of `referral_people` says since when theirs is not kept by the referral. It changes only
with the register held. Begin at `kept_for`; what ends with an onward hand-over is `moved_on`.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import find, referred
from backend.dispatch.change import Command, record
from backend.dispatch.records import Referral, ReferralPerson
from backend.errors import Conflict, NotFound
from backend.office import Office
from backend.referral import rows as referrals
from backend.referral.facilities import places
from backend.referral.facilities.facility import facility_for
from backend.referral.facilities.takes import PlaceKind
from backend.referral.people import register_rows as registered
from backend.referral.people.person import Person
from backend.referral.people.register_rows import Done
from backend.referral.station import stay_clocks
from backend.referral.station.deadlines import How
from backend.referral.station.stay import Stay

BY_HOUSE: Final[dict[str, How]] = {"hospital": "hospital", "welfare_home": "welfare_home"}
"""How somebody has left who was handed on to a house of this kind; to any other they are referred."""
_JOINED: Final = db.referral_people.join(
    db.referrals,
    and_(db.referrals.c.city_id == db.referral_people.c.city_id, db.referrals.c.id == db.referral_people.c.referral_id),
)


class Kept(Struct, frozen=True):
    """Whose place it is, by which referral. place_kind: the kind that is still held for them; None when its time is over."""

    person: ReferralPerson
    place_kind: PlaceKind | None


async def kept_for(
    tx: AsyncConnection, office: Office, house_id: UUID, ids: Sequence[UUID], command: Command, *,
    case_id: UUID | None, referral_id: UUID | None,
) -> Kept | None:  # fmt: skip
    """The place at this house of whoever is taken in (ids: all records of the person), by the referral that is named, else by any that
    names them or their case. Ask with the register held. Raises Conflict `not_handed_over`, `taken_in_already`, NotFound."""
    await _demand_over(tx, office, house_id, ids)
    p, r = db.referral_people.c, db.referrals.c
    theirs = or_(p.person_id.in_(ids), and_(p.person_id.is_(None), p.case_id.is_not(None), p.case_id == case_id))
    mine = (r.city_id == office.city_id, r.to_facility == house_id, r.id == referral_id if referral_id else theirs)
    query = select(p.id, p.person_id, p.released_at, r.state, r.place_kind, r.handed_over_at).select_from(_JOINED)
    found = (await tx.execute(query.where(*mine).order_by(r.handed_over_at.desc(), p.person_index, p.id))).all()
    free = [one for one in found if one.state == "handed_over" and one.released_at is None]
    if not free and referral_id is not None:
        raise _none_left(found)
    if not free:
        return None
    row = min(free, key=lambda one: (one.person_id not in ids, one.person_id is not None))
    still = row.handed_over_at > places.kept_since(office, command.now)
    (person,) = await find.fetch(tx, office, ReferralPerson, find.rows_of(ReferralPerson, office, p.id == row.id))
    return Kept(person, row.place_kind if still else None)


def _none_left(found: Sequence[Any]) -> Conflict | NotFound:
    """Why a referral that was named keeps no place."""
    states = {one.state for one in found}
    if "handed_over" in states:
        zh, en = "这次转介的人都已入站。", "Everybody of that referral has been taken in."
        return Conflict(zh, en, code="taken_in_already")
    if states & {"accepted", "arrived"}:
        return _not_handed_over()
    return NotFound("没有转介到本站的这次转介。", "No such referral to this house.")


def _not_handed_over() -> Conflict:
    zh, en = (
        "请先完成交接并由双方签字，再办入站。",
        "The hand-over comes first, signed by both; then they are taken in.",
    )
    return Conflict(zh, en, code="not_handed_over")


async def _demand_over(tx: AsyncConnection, office: Office, house_id: UUID, ids: Sequence[UUID]) -> None:
    """Nobody comes in who is held out to somebody at this moment: it is handed over, or taken back, first."""
    live = await live_referral(tx, office, ids)
    if live is None:
        return
    if live.to_facility == house_id:
        raise _not_handed_over()
    zh = f"此人正在转介中（{live.number}），请先联系指挥中心取消该转介。"
    en = f"They are being referred elsewhere ({live.number}): have the desk take that back first."
    raise Conflict(zh, en, code="referred_elsewhere", number=live.number)


async def live_referral(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> Referral | None:
    """The referral by which somebody (ids: all their records) is held out to somebody now."""
    p = db.referral_people.c
    which = select(p.referral_id).where(p.city_id == office.city_id, p.live, p.person_id.in_(ids))
    found = await find.fetch(tx, office, Referral, find.rows_of(Referral, office, db.referrals.c.id.in_(which)))
    return found[0] if found else None


async def was_handed_to(tx: AsyncConnection, office: Office, house_id: UUID | None, ids: Sequence[UUID]) -> bool:
    """Whether this house took somebody over and has not handed them on."""
    p, r = db.referral_people.c, db.referrals.c
    query = select(r.to_facility).select_from(_JOINED).where(r.city_id == office.city_id, p.person_id.in_(ids))
    last = (
        await tx.execute(
            query.where(r.state == "handed_over").order_by(r.handed_over_at.desc(), r.number.desc()).limit(1)
        )
    ).first()
    return last is not None and last.to_facility == house_id


def released(kept: Kept, person_id: UUID, command: Command) -> tuple[ReferralPerson, ReferralPerson]:
    """They have come in: the place they live in stands in their stay; and who they are in the register is known now."""
    known = kept.person.person_id or person_id
    return kept.person, msgspec.structs.replace(kept.person, released_at=command.now, person_id=known)


async def moved_on(tx: AsyncConnection, office: Office, referral: Referral, command: Command) -> list[tuple[Any, Any]]:
    """What ends with an onward hand-over: the stay at the house that gave them, and the place that an earlier referral keeps there.

    Nobody is in two houses. Whom a family fetches leaves by the station's own record, which asks who they are.
    """
    if referral.from_facility is None or referral.to_kind == "family":
        return []
    await registered.hold(tx, office)
    people = await referred.people_of(tx, office, [referral.id])
    ids = {one.person_id for one in people if one.person_id is not None}
    before = await _brought_there(tx, office, referral.from_facility, people, ids)
    ids |= {one.person_id for one in before if one.person_id is not None}
    for group in await _groups(tx, office, ids):
        await _leaves(tx, office, referral, group, command)
    return [(one, msgspec.structs.replace(one, released_at=command.now)) for one in before if one.released_at is None]


async def lock_given(tx: AsyncConnection, office: Office, stay_id: UUID) -> Referral | None:
    """The referral by which a house holds out somebody who stays there. Ask before the register is held."""
    stay = await registered.get_stay(tx, office, stay_id)
    live = await _given(tx, office, stay)
    return None if live is None else await referrals.lock(tx, office, live.id)


async def take_back(tx: AsyncConnection, office: Office, stay: Stay, given: Referral | None, command: Command) -> None:
    """Whoever leaves otherwise is held out to nobody by that house any more. given: as it was locked. Raises Conflict `being_referred`."""
    live = await _given(tx, office, stay)
    if live is None:
        return
    if given is None or given.id != live.id:  # offered a moment ago
        zh, en = "此人刚被转介，请重试。", "They have just been referred: try again."
        raise Conflict(zh, en, code="being_referred")
    once = msgspec.structs.replace(command, id=None)  # the answer to the command is the leaving's
    await record(tx, office, once, await referred.withdrawn(tx, office, live, "stay_ended", command.now))


async def _given(tx: AsyncConnection, office: Office, stay: Stay) -> Referral | None:
    person = await registered.get_person(tx, office, stay.person_id)
    group = await registered.group_of(tx, office, person.root_id)
    live = await live_referral(tx, office, [one.id for one in group])
    return live if live is not None and live.from_facility == stay.facility_id else None


async def _brought_there(
    tx: AsyncConnection, office: Office, house_id: UUID, people: Sequence[ReferralPerson], ids: set[UUID]
) -> list[ReferralPerson]:
    """The rows by which these people were handed over to the house."""
    p, r = db.referral_people.c, db.referrals.c
    in_case = [
        and_(p.case_id == one.case_id, p.person_index == one.person_index) for one in people if one.case_id is not None
    ]
    there = select(r.id).where(r.city_id == office.city_id, r.to_facility == house_id, r.state == "handed_over")
    query = find.rows_of(ReferralPerson, office, p.referral_id.in_(there), or_(p.person_id.in_(ids), *in_case))
    return await find.fetch(tx, office, ReferralPerson, query.with_for_update())


async def _groups(tx: AsyncConnection, office: Office, ids: set[UUID]) -> list[list[Person]]:
    """All records of each of these people."""
    roots = {(await registered.get_person(tx, office, id_)).root_id for id_ in sorted(ids)}
    return [await registered.group_of(tx, office, root) for root in sorted(roots)]


async def _leaves(
    tx: AsyncConnection, office: Office, referral: Referral, group: Sequence[Person], command: Command
) -> None:
    """The stay of somebody handed on, over; told as an event of its own, before the hand-over's."""
    for stay in await registered.stays_of(tx, office, [one.id for one in group]):
        if stay.state != "present" or stay.facility_id != referral.from_facility:
            continue
        how, to = await _how(tx, office, referral)
        at = max(command.at, stay.arrived_at)
        gone: dict[str, Any] = {"how": how, "left_at": at, "left_by": command.by.id, "state": "left"}
        after: Stay = msgspec.structs.replace(stay, **gone, leaving={"how": how, "to": to})
        clocks = await stay_clocks.reckoned(tx, office, after, stay_clocks.known_since(group), command)
        done = Done(seq=0, person_id=stay.person_id, stay_id=stay.id)
        once = msgspec.structs.replace(command, id=None)  # the answer to the command is the hand-over's
        facts = {"how": how, "referral_id": referral.id}
        await registered.tell(
            tx, office, once, "stay.ended", [(stay, after), *clocks], stay.as_object(), done, facts=facts
        )


async def _how(tx: AsyncConnection, office: Office, referral: Referral) -> tuple[How, str]:
    """How they have left, and where to."""
    if referral.to_facility is None:
        return "other_office", referral.to_words or ""
    house = await facility_for(tx, office, referral.to_facility)
    return BY_HOUSE.get(house.kind, "referred"), house.name
