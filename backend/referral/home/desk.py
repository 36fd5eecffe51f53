"""The desk of those who went home 返乡回访: by street, what is due, late and made; one entry with its line of visits; figures. Reads only.

A list tells nobody's name nor address; opening an entry is a look at the person, written down.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import allowed, demand
from backend.office import Office
from backend.referral.home import home_rows, reading
from backend.referral.home.due import street_of
from backend.referral.home.returnee import (
    EndReason,
    HomeNow,
    HomeVisit,
    Returnee,
    ReturneeState,
    VisitFigures,
    VisitOutcome,
    figures,
)
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Person
from backend.referral.people.person_file import PersonShown, look, shown

MOST = 2_000
A_YEAR = timedelta(days=365)
ReturneesWanted = Literal["live", "ended"]


class ReturneeShown(Struct, frozen=True, kw_only=True):
    """Somebody on the register, without what is told of them. street: as people call it. due_at, missed_at, level, attempts: of the
    visit that is due. made: visits since they went home. relapses: how often they were met away again."""

    id: UUID
    person: PersonShown
    state: ReturneeState
    region: str | None
    street: str
    is_prone: bool
    since: datetime
    until: datetime
    due_at: datetime | None
    missed_at: datetime | None
    level: int
    attempts: int
    made: int
    last: VisitOutcome | None
    last_at: datetime | None
    relapses: int
    relapsed_at: datetime | None
    told_at: datetime | None
    ended_at: datetime | None
    end_reason: EndReason | None


class StreetShown(Struct, frozen=True, kw_only=True):
    """A street, and how many of its people are on the register, are visited, and have a visit that is late."""

    name: str
    people: int
    followed: int
    late: int


class ReturneeDesk(Struct, frozen=True, kw_only=True):
    """The entries that were asked for, by street and by what is due; all streets; how visits of the last twelve months were kept."""

    now: datetime
    returnees: list[ReturneeShown]
    streets: list[StreetShown]
    figures: VisitFigures


class ReturneeFile(Struct, frozen=True, kw_only=True):
    """One entry with everything about it. name: None for who may not see it. visits: the latest first. entries: the same person's others.

    may_change: whether who asks may move or end it; may_visit: whether they may say what a visit found.
    """

    entry: Returnee
    person: PersonShown
    name: str | None
    street: str
    visits: list[HomeVisit]
    entries: list[Returnee]
    may_change: bool
    may_visit: bool


async def desk_of(
    tx: AsyncConnection, office: Office, *, by: Actor, now: datetime, wanted: ReturneesWanted = "live"
) -> ReturneeDesk:
    """What the actor may see. Raises NotAllowed."""
    demand(office.city.policy.roles, by, "returnee:read")
    r = db.returnees.c
    state: ColumnElement[bool] = r.state != "ended" if wanted == "live" else r.state == "ended"
    query = rows.select_rows(Returnee, office, state, reading.visible(office, by, "returnee:read"))
    entries = await rows.fetch(tx, office, Returnee, query.order_by(r.since.desc(), r.id).limit(MOST))
    visits = await home_rows.visits_of(tx, office, [one.id for one in entries])
    people = await reading.people_of(tx, office, [one.person_id for one in entries])
    listed = [
        _shown(office, one, people[one.person_id], [v for v in visits if v.returnee_id == one.id]) for one in entries
    ]
    listed.sort(key=lambda one: (one.street, one.due_at is None, one.due_at or one.since, str(one.id)))
    year = await _visits_between(tx, office, by, now - A_YEAR, now)
    return ReturneeDesk(now=now, returnees=listed, streets=_streets(listed, now), figures=figures(year, now))


def _shown(office: Office, entry: Returnee, person: Person, visits: Sequence[HomeVisit]) -> ReturneeShown:
    due = next((one for one in visits if one.state == "due"), None)
    made = [one for one in visits if one.state == "done"]
    last = max(made, key=lambda one: one.done_at or one.due_at, default=None)
    same = ("id", "state", "region", "is_prone", "since", "until", "relapsed_at", "told_at", "ended_at", "end_reason")
    values: dict[str, Any] = {name: getattr(entry, name) for name in same}
    return ReturneeShown(
        **values,
        person=shown(person),
        street=street_of(office, entry),
        due_at=due.due_at if due else None,
        missed_at=due.missed_at if due else None,
        level=due.level if due else 0,
        attempts=due.attempts if due else 0,
        made=len(made),
        last=last.outcome if last else None,
        last_at=last.done_at if last else None,
        relapses=len(entry.relapses),
    )


def _streets(listed: Sequence[ReturneeShown], now: datetime) -> list[StreetShown]:
    names = list(dict.fromkeys(one.street for one in listed))
    there = {name: [one for one in listed if one.street == name] for name in names}
    return [
        StreetShown(
            name=name,
            people=len(there[name]),
            followed=sum(one.state == "followed" for one in there[name]),
            late=sum(one.due_at is not None and one.due_at < now for one in there[name]),
        )
        for name in names
    ]


async def visit_figures(
    tx: AsyncConnection, office: Office, *, by: Actor, since: datetime, until: datetime, now: datetime
) -> VisitFigures:
    """回访按期率 of the visits due from `since` until before `until`. Raises NotAllowed."""
    demand(office.city.policy.roles, by, "returnee:read")
    return figures(await _visits_between(tx, office, by, since, min(until, now)), now)


async def _visits_between(
    tx: AsyncConnection, office: Office, by: Actor, since: datetime, until: datetime
) -> list[HomeVisit]:
    v, r = db.home_visits.c, db.returnees.c
    of_whom = (r.city_id == v.city_id) & (r.id == v.returnee_id)
    query = rows.select_rows(HomeVisit, office, v.due_at >= since, v.due_at < until).join(db.returnees, of_whom)
    return await rows.fetch(tx, office, HomeVisit, query.where(reading.visible(office, by, "returnee:read")))


async def open_entry(office: Office, returnee_id: UUID, *, by: Actor, now: datetime) -> ReturneeFile:
    """Everything about one entry; a look at the person. Raises NotAllowed, NotFound."""
    roles = office.city.policy.roles
    demand(roles, by, "returnee:read")
    async with office.begin() as tx:
        entry = await home_rows.get_returnee(tx, office, returnee_id)
        demand(roles, by, "returnee:read", entry.as_object())
        people = await reading.people_of(tx, office, [entry.person_id])
        person = people[entry.person_id]
        name = (await reading.names_of(tx, office, people)).get(person.id, "")
        group = [one.id for one in await rows.group_of(tx, office, person.root_id)]
        others = [one for one in await home_rows.entries_of(tx, office, group) if one.id != entry.id]
        visits = await home_rows.visits_of(tx, office, [entry.id])
        await look(tx, office, "look.person_read", person.root_id, entry.as_object(), by=by, now=now)
    may = {action: allowed(roles, by, action, entry.as_object()) for action in ("returnee:write", "visit:do")}
    return ReturneeFile(
        entry=entry,
        person=shown(person),
        name=name if reading.sees_names(office, by, entry) else None,
        street=street_of(office, entry),
        visits=sorted(visits, key=lambda one: (one.due_at, one.id), reverse=True),
        entries=[_without_home(one) for one in others],
        may_change=may["returnee:write"] and entry.state != "ended",
        may_visit=may["visit:do"],
    )


def _without_home(entry: Returnee) -> Returnee:
    """An earlier entry: when and how it ended, not where they lived."""
    return msgspec.structs.replace(entry, home=HomeNow(), end_note=None)
