"""The fixtures keep what they promise."""

from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import ManualClock


async def test_a_database_of_ones_own_has_postgis_and_is_utc(db: AsyncEngine) -> None:
    async with db.connect() as connection:
        assert (await connection.execute(text("SELECT postgis_lib_version()"))).scalar_one() >= "3.3"
        assert (await connection.execute(text("SHOW timezone"))).scalar_one() == "UTC"


async def test_what_one_test_writes_the_next_does_not_see_first(db: AsyncEngine) -> None:
    await _leaves_a_mark(db)


async def test_what_one_test_writes_the_next_does_not_see_second(db: AsyncEngine) -> None:
    await _leaves_a_mark(db)


async def test_redis_is_empty_at_the_start(redis: Redis, clock: ManualClock) -> None:
    assert await redis.dbsize() == 0
    await redis.set("left", clock.now().isoformat())


async def test_redis_is_empty_again(redis: Redis) -> None:
    assert await redis.dbsize() == 0
    await redis.set("left", b"1")


async def _leaves_a_mark(db: AsyncEngine) -> None:
    async with db.begin() as connection:
        await connection.execute(text("CREATE TABLE mark (n int)"))
