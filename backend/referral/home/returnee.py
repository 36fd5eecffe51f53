"""返乡人员 Somebody who went home, and the visits 返乡回访 they get there, as values (DOMAIN §4.10). Pure.

Begin at `Returnee`. Whoever is prone to be on the street again is followed: one visit is always due, at the latest `revisit_every`
after the one before, until `revisit_for` after the return is over. `following` says when the next is due.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from backend.access.permissions import Object
from backend.referral.people.person import Line, Vulnerability

ReturneeState = Literal["followed", "registered", "elsewhere", "ended"]
EndReason = Literal["over", "died", "moved_away", "in_care", "returned_anew", "mistake", "other"]
VisitState = Literal["due", "done", "cancelled"]
VisitOutcome = Literal["at_home_well", "needs_help", "not_at_home", "moved", "gone_again", "died"]
HomeNeed = Literal["food", "money", "housing", "medical", "care", "guardian", "work", "school", "other"]

STATE_NAMES: Final[dict[ReturneeState, tuple[str, str]]] = {
    "followed": ("回访中", "visited"),
    "registered": ("已登记", "on the register"),
    "elsewhere": ("在外地", "in another city"),
    "ended": ("已结束", "ended"),
}
END_NAMES: Final[dict[EndReason, tuple[str, str]]] = {
    "over": ("回访期满", "the year is over"),
    "died": ("死亡", "died"),
    "moved_away": ("迁往外地", "moved to another city"),
    "in_care": ("转入机构照料", "in care of an institution"),
    "returned_anew": ("再次返乡，另行登记", "returned anew, registered again"),
    "mistake": ("登记有误", "registered by mistake"),
    "other": ("其他", "otherwise"),
}
OUTCOME_NAMES: Final[dict[VisitOutcome, tuple[str, str]]] = {
    "at_home_well": ("在家，情况稳定", "at home and well"),
    "needs_help": ("在家，需要帮助", "at home, needs help"),
    "not_at_home": ("没有见到", "not met"),
    "moved": ("已搬走", "moved"),
    "gone_again": ("再次外出流浪", "on the street again"),
    "died": ("已去世", "died"),
}
NEED_NAMES: Final[dict[HomeNeed, tuple[str, str]]] = {
    "food": ("食物衣物", "food or clothes"),
    "money": ("低保、救助金", "money"),
    "housing": ("住处", "somewhere to live"),
    "medical": ("看病吃药", "a doctor or medicine"),
    "care": ("生活照料", "care"),
    "guardian": ("监护", "a guardian"),
    "work": ("就业", "work"),
    "school": ("上学", "school"),
    "other": ("其他", "something else"),
}
PRONE: Final[frozenset[Vulnerability]] = frozenset({"mental_illness", "dementia", "disabled", "repeatedly"})
"""Grounds on which somebody who went home is visited (民发〔2020〕14号)."""
SOON: Final[frozenset[VisitOutcome]] = frozenset({"needs_help", "not_at_home", "moved", "gone_again"})
"""Outcomes after which somebody looks again soon: nobody was met as they should be."""
LAST_BEFORE: Final = timedelta(days=7)
"""A visit so shortly before the year is over is its last."""
VAIN_TWICE: Final = 2
"""So many vain visits one after the other are told to the shift leader."""

Code = Annotated[str, Meta(pattern=r"^(\d{6}|\d{9}|\d{12})$")]
Note = Annotated[str, Meta(max_length=1000)]


class HomeNow(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where somebody lives now; sealed. region: the code (GB/T 2260) of community, street or district, of this city or another.
    street: its name, where the code does not say. note: what a visitor needs to know."""

    region: Code | None = None
    street: Annotated[str, Meta(max_length=60)] = ""
    address: Line = ""
    contact: Annotated[str, Meta(max_length=100)] = ""
    phone: Annotated[str, Meta(max_length=40)] = ""
    note: Annotated[str, Meta(max_length=500)] = ""
    grounds: Annotated[tuple[Vulnerability, ...], Meta(max_length=10)] = ()


class Returnee(Struct, frozen=True, kw_only=True):
    """返乡人员. region: where they live now, as deep as it is known; regions: with all above it, or whose it is while it is not known.

    facilities: the station that they were at. relapses: the cases and stays by which they were found to be away again.
    told_at: when the list that they are on went to where they live. until: to when they are followed.
    """

    id: UUID
    person_id: UUID
    state: ReturneeState
    regions: list[str]
    is_prone: bool
    since: datetime
    until: datetime
    created_at: datetime
    created_by: str
    region: str | None = None
    facilities: list[UUID] = []
    stay_id: UUID | None = None
    case_id: UUID | None = None
    relapses: list[UUID] = []
    relapsed_at: datetime | None = None
    told_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    end_reason: EndReason | None = None
    home: HomeNow = HomeNow()
    end_note: str | None = None

    def as_object(self) -> Object:
        """What permissions ask about."""
        return Object(regions=self.regions, facilities=self.facilities)


class HomeVisit(Struct, frozen=True, kw_only=True):
    """返乡回访: one visit, due by `due_at`. level: how many of the chain have been told that it is late; attempts: vain visits
    before it, one after the other. in_region: whether the visitor stood where they live, where the phone knew. case_id: the
    case that it opened, or that was about them already."""

    id: UUID
    returnee_id: UUID
    due_at: datetime
    state: VisitState = "due"
    fires_at: datetime | None = None
    level: int = 0
    attempts: int = 0
    missed_at: datetime | None = None
    done_at: datetime | None = None
    done_by: str | None = None
    outcome: VisitOutcome | None = None
    in_region: bool | None = None
    case_id: UUID | None = None
    found: dict[str, Any] = {}


class VisitFigures(Struct, frozen=True, kw_only=True):
    """回访按期率. Of visits due in a span of time: on_time / due, None where nothing was due. vain: where nobody was met, which is
    no visit. open: due, and not made yet."""

    due: int
    on_time: int
    late: int
    open: int
    vain: int
    share: float | None


def grounds_of(vulnerable: Collection[Vulnerability], *, before: bool) -> tuple[Vulnerability, ...]:
    """Why somebody is prone to be on the street again; () when they are not. before: they had gone home before."""
    found = [one for one in vulnerable if one in PRONE]
    return tuple(dict.fromkeys([*found, *(["repeatedly"] if before else [])]))  # type: ignore[list-item]


def following(
    outcome: VisitOutcome, *, at: datetime, until: datetime, every: datetime, again: datetime
) -> datetime | None:
    """When the next visit is due after one made at `at`; None when it was the last. every, again: a whole span and a short one later."""
    if outcome == "died":
        return None
    if outcome in SOON:
        return min(every, again)
    return None if at >= until - LAST_BEFORE else min(every, until)


def fires_at(due_at: datetime, ahead: timedelta, now: datetime) -> datetime:
    """When the visitor is reminded of a visit that has just become due."""
    return due_at if now >= due_at - ahead else due_at - ahead


def figures(visits: Iterable[HomeVisit], now: datetime) -> VisitFigures:
    """What became of these visits. One that was not needed any more before it was due was not due."""
    due = [one for one in visits if one.missed_at is not None or one.state == "done" or one.due_at <= now]
    vain = [one for one in due if one.outcome == "not_at_home"]
    counted = [one for one in due if one.outcome != "not_at_home" and _counts(one)]
    on_time = sum(one.done_at is not None and one.done_at <= one.due_at for one in counted)
    waits = sum(one.state == "due" for one in counted)
    made = sum(one.state == "done" for one in counted)
    return VisitFigures(
        due=len(counted),
        on_time=on_time,
        late=made - on_time,
        open=waits,
        vain=len(vain),
        share=round(on_time / len(counted), 4) if counted else None,
    )


def _counts(visit: HomeVisit) -> bool:
    return visit.state != "cancelled" or visit.missed_at is not None


def of_whom(live: Sequence[Returnee]) -> Returnee | None:
    """The entry that stands, of all live ones of a person: the latest."""
    return max(live, key=lambda one: (one.since, one.id), default=None)
