"""What a reporter may ask: how far their report has come, and whether it is about somebody known. No personal data."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import ARRAY, Select, Text, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed
from backend.dispatch.board import visible
from backend.dispatch.elsewhere import ALIKE, Alike, told_alike
from backend.dispatch.nearby import near_cases
from backend.errors import NotFound
from backend.geo.cells import cell_of, centre
from backend.geo.place import LonLat
from backend.intake import duplicates
from backend.intake.report import Prepared
from backend.office import Office
from backend.personal import fields_of, open_
from backend.policy import Danger

MOST_SHOWN = 5
MOST_ELSEWHERE = 3
OWN_WITHIN: Final = timedelta(days=30)
MOST_OWN: Final = 200
ASKING_RES = 10
"""The public asks by H3 cells of this resolution, about 130 m across."""
ASKING_ACCURACY_M = 70.0
DISTANCES_M = (100, 200, 500, 1000, 2000, 3000)
MINUTES = 15
NOT_FOR_THE_PUBLIC = frozenset({"abuse", "trafficking", "domestic_violence"})

_ADDRESS = next(field for field in fields_of(db.cases) if field.name == "address")

PublicState = Literal["received", "accepted", "on_the_way", "on_the_spot", "done", "closed", "refused"]
# A stage as the public reads it: no team, no person, no outcome of a single life.
PUBLIC_WORDS: dict[str, tuple[PublicState, str, str]] = {
    "discovered": ("received", "已收到，正在核实。", "Received; being looked at."),
    "accepted": ("accepted", "已受理，正在安排就近队伍。", "Accepted; the nearest team is being arranged."),
    "dispatched": ("on_the_way", "队伍正在赶往现场。", "A team is on its way."),
    "handling": ("on_the_spot", "队伍已到现场。", "A team is there."),
    "handled": ("done", "现场已处理，正在核查。谢谢您！", "Dealt with on the spot; being verified. Thank you!"),
    "assisted": ("closed", "您反映的情况已处理。谢谢您！", "Your report was handled. Thank you!"),
    "suspended": ("accepted", "已受理，暂缓处理中。", "Accepted; waiting for now."),
    "refused": ("refused", "经核实，不予受理。", "It was looked at and not accepted."),
    "voided": ("closed", "该线索已撤销。", "The report was withdrawn."),
    "joined": ("accepted", "与另一条线索合并处理。", "Dealt with together with another report."),
}


class ReportStatus(Struct, frozen=True, kw_only=True):
    """How far a report has come, in words for the reporter."""

    receipt: str
    state: PublicState
    zh: str
    en: str
    reason_zh: str | None
    reason_en: str | None
    received_at: datetime
    updated_at: datetime


class Similar(Struct, frozen=True, kw_only=True):
    """A known case that a report may be about: how far and how long ago, how likely (0-1). Rough for the public.

    case_id, address: only for whoever may read that case, so that a desk can say "it is this one". elsewhere: the place does
    not fit and what was said does; then score is the likeness of the words and says nothing of the place.
    """

    distance_m: int
    minutes_ago: int
    people_count: int
    score: float
    reasons_zh: list[str]
    reasons_en: list[str]
    state: PublicState
    case_id: UUID | None = None
    address: str | None = None
    elsewhere: bool = False


class OwnReport(Struct, frozen=True, kw_only=True):
    """A report as the person sees it who sent it signed in: what it was about, and how far it has come. WGS-84 degrees."""

    id: UUID
    status: ReportStatus
    occurred_at: datetime
    lon: float
    lat: float
    people_count: int
    dangers: list[Danger]
    detailed_at: datetime | None


async def report_status(office: Office, receipt: str) -> ReportStatus:
    """The status under a receipt code. A joined case answers with the one it was joined into."""
    async with office.db.connect() as tx:
        row = (await tx.execute(_reports(office).where(db.sightings.c.receipt == receipt))).first()
    if row is None:
        raise NotFound(
            "没有这个回执码，请核对后再试。", "There is no such receipt; please check it.", code="no_receipt"
        )
    return _status(office, row)


async def own_reports(office: Office, by: Actor, now: datetime) -> list[OwnReport]:
    """What this account has reported within `OWN_WITHIN`, newest first."""
    s = db.sightings.c
    mine = _reports(office).where(s.reporter == by.id, s.received_at > now - OWN_WITHIN)
    async with office.db.connect() as tx:
        rows = await tx.execute(mine.order_by(s.received_at.desc(), s.id.desc()).limit(MOST_OWN))
        return [
            OwnReport(
                status=_status(office, row),
                **{name: getattr(row, name) for name in OwnReport.__struct_fields__ if name != "status"},
            )
            for row in rows
        ]


def _reports(office: Office) -> Select[Any]:
    """Sightings with the case each belongs to."""
    s, links, c = db.sightings, db.case_sightings, db.cases
    about = (s.c[n] for n in ("id", "receipt", "occurred_at", "lon", "lat", "people_count", "dangers", "detailed_at"))
    return (
        select(s.c.received_at, c.c.stage, c.c.stage_since, c.c.outcome, *about)
        .join(links, (links.c.city_id == s.c.city_id) & (links.c.sighting_id == s.c.id) & links.c.left_at.is_(None))
        .join(c, (c.c.city_id == links.c.city_id) & (c.c.id == links.c.case_id))
        .where(s.c.city_id == office.city_id)
    )


def _status(office: Office, row: Any) -> ReportStatus:
    state, zh, en = PUBLIC_WORDS[row.stage]
    reason = _refusal(office, row.outcome) if row.stage == "refused" else None
    return ReportStatus(
        receipt=row.receipt,
        state=state,
        zh=zh,
        en=en,
        reason_zh=reason[0] if reason else None,
        reason_en=reason[1] if reason else None,
        received_at=row.received_at,
        updated_at=row.stage_since,
    )


def _refusal(office: Office, outcome: str | None) -> tuple[str, str] | None:
    code = (outcome or "").removeprefix("refused:")
    return next(((r.zh, r.en) for r in office.city.policy.intake.refuse_reasons if r.code == code), None)


async def similar_cases(office: Office, report: Prepared) -> list[Similar]:
    """Known cases that a report may be about, likeliest first; shown before it is sent.

    Whoever may read the sightings of the place learns how far and why. Anybody else asks about a patch of ground and not
    about a person: neither where somebody sleeps nor how they look can be found out by asking again and again.
    """
    what = Object(regions=report.sighting.regions)
    if allowed(office.city.policy.roles, report.by, "sighting:read", what):
        alike = [_exactly(match, case) for match, case in await _alike(office, report)]
        return await _named_for(office, report.by, alike + await _elsewhere(office, report, alike))
    found = await _alike(office, _blurred(report))
    async with office.db.connect() as tx:
        untold = await _not_for_the_public(tx, office, [UUID(match.case_id) for match, _ in found])
    return [_roughly(match, case) for match, case in found if UUID(match.case_id) not in untold]


async def _named_for(office: Office, by: Actor, alike: list[Similar]) -> list[Similar]:
    """The same with the address of each case, but neither it nor the id of one that the actor may not read: one across the
    border of a district, say."""
    c = db.cases.c
    mine = c.id.in_([one.case_id for one in alike])
    query = select(c.id, c.address_sealed).where(c.city_id == office.city_id, mine, visible(office, by))
    async with office.db.connect() as tx:
        seen = {row.id: open_(office.ring, _ADDRESS, row.address_sealed, row.id) for row in await tx.execute(query)}
    return [
        msgspec.structs.replace(
            one, case_id=one.case_id if one.case_id in seen else None, address=seen.get(one.case_id)
        )
        for one in alike
    ]


async def _elsewhere(office: Office, report: Prepared, alike: list[Similar]) -> list[Similar]:
    async with office.db.connect() as tx:
        found = await told_alike(tx, office, report, but=[one.case_id for one in alike if one.case_id])
    return [_far_off(one) for one in found[:MOST_ELSEWHERE]]


async def _alike(office: Office, report: Prepared) -> list[tuple[duplicates.Match, duplicates.Candidate]]:
    async with office.db.connect() as tx:
        candidates = (await near_cases(tx, office, [report]))[0]
    known = {candidate.case_id: candidate for candidate in candidates}
    matches = duplicates.rank(report.for_duplicates(), candidates, office.city.policy)
    return [(match, known[match.case_id]) for match in matches[:MOST_SHOWN]]


def _blurred(report: Prepared) -> Prepared:
    """The same question asked from the middle of its cell (about 130 m across), without looks and words."""
    middle = centre(cell_of(LonLat(report.sighting.lon, report.sighting.lat), ASKING_RES))
    asked = msgspec.structs.replace(
        report.sighting, lon=middle.lon, lat=middle.lat, accuracy_m=ASKING_ACCURACY_M, looks={}, description=None
    )
    return msgspec.structs.replace(report, sighting=asked)


async def _not_for_the_public(tx: AsyncConnection, office: Office, case_ids: Sequence[UUID]) -> set[UUID]:
    """The cases of people whom somebody may be looking for: that they were seen here is nobody's business."""
    c = db.cases.c
    hidden = c.dangers.bool_op("&&")(cast(sorted(NOT_FOR_THE_PUBLIC), ARRAY(Text)))
    query = select(c.id).where(c.city_id == office.city_id, c.id.in_(case_ids), hidden)
    return set((await tx.execute(query)).scalars())


def _exactly(match: duplicates.Match, candidate: duplicates.Candidate) -> Similar:
    return Similar(
        distance_m=int(round(match.distance_m, -1)),
        minutes_ago=int(match.elapsed_s // 60),
        people_count=candidate.people_count,
        score=match.score,
        reasons_zh=[reason.zh for reason in match.reasons],
        reasons_en=[reason.en for reason in match.reasons],
        state=PUBLIC_WORDS[candidate.stage][0],
        case_id=UUID(match.case_id),
    )


def _far_off(one: Alike) -> Similar:
    same = [*(["说法相似"] if one.likeness >= ALIKE else []), *(["危险相同"] if one.dangers else [])]
    same_en = [*(["described alike"] if one.likeness >= ALIKE else []), *(["the same danger"] if one.dangers else [])]
    return Similar(
        distance_m=int(round(one.distance_m, -1)),
        minutes_ago=int(one.elapsed_s // 60),
        people_count=one.people_count,
        score=round(one.likeness, 2),
        reasons_zh=["地点不同", *same],
        reasons_en=["another place", *same_en],
        state=PUBLIC_WORDS[one.stage][0],
        case_id=one.case_id,
        elsewhere=True,
    )


def _roughly(match: duplicates.Match, candidate: duplicates.Candidate) -> Similar:
    within_m = next((step for step in DISTANCES_M if match.distance_m <= step), DISTANCES_M[-1])
    return Similar(
        distance_m=within_m,
        minutes_ago=int(match.elapsed_s // 60) // MINUTES * MINUTES,
        people_count=candidate.people_count,
        score=round(match.score, 1),
        reasons_zh=[f"约 {within_m} 米以内"],
        reasons_en=[f"within about {within_m} m"],
        state=PUBLIC_WORDS[candidate.stage][0],
    )
