"""Whom a case is about: several people in one case, one person in many, and families that stay together. Begin at `link_person`."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.dispatch import find
from backend.dispatch.change import Command
from backend.errors import Conflict, Invalid, NotFound
from backend.ids import new_id
from backend.office import Office
from backend.referral.home import relapse
from backend.referral.people import register_rows as rows
from backend.referral.people.person import CasePerson, object_of
from backend.referral.people.register_rows import Done, Rows


async def link_person(office: Office, person_id: UUID, case_id: UUID, command: Command) -> Done:
    """The case is about this person too, who is in the register already. Raises Conflict `linked_already`, NotFound, NotAllowed."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "person:write")
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "person:write", case.as_object())
        before, group = await rows.held(tx, office, person_id, command)
        if any(one.person_id in {p.id for p in group} for one in await rows.people_of(tx, office, case_id)):
            raise Conflict("该案卷已有这位受助人员。", "The case is about this person already.", code="linked_already")
        link = CasePerson(
            id=new_id(), case_id=case_id, person_id=person_id, linked_at=command.at, linked_by=command.by.id
        )
        concerned = {
            "regions": list(dict.fromkeys([*before.regions, *case.regions])),
            "teams": list(dict.fromkeys([*before.teams, *case.teams()])),
        }
        after = msgspec.structs.replace(before, **concerned)
        what = object_of([*group, after])
        done = Done(seq=0, person_id=person_id, number=after.number)
        changes: Rows = [(before, after), (None, link)]
        done = await rows.tell(tx, office, command, "person.linked", changes, what, done, case_id=case_id)
        await relapse.notice(tx, office, group, command)
        return done


async def unlink_person(office: Office, person_id: UUID, case_id: UUID, command: Command) -> Done:
    """It was somebody else: the case is not about this record any more. Raises NotFound."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "person:write")
        await find.lock_case(tx, office, case_id)
        person, group = await rows.held(tx, office, person_id, command)
        link = next((one for one in await rows.people_of(tx, office, case_id) if one.person_id == person_id), None)
        if link is None:
            raise _not_of_the_case()
        gone = msgspec.structs.replace(link, unlinked_at=command.at, family_group=None)
        done = Done(seq=0, person_id=person_id, number=person.number)
        what = object_of(group)
        return await rows.tell(tx, office, command, "person.unlinked", [(link, gone)], what, done, case_id=case_id)


async def set_family(office: Office, case_id: UUID, person_ids: Sequence[UUID], command: Command) -> Done:
    """一家人: these people of a case belong together (DOMAIN §4.6). One alone belongs to nobody any more.

    Raises Invalid, NotFound for somebody whom the case is not about.
    """
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "person:write")
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "person:write", case.as_object())
        await rows.hold(tx, office)
        changes = _as_family(await rows.people_of(tx, office, case_id), set(person_ids))
        done = Done(seq=0)
        return await rows.tell(
            tx, office, command, "person.family_set", changes, case.as_object(), done, case_id=case_id
        )


def _as_family(links: Sequence[CasePerson], wanted: set[UUID]) -> Rows:
    """Who belongs to whom afterwards; a family of which one is left is none."""
    if not wanted:
        raise Invalid("请选择至少一个人。", "Name at least one person.", field="person_ids")
    if not wanted <= {link.person_id for link in links}:
        raise _not_of_the_case()
    group = new_id() if len(wanted) > 1 else None
    after = [msgspec.structs.replace(one, family_group=group) if one.person_id in wanted else one for one in links]
    sizes = [one.family_group for one in after]
    after = [
        msgspec.structs.replace(one, family_group=None) if sizes.count(one.family_group) == 1 else one for one in after
    ]
    return [(before, one) for before, one in zip(links, after, strict=True) if before != one]


async def families_of(tx: AsyncConnection, office: Office, person_ids: Sequence[UUID]) -> set[UUID]:
    """Everybody who belongs together with any of these records, these apart."""
    groups = {one.family_group for one in await rows.links_of(tx, office, person_ids) if one.family_group is not None}
    return await rows.in_families(tx, office, groups) - set(person_ids)


def _not_of_the_case() -> NotFound:
    return NotFound("该案卷没有这位受助人员。", "The case is not about this person.")
