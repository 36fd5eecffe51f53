"""Where teams are, as it changes: to the hubs of all processes, and the last of each team in Redis.

May be lost at any moment: the durable side is `presence` and `fixes` in the database. Positions are no events.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from backend.live.wire import Wire

PositionNews = Callable[[Sequence["Fix"]], None]


class Fix(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a team was at `at`: WGS-84 degrees, metres, degrees from north, m/s. regions: the team's, for permission."""

    team_id: UUID
    at: datetime
    lon: float
    lat: float
    accuracy_m: float | None = None
    heading_deg: float | None = None
    speed_m_s: float | None = None
    case_id: UUID | None = None
    regions: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder()
_decode = msgspec.json.Decoder(list[Fix]).decode
_decode_one = msgspec.json.Decoder(Fix).decode


class Positions:
    """Tells of new positions. Local hubs give their `Hub.positions` to `on_news`."""

    def __init__(self, city_id: str, wire: Wire) -> None:
        self._channel = f"rescue:{city_id}:positions"
        self._key = f"rescue:{city_id}:last-positions"
        self._wire = wire
        self._news: list[PositionNews] = []
        wire.on(self._channel, lambda payload: self._hear(_decode(payload)))

    def on_news(self, hear: PositionNews) -> None:
        """Calls `hear` with every batch, of this process or another."""
        self._news.append(hear)

    def tell(self, fixes: Sequence[Fix]) -> None:
        """New positions. Never waits."""
        if not fixes:
            return
        self._hear(fixes)
        self._wire.post(self._channel, _encoder.encode(list(fixes)))
        self._wire.keep(self._key, {str(fix.team_id): _encoder.encode(fix) for fix in fixes})

    async def latest(self, *, not_before: datetime) -> list[Fix]:
        """The last fix of each team since `not_before`, as far as Redis knows; empty when it is away."""
        found = await self._wire.read(self._key)
        fixes = [_decode_one(value) for value in found.values()]
        return [fix for fix in fixes if fix.at >= not_before]

    async def forget(self, *team_ids: UUID) -> None:
        """A team went off duty: its place is nobody's business any more."""
        await self._wire.drop(self._key, *map(str, team_ids))

    def _hear(self, fixes: Sequence[Fix]) -> None:
        for hear in self._news:
            hear(fixes)
