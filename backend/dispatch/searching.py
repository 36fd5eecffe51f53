"""The search for a team 派遣: who is nearest by road, in widening phases, and what is decided and why.

`search_case` decides for one case in one transaction; `search_batch` for many at once (policy `[search] method`). Every
decision is stored with its candidates. Outside the circle is an alarm to a person, with the best that can be had, never
an empty list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch import find, matching
from backend.dispatch.change import Change, Command, record
from backend.dispatch.matching import Candidate
from backend.dispatch.move import touched
from backend.dispatch.offers import asked_teams, held_out
from backend.dispatch.proof import digest
from backend.dispatch.records import Case
from backend.geo.nearest import nearest
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.office import Office
from backend.patrol import duty
from backend.patrol.roster import Roster
from backend.policy import Phase, Policy

FARTHEST_S = 4 * 3600.0
"""Beyond this by road nobody is a candidate at all."""


@dataclass
class Found:
    """What a search of one case saw: the phase it got to, and the candidates there, best first."""

    phase: int
    candidates: list[Candidate]
    everyone_asked: bool = False


async def search_case(office: Office, roster: Roster, case_id: UUID, command: Command) -> str | None:
    """Decide for one waiting case: an offer to the best free team, or an alarm and another look later.

    Returns what was done ("offer", "alarm", "later"), or None when the case no longer waits or another worker has it.
    """
    async with office.begin() as tx:
        case = await find.lock_case_unless_busy(tx, office, case_id)
        if case is None or case.search_at is None or case.search_at > command.now:
            return None
        if await find.live_offer(tx, office, case.id) is not None:
            return None
        await roster.refresh(tx, command.now)
        found = await look(tx, office, roster, case, command.now)
        return await _decide(tx, office, case, found, command)


async def look(tx: AsyncConnection, office: Office, roster: Roster, case: Case, now: datetime) -> Found:
    """The candidates of the nearest phase that has any, from the case's own phase outwards."""
    asked = await asked_teams(tx, office, case)
    phases = office.city.policy.search.phases
    phase = min(case.search_phase, len(phases) - 1)
    while True:
        candidates = candidates_within(office, roster, case, phases[phase], now, without=asked)
        if candidates or phase == len(phases) - 1 or _still_waits(phases[phase], case, now):
            last = phase == len(phases) - 1
            return Found(phase, candidates, everyone_asked=last and not candidates and bool(asked))
        phase += 1


def _still_waits(phase: Phase, case: Case, now: datetime) -> bool:
    """Whether the phase's own wait, counted from when the case began to wait, is not over."""
    return now < case.stage_since + timedelta(seconds=phase.wait.seconds)


def candidates_within(
    office: Office, roster: Roster, case: Case, phase: Phase, now: datetime, *, without: frozenset[UUID] = frozenset()
) -> list[Candidate]:
    """The free teams that can be there within the phase, ranked with reasons."""
    available = roster.available(without)
    found = nearest(
        office.city.roads,
        roster.fleet,
        LonLat(case.lon, case.lat),
        k=phase.k,
        within_s=min(phase.within_s, FARTHEST_S),
        factors=roster.factors,
        available=available,
    )
    return matching.rank(case, found, roster.teams, office.city.policy, now)


async def _decide(tx: AsyncConnection, office: Office, case: Case, found: Found, command: Command) -> str:
    for candidate in found.candidates:
        if await duty.lock_if_free(tx, office, candidate.team_id):
            return await _hold_out(tx, office, case, found, candidate, command)
    return await _nobody(tx, office, case, found, command)


async def _hold_out(
    tx: AsyncConnection, office: Office, case: Case, found: Found, chosen: Candidate, command: Command
) -> str:
    decision = await _store(tx, office, case, found, chosen, command)
    circle_s = office.city.policy.circle.within.seconds
    outside = chosen.seconds > circle_s
    after = touched(case, search_at=None, search_phase=found.phase, alarm="outside_circle" if outside else None)
    offer = held_out(
        after,
        chosen.team_id,
        office=office,
        now=command.now,
        eta_s=round(chosen.seconds, 1),
        basis=chosen.basis,
        decision_id=decision["decision_id"],
    )
    facts = {"team_id": chosen.team_id, "eta_s": offer.eta_s, "basis": chosen.basis, "alarm": after.alarm}
    change = Change(kind="offer.made", rows=[(case, after), (None, offer)], facts={**facts, **decision})
    await record(tx, office, command, change)
    return "offer"


async def _nobody(tx: AsyncConnection, office: Office, case: Case, found: Found, command: Command) -> str:
    """No free team: say so to a person at once, and look again; after the last round only a person goes on."""
    search = office.city.policy.search
    last_phase = found.phase == len(search.phases) - 1
    again = found.everyone_asked and case.search_round < search.rounds
    given_up = found.everyone_asked and not again
    # The circle has been looked through: that is said now, also while the policy waits before it looks farther.
    beyond = search.phases[found.phase].within_s >= office.city.policy.circle.within.seconds
    near = "outside_circle" if beyond else case.alarm
    alarm = "nobody_took_it" if given_up else "no_team_free" if last_phase else near
    wait_s = search.retry_after.seconds if again else min(search.retry_after.seconds, 30.0)
    after = touched(
        case,
        search_at=command.now + timedelta(seconds=wait_s),
        search_phase=0 if again else found.phase,
        search_round=case.search_round + 1 if again else case.search_round,
        alarm=alarm,
    )
    if (after.alarm, after.search_round, after.search_phase) == (case.alarm, case.search_round, case.search_phase):
        # Nothing new to tell: only the next look is put off.
        await _put_off(tx, office, case, after.search_at)
        return "later"
    decision = await _store(tx, office, case, found, None, command)
    kind = "search.alarm" if alarm and alarm != case.alarm else "search.widened"
    facts = {"alarm": alarm, "round": after.search_round, **decision}
    change = Change(kind=kind, rows=[(case, after)], facts=facts)
    await record(tx, office, command, change)
    return "alarm" if kind == "search.alarm" else "later"


async def _put_off(tx: AsyncConnection, office: Office, case: Case, until: datetime | None) -> None:
    mine = (db.cases.c.city_id == office.city_id) & (db.cases.c.id == case.id)
    await tx.execute(db.cases.update().where(mine).values(search_at=until))


async def _store(
    tx: AsyncConnection, office: Office, case: Case, found: Found, chosen: Candidate | None, command: Command
) -> dict[str, Any]:
    """Keep the decision with everything that was weighed. Returns what the log says of it: its id and its digest."""
    reason = _why(found, chosen, office.city.policy)
    row = {
        "city_id": office.city_id,
        "id": new_id(),
        "case_id": case.id,
        "made_at": command.now,
        "made_by": command.by.id,
        "method": command.name,
        "basis": found.candidates[0].basis if found.candidates else ("road" if office.city.roads else "straight_line"),
        "round": case.search_round,
        "phase": found.phase,
        "chosen_team": chosen.team_id if chosen else None,
        "candidates": msgspec.to_builtins(found.candidates),
        "reason": reason,
        "policy_hash": office.city.policy.digest,
    }
    await tx.execute(insert(db.decisions).values(row))
    return {"decision_id": row["id"], "decision_digest": digest(row)}


def _why(found: Found, chosen: Candidate | None, policy: Policy) -> dict[str, str]:
    """The decision in a sentence."""
    if chosen is None:
        return {
            "code": "nobody",
            "zh": "救助圈内暂无可派队伍。",
            "en": "No team in the circle can be sent now.",
        }
    said = matching.why(found.candidates, chosen, policy)
    return {
        "code": "best" if found.candidates[0] is chosen else "next_best",
        "zh": "，".join(zh for zh, _ in said[:2]) + "".join(f"；{zh}" for zh, _ in said[2:]) + "。",
        "en": ", ".join(en for _, en in said[:2]) + "".join(f"; {en}" for _, en in said[2:]) + ".",
    }


async def waiting(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 200) -> list[UUID]:
    """The cases whose search is due, gravest first, then longest waiting."""
    c = db.cases
    grave = func.array_position(["critical", "high", "normal"], c.c.priority)
    query = (
        select(c.c.id)
        .where(c.c.city_id == office.city_id, c.c.search_at.is_not(None), c.c.search_at <= now)
        .order_by(grave, c.c.opened_at)
        .limit(limit)
    )
    return list((await tx.execute(query)).scalars())


async def search_batch(office: Office, roster: Roster, case_ids: Sequence[UUID], command: Command) -> int:
    """Decide for many waiting cases together: the assignment with the least weighted time of all. Returns offers made.

    What the batch leaves over is searched one by one, so that every case gets its alarm or its next look.
    """
    async with office.begin() as tx:
        cases = [c for c in [await find.lock_case_unless_busy(tx, office, id_) for id_ in sorted(case_ids)] if c]
        due = [c for c in cases if c.search_at is not None and c.search_at <= command.now]
        await roster.refresh(tx, command.now)
        looked = [await look(tx, office, roster, case, command.now) for case in due]
        chosen = matching.chosen_of_batch(due, [found.candidates for found in looked])
        made = 0
        for case, found, candidate in zip(due, looked, chosen, strict=True):
            if candidate is not None and await duty.lock_if_free(tx, office, candidate.team_id):
                await _hold_out(tx, office, case, found, candidate, command)
                made += 1
        return made
