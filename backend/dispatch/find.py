"""Reading the rows of the loop: `lock_…` for verbs (row locks, always the case first), `get_…` raises, `find_…` may be None."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Table, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks
from backend.dispatch.clocks import ClockKind
from backend.dispatch.records import (
    Approval,
    Case,
    ClockRow,
    HandlingRow,
    Link,
    Offer,
    Revisit,
    Row,
    Suggestion,
)
from backend.dispatch.tables import TABLES
from backend.errors import NotFound
from backend.intake.report import Sighting
from backend.office import Office
from backend.personal import columns, opened


def rows_of(kind: type[Row], office: Office, *conditions: Any) -> Select[Any]:
    """SELECT the fields of a record from its table, in this city, where all conditions hold."""
    table: Table = TABLES[kind]
    return select(*columns(table, kind.__struct_fields__)).where(table.c.city_id == office.city_id, *conditions)


async def fetch[R: Row](tx: AsyncConnection, office: Office, kind: type[R], query: Select[Any]) -> list[R]:
    """The query's rows as records, what is sealed opened."""
    table = TABLES[kind]  # type: ignore[index]  # a record's type is one of them
    return [kind(**opened(office.ring, table, row._mapping)) for row in await tx.execute(query)]


async def find_case(tx: AsyncConnection, office: Office, case_id: UUID) -> Case | None:
    """The case, or None."""
    found = await fetch(tx, office, Case, rows_of(Case, office, db.cases.c.id == case_id))
    return found[0] if found else None


async def get_case(tx: AsyncConnection, office: Office, case_id: UUID) -> Case:
    """The case. Raises NotFound."""
    if (case := await find_case(tx, office, case_id)) is None:
        raise NotFound("没有这个案卷。", "There is no such case.")
    return case


async def lock_case(tx: AsyncConnection, office: Office, case_id: UUID) -> Case:
    """The case, held until the commit. The first lock of every verb on one case. Raises NotFound."""
    found = await fetch(tx, office, Case, rows_of(Case, office, db.cases.c.id == case_id).with_for_update())
    if not found:
        raise NotFound("没有这个案卷。", "There is no such case.")
    return found[0]


async def lock_case_unless_busy(tx: AsyncConnection, office: Office, case_id: UUID) -> Case | None:
    """For the worker: the case when nobody else holds it, else None (it is looked at again at the next turn)."""
    query = rows_of(Case, office, db.cases.c.id == case_id).with_for_update(skip_locked=True)
    found = await fetch(tx, office, Case, query)
    return found[0] if found else None


async def lock_cases(tx: AsyncConnection, office: Office, case_ids: Sequence[UUID]) -> dict[UUID, Case]:
    """Several cases by id, locked in the order of their ids so that two verbs cannot wait for each other."""
    query = rows_of(Case, office, db.cases.c.id.in_(case_ids)).order_by(db.cases.c.id).with_for_update()
    return {case.id: case for case in await fetch(tx, office, Case, query)}


async def lock_intake(tx: AsyncConnection, office: Office) -> None:
    """One filing at a time in a city: numbers have no holes and two reports of one person see each other.

    Taken before any case is locked.
    """
    await locks.hold(tx, f"intake:{office.city_id}")


async def live_offer(tx: AsyncConnection, office: Office, case_id: UUID) -> Offer | None:
    """The offer that is held out for a case now. Ask it with the case locked."""
    query = rows_of(Offer, office, db.offers.c.case_id == case_id, db.offers.c.state == "offered")
    found = await fetch(tx, office, Offer, query)
    return found[0] if found else None


async def get_offer(tx: AsyncConnection, office: Office, offer_id: UUID) -> Offer:
    """The offer. Raises NotFound."""
    found = await fetch(tx, office, Offer, rows_of(Offer, office, db.offers.c.id == offer_id))
    if not found:
        raise NotFound("没有这次派遣。", "There is no such offer.")
    return found[0]


async def offers_of(tx: AsyncConnection, office: Office, case_id: UUID) -> list[Offer]:
    """All offers of a case, oldest first."""
    query = rows_of(Offer, office, db.offers.c.case_id == case_id).order_by(db.offers.c.offered_at, db.offers.c.id)
    return await fetch(tx, office, Offer, query)


async def clocks_of(tx: AsyncConnection, office: Office, case_id: UUID) -> dict[ClockKind, ClockRow]:
    """A case's clocks by kind. Ask with the case locked when they are to change."""
    found = await fetch(tx, office, ClockRow, rows_of(ClockRow, office, db.clocks.c.case_id == case_id))
    return {clock.kind: clock for clock in found}


async def open_handling(tx: AsyncConnection, office: Office, case_id: UUID) -> HandlingRow | None:
    """The visit that has arrived and is not yet verified, if any."""
    query = rows_of(HandlingRow, office, db.handlings.c.case_id == case_id, db.handlings.c.verdict.is_(None))
    found = await fetch(tx, office, HandlingRow, query.order_by(db.handlings.c.arrived_at.desc()).limit(1))
    return found[0] if found else None


async def links_of(tx: AsyncConnection, office: Office, case_id: UUID) -> list[Link]:
    """The sightings that belong to a case now."""
    mine = and_(db.case_sightings.c.case_id == case_id, db.case_sightings.c.left_at.is_(None))
    return await fetch(tx, office, Link, rows_of(Link, office, mine).order_by(db.case_sightings.c.joined_at))


async def all_links_of(tx: AsyncConnection, office: Office, case_id: UUID) -> list[Link]:
    """The sightings that belong or once belonged to a case."""
    return await fetch(tx, office, Link, rows_of(Link, office, db.case_sightings.c.case_id == case_id))


async def get_sighting(tx: AsyncConnection, office: Office, sighting_id: UUID) -> Sighting:
    """The sighting, without how to reach its reporter. Raises NotFound."""
    mine = and_(db.sightings.c.city_id == office.city_id, db.sightings.c.id == sighting_id)
    row = (await tx.execute(select(*columns(db.sightings, Sighting.__struct_fields__)).where(mine))).first()
    if row is None:
        raise NotFound("没有这条线索。", "There is no such sighting.")
    return Sighting(**opened(office.ring, db.sightings, row._mapping))


async def suggestions_of(tx: AsyncConnection, office: Office, case_id: UUID) -> list[Suggestion]:
    """What may be the same as this case, likeliest first."""
    mine = (db.suggestions.c.case_id == case_id) | (db.suggestions.c.other_case_id == case_id)
    return await fetch(
        tx, office, Suggestion, rows_of(Suggestion, office, mine).order_by(db.suggestions.c.score.desc())
    )


async def due_revisits_of(tx: AsyncConnection, office: Office, case_id: UUID) -> list[Revisit]:
    """The looks that are still to come for a case."""
    r = db.revisits.c
    return await fetch(tx, office, Revisit, rows_of(Revisit, office, r.case_id == case_id, r.state == "due"))


async def get_approval(tx: AsyncConnection, office: Office, approval_id: UUID) -> Approval:
    """The request. Raises NotFound."""
    found = await fetch(tx, office, Approval, rows_of(Approval, office, db.approvals.c.id == approval_id))
    if not found:
        raise NotFound("没有这项申请。", "There is no such request.")
    return found[0]


async def next_number(tx: AsyncConnection, office: Office, day: int) -> int:
    """The next free case number of a day (yyyymmdd00001 …). Holds the intake lock."""
    lowest = day * 100_000
    query = select(func.max(db.cases.c.number)).where(
        db.cases.c.city_id == office.city_id, db.cases.c.number.between(lowest, lowest + 99_999)
    )
    return ((await tx.execute(query)).scalar() or lowest) + 1


async def open_approval(tx: AsyncConnection, office: Office, case_id: UUID, action: str) -> Approval | None:
    """The request for this action that waits, if any."""
    a = db.approvals.c
    query = rows_of(Approval, office, a.case_id == case_id, a.action == action, a.state == "asked")
    found = await fetch(tx, office, Approval, query)
    return found[0] if found else None


async def handlings_of(tx: AsyncConnection, office: Office, case_id: UUID) -> list[HandlingRow]:
    """All visits to a case, oldest first."""
    query = rows_of(HandlingRow, office, db.handlings.c.case_id == case_id).order_by(db.handlings.c.arrived_at)
    return await fetch(tx, office, HandlingRow, query)
