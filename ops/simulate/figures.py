"""The figures of a simulated day, for comparing two ways of sending; read from the log as every figure is (backend.dispatch.stories)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct

from backend.dispatch.stories import Story, stories
from backend.log import Event

WITHIN_S: Final = 30 * 60.0


class Figures(Struct, frozen=True, kw_only=True):
    """A day in numbers. Seconds count from the acceptance of the case; shares are 0-1, None when nothing was due."""

    reports: int
    cases_opened: int
    cases_joined: int
    joined_by_rule: int
    cases: int
    offers: int
    offers_per_case: float
    declined: int
    lapsed: int
    alarms: int
    taken_median_s: float
    taken_p95_s: float
    reached_median_s: float
    reached_p95_s: float
    reached_mean_s: float
    under_way_median_s: float
    due: int
    reached_within_30_min: float | None
    closed: int
    open_at_the_end: int
    rework: int
    outcomes: dict[str, int]


def figures(events: Sequence[Event]) -> Figures:
    """The figures of all cases in the log."""
    told = list(stories(events).values())
    kinds = Counter(event.kind for event in events)
    due = [story for story in told if story.is_due]
    taken = [s for story in due if (s := story.waited_s(story.taken_at)) is not None]
    reached = [s for story in due if (s := story.waited_s(story.arrived_at)) is not None]
    under_way = [(s.arrived_at - s.taken_at).total_seconds() for s in due if s.arrived_at and s.taken_at]
    in_time = sum(s <= WITHIN_S for s in reached)
    return Figures(
        reports=kinds["case.sighting_joined"] + sum(story.opened_by is not None for story in told),
        cases_opened=len(told),
        cases_joined=kinds["case.joined"] - kinds["case.unjoined"],
        joined_by_rule=kinds["case.sighting_joined"],
        cases=len(due),
        offers=kinds["offer.made"],
        offers_per_case=round(sum(story.offers for story in due) / len(due), 3) if due else 0.0,
        declined=kinds["offer.declined"],
        lapsed=kinds["offer.lapsed"],
        alarms=kinds["search.alarm"],
        taken_median_s=quantile(taken, 0.5),
        taken_p95_s=quantile(taken, 0.95),
        reached_median_s=quantile(reached, 0.5),
        reached_p95_s=quantile(reached, 0.95),
        reached_mean_s=round(float(np.mean(reached)), 1) if reached else 0.0,
        under_way_median_s=quantile(under_way, 0.5),
        due=len(due),
        reached_within_30_min=round(in_time / len(due), 4) if due else None,
        closed=sum(story.stage == "assisted" for story in told),
        open_at_the_end=sum(story.closed_at is None for story in told),
        rework=kinds["case.sent_back"],
        outcomes=dict(Counter(story.outcome for story in told if story.outcome).most_common()),
    )


def quantile(values: Sequence[float], share: float) -> float:
    """The exact quantile (linear between neighbours), seconds to a tenth; 0 for no values."""
    return round(float(np.quantile(values, share)), 1) if values else 0.0


class Paired(Struct, frozen=True, kw_only=True):
    """The same cases under two ways of sending: seconds by which the second reached them later (negative: sooner)."""

    cases: int
    later_median_s: float
    later_mean_s: float
    mean_low_s: float
    mean_high_s: float
    sooner: int
    equal: int
    later: int


def paired(first: Sequence[Story], second: Sequence[Story]) -> Paired:
    """Compare the cases that the same report opened in both, from acceptance to arrival.

    mean_low_s, mean_high_s: 95 % bootstrap interval of the mean (5,000 resamples, fixed seed).
    """
    theirs = {story.opened_by: story for story in second if story.opened_by}
    gaps: list[float] = []
    for story in first:
        other = theirs.get(story.opened_by) if story.opened_by else None
        if other is None:
            continue
        ours, others = story.waited_s(story.arrived_at), other.waited_s(other.arrived_at)
        if ours is not None and others is not None:
            gaps.append(others - ours)
    spread = np.random.default_rng(1).choice(gaps, (5000, len(gaps))).mean(axis=1) if gaps else np.zeros(1)
    low, high = np.quantile(spread, (0.025, 0.975))
    return Paired(
        cases=len(gaps),
        later_median_s=quantile(gaps, 0.5),
        later_mean_s=round(float(np.mean(gaps)), 1) if gaps else 0.0,
        mean_low_s=round(float(low), 1),
        mean_high_s=round(float(high), 1),
        sooner=sum(gap < -1 for gap in gaps),
        equal=sum(abs(gap) <= 1 for gap in gaps),
        later=sum(gap > 1 for gap in gaps),
    )


def as_rows(one: Figures) -> list[tuple[str, str]]:
    """The figures for a table: what it is, and how much."""
    within: Any = one.reached_within_30_min
    return [
        ("报告 reports", f"{one.reports}"),
        ("立案（其中并案）cases opened (joined by a person)", f"{one.cases_opened}（{one.cases_joined}）"),
        ("按规则并入的报告 reports joined by rule", f"{one.joined_by_rule}"),
        ("并案后的案卷 cases after joining", f"{one.cases}"),
        (
            "每案派遣次数 offers per case",
            f"{one.offers_per_case:.2f}（谢绝 declined {one.declined}，超时 lapsed {one.lapsed}）",
        ),
        ("受理→队伍接受 accepted → taken: 中位 median / p95", f"{one.taken_median_s:.0f} s / {one.taken_p95_s:.0f} s"),
        (
            "受理→到达 accepted → on the spot: 中位 median / p95",
            f"{one.reached_median_s / 60:.1f} min / {one.reached_p95_s / 60:.1f} min",
        ),
        ("受理→到达 accepted → on the spot: 平均 mean", f"{one.reached_mean_s / 60:.1f} min"),
        ("接受→到达 taken → on the spot: 中位 median", f"{one.under_way_median_s / 60:.1f} min"),
        ("受理后 30 分钟内到达 reached within 30 min of acceptance", "—" if within is None else f"{within:.1%}"),
        ("无队可派等报警 alarms of the search", f"{one.alarms}"),
        ("核查后结案 closed, verified", f"{one.closed}（返工 rework {one.rework}，未结 open {one.open_at_the_end}）"),
    ]
