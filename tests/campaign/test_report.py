"""The report of a campaign: every number is what somebody else counts from the same log; what nothing was due for is a dash."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.actor import Actor
from backend.campaign import report_reading
from backend.campaign.report import Read
from backend.campaign.report_numbers import DEFINITIONS, GROUP_NAMES
from backend.clock import ManualClock
from backend.errors import NotAllowed, NotFound
from tests.campaign import report_by_sql
from tests.campaign.report_log import Night
from tests.conftest import START
from tests.dispatch import builders
from tests.dispatch.builders import CHECKER, LEADER, Town, somebody

CIVIL_AFFAIRS = somebody("civil_affairs")
A_DAY_AGO = START - timedelta(days=1)


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> Town:
    """A town of which the log is empty."""
    return await builders.town(db, clock, 0)


async def read(town: Town, night: Night, by: Actor = LEADER, seq: int | None = None) -> Read:
    async with town.office.db.connect() as tx:
        return await report_reading.read(tx, town.office, by, night.id, seq=seq)


def values(made: Read) -> dict[str, float | None]:
    return {number.code: number.value for number in made.report.numbers}


@pytest.mark.parametrize("seed", range(6))
async def test_every_number_is_what_an_independent_query_counts(town: Town, seed: int) -> None:
    night = Night(town.office, A_DAY_AGO, seed)
    await night.write(ended=None if seed == 5 else 600)
    made = await read(town, night)
    async with town.office.db.connect() as tx:
        counted = await report_by_sql.numbers(tx, town.office.city_id, night.id, made.report.seq)
    assert counted.keys() == DEFINITIONS.keys()
    for code, value in values(made).items():
        other = counted[code]
        assert value == pytest.approx(None if other is None else float(other), abs=1e-3), code
    assert made.report.final == (seed != 5)


async def test_the_same_state_of_the_log_gives_the_same_report_whatever_came_after(town: Town) -> None:
    night = Night(town.office, A_DAY_AGO, 1)
    seq = await night.write()
    first = await read(town, night)
    await town.filed()
    assert (await read(town, night, seq=seq)).report == first.report
    now = (await read(town, night)).report
    assert (now.seq, now.hash) != (first.report.seq, first.report.hash)
    assert values(await read(town, night)) == values(first)
    assert report_reading.digest(first.report) == report_reading.digest((await read(town, night, seq=seq)).report)


async def test_a_week_after_its_end_the_report_stays_as_it_is(town: Town) -> None:
    night = Night(town.office, START - timedelta(days=30), 2)
    await night.write()
    before = (await read(town, night)).report
    await town.filed()
    assert (await read(town, night)).report == before


async def test_where_nothing_was_due_there_is_no_number(town: Town) -> None:
    night = Night(town.office, A_DAY_AGO, 3)
    await night.write(is_empty=True)
    found = values(await read(town, night))
    for code in ("in_time", "cells_never", "longest_gap_h", "met_per_100", "short", "to_first_team_min", "to_full_h"):
        assert found[code] is None, code
    assert found["cells"] == 0


async def test_it_stands_beside_the_last_campaign_of_its_season_as_far_as_they_compare(town: Town) -> None:
    last = Night(town.office, A_DAY_AGO - timedelta(days=20), 4, number="Z20160830001")
    summer = Night(town.office, A_DAY_AGO - timedelta(days=10), 4, number="Z20160909001", season="summer")
    night = Night(town.office, A_DAY_AGO, 5)
    for one in (last, summer, night):
        await one.write()
    made = (await read(town, night)).report
    assert made.compared_with == "Z20160830001"
    before = values(await read(town, last))
    for number in made.numbers:
        assert number.before == (before[number.code] if DEFINITIONS[number.code].comparable else None), number.code
    assert (await read(town, last)).report.compared_with is None


async def test_who_may_read_the_campaign_reads_its_report(town: Town) -> None:
    night = Night(town.office, A_DAY_AGO, 6)
    await night.write()
    assert (await read(town, night, CIVIL_AFFAIRS)).report.number == night.number
    with pytest.raises(NotAllowed):
        await read(town, night, CHECKER)
    with pytest.raises(NotFound):
        await read(town, night, somebody("dispatcher", regions=("210211",)))
    with pytest.raises(NotFound):
        await read(town, night, seq=10**9)


def test_every_number_says_what_it_counts_in_both_languages() -> None:
    for code, number in DEFINITIONS.items():
        assert number.group in GROUP_NAMES
        assert all((number.zh, number.en, number.means_zh, number.means_en)), code
