"""A town in which somebody answers at every level, and incidents with defaults."""

from typing import Any
from uuid import UUID

from backend import db as tables
from backend.access import accounts
from backend.access.accounts import NewAccount
from backend.access.actor import SYSTEM, Actor
from backend.dispatch import find
from backend.dispatch.records import Incident, IncidentRecipient
from backend.referral.incidents import reporting
from backend.referral.incidents import rows as incident_rows
from backend.referral.incidents.born import Raised
from backend.referral.incidents.form import IncidentForm
from backend.referral.incidents.reporting import About
from tests.dispatch.builders import CITY, WEST, Town, somebody

HEAD = somebody("shift_leader", regions=(WEST,), id_="head")
CHIEF = somebody("supervisor", regions=(WEST,), id_="chief")
DISTRICT = somebody("civil_affairs", regions=(WEST,), id_="district")
WHOLE_CITY = somebody("civil_affairs", regions=(CITY,), id_="whole-city")
LEVELS = (HEAD, CHIEF, DISTRICT, WHOLE_CITY)
"""Who answers, from the nearest up."""


async def with_levels(town: Town, *people: Actor) -> None:
    """Accounts for those who answer."""
    for one in people or LEVELS:
        new = NewAccount(
            login=one.id, name="员", password="correct horse 电池", roles=list(one.roles), regions=list(one.regions)
        )
        await accounts.create(town.office, new, by=SYSTEM, now=town.now)


def a_form(town: Town, **changes: Any) -> IncidentForm:
    """A whole report of whatever kind."""
    values: dict[str, Any] = {
        "what": "老人无呼吸", "place": "桥下", "who": "男，七十岁上下", "measures": "胸外按压", "police_told_at": town.now,
        "police_told_by": "李队", "medics_told_at": town.now, "family_unknown": True,
    }  # fmt: skip
    return IncidentForm(**{**values, **changes})


async def raised(town: Town, by: Actor, *, about: About | None = None, id_: UUID | None = None, **new: Any) -> UUID:
    """An accident by hand, of which nothing is known yet."""
    wanted = Raised(**{"kind": "accident", "cause": "hand", "happened_at": town.now, **new})
    command = town.by(by, "incident.raise", id_=id_)
    answer = await reporting.raise_incident(town.office, wanted, about or About(), command)
    assert answer.incident_id is not None
    return answer.incident_id


async def one(town: Town, incident_id: UUID) -> Incident:
    async with town.office.db.connect() as tx:
        return await incident_rows.find_one(tx, town.office, incident_id)


async def every(town: Town) -> list[Incident]:
    async with town.office.db.connect() as tx:
        query = find.rows_of(Incident, town.office).order_by(tables.incidents.c.number)
        return await find.fetch(tx, town.office, Incident, query)


async def told(town: Town, incident_id: UUID) -> list[IncidentRecipient]:
    async with town.office.db.connect() as tx:
        return await incident_rows.recipients_of(tx, town.office, [incident_id])


async def passes(town: Town, **time: float) -> None:
    """Time goes by, and the worker with it."""
    town.clock.advance(**time)
    while await town.worker.turn():
        pass
