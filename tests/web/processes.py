"""A town whose server and worker are processes of their own, so that they can be ended and started again."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from backend.geo.warm import warm_up
from ops.load_city import load_city
from tests.ops import processes
from tests.web.town import Town


@dataclass
class RealTown(Town):
    """given: what its processes are told."""

    given: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()
    children: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    def now(self) -> datetime:
        """The machine's time, which is the office's here."""
        return datetime.now(UTC)

    async def start(self, name: str) -> None:
        """`serve`, until it answers, or `worker`."""
        log = self.folder / f"{name}.log"
        self.children[name] = processes.start(name, self.given, log)
        if name == "serve":
            await processes.ready(self.api.http, self.children[name], log)

    async def stop(self, name: str) -> None:
        """Ends it as an operator would."""
        self.children[name].terminate()
        assert await processes.exit_code(self.children[name]) == 0, (self.folder / f"{name}.log").read_text()[-4000:]

    def kill(self) -> None:
        """Whatever still runs."""
        for child in self.children.values():
            if child.poll() is None:
                child.kill()
            child.wait()


@asynccontextmanager
async def a_real_town(database_url: str, redis_url: str, folder: Path) -> AsyncIterator[RealTown]:
    """Dalian with its roads, teams and facilities, served as it is served. Reports of the public are accepted by hand."""
    given = processes.environment(
        database_url, redis_url, folder, RESCUE_CITY=str(_city(folder / "dalian")), RESCUE_STOP_NOTICE_S="0"
    )
    async with processes.speaking(given) as api:
        made = RealTown(api, processes.DALIAN, given=given, folder=folder)
        await load_city(api.office, processes.DALIAN, made.now())
        assert api.office.city.roads is not None
        warm_up(api.office.city.roads)  # compiled here, so that the processes find it on the disk
        try:
            await made.start("serve")
            await made.start("worker")
            yield made
        finally:
            made.kill()


def _city(folder: Path) -> Path:
    """Dalian as it is shipped, with a policy for tests."""
    folder.mkdir()
    for file in processes.DALIAN.iterdir():
        if file.name != "policy.toml":
            (folder / file.name).symlink_to(file)
    (folder / "policy.toml").write_text(f"[intake]\nauto_accept = []\n{processes.POLICY}", encoding="utf-8")
    return folder
