"""Notices on their way: what a team or a role is being told, and whether that is still to be done.

The outbox has what each device is sent, and asks here right before it is sent: is the notice still wanted (I4), and may this
one have it now (I12)? How a notice climbs from one way to the next: `backend.dispatch.ladder`.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Uuid, and_, case, cast, exists, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.notify import devices
from backend.notify.outbox import CLOSED
from backend.notify.senders import Message
from backend.office import Office

Rung = Literal["socket", "push", "sms", "not_reached"]


class Notice(Struct, frozen=True, kw_only=True):
    """One notice. told: what it says. rung: how far it has come; climbs_at: when it goes on (the office's time).

    reached_at: a phone said that it was shown. ended_because: why nothing more is done.
    """

    id: UUID
    to: str
    kind: str
    team_id: UUID | None
    case_id: UUID | None
    offer_id: UUID | None
    told: dict[str, Any]
    rung: Rung
    began_at: datetime
    climbs_at: datetime | None = None
    reached_at: datetime | None = None
    ended_at: datetime | None = None
    ended_because: str | None = None


_COLUMNS = [db.notices.c[name] for name in Notice.__struct_fields__]


async def keep(tx: AsyncConnection, office: Office, notice: Notice) -> None:
    """A new one."""
    row = {name: getattr(notice, name) for name in Notice.__struct_fields__}
    await tx.execute(insert(db.notices).values(city_id=office.city_id, **row))


async def change(tx: AsyncConnection, office: Office, notice: Notice, **values: Any) -> None:
    """Other values of some columns."""
    await tx.execute(update(db.notices).where(_is(office, notice.id)).values(**values))


async def find(tx: AsyncConnection, office: Office, notice_id: UUID) -> Notice | None:
    """The notice as it is."""
    row = (await tx.execute(select(*_COLUMNS).where(_is(office, notice_id)))).first()
    return Notice(**row._mapping) if row is not None else None


async def lock(tx: AsyncConnection, office: Office, notice_id: UUID) -> Notice | None:
    """The notice, held until the commit, unless somebody holds it."""
    query = select(*_COLUMNS).where(_is(office, notice_id)).with_for_update(skip_locked=True)
    row = (await tx.execute(query)).first()
    return Notice(**row._mapping) if row is not None else None


async def due(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 200) -> list[UUID]:
    """Those that have to go on, longest due first."""
    n = db.notices.c
    query = select(n.id).where(n.city_id == office.city_id, n.climbs_at <= now)
    return list((await tx.execute(query.order_by(n.climbs_at).limit(limit))).scalars())


async def newest_of_team(tx: AsyncConnection, office: Office, team_id: UUID) -> Notice | None:
    """What a team is being told now and no phone of it has said that it shows."""
    n = db.notices.c
    mine = and_(n.city_id == office.city_id, n.team_id == team_id, n.climbs_at.is_not(None))
    row = (await tx.execute(select(*_COLUMNS).where(mine, _wanted()).order_by(n.id.desc()).limit(1))).first()
    return Notice(**row._mapping) if row is not None else None


async def running(tx: AsyncConnection, office: Office, notice_ids: Collection[UUID]) -> dict[UUID, str]:
    """Those that are still wanted, and to whom they go: not what was answered, taken back, accepted elsewhere or closed."""
    if not notice_ids:
        return {}
    n = db.notices.c
    # Once a person was told, what is still on its way may arrive.
    goes_on = or_(n.ended_at.is_(None), n.ended_because == "not_reached")
    query = select(n.id, n.to).where(n.city_id == office.city_id, n.id.in_(notice_ids), goes_on, _wanted())
    return {row.id: row.to for row in await tx.execute(query)}


async def deliverable(tx: AsyncConnection, office: Office, messages: Sequence[Message], now: datetime) -> set[UUID]:
    """The ids of those messages that may go out as far as notices are concerned. now: the machine's time.

    A device or a number gets a notice only while that is wanted, and while whose it is may have it: signed in, and on duty.
    """
    told = {message.id: UUID(message.message["notice_id"]) for message in messages if "notice_id" in message.message}
    to_whom = await running(tx, office, set(told.values()))
    free = {message.id for message in messages if message.id not in told}
    asked: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        if message.id in told and told[message.id] in to_whom:
            asked[to_whom[told[message.id]]].append(message)
    for to, some in asked.items():
        free |= await _those_who_may(tx, office, to, some, now)
    gone = [UUID(message.to) for message in messages if message.id not in free and message.way in devices.KINDS]
    await devices.bury(tx, office, gone, now)
    return free


async def _those_who_may(
    tx: AsyncConnection, office: Office, to: str, messages: Sequence[Message], now: datetime
) -> set[UUID]:
    reached = {
        str(id_) for id_ in (await tx.execute(devices.of(office, to, now).with_only_columns(db.devices.c.id))).scalars()
    }
    texted = set()
    if any(message.way == "sms" for message in messages):
        texted = {str(id_) for id_ in (await tx.execute(devices.numbers_of(office, to, now))).scalars()}
    return {
        message.id
        for message in messages
        if (message.message.get("account_id") in texted if message.way == "sms" else message.to in reached)
    }


def _wanted() -> ColumnElement[bool]:
    """A condition on `notices`: what it is about has not ended or gone to somebody else."""
    n = db.notices.c
    return case(
        (n.kind == "offer.made", _offer_is_live()),
        (n.kind == "case.assigned", _team_has_yet_to_begin()),
        (n.told["only_while"].astext == "case_is_open", _case_is_open()),
        (n.told["only_while"].astext == "distress_is_open", _nobody_has_answered()),
        (n.told["only_while"].astext == "campaign_is_proposed", _campaign_is_proposed()),
        (n.told["only_while"].astext == "call_in_is_open", _team_has_not_come()),
        (n.told["only_while"].astext == "referral_waits", _referral_waits()),
        (n.told["only_while"].astext == "recipient_waits", _recipient_waits()),
        else_=true(),
    )


def _offer_is_live() -> ColumnElement[bool]:
    n, o = db.notices.c, db.offers.c
    return exists().where(o.city_id == n.city_id, o.id == n.offer_id, o.state == "offered")


def _case_is_open() -> ColumnElement[bool]:
    n, c = db.notices.c, db.cases.c
    return exists().where(c.city_id == n.city_id, c.id == n.case_id, c.closed_at.is_(None), c.stage.not_in(CLOSED))


def _nobody_has_answered() -> ColumnElement[bool]:
    n, d = db.notices.c, db.distress_calls.c
    called = cast(n.told["distress_id"].astext, Uuid)
    return exists().where(d.city_id == n.city_id, d.id == called, d.answered_at.is_(None))


def _campaign_is_proposed() -> ColumnElement[bool]:
    n, c = db.notices.c, db.campaigns.c
    asked = cast(n.told["campaign_id"].astext, Uuid)
    return exists().where(c.city_id == n.city_id, c.id == asked, c.state == "proposed")


def _team_has_not_come() -> ColumnElement[bool]:
    """It was called in, is not there, and the campaign still runs."""
    n, c, k = db.notices.c, db.campaign_calls.c, db.campaigns.c
    called = cast(n.told["call_id"].astext, Uuid)
    runs = exists().where(k.city_id == c.city_id, k.id == c.campaign_id, k.state == "running")
    return exists().where(c.city_id == n.city_id, c.id == called, c.came_at.is_(None), runs)


def _referral_waits() -> ColumnElement[bool]:
    n, r = db.notices.c, db.referrals.c
    asked = cast(n.told["referral_id"].astext, Uuid)
    return exists().where(r.city_id == n.city_id, r.id == asked, r.state == "offered")


def _recipient_waits() -> ColumnElement[bool]:
    n, r = db.notices.c, db.incident_recipients.c
    asked = cast(n.told["recipient_id"].astext, Uuid)
    return exists().where(r.city_id == n.city_id, r.id == asked, r.state == "waiting")


def _team_has_yet_to_begin() -> ColumnElement[bool]:
    """It is still the team's, and it has not set out: who moves knows."""
    n, c, e = db.notices.c, db.cases.c, db.events.c
    set_out = exists().where(
        e.city_id == c.city_id, e.case_id == c.id, e.kind == "case.set_out", e.recorded_at >= c.stage_since
    )
    is_theirs = and_(c.city_id == n.city_id, c.id == n.case_id, c.team_id == n.team_id, c.stage == "dispatched")
    return exists().where(is_theirs, ~set_out)


def _is(office: Office, notice_id: UUID) -> ColumnElement[bool]:
    return and_(db.notices.c.city_id == office.city_id, db.notices.c.id == notice_id)
