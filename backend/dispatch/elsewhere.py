"""Open cases of the last hour that were told alike but placed elsewhere: one story, and a caller who named the wrong street.

For a desk that takes calls, and only to ask "is it one of these?": nothing is ever joined by this. The places contradict each
other, so only what was said and what endangers them is compared; `duplicates` needs a place that fits. Begin at `told_alike`.
"""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch.board import visible
from backend.dispatch.lifecycle import OPEN_STAGES, Stage
from backend.geo.place import LonLat, distance_m
from backend.intake.duplicates import text_likeness
from backend.intake.report import Prepared
from backend.office import Office
from backend.personal import fields_of, open_

WITHIN = timedelta(hours=1)
RADIUS_M = 5_000.0
METRES_PER_DEGREE = 110_000.0
"""Of latitude, rather too few than too many: exact distances are judged afterwards."""
LOOKED_AT = 60
"""The latest so many sightings: each one's words are opened."""
ALIKE = 0.3
ALIKE_WITH_DANGER = 0.12
"""Likeness of words (0-1, by pairs of characters) that is worth a question; less where a danger is the same."""
_DESCRIPTION = next(field for field in fields_of(db.sightings) if field.name == "description")


class Alike(Struct, frozen=True, kw_only=True):
    """A case that was told alike. likeness: of the words, 0 to 1; dangers: those that both have."""

    case_id: UUID
    stage: Stage
    people_count: int
    distance_m: float
    elapsed_s: float
    likeness: float
    dangers: list[str]


async def told_alike(tx: AsyncConnection, office: Office, report: Prepared, *, but: Sequence[UUID]) -> list[Alike]:
    """The cases whose words are like the report's, the likest first; of those that its sender may read, words and all.

    but: cases that are suggested already, for their place.
    """
    kept, place = report.sighting, LonLat(report.sighting.lon, report.sighting.lat)
    likest: dict[UUID, Alike] = {}
    for row in await tx.execute(_recent(office, report, but)):
        away_m = distance_m(LonLat(row.lon, row.lat), place)
        if away_m > RADIUS_M:
            continue
        words = open_(office.ring, _DESCRIPTION, row.description_sealed, row.sighting_id) or ""
        one = Alike(
            case_id=row.id,
            stage=row.stage,
            people_count=row.people_count,
            distance_m=away_m,
            elapsed_s=abs((row.last_seen_at - kept.occurred_at).total_seconds()),
            likeness=text_likeness(kept.description or "", words),
            dangers=sorted({*row.dangers} & {*kept.dangers}),
        )
        if one.likeness >= max(ALIKE_WITH_DANGER if one.dangers else ALIKE, _likeness_of(likest.get(row.id))):
            likest[row.id] = one
    return sorted(likest.values(), key=lambda one: (-one.likeness, one.distance_m, one.case_id))


def _likeness_of(known: Alike | None) -> float:
    return known.likeness if known is not None else 0.0


def _recent(office: Office, report: Prepared, but: Sequence[UUID]) -> Select[Any]:
    """A row for each sighting of the open cases that were last seen within the hour, the latest first."""
    c, links, s, kept = db.cases.c, db.case_sightings, db.sightings, report.sighting
    lat_deg = RADIUS_M / METRES_PER_DEGREE
    lon_deg = lat_deg / max(0.1, math.cos(math.radians(kept.lat)))
    mine = visible(office, report.by) & visible(office, report.by, "sighting:read")
    return (
        select(c.id, c.stage, c.lon, c.lat, c.last_seen_at, c.people_count, c.dangers)
        .add_columns(s.c.id.label("sighting_id"), s.c.description_sealed)
        .join(links, (links.c.city_id == c.city_id) & (links.c.case_id == c.id) & links.c.left_at.is_(None))
        .join(s, (s.c.city_id == links.c.city_id) & (s.c.id == links.c.sighting_id))
        .where(
            c.city_id == office.city_id,
            c.stage.in_(sorted(OPEN_STAGES)),
            c.last_seen_at.between(kept.occurred_at - WITHIN, kept.occurred_at + WITHIN),
            c.lon.between(kept.lon - lon_deg, kept.lon + lon_deg),
            c.lat.between(kept.lat - lat_deg, kept.lat + lat_deg),
            c.id.not_in(but),
            s.c.description_sealed.is_not(None),
            mine,
        )
        .order_by(c.last_seen_at.desc(), c.id, s.c.id)
        .limit(LOOKED_AT)
    )
