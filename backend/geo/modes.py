"""The three ways a team moves, and how fast: classes of road, speeds, delays, and how the hour changes them.

All figures are starting values: the extract holds no measured speeds. `SPEED_KMH` are moving speeds without stops; what is lost at signals
and junctions is in `SIGNAL_S`, `JUNCTION_S` and `GIVE_WAY_S` (seconds per arc that ends there). A city calibrates them by comparing recorded
drives with `Roads.route`: the quotient is its factor for `factors`.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final

import msgspec


class Mode(StrEnum):
    """How a team travels; each mode has its own graph."""

    CAR = "car"
    EBIKE = "ebike"
    FOOT = "foot"

    @property
    def layer(self) -> int:
        """The mode's place in every per-mode array: car 0, ebike 1, foot 2."""
        return LAYER[self]


MODES: Final = (Mode.CAR, Mode.EBIKE, Mode.FOOT)
LAYER: Final[Mapping[Mode, int]] = {mode: layer for layer, mode in enumerate(MODES)}


class RoadClass(IntEnum):
    """Classes of road from the least to the most important; links count as the class they lead to."""

    BARRIER = 0
    STEPS = 1
    FOOTWAY = 2
    PATH = 3
    CYCLEWAY = 4
    TRACK = 5
    SERVICE = 6
    LIVING_STREET = 7
    RESIDENTIAL = 8
    UNCLASSIFIED = 9
    TERTIARY_LINK = 10
    TERTIARY = 11
    SECONDARY_LINK = 12
    SECONDARY = 13
    PRIMARY_LINK = 14
    PRIMARY = 15
    TRUNK_LINK = 16
    TRUNK = 17
    MOTORWAY_LINK = 18
    MOTORWAY = 19


SPEED_KMH: Final[Mapping[RoadClass, tuple[float, float, float]]] = {
    RoadClass.BARRIER: (10, 6, 4.5),
    RoadClass.STEPS: (0, 0, 2.5),
    RoadClass.FOOTWAY: (0, 8, 4.5),
    RoadClass.PATH: (0, 8, 4.5),
    RoadClass.CYCLEWAY: (0, 18, 4.5),
    RoadClass.TRACK: (12, 12, 4.5),
    RoadClass.SERVICE: (15, 14, 4.5),
    RoadClass.LIVING_STREET: (15, 14, 4.5),
    RoadClass.RESIDENTIAL: (25, 18, 4.5),
    RoadClass.UNCLASSIFIED: (30, 20, 4.5),
    RoadClass.TERTIARY_LINK: (30, 20, 4.5),
    RoadClass.TERTIARY: (35, 20, 4.5),
    RoadClass.SECONDARY_LINK: (30, 20, 4.5),
    RoadClass.SECONDARY: (42, 22, 4.5),
    RoadClass.PRIMARY_LINK: (35, 20, 4.5),
    RoadClass.PRIMARY: (48, 22, 4.5),
    RoadClass.TRUNK_LINK: (40, 20, 4.5),
    RoadClass.TRUNK: (60, 22, 4.5),
    RoadClass.MOTORWAY_LINK: (50, 0, 0),
    RoadClass.MOTORWAY: (90, 0, 0),
}
"""Kilometres per hour by car, e-bike, foot; 0 where the class is closed to the mode."""

MAXSPEED_SHARE: Final = 0.85
"""Of a signed `maxspeed` this share is driven on average between stops."""

SIGNAL_S: Final = (18.0, 14.0, 15.0)
"""Mean wait at a traffic signal per mode, seconds: red of about 55 s in a cycle of 90 s, met at random (r²/2c)."""

JUNCTION_S: Final = (2.0, 1.0, 0.5)
"""Slowing down at a junction of three or more roads without a signal, seconds per mode."""

GIVE_WAY_S: Final = (4.0, 3.0, 2.0)
"""Further seconds where the arc meets a more important road without a signal."""

WALK_MPS: Final = 1.25
"""Walking speed for the leg between the road and the place itself, metres per second."""

STRAIGHT_DETOUR: Final = 1.35
"""Road metres per straight metre, used only when no roads are loaded (Dalian's own graph has a median of 1.3)."""

STRAIGHT_MPS: Final = (7.0, 4.2, 1.2)
"""Mean speed over everything, stops included, used only when no roads are loaded, metres per second per mode."""

_HOURLY_CAR: Final = (
    *(0.80, 0.78, 0.78, 0.78, 0.80, 0.85, 1.00, 1.35, 1.40, 1.15, 1.05, 1.10),
    *(1.10, 1.05, 1.05, 1.10, 1.25, 1.50, 1.40, 1.15, 1.00, 0.95, 0.90, 0.85),
)
_WEEKEND_CAR: Final = (
    *(0.80, 0.78, 0.78, 0.78, 0.78, 0.80, 0.85, 0.90, 0.95, 1.05, 1.10, 1.10),
    *(1.05, 1.05, 1.05, 1.10, 1.15, 1.15, 1.10, 1.05, 1.00, 0.95, 0.90, 0.85),
)


class Factors(msgspec.Struct, frozen=True):
    """Time multipliers per mode: 1.0 is the graph's own time, 1.5 takes half as long again."""

    car: float = 1.0
    ebike: float = 1.0
    foot: float = 1.0

    def of(self, mode: Mode) -> float:
        return self.as_tuple()[mode.layer]

    def slowed(self, share: tuple[float, float, float]) -> "Factors":
        """The multipliers when each mode has only this share of its speed (car, e-bike, foot; 0 < share ≤ 1)."""
        return Factors(self.car / share[0], self.ebike / share[1], self.foot / share[2])

    def as_tuple(self) -> tuple[float, float, float]:
        return (self.car, self.ebike, self.foot)


NO_FACTORS: Final = Factors()


def factors(hour: int, *, day_off: bool = False) -> Factors:
    """The multipliers for an hour of the local day (0-23), on a working day or a day off, in clear weather."""
    return Factors(car=(_WEEKEND_CAR if day_off else _HOURLY_CAR)[hour])
