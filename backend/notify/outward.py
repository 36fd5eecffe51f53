"""The way out to addresses that were given from outside: partners' webhooks, browsers' push services.

Such an address must not lead back inside: names are resolved here, every address has to be public (or in a network that the
settings allow: government networks are private), and the connection goes to the very address that was looked at. Redirects
are not followed. Begin at `Outward.request`.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpx

from backend.notify.senders import TryLater, Undeliverable

LONGEST_PAUSE_ASKED_S = 3600.0
NAT64 = IPv6Network("64:ff9b::/96")

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


class Outward:
    """allowed: private networks that may be reached all the same; plain http is for those only."""

    def __init__(self, client: httpx.AsyncClient, allowed: Sequence[Network]) -> None:
        self._client, self._allowed = client, tuple(allowed)

    async def post(self, url: httpx.URL, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Sends it. The answer's body is not read: it may be endless. Raises Undeliverable, or what the network raises."""
        answer = await self._client.send(await self.request(url, body, headers), stream=True)
        await answer.aclose()
        return answer

    async def request(self, url: httpx.URL, body: bytes, headers: Mapping[str, str]) -> httpx.Request:
        """To the address that was looked at, under the name that the certificate has to be for."""
        addresses = await resolve(url)
        if not all(self._may_reach(address) for address in addresses):
            raise Undeliverable("the address is not public and in no network that the settings allow")
        if url.scheme != "https" and not all(self._is_allowed(address) for address in addresses):
            raise Undeliverable("plain http leaves the networks that the settings allow")
        at = str(addresses[0])
        return self._client.build_request(
            "POST",
            url.copy_with(host=at),
            content=body,
            headers={"Host": url.netloc.decode(), "User-Agent": "rescue-circle", **headers},
            extensions={"sni_hostname": url.host},
        )

    def _may_reach(self, address: Address) -> bool:
        return _is_public(address) or self._is_allowed(address)

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)


def outward_client(timeout_s: float, **more: Any) -> httpx.AsyncClient:
    """A client that follows nothing and takes no proxy of the environment for granted."""
    return httpx.AsyncClient(timeout=timeout_s, follow_redirects=False, trust_env=False, **more)


async def resolve(url: httpx.URL) -> list[Address]:
    """All addresses of the host, IPv4 ones that hide in IPv6 taken out. Raises OSError when the name has none."""
    found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return [getattr(address, "ipv4_mapped", None) or address for address in addresses]


def _is_public(address: Address) -> bool:
    """Not one that leads inside, nor an IPv6 address that carries an IPv4 one for a gateway to unpack."""
    if isinstance(address, IPv6Address) and (address.sixtofour or address.teredo or address in NAT64):
        return False
    return address.is_global and not address.is_multicast


def try_later(answer: httpx.Response, reason: str) -> TryLater:
    """What to raise for an answer that says "not now", with the pause that it asks for in seconds (an hour at most)."""
    pause = answer.headers.get("Retry-After", "")
    after_s = float(pause) if pause.isascii() and pause.isdigit() else 0.0
    return TryLater(reason, after_s=min(after_s, LONGEST_PAUSE_ASKED_S))
