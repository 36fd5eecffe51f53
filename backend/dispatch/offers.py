"""Offers 派遣: a case held out to one team at a time, and the team's answer.

Accepting, declining (with a reason) and letting it lapse are three different facts. An offer is made by the searcher
(`backend.dispatch.searching`) or by a dispatcher's assignment (`backend.dispatch.desk`).
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.permissions import Object
from backend.dispatch import find
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.lifecycle import next_offer_state
from backend.dispatch.move import ended, move, touched
from backend.dispatch.records import Case, Offer
from backend.dispatch.words import Words
from backend.errors import Conflict, Invalid
from backend.ids import new_id
from backend.office import Office

DECLINE_REASONS: dict[str, tuple[str, str]] = {
    "busy_on_the_way": ("途中另有紧急情况", "another emergency on the way"),
    "vehicle_trouble": ("车辆故障", "vehicle trouble"),
    "too_far": ("距离过远或道路不通", "too far, or the road is closed"),
    "not_equipped": ("缺少所需人员或装备", "lacks the people or equipment it needs"),
    "shift_over": ("即将下班", "the shift is over"),
    "other": ("其他", "another reason"),
}


def held_out(
    case: Case,
    team_id: UUID,
    *,
    office: Office,
    now: datetime,
    eta_s: float | None,
    basis: str,
    decision_id: UUID | None,
) -> Offer:
    """A new offer of the case to the team, with the lease of the policy (shorter for a critical case)."""
    clocks = office.city.policy.clocks
    lease = clocks.offer_critical if case.priority == "critical" else clocks.offer
    return Offer(
        id=new_id(),
        case_id=case.id,
        team_id=team_id,
        state="offered",
        round=case.search_round,
        phase=case.search_phase,
        offered_at=now,
        expires_at=now + timedelta(seconds=lease.seconds),
        eta_s=eta_s,
        eta_basis=basis,
        decision_id=decision_id,
    )


async def accept_offer(office: Office, offer_id: UUID, command: Command) -> Answer:
    """The team takes the case and is on its way. Raises Conflict when the offer is over or another was faster."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case, offer = await _lock(tx, office, offer_id)
        command.demand(office, "offer:answer", Object(teams=[offer.team_id], regions=case.regions))
        # Accepting is judged when it arrives: an accept tapped without network is no hold on the case.
        if command.now > offer.expires_at:
            raise Conflict("这次派遣已超时失效。", "This offer has lapsed.", code="offer_over", state="lapsed")
        taken = ended(offer, next_offer_state(offer.state, "accept"), at=command.now)
        clocks = await find.clocks_of(tx, office, case.id)
        rows = move(case, "dispatch", clocks, at=command.now, policy=office.city.policy, team_id=offer.team_id)
        return await record(tx, office, command, Change(kind="case.dispatched", rows=[*rows, (offer, taken)]))


async def decline_offer(office: Office, offer_id: UUID, reason: str, command: Command) -> Answer:
    """The team does not take it, and says why; it is not asked again in this round (I7). The search goes on at once."""
    if reason not in DECLINE_REASONS:
        listed = ", ".join(f"{code}（{zh}）" for code, (zh, _) in DECLINE_REASONS.items())
        raise Invalid(f"请选择谢绝原因：{listed}。", f"Choose a reason: {', '.join(DECLINE_REASONS)}.", field="reason")
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case, offer = await _lock(tx, office, offer_id)
        command.demand(office, "offer:answer", Object(teams=[offer.team_id], regions=case.regions))
        state = next_offer_state(offer.state, "decline")
        return await record(tx, office, command, over(case, offer, state, command.now, reason))


async def lapse_offer(office: Office, offer_id: UUID, command: Command) -> bool:
    """The worker's: an offer whose lease is over ends, and the search goes on. False when there was nothing to end."""
    async with office.begin() as tx:
        offer = await find.get_offer(tx, office, offer_id)
        case = await find.lock_case_unless_busy(tx, office, offer.case_id)
        if case is None:
            return False
        offer = await find.get_offer(tx, office, offer_id)
        # Checked again under the lock: it may have been answered since the worker saw it (I5).
        if offer.state != "offered" or offer.expires_at > command.now:
            return False
        await record(tx, office, command, over(case, offer, "lapsed", command.now, None))
        return True


def over(case: Case, offer: Offer, state: str, now: datetime, reason: str | None, said: Words | None = None) -> Change:
    """The event of an offer that ended without being taken; a case still waiting is searched for at once.

    reason: a code. said: what somebody wrote.
    """
    again = {"search_at": now} if case.stage == "accepted" else {}
    return Change(
        kind=f"offer.{state}",
        rows=[(case, touched(case, **again)), (offer, ended(offer, state, at=now, reason=reason))],
        facts={"team_id": offer.team_id, "reason": reason, "held_s": (now - offer.offered_at).total_seconds()},
        words=said,
    )


async def withdraw_live_offer(
    tx: AsyncConnection, office: Office, case: Case, command: Command, reason: str, said: Words | None = None
) -> tuple[Case, list[Change]]:
    """For verbs that end or redirect a case: its live offer, if any, is withdrawn first. The case must be locked."""
    offer = await find.live_offer(tx, office, case.id)
    if offer is None:
        return case, []
    change = over(case, offer, "withdrawn", command.now, reason, said)
    after = change.case()
    assert after is not None
    return after, [change]


async def _lock(tx: AsyncConnection, office: Office, offer_id: UUID) -> tuple[Case, Offer]:
    """The case first, then the offer as it is under that lock (I2: the offer named, no other)."""
    seen = await find.get_offer(tx, office, offer_id)
    case = await find.lock_case(tx, office, seen.case_id)
    return case, await find.get_offer(tx, office, offer_id)


async def asked_teams(tx: AsyncConnection, office: Office, case: Case) -> frozenset[UUID]:
    """The teams not to ask again: whoever was asked in this round, or declined ever, by policy (I7).

    Whoever declined or let it lapse, from whom it was taken back, and who had taken it and gave it back.
    """
    offers = await find.offers_of(tx, office, case.id)
    whole = office.city.policy.search.decline_memory == "case"
    return frozenset(
        offer.team_id
        for offer in offers
        if offer.state != "offered" and (offer.round == case.search_round or (whole and offer.state == "declined"))
    )


async def is_live(tx: AsyncConnection, office: Office, offer_id: UUID) -> bool:
    """Whether a team can still answer it: asked before a notice goes out (I4)."""
    mine = (db.offers.c.city_id == office.city_id) & (db.offers.c.id == offer_id) & (db.offers.c.state == "offered")
    return bool((await tx.execute(select(exists().where(mine)))).scalar_one())


async def live_offer_of_team(tx: AsyncConnection, office: Office, team_id: UUID) -> Offer | None:
    """The offer that is held out to a team now, if any."""
    query = find.rows_of(Offer, office, db.offers.c.team_id == team_id, db.offers.c.state == "offered")
    found = await find.fetch(tx, office, Offer, query)
    return found[0] if found else None
