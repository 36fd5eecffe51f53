"""The numbers of a campaign's report computed a second time, in SQL over the event log and nothing else.

Written from what the report says each number means (`means_en`), not from the code under test: the last value that the log gives of each
column, gaps between looks by window functions, duty as spans by lead().
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


def _merged(table: str, key: str, of_it: str = "true") -> str:
    """The rows of a table as the log leaves them: later values of a column win."""
    return f"""
        SELECT r.value->>'{key}' AS key, jsonb_object_agg(p.key, p.value ORDER BY e.seq) AS r
        FROM log e, jsonb_array_elements(e.data->'rows'->'{table}') r, jsonb_each(r.value) p
        WHERE {of_it} GROUP BY 1"""


MINE = "e.data->>'campaign_id' = :campaign"
BASE = f"""
log AS (SELECT * FROM events WHERE city_id = :city AND seq <= :last),
whole AS ({_merged("campaigns", "id", MINE)}),
span AS (
    SELECT (r->>'opened_at')::timestamptz AS opened,
           coalesce((r->>'closed_at')::timestamptz, (SELECT recorded_at FROM log WHERE seq = :last)) AS ended,
           ARRAY(SELECT jsonb_array_elements_text(r->'regions')) AS regions,
           ARRAY(SELECT jsonb_array_elements_text(r->'chains')) AS chains
    FROM whole WHERE key = :campaign
),
plans AS (
    SELECT e.occurred_at AS since, (c.value->'plan'->>'sweep_every_s')::float8 AS every_s
    FROM log e, jsonb_array_elements(e.data->'rows'->'campaigns') c WHERE {MINE} AND c.value->'plan' ? 'sweep_every_s'
),
looks AS (
    SELECT r->>'cell' AS cell, r->>'team_id' AS team, (r->>'began_at')::timestamptz AS began, (r->>'ended_at')::timestamptz AS looked,
           r->>'by' AS by, coalesce((r->>'is_passing')::bool, false) AS passing, r->>'refuted_at' IS NOT NULL AS refuted
    FROM ({_merged("sweep_looks", "id", MINE)}) m
),
good AS (SELECT * FROM looks WHERE NOT passing AND NOT refuted),
states AS (
    SELECT c.value->>'cell' AS cell, e.seq, e.occurred_at AS since, c.value->>'state' = 'dropped' AS dropped
    FROM log e, jsonb_array_elements(e.data->'rows'->'sweep_cells') c WHERE {MINE} AND c.value ? 'state'
),
final AS (SELECT DISTINCT ON (cell) cell, dropped, since FROM states, span WHERE since <= ended ORDER BY cell, seq DESC),
cells AS (
    SELECT m.key AS cell, (m.r->>'laid_at')::timestamptz AS laid, f.dropped,
           CASE WHEN f.dropped THEN least(f.since, s.ended) ELSE s.ended END AS gone
    FROM ({_merged("sweep_cells", "cell", MINE)}) m JOIN final f ON f.cell = m.key, span s
),
points AS (
    SELECT cell, laid AS at, gone FROM cells
    UNION ALL SELECT c.cell, g.looked, c.gone FROM cells c JOIN good g ON g.cell = c.cell AND g.looked > c.laid AND g.looked < c.gone
),
gaps AS (
    SELECT cell, at, extract(epoch FROM coalesce(lead(at) OVER (PARTITION BY cell ORDER BY at), gone) - at)::float8 AS gap_s,
           (SELECT every_s FROM plans WHERE since <= at ORDER BY since DESC LIMIT 1) AS every_s
    FROM points
),
opened AS (
    SELECT e.case_id, (c.value->>'opened_at')::timestamptz AS at, c.value->>'campaign_id' AS campaign,
           ARRAY(SELECT jsonb_array_elements_text(c.value->'regions')) AS regions
    FROM log e, jsonb_array_elements(e.data->'rows'->'cases') c WHERE e.kind = 'case.opened' AND c.value->>'id' = e.case_id::text
),
found AS (
    SELECT case_id, campaign = :campaign AND campaign IS NOT NULL AS mine FROM opened, span
    WHERE campaign = :campaign OR (at >= span.opened AND at < span.ended AND opened.regions && span.regions)
),
visits AS (
    SELECT f.mine, e.data->>'outcome' AS outcome, (e.data->>'people_met')::int AS people, e.data->>'incident' AS incident
    FROM log e JOIN found f USING (case_id) WHERE e.kind = 'case.handled'
),
moves AS (
    SELECT m.value AS m, f.mine FROM log e, jsonb_array_elements(e.data->'rows'->'stock_moves') m
    LEFT JOIN found f ON f.case_id = (m.value->>'case_id')::uuid WHERE e.kind LIKE 'stock.%'
),
calls AS (SELECT r->>'team_id' AS team, r->>'came_at' AS came FROM ({_merged("campaign_calls", "id", MINE)}) x),
tours AS (SELECT DISTINCT r->>'team_id' AS team FROM ({_merged("sweep_tours", "id", MINE)}) x),
out AS (SELECT team FROM tours UNION SELECT team FROM looks),
duty AS (
    SELECT e.data->>'team_id' AS team, e.data->>'state' AS state, (e.data->>'size')::int AS size, e.occurred_at AS since,
           lead(e.occurred_at) OVER (PARTITION BY e.data->>'team_id' ORDER BY e.seq) AS until
    FROM log e WHERE e.kind LIKE 'team.%' AND e.data ? 'before'
),
spans AS (
    SELECT team, size, extract(epoch FROM least(coalesce(until, s.ended), s.ended) - greatest(since, s.opened))::float8 / 3600 AS h
    FROM duty, span s WHERE state = 'on_duty' AND greatest(since, s.opened) < least(coalesce(until, s.ended), s.ended)
),
first AS (
    SELECT min(occurred_at) AS at FROM log, span WHERE kind LIKE 'warning.%' AND data->>'chain_id' = ANY (span.chains)
),
temporary AS (
    SELECT (r->>'opened_at')::timestamptz AS at, (r->>'closed_at')::timestamptz AS until
    FROM ({_merged("campaign_points", "id", MINE)}) x
)
"""
MET = "coalesce(sum(people) FILTER (WHERE {which}), 0) FROM visits WHERE {whose}"
NOBODY = "outcome NOT IN ('not_found', 'duplicate', 'other_department')"


def _people(prefix: str, whose: str) -> dict[str, str]:
    which = {
        "met": "true",
        "helped": NOBODY,
        "escorted": "outcome = 'escorted_to_station'",
        "refused": "outcome = 'stays_supplies_given'",
        "to_hospital": "outcome = 'to_hospital'",
    }
    asked = {f"{prefix}{code}": "SELECT " + MET.format(which=one, whose=whose) for code, one in which.items()}
    return asked | {f"{prefix}not_found": f"SELECT count(*) FROM visits WHERE {whose} AND outcome = 'not_found'"}


GIVEN = "SELECT coalesce(sum((m->>'amount')::int), 0) FROM moves WHERE m->>'to_place' = 'person' AND {whose}"
QUERIES: dict[str, str] = {
    "in_time": "SELECT 1 - sum(greatest(0, gap_s - every_s)) / sum(gap_s) FROM gaps",
    "cells": "SELECT count(*) FROM cells WHERE NOT dropped",
    "cells_never": "SELECT count(*) FROM cells c WHERE NOT dropped AND NOT EXISTS (SELECT FROM good g WHERE g.cell = c.cell)",
    "cells_dropped": "SELECT count(*) FROM cells WHERE dropped",
    "longest_gap_h": "SELECT max(gap_s) / 3600 FROM gaps",
    "looks_track": "SELECT count(*) FROM good WHERE by = 'track'",
    "looks_hand": "SELECT count(*) FROM good WHERE by = 'hand'",
    "looks_passing": "SELECT count(*) FROM looks WHERE passing AND NOT refuted",
    "looks_refuted": "SELECT count(*) FROM looks WHERE refuted",
    "passes": f"SELECT count(*) FROM ({_merged('sweep_passes', 'id', MINE)}) x",
    "cases": "SELECT count(*) FROM found WHERE mine",
    **_people("", "mine"),
    "met_per_100": "SELECT 100.0 * (SELECT coalesce(sum(people), 0) FROM visits WHERE mine) / nullif((SELECT count(*) FROM good), 0)",
    "deaths": "SELECT count(*) FROM visits WHERE incident = 'death'",
    "other_cases": "SELECT count(*) FROM found WHERE NOT mine",
    **_people("other_", "NOT mine"),
    "given": GIVEN.format(whose="mine"),
    "short": GIVEN.format(whose="mine AND m->>'from_place' = 'difference'"),
    "issued": """SELECT coalesce(sum((m->>'amount')::int), 0) FROM moves
        WHERE m->>'campaign_id' = :campaign AND m->>'to_place' LIKE 'team:%'""",
    "other_given": GIVEN.format(whose="NOT mine"),
    "teams": "SELECT count(*) FROM out",
    "team_hours": "SELECT coalesce(sum(h), 0) FROM spans WHERE team IN (SELECT team FROM out UNION SELECT team FROM calls WHERE came IS NOT NULL)",
    "person_hours": "SELECT coalesce(sum(h * size), 0) FROM spans WHERE team IN (SELECT team FROM out UNION SELECT team FROM calls WHERE came IS NOT NULL)",
    "called": "SELECT count(*) FROM calls",
    "came": "SELECT CASE WHEN count(*) > 0 THEN count(came) END FROM calls",
    "points_wanted": "SELECT count(*) FROM temporary",
    "points_opened": "SELECT CASE WHEN count(*) > 0 THEN count(at) END FROM temporary",
    "point_hours": "SELECT coalesce(sum(extract(epoch FROM least(coalesce(until, s.ended), s.ended) - at)::float8), 0) / 3600 FROM temporary, span s",
    "lasted_h": "SELECT extract(epoch FROM ended - opened)::float8 / 3600 FROM span",
    "to_open_min": "SELECT extract(epoch FROM s.opened - f.at)::float8 / 60 FROM span s, first f",
    "to_first_team_min": f"""SELECT extract(epoch FROM least(
            (SELECT min(began) FROM good),
            (SELECT min(e.occurred_at) FROM log e, jsonb_array_elements(e.data->'rows'->'sweep_cells') c
             WHERE {MINE} AND c.value->>'state' = 'leased')
        ) - coalesce(f.at, s.opened))::float8 / 60 FROM span s, first f""",
    "to_full_h": """SELECT CASE WHEN bool_and(l.first IS NOT NULL) THEN extract(epoch FROM max(l.first) - min(coalesce(f.at, s.opened)))::float8 / 3600 END
        FROM cells c LEFT JOIN (SELECT cell, min(looked) AS first FROM good GROUP BY cell) l USING (cell), span s, first f WHERE NOT c.dropped""",
}


async def numbers(tx: AsyncConnection, city: str, campaign: UUID, last: int) -> dict[str, Any]:
    """Code → value."""
    given: dict[str, Any] = {"city": city, "campaign": str(campaign), "last": last}
    return {code: (await tx.execute(text(f"WITH {BASE} {query}"), given)).scalar() for code, query in QUERIES.items()}


async def last_of(tx: AsyncConnection, city: str, until: datetime) -> int:
    """The last number written down at or before a moment."""
    query = text("SELECT coalesce(max(seq), 0) FROM events WHERE city_id = :city AND recorded_at <= :until")
    return int((await tx.execute(query, {"city": city, "until": until})).scalar() or 0)
