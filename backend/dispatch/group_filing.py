"""Group commit: reports that wait while one filing runs are filed together in the next."""

import asyncio

from backend.dispatch.filing import Receipt, file_reports
from backend.errors import Unavailable
from backend.intake.report import Prepared
from backend.office import Office

BATCH = 64
"""Reports filed in one transaction at most: enough to share the commit, few enough that nobody waits for it."""
MOST_WAITING = 4_000
"""Some seconds' work. Who comes then is told to come again, rather than to wait for an answer that comes too late."""


class Filing:
    """Group commit: reports that wait while one transaction runs are filed together in the next.

    `file` returns when the report is durable. If a batch fails each report is tried alone, so that nobody's fault
    costs another their receipt.
    """

    def __init__(self, office: Office) -> None:
        self.office = office
        self._waiting: asyncio.Queue[tuple[Prepared, asyncio.Future[Receipt]]] = asyncio.Queue(maxsize=MOST_WAITING)
        self._task: asyncio.Task[None] | None = None

    async def file(self, report: Prepared) -> Receipt:
        """The receipt of one report, once it is committed. Raises Unavailable when too many wait already."""
        if self._waiting.full():
            raise Unavailable(
                "现在上报的人太多，请几秒后再发一次。",
                "Too many reports are waiting; please send it again in a few seconds.",
                code="busy",
                retry_after_s=3,
            )
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="filing")
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((report, done))
        return await done

    @property
    def waiting(self) -> int:
        """How many reports wait for the next transaction."""
        return self._waiting.qsize()

    async def aclose(self, within_s: float = 5.0) -> None:
        """Files what still waits, for whoever is still there to hear of it."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=within_s)

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
