"""The rescue circle as a live object: which cells a free team reaches within 30 minutes now, and an alarm where not.

Cells weigh by what is known of the ground: one, plus the cases of the last weeks there. `picture` is what a screen and
the worker's watch share.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.dispatch.change import Command
from backend.geo.cells import cell_of
from backend.geo.circle import Circle, Ground
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.office import Office
from backend.patrol.roster import Roster

RISK_DAYS = 28
"""How far back past cases make a cell weigh more."""
RISK_PER_CASE = 4.0
"""What a past case in a cell adds to its weight of 1: a spot with one report counts as five quiet cells."""


@dataclass(frozen=True)
class Picture:
    """The circle at a moment, with the weight of every cell; share: of the weight that is inside, 0-1."""

    at: datetime
    circle: Circle
    weights: dict[str, float]
    share: float
    teams_free: int


class Watch:
    """Keeps one process's picture of the circle: its ground, the risk of its cells, its roster."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.roster = Roster(office)
        self.ground = Ground.of_roads(office.city.roads) if office.city.roads else None
        self._risk: dict[str, float] = {}
        self._risk_until: datetime | None = None

    async def picture(self, tx: AsyncConnection, now: datetime) -> Picture | None:
        """The circle now; None for a city without roads. A few milliseconds."""
        if self.ground is None:
            return None
        await self.roster.refresh(tx, now)
        weights = await self._weights(tx, now)
        circle = self.ground.circle(
            self.roster.fleet,
            limit_s=self.office.city.policy.circle.within.seconds,
            factors=self.roster.factors,
        )
        return Picture(now, circle, weights, circle.share(weights), int(self.roster.available().sum()))

    async def _weights(self, tx: AsyncConnection, now: datetime) -> dict[str, float]:
        if self._risk_until is None or now >= self._risk_until:
            assert self.ground is not None
            past = await _past_cases(tx, self.office, now - timedelta(days=RISK_DAYS))
            counted = dict.fromkeys(self.ground.cells, 1.0)
            for place in past:
                cell = cell_of(place, self.office.city.policy.circle.show_res)
                if cell in counted:
                    counted[cell] += RISK_PER_CASE
            self._risk, self._risk_until = counted, now + timedelta(minutes=10)
        return self._risk


async def _past_cases(tx: AsyncConnection, office: Office, since: datetime) -> list[LonLat]:
    c = db.cases.c
    query = select(c.lon, c.lat).where(c.city_id == office.city_id, c.opened_at >= since)
    return [LonLat(row.lon, row.lat) for row in await tx.execute(query)]


async def sound_alarm(office: Office, picture: Picture, command: Command) -> str | None:
    """Open or close the alarm of a gap. Returns "opened", "closed", or None when nothing changed.

    One alarm is open at a time; what it says is what the gap was when it opened.
    """
    rules = office.city.policy.circle
    gaps = picture.circle.gaps()
    wide = 1.0 - picture.share > rules.gap_alarm_share and len(gaps) >= rules.gap_alarm_cells
    async with office.begin() as tx:
        open_id = await _open_alarm(tx, office)
        if wide == (open_id is not None):
            return None
        facts: dict[str, Any] = {"share": round(picture.share, 4), "cells": len(gaps), "teams_free": picture.teams_free}
        if wide:
            row = {"id": new_id(), "opened_at": command.now, "share": picture.share, "cells": gaps}
            await tx.execute(insert(db.circle_alarms).values(city_id=office.city_id, **row))
            await _tell(tx, office, "circle.gap_opened", {**facts, "alarm_id": row["id"]}, command)
            return "opened"
        mine = (db.circle_alarms.c.city_id == office.city_id) & (db.circle_alarms.c.id == open_id)
        await tx.execute(update(db.circle_alarms).where(mine).values(closed_at=command.now))
        await _tell(tx, office, "circle.gap_closed", {**facts, "alarm_id": open_id}, command)
        return "closed"


async def _open_alarm(tx: AsyncConnection, office: Office) -> UUID | None:
    a = db.circle_alarms.c
    query = select(a.id).where(a.city_id == office.city_id, a.closed_at.is_(None)).with_for_update()
    return (await tx.execute(query)).scalar()


async def _tell(tx: AsyncConnection, office: Office, kind: str, facts: dict[str, Any], command: Command) -> None:
    entry = log.Entry(kind=kind, actor=command.by, occurred_at=command.now, data=facts, regions=[office.city_id])
    await log.append(tx, office.city_id, [entry], now=command.now)
