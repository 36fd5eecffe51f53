"""A process that cannot work says all that keeps it from it, at once and in words, and ends with 2; who asks is who asks."""

import socket
import subprocess
from pathlib import Path

import httpx
import pytest
import redis.asyncio as redis_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ops.cli import TO_PUT_RIGHT
from tests.api.builders import a_report
from tests.ops import processes


@pytest.fixture
def given(database_url: str, redis: redis_asyncio.Redis, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return processes.environment(database_url, redis_url, tmp_path)


def said_by(name: str, given: dict[str, str], tmp_path: Path) -> tuple[int, str]:
    """How a process that does not start ends, and what it says."""
    log = tmp_path / f"{name}.log"
    code = processes.start(name, given, log).wait(60)
    return code, log.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_all_that_is_wrong_is_said_at_once_in_both_languages(
    name: str, given: dict[str, str], tmp_path: Path, empty_database_url: str
) -> None:
    wrong = {
        "RESCUE_SECRET_KEY": "a" * 40,
        "RESCUE_LOG_LEVEL": "loud",
        "RESCUE_DATABASE_URL": empty_database_url,
        "RESCUE_DATA": "/etc/hostname/files",
        "RESCUE_CITY": str(tmp_path / "no-city"),
    }
    code, said = said_by(name, given | wrong, tmp_path)
    assert code == TO_PUT_RIGHT, said
    for part in ("RESCUE_SECRET_KEY", "RESCUE_LOG_LEVEL", "rescue db migrate", "/etc/hostname/files", "no-city"):
        assert said.count(part) >= 2, (part, said)
    assert "Traceback" not in said


def test_a_port_that_is_taken_and_a_database_that_is_away_are_named(given: dict[str, str], tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        more = {"RESCUE_PORT": port, "RESCUE_DATABASE_URL": "postgresql://u:pa55word@127.0.0.1:1/x"}
        code, said = said_by("serve", given | more, tmp_path)
    assert (code, "pa55word" in said) == (TO_PUT_RIGHT, False)
    assert port in said
    assert "RESCUE_DATABASE_URL" in said


async def test_without_redis_it_starts_and_says_that_it_is_slower(given: dict[str, str], tmp_path: Path) -> None:
    async with processes.serving(given | {"RESCUE_REDIS_URL": "redis://127.0.0.1:1/0"}, tmp_path) as (_, api):
        assert (await api.public.saw("/health"))["degraded"][0] == "redis"
        assert '"degraded"' in log_of(tmp_path)


def log_of(tmp_path: Path) -> str:
    return (tmp_path / "serve.log").read_text(encoding="utf-8")


async def test_a_database_of_a_newer_programme_is_fine(given: dict[str, str], tmp_path: Path, db: AsyncEngine) -> None:
    async with db.begin() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    async with processes.serving(given, tmp_path) as (_, api):
        assert (await api.public.get("/health")).status_code == 200


async def test_limits_count_by_the_address_a_trusted_proxy_names_and_by_no_other(
    given: dict[str, str], tmp_path: Path
) -> None:
    """Five reports a minute from one sender: behind a proxy everybody would be the proxy, or could be anybody."""
    policy = Path(given["RESCUE_CITY"]) / "policy.toml"
    policy.write_text("[intake.rate_per_minute]\nweb = 2\n", encoding="utf-8")

    async def answers(http: httpx.AsyncClient, *forwarded: str) -> list[int]:
        headers = [{"X-Forwarded-For": name} for name in forwarded]
        return [(await http.post("/api/reports", json=a_report(), headers=each)).status_code for each in headers]

    async with processes.serving(given | {"RESCUE_TRUSTED_PROXIES": "127.0.0.0/8"}, tmp_path) as (_, api):
        assert await answers(api.http, "203.0.113.1", "203.0.113.1", "203.0.113.1") == [201, 201, 429]
        assert await answers(api.http, "203.0.113.2", "203.0.113.3") == [201, 201]
        assert await answers(api.http, "198.51.100.9, 203.0.113.1") == [429], "what a client adds is not believed"
    more = {"RESCUE_PORT": str(processes.free_port())}
    async with processes.serving(given | more, tmp_path) as (_, api):
        assert await answers(api.http, "203.0.113.1", "203.0.113.2", "203.0.113.3") == [201, 201, 429]


def test_help_is_there_without_any_setting(tmp_path: Path) -> None:
    given = {name: value for name, value in processes.environment("", "", tmp_path).items() if "RESCUE" not in name}
    process = processes.start("--help", given, tmp_path / "help.log")
    assert isinstance(process, subprocess.Popen)
    assert process.wait(60) == 0
