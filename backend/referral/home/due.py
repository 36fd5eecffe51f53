"""The home visits that a grid worker has before them, with what they need to know at the door."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.intake.looks import AgeBand, Sex
from backend.office import Office
from backend.referral.home import home_rows, reading, where
from backend.referral.home.returnee import HomeNow, HomeVisit, Returnee, VisitOutcome
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Person

ACTION: Final = "visit:read"
MOST_SHOWN: Final = 200


class HomeVisitDue(Struct, frozen=True, kw_only=True):
    """返乡回访: whom to visit by when, and where they live. name: "" where nobody knows it. last: what the visit before found.

    made: how many visits there were since they went home. attempts: vain ones since the last.
    """

    id: UUID
    returnee_id: UUID
    due_at: datetime
    missed_at: datetime | None
    attempts: int
    number: str
    name: str
    sex: Sex
    age_band: AgeBand
    street: str
    home: HomeNow
    since: datetime
    until: datetime
    made: int
    last: VisitOutcome | None
    last_at: datetime | None
    relapsed_at: datetime | None


async def list_home_visits(office: Office, *, by: Actor, now: datetime, later: bool = False) -> list[HomeVisitDue]:
    """What the actor may visit, soonest due first: late, or due within `[referral] visit_ahead`. Each person read is a look.

    later: those due after it too, for whoever is in the street anyway; a visit may be made early.
    """
    demand(office.city.policy.roles, by, ACTION)
    async with office.db.connect() as tx:
        entries = {one.id: one for one in await _entries(tx, office, by, None if later else now + _ahead(office))}
        visits = await home_rows.visits_of(tx, office, list(entries))
        people = await reading.people_of(tx, office, [one.person_id for one in entries.values()])
        names = await reading.names_of(tx, office, people)
    await reading.note_looks(office, {one.person_id: one.regions for one in entries.values()}, by=by, now=now)
    due = sorted((one for one in visits if one.state == "due"), key=lambda one: (one.due_at, one.id))
    return [_shown(office, one, entries[one.returnee_id], people, names, visits) for one in due]


def _ahead(office: Office) -> timedelta:
    return timedelta(seconds=office.city.policy.referral.visit_ahead.seconds)


async def _entries(tx: AsyncConnection, office: Office, by: Actor, until: datetime | None) -> list[Returnee]:
    v, r = db.home_visits.c, db.returnees.c
    due = (v.city_id == r.city_id) & (v.returnee_id == r.id) & (v.state == "due")
    if until is not None:
        due &= v.due_at <= until
    query = rows.select_rows(Returnee, office, reading.visible(office, by, ACTION)).join(db.home_visits, due)
    return await rows.fetch(tx, office, Returnee, query.order_by(v.due_at, r.id).limit(MOST_SHOWN))


def _shown(
    office: Office,
    visit: HomeVisit,
    entry: Returnee,
    people: dict[UUID, Person],
    names: dict[UUID, str],
    visits: Sequence[HomeVisit],
) -> HomeVisitDue:
    person = people[entry.person_id]
    made = [one for one in visits if one.returnee_id == entry.id and one.state == "done"]
    last = max(made, key=lambda one: one.done_at or one.due_at, default=None)
    return HomeVisitDue(
        id=visit.id,
        returnee_id=entry.id,
        due_at=visit.due_at,
        missed_at=visit.missed_at,
        attempts=visit.attempts,
        number=person.number,
        name=names.get(person.id, ""),
        sex=person.sex,
        age_band=person.age_band,
        street=street_of(office, entry),
        home=entry.home,
        since=entry.since,
        until=entry.until,
        made=len(made),
        last=last.outcome if last else None,
        last_at=last.done_at if last else None,
        relapsed_at=entry.relapsed_at,
    )


def street_of(office: Office, entry: Returnee) -> str:
    """The street or community as people call it; the district where no more is known."""
    name = where.name_of(office.city, entry.region)
    return f"{name} {entry.home.street}".strip() if name != entry.home.street else name
