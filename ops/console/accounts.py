"""Accounts and partner keys: who may sign in, and which systems may report."""

from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from backend.access import accounts, keys, sessions
from backend.access.accounts import Account, AccountChange, NewAccount, Page
from backend.access.actor import Actor
from backend.access.keys import Key, Made, NewKey
from backend.access.sessions import Session
from backend.clock import SystemClock
from backend.office import Office

_real = SystemClock()


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
        self, data: JSONBody[NewAccount], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> Account:
        """口令至少 10 位。 A password of ten characters at least."""
        return await accounts.create(office, data, by=by, now=_real.now())

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
        data: JSONBody[AccountChange],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
    ) -> Account:
        """停用后其会话与实时通道立即断开。 Deactivated, its sessions and sockets end at once."""
        return await accounts.change(office, account_id, data, by=by, now=_real.now())

    @get("/{account_id:uuid}/sessions", summary="账号的会话 Sessions of an account")
    async def sessions(
        self, account_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> list[Session]:
        """所有设备。 On all devices."""
        return await sessions.list_sessions(office, account_id, by=by, now=_real.now())


class Webhook(Struct, frozen=True, forbid_unknown_fields=True):
    """Where status changes are sent; null for nowhere."""

    url: str | None


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
        data: JSONBody[NewKey],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        secret_key: NamedDependency[str],
    ) -> Made:
        """密钥只显示这一次。 Shown this once."""
        return await keys.create(office, data, secret_key=secret_key, by=by, now=_real.now())

    @delete("/{key_id:uuid}", summary="停用密钥 Revoke a key", status_code=200)
    async def revoke(self, key_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]) -> Key:
        """立即失效。 At once."""
        return await keys.revoke(office, key_id, by=by, now=_real.now())

    @post("/{key_id:uuid}/webhook", summary="设置回调地址 Set the webhook", status_code=200)
    async def set_webhook(
        self,
        key_id: FromPath[UUID],
        data: JSONBody[Webhook],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
    ) -> Key:
        """状态变化会签名推送到此地址。 Status changes are sent there, signed."""
        return await keys.set_webhook(office, key_id, data.url, by=by, now=_real.now())
