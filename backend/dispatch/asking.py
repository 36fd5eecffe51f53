"""What a reporter may ask: how far their report has come, and whether it is about somebody known. No personal data."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import select

from backend import db
from backend.dispatch.filing import near_cases
from backend.errors import NotFound
from backend.intake import duplicates
from backend.intake.report import Prepared
from backend.office import Office

# A stage as the public reads it: no team, no person, no outcome of a single life.
PUBLIC_WORDS: dict[str, tuple[str, str, str]] = {
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
    """How far a report has come. state: received, accepted, on_the_way, on_the_spot, done, closed or refused."""

    receipt: str
    state: str
    zh: str
    en: str
    reason_zh: str | None
    reason_en: str | None
    received_at: datetime
    updated_at: datetime


class Similar(Struct, frozen=True, kw_only=True):
    """A known case that a report may be about, as the public may see it: about where, how long ago, how likely."""

    distance_m: int
    minutes_ago: int
    people_count: int
    score: float
    reasons_zh: list[str]
    reasons_en: list[str]
    state: str


async def report_status(office: Office, receipt: str) -> ReportStatus:
    """The status under a receipt code. A joined case answers with the one it was joined into."""
    async with office.db.connect() as tx:
        s, links, c = db.sightings, db.case_sightings, db.cases
        query = (
            select(s.c.received_at, c.c.stage, c.c.stage_since, c.c.outcome)
            .join(links, (links.c.city_id == s.c.city_id) & (links.c.sighting_id == s.c.id) & links.c.left_at.is_(None))
            .join(c, (c.c.city_id == links.c.city_id) & (c.c.id == links.c.case_id))
            .where(s.c.city_id == office.city_id, s.c.receipt == receipt)
        )
        row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound(
            "没有这个回执码，请核对后再试。", "There is no such receipt; please check it.", code="no_receipt"
        )
    state, zh, en = PUBLIC_WORDS[row.stage]
    reason = _refusal(office, row.outcome) if row.stage == "refused" else None
    return ReportStatus(
        receipt=receipt,
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
    """Known cases that a report may be about, likeliest first; shown before it is sent."""
    async with office.db.connect() as tx:
        candidates = (await near_cases(tx, office, [report]))[0]
    matches = duplicates.rank(report.for_duplicates(), candidates, office.city.policy)
    known = {candidate.case_id: candidate for candidate in candidates}
    return [_public(match, known[match.case_id]) for match in matches[:5]]


def _public(match: duplicates.Match, candidate: duplicates.Candidate) -> Similar:
    return Similar(
        # Rounded: the public learns that somebody is known near here, not exactly where they sleep.
        distance_m=int(round(match.distance_m, -1)),
        minutes_ago=int(match.elapsed_s // 60),
        people_count=candidate.people_count,
        score=match.score,
        reasons_zh=[reason.zh for reason in match.reasons],
        reasons_en=[reason.en for reason in match.reasons],
        state=PUBLIC_WORDS[candidate.stage][0],
    )
