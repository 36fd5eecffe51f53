"""Devices: where a session's notices are pushed to. One dies with its session, and gets nothing while its team is off duty.

Begin at `register`; `reachable` is asked when something is about to be sent (I12). What a device's address is, a browser's
subscription or a token of a push service, lies sealed. Times are the machine's, as those of sessions are.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta, Struct
from sqlalchemy import ARRAY, ColumnElement, Select, Text, and_, any_, cast, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks, personal
from backend.access.actor import Actor
from backend.errors import Invalid, NotAllowed, NotFound
from backend.ids import new_id
from backend.notify.offered import Offered
from backend.notify.senders import DeviceKind
from backend.office import Office

KINDS = frozenset({"web_push", "fcm", "jpush"})
AUTH_BYTES = 16
LONGEST_ADDRESS = 2_000


class SubscriptionKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """base64url: the browser's public key (P-256, 65 bytes) and its secret (16 bytes), as RFC 8291 names them."""

    p256dh: Annotated[str, Meta(max_length=200)]
    auth: Annotated[str, Meta(max_length=100)]


class Subscription(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `PushSubscription.toJSON()` gives in a browser."""

    endpoint: Annotated[str, Meta(max_length=LONGEST_ADDRESS)]
    keys: SubscriptionKeys
    expirationTime: float | None = None  # noqa: N815 - the browser's name


class NewDevice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device: a browser with its subscription, or a token that FCM or JPush gave the app."""

    kind: DeviceKind
    token: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None
    subscription: Subscription | None = None


class Device(Struct, frozen=True, kw_only=True):
    """One to send to. address: {"token": …} or {"endpoint", "p256dh", "auth"}."""

    id: UUID
    account_id: UUID
    kind: DeviceKind
    address: dict[str, str]


async def register(office: Office, new: NewDevice, offered: Offered, *, by: Actor, now: datetime) -> UUID:
    """The device of the session that asks. Known already, it is this session's from now on, and keeps its id.

    Raises Invalid (field), NotAllowed.
    """
    if by.session_id is None or by.must_enrol:
        raise NotAllowed("登录完成后才能登记设备。", "Only somebody fully signed in can register a device.")
    if new.kind not in offered.kinds:
        raise Invalid(
            "本系统没有开通这种推送。",
            "This installation does not send that kind of push.",
            code="not_offered",
            field="kind",
            hint=", ".join(offered.kinds),
        )
    address = _address(new)
    row = {"session_id": by.session_id, "account_id": UUID(by.id), "kind": new.kind, "created_at": now}
    async with office.db.begin() as tx:
        device_id = await _known_as(tx, office, address) or new_id()
        values = personal.sealed(office.ring, db.devices, {"id": device_id, "address": address, **row})
        put = upsert(db.devices).values(city_id=office.city_id, **values)
        changed = {name: value for name, value in values.items() if name != "id"}
        await tx.execute(put.on_conflict_do_update(index_elements=["city_id", "id"], set_=changed))
    return device_id


async def _known_as(tx: AsyncConnection, office: Office, address: Mapping[str, str]) -> UUID | None:
    """The id of the device with this address, which nobody else registers until the transaction ends."""
    indexes = personal.address_indexes(office.ring, address)
    await locks.hold(tx, f"device:{office.city_id}:{indexes[-1].hex()}")
    d = db.devices.c
    mine = (d.city_id == office.city_id) & d.address_index.in_(indexes) & d.gone_at.is_(None)
    found: UUID | None = (await tx.execute(select(d.id).where(mine))).scalar()
    return found


async def forget(office: Office, device_id: UUID, *, by: Actor, now: datetime) -> None:
    """Nothing is pushed there any more: one's own device. Raises NotFound."""
    if by.kind != "account":
        raise NotAllowed("请先登录。", "Only somebody signed in has devices.")
    async with office.db.begin() as tx:
        if not await _let_go(tx, office, db.devices.c.account_id == UUID(by.id), device_id, "forgotten", now):
            raise NotFound("没有这个设备。", "There is no such device.")


async def mark_gone(office: Office, device_id: UUID, because: str, now: datetime) -> None:
    """Its provider says that it is no more. Twice is once."""
    async with office.db.begin() as tx:
        await _let_go(tx, office, db.devices.c.gone_at.is_(None), device_id, because, now)


async def _let_go(
    tx: AsyncConnection, office: Office, which: ColumnElement[bool], device_id: UUID, because: str, now: datetime
) -> bool:
    d = db.devices.c
    mine = and_(d.city_id == office.city_id, d.id == device_id, d.gone_at.is_(None), which)
    gone = update(db.devices).where(mine).values(gone_at=now, gone_because=because, address_sealed=None)
    return (await tx.execute(gone.returning(d.id))).first() is not None


async def used(office: Office, device_id: UUID, now: datetime) -> None:
    """Something was sent there."""
    mine = (db.devices.c.city_id == office.city_id) & (db.devices.c.id == device_id)
    async with office.db.begin() as tx:
        await tx.execute(update(db.devices).where(mine).values(last_used_at=now))


# --- who can be reached ----------------------------------------------------------------------------------------------


def of(office: Office, to: str, now: datetime) -> Select[Any]:
    """The devices that a notice may go to now: id and kind. to: `team:<id>`, `role:<role>:<region>` (who answers for the region),
    `ground:<role>:<region>,<region>` (also who answers for a part of it), or `off_duty:<team id>`.

    Of people who are signed in; of a team only while it is on duty (I12). A team off duty is told of one thing alone, that it is
    called in, and that only while it is off duty.
    """
    return _alive(office, now).where(_meant(office, to))


def numbers_of(office: Office, to: str, now: datetime) -> Select[Any]:
    """The accounts with a duty phone that a notice may be texted to now: id. Who has signed out everywhere is not texted."""
    s, a = db.sessions.c, db.accounts.c
    signed_in = select(s.id).where(
        s.city_id == a.city_id, s.account_id == a.id, s.revoked_at.is_(None), s.expires_at > now
    )
    mine = and_(a.city_id == office.city_id, a.active, a.duty_phone_sealed.is_not(None), signed_in.exists())
    return select(a.id).where(mine, _meant(office, to))


async def number_of(tx: AsyncConnection, office: Office, account_id: UUID) -> str | None:
    """An account's duty phone."""
    a = db.accounts.c
    query = select(a.id, a.duty_phone_sealed).where(a.city_id == office.city_id, a.id == account_id)
    row = (await tx.execute(query)).first()
    number: str | None = personal.opened(office.ring, db.accounts, row._mapping)["duty_phone"] if row else None
    return number


def _meant(office: Office, to: str) -> ColumnElement[bool]:
    """A condition on `accounts`: who a notice is for."""
    a = db.accounts.c
    what, _, rest = to.partition(":")
    if what == "team":
        return and_(a.team_id == UUID(rest), on_duty(office, UUID(rest)))
    if what == "off_duty":
        return and_(a.team_id == UUID(rest), ~on_duty(office, UUID(rest)))
    if what == "facility":
        return a.facility_id == UUID(rest)
    role, _, region = rest.partition(":")
    meant = office.city.concerned(region.split(",")) if what == "ground" else office.city.lineage([region])
    above = cast(list(meant), ARRAY(Text))
    return and_(literal(role) == any_(a.roles), a.regions.bool_op("&&")(above))


def on_duty(office: Office, team_id: UUID) -> ColumnElement[bool]:
    """A condition: the team is on duty, or resting."""
    p = db.presence.c
    mine = and_(p.city_id == office.city_id, p.team_id == team_id, p.state != "off_duty")
    return select(p.team_id).where(mine).exists()


async def find(office: Office, device_id: UUID, now: datetime) -> Device | None:
    """The device, when it can be sent to: it is not gone, and its session lives."""
    query = _alive(office, now).add_columns(db.devices.c.account_id, db.devices.c.address_sealed)
    async with office.db.connect() as tx:
        row = (await tx.execute(query.where(db.devices.c.id == device_id))).first()
    return Device(**personal.opened(office.ring, db.devices, row._mapping)) if row is not None else None


def _alive(office: Office, now: datetime) -> Select[Any]:
    """Devices whose session lives and whose account is active. Joined with `sessions` and `accounts`."""
    d, s, a = db.devices.c, db.sessions.c, db.accounts.c
    joined = db.devices.join(db.sessions, and_(s.city_id == d.city_id, s.id == d.session_id)).join(
        db.accounts, and_(a.city_id == d.city_id, a.id == d.account_id)
    )
    return (
        select(d.id, d.kind)
        .select_from(joined)
        .where(
            d.city_id == office.city_id,
            d.gone_at.is_(None),
            s.revoked_at.is_(None),
            s.expires_at > now,
            a.active,
        )
    )


async def bury(tx: AsyncConnection, office: Office, device_ids: Sequence[UUID], now: datetime) -> None:
    """Of these, those whose session has ended are gone; their address is kept no longer."""
    d, s = db.devices.c, db.sessions.c
    lives = select(s.id).where(s.city_id == d.city_id, s.id == d.session_id, s.revoked_at.is_(None), s.expires_at > now)
    ended = and_(d.city_id == office.city_id, d.id.in_(device_ids), d.gone_at.is_(None), ~lives.exists())
    values = {"gone_at": now, "gone_because": "session_ended", "address_sealed": None}
    await tx.execute(update(db.devices).where(ended).values(**values))


# --- what is sent in -------------------------------------------------------------------------------------------------


def _address(new: NewDevice) -> dict[str, str]:
    """What is kept of it. Raises Invalid naming the field."""
    if new.kind == "web_push":
        if new.subscription is None or new.token is not None:
            raise _wrong(
                "subscription",
                "网页推送须有 subscription，没有 token。",
                "A browser gives `subscription` and no `token`.",
            )
        _check_endpoint(new.subscription.endpoint)
        _check_keys(new.subscription.keys)
        keys = new.subscription.keys
        return {"endpoint": new.subscription.endpoint, "p256dh": keys.p256dh, "auth": keys.auth}
    if new.token is None or new.subscription is not None:
        raise _wrong("token", "应用推送须有 token，没有 subscription。", "An app gives `token` and no `subscription`.")
    if not new.token.isascii() or not new.token.isprintable() or " " in new.token:
        raise _wrong("token", "token 中有不允许的字符。", "The token has characters that no token has.")
    return {"token": new.token}


def _check_endpoint(url: str) -> None:
    """Its form only: the address behind the name is looked at when something is sent (backend.notify.outward)."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("https", "http") and bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not url.isascii() or not url.isprintable():
        raise _wrong("subscription.endpoint", "推送地址应为 https:// 网址。", "The endpoint is an https:// address.")


def _check_keys(keys: SubscriptionKeys) -> None:
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64url(keys.p256dh))
    except ValueError:
        raise _wrong("subscription.keys.p256dh", "不是浏览器的公钥。", "That is no browser's public key.") from None
    try:
        fits = len(base64url(keys.auth)) == AUTH_BYTES
    except ValueError:
        fits = False
    if not fits:
        raise _wrong("subscription.keys.auth", "应为 16 字节的 base64url。", "That is not 16 bytes in base64url.")


def base64url(text_: str) -> bytes:
    """The bytes, with or without padding. Raises ValueError."""
    plain = text_.rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as fault:
        raise ValueError("no base64url") from fault


def _wrong(field: str, zh: str, en: str) -> Invalid:
    return Invalid(zh, en, field=field)
