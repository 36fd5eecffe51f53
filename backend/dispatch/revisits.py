"""Revisits 回访: somebody stayed outside and is looked at again, by a grid worker before it is due or by a patrol when it is.

`open_revisit` is the worker's, when nobody has been there by then: a case of its own. `settle_visit` is what a grid worker found
on the spot: a case of its own when people are still there, else the end of it.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import find, timekeeping
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.lifecycle import OPEN_STAGES
from backend.dispatch.move import Rows, clocks_in, move, touched
from backend.dispatch.nearby import near_cases
from backend.dispatch.opening import first_case, opened, write_sightings
from backend.dispatch.records import Case, Revisit
from backend.dispatch.words import words
from backend.errors import Conflict, NotFound
from backend.geo.place import LonLat, distance_m, locate
from backend.ids import new_id
from backend.intake import duplicates
from backend.intake.looks import Looks
from backend.intake.report import GivenPlace, Prepared, Report, prepare
from backend.intake.triage import WeatherNow, merge_priority
from backend.intake.weather import current as current_weather
from backend.office import Office
from backend.policy import Priority

ACTION = "visit:do"
Outcome = Literal["still_there", "gone", "helped", "not_found"]


class Visited(Struct, frozen=True, kw_only=True):
    """What a grid worker found. note: sealed. place: where, if the phone knew; in WGS-84, GCJ-02 or BD-09 as it says."""

    found: Outcome
    note: str = ""
    place: GivenPlace | None = None


async def due_revisits(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 100) -> list[UUID]:
    """The revisits that are due."""
    r = db.revisits.c
    query = select(r.id).where(r.city_id == office.city_id, r.state == "due", r.due_at <= now)
    return list((await tx.execute(query.order_by(r.due_at).limit(limit))).scalars())


async def open_revisit(office: Office, revisit_id: UUID, command: Command) -> UUID | None:
    """Nobody has looked at them by now: a case of its own does, at the same place. None when it was done already.

    While the earlier case is still open, the look is part of that and only marked as done; so it is where it was void.
    """
    async with office.begin() as tx:
        await find.lock_intake(tx, office)
        earlier, revisit = await _lock(tx, office, revisit_id)
        if revisit.state != "due" or revisit.due_at > command.now:
            return None
        if _is_part_of(earlier):
            await record(tx, office, command, _done(earlier, revisit, {}))
            return None
        fresh = await _case_again(tx, office, earlier, command)
        begun = timekeeping.step({}, "open", case_id=fresh.id, policy=office.city.policy, at=command.now)
        rows: Rows = [(None, fresh), *begun, _opened_as(revisit, fresh)]
        facts = {"revisit_of": earlier.id, "channel": "revisit"}
        opening = Change(kind="case.opened", rows=rows, facts=facts)
        accepted = _accepted(office, fresh, opening, command)
        await record(tx, office, command, opening, accepted)
        return fresh.id


async def settle_visit(office: Office, revisit_id: UUID, visited: Visited, command: Command) -> Answer:
    """回访完成. People still there become a case at once, linked to the earlier one; anything else ends the revisit.

    A visit made before it was due and told only after a case was opened is noted in that case. Raises Conflict `visit_opened`
    when a case looked at them already, `visit_done` when somebody was faster.
    """
    async with office.begin() as tx:
        if (earlier_one := await earlier_answer(tx, office, command)) is not None:
            return earlier_one
        await find.lock_intake(tx, office)
        earlier, revisit = await _lock(tx, office, revisit_id)
        command.demand(office, ACTION, earlier.as_object())
        off_m = _off_by(office, earlier, visited.place)
        facts = {"found": visited.found, "off_by_m": off_m}
        if (again := await _opened_meanwhile(tx, office, revisit, command)) is not None:
            return await record(tx, office, command, _told_late(again, revisit, facts, visited.note))
        await _demand_due(tx, office, revisit)
        if visited.found == "still_there" and not _is_part_of(earlier):
            return await _still_there(tx, office, earlier, revisit, visited, command)
        return await record(tx, office, command, _done(earlier, revisit, facts, visited.note))


async def _lock(tx: AsyncConnection, office: Office, revisit_id: UUID) -> tuple[Case, Revisit]:
    """The earlier case first, then the revisit as it is under that lock. Raises NotFound."""
    seen = await _get(tx, office, revisit_id)
    case = await find.lock_case(tx, office, seen.case_id)
    return case, await _get(tx, office, revisit_id)


async def _get(tx: AsyncConnection, office: Office, revisit_id: UUID) -> Revisit:
    found = await find.fetch(tx, office, Revisit, find.rows_of(Revisit, office, db.revisits.c.id == revisit_id))
    if not found:
        raise NotFound(
            "没有这次回访，或不在您的管辖范围内。", "There is no such revisit, or it is outside what is yours."
        )
    return found[0]


async def _opened_meanwhile(tx: AsyncConnection, office: Office, revisit: Revisit, command: Command) -> Case | None:
    """The case that was opened after this visit, while its phone had no network."""
    if revisit.state != "opened" or revisit.opened_case is None:
        return None
    again = await find.lock_case(tx, office, revisit.opened_case)
    return again if command.at < again.opened_at else None


def _told_late(again: Case, revisit: Revisit, facts: dict[str, Any], note: str) -> Change:
    """What the grid worker saw, for whoever goes there now: the case goes on."""
    facts = facts | {"revisit_of": revisit.case_id}
    return Change(kind="revisit.told_late", rows=[(again, touched(again))], facts=facts, words=words(note))


async def _demand_due(tx: AsyncConnection, office: Office, revisit: Revisit) -> None:
    if revisit.state == "opened" and revisit.opened_case is not None:
        case = await find.get_case(tx, office, revisit.opened_case)
        raise Conflict(
            f"已到期立案（{case.number}），由巡查队前往；如有新情况请另行上报。",
            f"It was due: case {case.number} is about it and a patrol goes. Report anew what is new.",
            code="visit_opened",
            case_id=case.id,
            number=case.number,
        )
    if revisit.state != "due":
        raise Conflict("这次回访已完成。", "This revisit is done already.", code="visit_done")


def _is_part_of(earlier: Case) -> bool:
    """Whether looking again is part of the earlier case, or of nothing any more."""
    return earlier.stage in OPEN_STAGES or earlier.stage == "voided"


def _done(earlier: Case, revisit: Revisit, facts: dict[str, Any], note: str | None = None) -> Change:
    rows: Rows = [(earlier, touched(earlier)), (revisit, msgspec.structs.replace(revisit, state="done"))]
    return Change(kind="revisit.done", rows=rows, facts=facts, words=words(note))


def _opened_as(revisit: Revisit, case: Case) -> tuple[Revisit, Revisit]:
    return revisit, msgspec.structs.replace(revisit, state="opened", opened_case=case.id)


def _accepted(office: Office, case: Case, opening: Change, command: Command) -> Change:
    clocks, policy = clocks_in(opening.rows), office.city.policy
    rows = move(case, "accept", clocks, at=command.now, policy=policy, search_round=1)
    return Change(kind="case.accepted", rows=rows, facts={"rule": "revisit"})


def _off_by(office: Office, earlier: Case, place: GivenPlace | None) -> float | None:
    """Metres from the earlier case's place; None without a position. Where the grid worker stood is not kept."""
    if place is None:
        return None
    there = locate(place.lon, place.lat, place.crs, office.city.area).place
    return round(distance_m(there, LonLat(earlier.lon, earlier.lat)), 1)


async def _still_there(
    tx: AsyncConnection, office: Office, earlier: Case, revisit: Revisit, visited: Visited, command: Command
) -> Answer:
    """A sighting of the grid worker's own opens the case, so that the team reads what was noted."""
    policy = office.city.policy
    report = _as_report(office, earlier, visited, command, await current_weather(tx, office, command.now))
    (near,) = await near_cases(tx, office, [report])
    others = [one for one in near if one.case_id != str(earlier.id)]
    matches = duplicates.rank(report.for_duplicates(), others, policy)
    number = await find.next_number(tx, office, office.city.local_day(command.now))
    fresh = _with_what_is_known(first_case(report, new_id(), number, command.now), earlier)
    opening = opened(fresh, report, matches, policy)
    opening = msgspec.structs.replace(
        opening, rows=[*opening.rows, _opened_as(revisit, fresh)], facts={**opening.facts, "revisit_of": earlier.id}
    )
    await write_sightings(tx, office, [report])
    return await record(tx, office, command, opening, _accepted(office, fresh, opening, command))


def _as_report(office: Office, earlier: Case, visited: Visited, command: Command, weather: WeatherNow) -> Prepared:
    """The people of the earlier case, seen again: where the grid worker is, or else where they were."""
    report = Report(
        channel="grid" if "grid_worker" in command.by.roles else "patrol",
        place=visited.place or GivenPlace(lon=earlier.lon, lat=earlier.lat),
        occurred_at=command.at,
        people_count=earlier.people_count,
        looks=msgspec.convert(earlier.looks, Looks),
        description=visited.note,
        address=(earlier.address or "") if visited.place is None else "",
    )
    return prepare(report, office.city, command.by, command.now, weather=weather)


def _with_what_is_known(fresh: Case, earlier: Case) -> Case:
    return msgspec.structs.replace(
        fresh,
        channel="revisit",
        priority=merge_priority(fresh.priority, _priority_again(earlier)),
        dangers=sorted({*fresh.dangers, *earlier.dangers}),
        skills=sorted({*fresh.skills, *earlier.skills}),
    )


def _priority_again(earlier: Case) -> Priority:
    """What threatened somebody's life at the time does not any more; they still come before others."""
    return "high" if earlier.priority == "critical" else earlier.priority


async def _case_again(tx: AsyncConnection, office: Office, earlier: Case, command: Command) -> Case:
    return Case(
        id=new_id(),
        number=await find.next_number(tx, office, office.city.local_day(command.now)),
        stage="discovered",
        version=1,
        priority=_priority_again(earlier),
        dangers=earlier.dangers,
        call_first=[],
        skills=earlier.skills,
        lon=earlier.lon,
        lat=earlier.lat,
        in_area=earlier.in_area,
        regions=earlier.regions,
        address=earlier.address,
        people_count=earlier.people_count,
        looks=earlier.looks,
        channel="revisit",
        opened_at=command.now,
        stage_since=command.now,
        last_seen_at=earlier.last_seen_at,
        sighting_count=0,
    )
