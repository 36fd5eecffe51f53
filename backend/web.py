"""The little that all routes share: who asks, the command a body stands for, and how a fault reads on the wire.

Routes parse, call one verb and return; what a verb raises becomes an RFC 9457 problem document here, once.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

import msgspec
import structlog
from asyncpg import PostgresError
from litestar import MediaType, Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Struct
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from backend.access import keys, sessions
from backend.access.actor import PUBLIC, Actor
from backend.clock import SystemClock
from backend.dispatch.change import Command
from backend.dispatch.move import happened_at
from backend.errors import Conflict, Invalid, Refused, TooMany, Unavailable
from backend.office import Office

PROBLEM = "application/problem+json"
_real = SystemClock()
_log = structlog.get_logger("web")

AnyRequest = Request[Any, Any, State]


class CommandBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every command carries: its own id (UUIDv7, made by the client) and when it happened, if not now."""

    command_id: UUID | None = None
    occurred_at: datetime | None = None


class Empty(CommandBody, frozen=True):
    """A command that says all by its address."""


class WithReason(CommandBody, frozen=True):
    """A command that needs a reason."""

    reason: str


def command(name: str, about: UUID | None, body: CommandBody, by: Actor, now: datetime) -> Command:
    """The command that a body stands for. name and `about` make the same id for another wish noticeable."""
    said = msgspec.to_builtins(body)
    args = {"about": str(about), **{k: v for k, v in said.items() if k != "command_id"}}
    return Command(name=name, by=by, now=now, at=happened_at(body.occurred_at, now), id=body.command_id, args=args)


async def who_asks(connection: ASGIConnection[Any, Any, Any, State], office: Office) -> Actor:
    """The actor of a request: a session or partner key as `Authorization: Bearer …`, else the public.

    Sessions end by the machine's time, whatever day a demonstration plays.
    """
    header = connection.headers.get("authorization")
    if header is None:
        return PUBLIC
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Invalid("登录凭证格式不对。", "The Authorization header must read 'Bearer …'.", field="authorization")
    if token.startswith("rk_"):
        return await keys.resolve(office, token)
    return await sessions.resolve(office, token, _real.now())


def _problem(request: AnyRequest, status: int, code: str, zh: str, en: str, **extra: Any) -> Response[dict[str, Any]]:
    body = {
        "type": f"urn:rescue-circle:{code}",
        "title": en if request.headers.get("accept-language", "zh").startswith("en") else zh,
        "status": status,
        "code": code,
        "detail_zh": zh,
        "detail_en": en,
        "request_id": request.scope.get("state", {}).get("request_id"),
        **msgspec.to_builtins(extra, enc_hook=str),
    }
    headers = {}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(math.ceil(float(extra.get("retry_after_s", 1))))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, status_code=status, media_type=PROBLEM, headers=headers)


def refused(request: AnyRequest, fault: Refused) -> Response[dict[str, Any]]:
    """A rule said no: its own sentence and code."""
    return _problem(request, fault.status, fault.code, fault.zh, fault.en, **fault.extra)


def not_understood(request: AnyRequest, fault: ValidationException) -> Response[dict[str, Any]]:
    """The body or a parameter is malformed: which field, and what was expected."""
    faults = _fields(fault.extra)
    where_ = "、".join(f["field"] for f in faults if f["field"])
    zh = f"请求内容有误{f'（{where_}）' if where_ else ''}，请检查后重发。"
    en = "; ".join(f"{f['field']}: {f['expected']}" if f["field"] else f["expected"] for f in faults)
    return _problem(request, 422, "invalid", zh, f"The request is malformed: {en or fault.detail}", faults=faults)


def _fields(extra: Any) -> list[dict[str, str]]:
    rows = extra if isinstance(extra, list) else []
    return [{"field": str(row.get("key", "")), "expected": str(row.get("message", ""))} for row in rows]


_HTTP_WORDS: Mapping[int, tuple[str, str]] = {
    400: ("请求格式不对，请检查内容是否为有效的 JSON。", "The request is malformed: is it valid JSON?"),
    404: ("没有这个地址。", "There is no such address."),
    405: ("这个地址不支持该操作。", "That method is not supported here."),
    413: ("内容太大。", "That is too large."),
    415: ("不支持这种内容类型。", "That type of content is not supported."),
}


def http_fault(request: AnyRequest, fault: HTTPException) -> Response[dict[str, Any]]:
    """What the framework itself refuses."""
    status = fault.status_code
    zh, en = _HTTP_WORDS.get(status, ("请求无法处理。", fault.detail))
    name = HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
    return _problem(request, status, name, zh, en)


def database_fault(request: AnyRequest, fault: SQLAlchemyError | PostgresError | OSError) -> Response[dict[str, Any]]:
    """Another was faster (a constraint says so), or the database is away: nothing was done, it may be sent again."""
    if isinstance(fault, IntegrityError):
        return refused(
            request,
            Conflict("情况刚刚有变，请刷新后再试。", "Things have just changed: look again and retry.", code="changed"),
        )
    state = getattr(getattr(fault, "orig", None), "sqlstate", None) if isinstance(fault, DBAPIError) else None
    _log.error("database", error=type(fault).__name__, sqlstate=state)
    away = Unavailable(
        "系统暂时无法保存，请稍后重试；本次没有任何改动。",
        "The system cannot save right now; nothing was changed. Please send it again.",
    )
    return refused(request, away)


def unexpected(request: AnyRequest, fault: Exception) -> Response[dict[str, Any]]:
    """A fault of ours: named in the log by its request id, never shown to the person."""
    _log.exception("unexpected", error=type(fault).__name__)
    zh, en = "系统出现意外错误，已记录。", "Something unexpected went wrong; it has been recorded."
    return _problem(request, 500, "unexpected", zh, en)


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    Refused: refused,
    ValidationException: not_understood,
    HTTPException: http_fault,
    SQLAlchemyError: database_fault,
    PostgresError: database_fault,
    ConnectionError: database_fault,
    TimeoutError: database_fault,
    Exception: unexpected,
}

JSON = MediaType.JSON


class Limiter:
    """So many requests a minute from one sender; a sender is an actor or, for the public, an address.

    Kept in this process: with several processes a sender may send as many times more. `demand` raises TooMany.
    """

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}

    def demand(self, sender: str, per_minute: int, now_s: float) -> None:
        """Take one of the sender's tokens. now_s: any steady clock, seconds."""
        left, at = self._left.get(sender, (float(per_minute), now_s))
        left = min(float(per_minute), left + (now_s - at) * per_minute / 60)
        if left < 1:
            wait_s = (1 - left) * 60 / per_minute
            raise TooMany(
                f"提交过于频繁，请 {math.ceil(wait_s)} 秒后再试。",
                f"Too many at once: please wait {math.ceil(wait_s)} s.",
                retry_after_s=round(wait_s, 1),
            )
        if len(self._left) > 50_000:
            self._left.clear()  # a flood of addresses must not fill the memory
        self._left[sender] = (left - 1, now_s)
