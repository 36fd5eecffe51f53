"""`rescue campaign report` and `rescue campaign check`: a report as a file, and whether a file is what the log says."""

import asyncio
import hashlib
from pathlib import Path
from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select

from backend import db
from backend.access.actor import SYSTEM
from backend.campaign import report_reading, report_sheets
from backend.campaign.report_print import printed
from backend.campaign.report_reading import Marks
from backend.city import open_city
from backend.db import make_engine
from backend.errors import Invalid, NotFound, Refused
from backend.office import Office
from backend.settings import Settings
from ops.serve import settings_here

NOT_GENUINE: Final = 1


class Checked(Struct, frozen=True, kw_only=True):
    """What a document was found to be. log: the log has that hash at that number; figures: made again they are the same; bytes: so is
    the file, byte for byte."""

    marks: Marks
    log: bool
    figures: bool
    bytes: bool


def report(campaign: str, *, out: Path, seq: int | None = None) -> None:
    """生成专项行动报告（.pdf 或 .xlsx）。Write the report of a campaign, as PDF or as a workbook, by the ending of the file.

    Parameters
    ----------
    campaign: 行动编号（Z…）或标识。Its number (Z…) or its id.
    out: 写到哪个文件。The file to be written.
    seq: 只看日志到该序号。As it was when the log had come so far.
    """
    if out.suffix not in (".pdf", ".xlsx"):
        raise Invalid("文件名应以 .pdf 或 .xlsx 结尾。", "The file's name ends with .pdf or .xlsx.", field="out")
    out.write_bytes(asyncio.run(_made(settings_here(), campaign, out.suffix, seq)))
    print(f"已写入 Written: {out}")


def check(file: Path) -> int:
    """核对一份 PDF 报告：日志、数字、文件是否与系统一致。Check a report: is it what the log says, and unchanged?

    Parameters
    ----------
    file: 要核对的 PDF。The PDF to be checked.
    """
    checked = asyncio.run(_checked(settings_here(), file.read_bytes()))
    print("\n".join(_lines(checked)))
    return 0 if checked.log and checked.figures and checked.bytes else NOT_GENUINE


def _lines(found: Checked) -> list[str]:
    def line(good: bool, zh: str, en: str) -> str:
        return f"{'✔' if good else '✘'} {zh}  {en}"

    return [
        line(found.log, f"日志第 {found.marks.seq} 条的哈希", f"the log's hash at {found.marks.seq}"),
        line(found.figures, "由日志重算的数字", "the figures, computed again from the log"),
        line(
            found.bytes,
            "文件逐字节相同（队伍、机构改名后会不同）",
            "the file, byte for byte (it differs once a team or facility was renamed)",
        ),
    ]


async def _made(settings: Settings, campaign: str, ending: str, seq: int | None) -> bytes:
    engine = make_engine(settings.database_url, pool_size=2, statement_timeout_s=300)
    office = Office(open_city(settings.city_folder), engine, ring=settings.ring)
    try:
        async with engine.connect() as tx:
            read = await report_reading.read(tx, office, SYSTEM, await _id(office, campaign), seq=seq)
            names = await report_reading.names(tx, office)
    finally:
        await engine.dispose()
    if ending == ".pdf":
        return await printed(office, read.report, names)
    return report_sheets.workbook(read, names, report_reading.marks_of(office, read.report), office.city.zone)


async def _id(office: Office, campaign: str) -> UUID:
    try:
        return UUID(campaign)
    except ValueError:
        c = db.campaigns.c
        async with office.db.connect() as tx:
            query = select(c.id).where(c.city_id == office.city_id, c.number == campaign)
            found: UUID | None = (await tx.execute(query)).scalar()
    if found is None:
        raise NotFound(f"没有编号为 {campaign} 的专项行动。", f"There is no campaign {campaign}.")
    return found


async def _checked(settings: Settings, document: bytes) -> Checked:
    engine = make_engine(settings.database_url, pool_size=2, statement_timeout_s=300)
    office = Office(open_city(settings.city_folder), engine, ring=settings.ring)
    try:
        return await checked(office, document)
    finally:
        await engine.dispose()


async def checked(office: Office, document: bytes) -> Checked:
    """The document laid beside what the log gives today. Raises Invalid for one without marks."""
    marks = report_reading.marks_in(document)
    async with office.db.connect() as tx:
        fits = marks.city == office.city_id and marks.hash == await report_reading.hash_at(tx, office, marks.seq)
        if not fits:
            return Checked(marks=marks, log=False, figures=False, bytes=False)
        try:
            read = await report_reading.read(tx, office, SYSTEM, marks.campaign_id, seq=marks.seq)
        except Refused:
            return Checked(marks=marks, log=True, figures=False, bytes=False)
        names = await report_reading.names(tx, office)
    again = await printed(office, read.report, names)
    same = hashlib.sha256(again).digest() == hashlib.sha256(document).digest()
    figures = report_reading.digest(read.report) == marks.digest
    return Checked(marks=marks, log=True, figures=figures, bytes=same)
