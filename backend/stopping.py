"""Whether this process has been asked to end: said once, seen by whoever begins new work."""

import asyncio


class Stopping:
    """Off until `begin`, and then on for good. Lives on one event loop."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    @property
    def is_on(self) -> bool:
        """No new work from here."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Twice is once."""
        self._begun.set()

    async def wait(self) -> None:
        """Returns when it has begun."""
        await self._begun.wait()
