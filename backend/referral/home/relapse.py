"""再次流浪 Somebody who went home is met on the street or at a station again: noticed whenever a record of theirs turns up somewhere new.

Begin at `notice`, which every verb calls that links people with cases, houses or one another; with the register held, after its own
rows are written.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch.change import Command
from backend.office import Office
from backend.referral.home import home_rows
from backend.referral.home.returnee import Returnee, of_whom
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Person
from backend.referral.people.register_rows import Done

TOLD = ("grid_worker", "shift_leader", "station")
"""The street where they live, and the house that they had been at."""


class Met(Struct, frozen=True):
    """Where they were met again: a case, or a stay with the case that it came from."""

    id: UUID
    at: datetime
    case_id: UUID | None


async def notice(tx: AsyncConnection, office: Office, group: Sequence[Person], command: Command) -> Returnee | None:
    """Writes down what is new of it, and tells the street and the station; the entry as it is then, if there was anything."""
    ids = [one.id for one in group]
    entry = of_whom([one for one in await home_rows.entries_of(tx, office, ids) if one.state != "ended"])
    if entry is None:
        return None
    fresh = [met for met in await _met(tx, office, ids) if _is_new(met, entry)]
    if not fresh:
        return None
    after = msgspec.structs.replace(
        entry, relapses=[*entry.relapses, *(one.id for one in fresh)], relapsed_at=max(one.at for one in fresh)
    )
    await home_rows.push(tx, office, after, TOLD, "returnee.relapsed", command)
    facts = {"returnee_id": entry.id, "told": list(TOLD), "met_in": [one.id for one in fresh]}
    done = Done(seq=0, person_id=entry.person_id, returnee_id=entry.id)
    aside = msgspec.structs.replace(command, id=None)
    case_id = next((one.case_id for one in fresh if one.case_id is not None), None)
    await rows.tell(
        tx,
        office,
        aside,
        "returnee.relapsed",
        [(entry, after)],
        after.as_object(),
        done,
        case_id=case_id,
        facts=facts,
    )
    return after


def _is_new(met: Met, entry: Returnee) -> bool:
    """After they went home, and not told of yet. A stay that follows from a case is one with it."""
    known = {*entry.relapses, entry.case_id, entry.stay_id}
    return met.at > entry.since and met.id not in known and (met.case_id is None or met.case_id not in known)


async def _met(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> list[Met]:
    """Every case and stay of these records, the earliest first; of a stay that came from a case the case alone."""
    c = db.cases.c
    linked = [one.case_id for one in await rows.links_of(tx, office, ids)]
    query = select(c.id, c.opened_at).where(c.city_id == office.city_id, c.id.in_(linked))
    cases = [Met(row.id, row.opened_at, row.id) for row in await tx.execute(query)]
    seen = {one.id for one in cases}
    stays = [
        Met(one.id, one.arrived_at, None)
        for one in await rows.stays_of(tx, office, ids)
        if one.case_id is None or one.case_id not in seen
    ]
    return sorted([*cases, *stays], key=lambda one: (one.at, one.id))
