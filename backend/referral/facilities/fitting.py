"""Which facility fits: whom it takes, whether it is open on arrival, whether it has a place, and otherwise why not. Pure.

Begin at `judge`. What is free is counted elsewhere (backend.referral.facilities.places).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from backend.referral.facilities.opening import in_words, is_open, opens_next
from backend.referral.facilities.takes import GROUP_NAMES, PLACE_NAMES, PlaceKind, Someone, not_taken, place_kinds


class WhyNot(Struct, frozen=True):
    """Why a facility does not fit, or what is to be known of it."""

    code: str
    zh: str
    en: str


class Room(Struct, frozen=True, kw_only=True):
    """What is free: in the whole house, and by kind. None is no limit. A house that lists no kinds has places for anybody."""

    whole: int | None = None
    by_kind: Mapping[PlaceKind, int | None] = {}

    def free(self, kind: PlaceKind) -> int | None:
        """Free places of a kind; None when there is no limit."""
        of_kind = self.by_kind.get(kind, 0) if self.by_kind else (None if kind == "any" else 0)
        limits = [limit for limit in (self.whole, of_kind) if limit is not None]
        return max(0, min(limits)) if limits else None

    def has(self, kind: PlaceKind, count: int) -> bool:
        free = self.free(kind)
        return free is None or free >= count


class Judged(Struct, frozen=True, kw_only=True):
    """What was found of a facility. place_kind: the places that would be used, None when there are none."""

    place_kind: PlaceKind | None
    reasons: list[WhyNot]

    @property
    def fits(self) -> bool:
        return not self.reasons


class House(Struct, frozen=True, kw_only=True):
    """What of a facility decides."""

    kind: str
    takes: Sequence[str]
    opening: str | None
    hidden: bool
    room: Room


def judge(house: House, people: Sequence[Someone], arrives_at: datetime | None, zone: ZoneInfo) -> Judged:
    """Whether these people can be taken there together. arrives_at: None when no road leads there."""
    kind = place_for(house.room, people)
    reasons = [*_taken(house, people), *_reached(house, arrives_at, zone), *_roomy(house, people, kind)]
    return Judged(place_kind=kind, reasons=reasons)


def place_for(room: Room, people: Sequence[Someone]) -> PlaceKind | None:
    """The kind of place they would get: the fittest that has enough of them free."""
    return next((kind for kind in place_kinds(people) if room.has(kind, len(people))), None)


def _taken(house: House, people: Sequence[Someone]) -> list[WhyNot]:
    reasons = [
        WhyNot(f"takes_no_{group}", f"不接收{GROUP_NAMES[group][0]}", f"does not take {GROUP_NAMES[group][1]}")
        for group in not_taken(people, house.takes, house.kind)
    ]
    if house.hidden and not any("violence" in one.needs for one in people):
        zh, en = "不公开的庇护场所，只为疑似受暴力侵害者", "a hidden shelter, for suspected victims of violence only"
        reasons.append(WhyNot("for_victims_only", zh, en))
    return reasons


def _reached(house: House, arrives_at: datetime | None, zone: ZoneInfo) -> list[WhyNot]:
    if arrives_at is None:
        return [WhyNot("out_of_reach", "道路不通或太远", "no road leads there, or it is too far")]
    if is_open(house.opening, arrives_at, zone):
        return []
    at, (zh, en) = arrives_at.astimezone(zone), in_words(house.opening)
    opens = opens_next(house.opening, arrives_at, zone)
    again_zh = f"，下次开放 {opens:%m-%d %H:%M}" if opens else ""
    again_en = f"; opens {opens:%m-%d %H:%M}" if opens else ""
    return [
        WhyNot(
            "closed_on_arrival",
            f"{at:%H:%M} 到达时不开放（{zh}{again_zh}）",
            f"closed on arrival at {at:%H:%M} ({en}{again_en})",
        )
    ]


def _roomy(house: House, people: Sequence[Someone], kind: PlaceKind | None) -> list[WhyNot]:
    if kind is not None:
        return []
    wanted = place_kinds(people)[0]
    zh, en = PLACE_NAMES[wanted]
    there = [house.room.free(one) or 0 for one in place_kinds(people)]
    left = max(there)
    return [
        WhyNot("full", f"{zh}不足：需 {len(people)}，余 {left}", f"{en}: {len(people)} needed, {left} left"),
    ]
