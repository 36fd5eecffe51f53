"""What must hold between the keys of `[campaign]`; `backend.policy.checks` runs these with its own."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final, get_args

from backend.policy.fault import Fault, unlisted
from backend.policy.permissions import COLOURS, NOT_FOR_PEOPLE, Colour, Hazard, Role
from backend.policy.plans import Plan
from backend.policy.span import Span
from backend.policy.where import Path

if TYPE_CHECKING:
    from backend.policy.sections import Policy

SHIPPED: Final = frozenset(
    {"water", "food", "hot_food", "blanket", "quilt", "padded_coat", "gloves", "rain_cape"}
    | {"heatstroke_medicine", "mosquito_repellent", "station_card"}
)
"""The supplies of the policy as shipped: known to plans that a city does not write itself, whatever it hands out otherwise."""
_TOLD: Final = [role for role in get_args(Role) if role not in NOT_FOR_PEOPLE]


def _at(hazard: Hazard, colour: Colour, *key: str | int) -> Path:
    return ("campaign", "plans", hazard, colour, *key)


def _plans(p: "Policy") -> Iterator[tuple[Hazard, Colour, Plan]]:
    for hazard, graded in p.campaign.plans.items():
        for colour, plan in graded.items():
            yield hazard, colour, plan


def _lengths(p: "Policy") -> Iterator[Fault]:
    """Clock time, and more than nothing."""
    spans: dict[Path, Span] = {
        ("campaign", name): getattr(p.campaign, name) for name in ("approve_within", "lease", "dwell")
    }
    spans |= {_at(hazard, colour, "sweep_every"): plan.sweep_every for hazard, colour, plan in _plans(p)}
    for at, span in spans.items():
        if not span.is_elapsed:
            yield Fault(at, f"“{span}”在这里须用 s、min、h 或 d。", f"'{span}' must be in s, min, h or d here.")
        elif span.amount <= 0:
            yield Fault(at, "须大于 0。", "must be more than 0.")


def _names(p: "Policy") -> Iterator[Fault]:
    """Supplies that somebody hands out, and roles that a person has."""
    supplies = sorted({*SHIPPED, *(one for given in p.protection.supplies.values() for one in given)})
    for hazard, colour, plan in _plans(p):
        for supply in plan.supplies:
            if supply not in supplies:
                yield unlisted(_at(hazard, colour, "supplies", supply), supply, supplies, "[protection.supplies]")
        for n, role in enumerate(plan.tell):
            if role in NOT_FOR_PEOPLE:
                yield unlisted(_at(hazard, colour, "tell", n), role, _TOLD, "[roles]")
        if plan.approval != "off" and not plan.tell:
            yield Fault(_at(hazard, colour, "tell"), "至少要告知一个角色。", "somebody has to be told.")


def _graver_is_not_slacker(p: "Policy") -> Iterator[Fault]:
    """A graver colour sweeps at least as often: an upgrade intensifies."""
    for hazard, graded in p.campaign.plans.items():
        given = [colour for colour in COLOURS if colour in graded and graded[colour].sweep_every.is_elapsed]
        for milder, graver in pairwise(given):
            if graded[graver].sweep_every.seconds > graded[milder].sweep_every.seconds:
                zh = f"更严重的等级不能巡查得比 {milder} 更少。"
                yield Fault(
                    _at(hazard, graver, "sweep_every"), zh, f"a graver colour must not sweep less often than {milder}."
                )


def _looks(p: "Policy") -> Iterator[Fault]:
    found = p.campaign.detection
    if p.campaign.due_below >= min(found.foot, found.ebike, found.car):
        zh = "须低于 detection 中的每一项，否则看过的格子立即又要看。"
        yield Fault(
            ("campaign", "due_below"),
            zh,
            "must be under each of detection, or a cell is due as soon as it was looked at.",
        )
    if (
        p.campaign.lease.is_elapsed
        and p.campaign.dwell.is_elapsed
        and p.campaign.lease.seconds <= p.campaign.dwell.seconds
    ):
        yield Fault(("campaign", "lease"), "须长于 dwell。", "must be longer than dwell.")
    if p.campaign.observed.cold_at_c >= p.campaign.observed.heat_at_c:
        yield Fault(("campaign", "observed", "cold_at_c"), "须低于 heat_at_c。", "must be under heat_at_c.")


CAMPAIGN_CHECKS: Final[tuple[Callable[["Policy"], Iterator[Fault]], ...]] = (
    _lengths,
    _names,
    _graver_is_not_slacker,
    _looks,
)
