"""Danger first: what a sighting's dangers, looks, weather and hour mean for its priority. Pure.

`assess` raises; nothing here lowers. Lowering is a decision of a person, with a reason: `lower`. Words in a free text
only suggest dangers, and a suggestion raises as well until somebody has looked (DOMAIN §3, "Danger first").
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, get_args

from msgspec import Struct

from backend.errors import Conflict, Invalid
from backend.intake.danger_words import suggested_dangers
from backend.intake.looks import Looks
from backend.policy import Danger, Policy, Priority

_ORDER: Final[dict[Priority, int]] = {"normal": 0, "high": 1, "critical": 2}
_WINTER: Final = (12, 1, 2)
_NIGHT_FROM, _NIGHT_TO = 21, 6  # local hours in which an open place offers no way indoors
_FRAIL_MARGIN_C: Final = 10  # degrees beyond the danger point at which exposure threatens anybody's life
PRIORITY_ZH: Final[dict[Priority, str]] = {"normal": "普通", "high": "优先", "critical": "危急"}


class WeatherNow(Struct, frozen=True):
    """The weather there. state: a key of the policy's `[weather.speed]`. warned: a cold or heat warning holds.

    feels_c: felt temperature (wind chill, heat index), °C.
    """

    state: str = "clear"
    feels_c: float | None = None
    warned: bool = False


class TriageReason(Struct, frozen=True):
    """Why the priority is at least `priority`."""

    code: str
    zh: str
    en: str
    priority: Priority


class Triage(Struct, frozen=True):
    """The outcome. dangers: stated, or certain from looks and weather; suggested: from words only, to be confirmed.

    call_first: numbers to ring before anything else, in order. skills: who should come.
    """

    priority: Priority
    dangers: tuple[Danger, ...]
    suggested: tuple[Danger, ...]
    call_first: tuple[str, ...]
    skills: tuple[str, ...]
    reasons: tuple[TriageReason, ...]


class Lowering(Struct, frozen=True):
    """A priority lowered on purpose, for the event log."""

    before: Priority
    after: Priority
    reason: str
    by: str


def assess(
    dangers: Iterable[Danger],
    policy: Policy,
    *,
    local: datetime,
    looks: Looks | None = None,
    weather: WeatherNow | None = None,
    text: str = "",
) -> Triage:
    """Priority, first calls and skills for one sighting. `local`: the moment on the wall clock of the place."""
    looks, weather = looks or Looks(), weather or WeatherNow()
    stated = dict.fromkeys(dangers, "stated")
    for danger, code in _seen(looks) + _weathered(weather, policy):
        stated.setdefault(danger, code)
    suggested = [danger for danger in suggested_dangers(text) if danger not in stated]
    reasons = [_reason(danger, code, policy) for danger, code in stated.items()]
    reasons += [_reason(danger, "words", policy) for danger in suggested]
    reasons += _circumstances(stated.keys(), looks, weather, local, policy)
    every = in_order([*stated, *suggested], policy)
    return Triage(
        priority=highest(reason.priority for reason in reasons),
        dangers=in_order(stated, policy),
        suggested=in_order(suggested, policy),
        call_first=_each_once(call for danger in every for call in policy.triage[danger].call_first),
        skills=_each_once(skill for danger in every for skill in policy.triage[danger].skills),
        reasons=tuple(reasons),
    )


def merge_priority(old: Priority, new: Priority) -> Priority:
    """The higher one: a later report, a joined case or a second triage never lowers silently."""
    return old if _ORDER[old] >= _ORDER[new] else new


def highest(priorities: Iterable[Priority]) -> Priority:
    """The highest of any number of priorities; "normal" for none."""
    result: Priority = "normal"
    for priority in priorities:
        result = merge_priority(result, priority)
    return result


def lower(current: Priority, to: Priority, *, reason: str, by: str) -> Lowering:
    """A person lowers a priority. Raises Invalid without a reason or a name, Conflict if it would not be lower."""
    if not reason.strip() or not by.strip():
        raise Invalid(
            "降低优先级必须写明理由和操作人。", "Lowering a priority needs a reason and a name.", field="reason"
        )
    if _ORDER[to] >= _ORDER[current]:
        raise Conflict(
            f"当前为“{PRIORITY_ZH[current]}”，这不是降低。",
            f"It is {current} now; {to} is not lower.",
            code="not_lower",
        )
    return Lowering(current, to, reason.strip(), by)


def in_order(dangers: Iterable[Danger], policy: Policy) -> tuple[Danger, ...]:
    """Each danger once, the gravest first, in the fixed order of the list within a priority."""
    fixed = {danger: n for n, danger in enumerate(get_args(Danger))}
    return tuple(sorted(set(dangers), key=lambda d: (-_ORDER[policy.triage[d].priority], fixed[d])))


def _seen(looks: Looks) -> list[tuple[Danger, str]]:
    """Dangers that the looks alone say."""
    if looks.age_band == "infant":
        return [("infant", "looks")]
    return [("minor", "looks")] if looks.age_band in ("child", "teen") else []


def _weathered(weather: WeatherNow, policy: Policy) -> list[tuple[Danger, str]]:
    felt = weather.feels_c
    extreme = felt is not None and (felt <= policy.weather.cold_at_c or felt >= policy.weather.heat_at_c)
    return [("exposure", "weather")] if extreme or weather.warned else []


def _circumstances(
    dangers: Iterable[Danger], looks: Looks, weather: WeatherNow, local: datetime, policy: Policy
) -> list[TriageReason]:
    """What hour, season and frailty add to the dangers."""
    found: list[TriageReason] = []
    if local.month in _WINTER and (local.hour >= _NIGHT_FROM or local.hour < _NIGHT_TO):
        found.append(TriageReason("winter_night", "冬季夜间在外", "outside on a winter night", "high"))
    if "exposure" in dangers:
        if looks.age_band in ("infant", "child", "old") or looks.posture == "lying":
            zh, en = "极端天气中的老幼或卧地者", "a child, an old or a lying person in extreme weather"
            found.append(TriageReason("frail_exposed", zh, en, "critical"))
        felt, rules = weather.feels_c, policy.weather
        if felt is not None and not rules.cold_at_c - _FRAIL_MARGIN_C < felt < rules.heat_at_c + _FRAIL_MARGIN_C:
            zh, en = f"体感{felt:.0f}℃，危及生命", f"feels like {felt:.0f} °C: a danger to life"
            found.append(TriageReason("deadly_weather", zh, en, "critical"))
    return found


def _reason(danger: Danger, code: str, policy: Policy) -> TriageReason:
    rule = policy.triage[danger]
    said = {"words": ("（描述中提到，待确认）", " (from the words, to be confirmed)"), "stated": ("", "")}
    zh, en = said.get(code, ("（由外貌或天气判断）", " (from looks or weather)"))
    return TriageReason(f"{danger}:{code}", rule.zh + zh, rule.en + en, rule.priority)


def _each_once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
