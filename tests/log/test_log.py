"""The event log: gapless, in the order of commits, and any tampering shows."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import log
from backend.access.actor import SYSTEM
from backend.log import Break, Entry, Event
from tests.conftest import START

CITY = "210200"


def entry(n: int = 0, **data: object) -> Entry:
    return Entry(kind="case.tried", actor=SYSTEM, occurred_at=START + timedelta(seconds=n), data={"n": n, **data})


async def append(db: AsyncEngine, *entries: Entry, city: str = CITY) -> list[Event]:
    async with db.begin() as tx:
        return await log.append(tx, city, entries, now=START)


async def read(db: AsyncEngine, after: int = 0, limit: int = 10_000) -> list[Event]:
    async with db.connect() as tx:
        return await log.since(tx, CITY, after, limit=limit)


async def broken(db: AsyncEngine) -> int | None:
    async with db.connect() as tx:
        return await log.broken_link(tx, CITY)


async def test_what_is_written_is_read_back_as_it_was(db: AsyncEngine) -> None:
    written = await append(db, entry(1, place=[121.6, 38.9]), entry(2, words="老人"))
    assert [event.seq for event in written] == [1, 2]
    back = await read(db)
    assert [(event.id, event.kind, event.data, event.actor) for event in back] == [
        (event.id, event.kind, event.data, event.actor) for event in written
    ]
    assert back == written  # moments are equal whatever zone they are written in
    assert await broken(db) is None


async def test_an_empty_log_is_whole(db: AsyncEngine) -> None:
    assert await broken(db) is None
    async with db.connect() as tx:
        assert await log.head(tx, CITY) == (0, log.GENESIS)


async def test_appends_at_once_are_numbered_without_gaps(db: AsyncEngine) -> None:
    chance = random.Random(7)

    async def one(n: int) -> list[Event]:
        async with db.begin() as tx:
            await tx.execute(text("SELECT pg_sleep(:s)"), {"s": chance.random() / 50})
            written = await log.append(tx, CITY, [entry(n)] * chance.choice((1, 1, 3)), now=START)
            await tx.execute(text("SELECT pg_sleep(:s)"), {"s": chance.random() / 200})
            return written

    written = [event for events in await asyncio.gather(*(one(n) for n in range(40))) for event in events]
    assert sorted(event.seq for event in written) == list(range(1, len(written) + 1))
    assert [event.seq for event in await read(db)] == list(range(1, len(written) + 1))
    assert await broken(db) is None


async def test_a_reader_who_goes_on_after_the_last_seen_number_misses_nothing(db: AsyncEngine) -> None:
    """Sequence order is commit order: what becomes visible always lies after what was visible before."""
    seen: list[int] = []
    done = asyncio.Event()

    async def follow() -> None:
        while True:
            finished = done.is_set()
            found = await read(db, seen[-1] if seen else 0)
            seen.extend(event.seq for event in found)
            if finished and not found:
                return

    async def write(n: int) -> None:
        async with db.begin() as tx:
            await log.append(tx, CITY, [entry(n)], now=START)
            await tx.execute(text("SELECT pg_sleep(0.002)"))

    follower = asyncio.create_task(follow())
    await asyncio.gather(*(write(n) for n in range(40)))
    done.set()
    await follower
    assert seen == list(range(1, 41))


async def test_an_append_that_is_rolled_back_leaves_no_gap(db: AsyncEngine) -> None:
    await append(db, entry(1))
    async with db.connect() as tx:
        await log.append(tx, CITY, [entry(2)], now=START)
        await tx.rollback()
    (after,) = await append(db, entry(3))
    assert after.seq == 2
    assert await broken(db) is None


async def test_cities_have_logs_of_their_own(db: AsyncEngine) -> None:
    await append(db, entry(1), entry(2))
    (theirs,) = await append(db, entry(1), city="210100")
    assert theirs.seq == 1
    assert len(await read(db)) == 2
    assert await broken(db) is None


async def test_the_whole_log_comes_in_order_a_page_at_a_time(db: AsyncEngine) -> None:
    await append(db, *(entry(n) for n in range(25)))
    async with db.connect() as tx:
        told = [event.data["n"] async for event in log.everything(tx, CITY, page=7)]
    assert told == list(range(25))
    assert [event.seq for event in await read(db, 20, limit=3)] == [21, 22, 23]


# Who tampers has to switch the trigger off first.
OPENED = "ALTER TABLE events DISABLE TRIGGER append_only"

TAMPERED = {
    "its data changed": ("changed", "UPDATE events SET data = jsonb_set(data, '{n}', '99') WHERE seq = 5"),
    "its time changed": ("changed", "UPDATE events SET occurred_at = occurred_at + interval '1 microsecond' WHERE seq = 5"),
    "its recording changed": ("changed", "UPDATE events SET recorded_at = recorded_at - interval '1 day' WHERE seq = 5"),
    "its author changed": ("changed", """UPDATE events SET actor = '{"id": "somebody"}' WHERE seq = 5"""),
    "its kind changed": ("changed", "UPDATE events SET kind = 'case.verified' WHERE seq = 5"),
    "its regions changed": ("changed", "UPDATE events SET regions = '{210203}' WHERE seq = 5"),
    "its case changed": ("changed", "UPDATE events SET case_id = gen_random_uuid(), case_version = 1 WHERE seq = 5"),
    "it was removed": ("missing", "DELETE FROM events WHERE seq = 5"),
    "it was removed and the rest moved up": ("moved", """
        WITH gone AS (DELETE FROM events WHERE seq = 5)
        UPDATE events SET seq = seq + 1000 WHERE seq > 5;
        UPDATE events SET seq = seq - 1001 WHERE seq > 1000"""),
    "it changed places with the next": ("moved", """
        UPDATE events SET seq = 1005 WHERE seq = 5; UPDATE events SET seq = 5 WHERE seq = 6;
        UPDATE events SET seq = 6 WHERE seq = 1005"""),
    "its link was cut": ("changed", "UPDATE events SET prev_hash = hash WHERE seq = 5"),
    "its hash was set anew": ("changed", "UPDATE events SET hash = sha256('x') WHERE seq = 5"),
}  # fmt: skip


async def tamper(db: AsyncEngine, statements: str) -> None:
    async with db.begin() as tx:
        for statement in (OPENED, *statements.split(";")):
            await tx.execute(text(statement))


@pytest.mark.parametrize("how", TAMPERED)
async def test_an_event_that_was_tampered_with_is_found(db: AsyncEngine, how: str) -> None:
    await append(db, *(entry(n) for n in range(10)))
    what, statements = TAMPERED[how]
    await tamper(db, statements)
    async with db.connect() as tx:
        first, *others = await log.breaks(tx, CITY)
    assert (first.seq, first.what) == (5, what)
    assert len(others) <= (how.startswith("it ") * 4), "one fault is told once, not for all that follows"


async def test_each_of_several_faults_is_found(db: AsyncEngine) -> None:
    await append(db, *(entry(n) for n in range(12)))
    await tamper(db, "UPDATE events SET kind = 'x' WHERE seq IN (3, 9); DELETE FROM events WHERE seq = 6")
    async with db.connect() as tx:
        assert await log.breaks(tx, CITY) == [Break(3, "changed"), Break(6, "missing"), Break(9, "changed")]


@pytest.mark.parametrize("statement", ["UPDATE events SET kind = 'x'", "DELETE FROM events", "TRUNCATE events"])
async def test_the_database_refuses_to_change_the_log(db: AsyncEngine, statement: str) -> None:
    await append(db, entry(1))
    with pytest.raises(DBAPIError, match="append-only"):
        async with db.begin() as tx:
            await tx.execute(text(statement))
    assert [event.data["n"] for event in await read(db)] == [1]


async def test_an_event_that_was_slipped_in_is_found(db: AsyncEngine) -> None:
    await append(db, *(entry(n) for n in range(6)))
    async with db.begin() as tx:
        await tx.execute(
            text(
                "INSERT INTO events SELECT city_id, 7, gen_random_uuid(), kind, case_id, case_version, regions, teams, actor, "
                "occurred_at, recorded_at, command_id, data, hash, hash FROM events WHERE seq = 6"
            )
        )
    assert await broken(db) == 7


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(-1e15, 1e15, allow_nan=False).map(lambda x: round(x, 7) + 0.0)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc的", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.dictionaries(st.text("abc的", max_size=3), JSON, max_size=4))
async def test_the_chain_holds_whatever_the_facts_are(db: AsyncEngine, facts: dict[str, object]) -> None:
    """Numbers, words and moments come back from the database as they were hashed."""
    await append(db, Entry(kind="case.tried", actor=SYSTEM, occurred_at=START, data=facts))
    assert await broken(db) is None


def test_the_hash_covers_the_moment_and_not_its_zone() -> None:
    event = Event(seq=1, id=_ID, kind="x", case_id=None, case_version=None, regions=[], teams=[],
                  actor={}, occurred_at=START, recorded_at=START, command_id=None, data={})  # fmt: skip
    in_utc = Event(**{**{f: getattr(event, f) for f in Event.__struct_fields__}, "occurred_at": START.astimezone(UTC)})
    later = Event(**{**{f: getattr(event, f) for f in Event.__struct_fields__}, "occurred_at": _NEXT})
    assert log.link(log.GENESIS, CITY, event) == log.link(log.GENESIS, CITY, in_utc)
    assert log.link(log.GENESIS, CITY, event) != log.link(log.GENESIS, CITY, later)
    assert log.link(log.GENESIS, CITY, event) != log.link(log.GENESIS, "210100", event)


_ID = UUID(int=1)
_NEXT: datetime = START + timedelta(microseconds=1)
