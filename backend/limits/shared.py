"""Counting over all processes, in Redis. Nobody waits for it longer than a moment, and nothing fails because of it (I13).

What is wanted while one question is under way goes into the next one, many at a time, so that a busy process asks seldom.
The time is Redis's own, so that the processes' clocks do not matter. An entry lives as long as its bucket has something in it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from backend.limits.buckets import Want
from backend.live.wire import cancel

PATIENCE, TICK_S = 5, 0.01
"""So many looks, so far apart, at whether Redis has answered. Looks and not a time: a busy process comes late to its own
deadlines and must not take that for a slow Redis. An answer of Redis takes a millisecond."""
CONNECT_WITHIN_S = 0.25
AWAY_FOR_S = 1.0
"""After a failure nobody is made to wait for it again for this long."""
AT_ONCE = 128
MOST_WAITING = 4_096

_log = logging.getLogger(__name__)

# For each want: its key; how long it fills the bucket, and how much the bucket holds (ms). Answers for each how much is in the bucket afterwards (ms), and
# -1 less that for one that was refused and therefore not counted.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local said = {}
for i, key in ipairs(KEYS) do
    local full = math.max(0, tonumber(redis.call('GET', key) or now) - now)
    local after = full + tonumber(ARGV[2 * i - 1])
    if after > tonumber(ARGV[2 * i]) + 0.001 then
        said[i] = tostring(-1 - full)
    else
        redis.call('SET', key, string.format('%.3f', now + after), 'PX', math.ceil(after))
        said[i] = tostring(after)
    end
end
return said
"""


class Said(Struct, frozen=True):
    """What Redis says of one want. full_s: what is in the bucket now, seconds until it is empty."""

    allowed: bool
    full_s: float


class Shared:
    """One process's way of asking. `url` None: there is no Redis."""

    def __init__(self, url: str | None, prefix: str) -> None:
        self._url, self._prefix = url, prefix
        self._waiting: deque[tuple[Want, asyncio.Future[Said | None]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._client: Redis | None = None
        self._away_until = 0.0

    async def ask(self, want: Want) -> Said | None:
        """Whether all processes together have room for it, which is then counted; None when nobody knows just now."""
        loop = asyncio.get_running_loop()
        if self._url is None or loop.time() < self._away_until or len(self._waiting) >= MOST_WAITING:
            return None
        answer: asyncio.Future[Said | None] = loop.create_future()
        self._waiting.append((want, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._talk(), name="limits")
        return await answer

    async def aclose(self) -> None:
        """Ends the talk; who still waits is told that nobody knows."""
        task, self._task = self._task, None
        if task is not None:
            await cancel([task])
        self._nobody_knows()
        await self._hang_up()

    async def _talk(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                self._answer(await self._answered([want for want, _ in batch]), batch)
            except Exception as trouble:  # noqa: BLE001 - whatever is wrong with Redis, this process counts alone
                _log.debug("redis: limits are counted by this process alone: %r", trouble)
                self._away_until = asyncio.get_running_loop().time() + AWAY_FOR_S
                self._nobody_knows()
                await self._hang_up()
            finally:
                self._answer([None] * len(batch), batch)

    def _nobody_knows(self) -> None:
        self._answer([None] * len(self._waiting), list(self._waiting))
        self._waiting.clear()

    async def _answered(self, wants: Sequence[Want]) -> list[Said]:
        """The answer, if it comes soon. Raises TimeoutError, or what Redis raises."""
        question = asyncio.create_task(self._asked(wants))
        try:
            for _ in range(PATIENCE):
                done, _pending = await asyncio.wait([question], timeout=TICK_S)
                if done:
                    return question.result()
            raise TimeoutError
        finally:
            await cancel([question])

    async def _asked(self, wants: Sequence[Want]) -> list[Said]:
        if self._client is None:
            assert self._url is not None
            self._client = Redis.from_url(
                self._url,
                socket_timeout=CONNECT_WITHIN_S,
                socket_connect_timeout=CONNECT_WITHIN_S,
                retry=Retry(NoBackoff(), 0),
            )
        keys = [self._prefix + want.key for want in wants]
        sizes: list[Any] = [f"{size_s * 1000:.3f}" for want in wants for size_s in (want.fills_s, want.at_once_s)]
        # EVAL and not EVALSHA: Redis keeps the script by its text, and one that was restarted needs no second question.
        rows: list[bytes] = await self._client.eval(_TAKE, len(keys), *keys, *sizes)
        return [_said(float(row)) for row in rows]

    def _answer(self, said: Sequence[Said | None], batch: Sequence[tuple[Want, "asyncio.Future[Said | None]"]]) -> None:
        for one, (_, answer) in zip(said, batch, strict=True):
            if not answer.done():
                answer.set_result(one)

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await client.aclose()
        except Exception as trouble:  # noqa: BLE001 - it is being thrown away
            _log.debug("redis: not closed: %r", trouble)


def _said(full_ms: float) -> Said:
    return Said(True, full_ms / 1000) if full_ms >= 0 else Said(False, (-1 - full_ms) / 1000)
