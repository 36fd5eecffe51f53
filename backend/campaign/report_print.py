"""A report printed: what the form `backend/paper/campaign_report.typ` reads, and the document. Begin at `printed`.

The document is made of the report and of what teams and facilities are called; its moment is that of the log, not of the printing, so
that the same state of the log gives the same bytes.
"""

from typing import Any, Final

from backend.campaign import report_words as words
from backend.campaign.report_reading import Marks, Names, marks_of
from backend.campaign.report_shapes import CampaignReport, CellLine
from backend.dispatch import stock_rules
from backend.office import Office
from backend.paper.typeset import qr_code, typeset

TILES: Final = ("in_time", "met", "helped", "to_hospital", "refused", "given", "person_hours", "deaths")
MOST_CELLS: Final = 40
"""So many cells are listed on paper, the worst first; all of them are in the sheets."""
MOST_CASES: Final = 400


async def printed(office: Office, made: CampaignReport, names: Names) -> bytes:
    """The report as PDF. Raises Unavailable where no font with Chinese is there."""
    marks = marks_of(office, made)
    short = f"{made.number} {marks.seq} {marks.hash[:16]} {marks.digest[:16]}"
    pictures = {"qr.svg": qr_code(short)}
    return await typeset("campaign_report", _data(office, made, names, marks), made_at=made.as_of, pictures=pictures)


def _data(office: Office, made: CampaignReport, names: Names, marks: Marks) -> dict[str, Any]:
    by_code = {number.code: number for number in made.numbers}
    tiles = [by_code[code] for code in TILES]
    return {
        "title": words.title(made),
        "city": office.city.name_zh,
        "number": made.number,
        "keywords": list(marks.words()),
        "marks": [
            f"日志第 {marks.seq} 条 log no. {marks.seq} · 哈希 hash {marks.hash}",
            f"报告摘要 report SHA-256 {marks.digest}",
        ],
        "facts": _facts(office, made),
        "tiles": [{"value": words.value_of(one), "zh": one.zh, "en": one.en} for one in tiles],
        "groups": _groups(made),
        "compared": made.compared_with,
        "steps": _steps(office, made),
        "supplies": [
            [stock_rules.item(one.item).zh, str(one.given), str(one.short), str(one.issued)] for one in made.supplies
        ],
        "teams": _teams(office, made, names),
        "points": _points(office, made, names),
        "cells": [_cell(office, cell) for cell in _worst(made.cells)],
        "cells_left": max(0, len(_bad(made.cells)) - MOST_CELLS),
        "cases": _cases(office, made),
        "privacy": list(words.PRIVACY),
    }


def _facts(office: Office, made: CampaignReport) -> list[list[str]]:
    zone = office.city.zone
    ended = "进行中 running"
    if made.final:
        ended = f"{words.moment(made.closed_at, zone)}（{words.CLOSED_BECAUSE.get(made.close_reason or '', '')}）"
    return [
        ["行动编号 Number", made.number],
        ["灾种与等级 Hazard", words.graded(made.hazard, made.colour)],
        ["启动 Opened", words.moment(made.opened_at, zone)],
        ["结束 Closed", ended],
        ["统计截至 As of", words.moment(made.as_of, zone)],
    ]


def _groups(made: CampaignReport) -> list[dict[str, Any]]:
    return [
        {
            "zh": group.zh,
            "en": group.en,
            "rows": [
                {
                    "zh": one.zh,
                    "en": one.en,
                    "value": words.value_of(one),
                    "before": words.said(one.before, one.unit),
                    "means": one.means_zh,
                }
                for one in made.numbers
                if one.group == group.code
            ],
        }
        for group in made.groups
    ]


def _steps(office: Office, made: CampaignReport) -> list[list[str]]:
    zone = office.city.zone
    return [
        [
            words.moment(one.at, zone),
            *words.STEP_NAMES.get(one.kind, (one.kind, "")),
            words.graded(one.hazard, one.colour),
        ]
        for one in made.steps
    ]


def _teams(office: Office, made: CampaignReport, names: Names) -> list[list[str]]:
    zone = office.city.zone
    return [
        [
            names.teams.get(one.team_id, str(one.team_id)[:8]),
            f"{one.hours:.1f}",
            words.NOTHING if one.people is None else str(one.people),
            str(one.looks),
            str(one.cells),
            words.moment(one.called_at, zone),
            words.moment(one.came_at, zone),
        ]
        for one in made.teams
    ]


def _points(office: Office, made: CampaignReport, names: Names) -> list[list[str]]:
    zone = office.city.zone
    return [
        [
            names.facilities.get(one.facility_id, str(one.facility_id)[:8]),
            words.moment(one.opened_at, zone),
            words.moment(one.closed_at, zone),
            f"{one.hours:.1f}",
        ]
        for one in made.points
    ]


def _bad(cells: list[CellLine]) -> list[CellLine]:
    return [cell for cell in cells if not cell.dropped and (not cell.looks or cell.overdue_h > 0)]


def _worst(cells: list[CellLine]) -> list[CellLine]:
    """Never looked at first, then the longest overdue."""
    return sorted(_bad(cells), key=lambda cell: (cell.looks > 0, -cell.overdue_h, cell.cell))[:MOST_CELLS]


def _cell(office: Office, cell: CellLine) -> list[str]:
    last = words.moment(cell.last_look, office.city.zone) if cell.last_look else "从未 never"
    return [cell.cell, cell.name or words.NOTHING, str(cell.looks), last, f"{cell.overdue_h:.1f}", f"{cell.gap_h:.1f}"]


def _cases(office: Office, made: CampaignReport) -> list[list[str]]:
    zone = office.city.zone
    return [
        [
            str(one.number),
            "巡查" if one.found else "其他",
            words.moment(one.opened_at, zone),
            words.PRIORITY_NAMES.get(one.priority, one.priority),
            words.OUTCOME_NAMES.get(one.outcome or "", words.NOTHING),
            str(one.people),
        ]
        for one in made.cases[:MOST_CASES]
    ]
