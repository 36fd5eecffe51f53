"""The season a handling falls in, by the city's own calendar."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from backend.policy import Policy, Season

_SEASONS: Final[tuple[Season, ...]] = ("winter", "spring", "summer", "autumn")


def season_of(moment: datetime, policy: Policy) -> Season:
    """Meteorological season at the city: December to February is winter. `moment` is aware."""
    month = moment.astimezone(ZoneInfo(policy.working_time.timezone)).month
    return _SEASONS[month % 12 // 3]
