"""Which plan holds for a warning, and what season it is about. Pure. Begin at `holding`."""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from backend.policy import COLOURS, Colour, Hazard, Plan, Role
from backend.policy.plans import Cover

SeasonName = Literal["winter", "summer", "flood", "wind", "other"]
Plans = Mapping[Hazard, Mapping[Colour, Plan]]

SEASON_NAMES: Final[dict[SeasonName, tuple[str, str]]] = {
    "winter": ("寒冬送温暖", "warmth in winter"),
    "summer": ("夏季送清凉", "cool in summer"),
    "flood": ("防汛救助", "help in floods"),
    "wind": ("大风沙尘救助", "help in wind and dust"),
    "other": ("应急救助", "help in an emergency"),
}
_SEASONS: Final[dict[Hazard, SeasonName]] = {
    "cold_wave": "winter",
    "low_temperature": "winter",
    "snow": "winter",
    "icy_roads": "winter",
    "heat": "summer",
    "rainstorm": "flood",
    "typhoon": "flood",
    "flood": "flood",
    "gale": "wind",
    "sandstorm": "wind",
    "other": "other",
}


class PlanNow(Struct, frozen=True, kw_only=True):
    """The plan that a campaign goes by, as it was when it was taken: a change of the policy does not touch it.

    hazard, colour: whose plan it is, which may be a milder colour's than the warning's. supplies: code → pieces per person.
    """

    hazard: Hazard
    colour: Colour
    sweep_every_s: float
    cover: Cover
    cells: int
    call_in: int
    teams: int
    points: list[str]
    supplies: dict[str, int]
    tell: list[Role]
    approval: Literal["automatic", "needed"]


def season(hazard: Hazard) -> SeasonName:
    """What the department calls the work against this hazard."""
    return _SEASONS[hazard]


def holding(plans: Plans, hazard: Hazard, colour: Colour | None) -> PlanNow | None:
    """The plan for a warning, or None where it opens nothing: its colour's, else the next milder one that the hazard has.

    Without a colour, and for what is no known hazard, it is a plan of `other`. One that is switched off is no plan.
    """
    if colour is None:
        return mildest(plans, "other")
    graded = plans.get(hazard, {})
    given = [one for one in COLOURS[: COLOURS.index(colour) + 1] if one in graded]
    return _taken(hazard, given[-1], graded[given[-1]]) if given else None


def by_hand(plans: Plans, hazard: Hazard, colour: Colour | None) -> PlanNow | None:
    """The plan for who opens a campaign and may give no colour: then it is the hazard's mildest that is not switched off."""
    return mildest(plans, hazard) if colour is None else holding(plans, hazard, colour)


def mildest(plans: Plans, hazard: Hazard) -> PlanNow | None:
    """The hazard's mildest plan that is not switched off."""
    graded = plans.get(hazard, {})
    taken = (_taken(hazard, one, graded[one]) for one in COLOURS if one in graded)
    return next((plan for plan in taken if plan is not None), None)


def _taken(hazard: Hazard, colour: Colour, plan: Plan) -> PlanNow | None:
    if plan.approval == "off":
        return None
    return PlanNow(
        hazard=hazard,
        colour=colour,
        sweep_every_s=plan.sweep_every.seconds,
        cover=plan.cover,
        cells=plan.cells,
        call_in=plan.call_in,
        teams=plan.teams,
        points=list(plan.points),
        supplies={code: pieces for code, pieces in plan.supplies.items() if pieces},
        tell=list(plan.tell),
        approval=plan.approval,
    )
