"""Keys of partner systems (110, 12345, smart city management): `rk_<id>_<secret>`.

The whole key is shown once, when it is made; the database has its SHA-256. All keys of one partner are one actor, so
that a partner may change its key and still read what it reported. A key can be limited to some of its roles' actions, can
run out, and is rotated: `rotate` makes its successor, and the old one goes on for an overlap. `now` is the machine's time.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import Struct, field
from sqlalchemy import ColumnElement, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.access.actor import Actor
from backend.access.once import Once, first_answer, keep_answer
from backend.access.permissions import ANYTHING, demand
from backend.db import api_keys
from backend.errors import Conflict, Invalid, NotFound, NotSignedIn
from backend.ids import new_id
from backend.office import Office

OVERLAP = timedelta(days=7)
"""How long a key that was rotated goes on, so that a partner can change it over without a gap."""
USE_NOTED_EVERY = timedelta(minutes=1)
PARTNER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class Key(Struct, frozen=True, kw_only=True):
    """What is known of a key; never the key. last_used_at: to the minute. replaces: the key it is the successor of."""

    id: UUID
    partner: str
    roles: list[str]
    regions: list[str]
    webhook_url: str | None
    created_at: datetime
    revoked_at: datetime | None = None
    actions: list[str] | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    replaces: UUID | None = None


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key is made from. regions: codes whose area is the partner's. actions: of its roles' actions only these."""

    partner: str
    regions: list[str] = []
    roles: list[str] = field(default_factory=lambda: ["partner"])
    webhook_url: str | None = None
    actions: list[str] | None = None
    expires_at: datetime | None = None


class Made(Struct, frozen=True, kw_only=True):
    """A new key. `plain` and `webhook_secret` are shown once: None when the same command is sent again."""

    key: Key
    plain: str | None
    webhook_secret: str | None


class Webhook(Struct, frozen=True, kw_only=True):
    """Where a partner wants to be told, and what its messages are signed with: while its key rotates, the old secret too."""

    url: str
    secret: str
    old_secret: str | None = None


_COLUMNS = [api_keys.c[name] for name in Key.__struct_fields__]


async def create(
    office: Office, new: NewKey, *, secret_key: str, by: Actor, now: datetime, command_id: UUID | None = None
) -> Made:
    """A key with its plain text, which nobody can see again. Raises Invalid (field), NotAllowed."""
    _demand_write(office, by)
    _check(office, new, now)
    command = Once(id=command_id, name="key.create", by=by, now=now, wants=new)
    async with office.begin() as tx:
        if (first := await first_answer(tx, office, command)) is not None:
            return msgspec.convert(first, Made)
        key = Key(id=new_id(), **{**msgspec.structs.asdict(new), "created_at": now})
        plain = await _insert(tx, office, key)
        await keep_answer(tx, office, command, Made(key=key, plain=None, webhook_secret=None))
        await _tell(tx, office, "key.created", key, by=by, now=now)
    return Made(key=key, plain=plain, webhook_secret=webhook_secret(secret_key, key.id))


async def rotate(
    office: Office,
    key_id: UUID,
    *,
    secret_key: str,
    by: Actor,
    now: datetime,
    overlap: timedelta = OVERLAP,
    command_id: UUID | None = None,
) -> Made:
    """The key's successor, with the same partner, rights and address; the old one goes on for `overlap`.

    Raises NotFound, NotAllowed, Conflict `key_has_ended` or `key_was_rotated`.
    """
    _demand_write(office, by)
    command = Once(id=command_id, name="key.rotate", by=by, now=now, wants=[key_id, overlap])
    async with office.begin() as tx:
        if (first := await first_answer(tx, office, command)) is not None:
            return msgspec.convert(first, Made)
        old = await _lock(tx, office, key_id)
        await _demand_can_rotate(tx, office, old, now)
        ends_at = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
        changes = {"id": new_id(), "created_at": now, "expires_at": None, "last_used_at": None, "replaces": old.id}
        key = msgspec.structs.replace(old, **changes)
        plain = await _insert(tx, office, key)
        await tx.execute(update(api_keys).where(_is(office, old.id)).values(expires_at=ends_at))
        await keep_answer(tx, office, command, Made(key=key, plain=None, webhook_secret=None))
        await _tell(tx, office, "key.rotated", key, by=by, now=now, replaces=old.id, old_expires_at=ends_at)
    return Made(key=key, plain=plain, webhook_secret=webhook_secret(secret_key, key.id))


async def resolve(office: Office, plain: str, now: datetime) -> Actor:
    """The partner that has this key. Raises NotSignedIn `bad_key`, or `key_expired` when its time is over."""
    row = None
    if plain.startswith("rk_"):
        live = (api_keys.c.key_hash == _digest(plain)) & api_keys.c.revoked_at.is_(None)
        query = select(*_COLUMNS).where(api_keys.c.city_id == office.city_id, live)
        async with office.db.connect() as tx:
            row = (await tx.execute(query)).first()
    if row is None:
        raise NotSignedIn("接口密钥无效或已停用。", "This API key is unknown or revoked.", code="bad_key")
    if row.expires_at is not None and row.expires_at <= now:
        raise NotSignedIn(
            "接口密钥已过期，请改用轮换后的新密钥。",
            "This API key has expired: use the one it was rotated to.",
            code="key_expired",
        )
    await _note_use(office, row, now)
    return Actor(
        id=f"partner:{row.partner}",
        name=row.partner,
        kind="partner",
        roles=tuple(row.roles),
        regions=tuple(row.regions),
        only=None if row.actions is None else tuple(row.actions),
    )


async def _note_use(office: Office, row: Any, now: datetime) -> None:
    """When it was last used, to the minute: a partner that asks often costs one write a minute."""
    if row.last_used_at is not None and now - row.last_used_at < USE_NOTED_EVERY:
        return
    c = api_keys.c
    older = or_(c.last_used_at.is_(None), c.last_used_at <= now - USE_NOTED_EVERY)
    async with office.db.begin() as tx:
        await tx.execute(update(api_keys).where(_is(office, row.id), older).values(last_used_at=now))


async def list_keys(office: Office, *, by: Actor) -> list[Key]:
    """All keys, newest first, revoked ones too. Raises NotAllowed."""
    _demand_write(office, by)
    query = select(*_COLUMNS).where(api_keys.c.city_id == office.city_id).order_by(api_keys.c.created_at.desc())
    async with office.db.connect() as tx:
        return [Key(**row._mapping) for row in await tx.execute(query)]


async def revoke(office: Office, key_id: UUID, *, by: Actor, now: datetime) -> Key:
    """The key opens nothing any more. Twice is once. Raises NotFound, NotAllowed."""
    _demand_write(office, by)
    async with office.begin() as tx:
        key = await _lock(tx, office, key_id)
        if key.revoked_at is not None:
            return key
        revoked = msgspec.structs.replace(key, revoked_at=now)
        await tx.execute(update(api_keys).where(_is(office, key_id)).values(revoked_at=now))
        await _tell(tx, office, "key.revoked", revoked, by=by, now=now)
    return revoked


async def set_webhook(
    office: Office, key_id: UUID, url: str | None, *, by: Actor, now: datetime, command_id: UUID | None = None
) -> Key:
    """Where status changes are sent, or nowhere (None). Raises Invalid (field), NotFound, NotAllowed."""
    _demand_write(office, by)
    _check_url(url)
    command = Once(id=command_id, name="key.set_webhook", by=by, now=now, wants=[key_id, url])
    async with office.begin() as tx:
        if (first := await first_answer(tx, office, command)) is not None:
            return msgspec.convert(first, Key)
        changed = msgspec.structs.replace(await _lock(tx, office, key_id), webhook_url=url)
        await tx.execute(update(api_keys).where(_is(office, key_id)).values(webhook_url=url))
        await keep_answer(tx, office, command, changed)
        await _tell(tx, office, "key.changed", changed, by=by, now=now)
    return changed


async def find_webhook(office: Office, key_id: UUID, *, secret_key: str, now: datetime) -> Webhook | None:
    """Where the holder of a key wants to be told; None when it has ended or names no address.

    A message for a key that was rotated since goes where its successor says. While both are good both secrets sign.
    """
    c = api_keys.c
    columns = (c.id, c.webhook_url, c.replaces, _is_live(now).label("is_live"))
    async with office.db.connect() as tx:
        row = (await tx.execute(select(*columns).where(_is(office, key_id)))).first()
        while row is not None:
            later = select(*columns).where(c.city_id == office.city_id, c.replaces == row.id, c.revoked_at.is_(None))
            newer = (await tx.execute(later)).first()
            if newer is None:
                break
            row = newer
        if row is None or not row.is_live or not row.webhook_url:
            return None
        old = await tx.scalar(select(c.id).where(_is(office, row.replaces), _is_live(now))) if row.replaces else None
    return Webhook(
        url=row.webhook_url,
        secret=webhook_secret(secret_key, row.id),
        old_secret=None if old is None else webhook_secret(secret_key, old),
    )


def is_newest() -> ColumnElement[bool]:
    """A condition on `api_keys`: not rotated. A partner is told under the newest of its keys, once."""
    c, newer = api_keys.c, api_keys.alias("newer").c
    rotated = select(newer.id).where(newer.city_id == c.city_id, newer.replaces == c.id, newer.revoked_at.is_(None))
    return ~rotated.exists()


def webhook_secret(secret_key: str, key_id: UUID) -> str:
    """What messages to the key's holder are signed with: follows from the installation's key, is stored nowhere."""
    return "whs_" + hmac.digest(secret_key.encode(), b"webhook:" + key_id.bytes, "sha256").hex()


def _demand_write(office: Office, by: Actor) -> None:
    if by.kind != "system":  # whoever runs the machine's command line
        demand(office.city.policy.roles, by, "key:write", ANYTHING)


def _is_live(now: datetime) -> ColumnElement[bool]:
    c = api_keys.c
    return and_(c.revoked_at.is_(None), or_(c.expires_at.is_(None), c.expires_at > now))


async def _insert(tx: AsyncConnection, office: Office, key: Key) -> str:
    """The row of a new key; returns what is shown once."""
    plain = f"rk_{key.id.hex}_{secrets.token_urlsafe(32)}"
    row = {**msgspec.structs.asdict(key), "key_hash": _digest(plain)}
    await tx.execute(insert(api_keys).values(city_id=office.city_id, **row))
    return plain


async def _demand_can_rotate(tx: AsyncConnection, office: Office, old: Key, now: datetime) -> None:
    """A key that still opens, and has no successor yet."""
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise Conflict(
            "密钥已停用或过期，请新建。", "The key is revoked or has expired; make a new one.", code="key_has_ended"
        )
    c = api_keys.c
    later = select(c.id).where(c.city_id == office.city_id, c.replaces == old.id, c.revoked_at.is_(None))
    if await tx.scalar(later) is not None:
        raise Conflict(
            "这个密钥已经轮换过，请轮换新的那个。",
            "This key was rotated already; rotate its successor.",
            code="key_was_rotated",
        )


def _check(office: Office, new: NewKey, now: datetime) -> None:
    if not PARTNER.fullmatch(new.partner):
        raise Invalid(
            "合作系统名为 1 至 40 个小写字母、数字或连字符。",
            "A partner's name has 1 to 40 small letters, digits or hyphens.",
            field="partner",
            hint="12345, police-110",
        )
    if not new.roles or (
        strange := [role for role in new.roles if role == "system" or role not in office.city.policy.roles]
    ):
        raise Invalid(
            "没有这个角色。", "There is no such role.", field="roles", hint=", ".join(office.city.policy.roles)
        )
    if strange := [code for code in new.regions if code != office.city_id and code not in office.city.regions]:
        raise Invalid(f"没有这个辖区：{strange[0]}。", f"There is no such region: {strange[0]}.", field="regions")
    granted = {line.partition("@")[0] for role in new.roles for line in office.city.policy.roles[role]}  # type: ignore[index]
    if new.actions is not None and (not new.actions or not granted.issuperset(new.actions)):
        raise Invalid(
            "密钥的权限须在其角色的权限之内，且不为空。",
            "A key's actions are some of those that its roles have.",
            field="actions",
            hint=", ".join(sorted(granted)),
        )
    if new.expires_at is not None and new.expires_at <= now:
        raise Invalid("到期时间须在将来。", "A key expires in the future.", field="expires_at")
    _check_url(new.webhook_url)


def _check_url(url: str | None) -> None:
    """Its form only: the address behind the name is looked at when something is sent (backend.notify.webhook)."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("https", "http") and bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        fits = False
    if not fits or len(url) > 2000:
        raise Invalid(
            "回调地址应为不含用户名的 https:// 网址。",
            "A webhook address is an https:// address without a user name.",
            field="webhook_url",
            hint="https://partner.example.cn/rescue",
        )


async def _lock(tx: AsyncConnection, office: Office, key_id: UUID) -> Key:
    row = (await tx.execute(select(*_COLUMNS).where(_is(office, key_id)).with_for_update())).first()
    if row is None:
        raise NotFound("没有这个接口密钥。", "There is no such API key.")
    return Key(**row._mapping)


async def _tell(
    tx: AsyncConnection, office: Office, kind: str, key: Key, *, by: Actor, now: datetime, **facts: object
) -> None:
    told = {"key_id": key.id, "partner": key.partner, "roles": key.roles, "regions": key.regions}
    data = {**told, "actions": key.actions, "expires_at": key.expires_at, **facts}
    entry = log.Entry(kind=kind, actor=by, occurred_at=now, regions=key.regions, data=data)
    await log.append(tx, office.city_id, [entry], now=now)


def _is(office: Office, key_id: UUID) -> Any:
    return (api_keys.c.city_id == office.city_id) & (api_keys.c.id == key_id)


def _digest(plain: str) -> bytes:
    return hashlib.sha256(plain.encode()).digest()
