"""Fixes: where the teams say they are. Stored in batches, on duty only; the newest also stands in `presence`.

The way of a fix: judged (time, place) → written to the track → newest to presence → told to the live map. Whoever reads tracks as
they grow is told in `presence.late_from` of fixes that came out of order.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

from asyncpg import UniqueViolationError
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

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


class Held(Struct, frozen=True):
    """A team as its positions find it. case_id: the case it is on, if any; regions: the team's."""

    duty: str
    duty_since: datetime
    fix_at: datetime | None
    case_id: UUID | None
    regions: list[str]


class Stored(Struct, frozen=True):
    """What became of a batch. newest: the fixes that are now their team's newest, for the live map."""

    newest: dict[UUID, TeamFix]
    teams: dict[UUID, Held]


_FOUND = text("""
    SELECT p.team_id, p.state, p.state_since, p.fix_at, c.id, t.regions
    FROM presence p
    JOIN teams t ON t.city_id = p.city_id AND t.id = p.team_id
    LEFT JOIN cases c ON c.city_id = p.city_id AND c.team_id = p.team_id AND c.stage IN ('dispatched', 'handling')
    WHERE p.city_id = :city_id AND p.team_id = ANY (CAST(:teams AS uuid[]))
""")
_TRACK = text("""
    INSERT INTO fixes (city_id, team_id, at, lon, lat, accuracy_m, heading_deg, speed_m_s, case_id)
    SELECT * FROM unnest(CAST(:city_ids AS text[]), CAST(:teams AS uuid[]), CAST(:ats AS timestamptz[]), CAST(:lons AS float8[]),
                         CAST(:lats AS float8[]), CAST(:accuracies AS float8[]), CAST(:headings AS float8[]),
                         CAST(:speeds AS float8[]), CAST(:cases AS uuid[]))
    ON CONFLICT DO NOTHING
""")
_TRACK_COLUMNS = ("city_id", "team_id", "at", "lon", "lat", "accuracy_m", "heading_deg", "speed_m_s", "case_id")
_TRACK_NAMES = ("city_ids", "teams", "ats", "lons", "lats", "accuracies", "headings", "speeds", "cases")
# Where several phones of a team send at once, the row's lock settles whose fixes came late: each is compared with what stands there.
_MOVE = text("""
    UPDATE presence p SET
        late_from = CASE WHEN p.fix_at >= n.first_at THEN LEAST(p.late_from, n.first_at) ELSE p.late_from END,
        lon = CASE WHEN n.at > p.fix_at OR p.fix_at IS NULL THEN n.lon ELSE p.lon END,
        lat = CASE WHEN n.at > p.fix_at OR p.fix_at IS NULL THEN n.lat ELSE p.lat END,
        accuracy_m = CASE WHEN n.at > p.fix_at OR p.fix_at IS NULL THEN n.accuracy_m ELSE p.accuracy_m END,
        heading_deg = CASE WHEN n.at > p.fix_at OR p.fix_at IS NULL THEN n.heading_deg ELSE p.heading_deg END,
        speed_m_s = CASE WHEN n.at > p.fix_at OR p.fix_at IS NULL THEN n.speed_m_s ELSE p.speed_m_s END,
        fix_at = GREATEST(p.fix_at, n.at)
    FROM unnest(CAST(:teams AS uuid[]), CAST(:firsts AS timestamptz[]), CAST(:ats AS timestamptz[]), CAST(:lons AS float8[]),
                CAST(:lats AS float8[]), CAST(:accuracies AS float8[]), CAST(:headings AS float8[]), CAST(:speeds AS float8[]))
        AS n(team_id, first_at, at, lon, lat, accuracy_m, heading_deg, speed_m_s)
    WHERE p.city_id = :city_id AND p.team_id = n.team_id AND p.state <> 'off_duty'
    RETURNING p.team_id, p.fix_at = n.at AS is_newest
""")
_AT = attrgetter("at")
FEW = 12
"""Up to so many are written in the way that bears repeats; more by COPY, which is several times quicker and does not."""
BEFORE_DUTY = timedelta(days=1)
"""Fixes from before the team came on duty are taken up to this much earlier: a phone may have been late to say so."""


async def store(office: Office, fixes: Sequence[TeamFix], also: Sequence[UUID] = ()) -> Stored:
    """Write judged fixes of any teams; also: teams to tell of that have no usable fix.

    Off duty nothing is kept (I12). The same fix twice is kept once.
    """
    ways = _by_team(fixes)
    newest = {team_id: max(way, key=_AT) for team_id, way in ways.items()}
    # Positions are not events: no log, no nudge.
    async with office.db.begin() as tx:
        rows = await tx.execute(_FOUND, {"city_id": office.city_id, "teams": list({*newest, *also})})
        held = {team_id: Held(*found) for team_id, *found in rows}
        on_duty = {team_id: team for team_id, team in held.items() if team.duty != "off_duty"}
        await _track(tx, office.city_id, ways, on_duty)
        # In one order, so that two processes with positions of the same teams hardly ever wait for each other.
        news = sorted((fix for team_id, fix in newest.items() if team_id in on_duty), key=lambda fix: fix.team_id)
        firsts = [min(ways[fix.team_id], key=_AT).at for fix in news]
        given = {"city_id": office.city_id, "firsts": firsts, **_as_columns(news)}
        moved = {row.team_id for row in await tx.execute(_MOVE, given) if row.is_newest}
    before = {team_id: team.fix_at for team_id, team in held.items()}
    seen = {id_: fix for id_, fix in newest.items() if id_ in moved and ((at := before[id_]) is None or at < fix.at)}
    return Stored(seen, held)


def _by_team(fixes: Sequence[TeamFix]) -> dict[UUID, list[TeamFix]]:
    """The fixes of each team. Those of one phone come one after the other, so a team is looked up once for each phone: a UUID
    is slow to hash, and there are thousands of fixes."""
    ways: dict[UUID, list[TeamFix]] = {}
    team_id, way = None, list[TeamFix]()
    for fix in fixes:
        if fix.team_id is not team_id:
            team_id = fix.team_id
            way = ways.setdefault(team_id, [])
        way.append(fix)
    return ways


async def _track(
    tx: AsyncConnection, city_id: str, ways: Mapping[UUID, Sequence[TeamFix]], teams: Mapping[UUID, Held]
) -> None:
    rows = [row for team_id, way in ways.items() if team_id in teams for row in _rows(city_id, way, teams[team_id])]
    if len(rows) > FEW:
        try:
            async with tx.begin_nested():
                raw = (await tx.get_raw_connection()).driver_connection
                assert raw is not None
                await raw.copy_records_to_table("fixes", records=rows, columns=_TRACK_COLUMNS)
        except UniqueViolationError:
            pass  # some came a second time, because their first answer was lost
        else:
            return
    if rows:
        await tx.execute(_TRACK, dict(zip(_TRACK_NAMES, map(list, zip(*rows, strict=True)), strict=True)))


def _rows(city_id: str, way: Sequence[TeamFix], team: Held) -> list[tuple[Any, ...]]:
    """A team's fixes as they are written, each moment once."""
    since = team.duty_since - BEFORE_DUTY
    return [
        (
            *(city_id, fix.team_id, fix.at, fix.place.lon, fix.place.lat),
            *(fix.accuracy_m, fix.heading_deg, fix.speed_m_s, team.case_id),
        )
        for fix in {fix.at: fix for fix in way if fix.at >= since}.values()
    ]


def _as_columns(fixes: Sequence[TeamFix]) -> dict[str, list[Any]]:
    return {
        "teams": [f.team_id for f in fixes],
        "ats": [f.at for f in fixes],
        "lons": [f.place.lon for f in fixes],
        "lats": [f.place.lat for f in fixes],
        "accuracies": [f.accuracy_m for f in fixes],
        "headings": [f.heading_deg for f in fixes],
        "speeds": [f.speed_m_s for f in fixes],
    }
