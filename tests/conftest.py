"""Real services for every test: a PostgreSQL with PostGIS and a Valkey of our own, never those of the environment.

One pair per test run, in a temporary folder; what a killed run left behind is cleared by the next one. A test that
asks for `db` gets a database of its own, copied from a migrated template in about 0.02 s (0.4 s where there is no memory to put it).
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio as redis_asyncio
from hypothesis import settings
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import migrations
from backend.clock import CHINA, ManualClock
from backend.db import make_engine
from ops.local import services
from ops.local.postgres import Cluster
from ops.local.services import Services

TEMPLATE = "template_rescue"
FOLDERS = "rc-test-"
LEAST_MEMORY_BYTES = 2 * 1024**3
# The demonstration's day; a Monday before dawn, when nobody is at a desk.
START = datetime(2016, 9, 19, 6, 0, tzinfo=CHINA)

LONGEST_FIRST = (
    "tests/faults/test_chaos.py",
    "tests/simulate/test_winter_night.py",
    "tests/api/test_by_the_document.py",
    "tests/simulate/test_stretch.py",
    "tests/faults/test_two_hosts.py",
)

# How long an example takes says how busy the machine is, nothing about the code.
settings.register_profile("untimed", parent=settings(), deadline=None)
settings.load_profile("untimed")

_numbers = count(1)


@pytest.hookimpl(trylast=True)  # after the shuffle
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files that take minutes begin first: the one that begins last would keep the other core waiting."""
    places = {str(config.rootpath / file): place for place, file in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))


@pytest.fixture(scope="session", autouse=True)
def _no_foreign_services() -> None:
    """A test must not reach the database of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("RESCUE_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def local_services(_no_foreign_services: None) -> Iterator[Services]:
    """The run's own PostgreSQL and Valkey, not crash-safe, gone afterwards."""
    for parent in {quick_folder(), Path(tempfile.gettempdir())}:
        services.clear_abandoned(parent, FOLDERS)
    folder = Path(tempfile.mkdtemp(prefix=FOLDERS, dir=quick_folder()))
    folder.chmod(0o755)  # the user postgres has to pass through
    try:
        with services.running(folder, given={}, durable=False) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def empty_folder() -> Iterator[Path]:
    """An empty folder for services of a test's own; what still runs in it afterwards is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="rc-try-", dir=quick_folder()))
    folder.chmod(0o755)
    yield folder
    services.stop(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster(local_services: Services) -> Cluster:
    """The run's PostgreSQL."""
    assert local_services.cluster is not None
    return local_services.cluster


@pytest.fixture(scope="session")
def template_database(cluster: Cluster) -> str:
    """The name of a migrated, empty database that nobody is connected to, to be copied."""
    cluster.make_database(TEMPLATE)
    migrations.upgrade(cluster.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
async def empty_database_url(cluster: Cluster) -> AsyncIterator[str]:
    """Address of a fresh database without any table, dropped afterwards."""
    async for url in _fresh_database(cluster, "template0"):
        yield url


@pytest.fixture
async def database_url(cluster: Cluster, template_database: str) -> AsyncIterator[str]:
    """Address (postgresql://) of a fresh migrated database, dropped afterwards."""
    async for url in _fresh_database(cluster, template_database):
        yield url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a fresh migrated database."""
    engine = make_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def redis_url(local_services: Services) -> str:
    """Address of the run's Valkey. Take the fixture `redis` as well to have it emptied."""
    return local_services.redis_url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[redis_asyncio.Redis]:
    """A client of the run's Valkey, emptied before the test. Answers are bytes."""
    client = redis_asyncio.Redis.from_url(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def clock() -> ManualClock:
    """Stands at 2016-09-19 06:00 in China until the test moves it."""
    return ManualClock(START)


def quick_folder() -> Path:
    """Memory where there is enough of it: a database is thirteen hundred files, and copying them there takes a
    twentieth of the time. Else the system's temporary folder."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > LEAST_MEMORY_BYTES:
        return memory
    return Path(tempfile.gettempdir())


async def _fresh_database(cluster: Cluster, template: str) -> AsyncIterator[str]:
    name = f"t{next(_numbers)}"
    admin = await asyncpg.connect(cluster.url("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        yield cluster.url(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()
