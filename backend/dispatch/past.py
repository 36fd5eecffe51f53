"""The board as it was at a moment, and the way there: for replays. Reads only.

`board_at` folds the events of the cases that were open then (or had closed within the day before) up to the number that the
log had reached, and takes the teams' duty from their last word and their places from the tracks. What somebody sees is
what they may see today. Not in the log, and therefore not as it was: addresses come from the case as it is (for whoever may
read the case, and gone with their time), and when the machine would look next (`search_at`, `fires_at`) is unknown.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import and_, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.dispatch import find, replay
from backend.dispatch.board import (
    ApprovalShown,
    distress_shown,
    may_see_call,
    may_see_referral,
    referral_shown,
    teams_of,
    visible,
)
from backend.dispatch.records import Case, DistressCall, Referral
from backend.errors import Invalid
from backend.live.visibility import may_see
from backend.office import Office
from backend.patrol.past_duty import Duty, duty_at

SHOWN_AFTER_CLOSING: Final = timedelta(days=1)
ALARMS: Final = (
    *("search.alarm", "case.not_reached", "clock.missed", "circle.gap_opened", "circle.gap_closed", "team.distress"),
)
DISTRESS: Final = ("team.distress", "team.distress_escalated", "team.distress_answered", "team.distress_over")
MARKS_AT_MOST: Final = 500
LONGEST: Final = timedelta(days=1)
AT_ONCE: Final = 500


class Mark(Struct, frozen=True, kw_only=True):
    """An event to jump to. at: when it was written down, which is the time that a replay goes by."""

    seq: int
    at: datetime
    kind: str
    case_id: UUID | None
    number: int | None


async def reached(tx: AsyncConnection, office: Office, at: datetime, now: datetime) -> int:
    """The number that the log had reached at a moment. Raises Invalid before its beginning and in the future."""
    if at > now:
        raise Invalid("回放时间不能在未来。", "The moment lies in the future.", field="at", code="in_the_future")
    last = await last_until(tx, office, at)
    if last == 0:
        raise Invalid("此时还没有任何记录。", "The log does not go back so far.", field="at", code="before_the_log")
    return last


async def last_until(tx: AsyncConnection, office: Office, at: datetime) -> int:
    """The last number written down at or before a moment; 0 for none. By halving: numbers have no holes and rise with time."""
    low, high = 0, (await log.head(tx, office.city_id))[0]
    e = db.events.c
    while low < high:
        middle = (low + high + 1) // 2
        query = select(e.recorded_at).where(e.city_id == office.city_id, e.seq == middle)
        written: datetime = (await tx.execute(query)).scalar_one()
        low, high = (middle, high) if written <= at else (low, middle - 1)
    return low


async def board_at(tx: AsyncConnection, office: Office, by: Actor, *, at: datetime, seq: int) -> dict[str, Any]:
    """The board in the shape of the live snapshot (`board.snapshot`), as it was when the log had reached `seq`."""
    seen = await _cases(tx, office, by, at)
    told = {id_ for id_, case in seen.items() if case.may_read_offers}
    then = await _folded(tx, office, list(seen), seq)
    cases = [
        {**row, "address": seen[UUID(row["id"])].address, "search_at": None}
        for row in then.get("cases", {}).values()
        if _was_shown(row, at)
    ]
    shown = {row["id"] for row in cases}
    offers = then.get("offers", {}).values()
    clocks = then.get("clocks", {}).values()
    asked = [row for row in then.get("approvals", {}).values() if row["state"] == "asked" and row["case_id"] in shown]
    return {
        "cases": cases,
        "offers": [
            o for o in offers if o["state"] == "offered" and o["case_id"] in shown and UUID(o["case_id"]) in told
        ],
        "clocks": [{**k, "fires_at": None} for k in clocks if k["ended_at"] is None and k["case_id"] in shown],
        "teams": await _teams(tx, office, by, at, seq),
        "approvals": [{name: row[name] for name in ApprovalShown.__struct_fields__} for row in asked],
        "distress_calls": await _distress_calls(tx, office, by, seq),
        "referrals": await _referrals(tx, office, by, at, seq),
    }


async def _referrals(tx: AsyncConnection, office: Office, by: Actor, at: datetime, seq: int) -> list[dict[str, Any]]:
    """The referrals that were not over then, as their own events left them; what was said of people is not asked for."""
    r, e, then = db.referrals.c, db.events.c, replay.Board()
    waited = (r.offered_at <= at, or_(r.ended_at.is_(None), r.ended_at > at))
    seen = await find.fetch(tx, office, Referral, find.rows_of(Referral, office, *waited))
    mine = {str(one.id) for one in seen if may_see_referral(office, by, one)}
    if not mine:
        return []
    before = await last_until(tx, office, min(one.offered_at for one in seen) - timedelta(microseconds=1))
    told = select(e.data["rows"]).where(e.city_id == office.city_id, e.seq > before, e.seq <= seq)
    for (rows,) in await tx.execute(told.where(e.data["rows"].has_key("referrals")).order_by(e.seq)):
        replay.lay(then, {"referrals": rows["referrals"]})
    known = [row for row in then.get("referrals", {}).values() if str(row["id"]) in mine and not row["ended_at"]]
    return [referral_shown(row) for row in known]


async def _distress_calls(tx: AsyncConnection, office: Office, by: Actor, seq: int) -> list[dict[str, Any]]:
    """The calls for help that were not over then."""
    e, then = db.events.c, replay.Board()
    query = select(e.data["rows"]).where(e.city_id == office.city_id, e.kind.in_(DISTRESS), e.seq <= seq)
    for (rows,) in await tx.execute(query.order_by(e.seq)):
        replay.lay(then, rows)
    open_ = [row for row in then.get("distress_calls", {}).values() if row["over_at"] is None]
    calls = [msgspec.convert({**row, "note": None, "escalates_at": None}, DistressCall) for row in open_]
    return [distress_shown(msgspec.to_builtins(call)) for call in calls if may_see_call(office, by, call)]


class _Seen(Struct, frozen=True):
    """What of a case is taken as it is today."""

    address: str | None
    may_read_offers: bool


async def _cases(tx: AsyncConnection, office: Office, by: Actor, at: datetime) -> dict[UUID, _Seen]:
    """The cases that may have been on the board then and that the actor may see now."""
    c = db.cases.c
    about = and_(c.opened_at <= at, or_(c.closed_at.is_(None), c.closed_at > at - SHOWN_AFTER_CLOSING))
    found = await find.fetch(tx, office, Case, find.rows_of(Case, office, about, visible(office, by)))
    readable = select(c.id).where(c.city_id == office.city_id, about, visible(office, by, "offer:read"))
    told = set((await tx.execute(readable)).scalars())
    return {case.id: _Seen(case.address, case.id in told) for case in found}


async def _folded(tx: AsyncConnection, office: Office, cases: list[UUID], seq: int) -> replay.Board:
    """The rows of these cases as their own events left them."""
    then: replay.Board = {}
    e = db.events.c
    query = select(e.data["rows"]).where(e.city_id == office.city_id, e.case_id.in_(cases), e.seq <= seq)
    told = query.where(e.data.has_key("rows")).order_by(e.seq).execution_options(yield_per=AT_ONCE)
    async for page in (await tx.stream(told)).partitions():  # others are served between two pages
        for (rows,) in page:
            replay.lay(then, rows)
    return then


def _was_shown(case: dict[str, Any], at: datetime) -> bool:
    closed = case["closed_at"]
    return closed is None or msgspec.convert(closed, datetime) > at - SHOWN_AFTER_CLOSING


_PLACES = text("""
    SELECT t.team_id, f.at AS fix_at, f.lon, f.lat, f.heading_deg
    FROM unnest(CAST(:teams AS uuid[])) AS t(team_id)
    CROSS JOIN LATERAL (
        SELECT at, lon, lat, heading_deg FROM fixes
        WHERE city_id = :city AND team_id = t.team_id AND at <= :at ORDER BY at DESC LIMIT 1
    ) AS f
""")
_NOWHERE: Final = {"fix_at": None, "lon": None, "lat": None, "heading_deg": None}


async def _teams(tx: AsyncConnection, office: Office, by: Actor, at: datetime, seq: int) -> list[dict[str, Any]]:
    """Who they are as it is today, their duty and places as they were. Off duty nobody is anywhere (DOMAIN §8)."""
    seen = await teams_of(tx, office, by)
    duties = await duty_at(tx, office, [UUID(team["id"]) for team in seen], at=at, seq=seq)
    out = [id_ for id_, duty in duties.items() if duty.state != "off_duty"]
    rows = await tx.execute(_PLACES, {"city": office.city_id, "teams": out, "at": at})
    places = {row.team_id: {name: getattr(row, name) for name in _NOWHERE} for row in rows}
    return [_as_shown(team, duties[UUID(team["id"])], places.get(UUID(team["id"]), _NOWHERE)) for team in seen]


def _as_shown(team: dict[str, Any], duty: Duty, place: dict[str, Any]) -> dict[str, Any]:
    told = {"state": duty.state, "state_since": duty.since, "shift_ends_at": duty.shift_ends_at}
    shown: dict[str, Any] = msgspec.to_builtins(team | told | place)
    return shown


class _Concerning(Struct, frozen=True):
    """What of an alarm decides who sees it; none of them is a facility's."""

    kind: str
    regions: list[str]
    teams: list[UUID]
    facilities: tuple[UUID, ...] = ()


async def marks(tx: AsyncConnection, office: Office, by: Actor, *, after: int, until: int) -> list[Mark]:
    """Alarms that the actor may see among the events with after < seq ≤ until, oldest first, `MARKS_AT_MOST` of them."""
    e, c = db.events.c, db.cases.c
    query = (
        select(e.seq, e.recorded_at, e.kind, e.case_id, c.number, e.regions, e.teams)
        .outerjoin(db.cases, (c.city_id == e.city_id) & (c.id == e.case_id))
        .where(e.city_id == office.city_id, e.seq > after, e.seq <= until, e.kind.in_(ALARMS))
        .order_by(e.seq)
        .limit(MARKS_AT_MOST)
    )
    roles = office.city.policy.roles
    return [
        Mark(seq=row.seq, at=row.recorded_at, kind=row.kind, case_id=row.case_id, number=row.number)
        for row in await tx.execute(query)
        if may_see(roles, by, _Concerning(row.kind, row.regions, row.teams))
    ]


def demand_span(start: datetime, end: datetime, longest: timedelta) -> None:
    """Raises Invalid for a span that ends before it begins, or is longer than may be asked for at once."""
    if end <= start:
        raise Invalid("结束时间应晚于开始时间。", "The end must lie after the beginning.", field="until")
    if end - start > longest:
        minutes = int(longest.total_seconds() // 60)
        raise Invalid(
            f"一次最多查询 {minutes} 分钟。", f"At most {minutes} minutes at once.", field="until", code="span_too_long"
        )
