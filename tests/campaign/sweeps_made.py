"""A campaign that runs over a small ground, and teams that walk about in it: for tests of the sweep. Begin at `running`."""

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import shapely
from msgspec.structs import replace
from shapely.geometry.base import BaseGeometry

from backend import db as tables
from backend import log
from backend.access.actor import SYSTEM
from backend.campaign import rows, sweep, sweep_rows
from backend.campaign.looked import stops_left
from backend.campaign.plan import PlanNow
from backend.campaign.records import Campaign
from backend.campaign.sweep_records import Look, SweepCell, Tour
from backend.clock import CHINA, ManualClock
from backend.geo.place import LonLat
from backend.geo.regions import Level, Region, RegionIndex
from backend.ids import new_id
from backend.patrol import positions
from backend.patrol.positions import TeamFix
from backend.worker import Worker
from tests.dispatch.builders import CITY, DEGREE_M, SPOT, WEST, Town

NIGHT = datetime(2016, 12, 19, 20, tzinfo=CHINA)


def around(place: LonLat, metres: float) -> BaseGeometry:
    """A square with so long a half side."""
    east, north = metres / DEGREE_M, metres / 111_000
    return shapely.box(place.lon - east, place.lat - north, place.lon + east, place.lat + north)


GROUNDS = {700: "210203001", 1000: "210203002", 1400: "210203003", 2000: "210203004"}
"""Half sides of squares around the spot → streets of the town that are just those."""


def with_grounds(town: Town) -> Town:
    """The town with these streets: a campaign's ground is regions."""
    office = town.office
    streets = [
        Region(code, f"{metres} 米", Level.STREET, WEST, around(SPOT, metres)) for metres, code in GROUNDS.items()
    ]
    office.city = dataclasses.replace(office.city, regions=RegionIndex([*office.city.regions, *streets]))
    return town


def a_plan(**changes: Any) -> PlanNow:
    values: dict[str, Any] = {"hazard": "cold_wave", "colour": "orange", "sweep_every_s": 7200.0, "cover": "cells"}
    values |= {"cells": 12, "call_in": 0, "teams": 8, "points": [], "supplies": {"hot_food": 1}, "tell": []}
    return PlanNow(**{**values, "approval": "automatic", **changes})


@dataclass
class Swept:
    """A town with a campaign that runs in it."""

    town: Town
    campaign: Campaign
    workers: list[Worker] = field(default_factory=list)

    @property
    def clock(self) -> ManualClock:
        return self.town.clock

    async def turn(self, worker: Worker | None = None, *, times: int = 1, later: float = 6) -> None:
        """The worker looks at the sweeps, and what it begins is done. later: seconds that pass before."""
        for _ in range(times):
            self.clock.advance(seconds=later)
            one = worker or self.town.worker
            await one.sweeping.turn()
            await one.sweeping.finish()

    async def begun(self) -> "Swept":
        """Cells laid out and tours planned."""
        await self.turn(times=3)
        return self

    async def cells(self) -> dict[str, SweepCell]:
        async with self.town.office.db.connect() as tx:
            return await sweep_rows.cells_of(tx, self.town.office, self.campaign.id)

    async def cell(self, name: str) -> SweepCell:
        return (await self.cells())[name]

    async def tours(self, state: str = "current") -> list[Tour]:
        t = tables.sweep_tours.c
        async with self.town.office.db.connect() as tx:
            found = await sweep_rows.fetch(
                tx, self.town.office, Tour, t.campaign_id == self.campaign.id, t.state == state
            )
        return sorted(found, key=lambda tour: (tour.planned_at, str(tour.team_id)))

    async def tour_of(self, team_id: UUID) -> Tour:
        return next(tour for tour in await self.tours() if tour.team_id == team_id)

    async def looks(self) -> list[Look]:
        k = tables.sweep_looks.c
        async with self.town.office.db.connect() as tx:
            found = await sweep_rows.fetch(tx, self.town.office, Look, k.campaign_id == self.campaign.id)
        return sorted(found, key=lambda look: (look.began_at, look.cell))

    async def kinds(self) -> list[str]:
        return [kind for kind in await self.town.kinds() if kind.startswith("sweep.")]

    async def last(self, kind: str) -> log.Event:
        return next(event for event in reversed(await self.town.events()) if event.kind == kind)

    # --- teams move ------------------------------------------------------------------------------------------------

    async def is_at(self, team_id: UUID, place: LonLat, *moments: datetime, accuracy_m: float = 8.0) -> None:
        """The team's phone sends that it was there, now or at these moments."""
        fixes = [
            TeamFix(team_id=team_id, at=at, place=place, accuracy_m=accuracy_m, heading_deg=None, speed_m_s=None)
            for at in moments or (self.town.now,)
        ]
        await positions.store(self.town.office, fixes)

    async def stays(self, team_id: UUID, cell: SweepCell, seconds: int = 60, *, step: int = 20) -> None:
        """The team stands at the cell's stop for so long, the worker looking meanwhile."""
        for _ in range(seconds // step + 1):
            await self.is_at(team_id, LonLat(cell.lon, cell.lat))
            await self.turn(later=step)

    async def leaves(self, team_id: UUID) -> None:
        """To somewhere outside the ground."""
        await self.is_at(team_id, LonLat(SPOT.lon + 0.2, SPOT.lat))
        await self.turn()

    async def sees(self, team_id: UUID, cell: SweepCell) -> SweepCell:
        """The team was there long enough, and is gone. Returns the cell as it is then."""
        await self.stays(team_id, cell)
        await self.leaves(team_id)
        return await self.cell(cell.cell)

    # --- the campaign changes ----------------------------------------------------------------------------------------

    async def becomes(self, kind: str = "campaign.upgraded", *, ground: int | None = None, **changes: Any) -> Campaign:
        """The campaign is another from now on; plan: keys of its plan; ground: one of `GROUNDS`."""
        plan = replace(self.campaign.plan, **changes.pop("plan", {}))
        if ground is not None:
            changes |= {"regions": [GROUNDS[ground]], "basis": _own(GROUNDS[ground])}
        self.campaign = await put(self.town, kind, replace(self.campaign, plan=plan, **changes), self.campaign)
        return self.campaign

    async def closes(self) -> None:
        await self.becomes(
            "campaign.closed", state="closed", closed_at=self.town.now, closed_by="test", close_reason="hand"
        )


def _own(code: str) -> dict[str, Any]:
    """What a campaign goes on by that was opened by hand (following.Own)."""
    return {"colour": "orange", "regions": [code], "ends_at": None}


async def running(town: Town, *, ground: int = 1000, number: str = "Z1", **plan: Any) -> Swept:
    """A campaign of an orange cold wave that runs from now on over two kilometres around the spot."""
    with_grounds(town)
    campaign = Campaign(
        id=new_id(),
        number=number,
        hazard="cold_wave",
        colour="orange",
        season="winter",
        cause="hand",
        basis=_own(GROUNDS[ground]),
        chain_id=None,
        chains=[],
        warning_id=None,
        state="running",
        regions=[GROUNDS[ground]],
        drawn=None,
        plan=a_plan(**plan),
        proposed_at=town.now,
        opened_at=town.now,
        opened_by="test",
    )
    return Swept(town, await put(town, "campaign.opened", campaign, None))


async def put(town: Town, kind: str, after: Campaign, before: Campaign | None) -> Campaign:
    """As the verbs of campaigns do it: the row, and the event that tells it."""
    async with town.office.begin() as tx:
        await rows.write(tx, town.office, before, after)
        told = {"campaign_id": after.id, "rows": {"campaigns": [rows.fact(after)]}}
        entry = log.Entry(kind=kind, actor=SYSTEM, occurred_at=town.now, data=told, regions=[CITY])
        await log.append(tx, town.office.city_id, [entry], now=town.now)
    return after


async def open_or_served(swept: Swept) -> list[str]:
    """Cells that wait although nobody is said to serve them nor not to; must be none."""
    timing = sweep.timing_of(swept.town.office, swept.campaign)
    cells = await swept.cells()
    served = {cell for tour in await swept.tours() for cell in stops_left(tour, cells)}
    due = (cell for cell in cells.values() if cell.state == "due" and timing is not None)
    return [cell.cell for cell in due if (cell.cell in served) == (cell.unserved_since is not None)]
