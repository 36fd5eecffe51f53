"""The clock of a phone: how far it is off, and what it says put right. Pure.

A phone that worked without network sends later what happened earlier, by its own clock, and with it what that clock says at the
moment of sending (`Rescue-Sent-At`). The difference to the office's time is the clock's fault, and the way through the network.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from backend.errors import Invalid

HEADER: Final = "Rescue-Sent-At"
WORTH_TELLING: Final = timedelta(minutes=2)
"""A clock that is off by more is told to whoever checks what it said; less is a slow network."""


class PhoneClock(Struct, frozen=True):
    """ahead: of the office's time; behind it is negative. Nothing when the sender did not say what its clock shows."""

    ahead: timedelta = timedelta()

    def right(self, said: datetime) -> datetime:
        """The moment in the office's time. Raises Invalid for what lies beyond all calendars."""
        try:
            return said - self.ahead
        except OverflowError as fault:
            raise Invalid(
                "手机时间无法使用，请检查手机时钟。", "That time cannot be used: check the phone's clock.", field=HEADER
            ) from fault

    def right_all[S: Struct](self, said: S) -> S:
        """The same with every moment of it put right."""
        values = msgspec.structs.asdict(said)
        return msgspec.structs.replace(said, **{n: self.right(v) for n, v in values.items() if isinstance(v, datetime)})

    @property
    def off_s(self) -> int | None:
        """By how many seconds it is wrong (ahead: positive), when that is worth telling."""
        return round(self.ahead.total_seconds()) if abs(self.ahead) > WORTH_TELLING else None


ON_TIME: Final = PhoneClock()


def seen_at(sent_at: datetime | None, now: datetime) -> PhoneClock:
    """The clock that showed `sent_at` when it was `now` here."""
    return PhoneClock(sent_at - now) if sent_at is not None else ON_TIME
