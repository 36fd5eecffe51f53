"""Webhooks: what happened, as JSON, to a partner's address, signed so that the partner knows it is from us.

A partner's address is given from outside: what that asks for is in `backend.notify.outward`.
"""

import hashlib
import hmac
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import httpx
import msgspec
from msgspec import Struct

from backend.notify.outward import Network, Outward, outward_client, try_later
from backend.notify.senders import Message, Retry, Undeliverable

SIGNATURE = "Rescue-Signature"
DELIVERY = "Rescue-Delivery"
TOLERANCE_S = 300
# Answers that a partner's operators can turn into a yes; every other 4xx says "never like this".
NOT_NOW = frozenset({401, 403, 404, 408, 409, 425, 429})


class Target(Struct, frozen=True):
    """Where to, and the secret both sides know; while the partner's key is being rotated, the old one as well."""

    url: str
    secret: str
    old_secret: str | None = None


class WebhookSender:
    """Sends to what `find(to)` answers; None there (key revoked, address taken away) is undeliverable."""

    def __init__(
        self,
        find: Callable[[str], Awaitable[Target | None]],
        *,
        allowed_networks: Sequence[Network] = (),
        timeout_s: float = 10.0,
        retry: Retry | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        """allowed_networks: private ones that partners may live in; plain http is for those only."""
        self.timeout_s = timeout_s
        # About three days: a partner's system may be down over a weekend.
        self.retry = retry or Retry(first_s=5.0, longest_s=3 * 3600.0, attempts=36)
        self._find = find
        self._client = outward_client(timeout_s, verify=verify)
        self._outward = Outward(self._client, allowed_networks)

    async def send(self, message: Message, now: datetime) -> None:
        """POST it. Raises Undeliverable, TryLater, or what the network raises."""
        target = await self._find(message.to)
        if target is None:
            raise Undeliverable("the key is revoked or names no address")
        body = msgspec.json.encode({"id": message.id, "created_at": message.created_at, **message.message})
        headers = {
            "Content-Type": "application/json",
            DELIVERY: str(message.id),
            SIGNATURE: _signatures(target, body, int(now.timestamp())),
        }
        _judge(await self._outward.post(httpx.URL(target.url), body, headers))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def sign(secret: str, body: bytes, at: int) -> str:
    """The signature header: `t=<unix seconds>,v1=<hex>`, HMAC-SHA256 over "<t>.<body>"."""
    return f"t={at},{_mac(secret, body, at)}"


def _signatures(target: Target, body: bytes, at: int) -> str:
    """The header with one `v1=` for each secret that is good now."""
    old = "" if target.old_secret is None else f",{_mac(target.old_secret, body, at)}"
    return sign(target.secret, body, at) + old


def _mac(secret: str, body: bytes, at: int) -> str:
    return "v1=" + hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def is_genuine(secret: str, header: str, body: bytes, *, at: int, tolerance_s: int = TOLERANCE_S) -> bool:
    """What a partner does with the header: one of its `v1=` is by this secret over this body, not older or newer than the
    tolerance. While a key is being rotated there are two."""
    first, *macs = header.split(",")
    stamp = first.removeprefix("t=")
    if not (stamp.isascii() and stamp.isdigit()) or abs(at - int(stamp)) > tolerance_s:
        return False
    right = _mac(secret, body, int(stamp)).encode()
    return any(hmac.compare_digest(right, mac.encode()) for mac in macs)


def _judge(answer: httpx.Response) -> None:
    """Raises unless the partner took it."""
    if answer.is_success:
        return
    reason = f"answered {answer.status_code}"
    if answer.is_client_error and answer.status_code not in NOT_NOW:
        raise Undeliverable(reason)
    raise try_later(answer, reason)
