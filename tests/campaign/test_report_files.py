"""The report as files: the PDF says what the log says and shows when it was touched; the workbook has dates, numbers and plain text."""

import io
import os
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pypdfium2
import pytest
from lxml import etree
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.campaign import report_reading, report_sheets
from backend.campaign.report import Read
from backend.campaign.report_print import printed
from backend.campaign.report_reading import Names
from backend.clock import ManualClock
from backend.errors import Invalid
from ops.campaign_report import checked
from tests.campaign.report_log import Night
from tests.conftest import START
from tests.dispatch import builders
from tests.dispatch.builders import LEADER, Town

A_DAY_AGO = START - timedelta(days=1)
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> Town:
    """A town of which the log is empty."""
    return await builders.town(db, clock, 0)


async def a_night(town: Town) -> tuple[Night, Read, Names]:
    night = Night(town.office, A_DAY_AGO, 7)
    await night.write()
    async with town.office.db.connect() as tx:
        read = await report_reading.read(tx, town.office, LEADER, night.id)
        return night, read, await report_reading.names(tx, town.office)


def squeezed(document: bytes) -> str:
    """All text, without spaces and ends of lines: a thin space stands between Chinese and digits."""
    pages = pypdfium2.PdfDocument(document)
    return "".join("".join(page.get_textpage().get_text_range().split()) for page in pages)


async def test_the_pdf_says_in_chinese_what_the_report_says(town: Town) -> None:
    _, read, names = await a_night(town)
    document = await printed(town.office, read.report, names)
    if folder := os.environ.get("REPORT_TO"):
        Path(folder, "report.pdf").write_bytes(document)  # noqa: ASYNC240 - to be looked at by hand
    words = squeezed(document)
    assert "寒潮专项行动报告" in words
    assert "Z20160918001" in words
    for number in read.report.numbers:
        assert number.zh in words, number.code
        assert "".join(number.means_zh.split()) in words, number.code
    in_time = next(one for one in read.report.numbers if one.code == "in_time")
    assert in_time.value is not None
    assert f"{100 * in_time.value:.1f}%" in words
    assert "青泥洼桥地下通道" in words
    assert "只有数字和案卷号" in words
    marks = report_reading.marks_in(document)
    assert (marks.seq, marks.hash) == (read.report.seq, read.report.hash)
    assert marks.hash in words
    told = pypdfium2.PdfDocument(document).get_metadata_dict()
    assert told["Title"] == "寒潮专项行动报告 Z20160918001"
    assert f"log-seq:{read.report.seq}" in told["Keywords"]


async def test_a_report_that_was_not_touched_checks_out_later(town: Town) -> None:
    _, read, names = await a_night(town)
    document = await printed(town.office, read.report, names)
    await town.filed()
    found = await checked(town.office, document)
    assert (found.log, found.figures, found.bytes) == (True, True, True)


async def test_a_touched_document_shows(town: Town) -> None:
    _, read, names = await a_night(town)
    document = await printed(town.office, read.report, names)
    other = read.report.numbers[0].value
    assert other is not None
    middle = len(document) // 2
    touched = document[:middle] + bytes([document[middle] ^ 1]) + document[middle + 1 :]
    found = await checked(town.office, touched)
    assert (found.log, found.figures, found.bytes) == (True, True, False)
    seq = str(read.report.seq).encode()
    another = document.replace(b"log-seq:" + seq, b"log-seq:" + str(read.report.seq - 3).encode())
    assert not (await checked(town.office, another)).log
    with pytest.raises(Invalid):
        await checked(town.office, b"%PDF-1.7 something else")


async def test_a_log_that_was_touched_shows_in_an_honest_document(town: Town) -> None:
    _, read, names = await a_night(town)
    document = await printed(town.office, read.report, names)
    change = "UPDATE events SET data = jsonb_set(data, '{people_met}', '9') WHERE kind = 'case.handled' AND seq < :last"
    await town.run(change, last=read.report.seq)
    found = await checked(town.office, document)
    assert (found.log, found.figures, found.bytes) == (True, False, False)
    await town.run("UPDATE events SET hash = decode(repeat('00', 32), 'hex') WHERE seq = :last", last=read.report.seq)
    assert not (await checked(town.office, document)).log


async def test_nothing_personal_stands_in_a_report(town: Town) -> None:
    case_id = await town.filed(description="李大爷，穿蓝棉袄", place=builders.SPOT)
    night = Night(town.office, START + timedelta(minutes=1), 3)
    await night.write()
    async with town.office.db.connect() as tx:
        read = await report_reading.read(tx, town.office, LEADER, night.id)
        names = await report_reading.names(tx, town.office)
        described = await tx.execute(text("SELECT count(*) FROM sightings WHERE description_sealed IS NOT NULL"))
        assert described.scalar() == 1
    book = report_sheets.workbook(read, names, report_reading.marks_of(town.office, read.report), town.office.city.zone)
    for said in (squeezed(await printed(town.office, read.report, names)), str(_sheets(book))):
        assert "李大爷" not in said
        assert str(case_id) not in said


def _sheets(book: bytes) -> dict[str, list[dict[str, tuple[str | None, str]]]]:
    """Sheet → rows → column → (type of the cell, its value or shared text)."""
    with zipfile.ZipFile(io.BytesIO(book)) as packed:
        shared = [
            "".join(one.itertext()) for one in etree.fromstring(packed.read("xl/sharedStrings.xml")).iter(f"{MAIN}si")
        ]
        names = [one.get("name") for one in etree.fromstring(packed.read("xl/workbook.xml")).iter(f"{MAIN}sheet")]
        found = {}
        for n, name in enumerate(names, start=1):
            tree = etree.fromstring(packed.read(f"xl/worksheets/sheet{n}.xml"))
            assert not list(tree.iter(f"{MAIN}f")), "no cell is a formula"
            pane = next(tree.iter(f"{MAIN}pane"))
            assert (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")
            found[name] = [{c.get("r"): _cell(c, shared) for c in row} for row in tree.iter(f"{MAIN}row")]
    return found


def _cell(cell: etree._Element, shared: list[str]) -> tuple[str | None, str]:
    value = "".join(cell.itertext())
    return cell.get("t"), shared[int(value)] if cell.get("t") == "s" else value


async def test_the_workbook_has_frozen_chinese_heads_real_dates_and_numbers(town: Town) -> None:
    night, read, names = await a_night(town)
    marks = report_reading.marks_of(town.office, read.report)
    sheets = _sheets(report_sheets.workbook(read, names, marks, town.office.city.zone))
    assert list(sheets) == ["指标", "网格", "到访", "案卷", "物资", "队伍", "经过"]
    assert [value for _, value in sheets["指标"][0].values()][:3] == ["类别", "指标", "Number"]
    first = sheets["指标"][1]
    assert first["B2"] == ("s", "按时覆盖率")
    assert first["D2"][0] is None
    assert float(first["D2"][1]) == pytest.approx(read.report.numbers[0].value)
    laid = sheets["网格"][1]["D2"]
    assert laid[0] is None, "a date is a number to a workbook"
    local = night.after(5).astimezone(town.office.city.zone).replace(tzinfo=None)
    days = (local - datetime(1899, 12, 30)) / timedelta(days=1)  # noqa: DTZ001 - as a workbook counts, in the city's time
    assert float(laid[1]) == pytest.approx(days, abs=1e-5)
    assert len(sheets["到访"]) == 1 + len(read.looks)
    assert len(sheets["案卷"]) == 1 + len(read.report.cases)
    assert sheets["案卷"][1]["A2"][0] == "s", "a number of a case has too many digits for a number"


@pytest.mark.parametrize("name", ["=1+1", "+86", "-2", "@SUM(A1)", '=HYPERLINK("http://x")', "http://x.example", "007"])
async def test_text_stays_text_whatever_it_begins_with(town: Town, name: str) -> None:
    _, read, _ = await a_night(town)
    marks = report_reading.marks_of(town.office, read.report)
    names = Names({one.team_id: name for one in read.report.teams}, {})
    teams = _sheets(report_sheets.workbook(read, names, marks, town.office.city.zone))["队伍"]
    assert {row[f"A{n}"] for n, row in enumerate(teams[1:], start=2)} == {("s", name)}
