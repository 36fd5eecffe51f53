"""Finding a place by what a caller says, and saying in words where a place is.

Streets, crossings, squares, regions and known places; in Chinese, in pinyin or its initials, or mixed as an input method leaves it:
"人民路 解放路", "人民路与解放路交叉口", "renminlu", "rml jfl" and "人民l" find what is meant. Begin at `Landmarks.search` and
`Landmarks.describe`. Pure: made once from the city's roads and regions.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from typing import Any, Final, Literal

import numpy as np
from msgspec import Struct, structs
from pypinyin import Style, lazy_pinyin

from backend.geo.place import EARTH_RADIUS_M, LonLat, distance_m
from backend.geo.regions import Level, RegionIndex
from backend.geo.roads import Roads
from backend.geo.streets import crossings_of, named_places, streets_of

type Kind = Literal["street", "crossing", "region", "facility"]
type Way = Literal["words", "pinyin", "initials"]
type Fit = Literal["whole", "apart", "shortened"]
"""Whether all that was said fits; of two places that have nothing in common each alone; or what is left of it does."""
type _Fit = tuple[tuple[float, float], Way]
"""((0 the whole name, 1 its beginning, 2 its middle, 3 with something left out), number of the way), and the way."""
_WAYS: Final[tuple[Way, ...]] = ("words", "pinyin", "initials")

AT_CROSSING_M: Final = 150.0
"""Up to this far from a crossing one says the crossing; farther away the street alone."""
BY_STREET_M: Final = 300.0
FAR_M: Final = 30_000.0
LONGEST: Final = 60
"""Of what was typed so many characters are looked at."""

_GAPS = re.compile(r"[\s,，、。.·/|&+;；（）()\-]+")
_ONE_BY_ONE: Final[Any] = list
"""What has no sound stays as it is, one sign for each: pypinyin's own types do not know that it may."""
_AND = re.compile(r"[与和及跟同到]")
_NEAR = re.compile(
    r"(的)?(十字路口|丁字路口|交叉路口|交叉口|交汇处|交界处|交口|路口|附近|旁边|边上|门口|对面|一带|这里|这边|那里|那边)+$"
)
_KIND_OF_PLACE = re.compile(
    r"(立交桥|高架桥|过街天桥|天桥|大桥|桥|地铁站|火车站|公交车?站|车站|站|路口|转盘|隧道|附近|旁边|下面|底下|上面|里面|下|上|里)$"
)
"""What is said after a name to say what stands there: left out when nothing is found with it."""


class Landmark(Struct, frozen=True):
    """A place with a name. detail: what tells it from others of its name, such as its district."""

    name: str
    kind: Kind
    place: LonLat
    detail: str = ""


class Match(Struct, frozen=True):
    """A landmark that fits, and by what: words as they are written, full pinyin, or initials.

    sought: of what was said the part that it fits, empty when that is all of it.
    """

    landmark: Landmark
    matched: Way
    fit: Fit = "whole"
    sought: str = ""


type _Ranked = tuple[tuple[float, ...], Match]


class Described(Struct, frozen=True):
    """A place in words. street, crossing: the nearest, None when there is none near; metres: to what is named."""

    zh: str
    en: str
    street: str | None
    crossing: str | None
    metres: float | None


@dataclass(frozen=True, slots=True)
class _Name:
    """One name as it may be typed: its words, and per character all that stands for it (itself, its sound)."""

    words: str
    sounds: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A landmark under each of its names; a crossing has two parts, which may come in either order."""

    landmark: Landmark
    parts: tuple[_Name, ...]
    whole: tuple[_Name, ...] = field(default=())


class Landmarks:
    """A city's places by name. Immutable; safe to share between threads."""

    def __init__(self, landmarks: Iterable[Landmark], roads: Roads | None = None, regions: RegionIndex | None = None):
        self._entries = [_entry(one) for one in landmarks]
        self._roads, self._regions = roads, regions
        self._crossings = [e.landmark for e in self._entries if e.landmark.kind == "crossing"]
        self._crossing_at = np.array([(c.place.lon, c.place.lat) for c in self._crossings]).reshape(-1, 2)

    @classmethod
    def of_city(cls, roads: Roads | None, regions: RegionIndex) -> Landmarks:
        """All that the roads and regions name. Some 0.5 s for Dalian: not to be done on the event loop."""
        found = list(_regions_named(regions))
        if roads is not None:
            found += _on_the_roads(roads, regions)
        return cls(found, roads, regions)

    def __len__(self) -> int:
        return len(self._entries)

    def search(
        self, text: str, *, near: LonLat | None = None, limit: int = 10, also: Iterable[Landmark] = ()
    ) -> list[Match]:
        """The places that fit, best first: the whole name before its beginning before its middle, words before sounds, near before far.

        text: as it was said or typed; [] when nothing is left of it. near: where the caller or the map is. also: further
        places that whoever asks may know of. Where nothing fits, each of two names alone (`apart`), then the name without
        what stands there (`shortened`: "香炉礁立交桥" as "香炉礁").
        """
        asked = _Asked.of(text)
        if asked is None:
            return []
        entries = (*self._entries, *map(_entry, also))
        found = _ranked(asked, entries, near) or _each_alone(asked, entries, near) or _shortened(asked, entries, near)
        return [match for _, match in found[:limit]]

    def describe(self, place: LonLat) -> Described:
        """Where a place is, as one would say it on the telephone. English names the same signs, which are Chinese."""
        district = self._district(place)
        street = self._roads.street(place, BY_STREET_M) if self._roads is not None else None
        crossing, metres = self._nearest_crossing(place)
        if crossing is not None and metres <= AT_CROSSING_M:
            near_m = max(10, round(metres / 10) * 10)
            return Described(
                f"{district} {crossing.name}附近（约 {near_m} 米）".strip(),
                f"near the crossing {crossing.name}, {district} (about {near_m} m)".replace(", (", " ("),
                *(street, crossing.name, round(metres, 1)),
            )
        if street is not None:
            beyond = f"，距{crossing.name}约 {round(metres / 50) * 50} 米" if crossing and metres < 1_000 else ""
            return Described(f"{district} {street}{beyond}".strip(), f"{street}, {district}", street, None, None)
        return Described(district or "不在道路附近", district or "away from any road", None, None, None)

    def short(self, place: LonLat) -> str:
        """The one name that a person would call the place by: "中山广场附近"; its district when nothing else has a name."""
        street = self._roads.street(place, 2 * BY_STREET_M) if self._roads is not None else None
        crossing, metres = self._nearest_crossing(place)
        if crossing is not None and metres <= 2 * AT_CROSSING_M:
            return f"{crossing.name}附近"
        return f"{street}附近" if street else self._district(place) or "无名道路附近"

    def _nearest_crossing(self, place: LonLat) -> tuple[Landmark | None, float]:
        if not len(self._crossing_at):
            return None, math.inf
        off = np.radians(self._crossing_at - (place.lon, place.lat))
        metres = np.hypot(off[:, 0] * math.cos(math.radians(place.lat)), off[:, 1]) * EARTH_RADIUS_M
        nearest = int(metres.argmin())
        return self._crossings[nearest], float(metres[nearest])

    def _district(self, place: LonLat) -> str:
        return _district_of(self._regions, place) if self._regions is not None else ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is looked for. whole: in one; halves: as two streets, each way that it can be parted."""

    whole: str
    halves: tuple[tuple[str, str], ...] = ()
    known: dict[tuple[str, str], _Fit | None] = field(default_factory=dict)
    """What has been compared already: a street stands in many crossings."""

    @classmethod
    def of(cls, text: str) -> _Asked | None:
        said = unicodedata.normalize("NFKC", text)[:LONGEST].lower().replace("ü", "v").strip()
        said = _NEAR.sub("", said).strip()
        parts = [part for part in _GAPS.split(said) if part]
        whole = "".join(parts)
        if not whole:
            return None
        halves = [("".join(parts[:at]), "".join(parts[at:])) for at in range(1, len(parts))]
        halves += [(whole[: at.start()], whole[at.end() :]) for at in _AND.finditer(whole)]
        return cls(whole, tuple((a, b) for a, b in halves if a and b))

    def fit(self, entry: _Entry) -> _Fit | None:
        """How well the entry fits, smaller is better, and by what; None when it does not."""
        names = entry.whole or entry.parts
        fits = [fit for name in names if (fit := _fit(name, self.whole)) is not None]
        if entry.whole:
            fits += [fit for half in self.halves if (fit := self._both(entry.parts, half)) is not None]
        elif not fits and entry.landmark.kind == "facility" and _in_order(entry.parts[0], self.whole):
            return (3.0, 0.0), "words"
        return min(fits, default=None)

    def _both(self, parts: Sequence[_Name], half: tuple[str, str]) -> _Fit | None:
        """A crossing of which each street was said, in either order: as good as its worse half."""
        fits = []
        for one, other in (half, half[::-1]):
            first = self._part(parts[0], one)
            second = self._part(parts[1], other) if first is not None and first[0][0] < 2 else None
            if first is not None and second is not None and second[0][0] < 2:
                fits.append(max(first, second))
        return min(fits, default=None)

    def _part(self, name: _Name, wanted: str) -> _Fit | None:
        key = (name.words, wanted)
        if key not in self.known:
            self.known[key] = _fit(name, wanted)
        return self.known[key]


def _each_alone(asked: _Asked, entries: Iterable[_Entry], near: LonLat | None) -> list[_Ranked]:
    """Two streets that do not meet: each of them is better than nothing. Parted where both halves fit best."""
    streets = [entry for entry in entries if not entry.whole]
    ways = [[_ranked(_Asked(half), streets, near) for half in halves] for halves in asked.halves[:3]]
    if not any(all(way) for way in ways):
        return []
    at = min(range(len(ways)), key=lambda n: [found[0][0] for found in ways[n]] if all(ways[n]) else [(math.inf,)])
    best = [_fitting(found, "apart", half) for found, half in zip(ways[at], asked.halves[at], strict=True)]
    return [one for pair in zip_longest(*best) for one in pair if one is not None]


def _shortened(asked: _Asked, entries: Iterable[_Entry], near: LonLat | None) -> list[_Ranked]:
    """The name alone, one word for what stands there after the other left out, as soon as anything fits."""
    left = asked.whole
    while len(shorter := _KIND_OF_PLACE.sub("", left)) >= 2 and shorter != left:
        left = shorter
        if found := _ranked(_Asked(left), entries, near):
            return _fitting(found, "shortened", left)
    return []


def _fitting(found: Iterable[_Ranked], fit: Fit, sought: str) -> list[_Ranked]:
    return [(order, structs.replace(match, fit=fit, sought=sought)) for order, match in found]


def _ranked(asked: _Asked, entries: Iterable[_Entry], near: LonLat | None) -> list[_Ranked]:
    found: list[_Ranked] = []
    for entry in entries:
        fit = asked.fit(entry)
        if fit is not None:
            one = entry.landmark
            order = (*fit[0], float(one.kind == "crossing"), _far_m(one, near) // 500, len(one.name))
            found.append((order, Match(one, fit[1])))
    found.sort(key=lambda one: (one[0], one[1].landmark.name, one[1].landmark.place.lon))
    return found


def _in_order(name: _Name, wanted: str) -> bool:
    """Whether what was typed is the name with something left out: "救助站" for 救助管理站, "jzz" too."""
    if len(wanted) < 2:
        return False
    for spelled in (name.words, "".join(sound[0] for _, sound in name.sounds)):
        letters = iter(spelled)
        if all(letter in letters for letter in wanted):
            return True
    return False


def _fit(name: _Name, wanted: str) -> _Fit | None:
    if wanted in name.words:
        depth = 0.0 if wanted == name.words else 1.0 if name.words.startswith(wanted) else 2.0
        return (depth, 0.0), "words"
    if not wanted[0].isascii() and wanted[0] not in name.words:
        return None
    for start in range(len(name.sounds)):
        if start and (len(wanted) < 2 or len(name.sounds) - start < 2):
            break
        if wanted[0] != name.sounds[start][0] and wanted[0] != name.sounds[start][1][0]:
            continue
        ends = _spelled(name.sounds[start:], wanted)
        if ends is not None:
            whole, way = ends
            depth = 2.0 if start else 0.0 if whole else 1.0
            return (depth, float(_WAYS.index(way))), way
    return None


def _spelled(sounds: Sequence[tuple[str, str]], wanted: str) -> tuple[bool, Way] | None:
    """Whether the characters, each as itself or by the beginning of its sound, spell what is wanted: (all of them, the way)."""
    # Per place reached in `wanted`: the fewest characters that were abbreviated on the way there.
    reached = {0: 0}
    best: tuple[bool, Way] | None = None
    for used, (character, sound) in enumerate(sounds, start=1):
        then: dict[int, int] = {}
        for at, short in reached.items():
            for end, more in _steps(character, sound, wanted, at):
                then[end] = min(then.get(end, 99), short + more)
        if len(wanted) in then:
            # The last syllable may be half typed: that is still pinyin.
            way: Way = "pinyin" if then[len(wanted)] <= (1 if used > 1 else 0) else "initials"
            found = (used == len(sounds), way)
            if best is None or (not found[0], _WAYS.index(way)) < (not best[0], _WAYS.index(best[1])):
                best = found
        reached = {at: short for at, short in then.items() if at < len(wanted)}
        if not reached:
            break
    return best


def _steps(character: str, sound: str, wanted: str, at: int) -> Iterator[tuple[int, int]]:
    """(where one is after this character, 1 when it was abbreviated)."""
    if wanted.startswith(character, at):
        yield at + len(character), 0
    length = 0
    while length < len(sound) and at + length < len(wanted) and wanted[at + length] == sound[length]:
        length += 1
        yield at + length, 0 if length == len(sound) else 1


def _entry(landmark: Landmark) -> _Entry:
    if landmark.kind != "crossing":
        return _Entry(landmark, (_named(landmark.name),))
    one, other = landmark.name.removesuffix("交叉口").split("与", 1)
    return _Entry(landmark, (_named(one), _named(other)), (_named(one + other), _named(other + one)))


@lru_cache(maxsize=8192)
def _named(name: str) -> _Name:
    words = _GAPS.sub("", unicodedata.normalize("NFKC", name).lower())
    sounds = lazy_pinyin(words, style=Style.NORMAL, errors=_ONE_BY_ONE)
    # A character without a sound stands for itself; so there is one of each for every character.
    pairs = zip(words, sounds, strict=False) if len(sounds) == len(words) else ((c, c) for c in words)
    return _Name(words, tuple((character, sound.lower() or character) for character, sound in pairs))


def _regions_named(regions: RegionIndex) -> Iterator[Landmark]:
    for region in regions:
        x, y = region.geometry.representative_point().coords[0]
        above = regions.find(region.parent) if region.parent else None
        yield Landmark(region.name, "region", LonLat(x, y), above.name if above else "")


def _on_the_roads(roads: Roads, regions: RegionIndex) -> Iterator[Landmark]:
    for name, place in named_places(streets_of(roads)):
        yield Landmark(name, "street", place, _district_of(regions, place))
    for crossing in crossings_of(roads):
        one, other = crossing.names
        if "与" not in one:
            yield Landmark(f"{one}与{other}交叉口", "crossing", crossing.place, _district_of(regions, crossing.place))


def _district_of(regions: RegionIndex, place: LonLat) -> str:
    """The district, or whatever is loaded that is nearest to one."""
    deepest = regions.deepest(place)
    if deepest is None:
        return ""
    chain = (deepest, *regions.ancestors(deepest.code))
    return next((one.name for one in chain if one.level is Level.DISTRICT), deepest.name)


def _far_m(landmark: Landmark, near: LonLat | None) -> float:
    return 0.0 if near is None else min(distance_m(landmark.place, near), FAR_M)
