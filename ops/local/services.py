"""Both services of one folder together. Begin at `running`.

`.local/` of a checkout holds: postgres/ (cluster and log), valkey/, secret.key, personal.keys, web-push.key, owner.lock, files/ (photos).
"""

import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from backend import sealing
from backend.errors import Unavailable
from backend.notify import offered
from ops.local.owner import Ownership
from ops.local.postgres import Cluster
from ops.local.valkey import Valkey


def folder_of_checkout() -> Path:
    """`.local` beside the programme's own files; where those may not be changed, in the current folder."""
    checkout = Path(__file__).resolve().parent.parent.parent
    return (checkout if os.access(checkout, os.W_OK) else Path.cwd()) / ".local"


class Services(msgspec.Struct, frozen=True):
    """Addresses of a database and a Redis; `cluster` and `valkey` are set where they are ours."""

    database_url: str
    redis_url: str
    cluster: Cluster | None = None
    valkey: Valkey | None = None


@contextmanager
def running(folder: Path, *, given: Mapping[str, str], durable: bool = True) -> Iterator[Services]:
    """Starts what `given` (the environment) does not name, and stops what it started when the block ends.

    What is left of an earlier run is taken over, whichever way that run ended. While another living process owns the
    folder its services are used and left running. Raises `Unavailable`.
    """
    owner = Ownership(folder)
    is_ours = owner.take()
    try:
        yield start(folder, given=given, durable=durable)
    finally:
        with uninterrupted():
            if is_ours:
                stop(folder)
            owner.let_go()


def start(folder: Path, *, given: Mapping[str, str], durable: bool = True) -> Services:
    """Starts what `given` does not name and leaves it running. Raises `Unavailable`."""
    database_url, redis_url = given.get("RESCUE_DATABASE_URL", ""), given.get("RESCUE_REDIS_URL", "")
    cluster = valkey = None
    if not database_url:
        cluster = Cluster(folder / "postgres", durable=durable)
        cluster.start()
        cluster.make_database()
        database_url = cluster.url()
    if not redis_url:
        valkey = Valkey(folder / "valkey")
        valkey.start()
        redis_url = valkey.url()
    return Services(database_url, redis_url, cluster, valkey)


def stop(folder: Path) -> None:
    """Ends whatever of the two runs in `folder`, also when its starter is gone."""
    Valkey(folder / "valkey").stop()
    if (folder / "postgres/data/postmaster.pid").exists():
        Cluster(folder / "postgres").stop()


def clear_abandoned(parent: Path, prefix: str) -> None:
    """Stops and removes what runs of ours left in `parent`/`prefix`* when they were killed. Living owners keep theirs."""
    for folder in parent.glob(prefix + "*"):
        owner = Ownership(folder)
        if folder.stat().st_uid == os.geteuid() and owner.path.exists() and owner.take():
            stop(folder)
            shutil.rmtree(folder, ignore_errors=True)
            owner.let_go()


def environment(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """`given` completed by what runs in `folder` and by its secret key, for `Settings.from_environment`.

    Starts nothing: what neither is given nor runs stays unset.
    """
    found = dict(given)
    for name, service in (
        ("RESCUE_DATABASE_URL", Cluster(folder / "postgres")),
        ("RESCUE_REDIS_URL", Valkey(folder / "valkey")),
    ):
        try:
            if not found.get(name):
                found[name] = service.url()
        except Unavailable:
            pass  # the settings will say what is missing, with all the rest
    if folder.is_dir():
        found["RESCUE_SECRET_KEY"] = found.get("RESCUE_SECRET_KEY") or secret_key(folder)
        found["RESCUE_PERSONAL_KEYS"] = found.get("RESCUE_PERSONAL_KEYS") or personal_keys(folder)
        found["RESCUE_WEB_PUSH_KEY"] = found.get("RESCUE_WEB_PUSH_KEY") or web_push_key(folder)
        found["RESCUE_DATA"] = found.get("RESCUE_DATA") or str(folder / "files")
    return found


def secret_key(folder: Path) -> str:
    """The key of this checkout, made once, readable by its owner only."""
    return _made_once(folder / "secret.key", lambda: secrets.token_urlsafe(48))


def personal_keys(folder: Path) -> str:
    """What seals personal data in this checkout; the file may be edited to rotate (docs/privacy.md)."""
    return _made_once(folder / "personal.keys", lambda: sealing.fresh_key("first"))


def web_push_key(folder: Path) -> str:
    """What Web Push of this checkout is signed with; browsers that subscribed know its public half."""
    return _made_once(folder / "web-push.key", offered.fresh_key)


def _made_once(path: Path, make: Callable[[], str]) -> str:
    """What the file says; when there is none it is made, and is there whole or not at all, after a crash too."""
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # readable by its owner only
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was faster: its key is the one
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text().strip()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A second Ctrl-C does not break off the stopping."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
