"""What a way out of the system looks like: one class per provider, behind one `send`."""

from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from msgspec import Struct

DeviceKind = Literal["web_push", "fcm", "jpush"]
Way = Literal["push", "web_push", "fcm", "jpush", "sms", "webhook"]
"""`push` is a notice before it is known by what it goes (backend.dispatch.ladder); the others have a sender each."""


class Message(Struct, frozen=True, kw_only=True):
    """One thing to be sent. `id` stays the same over all attempts: receivers know a second delivery by it.

    to: what the way's sender understands (a webhook's key id, a device, a phone number). attempts: with this one.
    """

    id: UUID
    way: Way
    to: str
    message: dict[str, Any]
    case_id: UUID | None
    offer_id: UUID | None
    created_at: datetime
    attempts: int


class Retry(Struct, frozen=True, kw_only=True):
    """How long a way goes on trying: first_s, doubled each time up to longest_s, `attempts` times in all."""

    first_s: float = 5.0
    longest_s: float = 900.0
    attempts: int = 8

    def wait(self, attempts: int, chance: float) -> timedelta:
        """The pause after so many attempts; `chance` in [0, 1) spreads it by ±25 %, so that many do not come at once."""
        seconds = min(self.longest_s, self.first_s * 2.0 ** (attempts - 1))
        return timedelta(seconds=seconds * (0.75 + 0.5 * chance))


class Sender(Protocol):
    """A provider. It is given up on after `timeout_s` and asked again as `retry` says."""

    timeout_s: float
    retry: Retry

    async def send(self, message: Message, now: datetime) -> None:
        """Returns when the provider has taken it. Raises Undeliverable when trying again is no use, else anything."""


class Undeliverable(Exception):
    """It will never arrive: the address is gone, or the provider refuses this message for good. Told to operators."""


class TryLater(Exception):
    """The provider says when: `after_s` from now at the earliest."""

    def __init__(self, reason: str, *, after_s: float) -> None:
        super().__init__(reason)
        self.after_s = after_s
