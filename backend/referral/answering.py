"""What both sides do with a referral 转介: accept, refuse, take back, arrive, hand over. Begin at `accept`.

The receiver answers, or a desk for them, having asked by telephone; then who said it is written down. What ends a referral frees the
place at once, and its people for another.
"""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.permissions import allowed
from backend.dispatch import referred
from backend.dispatch.change import Answer, Command, earlier_answer, record
from backend.dispatch.protection import Belongings
from backend.dispatch.records import Referral
from backend.errors import Invalid
from backend.intake.photo_rows import IS_THERE
from backend.office import Office
from backend.referral import rows
from backend.referral.facilities.kept import moved_on
from backend.referral.signature import Drawn, demand_written
from backend.referral.states import step

Line = Annotated[str, Meta(max_length=200)]
ON_THE_WAY_TIMES = 2.0
"""So many times as long as the way by road a place is kept at least."""


class Paper(Struct, frozen=True, kw_only=True):
    """交接单 What both sides sign. giver, receiver: who hands them over, and who takes them. Signed on paper has the booleans alone; a
    signature that was drawn counts as signed. photos: of belongings, among those of the case or of the people."""

    receiver: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
    giver: Line = ""
    signed_by_giver: bool = False
    signed_by_receiver: bool = False
    signature_giver: Drawn | None = None
    signature_receiver: Drawn | None = None
    belongings: Belongings = ()
    condition: Annotated[str, Meta(max_length=1000)] = ""
    photos: Annotated[tuple[UUID, ...], Meta(max_length=20)] = ()

    def as_signed(self) -> "Paper":
        """The same, saying that it is signed where there is a signature. Raises Invalid `bad_signature`."""
        demand_written(self.signature_giver, "paper.signature_giver")
        demand_written(self.signature_receiver, "paper.signature_receiver")
        return msgspec.structs.replace(
            self,
            signed_by_giver=self.signed_by_giver or self.signature_giver is not None,
            signed_by_receiver=self.signed_by_receiver or self.signature_receiver is not None,
        )


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
        change = referred.change_of("referral.accepted", [(before, after)], after, told=["giver"], waited_s=waited_s)
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
        over = await referred.ended(tx, office, before, command.now, state=state, reason=reason, alarm=None, **answered)
        told = {"told": ["giver", "dispatcher"], "was": before.state, "alarm": "referral_refused"}
        return await record(tx, office, command, referred.change_of("referral.refused", over, before, **told))


async def withdraw(office: Office, referral_id: UUID, reason: str, command: Command) -> Answer:
    """The side that gives takes it back; the place is free."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        before = await rows.lock(tx, office, referral_id)
        command.demand(office, "referral:create", before.as_given())
        state = step(before.state, "withdraw")
        over = await referred.ended(tx, office, before, command.now, state=state, reason=reason, alarm=None)
        told = {"told": ["receiver"], "was": before.state}
        return await record(tx, office, command, referred.change_of("referral.withdrawn", over, before, **told))


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
        change = referred.change_of("referral.arrived", [(before, after)], after, told=["receiver"])
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
        paper = paper.as_signed()
        if not (paper.signed_by_giver and paper.signed_by_receiver):
            zh, en = "交接单须双方签字。", "Both sides sign the hand-over."
            raise Invalid(zh, en, code="hand_over_unsigned", field="signed_by_receiver")
        await _demand_photos(tx, office, before, paper)
        said = {"receiver": paper.receiver.strip(), "hand_over": msgspec.to_builtins(paper), "alarm": None}
        over = await referred.ended(tx, office, before, command.now, state=state, handed_over_at=command.at, **said)
        over += await moved_on(tx, office, before, command)
        change = referred.change_of("referral.handed_over", over, before, told=["giver"])
        return await record(tx, office, command, change)


async def _demand_photos(tx: AsyncConnection, office: Office, before: Referral, paper: Paper) -> None:
    """Those of the case, or of whom the referral is about. Raises Invalid `no_such_photo`."""
    people = [one.person_id for one in await referred.people_of(tx, office, [before.id]) if one.person_id is not None]
    p = db.photos.c
    theirs = or_(p.person_id.in_(people), p.case_id == before.case_id)
    query = select(p.id).where(p.city_id == office.city_id, p.id.in_(paper.photos), theirs, IS_THERE)
    if set(paper.photos) - set((await tx.execute(query)).scalars()):
        zh, en = "照片尚未传到，或不是这次交接的。", "A photo has not come in, or is not of this hand-over."
        raise Invalid(zh, en, code="no_such_photo", field="paper.photos")
