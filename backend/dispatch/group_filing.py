"""Group commit: reports that wait while one filing runs are filed together in the next."""

from collections.abc import Sequence

from backend.dispatch.filing import Receipt, file_reports
from backend.errors import Unavailable
from backend.intake.report import Prepared
from backend.office import Office
from backend.together import Together

BATCH = 64
"""Reports filed in one transaction at most: enough to share the commit, few enough that nobody waits for it."""
MOST_WAITING = 4_000
"""Some seconds' work. Who comes then is told to come again, rather than to wait for an answer that comes too late."""


class Filing(Together[Prepared, Receipt]):
    """`file` returns when the report is durable."""

    def __init__(self, office: Office) -> None:
        self.office = office
        super().__init__(self._file, at_most=BATCH, most_waiting=MOST_WAITING, name="filing")

    async def file(self, report: Prepared) -> Receipt:
        """The receipt of one report, once it is committed. Raises Unavailable when too many wait already."""
        return await self.done(report)

    def busy(self) -> Unavailable:
        """What a reporter is told when too many wait."""
        return Unavailable(
            "现在上报的人太多，请几秒后再发一次。",
            "Too many reports are waiting; please send it again in a few seconds.",
            code="busy",
            retry_after_s=3,
        )

    async def _file(self, reports: Sequence[Prepared]) -> list[Receipt]:
        return await file_reports(self.office, reports)
