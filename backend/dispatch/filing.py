"""Filing 发现→受理: judged reports become sightings, joined to what is known or opened as cases, in one transaction.

Begin at `file_reports`. It takes many reports at once because a commit costs what ten inserts cost; `group_filing` gathers
what is waiting under load. One filing runs at a time in a city, so two reports of one person sent in the same second see
each other.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, personal
from backend.access.actor import SYSTEM
from backend.dispatch import find
from backend.dispatch.change import Change, Command, record
from backend.dispatch.lifecycle import OPEN_STAGES
from backend.dispatch.move import case_of, clocks_in, move, touched
from backend.dispatch.nearby import near_cases
from backend.dispatch.opening import first_case, opened, told, write_sightings
from backend.dispatch.records import Case, Link
from backend.errors import Conflict
from backend.geo.place import LonLat, distance_m
from backend.ids import new_id
from backend.intake import duplicates
from backend.intake.looks import Looks
from backend.intake.report import Prepared, Sighting
from backend.intake.triage import merge_priority
from backend.office import Office
from backend.policy import Priority

METRES_PER_DEGREE = 111_000.0
"""Of latitude, rather too few than too many."""


class Receipt(Struct, frozen=True, kw_only=True):
    """What a reporter gets. known: their report was added to a case that was there already."""

    sighting_id: UUID
    receipt: str
    case_id: UUID
    case_number: int
    known: bool
    priority: Priority
    call_first: list[str]
    warnings: list[dict[str, Any]]
    repeated: bool = False


class _Desk:
    """What one filing knows: the open cases near its reports, and what it has decided so far."""

    def __init__(self, office: Office, command: Command, number: int) -> None:
        self.office, self.command, self.number = office, command, number
        self.cases: dict[UUID, Case] = {}
        self.fresh: dict[UUID, duplicates.Candidate] = {}
        self.changes: list[Change] = []
        self.receipts: dict[UUID, Receipt] = {}

    def near(self, about: duplicates.Report) -> dict[UUID, duplicates.Candidate]:
        """The cases that this very filing has opened or changed and that lie within reach of the report."""
        policy, place = self.office.city.policy, about.place
        radius_m = duplicates.reach_m(policy.intake.duplicate_window.seconds, policy, about.looks, about.accuracy_m)
        most_deg = radius_m / METRES_PER_DEGREE  # most are far off, which a subtraction shows
        return {
            id_: c
            for id_, c in self.fresh.items()
            if abs(c.place.lat - place.lat) <= most_deg and distance_m(c.place, place) <= radius_m
        }


async def file_reports(office: Office, reports: Sequence[Prepared]) -> list[Receipt]:
    """File judged reports, in order; each is joined or opens a case. The same id twice answers the first receipt (I8).

    Raises Conflict `id_reused` when an id stands for another report: then nothing of this call is filed.
    """
    once = _each_once(reports)
    async with office.begin() as tx:
        await find.lock_intake(tx, office)
        known = await _receipts_of(tx, office, once)
        fresh = [report for report in once if report.sighting.id not in known]
        if fresh:
            known |= await _file(tx, office, fresh)
    return [known[report.sighting.id] for report in reports]


def _each_once(reports: Sequence[Prepared]) -> list[Prepared]:
    """The first of each id. Raises Conflict `id_reused` when another report stands under the same id."""
    first: dict[UUID, Prepared] = {}
    for report in reports:
        kept = first.setdefault(report.sighting.id, report)
        if not _same(msgspec.structs.asdict(kept.sighting), report.sighting):
            raise _reused(report.sighting.id)
    return list(first.values())


def _reused(id_: UUID) -> Conflict:
    return Conflict(
        "这个编号已用于另一条线索。", "This id already stands for another sighting.", code="id_reused", id=id_
    )


async def _file(tx: AsyncConnection, office: Office, reports: Sequence[Prepared]) -> dict[UUID, Receipt]:
    now = max(report.sighting.received_at for report in reports)
    command = Command(name="file", by=SYSTEM, now=now, at=now)
    desk = _Desk(office, command, await find.next_number(tx, office, office.city.local_day(now)))
    near = await near_cases(tx, office, reports)
    for report, candidates in zip(reports, near, strict=True):
        await _take(tx, desk, report, candidates)
    await write_sightings(tx, office, reports)
    await record(tx, office, command, *desk.changes)
    return desk.receipts


async def _take(tx: AsyncConnection, desk: _Desk, report: Prepared, candidates: Sequence[duplicates.Candidate]) -> None:
    """Judge one report against what is known; join it or open a case for it."""
    about = report.for_duplicates()
    known = {UUID(c.case_id): c for c in candidates} | desk.near(about)
    matches = duplicates.rank(about, known.values(), desk.office.city.policy)
    sure = duplicates.to_join(matches, desk.office.city.policy)
    if sure is not None:
        case = await _hold(tx, desk, UUID(sure.case_id))
        if case.stage in OPEN_STAGES and case.stage != "handled":
            _join(desk, report, case, sure, known[case.id])
            if case.stage == "discovered" and _is_trusted(desk.office, report):
                await _accept(tx, desk, case.id)
            return
    _open(desk, report, matches)


async def _hold(tx: AsyncConnection, desk: _Desk, case_id: UUID) -> Case:
    """The case as it is now, locked; one that this filing has opened or changed is as it left it."""
    if case_id not in desk.cases:
        desk.cases[case_id] = await find.lock_case(tx, desk.office, case_id)
    return desk.cases[case_id]


def _is_trusted(office: Office, report: Prepared) -> bool:
    """Whether a report of this channel, inside the city, is accepted by rule."""
    return report.sighting.channel in office.city.policy.intake.auto_accept and report.sighting.in_area


async def _accept(tx: AsyncConnection, desk: _Desk, case_id: UUID) -> None:
    """受理 by rule of a case that waited for a person until a trusted report joined it."""
    clocks = await find.clocks_of(tx, desk.office, case_id)
    case, policy = desk.cases[case_id], desk.office.city.policy
    rows = move(case, "accept", clocks, at=desk.command.now, policy=policy, search_round=case.search_round)
    desk.changes.append(Change(kind="case.accepted", rows=rows, facts={"rule": "auto_accept"}))
    desk.cases[case_id] = case_of(rows)


def _join(desk: _Desk, report: Prepared, case: Case, match: duplicates.Match, before: duplicates.Candidate) -> None:
    sighting, triage = report.sighting, report.triage
    later = sighting.occurred_at > case.last_seen_at
    after = touched(
        case,
        sighting_count=case.sighting_count + 1,
        last_seen_at=max(case.last_seen_at, sighting.occurred_at),
        # People move: the team is sent to where they were seen last.
        lon=sighting.lon if later else case.lon,
        lat=sighting.lat if later else case.lat,
        regions=sighting.regions if later else case.regions,
        address=(sighting.address if later else None) or case.address,
        priority=merge_priority(case.priority, triage.priority),
        dangers=sorted({*case.dangers, *sighting.dangers}),
        call_first=list(dict.fromkeys([*triage.call_first, *case.call_first])),
        skills=sorted({*case.skills, *triage.skills}),
        people_count=max(case.people_count, sighting.people_count),
    )
    reasons = [msgspec.to_builtins(reason) for reason in match.reasons]
    link = Link(
        case_id=case.id,
        sighting_id=sighting.id,
        joined_at=sighting.received_at,
        joined_by="rule",
        score=match.score,
        reasons=reasons,
    )
    raised = after.priority != case.priority
    facts = {**told(report), "score": match.score, "raised": raised}
    if raised and case.stage == "suspended":
        facts["alarm"] = "raised_while_suspended"  # nobody is looking at it: a person decides whether it goes on
    desk.changes.append(Change(kind="case.sighting_joined", rows=[(case, after), (None, link)], facts=facts))
    desk.cases[case.id] = after
    _remember(desk, after, report, before)
    desk.receipts[sighting.id] = _receipt(after, report, known=True)


def _open(desk: _Desk, report: Prepared, matches: Sequence[duplicates.Match]) -> None:
    policy = desk.office.city.policy
    case = first_case(report, new_id(), desk.number, report.sighting.received_at)
    desk.number += 1
    begun = opened(case, report, matches, policy)
    desk.changes.append(begun)
    if _is_trusted(desk.office, report):
        accepted = move(case, "accept", clocks_in(begun.rows), at=case.opened_at, policy=policy, search_round=1)
        desk.changes.append(Change(kind="case.accepted", rows=accepted, facts={"rule": "auto_accept"}))
        case = case_of(accepted)
    desk.cases[case.id] = case
    _remember(desk, case, report, None)
    desk.receipts[report.sighting.id] = _receipt(case, report, known=False)


def _remember(desk: _Desk, case: Case, report: Prepared, before: duplicates.Candidate | None) -> None:
    """The case as the next report of this filing is compared with it."""
    reporter = report.for_duplicates().reporter
    reporters = {*(before.reporters if before else ()), *([reporter] if reporter else [])}
    desk.fresh[case.id] = duplicates.Candidate(
        case_id=str(case.id),
        place=LonLat(case.lon, case.lat),
        seen_at=case.last_seen_at,
        stage=case.stage,
        people_count=case.people_count,
        looks=msgspec.convert(case.looks, Looks),
        text=report.sighting.description or (before.text if before else ""),
        accuracy_m=report.sighting.accuracy_m,
        sightings=case.sighting_count,
        reporters=frozenset(reporters),
    )


def _receipt(case: Case, report: Prepared, *, known: bool) -> Receipt:
    return Receipt(
        sighting_id=report.sighting.id,
        receipt=report.sighting.receipt,
        case_id=case.id,
        case_number=case.number,
        known=known,
        priority=case.priority,
        call_first=list(report.triage.call_first),
        warnings=report.sighting.warnings,
    )


async def _receipts_of(tx: AsyncConnection, office: Office, reports: Sequence[Prepared]) -> dict[UUID, Receipt]:
    """The first receipts of reports that are here already."""
    s, links, c = db.sightings, db.case_sightings, db.cases
    query = (
        select(s, c.c.id.label("case_id"), c.c.number, c.c.priority, c.c.call_first, links.c.joined_by)
        .join(links, (links.c.city_id == s.c.city_id) & (links.c.sighting_id == s.c.id) & links.c.left_at.is_(None))
        .join(c, (c.c.city_id == links.c.city_id) & (c.c.id == links.c.case_id))
        .where(s.c.city_id == office.city_id, s.c.id == any_(literal([r.sighting.id for r in reports], ARRAY(Uuid))))
    )
    sent = {r.sighting.id: r.sighting for r in reports}
    found: dict[UUID, Receipt] = {}
    for row in await tx.execute(query):
        if not _same(personal.opened(office.ring, s, row._mapping), sent[row.id]):
            raise _reused(row.id)
        found[row.id] = Receipt(
            sighting_id=row.id,
            receipt=row.receipt,
            case_id=row.case_id,
            case_number=row.number,
            known=row.joined_by != "opened",
            priority=row.priority,
            call_first=row.call_first,
            warnings=row.warnings,
            repeated=True,
        )
    return found


def _same(kept: Mapping[str, Any], sent: Sighting) -> bool:
    """Whether it is the same report again: who, where, how many and in which words. Its times follow from when it came."""
    if kept["detailed_at"] is not None:  # what was said of them has grown since
        return all(kept[name] == getattr(sent, name) for name in ("lon", "lat", "channel", "reporter", "address"))
    said = ("lon", "lat", "channel", "reporter", "people_count", "description", "address")
    same_words = all(kept[name] == getattr(sent, name) for name in said)
    return same_words and _as_kept(kept["looks"]) == _as_kept(sent.looks)


def _as_kept(looks: dict[str, Any]) -> dict[str, Any]:
    """Looks as they come back from the database: JSON knows no tuples."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in looks.items()}
