"""One sender's limits: counted over all processes where Redis answers, by this one where it does not.

A sender is an account, a partner, or an address for those who have not said who they are. Begin at `Limiter.demand`.
"""

import asyncio
import hashlib
import ipaddress
import math
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from backend import metrics
from backend.access.actor import Actor
from backend.errors import TooMany
from backend.limits.buckets import MINUTE_S, Buckets, Want
from backend.limits.shared import Shared
from backend.limits.turns import Turns

MOST_KNOWN = 20_000
REFUSED_PER_MINUTE = 120
SLOWLY_S = 1.0
MOST_SLOWED = 64


class Sender(Struct, frozen=True):
    """Who is limited. kind: as an actor's, or newcomers."""

    name: str
    kind: str


class Limiter:
    """One process's. `redis_url` None: it counts alone."""

    def __init__(
        self, redis_url: str | None = None, city_id: str = "", *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._own, self._shared, self._now_s = Buckets(), Shared(redis_url, f"rescue:{city_id}:limit:"), now_s
        self._known: dict[bytes, Sender] = {}
        self._refused, self._slowed = Buckets(), Counter[str]()
        self.turns = Turns()

    async def demand(self, want: Want) -> None:
        """Count it. Raises TooMany, and then it is not counted."""
        now_s = self._now_s()
        if wait_s := self._own.take(want, now_s):
            raise _too_many(wait_s)  # what one process has counted, all together have: nobody needs to be asked
        said = await self._shared.ask(want)
        if said is None:
            metrics.LIMITED_ALONE.inc()
            return
        self._own.learn(want.key, said.full_s, now_s)
        if not said.allowed:
            raise _too_many(said.full_s + want.fills_s - want.at_once_s)

    def sender(self, authorization: str | None, host: str | None) -> Sender:
        """Who sends this, without asking anybody: whom the token is known to belong to, else the address.

        Who shows a token that this process has not seen yet does not count as the public of that address: after a start all
        tokens are such, and thousands of phones share an address.
        """
        if authorization is None:
            return by_address(host)
        known = self._known.get(_digest(authorization))
        return known or Sender(by_address(host).name.replace("public:", "newcomers:", 1), "newcomers")

    def know(self, authorization: str, actor: Actor) -> None:
        """Whose token it is: from here on its requests count as theirs and no longer as their address's."""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()  # each is known again with its next request
        self._known[_digest(authorization)] = Sender(actor.id, actor.kind)

    def forget(self, authorization: str) -> None:
        """The token opens nothing any more: whoever goes on sending it does not use up its owner's share."""
        self._known.pop(_digest(authorization), None)

    async def slow_down(self, sender: Sender) -> bool:
        """Who goes on in spite of many refusals is answered slowly: a refusal costs something, too. False when so many of
        this sender wait for theirs that it is better to hang up."""
        if not self._refused.take(Want(sender.name, REFUSED_PER_MINUTE, at_once_s=MINUTE_S / 2), self._now_s()):
            return True
        if self._slowed[sender.name] >= MOST_SLOWED:
            return False
        self._slowed[sender.name] += 1
        try:
            await asyncio.sleep(SLOWLY_S)
        finally:
            self._slowed[sender.name] -= 1
            if not self._slowed[sender.name]:
                del self._slowed[sender.name]
        return True

    async def aclose(self) -> None:
        """Ends the talk with Redis."""
        await self._shared.aclose()


@lru_cache(maxsize=4096)
def by_address(host: str | None) -> Sender:
    """The public. Of IPv6 the network, since one home or phone has more addresses than could be counted."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return Sender(f"public:{host or 'unknown'}", "public")
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        host = str(mapped) if mapped else f"{ipaddress.IPv6Address(address.packed[:8] + bytes(8))}/64"
    return Sender(f"public:{host}", "public")


def _digest(authorization: str) -> bytes:
    return hashlib.sha256(authorization.encode()).digest()


def _too_many(wait_s: float) -> TooMany:
    metrics.LIMITED.inc()
    whole_s = max(1, math.ceil(wait_s))
    return TooMany(
        f"提交过于频繁，请 {whole_s} 秒后再试。",
        f"Too many at once: please wait {whole_s} s.",
        retry_after_s=round(max(wait_s, 0.1), 1),
    )
