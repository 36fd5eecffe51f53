"""The rows of campaigns as values: what a verb reads, replaces and writes back, and what a screen is shown.

Pure. Fields are columns of the tables `campaigns`, `campaign_points`, `campaign_calls`.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from backend.access.permissions import Object
from backend.campaign.ground import Ground
from backend.campaign.plan import PlanNow, SeasonName
from backend.city import City
from backend.policy import Colour, Hazard

State = Literal["proposed", "running", "closed", "declined"]
Cause = Literal["warning", "observed", "hand"]
CloseReason = Literal["lifted", "expired", "hand", "downgraded"]
PointState = Literal["wanted", "open", "closed"]
OPEN_STATES = ("proposed", "running")

CLOSE_REASONS: dict[str, tuple[str, str]] = {
    "lifted": ("预警解除", "the warning was lifted"),
    "expired": ("预警到期", "its time was over"),
    "hand": ("人工结束", "closed by hand"),
    "downgraded": ("等级变化后无对应预案", "there is no plan for the colour it has now"),
}


class Campaign(Struct, frozen=True, kw_only=True):
    """专项行动. number: "Z", the day, a counter. warning_id: the warning in force; chains: all chains of warnings it is about.

    regions: codes of the ground, the city's own for all of it; drawn: the ground where it is not just the regions (WKB, WGS-84).
    basis: what somebody or something other than a warning began it with. note: why it was opened by hand; answer: what was said at
    its end. level: how far a proposal has gone up.
    """

    id: UUID
    number: str
    hazard: Hazard
    colour: Colour | None
    season: SeasonName
    cause: Cause
    basis: dict[str, Any]
    chain_id: UUID | None
    chains: list[UUID]
    warning_id: UUID | None
    state: State
    regions: list[str]
    drawn: bytes | None
    plan: PlanNow
    proposed_at: datetime
    level: int = 0
    escalates_at: datetime | None = None
    opened_at: datetime | None = None
    opened_by: str | None = None
    expires_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    close_reason: CloseReason | None = None
    note: str | None = None
    answer: str | None = None

    @property
    def ground(self) -> Ground:
        """The warned part of the city, as it is written."""
        return Ground(tuple(self.regions), self.drawn)

    def as_object(self, city: City) -> Object:
        """Whom it concerns: everybody whose ground it is, above and below."""
        return Object(regions=city.concerned(self.regions))

    @property
    def is_open(self) -> bool:
        """Proposed or running."""
        return self.state in OPEN_STATES


class CampaignShown(Struct, frozen=True, kw_only=True):
    """A campaign as a screen is shown it. regions: codes; is_drawn: its ground is not just the regions. waits: nobody has answered
    the proposal in time."""

    id: UUID
    number: str
    hazard: Hazard
    colour: Colour | None
    season: SeasonName
    season_zh: str
    season_en: str
    cause: Cause
    basis: dict[str, Any]
    chain_id: UUID | None
    chains: list[UUID]
    warning_id: UUID | None
    state: State
    regions: list[str]
    is_drawn: bool
    plan: PlanNow
    proposed_at: datetime
    level: int
    waits: bool
    opened_at: datetime | None
    opened_by: str | None
    expires_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    close_reason: CloseReason | None
    note: str | None
    answer: str | None


class Point(Struct, frozen=True, kw_only=True):
    """临时御寒(防暑)点: a facility that a campaign wants open, and since when it is."""

    id: UUID
    campaign_id: UUID
    facility_id: UUID
    state: PointState
    wanted_at: datetime
    opened_at: datetime | None = None
    opened_by: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None


class CalledIn(Struct, frozen=True, kw_only=True):
    """召集: a team off duty that a campaign called in. why: what it was chosen by; came_at: when it went on duty."""

    id: UUID
    campaign_id: UUID
    team_id: UUID
    called_at: datetime
    why: dict[str, Any]
    came_at: datetime | None = None
