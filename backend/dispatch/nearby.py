"""The cases that a report may be about: what the duplicate rule is given to compare with."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import sightings
from backend.geo.place import LonLat
from backend.intake import duplicates
from backend.intake.looks import Looks
from backend.intake.report import Prepared
from backend.office import Office
from backend.personal import fields_of, open_

_DESCRIPTION = next(field for field in fields_of(sightings) if field.name == "description")

_NEAR = text("""
    SELECT g.report, c.id, s.described, s.description, c.lon, c.lat, c.last_seen_at, c.stage, c.people_count, c.looks,
           c.sighting_count, s.accuracy_m, s.reporters
    FROM unnest(CAST(:lons AS float8[]), CAST(:lats AS float8[]), CAST(:ats AS timestamptz[]), CAST(:reaches AS float8[]),
                CAST(:speeds AS float8[]), CAST(:accuracies AS float8[]))
         WITH ORDINALITY AS g(lon, lat, at, reach_m, speed_m_s, accuracy_m, report)
    CROSS JOIN LATERAL (
        SELECT c.id, c.lon, c.lat, c.last_seen_at, c.stage, c.people_count, c.looks, c.sighting_count,
               ST_Distance(c.geog, ST_SetSRID(ST_MakePoint(g.lon, g.lat), 4326)::geography, false) AS away_m
        FROM cases c
        WHERE c.city_id = :city_id
          AND ST_DWithin(c.geog, ST_SetSRID(ST_MakePoint(g.lon, g.lat), 4326)::geography, g.reach_m)
          AND c.last_seen_at BETWEEN g.at - CAST(:within AS interval) AND g.at + CAST(:within AS interval)
          AND c.stage NOT IN ('joined', 'voided', 'refused')
        ORDER BY c.geog <-> ST_SetSRID(ST_MakePoint(g.lon, g.lat), 4326)::geography
        LIMIT 12
    ) c
    LEFT JOIN LATERAL (
        SELECT (array_agg(s.id ORDER BY s.occurred_at DESC))[1] AS described,
               (array_agg(s.description_sealed ORDER BY s.occurred_at DESC))[1] AS description,
               max(s.accuracy_m) AS accuracy_m,
               array_agg(DISTINCT s.reporter) FILTER (WHERE s.reporter NOT LIKE 'receipt:%') AS reporters
        FROM case_sightings l JOIN sightings s ON s.city_id = l.city_id AND s.id = l.sighting_id
        WHERE l.city_id = :city_id AND l.case_id = c.id AND l.left_at IS NULL
    ) s ON true
    WHERE c.away_m <= :slack * greatest(:base_m, g.speed_m_s * abs(extract(epoch FROM g.at - c.last_seen_at))
                                                 + 2 * (g.accuracy_m + coalesce(s.accuracy_m, :unknown_m) + :unknown_m))
""")
"""The last condition lets everybody through whom the comparison might, and a few more: it is the comparison that decides."""
SLACK = 1.01


async def near_cases(
    tx: AsyncConnection, office: Office, reports: Sequence[Prepared]
) -> list[list[duplicates.Candidate]]:
    """Per report the cases it might be about: within reach of its place, in the policy's window of time, nearest first.

    Words are opened only of those that somebody can have walked to.
    """
    policy = office.city.policy
    window_s = policy.intake.duplicate_window.seconds
    about = [report.for_duplicates() for report in reports]
    # A plan made once for all would be made on the statistics of an almost empty table.
    await tx.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    rows = await tx.execute(
        _NEAR,
        {
            "city_id": office.city_id,
            "lons": [r.sighting.lon for r in reports],
            "lats": [r.sighting.lat for r in reports],
            "ats": [r.sighting.occurred_at for r in reports],
            "reaches": [duplicates.reach_m(window_s, policy, one.looks, one.accuracy_m) for one in about],
            "within": timedelta(seconds=window_s),
            "speeds": [policy.intake.walking_speed_m_s * duplicates.mobility(one.looks) for one in about],
            "accuracies": [one.accuracy_m or 0.0 for one in about],
            "unknown_m": duplicates.ACCURACY_M,
            "base_m": policy.intake.base_radius_m,
            "slack": SLACK,
        },
    )
    found: list[list[duplicates.Candidate]] = [[] for _ in reports]
    seen: dict[UUID, duplicates.Candidate] = {}
    opened: dict[UUID, duplicates.Candidate] = {}
    for report, case_id, described, description, *told in rows:
        if case_id not in seen:
            seen[case_id] = _candidate(case_id, *told)
        if duplicates.is_out_of_reach(about[report - 1], seen[case_id], policy):
            continue
        if case_id not in opened:
            words = open_(office.ring, _DESCRIPTION, description, described) or ""
            opened[case_id] = msgspec.structs.replace(seen[case_id], text=words)
        found[report - 1].append(opened[case_id])
    return found


def _candidate(
    case_id: UUID,
    lon: float,
    lat: float,
    seen_at: datetime,
    stage: str,
    people_count: int,
    looks: dict[str, Any],
    sightings: int,
    accuracy_m: float | None,
    reporters: list[str] | None,
) -> duplicates.Candidate:
    """One row of _NEAR, in its order; without the words of its latest sighting."""
    return duplicates.Candidate(
        case_id=str(case_id),
        place=LonLat(lon, lat),
        seen_at=seen_at,
        stage=stage,
        people_count=people_count,
        looks=msgspec.convert(looks, Looks),
        accuracy_m=accuracy_m,
        sightings=sightings,
        reporters=frozenset(reporters or ()),
    )
