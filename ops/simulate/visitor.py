"""The grid worker of a simulation: goes to those who stayed in the street, and to those who went home, when a visit is due.

Whoever signs in as the grid worker has the visits to themselves.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from ops.demo_accounts import DemoAccount
from ops.simulate.chance import pick
from ops.simulate.desk import Desk
from ops.simulate.officer import World
from ops.simulate.person import Event
from ops.simulate.phone import Line

ROUND: Final = timedelta(hours=2)
FOUND: Final = {"still_there": 30.0, "helped": 25.0, "gone": 35.0, "not_found": 10.0}
AT_HOME: Final = {"at_home_well": 78.0, "needs_help": 12.0, "not_at_home": 10.0}


class GridWorker(Desk):
    """A round every two hours: what is due by then is done."""

    def __init__(self, world: World, account: DemoAccount, line: Line) -> None:
        super().__init__("grid worker", world, account, line)
        self.deeds = {"round": self._round}

    async def look_around(self, now: datetime) -> None:
        self.note("round", "round", now + timedelta(minutes=20))

    def hear(self, event: Event, now: datetime) -> None:
        """Visits come by the calendar."""

    async def _round(self, _name: str, now: datetime) -> None:
        self.note("round", "round", now + ROUND)
        if await self._is_a_persons():
            return
        for path, what, shares in (("/api/visits", "found", FOUND), ("/api/home-visits", "outcome", AT_HOME)):
            reply = await self.phone.get(path)
            for visit in reply.body if reply.ok else ():
                if datetime.fromisoformat(visit["due_at"]) <= now:
                    await self._visit(f"{path}/{visit['id']}/done", {what: pick(self._of(visit), shares)}, now)

    def _of(self, visit: dict[str, Any]) -> Any:
        return self.world.chance.of("visited", visit["id"])

    async def _visit(self, path: str, said: dict[str, Any], now: datetime) -> None:
        note = {"note": "家属在旁，情况平稳"} if said.get("outcome") == "at_home_well" else {}
        if said.get("outcome") == "needs_help":
            note = {"note": "缺少换季衣物", "needs": ["other"]}  # type: ignore[dict-item]
        reply = await self.phone.command(path, self.world.chance.id(now, self.name, path), **said, **note)
        if not reply.ok and reply.status not in (404, 409):
            self.faults.append(f"{self.name} {path}: {reply.status} {reply.body}")
