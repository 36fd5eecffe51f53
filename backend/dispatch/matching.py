"""Which of the teams that could be there is asked first, and why. Pure.

`rank` turns what the road search found into an order with reasons: the road time plus what each shortcoming costs in
seconds (policy `[matching]`). Teams without a skill that the case must have come after all that have it, never not at
all. `chosen_of_batch` settles many waiting cases at once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from msgspec import Struct
from scipy.optimize import linear_sum_assignment

from backend.dispatch.records import Case
from backend.geo.nearest import Found
from backend.patrol.records import TeamNow
from backend.policy import Policy

BACKLOG_S = 1e7
"""What a case costs in a batch when nobody takes it: more than any road, so that as many as possible are served."""


class Reason(Struct, frozen=True):
    """Something that counts for or against a team: a code, and the seconds it adds to the road time."""

    code: str
    seconds: float = 0.0
    about: str = ""


class Candidate(Struct, frozen=True, kw_only=True):
    """A team as it was weighed. seconds: exact time until it is there. cost_s: with what counts against it."""

    team_id: UUID
    seconds: float
    drive_s: float
    cost_s: float
    basis: str
    reasons: tuple[Reason, ...]
    last_resort: bool = False


class _Scales(Struct, frozen=True):
    """What holds for every team that is weighed for one case, worked out once; reasons are made once and shared."""

    required: frozenset[str]
    wanted: tuple[tuple[str, Reason], ...]
    regions: frozenset[str]
    stale_before: datetime
    ends_before: datetime
    crew_min: int
    per_case_s: float
    other_region: Reason
    shift_ends_soon: Reason
    stale_position: Reason


def _scales(case: Case, policy: Policy, now: datetime) -> _Scales:
    rules = policy.matching
    required = frozenset(skill for danger in case.dangers for skill in rules.required_skills.get(danger, ()))
    missing = {skill: Reason("without_skill", rules.skill_missing_s, skill) for skill in case.skills}
    return _Scales(
        required=required,
        wanted=tuple((skill, reason) for skill, reason in missing.items() if skill not in required),
        regions=frozenset(case.regions),
        stale_before=now - timedelta(seconds=policy.search.stale_fix_after.seconds),
        ends_before=now + timedelta(seconds=rules.shift_end_within.seconds),
        crew_min=rules.crew_min,
        per_case_s=rules.load_per_case_today_s,
        other_region=Reason("other_region", rules.region_outside_s),
        shift_ends_soon=Reason("shift_ends_soon", rules.shift_end_s),
        stale_position=Reason("stale_position", rules.stale_fix_s),
    )


def rank(
    case: Case, found: Sequence[Found], teams: Mapping[str, TeamNow], policy: Policy, now: datetime
) -> list[Candidate]:
    """The found teams, best first. found: from the road search, nearest first; teams: by id as in `found`."""
    scales = _scales(case, policy, now)
    weighed = [_weigh(one, teams[one.team_id], scales) for one in found]
    weighed.sort(key=lambda candidate: (candidate.last_resort, candidate.cost_s))
    return weighed


def _weigh(found: Found, team: TeamNow, scales: _Scales) -> Candidate:
    reasons: list[Reason] = []
    if not scales.required <= team.skills:
        reasons += [Reason("without_required_skill", 0.0, skill) for skill in sorted(scales.required - team.skills)]
    if team.size < scales.crew_min:
        reasons.append(Reason("crew_too_small", 0.0, str(team.size)))
    last_resort = bool(reasons)
    for skill, reason in scales.wanted:
        if skill not in team.skills:
            reasons.append(reason)
    if team.regions and team.regions.isdisjoint(scales.regions):
        reasons.append(scales.other_region)
    if team.shift_ends_at is not None and team.shift_ends_at < scales.ends_before:
        reasons.append(scales.shift_ends_soon)
    if team.fix_at is None or team.fix_at < scales.stale_before:
        reasons.append(scales.stale_position)
    if team.cases_today:
        reasons.append(Reason("cases_today", scales.per_case_s * team.cases_today, str(team.cases_today)))
    cost_s = found.seconds
    for reason in reasons:
        cost_s += reason.seconds
    return Candidate(
        team_id=team.id,
        seconds=found.seconds,
        drive_s=found.drive_s,
        cost_s=cost_s,
        basis=found.basis,
        reasons=tuple(reasons),
        last_resort=last_resort,
    )


PRIORITY_WEIGHT = {"critical": 4.0, "high": 2.0, "normal": 1.0}


def chosen_of_batch(cases: Sequence[Case], ranked: Sequence[Sequence[Candidate]]) -> list[Candidate | None]:
    """One team per waiting case, no team twice, so that the weighted time of all together is least.

    ranked: per case its candidates. A critical case's seconds count four times, a high one's twice. Uses the
    rectangular assignment of scipy (Jonker-Volgenant); a case for which none is left gets None.
    """
    columns = {team: j for j, team in enumerate(sorted({c.team_id for row in ranked for c in row}))}
    if not columns:
        return [None] * len(cases)
    weights = np.array([PRIORITY_WEIGHT[case.priority] for case in cases])
    # Leaving a case waiting costs by its priority too: otherwise the dearest rows would be the ones left out.
    cost = np.repeat((BACKLOG_S * weights)[:, None], len(columns) + len(cases), axis=1)
    of: dict[tuple[int, int], Candidate] = {}
    for i, row in enumerate(ranked):
        for candidate in row:
            j = columns[candidate.team_id]
            late = candidate.cost_s + (BACKLOG_S / 100 if candidate.last_resort else 0.0)
            cost[i, j] = late * weights[i]
            of[i, j] = candidate
    rows, assigned = linear_sum_assignment(cost)
    return [of.get((int(i), int(j))) for i, j in zip(rows, assigned, strict=True)]


REASON_WORDS: dict[str, tuple[str, str]] = {
    "without_required_skill": ("缺少必需技能 {about}", "lacks the required skill {about}"),
    "crew_too_small": ("队员仅 {about} 人", "a crew of only {about}"),
    "without_skill": ("缺少技能 {about}", "lacks the skill {about}"),
    "other_region": ("属其他辖区", "belongs to another region"),
    "shift_ends_soon": ("临近下班", "its shift ends soon"),
    "stale_position": ("位置未及时更新", "its position is stale"),
    "cases_today": ("今日已接 {about} 案", "has had {about} cases today"),
}


def in_words(reason: Reason, policy: Policy) -> tuple[str, str]:
    """The reason for a person, Chinese and English, with the seconds it cost; skills by their names."""
    skill = policy.skills.get(reason.about)
    about = (skill.zh, skill.en) if skill else (reason.about, reason.about)
    zh, en = (words.format(about=name) for words, name in zip(REASON_WORDS[reason.code], about, strict=True))
    return (f"{zh}（+{reason.seconds:.0f} 秒）", f"{en} (+{reason.seconds:.0f} s)") if reason.seconds else (zh, en)


def why(candidates: Sequence[Candidate], chosen: Candidate, policy: Policy) -> list[tuple[str, str]]:
    """Why this one of them, in sentences without their stops, Chinese and English: its place, its minutes, what counts against it."""
    place = candidates.index(chosen) + 1
    zh = f"{len(candidates)} 支候选中{'最优' if place == 1 else f'第 {place} 位'}"
    en = f"best of {len(candidates)}" if place == 1 else f"number {place} of {len(candidates)}"
    minutes = chosen.seconds / 60
    there = (f"到达约 {minutes:.1f} 分钟", f"there in {minutes:.1f} min")
    return [(zh, en), there, *(in_words(reason, policy) for reason in chosen.reasons)]
