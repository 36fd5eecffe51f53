"""Accounts and partner keys: who may sign in, and which systems may report."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from backend.access import accounts, keys, second_factor, sessions, signing_in
from backend.access.accounts import Account, AccountChange, NewAccount, Page
from backend.access.actor import Actor
from backend.access.keys import Key, Made, NewKey
from backend.access.sessions import Session
from backend.clock import SystemClock
from backend.office import Office

_real = SystemClock()


class AccountToMake(NewAccount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new account. command_id: made by the client; sent twice, one account is made."""

    command_id: UUID | None = None


class AccountToChange(AccountChange, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is to be different. command_id: made by the client; sent twice, it is changed once."""

    command_id: UUID | None = None


class NewPassword(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """password: the new one. current: the old one, for one's own account."""

    password: Annotated[str, Meta(max_length=1000)]
    current: Annotated[str, Meta(max_length=1000)] | None = None


class Accounts(Controller):
    """账号."""

    path = "/api/accounts"
    tags = ("账号 Accounts",)

    @get("/", summary="账号列表 List accounts")
    async def list_page(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        cursor: FromQuery[str | None] = None,
        limit: FromQuery[int] = 50,
    ) -> Page:
        """按登录名排序。 By login."""
        return await accounts.list_page(office, by=by, after=cursor, limit=max(1, min(limit, 200)))

    @post("/", summary="新建账号 Create an account")
    async def create(
        self, data: JSONBody[AccountToMake], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> Account:
        """口令至少 10 位，不在泄露密码表中。 A password of ten characters at least, none of the leaked ones."""
        return await accounts.create(office, data, by=by, now=_real.now(), command_id=data.command_id)

    @get("/{account_id:uuid}", summary="查看账号 One account")
    async def one(
        self, account_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> Account:
        """自己的，或有权查看的。 One's own, or one you may read."""
        return await accounts.get(office, account_id, by=by)

    @patch("/{account_id:uuid}", summary="修改账号 Change an account")
    async def change(
        self,
        account_id: FromPath[UUID],
        data: JSONBody[AccountToChange],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
    ) -> Account:
        """停用后其会话与实时通道立即断开。 Deactivated, its sessions and sockets end at once."""
        return await accounts.change(office, account_id, data, by=by, now=_real.now(), command_id=data.command_id)

    @post("/{account_id:uuid}/password", summary="修改密码 Change a password", status_code=204)
    async def set_password(
        self,
        account_id: FromPath[UUID],
        data: JSONBody[NewPassword],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
    ) -> None:
        """自己的须给出当前密码；其他会话随即结束。 One's own needs the current one; all other sessions end."""
        await accounts.set_password(office, account_id, data.password, by=by, now=_real.now(), current=data.current)

    @post("/{account_id:uuid}/unlock", summary="解除登录限制 Lift a lock-out", status_code=204)
    async def unlock(
        self, account_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> None:
        """失败次数清零，可立即再试。 The failures are forgotten; the next try is at once."""
        await signing_in.lift(office, account_id, by=by, now=_real.now())

    @delete("/{account_id:uuid}/second-factor", summary="解除动态口令 Reset the second factor")
    async def reset_second_factor(
        self, account_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> None:
        """手机丢失时用；其会话全部结束，须重新绑定。 For a lost phone: all its sessions end, and it is set up anew."""
        await second_factor.reset(office, account_id, by=by, now=_real.now())

    @get("/{account_id:uuid}/sessions", summary="账号的会话 Sessions of an account")
    async def sessions(
        self, account_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> list[Session]:
        """所有设备。 On all devices."""
        return await sessions.list_sessions(office, account_id, by=by, now=_real.now())

    @delete("/{account_id:uuid}/sessions", summary="结束账号的全部会话 Revoke all sessions of an account")
    async def revoke_sessions(
        self, account_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> None:
        """自己的账号保留当前会话。 Of one's own account the session that asks stays."""
        await sessions.revoke_all(office, account_id, by=by, now=_real.now())


class KeyToMake(NewKey, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new key. command_id: made by the client; sent twice, one key is made, and its text is shown the first time only."""

    command_id: UUID | None = None


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """overlap_days: how long the old key goes on. command_id: as everywhere."""

    overlap_days: Annotated[float, Meta(ge=0, le=90)] = keys.OVERLAP.total_seconds() / 86_400
    command_id: UUID | None = None


class Webhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where status changes are sent; null for nowhere."""

    url: str | None
    command_id: UUID | None = None


class Keys(Controller):
    """接口密钥."""

    path = "/api/keys"
    tags = ("外部系统 Partners",)

    @get("/", summary="密钥列表 List keys")
    async def list_keys(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[Key]:
        """不含密钥本身。 Never the keys themselves."""
        return await keys.list_keys(office, by=by)

    @post("/", summary="新建密钥 Create a key")
    async def create(
        self,
        data: JSONBody[KeyToMake],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        secret_key: NamedDependency[str],
    ) -> Made:
        """密钥只显示这一次；可限定权限与到期时间。 Shown this once; it can be limited to some actions, and expire."""
        new = NewKey(**{name: getattr(data, name) for name in NewKey.__struct_fields__})
        return await keys.create(office, new, secret_key=secret_key, by=by, now=_real.now(), command_id=data.command_id)

    @delete("/{key_id:uuid}", summary="停用密钥 Revoke a key", status_code=200)
    async def revoke(self, key_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]) -> Key:
        """立即失效。 At once."""
        return await keys.revoke(office, key_id, by=by, now=_real.now())

    @post("/{key_id:uuid}/rotate", summary="轮换密钥 Rotate a key")
    async def rotate(
        self,
        key_id: FromPath[UUID],
        data: JSONBody[Rotation],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        secret_key: NamedDependency[str],
    ) -> Made:
        """新密钥即刻可用，旧密钥在重叠期内继续有效。 The new key works at once, the old one goes on for the overlap."""
        return await keys.rotate(
            office,
            key_id,
            secret_key=secret_key,
            by=by,
            now=_real.now(),
            overlap=timedelta(days=data.overlap_days),
            command_id=data.command_id,
        )

    @post("/{key_id:uuid}/webhook", summary="设置回调地址 Set the webhook", status_code=200)
    async def set_webhook(
        self,
        key_id: FromPath[UUID],
        data: JSONBody[Webhook],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
    ) -> Key:
        """状态变化会签名推送到此地址。 Status changes are sent there, signed."""
        return await keys.set_webhook(office, key_id, data.url, by=by, now=_real.now(), command_id=data.command_id)
