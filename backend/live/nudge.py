"""The nudge: "look at the log". Given after a commit, heard by every process, and never the only way to learn.

Readers of the log wait at a `Listener` for at most half a second, so that a nudge that is lost costs that much and
nothing else. Giving one never waits: local listeners wake at once, the others over Redis, from a task of the wire.
"""

import asyncio
from weakref import WeakSet

from backend.live.wire import Wire

POLL_S = 0.5


class Listener:
    """One reader's ear. What was nudged since it last waited is not lost."""

    def __init__(self) -> None:
        self._nudged = asyncio.Event()

    def wake(self) -> None:
        """The wait that is on, or else the next one, returns at once."""
        self._nudged.set()

    async def wait(self, timeout_s: float = POLL_S) -> bool:
        """True when nudged, False after `timeout_s`: look at the log either way."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._nudged.wait()
        except TimeoutError:
            return False
        self._nudged.clear()
        return True


class Nudge:
    """Call it after a commit (it is `Office.nudge`). Lives on one event loop."""

    def __init__(self, city_id: str, wire: Wire | None = None) -> None:
        self._channel = f"rescue:{city_id}:log"
        self._wire = wire
        self._listeners: WeakSet[Listener] = WeakSet()
        if wire is not None:
            wire.on(self._channel, lambda _: self._wake(), back=self._wake)

    def __call__(self) -> None:
        """Something was committed. Many within a moment travel as one."""
        self._wake()
        if self._wire is not None:
            self._wire.post(self._channel, only_last=True)

    def listener(self) -> Listener:
        """An ear of one's own, for as long as it is held."""
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def _wake(self) -> None:
        for listener in list(self._listeners):
            listener.wake()
