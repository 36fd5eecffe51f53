"""Signing in: login and password, the second factor where one is set up, and what a failure costs.

Begin at `sign_in`. Whatever is wrong with login or password, the answer and the time it takes are the same. Too many
failures make the next try wait (`attempts`); a person who has signed in from this device before is counted apart from
strangers. `now` is the machine's time.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.access import accounts as people
from backend.access import attempts, passwords, second_factor
from backend.access.actor import SYSTEM, Actor
from backend.access.attempts import Counter, Tried
from backend.access.passwords import Verdict
from backend.access.sessions import LIFETIME, Session, actor_of, digest
from backend.db import accounts, known_devices, sessions
from backend.errors import NotSignedIn
from backend.ids import new_id
from backend.office import Office

DEVICE_KNOWN_FOR: Final = timedelta(days=90)


class Claim(Struct, frozen=True, kw_only=True):
    """Who somebody says they are. device: a name for people. source: their network address.

    device_key: what this server gave the device at an earlier sign-in. code: of the second factor, or a recovery code.
    """

    login: str
    password: str
    device: str | None = None
    source: str | None = None
    device_key: str | None = None
    code: str | None = None


class SignedIn(Struct, frozen=True, kw_only=True):
    """The token for `Authorization: Bearer …`, who one is, and what makes this device known the next time."""

    token: str
    session: Session
    me: Actor
    device_key: str


async def sign_in(office: Office, claim: Claim, now: datetime, *, lifetime: timedelta = LIFETIME) -> SignedIn:
    """A new session. Raises NotSignedIn `wrong_credentials`, `code_needed`, `wrong_code`; TooMany `locked_out`."""
    account = await _find(office, claim.login)
    counters = await _counters(office, account, claim, now)
    tried = await attempts.count(office, counters, now)
    if tried.locked_until is not None:
        raise attempts.wait(tried.locked_until, now)
    verdict = await passwords.check(account.password_hash if account else None, claim.password)
    if account is None or not verdict.fits or not account.active:
        begins = (*tried.begins, *await attempts.failed(office, counters, now))
        await _tell_lock_out(office, account, begins, now)
        raise NotSignedIn("登录名或密码不对。", "The login or the password is wrong.", code="wrong_credentials")
    if account.totp_confirmed_at is None:
        return await _open(office, account, claim, verdict, counters, now, lifetime)
    counter, tried = await _count_code(office, account, claim, counters, now)
    try:
        return await _open(office, account, claim, verdict, [*counters, counter], now, lifetime)
    except NotSignedIn:
        await _tell_lock_out(office, account, tried.begins, now)
        raise


async def lift(office: Office, account_id: UUID, *, by: Actor, now: datetime) -> None:
    """Ends an account's lock-outs, with account:write. Raises NotFound, NotAllowed."""
    async with office.begin() as tx:
        account = await people.lock(tx, office, account_id)
        people.demand_may_write(office, by, account)
        await attempts.clear(tx, office, await _all_counters(tx, office, account_id, account.login))
        await people.tell(tx, office, "account.unlocked", account, by=by, now=now)


async def _find(office: Office, login: str) -> Any:
    query = select(accounts).where(accounts.c.city_id == office.city_id, accounts.c.login == login.strip().lower())
    async with office.db.connect() as tx:
        return (await tx.execute(query)).first()


async def _counters(office: Office, account: Any, claim: Claim, now: datetime) -> list[Counter]:
    """A device that is known is counted by itself; everybody else by the login and the address."""
    if account is not None and claim.device_key is not None:
        hashed = _device_hash(claim.device_key)
        k = known_devices.c
        known = (k.city_id == office.city_id) & (k.account_id == account.id) & (k.device_hash == hashed)
        async with office.db.connect() as tx:
            used_at = await tx.scalar(select(k.used_at).where(known))
        if used_at is not None and used_at > now - DEVICE_KNOWN_FOR:
            return [attempts.of_device(account.id, hashed)]
    source = [attempts.of_source(claim.source)] if claim.source else []
    return [attempts.of_login(claim.login.strip().lower()), *source]


async def _count_code(
    office: Office, account: Any, claim: Claim, counters: list[Counter], now: datetime
) -> tuple[Counter, Tried]:
    """The password was right: codes are counted by themselves, so that only who knows the password can lock them."""
    if claim.code is None:
        async with office.db.begin() as tx:
            await attempts.clear(tx, office, counters)
        raise NotSignedIn("请输入动态口令。", "Please enter the code of your second factor.", code="code_needed")
    counter = attempts.of_code(account.id)
    tried = await attempts.count(office, [counter], now)
    if tried.locked_until is not None:
        raise attempts.wait(tried.locked_until, now)
    return counter, tried


async def _open(
    office: Office,
    account: Any,
    claim: Claim,
    verdict: Verdict,
    counters: list[Counter],
    now: datetime,
    lifetime: timedelta,
) -> SignedIn:
    token, device_key = f"rs_{secrets.token_urlsafe(32)}", claim.device_key or secrets.token_urlsafe(32)
    session = Session(
        id=new_id(),
        account_id=account.id,
        device=claim.device[:200] if claim.device else None,
        source=claim.source,
        created_at=now,
        seen_at=now,
        expires_at=now + lifetime,
    )
    async with office.begin() as tx:
        how = await _take_code(tx, office, account, claim, now)
        row = {**msgspec.structs.asdict(session), "token_hash": digest(token)}
        await tx.execute(insert(sessions).values(city_id=office.city_id, **row))
        if verdict.better_hash:
            better = update(accounts).where(people.is_account(office, account.id))
            await tx.execute(better.values(password_hash=verdict.better_hash))
        await _know(tx, office, account.id, device_key, now)
        await attempts.clear(tx, office, counters)
        if how == "recovery":
            data = {"account_id": account.id, "login": account.login}
            await log.append(tx, office.city_id, [_entry("account.recovered", account, data, now)], now=now)
    return SignedIn(token=token, session=session, me=actor_of(office, account, session.id), device_key=device_key)


async def _take_code(tx: AsyncConnection, office: Office, account: Any, claim: Claim, now: datetime) -> str | None:
    if account.totp_confirmed_at is None:
        return None
    how = await second_factor.use(tx, office, account, claim.code or "", now)
    if how is None:
        raise NotSignedIn(
            "动态口令不对或已用过，请等下一个。",
            "The code is wrong or was used already: wait for the next one.",
            code="wrong_code",
        )
    return how


async def _know(tx: AsyncConnection, office: Office, account_id: UUID, device_key: str, now: datetime) -> None:
    row = {"account_id": account_id, "device_hash": _device_hash(device_key), "used_at": now}
    known = upsert(known_devices).values(city_id=office.city_id, **row)
    keys = ["city_id", "account_id", "device_hash"]
    await tx.execute(known.on_conflict_do_update(index_elements=keys, set_={"used_at": now}))


async def _all_counters(tx: AsyncConnection, office: Office, account_id: UUID, login: str) -> list[Counter]:
    k = known_devices.c
    hashes = select(k.device_hash).where(k.city_id == office.city_id, k.account_id == account_id)
    devices = [attempts.of_device(account_id, hashed) for hashed in (await tx.execute(hashes)).scalars()]
    return [attempts.of_login(login), attempts.of_code(account_id), attempts.of_own_password(account_id), *devices]


async def _tell_lock_out(office: Office, account: Any, begins: Sequence[Counter], now: datetime) -> None:
    """A lock-out has begun: an event that names the login when there is one, never what a stranger typed."""
    if not begins:
        return
    if account is None:
        entry = log.Entry(
            kind="session.locked", actor=SYSTEM, occurred_at=now, regions=[office.city_id], data={"login": None}
        )
    else:
        data = {"account_id": account.id, "login": account.login}
        entry = _entry("session.locked", account, data, now)
    async with office.begin() as tx:
        await log.append(tx, office.city_id, [entry], now=now)


def _entry(kind: str, account: Any, data: dict[str, Any], now: datetime) -> log.Entry:
    return log.Entry(kind=kind, actor=SYSTEM, occurred_at=now, regions=account.regions, data=data)


def _device_hash(device_key: str) -> bytes:
    return hashlib.sha256(device_key.encode()).digest()
