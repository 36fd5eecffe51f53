"""What a crew says of a cell itself: looked at where there is no signal, with a reason; or it cannot be reached. Begin at `look`, `pass_by`.

What happened without network counts at its own time, as long as the campaign ran then; the same command twice is one (I8).
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct, convert
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.access.once import first_answer, keep_answer
from backend.access.permissions import Object
from backend.campaign import campaigns, sweep, sweep_rows, tracked
from backend.campaign.looked import rest
from backend.campaign.records import Campaign
from backend.campaign.sweep_records import CellState, Look, Pass, SweepCell
from backend.campaign.sweep_rows import Book
from backend.dispatch.change import Command
from backend.dispatch.move import demand_recent
from backend.errors import Conflict, NotFound
from backend.geo.place import LonLat, distance_m
from backend.ids import new_id
from backend.office import Office
from backend.patrol.teams import get_team

BY_HAND: Final = 0.7
"""What a look that only the crew vouches for finds, as a share of what one that its track shows does."""
A_MOMENT: Final = timedelta(minutes=1)
TEAMS_THAT_SAY_SO: Final = 2
"""So many teams, and a cell that cannot be reached is dropped."""


class CellNow(Struct, frozen=True, kw_only=True):
    """How the cell stands after what was said. seq: the log's number."""

    seq: int
    campaign_id: UUID
    cell: str
    state: CellState
    looked_at: datetime | None
    due_at: datetime


async def look(
    office: Office,
    campaign_id: UUID,
    cell: str,
    reason: str,
    team_id: UUID,
    command: Command,
    *,
    place: LonLat | None = None,
) -> CellNow:
    """The crew was there and its track does not show it. Raises Conflict `campaign_over`, `no_such_cell`, `no_such_campaign`."""
    async with office.begin() as tx:
        if (first := await first_answer(tx, office, command.once())) is not None:
            return convert(first, CellNow)
        book, there = await _begin(tx, office, campaign_id, cell, team_id, command)
        mode = (await get_team(tx, office, team_id)).mode
        detection = BY_HAND * tracked.detection_of(office.city.policy.campaign, mode)
        one = Look(
            id=new_id(),
            campaign_id=campaign_id,
            cell=cell,
            team_id=team_id,
            began_at=command.at,
            ended_at=command.at,
            by="hand",
            mode=mode,
            detection=detection,
            off_by_m=None if place is None else round(distance_m(place, LonLat(there.lon, there.lat)), 1),
            reason=reason,
        )
        timing = sweep.timing_of(office, book.campaign)
        looks = [*await sweep_rows.looks_of(tx, office, campaign_id, [cell]), one]
        book.put("looked", one)
        book.put("looked", tracked.counted(there, looks, timing, command.now))
        sweep.mark(book, "looked", timing, command.now)
        return await _say(tx, office, book, cell, command)


async def pass_by(
    office: Office, campaign_id: UUID, cell: str, reason: str, team_id: UUID, command: Command
) -> CellNow:
    """It cannot be reached: closed, unsafe. It goes to another team; when a second says so since it was last looked at, it is dropped."""
    async with office.begin() as tx:
        if (first := await first_answer(tx, office, command.once())) is not None:
            return convert(first, CellNow)
        book, there = await _begin(tx, office, campaign_id, cell, team_id, command)
        said = Pass(id=new_id(), campaign_id=campaign_id, cell=cell, team_id=team_id, said_at=command.at, reason=reason)
        told = [*await sweep_rows.passes_of(tx, office, campaign_id), said]
        book.put("passed", said)
        timing = sweep.timing_of(office, book.campaign)
        if len(said_by(told, there)) >= TEAMS_THAT_SAY_SO and there.state != "dropped":
            free = rest(there, timing, command.now)
            book.put("dropped", replace(free, state="dropped", dropped_because="unreachable"), because="unreachable")
        _without_stop(book, cell, team_id)
        sweep.mark(book, "dropped" if "dropped" in book.steps else "passed", timing, command.now)
        return await _say(tx, office, book, cell, command)


def said_by(passes: list[Pass], cell: SweepCell) -> set[UUID]:
    """The teams that say of the cell that it cannot be reached: what was said before somebody was there says nothing any more."""
    return {
        one.team_id
        for one in passes
        if one.cell == cell.cell and (cell.looked_at is None or one.said_at > cell.looked_at)
    }


def _without_stop(book: Book, cell: str, team_id: UUID) -> None:
    """The team's tour goes on without it; whoever comes next is sent there."""
    tour = book.tour_of(team_id)
    if tour is None or cell not in tour.cells:
        return
    at = tour.cells.index(cell)
    minutes = list(tour.minutes)
    if at + 1 < len(minutes):
        minutes[at + 1] += minutes[at]
    left = replace(tour, cells=[one for one in tour.cells if one != cell], minutes=[*minutes[:at], *minutes[at + 1 :]])
    book.put("passed", left)


async def _begin(
    tx: AsyncConnection, office: Office, campaign_id: UUID, cell: str, team_id: UUID, command: Command
) -> tuple[Book, SweepCell]:
    """Everything that both have in common, with the sweep held."""
    demand_recent(command.at, command.now)
    await sweep_rows.hold(tx, office)
    campaign = await _campaign(tx, office, campaign_id)
    regions = campaign.as_object(office.city).regions
    command.demand(office, "sweep:do", Object(regions=regions, teams=[team_id]))
    _demand_its_time(campaign, command.at)
    book = await sweep_rows.open_book(tx, office, campaign)
    if cell not in book.cells:
        raise Conflict(
            "这个网格不在本次行动的巡查范围内。", "This cell is not part of the campaign's sweep.", code="no_such_cell"
        )
    return book, book.cells[cell]


async def _campaign(tx: AsyncConnection, office: Office, campaign_id: UUID) -> Campaign:
    try:
        return await campaigns.get(tx, office, campaign_id)
    except NotFound as fault:
        raise Conflict(fault.zh, fault.en, code="no_such_campaign") from None


def _demand_its_time(campaign: Campaign, at: datetime) -> None:
    if not ran_at(campaign, at):
        raise Conflict(
            "这次专项行动当时未在进行，不能记录到访。",
            "The campaign was not running then: nothing can be recorded for it.",
            code="campaign_over",
        )


def ran_at(campaign: Campaign, at: datetime) -> bool:
    """Whether the campaign ran then; clocks of phones are not exact."""
    opened, closed = campaign.opened_at, campaign.closed_at
    return opened is not None and opened - A_MOMENT <= at and (closed is None or at <= closed + A_MOMENT)


async def _say(tx: AsyncConnection, office: Office, book: Book, cell: str, command: Command) -> CellNow:
    seq = await sweep_rows.record(
        tx, office, book, by=command.by, now=command.now, at=command.at, command_id=command.id
    )
    after = book.cells[cell]
    answer = CellNow(
        seq=seq,
        campaign_id=after.campaign_id,
        cell=after.cell,
        state=after.state,
        looked_at=after.looked_at,
        due_at=after.due_at,
    )
    await keep_answer(tx, office, command.once(), answer)
    return answer
