"""At each decision: whom would the straight line have asked, from the same picture, and how much longer would they drive?

Two whole days drift apart after the first case that goes to another team, so most of their difference is chance. This
compares choice with choice instead: same moment, same free teams, same costs; only how the way is estimated differs.
"""

import math
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Struct

from backend.city import City
from backend.dispatch import find, searching
from backend.geo.nearest import nearest
from backend.geo.place import LonLat
from backend.office import Office
from backend.patrol.roster import Roster
from ops.simulate.figures import quantile
from ops.simulate.person import Event


class Opinion(Struct, frozen=True):
    """Seconds by road of the team that was asked, and of the one the straight line would have asked."""

    road_s: float
    straight_s: float
    same: bool


class SecondOpinion:
    """Listens to the offers of a run that searches by road."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._blind = replace(office, city=blind(office.city))
        self._by_road, self._by_line = Roster(office), Roster(self._blind)
        self.opinions: list[Opinion] = []

    async def on(self, events: list[Event], now: datetime) -> None:
        """To be called right after the worker's turn, before anybody moves."""
        for event in events:
            if event["kind"] == "offer.made" and event["data"]["basis"] == "road":
                await self._judge(UUID(event["case_id"]), UUID(event["data"]["team_id"]), event["data"]["eta_s"], now)

    async def _judge(self, case_id: UUID, asked: UUID, eta_s: float, now: datetime) -> None:
        async with self.office.db.connect() as tx:
            case = msgspec.structs.replace(await find.get_case(tx, self.office, case_id), search_phase=0)
            for roster in (self._by_road, self._by_line):
                await roster.refresh(tx, now)
                roster.fleet.set_available(str(asked), True)
            found = await searching.look(tx, self._blind, self._by_line, case, now)
        if not found.candidates:
            return
        other = found.candidates[0].team_id
        straight_s = eta_s if other == asked else self._road_s(other, LonLat(case.lon, case.lat), now)
        self.opinions.append(Opinion(eta_s, straight_s, other == asked))

    def _road_s(self, team_id: UUID, place: LonLat, now: datetime) -> float:
        fleet, city = self._by_road.fleet, self.office.city
        ways = nearest(
            city.roads,
            fleet,
            place,
            k=1,
            within_s=searching.FARTHEST_S,
            factors=city.factors_at(now),
            available=fleet.mask([str(team_id)]),
        )
        return ways[0].seconds if ways else math.inf


class Compared(Struct, frozen=True, kw_only=True):
    """How the straight line's choices differ: in what share, and by how many seconds of real road the wrong ones are longer."""

    decisions: int
    other_team: int
    longer_mean_s: float
    longer_when_other_mean_s: float
    longer_when_other_p95_s: float
    beyond_30_min_by_road: int
    beyond_30_min_by_line: int


def compared(opinions: list[Opinion]) -> Compared:
    """All opinions in numbers."""
    others = [one.straight_s - one.road_s for one in opinions if not one.same]
    gaps = [one.straight_s - one.road_s for one in opinions]
    return Compared(
        decisions=len(opinions),
        other_team=len(others),
        longer_mean_s=round(float(np.mean(gaps)), 1) if gaps else 0.0,
        longer_when_other_mean_s=round(float(np.mean(others)), 1) if others else 0.0,
        longer_when_other_p95_s=quantile(others, 0.95),
        beyond_30_min_by_road=sum(one.road_s > 1800 for one in opinions),
        beyond_30_min_by_line=sum(one.straight_s > 1800 for one in opinions),
    )


def blind(city: City) -> City:
    """The city without its roads: every way is a straight line times a detour, at the mode's mean speed."""
    return replace(city, roads=None)
