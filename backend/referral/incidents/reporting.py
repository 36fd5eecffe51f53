"""What people do with an incident: raise it, fill in the report, acknowledge, follow up, conclude, withdraw. Begin at `raise_incident`.

It is never refused for want of something: what is not known yet is owed. Each verb is one transaction; incidents are held.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.access.permissions import Object
from backend.dispatch import find
from backend.dispatch.change import Answer, Command, earlier_answer, record
from backend.dispatch.records import Incident, IncidentRecipient
from backend.errors import Conflict, Invalid, NotAllowed
from backend.geo.place import LonLat
from backend.office import Office
from backend.referral.facilities.facility import facility_for
from backend.referral.incidents import levels, rows
from backend.referral.incidents.born import Raised, born
from backend.referral.incidents.form import FollowUp, IncidentForm, demand_whole
from backend.referral.incidents.states import step
from backend.referral.people import register_rows as register
from backend.referral.people.person import object_of


class About(Struct, frozen=True, kw_only=True):
    """What an incident by hand is about; any of it, or a place. Nothing: the ground of whoever raises it."""

    case_id: UUID | None = None
    stay_id: UUID | None = None
    person_id: UUID | None = None
    place: LonLat | None = None


async def raise_incident(office: Office, new: Raised, about: About, command: Command) -> Answer:
    """即时上报 by hand; `incident_id` of the answer names it. Raises Invalid for what lies ahead, NotAllowed, NotFound."""
    if new.happened_at > command.now + timedelta(minutes=5):
        raise Invalid("发生时间不能在将来。", "What happened lies in the past.", field="happened_at", code="ahead")
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        command.demand(office, "incident:create")
        at, person_id = await _concerned(tx, office, about, command)
        command.demand(office, "incident:create", at)
        named = {"case_id": about.case_id, "stay_id": about.stay_id, "person_id": person_id}
        change = await born(tx, office, msgspec.structs.replace(new, **named), at, command)
        return await record(tx, office, command, change)


async def _concerned(tx: AsyncConnection, office: Office, about: About, command: Command) -> tuple[Object, UUID | None]:
    """Whom it concerns, and who of the register it is about: the case, the stay, the person; else the ground."""
    by = command.by
    person_id = about.person_id
    regions: list[str] = []
    teams: list[UUID] = []
    houses: list[UUID] = []
    if about.case_id is not None:
        case = await find.get_case(tx, office, about.case_id)
        regions, teams = [*regions, *case.regions], [*teams, *case.teams()]
    if about.stay_id is not None:
        stay = await register.get_stay(tx, office, about.stay_id)
        regions, houses, person_id = [*regions, *stay.regions], [*houses, stay.facility_id], stay.person_id
    if about.person_id is not None:
        person = await register.get_person(tx, office, about.person_id)
        of_person = object_of(await register.group_of(tx, office, person.root_id))
        command.demand(office, "person:read", of_person)
        regions = [*regions, *of_person.regions]
    if about.place is not None:
        regions = [*office.city.regions_of(about.place), *regions]
    if by.facility_id is not None and not regions:
        house = await facility_for(tx, office, by.facility_id)
        regions, houses = office.city.regions_of(LonLat(house.lon, house.lat)), [house.id]
    if not regions:
        regions = office.city.lineage(by.regions)
    mine = [by.team_id] if by.team_id is not None and about.case_id is None else []
    return Object(
        regions=list(dict.fromkeys(regions)), teams=[*teams, *mine], facilities=houses, owner=by.id
    ), person_id


async def complete(office: Office, incident_id: UUID, form: IncidentForm, command: Command) -> Answer:
    """上报表 whole. Raises Invalid `not_whole` with all that is missing; a whole one can be put right until it is over."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before, _ = await _held(tx, office, incident_id, "incident:create", command)
        step(before.state, "complete")
        demand_whole(form, before.kind, knows_who=before.person_id is not None)
        told = msgspec.structs.replace(rows.told_of(before), form=form)
        first = {} if before.reported_at else {"reported_at": command.at, "reported_by": command.by.id}
        after = rows.with_told(before, told, **first, **_owes_follow_up(office, command))
        in_time = {"late": command.now > before.due_at} if before.due_at and first else {}
        change = rows.change_of("incident.completed", [(before, after)], after, **in_time)
        return await record(tx, office, command, change)


async def acknowledge(office: Office, incident_id: UUID, command: Command) -> Answer:
    """签收: for every level that the actor answers for. Raises Conflict `acknowledged` when nothing waits for them, NotAllowed."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before, told = await _held(tx, office, incident_id, "incident:acknowledge", command)
        mine = [one for one in told if levels.answers_for(office, command.by, one)]
        if not mine:
            raise NotAllowed("这项上报不需要您签收。", "It is not told to you.", code="not_a_recipient")
        waits = [one for one in mine if one.state == "waiting"]
        if not waits:
            raise Conflict("已经签收。", "It is acknowledged already.", code="acknowledged")
        changed = [(one, levels.acknowledged(one, command.by, command.now)) for one in waits]
        facts = {"levels": [one.level for one in waits], "waited_s": (command.now - before.raised_at).total_seconds()}
        return await record(
            tx, office, command, rows.change_of("incident.acknowledged", [(before, before), *changed], before, **facts)
        )


async def follow_up(office: Office, incident_id: UUID, text: str, command: Command) -> Answer:
    """续报. Raises Conflict `not_reported` before the report itself is whole."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before, _ = await _held(tx, office, incident_id, "incident:create", command)
        step(before.state, "follow_up")
        if before.reported_at is None:
            raise Conflict("请先填完上报表。", "Fill in the report first.", code="not_reported")
        told = rows.told_of(before)
        more = FollowUp(at=command.at, by=command.by.id, text=text)
        told = msgspec.structs.replace(told, follow_ups=(*told.follow_ups, more))
        after = rows.with_told(before, told, follow_ups=before.follow_ups + 1, **_owes_follow_up(office, command))
        heard = {"heard": _addresses(before)}
        return await record(
            tx, office, command, rows.change_of("incident.followed_up", [(before, after)], after, **heard)
        )


async def conclude(office: Office, incident_id: UUID, conclusion: str, command: Command) -> Answer:
    """结论. Levels below whoever concludes need not acknowledge any more; those above have to have.

    Raises Conflict `not_reported`, `not_acknowledged`.
    """
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before, told = await _held(tx, office, incident_id, "incident:conclude", command)
        step(before.state, "conclude")
        if before.reported_at is None:
            raise Conflict("上报表尚未填完，不能结论。", "The report is not whole yet.", code="not_reported")
        own = max((one.level for one in told if levels.answers_for(office, command.by, one)), default=-1)
        above = [one.role for one in told if one.state == "waiting" and one.level > own]
        if above:
            raise Conflict(
                "上级尚未签收，不能结论。",
                "A higher level has not acknowledged it yet.",
                code="not_acknowledged",
                roles=above,
            )
        words = msgspec.structs.replace(rows.told_of(before), conclusion=conclusion)
        after = rows.with_told(before, words, state="concluded", **_over(command))
        changed = [(before, after), *_passed(told)]
        facts = {"follow_ups": after.follow_ups, "heard": _addresses(before)}
        return await record(tx, office, command, rows.change_of("incident.concluded", changed, after, **facts))


async def withdraw(office: Office, incident_id: UUID, reason: str, command: Command) -> Answer:
    """撤销: it was none, or is told of already. Who was told of it hears that too."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before, told = await _held(tx, office, incident_id, "incident:conclude", command)
        step(before.state, "withdraw")
        words = msgspec.structs.replace(rows.told_of(before), withdrawn=reason)
        after = rows.with_told(before, words, state="withdrawn", **_over(command))
        heard = [*_addresses(before), *(f"role:{one.role}:{one.region}" for one in told if one.state != "absent")]
        change = rows.change_of("incident.withdrawn", [(before, after), *_passed(told)], after, heard=heard)
        return await record(tx, office, command, change)


async def _held(
    tx: AsyncConnection, office: Office, incident_id: UUID, action: str, command: Command
) -> tuple[Incident, list[IncidentRecipient]]:
    command.demand(office, action)
    await rows.hold(tx, office)
    before = await rows.find_one(tx, office, incident_id)
    command.demand(office, action, before.as_object())
    return before, await rows.recipients_of(tx, office, [incident_id])


def _owes_follow_up(office: Office, command: Command) -> dict[str, Any]:
    due_at = command.now + timedelta(seconds=office.city.policy.protection.follow_up_every.seconds)
    return {"owes": "follow_up", "due_at": due_at, "fires_at": due_at, "misses": 0}


def _over(command: Command) -> dict[str, Any]:
    return {"ended_at": command.now, "ended_by": command.by.id, "owes": None, "due_at": None, "fires_at": None}


def _passed(told: list[IncidentRecipient]) -> list[tuple[IncidentRecipient, IncidentRecipient]]:
    waits = [one for one in told if one.state == "waiting"]
    return [(one, msgspec.structs.replace(one, state="passed", fires_at=None)) for one in waits]


def _addresses(incident: Incident) -> list[str]:
    """Whoever is at work on it: the crew, the house."""
    return [*(f"team:{one}" for one in incident.teams), *(f"facility:{one}" for one in incident.facilities)]
