"""Which plan holds, and what warnings do to campaigns, as pure rules: whatever comes in whatever order, it comes to rest."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.campaign import calling_in, states
from backend.campaign.calling_in import Resting
from backend.campaign.following import Changes, Closes, Ends, InForce, Opens, Own, Step, steps
from backend.campaign.ground import Ground, meet, shape_of, together, warned
from backend.campaign.plan import PlanNow, by_hand, holding, season
from backend.campaign.records import Campaign
from backend.errors import Conflict
from backend.policy import COLOURS, Colour, Hazard, Plan, PolicyError, default_policy, parse_policy
from tests.conftest import START
from tests.dispatch.builders import CITY, EAST, WEST, city

DALIAN = city()
PLANS = default_policy().campaign.plans
USUAL = PLANS["cold_wave"]["yellow"]
HAZARDS: tuple[Hazard, ...] = ("cold_wave", "snow", "sandstorm")
WAIT = timedelta(minutes=15)
plan_sets = st.dictionaries(
    st.sampled_from(HAZARDS),
    st.dictionaries(
        st.sampled_from(COLOURS),
        st.sampled_from([msgspec.structs.replace(USUAL, approval=one) for one in ("automatic", "needed", "off")]),
    ),
)


def an_id(n: int) -> UUID:
    return UUID(int=n)


# --- which plan ------------------------------------------------------------------------------------------------------


@given(plan_sets, st.sampled_from(HAZARDS), st.sampled_from(COLOURS))
def test_the_plan_is_the_colour_s_own_or_the_next_milder_one_and_never_a_graver(
    plans: Mapping[Hazard, Mapping[Colour, Plan]], hazard: Hazard, colour: Colour
) -> None:
    plan = holding(plans, hazard, colour)
    given_ones = [one for one in COLOURS[: COLOURS.index(colour) + 1] if one in plans.get(hazard, {})]
    if not given_ones or plans[hazard][given_ones[-1]].approval == "off":
        assert plan is None
    else:
        assert plan is not None
        assert (plan.hazard, plan.colour) == (hazard, given_ones[-1])


def test_without_a_colour_or_a_known_hazard_it_is_a_plan_of_other_or_nothing() -> None:
    assert holding(PLANS, "cold_wave", None) is None
    assert holding(PLANS, "other", "red") is None
    plans: Mapping[Hazard, Mapping[Colour, Plan]] = {**PLANS, "other": {"blue": USUAL}}
    for hazard, colour in (("cold_wave", None), ("other", "red"), ("other", None)):
        plan = holding(plans, hazard, colour)  # type: ignore[arg-type]
        assert plan is not None
        assert plan.hazard == "other"


def test_by_hand_without_a_colour_it_is_the_mildest() -> None:
    plan = by_hand(PLANS, "heat", None)
    assert plan is not None
    assert plan.colour == "yellow"
    assert by_hand(PLANS, "sandstorm", None) is None


def test_what_a_city_does_not_hand_out_it_writes_as_none_of_it() -> None:
    plan = holding({"heat": {"red": msgspec.structs.replace(USUAL, supplies={"water": 2, "quilt": 0})}}, "heat", "red")
    assert plan is not None
    assert plan.supplies == {"water": 2}


def test_the_season_follows_from_the_hazard() -> None:
    assert [season(hazard) for hazard in ("snow", "heat", "flood", "gale")] == ["winter", "summer", "flood", "wind"]


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("[campaign]\nlease = '30 s'\n", "campaign.lease", 2),
        ("[campaign.plans.cold_wave.red]\nsweep_every = '2 wd'\n", "campaign.plans.cold_wave.red.sweep_every", 2),
        ("[campaign.plans.cold_wave.red]\nsweep_every = '9 h'\n", "campaign.plans.cold_wave.red.sweep_every", 2),
        ("[campaign.plans.heat.red]\nteams = 9\nsupplies = { watr = 1 }\n", "campaign.plans.heat.red.supplies.watr", 3),
        ("[campaign.plans.heat.red]\ntell = ['public']\n", "campaign.plans.heat.red.tell[0]", 2),
        ("[campaign.plans.heat.red]\ntell = []\n", "campaign.plans.heat.red.tell", 2),
        ("[campaign.plans.heat.red]\napproval = 'maybe'\n", "campaign.plans.heat.red.approval", 2),
        ("[campaign.plans.heat.purple]\nteams = 1\n", "campaign.plans.heat.purple", 1),
        ("[campaign.plans.hail.red]\nteams = 1\n", "campaign.plans.hail", 1),
        ("[campaign.plans.sandstorm.red]\nteams = 1\n", "campaign.plans.sandstorm.red.approval", 1),
        ("[campaign]\ndue_below = 0.6\n", "campaign.due_below", 2),
        ("[campaign.observed]\ncold_at_c = 40\n", "campaign.observed.cold_at_c", 2),
        ("[campaign.observed]\nbetween = 'nights'\n", "campaign.observed.between", 2),
    ],
)
def test_a_fault_in_a_plan_is_named_with_its_line(text: str, key: str, line: int) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy(text, "my.toml")
    found = {problem.key: problem for problem in refused.value.problems}
    assert key in found
    assert (found[key].line, bool(found[key].zh), bool(found[key].en)) == (line, True, True)


# --- what warnings do ------------------------------------------------------------------------------------------------

grounds = st.sampled_from([Ground((CITY,)), Ground((EAST,)), Ground((WEST,))])
in_force = st.builds(
    lambda n, hazard, colour, ground, hours, begins: InForce(
        id=an_id(n), chain_id=an_id(n % 4 + 1000), hazard=hazard, colour=colour, ground=ground,
        received_at=START + timedelta(seconds=n), expires_at=None if hours is None else START + timedelta(hours=hours),
        begins=begins,
    ),
    st.integers(1, 10_000),
    st.sampled_from(HAZARDS),
    st.one_of(st.none(), st.sampled_from(COLOURS)),
    grounds,
    st.one_of(st.none(), st.integers(1, 40)),
    st.booleans(),
)  # fmt: skip
# Of a chain one warning holds at a time.
weathers = st.lists(in_force, max_size=4, unique_by=lambda one: one.chain_id)
deeds = st.sampled_from(["approve", "decline", "close", "nothing", "hand"])


class World:
    """The campaigns there are, changed by steps as the verbs do."""

    def __init__(self, plans: Mapping[Hazard, Mapping[Colour, Plan]]) -> None:
        self.plans, self.now = plans, START
        self.campaigns: dict[UUID, Campaign] = {}
        self.ended: dict[UUID, Any] = {}
        self._numbers = count(1)

    def steps(self, warnings: list[InForce]) -> list[Step]:
        ended: Ends = self.ended
        return steps(list(self.campaigns.values()), warnings, ended, self.plans, DALIAN, self.now)

    def rest(self, warnings: list[InForce]) -> None:
        """One step after the other until there is none: a handful."""
        for _ in range(40):
            found = self.steps(warnings)
            if not found:
                return
            self._do(found[0])
        raise AssertionError("it does not come to rest")

    def _do(self, step: Step) -> None:
        match step:
            case Opens(warning=warning, plan=plan):
                more: dict[str, Any] = {"chain_id": warning.chain_id, "warning_id": warning.id}
                self._begin(
                    warning.hazard, warning.colour, plan, warning.ground, cause="warning",
                    expires_at=warning.expires_at, **more,
                )  # fmt: skip
            case Changes():
                before = self.campaigns[step.campaign_id]
                self.campaigns[before.id] = states.changed(before, step, now=self.now, by="system")
            case Closes():
                before = self.campaigns[step.campaign_id]
                self.campaigns[before.id] = states.closed(before, step.reason, now=self.now, by="system")

    def _begin(self, hazard: Hazard, colour: Colour | None, plan: PlanNow, ground: Ground, **more: Any) -> None:
        n = next(self._numbers)
        made = states.begun(an_id(n), f"Z{n}", hazard, colour, plan, ground, now=self.now, by="x", wait=WAIT, **more)
        self.campaigns[made.id] = made

    def person(self, deed: str) -> None:
        """Somebody at a desk does what the states allow."""
        self.now += timedelta(minutes=7)
        one = next((one for one in self.campaigns.values() if one.is_open), None)
        if deed == "hand" and (plan := by_hand(self.plans, "snow", None)) is not None:
            alike = [one for one in self.campaigns.values() if one.is_open and one.hazard == "snow"]
            own = Own(colour=None, regions=[WEST], ends_at=self.now + timedelta(hours=3))
            if not any(meet(one.ground, Ground((WEST,)), DALIAN) for one in alike):
                basis = msgspec.to_builtins(own)
                self._begin("snow", None, plan, Ground((WEST,)), cause="hand", basis=basis, expires_at=own.ends_at)
        if one is not None and one.state == "proposed" and deed == "approve":
            self.campaigns[one.id] = states.approved(one, now=self.now, by="leader")
        if one is not None and one.state == "proposed" and deed == "decline":
            self.campaigns[one.id] = states.declined(one, now=self.now, by="leader", answer="不")
        if one is not None and one.state == "running" and deed == "close":
            self.campaigns[one.id] = states.closed(one, "hand", now=self.now, by="leader", answer="不")


@settings(max_examples=150, deadline=None)
@given(plan_sets, st.lists(st.tuples(weathers, deeds), max_size=6))
def test_whatever_comes_it_comes_to_rest_and_keeps_its_rules(
    plans: Mapping[Hazard, Mapping[Colour, Plan]], story: list[tuple[list[InForce], str]]
) -> None:
    world = World(plans)
    for warnings, deed in story:
        world.rest(warnings)
        _holds(world, warnings)
        world.person(deed)
    world.rest([])
    still = [one for one in world.campaigns.values() if one.is_open]
    assert all(one.cause == "hand" for one in still), "without a warning nothing that a warning began goes on"
    world.now += timedelta(days=2)
    world.rest([])
    assert not [one for one in world.campaigns.values() if one.is_open], "and what was begun for a while ends with it"


def _holds(world: World, warnings: list[InForce]) -> None:
    live = {warning.chain_id for warning in warnings}
    open_ones = [one for one in world.campaigns.values() if one.is_open]
    chains = [chain for one in open_ones for chain in one.chains]
    assert len(chains) == len(set(chains)), "a chain has one campaign that is not over"
    for one in open_ones:
        assert one.cause == "hand" or live.intersection(one.chains), "what a warning began lives by a warning"
    for warning in warnings:
        if holding(world.plans, warning.hazard, warning.colour) is None or warning.chain_id in chains:
            continue
        over = [one for one in world.campaigns.values() if warning.chain_id in one.chains]
        assert over, "a warning that has a plan has a campaign, or had one that somebody ended"
    for one in world.campaigns.values():
        assert (one.closed_at is None) == one.is_open
        assert one.state != "running" or one.opened_at is not None


@settings(max_examples=60, deadline=None)
@given(weathers)
def test_asked_again_there_is_nothing_more_to_do(warnings: list[InForce]) -> None:
    world = World(PLANS)
    world.rest(warnings)
    before = dict(world.campaigns)
    world.rest(list(reversed(warnings)))
    assert world.campaigns == before


def test_what_was_answered_cannot_be_answered_again() -> None:
    world = World({"cold_wave": {"blue": msgspec.structs.replace(USUAL, approval="needed")}})
    warning = InForce(
        id=an_id(1), chain_id=an_id(2), hazard="cold_wave", colour="blue", ground=Ground((CITY,)), received_at=START,
        expires_at=None,
    )  # fmt: skip
    world.rest([warning])
    [one] = world.campaigns.values()
    with pytest.raises(Conflict):
        states.closed(one, "hand", now=START, by="x")
    over = states.declined(one, now=START, by="x", answer="不")
    with pytest.raises(Conflict):
        states.approved(over, now=START, by="x")
    with pytest.raises(Conflict):
        states.closed(over, "lifted", now=START, by="x")


# --- the ground, and who is called -----------------------------------------------------------------------------------


def test_grounds_that_share_no_more_than_a_border_are_two() -> None:
    assert not meet(Ground((EAST,)), Ground((WEST,)), DALIAN)
    assert meet(Ground((CITY,)), Ground((WEST,)), DALIAN)
    drawn = warned([], shape_of(Ground((EAST,)), DALIAN).wkb, DALIAN)
    assert drawn.regions == (EAST,)
    assert not meet(drawn, Ground((WEST,)), DALIAN)
    assert meet(drawn, Ground((EAST,)), DALIAN)


def test_several_grounds_are_one_that_has_all_of_them() -> None:
    both = together([Ground((EAST,)), Ground((WEST,))], DALIAN)
    assert both == Ground((EAST, WEST))
    half = warned([], shape_of(Ground((EAST,)), DALIAN).buffer(-0.1).wkb, DALIAN)
    joined = together([half, Ground((WEST,))], DALIAN)
    assert joined.drawn is not None
    parts = shape_of(half, DALIAN).area + shape_of(Ground((WEST,)), DALIAN).area
    assert shape_of(joined, DALIAN).area == pytest.approx(parts)
    assert together([half, Ground((CITY,))], DALIAN) == Ground((CITY,))


def resting(code: str, **more: Any) -> Resting:
    values = {"size": 2, "is_local": True, "rest_h": 12.0, "km": 0.0, **more}
    return Resting(team_id=an_id(sum(map(ord, code))), code=code, **values)


def test_teams_are_called_local_first_then_rested_then_near_then_longest_off_duty() -> None:
    teams = [
        resting("far", km=9.0),
        resting("stranger", is_local=False, rest_h=48.0),
        resting("tired", rest_h=7.0),
        resting("near", km=1.0),
        resting("longest", km=2.0, rest_h=20.0),
        resting("alone", size=1),
        resting("soon", shift_in_h=1.5),
        resting("absent", shift_in_h=-3.0, km=4.0),
    ]
    chosen = [one.code for one in calling_in.choose(teams, 99, crew_min=2)]
    assert chosen == ["longest", "near", "absent", "far", "tired", "stranger"]
    assert calling_in.choose(teams, 0, crew_min=2) == []


def test_a_proposal_goes_up_level_by_level_and_not_before_its_time() -> None:
    plan = holding({"snow": {"blue": msgspec.structs.replace(USUAL, approval="needed")}}, "snow", "blue")
    assert plan is not None
    one = states.begun(
        an_id(1), "Z1", "snow", "blue", plan, Ground((CITY,)), cause="warning", now=START, by="x", wait=WAIT
    )
    assert states.gone_up(one, now=START, wait=WAIT) is None
    later: datetime = START + WAIT
    first = states.gone_up(one, now=later, wait=WAIT)
    assert first is not None
    second = states.gone_up(first, now=later + WAIT, wait=WAIT)
    assert second is not None
    assert (first.level, second.level, second.escalates_at) == (1, 2, None)
