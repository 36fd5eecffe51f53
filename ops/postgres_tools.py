"""PostgreSQL's own programs for copies: pg_dump, pg_restore, psql; embedded or as installed.

No password ever stands in a command line, where every user of the machine could read it.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from backend.errors import Unavailable
from backend.settings import Settings
from ops.local import postgres, services


def settings_here() -> Settings:
    """The settings of this installation. Raises Invalid naming every variable that is wrong."""
    return Settings.from_environment(services.environment(services.folder_of_checkout(), os.environ))


def dump(database_url: str, file: Path, snapshot: str) -> None:
    """The whole database as it is in an exported snapshot. Raises Unavailable with what pg_dump said."""
    argv = ["--format=custom", "--no-owner", "--no-privileges", "--no-unlogged-table-data", f"--snapshot={snapshot}"]
    _run("pg_dump", [*argv, f"--file={file}"], database_url)


def restore(database_url: str, file: Path, *, first: str, without: Sequence[str]) -> None:
    """`first` and then the dump in one transaction: all of it or nothing. Raises Unavailable with what was said.

    without: entries left out, by patterns on their lines in the dump's table of contents. The SQL is written out to a
    temporary file (TMPDIR) before any of it runs, so that a dump that cannot be read to its end changes nothing.
    """
    listed = _run("pg_restore", ["--list", str(file)])
    wanted = [line for line in listed.splitlines() if not any(re.search(pattern, line) for pattern in without)]
    with tempfile.TemporaryDirectory(prefix="rc-restore-") as folder:
        contents, before, script = (Path(folder) / name for name in ("contents", "before.sql", "script.sql"))
        contents.write_text("\n".join(wanted))
        before.write_text(first)
        _run(
            "pg_restore",
            ["--no-owner", "--no-privileges", f"--use-list={contents}", f"--file={script}", str(file)],
        )
        _run("psql", ["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(before), "-f", str(script)], database_url)


def _run(program: str, arguments: Sequence[str], database_url: str | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PGOPTIONS": "-c statement_timeout=0 -c lock_timeout=60s"}
    argv = [str(program_of(program)), *arguments]
    if database_url is not None:
        address, password = without_password(database_url)
        argv += [f"--dbname={address}"]
        environment |= {"PGPASSWORD": password} if password else {}
    ran = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        capture_output=True,
        check=False,
        cwd="/",
        env=environment,
    )
    if ran.returncode != 0:
        raise Unavailable(
            f"{program} 没有完成：{ran.stderr.strip()[-2000:]}",
            f"{program} did not finish; see above.",
            code="postgres_program_failed",
        )
    return ran.stdout


@cache
def program_of(name: str) -> Path:
    """The newest of the installed ones: an older pg_dump refuses a newer server."""
    found = sorted(postgres.DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which(name)
    if not found and not on_path:
        raise Unavailable(
            f"没有找到 {name}。请安装：apt-get install postgresql-client。",
            f"{name} was not found. Install it: apt-get install postgresql-client",
            code="postgres_client_missing",
        )
    return found[-1] if found else Path(str(on_path))


def without_password(url: str) -> tuple[str, str | None]:
    """The address for a command line, and the password for the environment."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    password = unquote(parts.password) if parts.password else query.pop("password", None)
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{user.split(':', 1)[0]}{at}{host}"
    return parts._replace(netloc=netloc, query=urlencode(query)).geturl(), password
