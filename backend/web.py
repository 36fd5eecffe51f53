"""The little that all routes share: who asks, the command a body stands for, and how a fault reads on the wire.

Routes parse, call one verb and return; what a verb raises becomes an RFC 9457 problem document here, once.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, cast
from uuid import UUID

import msgspec
import structlog
from asyncpg import DataError, PostgresError
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, ValidationException
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Meta, Struct
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from backend.access import keys, sessions
from backend.access.actor import PUBLIC, Actor
from backend.clock import SystemClock
from backend.dispatch.change import Command
from backend.dispatch.move import happened_at
from backend.errors import Conflict, Invalid, NotAllowed, NotSignedIn, Refused, Unavailable
from backend.office import Office
from backend.phone_clock import HEADER, ON_TIME, PhoneClock, seen_at
from backend.wording import NOT_BLANK, FieldFault, in_words

PROBLEM = "application/problem+json"
CUT_OFF = "client disconnected prematurely"
"""What the framework says of a body that never came to its end: a phone that lost its network, no fault of ours."""
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

    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=NOT_BLANK)]


def command(
    name: str, about: UUID | None, body: CommandBody, by: Actor, now: datetime, phone: PhoneClock = ON_TIME
) -> Command:
    """The command that a body stands for. name and `about` make the same id for another wish noticeable.

    phone: the clock by which the body says when. What was wished stays as it was said, so that it is the same sent again later.
    """
    said = msgspec.to_builtins(body)
    args = {"about": str(about), **{k: v for k, v in said.items() if k != "command_id"}}
    at = happened_at(phone.right(body.occurred_at) if body.occurred_at else None, now)
    return Command(name=name, by=by, now=now, at=at, id=body.command_id, args=args, phone_off_s=phone.off_s)


AMoment = Annotated[str | None, QueryParameter(schema_extra={"format": "date-time"})]
"""A moment in an address: to be read by `moment`."""


def moment(text: str, field: str) -> datetime:
    """A moment from an address, in RFC 3339 with its zone. Raises Invalid: a bare number, say, is no moment.

    Left to the framework "0.5" would be half a second after 1970.
    """
    try:
        found = msgspec.convert(text, datetime, strict=True)
    except msgspec.ValidationError:
        found = None
    if found is None or found.tzinfo is None:
        raise Invalid(
            f"{field} 应为带时区的时间，如 2016-09-19T06:00:00+08:00。",
            f"{field} is a time with its zone, such as 2016-09-19T06:00:00+08:00.",
            field=field,
        )
    return found


def phone_clock(
    now: NamedDependency[datetime],
    sent_at: Annotated[str | None, HeaderParameter(name=HEADER, schema_extra={"format": "date-time"})] = None,
) -> PhoneClock:
    """The clock of the phone that sends, as far as it says what it shows. Raises Invalid for a header that is no moment."""
    return seen_at(moment(sent_at, HEADER) if sent_at is not None else None, now)


async def who_asks(connection: ASGIConnection[Any, Any, Any, State], office: Office) -> Actor:
    """The actor of a request: a session or partner key as `Authorization: Bearer …`, else the public.

    Sessions end by the machine's time, whatever day a demonstration plays.
    """
    header = connection.headers.get("authorization")
    if header is None:
        return PUBLIC
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotSignedIn(
            "登录凭证格式不对，请重新登录。", "The Authorization header must read 'Bearer …'.", code="bad_authorization"
        )
    if token.startswith("rk_"):
        return await keys.resolve(office, token, _real.now())
    return await sessions.resolve(office, token, _real.now())


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every refusal answers (RFC 9457). code: stable, for programs. title: in the language that was asked for.

    request_id: to be told to whoever runs this; it stands in the log. Some refusals have more: field, hint, faults.
    """

    type: str
    title: str
    status: int
    code: str
    detail_zh: str
    detail_en: str
    request_id: str | None
    field: str | None = None
    hint: str | None = None
    faults: list[FieldFault] = []


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
    if status == HTTPStatus.TOO_MANY_REQUESTS or "retry_after_s" in extra:
        headers["Retry-After"] = str(math.ceil(float(extra.get("retry_after_s", 1))))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, status_code=status, media_type=PROBLEM, headers=headers)


def refused(request: AnyRequest, fault: Refused) -> Response[dict[str, Any]]:
    """A rule said no: its own sentence and code. Whoever has not said who they are is asked to."""
    if isinstance(fault, NotAllowed) and "authorization" not in request.headers:
        fault = NotSignedIn("请先登录。", "Please sign in first.")
    return _problem(request, fault.status, fault.code, fault.zh, fault.en, **fault.extra)


def not_understood(request: AnyRequest, fault: ValidationException) -> Response[dict[str, Any]]:
    """The body or a parameter is malformed: which field, and what was expected."""
    rows = cast("list[dict[str, Any]]", fault.extra) if isinstance(fault.extra, list) else []
    faults = [in_words(str(row.get("message", "")), str(row.get("key", ""))) for row in rows]
    faults = faults or [in_words(str(fault.detail), "")]
    sentences = [one.sentence() for one in faults]
    zh, en = "；".join(zh for zh, _ in sentences), "; ".join(en for _, en in sentences)
    told = {"field": faults[0].field or None, "faults": faults}
    return _problem(request, 422, "invalid", f"请求内容有误：{zh}。", f"The request is malformed: {en}.", **told)


# What the framework refuses: status → code and words.
_HTTP_WORDS: Mapping[int, tuple[str, str, str]] = {
    400: ("bad_request", "请求格式不对，请检查内容是否完整。", "The request is malformed; perhaps it was cut off."),
    404: ("not_found", "没有这个地址。", "There is no such address."),
    405: ("method_not_allowed", "这个地址不支持该操作。", "That method is not supported here."),
    413: ("too_large", "内容太大。", "That is too large."),
    415: ("unsupported_type", "不支持这种内容类型。", "That type of content is not supported."),
}


def http_fault(request: AnyRequest, fault: HTTPException) -> Response[dict[str, Any]]:
    """What the framework itself refuses."""
    if fault.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return unreadable(request, fault) if fault.detail == CUT_OFF else unexpected(request, fault)
    code, zh, en = _HTTP_WORDS.get(fault.status_code, ("refused", "请求无法处理。", "The request cannot be done."))
    answer = _problem(request, fault.status_code, code, zh, en)
    if fault.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = (fault.headers or {}).get("allow", "")
    return answer


def unreadable(request: AnyRequest, _: Exception) -> Response[dict[str, Any]]:
    """Bytes that are no text, or brackets nested without end: no JSON that means anything here."""
    return _problem(request, 400, *_HTTP_WORDS[400])


def database_fault(request: AnyRequest, fault: SQLAlchemyError | PostgresError | OSError) -> Response[dict[str, Any]]:
    """Another was faster (a constraint says so), a value that cannot be kept, or the database is away.

    Nothing was done in any case. Only what is about the moment may be sent again as it is.
    """
    if isinstance(fault, IntegrityError):
        return refused(
            request,
            Conflict("情况刚刚有变，请刷新后再试。", "Things have just changed: look again and retry.", code="changed"),
        )
    if _cannot_be_kept(fault):
        zh, en = (
            "内容中有无法保存的字符或数值。",
            "Something in the request is a character or number that cannot be kept.",
        )
        return refused(request, Invalid(zh, en, code="cannot_be_kept"))
    _log.error("database", error=type(fault).__name__, sqlstate=_sqlstate(fault))
    away = Unavailable(
        "系统暂时无法保存，请稍后重试；本次没有任何改动。",
        "The system cannot save right now; nothing was changed. Please send it again.",
    )
    return refused(request, away)


def _sqlstate(fault: BaseException) -> str | None:
    source = getattr(fault, "orig", None) if isinstance(fault, DBAPIError) else fault
    return getattr(source, "sqlstate", None)


def _cannot_be_kept(fault: BaseException) -> bool:
    """Class 22 (data exception): the database is well, the value is not. asyncpg finds some of them before it asks."""
    cause = getattr(getattr(fault, "orig", None), "__cause__", None)
    return (_sqlstate(fault) or "").startswith("22") or isinstance(cause, DataError)


def unexpected(request: AnyRequest, fault: Exception) -> Response[dict[str, Any]]:
    """A fault of ours: named in the log by its request id, never shown to the person."""
    _log.error("unexpected", error=type(fault).__name__, exc_info=fault)
    zh, en = "系统出现意外错误，已记录。", "Something unexpected went wrong; it has been recorded."
    return _problem(request, 500, "unexpected", zh, en)


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    Refused: refused,
    ValidationException: not_understood,
    HTTPException: http_fault,
    SQLAlchemyError: database_fault,
    PostgresError: database_fault,
    OSError: database_fault,
    TimeoutError: database_fault,
    UnicodeDecodeError: unreadable,
    RecursionError: unreadable,
    Exception: unexpected,
}
