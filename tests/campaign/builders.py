"""Warnings for a town, and what they made of its campaigns."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from backend.access.actor import SYSTEM
from backend.campaign import campaigns, rows, warnings
from backend.campaign.records import CalledIn, Campaign, Point
from backend.campaign.warnings import Taken
from backend.clock import CHINA
from tests.campaign.warnings_made import an_alert, an_info
from tests.dispatch.builders import Town

WHOLE_CITY = "210200000000"
EAST_CODE, WEST_CODE = "210202000000", "210203000000"


def at(town: Town, **span: float) -> str:
    return (town.now + timedelta(**span)).astimezone(CHINA).isoformat()


def code(value: str = WHOLE_CITY) -> str:
    """An area that is named by its 12-digit code."""
    return f"<geocode><valueName>CPEAS Geographic Code</valueName><value>{value}</value></geocode>"


def warning(
    town: Town,
    identifier: str,
    colour: str = "蓝",
    *,
    event: str = "寒潮",
    hours: float = 24,
    area: str | None = None,
    headline: str | None = None,
    sender: str = "大连市气象台",
    **more: str,
) -> bytes:
    """A warning as it comes, sent now; more: of the alert."""
    info = an_info(event, headline or f"{event}{colour}色预警信号", expires=at(town, hours=hours), area=area or code())
    return an_alert(info, identifier=identifier, sent=at(town), sender=sender, **more)


async def comes(town: Town, identifier: str, colour: str = "蓝", **more: Any) -> Taken:
    """A warning comes in; what it does to campaigns is the worker's."""
    content = warning(town, identifier, colour, **more)
    return await warnings.take_in(town.office, content, source="test", by=SYSTEM, now=town.now)


async def lifted(town: Town, identifier: str, event: str = "寒潮", **more: Any) -> Taken:
    """The sender lifts what it has warned of."""
    return await comes(town, identifier, event=event, headline=f"解除{event}预警信号", **more)


async def all_campaigns(town: Town) -> list[Campaign]:
    """All there are, oldest first."""
    async with town.office.db.connect() as tx:
        found = await campaigns.since(tx, town.office, town.now - timedelta(days=999), open_only=False)
    return sorted(found, key=lambda one: (one.proposed_at, one.number))


async def the_campaign(town: Town) -> Campaign:
    """The only one."""
    [one] = await all_campaigns(town)
    return one


async def points_of(town: Town, campaign_id: UUID) -> list[Point]:
    async with town.office.db.connect() as tx:
        return await rows.points_of(tx, town.office, campaign_id)


async def calls_of(town: Town, campaign_id: UUID) -> list[CalledIn]:
    async with town.office.db.connect() as tx:
        return await rows.calls_of(tx, town.office, campaign_id)


async def kinds(town: Town) -> list[str]:
    """What the log says of campaigns, in order, without the word itself."""
    return [kind.partition(".")[2] for kind in await town.kinds() if kind.startswith("campaign.")]
