"""Going home 返乡: how somebody comes onto the register of those who went home. Begin at `enrol`.

By itself when a stay ends so (`from_stay`) and when a patrol brings somebody prone to their family (`from_handling`, in
`backend.referral.home.by_patrol`), and by hand (`register_returnee`). Whoever goes home again begins anew: the entry before ends.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.dispatch.change import Command
from backend.dispatch.timekeeping import calendar_of
from backend.errors import Invalid
from backend.ids import new_id
from backend.office import Office
from backend.referral.home import home_rows, where
from backend.referral.home.returnee import EndReason, HomeNow, Returnee, grounds_of
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Person, Vulnerability, object_of
from backend.referral.people.register_rows import Done, Rows
from backend.referral.station.stay import Leaving, Stay

WENT_HOME = ("home", "escorted_home")
IN_CARE: dict[str, EndReason] = {"welfare_home": "in_care", "settled": "in_care", "death": "died"}


class Return(Struct, frozen=True, kw_only=True):
    """Somebody goes home. regions: whose they are while nobody knows where they live. is_prone: said so by hand."""

    home: HomeNow
    since: datetime
    because: str
    regions: Sequence[str]
    facilities: Sequence[UUID] = ()
    stay_id: UUID | None = None
    case_id: UUID | None = None
    is_prone: bool = False


async def register_returnee(
    office: Office, person_id: UUID, home: HomeNow, since: datetime | None, is_prone: bool, command: Command
) -> Done:
    """返乡登记 by hand. `returnee_id` of the answer names it. Raises Invalid (field), NotAllowed, NotFound."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "returnee:write")
        await rows.hold(tx, office)
        person = await rows.get_person(tx, office, person_id)
        group = await rows.group_of(tx, office, person.root_id)
        command.demand(office, "returnee:write", object_of(group))
        at = min(since or command.at, command.at)
        houses = list(object_of(group).facilities)
        wanted = Return(
            home=home, since=at, because="hand", regions=person.regions, facilities=houses, is_prone=is_prone
        )
        changes, returnee = await enrol(tx, office, person, group, wanted, command)
        return await tell_of_returnee(tx, office, "returnee.registered", returnee, changes, command, because="hand")


async def enrol(
    tx: AsyncConnection, office: Office, person: Person, group: Sequence[Person], wanted: Return, command: Command
) -> tuple[Rows, Returnee]:
    """The entry with its first visit; whatever entry stood before is over, and whoever is prone is on the list."""
    before = await home_rows.entries_of(tx, office, [one.id for one in group])
    changes: Rows = []
    for one in before:
        if one.state != "ended":
            changes += await home_rows.over(tx, office, one, "returned_anew", command)
    vulnerable: list[Vulnerability] = [each for one in group for each in one.told.vulnerable]
    vulnerable += wanted.home.grounds
    grounds = grounds_of(vulnerable, before=any(one.end_reason != "mistake" for one in before))
    returnee = _returnee(office, person, wanted, grounds, command)
    changes.append((None, returnee))
    if returnee.state == "followed":
        due_at = calendar_of(office.city.policy).add(returnee.since, office.city.policy.referral.revisit_every)
        changes.append((None, home_rows.next_visit(office, returnee, due_at, command)))
    if returnee.is_prone and person.listed_at is None:
        changes.append((person, msgspec.structs.replace(person, listed_at=command.at)))
    return changes, returnee


def _returnee(
    office: Office, person: Person, wanted: Return, grounds: Sequence[Vulnerability], command: Command
) -> Returnee:
    city, policy = office.city, office.city.policy
    region = where.checked(city, wanted.home.region)
    is_prone = bool(grounds) or wanted.is_prone or person.listed_at is not None
    away = where.is_elsewhere(city, region)
    return Returnee(
        id=new_id(),
        person_id=person.id,
        state="elsewhere" if away else "followed" if is_prone else "registered",
        region=region,
        regions=where.regions_of(city, region, wanted.regions),
        facilities=list(wanted.facilities),
        stay_id=wanted.stay_id,
        case_id=wanted.case_id,
        is_prone=is_prone,
        since=wanted.since,
        until=calendar_of(policy).add(wanted.since, policy.referral.revisit_for),
        created_at=command.now,
        created_by=command.by.id,
        home=msgspec.structs.replace(wanted.home, grounds=tuple(grounds)),
    )


async def from_stay(
    tx: AsyncConnection, office: Office, stay: Stay, leaving: Leaving, group: Sequence[Person], command: Command
) -> None:
    """What leaving a station means for the register: home, or in care and not at home any more. After the stay is written."""
    if leaving.how in WENT_HOME:
        person = next(one for one in group if one.id == stay.person_id)
        home = leaving.home or HomeNow(address=leaving.to, contact=leaving.receiver[:100])
        wanted = Return(
            home=home,
            since=command.at,
            because="stay",
            regions=stay.regions,
            facilities=[stay.facility_id],
            stay_id=stay.id,
            case_id=stay.case_id,
        )
        changes, returnee = await enrol(tx, office, person, group, wanted, command)
        await tell_of_returnee(tx, office, "returnee.registered", returnee, changes, unsent(command), because="stay")
    elif leaving.how in IN_CARE:
        for one in await home_rows.entries_of(tx, office, [each.id for each in group]):
            if one.state != "ended":
                changes = await home_rows.over(tx, office, one, IN_CARE[leaving.how], command)
                await tell_of_returnee(
                    tx, office, "returnee.ended", one, changes, unsent(command), reason=IN_CARE[leaving.how]
                )


async def tell_of_returnee(
    tx: AsyncConnection, office: Office, kind: str, returnee: Returnee, changes: Rows, command: Command, **facts: Any
) -> Done:
    """The rows, one event, and the command's answer."""
    done = Done(seq=0, person_id=returnee.person_id, returnee_id=returnee.id)
    facts |= {"returnee_id": returnee.id}
    return await rows.tell(tx, office, command, kind, changes, returnee.as_object(), done, facts=facts)


def unsent(command: Command) -> Command:
    """The same without the client's id: what it leads to besides is not its answer."""
    return msgspec.structs.replace(command, id=None)


def demand_home(home: HomeNow) -> None:
    """Raises Invalid where nothing is said of where somebody lives."""
    if home.region is None and not home.address.strip() and not home.street.strip():
        zh, en = "请写明现住何处。", "Say where they live now."
        raise Invalid(zh, en, field="home.address", code="no_home")
