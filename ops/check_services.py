"""The doctor's checks of the database and Redis, embedded or elsewhere."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import redis.asyncio

from backend import migrations
from ops.findings import Finding, Patient, judged, well
from ops.local import postgres

ANSWER_WITHIN_S = 5.0
LEAST_POSTGRES, LEAST_POSTGIS, LEAST_REDIS = 15, (3, 3), 7
MOST_SKEW = timedelta(seconds=2)


def check_postgres_programs(patient: Patient) -> Iterator[Finding]:
    """For the embedded database: PostgreSQL's own programs with PostGIS."""
    url = patient.environment.get("RESCUE_DATABASE_URL", "")
    if url and "host=/" not in url:
        return
    folder, version = postgres.folder_of_binaries(), postgres.version()
    yield well("postgres_programs", f"PostgreSQL {version} 程序在 {folder}", f"PostgreSQL {version} is in {folder}")


def check_database(patient: Patient) -> Iterator[Finding]:
    """Reachable, new enough, with PostGIS, at this version's tables, its time that of this machine."""
    url = patient.values.get("database_url")
    if not isinstance(url, str):
        if not patient.environment.get("RESCUE_DATABASE_URL"):
            yield _not_running("database", "数据库", "the database")
        return
    yield from asyncio.run(_examine_database(url))


async def _examine_database(url: str) -> list[Finding]:
    try:
        connection = await asyncpg.connect(url, timeout=ANSWER_WITHIN_S, command_timeout=ANSWER_WITHIN_S)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as trouble:
        return [_unreachable("database", "数据库", "the database", "RESCUE_DATABASE_URL", trouble)]
    try:
        version = connection.get_server_version().major
        before = datetime.now(UTC)
        theirs = await connection.fetchval("SELECT clock_timestamp()")
        postgis = await connection.fetchval(
            "SELECT default_version FROM pg_available_extensions WHERE name = 'postgis'"
        )
        skew = theirs - (before + (datetime.now(UTC) - before) / 2)
    finally:
        await connection.close()
    return [server_version(version), postgis_of(postgis), *schema_of(await migrations.revision_of(url)), skew_of(skew)]


def server_version(major: int) -> Finding:
    return judged(
        "database",
        major >= LEAST_POSTGRES,
        (f"数据库可连接，PostgreSQL {major}", f"the database answers: PostgreSQL {major}"),
        (f"升级到 PostgreSQL {LEAST_POSTGRES} 及以上。", f"upgrade to PostgreSQL {LEAST_POSTGRES} or later"),
        (f"数据库是 PostgreSQL {major}，过旧", f"the database is PostgreSQL {major}, which is too old"),
    )


def postgis_of(version: str | None) -> Finding:
    enough = version is not None and tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= LEAST_POSTGIS
    return judged(
        "postgis",
        enough,
        (f"PostGIS {version}", f"PostGIS {version}"),
        (
            "在数据库服务器上安装 PostGIS 3.3 及以上，如 apt-get install postgresql-15-postgis-3。",
            "install PostGIS 3.3 or later on the database's machine: apt-get install postgresql-15-postgis-3",
        ),
        (
            f"数据库没有合适的 PostGIS（{version or '未安装'}）",
            f"no fitting PostGIS in the database ({version or 'none'})",
        ),
    )


def schema_of(found: str | None) -> list[Finding]:
    """Whether this programme can run on the tables as they are, and whether a step waits for the old one to end."""
    lacking, waiting = migrations.lacking(found), migrations.pending(found)
    fits = judged(
        "migrations",
        lacking is None,
        (f"数据库结构版本 {found} 适合本程序", f"the tables, at version {found}, are fit for this programme"),
        ("运行 rescue db migrate。", "run rescue db migrate"),
        (
            f"数据库结构过旧：版本是 {found or '空'}，本程序至少需要 {lacking and lacking.revision}（最新 {migrations.head()}）",
            f"the tables are too old: at version {found or 'none'}, this programme needs {lacking and lacking.revision} "
            f"at least (the newest is {migrations.head()})",
        ),
    )
    if lacking is not None or not waiting:
        return [fits]
    left = Finding(
        check="after",
        ok=False,
        zh=f"升级还差最后一步：步骤 {waiting[0].revision} 在等旧版本的进程结束",
        en=f"an upgrade is not finished: step {waiting[0].revision} waits until the version before has ended",
        remedy_zh="确认旧版本的进程都已结束，再运行 rescue db migrate --finish。",
        remedy_en="see that no process of the old version runs, then run rescue db migrate --finish",
    )
    return [fits, left]


def skew_of(skew: timedelta) -> Finding:
    seconds = skew.total_seconds()
    return judged(
        "clock_skew",
        abs(skew) <= MOST_SKEW,
        (f"与数据库的时钟相差 {abs(seconds):.2f} 秒", f"the database's clock differs by {abs(seconds):.2f} s"),
        (
            "两台机器都启用时间同步（chrony 或 systemd-timesyncd）。",
            "keep both machines' time with chrony or timesyncd",
        ),
    )


def check_redis(patient: Patient) -> Iterator[Finding]:
    """Reachable and new enough."""
    url = patient.values.get("redis_url")
    if not isinstance(url, str):
        if not patient.environment.get("RESCUE_REDIS_URL"):
            yield _not_running("redis", "Redis/Valkey", "Redis or Valkey")
        return
    yield from asyncio.run(_examine_redis(url))


async def _examine_redis(url: str) -> list[Finding]:
    client = redis.asyncio.Redis.from_url(
        url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S, decode_responses=True
    )
    try:
        facts: dict[str, Any] = await client.info("server")
    except (redis.RedisError, OSError) as trouble:
        return [_unreachable("redis", "Redis/Valkey", "Redis or Valkey", "RESCUE_REDIS_URL", trouble)]
    finally:
        await client.aclose()
    name, version = (
        ("Valkey", facts["valkey_version"]) if "valkey_version" in facts else ("Redis", facts["redis_version"])
    )
    return [
        judged(
            "redis",
            int(str(version).split(".")[0]) >= LEAST_REDIS,
            (f"{name} {version} 可连接", f"{name} {version} answers"),
            (f"升级到 Redis {LEAST_REDIS} 及以上或 Valkey。", f"upgrade to Redis {LEAST_REDIS} or later, or Valkey"),
            (f"{name} {version} 过旧", f"{name} {version} is too old"),
        )
    ]


def _not_running(check: str, zh: str, en: str) -> Finding:
    variable = "RESCUE_DATABASE_URL" if check == "database" else "RESCUE_REDIS_URL"
    return Finding(
        check=check,
        ok=False,
        zh=f"没有指定{zh}，内置的也没有运行",
        en=f"{en} is not named, and the embedded one is not running",
        remedy_zh=f"运行 rescue db up，或设置 {variable}。",
        remedy_en=f"run rescue db up, or set {variable}",
    )


def _unreachable(check: str, zh: str, en: str, variable: str, trouble: Exception) -> Finding:
    said = str(trouble) or type(trouble).__name__
    return Finding(
        check=check,
        ok=False,
        zh=f"{zh}连接不上：{said}",
        en=f"{en} cannot be reached: {said}",
        remedy_zh=f"确认它在运行、地址和口令正确（{variable}）、防火墙放行；内置服务用 rescue db up 启动。",
        remedy_en=f"see that it runs, that {variable} is right and no firewall is between; the embedded one: rescue db up",
    )
