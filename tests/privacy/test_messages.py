"""A number that something is sent to, and what is sent there, lie sealed until a sender takes them."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import ManualClock
from backend.db import outbox as table
from backend.notify import outbox
from backend.notify.deliver import deliver_due
from backend.notify.senders import Message, Retry, Undeliverable
from backend.sealing import Ring
from ops import privacy
from tests.access.builders import an_office

NUMBER = "13912344321"


class Texting:
    """A provider of SMS that repeats the number in its refusals."""

    timeout_s, retry = 5.0, Retry(attempts=1)

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message, now: datetime) -> None:  # noqa: ARG002 - a provider's promise
        self.sent.append(message)
        if message.message["text"] == "no":
            raise Undeliverable(f"no such number {message.to}")
        if message.message["text"] == "crash":
            raise ValueError(f"cannot reach +86 {message.to[:3]} {message.to[3:]}: {message.to}")


async def test_it_is_opened_for_the_sender_alone_and_no_fault_repeats_the_number(
    db: AsyncEngine, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    office, texting = an_office(db), Texting()
    async with office.begin() as tx:
        for text in ("yes", "no", "crash"):
            await outbox.enqueue(tx, office, "sms", NUMBER, {"text": text}, now=clock.now())
    async with db.connect() as tx:
        kept = (await tx.execute(select(table))).all()
    assert NUMBER not in str(kept)
    assert "yes" not in str(kept)
    assert len({row.to for row in kept}) == 1, "one number is one address, so that nobody gets all places of a way"
    await deliver_due(office, {"sms": texting}, clock.now())
    assert [(one.to, one.message["text"]) for one in texting.sent] == [(NUMBER, t) for t in ("yes", "no", "crash")]
    async with db.connect() as tx:
        ended = {row.state: row.last_error for row in await tx.execute(select(table))}
        assert NUMBER not in str((await tx.execute(select(table))).all())
    assert set(ended) == {"sent", "failed"}
    assert NUMBER not in caplog.text


async def test_a_busy_number_is_left_out_by_its_name_in_the_outbox(db: AsyncEngine, clock: ManualClock) -> None:
    office = an_office(db)
    async with office.begin() as tx:
        for number in (NUMBER, "13900000000"):
            await outbox.enqueue(tx, office, "sms", number, {"text": "x"}, now=clock.now())
        lease = timedelta(seconds=60)
        claimed = await outbox.claim(tx, office, "sms", now=clock.now(), lease=lease, limit=9, not_to=[NUMBER])
    assert [message.to for message in claimed] == ["13900000000"]


def test_a_fresh_key_is_one_that_the_setting_takes(capsys: pytest.CaptureFixture[str]) -> None:
    privacy.key("k2026")
    assert Ring.parse(capsys.readouterr().out.strip()).newest.name == "k2026"
