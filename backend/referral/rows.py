"""Reading referrals for verbs: always the case first, then the referral, so that two verbs never wait for each other."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks
from backend.dispatch import find
from backend.dispatch.records import Referral
from backend.errors import NotFound
from backend.office import Office


async def lock(tx: AsyncConnection, office: Office, referral_id: UUID) -> Referral:
    """The referral, and before it the case it is about, held until the commit. Raises NotFound."""
    seen = await find_one(tx, office, referral_id)
    if seen.case_id is not None:
        await find.lock_case(tx, office, seen.case_id)
    return await _locked(tx, office, referral_id)


async def lock_unless_busy(tx: AsyncConnection, office: Office, referral_id: UUID) -> Referral | None:
    """For the worker: None when somebody holds the case."""
    seen = await find_one(tx, office, referral_id)
    if seen.case_id is not None and await find.lock_case_unless_busy(tx, office, seen.case_id) is None:
        return None
    return await _locked(tx, office, referral_id)


async def _locked(tx: AsyncConnection, office: Office, referral_id: UUID) -> Referral:
    query = find.rows_of(Referral, office, db.referrals.c.id == referral_id).with_for_update()
    return (await find.fetch(tx, office, Referral, query))[0]


async def find_one(tx: AsyncConnection, office: Office, referral_id: UUID) -> Referral:
    """Raises NotFound."""
    found = await find.fetch(tx, office, Referral, find.rows_of(Referral, office, db.referrals.c.id == referral_id))
    if not found:
        raise NotFound(
            "没有这项转介，或不在您的管辖范围内。", "There is no such referral, or it is outside what is yours."
        )
    return found[0]


async def next_number(tx: AsyncConnection, office: Office, now: datetime) -> int:
    """The next free number of the day (yyyymmdd00001 …), held until the commit."""
    await locks.hold(tx, f"referrals:{office.city_id}")
    lowest = office.city.local_day(now) * 100_000
    r = db.referrals.c
    query = select(func.max(r.number)).where(r.city_id == office.city_id, r.number.between(lowest, lowest + 99_999))
    return ((await tx.execute(query)).scalar() or lowest) + 1
