"""How a verb on campaigns writes: rows, the event that tells them, who hears of it, the command's answer. Begin at `record`."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.keys import is_newest
from backend.access.once import first_answer, keep_answer
from backend.access.permissions import Object, allowed
from backend.campaign import rows
from backend.campaign.hazard import COLOUR_NAMES, HAZARD_NAMES
from backend.campaign.records import CalledIn, Campaign, State
from backend.campaign.rows import Row
from backend.dispatch.change import Command
from backend.dispatch.move import demand_recent
from backend.notify.outbox import OnlyWhile, enqueue
from backend.office import Office

TOLD_TO_PARTNERS: Final = frozenset({"campaign.opened", "campaign.upgraded", "campaign.downgraded", "campaign.closed"})
ASKING: Final = frozenset({"campaign.proposed", "campaign.escalated"})


class CampaignDone(Struct, frozen=True, kw_only=True):
    """What a command led to. seq is the log's number: a screen that has it has seen the change."""

    seq: int
    id: UUID
    number: str
    state: State


class Change(Struct, frozen=True, kw_only=True):
    """One event to be: its kind, the campaign as it is then, the rows (before, after), facts, and the roles that are told."""

    kind: str
    campaign: Campaign
    rows: Sequence[tuple[Row | None, Row]]
    facts: dict[str, Any] = {}
    teams: Sequence[UUID] = ()
    told: Sequence[str] = ()


async def earlier(tx: AsyncConnection, office: Office, command: Command) -> CampaignDone | None:
    """The first answer to this command's id, or None when it is new. Raises Conflict, and Invalid for what is new and too old."""
    first = await first_answer(tx, office, command.once())
    if first is not None:
        return msgspec.convert(first, CampaignDone)
    demand_recent(command.at, command.now)
    return None


async def record(tx: AsyncConnection, office: Office, command: Command, *changes: Change) -> CampaignDone:
    """Write the rows, tell whom it concerns, then the events. The last thing in a verb's transaction."""
    for change in changes:
        for before, after in change.rows:
            await rows.write(tx, office, before, after)
        await _tell(tx, office, command, change)
    written = await log.append(tx, office.city_id, [_entry(office, command, one) for one in changes], now=command.now)
    last = changes[-1].campaign
    done = CampaignDone(seq=written[-1].seq, id=last.id, number=last.number, state=last.state)
    await keep_answer(tx, office, command.once(), done)
    return done


def _entry(office: Office, command: Command, change: Change) -> log.Entry:
    told: dict[str, list[dict[str, Any]]] = {}
    for _, after in change.rows:
        told.setdefault(rows.TABLES[type(after)].name, []).append(rows.fact(after))
    about = {"campaign_id": change.campaign.id, "number": change.campaign.number, "hazard": change.campaign.hazard}
    heard = {"told": list(change.told)} if change.told else {}
    return log.Entry(
        kind=change.kind,
        actor=command.by,
        occurred_at=command.at,
        data={"rows": told, **about, "colour": change.campaign.colour, **heard, **change.facts},
        regions=office.city.concerned(change.campaign.regions),
        teams=list(change.teams),
        command_id=command.id,
    )


async def _tell(tx: AsyncConnection, office: Office, command: Command, change: Change) -> None:
    one = change.campaign
    message = {"kind": change.kind, "campaign_id": one.id, "number": one.number}
    only: OnlyWhile | None = "campaign_is_proposed" if change.kind in ASKING else None
    for role in change.told:
        to = f"ground:{role}:{','.join(one.regions)}"
        await enqueue(tx, office, "push", to, message, only_while=only, now=command.now)
    for called in (after for _, after in change.rows if isinstance(after, CalledIn) and after.came_at is None):
        asked = {**message, "call_id": called.id}
        to = f"off_duty:{called.team_id}"
        await enqueue(tx, office, "push", to, asked, only_while="call_in_is_open", now=command.now)
    if change.kind in TOLD_TO_PARTNERS:
        await _tell_partners(tx, office, command, change)


async def _tell_partners(tx: AsyncConnection, office: Office, command: Command, change: Change) -> None:
    """Partner systems that may read campaigns of this ground and have said where they want to be told."""
    one, k = change.campaign, db.api_keys.c
    what = one.as_object(office.city)
    said = _said(change, command)
    live = (k.webhook_url.is_not(None), k.revoked_at.is_(None), is_newest())
    query = select(k.id, k.partner, k.roles, k.regions, k.actions).where(k.city_id == office.city_id, *live)
    for key in (await tx.execute(query)).all():
        if _may_hear(office, key, what):
            await enqueue(tx, office, "webhook", str(key.id), said, now=command.now)


def _may_hear(office: Office, key: Any, what: Object) -> bool:
    only = None if key.actions is None else tuple(key.actions)
    roles, regions = tuple(key.roles), tuple(key.regions)
    partner = Actor(id=key.partner, name="", kind="partner", roles=roles, regions=regions, only=only)
    return allowed(office.city.policy.roles, partner, "campaign:read", what)


def _said(change: Change, command: Command) -> dict[str, Any]:
    one = change.campaign
    hazard_zh, hazard_en = HAZARD_NAMES[one.hazard]
    colour = COLOUR_NAMES[one.colour] if one.colour else ("", "")
    named = {
        "campaign_id": one.id,
        "number": one.number,
        "hazard": one.hazard,
        "colour": one.colour,
        "state": one.state,
    }
    words = {"hazard_zh": hazard_zh, "hazard_en": hazard_en, "colour_zh": colour[0], "colour_en": colour[1]}
    ends = {"expires_at": one.expires_at, "close_reason": one.close_reason}
    return {"kind": change.kind, **named, **words, "regions": one.regions, **ends, "at": command.now}
