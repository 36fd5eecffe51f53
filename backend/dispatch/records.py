"""The rows of the loop as values: what a verb reads, replaces and writes back.

Pure. Fields are the columns of the table that `backend.dispatch.tables` names; a change is `msgspec.structs.replace(row, …)`.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from backend.access.permissions import Object
from backend.dispatch.clocks import ClockKind
from backend.dispatch.lifecycle import Stage
from backend.dispatch.protection.handling import Outcome
from backend.policy import Danger, Priority

CaseChannel = Literal["web", "app", "hotline", "grid", "taxi", "patrol", "partner", "revisit"]
OfferState = Literal["offered", "accepted", "declined", "lapsed", "withdrawn"]
ClockRowState = Literal["running", "paused", "met", "missed", "cancelled"]
SuggestionState = Literal["open", "joined", "dismissed"]
ApprovalAction = Literal["suspend", "extend", "return", "void"]
ApprovalState = Literal["asked", "granted", "refused", "withdrawn"]
ReferralState = Literal["offered", "accepted", "refused", "withdrawn", "arrived", "not_used", "handed_over"]
ReferralFrom = Literal["team", "facility", "desk"]
ReferralTo = Literal[
    "facility", "regional_centre", "hospital", "police", "foreign_affairs", "womens_federation", "family", "other_city"
]
MoveCause = Literal["moved", "counted", "given"]
IncidentKind = Literal["death", "missing", "accident", "abuse", "trafficking", "violence"]
IncidentCause = Literal["hand", "handling", "stay", "visit"]
IncidentState = Literal["open", "concluded", "withdrawn"]
IncidentOwes = Literal["report", "follow_up"]
RecipientState = Literal["waiting", "acknowledged", "absent", "passed"]


class Case(Struct, frozen=True, kw_only=True):
    """案卷: the piece of work that one or more sightings are about. outcome: of its last visit, or `refused:` and the reason.

    campaign_id: the campaign in whose sweep somebody was found.
    """

    id: UUID
    number: int
    stage: Stage
    version: int
    priority: Priority
    dangers: list[Danger]
    call_first: list[str]
    skills: list[str]
    lon: float
    lat: float
    in_area: bool
    regions: list[str]
    address: str | None
    people_count: int
    looks: dict[str, Any]
    channel: CaseChannel
    opened_at: datetime
    stage_since: datetime
    last_seen_at: datetime
    sighting_count: int
    team_id: UUID | None = None
    handled_by_team: UUID | None = None
    handled_by: str | None = None
    outcome: str | None = None
    search_at: datetime | None = None
    search_round: int = 1
    search_phase: int = 0
    alarm: str | None = None
    rework_count: int = 0
    joined_into: UUID | None = None
    campaign_id: UUID | None = None
    closed_at: datetime | None = None

    def teams(self) -> list[UUID]:
        """The teams it concerns now: the one assigned, or the one that handled it."""
        return [t for t in (self.team_id, self.handled_by_team) if t is not None]

    def as_object(self, *, offered_to: UUID | None = None) -> Object:
        """What permissions ask about."""
        return Object(regions=self.regions, teams=[*self.teams(), *([offered_to] if offered_to else [])])


class Offer(Struct, frozen=True, kw_only=True):
    """派遣: a case held out to one team for a short while."""

    id: UUID
    case_id: UUID
    team_id: UUID
    state: OfferState
    round: int
    phase: int
    offered_at: datetime
    expires_at: datetime
    eta_s: float | None
    eta_basis: str
    decision_id: UUID | None
    answered_at: datetime | None = None
    reason: str | None = None


class ClockRow(Struct, frozen=True, kw_only=True):
    """时限: a deadline of a case as it is stored; `backend.dispatch.clocks` has the rules."""

    case_id: UUID
    kind: ClockKind
    state: ClockRowState
    span: str
    started_at: datetime
    due_at: datetime
    yellow_at: datetime
    paused_at: datetime | None = None
    paused_s: float = 0.0
    missed_at: datetime | None = None
    overdue_paused_s: float = 0.0
    ended_at: datetime | None = None
    extended: int = 0
    level: int = 0
    restarts: int = 0
    misses: int = 0
    fires_at: datetime | None = None


class Link(Struct, frozen=True, kw_only=True):
    """A sighting's belonging to a case; `left_at` ends it, `moved_from` says which case it came from by joining."""

    case_id: UUID
    sighting_id: UUID
    joined_at: datetime
    joined_by: str
    score: float | None = None
    reasons: list[Any] = []
    moved_from: UUID | None = None
    left_at: datetime | None = None


class Suggestion(Struct, frozen=True, kw_only=True):
    """Two cases that may be about the same people; a person decides."""

    case_id: UUID
    other_case_id: UUID
    score: float
    reasons: list[Any]
    state: SuggestionState = "open"


class Approval(Struct, frozen=True, kw_only=True):
    """A request to suspend, extend, return or void, and its answer."""

    id: UUID
    case_id: UUID
    action: ApprovalAction
    state: ApprovalState
    reason: str
    wanted: dict[str, Any]
    asked_by: str
    asked_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    answer: str | None = None


class HandlingRow(Struct, frozen=True, kw_only=True):
    """处置: one visit of a team, from arrival to what was done, and what the checker said of it."""

    id: UUID
    case_id: UUID
    team_id: UUID
    by: str
    arrived_at: datetime
    arrived_place: dict[str, Any]
    handled_at: datetime | None = None
    outcome: Outcome | None = None
    record: dict[str, Any] = {}
    consequences: list[Any] = []
    verified_by: str | None = None
    verified_at: datetime | None = None
    verdict: str | None = None
    verdict_note: str | None = None


class Revisit(Struct, frozen=True, kw_only=True):
    """A look that is due again, because somebody stayed outside."""

    id: UUID
    case_id: UUID
    due_at: datetime
    reason: str
    state: str = "due"
    opened_case: UUID | None = None


class CallBack(Struct, frozen=True, kw_only=True):
    """电话回访: one try to ring a reporter back. satisfied: 1 to 5, None when not asked. What they said is kept as words."""

    id: UUID
    sighting_id: UUID
    case_id: UUID
    called_at: datetime
    by: str
    reached: bool
    satisfied: int | None = None


class DistressCall(Struct, frozen=True, kw_only=True):
    """求助: a crew calls for help. raised_at: when, by its phone; lon, lat (WGS-84): where it said, or was last seen, at `place_at`.

    presses: how often, until somebody answered. level: how far up the chain it has gone. regions: the team's, and of the place.
    """

    id: UUID
    team_id: UUID
    raised_by: str
    raised_at: datetime
    received_at: datetime
    regions: list[str]
    case_id: UUID | None = None
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    place_at: datetime | None = None
    presses: int = 1
    level: int = 0
    escalates_at: datetime | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None
    over_by: str | None = None
    over_at: datetime | None = None
    note: str | None = None

    def as_object(self) -> Object:
        """What permissions ask about."""
        return Object(regions=self.regions, teams=[self.team_id])


class StockMove(Struct, frozen=True, kw_only=True):
    """物资: so much of one item from one place to another (backend.dispatch.stock_rules says which places there are).

    cause: moved by somebody at a desk, counted (a stock-taking found another amount), given to people by a crew.
    team_id: whose hands gave it, or whose stock it is. note: why, in somebody's words.
    """

    id: UUID
    at: datetime
    item: str
    amount: int
    from_place: str
    to_place: str
    cause: MoveCause
    by: str
    team_id: UUID | None = None
    campaign_id: UUID | None = None
    case_id: UUID | None = None
    note: str | None = None


class Referral(Struct, frozen=True, kw_only=True):
    """转介: people are to go into other hands. from_team: who brings them, also where a desk asked. fires_at: when somebody is told next.

    level: how far up the chain it has gone while nobody answered. reserved_until: the place is kept for them so long. because: why
    it ended by itself. eta_s: seconds by road when it was offered. receiver: who said yes there; hand_over: what was signed.
    """

    id: UUID
    number: int
    case_id: UUID | None
    from_kind: ReferralFrom
    from_team: UUID | None
    from_facility: UUID | None
    to_kind: ReferralTo
    to_facility: UUID | None
    place_kind: str | None
    people_count: int
    state: ReferralState
    regions: list[str]
    offered_at: datetime
    offered_by: str
    answer_due_at: datetime
    consent: Literal["given", "not_needed"]
    consent_ground: str | None
    level: int = 0
    alarm: str | None = None
    fires_at: datetime | None = None
    eta_s: float | None = None
    answered_at: datetime | None = None
    answered_by: str | None = None
    reserved_until: datetime | None = None
    arrived_at: datetime | None = None
    handed_over_at: datetime | None = None
    ended_at: datetime | None = None
    because: str | None = None
    to_words: str | None = None
    reason: str | None = None
    receiver: str | None = None
    hand_over: dict[str, Any] = {}

    def as_object(self) -> Object:
        """What permissions to read ask about."""
        return Object(regions=self.regions, teams=self.teams(), facilities=self.facilities())

    def as_given(self) -> Object:
        """The side that gives: it may take back."""
        of = [self.from_facility] if self.from_facility is not None else []
        return Object(regions=self.regions, teams=self.teams(), facilities=of)

    def as_received(self) -> Object:
        """The side that receives: it answers. A desk does it for those who say it on the phone."""
        return Object(regions=self.regions, facilities=[self.to_facility] if self.to_facility is not None else [])

    def teams(self) -> list[UUID]:
        return [self.from_team] if self.from_team is not None else []

    def facilities(self) -> list[UUID]:
        return [one for one in (self.to_facility, self.from_facility) if one is not None]


class ReferralPerson(Struct, frozen=True, kw_only=True):
    """One of those who are referred. person_index: in the record of the case's handling. told: what the receiver must know.
    released_at: since when no place is kept for them by the referral: they are taken in at the desk, or were handed on."""

    id: UUID
    referral_id: UUID
    case_id: UUID | None
    person_index: int | None
    person_id: UUID | None
    sex: str
    age_band: str
    live: bool
    released_at: datetime | None = None
    told: dict[str, Any] = {}


class Incident(Struct, frozen=True, kw_only=True):
    """即时上报事项. cause: what it was born of. owes: what the one who raised it has to send next, by due_at; misses: how often that
    was asked for after it was due. fires_at: when it is asked for next. told: the form, follow-ups, the conclusion; sealed.
    """

    id: UUID
    number: int
    kind: IncidentKind
    cause: IncidentCause
    state: IncidentState
    regions: list[str]
    happened_at: datetime
    raised_at: datetime
    raised_by: str
    case_id: UUID | None = None
    handling_id: UUID | None = None
    stay_id: UUID | None = None
    person_id: UUID | None = None
    home_visit_id: UUID | None = None
    teams: list[UUID] = []
    facilities: list[UUID] = []
    owes: IncidentOwes | None = None
    due_at: datetime | None = None
    misses: int = 0
    fires_at: datetime | None = None
    reported_at: datetime | None = None
    reported_by: str | None = None
    follow_ups: int = 0
    ended_at: datetime | None = None
    ended_by: str | None = None
    told: dict[str, Any] = {}

    def as_object(self) -> Object:
        """What permissions ask about."""
        return Object(regions=self.regions, teams=self.teams, facilities=self.facilities, owner=self.raised_by)


class IncidentRecipient(Struct, frozen=True, kw_only=True):
    """Who is told of an incident at one level. region: whose people of that role; the city's code for those of the whole city.

    times: how often they were told. absent: nobody has that role there. passed: a higher level ended it.
    """

    id: UUID
    incident_id: UUID
    level: int
    role: str
    region: str
    state: RecipientState
    told_at: datetime
    due_at: datetime
    times: int = 1
    fires_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None


Row = (
    Case
    | Offer
    | ClockRow
    | Link
    | Suggestion
    | Approval
    | HandlingRow
    | Revisit
    | CallBack
    | DistressCall
    | StockMove
    | Referral
    | ReferralPerson
    | Incident
    | IncidentRecipient
)
