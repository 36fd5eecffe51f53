"""Webhooks: what happened, as JSON, to a partner's address, signed so that the partner knows it is from us.

A partner's address is given from outside, so it must not lead back inside: names are resolved here, every address has
to be public (or in a network that the settings allow: government networks are private), and the connection goes to the
very address that was looked at. Redirects are not followed.
"""

import asyncio
import hashlib
import hmac
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx
import msgspec
from msgspec import Struct

from backend.notify.senders import Message, Retry, TryLater, Undeliverable

SIGNATURE = "Rescue-Signature"
DELIVERY = "Rescue-Delivery"
TOLERANCE_S = 300
LONGEST_PAUSE_ASKED_S = 3600.0
# Answers that a partner's operators can turn into a yes; every other 4xx says "never like this".
NOT_NOW = frozenset({401, 403, 404, 408, 409, 425, 429})

NAT64 = IPv6Network("64:ff9b::/96")

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


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
        self._find, self._allowed = find, tuple(allowed_networks)
        self._client = httpx.AsyncClient(timeout=timeout_s, follow_redirects=False, trust_env=False, verify=verify)

    async def send(self, message: Message, now: datetime) -> None:
        """POST it. Raises Undeliverable, TryLater, or what the network raises."""
        target = await self._find(message.to)
        if target is None:
            raise Undeliverable("the key is revoked or names no address")
        body = msgspec.json.encode({"id": message.id, "created_at": message.created_at, **message.message})
        request = await self._request(httpx.URL(target.url), body)
        request.headers[DELIVERY] = str(message.id)
        request.headers[SIGNATURE] = _signatures(target, body, int(now.timestamp()))
        answer = await self._client.send(request, stream=True)  # the answer's body is not read: it may be endless
        await answer.aclose()
        _judge(answer)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _request(self, url: httpx.URL, body: bytes) -> httpx.Request:
        """To the address that was looked at, under the name that the certificate has to be for."""
        addresses = await _addresses(url)
        if not all(self._may_reach(address) for address in addresses):
            raise Undeliverable("the address is not public and in no network that the settings allow")
        if url.scheme != "https" and not all(self._is_allowed(address) for address in addresses):
            raise Undeliverable("plain http leaves the networks that the settings allow")
        at = str(addresses[0])
        return self._client.build_request(
            "POST",
            url.copy_with(host=at),
            content=body,
            headers={"Host": url.netloc.decode(), "Content-Type": "application/json", "User-Agent": "rescue-circle"},
            extensions={"sni_hostname": url.host},
        )

    def _may_reach(self, address: Address) -> bool:
        return _is_public(address) or self._is_allowed(address)

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)


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


async def _addresses(url: httpx.URL) -> list[Address]:
    """All addresses of the host, IPv4 ones that hide in IPv6 taken out. Raises OSError when the name has none."""
    found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return [getattr(address, "ipv4_mapped", None) or address for address in addresses]


def _is_public(address: Address) -> bool:
    """Not one that leads inside, nor an IPv6 address that carries an IPv4 one for a gateway to unpack."""
    if isinstance(address, IPv6Address) and (address.sixtofour or address.teredo or address in NAT64):
        return False
    return address.is_global and not address.is_multicast


def _judge(answer: httpx.Response) -> None:
    """Raises unless the partner took it."""
    if answer.is_success:
        return
    reason = f"answered {answer.status_code}"
    if answer.is_client_error and answer.status_code not in NOT_NOW:
        raise Undeliverable(reason)
    pause = answer.headers.get("Retry-After", "")
    after_s = float(pause) if pause.isascii() and pause.isdigit() else 0.0
    raise TryLater(reason, after_s=min(after_s, LONGEST_PAUSE_ASKED_S))
