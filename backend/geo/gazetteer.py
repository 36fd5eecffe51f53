"""A city's landmarks for one process: made when somebody first asks, beside the event loop, and once."""

import asyncio

from backend.geo.landmarks import Landmarks
from backend.geo.regions import RegionIndex
from backend.geo.roads import Roads


class Gazetteer:
    """Who asks first waits for what the others then have: some half a second for a city like Dalian."""

    def __init__(self, roads: Roads | None, regions: RegionIndex) -> None:
        self._roads, self._regions = roads, regions
        self._made: Landmarks | None = None
        self._making = asyncio.Lock()

    async def landmarks(self) -> Landmarks:
        """The city's."""
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(Landmarks.of_city, self._roads, self._regions)
        return self._made
