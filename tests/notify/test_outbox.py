"""The outbox: with the change or not at all, never in its way, never twice, never lost, never too late to matter."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import ManualClock, SystemClock
from backend.db import cases, offers
from backend.db import outbox as rows
from backend.ids import new_id
from backend.live.nudge import Nudge
from backend.notify import deliver, outbox
from backend.notify.deliver import Delivered, deliver_due, keep_delivering
from backend.notify.senders import Message, Retry, TryLater, Undeliverable, Way
from backend.office import Office
from tests.access.builders import CITY, NOW, ZHONGSHAN, add_team, an_office

MINUTE = timedelta(minutes=1)


class FakeSender:
    """A provider: remembers what it was sent, and does what `act` does."""

    def __init__(self, act: Callable[[Message], Awaitable[None]] | None = None, **retry: Any) -> None:
        self.timeout_s = 0.3
        self.retry = Retry(**retry)
        self.sent: list[Message] = []
        self.act = act

    async def send(self, message: Message, now: datetime) -> None:
        assert now.tzinfo is not None
        self.sent.append(message)
        if self.act is not None:
            await self.act(message)


@pytest.fixture
def office(db: AsyncEngine) -> Office:
    return an_office(db)


async def _enqueue(office: Office, way: Way = "push", to: str = "device", **more: Any) -> UUID:
    async with office.begin() as tx:
        return await outbox.enqueue(tx, office, way, to, {"text": "有新派遣"}, now=NOW, **more)


async def _row(office: Office, message_id: UUID) -> Any:
    async with office.db.connect() as tx:
        return (await tx.execute(select(rows).where(rows.c.id == message_id))).one()


async def test_what_is_rolled_back_is_not_sent(office: Office) -> None:
    sender = FakeSender()
    with contextlib.suppress(RuntimeError):
        async with office.begin() as tx:
            await outbox.enqueue(tx, office, "push", "device", {}, now=NOW)
            raise RuntimeError("the verb failed")
    assert await deliver_due(office, {"push": sender}, NOW) == Delivered()
    assert not sender.sent


async def test_a_message_is_sent_once_and_written_down(office: Office) -> None:
    sender = FakeSender()
    message_id = await _enqueue(office)
    assert await deliver_due(office, {"push": sender}, NOW) == Delivered(sent=1)
    assert await deliver_due(office, {"push": sender}, NOW + timedelta(days=1)) == Delivered()
    [message] = sender.sent
    assert (message.id, message.to, message.message, message.attempts) == (
        message_id,
        "device",
        {"text": "有新派遣"},
        1,
    )
    row = await _row(office, message_id)
    assert (row.state, row.ended_at, row.last_error) == ("sent", NOW, None)


async def test_many_workers_never_send_the_same_message(office: Office) -> None:
    sender = FakeSender()
    for _ in range(120):
        await _enqueue(office)
    rounds = [deliver_due(office, {"push": sender}, NOW, limit=20) for _ in range(10)]
    results = await asyncio.gather(*rounds)
    assert sum(result.sent for result in results) == len(sender.sent) == 120
    assert len({message.id for message in sender.sent}) == 120


async def test_a_claim_takes_no_more_than_was_asked_for_and_the_oldest_first(office: Office) -> None:
    ids = [await _enqueue(office) for _ in range(10)]
    async with office.db.begin() as tx:
        await tx.execute(text("SET LOCAL enable_hashjoin = off"))
        claimed = await outbox.claim(tx, office, "push", now=NOW, lease=MINUTE, limit=4)
    assert [message.id for message in claimed] == ids[:4]


async def test_nothing_is_sent_before_its_time(office: Office) -> None:
    sender = FakeSender()
    await _enqueue(office, send_at=NOW + MINUTE)
    assert await deliver_due(office, {"push": sender}, NOW) == Delivered()
    assert await deliver_due(office, {"push": sender}, NOW + MINUTE) == Delivered(sent=1)


async def test_a_failure_is_tried_again_ever_more_slowly_and_then_given_up(office: Office) -> None:
    async def fail(_: Message) -> None:
        raise ConnectionError("no route")

    sender = FakeSender(fail, first_s=10, longest_s=30, attempts=4)
    message_id = await _enqueue(office)
    now, pauses = NOW, []
    for _ in range(3):
        assert await deliver_due(office, {"push": sender}, now) == Delivered(put_off=1)
        row = await _row(office, message_id)
        pauses.append((row.send_at - now).total_seconds())
        assert await deliver_due(office, {"push": sender}, now) == Delivered()
        now = row.send_at
    for pause, expected in zip(pauses, (10, 20, 30), strict=True):
        assert 0.75 * expected <= pause <= 1.25 * expected
    assert await deliver_due(office, {"push": sender}, now) == Delivered(failed=1)
    row = await _row(office, message_id)
    assert (row.state, row.attempts, row.last_error) == ("failed", 4, "ConnectionError: no route")
    assert len(sender.sent) == 4


async def test_pauses_are_spread_so_that_many_do_not_come_at_once() -> None:
    retry = Retry(first_s=10, longest_s=1000)
    assert retry.wait(1, 0.0) < retry.wait(1, 0.5) < retry.wait(1, 0.99)
    assert retry.wait(30, 0.99) <= timedelta(seconds=1250)


async def test_what_can_never_arrive_is_not_tried_again(office: Office) -> None:
    async def gone(_: Message) -> None:
        raise Undeliverable("410")

    message_id = await _enqueue(office)
    assert await deliver_due(office, {"push": FakeSender(gone)}, NOW) == Delivered(failed=1)
    assert (await _row(office, message_id)).last_error == "410"


async def test_a_provider_that_says_when_is_not_asked_before(office: Office) -> None:
    async def later(_: Message) -> None:
        raise TryLater("429", after_s=600)

    message_id = await _enqueue(office)
    await deliver_due(office, {"push": FakeSender(later)}, NOW)
    assert (await _row(office, message_id)).send_at >= NOW + timedelta(seconds=600)


async def test_a_message_whose_worker_died_is_sent_by_the_next_one(office: Office) -> None:
    """Killed between claim and outcome: nothing else is left in the database than the lease."""
    message_id = await _enqueue(office)
    async with office.db.begin() as tx:
        await outbox.claim(tx, office, "push", now=NOW, lease=MINUTE, limit=10)
    sender = FakeSender()
    assert await deliver_due(office, {"push": sender}, NOW + MINUTE / 2) == Delivered()
    assert await deliver_due(office, {"push": sender}, NOW + MINUTE) == Delivered(sent=1)
    assert [(m.id, m.attempts) for m in sender.sent] == [(message_id, 2)]


async def test_whoever_lost_the_lease_does_not_write_over_the_other(office: Office) -> None:
    message_id = await _enqueue(office)
    async with office.db.begin() as tx:
        [slow] = await outbox.claim(tx, office, "push", now=NOW, lease=MINUTE, limit=1)
    await deliver_due(office, {"push": FakeSender()}, NOW + MINUTE)
    async with office.db.begin() as tx:
        assert not await outbox.put_off(tx, office, slow, until=NOW + 2 * MINUTE, reason="late")
        assert not await outbox.end(tx, office, slow, "failed", now=NOW)
    assert (await _row(office, message_id)).state == "sent"


async def test_a_way_without_a_provider_waits_where_it_can_be_seen(office: Office) -> None:
    await _enqueue(office, "sms", "13800000000")
    await _enqueue(office, "push")
    assert await deliver_due(office, {"push": FakeSender()}, NOW) == Delivered(sent=1)
    async with office.db.connect() as tx:
        assert [(w.way, w.count, w.since) for w in await outbox.waiting(tx, office)] == [("sms", 1, NOW)]
    sms = FakeSender()
    await deliver_due(office, {"sms": sms}, NOW + timedelta(days=3))
    assert len(sms.sent) == 1


# --- I4: not after it was accepted by another, or closed -------------------------------------------------------------


@pytest.mark.invariant("I4")
@pytest.mark.parametrize(("state", "sent"), [("offered", 1), ("accepted", 0), ("withdrawn", 0), ("lapsed", 0)])
async def test_a_notice_is_sent_only_while_its_offer_is_live(office: Office, state: str, sent: int) -> None:
    case_id, offer_id = await _case_with_offer(office)
    await _enqueue(office, offer_id=offer_id, case_id=case_id)
    async with office.db.begin() as tx:
        await tx.execute(update(offers).values(state=state))
    result = await deliver_due(office, {"push": FakeSender()}, NOW)
    assert (result.sent, result.dropped) == (sent, 1 - sent)


@pytest.mark.invariant("I4")
async def test_what_is_of_no_use_after_the_case_is_dropped_and_what_tells_its_end_is_not(office: Office) -> None:
    case_id, _ = await _case_with_offer(office)
    alarm = await _enqueue(office, case_id=case_id, only_while="case_is_open")
    outcome = await _enqueue(office, "webhook", "key", case_id=case_id)
    async with office.db.begin() as tx:
        await tx.execute(update(cases).values(stage="assisted", closed_at=NOW))
    result = await deliver_due(office, {"push": FakeSender(), "webhook": FakeSender()}, NOW)
    assert result == Delivered(sent=1, dropped=1)
    assert (await _row(office, alarm)).state == "dropped"
    assert (await _row(office, outcome)).state == "sent"


@pytest.mark.invariant("I4")
async def test_a_retry_asks_again_whether_it_is_still_wanted(office: Office) -> None:
    async def fail(_: Message) -> None:
        raise ConnectionError

    case_id, offer_id = await _case_with_offer(office)
    await _enqueue(office, offer_id=offer_id, case_id=case_id)
    sender = FakeSender(fail)
    await deliver_due(office, {"push": sender}, NOW)
    async with office.db.begin() as tx:
        await tx.execute(update(offers).values(state="declined"))
    assert await deliver_due(office, {"push": sender}, NOW + timedelta(hours=1)) == Delivered(dropped=1)
    assert len(sender.sent) == 1


# --- I13: a slow provider is nobody's problem but its own ------------------------------------------------------------


@pytest.mark.invariant("I13")
async def test_a_slow_provider_delays_neither_enqueueing_nor_locks_anything(office: Office) -> None:
    begun = asyncio.Event()

    async def hang(_: Message) -> None:
        begun.set()
        await asyncio.sleep(60)

    sender = FakeSender(hang)
    sender.timeout_s = 4.0
    first = await _enqueue(office)
    delivering = asyncio.create_task(deliver_due(office, {"push": sender}, NOW, limit=1))
    await begun.wait()
    for _ in range(20):
        await _enqueue(office)
    async with office.db.begin() as tx:
        await tx.execute(select(rows).where(rows.c.id == first).with_for_update(nowait=True))
        open_for_s = (
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND pid <> pg_backend_pid()"
        )
        assert (await tx.execute(text(open_for_s + " AND datname = current_database()"))).scalar_one() == 0
    assert not delivering.done(), "all that was written while the provider was still silent"
    assert await delivering == Delivered(put_off=1)
    assert (await _row(office, first)).last_error == "no answer within 4 s"


@pytest.mark.invariant("I13")
async def test_a_slow_way_holds_up_no_other_and_a_slow_address_only_itself(db: AsyncEngine) -> None:
    async def hang_for_one(message: Message) -> None:
        if message.to == "slow":
            await asyncio.sleep(60)

    nudge = Nudge(CITY)
    office = an_office(db, nudge)
    webhook, push = FakeSender(hang_for_one), FakeSender()
    webhook.timeout_s = 30.0
    for _ in range(40):
        await _enqueue(office, "webhook", "slow")
    worker = asyncio.create_task(
        keep_delivering(office, {"webhook": webhook, "push": push}, SystemClock(), nudge.listener)
    )
    await _until(lambda: len(webhook.sent) >= deliver.AT_ONCE_PER_ADDRESS)
    for number in range(20):
        await _enqueue(office, "webhook", f"quick-{number}")
        await _enqueue(office, "push")
    await _until(lambda: len(push.sent) == 20)
    await _until(lambda: sum(m.to != "slow" for m in webhook.sent) == 20)
    assert sum(m.to == "slow" for m in webhook.sent) < deliver.AT_ONCE_PER_ADDRESS + deliver.CLAIMED_TOGETHER
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker


async def test_the_worker_outlives_an_outage_of_the_database(
    db: AsyncEngine, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    nudge = Nudge(CITY)
    office = an_office(db, nudge)
    sender, claim = FakeSender(), outbox.claim

    async def down(*_: object, **__: object) -> list[Message]:
        raise ConnectionError("away")

    monkeypatch.setattr(outbox, "claim", down)
    worker = asyncio.create_task(keep_delivering(office, {"push": sender}, clock, nudge.listener))
    await _enqueue(office)
    await asyncio.sleep(0.1)
    monkeypatch.setattr(outbox, "claim", claim)
    await _until(lambda: len(sender.sent) == 1)
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker


async def _until(is_so: Callable[[], bool], *, within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - what is waited for has nobody to tell
            await asyncio.sleep(0.01)


async def _case_with_offer(office: Office) -> tuple[UUID, UUID]:
    team_id, case_id, offer_id = await add_team(office), new_id(), new_id()
    case = {
        "id": case_id, "number": 2016091900001, "stage": "accepted", "version": 1, "priority": "normal",
        "lon": 121.65, "lat": 38.91, "in_area": True, "regions": [ZHONGSHAN, CITY], "people_count": 1,
        "channel": "hotline", "opened_at": NOW, "stage_since": NOW, "last_seen_at": NOW, "sighting_count": 1,
    }  # fmt: skip
    offer = {
        "id": offer_id, "case_id": case_id, "team_id": team_id, "state": "offered", "round": 1, "phase": 1,
        "offered_at": NOW, "expires_at": NOW + MINUTE, "eta_basis": "road",
    }  # fmt: skip
    async with office.db.begin() as tx:
        await tx.execute(insert(cases).values(city_id=office.city_id, **case))
        await tx.execute(insert(offers).values(city_id=office.city_id, **offer))
    return case_id, offer_id
