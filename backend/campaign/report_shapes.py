"""What a campaign's report consists of, as it is answered, printed and laid into sheets. Pure."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from backend.campaign.report_numbers import Group, Unit


class GroupName(Struct, frozen=True, kw_only=True):
    """What numbers stand together as."""

    code: Group
    zh: str
    en: str


class Number(Struct, frozen=True, kw_only=True):
    """One number with its definition. of: how many it is counted of, where that says something; before: that of the last campaign."""

    code: str
    group: Group
    zh: str
    en: str
    means_zh: str
    means_en: str
    unit: Unit
    value: float | None
    of: int | None = None
    before: float | None = None


class SupplyLine(Struct, frozen=True, kw_only=True):
    """One item: given in the campaign's cases, of it beyond the team's book, issued to teams in its name."""

    item: str
    given: int
    short: int
    issued: int


class TeamLine(Struct, frozen=True, kw_only=True):
    """What one team did. hours: on duty while it ran; people: how many were in it, None where no event says so."""

    team_id: UUID
    hours: float
    people: int | None
    looks: int
    cells: int
    called_at: datetime | None
    came_at: datetime | None


class PointLine(Struct, frozen=True, kw_only=True):
    """A temporary point, and how long it was open."""

    facility_id: UUID
    opened_at: datetime | None
    closed_at: datetime | None
    hours: float


class CellLine(Struct, frozen=True, kw_only=True):
    """A cell at the end. overdue_h: how long it went beyond the plan's interval; gap_h: its longest time without a look."""

    cell: str
    name: str | None
    score: float
    laid_at: datetime
    dropped: bool
    looks: int
    first_look: datetime | None
    last_look: datetime | None
    overdue_h: float
    gap_h: float


class CaseLine(Struct, frozen=True, kw_only=True):
    """A case by its number. found: by the campaign's sweep. outcome, people: of its last handling."""

    number: int
    found: bool
    opened_at: datetime
    arrived_at: datetime | None
    priority: str
    channel: str
    outcome: str | None
    people: int


class StepLine(Struct, frozen=True, kw_only=True):
    """Something that happened to the campaign or its warnings: the event's kind."""

    at: datetime
    kind: str
    hazard: str | None
    colour: str | None
    sender: str | None
    identifier: str | None


class CampaignReport(Struct, frozen=True, kw_only=True):
    """All of it. seq, hash: the state of the log it was read from; as_of: when that was. final: the campaign is over."""

    campaign_id: UUID
    number: str
    hazard: str
    colour: str | None
    season: str
    cause: str
    state: str
    close_reason: str | None
    opened_at: datetime | None
    closed_at: datetime | None
    as_of: datetime
    final: bool
    seq: int
    hash: str
    groups: list[GroupName]
    numbers: list[Number]
    steps: list[StepLine]
    supplies: list[SupplyLine]
    teams: list[TeamLine]
    points: list[PointLine]
    cells: list[CellLine]
    cases: list[CaseLine]
    compared_with: str | None = None
