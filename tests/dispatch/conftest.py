"""The small city, fresh for every test."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import ManualClock
from tests.dispatch import builders
from tests.dispatch.builders import Town


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> Town:
    """A town of three teams on duty, at 06:00."""
    return await builders.town(db, clock)
