"""Referring somebody 发起转介: the receiver is asked, and a place is held from this moment on. Begin at `offer`.

By the team that has the people, by a desk for it, or by the facility where they are. The order of locks is the case, the number,
the facility's row, the register: whoever takes the last place, the next one reads that it is gone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.permissions import Object
from backend.dispatch import find, referred
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.records import Case, Referral, ReferralPerson
from backend.errors import Conflict, Invalid, NotFound
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.office import Office
from backend.referral import asked, rows
from backend.referral.asked import Referred, Wish
from backend.referral.facilities import kept, near, places
from backend.referral.facilities.facility import Facility, facility_for
from backend.referral.facilities.fitting import Room, WhyNot, place_for
from backend.referral.facilities.places import Held
from backend.referral.facilities.takes import PlaceKind
from backend.referral.people import register_rows

OF_A_TEAM, OF_A_DESK = ("dispatched", "handling"), ("accepted", "dispatched", "handling")


class Giver(Struct, frozen=True, kw_only=True):
    """Who refers: a team, a desk for the team that has the case, or a facility."""

    kind: Literal["team", "desk", "facility"]
    team_id: UUID | None = None
    facility: Facility | None = None


class Receiver(Struct, frozen=True, kw_only=True):
    """Where to, with the kind of place that is held; nothing of it where an office is asked."""

    facility: Facility | None = None
    place_kind: PlaceKind | None = None
    eta_s: float | None = None


async def offer(office: Office, wish: Wish, command: Command) -> Answer:
    """`referral_id` of the answer names it. Raises Invalid (field), Conflict `full`, `does_not_take` (reasons), `already_referred`,
    `already_handed_over`, `at_a_station`, `wrong_stage`, NotFound."""
    asked.check(wish)
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        command.demand(office, "referral:create")
        case = await find.lock_case(tx, office, wish.case_id) if wish.case_id is not None else None
        people = _numbered(wish, case)
        giver = await _giver(tx, office, case, people, command)
        await _demand_free(tx, office, case, people, giver)
        number = await rows.next_number(tx, office, command.now)
        receiver = await _receiver(tx, office, wish, case, giver, command)
        await _demand_here(tx, office, case, people, giver)
        return await record(tx, office, command, _offered(office, wish, people, case, giver, receiver, number, command))


def _numbered(wish: Wish, case: Case | None) -> list[Referred]:
    """Of a case everybody has their place in its record; who has none is counted on."""
    if case is None:
        return list(wish.people)
    taken = {one.index for one in wish.people if one.index is not None}
    free = (n for n in range(99) if n not in taken)
    return [one if one.index is not None else _at(one, next(free)) for one in wish.people]


def _at(one: Referred, index: int) -> Referred:
    return Referred(
        index=index, person_id=one.person_id, sex=one.sex, age_band=one.age_band, needs=one.needs, note=one.note
    )


async def _giver(
    tx: AsyncConnection, office: Office, case: Case | None, people: Sequence[Referred], command: Command
) -> Giver:
    """Who may give these people away: they are with the team that has the case, or at the facility they were handed over to."""
    by = command.by
    if case is not None and by.facility_id is None:
        command.demand(office, "referral:create", case.as_object())
        is_team = by.team_id is not None and by.team_id == case.team_id
        if case.stage not in (OF_A_TEAM if is_team else OF_A_DESK):
            raise Conflict(
                "该案卷现在不能转介。",
                "People of this case cannot be referred now.",
                code="wrong_stage",
                stage=case.stage,
            )
        return Giver(kind="team" if is_team else "desk", team_id=case.team_id)
    if by.facility_id is None:
        raise Invalid("请指明案卷。", "Name the case.", field="case_id")
    command.demand(office, "referral:create", Object(facilities=[by.facility_id]))
    facility = await facility_for(tx, office, by.facility_id)
    by_register = all(one.person_id is not None for one in people)  # then `_demand_here` looks
    if case is not None and not by_register and await _holders(tx, office, case, people) != {facility.id}:
        raise _not_here()
    return Giver(kind="facility", facility=facility)


async def _holders(tx: AsyncConnection, office: Office, case: Case, people: Sequence[Referred]) -> set[UUID | None]:
    """The facilities that these people of a case were handed over to last; None stands for the street."""
    r, p = db.referrals.c, db.referral_people.c
    joined = db.referral_people.join(db.referrals, (r.city_id == p.city_id) & (r.id == p.referral_id))
    query = select(p.person_index, r.to_facility).select_from(joined)
    query = query.where(p.city_id == office.city_id, p.case_id == case.id, r.state == "handed_over")
    last = {row.person_index: row.to_facility for row in await tx.execute(query.order_by(r.handed_over_at, r.number))}
    return {last.get(one.index) for one in people if one.index is not None}


async def _demand_free(
    tx: AsyncConnection, office: Office, case: Case | None, people: Sequence[Referred], giver: Giver
) -> None:
    """Nobody is held out to two at once, nor by those who have handed them over. The index on `live` has the last word."""
    p = db.referral_people.c
    in_register = p.person_id.in_([one.person_id for one in people if one.person_id is not None])
    in_case = and_(p.case_id == (case.id if case else None), p.person_index.in_([one.index for one in people]))
    query = select(p.id).where(p.city_id == office.city_id, p.live, or_(in_register, in_case)).limit(1)
    if (await tx.execute(query)).first() is not None:
        raise _already_referred()
    if case is not None and giver.facility is None and await _holders(tx, office, case, people) != {None}:
        raise Conflict("此人已交接。", "They have been handed over already.", code="already_handed_over")


async def _demand_here(
    tx: AsyncConnection, office: Office, case: Case | None, people: Sequence[Referred], giver: Giver
) -> None:
    """Of whoever is in the register: under none of their records held out to another, nor in a house that is not the giver's; and a
    house gives only those whom it has. Raises Conflict `already_referred`, `at_a_station`, NotFound."""
    known = sorted({one.person_id for one in people if one.person_id is not None})
    if not known:
        return
    await register_rows.hold(tx, office)
    house = giver.facility.id if giver.facility else None
    by_case = case is not None and await _holders(tx, office, case, people) == {house}
    for person_id in known:
        group = await register_rows.group_of(
            tx, office, (await register_rows.get_person(tx, office, person_id)).root_id
        )
        ids = [one.id for one in group]
        if await kept.live_referral(tx, office, ids) is not None:
            raise _already_referred()
        there = [one.facility_id for one in await register_rows.stays_of(tx, office, ids) if one.state == "present"]
        has = by_case or await kept.was_handed_to(tx, office, house, ids) if not there else house in there
        if house is not None and not has:
            raise _not_here()
        if house is None and there:
            zh, en = "此人已在站，由该站转介。", "They are at a station: it refers them."
            raise Conflict(zh, en, code="at_a_station")


def _not_here() -> NotFound:
    return NotFound("没有找到，或不在本机构。", "Not found, or not at your facility.")


def _already_referred() -> Conflict:
    zh, en = "已有转介在办，先取消再另转。", "They are being referred already: take that back first."
    return Conflict(zh, en, code="already_referred")


async def _receiver(
    tx: AsyncConnection, office: Office, wish: Wish, case: Case | None, giver: Giver, command: Command
) -> Receiver:
    if wish.to_facility is None:
        return Receiver()
    facility = await facility_for(tx, office, wish.to_facility, by=command.by, held=True)
    asked.check_receiver(wish, facility)
    if giver.facility is not None and giver.facility.id == facility.id:
        raise Invalid("不能转给本机构。", "That is your own facility.", field="to_facility")
    eta_s = await _eta_s(tx, office, case, giver, facility, command.now)
    held = await places.held(tx, office, command.now, only=facility.id)
    kind = _placed(office, wish, facility, held, eta_s, giver, command.now)
    return Receiver(facility=facility, place_kind=kind, eta_s=eta_s)


async def _eta_s(
    tx: AsyncConnection, office: Office, case: Case | None, giver: Giver, facility: Facility, now: datetime
) -> float | None:
    if giver.facility is not None:
        start = LonLat(giver.facility.lon, giver.facility.lat)
        return await near.seconds_between(tx, office, start, facility, None, now)
    assert case is not None
    return await near.seconds_between(tx, office, LonLat(case.lon, case.lat), facility, case.team_id, now)


def _placed(
    office: Office, wish: Wish, facility: Facility, held: Held, eta_s: float | None, giver: Giver, now: datetime
) -> PlaceKind:
    """The kind of place they get. A desk may ask where it is closed, having telephoned; full is full for everybody."""
    room = places.room(facility.capacity, facility.places, held[facility.id])
    people = wish.someone()
    arrives_at = now + timedelta(seconds=eta_s or 0.0)
    judged = near.judged_of(office, facility, people, room, arrives_at)
    kind = wish.place_kind or place_for(room, people)
    if kind is None or not room.has(kind, len(people)):
        raise Conflict(
            f"{facility.name}床位不足。", f"{facility.name} has no place left.", code="full", free=_left(room, kind)
        )
    excused = {"full"} | ({"closed_on_arrival"} if giver.kind == "desk" else set())
    against = [reason for reason in judged.reasons if reason.code not in excused]
    if against:
        raise _not_taken(facility, against)
    return kind


def _left(room: Room, kind: PlaceKind | None) -> int:
    return room.free(kind or "any") or 0


def _not_taken(facility: Facility, against: Sequence[WhyNot]) -> Conflict:
    zh, en = "；".join(one.zh for one in against), "; ".join(one.en for one in against)
    reasons = [{"code": one.code, "zh": one.zh, "en": one.en} for one in against]
    return Conflict(f"{facility.name}：{zh}。", f"{facility.name}: {en}.", code="does_not_take", reasons=reasons)


def _offered(
    office: Office, wish: Wish, people: Sequence[Referred], case: Case | None, giver: Giver, receiver: Receiver,
    number: int, command: Command,
) -> Change:  # fmt: skip
    due_at = command.now + timedelta(seconds=office.city.policy.referral.answer.seconds)
    referral = Referral(
        id=new_id(),
        number=number,
        case_id=case.id if case else None,
        from_kind=giver.kind,
        from_team=giver.team_id,
        from_facility=giver.facility.id if giver.facility else None,
        to_kind=wish.to_kind,
        to_facility=wish.to_facility,
        place_kind=receiver.place_kind,
        people_count=len(people),
        state="offered",
        regions=_regions(office, case, giver, receiver),
        offered_at=command.now,
        offered_by=command.by.id,
        answer_due_at=due_at,
        consent=wish.consent,
        consent_ground=wish.consent_ground,
        fires_at=due_at,
        eta_s=receiver.eta_s,
        to_words=(wish.to_words or "").strip() or None,
    )
    made = [(None, referral), *((None, _person(one, referral)) for one in people)]
    told = ["receiver"] if receiver.facility else ["dispatcher"]
    return referred.change_of("referral.offered", made, referral, told=told, to_kind=wish.to_kind)


def _person(one: Referred, referral: Referral) -> ReferralPerson:
    told = {"needs": list(one.needs), "note": one.note.strip()}
    return ReferralPerson(
        id=new_id(),
        referral_id=referral.id,
        case_id=referral.case_id,
        person_index=one.index,
        person_id=one.person_id,
        sex=one.sex,
        age_band=one.age_band,
        live=True,
        told={name: value for name, value in told.items() if value},
    )


def _regions(office: Office, case: Case | None, giver: Giver, receiver: Receiver) -> list[str]:
    """Both sides' regions: a referral across districts is seen in both."""
    ends = [one for one in (giver.facility, receiver.facility) if one is not None]
    near_by = [code for one in ends for code in office.city.regions_of(LonLat(one.lon, one.lat))]
    return list(dict.fromkeys([*(case.regions if case else ()), *near_by])) or list(office.city.whole)
