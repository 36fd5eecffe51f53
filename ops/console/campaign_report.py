"""The report of a campaign: on the screen, as PDF, as a workbook."""

import asyncio
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from backend.access.actor import Actor
from backend.campaign import report_reading, report_sheets, report_words
from backend.campaign.report_print import printed
from backend.campaign.report_shapes import CampaignReport
from backend.office import Office

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF = "application/pdf"
Seq = Annotated[int | None, QueryParameter(ge=1, le=2**53)]


class ReportShown(Struct, frozen=True, kw_only=True):
    """The report, and what the teams and facilities in it are called today, by id."""

    report: CampaignReport
    names: dict[str, str]


class CampaignReports(Controller):
    """专项行动报告."""

    path = "/api/campaigns/{campaign_id:uuid}"
    tags = ("专项行动 Campaigns",)

    @get("/report", summary="专项行动报告 Report of a campaign")
    async def shown(
        self,
        campaign_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        seq: Seq = None,
    ) -> ReportShown:
        """只从事件日志计算，逐项附口径；只有数字和案卷号。seq：日志到该序号为止的报告。

        From the log alone, each number with what it counts; numbers and case numbers only. seq: as it was when the log had come so far.
        """
        async with office.db.connect() as tx:
            read = await report_reading.read(tx, office, by, campaign_id, seq=seq)
            names = await report_reading.names(tx, office)
        wanted = {one.team_id for one in read.report.teams} | {one.facility_id for one in read.report.points}
        named = {**names.teams, **names.facilities}
        return ReportShown(report=read.report, names={str(id_): named[id_] for id_ in wanted if id_ in named})

    @get("/report.pdf", summary="专项行动报告 PDF Report as PDF", media_type=PDF)
    async def pdf(
        self,
        campaign_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        seq: Seq = None,
    ) -> Response[bytes]:
        """页脚和属性中有日志序号与哈希，可用 rescue campaign check 核对。

        At the foot and in its properties it bears the log's number and hash, to be checked by `rescue campaign check`.
        """
        async with office.db.connect() as tx:
            read = await report_reading.read(tx, office, by, campaign_id, seq=seq)
            names = await report_reading.names(tx, office)
        document = await printed(office, read.report, names)
        return Response(document, media_type=PDF, headers=_as_file(read.report, "pdf"))

    @get("/report.xlsx", summary="专项行动报告 XLSX Report as a workbook", media_type=XLSX)
    async def xlsx(
        self,
        campaign_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        seq: Seq = None,
    ) -> Response[bytes]:
        """指标、网格、到访、案卷（仅案卷号）、物资、队伍、经过。 Figures, cells, looks, cases by number, supplies, teams, what happened."""
        async with office.db.connect() as tx:
            read = await report_reading.read(tx, office, by, campaign_id, seq=seq)
            names = await report_reading.names(tx, office)
        marks = report_reading.marks_of(office, read.report)
        book = await asyncio.to_thread(report_sheets.workbook, read, names, marks, office.city.zone)
        return Response(book, media_type=XLSX, headers=_as_file(read.report, "xlsx"))


def _as_file(made: CampaignReport, ending: str) -> dict[str, str]:
    name = quote(f"{report_words.title(made)} {made.number}.{ending}")
    return {
        "Content-Disposition": f"attachment; filename=\"campaign-{made.number}.{ending}\"; filename*=UTF-8''{name}",
        "Cache-Control": "private, no-store",
    }
