"""The rows of campaigns in the database: locked, read, written. Whoever changes a campaign takes `hold` first.

One lock for all campaigns of a city: what a warning does depends on the others that are open, and there are a few in a year.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Select, Table, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks
from backend.campaign.records import OPEN_STATES, CalledIn, Campaign, Point
from backend.errors import NotFound
from backend.office import Office
from backend.personal import columns, opened, sealed

Row = Campaign | Point | CalledIn
TABLES: Final[dict[type[Row], Table]] = {
    Campaign: db.campaigns,
    Point: db.campaign_points,
    CalledIn: db.campaign_calls,
}
NOT_IN_LOG: Final = frozenset({"drawn", "note", "answer", "escalates_at"})
"""Big, somebody's own words, or a schedule."""


async def hold(tx: AsyncConnection, office: Office) -> None:
    """Keep others from changing campaigns until the commit."""
    await locks.hold(tx, f"campaigns:{office.city_id}")


def select_rows(kind: type[Row], office: Office, *conditions: Any) -> Select[Any]:
    """SELECT the fields of a record in this city, where all conditions hold."""
    table = TABLES[kind]
    return select(*columns(table, kind.__struct_fields__)).where(table.c.city_id == office.city_id, *conditions)


async def fetch[R: Row](tx: AsyncConnection, office: Office, kind: type[R], query: Select[Any]) -> list[R]:
    """The query's rows as records, what is sealed opened."""
    table = TABLES[kind]  # type: ignore[index]  # a record's type is one of them
    rows = [opened(office.ring, table, row._mapping) for row in await tx.execute(query)]
    return [msgspec.convert(row, kind) for row in rows]


async def get(tx: AsyncConnection, office: Office, campaign_id: UUID) -> Campaign:
    """The campaign. Raises NotFound."""
    found = await fetch(tx, office, Campaign, select_rows(Campaign, office, db.campaigns.c.id == campaign_id))
    if not found:
        raise NotFound("没有这次专项行动。", "There is no such campaign.")
    return found[0]


async def open_ones(tx: AsyncConnection, office: Office) -> list[Campaign]:
    """All that are proposed or running, oldest first."""
    c = db.campaigns.c
    query = select_rows(Campaign, office, c.state.in_(OPEN_STATES)).order_by(c.proposed_at, c.id)
    return await fetch(tx, office, Campaign, query)


async def points_of(tx: AsyncConnection, office: Office, campaign_id: UUID) -> list[Point]:
    """The temporary points of a campaign, in the order in which they were wanted."""
    p = db.campaign_points.c
    query = select_rows(Point, office, p.campaign_id == campaign_id).order_by(p.wanted_at, p.id)
    return await fetch(tx, office, Point, query)


async def calls_of(tx: AsyncConnection, office: Office, campaign_id: UUID) -> list[CalledIn]:
    """The teams that a campaign called in, in the order in which they were."""
    c = db.campaign_calls.c
    query = select_rows(CalledIn, office, c.campaign_id == campaign_id).order_by(c.called_at, c.id)
    return await fetch(tx, office, CalledIn, query)


async def write(tx: AsyncConnection, office: Office, before: Row | None, after: Row) -> None:
    """A new row, or the columns of it that are another now."""
    table = TABLES[type(after)]
    values = _values(after)
    if before is None:
        row = sealed(office.ring, table, {"city_id": office.city_id, **values})
        await tx.execute(insert(table).values(**row))
        return
    old = _values(before)
    fresh = {name: value for name, value in values.items() if value != old[name]}
    if fresh:
        mine = and_(table.c.city_id == office.city_id, table.c.id == after.id)
        await tx.execute(update(table).where(mine).values(**sealed(office.ring, table, fresh, after.id)))


def fact(row: Row) -> dict[str, Any]:
    """The row as the log has it."""
    return {name: value for name, value in _values(row).items() if name not in NOT_IN_LOG}


def _values(row: Row) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    if isinstance(row, Campaign):
        values["plan"] = msgspec.structs.asdict(row.plan)
    return values
