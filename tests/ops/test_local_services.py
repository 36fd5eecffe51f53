"""The embedded services come up, go down, keep their data, and recover from whatever ended the last run."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
import redis

from backend.errors import Unavailable
from ops.local import commands, postgres, services
from ops.local.postgres import Cluster
from ops.local.services import Services

ROOT = Path(__file__).parent.parent.parent
# A run begun in the background of a script has Ctrl-C switched off, and its children with it: not so here.
OWNER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from ops import cli
from ops.local import services

def run():
    with services.running(Path(sys.argv[1]), given={}, durable=False):
        print("up", flush=True)
        time.sleep(60)

cli.app.default(run)
cli.main([])
"""


@pytest.fixture
def folder(empty_folder: Path) -> Path:
    """Where the services of the test are."""
    return empty_folder


@pytest.fixture
def fresh(folder: Path) -> Services:
    """Services just started in `folder`."""
    return services.start(folder, given={}, durable=False)


def test_they_keep_what_was_written_from_one_run_to_the_next(folder: Path) -> None:
    with services.running(folder, given={}) as first:
        ask(first.database_url, "CREATE TABLE kept AS SELECT 7 AS n")
    assert nothing_runs_in(folder)
    with services.running(folder, given={}) as second:
        assert ask(second.database_url, "SELECT n FROM kept") == 7
        assert ask(second.database_url, "SHOW fsync") == "on"
    assert nothing_runs_in(folder)


def test_nothing_listens_on_the_network(fresh: Services) -> None:
    assert ask(fresh.database_url, "SHOW listen_addresses") == ""
    with redis.Redis.from_url(fresh.redis_url, decode_responses=True) as client:
        assert client.config_get("port") == {"port": "0"}


def test_only_their_user_may_enter_the_folder_of_the_sockets(fresh: Services) -> None:
    for url in (fresh.database_url.split("host=")[1], fresh.redis_url.removeprefix("unix://").split("/valkey.sock")[0]):
        assert Path(url).stat().st_mode & 0o077 == 0


def test_starting_what_runs_already_changes_nothing(folder: Path, fresh: Services) -> None:
    assert services.start(folder, given={}).database_url == fresh.database_url


def test_given_addresses_are_used_and_nothing_is_started(folder: Path) -> None:
    given = {"RESCUE_DATABASE_URL": "postgresql://elsewhere/x", "RESCUE_REDIS_URL": "redis://elsewhere"}
    with services.running(folder, given=given) as found:
        assert (found.database_url, found.redis_url) == tuple(given.values())
        assert nothing_runs_in(folder)


def test_servers_that_were_killed_are_started_again_with_their_data(folder: Path, fresh: Services) -> None:
    ask(fresh.database_url, "CREATE TABLE kept AS SELECT 7 AS n")
    ask(fresh.database_url, "CHECKPOINT")
    for pid_file in (folder / "postgres/data/postmaster.pid", folder / "valkey/pid"):
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    wait_until(lambda: nothing_runs_in(folder))
    healed = services.start(folder, given={}, durable=False)
    assert ask(healed.database_url, "SELECT n FROM kept") == 7
    assert redis.Redis.from_url(healed.redis_url).ping()


def test_servers_whose_sockets_were_swept_away_are_started_again(folder: Path, fresh: Services) -> None:
    shutil.rmtree(fresh.database_url.split("host=")[1])
    shutil.rmtree(Path(fresh.redis_url.removeprefix("unix://").split("?")[0]).parent)
    healed = services.start(folder, given={}, durable=False)
    assert ask(healed.database_url, "SELECT 1") == 1
    assert redis.Redis.from_url(healed.redis_url).ping()


def test_a_stranger_that_got_a_dead_servers_process_id_is_left_alone(folder: Path) -> None:
    cluster = Cluster(folder / "postgres", durable=False)
    cluster.start()
    owner = cluster.data.stat()
    cluster.stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pid_file = cluster.data / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{cluster.data}\n1\n5432\n/tmp/gone\n\n  1 1\nready\n")
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        cluster.start()
        assert cluster.is_healthy()
        assert stranger.poll() is None
        stranger.kill()


def test_a_cluster_that_was_half_made_is_made_anew(folder: Path) -> None:
    half_made = folder / "postgres/data.making/base"
    half_made.mkdir(parents=True)
    (folder / "postgres/data").mkdir()
    cluster = Cluster(folder / "postgres", durable=False)
    cluster.start()
    assert cluster.is_healthy()
    assert not half_made.exists()


def test_a_cluster_of_another_version_is_refused_in_words(folder: Path, fresh: Services) -> None:
    services.stop(folder)
    (folder / "postgres/data/PG_VERSION").write_text("99\n")
    with pytest.raises(Unavailable, match="PostgreSQL 99"):
        services.start(folder, given={}, durable=False)


def test_a_server_that_does_not_start_says_why(folder: Path, fresh: Services) -> None:
    services.stop(folder)
    with (folder / "postgres/data/postgresql.conf").open("a") as settings:
        settings.write("\nno_such_setting = 1\n")
    with pytest.raises(Unavailable, match="no_such_setting"):
        services.start(folder, given={}, durable=False)
    assert nothing_runs_in(folder)


def test_missing_postgres_names_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    postgres.folder_of_binaries.cache_clear()
    try:
        with pytest.raises(Unavailable, match="postgis-3"):
            postgres.folder_of_binaries()
    finally:
        postgres.folder_of_binaries.cache_clear()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_polite_ends_leave_nothing_behind(folder: Path, number: signal.Signals) -> None:
    with owner_of(folder) as owner:
        owner.send_signal(number)
        owner.wait(timeout=30)
    assert nothing_runs_in(folder)
    assert not list(folder.glob("*/*.pid"))


def test_when_the_owner_is_killed_the_next_one_takes_over_and_ends_it(folder: Path) -> None:
    with owner_of(folder) as owner:
        owner.kill()
    assert not nothing_runs_in(folder)
    with services.running(folder, given={}, durable=False) as found:
        assert ask(found.database_url, "SELECT 1") == 1
    assert nothing_runs_in(folder)


def test_while_the_owner_lives_others_use_its_services_and_leave_them(folder: Path) -> None:
    with owner_of(folder) as owner:
        with services.running(folder, given={}, durable=False) as found:
            assert ask(found.database_url, "SELECT 1") == 1
        assert not nothing_runs_in(folder)
        owner.terminate()
    assert nothing_runs_in(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: every other test runs so already")
@pytest.mark.parametrize("who", ["root, where postgres may not enter", "not root"])
def test_they_run_for_whoever_starts_them(folder: Path, who: str) -> None:
    folder.chmod(0o700)
    disguise = commands.IN_NAMESPACE if who == "not root" else ()
    with owner_of(folder, disguise) as owner:
        owner.terminate()
    assert (folder / "postgres/data").stat().st_uid == 0
    assert nothing_runs_in(folder)


def test_the_folder_knows_its_environment_only_while_they_run(folder: Path, fresh: Services) -> None:
    known = services.environment(folder, {"RESCUE_PORT": "9000"})
    assert (known["RESCUE_DATABASE_URL"], known["RESCUE_REDIS_URL"]) == (fresh.database_url, fresh.redis_url)
    assert known["RESCUE_PORT"] == "9000"
    assert known["RESCUE_SECRET_KEY"] == services.secret_key(folder)
    assert (folder / "secret.key").stat().st_mode & 0o077 == 0
    services.stop(folder)
    assert "RESCUE_DATABASE_URL" not in services.environment(folder, {})


def test_what_killed_runs_left_is_cleared_and_what_living_ones_use_is_not(folder: Path) -> None:
    with owner_of(folder / "rc-test-killed") as killed, owner_of(folder / "rc-test-living") as living:
        killed.kill()
        killed.wait()
        services.clear_abandoned(folder, "rc-test-")
        assert not (folder / "rc-test-killed").exists()
        assert nothing_runs_in(folder / "rc-test-killed")
        assert not nothing_runs_in(folder / "rc-test-living")
        living.terminate()


def owner_of(folder: Path, prefix: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
    """A process that has started the services of `folder` and waits."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", OWNER, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def nothing_runs_in(folder: Path) -> bool:
    """No process at all works in the folder or below it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            found.append(entry.readlink())
        except OSError:
            continue
    return not any(place.is_relative_to(folder) for place in found)


def wait_until(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    """Fails when it does not come to hold in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(database_url: str, query: str) -> object:
    """The first value of a query's answer."""

    async def answer() -> object:
        connection = await asyncpg.connect(database_url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(answer())


def test_after_a_restart_both_are_found_where_they_were(empty_folder: Path) -> None:
    """Who is connected comes back by itself: the address stays."""
    found = services.start(empty_folder, given={}, durable=False)
    before = (found.database_url, found.redis_url)
    services.stop(empty_folder)
    again = services.start(empty_folder, given={}, durable=False)
    assert (again.database_url, again.redis_url) == before
