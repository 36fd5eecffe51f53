"""What OpenStreetMap's tags mean for a car, an e-bike and a person on foot. Pure; one function per question.

Permissions are bit masks: 1 car, 2 e-bike, 4 foot. E-bikes follow the rules for bicycles, as they do on Chinese roads (非机动车).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from backend.geo.modes import MAXSPEED_SHARE, SPEED_KMH, RoadClass

CAR, EBIKE, FOOT = 1, 2, 4
ALL_MODES: Final = CAR | EBIKE | FOOT

WAY_KEYS: Final = (
    *(
        "highway",
        "access",
        "vehicle",
        "motor_vehicle",
        "motorcar",
        "bicycle",
        "foot",
        "motorroad",
        "oneway",
        "junction",
    ),
    *("oneway:bicycle", "cycleway", "cycleway:left", "cycleway:right", "cycleway:both", "maxspeed", "route"),
)
"""The only tags of a way that change its graph; ways alike in these are judged once."""

_CLASS: Final = {
    **{kind.name.lower(): kind for kind in RoadClass if kind is not RoadClass.BARRIER},
    "pedestrian": RoadClass.FOOTWAY,
    "bridleway": RoadClass.PATH,
    "road": RoadClass.UNCLASSIFIED,
}
_NOT_BUILT: Final = frozenset({"construction", "proposed", "planned", "abandoned", "razed", "disused"})
_CLOSED: Final = frozenset({"no", "private", "agricultural", "forestry", "military", "use_sidepath", "emergency"})
_OPEN: Final = frozenset(
    {"yes", "designated", "permissive", "destination", "customers", "delivery", "official", "permit"}
)
_ACCESS_KEYS: Final = {
    CAR: ("access", "vehicle", "motor_vehicle", "motorcar"),
    EBIKE: ("access", "vehicle", "bicycle"),
    FOOT: ("access", "foot"),
}
_OPENED_BY_TAG_KMH: Final = (8.0, 8.0, 4.5)
"""Speed where a tag opens a way that its class closes to the mode."""

_BARRIER_PASSES: Final = {
    **dict.fromkeys(
        ("bollard", "block", "cycle_barrier", "chain", "jersey_barrier", "motorcycle_barrier", "planter"), EBIKE | FOOT
    ),
    **dict.fromkeys(("stile", "turnstile", "full-height_turnstile", "kissing_gate", "log", "rope"), FOOT),
    **dict.fromkeys(("wall", "fence", "hedge", "guard_rail", "city_wall", "retaining_wall", "debris"), 0),
}


@dataclass(frozen=True, slots=True)
class WayRule:
    """How a way may be used: permissions along and against its direction, speeds per mode, and what was odd about its tags."""

    road: RoadClass
    along: int
    against: int
    speeds_kmh: tuple[float, float, float]
    bad_maxspeed: bool = False


@lru_cache(maxsize=65536)
def judge_way(values: tuple[str | None, ...]) -> WayRule | str:
    """The rule for a way whose `WAY_KEYS` have these values, or the reason why no mode may use it."""
    tags = {key: value for key, value in zip(WAY_KEYS, values, strict=True) if value is not None}
    if "highway" not in tags:
        return "ferry" if tags.get("route") == "ferry" else "not a road"
    kind = tags["highway"]
    if kind in _NOT_BUILT:
        return f"not built ({kind})"
    if kind not in _CLASS:
        return f"not for teams ({kind})"
    road = _CLASS[kind]
    speeds = [_speed(tags, road, mode, layer) for layer, mode in enumerate((CAR, EBIKE, FOOT))]
    limit, bad = _maxspeed_kmh(tags.get("maxspeed"))
    if limit is not None and speeds[0] > 0:
        signed = MAXSPEED_SHARE * limit
        speeds[0] = signed if road >= RoadClass.TERTIARY_LINK else min(speeds[0], signed)
        speeds[1] = min(speeds[1], limit)
    allowed = sum(mode for layer, mode in enumerate((CAR, EBIKE, FOOT)) if speeds[layer] > 0)
    along, against = _directions(tags, road, allowed)
    if not along | against:
        return "closed to all (access)" if allowed == 0 else "reversible lane"
    return WayRule(road, along, against, (speeds[0], speeds[1], speeds[2]), bad)


def barrier_passes(tags: Mapping[str, str]) -> int:
    """Who may pass a node with a `barrier` tag; gates and unknown barriers are taken to open for a patrol."""
    passes = _BARRIER_PASSES.get(tags["barrier"], ALL_MODES)
    for mode, keys in _ACCESS_KEYS.items():
        for key in keys:
            if tags.get(key) in _CLOSED:
                passes &= ~mode
            elif tags.get(key) in _OPEN:
                passes |= mode
    return passes


def signal_directions(tags: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether a node stops traffic along and against the way it lies on."""
    if tags.get("highway") != "traffic_signals":
        return False, False
    direction = tags.get("traffic_signals:direction", "both")
    return direction != "backward", direction != "forward"


def _speed(tags: Mapping[str, str], road: RoadClass, mode: int, layer: int) -> float:
    """Speed of a mode on the way, 0 where it may not go; the most specific access tag decides."""
    speed = SPEED_KMH[road][layer]
    if tags.get("motorroad") == "yes" and mode != CAR:
        speed = 0.0
    for key in _ACCESS_KEYS[mode]:
        value = tags.get(key)
        if value in _CLOSED:
            speed = 0.0
        elif value in _OPEN and (key != "access" or speed > 0):
            speed = speed or SPEED_KMH[road][layer] or _OPENED_BY_TAG_KMH[layer]
    return speed


def _directions(tags: Mapping[str, str], road: RoadClass, allowed: int) -> tuple[int, int]:
    oneway = tags.get("oneway")
    if oneway is None and (tags.get("junction") in {"roundabout", "circular"} or road is RoadClass.MOTORWAY):
        oneway = "yes"
    along = against = allowed
    if oneway in {"yes", "true", "1"}:
        against &= FOOT
    elif oneway in {"-1", "reverse"}:
        along &= FOOT
    elif oneway in {"reversible", "alternating"}:
        along &= FOOT
        against &= FOOT
    return _bicycle_directions(tags, allowed, along, against)


def _bicycle_directions(tags: Mapping[str, str], allowed: int, along: int, against: int) -> tuple[int, int]:
    own = tags.get("oneway:bicycle")
    lanes = (tags.get(key, "") for key in ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both"))
    if own == "no" or (own is None and any(lane.startswith("opposite") for lane in lanes)):
        return along | (allowed & EBIKE), against | (allowed & EBIKE)
    if own in {"yes", "1"}:
        return along | (allowed & EBIKE), against & ~EBIKE
    if own == "-1":
        return along & ~EBIKE, against | (allowed & EBIKE)
    return along, against


def _maxspeed_kmh(text: str | None) -> tuple[float | None, bool]:
    """The signed limit in km/h and whether the text could not be understood."""
    if text is None or text in {"none", "signals", "variable"} or ":" in text:
        return None, False
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*(mph|km/?h|kph)?", text.strip())
    if match is None:
        return (6.0, False) if text == "walk" else (None, True)
    limit = float(match[1]) * (1.609344 if match[2] == "mph" else 1.0)
    return (limit, False) if 5 <= limit <= 150 else (None, True)
