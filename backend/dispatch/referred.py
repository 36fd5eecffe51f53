"""Referrals as the loop has to know them: how one ends, and that what was asked for a case ends with the case.

What a referral is and who does what with it is in `backend.referral`. Begin at `withdrawn_with`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import find
from backend.dispatch.change import Change
from backend.dispatch.records import Case, Referral, ReferralPerson, ReferralState
from backend.office import Office

ON_THE_WAY: Final[frozenset[ReferralState]] = frozenset({"offered", "accepted"})
"""Asked, or expected. Whoever stands at the door already is handed over or refused there, whatever becomes of the case."""

Because = Literal["handled_otherwise", "case_voided", "case_joined", "stay_ended"]


async def withdrawn_with(
    tx: AsyncConnection,
    office: Office,
    case: Case,
    because: Because,
    now: datetime,
    states: Collection[ReferralState] = ON_THE_WAY,
) -> list[Change]:
    """What the crew or the desk has asked of others for a case, taken back with it: the places are free, and both sides are told.
    Ask with the case held."""
    r = db.referrals.c
    mine = (r.case_id == case.id, r.state.in_(states), r.from_kind.in_(("team", "desk")))
    live = await find.fetch(tx, office, Referral, find.rows_of(Referral, office, *mine).with_for_update())
    return [await withdrawn(tx, office, before, because, now) for before in live]


async def withdrawn(tx: AsyncConnection, office: Office, before: Referral, because: Because, now: datetime) -> Change:
    """One that is held, taken back because of something else that happened."""
    over = await ended(tx, office, before, now, state="withdrawn", because=because, alarm=None)
    told = ["giver", "receiver"] if because in ("case_voided", "case_joined") else ["receiver"]
    return change_of("referral.withdrawn", over, before, told=told, was=before.state, because=because)


async def people_of(tx: AsyncConnection, office: Office, referral_ids: Sequence[UUID]) -> list[ReferralPerson]:
    """Who is referred, in the order of the records."""
    p = db.referral_people.c
    query = find.rows_of(ReferralPerson, office, p.referral_id.in_(referral_ids)).order_by(p.person_index, p.id)
    return await find.fetch(tx, office, ReferralPerson, query)


async def ended(
    tx: AsyncConnection, office: Office, before: Referral, now: datetime, **values: Any
) -> list[tuple[Referral | ReferralPerson, Referral | ReferralPerson]]:
    """The referral over, and its people free to be referred elsewhere: rows before and after."""
    after = msgspec.structs.replace(before, ended_at=now, fires_at=None, **values)
    people = await people_of(tx, office, [before.id])
    return [(before, after), *((one, msgspec.structs.replace(one, live=False)) for one in people)]


def change_of(kind: str, rows: Any, after: Referral, **facts: Any) -> Change:
    """What happened to a referral, told to both sides."""
    return Change(
        kind=kind,
        rows=rows,
        facts={"number": after.number, **facts},
        regions=after.regions,
        teams=after.teams(),
        facilities=after.facilities(),
        case_id=after.case_id,
    )
