"""What both sides do with a referral 转介: accept, refuse, take back, arrive, hand over. Begin at `accept`.

The receiver answers, or a desk for them, having asked by telephone; then who said it is written down. What ends a referral frees the
place at once, and its people for another.
"""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from backend.access.permissions import allowed
from backend.dispatch.change import Answer, Command, earlier_answer, record
from backend.dispatch.records import Referral
from backend.errors import Invalid
from backend.office import Office
from backend.referral import rows
from backend.referral.states import step

Line = Annotated[str, Meta(max_length=200)]
ON_THE_WAY_TIMES = 2.0
"""So many times as long as the way by road a place is kept at least."""


class Paper(Struct, frozen=True, kw_only=True):
    """交接单 What both sides sign. receiver: who takes them over. Belongings and condition in words."""

    receiver: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
    signed_by_giver: bool = False
    signed_by_receiver: bool = False
    belongings: Annotated[str, Meta(max_length=1000)] = ""
    condition: Annotated[str, Meta(max_length=1000)] = ""


async def accept(office: Office, referral_id: UUID, receiver: str | None, command: Command) -> Answer:
    """They may come; the place is kept for the way. receiver: who said so, for a desk that asked by telephone."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before = await rows.lock(tx, office, referral_id)
        command.demand(office, "referral:answer", before.as_received())
        after_state = step(before.state, "accept")
        said_by = _said_by(before, receiver, command)
        until = command.now + _kept_for(office, before)
        answered: dict[str, Any] = {"answered_at": command.now, "answered_by": command.by.id, "alarm": None, "level": 0}
        after = msgspec.structs.replace(
            before, state=after_state, receiver=said_by, reserved_until=until, fires_at=until, **answered
        )
        waited_s = (command.now - before.offered_at).total_seconds()
        change = rows.change_of("referral.accepted", [(before, after)], after, told=["giver"], waited_s=waited_s)
        return await record(tx, office, command, change)


def _said_by(before: Referral, receiver: str | None, command: Command) -> str | None:
    """Staff of the receiver answer for themselves; whoever writes it down for others says who it was."""
    name = (receiver or "").strip() or None
    is_theirs = command.by.facility_id is not None and command.by.facility_id == before.to_facility
    if name is None and not is_theirs:
        raise Invalid("请写明对方谁答应的。", "Write who said yes there.", field="receiver", code="receiver_missing")
    return name or command.by.name


def _kept_for(office: Office, before: Referral) -> timedelta:
    hold_s = office.city.policy.referral.hold.seconds
    return timedelta(seconds=max(hold_s, ON_THE_WAY_TIMES * (before.eta_s or 0.0)))


async def refuse(office: Office, referral_id: UUID, reason: str, command: Command) -> Answer:
    """With a reason, also at the door: then those who brought them keep them, and a desk hears of it at once."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before = await rows.lock(tx, office, referral_id)
        command.demand(office, "referral:answer", before.as_received())
        state = step(before.state, "refuse")
        answered = {
            "answered_at": before.answered_at or command.now,
            "answered_by": before.answered_by or command.by.id,
        }
        over = await rows.ended(tx, office, before, command.now, state=state, reason=reason, alarm=None, **answered)
        told = {"told": ["giver", "dispatcher"], "was": before.state, "alarm": "referral_refused"}
        return await record(tx, office, command, rows.change_of("referral.refused", over, before, **told))


async def withdraw(office: Office, referral_id: UUID, reason: str, command: Command) -> Answer:
    """The side that gives takes it back; the place is free."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before = await rows.lock(tx, office, referral_id)
        command.demand(office, "referral:create", before.as_given())
        state = step(before.state, "withdraw")
        over = await rows.ended(tx, office, before, command.now, state=state, reason=reason, alarm=None)
        told = {"told": ["receiver"], "was": before.state}
        return await record(tx, office, command, rows.change_of("referral.withdrawn", over, before, **told))


async def arrive(office: Office, referral_id: UUID, command: Command) -> Answer:
    """They stand at the door: said by either side. From here on a clock runs until both have signed."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before = await rows.lock(tx, office, referral_id)
        _demand_either(office, before, command)
        state = step(before.state, "arrive")
        due_at = command.now + timedelta(seconds=office.city.policy.referral.answer.seconds)
        after = msgspec.structs.replace(
            before, state=state, arrived_at=command.at, level=0, alarm=None, fires_at=due_at
        )
        change = rows.change_of("referral.arrived", [(before, after)], after, told=["receiver"])
        return await record(tx, office, command, change)


def _demand_either(office: Office, before: Referral, command: Command) -> None:
    roles = office.city.policy.roles
    if not allowed(roles, command.by, "referral:answer", before.as_received()):
        command.demand(office, "referral:create", before.as_given())


async def hand_over(office: Office, referral_id: UUID, paper: Paper, command: Command) -> Answer:
    """Both sides have signed; they are in other hands. Raises Invalid `hand_over_unsigned` (§4.2)."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before = await rows.lock(tx, office, referral_id)
        command.demand(office, "referral:answer", before.as_received())
        state = step(before.state, "hand_over")
        if not (paper.signed_by_giver and paper.signed_by_receiver):
            zh, en = "交接单须双方签字。", "Both sides sign the hand-over."
            raise Invalid(zh, en, code="hand_over_unsigned", field="signed_by_receiver")
        said = {"receiver": paper.receiver.strip(), "hand_over": msgspec.to_builtins(paper), "alarm": None}
        over = await rows.ended(tx, office, before, command.now, state=state, handed_over_at=command.at, **said)
        change = rows.change_of("referral.handed_over", over, before, told=["giver"])
        return await record(tx, office, command, change)
