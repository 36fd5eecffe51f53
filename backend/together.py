"""Group commit: what waits while one transaction runs is done together in the next, since a commit costs what ten rows cost.

If a batch fails each of its parts is tried alone, so that nobody's fault costs another anything. The queue is bounded: who
comes when it is full is told to come again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from backend.errors import Unavailable


class Together[T, R]:
    """`do` takes a batch and gives as many results, all or nothing. busy: what is said when too many wait."""

    def __init__(
        self, do: Callable[[Sequence[T]], Awaitable[Sequence[R]]], *, at_most: int, most_waiting: int, name: str
    ) -> None:
        self._do, self._at_most, self._name = do, at_most, name
        self._waiting: asyncio.Queue[tuple[T, asyncio.Future[R]]] = asyncio.Queue(maxsize=most_waiting)
        self._task: asyncio.Task[None] | None = None

    async def done(self, one: T) -> R:
        """The result, once it is committed. Raises Unavailable when too many wait already."""
        if self._waiting.full():
            raise self.busy()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=self._name)
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((one, result))
        return await result

    def busy(self) -> Unavailable:
        """What is said when too many wait."""
        zh, en = "现在太忙，请几秒后再发一次。", "Too much is waiting; please send it again in a few seconds."
        return Unavailable(zh, en, code="busy", retry_after_s=3)

    @property
    def waiting(self) -> int:
        """How many wait for the next transaction."""
        return self._waiting.qsize()

    async def aclose(self, within_s: float = 5.0) -> None:
        """Does what still waits, for whoever is still there to hear of it."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=within_s)

    async def _run(self) -> None:
        while not self._waiting.empty():
            batch = [self._waiting.get_nowait() for _ in range(min(self._at_most, self._waiting.qsize()))]
            try:
                results = await self._do([one for one, _ in batch])
                outcomes: list[R | BaseException] = list(results)
            except Exception:  # noqa: BLE001 - whoever is at fault learns it alone, below
                outcomes = [await self._alone(one) for one, _ in batch]
            for (_, result), outcome in zip(batch, outcomes, strict=True):
                _settle(result, outcome)

    async def _alone(self, one: T) -> R | BaseException:
        try:
            return (await self._do([one]))[0]
        except Exception as fault:  # noqa: BLE001 - handed to the one who waits for it
            return fault


def _settle[R](result: asyncio.Future[R], outcome: R | BaseException) -> None:
    if result.done():
        return
    if isinstance(outcome, BaseException):
        result.set_exception(outcome)
    else:
        result.set_result(outcome)
