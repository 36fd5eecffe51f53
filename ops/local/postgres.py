"""A private PostgreSQL cluster with PostGIS in a folder: made, started, found again, stopped.

Begin at `Cluster`. What runs is asked of the server's own tools (`pg_ctl status`) and of a connection, never of a
remembered process id alone: after a crash of the machine that id may belong to anybody.
"""

import re
import shutil
import time
from functools import cache
from pathlib import Path

from backend.errors import Unavailable
from ops.local import commands

DEBIAN = Path("/usr/lib/postgresql")
SUPERUSER = "rescue"
START_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
LOG_TAIL_LINES = 12

ALWAYS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # the hot queries are short: compiling them costs more than it saves
    "max_connections": "200",
}
DURABLE = {"shared_buffers": "256MB", "log_checkpoints": "off"}
# What is lost when the machine dies is a test's database: waiting for the disk would only make the tests slow.
FLEETING = {
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
}


class Cluster:
    """The cluster in `folder`/data. `durable` False gives up crash safety for speed (tests)."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder, self.durable = folder.resolve(), durable
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"

    def start(self) -> None:
        """Makes the cluster if there is none, starts it if it does not run; a healthy running one is kept.

        Raises `Unavailable` with the end of the server's log.
        """
        if self.is_healthy():
            return
        self.stop()
        prefix = commands.unprivileged(self.data)
        self._make(prefix)
        socket_folder = commands.socket_folder("rc-pg-", self.data)
        commands.hand_over(socket_folder, prefix)
        try:
            self._launch(prefix, socket_folder)
        except BaseException:
            self.stop()
            shutil.rmtree(socket_folder, ignore_errors=True)
            raise

    def stop(self) -> None:
        """Stops the server, sessions and all; heals what a crash left behind. Nothing happens when it is not running."""
        socket_folder = self._socket_folder()
        if self.is_running():
            prefix = commands.unprivileged(self.data)
            for mode in ("fast", "immediate"):
                stopped = commands.run(
                    (*prefix, str(binary("pg_ctl")), "-D", str(self.data), "-m", mode, "-w", "-t", "20", "stop"),
                    within_s=STOP_WITHIN_S,
                )
                if stopped.returncode == 0 or not self.is_running():
                    break
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        if socket_folder is not None and socket_folder.name.startswith("rc-pg-"):
            shutil.rmtree(socket_folder, ignore_errors=True)

    def is_running(self) -> bool:
        """Whether a server process works on this folder, healthy or not."""
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return False
        prefix = commands.unprivileged(self.data)
        status = commands.run((*prefix, str(binary("pg_ctl")), "-D", str(self.data), "status"), within_s=10)
        return status.returncode == 0 and commands.server_in(self.data, pid_file) is not None

    def is_healthy(self) -> bool:
        """Whether it accepts connections on the socket that it says it has."""
        socket_folder = self._socket_folder()
        if socket_folder is None or not self.is_running():
            return False
        ready = commands.run((str(binary("pg_isready")), "-q", "-h", str(socket_folder)), within_s=10)
        return ready.returncode == 0

    def url(self, database: str = "rescue") -> str:
        """postgresql:// address of one of its databases, good for asyncpg, libpq and (as +asyncpg) SQLAlchemy.

        Raises `Unavailable` when the server does not run.
        """
        socket_folder = self._socket_folder()
        if socket_folder is None:
            raise Unavailable(
                "内置数据库没有运行。请先运行 rescue db up。",
                "The embedded database is not running. Start it: rescue db up",
                code="database_down",
            )
        return f"postgresql://{SUPERUSER}@/{database}?host={socket_folder}"

    def make_database(self, name: str = "rescue") -> None:
        """An empty database; one that exists is left alone."""
        made = commands.run(
            (str(binary("createdb")), "-h", str(self._socket_folder()), "-U", SUPERUSER, name), within_s=60
        )
        if made.returncode != 0 and "already exists" not in made.stdout:
            raise self._trouble("createdb", made.stdout)

    def log_tail(self) -> str:
        """The last lines of the server's log, for a person to read."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def _make(self, prefix: tuple[str, ...]) -> None:
        """initdb beside its final place, so that an interrupted one is never taken for a cluster."""
        if (self.data / "PG_VERSION").exists():
            self._check_version()
            return
        half_made = self.folder / "data.making"
        shutil.rmtree(half_made, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        commands.hand_over(self.folder, prefix)
        argv = [*prefix, str(binary("initdb")), "-D", str(half_made), "-U", SUPERUSER, "-A", "trust"]
        argv += ["-E", "UTF8", "--locale=C.UTF-8", "--data-checksums" if self.durable else "--no-sync"]
        made = commands.run(argv, within_s=120)
        if made.returncode != 0:
            raise self._trouble("initdb", made.stdout)
        half_made.rename(self.data)

    def _check_version(self) -> None:
        ours, theirs = version(), int((self.data / "PG_VERSION").read_text().split(".")[0])
        if ours != theirs:
            raise Unavailable(
                f"{self.data} 由 PostgreSQL {theirs} 建立，而本机是 {ours}。请安装版本 {theirs}，或移走该目录重新开始。",
                f"{self.data} was made by PostgreSQL {theirs}, but this machine has {ours}. Install version {theirs}, "
                "or move that folder away to begin afresh.",
                code="cluster_version",
            )

    def _launch(self, prefix: tuple[str, ...], socket_folder: Path) -> None:
        settings = ALWAYS | (DURABLE if self.durable else FLEETING) | {"unix_socket_directories": str(socket_folder)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        argv = [*prefix, str(binary("pg_ctl")), "-D", str(self.data), "-l", str(self.log), "-o", options]
        started = commands.run((*argv, "-w", "-t", f"{START_WITHIN_S:.0f}", "start"), within_s=START_WITHIN_S + 10)
        deadline = time.monotonic() + 5
        while not self.is_healthy():
            if started.returncode != 0 or time.monotonic() > deadline:
                raise self._trouble("pg_ctl start", started.stdout)
            time.sleep(0.05)

    def _socket_folder(self) -> Path | None:
        """Line 5 of postmaster.pid, where the running server says it."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return None
        return Path(lines[4]) if len(lines) > 4 and lines[4].startswith("/") else None

    def _trouble(self, step: str, output: str) -> Unavailable:
        detail = "\n".join(part for part in (output.strip(), self.log_tail()) if part)
        return Unavailable(
            f"内置数据库出错（{step}）：\n{detail}\n日志：{self.log}",
            f"The embedded database failed ({step}); see above. Log: {self.log}",
            code="database_down",
        )


@cache
def folder_of_binaries() -> Path:
    """Where PostgreSQL's server programs are: Debian's newest version ≥ 15, else the PATH.

    Raises `Unavailable` naming the packages.
    """
    found = sorted(DEBIAN.glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]), reverse=True)
    for program in found:
        if int(program.parts[-3]) >= 15 and _has_postgis(program.parent):
            return program.parent
    on_path = shutil.which("pg_ctl")
    if on_path and _has_postgis(Path(on_path).resolve().parent):
        return Path(on_path).resolve().parent
    raise Unavailable(
        "没有找到 PostgreSQL 15 及以上和 PostGIS。请安装：apt-get install postgresql-15 postgresql-15-postgis-3（Ubuntu 24.04 为 16）。",
        "PostgreSQL 15 or later with PostGIS was not found. Install: apt-get install postgresql-15 "
        "postgresql-15-postgis-3 (16 on Ubuntu 24.04).",
        code="postgres_missing",
    )


def binary(name: str) -> Path:
    """The path of one of PostgreSQL's programs."""
    return folder_of_binaries() / name


@cache
def version() -> int:
    """The major version of the programs found."""
    said = commands.run((str(binary("postgres")), "--version"), within_s=10).stdout
    matched = re.search(r"\b(\d+)[.\d]*", said)
    return int(matched.group(1)) if matched else 0


def _has_postgis(folder: Path) -> bool:
    """Debian keeps extensions under /usr/share/postgresql/<version>; a build of one's own beside its binaries."""
    shares = (
        Path("/usr/share/postgresql") / folder.parts[-2],
        folder.parent / "share",
        folder.parent / "share/postgresql",
    )
    return any((share / "extension/postgis.control").exists() for share in shares)
