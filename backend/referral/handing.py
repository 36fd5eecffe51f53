"""The officer's record of a visit hands people over by the referral that was accepted: one transaction, one truth.

The record names the referral; where to and who received follow from it, and the referral is handed over with the record. Nothing
is shown as handed over that the receiver has not accepted.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.dispatch import referred
from backend.dispatch.change import Change, Command
from backend.dispatch.field import no_such_referral
from backend.dispatch.protection import Handling, HandOver, Outcome
from backend.dispatch.records import Case, Referral, ReferralTo
from backend.errors import Conflict, Invalid, NotFound
from backend.office import Office
from backend.referral import rows
from backend.referral.asked import TO_NAMES
from backend.referral.facilities.facility import facility_for
from backend.referral.facilities.kept import moved_on
from backend.referral.states import HOLDING, step

OUTCOME_OF: Final[dict[Outcome, frozenset[ReferralTo]]] = {
    "escorted_to_station": frozenset({"facility", "regional_centre"}),
    "to_hospital": frozenset({"hospital", "facility"}),
    "to_police": frozenset({"police"}),
    "to_family": frozenset({"family"}),
    "other_department": frozenset({"foreign_affairs", "womens_federation", "other_city"}),
}


async def by_referral(
    tx: AsyncConnection, office: Office, case: Case, handling: Handling, command: Command
) -> tuple[Handling, Sequence[Change]]:
    """The record filled in from its referral, and the referral handed over. The case is locked already.

    Raises Invalid `no_such_referral`, `outcome_does_not_fit`, Conflict `not_accepted`.
    """
    paper = handling.hand_over
    if paper is None or paper.referral_id is None:
        # The visit came to another end: what was asked of others for it is taken back, and the places are free.
        return handling, await referred.withdrawn_with(tx, office, case, "handled_otherwise", command.now, HOLDING)
    before = await _of_this_case(tx, office, case, paper)
    if before.to_kind not in OUTCOME_OF.get(handling.outcome, frozenset()):
        zh, en = TO_NAMES[before.to_kind]
        raise Invalid(
            f"处置结果与转介不符：转往{zh}。", f"The outcome does not fit the referral to {en}.",
            code="outcome_does_not_fit", field="handling.outcome",
        )  # fmt: skip
    filled = msgspec.structs.replace(handling, hand_over=await _filled(tx, office, before, paper))
    if before.state == "handed_over":
        return filled, ()
    if before.state not in ("accepted", "arrived"):
        raise Conflict(
            "接收方尚未同意接收。", "The receiver has not accepted.", code="not_accepted", state=before.state
        )
    state = step(before.state, "hand_over")
    kept = {"hand_over": msgspec.to_builtins(filled.hand_over), "alarm": None, "handed_over_at": handling.handled_at}
    over = await referred.ended(tx, office, before, command.now, state=state, **kept)
    over += await moved_on(tx, office, before, command)
    return filled, [referred.change_of("referral.handed_over", over, before, told=["receiver"])]


async def _of_this_case(tx: AsyncConnection, office: Office, case: Case, paper: HandOver) -> Referral:
    assert paper.referral_id is not None
    try:
        referral = await rows.lock(tx, office, paper.referral_id)
    except NotFound:
        raise no_such_referral() from None
    if referral.case_id != case.id:
        raise no_such_referral()
    return referral


async def _filled(tx: AsyncConnection, office: Office, before: Referral, paper: HandOver) -> HandOver:
    """Where to and who received, where the crew has not written it."""
    there = before.to_words or ""
    if before.to_facility is not None:
        there = (await facility_for(tx, office, before.to_facility)).name
    return msgspec.structs.replace(
        paper, facility=paper.facility.strip() or there, receiver=paper.receiver.strip() or before.receiver or ""
    )
