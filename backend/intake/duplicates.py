"""Is this new sighting about somebody we already know of? A score from 0 to 1, with its reasons. Pure.

Evidence is added up as log-odds, so every reason has a weight one can read: place and elapsed time first, then looks,
words and the reporter. Place and time alone never reach the joining threshold, and a contradiction in sex or between an
adult and a child keeps two reports apart, as do a reporter who says that it is another, and a case that has ended. Begin at `rank`; the figures are in
docs/decisions/0303-duplicates.md.
"""

import math
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Final

from msgspec import Struct

from backend.geo.place import LonLat, distance_m
from backend.intake.looks import YOUNG, Looks
from backend.policy import Policy

PLACE_AND_TIME_MAX: Final = 1.1
"""Log-odds of two reports of one spot at one moment with nothing else known: a score of 0.75."""

ACCURACY_M: Final = 25.0  # a phone among buildings, when it does not say
ACCURACY_MIN_M: Final = 8.0  # nobody marks a person more exactly, whatever the phone claims
_MOBILITY: Final[dict[str, float]] = {"lying": 0.05, "sitting": 0.3, "standing": 0.7, "walking": 1.0, "unknown": 0.5}
_HARDLY_MOBILE: Final = frozenset({"wheelchair", "crutches", "stretcher", "bedding"})
_HARDLY_MOBILE_SHARE: Final = 0.25
_ENDED: Final = frozenset({"assisted", "refused", "voided", "joined"})  # the stages in which nobody works on a case
_FAINT: Final = -9.0  # log-odds under which a score is 0.000


class Report(Struct, frozen=True):
    """A new sighting. accuracy_m: how inexact the position is; reporter: any stable, opaque name of the sender.

    said_same: the reporter was shown who is known nearby and said that it is one of them, or somebody else.
    """

    place: LonLat
    occurred_at: datetime
    people_count: int = 1
    looks: Looks = Looks()
    text: str = ""
    accuracy_m: float | None = None
    reporter: str | None = None
    said_same: bool | None = None


class Candidate(Struct, frozen=True):
    """A case it might belong to, as last seen: `place` and `seen_at` of its latest sighting; `sightings` so far."""

    case_id: str
    place: LonLat
    seen_at: datetime
    stage: str = "accepted"
    people_count: int = 1
    looks: Looks = Looks()
    text: str = ""
    accuracy_m: float | None = None
    sightings: int = 1
    reporters: frozenset[str] = frozenset()


class Evidence(Struct, frozen=True):
    """One reason for or against, in log-odds (`weight` > 0 speaks for the same person)."""

    code: str
    zh: str
    en: str
    weight: float


class Match(Struct, frozen=True):
    """How likely a sighting is about a case. `contradicted`: sex, adult/child or the reporter's word speak against it, so never join by rule."""

    case_id: str
    score: float
    reasons: tuple[Evidence, ...]
    distance_m: float
    elapsed_s: float
    contradicted: bool = False


def rank(report: Report, candidates: Iterable[Candidate], policy: Policy) -> list[Match]:
    """The candidates worth showing (score ≥ suggest_at), best first."""
    found = (compare(report, candidate, policy) for candidate in candidates)
    worth = [match for match in found if match.score >= policy.intake.suggest_at]
    return sorted(worth, key=lambda m: (-m.score, m.distance_m, m.elapsed_s, m.case_id))


def to_join(matches: list[Match], policy: Policy) -> Match | None:
    """The one case a sighting is joined to by rule: over the threshold, not contradicted, and with no rival at all.

    Where several people stay within a few metres, looks and words fit more than one of them; then a person decides.
    """
    likely = [m for m in matches if m.score >= policy.intake.suggest_at and _CASE_ENDED not in m.reasons]
    if len(likely) != 1:
        return None
    best = likely[0]
    return best if best.score >= policy.intake.auto_join_at and not best.contradicted else None


def reach_m(elapsed_s: float, policy: Policy, looks: Looks | None = None, accuracy_m: float | None = None) -> float:
    """How far somebody may have got: the radius for the database's first selection, metres.

    Grows with the time, with how mobile they looked (someone lying hardly moves) and with the inexactness of the new
    report, up to the policy's maximum. Candidates inexact by more than 45 m deserve that much more.
    """
    rules = policy.intake
    went_m = abs(elapsed_s) * rules.walking_speed_m_s * mobility(looks or Looks())
    return min(rules.max_radius_m, rules.base_radius_m + 2 * _accuracy(accuracy_m) + went_m)


def is_out_of_reach(report: Report, candidate: Candidate, policy: Policy) -> bool:
    """Whether they cannot be the same, because nobody gets that far in that time: `compare` would give 0."""
    away_m = distance_m(report.place, candidate.place)
    if away_m <= policy.intake.base_radius_m:
        return False
    elapsed_s = abs((report.occurred_at - candidate.seen_at).total_seconds())
    return away_m > _far_m(report, candidate, elapsed_s, policy)[0]


def mobility(looks: Looks) -> float:
    """Share of the walking speed that somebody who looks like this moves at, 0 to 1."""
    share = _MOBILITY[looks.posture]
    if not _HARDLY_MOBILE.isdisjoint(looks.belongings):
        share = min(share, _HARDLY_MOBILE_SHARE)
    return share


def compare(report: Report, candidate: Candidate, policy: Policy) -> Match:
    """The score of one pair and the reasons for it. Order in time does not matter: offline reports come late."""
    away_m = distance_m(report.place, candidate.place)
    elapsed_s = abs((report.occurred_at - candidate.seen_at).total_seconds())
    window_s = policy.intake.duplicate_window.seconds
    if elapsed_s > window_s:
        old = Evidence("too_long_ago", "相隔太久", "too long ago", _FAINT)
        return Match(candidate.case_id, 0.0, (old,), away_m, elapsed_s)
    where = _space(report, candidate, away_m, elapsed_s, policy)
    if where.weight <= _FAINT:
        return Match(candidate.case_id, 0.0, (where,), away_m, elapsed_s)
    reasons = [where]
    if elapsed_s > 600:
        reasons.append(_time(elapsed_s, window_s))
    reasons += _people(report, candidate)
    reasons += _looks(report.looks, candidate.looks, single=max(report.people_count, candidate.people_count) == 1)
    reasons += _direction(report, candidate, away_m)
    reasons += _words(report.text, candidate.text)
    reasons += _context(report, candidate)
    odds = sum(reason.weight for reason in reasons)
    contradicted = any(reason.code in _CONTRADICTIONS for reason in reasons)
    score = 1 / (1 + math.exp(-odds)) if odds > _FAINT else 0.0
    if contradicted or candidate.stage in _ENDED:  # an ended case must not swallow a new report by rule
        score = min(score, 0.99 * policy.intake.auto_join_at)
    return Match(candidate.case_id, round(score, 4), tuple(reasons), away_m, elapsed_s, contradicted)


def _space(report: Report, candidate: Candidate, away_m: float, elapsed_s: float, policy: Policy) -> Evidence:
    """Either they stayed (as near as the positions are exact) or they went there, which many places would also fit."""
    far_m, sigma_m = _far_m(report, candidate, elapsed_s, policy)
    stayed = PLACE_AND_TIME_MAX - 0.5 * (away_m / sigma_m) ** 2
    if away_m > max(far_m, policy.intake.base_radius_m):
        return Evidence(
            "too_far", f"相距{away_m:.0f}米，走不到", f"{away_m:.0f} m away: too far to have walked", _FAINT
        )
    # anywhere within far_m fits a walker: the larger that circle, the less it says that both are in it
    went = PLACE_AND_TIME_MAX - math.log(max(1.0, far_m / sigma_m)) - (away_m / far_m) ** 2
    if away_m <= 2 * sigma_m and stayed >= went:
        return Evidence("same_place", f"相距{away_m:.0f}米", f"{away_m:.0f} m apart", stayed)
    if went >= stayed:
        return Evidence("within_walk", f"相距{away_m:.0f}米，走得到", f"{away_m:.0f} m away, within a walk", went)
    return Evidence("near", f"相距{away_m:.0f}米", f"{away_m:.0f} m apart", max(_FAINT, stayed))


def _far_m(report: Report, candidate: Candidate, elapsed_s: float, policy: Policy) -> tuple[float, float]:
    """How far they may be apart after a walk, and how inexact both places are together, metres."""
    sigma_m = math.hypot(_accuracy(report.accuracy_m), _accuracy(candidate.accuracy_m))
    share = min(mobility(report.looks), mobility(candidate.looks))
    went_m = min(policy.intake.max_radius_m, elapsed_s * policy.intake.walking_speed_m_s * share)
    return went_m + 2 * sigma_m, sigma_m


def _time(elapsed_s: float, window_s: float) -> Evidence:
    """Gentle: in a year of reports the share of true repeats among near pairs hardly fell within a week."""
    hours = elapsed_s / 3600
    return Evidence("elapsed", f"相隔{hours:.1f}小时", f"{hours:.1f} h apart", -0.5 * elapsed_s / window_s)


_CROWD_AGREES: Final = Evidence("same_number", "人数相同", "the same number of people", 0.6)
_SEX_AGREES: Final = Evidence("sex_agrees", "性别相符", "sex agrees", 0.4)
_SEX_DIFFERS: Final = Evidence("sex_differs", "性别不符", "sex differs", -3.0)
_AGE_AGREES: Final = Evidence("age_agrees", "年龄段相符", "age agrees", 0.5)
_AGE_NEAR: Final = Evidence("age_near", "年龄段相近", "age nearly agrees", 0.0)
_AGE_DIFFERS: Final = Evidence("age_differs", "年龄段不符", "age differs", -1.0)
_YOUNG_DIFFERS: Final = Evidence("adult_or_child", "一为成人一为未成年人", "one is an adult, one is not", -4.0)
_POSTURE_AGREES: Final = Evidence("posture_agrees", "姿态相同", "posture agrees", 0.3)
_SAME_REPORTER: Final = Evidence("same_reporter", "同一报告人再次报告", "the same reporter again", 0.7)
_CASE_ENDED: Final = Evidence("case_ended", "原案卷已办结", "that case has ended", -0.7)
_OFTEN_REPORTED: Final = Evidence("often_reported", "该案已有多人报告", "several have reported that case", 0.2)
_SAID_SAME: Final = Evidence("said_same", "报告人说是同一人", "the reporter says that it is the same", 0.7)
_SAID_OTHER: Final = Evidence("said_other", "报告人说是另一人", "the reporter says that it is somebody else", -0.7)
_CONTRADICTIONS: Final = frozenset({"sex_differs", "adult_or_child", "said_other"})
_AGES: Final = ("infant", "child", "teen", "adult", "old")


def _people(report: Report, candidate: Candidate) -> list[Evidence]:
    apart = abs(report.people_count - candidate.people_count)
    if apart == 0:
        return [_CROWD_AGREES] if report.people_count > 1 else []
    weight = -min(1.5, 0.5 * apart)
    return [Evidence("other_number", f"人数相差{apart}", f"{apart} more or fewer people", weight)]


def _looks(ours: Looks, theirs: Looks, *, single: bool) -> list[Evidence]:
    """Agreements and contradictions; what either side did not notice says nothing."""
    found: list[Evidence] = []
    if "unknown" not in (ours.sex, theirs.sex):
        found.append(_SEX_AGREES if ours.sex == theirs.sex else _SEX_DIFFERS)
    if "unknown" not in (ours.age_band, theirs.age_band):
        found.append(_age(ours, theirs))
    if ours.posture == theirs.posture != "unknown":
        found.append(_POSTURE_AGREES)
    for code, zh, en, a, b in (
        ("colours", "衣着颜色", "colours", ours.colours, theirs.colours),
        ("belongings", "随身物品", "belongings", ours.belongings, theirs.belongings),
    ):
        if a and b:
            shared = len(set(a) & set(b))
            if shared:
                found.append(Evidence(f"{code}_agree", f"{zh}相符", f"{en} agree", min(1.2, 0.8 * shared)))
            elif single:
                found.append(Evidence(f"{code}_differ", f"{zh}不同", f"{en} differ", -0.6))
    return found


def _age(ours: Looks, theirs: Looks) -> Evidence:
    """A teenager and a grown-up are easily mistaken for each other; a child and a grown-up are not."""
    apart = abs(_AGES.index(ours.age_band) - _AGES.index(theirs.age_band))
    if apart == 0:
        return _AGE_AGREES
    if (ours.age_band in YOUNG) != (theirs.age_band in YOUNG):
        return _YOUNG_DIFFERS
    return _AGE_NEAR if apart == 1 else _AGE_DIFFERS


def _direction(report: Report, candidate: Candidate, away_m: float) -> list[Evidence]:
    """Whoever moved off in a direction should be found in it, if they were going at all."""
    heading = candidate.looks.moving_deg
    if heading is None or away_m < 2 * _accuracy(report.accuracy_m):
        return []
    off_deg = abs((_bearing_deg(candidate.place, report.place) - heading + 180) % 360 - 180)
    if off_deg <= 60:
        return [Evidence("direction_agrees", "行进方向相符", "in the direction they went", 0.5)]
    if off_deg >= 120:
        return [Evidence("direction_differs", "行进方向相反", "against the direction they went", -0.7)]
    return []


def _words(ours: str, theirs: str) -> list[Evidence]:
    likeness = text_likeness(ours, theirs)
    if likeness < 0.2:
        return []
    # Words mostly repeat the looks, which have been counted already.
    return [Evidence("words_agree", "描述相似", "described alike", round(min(0.8, 1.25 * likeness), 2))]


def _context(report: Report, candidate: Candidate) -> list[Evidence]:
    found: list[Evidence] = []
    if report.reporter is not None and report.reporter in candidate.reporters:
        found.append(_SAME_REPORTER)
    if report.said_same is not None:
        found.append(_SAID_SAME if report.said_same else _SAID_OTHER)
    if candidate.stage in _ENDED:
        found.append(_CASE_ENDED)
    elif candidate.sightings >= 3:
        found.append(_OFTEN_REPORTED)
    return found


def text_likeness(a: str, b: str) -> float:
    """Likeness of two short texts by pairs of neighbouring characters (Dice), 0 to 1; works for Chinese unsegmented."""
    ours, theirs = _bigrams(a), _bigrams(b)
    if len(ours) < 3 or len(theirs) < 3:
        return 0.0
    return 2 * len(ours & theirs) / (len(ours) + len(theirs))


@lru_cache(maxsize=8192)
def _bigrams(text: str) -> frozenset[str]:
    letters = "".join(c for c in text.lower() if c.isalnum())
    return frozenset(letters[n : n + 2] for n in range(len(letters) - 1)) - _EMPTY_WORDS


_EMPTY_WORDS: Final = frozenset(
    {"一个", "有个", "有人", "个人", "这里", "附近", "旁边", "路边", "需要", "帮助", "流浪", "浪人", "一名"}
)


def _accuracy(stated_m: float | None) -> float:
    return ACCURACY_M if stated_m is None else max(ACCURACY_MIN_M, stated_m)


def _bearing_deg(a: LonLat, b: LonLat) -> float:
    """Direction from a to b, degrees clockwise from north; flat, which is enough for a few kilometres."""
    east = math.radians(b.lon - a.lon) * math.cos(math.radians(a.lat))
    return math.degrees(math.atan2(east, math.radians(b.lat - a.lat))) % 360
