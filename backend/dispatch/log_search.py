"""Searching the log: what was done, by whom, about what, when; only what the one who asks may see. Reads only."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, and_, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed, demand, scopes
from backend.errors import Invalid
from backend.live.visibility import ACTIONS, may_see
from backend.office import Office

LARGEST_PAGE = 200


class LogFilter(Struct, frozen=True, kw_only=True):
    """What is looked for. kind: how it begins ("case.", "offer.made"). who: an actor's id. case: a case's number or id.

    before, after: sequence numbers, for the older and the newer page; since, until: when it was recorded.
    """

    kind: str | None = None
    who: str | None = None
    case: str | None = None
    team_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    after: int | None = None
    limit: int = 50


class LogPage(Struct, frozen=True, kw_only=True):
    """Events, newest first. older, newer: what to ask `before` and `after`, None where there is nothing more.

    names: of actors, as far as the one who asks may read accounts. numbers: of the cases. teams: their names.
    """

    events: list[log.Event]
    older: int | None
    newer: int | None
    names: dict[str, str]
    numbers: dict[str, int]
    teams: dict[str, str]


async def search(tx: AsyncConnection, office: Office, by: Actor, wanted: LogFilter) -> LogPage:
    """One page. Raises Invalid, NotAllowed."""
    demand(office.city.policy.roles, by, "event:read")
    conditions = [db.events.c.city_id == office.city_id, _may_see(office, by)]
    conditions += await _conditions(tx, office, wanted)
    limit = max(1, min(wanted.limit, LARGEST_PAGE))
    found = await _page(tx, conditions, wanted, limit + 1)
    more, found = len(found) > limit, found[:limit]
    upwards = wanted.after is not None
    if upwards:
        found.reverse()
    events = [event for event in found if may_see(office.city.policy.roles, by, event)]
    has_newer, has_older = (more, True) if upwards else (wanted.before is not None, more)
    return LogPage(
        events=events,
        older=found[-1].seq if found and has_older else None,
        newer=found[0].seq if found and has_newer else None,
        names=await _names(tx, office, by, events),
        numbers=await _numbers(tx, office, events),
        teams=await _teams(tx, office, events),
    )


async def _page(
    tx: AsyncConnection, conditions: Sequence[ColumnElement[bool]], wanted: LogFilter, limit: int
) -> list[log.Event]:
    e = db.events.c
    query = select(*(e[name] for name in log.Event.__struct_fields__)).where(*conditions)
    if wanted.after is not None:
        query = query.where(e.seq > wanted.after).order_by(e.seq)
    else:
        query = query.where(e.seq < wanted.before) if wanted.before is not None else query
        query = query.order_by(e.seq.desc())
    return [log.Event(**row._mapping) for row in await tx.execute(query.limit(limit))]


async def _conditions(tx: AsyncConnection, office: Office, wanted: LogFilter) -> list[ColumnElement[bool]]:
    e = db.events.c
    found: list[ColumnElement[bool]] = []
    if wanted.kind:
        found.append(e.kind.startswith(wanted.kind, autoescape=True))
    if wanted.who:
        found.append(e.actor["id"].astext == wanted.who)
    if wanted.case:
        found.append(e.case_id == await _case_id(tx, office, wanted.case))
    if wanted.team_id is not None:
        found.append(e.teams.bool_op("@>")(cast([wanted.team_id], ARRAY(Uuid))))
    if wanted.since is not None:
        found.append(e.seq > await _seq_before(tx, office, wanted.since))
    if wanted.until is not None:
        found.append(e.seq <= await _seq_before(tx, office, wanted.until))
    return found


async def _case_id(tx: AsyncConnection, office: Office, said: str) -> UUID | None:
    """The case with this id or number; None for one that does not exist, of which nothing is found."""
    try:
        return UUID(said)
    except ValueError:
        pass
    if not said.isdecimal() or len(said) > 18:
        zh, en = "请输入案卷编号（数字）。", "A case is named by its number or id."
        raise Invalid(zh, en, field="case")
    c = db.cases.c
    query = select(c.id).where(c.city_id == office.city_id, c.number == int(said))
    return (await tx.execute(query)).scalar() or UUID(int=0)


async def _seq_before(tx: AsyncConnection, office: Office, moment: datetime) -> int:
    """The last sequence number recorded before a moment. Numbers follow each other in time, so it is found by halving: an
    index on the time would cost every event something, and this is asked rarely."""
    low, high = 0, (await log.head(tx, office.city_id))[0]
    e = db.events.c
    while low < high:
        middle = (low + high + 1) // 2
        at = select(e.recorded_at).where(e.city_id == office.city_id, e.seq == middle)
        recorded = (await tx.execute(at)).scalar()
        low, high = (middle, high) if recorded is not None and recorded < moment else (low, middle - 1)
    return low


def _may_see(office: Office, by: Actor) -> ColumnElement[bool]:
    """`visibility.may_see` as a condition, so that a page is full: per permission the kinds that it opens."""
    e = db.events.c
    first_word = func.split_part(e.kind, ".", 1)
    conditions: list[ColumnElement[bool]] = [literal(False)]
    for action in sorted(set(ACTIONS.values())):
        kinds = [word for word, needs in ACTIONS.items() if needs == action]
        where = [_within(scope, by) for scope in scopes(office.city.policy.roles, by, action)]
        if where:
            conditions.append(and_(first_word.in_(kinds), or_(*where)))
    return or_(*conditions)


def _within(scope: str, by: Actor) -> ColumnElement[bool]:
    e = db.events.c
    if scope == "all":
        return literal(True)
    if scope == "region" and by.regions:
        return e.regions.bool_op("&&")(cast(list(by.regions), ARRAY(Text)))
    if scope == "team" and by.team_id is not None:
        return e.teams.bool_op("@>")(cast([by.team_id], ARRAY(Uuid)))
    if scope == "facility" and by.facility_id is not None:
        return e.data["facilities"].bool_op("@>")(cast([str(by.facility_id)], JSONB))
    return literal(False)


async def _names(tx: AsyncConnection, office: Office, by: Actor, events: Iterable[log.Event]) -> dict[str, str]:
    ids = {event.actor["id"] for event in events if event.actor.get("kind") == "account"}
    a = db.accounts.c
    query = select(a.id, a.name, a.regions).where(a.city_id == office.city_id, cast(a.id, Text).in_(ids))
    roles = office.city.policy.roles
    return {
        str(row.id): row.name
        for row in await tx.execute(query)
        if str(row.id) == by.id or allowed(roles, by, "account:read", Object(regions=row.regions))
    }


async def _numbers(tx: AsyncConnection, office: Office, events: Iterable[log.Event]) -> dict[str, int]:
    c = db.cases.c
    ids = {event.case_id for event in events if event.case_id is not None}
    rows = await tx.execute(select(c.id, c.number).where(c.city_id == office.city_id, c.id.in_(ids)))
    return {str(row.id): row.number for row in rows}


async def _teams(tx: AsyncConnection, office: Office, events: Iterable[log.Event]) -> dict[str, str]:
    t = db.teams.c
    ids: set[Any] = {team_id for event in events for team_id in event.teams}
    rows = await tx.execute(select(t.id, t.name).where(t.city_id == office.city_id, t.id.in_(ids)))
    return {str(row.id): row.name for row in rows}
