"""A town with stations."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import ManualClock
from tests.access.builders import cheapen_passwords
from tests.dispatch import builders
from tests.dispatch.builders import Town
from tests.referral.builders import Stations


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheapen_passwords(monkeypatch)


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> Town:
    """Three teams on duty."""
    return await builders.town(db, clock)


@pytest.fixture
async def stations(town: Town) -> Stations:
    """Without any facility yet."""
    return Stations(town)
