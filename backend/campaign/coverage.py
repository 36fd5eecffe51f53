"""How far a sweep has come, as screens are shown it: coverage of a campaign, one cell with its reasons and looks, a crew's own tour.

Reads only. Begin at `coverage`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed, demand
from backend.campaign import campaigns, score, sweep_rows
from backend.campaign.looked import stops_left
from backend.campaign.records import Campaign
from backend.campaign.sweep_records import (
    DROPPED_WORDS,
    WHY_WORDS,
    CellState,
    Dropped,
    Look,
    LookedBy,
    SweepCell,
    Tour,
    TourState,
    Why,
)
from backend.errors import NotFound
from backend.geo.cells import boundary
from backend.office import Office
from backend.policy import Colour, Hazard

LOOKS_AT_MOST: Final = 200
WHY_AT_MOST: Final = 3
"""So many reasons stand beside a stop on a phone, the weightiest."""
AS_EVERYWHERE: Final = 0.05
"""A factor of a score nearer to 1 than this changes nothing that one would notice."""


class Sentence(Struct, frozen=True):
    """The same in both languages."""

    zh: str
    en: str


class CellShown(Struct, frozen=True, kw_only=True):
    """A cell as it stands. due_at: by when it is to be looked at; overdue: that is past. unserved: it waits and is in nobody's tour."""

    cell: str
    lon: float
    lat: float
    name: str | None
    score: float
    state: CellState
    due_at: datetime
    looked_at: datetime | None
    looks: int
    detection: float | None
    team_id: UUID | None
    leased_until: datetime | None
    dropped_because: Dropped | None
    overdue: bool
    unserved: bool


class TourShown(Struct, frozen=True, kw_only=True):
    """A tour that a team is on. cells: those not yet done first, in order; minutes: to each of all from the one before; left: how many
    are not yet done."""

    id: UUID
    campaign_id: UUID
    team_id: UUID
    cells: list[str]
    minutes: list[float]
    left: int
    state: TourState
    planned_at: datetime
    why: Why
    why_zh: str
    why_en: str


class Totals(Struct, frozen=True, kw_only=True):
    """How many cells stand how; each but the dropped ones is covered, due, overdue or leased. in_time_share: of those not dropped the
    share that has been looked at and is not overdue, None without any."""

    cells: int
    covered: int
    due: int
    overdue: int
    leased: int
    dropped: int
    unserved: int
    in_time_share: float | None


class Coverage(Struct, frozen=True, kw_only=True):
    """A campaign's ground as it is covered now."""

    now: datetime
    cells: list[CellShown]
    tours: list[TourShown]
    totals: Totals


class Part(Struct, frozen=True, kw_only=True):
    """One part of a cell's score, in words."""

    code: str
    value: float
    zh: str
    en: str


class LookShown(Struct, frozen=True, kw_only=True):
    """A look into a cell. detection: the share of those there that it finds. reason, off_by_m: of one by hand. refuted: late
    positions showed that the team was not there; it does not count."""

    id: UUID
    team_id: UUID
    began_at: datetime
    ended_at: datetime
    by: LookedBy
    mode: str
    detection: float
    is_passing: bool
    reason: str | None
    off_by_m: float | None
    refuted: bool


class PassShown(Struct, frozen=True, kw_only=True):
    """A team said that the cell cannot be reached."""

    team_id: UUID
    said_at: datetime
    reason: str | None


class CellFile(Struct, frozen=True, kw_only=True):
    """All of one cell: how it stands, its corners [lon, lat], why it is looked at, who looked, newest first."""

    now: datetime
    cell: CellShown
    boundary: list[tuple[float, float]]
    why: list[Part]
    dropped: Sentence | None
    looks: list[LookShown]
    passes: list[PassShown]


async def coverage(tx: AsyncConnection, office: Office, by: Actor, campaign_id: UUID, now: datetime) -> Coverage:
    """All cells of a campaign and the tours that teams are on. Raises NotFound, NotAllowed."""
    await _readable(tx, office, by, campaign_id)
    cells = await sweep_rows.cells_of(tx, office, campaign_id)
    tours = await sweep_rows.current_tours(tx, office, campaign_id)
    shown = [_cell(cell, now) for cell in cells.values()]
    return Coverage(now=now, cells=shown, tours=[_tour(tour, cells) for tour in tours], totals=count(shown))


async def cell_file(
    tx: AsyncConnection, office: Office, by: Actor, campaign_id: UUID, cell: str, now: datetime
) -> CellFile:
    """One cell with its reasons and its looks. Raises NotFound, NotAllowed."""
    await _readable(tx, office, by, campaign_id)
    c = db.sweep_cells.c
    found = await sweep_rows.fetch(tx, office, SweepCell, c.campaign_id == campaign_id, c.cell == cell)
    if not found:
        raise NotFound("这个网格不在本次行动的巡查范围内。", "This cell is not part of the campaign's sweep.")
    looks = await sweep_rows.looks_of(tx, office, campaign_id, [cell])
    newest = sorted(looks, key=lambda one: (one.ended_at, str(one.id)), reverse=True)[:LOOKS_AT_MOST]
    passes = [one for one in await sweep_rows.passes_of(tx, office, campaign_id) if one.cell == cell]
    dropped = found[0].dropped_because
    return CellFile(
        now=now,
        cell=_cell(found[0], now),
        boundary=_corners(cell),
        why=parts(found[0]),
        dropped=Sentence(*DROPPED_WORDS[dropped]) if dropped else None,
        looks=[_look(one) for one in newest],
        passes=[
            PassShown(team_id=one.team_id, said_at=one.said_at, reason=one.reason)
            for one in sorted(passes, key=lambda one: one.said_at, reverse=True)
        ],
    )


async def _readable(tx: AsyncConnection, office: Office, by: Actor, campaign_id: UUID) -> Campaign:
    roles = office.city.policy.roles
    demand(roles, by, "campaign:read")
    campaign = await campaigns.get(tx, office, campaign_id)
    demand(roles, by, "campaign:read", campaign.as_object(office.city))
    return campaign


def _cell(cell: SweepCell, now: datetime) -> CellShown:
    named = set(CellShown.__struct_fields__) - {"overdue", "unserved"}
    values = {name: getattr(cell, name) for name in named}
    overdue = cell.state != "dropped" and cell.due_at <= now
    return CellShown(**values, overdue=overdue, unserved=cell.unserved_since is not None)


def _tour(tour: Tour, cells: dict[str, SweepCell]) -> TourShown:
    left = stops_left(tour, cells)
    minutes = dict(zip(tour.cells, tour.minutes, strict=True))
    ordered = [*left, *(cell for cell in tour.cells if cell not in left)]
    zh, en = WHY_WORDS[tour.why]
    return TourShown(
        id=tour.id,
        campaign_id=tour.campaign_id,
        team_id=tour.team_id,
        cells=ordered,
        minutes=[minutes[cell] for cell in ordered],
        left=len(left),
        state=tour.state,
        planned_at=tour.planned_at,
        why=tour.why,
        why_zh=zh,
        why_en=en,
    )


def _look(one: Look) -> LookShown:
    named = set(LookShown.__struct_fields__) - {"refuted"}
    return LookShown(**{name: getattr(one, name) for name in named}, refuted=one.refuted_at is not None)


def _corners(cell: str) -> list[tuple[float, float]]:
    return [(round(corner.lon, 6), round(corner.lat, 6)) for corner in boundary(cell)]


def parts(cell: SweepCell) -> list[Part]:
    """Why the cell is worth a look: the parts of its score, the largest first, then what they are multiplied with."""
    told = [score.Part(part["code"], part["value"]) for part in cell.why]
    return [Part(code=one.code, value=one.value, zh=zh, en=en) for one in told for zh, en in [score.in_words(one)]]


def _says_something(part: Part) -> bool:
    """A crew need not read that something is as everywhere."""
    return part.code in score.PARTS or abs(part.value - 1) >= AS_EVERYWHERE


def count(cells: Iterable[CellShown]) -> Totals:
    """How many stand how. What is leased counts as that, whatever its time."""
    listed = list(cells)
    stands = [_standing(cell) for cell in listed]
    wanted = [cell for cell in listed if cell.state != "dropped"]
    in_time = sum(cell.looked_at is not None and not cell.overdue for cell in wanted)
    return Totals(
        cells=len(listed),
        covered=stands.count("covered"),
        due=stands.count("due"),
        overdue=stands.count("overdue"),
        leased=stands.count("leased"),
        dropped=stands.count("dropped"),
        unserved=sum(cell.unserved for cell in listed),
        in_time_share=round(in_time / len(wanted), 4) if wanted else None,
    )


def _standing(cell: CellShown) -> str:
    return "overdue" if cell.overdue and cell.state in ("due", "covered") else cell.state


# --- a crew's own ----------------------------------------------------------------------------------------------------


class CampaignNow(Struct, frozen=True, kw_only=True):
    """The campaign that a crew sweeps for. headline: of the warning in force, empty without one. supplies: code → pieces per person."""

    id: UUID
    number: str
    hazard: Hazard
    colour: Colour | None
    headline_zh: str
    headline_en: str
    expires_at: datetime | None
    supplies: dict[str, int]


class Stop(Struct, frozen=True, kw_only=True):
    """A stop of a tour: where (WGS-84), how many minutes from the one before, its cell's corners [lon, lat], why it is worth a look.

    mine: the crew is there now; others are not sent there meanwhile."""

    cell: str
    lon: float
    lat: float
    name: str | None
    minutes: float
    state: CellState
    due_at: datetime
    looked_at: datetime | None
    overdue: bool
    mine: bool
    boundary: list[tuple[float, float]]
    why: list[Sentence]


class TourNow(Struct, frozen=True, kw_only=True):
    """The tour of a crew: stops not yet made first, in order; left: how many those are."""

    id: UUID
    stops: list[Stop]
    left: int
    planned_at: datetime
    why: Sentence


class MySweep(Struct, frozen=True, kw_only=True):
    """What a crew's phone shows of a sweep; campaign None: nothing runs; tour None: the crew has none now."""

    campaign: CampaignNow | None
    tour: TourNow | None
    now: datetime


class SweepHint(Struct, frozen=True):
    """The crew is on a tour of this campaign: `GET /api/officer/sweep` has it."""

    campaign_id: UUID
    number: str


async def my_sweep(tx: AsyncConnection, office: Office, by: Actor, team_id: UUID, now: datetime) -> MySweep:
    """The tour of the own team, and the campaign it is for; without a tour the newest campaign that runs where the team may see it."""
    found = await _tour_of(tx, office, team_id)
    campaign = await (campaigns.get(tx, office, found.campaign_id) if found else _newest(tx, office, by, team_id))
    if campaign is None:
        return MySweep(campaign=None, tour=None, now=now)
    tour = None
    if found is not None:
        cells = await sweep_rows.cells_of(tx, office, campaign.id)
        tour = _tour_now(found, cells, team_id, now)
    return MySweep(campaign=await _campaign_now(tx, office, campaign), tour=tour, now=now)


async def hint(tx: AsyncConnection, office: Office, team_id: UUID) -> SweepHint | None:
    """Whether the crew's phone should ask for its sweep."""
    tour = await _tour_of(tx, office, team_id)
    if tour is None:
        return None
    return SweepHint(tour.campaign_id, (await campaigns.get(tx, office, tour.campaign_id)).number)


async def _tour_of(tx: AsyncConnection, office: Office, team_id: UUID) -> Tour | None:
    t = db.sweep_tours.c
    found = await sweep_rows.fetch(tx, office, Tour, t.team_id == team_id, t.state == "current")
    return found[0] if found else None


async def _newest(tx: AsyncConnection, office: Office, by: Actor, team_id: UUID) -> Campaign | None:
    roles = office.city.policy.roles
    for campaign in reversed(await campaigns.running(tx, office)):
        regions = campaign.as_object(office.city).regions
        if allowed(roles, by, "sweep:do", Object(regions=regions, teams=[team_id])):
            return campaign
    return None


async def _campaign_now(tx: AsyncConnection, office: Office, campaign: Campaign) -> CampaignNow:
    w = db.warnings.c
    query = select(w.told).where(w.city_id == office.city_id, w.id == campaign.warning_id)
    told: dict[str, Any] = (await tx.execute(query)).scalar() or {}
    return CampaignNow(
        id=campaign.id,
        number=campaign.number,
        hazard=campaign.hazard,
        colour=campaign.colour,
        headline_zh=told.get("headline_zh", ""),
        headline_en=told.get("headline_en", ""),
        expires_at=campaign.expires_at,
        supplies=campaign.plan.supplies,
    )


def _tour_now(tour: Tour, cells: dict[str, SweepCell], team_id: UUID, now: datetime) -> TourNow:
    shown = _tour(tour, cells)
    stops = [
        Stop(
            cell=cell.cell,
            lon=cell.lon,
            lat=cell.lat,
            name=cell.name,
            minutes=minutes,
            state=cell.state,
            due_at=cell.due_at,
            looked_at=cell.looked_at,
            overdue=cell.state != "dropped" and cell.due_at <= now,
            mine=cell.team_id == team_id,
            boundary=_corners(cell.cell),
            why=[Sentence(part.zh, part.en) for part in parts(cell) if _says_something(part)][:WHY_AT_MOST],
        )
        for name, minutes in zip(shown.cells, shown.minutes, strict=True)
        for cell in [cells[name]]
    ]
    why = Sentence(shown.why_zh, shown.why_en)
    return TourNow(id=tour.id, stops=stops, left=shown.left, planned_at=tour.planned_at, why=why)
