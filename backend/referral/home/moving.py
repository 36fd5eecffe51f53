"""迁移、结束 Somebody lives elsewhere now, what is known of their home is put right, or the entry is over. Begin at `move_returnee`."""

from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.dispatch.change import Command, record
from backend.dispatch.timekeeping import calendar_of
from backend.errors import Conflict, Invalid
from backend.office import Office
from backend.referral.home import home_rows, where
from backend.referral.home.returnee import EndReason, HomeNow, Returnee
from backend.referral.home.returning import demand_home
from backend.referral.incidents.born import of_home
from backend.referral.people import register_rows as rows
from backend.referral.people.register_rows import Done, Rows

BY_HAND: frozenset[EndReason] = frozenset({"died", "moved_away", "in_care", "mistake", "other"})
"""What somebody may end an entry for; the others come about by themselves."""


async def move_returnee(office: Office, returnee_id: UUID, home: HomeNow, command: Command) -> Done:
    """变更住址: the new region's visitor takes over, and looks soon. Raises Invalid, Conflict `ended_already`, NotFound."""
    demand_home(home)
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        before = await _held(tx, office, returnee_id, command)
        after = moved_to(office, before, home, command)
        changes: Rows = [(before, after), *await _visits(tx, office, before, after, command)]
        told = ["grid_worker"] if after.state == "followed" and after.regions != before.regions else []
        await home_rows.push(tx, office, after, told, "returnee.moved", command)
        regions = list(dict.fromkeys([*before.regions, *after.regions]))
        what = msgspec.structs.replace(after, regions=regions).as_object()
        done = Done(seq=0, person_id=after.person_id, returnee_id=after.id)
        facts = {"returnee_id": after.id, "told": told}
        return await rows.tell(tx, office, command, "returnee.moved", changes, what, done, facts=facts)


def moved_to(office: Office, before: Returnee, home: HomeNow, command: Command) -> Returnee:
    """The entry where they live now. In another city nobody of this one visits them; back from there somebody does again."""
    city = office.city
    region = where.checked(city, home.region)
    known = msgspec.structs.replace(home, grounds=home.grounds or before.home.grounds)
    here = "followed" if before.is_prone and before.until > command.at else "registered"
    return msgspec.structs.replace(
        before,
        state="elsewhere" if where.is_elsewhere(city, region) else here,
        region=region,
        regions=where.regions_of(city, region, [one for one in before.regions if one in city.regions]),
        told_at=None,
        home=known,
    )


async def _visits(tx: AsyncConnection, office: Office, before: Returnee, after: Returnee, command: Command) -> Rows:
    """The visit that was due is due soon where they live now."""
    due = await home_rows.due_of(tx, office, before.id)
    if after.state != "followed":
        return home_rows.cancelled(due, command)
    if due is not None and after.regions == before.regions:
        return []
    soon = calendar_of(office.city.policy).add(command.at, office.city.policy.referral.visit_again)
    if due is not None and due.due_at <= soon:
        return []
    return [*home_rows.cancelled(due, command), (None, home_rows.next_visit(office, after, soon, command))]


async def end_returnee(office: Office, returnee_id: UUID, reason: EndReason, note: str, command: Command) -> Done:
    """结束回访 with a reason. Raises Invalid `reason_not_by_hand`, `no_note`, Conflict `ended_already`, NotFound."""
    if reason not in BY_HAND:
        zh, en = "这个原因由系统自动记录，不能手工选择。", "That reason comes about by itself and cannot be chosen."
        raise Invalid(zh, en, field="reason", code="reason_not_by_hand")
    if not note.strip():
        raise Invalid("请写明情况。", "Say how it is known.", field="note", code="no_note")
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        before = await _held(tx, office, returnee_id, command)
        changes = await home_rows.over(tx, office, before, reason, command, note=note)
        done = Done(seq=0, person_id=before.person_id, returnee_id=before.id)
        died = await of_home(tx, office, before, note, command) if reason == "died" else None
        facts = {"returnee_id": before.id, "reason": reason}
        answer = await rows.tell(tx, office, command, "returnee.ended", changes, before.as_object(), done, facts=facts)
        if died is not None:
            await record(tx, office, msgspec.structs.replace(command, id=None), died)
        return answer


async def _held(tx: AsyncConnection, office: Office, returnee_id: UUID, command: Command) -> Returnee:
    command.demand(office, "returnee:write")
    await rows.hold(tx, office)
    before = await home_rows.get_returnee(tx, office, returnee_id)
    command.demand(office, "returnee:write", before.as_object())
    if before.state == "ended":
        raise Conflict("这条返乡登记已结束。", "That entry is over already.", code="ended_already")
    return before
