"""Keys of partner systems (110, 12345, smart city management): `rk_<id>_<secret>`.

The whole key is shown once, when it is made; the database has its SHA-256. All keys of one partner are one actor, so
that a partner may change its key and still read what it reported.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import Struct, field
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.access.actor import Actor
from backend.access.permissions import ANYTHING, demand
from backend.db import api_keys
from backend.errors import Invalid, NotFound, NotSignedIn
from backend.ids import new_id
from backend.office import Office

PARTNER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class Key(Struct, frozen=True, kw_only=True):
    """What is known of a key; never the key."""

    id: UUID
    partner: str
    roles: list[str]
    regions: list[str]
    webhook_url: str | None
    created_at: datetime
    revoked_at: datetime | None = None


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key is made from. regions: codes whose area is the partner's."""

    partner: str
    regions: list[str] = []
    roles: list[str] = field(default_factory=lambda: ["partner"])
    webhook_url: str | None = None


class Made(Struct, frozen=True, kw_only=True):
    """A new key. `plain` and `webhook_secret` are shown to a person once."""

    key: Key
    plain: str
    webhook_secret: str


class Webhook(Struct, frozen=True, kw_only=True):
    """Where a partner wants to be told, and what its messages are signed with."""

    url: str
    secret: str


_COLUMNS = [api_keys.c[name] for name in Key.__struct_fields__]


async def create(office: Office, new: NewKey, *, secret_key: str, by: Actor, now: datetime) -> Made:
    """A key with its plain text, which nobody can see again. Raises Invalid (field), NotAllowed."""
    _demand_write(office, by)
    _check(office, new)
    key = Key(id=new_id(), **{**msgspec.structs.asdict(new), "created_at": now})
    plain = f"rk_{key.id.hex}_{secrets.token_urlsafe(32)}"
    row = {**msgspec.structs.asdict(key), "key_hash": _digest(plain)}
    async with office.begin() as tx:
        await tx.execute(insert(api_keys).values(city_id=office.city_id, **row))
        await _tell(tx, office, "key.created", key, by=by, now=now)
    return Made(key=key, plain=plain, webhook_secret=webhook_secret(secret_key, key.id))


async def resolve(office: Office, plain: str) -> Actor:
    """The partner that has this key. Raises NotSignedIn."""
    row = None
    if plain.startswith("rk_"):
        live = (api_keys.c.key_hash == _digest(plain)) & api_keys.c.revoked_at.is_(None)
        query = select(*_COLUMNS).where(api_keys.c.city_id == office.city_id, live)
        async with office.db.connect() as tx:
            row = (await tx.execute(query)).first()
    if row is None:
        raise NotSignedIn("接口密钥无效或已停用。", "This API key is unknown or revoked.", code="bad_key")
    return Actor(
        id=f"partner:{row.partner}",
        name=row.partner,
        kind="partner",
        roles=tuple(row.roles),
        regions=tuple(row.regions),
    )


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


async def set_webhook(office: Office, key_id: UUID, url: str | None, *, by: Actor, now: datetime) -> Key:
    """Where status changes are sent, or nowhere (None). Raises Invalid (field), NotFound, NotAllowed."""
    _demand_write(office, by)
    _check_url(url)
    async with office.begin() as tx:
        changed = msgspec.structs.replace(await _lock(tx, office, key_id), webhook_url=url)
        await tx.execute(update(api_keys).where(_is(office, key_id)).values(webhook_url=url))
        await _tell(tx, office, "key.changed", changed, by=by, now=now)
    return changed


async def find_webhook(office: Office, key_id: UUID, *, secret_key: str) -> Webhook | None:
    """Where the holder of a key wants to be told; None when the key is revoked or names no address."""
    query = select(api_keys.c.webhook_url).where(_is(office, key_id), api_keys.c.revoked_at.is_(None))
    async with office.db.connect() as tx:
        url = await tx.scalar(query)
    return Webhook(url=url, secret=webhook_secret(secret_key, key_id)) if url else None


async def webhooks_of(tx: AsyncConnection, office: Office, partner: str) -> list[UUID]:
    """The live keys of a partner that name an address: whom a verb enqueues a status change for."""
    live = (api_keys.c.partner == partner) & api_keys.c.revoked_at.is_(None) & api_keys.c.webhook_url.is_not(None)
    return list((await tx.execute(select(api_keys.c.id).where(api_keys.c.city_id == office.city_id, live))).scalars())


def webhook_secret(secret_key: str, key_id: UUID) -> str:
    """What messages to the key's holder are signed with: follows from the installation's key, is stored nowhere."""
    return "whs_" + hmac.digest(secret_key.encode(), b"webhook:" + key_id.bytes, "sha256").hex()


def _demand_write(office: Office, by: Actor) -> None:
    if by.kind != "system":  # whoever runs the machine's command line
        demand(office.city.policy.roles, by, "key:write", ANYTHING)


def _check(office: Office, new: NewKey) -> None:
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


async def _tell(tx: AsyncConnection, office: Office, kind: str, key: Key, *, by: Actor, now: datetime) -> None:
    data = {"key_id": key.id, "partner": key.partner, "roles": key.roles, "regions": key.regions}
    entry = log.Entry(kind=kind, actor=by, occurred_at=now, regions=key.regions, data=data)
    await log.append(tx, office.city_id, [entry], now=now)


def _is(office: Office, key_id: UUID) -> Any:
    return (api_keys.c.city_id == office.city_id) & (api_keys.c.id == key_id)


def _digest(plain: str) -> bytes:
    return hashlib.sha256(plain.encode()).digest()
