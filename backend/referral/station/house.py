"""Who lives in a station, and the place that somebody gets there; its row is held, so that two never take the last one."""

from collections import Counter
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.errors import Conflict
from backend.office import Office
from backend.referral.facilities import places
from backend.referral.facilities.facility import Facility
from backend.referral.facilities.fitting import place_for
from backend.referral.facilities.takes import PLACE_NAMES, PlaceKind, Someone, place_kinds


async def living_in(tx: AsyncConnection, office: Office, facility_id: UUID) -> Counter[PlaceKind]:
    """How many of its places have somebody in them, by kind."""
    s = db.stays.c
    here = (s.city_id == office.city_id) & (s.facility_id == facility_id) & (s.state == "present")
    rows = await tx.execute(select(s.place_kind, func.count()).where(here).group_by(s.place_kind))
    return Counter({row.place_kind: row[1] for row in rows})


async def place_in(
    tx: AsyncConnection, office: Office, house: Facility, one: Someone, now: datetime, *, kept: PlaceKind | None = None
) -> PlaceKind:
    """The kind of place somebody gets. Ask with the house locked. kept: what a referral has kept for them. Raises Conflict `full`."""
    held = (await places.held(tx, office, now, only=house.id))[house.id]
    if kept is not None:
        held[kept] -= 1
    room = places.room(house.capacity, house.places, held)
    kind = place_for(room, [one])
    if kind is None:
        zh, en = PLACE_NAMES[place_kinds([one])[0]]
        raise Conflict(
            f"{zh}已满，请转介到其他机构。", f"There is no room left ({en}): refer them to another house.", code="full"
        )
    return kind
