"""What a team is, and what it is now. Pure."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct


class Team(Struct, frozen=True, kw_only=True):
    """巡查队: organisation is police, city_management, social_work or station; mode car, ebike or foot; size in people."""

    id: UUID
    code: str
    name: str
    organisation: str
    mode: str
    skills: list[str]
    size: int
    women: bool
    regions: list[str]
    base_lon: float
    base_lat: float
    mobilisation_s: float
    shift_pattern: str
    active: bool = True


class TeamNow(Struct, frozen=True, kw_only=True):
    """A team on duty as it is now. free: no live offer and no live assignment. A team without a fix stands at its base."""

    id: UUID
    name: str
    mode: str
    skills: frozenset[str]
    size: int
    regions: frozenset[str]
    free: bool
    lon: float
    lat: float
    mobilisation_s: float
    fix_at: datetime | None
    shift_ends_at: datetime | None
    cases_today: int
