"""What is read of those who went home: whose entries somebody may see, names for who needs them, and that looks are written down."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import allowed
from backend.access.visible import visible as rows_visible
from backend.office import Office
from backend.referral.home.returnee import Returnee
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Person

AGAIN_AFTER: Final = timedelta(minutes=30)
"""Whoever looks again within this time has not looked anew: a phone asks every two minutes."""


def visible(office: Office, by: Actor, action: str) -> ColumnElement[bool]:
    """The entries on which the actor may do `action`."""
    return rows_visible(office.city.policy.roles, by, action, db.returnees)


async def people_of(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> dict[UUID, Person]:
    """The records by their ids."""
    query = rows.select_rows(Person, office, db.persons.c.id.in_(ids))
    return {one.id: one for one in await rows.fetch(tx, office, Person, query)}


async def names_of(tx: AsyncConnection, office: Office, people: Mapping[UUID, Person]) -> dict[UUID, str]:
    """Name by record, from whichever record of the person has one; only what is known."""
    roots = {one.root_id for one in people.values()}
    query = rows.select_rows(Person, office, db.persons.c.root_id.in_(roots), db.persons.c.is_identified)
    named = {one.root_id: one.identity.name for one in await rows.fetch(tx, office, Person, query)}
    own = {one.id: one.identity.name for one in people.values() if one.identity.name}
    return {one.id: name for one in people.values() if (name := own.get(one.id) or named.get(one.root_id, ""))}


def sees_names(office: Office, by: Actor, entry: Returnee) -> bool:
    """Whether the actor may read who somebody on the register is: who keeps it, and who may see identities at all."""
    roles, what = office.city.policy.roles, entry.as_object()
    return any(allowed(roles, by, action, what) for action in ("identity:read", "returnee:write"))


async def note_looks(office: Office, read: Mapping[UUID, Sequence[str]], *, by: Actor, now: datetime) -> None:
    """Writes down that somebody read where these people live. read: person → regions."""
    e = db.events.c
    mine = and_(e.city_id == office.city_id, e.kind == "look.person_read", e.occurred_at > now - AGAIN_AFTER)
    async with office.db.connect() as tx:
        lately = select(e.data["person_id"].astext).where(mine, e.actor["id"].astext == by.id)
        noted = set((await tx.execute(lately)).scalars())
    looks = [look_at(person_id, regions, by, now) for person_id, regions in read.items() if str(person_id) not in noted]
    if looks:
        async with office.begin() as tx:
            await log.append(tx, office.city_id, looks, now=now)


def look_at(person_id: UUID, regions: Sequence[str], by: Actor, now: datetime) -> log.Entry:
    """The event of a look at somebody."""
    data: dict[str, Any] = {"person_id": person_id}
    return log.Entry(kind="look.person_read", actor=by, occurred_at=now, regions=list(regions), data=data)
