"""The gate before every route: how much one sender may ask is looked at here, so that no route can forget it (I15).

`Gate` stands around the whole application: so many requests a minute and so many at once, by the policy's `[limits]`.
`look` is asked for each request once its route is known and has the limits that belong to single routes (`BY_ROUTE`). What
depends on what is sent (the channel of a report, how many positions) is asked by `of_reports` and `of_positions`.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send, WebSocketScope

from backend.access.actor import Actor
from backend.errors import TooMany
from backend.limits.buckets import Want
from backend.limits.limiter import Limiter, Sender, by_address
from backend.live.inbox import TRY_LATER
from backend.office import Office
from backend.policy import Limits, Policy
from backend.web import refused

NEVER_LIMITED: Final = frozenset({"/health", "/metrics"})
"""Who watches over us must see that it is busy."""


TILES: Final = "/api/map/tiles/"
"""Counted apart and waiting in a line of their own: public, small, and many at a time."""
TILES_WAITING: Final = 500
"""Of a whole office behind one address, when its screens open in the morning."""
BURST_S: Final = 15.0
"""Of requests in general a quarter of a minute's may come at once: a screen that opens, not a minute's work in a second."""


class RouteLimit(NamedTuple):
    """name: a number of `[limits]`, and the bucket. by_address: also of those who say who they are."""

    name: str
    by_address: bool = False


BY_ROUTE: Final[Mapping[tuple[str, str], RouteLimit]] = {
    ("GET", "/api/reports/{receipt}"): RouteLimit("look_ups_per_minute"),
    ("GET", "/api/documents/check/{code}"): RouteLimit("look_ups_per_minute"),
    ("POST", "/api/reports/similar"): RouteLimit("similar_per_minute"),
    ("POST", "/api/reports/{receipt}/details"): RouteLimit("details_per_minute"),
    ("POST", "/api/reports/{receipt}/photos"): RouteLimit("photos_per_minute"),
    ("POST", "/api/cases/{case_id}/photos"): RouteLimit("photos_per_minute"),
    ("POST", "/api/sessions"): RouteLimit("sign_ins_per_minute", by_address=True),
    ("POST", "/api/feed/tickets"): RouteLimit("tickets_per_minute"),
    ("GET", "/api/places/search"): RouteLimit("places_per_minute"),
    ("GET", "/api/places/at"): RouteLimit("places_per_minute"),
}


class Gate:
    """An ASGI application around another: `limits` are the city's."""

    def __init__(self, app: ASGIApp, limiter: Limiter, office: Office) -> None:
        self._app, self._limiter, self._office = app, limiter, office

    @property
    def _limits(self) -> Limits:
        return self._office.city.policy.limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or socket."""
        if scope["type"] == ScopeType.HTTP and scope["path"] not in NEVER_LIMITED:
            await self._request(scope, receive, send)
        elif scope["type"] == ScopeType.WEBSOCKET:
            await self._socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        sender = _sender(self._limiter, scope)
        at_once = getattr(self._limits.at_once, sender.kind)
        try:
            if scope["path"].startswith(TILES):
                await self._limiter.demand(self._of_tiles(sender))
                # A screen asks for forty at once: a click that is made meanwhile does not stand behind them.
                turn = self._limiter.turns.turn(f"tiles:{sender.name}", at_once, most_waiting=TILES_WAITING)
            else:
                await self._limiter.demand(self._general(sender))
                turn = self._limiter.turns.turn(sender.name, at_once)
            async with turn:
                await self._app(scope, receive, send)
        except TooMany as fault:
            was_slow = await self._limiter.slow_down(sender)
            await _answer(scope, receive, send, fault, goodbye=not was_slow)

    async def _socket(self, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        try:
            await self._limiter.demand(self._general(_sender(self._limiter, scope)))
        except TooMany:
            await receive()
            # Accepted first: a browser cannot see why a handshake failed.
            await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
            await send({"type": "websocket.close", "code": TRY_LATER.code, "reason": TRY_LATER.reason})
            return
        await self._app(scope, receive, send)

    def _of_tiles(self, sender: Sender) -> Want:
        return Want(f"tiles:{sender.name}", self._limits.tiles_per_minute, at_once_s=BURST_S)

    def _general(self, sender: Sender) -> Want:
        per_minute = getattr(self._limits.requests_per_minute, sender.kind)
        return Want(f"requests:{sender.name}", per_minute, at_once_s=BURST_S)


def of_reports(policy: Policy, channel: str, sender: Sender) -> Want:
    """One report of this sender through this channel."""
    return Want(f"reports:{channel}:{sender.name}", policy.intake.rate_per_minute.get(channel, 10))


def of_positions(policy: Policy, team_id: UUID, count: int) -> Want:
    """So many positions of a team."""
    return Want(f"positions:{team_id}", policy.limits.positions_per_minute, cost=count)


def sender_of(connection: ASGIConnection[Any, Any, Any, State], by: Actor) -> Sender:
    """Who is limited: an account or partner as itself, the public by address."""
    return _by_address(connection.scope) if by.kind == "public" else Sender(by.id, by.kind)


async def look(connection: ASGIConnection[Any, Any, Any, State], _: BaseRouteHandler) -> None:
    """Asked before a route runs: the limits that are its own. Raises TooMany."""
    limit = BY_ROUTE.get((str(connection.scope.get("method", "")), connection.scope.get("path_template", "")))
    if limit is None:
        return
    parts = connection.app.state["parts"]
    limiter: Limiter = parts.limiter
    sender = _by_address(connection.scope) if limit.by_address else _sender(limiter, connection.scope)
    if sender.kind == "newcomers":
        return  # nobody yet: the next request is somebody's
    per_minute = getattr(parts.office.city.policy.limits, limit.name)
    await limiter.demand(Want(f"{limit.name}:{sender.name}", per_minute))


def _sender(limiter: Limiter, scope: HTTPScope | WebSocketScope) -> Sender:
    return limiter.sender(authorization_of(scope), _host(scope))


def _by_address(scope: HTTPScope | WebSocketScope) -> Sender:
    return by_address(_host(scope))


def _host(scope: HTTPScope | WebSocketScope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


def authorization_of(scope: Scope) -> str | None:
    """The header by which one says who one is."""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"), None)


async def _answer(scope: HTTPScope, receive: Receive, send: Send, fault: TooMany, *, goodbye: bool) -> None:
    """The same problem document as everywhere. goodbye: and the connection ends."""
    answer = refused(Request(scope, receive=receive, send=send), fault)
    body = msgspec.json.encode(answer.content)
    headers = {"content-type": str(answer.media_type), "content-length": str(len(body)), **answer.headers}
    if goodbye:
        headers["connection"] = "close"
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})
