"""Signing in and out, one's own sessions, the second factor, and the ticket that opens the live feed."""

import re
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, WebSocket, delete, get, post, websocket
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from backend.access import second_factor, sessions, signing_in, tickets
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.access.second_factor import Enrolment, RecoveryCodes
from backend.access.sessions import Session
from backend.access.signing_in import Claim, SignedIn
from backend.access.tickets import Ticket
from backend.clock import SystemClock
from backend.live.feed import Feed, Line
from backend.live.frames import WRITE_AT_ONCE
from backend.live.inbox import BAD_MESSAGE, NOT_ALLOWED
from backend.office import Office
from backend.web import AnyRequest

_real = SystemClock()
AnySocket = WebSocket[Any, Any, State]
NUMBER = re.compile(r"-?[0-9]{1,18}")


class Credentials(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """login and password; code when a second factor is set up (or a recovery code in its place).

    device: a name the person recognises in their list of sessions. device_key: what an earlier sign-in on this device
    answered; with it strangers' failures do not lock this device out.
    """

    login: Annotated[str, Meta(max_length=200)]
    password: Annotated[str, Meta(max_length=1000)]
    device: Annotated[str, Meta(max_length=200)] | None = None
    code: Annotated[str, Meta(max_length=40)] | None = None
    device_key: Annotated[str, Meta(min_length=40, max_length=100)] | None = None


class OwnPassword(Struct, frozen=True, forbid_unknown_fields=True):
    """The current password, asked again."""

    password: Annotated[str, Meta(max_length=1000)]


class OneCode(Struct, frozen=True, forbid_unknown_fields=True):
    """What the phone shows now."""

    code: Annotated[str, Meta(max_length=40)]


class SignInOut(Controller):
    """会话."""

    path = "/api/sessions"
    tags = ("登录 Sessions",)

    @post("/", summary="登录 Sign in")
    async def sign_in(
        self,
        request: AnyRequest,
        data: JSONBody[Credentials],
        office: NamedDependency[Office],
    ) -> SignedIn:
        """用户名或口令错误时不说明是哪一项。 A wrong login and a wrong password read the same.

        已绑定动态口令的须同时给出 code；失败过多须等待，等待时间见 retry_after_s。须绑定而未绑定的，me.only 为空列表，只能去绑定。
        With a second factor `code` is needed too; after too many failures one waits `retry_after_s`. Who has to set up a second
        factor and has not has an empty list in `me.only`, and can do that only.
        """
        source = request.client.host if request.client else None
        claim = Claim(**{name: getattr(data, name) for name in Credentials.__struct_fields__}, source=source)
        return await signing_in.sign_in(office, claim, _real.now())

    @get("/me", summary="我是谁 Who am I")
    async def me(self, by: NamedDependency[Actor]) -> Actor:
        """未登录时为群众。 The public when not signed in."""
        return by

    @get("/", summary="我的登录会话 My sessions")
    async def mine(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[Session]:
        """包括其他设备：名称、来源地址、何时登录、最近使用。 On all devices: name, source, since when, last seen."""
        return await sessions.list_sessions(office, _account(by), by=by, now=_real.now())

    @delete("/", summary="结束其他会话 Revoke my other sessions")
    async def revoke_others(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> None:
        """只保留当前会话。 Only the session that asks stays."""
        await sessions.revoke_all(office, _account(by), by=by, now=_real.now())

    @delete("/current", summary="退出 Sign out")
    async def sign_out(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> None:
        """本会话立即失效。 This session ends now."""
        await sessions.sign_out(office, by, now=_real.now())

    @delete("/{session_id:uuid}", summary="结束某个会话 Revoke a session")
    async def revoke(
        self, session_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> None:
        """自己的会话，或有权管理的账号的会话。 One's own, or with account:write."""
        await sessions.revoke(office, session_id, by=by, now=_real.now())


class SecondFactor(Controller):
    """动态口令."""

    path = "/api/second-factor"
    tags = ("登录 Sessions",)

    @post("/", summary="获取绑定密钥 Begin to set up the second factor")
    async def begin(
        self, data: JSONBody[OwnPassword], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> Enrolment:
        """在手机的动态口令应用中录入，再用 confirm 确认。 To be entered in an app for one-time codes, then confirmed."""
        return await second_factor.begin(office, data.password, by=by, now=_real.now())

    @post("/confirm", summary="确认绑定 Confirm the second factor")
    async def confirm(
        self, data: JSONBody[OneCode], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> RecoveryCodes:
        """验证一次后生效，返回十个恢复码（只显示这一次）。 Counts from now on; ten recovery codes, shown this once."""
        return await second_factor.confirm(office, data.code, by=by, now=_real.now())


def _account(by: Actor) -> UUID:
    if by.kind != "account":
        demand({}, by, "session:read")
    return UUID(by.id)


@post("/api/feed/tickets", summary="实时通道票据 A ticket for the live feed", tags=["实时 Feed"])
async def feed_ticket(by: NamedDependency[Actor], office: NamedDependency[Office]) -> Ticket:
    """30 秒内有效，只能用一次。 One use, thirty seconds; see docs/live-feed.md."""
    demand(office.city.policy.roles, by, "feed:open")
    return await tickets.issue(office, by=by, now=_real.now())


@websocket("/api/feed")
async def feed_socket(
    socket: AnySocket,
    feed: NamedDependency[Feed],
    allowed_origins: NamedDependency[tuple[str, ...]],
    ticket: FromQuery[str] = "",
    since: FromQuery[str] = "",
) -> None:
    """The live feed. Accepted first, so that a refusal reaches the client as a close code and not as a bare 403."""
    await socket.accept()
    origin = socket.headers.get("origin")
    if origin is not None and not _same_site(socket, origin, allowed_origins):
        await socket.close(NOT_ALLOWED.code, NOT_ALLOWED.reason)
        return
    if since and not NUMBER.fullmatch(since):
        await socket.close(BAD_MESSAGE.code, BAD_MESSAGE.reason)
        return

    async def receive() -> str | bytes | None:
        try:
            message = await socket.receive()
        except WebSocketDisconnect:
            return None
        if message["type"] == "websocket.disconnect":
            return None
        said: str | bytes | None = message.get("text") or message.get("bytes")  # type: ignore[assignment]
        return said or ""

    line = Line(
        send=socket.send_text,
        receive=receive,
        close=lambda code, reason: socket.close(code, reason),
        write_at_once=(socket.scope.get("extensions") or {}).get(WRITE_AT_ONCE),  # type: ignore[arg-type]
    )
    await feed.serve(line, ticket, now=_real.now(), since=int(since) if since else None)


def _same_site(socket: AnySocket, origin: str, allowed: tuple[str, ...]) -> bool:
    """CORS does not cover sockets: only our own pages and the origins the installation names may open one."""
    host = socket.headers.get("host", "")
    return origin in allowed or origin.partition("://")[2] == host
