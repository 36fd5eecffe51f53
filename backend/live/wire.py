"""Redis between processes, for what may be lost: never waits, never fails its caller, heals by itself.

`post` and `keep` only put aside; two tasks do the talking. While Redis is away things put aside are thrown away, and
whoever depends on them has another way (the log is read every half second, positions come again).
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from backend import metrics

ANSWER_WITHIN_S = 1.0
LISTEN_FOR_S = 1.0
PING_EVERY_S = 5.0
SILENT_FOR_S = 15.0
TRY_AGAIN_S = 0.5
SENDER_BYTES = 8
MOST_WAITING = 256

_log = logging.getLogger(__name__)


class Wire:
    """One process's connections to Redis. `url` None: there is none, everything put aside is dropped."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._me = secrets.token_bytes(SENDER_BYTES)
        self._hear: dict[bytes, Callable[[bytes], None]] = {}
        self._back: list[Callable[[], None]] = []
        self._last: dict[str, bytes] = {}
        self._posts: deque[tuple[str, bytes]] = deque(maxlen=MOST_WAITING)
        self._kept: dict[str, dict[str, bytes]] = {}
        self._something = asyncio.Event()
        self._closing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.is_up = False

    def on(self, channel: str, hear: Callable[[bytes], None], *, back: Callable[[], None] | None = None) -> None:
        """Calls `hear` with what other processes post; `back` when listening begins (again), since some was missed.

        To be said before `start`.
        """
        self._hear[channel.encode()] = hear
        if back is not None:
            self._back.append(back)

    def post(self, channel: str, payload: bytes = b"", *, only_last: bool = False) -> None:
        """To the other processes' `hear`. `only_last`: of several that wait, one is enough."""
        if self._url is None:
            return
        if only_last:
            self._last[channel] = payload
        else:
            if len(self._posts) == MOST_WAITING:
                metrics.WIRE_DROPPED.inc()  # the oldest falls out of the full queue
            self._posts.append((channel, payload))
        self._something.set()

    def keep(self, key: str, values: Mapping[str, bytes]) -> None:
        """Fields of a hash, for whoever starts later. The last value of a field wins."""
        if self._url is None or not values:
            return
        self._kept.setdefault(key, {}).update(values)
        self._something.set()

    async def read(self, key: str) -> dict[str, bytes]:
        """A hash as it stands; empty when Redis is away."""
        if self._url is None:
            return {}
        client = self._client()
        try:
            async with asyncio.timeout(2 * ANSWER_WITHIN_S):
                found = await cast("Awaitable[dict[bytes, bytes]]", client.hgetall(key))
            return {field.decode(): value for field, value in found.items()}
        except Exception as trouble:  # noqa: BLE001 - whatever is wrong with Redis, there is another way
            _log.debug("redis: %s not read: %r", key, trouble)
            return {}
        finally:
            await _close(client)

    async def drop(self, key: str, *fields: str) -> None:
        """Takes fields out of a hash; when Redis is away they stay."""
        for field in fields:
            self._kept.get(key, {}).pop(field, None)
        if self._url is None or not fields:
            return
        client = self._client()
        try:
            async with asyncio.timeout(2 * ANSWER_WITHIN_S):
                await client.hdel(key, *fields)
        except Exception as trouble:  # noqa: BLE001 - readers look at the age of what they find
            _log.debug("redis: %s not dropped: %r", key, trouble)
        finally:
            await _close(client)

    async def start(self) -> None:
        """Begins to talk; returns at once, whether Redis answers or not."""
        if self._url is not None and not self._tasks:
            self._closing.clear()
            self._tasks = [asyncio.create_task(self._speak(), name="wire-speak")]
            if self._hear:
                self._tasks.append(asyncio.create_task(self._listen(), name="wire-listen"))

    async def aclose(self) -> None:
        """Ends both tasks and their connections, whatever Redis does."""
        self._closing.set()
        self._something.set()
        tasks, self._tasks = self._tasks, []
        await cancel(tasks)
        self.is_up = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _client(self) -> "Redis":
        assert self._url is not None
        return Redis.from_url(
            self._url,
            socket_timeout=ANSWER_WITHIN_S,
            socket_connect_timeout=ANSWER_WITHIN_S,
            retry=Retry(NoBackoff(), 0),  # we have our own patience, and a retry inside swallows cancellation
        )

    async def _speak(self) -> None:
        client = self._client()
        try:
            while not self._closing.is_set():
                await self._something.wait()
                self._something.clear()
                try:
                    async with asyncio.timeout(2 * ANSWER_WITHIN_S):
                        await self._send_all(client)
                except Exception as trouble:  # noqa: BLE001 - this task must outlive every trouble of Redis
                    _log.debug("redis: not sent: %r", trouble)
                    await _close(client)
                    client = self._client()
                    await self._nap(TRY_AGAIN_S)
        finally:
            await _close(client)

    async def _send_all(self, client: "Redis") -> None:
        posts = [*self._last.items(), *self._posts]
        kept = self._kept
        self._last, self._kept = {}, {}
        self._posts.clear()
        pipeline = client.pipeline(transaction=False)
        for channel, payload in posts:
            pipeline.publish(channel, self._me + payload)
        for key, values in kept.items():
            pipeline.hset(key, items=[part for pair in values.items() for part in pair])
        if posts or kept:
            await pipeline.execute()

    async def _listen(self) -> None:
        while not self._closing.is_set():
            client = self._client()
            try:
                async with client.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(*self._hear)
                    await self._hear_all(pubsub)
            except Exception as trouble:  # noqa: BLE001 - this task must outlive every trouble of Redis
                if self.is_up:
                    _log.warning("redis: lost, reading the log by the clock until it is back: %r", trouble)
                self.is_up = False
            finally:
                await _close(client)
            await self._nap(TRY_AGAIN_S)

    async def _hear_all(self, pubsub: PubSub) -> None:
        loop = asyncio.get_running_loop()
        heard_at = pinged_at = loop.time() - PING_EVERY_S
        while not self._closing.is_set():
            if loop.time() - pinged_at > PING_EVERY_S:
                await pubsub.ping()
                pinged_at = loop.time()
            # A finite wait: redis-py has swallowed a cancellation here and waited for ever.
            message = await pubsub.get_message(timeout=LISTEN_FOR_S)
            if message is None:
                if self.is_up and loop.time() - heard_at > SILENT_FOR_S:
                    raise TimeoutError("redis is silent")
                continue
            heard_at = loop.time()
            if not self.is_up:
                self._now_up()
            if message["type"] == "message":
                self._pass_on(message["channel"], message["data"])

    def _now_up(self) -> None:
        self.is_up = True
        for back in self._back:
            back()

    def _pass_on(self, channel: bytes, data: bytes) -> None:
        sender, payload = data[:SENDER_BYTES], data[SENDER_BYTES:]
        if sender == self._me:
            return
        try:
            self._hear[channel](payload)
        except Exception:  # noqa: BLE001 - another version's message must not stop the listening
            _log.exception("a message on %r was not understood", channel)

    async def _nap(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            pass


async def cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancels until all have ended: a library that swallows one cancellation gets another. How they ended is not told."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.2)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain of it later


async def _close(client: "Redis") -> None:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await client.aclose()
    except Exception as trouble:  # noqa: BLE001 - it is being thrown away
        _log.debug("redis: not closed: %r", trouble)
