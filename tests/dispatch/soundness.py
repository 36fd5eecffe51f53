"""What must hold of the loop at every moment, whoever did what in whichever order."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.dispatch import proof
from backend.office import Office

# What must never be → a query that finds it.
NEVER: dict[str, str] = {
    "a second live offer of one case or to one team (I1)": """
        SELECT case_id FROM offers WHERE state = 'offered' GROUP BY case_id HAVING count(*) > 1
        UNION ALL SELECT team_id FROM offers WHERE state = 'offered' GROUP BY team_id HAVING count(*) > 1""",
    "a second assignment of one team (I1)": """
        SELECT team_id FROM cases WHERE stage IN ('dispatched', 'handling') GROUP BY team_id HAVING count(*) > 1""",
    "a team with an offer beside its case": """
        SELECT o.id FROM offers o JOIN cases c ON c.team_id = o.team_id WHERE o.state = 'offered'""",
    "a team asked twice in one round (I7)": """
        SELECT case_id FROM offers GROUP BY case_id, team_id, round HAVING count(*) > 1""",
    "an offer that is live though its case does not wait": """
        SELECT o.id FROM offers o JOIN cases c ON c.id = o.case_id WHERE o.state = 'offered' AND c.stage <> 'accepted'""",
    "an offer that ended without a moment, or a live one with": """
        SELECT id FROM offers WHERE (answered_at IS NULL) <> (state = 'offered')""",
    "a waiting case that nobody looks for": """
        SELECT id FROM cases c WHERE stage = 'accepted' AND search_at IS NULL
        AND NOT EXISTS (SELECT FROM offers o WHERE o.case_id = c.id AND o.state = 'offered')""",
    "a team on a case that is not assigned, or none on one that is": """
        SELECT id FROM cases WHERE (team_id IS NOT NULL) <> (stage IN ('dispatched', 'handling'))""",
    "a closed case without a moment of closing, or an open one with": """
        SELECT id FROM cases WHERE (closed_at IS NOT NULL) <> (stage IN ('assisted', 'refused', 'voided', 'joined'))""",
    "a clock that runs or fires on a closed case (I5)": """
        SELECT k.case_id FROM clocks k JOIN cases c ON c.id = k.case_id
        WHERE c.closed_at IS NOT NULL AND (k.ended_at IS NULL OR k.fires_at IS NOT NULL)""",
    "an open case without the clock of the whole": """
        SELECT c.id FROM cases c WHERE c.closed_at IS NULL AND NOT EXISTS (
            SELECT FROM clocks k WHERE k.case_id = c.id AND k.kind = 'whole' AND k.ended_at IS NULL)""",
    "a clock that runs while its case is suspended": """
        SELECT k.case_id FROM clocks k JOIN cases c ON c.id = k.case_id
        WHERE c.stage = 'suspended' AND k.ended_at IS NULL AND k.paused_at IS NULL""",
    "a clock that stands still though its case is not suspended": """
        SELECT k.case_id FROM clocks k JOIN cases c ON c.id = k.case_id
        WHERE c.stage <> 'suspended' AND k.ended_at IS NULL AND k.paused_at IS NOT NULL""",
    "a running clock that will never fire": """
        SELECT case_id FROM clocks WHERE state = 'running' AND fires_at IS NULL""",
    "a clock met before it was due that counts as missed": """
        SELECT case_id FROM clocks WHERE state = 'met' AND missed_at IS NOT NULL AND ended_at < due_at""",
    "an open visit on a case that no team is at or has left": """
        SELECT c.id FROM cases c LEFT JOIN handlings h ON h.case_id = c.id AND h.verdict IS NULL
        GROUP BY c.id, c.stage HAVING count(h.id) <> CASE WHEN c.stage IN ('handling', 'handled') THEN 1 ELSE 0 END""",
    "a sighting in no case, or in two": """
        SELECT s.id FROM sightings s LEFT JOIN case_sightings l ON l.sighting_id = s.id AND l.left_at IS NULL
        GROUP BY s.id HAVING count(l.sighting_id) <> 1""",
    "a case that counts its sightings wrongly": """
        SELECT c.id FROM cases c LEFT JOIN case_sightings l ON l.case_id = c.id AND l.left_at IS NULL
        WHERE c.stage <> 'joined' GROUP BY c.id, c.sighting_count HAVING count(l.sighting_id) <> c.sighting_count""",
    "a joined case that does not say into which, or another that does": """
        SELECT id FROM cases WHERE (joined_into IS NOT NULL) <> (stage = 'joined')""",
    "versions of a case with a gap": """
        SELECT c.id FROM cases c LEFT JOIN events e ON e.case_id = c.id
        GROUP BY c.id, c.version HAVING count(e.case_version) <> c.version OR max(e.case_version) <> c.version""",
    "numbers of a day with a hole": """
        SELECT number / 100000 FROM cases GROUP BY number / 100000 HAVING max(number % 100000) <> count(*)""",
    "a verdict by whoever handled it": "SELECT id FROM handlings WHERE verified_by = by",
    "a command without its answer": "SELECT id FROM commands WHERE answer = 'null'",
}


async def faults(tx: AsyncConnection, office: Office) -> list[str]:
    """Everything that is not as it must be, in words; [] when all is sound."""
    found = [f"there is {what}" for what, query in NEVER.items() if (await tx.execute(text(query))).first() is not None]
    found += await proof.contradictions(tx, office)
    if (broken := await log.broken_link(tx, office.city_id)) is not None:
        found.append(f"the log is broken at {broken}")
    return found
