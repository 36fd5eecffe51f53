"""How a hand-over note begins by itself: what is open, late, alarming, who is out, what waits for an answer. Reads only."""

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.dispatch.approvals import ACTIONS
from backend.dispatch.board import may_see_team, visible
from backend.dispatch.lifecycle import OPEN_STAGES, STAGE_NAMES
from backend.dispatch.shift_notes import ACTION
from backend.office import Office
from backend.patrol.duty import STATES

NUMBERS_SHOWN = 8
CLOCKS = {
    "accept": ("受理", "accept"),
    "on_spot": ("到场", "on the spot"),
    "feedback": ("反馈", "feedback"),
    "verify": ("核查", "verify"),
    "whole": ("全案", "whole case"),
}
ALARMS = {
    "outside_circle": ("救助圈外", "outside the circle"),
    "no_team_free": ("无空闲队伍", "no team free"),
    "nobody_took_it": ("无队伍接受", "nobody took it"),
}


class Line(Struct, frozen=True):
    """One line of the note in both languages."""

    zh: str
    en: str


async def draft(tx: AsyncConnection, office: Office, by: Actor) -> list[Line]:
    """The lines, about what the actor may approve in; numbers as they are in this transaction."""
    demand(office.city.policy.roles, by, ACTION)
    mine = (db.cases.c.city_id == office.city_id) & visible(office, by, ACTION)
    return [
        await _open_cases(tx, mine),
        *await _urgent(tx, mine),
        await _overdue(tx, office, mine),
        await _alarms(tx, office, mine),
        await _teams(tx, office, by),
        await _approvals(tx, office, mine),
    ]


async def _open_cases(tx: AsyncConnection, mine: ColumnElement[bool]) -> Line:
    c = db.cases.c
    rows = await tx.execute(select(c.stage, func.count()).where(mine, c.closed_at.is_(None)).group_by(c.stage))
    counts = {row[0]: row[1] for row in rows}
    ordered = {stage: counts[stage] for stage in STAGE_NAMES if stage in OPEN_STAGES and stage in counts}
    zh, en = _listed(ordered, STAGE_NAMES)  # type: ignore[arg-type]
    total = sum(ordered.values())
    return Line(f"未结案卷 {total} 件{zh}", f"Open cases: {total}{en}")


async def _urgent(tx: AsyncConnection, mine: ColumnElement[bool]) -> list[Line]:
    c = db.cases.c
    query = select(c.number).where(mine, c.closed_at.is_(None), c.priority == "critical").order_by(c.number)
    numbers = [str(number) for number in (await tx.execute(query)).scalars()]
    if not numbers:
        return []
    more = " …" if len(numbers) > NUMBERS_SHOWN else ""
    zh, en = "、".join(numbers[:NUMBERS_SHOWN]), ", ".join(numbers[:NUMBERS_SHOWN])
    return [Line(f"其中危急 {len(numbers)} 件：{zh}{more}", f"Critical among them: {len(numbers)}: {en}{more}")]


async def _overdue(tx: AsyncConnection, office: Office, mine: ColumnElement[bool]) -> Line:
    k, c = db.clocks.c, db.cases.c
    late = (k.city_id == office.city_id) & (k.state == "missed") & k.ended_at.is_(None)
    query = select(k.kind, func.count()).join(db.cases, (c.city_id == k.city_id) & (c.id == k.case_id))
    counts = {row[0]: row[1] for row in await tx.execute(query.where(late, mine).group_by(k.kind))}
    zh, en = _listed(counts, CLOCKS)
    total = sum(counts.values())
    return Line(f"超期未完成时限 {total} 个{zh}", f"Clocks over and still open: {total}{en}")


async def _alarms(tx: AsyncConnection, office: Office, mine: ColumnElement[bool]) -> Line:
    c, a = db.cases.c, db.circle_alarms.c
    query = select(c.alarm, func.count()).where(mine, c.closed_at.is_(None), c.alarm.is_not(None)).group_by(c.alarm)
    counts = {row[0]: row[1] for row in await tx.execute(query)}
    gap = select(func.count()).where(a.city_id == office.city_id, a.closed_at.is_(None))
    is_open = (await tx.execute(gap)).scalar_one() > 0
    zh, en = _listed(counts, ALARMS)
    total = sum(counts.values())
    return Line(
        f"搜寻报警 {total} 件{zh}；救助圈缺口报警{'未解除' if is_open else '无'}",
        f"Alarms of the search: {total}{en}; alarm of a gap in the circle: {'open' if is_open else 'none'}",
    )


async def _teams(tx: AsyncConnection, office: Office, by: Actor) -> Line:
    t, p, c = db.teams, db.presence, db.cases.c
    busy = select(c.team_id).where(c.city_id == office.city_id, c.team_id.is_not(None))
    query = (
        select(t.c.id, t.c.regions, p.c.state, t.c.id.in_(busy).label("busy"))
        .join(p, (p.c.city_id == t.c.city_id) & (p.c.team_id == t.c.id))
        .where(t.c.city_id == office.city_id, t.c.active)
    )
    seen = [row for row in await tx.execute(query) if may_see_team(office, by, row.id, row.regions)]
    counts = {state: sum(row.state == state for row in seen) for state in STATES}
    zh, en = _listed({state: count for state, count in counts.items() if count}, STATES)
    out = sum(row.busy for row in seen)
    return Line(f"队伍 {len(seen)} 支{zh}，其中办案中 {out} 支", f"Teams: {len(seen)}{en}; on a case: {out}")


async def _approvals(tx: AsyncConnection, office: Office, mine: ColumnElement[bool]) -> Line:
    a, c = db.approvals.c, db.cases.c
    query = select(a.action, func.count()).join(db.cases, (c.city_id == a.city_id) & (c.id == a.case_id))
    waiting = (a.city_id == office.city_id) & (a.state == "asked")
    counts = {row[0]: row[1] for row in await tx.execute(query.where(waiting, mine).group_by(a.action))}
    zh, en = _listed(counts, ACTIONS)
    total = sum(counts.values())
    return Line(f"待审批 {total} 项{zh}", f"Waiting for approval: {total}{en}")


def _listed(counts: Mapping[str, int], names: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """ "（已派遣在途 3、处置中 2）" and " (… 3, … 2)"; nothing for nothing."""
    if not counts:
        return "", ""
    zh = "、".join(f"{names.get(code, (code, code))[0]} {count}" for code, count in counts.items())
    en = ", ".join(f"{names.get(code, (code, code))[1]} {count}" for code, count in counts.items())
    return f"（{zh}）", f" ({en})"
