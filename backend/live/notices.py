"""Notices to the live feeds: what a team is being told, to the hubs of all processes.

May be lost at any moment: the push follows by itself (backend.dispatch.ladder).
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from backend.live.wire import Wire


class Told(Struct, frozen=True, kw_only=True):
    """A notice for a team. told: what it says; each feed gets it with a code of its own."""

    team_id: UUID
    notice_id: UUID
    told: dict[str, Any]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Told).decode


class Notices:
    """Tells of notices. Local hubs give their `Hub.notice` to `on_news`."""

    def __init__(self, city_id: str, wire: Wire) -> None:
        self._channel = f"rescue:{city_id}:notices"
        self._wire = wire
        self._news: list[Callable[[Told], None]] = []
        wire.on(self._channel, lambda payload: self._hear(_decode(payload)))

    def on_news(self, hear: Callable[[Told], None]) -> None:
        """Calls `hear` with every notice, of this process or another."""
        self._news.append(hear)

    def tell(self, told: Told) -> None:
        """A notice. Never waits."""
        self._hear(told)
        self._wire.post(self._channel, _encode(told))

    def _hear(self, told: Told) -> None:
        for hear in self._news:
            hear(told)
