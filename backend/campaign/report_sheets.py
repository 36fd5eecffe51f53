"""A report as a workbook (XLSX): figures, cells, looks, cases by number, supplies, teams, what happened. Begin at `workbook`.

Moments are dates and numbers are numbers, so that they can be sorted and summed. A text is written as text, whatever it begins with:
`=1+1` in a name stays those four characters.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from xlsxwriter import Workbook

from backend.campaign import report_words as words
from backend.campaign.report import Read
from backend.campaign.report_numbers import Unit
from backend.campaign.report_reading import Marks, Names
from backend.dispatch import stock_rules

Cell = str | float | int | datetime | None
OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
WIDEST: Final = 60
_FORMATS: Final[dict[Unit, str]] = {
    "count": "0",
    "share": "0.0%",
    "hours": "0.0",
    "minutes": "0",
    "rate": "0.0",
}


class Sheet(Struct, frozen=True):
    """One sheet: its name, the heads of its columns, its rows. units: how numbers of a row read, where that differs by row."""

    name: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    units: Sequence[Unit] = ()


def workbook(read: Read, names: Names, marks: Marks, zone: ZoneInfo) -> bytes:
    """The workbook. Times are the city's."""
    into = io.BytesIO()
    book = Workbook(into, OPTIONS)
    made = read.report
    created = made.as_of.astimezone(zone).replace(tzinfo=None)
    about = {"title": f"{words.title(made)} {made.number}", "comments": " ".join(marks.words()), "created": created}
    book.set_properties(about)
    for sheet in _sheets(read, names, marks):
        _write(book, sheet, zone)
    book.close()
    return into.getvalue()


def _sheets(read: Read, names: Names, marks: Marks) -> list[Sheet]:
    made, teams = read.report, names.teams
    groups = {group.code: group.zh for group in made.groups}
    numbers = [
        (groups[one.group], one.zh, one.en, one.value, one.before, one.of, one.means_zh, one.means_en)
        for one in made.numbers
    ]
    about = [("说明", zh, en, None, None, None, "", "") for zh, en in (words.PRIVACY,)]
    about += [("来源", mark, "", None, None, None, "", "") for mark in marks.words()]
    return [
        Sheet(
            "指标",
            ("类别", "指标", "Number", "数值", "上次", "总数", "口径", "What it counts"),
            [*numbers, *about],
            [one.unit for one in made.numbers],
        ),
        Sheet(
            "网格",
            (
                "网格",
                "停留点",
                "得分",
                "纳入时间",
                "已撤下",
                "有效到访",
                "首次到访",
                "最近到访",
                "超期小时",
                "最长空窗小时",
            ),
            [
                (
                    *(one.cell, one.name, one.score, one.laid_at, "是" if one.dropped else "否", one.looks),
                    *(one.first_look, one.last_look, round(one.overdue_h, 2), round(one.gap_h, 2)),
                )
                for one in made.cells
            ],
        ),
        Sheet(
            "到访",
            ("网格", "队伍", "开始", "结束", "方式", "交通", "算有效", "说明"),
            [
                (
                    *(one.cell, teams.get(one.team_id, str(one.team_id)), one.began_at, one.ended_at),
                    *("轨迹" if one.by == "track" else "人工", words.MODE_NAMES.get(one.mode, one.mode)),
                    *("是" if one.counts else "否", "已撤销" if one.is_refuted else "途经" if one.is_passing else ""),
                )
                for one in read.looks
            ],
        ),
        Sheet(
            "案卷",
            ("案卷号", "巡查发现", "立案", "到场", "紧急程度", "来源", "结果", "见到人数"),
            [
                (
                    *(str(one.number), "是" if one.found else "否", one.opened_at, one.arrived_at),
                    *(
                        words.PRIORITY_NAMES.get(one.priority, one.priority),
                        words.CHANNEL_NAMES.get(one.channel, one.channel),
                    ),
                    *(words.OUTCOME_NAMES.get(one.outcome or "", ""), one.people),
                )
                for one in made.cases
            ],
        ),
        Sheet(
            "物资",
            ("物资", "Item", "发放", "其中账外", "调拨到队"),
            [
                (named.zh, named.en, one.given, one.short, one.issued)
                for one in made.supplies
                for named in (stock_rules.item(one.item),)
            ],
        ),
        Sheet(
            "队伍",
            ("队伍", "在岗小时", "人数", "有效到访", "到访网格", "召集时间", "上岗时间"),
            [
                (
                    *(teams.get(one.team_id, str(one.team_id)), round(one.hours, 2), one.people, one.looks, one.cells),
                    *(one.called_at, one.came_at),
                )
                for one in made.teams
            ],
        ),
        Sheet(
            "经过",
            ("时间", "事项", "What", "灾种与等级", "发布单位", "编号"),
            [
                (
                    *(one.at, *words.STEP_NAMES.get(one.kind, (one.kind, one.kind))),
                    *(words.graded(one.hazard, one.colour), one.sender, one.identifier),
                )
                for one in made.steps
            ],
        ),
    ]


def _write(book: Any, sheet: Sheet, zone: ZoneInfo) -> None:
    page = book.add_worksheet(sheet.name)
    head = book.add_format({"bold": True, "bg_color": "#E4EAF0", "bottom": 1})
    date = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    styles = {unit: book.add_format({"num_format": shape}) for unit, shape in _FORMATS.items()}
    for column, text in enumerate(sheet.heads):
        page.write_string(0, column, text, head)
        page.set_column(column, column, _width(sheet, column))
    for n, row in enumerate(sheet.rows, start=1):
        style = styles[sheet.units[n - 1]] if n <= len(sheet.units) else None
        for column, value in enumerate(row):
            _put(page, n, column, value, date, style, zone)
    page.freeze_panes(1, 0)
    page.autofilter(0, 0, max(1, len(sheet.rows)), len(sheet.heads) - 1)


def _put(page: Any, row: int, column: int, value: Cell, date: Any, style: Any, zone: ZoneInfo) -> None:
    if value is None:
        return
    if isinstance(value, datetime):
        page.write_datetime(row, column, value.astimezone(zone).replace(tzinfo=None), date)
    elif isinstance(value, str):
        page.write_string(row, column, value)
    else:
        page.write_number(row, column, value, style)


def _width(sheet: Sheet, column: int) -> float:
    """Wide enough for the longest; a Chinese character is two."""
    texts = [sheet.heads[column], *(row[column] for row in sheet.rows[:200])]
    longest = max(16 if isinstance(one, datetime) else _columns(one) for one in texts)
    return min(WIDEST, longest + 2)


def _columns(value: Cell) -> int:
    return sum(2 if ord(c) > 0x2E7F else 1 for c in str("" if value is None else value))
