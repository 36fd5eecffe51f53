"""入站和离站 Coming to a station and leaving it. Begin at `take_in`.

A walk-in is registered and taken in in one step; whoever is in the register already keeps their record. Nobody is in two houses,
under whichever of their records; a house is never fuller than it is; families stay together. What has to happen while somebody is
there is in `backend.referral.station.searching_kin`.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.permissions import Object, allowed
from backend.dispatch.change import Command, record
from backend.errors import Conflict, Invalid, NotFound
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.office import Office
from backend.referral.facilities.facility import Facility, facility_for
from backend.referral.facilities.kept import Kept, kept_for, lock_given, released, take_back, was_handed_to
from backend.referral.home import relapse, returning
from backend.referral.incidents.born import of_stay
from backend.referral.people import case_people, register, sameness
from backend.referral.people import register_rows as rows
from backend.referral.people.person import CasePerson, Identity, IdentitySource, Person, object_of
from backend.referral.people.register import NewPerson
from backend.referral.people.register_rows import Done, Rows
from backend.referral.signature import demand_written
from backend.referral.station import stay_clocks
from backend.referral.station.deadlines import STILL_SEARCHED
from backend.referral.station.house import place_in
from backend.referral.station.stay import ArrivalNote, Came, Leaving, Stay, cannot_decide, demand_leaving, someone

REFERRED = ("accepted", "arrived", "handed_over")
"""States of a referral whose people a house was asked to take."""
BROUGHT = ("escorted_to_station", "to_hospital")
"""Outcomes of a case after which a station takes the person in who was met."""


class NewStay(Struct, frozen=True, kw_only=True):
    """Somebody comes in: who is known by `person_id`, or new. consent: a capable adult who was brought wants to stay."""

    facility_id: UUID
    came: Came
    arrival: ArrivalNote
    consent: bool = False
    person_id: UUID | None = None
    person: NewPerson | None = None
    case_id: UUID | None = None
    referral_id: UUID | None = None


async def take_in(office: Office, new: NewStay, command: Command) -> Done:
    """求助登记、入站. `stay_id`, `person_id` and `number` of the answer name what it became.

    Raises Invalid (field), Conflict `full`, `present_already`, `family_elsewhere`, `not_handed_over`, `taken_in_already`,
    `referred_elsewhere`, NotAllowed, NotFound.
    """
    if (new.person_id is None) == (new.person is None):
        raise Invalid(
            "请选择已登记的人，或填写新人。", "Name somebody of the register, or somebody new.", field="person"
        )
    demand_written(new.arrival.signature, "arrival.signature")
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "stay:write")
        house = await facility_for(tx, office, new.facility_id, held=True)
        at = _object(office, house)
        command.demand(office, "stay:write", at)
        await rows.hold(tx, office)
        before, person, group = await _who(tx, office, new, at, command)
        _demand_leave(new, person)
        links = await _link(tx, office, new, person, command)
        earlier = await _demand_absent(tx, office, group)
        await _demand_family(tx, office, new, group)
        ids = [one.id for one in group]
        kept = await kept_for(tx, office, house.id, ids, command, case_id=new.case_id, referral_id=new.referral_id)
        stay = await _stay(tx, office, new, house, person, at, earlier, kept, command)
        changes: Rows = [
            (before, person),
            *links,
            *([released(kept, person.id, command)] if kept else []),
            (None, stay),
            *await _continued(tx, office, earlier, stay, group, command),
        ]
        changes += await stay_clocks.reckoned(tx, office, stay, stay_clocks.known_since(group), command)
        found = await sameness.look_for(tx, office, group, command) if before is None else []
        done = Done(seq=0, person_id=person.id, number=person.number, stay_id=stay.id, suggested=len(found))
        what = Object(regions=at.regions, facilities=at.facilities, teams=person.teams)
        done = await rows.tell(
            tx,
            office,
            command,
            "stay.begun",
            [*changes, *found],
            what,
            done,
            facts={"came": new.came},
            case_id=new.case_id,
        )
        await relapse.notice(tx, office, group, command)
        return done


async def identify(office: Office, stay_id: UUID, identity: Identity, source: IdentitySource, command: Command) -> Done:
    """查明身份 of somebody who stays here. Raises as `register.identify_person`, and NotFound for a stay elsewhere."""
    async with office.db.connect() as tx:
        command.demand(office, "stay:write")
        stay = await rows.get_stay(tx, office, stay_id)
        command.demand(office, "stay:write", stay.as_object())
    return await register.identify_person(office, stay.person_id, identity, source, command)


async def let_leave(office: Office, stay_id: UUID, leaving: Leaving, command: Command) -> Done:
    """离站. What has to hold is in `backend.referral.station.stay.check_leaving`; death and running away are told up at once.

    Raises Invalid with all that is missing, Conflict `left_already`, NotAllowed, NotFound.
    """
    demand_written(leaving.signature, "leaving.signature")
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        given = await lock_given(tx, office, stay_id)
        stay, group = await held(tx, office, stay_id, command)
        demand_present(stay)
        person = await rows.get_person(tx, office, stay.person_id)
        demand_leaving(leaving, person, stay.settlement_at, office.city.policy.protection.escort_crew_min)
        kept = msgspec.to_builtins(leaving)
        gone = {"state": "left", "left_at": command.at, "left_by": command.by.id, "how": leaving.how, "leaving": kept}
        after = msgspec.structs.replace(stay, **gone)
        incident = await of_stay(tx, office, after, leaving, command)
        await take_back(tx, office, stay, given, command)
        listed = _listed(person, leaving, command)
        facts: dict[str, Any] = {"how": leaving.how}
        done = await tell_of_stay(tx, office, command, "stay.ended", stay, after, group, more=listed, facts=facts)
        if incident is not None:
            await record(tx, office, msgspec.structs.replace(command, id=None), incident)
        await returning.from_stay(tx, office, after, leaving, await rows.group_of(tx, office, person.root_id), command)
        return done


def _listed(person: Person, leaving: Leaving, command: Command) -> Rows:
    """Whoever goes home and is prone to be on the street again is on the list from then on (DOMAIN §4.10)."""
    prone = not {"mental_illness", "dementia", "disabled", "repeatedly"}.isdisjoint(person.told.vulnerable)
    if leaving.how not in ("home", "escorted_home") or not prone or person.listed_at is not None:
        return []
    return [(person, msgspec.structs.replace(person, listed_at=command.at))]


async def held(tx: AsyncConnection, office: Office, stay_id: UUID, command: Command) -> tuple[Stay, list[Person]]:
    """The stay and all records of its person, with the register held. Raises NotAllowed, NotFound."""
    command.demand(office, "stay:write")
    await rows.hold(tx, office)
    stay = await rows.get_stay(tx, office, stay_id)
    command.demand(office, "stay:write", stay.as_object())
    person = await rows.get_person(tx, office, stay.person_id)
    return stay, await rows.group_of(tx, office, person.root_id)


async def tell_of_stay(
    tx: AsyncConnection,
    office: Office,
    command: Command,
    kind: str,
    before: Stay,
    after: Stay,
    group: Sequence[Person],
    *,
    more: Rows = [],  # noqa: B006 - read only
    facts: dict[str, Any] | None = None,
) -> Done:
    """The stay as it is now, with the deadlines that follow from it."""
    changed = await stay_clocks.reckoned(tx, office, after, stay_clocks.known_since(group), command)
    done = Done(seq=0, person_id=after.person_id, stay_id=after.id)
    return await rows.tell(
        tx, office, command, kind, [(before, after), *changed, *more], after.as_object(), done, facts=facts
    )


def demand_present(stay: Stay) -> None:
    """Raises Conflict `left_already`."""
    if stay.state != "present":
        raise Conflict("该人员已离站。", "They have left already.", code="left_already", how=stay.how)


def _object(office: Office, house: Facility) -> Object:
    return Object(regions=office.city.regions_of(LonLat(house.lon, house.lat)), facilities=[house.id])


async def _who(
    tx: AsyncConnection, office: Office, new: NewStay, at: Object, command: Command
) -> tuple[Person | None, Person, list[Person]]:
    """The record before and after, and all records of the person as they are then."""
    if new.person is not None:
        person = await register.fresh(tx, office, new.person, at, command, from_case=new.case_id)
        return None, person, [person]
    assert new.person_id is not None
    before = await rows.get_person(tx, office, new.person_id)
    group = await rows.group_of(tx, office, before.root_id)
    if not allowed(office.city.policy.roles, command.by, "person:write", object_of(group)):
        await _demand_brought(tx, office, new, group)
    person = msgspec.structs.replace(
        before,
        regions=list(dict.fromkeys([*before.regions, *at.regions])),
        facilities=list(dict.fromkeys([*before.facilities, *at.facilities])),
    )
    return before, person, [person if one.id == person.id else one for one in group]


async def _demand_brought(tx: AsyncConnection, office: Office, new: NewStay, group: Sequence[Person]) -> None:
    """Whoever is not known to the station is somebody whom it was handed or asked to take, or that a patrol says it brought. Raises NotFound."""
    ids = [one.id for one in group]
    if await was_handed_to(tx, office, new.facility_id, ids):
        return
    c, p = db.cases.c, db.referral_people.c
    asked = _asked_of(office, new).where(p.person_id.in_(ids))
    if new.referral_id is not None and (await tx.execute(asked)).first() is not None:
        return
    cases = {link.case_id for link in await rows.links_of(tx, office, ids)}
    query = db.cases.select().where(c.city_id == office.city_id, c.id.in_(cases), c.outcome.in_(BROUGHT)).limit(1)
    if (await tx.execute(query)).first() is None:
        raise NotFound("没有这位受助人员的登记。", "There is no such person in the register.")


def _asked_of(office: Office, new: NewStay) -> Any:
    """Whom the house takes in by the referral that is named: the crew may write its record afterwards."""
    r, p = db.referrals.c, db.referral_people.c
    both = db.referrals.join(db.referral_people, (r.city_id == p.city_id) & (r.id == p.referral_id))
    mine = (r.city_id == office.city_id) & (r.id == new.referral_id) & (r.to_facility == new.facility_id)
    return select(p.id).select_from(both).where(mine, r.state.in_(REFERRED)).limit(1)


def _demand_leave(new: NewStay, person: Person) -> None:
    """A capable adult who was brought decides for themselves (DOMAIN §4.1). Raises Invalid `no_consent`."""
    if new.came == "walk_in" or new.consent or new.arrival.no_consent is not None or cannot_decide(person):
        return
    zh, en = "须记录本人同意，或写明无须同意的理由。", "Record their consent, or the ground on which it is not needed."
    raise Invalid(zh, en, field="consent", code="no_consent")


async def _link(tx: AsyncConnection, office: Office, new: NewStay, person: Person, command: Command) -> Rows:
    """With the case that they come from, where they are not linked yet. Raises NotFound for a case that brought nobody."""
    if new.case_id is None or any(one.person_id == person.id for one in await rows.people_of(tx, office, new.case_id)):
        return []
    c = db.cases.c
    query = db.cases.select().where(c.city_id == office.city_id, c.id == new.case_id, c.outcome.in_(BROUGHT))
    asked = _asked_of(office, new).where(db.referrals.c.case_id == new.case_id)
    if (await tx.execute(query)).first() is None and (await tx.execute(asked)).first() is None:
        raise NotFound(
            "没有这个案卷，或其结果不是护送进站或送医。", "There is no such case, or nobody was brought from it."
        )
    link = CasePerson(
        id=new_id(), case_id=new.case_id, person_id=person.id, linked_at=command.at, linked_by=command.by.id
    )
    return [(None, link)]


async def _demand_absent(tx: AsyncConnection, office: Office, group: Sequence[Person]) -> Stay | None:
    """The last stay, if they come back from where they were still looked for. Raises Conflict `present_already`."""
    stays = await rows.stays_of(tx, office, [one.id for one in group])
    if any(one.state == "present" for one in stays):
        zh, en = "该人员已在站，不能重复入站。", "They are at a station already."
        raise Conflict(zh, en, code="present_already")
    last = stays[-1] if stays else None
    return last if last and last.how in STILL_SEARCHED and last.continued_at is None else None


async def _demand_family(tx: AsyncConnection, office: Office, new: NewStay, group: Sequence[Person]) -> None:
    """Families stay together (DOMAIN §4.6). Raises Conflict `family_elsewhere` unless it is said why not."""
    if new.arrival.separated.strip():
        return
    family = await case_people.families_of(tx, office, [one.id for one in group])
    stays = await rows.stays_of(tx, office, list(family))
    if any(one.state == "present" and one.facility_id != new.facility_id for one in stays):
        zh = "家人在另一机构，一家人不分开安置；确须分开的请写明理由。"
        en = "Their family is at another house, and families are kept together: say why, where they cannot be."
        raise Conflict(zh, en, code="family_elsewhere")


async def _stay(
    tx: AsyncConnection,
    office: Office,
    new: NewStay,
    house: Facility,
    person: Person,
    at: Object,
    earlier: Stay | None,
    kept: Kept | None,
    command: Command,
) -> Stay:
    carried = (
        "notice_at",
        "renewed_at",
        "dna_requested_at",
        "dna_answered_at",
        "dna_matched",
        "settlement_at",
        "notice",
    )
    place = kept.place_kind if kept else None
    went_on = {name: getattr(earlier, name) for name in carried} if earlier else {}
    return Stay(
        id=new_id(),
        person_id=person.id,
        facility_id=house.id,
        place_kind=await place_in(tx, office, house, someone(person), command.now, kept=place),
        referral_id=kept.person.referral_id if kept else None,
        regions=list(at.regions),
        came=new.came,
        arrived_at=command.at,
        arrived_by=command.by.id,
        unknown_since=earlier.unknown_since if earlier else command.at,
        continues=earlier.id if earlier else None,
        case_id=new.case_id,
        arrival=msgspec.structs.replace(new.arrival, prolonged_because=()),
        **went_on,
    )


async def _continued(
    tx: AsyncConnection, office: Office, earlier: Stay | None, stay: Stay, group: Sequence[Person], command: Command
) -> Rows:
    """The stay before has its deadlines no more: they go on in this one."""
    if earlier is None:
        return []
    over = msgspec.structs.replace(earlier, continued_at=stay.arrived_at)
    clocks = await stay_clocks.reckoned(tx, office, over, stay_clocks.known_since(group), command)
    return [(earlier, over), *clocks]
