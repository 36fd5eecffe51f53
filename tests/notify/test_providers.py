"""Push services and the SMS gateway as they really speak: FCM's token and message calls, RFC 8291 opened with the browser's own
key, VAPID checked, JPush's codes; and what each answer means."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import http_ece
import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from py_vapid import jwt

from backend.notify import outward
from backend.notify.devices import base64url
from backend.notify.fcm import Fcm
from backend.notify.jpush import JPush
from backend.notify.offered import public_key
from backend.notify.push import CredentialsRefused, Gone, Push
from backend.notify.senders import Message, TryLater, Undeliverable
from backend.notify.sms import SmsSender
from backend.notify.web_push import WebPush
from backend.notify.webhook import DELIVERY, SIGNATURE, is_genuine
from tests.access.builders import NOW
from tests.notify.servers import Asked, Says, Service, a_service

PAYLOAD: dict[str, Any] = {
    "id": "0157", "code": "x", "kind": "offer.made", "number": 2016091900001, "priority": "critical",
    "offer_id": "o", "case_id": "c", "expires_at": None,
}  # fmt: skip
PUSH = Push(
    payload=PAYLOAD, words=("有新派遣", "A new offer"), ttl_s=45, is_urgent=True, topic="AVdAkS8AcACAAAAAAAAAAQ"
)
LOOPBACK = [ip_network("127.0.0.0/8")]
SECRET = "a secret that the gateway knows too"


# --- Web Push --------------------------------------------------------------------------------------------------------


class Browser:
    """A browser that subscribed: it alone can read what it is sent."""

    def __init__(self, endpoint: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = b"sixteen bytes!!!"
        auth = base64.urlsafe_b64encode(self._auth).rstrip(b"=").decode()
        self.address = {"endpoint": endpoint, "p256dh": public_key(self._key), "auth": auth}

    def reads(self, body: bytes) -> Any:
        plain = http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
        return json.loads(plain)


@asynccontextmanager
async def web_push(
    says: Says, *, allowed: bool = True, timeout_s: float = 2.0
) -> AsyncIterator[tuple[WebPush, Service, Browser, str]]:
    key = ec.generate_private_key(ec.SECP256R1())
    async with a_service(says) as service:
        networks = LOOPBACK if allowed else []
        provider = WebPush(key, contact="mailto:ops@example.cn", allowed_networks=networks, timeout_s=timeout_s)
        yield provider, service, Browser(f"{service.url}/send/1"), public_key(key)
        await provider.aclose()


def claims_of(authorization: str, key: str) -> dict[str, Any]:
    """What a push service checks of a VAPID header (RFC 8292)."""
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid"
    assert parts["k"] == key, "the key that the browser subscribed with"
    found: dict[str, Any] = jwt.decode(parts["t"], parts["k"])
    return found


async def test_a_browser_reads_what_is_pushed_and_nobody_on_the_way_does() -> None:
    async with web_push(Says(201)) as (provider, service, browser, key):
        await provider.push(browser.address, PUSH, NOW)
        await provider.push(browser.address, PUSH, NOW)
    first, second = service.asked
    assert browser.reads(first.body) == PAYLOAD
    assert first.body != second.body, "a key and a salt of its own each time"
    for word in (b"offer", b"critical", b"2016"):
        assert word not in first.body
    assert len(first.body) < 4096, "no service need take more"
    told = {name: first.headers[name] for name in ("ttl", "urgency", "topic", "content-encoding")}
    assert told == {"ttl": "45", "urgency": "high", "topic": PUSH.topic, "content-encoding": "aes128gcm"}
    claims = claims_of(first.headers["authorization"], key)
    assert (claims["aud"], claims["sub"]) == (service.url, "mailto:ops@example.cn")
    assert 0 < claims["exp"] - NOW.timestamp() <= 24 * 3600
    with pytest.raises(http_ece.ECEException):
        Browser("").reads(first.body)


@pytest.mark.parametrize(
    ("status", "raises"),
    [(404, Gone), (410, Gone), (401, CredentialsRefused), (403, CredentialsRefused), (413, Undeliverable),
     (400, Undeliverable), (500, TryLater), (503, TryLater), (302, TryLater)],
)  # fmt: skip
async def test_what_a_browser_s_service_answers(status: int, raises: type[Exception]) -> None:
    async with web_push(Says(status)) as (provider, _, browser, _key):
        with pytest.raises(raises):
            await provider.push(browser.address, PUSH, NOW)


async def test_a_browser_s_service_may_say_when() -> None:
    async with web_push(Says(429, headers={"Retry-After": "120"})) as (provider, _, browser, _key):
        with pytest.raises(TryLater) as later:
            await provider.push(browser.address, PUSH, NOW)
    assert later.value.after_s == 120


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "[::ffff:10.0.0.1]"])
async def test_a_browser_cannot_make_us_knock_inside(host: str) -> None:
    async with web_push(Says(201), allowed=False) as (provider, service, browser, _key):
        with pytest.raises(Undeliverable, match="not public"):
            await provider.push({**browser.address, "endpoint": f"https://{host}:{service.port}/"}, PUSH, NOW)
    assert service.asked == []


async def test_a_name_is_looked_up_once_for_a_push(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])

    async def resolve(_: Any) -> list[Any]:
        return [ip_address(name) for name in next(answers)]

    monkeypatch.setattr(outward, "resolve", resolve)
    async with web_push(Says(201), allowed=False) as (provider, _, _browser, _key):
        request = await provider._outward.request(httpx.URL("https://push.example.cn/x"), b"", {})
    assert str(request.url) == "https://93.184.216.34/x"
    assert request.extensions["sni_hostname"] == "push.example.cn"


# --- FCM -------------------------------------------------------------------------------------------------------------


class Google:
    """The two services that firebase-admin asks: one for tokens, one for messages."""

    def __init__(self, says: Says) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.says, self.token = says, Says(body={"access_token": "ya29.x", "expires_in": 3600, "token_type": "Bearer"})
        self.tokens: list[dict[str, Any]] = []
        self.messages: list[Asked] = []

    def answer(self, asked: Asked) -> Says:
        if asked.path == "/token":
            self.tokens.append(self._claims(parse_qs(asked.body.decode())["assertion"][0]))
            return self.token
        self.messages.append(asked)
        return self.says

    def _claims(self, assertion: str) -> dict[str, Any]:
        """Of the grant, when it is signed by the account's key (RS256)."""
        signed, _, signature = assertion.rpartition(".")
        self.key.public_key().verify(base64url(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        found: dict[str, Any] = json.loads(base64url(signed.split(".")[1]))
        return found

    def account(self, url: str) -> dict[str, str]:
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        named = {"project_id": "rescue", "private_key_id": "1", "client_email": "push@rescue.iam", "client_id": "1"}
        return {"type": "service_account", **named, "private_key": pem, "token_uri": f"{url}/token"}


@asynccontextmanager
async def fcm(folder: Path, says: Says, *, timeout_s: float = 5.0) -> AsyncIterator[tuple[Fcm, Google]]:
    google = Google(says)
    async with a_service(answer=google.answer) as service:
        file = folder / "fcm.json"
        file.write_text(json.dumps(google.account(service.url)))
        provider = Fcm(file, timeout_s=timeout_s, url=f"{service.url}/v1/projects/rescue/messages:send")
        yield provider, google
        await provider.aclose()


def fcm_error(status: int, name: str, code: str | None = None, **headers: str) -> Says:
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
    error = {"code": status, "message": "no", "status": name, "details": details}
    return Says(status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()})


async def test_fcm_is_asked_as_google_wants_it(tmp_path: Path) -> None:
    async with fcm(tmp_path, Says(body={"name": "projects/rescue/messages/1"})) as (provider, google):
        await provider.push({"token": "fid1:APA91b"}, PUSH, NOW)
        await provider.push({"token": "fid1"}, PUSH, NOW)
    [grant] = google.tokens
    assert grant["iss"] == "push@rescue.iam"
    assert "https://www.googleapis.com/auth/firebase" in grant["scope"].split()
    first = google.messages[0]
    assert (first.method, first.path) == ("POST", "/v1/projects/rescue/messages:send")
    assert first.headers["authorization"] == "Bearer ya29.x"
    message = first.json["message"]
    assert message["token"] == "fid1:APA91b"
    assert google.messages[1].json["message"]["fid"] == "fid1", "what newer apps have"
    assert message["data"] == {name: str(value) for name, value in PAYLOAD.items() if value is not None}
    assert message["android"] == {"priority": "high", "ttl": "45s", "collapse_key": PUSH.topic}
    assert "notification" not in message


@pytest.mark.parametrize(
    ("says", "raises"),
    [
        (fcm_error(404, "NOT_FOUND", "UNREGISTERED"), Gone),
        (fcm_error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), Gone),
        (fcm_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), Undeliverable),
        (fcm_error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), CredentialsRefused),
        (fcm_error(403, "PERMISSION_DENIED"), CredentialsRefused),
        (fcm_error(500, "INTERNAL", "INTERNAL"), TryLater),
        (fcm_error(503, "UNAVAILABLE", "UNAVAILABLE"), TryLater),
        (Says(502, "<html>"), TryLater),
    ],
)
async def test_what_fcm_answers(tmp_path: Path, says: Says, raises: type[Exception]) -> None:
    async with fcm(tmp_path, says) as (provider, google):
        with pytest.raises(raises):
            await provider.push({"token": "fid1:APA91b"}, PUSH, NOW)
    tries = 3 if says.status == 401 else 1
    assert len(google.messages) == tries, (
        "whether it is tried again is the outbox's to say; a token is fetched anew, though"
    )


@pytest.mark.parametrize("says", [fcm_error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", Retry_After="90"),
                                  fcm_error(503, "UNAVAILABLE", "UNAVAILABLE", Retry_After="90")])  # fmt: skip
async def test_fcm_may_say_when(tmp_path: Path, says: Says) -> None:
    async with fcm(tmp_path, says) as (provider, _):
        with pytest.raises(TryLater) as later:
            await provider.push({"token": "fid1:APA91b"}, PUSH, NOW)
    assert later.value.after_s == 90


async def test_an_account_that_google_refuses_is_the_operator_s_matter(tmp_path: Path) -> None:
    async with fcm(tmp_path, Says()) as (provider, google):
        google.token = Says(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        with pytest.raises(CredentialsRefused):
            await provider.push({"token": "fid1:APA91b"}, PUSH, NOW)


@pytest.mark.invariant("I13")
async def test_a_slow_google_holds_up_nothing_else_in_the_process(tmp_path: Path) -> None:
    async with fcm(tmp_path, Says(body={"name": "x"}, after_s=1.0)) as (provider, google):
        google.token = Says(body=google.token.body, after_s=0.5)
        pushing = [asyncio.create_task(provider.push({"token": f"t{n}"}, PUSH, NOW)) for n in range(4)]
        longest = 0.0
        while not all(push.done() for push in pushing):
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(0.01)
            longest = max(longest, asyncio.get_running_loop().time() - began)
        await asyncio.gather(*pushing)
    assert longest < 0.4, "the loop stood still"


@pytest.mark.parametrize("text", ["", "{}", '{"type": "authorized_user"}'])
def test_a_file_that_is_no_account_is_refused_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "fcm.json").write_text(text)
    with pytest.raises(ValueError, match=r"service account|Expecting|certificate"):
        Fcm(tmp_path / "fcm.json")


# --- JPush -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def jpush(says: Says) -> AsyncIterator[tuple[JPush, Service]]:
    async with a_service(says) as service:
        provider = JPush("app", "master", timeout_s=2, url=f"{service.url}/v3/push")
        yield provider, service
        await provider.aclose()


def jpush_error(status: int, code: int, **headers: str) -> Says:
    return Says(
        status, {"error": {"code": code, "message": "no"}}, {k.replace("_", "-"): v for k, v in headers.items()}
    )


async def test_jpush_is_asked_as_its_rest_api_wants_it() -> None:
    async with jpush(Says(body={"sendno": "0", "msg_id": "1"})) as (provider, service):
        await provider.push({"token": "1a0018970a8"}, PUSH, NOW)
    [asked] = service.asked
    assert (asked.method, asked.path) == ("POST", "/v3/push")
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"app:master").decode()
    body = asked.json
    assert body["audience"] == {"registration_id": ["1a0018970a8"]}
    assert body["options"]["time_to_live"] == 45
    for platform in ("android", "ios"):
        told = body["notification"][platform]
        assert told["extras"] == {name: str(value) for name, value in PAYLOAD.items() if value is not None}
        assert told["alert"] == "有新派遣 A new offer"


@pytest.mark.parametrize(
    ("says", "raises"),
    [
        (jpush_error(400, 1011), Gone),
        (jpush_error(401, 1004), CredentialsRefused),
        (jpush_error(403, 1020), CredentialsRefused),
        (jpush_error(400, 1003), Undeliverable),
        (jpush_error(500, 1000), TryLater),
        (jpush_error(503, 1030), TryLater),
        (Says(400, "what?"), Undeliverable),
        (Says(502), TryLater),
    ],
)
async def test_what_jpush_answers(says: Says, raises: type[Exception]) -> None:
    async with jpush(says) as (provider, _):
        with pytest.raises(raises):
            await provider.push({"token": "1"}, PUSH, NOW)


async def test_jpush_says_when_its_limit_is_over() -> None:
    async with jpush(jpush_error(429, 2002, X_Rate_Limit_Reset="37")) as (provider, _):
        with pytest.raises(TryLater) as later:
            await provider.push({"token": "1"}, PUSH, NOW)
    assert later.value.after_s == 37


# --- SMS -------------------------------------------------------------------------------------------------------------


def a_text(at: datetime = NOW) -> Message:
    return Message(
        id=uuid4(), way="sms", to="13912344321", message={"text": "有新派遣"}, case_id=None, offer_id=None,
        created_at=at, attempts=1,
    )  # fmt: skip


async def test_the_gateway_gets_a_signed_text() -> None:
    message = a_text()
    async with a_service(Says(200)) as service:
        sender = SmsSender(f"{service.url}/send", SECRET, timeout_s=2)
        await sender.send(message, NOW)
        await sender.aclose()
    [asked] = service.asked
    assert asked.json == {"id": str(message.id), "to": "13912344321", "text": "有新派遣"}
    assert asked.headers[DELIVERY.lower()] == str(message.id)
    assert is_genuine(SECRET, asked.headers[SIGNATURE.lower()], asked.body, at=int(NOW.timestamp()))


@pytest.mark.parametrize(
    ("status", "raises"),
    [(400, Undeliverable), (404, Undeliverable), (401, TryLater), (429, TryLater), (500, TryLater)],
)
async def test_what_the_gateway_answers(status: int, raises: type[Exception]) -> None:
    async with a_service(Says(status, headers={"Retry-After": "7"})) as service:
        sender = SmsSender(service.url, SECRET, timeout_s=2)
        with pytest.raises(raises) as fault:
            await sender.send(a_text(), NOW)
        await sender.aclose()
    if isinstance(fault.value, TryLater):
        assert fault.value.after_s == (30 if status == 401 else 7)
