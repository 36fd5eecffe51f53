"""What follows from a handling by itself: who is told, what is looked at again, what goes up, and by when."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from backend.dispatch.protection.handling import Consequence, Handling
from backend.policy import Policy

_AT_STATION: Final = frozenset({"escorted_to_station", "to_hospital"})
_PRONE_TO_RETURN: Final = frozenset({"mental_illness", "dementia", "disabled"})


def consequences(handling: Handling, policy: Policy) -> list[Consequence]:
    """Everything that has to happen after this handling, done already (`done_at`) or not; the most urgent first."""
    return [after for rule in _FOLLOWING for after in rule(handling, policy)]


def _report_up(h: Handling, policy: Policy) -> Iterator[Consequence]:
    """Death, going missing, an accident: up at once, through every level, with a clock. [§4.8]"""
    if h.incident is None:
        return
    due = h.handled_at + timedelta(seconds=policy.protection.report_up_within.seconds)
    within = policy.protection.report_up_within
    zh, en = f"立即逐级上报（{within.zh}内）", f"report up through every level within {within.en}"
    yield Consequence("report_up", zh, en, policy.protection.report_up_roles, due_at=due)


def _police(h: Handling, _: Policy) -> Iterator[Consequence]:
    """Crime, a foreigner's identity, or a hand-over to them. [§4.4, §4.5]"""
    concerned = h.outcome == "to_police" or h.incident in ("death", "missing")
    if concerned or any(p.suspicions or p.is_foreigner for p in h.people):
        yield Consequence("police_told", "告知公安", "tell the police", ("police",), h.handled_at, h.police_told_at)


def _foreign_affairs(h: Handling, _: Policy) -> Iterator[Consequence]:
    """[§4.5]"""
    for n, person in enumerate(h.people):
        if person.is_foreigner:
            zh, en, told = "告知外事部门", "tell the foreign-affairs office", h.foreign_affairs_told_at
            yield Consequence("foreign_affairs_told", zh, en, ("foreign_affairs",), h.handled_at, told, n)


def _station(h: Handling, _: Policy) -> Iterator[Consequence]:
    """The station hears of everybody on the way to it or to a hospital. [§4.3]"""
    if h.outcome in _AT_STATION:
        yield Consequence(
            "station_told", "告知救助站", "tell the station", ("station_staff",), h.handled_at, h.station_told_at
        )


def _identify(h: Handling, policy: Policy) -> Iterator[Consequence]:
    """Unknown at the station or in hospital: the search notice's clock begins. [§4.9]"""
    if h.outcome not in _AT_STATION or not policy.referral.search_notice.is_elapsed:
        return
    due = h.handled_at + timedelta(seconds=policy.referral.search_notice.seconds)
    for n, person in enumerate(h.people):
        if not person.identity_known:
            zh, en = "甄别身份，到期发布寻亲公告", "establish identity; search notice when due"
            yield Consequence("identify", zh, en, ("station_staff",), due, person=n)


def _hide_place(h: Handling, _: Policy) -> Iterator[Consequence]:
    """Where a victim of violence at home is kept, the public map never shows. [§4.4]"""
    for n, person in enumerate(h.people):
        if "domestic_violence" in person.suspicions:
            zh, en = "庇护地点保密，不上公开地图", "the shelter's place is never shown in public"
            yield Consequence("hide_place", zh, en, (), h.handled_at, h.handled_at, n)


def _revisit(h: Handling, policy: Policy) -> Iterator[Consequence]:
    """Whoever stays is looked at again. [§4.1]"""
    if h.outcome == "stays_supplies_given":
        after = policy.outcomes.revisit_after
        due = h.handled_at + timedelta(seconds=after.seconds)
        yield Consequence("revisit", f"{after.zh}后回访", f"revisit after {after.en}", ("team",), due)


def _returnee(h: Handling, policy: Policy) -> Iterator[Consequence]:
    """Home again: the register, and for those prone to return revisits for a year, kept by referral. [§4.10]"""
    if h.outcome != "to_family":
        return
    every = policy.referral.revisit_every
    for n, person in enumerate(h.people):
        if not _PRONE_TO_RETURN.isdisjoint(person.vulnerable):
            zh, en = f"返乡登记，每{every.zh}回访", f"register the returnee; revisit every {every.en}"
            yield Consequence("revisit_returnee", zh, en, ("grid_worker",), person=n)


_FOLLOWING: Final[tuple[Callable[[Handling, Policy], Iterator[Consequence]], ...]] = (
    _report_up,
    _police,
    _foreign_affairs,
    _station,
    _identify,
    _hide_place,
    _revisit,
    _returnee,
)
