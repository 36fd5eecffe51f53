"""Referrals that wait: nobody answers, nobody comes, nobody signs (I14). Begin at `fire`, one of the worker's timers.

An offer that is not answered in time goes to the receiver once more, to the dispatcher, to the shift leader; after that it ends,
its place is free, and both desk and crew are told to find another: it never stays "sent". An accepted one that nobody uses ends when
its place is kept no longer. Whoever has arrived and is not handed over is told of further and further up, and stays an alarm.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import referred
from backend.dispatch.change import Change, Command, record
from backend.dispatch.records import Referral
from backend.office import Office
from backend.referral import rows
from backend.referral.states import step

CHAIN: Final = ("receiver", "dispatcher", "shift_leader")
"""Who is told at each rung. A receiver without an account here (an office, a ward) is passed over: its rung is the dispatcher's."""


async def due(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 200) -> list[UUID]:
    """The referrals of which somebody must be told now, longest due first."""
    r = db.referrals.c
    query = select(r.id).where(r.city_id == office.city_id, r.fires_at <= now)
    return list((await tx.execute(query.order_by(r.fires_at).limit(limit))).scalars())


async def fire(office: Office, referral_id: UUID, command: Command) -> bool:
    """The next thing that time does to a referral. False when somebody has acted meanwhile, or holds it (I5)."""
    async with office.begin() as tx:
        before = await rows.lock_unless_busy(tx, office, referral_id)
        if before is None or before.fires_at is None or before.fires_at > command.now:
            return False
        change = await _next(tx, office, before, command.now)
        await record(tx, office, command, change)
        return True


async def _next(tx: AsyncConnection, office: Office, before: Referral, now: datetime) -> Change:
    if before.state == "accepted":
        return await _given_up(tx, office, before, "not_come", now)
    told = await _rung(tx, office, before)
    if before.state == "offered" and told is None:
        return await _given_up(tx, office, before, "not_answered", now)
    return _climbed(office, before, len(CHAIN) - 1 if told is None else told, now)


async def _rung(tx: AsyncConnection, office: Office, before: Referral) -> int | None:
    """The rung that is told now, by its place in the chain; None above the top."""
    rung = before.level
    if rung == 0 and not await _has_staff(tx, office, before.to_facility):
        rung = 1
    return rung if rung < len(CHAIN) else None


async def _has_staff(tx: AsyncConnection, office: Office, facility_id: UUID | None) -> bool:
    a = db.accounts.c
    query = select(func.count()).where(a.city_id == office.city_id, a.facility_id == facility_id, a.active)
    return facility_id is not None and (await tx.execute(query)).scalar_one() > 0


def _climbed(office: Office, before: Referral, rung: int, now: datetime) -> Change:
    again = now + timedelta(seconds=office.city.policy.referral.answer_step.seconds)
    alarm = "hand_over_waits" if before.state == "arrived" else "not_answered"
    after = msgspec.structs.replace(before, level=rung + 1, alarm=alarm, fires_at=again)
    kind = "referral.hand_over_waits" if before.state == "arrived" else "referral.escalated"
    return referred.change_of(kind, [(before, after)], after, told=[CHAIN[rung]], alarm=alarm, level=after.level)


async def _given_up(tx: AsyncConnection, office: Office, before: Referral, because: str, now: datetime) -> Change:
    state = step(before.state, "give_up")
    over = await referred.ended(tx, office, before, now, state=state, because=because, alarm=None)
    told = ["giver", "receiver", "dispatcher", *(["shift_leader"] if because == "not_answered" else [])]
    return referred.change_of("referral.not_used", over, before, told=told, alarm=because, because=because)
