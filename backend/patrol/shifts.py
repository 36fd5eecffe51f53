"""Shifts 班次: when each team is planned to work. Two of one team never overlap."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.once import Once, first_answer, keep_answer
from backend.access.permissions import Object, demand
from backend.errors import Conflict, Invalid, NotFound
from backend.live.visibility import may_follow
from backend.office import Office
from backend.patrol import duty
from backend.patrol.records import Team
from backend.patrol.teams import get_team

LONGEST: Final = timedelta(hours=36)
MOST_DAYS: Final = 31


class Shift(Struct, frozen=True, kw_only=True):
    """One planned shift of a team."""

    id: UUID
    team_id: UUID
    starts_at: datetime
    ends_at: datetime


_COLUMNS = [db.shifts.c[name] for name in Shift.__struct_fields__]


async def list_shifts(
    tx: AsyncConnection, office: Office, by: Actor, since: datetime, until: datetime, team_id: UUID | None = None
) -> list[Shift]:
    """The shifts that touch the time between, of the teams that the actor may see. Raises Invalid, NotAllowed."""
    demand(office.city.policy.roles, by, "team:read")
    if not timedelta(0) < until - since <= timedelta(days=MOST_DAYS):
        raise Invalid(f"时间范围应在 {MOST_DAYS} 天以内。", f"Ask for {MOST_DAYS} days at most.", field="until")
    s, t = db.shifts.c, db.teams.c
    wanted = [s.city_id == office.city_id, s.ends_at > since, s.starts_at < until]
    if team_id is not None:
        wanted.append(s.team_id == team_id)
    query = select(*_COLUMNS, t.regions).join(db.teams, and_(t.city_id == s.city_id, t.id == s.team_id, t.active))
    rows = await tx.execute(query.where(*wanted).order_by(s.starts_at, t.code))
    roles, lineage = office.city.policy.roles, office.city.lineage
    return [
        Shift(id=row.id, team_id=row.team_id, starts_at=row.starts_at, ends_at=row.ends_at)
        for row in rows
        if may_follow(roles, by, team_id=row.team_id, regions=lineage(row.regions))
    ]


async def set_shift(office: Office, shift: Shift, *, by: Actor, now: datetime, command: Once) -> Shift:
    """Add a shift, or give one that is there other times. Raises Invalid, Conflict `overlaps`, NotFound, NotAllowed."""
    _check(shift)
    async with office.begin() as tx:
        if (first := await first_answer(tx, office, command)) is not None:
            return msgspec.convert(first, Shift)
        await duty.hold(tx, office, shift.team_id)
        team = await _team(tx, office, shift.team_id, by)
        await _demand_own(tx, office, shift)
        await _refuse_overlap(tx, office, team, shift)
        values = msgspec.structs.asdict(shift)
        written = insert(db.shifts).values(city_id=office.city_id, **values)
        fresh = {"starts_at": shift.starts_at, "ends_at": shift.ends_at}
        await tx.execute(written.on_conflict_do_update(index_elements=["city_id", "id"], set_=fresh))
        await keep_answer(tx, office, command, shift)
        await _tell(tx, office, "team.shift_set", team, values, by, now)
    return shift


async def cancel_shift(office: Office, shift_id: UUID, *, by: Actor, now: datetime, command: Once) -> Shift:
    """It is not worked. Raises NotFound, NotAllowed."""
    async with office.begin() as tx:
        if (first := await first_answer(tx, office, command)) is not None:
            return msgspec.convert(first, Shift)
        shift = await _find(tx, office, shift_id)
        if shift is None:
            demand(office.city.policy.roles, by, "team:write")
            raise NotFound("没有这个班次。", "There is no such shift.")
        await duty.hold(tx, office, shift.team_id)
        team = await _team(tx, office, shift.team_id, by)
        await tx.execute(delete(db.shifts).where(_is(office, shift_id)))
        await keep_answer(tx, office, command, shift)
        row = {**msgspec.structs.asdict(shift), "cancelled": True}
        await _tell(tx, office, "team.shift_cancelled", team, row, by, now)
    return shift


def _check(shift: Shift) -> None:
    if shift.starts_at.tzinfo is None or shift.ends_at.tzinfo is None:
        raise Invalid("时间必须带时区。", "A time needs its zone.", field="starts_at")
    if shift.ends_at <= shift.starts_at:
        raise Invalid("结束时间须晚于开始时间。", "A shift ends after it starts.", field="ends_at")
    if shift.ends_at - shift.starts_at > LONGEST:
        raise Invalid("一个班次不超过 36 小时。", "A shift is 36 hours at most.", field="ends_at")


async def _team(tx: AsyncConnection, office: Office, team_id: UUID, by: Actor) -> Team:
    roles = office.city.policy.roles
    demand(roles, by, "team:write")
    team = await get_team(tx, office, team_id)
    demand(roles, by, "team:write", Object(regions=office.city.lineage(team.regions), teams=[team_id]))
    return team


def _is(office: Office, shift_id: UUID) -> Any:
    return and_(db.shifts.c.city_id == office.city_id, db.shifts.c.id == shift_id)


async def _find(tx: AsyncConnection, office: Office, shift_id: UUID) -> Shift | None:
    row = (await tx.execute(select(*_COLUMNS).where(_is(office, shift_id)))).first()
    return Shift(**row._mapping) if row else None


async def _demand_own(tx: AsyncConnection, office: Office, shift: Shift) -> None:
    held = await _find(tx, office, shift.id)
    if held is not None and held.team_id != shift.team_id:
        raise Conflict("这个班次属于另一支队伍。", "This shift is another team's.", code="other_team")


async def _refuse_overlap(tx: AsyncConnection, office: Office, team: Team, shift: Shift) -> None:
    s = db.shifts.c
    others = and_(s.city_id == office.city_id, s.team_id == shift.team_id, s.id != shift.id)
    query = select(s.starts_at, s.ends_at).where(others, s.starts_at < shift.ends_at, s.ends_at > shift.starts_at)
    other = (await tx.execute(query.order_by(s.starts_at).limit(1))).first()
    if other is not None:
        begin, end = (at.astimezone(office.city.zone).strftime("%m-%d %H:%M") for at in other)
        raise Conflict(
            f"{team.name} 已有 {begin} 至 {end} 的班次，时间重叠。",
            f"{team.name} already has a shift from {begin} to {end}: they overlap.",
            code="overlaps",
            field="starts_at",
        )


async def _tell(
    tx: AsyncConnection, office: Office, kind: str, team: Team, row: dict[str, Any], by: Actor, now: datetime
) -> None:
    """The shift, and when the team's running shift ends now, if it works."""
    rows: dict[str, Any] = {"shifts": [row]}
    held = await duty.get_presence(tx, office, team.id, lock=True)
    ends_at = await duty.shift_end(tx, office, team.id, now)
    if held.state != "off_duty" and ends_at != held.shift_ends_at:
        mine = and_(db.presence.c.city_id == office.city_id, db.presence.c.team_id == team.id)
        await tx.execute(update(db.presence).where(mine).values(shift_ends_at=ends_at))
        rows["teams"] = [{"id": team.id, "shift_ends_at": ends_at}]
    regions = office.city.lineage(team.regions)
    entry = log.Entry(kind=kind, actor=by, occurred_at=now, data={"rows": rows}, regions=regions, teams=[team.id])
    await log.append(tx, office.city_id, [entry], now=now)
