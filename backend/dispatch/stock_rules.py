"""物资 Where supplies lie, by their moves alone. Pure: no clock, no database. Begin at `levels`.

Nothing is ever written over: what a place holds is what came in less what went out. A place of ours (a store, a team) never holds
less than nothing; the places outside (where supplies come from and where they end) are only names, and have no level. What a crew
gives on the street beyond what its book says is given all the same: the rest comes from `DIFFERENCE`, and so shows.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from msgspec import Struct

from backend.dispatch.records import StockMove
from backend.policy import Policy

SUPPLIER: Final = "supplier"
PERSON: Final = "person"
WRITTEN_OFF: Final = "written_off"
DIFFERENCE: Final = "difference"
OUTSIDE: Final[dict[str, tuple[str, str]]] = {
    SUPPLIER: ("外部调入", "from outside"),
    PERSON: ("受助人员", "people on the street"),
    WRITTEN_OFF: ("报损", "written off"),
    DIFFERENCE: ("账实差异", "difference between book and shelf"),
}
"""Places that are not ours: a move comes from there or ends there."""

_STORE: Final = "store:"
_TEAM: Final = "team:"

ITEM_NAMES: Final[dict[str, tuple[str, str]]] = {
    "water": ("水", "water"),
    "food": ("食品", "food"),
    "hot_food": ("热食", "hot food"),
    "rain_cape": ("雨衣", "rain cape"),
    "station_card": ("求助卡", "help card"),
    "heatstroke_medicine": ("防暑药", "heatstroke medicine"),
    "mosquito_repellent": ("驱蚊用品", "mosquito repellent"),
    "blanket": ("毯子", "blanket"),
    "quilt": ("棉被", "quilt"),
    "padded_coat": ("棉衣", "padded coat"),
    "gloves": ("手套", "gloves"),
}
"""How supplies are called; one that a city's policy adds is called by its code."""

Levels = Mapping[tuple[str, str], int]
"""(place, item) → how many lie there."""


class SupplyItem(Struct, frozen=True, kw_only=True):
    """One kind of supplies."""

    code: str
    zh: str
    en: str


class Part(Struct, frozen=True, kw_only=True):
    """What of something given comes from where."""

    from_place: str
    amount: int


def store(code: str) -> str:
    """The place of a facility's store."""
    return f"{_STORE}{code}"


def team(team_id: UUID) -> str:
    """The place of what a team has with it."""
    return f"{_TEAM}{team_id}"


def code_of_store(place: str) -> str | None:
    """The code of the facility whose store it is; None for another place."""
    return place.removeprefix(_STORE) if place.startswith(_STORE) else None


def team_of(place: str) -> UUID | None:
    """The team whose stock it is; None for another place, and for what is no team's id."""
    try:
        return UUID(place.removeprefix(_TEAM)) if place.startswith(_TEAM) else None
    except ValueError:
        return None


def item_codes(policy: Policy) -> list[str]:
    """Every kind of supplies that the policy hands out in any season, each once."""
    return list(dict.fromkeys(code for of_season in policy.protection.supplies.values() for code in of_season))


def item(code: str) -> SupplyItem:
    """What a code is called."""
    zh, en = ITEM_NAMES.get(code, (code, code))
    return SupplyItem(code=code, zh=zh, en=en)


def levels(moves: Iterable[StockMove]) -> dict[tuple[str, str], int]:
    """What lies at our own places after all moves, in whatever order they are told."""
    held: dict[tuple[str, str], int] = {}
    for move in moves:
        for place, sign in ((move.from_place, -1), (move.to_place, 1)):
            if place not in OUTSIDE:
                held[place, move.item] = held.get((place, move.item), 0) + sign * move.amount
    return held


def parts(place: str, amount: int, held: int) -> list[Part]:
    """Where something that was given came from: the giver's stock as far as it reaches, the rest a difference."""
    there = min(max(held, 0), amount)
    listed = [Part(from_place=place, amount=there), Part(from_place=DIFFERENCE, amount=amount - there)]
    return [part for part in listed if part.amount]
