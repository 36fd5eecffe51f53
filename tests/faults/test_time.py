"""Leases and clocks keep their times whatever is done to the clock of a machine or of the database's host."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backend import steady
from backend.steady import SteadyTime

SETTABLE = """
CREATE SCHEMA settable;
CREATE TABLE settable.clock (by interval NOT NULL);
INSERT INTO settable.clock VALUES ('0');
CREATE FUNCTION settable.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.clock_timestamp() + by FROM settable.clock'"""


class Counter:
    """Seconds since a machine started; a test moves it along with the database's clock."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


class Hosts:
    """A database's host whose clock can be set, and the machines that go by it."""

    def __init__(self, db: AsyncEngine) -> None:
        self.db, self.counters = db, list[Counter]()

    def machine(self) -> tuple[SteadyTime, Counter]:
        counter = Counter()
        self.counters.append(counter)
        return SteadyTime(self.db, "210200", counter), counter

    async def set_clock(self, by_s: float) -> None:
        """The clock of the database's host is set; no time passes."""
        async with self.db.begin() as tx:
            await tx.execute(text("UPDATE settable.clock SET by = by + :by"), {"by": timedelta(seconds=by_s)})

    async def pass_time(self, s: float) -> None:
        await self.set_clock(s)
        for counter in self.counters:
            counter.s += s


@pytest.fixture
async def hosts(database_url: str) -> AsyncIterator[Hosts]:
    engine = create_async_engine(
        database_url.replace("postgresql:", "postgresql+asyncpg:", 1),
        connect_args={"server_settings": {"search_path": "settable, pg_catalog, public", "application_name": "rescue"}},
    )
    async with engine.begin() as tx:
        for statement in SETTABLE.split(";"):
            await tx.execute(text(statement))
    yield Hosts(engine)
    await engine.dispose()


def apart_s(a: datetime, b: datetime) -> float:
    return abs((a - b).total_seconds())


async def test_before_the_database_was_seen_the_machine_s_clock_serves(hosts: Hosts) -> None:
    time, _ = hosts.machine()
    assert apart_s(time.now(), datetime.now(UTC)) < 1


async def test_a_machine_goes_by_the_database_s_clock_and_not_by_its_own(hosts: Hosts) -> None:
    await hosts.set_clock(-600)  # as good as this machine's clock being ten minutes fast
    time, counter = hosts.machine()
    await time.look()
    assert apart_s(time.now(), datetime.now(UTC) - timedelta(seconds=600)) < 1
    before = time.now()
    counter.s += 7
    assert time.now() - before == timedelta(seconds=7)


@pytest.mark.parametrize("by_s", [600.0, -600.0])
async def test_when_the_database_s_clock_is_set_the_office_s_time_goes_on_everywhere(hosts: Hosts, by_s: float) -> None:
    (one, _), (other, _) = hosts.machine(), hosts.machine()
    for time in (one, other):
        await time.look()
    begun = one.now()
    await hosts.pass_time(8)
    await hosts.set_clock(by_s)
    for time in (other, one):
        await time.look()
        assert apart_s(time.now(), begun + timedelta(seconds=8)) < 1
        assert apart_s(begun, begun + timedelta(seconds=by_s + time.offset_s)) < 1
    newcomer, _ = hosts.machine()
    await newcomer.look()
    assert apart_s(newcomer.now(), one.now()) < 1, "who starts afterwards knows of it"


async def test_a_newcomer_does_not_believe_a_clock_that_those_who_run_have_yet_to_look_at(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steady, "RUNNING_S", 0.0)
    (one, _), (newcomer, _) = hosts.machine(), hosts.machine()
    assert await one.look()
    begun = one.now()
    await hosts.set_clock(600)
    async with hosts.db.connect() as somebody:
        await somebody.execute(text("SELECT 1"))
        assert not await newcomer.look()
        assert await one.look()
        assert await newcomer.look()
    assert apart_s(one.now(), begun) < 1
    assert apart_s(newcomer.now(), begun) < 1


async def test_the_difference_wears_off_slower_than_anybody_notices(hosts: Hosts) -> None:
    time, _ = hosts.machine()
    await time.look()
    await hosts.set_clock(4)
    await time.look()
    looks = 0
    while time.offset_s:
        before = time.now()
        await hosts.pass_time(steady.EVERY_S)
        await time.look()
        assert apart_s(time.now(), before + timedelta(seconds=steady.EVERY_S)) < 0.2
        looks += 1
        assert looks < 100
    assert looks * steady.EVERY_S * steady.WEARS_OFF == pytest.approx(4, abs=0.3)


async def test_a_machine_that_slept_is_put_right_and_puts_nobody_wrong(hosts: Hosts) -> None:
    (awake, _), (slept, counter) = hosts.machine(), hosts.machine()
    await awake.look()
    await slept.look()
    for _ in range(30):
        await hosts.pass_time(10)
        await awake.look()
    counter.s -= 300  # its counter stood still meanwhile
    begun = awake.now()
    await slept.look()
    assert slept.offset_s == 0
    assert apart_s(slept.now(), begun) < 1


async def test_a_clock_that_went_back_while_nobody_ran_does_not_turn_the_office_back(hosts: Hosts) -> None:
    time, _ = hosts.machine()
    await time.look()
    last = time.now()
    await hosts.set_clock(-600)
    newcomer, _ = hosts.machine()
    await newcomer.look()
    assert newcomer.now() > last - timedelta(seconds=1)
