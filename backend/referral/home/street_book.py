"""The lists for the streets as a workbook (XLSX): one street a sheet, each saying who took it, when, and under which number.

A text is written as text, whatever it begins with.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook

from backend.referral.home.street_list import Line, StreetLists, StreetSheet, grounds_in_words, state_in_words

HEADS: Final = (
    ("登记号", 14), ("姓名", 10), ("性别", 6), ("年龄段", 8), ("现住址", 30), ("联系人", 14), ("电话", 16), ("返乡日期", 12), ("回访至", 12),
    ("重点原因", 18), ("下次回访期限", 14), ("是否超期", 10), ("已回访次数", 12), ("上次回访", 12), ("上次情况", 18), ("再次流浪次数", 14),
    ("状态", 22), ("上门须知", 36),
)  # fmt: skip
SEXES: Final = {"male": "男", "female": "女"}
AGES: Final = {"infant": "婴儿", "child": "儿童", "teen": "少年", "adult": "成年", "old": "老年"}
FORBIDDEN: Final = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
LONGEST_NAME: Final = 31
OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


def workbook(made: StreetLists, zone: ZoneInfo) -> bytes:
    """The file. Days are the city's."""
    into = io.BytesIO()
    book = Workbook(into, OPTIONS)
    at = made.at.astimezone(zone)
    book.set_properties(
        {
            "title": "返乡人员和重点人员名单",
            "author": made.by,
            "comments": str(made.number),
            "created": at.replace(tzinfo=None),
        }
    )
    used: set[str] = set()
    for sheet in made.sheets or [StreetSheet(street="名单上没有人", lines=[])]:
        _write(book, sheet, made, _name(sheet.street, used), zone)
    book.close()
    return into.getvalue()


def _name(street: str, used: set[str]) -> str:
    """A sheet's name: 31 characters at most, each once, without what Excel does not take."""
    plain = street.translate(FORBIDDEN).strip()[: LONGEST_NAME - 4] or "住址待查"
    name, n = plain, 2
    while name.casefold() in used:
        name, n = f"{plain} {n}", n + 1
    used.add(name.casefold())
    return name


def _write(book: Any, sheet: StreetSheet, made: StreetLists, name: str, zone: ZoneInfo) -> None:
    page = book.add_worksheet(name)
    title, small = book.add_format({"bold": True, "font_size": 14}), book.add_format({"font_color": "#555555"})
    head = book.add_format({"bold": True, "border": 1, "bg_color": "#E8EEF7", "text_wrap": True, "valign": "vcenter"})
    plain = book.add_format({"border": 1, "text_wrap": True, "valign": "top"})
    day = book.add_format({"border": 1, "num_format": "yyyy-mm-dd", "valign": "top", "align": "left"})
    late = book.add_format({"border": 1, "bold": True, "font_color": "#B00020", "valign": "top"})
    page.write_string(0, 0, f"{sheet.street} 返乡人员和重点人员名单（{len(sheet.lines)} 人）", title)
    page.write_string(1, 0, _mark(made, zone), small)
    for at, (words, width) in enumerate(HEADS):
        page.set_column(at, at, width)
        page.write_string(2, at, words, head)
    for row, line in enumerate(sheet.lines, start=3):
        for at, cell in enumerate(_cells(line, zone)):
            if isinstance(cell, datetime):
                page.write_datetime(row, at, cell, day)
            elif isinstance(cell, int):
                page.write_number(row, at, cell, plain)
            else:
                page.write_string(row, at, cell, late if cell == "超期" else plain)
    page.freeze_panes(3, 2)
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)
    page.repeat_rows(2)
    page.set_footer(f"&L{_mark(made, zone)}&R&P/&N")


def _mark(made: StreetLists, zone: ZoneInfo) -> str:
    at = made.at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    return f"含个人信息，仅供本街道回访使用，不得转发。导出人：{made.by}；导出时间：{at}；名单编号：{made.number}"


def _cells(line: Line, zone: ZoneInfo) -> Sequence[str | int | datetime]:
    entry, person = line.entry, line.person
    home = entry.home if entry else None
    return (
        line.number,
        line.name or "身份不明",
        SEXES.get(person.sex, "不详"),
        AGES.get(person.age_band, "不详"),
        home.address if home else "",
        home.contact if home else "",
        home.phone if home else "",
        _day(entry.since if entry else None, zone),
        _day(entry.until if entry else None, zone),
        grounds_in_words(line),
        _day(line.due_at, zone),
        "超期" if line.late else "",
        line.made,
        _day(line.last_at, zone),
        line.last,
        len(entry.relapses) if entry else 0,
        state_in_words(line),
        home.note if home else "",
    )


def _day(moment: datetime | None, zone: ZoneInfo) -> str | datetime:
    return moment.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0) if moment else ""
