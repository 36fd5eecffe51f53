"""Names of things: UUIDv7, so that ids sort by the moment they were made and indexes grow at one end.

Begin at `new_id`. Phones make ids too (a command carries one), therefore nothing here may rely on order for truth.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils import compat

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(at: datetime | None = None) -> UUID:
    """A fresh UUIDv7. `at` (aware) puts another moment into it than the machine's: the demo runs on a scaled clock.

    Without `at` ids of one process rise strictly; with it, those of one millisecond come in any order.
    """
    if at is None:
        return compat.uuid7()
    return compat.uuid7(nanoseconds=(at - EPOCH) // timedelta(microseconds=1) * 1_000)


def made_at(id_: UUID) -> datetime:
    """The moment (UTC, to the millisecond) that a UUIDv7 carries. ValueError for other versions."""
    if id_.version != 7:
        raise ValueError(f"{id_} is not a UUIDv7")
    return EPOCH + timedelta(milliseconds=id_.int >> 80)
