"""What a city decides about campaigns: the graded plans per hazard and colour, and the figures of sweeping.

Begin at `Plan`: what one colour of one hazard sets going. Which plan holds for a warning: `backend.campaign.plan`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from backend.policy.permissions import Colour, Hazard, Role
from backend.policy.span import Span

Chance = Annotated[float, Meta(gt=0, le=1)]
Code = Annotated[str, Meta(min_length=1)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Celsius = Annotated[float, Meta(ge=-60, le=60)]
Hours = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d$")]
Approval = Literal["automatic", "needed", "off"]
Cover = Literal["stay_points", "cells"]


class Plan(msgspec.Struct, frozen=True):
    """What a warning of this colour sets going. cells: at most so many are swept, each at least once in `sweep_every`.

    call_in: teams off duty that are called; teams: at most so many sweep at once. points: facility codes of temporary points.
    supplies: code → pieces per person (0: none of it). tell: the roles that hear of it. approval: "off" switches the plan off.
    """

    sweep_every: Span
    cover: Cover
    cells: AtLeastOne
    call_in: Annotated[int, Meta(ge=0)]
    teams: AtLeastOne
    points: tuple[Code, ...]
    supplies: dict[str, Annotated[int, Meta(ge=0)]]
    tell: tuple[Role, ...]
    approval: Approval


class Detection(msgspec.Struct, frozen=True):
    """The share of the people who are there that one look finds, by how the team moves."""

    foot: Chance
    ebike: Chance
    car: Chance


class Observed(msgspec.Struct, frozen=True):
    """Felt temperatures (°C, by wind chill or heat index) that open a campaign without a warning, and at which hours of the day.

    between, heat_between: "HH:MM-HH:MM" of cold and of heat, also over midnight. colour: whose plan; "none" for not at all.
    """

    cold_at_c: Celsius
    between: Hours
    heat_at_c: Celsius
    heat_between: Hours
    colour: Literal["none", "blue", "yellow", "orange", "red"]


class Campaigns(msgspec.Struct, frozen=True):
    """Campaigns: their plans, and how looking is counted.

    approve_within: a proposal that nobody answers goes up after this long. lease: how long a cell is held by the team that is there.
    dwell: presence in a cell, or within near_m of its stop, that makes a look; faster than max_speed_mps is driving through.
    due_below: a cell is due again when the chance that all there were seen has faded under this.
    """

    approve_within: Span
    lease: Span
    dwell: Span
    near_m: Annotated[float, Meta(ge=20, le=1000)]
    max_speed_mps: Annotated[float, Meta(gt=0, le=40)]
    detection: Detection
    due_below: Annotated[float, Meta(gt=0, lt=1)]
    observed: Observed
    plans: dict[Hazard, dict[Colour, Plan]]
