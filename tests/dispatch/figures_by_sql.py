"""The figures of DOMAIN §7 computed a second time, in SQL over the event log and nothing else.

Written from the definitions in words (`means_en`), not from the code under test: runs of clocks by window functions, the last
value that the log gives of each column, percentile_cont for the steps.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

RUNS = """
changes AS (
    SELECT e.case_id, e.seq, k.value AS k, k.value->>'kind' AS kind,
           max((k.value->>'restarts')::int) OVER (PARTITION BY e.case_id, k.value->>'kind' ORDER BY e.seq) AS run
    FROM log e, jsonb_array_elements(e.data->'rows'->'clocks') k
),
merged AS (
    -- later keys win: what a run has of its own and of the runs before it
    SELECT c.case_id, c.kind, c.run, jsonb_object_agg(p.key, p.value ORDER BY e.seq) AS k
    FROM (SELECT DISTINCT case_id, kind, run FROM changes) c
    JOIN changes e ON e.case_id = c.case_id AND e.kind = c.kind AND e.run <= c.run, jsonb_each(e.k) p
    GROUP BY 1, 2, 3
),
runs AS (
    SELECT case_id, kind, (k->>'started_at')::timestamptz AS started_at, (k->>'due_at')::timestamptz AS due_at,
           k->>'state' AS state, k->>'missed_at' AS missed_at, k->>'paused_at' AS paused_at, k->>'ended_at' AS ended_at,
           (k->>'extended')::int AS extended
    FROM merged
),
due AS (
    SELECT * FROM runs WHERE state <> 'cancelled' AND paused_at IS NULL AND due_at >= :since AND due_at < :until
)
"""
CASES = """
stages AS (
    SELECT DISTINCT ON (e.case_id) e.case_id, c.value->>'stage' AS stage
    FROM log e, jsonb_array_elements(e.data->'rows'->'cases') c
    WHERE c.value->>'id' = e.case_id::text AND c.value ? 'stage' ORDER BY e.case_id, e.seq DESC
),
firsts AS (
    SELECT case_id,
           min(occurred_at) FILTER (WHERE kind = 'case.opened') AS opened,
           min(occurred_at) FILTER (WHERE kind = 'case.accepted') AS accepted,
           min(occurred_at) FILTER (WHERE kind IN ('case.dispatched', 'case.assigned')) AS taken,
           min(occurred_at) FILTER (WHERE kind = 'case.arrived') AS arrived,
           min(occurred_at) FILTER (WHERE kind = 'case.handled') AS handled,
           min(occurred_at) FILTER (WHERE kind = 'case.verified') AS verified,
           min(occurred_at) FILTER (WHERE kind = 'search.alarm') AS alarmed,
           count(*) FILTER (WHERE kind = 'case.sent_back') AS reworked
    FROM log GROUP BY case_id
)
"""
LOG = """
log AS (
    SELECT * FROM events
    WHERE city_id = :city AND case_version IS NOT NULL AND seq <= :last
)
"""

ON_TIME = f"""
WITH {LOG}, {RUNS}
SELECT kind, count(*) FILTER (WHERE state = 'met' AND missed_at IS NULL) AS n, count(*) AS d FROM due GROUP BY kind
"""
CODES = {
    "accept": "filed_on_time",
    "on_spot": "on_the_spot",
    "feedback": "handled_on_time",
    "verify": "verified_on_time",
    "whole": "closed_on_time",
}

SINGLE: dict[str, str] = {
    "handled": f"""
        WITH {LOG}, {RUNS}
        SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM log e WHERE e.case_id = due.case_id AND e.kind = 'case.handled'
                                              AND e.occurred_at >= due.started_at)), count(*)
        FROM due WHERE kind = 'on_spot'""",
    "closed": f"""
        WITH {LOG}, {RUNS}, {CASES}
        SELECT count(*) FILTER (WHERE stage = 'assisted'), count(*) FROM due JOIN stages USING (case_id) WHERE kind = 'whole'""",
    "reworked": f"""
        WITH {LOG}, {RUNS}, {CASES}
        SELECT count(*) FILTER (WHERE reworked > 0), count(*) FROM due JOIN firsts USING (case_id) WHERE kind = 'whole'""",
    "extended": f"""
        WITH {LOG}, {RUNS}
        SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM log e WHERE e.case_id = due.case_id AND e.kind = 'case.extended')),
               count(*)
        FROM due WHERE kind = 'whole'""",
    "filed_right": f"""
        WITH {LOG}, {CASES}
        SELECT count(*) FILTER (WHERE stage <> 'voided' AND NOT EXISTS (
                   SELECT FROM log e, jsonb_array_elements(e.data->'rows'->'cases') c
                   WHERE e.case_id = firsts.case_id AND e.kind = 'case.returned' AND c.value->>'stage' = 'discovered')),
               count(*)
        FROM firsts JOIN stages USING (case_id) WHERE accepted >= :since AND accepted < :until""",
    "dispatched_on_time": f"""
        WITH {LOG}, {CASES}
        SELECT count(*) FILTER (WHERE alarmed IS NULL OR taken <= alarmed), count(*)
        FROM firsts WHERE accepted >= :since AND accepted < :until AND (taken IS NOT NULL OR alarmed IS NOT NULL)""",
    "dispatched_right": f"""
        WITH {LOG}, hands AS (
            SELECT case_id, seq, kind, occurred_at,
                   lead(kind) OVER (PARTITION BY case_id ORDER BY seq) AS next
            FROM log WHERE kind IN ('case.dispatched', 'case.assigned', 'case.withdrawn', 'case.returned', 'case.handled')
        )
        SELECT count(*) FILTER (WHERE next IS NULL OR next = 'case.handled'), count(*) FROM hands
        WHERE kind IN ('case.dispatched', 'case.assigned') AND occurred_at >= :since AND occurred_at < :until""",
    "overdue_open": f"""
        WITH {LOG}, {RUNS}, {CASES}
        SELECT count(*) FILTER (WHERE stage IN ('discovered', 'accepted', 'dispatched', 'handling') AND EXISTS (
                   SELECT FROM runs r WHERE r.case_id = stages.case_id AND r.ended_at IS NULL AND r.paused_at IS NULL
                   AND r.due_at <= :until)), count(*)
        FROM stages WHERE stage IN ('discovered', 'accepted', 'dispatched', 'handling', 'handled', 'suspended')""",
    "public_share": f"""
        WITH {LOG}
        SELECT count(*) FILTER (WHERE data->>'channel' IN ('web', 'app', 'hotline', 'taxi')), count(*) FROM log
        WHERE kind IN ('case.opened', 'case.sighting_joined') AND data ? 'sighting_id'
        AND occurred_at >= :since AND occurred_at < :until""",
    "valid_reports": f"""
        WITH {LOG}, {CASES}
        SELECT count(*) FILTER (WHERE stage NOT IN ('refused', 'voided')), count(*) FROM log JOIN stages USING (case_id)
        WHERE kind IN ('case.opened', 'case.sighting_joined') AND data ? 'sighting_id' AND stage <> 'discovered'
        AND occurred_at >= :since AND occurred_at < :until""",
    "call_backs": f"""
        WITH {LOG}
        SELECT count(*) FILTER (WHERE (data->>'reached')::bool), count(*) FROM log
        WHERE kind = 'case.called_back' AND occurred_at >= :since AND occurred_at < :until""",
    "satisfaction": f"""
        WITH {LOG}
        SELECT count(*) FILTER (WHERE (data->>'satisfied')::int >= 4), count(*) FROM log
        WHERE kind = 'case.called_back' AND data->>'satisfied' IS NOT NULL AND occurred_at >= :since AND occurred_at < :until""",
}
COUNTS: dict[str, str] = {
    "people_helped": "sum((data->>'people_met')::int) FILTER (WHERE data->>'outcome' NOT IN ('not_found', 'duplicate', 'other_department'))",
    "escorted": "sum((data->>'people_met')::int) FILTER (WHERE data->>'outcome' = 'escorted_to_station')",
    "to_hospital": "sum((data->>'people_met')::int) FILTER (WHERE data->>'outcome' = 'to_hospital')",
    "supplies": "sum(jsonb_array_length(data->'supplies'))",
}
PATROLS = """
SELECT count(*), count(DISTINCT data->>'team_id') FROM events
WHERE city_id = :city AND kind = 'team.on_duty' AND data->>'before' = 'off_duty' AND recorded_at >= :since AND recorded_at < :until
"""
STEPS = {
    "accept": ("opened", "accepted"),
    "dispatch": ("accepted", "taken"),
    "travel": ("taken", "arrived"),
    "arrive": ("accepted", "arrived"),
    "handle": ("arrived", "handled"),
    "verify": ("handled", "verified"),
    "whole": ("opened", "verified"),
}


async def shares(tx: AsyncConnection, city: str, since: datetime, until: datetime) -> dict[str, tuple[int, int]]:
    """Code → (numerator, denominator)."""
    given = await _given(tx, city, since, until)
    found = dict.fromkeys(CODES.values(), (0, 0))
    for row in await tx.execute(text(ON_TIME), given):
        found[CODES[row.kind]] = (row.n, row.d)
    for code, query in SINGLE.items():
        n, d = (await tx.execute(text(query), given)).one()
        found[code] = (n, d)
    return found


async def counts(tx: AsyncConnection, city: str, since: datetime, until: datetime) -> dict[str, int]:
    """Code → how many."""
    given = await _given(tx, city, since, until)
    found = {}
    for code, what in COUNTS.items():
        handled = "FROM log WHERE kind = 'case.handled' AND occurred_at >= :since AND occurred_at < :until"
        found[code] = (await tx.execute(text(f"WITH {LOG} SELECT {what} {handled}"), given)).scalar() or 0
    found["patrols"], found["vehicles"] = (await tx.execute(text(PATROLS), given)).one()
    return found


async def steps(tx: AsyncConnection, city: str, since: datetime, until: datetime) -> dict[str, tuple[Any, ...]]:
    """Code → (cases, mean, p50, p90, p95), seconds to a tenth."""
    given = await _given(tx, city, since, until)
    found = {}
    for code, (begun, ended) in STEPS.items():
        lasted = f"greatest(0, extract(epoch FROM {ended} - {begun}))::float8"
        shares = ", ".join(
            f"round(percentile_cont({p}) WITHIN GROUP (ORDER BY {lasted})::numeric, 1)" for p in (0.5, 0.9, 0.95)
        )
        query = f"""
            WITH {LOG}, {CASES} SELECT count(*), round(avg({lasted})::numeric, 1), {shares} FROM firsts
            WHERE {begun} IS NOT NULL AND {ended} >= :since AND {ended} < :until"""
        found[code] = tuple((await tx.execute(text(query), given)).one())
    return found


async def _given(tx: AsyncConnection, city: str, since: datetime, until: datetime) -> dict[str, Any]:
    last = text("SELECT coalesce(max(seq), 0) FROM events WHERE city_id = :city AND recorded_at < :until")
    seq = (await tx.execute(last, {"city": city, "until": until})).scalar()
    return {"city": city, "since": since, "until": until, "last": seq}
