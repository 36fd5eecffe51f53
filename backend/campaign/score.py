"""The score: how many people a look into a cell now is expected to find, and why.

Begin at `score`. It is a sum of named parts (`PARTS`), each in people per look, times what help nearby and the hazard make of it (`FACTORS`); `why`
gives them for one cell and `in_words` says one of them in Chinese and English. How it is made and what the figures are worth: docs/campaigns.md.

The past is weighed as near-repeat models of crime and epidemics weigh it (Mohler and others, Journal of the American Statistical Association 106,
2011; Ogata, same journal 83, 1988): every sighting makes another one likelier here and beside, much for some days and a little for months. How
likely, for how long, and at which hour is fitted to a year's stream (`ops.bench.sweep_fit`), not chosen. Pure: numpy over all cells at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from backend.campaign.hazard import Hazard
from backend.campaign.stay_points import LOW, OPEN, SHELTERED, Kind, StayPoint
from backend.campaign.sweep_ground import Place, SweepGround
from backend.geo.matrix import straight_m

type Floats = NDArray[np.float64]

PARTS: Final[dict[str, tuple[str, str]]] = {
    "lately": ("这里近几天有线索", "sightings here in the last days"),
    "before": ("这里几个月来常有线索", "sightings here over the months"),
    "spot": ("同一地点反复有线索", "the same spot again and again"),
    "around": ("周边网格有线索", "sightings in the cells around"),
    "stay_point": ("有停留点", "a stay point"),
    "base": ("任何网格都可能有人", "anywhere somebody may be"),
}
"""Added up: people per look."""
FACTORS: Final[dict[str, tuple[str, str]]] = {
    "shelter": ("附近有开放的救助点", "a shelter is open nearby"),
    "danger": ("此灾害下这里更危险", "more dangerous in this hazard"),
}
"""Multiplied with the sum. 1 changes nothing."""
TOLD: Final[dict[str, tuple[str, str]]] = {
    "hour": ("此时段与平时相比", "at this hour, against the day's mean"),
}
"""Contained in the parts already, and told because people ask."""

COLD: Final[frozenset[Hazard]] = frozenset({"cold_wave", "low_temperature", "snow", "icy_roads", "gale", "sandstorm"})
WET: Final[frozenset[Hazard]] = frozenset({"rainstorm", "typhoon", "flood"})
HOT: Final[frozenset[Hazard]] = frozenset({"heat"})
DAY_S: Final = 86_400.0


_AT_KIND: Final[dict[str, float]] = {
    "underpass": 0.05, "tunnel": 0.08, "bridge": 0.03, "station": 0.15, "bus_station": 0.06, "lobby_24h": 0.10,
    "atm_lobby": 0.08, "hospital": 0.08, "market": 0.05, "park": 0.04, "waterside": 0.02, "other": 0.04,
}  # fmt: skip


class Params(Struct, frozen=True, kw_only=True):
    """Every figure of the score. Fitted to the stream's first ten months (ops.bench.sweep_fit) but where it says judged.

    window_h: a look is credited with who would be reported in so many hours after it. lately_days: half-life of the short memory. The long one fades
    as (1 + age / before_days) ** -before_power (Omori's law, as for aftershocks). The weights `lately` … `far` are further sightings that one
    sighting foretells: here, at the same spot, in one cell of the first ring and of the second.
    """

    window_h: float = 12.0
    lately_days: float = 2.0
    before_days: float = 45.0
    before_power: float = 2.0
    lately: float = 0.22
    before: float = 0.96
    spot: float = 0.12
    around_lately: float = 0.002
    around: float = 0.0115
    far: float = 0.003
    base: float = 0.0001
    crowding: float = 0.7
    """Of n sightings of one cell and day, n to this power count."""
    own_hour: float = 0.1
    """How much of a sighting's hour is its own; the rest is the city's hours of reporting."""
    hour_spread_h: float = 3.0
    spot_m: float = 30.0
    at_kind: Mapping[str, float] = field(default_factory=lambda: _AT_KIND)
    """Judged: people per look at a stay point for which the city states no number."""
    cold_sheltered: float = 1.6
    cold_open: float = 0.6
    heat_sheltered: float = 1.2
    wet_low: float = 1.0
    """Judged: what the hazard makes of the people at sheltered, open and low stay points."""
    danger_low: float = 3.0
    """Judged: who is on low ground when it floods is worth so many times a look elsewhere."""
    shelter_m: float = 400.0
    shelter: float = 0.85
    """Judged: share of the people who are still in the street near an open shelter."""


class Past(NamedTuple):
    """Past sightings as columns: places in degrees, when (seconds since 1970), how many people."""

    lon: Floats
    lat: Floats
    at_s: Floats
    people: Floats

    @classmethod
    def of(cls, rows: Sequence[tuple[float, float, datetime, float | None]]) -> Past:
        """From (lon, lat, at, people); times with their zone. Nobody counted them: one."""
        table = np.array([(lon, lat, at.timestamp(), people or 1.0) for lon, lat, at, people in rows], np.float64)
        return cls(*np.ascontiguousarray(table.reshape(-1, 4).T))

    def until(self, at: datetime) -> Past:
        """Only what was known by then."""
        known = self.at_s <= at.timestamp()
        return Past(*(column[known] for column in self))


class Shelter(Struct, frozen=True, kw_only=True):
    """A station or point that takes people in. open: now."""

    lon: float
    lat: float
    open: bool = True


class Part(Struct, frozen=True):
    """One named number of a score; see `PARTS`, `FACTORS`, `TOLD`."""

    code: str
    value: float


class Weighed(NamedTuple):
    """Past sightings with what each counts now: cell (position, -1 outside), sightings a day foretold by the short and the long memory
    per unit of weight, with `hour` the share of a day's that falls into the window; spot: 1 where its spot had one on another day."""

    lon: Floats
    lat: Floats
    cell: NDArray[np.int64]
    lately: Floats
    before: Floats
    hour: Floats
    spot: Floats


@dataclass(frozen=True)
class Scores:
    """The score of every cell. parts: people per look by name; factors: by name; hour: see TOLD. All (n,)."""

    ground: SweepGround
    parts: dict[str, Floats]
    factors: dict[str, Floats]
    hour: Floats
    reach: NDArray[np.bool_]
    stay_points: tuple[StayPoint, ...]
    known: Weighed

    @cached_property
    def places(self) -> list[Place]:
        """Where a team should stop in each cell."""
        return self.ground.best_places(self.stay_points, self.known.lon, self.known.lat, self.known.before)

    @property
    def expected(self) -> Floats:
        """People that a look now is expected to find."""
        total: Floats = np.sum(list(self.parts.values()), axis=0) * self.factors["shelter"]
        return total

    @property
    def score(self) -> Floats:
        """What cells are ranked by: people expected, times the danger they are in; 0 where no team can go."""
        total: Floats = np.where(self.reach, self.expected * self.factors["danger"], 0.0)
        return total

    def ranked(self) -> list[int]:
        """Positions of the reachable cells, best first; equal ones by their code."""
        order = np.argsort(-self.score, kind="stable")
        return [number for number in order.tolist() if self.reach[number]]

    def why(self, number: int) -> tuple[Part, ...]:
        """The parts of one cell's score: the largest first, then factors that change it, then what is told."""
        parts = [Part(code, round(float(values[number]), 5)) for code, values in self.parts.items()]
        parts.sort(key=lambda part: -part.value)
        total = sum(part.value for part in parts)
        shown = [part for part in parts if part.value > 0 and part.value >= 0.01 * total]
        factors = [Part(code, round(float(values[number]), 3)) for code, values in self.factors.items()]
        shown += [part for part in factors if part.value != 1.0]
        return (*shown, Part("hour", round(float(self.hour[number]), 3)))

    def best_place(self, number: int) -> Place:
        """Where a team should stop in the cell."""
        return self.places[number]


def score(
    ground: SweepGround,
    past: Past,
    *,
    at: datetime,
    zone: ZoneInfo,
    hazard: Hazard = "other",
    stay_points: Sequence[StayPoint] = (),
    shelters: Sequence[Shelter] = (),
    reach: NDArray[np.bool_] | None = None,
    params: Params | None = None,
) -> Scores:
    """The score of every cell of the ground for a look at `at` (with its zone); sightings later than that are not looked at.

    reach: which cells the teams can sweep (`ground.reachable(modes)`); all modes when not given. 0.1 s for 10,000 cells and 20,000 sightings.
    """
    params = params or Params()
    known = weighed(ground, past.until(at), at, zone, params)
    found = features(ground, known)
    weights = {"lately": params.lately, "before": params.before, "spot": params.spot}
    parts = {code: weight * found[code] for code, weight in weights.items()}
    parts["around"] = (
        params.around_lately * found["around_lately"] + params.around * found["around"] + params.far * found["far"]
    )
    parts["stay_point"] = _at_stay_points(ground, stay_points, hazard, params)
    parts["base"] = np.full(len(ground), params.base * params.window_h / 12.0)
    factors = {
        "shelter": _near_shelters(ground, shelters, params),
        "danger": _danger(ground, stay_points, hazard, params),
    }
    reach = ground.reachable() if reach is None else reach
    return Scores(ground, parts, factors, _hour(ground, known), reach, tuple(stay_points), known)


def in_words(part: Part) -> tuple[str, str]:
    """One number of a score as a person reads it, Chinese first."""
    code, value = part.code, part.value
    if code in PARTS:
        zh, en = PARTS[code]
        return f"{zh}：每百次到访约 {value * 100:.1f} 人", f"{en}: some {value * 100:.1f} people in a hundred looks"
    zh, en = FACTORS.get(code) or TOLD.get(code) or (code, code)
    return f"{zh}：×{value:.2f}", f"{en}: ×{value:.2f}"


def weighed(
    ground: SweepGround,
    past: Past,
    at: datetime,
    zone: ZoneInfo,
    params: Params,
    cell: NDArray[np.int64] | None = None,
) -> Weighed:
    """What every past sighting counts for a look at `at`. Local hours by the offset of `at`. cell: of each, where it is known already."""
    offset = at.astimezone(zone).utcoffset()
    local_s = past.at_s + (offset.total_seconds() if offset else 0.0)
    day = np.floor(local_s / DAY_S).astype(np.int64)
    cell = ground.cell_index(past.lon, past.lat) if cell is None else cell
    counts = past.people * _crowded(cell, day, params.crowding)
    age_days = np.maximum(0.0, (at.timestamp() - past.at_s) / DAY_S)
    lately = counts * np.log(2) / params.lately_days * np.exp2(-age_days / params.lately_days)
    before = counts * (params.before_power - 1) / params.before_days
    before *= (1.0 + age_days / params.before_days) ** -params.before_power
    now = at.astimezone(zone)
    hour = _in_window((local_s % DAY_S) / 3600.0, now.hour + now.minute / 60.0, params)
    return Weighed(past.lon, past.lat, cell, lately, before, hour, _repeated(past, day, params.spot_m))


def features(ground: SweepGround, known: Weighed) -> dict[str, Floats]:
    """(n,) per name: what the weights of `Params` are multiplied with."""
    inside = known.cell >= 0
    cell, count = known.cell[inside], len(ground)

    def here(values: Floats) -> Floats:
        return np.bincount(cell, (values * known.hour)[inside], minlength=count)

    def ring(values: Floats, distance: int) -> Floats:
        around = ground.around[distance]
        total: Floats = np.where(around >= 0, values[around], 0.0).sum(axis=1)
        return total

    lately, before = here(known.lately), here(known.before)
    return {
        "lately": lately,
        "before": before,
        "spot": here(known.before * known.spot),
        "around_lately": ring(lately, 1),
        "around": ring(before, 1),
        "far": ring(before, 2),
    }


def _crowded(cell: NDArray[np.int64], day: NDArray[np.int64], power: float) -> Floats:
    """What one of n sightings of the same cell and day counts: n^(power - 1)."""
    if not len(cell):
        return np.zeros(0)
    key = cell * 1_000_000 + day
    _, which, several = np.unique(key, return_inverse=True, return_counts=True)
    share: Floats = several.astype(np.float64)[which] ** (power - 1.0)
    return share


def _repeated(past: Past, day: NDArray[np.int64], spot_m: float) -> Floats:
    """1 where another sighting lies within the same square of `spot_m` on another day."""
    if not len(day):
        return np.zeros(0)
    metre = 1 / 111_195.0
    north = np.round(past.lat / (spot_m * metre)).astype(np.int64)
    east = np.round(past.lon * np.cos(np.radians(past.lat.mean())) / (spot_m * metre)).astype(np.int64)
    _, spot = np.unique(north * 100_000_000 + east, return_inverse=True)
    first, last = np.full(spot.max() + 1, np.iinfo(np.int64).max), np.full(spot.max() + 1, np.iinfo(np.int64).min)
    np.minimum.at(first, spot, day)
    np.maximum.at(last, spot, day)
    return (last > first)[spot].astype(np.float64)


def _in_window(hours: Floats, now_h: float, params: Params) -> Floats:
    """The share of a day's sightings that falls into the window after `now_h`, as each past one of these hours foretells it.

    Partly the hours at which the city reports, partly a round (von Mises) hump about the sighting's own hour.
    """
    if not len(hours):
        return np.zeros(0)
    slots = np.arange(0, 24, 0.5) + 0.25
    in_window = ((slots - now_h) % 24.0) < params.window_h
    city = np.bincount((hours * 2).astype(np.int64) % 48, minlength=48) + 1.0
    share_of_city = float(city[in_window].sum() / city.sum())
    kappa = 1.0 / (2 * np.pi * params.hour_spread_h / 24.0) ** 2
    humps = np.exp(kappa * (np.cos((slots[None, :] - slots[:, None]) * np.pi / 12) - 1.0))
    humps /= humps.sum(axis=1, keepdims=True)
    own = humps[:, in_window].sum(axis=1)[(hours * 2).astype(np.int64) % 48]
    share: Floats = (1.0 - params.own_hour) * share_of_city + params.own_hour * own
    return share


def _hour(ground: SweepGround, known: Weighed) -> Floats:
    """The share of each cell's sightings that falls into the window, against the half, third … of the day that the window is."""
    inside = known.cell >= 0
    weight = np.bincount(known.cell[inside], known.before[inside], minlength=len(ground))
    share = np.bincount(known.cell[inside], (known.before * known.hour)[inside], minlength=len(ground))
    mean = float(share.sum() / weight.sum()) if weight.sum() > 0 else 1.0
    return np.where(weight > 0, share / np.maximum(weight, 1e-12) / mean, 1.0)


def _at_stay_points(ground: SweepGround, points: Sequence[StayPoint], hazard: Hazard, params: Params) -> Floats:
    if not points:
        return np.zeros(len(ground))
    people = [
        (params.at_kind[one.kind] if one.people is None else one.people) * _pull(one.kind, hazard, params)
        for one in points
    ]
    cell = _cells_of(ground, points)
    return np.bincount(cell[cell >= 0], np.array(people)[cell >= 0], minlength=len(ground))


def _pull(kind: Kind, hazard: Hazard, params: Params) -> float:
    """What the hazard makes of the number of people at a kind of place."""
    if hazard in COLD:
        return params.cold_sheltered if kind in SHELTERED else params.cold_open if kind in OPEN else 1.0
    if hazard in HOT:
        return params.heat_sheltered if kind in SHELTERED else 1.0
    return params.wet_low if hazard in WET and kind in LOW else 1.0


def _danger(ground: SweepGround, points: Sequence[StayPoint], hazard: Hazard, params: Params) -> Floats:
    danger = np.ones(len(ground))
    if hazard in WET:
        cell = _cells_of(ground, [one for one in points if one.kind in LOW])
        danger[cell[cell >= 0]] = params.danger_low
    return danger


def _near_shelters(ground: SweepGround, shelters: Sequence[Shelter], params: Params) -> Floats:
    at = np.array([(one.lon, one.lat) for one in shelters if one.open]).reshape(-1, 2)
    if not len(at):
        return np.ones(len(ground))
    near = straight_m(ground.centres, at).min(axis=1) <= params.shelter_m
    return np.where(near, params.shelter, 1.0)


def _cells_of(ground: SweepGround, points: Sequence[StayPoint]) -> NDArray[np.int64]:
    at = np.array([(one.lon, one.lat) for one in points], np.float64).reshape(-1, 2)
    return ground.cell_index(at[:, 0], at[:, 1])
