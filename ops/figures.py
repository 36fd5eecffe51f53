"""What /metrics tells beyond what is counted as it happens: queues, lateness, and what this process holds in hand.

`look` asks the database, the same for every process; `look_at_process` this one. Names and meanings: backend.metrics.
"""

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import case, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import QueuePool

from backend import db, log, metrics
from backend.dispatch.group_filing import Filing
from backend.dispatch.lifecycle import OPEN_STAGES
from backend.live.hub import Hub
from backend.live.wire import Wire
from backend.notify import outbox
from backend.office import Office
from backend.patrol.tracks import Tracks

LATE = timedelta(seconds=10)
"""A worker looks every half second: what is due for longer than this waits for one."""
ALARMS = ("outside_circle", "no_team_free", "nobody_took_it")
CELLS = ("due", "leased", "covered", "dropped", "overdue")
WAYS = ("push", "sms", "webhook")
TIMERS = ("offer", "clock", "revisit", "search")


async def look(tx: AsyncConnection, office: Office, now: datetime) -> None:
    """Cases, queues and timers. now: the office's time, by which all of them were written down."""
    await _cases(tx, office)
    await _timers(tx, office, now)
    await _outbox(tx, office, now)
    await _sweeps(tx, office, now)
    r = db.retention_runs.c
    last = (await tx.execute(select(func.max(r.ended_at)).where(r.city_id == office.city_id))).scalar()
    metrics.RETENTION_RUN.set(last.timestamp() if last else 0)
    metrics.LOG_SEQ.set((await log.head(tx, office.city_id))[0])


def look_at_process(office: Office, hub: Hub, wire: Wire, filing: Filing, tracks: Tracks) -> None:
    """Sockets, connections and reports in hand."""
    inboxes = hub.inboxes()
    metrics.OPEN_SOCKETS.set(len(inboxes))
    metrics.INBOX_LONGEST.set(max((len(inbox.events) for inbox in inboxes), default=0))
    metrics.REDIS_UP.set(1 if wire.is_up else 0)
    metrics.FILING_WAITING.set(filing.waiting)
    metrics.TRACKS_WAITING.set(tracks.waiting)
    pool = cast("QueuePool", office.db.pool)
    metrics.POOL_IN_USE.set(pool.checkedout())
    metrics.POOL_LARGEST.set(pool.size() + pool._max_overflow)


async def _cases(tx: AsyncConnection, office: Office) -> None:
    c = db.cases.c
    mine = (c.city_id == office.city_id) & c.closed_at.is_(None)
    rows = await tx.execute(select(c.stage, func.count().label("cases")).where(mine).group_by(c.stage))
    counts = {row.stage: row.cases for row in rows}
    for stage in OPEN_STAGES:
        metrics.CASES.labels(stage).set(counts.get(stage, 0))
    searched = mine & (c.stage == "accepted") & c.alarm.is_not(None)
    rows = await tx.execute(select(c.alarm, func.count().label("cases")).where(searched).group_by(c.alarm))
    alarms = {row.alarm: row.cases for row in rows}
    for alarm in ALARMS:
        metrics.CASES_WITHOUT_TEAM.labels(alarm).set(alarms.get(alarm, 0))


async def _timers(tx: AsyncConnection, office: Office, now: datetime) -> None:
    o, c, r, s = db.offers.c, db.clocks.c, db.revisits.c, db.cases.c
    due = (
        ("offer", o.expires_at, (o.city_id == office.city_id) & (o.state == "offered")),
        ("clock", c.fires_at, c.city_id == office.city_id),
        ("revisit", r.due_at, (r.city_id == office.city_id) & (r.state == "due")),
        ("search", s.search_at, (s.city_id == office.city_id) & s.search_at.is_not(None)),
    )
    late = union_all(
        *(select(literal(what), func.count(), func.min(at)).where(where, at <= now - LATE) for what, at, where in due)
    )
    for what, count, since in await tx.execute(late):
        metrics.TIMERS_LATE.labels(what).set(count)
        metrics.TIMER_LATEST_S.labels(what).set((now - since).total_seconds() if since else 0)


async def _outbox(tx: AsyncConnection, office: Office, now: datetime) -> None:
    waiting = {one.way: one for one in await outbox.waiting(tx, office)}
    for way in WAYS:
        one = waiting.get(way)
        metrics.OUTBOX_WAITING.labels(way).set(one.count if one else 0)
        metrics.OUTBOX_OLDEST_S.labels(way).set((now - one.since).total_seconds() if one else 0)


async def _sweeps(tx: AsyncConnection, office: Office, now: datetime) -> None:
    c, z = db.sweep_cells.c, db.campaigns.c
    runs = select(z.id).where(z.city_id == office.city_id, z.state == "running")
    overdue = (c.due_at <= now) & c.state.in_(("due", "covered"))
    stands = case((overdue, "overdue"), else_=c.state)
    in_time = func.count().filter(c.looked_at.is_not(None) & (c.due_at > now) & (c.state != "dropped"))
    unserved = func.count().filter(c.unserved_since.is_not(None))
    query = select(stands, func.count(), in_time, unserved).where(c.city_id == office.city_id, c.campaign_id.in_(runs))
    found = {row[0]: row for row in await tx.execute(query.group_by(stands))}
    for state in CELLS:
        metrics.SWEEP_CELLS.labels(state).set(found[state][1] if state in found else 0)
    wanted = sum(row[1] for state, row in found.items() if state != "dropped")
    metrics.SWEEP_IN_TIME_SHARE.set(sum(row[2] for row in found.values()) / wanted if wanted else 1)
    metrics.SWEEP_UNSERVED.set(sum(row[3] for row in found.values()))
