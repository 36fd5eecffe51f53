"""The report of a campaign 专项行动报告, from the log's events alone. Pure. Begin at `report`.

What is counted is said in `report_numbers`, what the log has in `report_facts`. The same events give the same report, so that anybody
can check it: its `seq` says up to where the log was read, `hash` is that event's link in the chain. A number that nothing was due for
has no value ("—"), neither 0 nor 100 %. Numbers and numbers of cases only: nobody's name, address or words.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec import Struct

from backend.campaign.report_counting import Counted, Value
from backend.campaign.report_facts import Facts, Look, Told, gather
from backend.campaign.report_numbers import DEFINITIONS, GROUP_NAMES
from backend.campaign.report_shapes import CampaignReport, GroupName, Number, StepLine


class Read(Struct, frozen=True, kw_only=True):
    """A report and what it does not show of each look, for the sheet of all looks."""

    report: CampaignReport
    looks: list[Look]


def report(events: Iterable[Told], campaign_id: UUID, hash_: bytes) -> Read:
    """The report as the events tell it. They are those up to one of the log, the last of them with the hash `hash_`."""
    facts = gather(events, campaign_id)
    counted = Counted(facts)
    row = facts.campaign
    assert facts.as_of is not None
    made = CampaignReport(
        campaign_id=campaign_id,
        number=row["number"],
        hazard=row["hazard"],
        colour=row.get("colour"),
        season=row["season"],
        cause=row["cause"],
        state=row["state"],
        close_reason=row.get("close_reason"),
        opened_at=facts.moment("opened_at"),
        closed_at=facts.moment("closed_at"),
        as_of=facts.as_of,
        final=facts.moment("closed_at") is not None,
        seq=facts.seq,
        hash=hash_.hex(),
        groups=[GroupName(code=code, zh=zh, en=en) for code, (zh, en) in GROUP_NAMES.items()],
        numbers=numbers(counted.values()),
        steps=_steps(facts),
        supplies=counted.supplies(),
        teams=counted.team_lines(),
        points=counted.point_lines(),
        cells=counted.cell_lines,
        cases=counted.case_lines(),
    )
    return Read(report=made, looks=counted.looks)


def numbers(values: dict[str, Value]) -> list[Number]:
    """Every number that is defined, in its order."""
    return [
        Number(
            code=code,
            group=d.group,
            zh=d.zh,
            en=d.en,
            means_zh=d.means_zh,
            means_en=d.means_en,
            unit=d.unit,
            value=None if (value := values[code])[0] is None else round(value[0], 4),
            of=value[1],
        )
        for code, d in DEFINITIONS.items()
    ]


def _steps(facts: Facts) -> list[StepLine]:
    told = sorted([*facts.warnings, *facts.history], key=lambda step: step.at)
    named = ("hazard", "colour", "sender", "identifier")
    return [StepLine(at=step.at, kind=step.kind, **{name: step.facts.get(name) for name in named}) for step in told]


def compared(now: Sequence[Number], before: Sequence[Number]) -> list[Number]:
    """The numbers with those of the last campaign beside them, as far as they say anything of another one."""
    said = {number.code: number.value for number in before if DEFINITIONS[number.code].comparable}
    return [_with(number, said.get(number.code)) for number in now]


def _with(number: Number, before: float | None) -> Number:
    fields = {name: getattr(number, name) for name in Number.__struct_fields__}
    return Number(**{**fields, "before": before})
