"""One worker's part in the sweeps: it looks at them every few seconds, beside its turns.

Looking, laying out cells and planning tours go on while the worker makes offers: a case never waits for a sweep. What takes long
is computed in a thread and written in a transaction of its own. Begin at `Sweeping.turn`.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from backend import metrics
from backend.campaign import laying_out, replanning, sweep
from backend.campaign.sweep import CLAIMED_FOR, Job
from backend.clock import Clock
from backend.live.wire import cancel
from backend.office import Office

LOOK_EVERY: Final = timedelta(seconds=5)
_log = structlog.get_logger("sweep")


class Sweeping:
    """One process's: when it looked last, and what it has in hand."""

    def __init__(self, office: Office, clock: Clock) -> None:
        self.office, self.clock = office, clock
        # Computing takes the machine's time, also where the office's runs faster.
        self._claimed_for = CLAIMED_FOR * float(getattr(clock, "rate", 1.0))
        self._looks_at: datetime | None = None
        self._look: asyncio.Task[None] | None = None
        self._in_hand: set[asyncio.Task[None]] = set()

    async def turn(self) -> None:
        """Begin a look at the sweeps, if it is time, there are any, and the last one is through."""
        now = self.clock.now()
        if self._looks_at is not None and self._looks_at - LOOK_EVERY <= now < self._looks_at:
            return
        if (self._look is None or self._look.done()) and await sweep.is_anything_going(self.office, now):
            self._look = self._begin("look", self._look_at_all(now))
        self._looks_at = now + LOOK_EVERY

    def is_busy(self, what: str) -> bool:
        """Whether it looks, lays out or plans just now."""
        return any(task.get_name() == f"sweep-{what}" for task in self._in_hand)

    async def finish(self) -> None:
        """Until nothing is in hand any more."""
        while self._in_hand:
            await asyncio.wait(set(self._in_hand))

    async def aclose(self) -> None:
        """Let go of what is in hand: its claim ends by itself, and another worker takes it up."""
        await cancel(list(self._in_hand))

    def _begin(self, what: str, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guarded(what, doing), name=f"sweep-{what}")
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)
        return task

    async def _guarded(self, what: str, doing: Coroutine[Any, Any, None]) -> None:
        try:
            await doing
        except Exception:  # noqa: BLE001 - a claim ends by itself, and it is tried again
            _log.exception(what)
            metrics.FAULTS.labels(f"sweep_{what}").inc()

    async def _look_at_all(self, now: datetime) -> None:
        with metrics.SWEEP_TURN_S.time():
            jobs = await sweep.turn(self.office, now, self._claimed_for)
        for job in jobs:
            self._begin(job.what, self._do(job))

    async def _do(self, job: Job) -> None:
        do = laying_out.lay_out if job.what == "lay_out" else replanning.plan
        with metrics.SWEEP_JOB_S.labels(job.what).time():
            await do(self.office, job, self.clock)
