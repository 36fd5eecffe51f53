"""The policy as frozen Structs: one class per table of the TOML file, one attribute per key.

There are no default values here: every default stands, explained, in `backend/policy_default.toml`.
"""

import hashlib
from datetime import date
from functools import cached_property
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from backend.policy.permissions import SCOPES, Danger, Outcome, Priority, Role, Scope, Season
from backend.policy.plans import Campaigns
from backend.policy.span import Span

Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]


class Named(msgspec.Struct, frozen=True):
    """Something with a name in both languages."""

    zh: Text
    en: Text


class Clocks(msgspec.Struct, frozen=True):
    """How long each step may take (DOMAIN §6). `yellow_at`: share of the time used at which the light turns."""

    accept: Span
    offer: Span
    offer_critical: Span
    on_spot: Span
    feedback: Span
    verify: Span
    whole: Span
    yellow_at: Annotated[float, Meta(gt=0, lt=1)]


class WorkingTime(msgspec.Struct, frozen=True):
    """Working days as ISO weekdays (1 = Monday), hours as "HH:MM-HH:MM", and days off or on the library lacks."""

    days: tuple[Annotated[int, Meta(ge=1, le=7)], ...]
    hours: tuple[Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d$")], ...]
    timezone: Text
    holidays: tuple[date, ...]
    workdays: tuple[date, ...]


class Escalation(msgspec.Struct, frozen=True):
    """Who is told of a missed clock, one after the other, `step` apart; and how long a crew's call for help may wait."""

    chain: tuple[Text, ...]
    step: Span
    distress: Span


class Circle(msgspec.Struct, frozen=True):
    """The rescue circle: everywhere a team can be `within`, shown and swept in H3 cells."""

    within: Span
    show_res: Annotated[int, Meta(ge=5, le=11)]
    sweep_res: Annotated[int, Meta(ge=5, le=12)]
    gap_alarm_cells: Count
    gap_alarm_share: Share


class Phase(msgspec.Struct, frozen=True):
    """One widening of the search. `within` None ("beyond"): the best that can be had, at any distance.

    k: candidates looked at; offers_at_once: live offers of one case (I1 keeps it at 1); wait: how long to go on
    looking here before widening.
    """

    within: Span | None
    k: Count
    offers_at_once: Annotated[int, Meta(ge=1, le=1)]
    wait: Span

    @property
    def within_s(self) -> float:
        """Seconds by road, or infinity for "beyond"."""
        return float("inf") if self.within is None else self.within.seconds


class Search(msgspec.Struct, frozen=True):
    """How teams are looked for and asked."""

    phases: tuple[Phase, ...]
    decline_memory: Literal["round", "case"]
    rounds: Count
    retry_after: Span
    stale_fix_after: Span
    method: Literal["one_by_one", "batch", "auto"]
    batch_when_waiting: Count


class Matching(msgspec.Struct, frozen=True):
    """What a shortcoming of a team costs, in seconds of road time, and what a crew must have."""

    skill_missing_s: Seconds
    region_outside_s: Seconds
    shift_end_within: Span
    shift_end_s: Seconds
    stale_fix_s: Seconds
    load_per_case_today_s: Seconds
    required_skills: dict[Danger, tuple[Text, ...]]
    crew_min: Annotated[int, Meta(ge=1, le=10)]


class Reason(msgspec.Struct, frozen=True):
    """A reason one may choose from a list; `code` is what is stored."""

    code: Text
    zh: Text
    en: Text


class Intake(msgspec.Struct, frozen=True):
    """Receiving reports: what is accepted by rule, when two are one, photos, and how much one sender may send."""

    auto_accept: tuple[Text, ...]
    auto_join_at: Share
    suggest_at: Share
    walking_speed_m_s: Annotated[float, Meta(gt=0, le=3)]
    base_radius_m: Annotated[float, Meta(gt=0, le=1000)]
    max_radius_m: Annotated[float, Meta(gt=0, le=20000)]
    duplicate_window: Span
    max_photo_mb: Annotated[float, Meta(gt=0, le=50)]
    max_photos: Annotated[int, Meta(ge=0, le=20)]
    refuse_reasons: tuple[Reason, ...]
    rate_per_minute: dict[str, Count]

    @property
    def max_photo_bytes(self) -> int:
        return int(self.max_photo_mb * 1_000_000)


class DangerRule(msgspec.Struct, frozen=True):
    """What one danger means: its priority, whom to call first (in order), and the skills that should come."""

    zh: Text
    en: Text
    priority: Priority
    call_first: tuple[Literal["120", "110", "119"], ...]
    skills: tuple[Text, ...]


Speed = Annotated[float, Meta(gt=0, le=1)]


class SpeedShare(msgspec.Struct, frozen=True):
    """Share of the clear day's speed that each way of moving keeps, 0 to 1."""

    car: Speed
    ebike: Speed
    foot: Speed

    def as_tuple(self) -> tuple[float, float, float]:
        return (self.car, self.ebike, self.foot)


class Weather(msgspec.Struct, frozen=True):
    """Road speed by state of the weather (clear = 1), and the felt temperatures at which being outside is a danger."""

    speed: dict[str, SpeedShare]
    cold_at_c: Annotated[float, Meta(ge=-60, le=60)]
    heat_at_c: Annotated[float, Meta(ge=-60, le=60)]


class Outcomes(msgspec.Struct, frozen=True):
    """What follows an outcome by itself."""

    revisit_after: Span


class Protection(msgspec.Struct, frozen=True):
    """DOMAIN §4: escorts, supplies by season, and how fast a death or a missing person goes up every level.

    report_up_to: levels, from the nearest up, each a role or `role@city`; report_up_waits: within which each acknowledges.
    """

    escort_crew_min: Annotated[int, Meta(ge=2, le=10)]
    supplies: dict[Season, tuple[Text, ...]]
    report_up_within: Span
    report_up_to: tuple[Text, ...]
    report_up_waits: dict[str, Span]
    report_again: Span
    follow_up_every: Span

    @property
    def report_up_roles(self) -> tuple[str, ...]:
        """The roles that hear of it, each once."""
        return tuple(dict.fromkeys(level.partition("@")[0] for level in self.report_up_to))


class Verification(msgspec.Struct, frozen=True):
    """From where on what a crew recorded is doubted, and how often a reporter is rung before giving up.

    near_m: how far from the case's place an arrival or a track still counts as there.
    """

    near_m: Annotated[float, Meta(ge=20, le=5000)]
    stay_at_least: Span
    entered_within: Span
    photo_outcomes: tuple[Outcome, ...]
    call_back_tries: Annotated[int, Meta(ge=1, le=20)]


class Referral(msgspec.Struct, frozen=True):
    """Referrals' own clocks; those after arrival at a station, and the revisits of those who went home (DOMAIN §4, 9 and 10).

    answer_step: between one rung and the next while nobody answers. hold: how long a place is kept for people on the way.
    visit_again: somebody who was not met is looked for again. visit_ahead: the visitor is reminded so long before a visit is due.
    """

    answer: Span
    answer_step: Span
    hold: Span
    search_notice: Span
    dna_request: Span
    dna_answer: Span
    renew: Span
    settlement: Span
    stay_at_most: Span
    overdue_chain: tuple[Text, ...]
    overdue_step: Span
    revisit_every: Span
    revisit_for: Span
    visit_again: Span
    visit_ahead: Span
    visit_chain: tuple[Text, ...]
    visit_step: Span


class Retention(msgspec.Struct, frozen=True):
    """How long data are kept after their case is closed or, for streams, after they were made (DOMAIN §4.9, §8).

    `backend.retention` has what each is about.
    """

    positions: Span
    positions_thinned: Span
    recordings: Span
    photos: Span
    persons: Span
    reporter_contact: Span
    decisions: Span
    messages: Span
    commands: Span
    sessions: Span
    parked_calls: Span


class Notify(msgspec.Struct, frozen=True):
    """How a notice climbs until a phone says that it was shown; each counted from when it began.

    Only what a team has to answer goes beyond the push (backend.dispatch.ladder).
    """

    push_after: Span
    sms_after: Span
    not_reached_after: Span


class SignIn(msgspec.Struct, frozen=True):
    """Signing in. second_factor: the roles that must show a one-time code besides the password."""

    second_factor: tuple[Role, ...]


class BySender(msgspec.Struct, frozen=True):
    """A number for each kind of sender: one public address, one account, one partner; newcomers: all of one address that show
    a token which the process has not seen yet."""

    public: Count
    account: Count
    partner: Count
    newcomers: Count


class Limits(msgspec.Struct, frozen=True):
    """What one sender may ask, so that nobody slows the others (I15). at_once: requests a process works on at a time.

    A team may send `positions_per_minute`, more than one batch of 500. A process holds `sockets_per_account` live feeds of one
    account.
    """

    look_ups_per_minute: Count
    similar_per_minute: Count
    photos_per_minute: Count
    details_per_minute: Count
    sign_ins_per_minute: Count
    tickets_per_minute: Count
    tiles_per_minute: Count
    places_per_minute: Count
    positions_per_minute: Annotated[int, Meta(ge=500)]
    sockets_per_account: Count
    requests_per_minute: BySender
    at_once: BySender


class Policy(msgspec.Struct, frozen=True, dict=True):
    """Everything a city decides. `digest` names exactly this set of decisions; events carry it."""

    clocks: Clocks
    working_time: WorkingTime
    escalation: Escalation
    circle: Circle
    search: Search
    matching: Matching
    skills: dict[str, Named]
    intake: Intake
    limits: Limits
    triage: dict[Danger, DangerRule]
    weather: Weather
    outcomes: Outcomes
    protection: Protection
    verification: Verification
    referral: Referral
    retention: Retention
    notify: Notify
    sign_in: SignIn
    campaign: Campaigns
    roles: dict[Role, tuple[str, ...]]

    @cached_property
    def digest(self) -> str:
        """16 hex digits: the same decisions give the same digest on every machine, whatever the file looks like."""
        plain = msgspec.json.encode(
            {name: getattr(self, name) for name in self.__struct_fields__}, order="deterministic"
        )
        return hashlib.sha256(plain).hexdigest()[:16]

    def scope_of(self, role: str, action: str) -> Scope | None:
        """How far `role` may do `action` ("case:read"): the widest scope granted, or None."""
        granted = [p.partition("@")[2] for p in self.roles.get(role, ()) if p.partition("@")[0] == action]  # type: ignore[call-overload]
        return next((scope for scope in reversed(SCOPES) if scope in granted), None)
