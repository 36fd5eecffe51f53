"""Runs the servers' own programs, as the user that may, and turns their failures into sentences."""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from backend.errors import Unavailable

# An unprivileged identity inside a user namespace of our own: to the files outside it is still root.
IN_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")


def run(argv: Sequence[str], *, within_s: float, cwd: Path | str = "/") -> subprocess.CompletedProcess[str]:
    """Runs to the end in a session of its own, so that a Ctrl-C in the terminal does not reach it; it is killed when we
    are interrupted or it takes longer than `within_s`. The exit code is the caller's to judge."""
    try:
        return subprocess.run(
            list(argv),
            check=False,
            cwd=cwd,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=within_s,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as late:
        program = Path(argv[0]).name
        raise Unavailable(
            f"{program} 在 {within_s:.0f} 秒内没有完成。",
            f"{program} did not finish within {within_s:.0f} s.",
            code="local_service_slow",
        ) from late


def unprivileged(folder: Path) -> tuple[str, ...]:
    """What to put before a command so that PostgreSQL, which refuses to run as root, can run with `folder`.

    Nothing when we are not root; else the user `postgres` where it may enter the folder, else a user namespace.
    A folder that already holds a cluster is run by the user that owns it.
    """
    if os.geteuid() != 0:
        return ()
    if (folder / "PG_VERSION").exists():
        made_by = folder.stat()
        return as_user(made_by.st_uid, made_by.st_gid) if made_by.st_uid else IN_NAMESPACE
    user = postgres_user()
    enter = ("test", "-x", str(nearest_existing(folder)))
    if user and _works(*as_user(user.pw_uid, user.pw_gid), *enter):
        return as_user(user.pw_uid, user.pw_gid)
    if _works(*IN_NAMESPACE, *enter):
        return IN_NAMESPACE
    raise Unavailable(
        f"root 不能直接运行 PostgreSQL，而用户 postgres 进不了 {folder}，系统又不允许用户命名空间。"
        "请换普通用户运行，或把目录放到 postgres 能进入的位置。",
        f"PostgreSQL does not run as root, the user postgres may not enter {folder}, and user namespaces are not "
        "allowed here. Run as an ordinary user, or from a folder that postgres can enter.",
        code="no_unprivileged_user",
    )


def postgres_user() -> pwd.struct_passwd | None:
    """The system's `postgres` user, if there is one."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


def as_user(uid: int, gid: int) -> tuple[str, ...]:
    """What to put before a command for root to run it as another user."""
    return ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--")


def hand_over(folder: Path, prefix: tuple[str, ...]) -> None:
    """Makes `folder`, mode 0700, for the user that commands with `prefix` run as."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if prefix and prefix != IN_NAMESPACE:
        os.chown(folder, *(int(part.split("=")[1]) for part in prefix[1:3]))


def socket_folder(name: str, server: Path) -> Path:
    """An empty folder for the socket of the server that works in `server`: short (a socket's path has 107 bytes at most),
    and the same after a restart, so that who is connected finds it again. One that is somebody else's is not used."""
    usual = Path(tempfile.gettempdir()) / f"{name}{hashlib.sha256(str(server).encode()).hexdigest()[:10]}"
    try:
        usual.mkdir(mode=0o700)
    except FileExistsError:
        found = usual.lstat()
        owners = {os.geteuid(), *([server.stat().st_uid] if server.exists() else [])}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners or stat.S_IMODE(found.st_mode) != 0o700:
            return Path(tempfile.mkdtemp(prefix=name))
    return usual


def server_in(folder: Path, pid_file: Path) -> int | None:
    """The id of the living server that wrote `pid_file`. A server works in its own folder; a process that happens to
    have got a dead server's id does not, and is never taken for it."""
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        return pid if Path(os.readlink(f"/proc/{pid}/cwd")) == folder else None  # noqa: PTH115
    except (OSError, ValueError):
        return None


def nearest_existing(folder: Path) -> Path:
    """`folder`, or the closest parent of it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _works(*argv: str) -> bool:
    return shutil.which(argv[0]) is not None and run(argv, within_s=10).returncode == 0
