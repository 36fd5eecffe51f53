"""A way along real roads, and where somebody is on it at a moment."""

import math
from bisect import bisect_right
from datetime import datetime, timedelta

from msgspec import Struct

from backend.city import City
from backend.geo.modes import STRAIGHT_DETOUR, STRAIGHT_MPS, Mode
from backend.geo.place import LonLat, distance_m


class Leg(Struct, frozen=True):
    """From door to door: the line, the seconds after `began` at which each of its points is passed."""

    began: datetime
    line: tuple[LonLat, ...]
    at_s: tuple[float, ...]

    @property
    def goal(self) -> LonLat:
        return self.line[-1]

    @property
    def ends(self) -> datetime:
        return self.began + timedelta(seconds=self.at_s[-1])

    def at(self, now: datetime) -> tuple[LonLat, float, float]:
        """(place, heading in degrees, metres per second) at a moment; at rest before it begins and after it ends."""
        t = (now - self.began).total_seconds()
        if t <= 0:
            return self.line[0], 0.0, 0.0
        if t >= self.at_s[-1]:
            return self.goal, 0.0, 0.0
        i = min(bisect_right(self.at_s, t), len(self.at_s) - 1)
        a, b, span_s = self.line[i - 1], self.line[i], self.at_s[i] - self.at_s[i - 1]
        share = (t - self.at_s[i - 1]) / span_s if span_s > 0 else 1.0
        place = LonLat(a.lon + share * (b.lon - a.lon), a.lat + share * (b.lat - a.lat))
        return place, _heading_deg(a, b), distance_m(a, b) / span_s if span_s > 0 else 0.0


def plan(city: City, start: LonLat, goal: LonLat, mode: Mode, now: datetime, slower: float = 1.0) -> Leg:
    """The quickest way from here to there at this hour. slower: how much longer this drive takes than the roads say."""
    route = city.roads.route(start, goal, mode, city.factors_at(now)) if city.roads else None
    if route is None:
        seconds = distance_m(start, goal) * STRAIGHT_DETOUR / STRAIGHT_MPS[mode.layer]
        return Leg(now, (start, goal), (0.0, seconds * slower))
    return Leg(now, route.line, tuple(s * slower for s in route.at_s))


def _heading_deg(a: LonLat, b: LonLat) -> float:
    east = (b.lon - a.lon) * math.cos(math.radians(a.lat))
    return math.degrees(math.atan2(east, b.lat - a.lat)) % 360
