"""The roster: who is on duty, who is free, and the fleet on the roads that follows from it.

One process keeps one `Roster` and calls `refresh` before it searches; only teams whose position or mode changed are
snapped to the roads again. It is a view: whether a team is still free is settled by the row lock of the verb that asks it.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.geo.fleet import Fleet
from backend.geo.modes import NO_FACTORS, Mode
from backend.geo.place import LonLat
from backend.intake import weather
from backend.office import Office
from backend.patrol.records import TeamNow

_ON_DUTY = text("""
    SELECT t.id, t.name, t.mode, t.skills, t.size, t.regions, t.mobilisation_s,
           coalesce(p.lon, t.base_lon) AS lon, coalesce(p.lat, t.base_lat) AS lat, p.fix_at,
           coalesce(s.ends_at, p.shift_ends_at) AS shift_ends_at,
           coalesce(h.cases_today, 0) AS cases_today,
           NOT EXISTS (SELECT FROM offers o
                       WHERE o.city_id = t.city_id AND o.team_id = t.id AND o.state = 'offered')
           AND NOT EXISTS (SELECT FROM cases c
                           WHERE c.city_id = t.city_id AND c.team_id = t.id AND c.stage IN ('dispatched', 'handling'))
           AS free
    FROM presence p
    JOIN teams t ON t.city_id = p.city_id AND t.id = p.team_id AND t.active
    LEFT JOIN (SELECT team_id, count(*)::int AS cases_today FROM handlings
               WHERE city_id = :city_id AND arrived_at >= :midnight GROUP BY team_id) h ON h.team_id = t.id
    LEFT JOIN LATERAL (SELECT max(ends_at) AS ends_at FROM shifts
                       WHERE city_id = t.city_id AND team_id = t.id AND starts_at <= :now AND ends_at > :now) s ON true
    WHERE p.city_id = :city_id AND p.state = 'on_duty'
      AND (p.shift_ends_at IS NULL OR coalesce(s.ends_at, p.shift_ends_at) > :now)
""")


async def on_duty(tx: AsyncConnection, office: Office, now: datetime) -> list[TeamNow]:
    """All teams on duty whose shift is not over."""
    midnight = now.astimezone(office.city.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = await tx.execute(_ON_DUTY, {"city_id": office.city_id, "now": now, "midnight": midnight})
    return [_team(row._asdict()) for row in rows]


def _team(row: dict[str, object]) -> TeamNow:
    row["skills"], row["regions"] = frozenset(row["skills"]), frozenset(row["regions"])  # type: ignore[call-overload]
    return TeamNow(**row)  # type: ignore[arg-type]


class Roster:
    """The teams on duty, and where they are on the roads."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.fleet = Fleet(office.city.roads)
        self.teams: dict[str, TeamNow] = {}
        self.factors = NO_FACTORS
        """How much longer the roads take now, by the hour and the weather."""

    async def refresh(self, tx: AsyncConnection, now: datetime) -> None:
        """Bring teams, positions and availability up to what the database says."""
        fresh = {str(team.id): team for team in await on_duty(tx, self.office, now)}
        for gone in self.teams.keys() - fresh.keys():
            self.fleet.remove(gone)
        for id_, team in fresh.items():
            self._place(id_, team, self.teams.get(id_))
        self.teams = fresh
        self.factors = self.office.city.factors_at(now, (await weather.current(tx, self.office, now)).state)

    def available(self, without: Iterable[UUID] = ()) -> NDArray[np.bool_]:
        """The free teams as a mask over the fleet's slots, some left out."""
        left_out: NDArray[np.bool_] = self.fleet.mask(str(team_id) for team_id in without)
        return self.fleet.available & ~left_out

    def _place(self, id_: str, team: TeamNow, before: TeamNow | None) -> None:
        if before is None or (before.lon, before.lat, before.mode) != (team.lon, team.lat, team.mode):
            self.fleet.put(
                id_,
                LonLat(team.lon, team.lat),
                Mode(team.mode),
                mobilisation_s=team.mobilisation_s,
                fix_s=team.fix_at.timestamp() if team.fix_at else 0.0,
                available=team.free,
            )
        elif before.free != team.free:
            self.fleet.set_available(id_, team.free)
