"""What a warning warns of, and how gravely: the hazard and the colour, from whatever a sender writes them in. Pure.

Chinese services say the colour in the headline only (“高温红色预警”), European ones in a parameter (`awareness_level`), American
ones not at all: there the severity stands for it. Begin at `of`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from backend.campaign.cap import Alert, Info
from backend.policy import COLOURS, Colour, Hazard

__all__ = ["COLOURS", "COLOUR_NAMES", "HAZARD_NAMES", "Colour", "Hazard", "Warned", "of"]

HAZARD_NAMES: Final[dict[Hazard, tuple[str, str]]] = {
    "cold_wave": ("寒潮", "cold wave"),
    "low_temperature": ("低温", "low temperature"),
    "snow": ("暴雪", "snow"),
    "icy_roads": ("道路结冰", "icy roads"),
    "gale": ("大风", "gale"),
    "heat": ("高温", "heat"),
    "rainstorm": ("暴雨", "rainstorm"),
    "typhoon": ("台风", "typhoon"),
    "sandstorm": ("沙尘", "sandstorm"),
    "flood": ("洪涝", "flood"),
    "other": ("其他", "other"),
}
COLOUR_NAMES: Final[dict[Colour, tuple[str, str]]] = {
    "blue": ("蓝色", "blue"),
    "yellow": ("黄色", "yellow"),
    "orange": ("橙色", "orange"),
    "red": ("红色", "red"),
}

# Looked for in this order: the particular before the general (“雷暴大风” is a gale, “台风” is not).
_WORDS: Final[tuple[tuple[Hazard, str], ...]] = (
    ("typhoon", r"台风|热带风暴|typhoon|hurricane|tropical storm"),
    ("sandstorm", r"沙尘|扬沙|浮尘|dust|sandstorm"),
    ("icy_roads", r"道路结冰|道路冰雪|冻雨|icy road|road icing|\bice\b|freezing rain|glaze"),
    ("snow", r"暴雪|大雪|降雪|雪灾|snow|blizzard|winter storm"),
    ("cold_wave", r"寒潮|强降温|cold wave|cold surge"),
    ("low_temperature", r"低温|寒冷|霜冻|持续低温|low temperature|extreme cold|wind chill|freeze|frost|\bcold\b"),
    ("heat", r"高温|热浪|heat|high temperature"),
    ("flood", r"洪水|洪涝|内涝|渍涝|山洪|flood"),
    ("rainstorm", r"暴雨|强降雨|强降水|rainstorm|heavy rain|torrential|rainfall"),
    ("gale", r"大风|阵风|gale|high wind|strong wind|wind"),
)  # fmt: skip
_PATTERNS: Final = tuple((hazard, re.compile(words, re.IGNORECASE)) for hazard, words in _WORDS)
# SAME and similar codes of North America, whose words are often a county's.
_CODES: Final[dict[str, Hazard]] = {
    "BZW": "snow", "WSW": "snow", "WSA": "snow", "LSW": "snow", "WCW": "low_temperature", "ECW": "low_temperature",
    "EHW": "heat", "HTY": "heat", "EHA": "heat", "HWW": "gale", "HWA": "gale", "FFW": "flood", "FLW": "flood", "FLA": "flood",
    "HUW": "typhoon", "HUA": "typhoon", "TRW": "typhoon", "TOR": "gale", "DSW": "sandstorm", "ISW": "icy_roads",
}  # fmt: skip
_ZH_COLOUR: Final = re.compile(r"(蓝|黄|橙|红)色")
_ZH: Final[dict[str, Colour]] = {"蓝": "blue", "黄": "yellow", "橙": "orange", "红": "red"}
_EN_COLOUR: Final = re.compile(r"\b(blue|yellow|orange|amber|red)\b", re.IGNORECASE)
# What stands for a colour where a sender has none (CAP severity).
_BY_SEVERITY: Final[dict[str, Colour]] = {"minor": "blue", "moderate": "yellow", "severe": "orange", "extreme": "red"}
_LIFTED: Final = re.compile(r"解除|撤销|取消|\b(?:cancels?|cancell?ed|lifts?|lifted)\b", re.IGNORECASE)


class Warned(Struct, frozen=True):
    """What a warning says. colour: None where nothing tells how grave it is. lifted: it says that it is over."""

    hazard: Hazard
    colour: Colour | None
    lifted: bool


def of(alert: Alert) -> Warned:
    """What the warning is about; a cancellation without words is about whatever it refers to (`other`, lifted)."""
    infos = sorted(alert.infos, key=lambda info: not info.is_chinese)
    lifted = alert.msg_type == "Cancel" or any(_LIFTED.search(info.headline) for info in infos)
    return Warned(hazard=_hazard(infos), colour=_colour(infos), lifted=lifted)


def _hazard(infos: Iterable[Info]) -> Hazard:
    for text in _said(infos):
        found = next((hazard for hazard, pattern in _PATTERNS if pattern.search(text)), None)
        if found is not None:
            return found
    codes = (_CODES.get(value.strip().upper()) for info in infos for _, value in info.event_codes)
    return next((hazard for hazard in codes if hazard is not None), "other")


def _said(infos: Iterable[Info]) -> Iterator[str]:
    """The event of each language first: a headline may name the weather that is still to come."""
    known = list(infos)
    yield from (info.event for info in known)
    yield from (info.headline for info in known)


def _colour(infos: Iterable[Info]) -> Colour | None:
    known = list(infos)
    for info in known:
        if (found := _in_words(info.headline) or _in_words(info.event) or _in_parameters(info)) is not None:
            return found
    graded = (_BY_SEVERITY.get(info.severity.lower()) for info in known)
    return next((colour for colour in graded if colour is not None), None)


def _in_words(text: str) -> Colour | None:
    """The last colour named: “将橙色预警升级为红色预警” is red."""
    if named := _ZH_COLOUR.findall(text):
        return _ZH[named[-1]]
    if named := _EN_COLOUR.findall(text):
        return "orange" if named[-1].lower() == "amber" else _english(named[-1])
    return None


def _english(word: str) -> Colour | None:
    return next((colour for colour in COLOURS if colour == word.lower()), None)


def _in_parameters(info: Info) -> Colour | None:
    told = (
        value
        for name, value in (*info.parameters, *info.event_codes)
        if "level" in name.lower() or "colo" in name.lower()
    )
    return next((colour for value in told if (colour := _in_words(value)) is not None), None)
