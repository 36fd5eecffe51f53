"""`rescue doctor`: what is missing or wrong on this machine, in words, with what to do about it.

Begin at `CHECKS`: each looks at one thing and returns its findings; one that breaks in a way nobody thought of becomes
a finding too. Starts nothing and changes nothing.
"""

import asyncio
import importlib.metadata
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg
import msgspec
import redis.asyncio
from packaging.requirements import InvalidRequirement, Requirement

from backend import migrations
from backend.city import open_city
from backend.errors import Refused
from backend.settings import SETTINGS
from backend.settings import read as read_settings
from ops.local import postgres, services

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
ANSWER_WITHIN_S = 5.0
LEAST_POSTGRES, LEAST_POSTGIS, LEAST_REDIS = 15, (3, 3), 7
MOST_SKEW = timedelta(seconds=2)
LEAST_FREE_BYTES = 2 * 1024**3
UNHEALTHY = 1


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. `remedy_*` say what to do, and are empty where all is well."""

    check: str
    ok: bool
    zh: str
    en: str
    remedy_zh: str = ""
    remedy_en: str = ""


class Patient(msgspec.Struct, frozen=True):
    """What is examined: the environment completed by the embedded services, and the settings that can be used."""

    environment: Mapping[str, str]
    values: Mapping[str, object]
    embedded: Path


def doctor(*, json: bool = False) -> int:
    """检查运行环境，指出问题和解决办法。Check what the programme needs here, and say how to put right what is wrong.

    Parameters
    ----------
    json
        输出 JSON，供程序读取。As JSON, for programs.
    """
    findings = examine(os.environ, services.folder_of_checkout())
    healthy = all(finding.ok for finding in findings)
    if json:
        report = {"ok": healthy, "findings": findings}
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        print("\n".join(line for finding in findings for line in _lines(finding)))
    return 0 if healthy else UNHEALTHY


def examine(environment: Mapping[str, str], embedded: Path) -> list[Finding]:
    """All findings for an environment and the folder of its embedded services, in the order of `CHECKS`."""
    given = {name: value for name, value in environment.items() if name.startswith("RESCUE_")}
    completed = services.environment(embedded, given)
    values, _ = read_settings(completed)
    patient = Patient(completed, values, embedded)
    return [finding for check in CHECKS for finding in _guarded(check, patient)]


# --- the machine -----------------------------------------------------------------------------------------------------


def check_python(_patient: Patient) -> Iterator[Finding]:
    """Version 3.12, as the lock file was made for."""
    found = ".".join(map(str, sys.version_info[:3]))
    yield _judged(
        "python",
        sys.version_info[:2] == (3, 12),
        (f"Python {found}", f"Python {found}"),
        ("需要 Python 3.12：运行 make setup。", "Python 3.12 is needed: run make setup"),
    )


def check_packages(_patient: Patient) -> Iterator[Finding]:
    """Installed versions are those of requirements.lock."""
    wrong = list(_wrong_packages(LOCK.read_text())) if LOCK.exists() else []
    shown = ", ".join(wrong[:5]) + (f" … ({len(wrong)})" if len(wrong) > 5 else "")
    yield _judged(
        "packages",
        not wrong,
        ("软件包与 requirements.lock 一致", "packages are those of requirements.lock"),
        ("运行 make setup（它会按锁文件安装）。", "run make setup, which installs what the lock file says"),
        (f"软件包与 requirements.lock 不一致：{shown}", f"packages differ from requirements.lock: {shown}"),
    )


def check_time_zones(_patient: Patient) -> Iterator[Finding]:
    """The machine knows China Standard Time."""
    try:
        known = datetime(2016, 9, 19, tzinfo=ZoneInfo("Asia/Shanghai")).utcoffset() == timedelta(hours=8)
    except ZoneInfoNotFoundError:
        known = False
    yield _judged(
        "time_zones",
        known,
        ("时区数据 Asia/Shanghai", "time zone data for Asia/Shanghai"),
        ("安装时区数据：apt-get install tzdata。", "install time zone data: apt-get install tzdata"),
    )


def check_settings(patient: Patient) -> Iterator[Finding]:
    """Every RESCUE_* variable can be used. Those of services that are merely not running are told by their own check."""
    own_check = {name for name in ("RESCUE_DATABASE_URL", "RESCUE_REDIS_URL") if name not in patient.environment}
    faults = [fault for fault in read_settings(patient.environment)[1] if fault.name not in own_check]
    for fault in faults:
        yield Finding(
            check="settings",
            ok=False,
            zh=fault.zh,
            en=fault.en,
            remedy_zh="全部设置见 rescue settings。",
            remedy_en="all settings: rescue settings",
        )
    if not faults:
        yield _well("settings", f"{len(SETTINGS)} 项设置有效", f"{len(SETTINGS)} settings are valid")


def check_disk(patient: Patient) -> Iterator[Finding]:
    """Room and permission for photos and, where embedded, the database."""
    folder = patient.values.get("data_folder")
    if not isinstance(folder, Path):
        return
    place = next(part for part in (folder, *folder.parents) if part.exists())
    free_bytes = shutil.disk_usage(place).free
    writable = place.is_dir() and os.access(place, os.W_OK)
    yield _judged(
        "data_folder",
        writable,
        (f"文件目录 {folder} 可写", f"the data folder {folder} can be written"),
        (f"给运行用户 {place} 的写权限，或改 RESCUE_DATA。", f"let this user write to {place}, or change RESCUE_DATA"),
        (f"文件目录 {folder} 不可写", f"the data folder {folder} cannot be written"),
    )
    yield _judged(
        "disk",
        free_bytes >= LEAST_FREE_BYTES,
        (f"磁盘剩余 {free_bytes / 1024**3:.1f} GiB", f"{free_bytes / 1024**3:.1f} GiB of disk are free"),
        (
            f"{place} 所在磁盘请留出至少 {LEAST_FREE_BYTES // 1024**3} GiB。",
            f"free at least {LEAST_FREE_BYTES // 1024**3} GiB on the disk of {place}",
        ),
    )


def check_port(patient: Patient) -> Iterator[Finding]:
    """The server's address can be bound."""
    host, port = patient.values.get("host"), patient.values.get("port")
    if not (isinstance(host, str) and isinstance(port, int)):
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as trouble:
        yield Finding(
            check="port",
            ok=False,
            zh=f"不能监听 {host}:{port}（{trouble.strerror}）；也可能是本系统已在运行",
            en=f"cannot listen on {host}:{port} ({trouble.strerror}); this programme itself may be running there",
            remedy_zh="结束占用它的程序，或改 RESCUE_PORT / RESCUE_HOST。",
            remedy_en="end the program that has it, or change RESCUE_PORT or RESCUE_HOST",
        )
        return
    yield _well("port", f"{host}:{port} 空闲", f"{host}:{port} is free")


# --- the services ----------------------------------------------------------------------------------------------------


def check_postgres_programs(patient: Patient) -> Iterator[Finding]:
    """For the embedded database: PostgreSQL's own programs with PostGIS."""
    url = patient.environment.get("RESCUE_DATABASE_URL", "")
    if url and "host=/" not in url:
        return
    folder, version = postgres.folder_of_binaries(), postgres.version()
    yield _well("postgres_programs", f"PostgreSQL {version} 程序在 {folder}", f"PostgreSQL {version} is in {folder}")


def check_database(patient: Patient) -> Iterator[Finding]:
    """Reachable, new enough, with PostGIS, at this version's tables, its time that of this machine."""
    url = patient.values.get("database_url")
    if not isinstance(url, str):
        if not patient.environment.get("RESCUE_DATABASE_URL"):
            yield _not_running("database", "数据库", "the database")
        return
    yield from _run(_examine_database(url))


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
    migrated, newest = await migrations.revision_of(url), migrations.head()
    return [_server_version(version), _postgis(postgis), _migrated(migrated, newest), _skew(skew)]


def _server_version(major: int) -> Finding:
    return _judged(
        "database",
        major >= LEAST_POSTGRES,
        (f"数据库可连接，PostgreSQL {major}", f"the database answers: PostgreSQL {major}"),
        (f"升级到 PostgreSQL {LEAST_POSTGRES} 及以上。", f"upgrade to PostgreSQL {LEAST_POSTGRES} or later"),
        (f"数据库是 PostgreSQL {major}，过旧", f"the database is PostgreSQL {major}, which is too old"),
    )


def _postgis(version: str | None) -> Finding:
    enough = version is not None and tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= LEAST_POSTGIS
    return _judged(
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


def _migrated(found: str | None, newest: str | None) -> Finding:
    return _judged(
        "migrations",
        found == newest,
        (f"数据库结构为最新版本 {newest}", f"the tables are of this version, {newest}"),
        ("运行 rescue db migrate。", "run rescue db migrate"),
        (
            f"数据库结构版本是 {found or '空'}，应为 {newest}",
            f"the tables are at version {found or 'none'}, this programme needs {newest}",
        ),
    )


def _skew(skew: timedelta) -> Finding:
    seconds = skew.total_seconds()
    return _judged(
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
    yield from _run(_examine_redis(url))


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
        _judged(
            "redis",
            int(str(version).split(".")[0]) >= LEAST_REDIS,
            (f"{name} {version} 可连接", f"{name} {version} answers"),
            (f"升级到 Redis {LEAST_REDIS} 及以上或 Valkey。", f"upgrade to Redis {LEAST_REDIS} or later, or Valkey"),
            (f"{name} {version} 过旧", f"{name} {version} is too old"),
        )
    ]


# --- the city --------------------------------------------------------------------------------------------------------


def check_city(patient: Patient) -> Iterator[Finding]:
    """The folder can be read and says nothing wrong; without roads it works, but worse."""
    folder = patient.values.get("city_folder")
    if not isinstance(folder, Path):
        return
    remedy = (
        f"检查 RESCUE_CITY 和 {folder} 中的文件；新建城市用 rescue city import。",
        f"look at RESCUE_CITY and the files in {folder}; a new city is made by rescue city import",
    )
    try:
        city = open_city(folder)
    except Refused as wrong:
        yield _judged("city", False, (wrong.zh, wrong.en), remedy)
    except (OSError, ValueError, KeyError) as wrong:
        said = f"{type(wrong).__name__}: {wrong}"
        yield _judged("city", False, (f"城市目录无法读取：{said}", f"the city's folder cannot be read: {said}"), remedy)
    else:
        yield _well("city", f"城市 {city.name_zh}（{folder}）", f"the city is {city.name_en} ({folder})")
        yield _judged(
            "roads",
            city.roads is not None,
            ("路网 roads.graph 可读", "roads.graph can be read"),
            (
                "运行 rescue city import 生成路网；在此之前按直线距离估算。",
                "make it with rescue city import; until then distances are straight lines",
            ),
            ("没有路网 roads.graph", "there is no roads.graph"),
        )
        yield _judged(
            "policy",
            (folder / "policy.toml").exists(),
            ("规则 policy.toml 可读", "policy.toml can be read"),
            (
                "复制一份默认规则后按本市修改；在此之前用默认规则。",
                "copy the default policy and adapt it; until then the defaults hold",
            ),
            ("没有规则 policy.toml", "there is no policy.toml"),
        )


CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    check_python,
    check_packages,
    check_time_zones,
    check_settings,
    check_disk,
    check_port,
    check_postgres_programs,
    check_database,
    check_redis,
    check_city,
)


def _guarded(check: Callable[[Patient], Iterator[Finding]], patient: Patient) -> list[Finding]:
    name = check.__name__.removeprefix("check_")
    try:
        return list(check(patient))
    except Refused as wrong:
        return [Finding(check=name, ok=False, zh=wrong.zh, en=wrong.en)]
    except Exception as wrong:  # noqa: BLE001 - whatever breaks a check is what the person has to hear about
        said = f"{type(wrong).__name__}: {wrong}"
        return [Finding(check=name, ok=False, zh=f"检查失败：{said}", en=f"the check itself failed: {said}")]


def _wrong_packages(lock: str) -> Iterator[str]:
    for line in lock.splitlines():
        if line.startswith((" ", "#")) or "==" not in line:
            continue
        try:
            wanted = Requirement(line.rstrip(" \\"))
        except InvalidRequirement:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            found = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            yield f"{wanted.name} (—)"
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            yield f"{wanted.name} ({found})"


def _well(check: str, zh: str, en: str) -> Finding:
    return Finding(check=check, ok=True, zh=zh, en=en)


def _judged(
    check: str, ok: bool, said: tuple[str, str], remedy: tuple[str, str], otherwise: tuple[str, str] | None = None
) -> Finding:
    """`said` when all is well (and always, where there is no `otherwise`), with the remedy when it is not."""
    zh, en = said if ok or otherwise is None else otherwise
    remedy_zh, remedy_en = ("", "") if ok else remedy
    return Finding(check=check, ok=ok, zh=zh, en=en, remedy_zh=remedy_zh, remedy_en=remedy_en)


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


def _run(examination: Coroutine[Any, Any, list[Finding]]) -> list[Finding]:
    return asyncio.run(examination)


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{'✔' if finding.ok else '✘'} {finding.zh}  {finding.en}"
    if finding.remedy_zh:
        yield f"    → {finding.remedy_zh}  {finding.remedy_en}"
