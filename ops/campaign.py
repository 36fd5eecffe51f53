"""`rescue campaign …`, for whoever runs the installation: campaigns listed, shown, opened, closed, and their reports as files.

What runs and how it began is read from the database; opening and closing are the verbs that the desk uses.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from cyclopts import App
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, in_force
from backend.access.actor import Actor
from backend.campaign import campaigns, reading
from backend.campaign.campaigns import ToOpen
from backend.campaign.hazard import COLOUR_NAMES, HAZARD_NAMES
from backend.campaign.reading import CampaignFile
from backend.campaign.records import CLOSE_REASONS, CampaignShown
from backend.city import open_city
from backend.clock import Clock
from backend.db import make_engine
from backend.dispatch.change import Command
from backend.errors import NotFound
from backend.office import Office
from backend.policy import Colour, Hazard
from backend.steady import SteadyTime
from ops.campaign_report import check, report
from ops.serve import settings_here

BY = Actor(id="command-line", name="命令行", kind="system", roles=("system",))
STATE_NAMES = {
    "proposed": ("待批", "waits for leave"),
    "running": ("进行中", "runs"),
    "closed": ("已结束", "over"),
    "declined": ("未启动", "declined"),
}
app = App(
    name="campaign",
    help="专项行动：列出、查看、启动、结束，生成和核对报告。Campaigns: list, show, open, close; their reports.",
)
app.command(report)
app.command(check)


@app.command(name="list")
def list_(*, days: int = 90) -> None:
    """列出待批的、进行中的和近期的专项行动。What is proposed, what runs, and what was lately.

    Parameters
    ----------
    days: 看多久以前的。How far back.
    """

    async def lines(office: Office, now: datetime) -> None:
        async with office.db.connect() as tx:
            found = await reading.list_campaigns(tx, office, BY, since=now - timedelta(days=days))
        print(
            "\n".join(_line(one, office.city.zone) for one in found)
            or f"最近 {days} 天没有专项行动。 No campaigns in the last {days} days."
        )

    _with(lines)


@app.command
def show(number: str) -> None:
    """显示一次专项行动：预案、预警、临时点、召集的队伍、经过。All of one campaign.

    Parameters
    ----------
    number: 编号，如 Z2016091901。Its number.
    """

    async def told(office: Office, now: datetime) -> None:
        async with office.db.connect() as tx:
            id_ = await _id_of(tx, office, number)
            print("\n".join(in_words(await reading.campaign_file(tx, office, BY, id_, now), office.city.zone)))

    _with(told)


@app.command(name="open")
def open_(
    hazard: Hazard,
    *,
    note: str,
    colour: Colour | None = None,
    region: list[str] | None = None,
    hours: float | None = None,
) -> None:
    """启动一次专项行动，不等预警。Open one without a warning.

    Parameters
    ----------
    hazard: 灾种。What against.
    note: 为什么启动。Why.
    colour: 按哪一级预案；不写为最轻一级。Whose plan; the mildest when left out.
    region: 辖区代码，可写多次；不写为全市。Region codes; the whole city when left out.
    hours: 多少小时后结束；不写则到人工结束为止。Over after so many hours; until it is closed when left out.
    """

    async def opened(office: Office, now: datetime) -> None:
        ends_at = now + timedelta(hours=hours) if hours is not None else None
        wanted = ToOpen(hazard=hazard, colour=colour, regions=region or [], note=note, ends_at=ends_at)
        done = await campaigns.open_by_hand(office, wanted, _command("campaign.open", now))
        print(f"已启动 {done.number}。 {done.number} runs.")

    _with(opened)


@app.command
def close(number: str, *, note: str) -> None:
    """结束一次进行中的专项行动。Close one that runs.

    Parameters
    ----------
    number: 编号，如 Z2016091901。Its number.
    note: 为什么结束。Why.
    """

    async def closed(office: Office, now: datetime) -> None:
        async with office.db.connect() as tx:
            id_ = await _id_of(tx, office, number)
        done = await campaigns.close(office, id_, note, _command("campaign.close", now))
        print(f"已结束 {done.number}。 {done.number} is over.")

    _with(closed)


def in_words(file: CampaignFile, zone: ZoneInfo) -> Iterable[str]:
    """A campaign in lines, Chinese and English."""
    one = file.campaign
    plan = one.plan
    supplies = ", ".join(f"{code} × {pieces}" for code, pieces in plan.supplies.items())
    yield _line(one, zone)
    yield f"  预案 plan: {plan.cover}, {plan.sweep_every_s / 3600:g} h, ≤ {plan.cells} cells, ≤ {plan.teams} teams; {supplies}"
    yield from (
        f"  预警 warning: {_at(one.sent, zone)} {one.told.headline_zh or one.told.headline_en}" for one in file.warnings
    )
    yield from (f"  临时点 point: {one.code} {one.name} · {one.state}" for one in file.points)
    for team in file.called_in:
        came = f"到岗 came {_at(team.came_at, zone)}" if team.came_at else "未到 not there yet"
        yield f"  召集 called in: {team.code} {team.name} · {came}"
    yield from (f"  {_at(one.at, zone)} {one.zh} {one.en} · {one.by}" for one in file.history)


def _line(one: CampaignShown, zone: ZoneInfo) -> str:
    hazard, state = HAZARD_NAMES[one.hazard], STATE_NAMES[one.state]
    colour = COLOUR_NAMES[one.colour] if one.colour else ("", "")
    reason = CLOSE_REASONS[one.close_reason] if one.close_reason else ("", "")
    since = _at(one.opened_at or one.proposed_at, zone)
    zh = " ".join(part for part in (one.season_zh, hazard[0] + colour[0], state[0], reason[0]) if part)
    en = ", ".join(part for part in (f"{hazard[1]} {colour[1]}".strip(), state[1], reason[1]) if part)
    return f"{one.number} {since} {zh} · {en}"


def _at(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


async def _id_of(tx: AsyncConnection, office: Office, number: str) -> UUID:
    c = db.campaigns.c
    query = select(c.id).where(c.city_id == office.city_id, c.number == number.strip().upper())
    found: UUID | None = (await tx.execute(query)).scalar()
    if found is None:
        raise NotFound(f"没有专项行动 {number}。", f"There is no campaign {number}.")
    return found


def _command(name: str, now: datetime) -> Command:
    return Command(name=name, by=BY, now=now, at=now)


def _with(do: Callable[[Office, datetime], Awaitable[None]]) -> None:
    settings = settings_here()

    async def run() -> None:
        engine = make_engine(settings.database_url)
        try:
            office = Office(open_city(settings.city_folder), engine, ring=settings.ring)
            await in_force.follow(office)
            async with SteadyTime(engine, office.city_id) as time:
                clock: Clock = settings.clock.by(time.now)
                await do(office, clock.now())
        finally:
            await engine.dispose()

    asyncio.run(run())
