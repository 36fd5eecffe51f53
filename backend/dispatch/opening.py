"""A sighting that begins a case: the case as it is then, its link and clocks, what may be the same; and how it is kept.

Filing begins cases with it (`backend.dispatch.filing`), and so does a team that finds somebody (`backend.dispatch.found`).
Pure, but for `write_sightings`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, personal
from backend.bulk import add_rows
from backend.dispatch import timekeeping
from backend.dispatch.change import Change
from backend.dispatch.records import Case, Link, Row, Suggestion
from backend.intake import duplicates
from backend.intake.report import Prepared
from backend.office import Office
from backend.policy import Policy

MOST_SUGGESTED = 5


def first_case(report: Prepared, case_id: UUID, number: int, at: datetime) -> Case:
    """The case that a report begins at that moment, waiting to be accepted."""
    sighting, triage = report.sighting, report.triage
    return Case(
        id=case_id,
        number=number,
        stage="discovered",
        version=1,
        priority=triage.priority,
        dangers=sighting.dangers,
        call_first=list(triage.call_first),
        skills=list(triage.skills),
        lon=sighting.lon,
        lat=sighting.lat,
        in_area=sighting.in_area,
        regions=sighting.regions,
        address=sighting.address,
        people_count=sighting.people_count,
        looks=sighting.looks,
        channel=sighting.channel,
        opened_at=at,
        stage_since=at,
        last_seen_at=sighting.occurred_at,
        sighting_count=1,
    )


def opened(
    case: Case,
    report: Prepared,
    matches: Sequence[duplicates.Match],
    policy: Policy,
    *,
    teams: Sequence[UUID] = (),
) -> Change:
    """The event of a case that begins: with the sighting it is about, its clocks, and which cases may be the same.

    teams: whom it concerns from its first moment.
    """
    link = Link(
        case_id=case.id, sighting_id=report.sighting.id, joined_at=report.sighting.received_at, joined_by="opened"
    )
    clocks = timekeeping.step({}, "open", case_id=case.id, policy=policy, at=case.opened_at)
    suggested = [_suggestion(case, match) for match in matches[:MOST_SUGGESTED]]
    rows: list[tuple[Row | None, Row]] = [(None, case), (None, link), *clocks, *((None, s) for s in suggested)]
    return Change(kind="case.opened", rows=rows, facts=told(report), teams=teams)


def _suggestion(case: Case, match: duplicates.Match) -> Suggestion:
    return Suggestion(
        case_id=case.id,
        other_case_id=UUID(match.case_id),
        score=match.score,
        reasons=[msgspec.to_builtins(reason) for reason in match.reasons],
    )


def told(report: Prepared) -> dict[str, Any]:
    """What the log keeps of a sighting: nothing that says who reported or what they wrote."""
    kept = report.sighting
    return {
        "sighting_id": kept.id,
        "channel": kept.channel,
        "reporter_kind": report.by.kind,
        "occurred_at": kept.occurred_at,
        "lon": kept.lon,
        "lat": kept.lat,
        "in_area": kept.in_area,
        "people_count": kept.people_count,
        "dangers": kept.dangers,
        "why": [reason.code for reason in report.triage.reasons],
    }


async def write_sightings(tx: AsyncConnection, office: Office, reports: Sequence[Prepared]) -> None:
    """The sightings, and apart from them how their reporters can be reached; both sealed."""
    rows = [personal.sealed(office.ring, db.sightings, msgspec.structs.asdict(r.sighting)) for r in reports]
    await add_rows(tx, db.sightings, [{"city_id": office.city_id, **row} for row in rows])
    contacts = [_contact(office, r) for r in reports if r.contact is not None or r.recording_ref is not None]
    if contacts:
        await add_rows(tx, db.sighting_contacts, contacts)


def _contact(office: Office, report: Prepared) -> dict[str, Any]:
    contact = report.contact
    kept = {
        "sighting_id": report.sighting.id,
        "phone": contact.phone if contact else None,
        "name": contact.name if contact else None,
        "call_back": contact.call_back if contact else False,
        "recording_ref": report.recording_ref,
    }
    return {"city_id": office.city_id, **personal.sealed(office.ring, db.sighting_contacts, kept)}
