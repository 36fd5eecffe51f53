"""What happens in a campaign, as tests of screens and phones say it: a warning comes in, a campaign runs, a team stands somewhere."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from backend.clock import CHINA
from tests.campaign.warnings_made import an_alert, an_info
from tests.web.town import WAIT_MS, Town

WORDS = "预计未来 24 小时我市将受影响，请注意防范。"
LAID_OUT_S = 120
"""How long a campaign's ground may take to be divided on a busy machine."""


async def warn(town: Town, event: str, colour: str, grade: str, *, identifier: str, **more: str) -> None:
    """A weather warning for the whole city comes in. A further one of the same hazard goes on with what the first began."""
    at = town.now().astimezone(CHINA)
    until = (at + timedelta(hours=24)).isoformat()
    info = an_info(event, f"大连市气象台发布{event}{colour}预警信号[{grade}]", expires=until, description=WORDS)
    cap = an_alert(info, identifier=identifier, sent=at.isoformat(), **more).decode()
    await (await town.somebody("dispatcher")).did("/api/warnings", {"cap": cap})


async def campaigns(town: Town, **query: Any) -> list[dict[str, Any]]:
    """As the shift leader reads them."""
    found: list[dict[str, Any]] = await (await town.somebody("shift_leader")).saw("/api/campaigns", **query)
    return found


async def campaign(town: Town, hazard: str, state: str) -> dict[str, Any]:
    """Waits for the newest campaign against it to be in that state."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while True:
            if found := [one for one in await campaigns(town) if (one["hazard"], one["state"]) == (hazard, state)]:
                return found[0]
            await asyncio.sleep(0.1)


async def end_all(town: Town) -> None:
    """Nothing is proposed or runs any more."""
    leader = await town.somebody("shift_leader")
    for one in await campaigns(town, open=True):
        how = "decline" if one["state"] == "proposed" else "close"
        await leader.did(f"/api/campaigns/{one['id']}/{how}", {"note": "下一项测试"})


async def coverage(town: Town, campaign_id: str) -> dict[str, Any]:
    """Its cells, tours and totals."""
    found: dict[str, Any] = await (await town.somebody("shift_leader")).saw(f"/api/campaigns/{campaign_id}/coverage")
    return found


async def swept(town: Town, hazard: str = "cold_wave", *, tours: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """Waits until a campaign against it runs, its ground is divided and so many teams have a tour; it and its coverage."""
    running = await campaign(town, hazard, "running")
    async with asyncio.timeout(LAID_OUT_S):
        while True:
            told = await coverage(town, running["id"])
            if told["cells"] and len(told["tours"]) >= tours:
                return running, told
            await asyncio.sleep(0.2)


async def stood_at(
    town: Town, team_id: UUID, lon: float, lat: float, *, minutes: float = 2.0, then_away: bool = True
) -> None:
    """The team was there for so long, a fix every 15 seconds, and has gone on since; the office's time has passed with it."""
    began = town.now()
    town.later(minutes=minutes + 1.5)
    spots = [(lon, lat)] * int(minutes * 4)
    if then_away:
        spots += [(lon + 0.02, lat)] * 3
    fixes = [
        {"at": (began + timedelta(seconds=15 * n)).isoformat(), "lon": x, "lat": y, "accuracy_m": 8}
        for n, (x, y) in enumerate(spots)
    ]
    await (await town.officer_of(team_id)).did("/api/officer/positions", {"fixes": fixes})
