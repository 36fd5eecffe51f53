"""The shift leader of a simulation, as far as campaigns need one: a proposal is answered, temporary points are opened.

A person who signs in as the shift leader has the desk to themselves: what waits is then theirs to answer.
"""

from datetime import datetime, timedelta
from typing import Final

from ops.demo_accounts import DemoAccount
from ops.simulate.desk import Desk
from ops.simulate.officer import World
from ops.simulate.person import Event
from ops.simulate.phone import Line

APPROVE_MINUTES: Final = (2.0, 6.0)
OPEN_MINUTES: Final = (8.0, 20.0)
"""So long it takes until a temporary point is open."""


class Leader(Desk):
    """Answers proposals and opens points; both are on the list under the campaign's id."""

    def __init__(self, world: World, account: DemoAccount, line: Line) -> None:
        super().__init__("shift leader", world, account, line)
        self.deeds = {"approve": self._approve, "open": self._open_points}

    async def look_around(self, now: datetime) -> None:
        for one in (await self.phone.get("/api/campaigns", open=True)).body:
            self._plan(one["id"], one["state"], now)

    def hear(self, event: Event, now: datetime) -> None:
        for one in event["data"].get("rows", {}).get("campaigns", ()):
            if event["kind"] in ("campaign.proposed", "campaign.opened", "campaign.upgraded"):
                self._plan(one["id"], "proposed" if event["kind"] == "campaign.proposed" else "running", now)

    def _plan(self, campaign_id: str, state: str, now: datetime) -> None:
        deed, span = ("approve", APPROVE_MINUTES) if state == "proposed" else ("open", OPEN_MINUTES)
        minutes = self.world.chance.of(deed, "campaign", now.isoformat()).uniform(*span)
        self.note(deed, campaign_id, now + timedelta(minutes=minutes))

    async def _approve(self, campaign_id: str, now: datetime) -> None:
        if not await self._is_a_persons():
            await self._post(f"/api/campaigns/{campaign_id}/approve", now)

    async def _open_points(self, campaign_id: str, now: datetime) -> None:
        if await self._is_a_persons():
            return
        file = await self.phone.get(f"/api/campaigns/{campaign_id}")
        for point in file.body["points"] if file.ok else ():
            if point["state"] == "wanted":
                await self._post(f"/api/campaigns/{campaign_id}/points/{point['facility_id']}/open", now)

    async def _post(self, path: str, now: datetime) -> None:
        reply = await self.phone.command(path, self.world.chance.id(now, self.name, path))
        if not reply.ok and reply.status != 409:
            self.faults.append(f"{self.name} {path}: {reply.status} {reply.body}")
