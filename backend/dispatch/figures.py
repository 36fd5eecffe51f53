"""The figures a department is judged by (DOMAIN §7), as they stand at the end of a span. Pure.

Each is defined once, in `FIGURES`, in words and by what it counts; nothing due is no value, never 0 or 100 %. A deadline counts
where it falls due, whenever it was met; `docs/figures.md` explains them. Times of steps are exact over all cases of the
span, never averages of averages. `tests/dispatch/test_figures.py` recomputes them by another way.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, Literal

import numpy as np
from msgspec import Struct

from backend.dispatch.clocks import ClockKind
from backend.dispatch.lifecycle import OPEN_STAGES
from backend.dispatch.stories import NOBODY_MET, Story

Unit = Literal["share", "count"]
PUBLIC_CHANNELS: Final = frozenset({"web", "app", "hotline", "taxi"})
NOT_HANDLED: Final = frozenset({"discovered", "accepted", "dispatched", "handling"})
SATISFIED_FROM: Final = 4


class Definition(Struct, frozen=True):
    """What a figure is. means: numerator and denominator in words. better: which way is good, None for neither."""

    zh: str
    en: str
    means_zh: str
    means_en: str
    unit: Unit = "share"
    better: Literal["more", "less"] | None = "more"


def _d(zh: str, en: str, means_zh: str, means_en: str, unit: Unit = "share", better: str | None = "more") -> Definition:
    return Definition(zh, en, means_zh, means_en, unit, better)  # type: ignore[arg-type]


FIGURES: Final[dict[str, Definition]] = {
    "filed_on_time": _d(
        "按时立案率", "filed on time", "按时受理（含不予受理）÷ 受理时限到期", "accepted or refused in time / clocks of acceptance due"
    ),
    "filed_right": _d(
        "准确立案率", "filed correctly", "未作废、未退回受理 ÷ 已受理", "neither voided nor returned to intake / accepted"
    ),
    "dispatched_on_time": _d(
        "按期派遣率", "dispatched on time", "未触发搜寻报警即有队伍接手 ÷ 已受理且已派遣或已报警",
        "taken before the search raised an alarm / accepted, and taken or alarmed",
    ),
    "dispatched_right": _d(
        "准确派遣率", "dispatched correctly", "未被收回、回退、改派 ÷ 派遣次数", "not taken back, returned or given to another / dispatches"
    ),
    "on_the_spot": _d("按时到场率", "on the spot in time", "到场时限内到达 ÷ 到场时限到期", "arrived in time / clocks of arrival due"),
    "handled": _d("处置率", "handled", "已处置 ÷ 应处置（到场时限到期）", "handled / to be handled (clocks of arrival due)"),
    "handled_on_time": _d("按期处置率", "handled on time", "按期反馈 ÷ 反馈时限到期", "handled in time / clocks of handling due"),
    "verified_on_time": _d("按期核查率", "verified on time", "按期核查 ÷ 核查时限到期", "verified in time / clocks of verification due"),
    "closed": _d("结案率", "closed", "已核查结案 ÷ 应结案（全案时限到期）", "verified and closed / due to close"),
    "closed_on_time": _d("按期结案率", "closed on time", "按期结案 ÷ 应结案（全案时限到期）", "closed in time / due to close"),
    "reworked": _d("返工率", "rework", "曾被退回返工 ÷ 应结案", "sent back at least once / due to close", better="less"),
    "extended": _d("延期率", "extended", "曾延时 ÷ 应结案", "extended at least once / due to close", better="less"),
    "overdue_open": _d(
        "超期未处置", "overdue and open", "时限已过仍未处置的案卷；分母为未结案卷",
        "cases not handled with a clock over; of the cases open", "count", "less",
    ),
    "public_share": _d(
        "公众举报率", "public-report share", "群众线索（网页、App、热线、出租车）÷ 全部线索",
        "sightings of the public (web, app, hotline, taxi) / all sightings", better=None,
    ),
    "valid_reports": _d("有效上报率", "valid reports", "未被不予受理、作废 ÷ 已有结论的线索", "neither refused nor voided / sightings that were judged"),
    "call_backs": _d("回访接通率", "call-backs that reached somebody", "接通 ÷ 回访次数", "reached / calls"),
    "satisfaction": _d("满意率", "satisfaction", "评 4–5 分 ÷ 已评分的回访", "4 or 5 of 5 / call-backs that were asked"),
    "people_helped": _d("救助人次", "people met and helped", "处置中见到的人数", "people met in handlings", "count", None),
    "escorted": _d("护送进站人次", "escorted to the station", "处置结果为护送进站的人数", "people of handlings that ended so", "count", None),
    "to_hospital": _d("送医人次", "taken to hospital", "处置结果为送医的人数", "people of handlings that ended so", "count", None),
    "patrols": _d("出勤班次", "patrols", "队伍上岗次数", "times that a team came on duty", "count", None),
    "vehicles": _d("出勤队伍", "teams that were out", "上岗过的队伍数", "teams that came on duty", "count", None),
    "supplies": _d("发放物资", "supplies given", "处置记录中的物资项数", "supplies written down in handlings", "count", None),
}  # fmt: skip

STEPS: Final[dict[str, tuple[str, str]]] = {
    "accept": ("发现→受理", "discovered → accepted"),
    "dispatch": ("受理→派遣", "accepted → taken"),
    "travel": ("派遣→到场", "taken → on the spot"),
    "arrive": ("受理→到场", "accepted → on the spot"),
    "handle": ("到场→处置", "on the spot → handled"),
    "verify": ("处置→核查", "handled → verified"),
    "whole": ("发现→结案", "discovered → closed"),
}
ON_TIME: Final[dict[ClockKind, str]] = {
    "accept": "filed_on_time",
    "on_spot": "on_the_spot",
    "feedback": "handled_on_time",
    "verify": "verified_on_time",
    "whole": "closed_on_time",
}

Counted = tuple[str, datetime, int, int]
"""A figure's code, the moment it belongs to, and what it adds to numerator and denominator."""


class WhyNone(Struct, frozen=True):
    """Why a figure has no value."""

    zh: str
    en: str


class Figure(Struct, frozen=True, kw_only=True):
    """One figure. value: share 0-1 or a count; None when nothing was due. The series go by bucket of the span."""

    code: str
    zh: str
    en: str
    means_zh: str
    means_en: str
    unit: Unit
    better: str | None
    value: float | None
    numerator: int
    denominator: int | None
    why_none: WhyNone | None
    numerators: list[int]
    denominators: list[int]


class StepTime(Struct, frozen=True, kw_only=True):
    """How long a step took, in seconds, of the cases in which it ended within the span; None for no cases."""

    code: str
    zh: str
    en: str
    cases: int
    mean_s: float | None
    p50_s: float | None
    p90_s: float | None
    p95_s: float | None


class Span:
    """From `since` (included) to `until` (not), in buckets that begin at `starts`."""

    def __init__(self, since: datetime, until: datetime, starts: Sequence[datetime]) -> None:
        self.since, self.until, self.starts = since, until, starts
        # As seconds: moments with their zones are compared a hundred thousand times a month.
        self._since_s, self._until_s = since.timestamp(), until.timestamp()
        self._starts_s = [start.timestamp() for start in starts]

    def bucket(self, at: datetime) -> int | None:
        """Which bucket a moment lies in; None outside the span."""
        at_s = at.timestamp()
        return bisect_right(self._starts_s, at_s) - 1 if self._since_s <= at_s < self._until_s else None


class Tally:
    """Counts stories one by one, so that a month need not be held at once."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self._up: dict[str, Counter[int]] = {code: Counter() for code in FIGURES}
        self._down: dict[str, Counter[int]] = {code: Counter() for code in FIGURES}
        self._lasted: dict[str, list[float]] = {code: [] for code in STEPS}
        self._out: set[object] = set()

    def count(self, story: Story) -> None:
        """All that a case adds."""
        for counted in counted_of(story, self.span.until):
            self._add(*counted)
        for code, begun, ended in steps_of(story):
            if self.span.bucket(ended) is not None:
                self._lasted[code].append(max(0.0, (ended - begun).total_seconds()))

    def count_patrol(self, team_id: object, at: datetime) -> None:
        """A team that came on duty."""
        self._add("patrols", at, 1, 0)
        self._add("vehicles", at, 0 if team_id in self._out else 1, 0)
        self._out.add(team_id)

    def _add(self, code: str, at: datetime, numerator: int, denominator: int) -> None:
        if (bucket := self.span.bucket(at)) is not None:
            self._up[code][bucket] += numerator
            self._down[code][bucket] += denominator

    def figures(self) -> list[Figure]:
        """All figures, in the order of `FIGURES`."""
        return [self._figure(code, definition) for code, definition in FIGURES.items()]

    def _figure(self, code: str, what: Definition) -> Figure:
        up, down = self._up[code], self._down[code]
        n, d = up.total(), down.total()
        value = float(n) if what.unit == "count" else (n / d if d else None)
        buckets = range(len(self.span.starts))
        return Figure(
            code=code,
            zh=what.zh,
            en=what.en,
            means_zh=what.means_zh,
            means_en=what.means_en,
            unit=what.unit,
            better=what.better,
            value=value,
            numerator=n,
            denominator=d if what.unit == "share" or d else None,
            why_none=None if value is not None else _why_none(code),
            numerators=[up[b] for b in buckets],
            denominators=[down[b] for b in buckets],
        )

    def steps(self) -> list[StepTime]:
        """How long each step took."""
        return [_step_time(code, self._lasted[code]) for code in STEPS]


def counted_of(story: Story, end: datetime) -> Iterator[Counted]:
    """What a case adds to which figure, and when; `end` is the moment at which it is looked at."""
    yield from _deadlines(story)
    yield from _loop(story)
    yield from _reports(story)
    if story.stage in OPEN_STAGES:
        late = story.stage in NOT_HANDLED and any(run.is_overdue(end) for run in story.runs.values())
        yield "overdue_open", _just_before(end), int(late), 1


def _just_before(end: datetime) -> datetime:
    """A standing at the end of a span belongs to its last bucket."""
    return end - datetime.resolution


def _deadlines(story: Story) -> Iterator[Counted]:
    extended = any(run.extended for run in story.runs.values())
    for run in story.runs.values():
        if not run.is_due or run.kind not in ON_TIME:
            continue
        yield ON_TIME[run.kind], run.due_at, int(run.is_on_time), 1
        if run.kind == "on_spot":
            came = any(visit.at >= run.started_at for visit in story.visits)
            yield "handled", run.due_at, int(came), 1
        elif run.kind == "whole":
            yield "closed", run.due_at, int(story.stage == "assisted"), 1
            yield "reworked", run.due_at, int(story.rework > 0), 1
            yield "extended", run.due_at, int(extended), 1


def _loop(story: Story) -> Iterator[Counted]:
    if story.accepted_at is not None:
        right = story.stage != "voided" and not story.sent_to_intake
        yield "filed_right", story.accepted_at, int(right), 1
        if story.taken_at is not None or story.alarmed_at is not None:
            unalarmed = story.alarmed_at is None or (story.taken_at is not None and story.taken_at <= story.alarmed_at)
            yield "dispatched_on_time", story.accepted_at, int(unalarmed), 1
    for dispatch in story.dispatches:
        yield "dispatched_right", dispatch.at, int(not dispatch.taken_back), 1
    for visit in story.visits:
        met = 0 if visit.outcome in NOBODY_MET else visit.people
        yield "people_helped", visit.at, met, 0
        yield "escorted", visit.at, met if visit.outcome == "escorted_to_station" else 0, 0
        yield "to_hospital", visit.at, met if visit.outcome == "to_hospital" else 0, 0
        yield "supplies", visit.at, visit.supplies, 0


def _reports(story: Story) -> Iterator[Counted]:
    for at, channel in story.sightings:
        yield "public_share", at, int(channel in PUBLIC_CHANNELS), 1
        if story.stage != "discovered":
            yield "valid_reports", at, int(story.stage not in ("refused", "voided")), 1
    for call in story.calls:
        yield "call_backs", call.at, int(call.reached), 1
        if call.satisfied is not None:
            yield "satisfaction", call.at, int(call.satisfied >= SATISFIED_FROM), 1


def steps_of(story: Story) -> Iterator[tuple[str, datetime, datetime]]:
    """Each step that ended: its code, when it began and when it ended, the first time each."""
    ends = {
        "accept": (story.opened_at, story.accepted_at),
        "dispatch": (story.accepted_at, story.taken_at),
        "travel": (story.taken_at, story.arrived_at),
        "arrive": (story.accepted_at, story.arrived_at),
        "handle": (story.arrived_at, story.handled_at),
        "verify": (story.handled_at, story.verified_at),
        "whole": (story.opened_at, story.verified_at),
    }
    for code, (begun, ended) in ends.items():
        if begun is not None and ended is not None:
            yield code, begun, ended


def _why_none(code: str) -> WhyNone:
    if code in ("satisfaction", "call_backs"):
        return WhyNone("时段内没有回访", "nobody was called back")
    return WhyNone("时段内没有到期项", "nothing was due")


def _step_time(code: str, lasted: Sequence[float]) -> StepTime:
    zh, en = STEPS[code]
    return StepTime(
        code=code,
        zh=zh,
        en=en,
        cases=len(lasted),
        mean_s=round(float(np.mean(lasted)), 1) if lasted else None,
        p50_s=exact(lasted, 0.5),
        p90_s=exact(lasted, 0.9),
        p95_s=exact(lasted, 0.95),
    )


def exact(values: Sequence[float], share: float) -> float | None:
    """The exact quantile, linear between neighbours (as percentile_cont), to a tenth; None for no values."""
    return round(float(np.quantile(values, share)), 1) if values else None


def tallied(span: Span, stories: Iterable[Story]) -> Tally:
    """All stories counted."""
    tally = Tally(span)
    for story in stories:
        tally.count(story)
    return tally
