"""Sessions: knowing again who asks. How one begins: `signing_in`.

A session is a random token of 256 bits; the database has its SHA-256 only. It lives 12 hours after it was last used.
Lifetimes are of the machine's time, also while a demonstration runs on a faster clock: `now` of `resolve`
is `SystemClock().now()` there; `now` of the verbs that write an event is the office's.

Ended sessions are told by the event `session.revoked`; the hub closes their sockets and calls `forget`.
"""

import hashlib
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed
from backend.db import accounts, sessions
from backend.errors import NotFound, NotSignedIn
from backend.office import Office

LIFETIME = timedelta(hours=12)
# A session's use is written down this often at most: a read is no write.
SEEN_EVERY = timedelta(minutes=5)
REMEMBERED_FOR_S = 5.0
MOST_REMEMBERED = 10_000


class Session(Struct, frozen=True, kw_only=True):
    """One sign-in on one device. device: as it named itself; source: the network address it signed in from."""

    id: UUID
    account_id: UUID
    device: str | None
    source: str | None
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class _Known(Struct, frozen=True):
    """A session that was looked up a moment ago. until_s: monotonic seconds."""

    actor: Actor
    expires_at: datetime
    until_s: float


class Remembered:
    """Who asked within the last 5 s, so that a screen that asks ten times is looked up once. Per process."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], _Known] = {}
        self.age = 0  # counts what was forgotten: what was read before may not be remembered after

    def find(self, city_id: str, token_hash: bytes, now: datetime) -> Actor | None:
        """The session's actor, when it was looked up just now and is not over."""
        known = self._known.get((city_id, token_hash))
        if known is None or known.until_s < time.monotonic() or known.expires_at <= now:
            return None
        return known.actor

    def keep(self, city_id: str, token_hash: bytes, actor: Actor, expires_at: datetime, *, read_at_age: int) -> None:
        """Remember, unless something was forgotten since `read_at_age`, when the database was asked."""
        if read_at_age != self.age:
            return
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[city_id, token_hash] = _Known(actor, expires_at, time.monotonic() + REMEMBERED_FOR_S)

    def forget(self, *, session_id: UUID | None = None, account_id: UUID | None = None) -> None:
        """A session ended or an account changed: ask the database again."""
        self.age += 1
        gone = [
            key
            for key, known in self._known.items()
            if known.actor.session_id == session_id or known.actor.id == str(account_id)
        ]
        for key in gone:
            del self._known[key]


_remembered = Remembered()
forget = _remembered.forget


def digest(token: str) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).digest()


async def resolve(office: Office, token: str, now: datetime, *, lifetime: timedelta = LIFETIME) -> Actor:
    """Who has this token. Using it keeps the session alive. Raises NotSignedIn."""
    token_hash = digest(token)
    if (known := _remembered.find(office.city_id, token_hash, now)) is not None:
        return known
    read_at_age = _remembered.age
    async with office.db.connect() as tx:
        row = (await tx.execute(_with_account(office, sessions.c.token_hash == token_hash))).first()
    if row is None or not _is_live(row, now):
        raise NotSignedIn(
            "登录已失效，请重新登录。", "Your session has ended; please sign in again.", code="session_ended"
        )
    expires_at = row.expires_at
    if now - row.seen_at >= min(SEEN_EVERY, lifetime / 2):
        expires_at = now + lifetime
        still_live = _is(office, row.session_id) & sessions.c.revoked_at.is_(None)
        async with office.db.begin() as tx:
            await tx.execute(update(sessions).where(still_live).values(seen_at=now, expires_at=expires_at))
    actor = actor_of(office, row, row.session_id)
    _remembered.keep(office.city_id, token_hash, actor, expires_at, read_at_age=read_at_age)
    return actor


async def actor_of_session(tx: AsyncConnection, office: Office, session_id: UUID, now: datetime) -> Actor:
    """Whose session it is. Raises NotSignedIn when it is over."""
    row = (await tx.execute(_with_account(office, sessions.c.id == session_id))).first()
    if row is None or not _is_live(row, now):
        raise NotSignedIn(
            "登录已失效，请重新登录。", "Your session has ended; please sign in again.", code="session_ended"
        )
    return actor_of(office, row, session_id)


async def ended_among(office: Office, session_ids: list[UUID], now: datetime) -> set[UUID]:
    """Those of the sessions that are over, for whatever reason."""
    query = _with_account(office, sessions.c.id.in_(session_ids))
    async with office.db.connect() as tx:
        live = {row.session_id for row in await tx.execute(query) if _is_live(row, now)}
    return set(session_ids) - live


async def prolong(office: Office, session_ids: list[UUID], now: datetime, *, lifetime: timedelta = LIFETIME) -> None:
    """These are in use: the live ones among them live on, written down as seldom as by `resolve`."""
    due = sessions.c.id.in_(session_ids) & (sessions.c.seen_at <= now - min(SEEN_EVERY, lifetime / 2))
    live = (sessions.c.city_id == office.city_id) & sessions.c.revoked_at.is_(None) & (sessions.c.expires_at > now)
    async with office.db.begin() as tx:
        await tx.execute(update(sessions).where(live, due).values(seen_at=now, expires_at=now + lifetime))


async def sign_out(office: Office, by: Actor, *, now: datetime) -> None:
    """Ends the session the actor asks with; nothing happens when it has ended already."""
    if by.session_id is not None:
        await _revoke(office, by.session_id, UUID(by.id), "signed_out", by=by, now=now)


async def list_sessions(office: Office, account_id: UUID, *, by: Actor, now: datetime) -> list[Session]:
    """The live sessions of an account, last used first: one's own, or with account:read. Raises NotFound."""
    await _demand(office, account_id, by, "account:read")
    columns = [sessions.c[name] for name in Session.__struct_fields__]
    query = select(*columns).where(
        sessions.c.city_id == office.city_id,
        sessions.c.account_id == account_id,
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > now,
    )
    async with office.db.connect() as tx:
        return [Session(**row._mapping) for row in await tx.execute(query.order_by(sessions.c.seen_at.desc()))]


async def revoke(office: Office, session_id: UUID, *, by: Actor, now: datetime) -> None:
    """Ends a session: one's own, or with account:write; its sockets close. Raises NotFound."""
    async with office.db.connect() as tx:
        account_id = await tx.scalar(select(sessions.c.account_id).where(_is(office, session_id)))
    if account_id is None:
        raise _no_such_session()
    await _demand(office, account_id, by, "account:write")
    await _revoke(office, session_id, account_id, "revoked", by=by, now=now)


async def revoke_all(office: Office, account_id: UUID, *, by: Actor, now: datetime) -> None:
    """Ends all sessions of an account, with account:write; of one's own all but the one that asks. Raises NotFound."""
    await _demand(office, account_id, by, "account:write")
    async with office.begin() as tx:
        ended = await end_sessions(tx, office, account_id, "revoked", by=by, now=now, keep=by.session_id)
        if ended:
            await log.append(tx, office.city_id, ended, now=now)
    forget(account_id=account_id)


async def end_sessions(
    tx: AsyncConnection,
    office: Office,
    account_id: UUID,
    reason: str,
    *,
    by: Actor,
    now: datetime,
    keep: UUID | None = None,
) -> list[log.Entry]:
    """Inside a verb: ends an account's sessions but `keep`. The verb appends the entries last, and forgets when it has
    committed."""
    live = (sessions.c.city_id == office.city_id) & (sessions.c.account_id == account_id)
    live &= sessions.c.revoked_at.is_(None)
    if keep is not None:
        live &= sessions.c.id != keep
    ended = (await tx.execute(update(sessions).where(live).values(revoked_at=now).returning(sessions.c.id))).scalars()
    regions = await tx.scalar(_regions_of(office, account_id)) or []
    return [_entry(session_id, account_id, regions, reason, by, now) for session_id in ended]


async def _revoke(office: Office, session_id: UUID, account_id: UUID, reason: str, *, by: Actor, now: datetime) -> None:
    live = _is(office, session_id) & sessions.c.revoked_at.is_(None)
    async with office.begin() as tx:
        if (await tx.execute(update(sessions).where(live).values(revoked_at=now))).rowcount:
            regions = await tx.scalar(_regions_of(office, account_id)) or []
            entry = _entry(session_id, account_id, regions, reason, by, now)
            await log.append(tx, office.city_id, [entry], now=now)
    forget(session_id=session_id)


def _entry(session_id: UUID, account_id: UUID, regions: list[str], reason: str, by: Actor, now: datetime) -> log.Entry:
    data = {"session_id": session_id, "account_id": account_id, "reason": reason}
    return log.Entry(kind="session.revoked", actor=by, occurred_at=now, regions=regions, data=data)


async def _demand(office: Office, account_id: UUID, by: Actor, action: str) -> None:
    """One's own, or the permission on that account. Raises NotFound, so that ids cannot be guessed at."""
    if by.id == str(account_id):
        return
    async with office.db.connect() as tx:
        regions = await tx.scalar(_regions_of(office, account_id))
    if regions is None or not (
        by.kind == "system" or allowed(office.city.policy.roles, by, action, Object(regions=regions))
    ):
        raise _no_such_session()


def _regions_of(office: Office, account_id: UUID) -> Select[Any]:
    return select(accounts.c.regions).where(accounts.c.city_id == office.city_id, accounts.c.id == account_id)


def _with_account(office: Office, condition: Any) -> Select[Any]:
    columns = [
        accounts.c[name]
        for name in ("id", "name", "roles", "regions", "team_id", "facility_id", "active", "totp_confirmed_at")
    ]
    session = [sessions.c.id.label("session_id"), *(sessions.c[n] for n in ("seen_at", "expires_at", "revoked_at"))]
    joined = sessions.join(
        accounts, (accounts.c.city_id == sessions.c.city_id) & (accounts.c.id == sessions.c.account_id)
    )
    return select(*columns, *session).select_from(joined).where(sessions.c.city_id == office.city_id, condition)


def _is_live(row: Any, now: datetime) -> bool:
    return bool(row.active and row.revoked_at is None and row.expires_at > now)


def _is(office: Office, session_id: UUID) -> Any:
    return (sessions.c.city_id == office.city_id) & (sessions.c.id == session_id)


def actor_of(office: Office, account: Any, session_id: UUID | None) -> Actor:
    """The actor that an account's row stands for: limited until it has the second factor that the policy asks for."""
    needs = account.totp_confirmed_at is None and needs_second_factor(office, account.roles)
    return Actor(
        id=str(account.id),
        name=account.name,
        kind="account",
        roles=tuple(account.roles),
        regions=tuple(account.regions),
        team_id=account.team_id,
        facility_id=account.facility_id,
        session_id=session_id,
        only=() if needs else None,
    )


def needs_second_factor(office: Office, roles: Iterable[str]) -> bool:
    """Whether the policy asks for a second factor of somebody with these roles."""
    return not set(office.city.policy.sign_in.second_factor).isdisjoint(roles)


def _no_such_session() -> NotFound:
    return NotFound("没有这个登录会话。", "There is no such session.")
