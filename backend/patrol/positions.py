"""Fixes: where the teams say they are. Stored in batches, on duty only; the newest also stands in `presence`.

The way of a fix: judged (time, place) → written to the track → newest to presence → told to the live map.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text

from backend import metrics
from backend.errors import Invalid
from backend.geo.place import Crs, LonLat, locate
from backend.office import Office

AHEAD_S = 120.0
"""A phone's clock may be this far ahead; later fixes are refused rather than hide newer ones for ever."""
OLDEST = timedelta(days=3)
"""Fixes kept on a phone without network are taken up to this age."""


class Fix(Struct, frozen=True, kw_only=True):
    """One position as a phone sends it. lon, lat in `crs`; accuracy in metres, heading in degrees, speed in m/s."""

    at: datetime
    lon: float
    lat: float
    crs: Crs = Crs.WGS84
    accuracy_m: float | None = None
    heading_deg: float | None = None
    speed_m_s: float | None = None


class TeamFix(Struct, frozen=True, kw_only=True):
    """A judged fix of a team: WGS-84."""

    team_id: UUID
    at: datetime
    place: LonLat
    accuracy_m: float | None
    heading_deg: float | None
    speed_m_s: float | None


def judge(office: Office, team_id: UUID, fixes: Sequence[Fix], now: datetime) -> tuple[list[TeamFix], list[str]]:
    """The usable fixes, oldest first, and why others were not: one bad fix never costs the rest of the batch (I9)."""
    good: list[TeamFix] = []
    refused = [f"{fix.at.isoformat()} 时间须带时区 The time needs its zone." for fix in fixes if fix.at.tzinfo is None]
    for fix in sorted((fix for fix in fixes if fix.at.tzinfo is not None), key=lambda fix: fix.at):
        if fix.at > now + timedelta(seconds=AHEAD_S):
            refused.append(f"{fix.at.isoformat()} 手机时间超前 The phone's clock is ahead.")
        elif fix.at < now - OLDEST:
            refused.append(f"{fix.at.isoformat()} 已过期 Too old.")
        else:
            try:
                place = locate(fix.lon, fix.lat, fix.crs, office.city.area).place
            except Invalid as fault:
                refused.append(f"{fix.at.isoformat()} {fault.zh} {fault.en}")
                continue
            good.append(_judged(team_id, fix, place))
    metrics.FIXES_REFUSED.inc(len(refused))
    return good, refused


def _judged(team_id: UUID, fix: Fix, place: LonLat) -> TeamFix:
    return TeamFix(
        team_id=team_id,
        at=fix.at,
        place=place,
        accuracy_m=fix.accuracy_m,
        heading_deg=fix.heading_deg,
        speed_m_s=fix.speed_m_s,
    )


_TRACK = text("""
    WITH given AS (
        SELECT * FROM unnest(CAST(:teams AS uuid[]), CAST(:ats AS timestamptz[]), CAST(:lons AS float8[]),
                             CAST(:lats AS float8[]), CAST(:accuracies AS float8[]), CAST(:headings AS float8[]),
                             CAST(:speeds AS float8[]))
            AS g(team_id, at, lon, lat, accuracy_m, heading_deg, speed_m_s)
    ), held AS (
        -- In one order, so that two processes with fixes of the same teams do not wait for each other.
        SELECT team_id, state_since, fix_at FROM presence
        WHERE city_id = :city_id AND team_id = ANY (CAST(:teams AS uuid[])) AND state <> 'off_duty'
        ORDER BY team_id FOR NO KEY UPDATE
    ), tracked AS (
        INSERT INTO fixes (city_id, team_id, at, lon, lat, accuracy_m, heading_deg, speed_m_s, case_id)
        SELECT :city_id, g.team_id, g.at, g.lon, g.lat, g.accuracy_m, g.heading_deg, g.speed_m_s, c.id
        FROM given g
        JOIN held p ON p.team_id = g.team_id
        LEFT JOIN cases c ON c.city_id = :city_id AND c.team_id = g.team_id AND c.stage IN ('dispatched', 'handling')
        WHERE g.at >= p.state_since - interval '1 day'
        ON CONFLICT DO NOTHING
    )
    UPDATE presence p SET lon = n.lon, lat = n.lat, fix_at = n.at, accuracy_m = n.accuracy_m,
                          heading_deg = n.heading_deg, speed_m_s = n.speed_m_s
    FROM (SELECT DISTINCT ON (team_id) * FROM given ORDER BY team_id, at DESC) n
    JOIN held h ON h.team_id = n.team_id
    WHERE p.city_id = :city_id AND p.team_id = n.team_id AND (h.fix_at IS NULL OR h.fix_at < n.at)
    RETURNING p.team_id
""")


async def store(office: Office, fixes: Sequence[TeamFix]) -> list[TeamFix]:
    """Write judged fixes of any teams; the ones that are now their team's newest are returned, for the live map.

    Off duty nothing is kept (I12). The same fix twice is kept once.
    """
    if not fixes:
        return []
    columns = {
        "teams": [f.team_id for f in fixes],
        "ats": [f.at for f in fixes],
        "lons": [f.place.lon for f in fixes],
        "lats": [f.place.lat for f in fixes],
        "accuracies": [f.accuracy_m for f in fixes],
        "headings": [f.heading_deg for f in fixes],
        "speeds": [f.speed_m_s for f in fixes],
    }
    # Positions are not events: no log, no nudge.
    async with office.db.begin() as tx:
        moved = {row.team_id for row in await tx.execute(_TRACK, {"city_id": office.city_id, **columns})}
    newest = {fix.team_id: fix for fix in sorted(fixes, key=lambda fix: fix.at)}
    return [fix for team_id, fix in newest.items() if team_id in moved]
