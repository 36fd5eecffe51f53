"""The worker's side of the outbox: claim, ask whether it is still wanted, send, write down how it went.

`deliver_due` is one round; `keep_delivering` goes on for ever, each way on its own, so that a slow SMS provider holds up
no push, and no partner that does not answer holds up the others.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from backend import metrics
from backend.clock import Clock
from backend.notify import notices, outbox
from backend.notify.senders import Message, Sender, TryLater, Undeliverable, Way
from backend.office import Office
from backend.stopping import Stopping

AT_ONCE_PER_WAY = 32
CLAIMED_TOGETHER = 8
# One address gets this many of a way's places (a claim may bring a few more), so that others are served beside it.
AT_ONCE_PER_ADDRESS = 4
LEASE_BEYOND_TIMEOUT_S = 30.0

_log = logging.getLogger(__name__)
Outcome = Literal["sent", "failed", "dropped", "put_off", "lost"]
Senders = Mapping[Way, Sender]


class Claimed(Struct, frozen=True):
    """What a claim brought: messages to be sent now, and how many were no longer wanted."""

    wanted: list[Message]
    dropped: int


NOTHING = Claimed([], 0)


class Ear(Protocol):
    """Waits for news of the log; `backend.live.nudge.Listener` is one."""

    def wake(self) -> None:
        """Ends the wait that is on, or the next one."""

    async def wait(self) -> bool:
        """Returns at news, or after half a second."""


class Delivered(Struct, frozen=True):
    """What one round came to. lost: the lease ran out meanwhile, somebody else has it."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0
    put_off: int = 0
    lost: int = 0


async def deliver_due(office: Office, senders: Senders, now: datetime, *, limit: int = 100) -> Delivered:
    """One round: up to `limit` due messages of each way that has a sender. now: the machine's time."""

    async def one_way(way: Way, sender: Sender) -> list[Outcome]:
        outcomes: list[Outcome] = []
        while len(outcomes) < limit:
            claimed = await _claim(office, way, sender, now, min(CLAIMED_TOGETHER, limit - len(outcomes)))
            if not claimed.wanted and not claimed.dropped:
                break
            sending = (deliver(office, sender, message, lambda: now) for message in claimed.wanted)
            outcomes += ["dropped"] * claimed.dropped
            outcomes += await asyncio.gather(*sending)
        return outcomes

    rounds = await asyncio.gather(*(one_way(way, sender) for way, sender in senders.items()))
    counted = Counter(outcome for outcomes in rounds for outcome in outcomes)
    return msgspec.convert(dict(counted), Delivered)


async def keep_delivering(
    office: Office, senders: Senders, clock: Clock, listen: Callable[[], Ear], stopping: Stopping | None = None
) -> None:
    """Sends what is due until stopping, then ends what is under way; cancelled, that is sent again by another worker.

    clock: the machine's. listen: `Nudge.listener`, an ear for each way.
    """
    async with asyncio.TaskGroup() as ways:
        for way, sender in senders.items():
            sending = _keep_delivering(office, way, sender, clock, listen(), stopping or Stopping())
            ways.create_task(sending, name=f"deliver-{way}")


async def _keep_delivering(
    office: Office, way: Way, sender: Sender, clock: Clock, ear: Ear, stopping: Stopping
) -> None:
    under_way: dict[asyncio.Task[Outcome], str] = {}
    try:
        while not stopping.is_on:
            try:
                claimed = await _claim_more(office, way, sender, clock.now(), Counter(under_way.values()))
            except Exception as trouble:  # noqa: BLE001 - the database comes back, and this has to be there then
                _log.warning("the outbox cannot be read: %r", trouble)
                claimed = NOTHING
            for message in claimed.wanted:
                task = asyncio.create_task(deliver(office, sender, message, clock.now))
                under_way[task] = message.to
                task.add_done_callback(lambda done: _note(done, way, ear))
            if claimed == NOTHING:
                await ear.wait()
            under_way = {task: to for task, to in under_way.items() if not task.done()}
        await asyncio.gather(*under_way, return_exceptions=True)
    finally:
        for task in under_way:
            task.cancel()  # the lease runs out and the message is sent again, by this worker's successor
        await asyncio.gather(*under_way, return_exceptions=True)


def _note(done: asyncio.Task[Outcome], way: Way, ear: Ear) -> None:
    ear.wake()
    if done.cancelled():
        return
    if (error := done.exception()) is not None:
        _log.warning("a message's end was not written down, it will be sent again: %r", error)
    else:
        metrics.DELIVERED.labels(way, done.result()).inc()


async def _claim_more(office: Office, way: Way, sender: Sender, now: datetime, busy: Counter[str]) -> Claimed:
    free = AT_ONCE_PER_WAY - busy.total()
    if free <= 0:
        return NOTHING
    full = [to for to, count in busy.items() if count >= AT_ONCE_PER_ADDRESS]
    return await _claim(office, way, sender, now, min(free, CLAIMED_TOGETHER), full)


async def _claim(
    office: Office, way: Way, sender: Sender, now: datetime, limit: int, not_to: list[str] | None = None
) -> Claimed:
    """Claimed and asked for in one transaction; all that is wanted is sent at once, nothing waits its turn (I4)."""
    lease = timedelta(seconds=sender.timeout_s + LEASE_BEYOND_TIMEOUT_S)
    async with office.db.begin() as tx:
        messages = await outbox.claim(tx, office, way, now=now, lease=lease, limit=limit, not_to=not_to or [])
        wanted = await outbox.still_wanted(tx, office, messages)
        wanted &= await notices.deliverable(tx, office, messages, now)
        dropped = [message for message in messages if message.id not in wanted]
        for message in dropped:
            await outbox.end(tx, office, message, "dropped", now=now, reason="no longer wanted")
    return Claimed([message for message in messages if message.id in wanted], len(dropped))


async def deliver(office: Office, sender: Sender, message: Message, clock: Callable[[], datetime]) -> Outcome:
    """One claimed message: sent, and how that went written down. Never raises for what the provider does."""
    try:
        async with asyncio.timeout(sender.timeout_s):
            await sender.send(message, clock())
    except Undeliverable as fault:
        return await _end(office, message, "failed", clock(), str(fault))
    except TryLater as fault:
        return await _again(office, sender, message, clock(), str(fault), fault.after_s)
    except TimeoutError:
        return await _again(office, sender, message, clock(), f"no answer within {sender.timeout_s:g} s")
    except Exception as fault:  # noqa: BLE001 - a provider may fail in any way, and its other messages must go on
        return await _again(office, sender, message, clock(), f"{type(fault).__name__}: {fault}")
    return await _end(office, message, "sent", clock())


async def _end(
    office: Office,
    message: Message,
    state: Literal["sent", "failed"],
    now: datetime,
    reason: str | None = None,
) -> Outcome:
    if state == "failed":
        _log.warning(
            "message %s by %s is given up: %s", message.id, message.way, outbox.without_address(message, reason)
        )
    async with office.db.begin() as tx:
        return state if await outbox.end(tx, office, message, state, now=now, reason=reason) else "lost"


async def _again(
    office: Office, sender: Sender, message: Message, now: datetime, reason: str, after_s: float = 0.0
) -> Outcome:
    if message.attempts >= sender.retry.attempts:
        return await _end(office, message, "failed", now, reason)
    wait = max(sender.retry.wait(message.attempts, random.random()), timedelta(seconds=after_s))
    async with office.db.begin() as tx:
        recorded = await outbox.put_off(tx, office, message, until=now + wait, reason=reason)
    return "put_off" if recorded else "lost"
