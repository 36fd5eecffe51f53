"""Who in the world outside hears of a change: which event becomes which message in the outbox, in the same transaction.

Messages carry codes and numbers, no personal data. Whether a message is still wanted is asked again when it is sent (I4).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.keys import is_newest
from backend.dispatch.lifecycle import STAGE_NAMES
from backend.dispatch.records import Case, DistressCall, Incident, IncidentRecipient, Offer, Referral
from backend.notify.outbox import enqueue
from backend.office import Office

if TYPE_CHECKING:
    from backend.dispatch.change import Change, Command

# Status changes that the one who reported is told of.
TOLD_TO_PARTNERS = frozenset(
    {
        "case.opened",
        "case.accepted",
        "case.refused",
        "case.dispatched",
        "case.assigned",
        "case.arrived",
        "case.handled",
        "case.verified",
        "case.sent_back",
        "case.joined",
        "case.suspended",
        "case.resumed",
        "case.voided",
        "case.withdrawn",
        "case.returned",
        "case.unjoined",
    }
)


async def enqueue_notices(tx: AsyncConnection, office: Office, command: "Command", changes: Sequence["Change"]) -> None:
    """Put what the changes mean for teams, desks and partners into the outbox."""
    for change in changes:
        if change.kind in ("offer.made", "offer.withdrawn"):
            await _to_team(tx, office, command, change)
        if change.kind == "case.detailed":
            await _to_the_crew(tx, office, command, change)
        if change.kind.startswith("referral."):
            await _of_referral(tx, office, command, change)
        if change.kind.startswith("incident."):
            await _of_incident(tx, office, command, change)
        if change.kind.startswith("team.distress"):
            await _of_distress(tx, office, command, change)
        await _to_team_with_the_case(tx, office, command, change)
        if change.facts.get("alarm") or change.kind in ("clock.missed", "clock.escalated"):
            await _to_desk(tx, office, command, change)
    await _to_partners(tx, office, command, [change for change in changes if change.kind in TOLD_TO_PARTNERS])


async def _to_team(tx: AsyncConnection, office: Office, command: "Command", change: "Change") -> None:
    offer = next(after for _, after in change.rows if isinstance(after, Offer))
    case = change.case()
    assert case is not None
    message: dict[str, Any] = {"kind": change.kind, "offer_id": offer.id, "number": case.number}
    if change.kind == "offer.made":
        message |= {"expires_at": offer.expires_at, "eta_s": offer.eta_s, "priority": case.priority}
    # Named by its offer it is sent only while that offer is live (I4); that one was withdrawn is told in any case.
    live = offer.id if change.kind == "offer.made" else None
    await enqueue(tx, office, "push", f"team:{offer.team_id}", message, case_id=case.id, offer_id=live, now=command.now)


async def _to_team_with_the_case(tx: AsyncConnection, office: Office, command: "Command", change: "Change") -> None:
    """A team that somebody else sends is told, and one that loses its case in whatever way but by handling it."""
    before, after = next(((b, a) for b, a in change.rows if isinstance(a, Case)), (None, None))
    if not isinstance(before, Case) or after is None or before.team_id == after.team_id:
        return
    about: dict[str, Any] = {"number": after.number, "case_id": after.id}
    if after.team_id is not None and change.kind == "case.assigned":
        message = {"kind": "case.assigned", "priority": after.priority, **about}
        to = f"team:{after.team_id}"
        await enqueue(tx, office, "push", to, message, case_id=after.id, only_while="case_is_open", now=command.now)
    if before.team_id is not None and change.kind != "case.handled":
        message = {"kind": "case.taken_off", "because": change.kind, **about}
        await enqueue(tx, office, "push", f"team:{before.team_id}", message, case_id=after.id, now=command.now)


async def _to_desk(tx: AsyncConnection, office: Office, command: "Command", change: "Change") -> None:
    case = change.case()
    if case is None:
        return
    roles = change.facts.get("told") or ["dispatcher"]
    message = {
        "kind": change.kind,
        "number": case.number,
        "alarm": change.facts.get("alarm"),
        "clock": change.facts.get("kind"),
    }
    for role in roles:
        to = f"team:{case.team_id}" if role == "team" and case.team_id else f"role:{role}:{case.regions[0]}"
        if role == "team" and not case.team_id:
            continue
        await enqueue(tx, office, "push", to, message, case_id=case.id, now=command.now, only_while="case_is_open")


async def _to_the_crew(tx: AsyncConnection, office: Office, command: "Command", change: "Change") -> None:
    """Something was added to what a team goes to, or is asked to go to."""
    case = change.case()
    assert case is not None
    message = {"kind": change.kind, "number": case.number, "case_id": case.id, "priority": case.priority}
    for team_id in {*change.teams, *([case.team_id] if case.team_id else [])}:
        to = f"team:{team_id}"
        await enqueue(tx, office, "push", to, message, case_id=case.id, only_while="case_is_open", now=command.now)


async def _of_distress(tx: AsyncConnection, office: Office, command: "Command", change: "Change") -> None:
    """A crew that calls for help: the desks until somebody answers, then the crew itself."""
    call = next(after for _, after in change.rows if isinstance(after, DistressCall))
    message = {"kind": change.kind, "distress_id": call.id, "team_id": call.team_id}
    if change.kind == "team.distress_answered":
        await enqueue(tx, office, "push", f"team:{call.team_id}", message, now=command.now)
    for role in change.facts.get("told", ()):
        to = f"role:{role}:{call.regions[0]}"
        await enqueue(tx, office, "push", to, message, only_while="distress_is_open", now=command.now)


async def _of_referral(tx: AsyncConnection, office: Office, command: "Command", change: "Change") -> None:
    """facts `told`: the side that gives, the one that receives, or a role. What asks for an answer is of use until there is one."""
    referral = next(after for _, after in change.rows if isinstance(after, Referral))
    message: dict[str, Any] = {
        "kind": change.kind,
        "referral_id": referral.id,
        "number": referral.number,
        "alarm": change.facts.get("alarm"),
    }
    asks = change.kind in ("referral.offered", "referral.escalated")
    for who in change.facts.get("told", ()):
        for to in _sides(referral, who):
            await enqueue(
                tx, office, "push", to, message, case_id=referral.case_id, now=command.now,
                only_while="referral_waits" if asks else None,
            )  # fmt: skip


def _sides(referral: Referral, who: str) -> list[str]:
    """Where a notice goes: to a side's team or staff, or to a role of the region."""
    if who == "receiver":
        return [f"facility:{referral.to_facility}"] if referral.to_facility else []
    if who == "giver":
        teams = [f"team:{team_id}" for team_id in referral.teams()]
        return [*teams, *([f"facility:{referral.from_facility}"] if referral.from_facility else [])]
    return [f"role:{who}:{referral.regions[0]}"]


async def _of_incident(tx: AsyncConnection, office: Office, command: "Command", change: "Change") -> None:
    """Each level that is told now, of use until it has acknowledged; facts `heard`: who hears of it besides, by address."""
    incident = next(after for _, after in change.rows if isinstance(after, Incident))
    message: dict[str, Any] = {
        "kind": change.kind,
        "incident_id": incident.id,
        "number": incident.number,
        "incident": incident.kind,
        "alarm": change.facts.get("alarm"),
    }
    for before, after in change.rows:
        if isinstance(after, IncidentRecipient) and after.state == "waiting" and _is_told(before, after):
            asked = {**message, "recipient_id": after.id}
            to = f"role:{after.role}:{after.region}"
            await enqueue(tx, office, "push", to, asked, only_while="recipient_waits", now=command.now)
    for to in change.facts.get("heard", ()):
        await enqueue(tx, office, "push", to, message, now=command.now)


def _is_told(before: Any, after: IncidentRecipient) -> bool:
    return before is None or after.times > before.times


async def _to_partners(tx: AsyncConnection, office: Office, command: "Command", changes: Sequence["Change"]) -> None:
    """A partner hears of every status change of the cases its sightings are in."""
    cases = {case.id: (change, case) for change in changes if (case := change.case()) is not None}
    if not cases:
        return
    for case_id, sighting_id, key_id, left_at in await _partners_of(tx, office, list(cases)):
        change, case = cases[case_id]
        if left_at is not None and (change.kind, left_at) != ("case.joined", command.now):
            continue  # it is in another case by now, and hears of that one
        zh, en = STAGE_NAMES[case.stage]
        message = {
            "kind": change.kind,
            "sighting_id": sighting_id,
            "number": case.number,
            "stage": case.stage,
            "stage_zh": zh,
            "stage_en": en,
            "outcome": case.outcome,
            "at": command.now,
        }
        await enqueue(tx, office, "webhook", str(key_id), message, case_id=case_id, now=command.now)


async def _partners_of(
    tx: AsyncConnection, office: Office, case_ids: list[UUID]
) -> list[tuple[UUID, UUID, UUID, datetime | None]]:
    """(case, sighting, key, when it left the case) where a partner's key has an address to be told at."""
    links, s, keys = db.case_sightings, db.sightings, db.api_keys
    query = (
        select(links.c.case_id, s.c.id, keys.c.id, links.c.left_at)
        .join(s, (s.c.city_id == links.c.city_id) & (s.c.id == links.c.sighting_id))
        .join(keys, (keys.c.city_id == s.c.city_id) & (s.c.reporter == "partner:" + keys.c.partner))
        .where(
            links.c.city_id == office.city_id,
            links.c.case_id == any_(literal(case_ids, ARRAY(Uuid))),
            s.c.channel == "partner",
            keys.c.webhook_url.is_not(None),
            keys.c.revoked_at.is_(None),
            is_newest(),
        )
        .distinct()
    )
    return [(row[0], row[1], row[2], row[3]) for row in await tx.execute(query)]
