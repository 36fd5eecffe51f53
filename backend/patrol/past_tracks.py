"""Where teams were: their stored fixes as lines, thinned to what a map can show.

The work follows from what is drawn, not from what is stored: per team and step of time one fix is looked up. Where a team sent
nothing for longer, the line ends and another begins. Begin at `tracks_of`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.office import Office

POINTS_OF_ONE: Final = 300
POINTS_OF_ALL: Final = 60_000
"""At most so many points of all teams together; each has its equal share, at least `POINTS_AT_LEAST`."""
POINTS_AT_LEAST: Final = 12
GAP_S: Final = 300.0
"""Longer without a fix, and nobody knows which way the team went."""

_SAMPLED = text("""
    SELECT t.team_id, f.at, f.lon, f.lat
    FROM unnest(CAST(:teams AS uuid[])) AS t(team_id)
    CROSS JOIN LATERAL generate_series(CAST(:since AS timestamptz), CAST(:until AS timestamptz), CAST(:step AS interval)) AS b(begins)
    CROSS JOIN LATERAL (
        SELECT x.at, x.lon, x.lat FROM fixes x
        WHERE x.city_id = :city_id AND x.team_id = t.team_id
          AND x.at >= b.begins AND x.at < b.begins + CAST(:step AS interval) AND x.at <= CAST(:until AS timestamptz)
        ORDER BY x.at LIMIT 1
    ) f
    ORDER BY t.team_id, f.at
""")
_LAST = text("""
    SELECT t.team_id, f.at, f.lon, f.lat
    FROM unnest(CAST(:teams AS uuid[])) AS t(team_id)
    CROSS JOIN LATERAL (
        SELECT x.at, x.lon, x.lat FROM fixes x
        WHERE x.city_id = :city_id AND x.team_id = t.team_id
          AND x.at >= CAST(:since AS timestamptz) AND x.at <= CAST(:until AS timestamptz)
        ORDER BY x.at DESC LIMIT 1
    ) f
""")


class Point(Struct, frozen=True):
    """Where a team was at a moment, WGS-84 degrees."""

    at: datetime
    lon: float
    lat: float


async def tracks_of(
    tx: AsyncConnection, office: Office, teams: Sequence[UUID], since: datetime, until: datetime
) -> dict[UUID, list[list[Point]]]:
    """Per team with any fix in that time its lines, oldest first. A line has one point at least."""
    if not teams or until <= since:
        return {}
    share = max(POINTS_AT_LEAST, min(POINTS_OF_ONE, POINTS_OF_ALL // len(teams)))
    step = (until - since) / share
    asked = {"city_id": office.city_id, "teams": list(teams), "since": since, "until": until}
    found: dict[UUID, list[Point]] = {}
    for team_id, *first in await tx.execute(_SAMPLED, {**asked, "step": step}):
        found.setdefault(team_id, []).append(Point(*first))
    for team_id, *newest in await tx.execute(_LAST, asked):
        last = Point(*newest)
        if last != found[team_id][-1]:
            found[team_id].append(last)
    # Two steps may lie between the first fixes of two neighbouring ones although nothing is missing.
    gap_s = max(GAP_S, 2 * step.total_seconds())
    return {team_id: split(points, gap_s) for team_id, points in found.items()}


def split(points: Sequence[Point], gap_s: float) -> list[list[Point]]:
    """One line for each stretch without a gap of more than `gap_s` seconds."""
    lines: list[list[Point]] = []
    for point in points:
        if lines and (point.at - lines[-1][-1].at).total_seconds() <= gap_s:
            lines[-1].append(point)
        else:
            lines.append([point])
    return lines
