"""Group commit: reports that wait while one filing runs are filed together in the next."""

import asyncio

from backend.dispatch.filing import Receipt, file_reports
from backend.intake.report import Prepared
from backend.office import Office

BATCH = 64
"""Reports filed in one transaction at most: enough to share the commit, few enough that nobody waits for it."""


class Filing:
    """Group commit: reports that wait while one transaction runs are filed together in the next.

    `file` returns when the report is durable. If a batch fails each report is tried alone, so that nobody's fault
    costs another their receipt.
    """

    def __init__(self, office: Office) -> None:
        self.office = office
        self._waiting: asyncio.Queue[tuple[Prepared, asyncio.Future[Receipt]]] = asyncio.Queue(maxsize=10_000)
        self._task: asyncio.Task[None] | None = None

    async def file(self, report: Prepared) -> Receipt:
        """The receipt of one report, once it is committed."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="filing")
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        await self._waiting.put((report, done))
        return await done

    async def _run(self) -> None:
        while not self._waiting.empty():
            batch = [self._waiting.get_nowait() for _ in range(min(BATCH, self._waiting.qsize()))]
            try:
                receipts = await file_reports(self.office, [report for report, _ in batch])
                outcomes: list[Receipt | BaseException] = list(receipts)
            except Exception:  # noqa: BLE001 - whoever is at fault learns it alone, below
                outcomes = [await self._alone(report) for report, _ in batch]
            for (_, done), outcome in zip(batch, outcomes, strict=True):
                _settle(done, outcome)

    async def _alone(self, report: Prepared) -> Receipt | BaseException:
        try:
            return (await file_reports(self.office, [report]))[0]
        except Exception as fault:  # noqa: BLE001 - handed to the one who waits for it
            return fault


def _settle(done: asyncio.Future[Receipt], outcome: Receipt | BaseException) -> None:
    if done.done():
        return
    if isinstance(outcome, BaseException):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
