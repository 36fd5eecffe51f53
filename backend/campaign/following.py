"""What warnings do to campaigns, decided from what holds now and not from what happened. Pure. Begin at `steps`.

Asked again and again with the same warnings it finds nothing more to do, so a worker that died in between, or two at once, make no
difference. One campaign for one chain of warnings; a second chain of the same hazard on the same ground joins it: the same teams
would have to look at the same cells twice. What somebody ended by hand stays ended until the warning gets graver.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from backend.campaign.ground import Ground, meet, together
from backend.campaign.plan import PlanNow, Plans, by_hand, holding
from backend.campaign.records import Campaign, CloseReason
from backend.city import City
from backend.policy import COLOURS, Colour, Hazard

How = Literal["opened", "upgraded", "downgraded", "prolonged"]


class InForce(Struct, frozen=True, kw_only=True):
    """A warning that holds. begins: it opened its chain, or opened it again, instead of going on with what held."""

    id: UUID
    chain_id: UUID
    hazard: Hazard
    colour: Colour | None
    ground: Ground
    received_at: datetime
    expires_at: datetime | None
    begins: bool = False


class Own(Struct, frozen=True, kw_only=True):
    """What a campaign was begun with that no warning opened: it goes on by this when warnings of its ground are over."""

    colour: Colour | None = None
    regions: list[str] = []
    ends_at: datetime | None = None


class Opens(Struct, frozen=True, kw_only=True):
    """A warning opens a campaign."""

    warning: InForce
    plan: PlanNow

    @property
    def subject(self) -> UUID:
        return self.warning.chain_id


class Changes(Struct, frozen=True, kw_only=True):
    """A campaign goes on otherwise. how: in one word; the rest is how it is afterwards. plan: None for the one it has."""

    campaign_id: UUID
    how: How
    hazard: Hazard
    chains: tuple[UUID, ...]
    warning_id: UUID | None
    colour: Colour | None
    plan: PlanNow
    ground: Ground
    expires_at: datetime | None

    @property
    def subject(self) -> UUID:
        return self.campaign_id

    def is_as(self, one: Campaign) -> bool:
        """Whether the campaign is like that already."""
        same = (self.chains, self.warning_id, self.hazard, self.colour, self.expires_at, self.ground)
        had = (tuple(sorted(one.chains)), one.warning_id, one.hazard, one.colour, one.expires_at, one.ground)
        return same == had


class Closes(Struct, frozen=True, kw_only=True):
    """A campaign is over."""

    campaign_id: UUID
    reason: CloseReason

    @property
    def subject(self) -> UUID:
        return self.campaign_id


Step = Opens | Changes | Closes
Ends = Mapping[UUID, tuple[datetime, CloseReason]]
"""How and when chains of warnings that hold no more ended."""


def steps(
    campaigns: Sequence[Campaign],
    warnings: Sequence[InForce],
    ended: Ends,
    plans: Plans,
    city: City,
    now: datetime,
) -> list[Step]:
    """What is to be done. campaigns: those that are open, and those over that were about the same chains. ended: how chains ended.

    At most one step for a campaign or a chain; each done and asked again, it comes to rest.
    """
    open_ones = [one for one in campaigns if one.is_open]
    taken = {chain for one in open_ones for chain in one.chains}
    joining: dict[UUID, list[InForce]] = {}
    found: list[Step] = []
    for warning in sorted(warnings, key=_gravest_first):
        if warning.chain_id in taken:
            continue
        if (plan := holding(plans, warning.hazard, warning.colour)) is None:
            continue
        if (other := _on_the_same_ground(warning, open_ones, city)) is not None:
            joining.setdefault(other.id, []).append(warning)
        elif not _was_ended_by_somebody(warning, campaigns):
            found.append(Opens(warning=warning, plan=plan))
    for one in open_ones:
        mine = [warning for warning in warnings if warning.chain_id in one.chains] + joining.get(one.id, [])
        found += _of_campaign(one, sorted(mine, key=_gravest_first), ended, plans, city, now)
    return found


def _gravest_first(warning: InForce) -> tuple[int, datetime, UUID]:
    """Of two on the same ground the graver opens a campaign, and the other joins it."""
    return (-_grade(warning.colour), warning.received_at, warning.id)


def _grade(colour: Colour | None) -> int:
    return -1 if colour is None else COLOURS.index(colour)


def _on_the_same_ground(warning: InForce, open_ones: Sequence[Campaign], city: City) -> Campaign | None:
    """The open campaign of the same hazard whose ground the warning's overlaps."""
    alike = [one for one in open_ones if one.hazard == warning.hazard]
    return next((one for one in alike if meet(one.ground, warning.ground, city)), None)


def _was_ended_by_somebody(warning: InForce, campaigns: Sequence[Campaign]) -> bool:
    """Whether a person has said of this chain that nothing is to be done, and it has not become graver or begun anew since."""
    past = [one for one in campaigns if warning.chain_id in one.chains and one.closed_at is not None]
    last = max(past, key=lambda one: (one.closed_at, one.id), default=None)
    if last is None or last.closed_at is None or not (last.state == "declined" or last.close_reason == "hand"):
        return False
    began_anew = warning.begins and warning.received_at > last.closed_at
    return not began_anew and _grade(warning.colour) <= _grade(last.colour)


def _of_campaign(
    one: Campaign, mine: Sequence[InForce], ended: Ends, plans: Plans, city: City, now: datetime
) -> list[Step]:
    own = own_of(one)
    counted = [warning for warning in mine if _counts(warning, one, plans)]
    if not counted and own is None:
        last = max((ended[chain] for chain in one.chains if chain in ended), default=None)
        over = last[1] if last else "expired"
        return [Closes(campaign_id=one.id, reason="downgraded" if mine else over)]
    if not counted and own is not None and own.ends_at is not None and own.ends_at <= now:
        return [Closes(campaign_id=one.id, reason="expired")]
    after = _target(one, counted, own, plans, city)
    if after is None:
        return [Closes(campaign_id=one.id, reason="downgraded")]
    return [] if after.is_as(one) else [after]


def _counts(warning: InForce, one: Campaign, plans: Plans) -> bool:
    """Whether it is a reason to go on: it has a plan, or says no colour and so nothing new of what the campaign is about."""
    is_known = warning.colour is None and warning.chain_id in one.chains
    return is_known or holding(plans, warning.hazard, warning.colour) is not None


def own_of(one: Campaign) -> Own | None:
    """What a campaign goes on by when no warning holds; None for one that a warning opened."""
    return None if one.cause == "warning" else msgspec.convert(one.basis, Own)


def _target(one: Campaign, mine: Sequence[InForce], own: Own | None, plans: Plans, city: City) -> Changes | None:
    """How the campaign is to be, given the warnings that hold for it, gravest first; None where there is no plan for that."""
    lead = mine[0] if mine else None
    colour = _colour(one, lead, own)
    hazard = lead.hazard if lead and own is None and lead.hazard != "other" else one.hazard
    is_same = (hazard, colour) == (one.hazard, one.colour)
    plan = one.plan if is_same else _plan(one, hazard, colour, own, plans)
    if plan is None:
        return None
    grounds = [*([Ground(tuple(own.regions))] if own else []), *(warning.ground for warning in mine)]
    grounds.sort(key=lambda ground: (ground.regions, ground.drawn or b""))
    ends = [*([own.ends_at] if own else []), *(warning.expires_at for warning in mine)]
    return Changes(
        campaign_id=one.id,
        how=_how(one, colour, plan),
        hazard=hazard,
        chains=tuple(sorted({*one.chains, *(warning.chain_id for warning in mine)})),
        warning_id=lead.id if lead else None,
        colour=colour,
        plan=plan,
        ground=together(grounds, city),
        expires_at=None if None in ends else max(end for end in ends if end is not None),
    )


def _colour(one: Campaign, lead: InForce | None, own: Own | None) -> Colour | None:
    """The gravest that is meant. A warning that says no colour goes on as before."""
    begun_with = own.colour if own else None
    if lead is None:
        return begun_with
    said = lead.colour if lead.colour is not None or own else one.colour
    return max((said, begun_with), key=_grade)


def _plan(one: Campaign, hazard: Hazard, colour: Colour | None, own: Own | None, plans: Plans) -> PlanNow | None:
    """The plan of another colour. What somebody began goes on by the plan it has where the policy has none."""
    if own is None:
        return holding(plans, hazard, colour)
    return by_hand(plans, hazard, colour) or one.plan


def _how(one: Campaign, colour: Colour | None, plan: PlanNow) -> How:
    if one.state == "proposed" and plan.approval == "automatic" and plan != one.plan:
        return "opened"
    if colour == one.colour:
        return "prolonged"
    return "upgraded" if _grade(colour) > _grade(one.colour) else "downgraded"
