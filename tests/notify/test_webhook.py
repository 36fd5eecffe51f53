"""Webhooks: signed, to the address that was looked at, and never inside."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from uuid import uuid4

import httpx
import msgspec
import pytest

from backend.notify import outward
from backend.notify.senders import Message, TryLater, Undeliverable
from backend.notify.webhook import DELIVERY, SIGNATURE, Target, WebhookSender, is_genuine, sign
from tests.access.builders import NOW

LOOPBACK = [ip_network("127.0.0.0/8")]
SECRET = "whs_secret"
AT = int(NOW.timestamp())


class Partner:
    """A partner's server on this machine, and what it was sent."""

    def __init__(self, answer: bytes) -> None:
        self.answer, self.requests = answer, list[bytes]()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        self.requests.append(head + await reader.readexactly(length))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def a_partner(answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n") -> AsyncIterator[Partner]:
    partner = Partner(answer)
    server = await asyncio.start_server(partner.serve, "127.0.0.1", 0)
    partner.port = server.sockets[0].getsockname()[1]
    async with server:
        yield partner


@asynccontextmanager
async def a_sender(url: str | None, *, allowed: bool = True) -> AsyncIterator[WebhookSender]:
    async def find(to: str) -> Target | None:
        assert to == "key-1"
        return Target(url, SECRET) if url else None

    sender = WebhookSender(find, allowed_networks=LOOPBACK if allowed else [], timeout_s=2)
    yield sender
    await sender.aclose()


def a_message() -> Message:
    return Message(
        id=uuid4(), way="webhook", to="key-1", message={"kind": "case.accepted", "number": 1, "说明": "已受理"},
        case_id=None, offer_id=None, created_at=NOW, attempts=1,
    )  # fmt: skip


async def test_a_partner_gets_it_signed_and_can_tell() -> None:
    message = a_message()
    async with a_partner() as partner, a_sender(f"http://localhost:{partner.port}/hook?x=1") as sender:
        await sender.send(message, NOW)
    [request] = partner.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert lines[0] == "POST /hook?x=1 HTTP/1.1"
    assert headers["host"] == f"localhost:{partner.port}"
    assert headers[DELIVERY.lower()] == str(message.id)
    assert msgspec.json.decode(body)["kind"] == "case.accepted"
    signature = headers[SIGNATURE.lower()]
    assert is_genuine(SECRET, signature, body, at=AT)
    assert not is_genuine("another", signature, body, at=AT)
    assert not is_genuine(SECRET, signature, body + b" ", at=AT)
    assert not is_genuine(SECRET, signature, body, at=AT + 301)
    for wrong in ("", "t=,v1=", "t=x", "t=１２", signature[:-1], f"t={AT}"):
        assert not is_genuine(SECRET, wrong, body, at=AT)


def test_the_signature_is_as_documented() -> None:
    """A fixed example for partners who write their own check."""
    signed = sign("whs_example", b'{"id":"1"}', 1474236000)
    assert signed == "t=1474236000,v1=15663e7f72412969768a2eaaaa0b2c270f98c699347252e71a0d4a4002890fa8"


@pytest.mark.parametrize(
    ("answer", "raises"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Undeliverable),
        (b"HTTP/1.1 410 Gone\r\n\r\n", Undeliverable),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", TryLater),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", TryLater),
        (b"HTTP/1.1 500 Oops\r\n\r\n", TryLater),
        (b"not http at all", httpx.RemoteProtocolError),
    ],
)
async def test_an_answer_says_whether_to_try_again(answer: bytes, raises: type[Exception]) -> None:
    async with a_partner(answer) as partner, a_sender(f"http://127.0.0.1:{partner.port}/") as sender:
        with pytest.raises(raises):
            await sender.send(a_message(), NOW)


async def test_a_partner_may_ask_for_a_pause_but_not_for_ever() -> None:
    for asked, given in ((b"120", 120.0), (b"999999", 3600.0), (b"tomorrow", 0.0)):
        answer = b"HTTP/1.1 429 Slow Down\r\nRetry-After: " + asked + b"\r\n\r\n"
        async with a_partner(answer) as partner, a_sender(f"http://127.0.0.1:{partner.port}/") as sender:
            with pytest.raises(TryLater) as later:
                await sender.send(a_message(), NOW)
        assert later.value.after_s == given


async def test_an_endless_answer_is_not_read() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n" + b"x" * 100_000
    async with a_partner(endless) as partner, a_sender(f"http://127.0.0.1:{partner.port}/") as sender:
        async with asyncio.timeout(2):
            await sender.send(a_message(), NOW)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1", "2130706433"],
)
async def test_an_address_inside_is_refused_however_it_is_written(host: str) -> None:
    async with a_sender(f"https://{host}/", allowed=False) as sender:
        with pytest.raises(Undeliverable, match="not public"):
            await sender.send(a_message(), NOW)


@pytest.mark.parametrize(
    "hidden", ["64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "224.0.0.1", "100.64.0.1", "fd00::1"]
)
async def test_a_name_that_leads_inside_is_refused(hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, lambda: ["93.184.216.34", hidden])
    async with a_sender("https://partner.example.cn/", allowed=False) as sender:
        with pytest.raises(Undeliverable, match="not public"):
            await sender.send(a_message(), NOW)


async def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers differently the second time changes nothing: it is not asked a second time."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    _resolve(monkeypatch, lambda: next(answers))
    async with a_sender("https://partner.example.cn:8443/x", allowed=False) as sender:
        request = await sender._outward.request(httpx.URL("https://partner.example.cn:8443/x"), b"{}", {})
    assert str(request.url) == "https://93.184.216.34:8443/x"
    assert request.headers["Host"] == "partner.example.cn:8443"
    assert request.extensions["sni_hostname"] == "partner.example.cn"


async def test_plain_http_does_not_leave_the_allowed_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, lambda: ["93.184.216.34"])
    async with a_sender("http://partner.example.cn/") as sender:
        with pytest.raises(Undeliverable, match="plain http"):
            await sender.send(a_message(), NOW)


async def test_a_revoked_key_gets_nothing() -> None:
    async with a_sender(None) as sender:
        with pytest.raises(Undeliverable, match="revoked"):
            await sender.send(a_message(), NOW)


def _resolve(monkeypatch: pytest.MonkeyPatch, names: Callable[[], list[str]]) -> None:
    async def addresses(_: httpx.URL) -> list[outward.Address]:
        return [ip_address(name) for name in names()]

    monkeypatch.setattr(outward, "resolve", addresses)


async def test_while_a_key_rotates_either_secret_proves_it_genuine() -> None:
    async def find(_: str) -> Target | None:
        return Target(f"http://127.0.0.1:{partner.port}/", "new", "old")

    async with a_partner() as partner:
        sender = WebhookSender(find, allowed_networks=LOOPBACK, timeout_s=2)
        await sender.send(a_message(), NOW)
        await sender.aclose()
    head, _, body = partner.requests[0].partition(b"\r\n\r\n")
    [header] = [
        line.partition(": ")[2] for line in head.decode().split("\r\n") if line.lower().startswith("rescue-sig")
    ]
    at = int(NOW.timestamp())
    assert header.count("v1=") == 2
    assert is_genuine("new", header, body, at=at)
    assert is_genuine("old", header, body, at=at)
    assert not is_genuine("older", header, body, at=at)
    assert not is_genuine("old", header, body + b" ", at=at)
    assert not is_genuine("old", header.partition(",")[0], body, at=at)
