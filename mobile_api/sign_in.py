"""Signing in and out, one's own sessions, and the ticket that opens the live feed."""

import re
import time
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, WebSocket, delete, get, post, websocket
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from backend.access import sessions, tickets
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.access.sessions import Session
from backend.access.tickets import Ticket
from backend.clock import SystemClock
from backend.live.feed import Feed, Line
from backend.live.inbox import BAD_MESSAGE, NOT_ALLOWED
from backend.office import Office
from backend.web import AnyRequest, Limiter

_real = SystemClock()
AnySocket = WebSocket[Any, Any, State]
NUMBER = re.compile(r"-?[0-9]{1,18}")


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """login and password; device is a name the person recognises in their list of sessions."""

    login: Annotated[str, Meta(max_length=200)]
    password: Annotated[str, Meta(max_length=1000)]
    device: Annotated[str, Meta(max_length=200)] | None = None


class SignedIn(Struct, frozen=True, kw_only=True):
    """The token for `Authorization: Bearer …`, and who one is."""

    token: str
    session: Session
    me: Actor


class SignInOut(Controller):
    """会话."""

    path = "/api/sessions"
    tags = ("登录 Sessions",)

    @post("/", summary="登录 Sign in")
    async def sign_in(
        self,
        request: AnyRequest,
        data: JSONBody[SignIn],
        office: NamedDependency[Office],
        limiter: NamedDependency[Limiter],
    ) -> SignedIn:
        """用户名或口令错误时不说明是哪一项。 A wrong login and a wrong password read the same."""
        address = request.client.host if request.client else "unknown"
        limiter.demand(f"sign-in-from:{address}", 120, time.monotonic())
        limiter.demand(f"sign-in-as:{data.login.strip().lower()}", 20, time.monotonic())
        token, session, me = await sessions.sign_in(office, data.login, data.password, data.device, _real.now())
        return SignedIn(token=token, session=session, me=me)

    @get("/me", summary="我是谁 Who am I")
    async def me(self, by: NamedDependency[Actor]) -> Actor:
        """未登录时为群众。 The public when not signed in."""
        return by

    @get("/", summary="我的登录会话 My sessions")
    async def mine(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[Session]:
        """包括其他设备。 On all devices."""
        return await sessions.list_sessions(office, _account(by), by=by, now=_real.now())

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

    line = Line(send=socket.send_text, receive=receive, close=lambda code, reason: socket.close(code, reason))
    await feed.serve(line, ticket, now=_real.now(), since=int(since) if since else None)


def _same_site(socket: AnySocket, origin: str, allowed: tuple[str, ...]) -> bool:
    """CORS does not cover sockets: only our own pages and the origins the installation names may open one."""
    host = socket.headers.get("host", "")
    return origin in allowed or origin.partition("://")[2] == host
