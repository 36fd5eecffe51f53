"""A worker under load: what it does late, it does at the time at which it does it."""

from datetime import datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend import worker
from backend.clock import ManualClock
from backend.worker import Worker
from tests.dispatch import builders
from tests.dispatch.builders import SPOT, east_of


class Passing(ManualClock):
    """Eleven seconds pass whenever somebody looks at it."""

    def now(self) -> datetime:
        self.advance(seconds=11)
        return super().now()


@pytest.mark.invariant("I6")
async def test_a_lease_is_whole_however_long_the_cases_before_it_took(db: AsyncEngine, clock: ManualClock) -> None:
    town = await builders.town(db, clock)
    cases = [await town.accepted(east_of(SPOT, 700.0 * n)) for n in range(3)]
    await Worker(town.office, Passing(clock.now())).turn()
    made = [event for event in await town.events() if event.kind == "offer.made"]
    offers = [offer for case_id in cases for offer in await town.offers(case_id)]
    assert len({event.recorded_at for event in made}) == len(made) == 3
    assert sorted(offer.offered_at for offer in offers) == [event.recorded_at for event in made]


async def test_timers_are_looked_at_between_many_searches(
    db: AsyncEngine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "A_WHILE_S", 0.0)
    town = await builders.town(db, clock)
    for n in range(3):
        await town.accepted(east_of(SPOT, 700.0 * n))
    at_work = Worker(town.office, clock)
    turns = [await at_work.turn() for _ in range(4)]
    assert turns == [2, 2, 2, 0], "a search, and the notice of what it found"
    assert len(await town.rows(tables.offers, state="offered")) == 3
