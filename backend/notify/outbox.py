"""The outbox: what is to be told outside is a row written together with what happened; a worker sends it.

`enqueue` is for verbs; the rest is for the worker (`deliver`). A claim is a lease: it moves `send_at` on, so that a
message whose worker died is claimed again and none is lost. `send_at` is the machine's time, also while a demonstration
runs on a faster clock: providers are not part of it.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import CursorResult, RowMapping, Select, and_, func, insert, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import personal
from backend.db import campaign_calls, campaigns, cases, distress_calls, incident_recipients, offers, outbox, referrals
from backend.ids import new_id
from backend.notify.senders import Message, Way
from backend.office import Office

OnlyWhile = Literal[
    "case_is_open", "distress_is_open", "campaign_is_proposed", "call_in_is_open", "referral_waits", "recipient_waits"
]
CLOSED = ("assisted", "refused", "voided", "joined")
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)  # due by whichever clock
LONGEST_ERROR = 300
PERSONAL_WAYS = frozenset({"sms"})
"""What goes to somebody's own number: number and text are sealed."""
OUTSIDE = ("only_while", "notice_id", "account_id")
"""What is asked of such a message before it is opened."""


class Waiting(Struct, frozen=True):
    """How much of a way waits, and since when its oldest does; for operators."""

    way: str
    count: int
    since: datetime


async def enqueue(
    tx: AsyncConnection,
    office: Office,
    way: Way,
    to: str,
    message: dict[str, Any],
    *,
    now: datetime,
    case_id: UUID | None = None,
    offer_id: UUID | None = None,
    only_while: OnlyWhile | None = None,
    send_at: datetime = AT_ONCE,
) -> UUID:
    """To be sent when the caller's transaction commits, and not at all when it does not. Returns the message's id.

    A message with `offer_id` is sent only while that offer is live; `only_while="case_is_open"` is for what is of no use
    once the case is closed, `"distress_is_open"` (the message has its `distress_id`) once that call is answered,
    `"campaign_is_proposed"` (`campaign_id`) once somebody answered, `"call_in_is_open"` (`call_id`) once the team came,
    `"referral_waits"` (`referral_id`) once that referral is answered or taken back, `"recipient_waits"` (`recipient_id`) once
    that level has acknowledged.
    now: when it happened. send_at: not before (the machine's time).
    """
    if only_while is not None:
        message = {**message, "only_while": only_while}
    message_id = new_id()
    row = {
        "id": message_id,
        "way": way,
        **_addressed(office, way, to, message),
        "case_id": case_id,
        "offer_id": offer_id,
    }
    kept = personal.sealed(office.ring, outbox, row)
    await tx.execute(insert(outbox).values(city_id=office.city_id, created_at=now, send_at=send_at, **kept))
    return message_id


async def due_notices(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 200) -> list[UUID]:
    """Notices that are yet to begin, oldest first: it is not decided by what they go."""
    mine = and_(outbox.c.city_id == office.city_id, outbox.c.way == "push", outbox.c.state == "waiting")
    query = select(outbox.c.id).where(mine, outbox.c.send_at <= now).order_by(outbox.c.send_at, outbox.c.id)
    return list((await tx.execute(query.limit(limit))).scalars())


async def take(tx: AsyncConnection, office: Office, message_id: UUID) -> Message | None:
    """A message that waits, held until the commit, unless somebody holds it."""
    mine = and_(outbox.c.city_id == office.city_id, outbox.c.id == message_id, outbox.c.state == "waiting")
    columns = [*(outbox.c[name] for name in Message.__struct_fields__), outbox.c.letter_sealed]
    row = (await tx.execute(select(*columns).where(mine).with_for_update(skip_locked=True))).first()
    return _opened(office, row._mapping) if row is not None else None


def _addressed(office: Office, way: Way, to: str, message: dict[str, Any]) -> dict[str, Any]:
    """What a way to a person's own number says lies sealed; outside stands a name for the number and when it is wanted."""
    if way not in PERSONAL_WAYS:
        return {"to": to, "message": message}
    outside = {name: message[name] for name in OUTSIDE if name in message}
    return {"to": _known_as(office, way, to), "message": outside, "letter": {"to": to, "message": message}}


def _known_as(office: Office, way: Way, to: str) -> str:
    """The number as the outbox names it: the same for the same number, so that nobody gets all places of a way."""
    return office.ring.index(to, "outbox.to").hex() if way in PERSONAL_WAYS else to


async def claim(
    tx: AsyncConnection,
    office: Office,
    way: Way,
    *,
    now: datetime,
    lease: timedelta,
    limit: int,
    not_to: Collection[str] = (),
) -> list[Message]:
    """Up to `limit` due messages, oldest first, that nobody else gets before now + lease."""
    due = and_(outbox.c.city_id == office.city_id, outbox.c.way == way, outbox.c.state == "waiting")
    chosen = (
        select(outbox.c.id)
        .where(due, outbox.c.send_at <= now, not_(outbox.c.to.in_([_known_as(office, way, to) for to in not_to])))
        .order_by(outbox.c.send_at, outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")  # as a plain subquery the planner may run it again and claim more than `limit`
    )
    leased = (
        update(outbox)
        .where(outbox.c.city_id == office.city_id, outbox.c.id == chosen.c.id)
        .values(send_at=now + lease, attempts=outbox.c.attempts + 1)
        .returning(*(outbox.c[name] for name in Message.__struct_fields__), outbox.c.letter_sealed)
    )
    claimed = [_opened(office, row._mapping) for row in await tx.execute(leased)]
    return sorted(claimed, key=lambda message: message.id)


def _opened(office: Office, row: RowMapping) -> Message:
    plain = personal.opened(office.ring, outbox, row)
    letter = plain.pop("letter")
    return Message(**(plain | letter))


async def still_wanted(tx: AsyncConnection, office: Office, messages: Sequence[Message]) -> set[UUID]:
    """The ids of those worth sending: a notice of an offer that has ended, of a closed case or of help that somebody has
    promised meanwhile, is not (I4)."""
    bound = {message.id: _bound_to(message) for message in messages}
    offer_ids = [id_ for only, id_ in bound.values() if only == "offer_is_live" and id_ is not None]
    case_ids = [id_ for only, id_ in bound.values() if only == "case_is_open" and id_ is not None]
    calls = [id_ for only, id_ in bound.values() if only == "distress_is_open" and id_ is not None]
    alive: set[UUID] = set()
    if offer_ids:
        live = select(offers.c.id).where(offers.c.city_id == office.city_id, offers.c.id.in_(offer_ids))
        alive |= set((await tx.execute(live.where(offers.c.state == "offered"))).scalars())
    if case_ids:
        still_open = select(cases.c.id).where(cases.c.city_id == office.city_id, cases.c.id.in_(case_ids))
        still_open = still_open.where(cases.c.closed_at.is_(None), cases.c.stage.not_in(CLOSED))
        alive |= set((await tx.execute(still_open)).scalars())
    if calls:
        unanswered = select(distress_calls.c.id).where(distress_calls.c.city_id == office.city_id)
        unanswered = unanswered.where(distress_calls.c.id.in_(calls), distress_calls.c.answered_at.is_(None))
        alive |= set((await tx.execute(unanswered)).scalars())
    for only, query in _OTHERS.items():
        if ids := [id_ for bound_to, id_ in bound.values() if bound_to == only and id_ is not None]:
            alive |= set((await tx.execute(query(office.city_id, ids))).scalars())
    return {message_id for message_id, (only, id_) in bound.items() if only is None or id_ in alive}


def _proposed(city_id: str, ids: Sequence[UUID]) -> Select[Any]:
    c = campaigns.c
    return select(c.id).where(c.city_id == city_id, c.id.in_(ids), c.state == "proposed")


def _still_called(city_id: str, ids: Sequence[UUID]) -> Select[Any]:
    c, k = campaign_calls.c, campaigns.c
    runs = select(k.id).where(k.city_id == c.city_id, k.id == c.campaign_id, k.state == "running").exists()
    return select(c.id).where(c.city_id == city_id, c.id.in_(ids), c.came_at.is_(None), runs)


def _unanswered(city_id: str, ids: Sequence[UUID]) -> Select[Any]:
    r = referrals.c
    return select(r.id).where(r.city_id == city_id, r.id.in_(ids), r.state == "offered")


def _not_acknowledged(city_id: str, ids: Sequence[UUID]) -> Select[Any]:
    r = incident_recipients.c
    return select(r.id).where(r.city_id == city_id, r.id.in_(ids), r.state == "waiting")


_OTHERS: Final = {
    "campaign_is_proposed": _proposed, "call_in_is_open": _still_called, "referral_waits": _unanswered,
    "recipient_waits": _not_acknowledged,
}  # fmt: skip
_NAMED_BY: Final = {
    "distress_is_open": "distress_id", "campaign_is_proposed": "campaign_id", "call_in_is_open": "call_id",
    "referral_waits": "referral_id", "recipient_waits": "recipient_id",
}  # fmt: skip


def _bound_to(message: Message) -> tuple[str | None, UUID | None]:
    """What a message depends on: (offer_is_live, an offer), (case_is_open, a case), what else it is `only_while`, or (None, None)."""
    if message.offer_id is not None:
        return "offer_is_live", message.offer_id
    only = message.message.get("only_while")
    if only in _NAMED_BY:
        return only, UUID(message.message[_NAMED_BY[only]])
    return only, message.case_id if only == "case_is_open" else None


async def end(
    tx: AsyncConnection, office: Office, message: Message, state: Literal["sent", "failed", "dropped"], *, now: datetime,
    reason: str | None = None,
) -> bool:  # fmt: skip
    """It was sent, or never will be. False when the lease had run out and another attempt has begun."""
    return await _record(tx, office, message, state=state, ended_at=now, last_error=without_address(message, reason))


async def put_off(tx: AsyncConnection, office: Office, message: Message, *, until: datetime, reason: str) -> bool:
    """Not this time; again at `until`. False when the lease had run out and another attempt has begun."""
    return await _record(tx, office, message, send_at=until, last_error=without_address(message, reason))


async def waiting(tx: AsyncConnection, office: Office) -> list[Waiting]:
    """What waits, per way. A way without a provider shows here instead of losing anything."""
    query = select(outbox.c.way, func.count(), func.min(outbox.c.created_at)).group_by(outbox.c.way)
    found = await tx.execute(query.where(outbox.c.city_id == office.city_id, outbox.c.state == "waiting"))
    return [Waiting(*row) for row in found]


async def _record(tx: AsyncConnection, office: Office, message: Message, **values: Any) -> bool:
    mine = and_(outbox.c.city_id == office.city_id, outbox.c.id == message.id, outbox.c.state == "waiting")
    result: CursorResult[Any] = await tx.execute(
        update(outbox).where(mine, outbox.c.attempts == message.attempts).values(**values)
    )
    return result.rowcount == 1


def without_address(message: Message, reason: str | None) -> str | None:
    """What a provider said, shortened; to a person's own number only what kind of fault it was: some repeat the number."""
    if reason is not None and message.way in PERSONAL_WAYS:
        reason = reason.partition(":")[0] if reason.partition(":")[0].isidentifier() else "not delivered"
    return reason[:LONGEST_ERROR] if reason is not None else None
