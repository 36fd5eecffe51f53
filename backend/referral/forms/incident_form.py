"""突发事件报告表 The report of what went up at once: what happened, who was told when, what followed. Pure. Begin at `sheet_of`.

It is printed with what is known at that moment; what a whole report has besides stands on it as still owed (decision 1405).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from backend.dispatch.records import Incident, IncidentRecipient, RecipientState
from backend.policy import ROLE_NAMES
from backend.referral.forms import words
from backend.referral.forms.document import KIND_NAMES
from backend.referral.forms.sheet import (
    NOTHING,
    Block,
    Box,
    Heading,
    Listing,
    Sheet,
    Signature,
    Signatures,
    row,
    ticked,
)
from backend.referral.incidents.form import IncidentForm, Told, missing
from backend.referral.incidents.states import CAUSE_NAMES, STATE_NAMES
from backend.referral.incidents.states import KIND_NAMES as INCIDENT_NAMES
from backend.referral.people.person import Person

OWED: Final = "待补报"
LEVEL_NAMES: Final[dict[RecipientState, str]] = {
    "waiting": "待签收",
    "acknowledged": "已签收",
    "absent": "无此岗位人员",
    "passed": "上级已办结",
}


class OfIncident(Struct, frozen=True, kw_only=True):
    """What the report is made of. names: what accounts are called, by id; regions: what they are called, by code. person: of the
    register, where somebody of it is named; by their number alone. number: of the case that it began with."""

    incident: Incident
    told: Told
    recipients: Sequence[IncidentRecipient]
    names: Mapping[str, str]
    regions: Mapping[str, str]
    house: str
    by: str
    now: datetime
    person: Person | None = None
    case_number: int | None = None


def sheet_of(facts: OfIncident, zone: ZoneInfo) -> Sheet:
    """The report as it is known now."""
    incident, form = facts.incident, facts.told.form
    zh, en = KIND_NAMES["incident_report"]
    lacks = {
        one.field.removeprefix("form.") for one in missing(form, incident.kind, knows_who=facts.person is not None)
    }
    blocks: list[Block] = [
        *_about(facts, zone),
        row(Box(label="发生地点", text=form.place or _owed("place", lacks))),
        row(Box(label="涉及人员", text=_who(facts) or _owed("who", lacks))),
        row(Box(label="事件经过", text=form.what or _owed("what", lacks)), high_mm=22),
        row(Box(label="已采取的措施", text=form.measures or _owed("measures", lacks)), high_mm=14),
        Heading(text="报警、急救、告知亲属"),
        *_called(form, lacks, zone),
        Heading(text="逐级上报（首次上报时各级同时收到）与签收"),
        _levels(facts, zone),
        Listing(label="续报", heads=("时间", "内容", "续报人"), widths=(21, 22, 9), lines=_follow_ups(facts, zone), empty="暂无"),
        *_outcome(facts),
        Signatures(
            signatures=(
                Signature(label="报告人", name=facts.by, at=words.day(facts.now, zone)),
                Signature(label="单位负责人（盖章）"),
            )
        ),
    ]  # fmt: skip
    return Sheet(
        title=zh,
        english=en.capitalize(),
        house=facts.house,
        blocks=tuple(blocks),
        basis=f"上报编号：{incident.number}",
        notes=(
            "死亡、走失、意外事故，疑似虐待、拐卖、家庭暴力的，立即逐级上报，限时续报，直至结论。",
            f"注明“{OWED}”的，查明后补报，并重新出具。",
        ),
    )


def _owed(field: str, lacks: set[str]) -> str:
    return OWED if field in lacks else NOTHING


def _about(facts: OfIncident, zone: ZoneInfo) -> list[Block]:
    incident = facts.incident
    raised_by = facts.names.get(incident.raised_by, "")
    case = str(facts.case_number) if facts.case_number else NOTHING
    return [
        row(ticked("事件类别", INCIDENT_NAMES, incident.kind)),
        row(
            Box(label="发生时间", text=words.moment(incident.happened_at, zone), width=6),
            Box(label="首次上报", text=words.moment(incident.raised_at, zone), width=6),
        ),
        row(
            Box(label="上报人", text=words.joined([raised_by, CAUSE_NAMES[incident.cause][0]]), width=6),
            Box(label="报告填完", text=words.moment(incident.reported_at, zone), width=6),
        ),
        row(
            Box(label="关联案卷", text=case, width=6),
            Box(label="办理状态", text=STATE_NAMES[incident.state][0], width=6),
        ),
    ]


def _who(facts: OfIncident) -> str:
    """By number in the register, sex and age, and in words; no name and no number of a paper."""
    person, said = facts.person, facts.told.form.who.strip()
    if person is None:
        return said
    known = [f"登记编号 {person.number}", words.SEX_NAMES[person.sex][0], words.AGE_NAMES[person.age_band][0], said]
    return words.joined(known)


def _called(form: IncidentForm, lacks: set[str], zone: ZoneInfo) -> list[Block]:
    medics = (
        f"未呼叫：{form.no_medics}"
        if form.no_medics and form.medics_told_at is None
        else _owed("medics_told_at", lacks)
    )
    family = "亲属不明" if form.family_unknown and form.family_told_at is None else _owed("family_told_at", lacks)
    lines = (
        ("报警（110）", form.police_told_at, form.police_told_by, _owed("police_told_at", lacks)),
        ("急救（120）", form.medics_told_at, form.medics_told_by, medics),
        ("告知亲属", form.family_told_at, form.family_told_by, family),
    )
    return [
        row(
            Box(label=label, text=words.moment(at, zone) if at else otherwise, width=7),
            Box(label="经办人", text=by or (otherwise if at else NOTHING), width=5),
        )
        for label, at, by, otherwise in lines
    ]


def _levels(facts: OfIncident, zone: ZoneInfo) -> Listing:
    lines = tuple(
        (
            ROLE_NAMES[one.role][0],
            facts.regions.get(one.region, one.region),
            words.moment(one.acknowledged_at, zone) if one.acknowledged_at else LEVEL_NAMES[one.state],
            facts.names.get(one.acknowledged_by or "", NOTHING),
        )
        for one in facts.recipients
    )
    return Listing(
        label="上报层级",
        heads=("层级", "辖区", "签收", "签收人"),
        widths=(8, 9, 17, 10),
        lines=lines,
    )


def _follow_ups(facts: OfIncident, zone: ZoneInfo) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (words.moment(one.at, zone), one.text, facts.names.get(one.by, NOTHING)) for one in facts.told.follow_ups
    )


def _outcome(facts: OfIncident) -> list[Block]:
    if facts.told.withdrawn:
        return [row(Box(label="撤销理由", text=facts.told.withdrawn), high_mm=14)]
    return [row(Box(label="结论", text=facts.told.conclusion or "尚未作出结论"), high_mm=14)]
