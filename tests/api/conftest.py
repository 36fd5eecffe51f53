"""The whole application on a real port, over real PostgreSQL and Valkey, with Dalian as it is shipped and a clock that stands."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import redis.asyncio as redis_asyncio

from backend.city import City, open_city
from backend.clock import ManualClock
from ops.local.postgres import Cluster
from ops.local.services import Services
from tests.access.builders import cheapen_passwords
from tests.api.builders import Api, settings_of
from tests.api.server import serving
from tests.conftest import START, _fresh_database

DALIAN = Path(__file__).parents[2] / "cities" / "dalian"


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheapen_passwords(monkeypatch)


@pytest.fixture(scope="session")
def dalian() -> City:
    """The shipped city with its roads, opened once."""
    return open_city(DALIAN)


@pytest.fixture
async def api(
    database_url: str, redis: redis_asyncio.Redis, redis_url: str, tmp_path: Path, dalian: City, clock: ManualClock
) -> AsyncIterator[Api]:
    """A server of this test's own, on an empty database."""
    settings = settings_of(database_url, redis_url, tmp_path, clock)
    async with serving(settings, dalian) as api:
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    cluster: Cluster,
    template_database: str,
    local_services: Services,
    tmp_path_factory: pytest.TempPathFactory,
    dalian: City,
) -> AsyncIterator[Api]:
    """One server for all tests of a module that ask much and change nothing of each other's; its clock stands still."""
    async for database_url in _fresh_database(cluster, template_database):
        settings = settings_of(
            database_url, local_services.redis_url, tmp_path_factory.mktemp("shared"), ManualClock(START)
        )
        with pytest.MonkeyPatch.context() as patch:
            cheapen_passwords(patch)
            async with serving(settings, dalian) as api:
                yield api


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many requests as a test likes; the limits are a matter of their own."""
    monkeypatch.setattr("backend.limits.limiter.Limiter.demand", anything)


async def anything(*_: object) -> None:
    """No limit."""
