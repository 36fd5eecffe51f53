"""On duty, off duty, resting: a team's presence, and who of its members speaks for it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import and_, exists, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import locks, log
from backend.access.actor import Actor
from backend.access.once import Once, first_answer, keep_answer
from backend.db import cases, offers, presence, shifts
from backend.errors import Conflict, Invalid, NotFound
from backend.office import Office
from backend.patrol.teams import get_team

DutyState = Literal["off_duty", "on_duty", "resting"]
STATES: dict[str, tuple[str, str]] = {
    "off_duty": ("下班", "off duty"),
    "on_duty": ("在岗", "on duty"),
    "resting": ("休整", "resting"),
}


class Presence(Struct, frozen=True, kw_only=True):
    """Where and in which state a team is. Places in WGS-84 degrees, None before the first fix."""

    team_id: UUID
    state: DutyState
    state_since: datetime
    shift_ends_at: datetime | None
    lon: float | None
    lat: float | None
    fix_at: datetime | None
    heading_deg: float | None
    speed_m_s: float | None


# A team is held by a lock of its own until the commit: its row in `presence` is busy with every fix of its phone.

_COLUMNS = [presence.c[name] for name in Presence.__struct_fields__]


async def get_presence(tx: AsyncConnection, office: Office, team_id: UUID, *, lock: bool = False) -> Presence:
    """A team's presence; with `lock` held until the commit. Raises NotFound."""
    query = select(*_COLUMNS).where(presence.c.city_id == office.city_id, presence.c.team_id == team_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).first()
    if row is None:
        raise NotFound("没有这支巡查队。", "There is no such team.")
    return Presence(**row._mapping)


async def set_duty(
    office: Office, team_id: UUID, state: str, *, by: Actor, now: datetime, command_id: UUID | None = None
) -> Presence:
    """Change a team's state. Raises Conflict while it holds an offer or a case: those are settled first.

    command_id: made by a phone that may send it twice; the second time nothing changes, whoever changed it since (I8).
    """
    if state not in STATES:
        raise Invalid("状态只能是在岗、休整或下班。", "The state is on_duty, resting or off_duty.", field="state")
    once = Once(id=command_id, name="team.duty", by=by, now=now, wants={"team_id": str(team_id), "state": state})
    async with office.begin() as tx:
        if await first_answer(tx, office, once) is not None:
            return await get_presence(tx, office, team_id)
        team = await get_team(tx, office, team_id)
        await hold(tx, office, team_id)
        held = await get_presence(tx, office, team_id, lock=True)
        if held.state == state:
            await keep_answer(tx, office, once, held)
            return held
        if state != "on_duty":
            await _refuse_while_needed(tx, office, team_id)
        ends = await shift_end(tx, office, team_id, now) if state != "off_duty" else None
        mine = and_(presence.c.city_id == office.city_id, presence.c.team_id == team_id)
        await tx.execute(update(presence).where(mine).values(state=state, state_since=now, shift_ends_at=ends))
        entry = log.Entry(
            kind=f"team.{state}",
            actor=by,
            occurred_at=now,
            data={"team_id": team_id, "state": state, "before": held.state, "shift_ends_at": ends, "size": team.size},
            regions=office.city.lineage(team.regions),
            teams=[team_id],
        )
        await log.append(tx, office.city_id, [entry], now=now)
        changed = await get_presence(tx, office, team_id)
        await keep_answer(tx, office, once, changed)
        return changed


async def hold(tx: AsyncConnection, office: Office, team_id: UUID) -> None:
    """Keep others from changing the team until the commit."""
    await locks.hold(tx, f"team:{office.city_id}:{team_id}")


async def _refuse_while_needed(tx: AsyncConnection, office: Office, team_id: UUID) -> None:
    live = and_(offers.c.city_id == office.city_id, offers.c.team_id == team_id, offers.c.state == "offered")
    busy = and_(cases.c.city_id == office.city_id, cases.c.team_id == team_id)
    has_offer, has_case = (await tx.execute(select(exists().where(live), exists().where(busy)))).one()
    if has_offer:
        raise Conflict("请先答复当前派遣。", "Answer the offer first.", code="offer_open")
    if has_case:
        raise Conflict("请先办结或交回当前案卷。", "Finish or hand back the case first.", code="case_open")


async def shift_end(tx: AsyncConnection, office: Office, team_id: UUID, now: datetime) -> datetime | None:
    """When the shift that runs now ends; None when none is planned (then nobody ends it but the team)."""
    running = and_(shifts.c.city_id == office.city_id, shifts.c.team_id == team_id, shifts.c.starts_at <= now)
    query = select(shifts.c.ends_at).where(running, shifts.c.ends_at > now).order_by(shifts.c.ends_at.desc()).limit(1)
    return (await tx.execute(query)).scalar()


async def lock_if_free(tx: AsyncConnection, office: Office, team_id: UUID) -> bool:
    """For a verb that offers or assigns: hold the team if it is on duty and nobody else holds it, and say so.

    A team that another verb holds at this instant counts as not free; the searcher takes the next one.
    """
    if not await locks.try_to_hold(tx, f"team:{office.city_id}:{team_id}"):
        return False
    query = select(presence.c.state).where(presence.c.city_id == office.city_id, presence.c.team_id == team_id)
    if (await tx.execute(query)).scalar() != "on_duty":
        return False
    taken = text("""
        SELECT EXISTS (SELECT FROM offers WHERE city_id = :c AND team_id = :t AND state = 'offered')
            OR EXISTS (SELECT FROM cases WHERE city_id = :c AND team_id = :t AND stage IN ('dispatched', 'handling'))
    """)
    return not (await tx.execute(taken, {"c": office.city_id, "t": team_id})).scalar_one()
