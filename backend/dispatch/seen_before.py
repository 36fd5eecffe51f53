"""Where people were seen before: counts per cell, of the sightings that the asker may read. No words, no persons."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.dispatch.board import visible
from backend.geo.cells import RES_SWEEP, cell_of
from backend.geo.place import LonLat
from backend.office import Office


class CellCount(Struct, frozen=True):
    """An H3 cell of resolution 9 and how many sightings lie in it."""

    cell: str
    sightings: int


async def past_sightings(
    tx: AsyncConnection, office: Office, by: Actor, since: datetime, until: datetime
) -> list[CellCount]:
    """Received in that time, of cases whose sightings the actor may read; most first."""
    # Under names of their own: the condition asks these tables too, and must not be taken to mean these very rows.
    seen, part_of, c = db.sightings.alias("seen"), db.case_sightings.alias("part_of"), db.cases.c
    links = part_of.c
    query = (
        select(seen.c.lon, seen.c.lat)
        .join(part_of, (links.city_id == seen.c.city_id) & (links.sighting_id == seen.c.id) & links.left_at.is_(None))
        .join(db.cases, (c.city_id == links.city_id) & (c.id == links.case_id))
        .where(seen.c.city_id == office.city_id, seen.c.received_at >= since, seen.c.received_at <= until)
        .where(visible(office, by, "sighting:read"))
    )
    places = [(row.lon, row.lat) for row in await tx.execute(query)]
    # A month of a large city is a hundred thousand places: other requests go on meanwhile.
    return await asyncio.to_thread(_counted, places)


def _counted(places: Sequence[tuple[float, float]]) -> list[CellCount]:
    counts = Counter(cell_of(LonLat(lon, lat), RES_SWEEP) for lon, lat in places)
    return [CellCount(cell, n) for cell, n in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
