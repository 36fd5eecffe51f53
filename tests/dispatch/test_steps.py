"""Every row of the two tables of the loop, through the verbs that carry it out, and every step that is in neither."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from backend import db
from backend.access.actor import SYSTEM, Actor
from backend.dispatch import approvals, desk, field, lifecycle, offers, verification
from backend.dispatch.change import Answer
from backend.dispatch.field import Arrival
from backend.dispatch.lifecycle import CASE_STEPS, OFFER_STEPS
from backend.errors import Conflict
from tests.dispatch.builders import ANYBODY, CHECKER, DISPATCHER, LEADER, SPOT, Town, east_of, officer, to_hospital

Act = Callable[[Town, UUID], Awaitable[object]]


async def _accept(town: Town, case_id: UUID) -> Answer:
    return await desk.accept_case(town.office, case_id, town.by(DISPATCHER))


async def _refuse(town: Town, case_id: UUID) -> Answer:
    return await desk.refuse_case(town.office, case_id, "prank", "空号", town.by(DISPATCHER))


async def _join(town: Town, case_id: UUID) -> Answer:
    into = await town.accepted(east_of(SPOT, 8000))
    return await desk.join_cases(town.office, case_id, into, "同一人", town.by(DISPATCHER))


async def _unjoin(town: Town, case_id: UUID) -> Answer:
    return await desk.unjoin_case(town.office, case_id, town.by(DISPATCHER))


async def _assign(town: Town, case_id: UUID) -> Answer:
    """A team that has no case goes."""
    busy = {row["team_id"] for row in await town.rows(db.cases) if row["team_id"]}
    free = next(team for team in town.teams if team not in busy)
    return await desk.assign_team(town.office, case_id, free, "离得近", town.by(DISPATCHER))


async def _dispatch(town: Town, case_id: UUID) -> Answer:
    await town.worker.turn()
    offer = await town.live_offer(case_id)
    if offer is None:
        return await _assign(town, case_id)
    return await town.take(case_id)


async def _arrive(town: Town, case_id: UUID) -> Answer:
    case = await town.case(case_id)
    return await field.arrive(town.office, case_id, Arrival(place=SPOT), town.by(_crew(case.team_id)))


async def _handle(town: Town, case_id: UUID) -> Answer:
    case = await town.case(case_id)
    return await field.handle(town.office, case_id, to_hospital(town.now), town.by(_crew(case.team_id)))


async def _withdraw(town: Town, case_id: UUID) -> Answer:
    return await desk.withdraw_team(town.office, case_id, "另有安排", town.by(DISPATCHER))


async def _verify(town: Town, case_id: UUID) -> Answer:
    return await verification.verify_case(town.office, case_id, "属实", town.by(CHECKER))


async def _send_back(town: Town, case_id: UUID) -> Answer:
    return await verification.send_back(town.office, case_id, "照片不符", town.by(CHECKER))


async def _resume(town: Town, case_id: UUID) -> Answer:
    return await approvals.resume_case(town.office, case_id, "可以继续", town.by(LEADER))


def _asked(action: str) -> Act:
    async def act(town: Town, case_id: UUID) -> Answer:
        return await town.granted(case_id, action)

    return act


ACTS: dict[str, Act] = {
    "accept": _accept,
    "refuse": _refuse,
    "join": _join,
    "unjoin": _unjoin,
    "dispatch": _dispatch,
    "reassign": _assign,
    "arrive": _arrive,
    "handle": _handle,
    "withdraw": _withdraw,
    "verify": _verify,
    "send_back": _send_back,
    "resume": _resume,
    "void": _asked("void"),
    "return": _asked("return"),
    "suspend": _asked("suspend"),
}


@pytest.mark.parametrize(("stage", "action"), sorted(CASE_STEPS))
async def test_each_step_of_a_case_leads_where_the_table_says(town: Town, stage: str, action: str) -> None:
    case_id = await town.at(stage)
    before = await town.case(case_id)
    town.clock.advance(seconds=20)

    await ACTS[action](town, case_id)

    after = await town.case(case_id)
    assert after.stage == CASE_STEPS[stage, action]
    assert after.version > before.version
    assert after.stage_since == town.now
    assert (after.closed_at == town.now) is (after.stage in lifecycle.CLOSED_STAGES)
    assert (after.search_at is not None) is (after.stage == "accepted")
    assert (after.team_id is not None) is (after.stage in lifecycle.ASSIGNED_STAGES)
    await town.is_sound()


@pytest.mark.parametrize("stage", sorted(lifecycle.STAGE_NAMES))
async def test_a_step_that_is_not_in_the_table_is_refused_and_changes_nothing(town: Town, stage: str) -> None:
    case_id = await town.at(stage)
    await _rest_of_the_town(town)
    before = await town.case(case_id)
    log_before = len(await town.events(case_id))

    for action in sorted(ACTS.keys() - {action for at, action in CASE_STEPS if at == stage}):
        if (stage, action) in SAME_WISH:
            continue
        with pytest.raises(Conflict) as refused:
            await ACTS[action](town, case_id)
        assert refused.value.code in ("wrong_stage", *ALSO.get((stage, action), ())), (
            stage,
            action,
            refused.value.code,
        )

    assert await town.case(case_id) == before
    assert len(await town.events(case_id)) == log_before


# One verb, two rows of the table: a dispatcher's assignment is `dispatch` or `reassign`, whichever the stage has.
SAME_WISH = {("accepted", "reassign"), ("dispatched", "dispatch"), ("handling", "dispatch")}
# Where another refusal says more: nothing is out with a team that could be taken back.
ALSO = {("accepted", "withdraw"): ("nothing_to_withdraw",)}


async def _rest_of_the_town(town: Town) -> None:
    """The machine looks for nobody during the attempts."""
    await town.run("UPDATE cases SET search_at = NULL WHERE search_at IS NOT NULL")


async def _offer_accept(town: Town, case_id: UUID, offer_id: UUID, team: Actor) -> None:
    await offers.accept_offer(town.office, offer_id, town.by(team))


async def _offer_decline(town: Town, case_id: UUID, offer_id: UUID, team: Actor) -> None:
    await offers.decline_offer(town.office, offer_id, "vehicle_trouble", town.by(team))


async def _offer_lapse(town: Town, case_id: UUID, offer_id: UUID, team: Actor) -> None:
    town.clock.advance(seconds=90)
    await offers.lapse_offer(town.office, offer_id, town.by(SYSTEM))


async def _offer_withdraw(town: Town, case_id: UUID, offer_id: UUID, team: Actor) -> None:
    await desk.withdraw_team(town.office, case_id, "另有安排", town.by(DISPATCHER))


OFFER_ACTS = {
    "accept": _offer_accept,
    "decline": _offer_decline,
    "lapse": _offer_lapse,
    "withdraw": _offer_withdraw,
}


@pytest.mark.parametrize(("state", "action"), sorted(OFFER_STEPS))
async def test_each_step_of_an_offer_leads_where_the_table_says(town: Town, state: str, action: str) -> None:
    assert state == "offered"
    case_id = await town.offered()
    offer = await town.live_offer(case_id)
    assert offer is not None

    await OFFER_ACTS[action](town, case_id, offer.id, officer(offer.team_id))

    (after,) = await town.offers(case_id)
    assert after.state == OFFER_STEPS[state, action]
    assert after.answered_at == town.now
    await town.is_sound()


@pytest.mark.parametrize("ended_by", sorted(OFFER_ACTS))
@pytest.mark.parametrize("action", ["accept", "decline"])
async def test_an_offer_that_has_ended_cannot_be_answered_any_more(town: Town, ended_by: str, action: str) -> None:
    case_id = await town.offered()
    offer = await town.live_offer(case_id)
    assert offer is not None
    crew = officer(offer.team_id)
    await OFFER_ACTS[ended_by](town, case_id, offer.id, crew)
    before = await town.events()

    with pytest.raises(Conflict) as refused:
        await OFFER_ACTS[action](town, case_id, offer.id, crew)

    assert refused.value.code == "offer_over"
    assert await town.events() == before


async def test_an_ended_offer_does_not_lapse(town: Town) -> None:
    case_id = await town.dispatched()
    (offer,) = await town.offers(case_id)
    town.clock.advance(minutes=10)

    assert not await offers.lapse_offer(town.office, offer.id, town.by(SYSTEM))
    assert (await town.offers(case_id)) == [offer]


def test_the_tables_name_only_stages_that_have_words() -> None:
    named = set(lifecycle.STAGE_NAMES)
    assert {stage for stage, _ in CASE_STEPS} | set(CASE_STEPS.values()) == named
    assert named == lifecycle.OPEN_STAGES | lifecycle.CLOSED_STAGES
    assert not lifecycle.OPEN_STAGES & lifecycle.CLOSED_STAGES


def test_every_action_of_the_tables_has_a_verb_that_is_tried() -> None:
    assert {action for _, action in CASE_STEPS} == set(ACTS)
    assert {action for _, action in OFFER_STEPS} == set(OFFER_ACTS)


def test_no_step_leads_out_of_a_verified_refused_or_void_case() -> None:
    assert {stage for stage, _ in CASE_STEPS} & lifecycle.CLOSED_STAGES == {"joined"}


def test_every_open_stage_can_be_left() -> None:
    assert {stage for stage, _ in CASE_STEPS} >= lifecycle.OPEN_STAGES


def _crew(team_id: UUID | None) -> Actor:
    """The case's own team; where it has none somebody who may do anything, so that the stage alone refuses."""
    return officer(team_id) if team_id is not None else ANYBODY
