"""What must hold between the keys of a policy, beyond the type of each: one function a check; `check` runs all."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from backend.policy.campaign_checks import CAMPAIGN_CHECKS
from backend.policy.fault import Fault, unlisted
from backend.policy.permissions import ACTIONS, NOT_FOR_PEOPLE, SCOPES, Danger, Role, Season
from backend.policy.sections import Policy
from backend.policy.span import Span
from backend.policy.where import Path

_FINER_MAX: Final = 3  # three H3 steps finer means 343 sweep cells under one shown cell
_RECORDINGS_MIN_D: Final = 92  # three calendar months at their longest (DOMAIN §4.9)
_POSITIONS_MAX_D: Final = 90  # DOMAIN §8


def check(policy: Policy) -> list[Fault]:
    """Every fault between keys; [] for a policy that can be used."""
    return [fault for rule in _CHECKS for fault in rule(policy)]


def _thresholds(p: Policy) -> Iterator[Fault]:
    if p.intake.suggest_at > p.intake.auto_join_at:
        yield Fault(("intake", "suggest_at"), "不能大于 auto_join_at。", "must not be above auto_join_at.")
    if p.intake.base_radius_m > p.intake.max_radius_m:
        yield Fault(("intake", "base_radius_m"), "不能大于 max_radius_m。", "must not be above max_radius_m.")


def _channels(p: Policy) -> Iterator[Fault]:
    for n, channel in enumerate(p.intake.auto_accept):
        if channel not in p.intake.rate_per_minute:
            yield unlisted(
                ("intake", "auto_accept", n), channel, list(p.intake.rate_per_minute), "intake.rate_per_minute"
            )


def _skills(p: Policy) -> Iterator[Fault]:
    for danger, rule in p.triage.items():
        for n, skill in enumerate(rule.skills):
            if skill not in p.skills:
                yield unlisted(("triage", danger, "skills", n), skill, list(p.skills), "[skills]")
    for danger, skills in p.matching.required_skills.items():
        for n, skill in enumerate(skills):
            if skill not in p.skills:
                yield unlisted(("matching", "required_skills", danger, n), skill, list(p.skills), "[skills]")


def _dangers_complete(p: Policy) -> Iterator[Fault]:
    for danger in get_args(Danger):
        if danger not in p.triage:
            yield Fault(("triage", danger), "缺少此项。", "is missing.")


def _roles(p: Policy) -> Iterator[Fault]:
    for role, permissions in p.roles.items():
        for n, permission in enumerate(permissions):
            action, at, scope = permission.partition("@")
            if action not in ACTIONS:
                yield unlisted(("roles", role, n), action, sorted(ACTIONS), "permissions")
            elif not at or scope not in SCOPES:
                right = ", ".join(f"{action}@{s}" for s in SCOPES)
                yield Fault(
                    ("roles", role, n), f"“{permission}”缺少范围。应为 {right}。", f"'{permission}': use {right}."
                )


def _second_factor(p: Policy) -> Iterator[Fault]:
    for n, role in enumerate(p.sign_in.second_factor):
        if role in NOT_FOR_PEOPLE:
            yield Fault(
                ("sign_in", "second_factor", n),
                f"“{role}”不用账号登录，不能要求动态口令。",
                f"'{role}' does not sign in with an account and has no second factor.",
            )


def _told(p: Policy) -> Iterator[Fault]:
    for n, who in enumerate(p.referral.overdue_chain):
        if who not in get_args(Role):
            yield unlisted(("referral", "overdue_chain", n), who, list(get_args(Role)), "[roles]")
    for n, who in enumerate(p.referral.visit_chain):
        if who not in get_args(Role):
            yield unlisted(("referral", "visit_chain", n), who, list(get_args(Role)), "[roles]")
    if not p.referral.visit_chain:
        yield Fault(("referral", "visit_chain"), "至少要有一级。", "needs somebody to tell.")
    for n, who in enumerate(p.escalation.chain):
        if who not in ("team", *get_args(Role)):
            yield unlisted(("escalation", "chain", n), who, ["team", *get_args(Role)], "team + [roles]")


def _told_at_once(p: Policy) -> Iterator[Fault]:
    levels = [*get_args(Role), *(f"{role}@city" for role in get_args(Role))]
    for n, who in enumerate(p.protection.report_up_to):
        if who not in levels:
            yield unlisted(("protection", "report_up_to", n), who, levels, "[roles]")
        elif who not in p.protection.report_up_waits:
            yield Fault(
                ("protection", "report_up_waits"),
                f"缺少“{who}”的签收时限。",
                f"says not within what '{who}' acknowledges.",
            )


def _phases(p: Policy) -> Iterator[Fault]:
    if not p.search.phases:
        yield Fault(("search", "phases"), "至少要有一个阶段。", "needs at least one phase.")
    widths = [phase.within_s for phase in p.search.phases if phase.within is None or phase.within.is_elapsed]
    if any(later <= earlier for earlier, later in pairwise(widths)):
        zh, en = (
            "各阶段须一个比一个宽，“beyond”放在最后。",
            "each phase must be wider than the one before, 'beyond' last.",
        )
        yield Fault(("search", "phases"), zh, en)


def _elapsed_only(p: Policy) -> Iterator[Fault]:
    """Where the program counts seconds, working days and months make no sense."""
    spans: dict[Path, Span] = {
        ("clocks", "offer"): p.clocks.offer,
        ("clocks", "offer_critical"): p.clocks.offer_critical,
        ("clocks", "on_spot"): p.clocks.on_spot,
        ("escalation", "step"): p.escalation.step,
        ("escalation", "distress"): p.escalation.distress,
        ("circle", "within"): p.circle.within,
        ("search", "retry_after"): p.search.retry_after,
        ("search", "stale_fix_after"): p.search.stale_fix_after,
        ("matching", "shift_end_within"): p.matching.shift_end_within,
        ("intake", "duplicate_window"): p.intake.duplicate_window,
        ("outcomes", "revisit_after"): p.outcomes.revisit_after,
        ("referral", "overdue_step"): p.referral.overdue_step,
        ("referral", "visit_ahead"): p.referral.visit_ahead,
        ("referral", "visit_step"): p.referral.visit_step,
        ("protection", "report_up_within"): p.protection.report_up_within,
        ("protection", "report_again"): p.protection.report_again,
        ("protection", "follow_up_every"): p.protection.follow_up_every,
        **{("protection", "report_up_waits", who): span for who, span in p.protection.report_up_waits.items()},
        **{("referral", name): getattr(p.referral, name) for name in ("answer", "answer_step", "hold")},
        ("verification", "stay_at_least"): p.verification.stay_at_least,
        ("verification", "entered_within"): p.verification.entered_within,
        **{("notify", name): getattr(p.notify, name) for name in p.notify.__struct_fields__},
        **{("retention", name): getattr(p.retention, name) for name in p.retention.__struct_fields__},
        **{("search", "phases", n, "wait"): phase.wait for n, phase in enumerate(p.search.phases)},
        **{("search", "phases", n, "within"): phase.within for n, phase in enumerate(p.search.phases) if phase.within},
    }
    for at, span in spans.items():
        if not span.is_elapsed:
            yield Fault(at, f"“{span}”在这里须用 s、min、h 或 d。", f"'{span}' must be in s, min, h or d here.")


def _positive(p: Policy) -> Iterator[Fault]:
    spans: dict[Path, Span] = {
        ("escalation", "step"): p.escalation.step,
        ("escalation", "distress"): p.escalation.distress,
        ("circle", "within"): p.circle.within,
        ("intake", "duplicate_window"): p.intake.duplicate_window,
        ("protection", "report_up_within"): p.protection.report_up_within,
        ("protection", "report_again"): p.protection.report_again,
        ("protection", "follow_up_every"): p.protection.follow_up_every,
        **{("protection", "report_up_waits", who): span for who, span in p.protection.report_up_waits.items()},
    }
    for table in ("clocks", "referral", "retention", "verification"):
        section = getattr(p, table)
        found = {(table, name): getattr(section, name) for name in section.__struct_fields__}
        spans |= {at: span for at, span in found.items() if isinstance(span, Span)}
    for at, span in spans.items():
        if span.amount <= 0:
            yield Fault(at, "须大于 0。", "must be more than 0.")


def _never_empty(p: Policy) -> Iterator[Fault]:
    """Lists without which a rule can never be kept or nobody would ever be told."""
    lists: dict[Path, tuple[str, ...]] = {
        ("escalation", "chain"): p.escalation.chain,
        ("referral", "overdue_chain"): p.referral.overdue_chain,
        ("protection", "report_up_to"): p.protection.report_up_to,
        **{("protection", "supplies", season): p.protection.supplies.get(season, ()) for season in get_args(Season)},
    }
    for at, items in lists.items():
        if not items:
            yield Fault(at, "不能为空。", "must not be empty.")


def _offers_are_seen_with_their_cases(p: Policy) -> Iterator[Fault]:
    """The state of a case changes with its offers: who follows the one and not the other would have a false picture."""
    for role in p.roles:
        case, offer = p.scope_of(role, "case:read"), p.scope_of(role, "offer:read")
        if case in ("team", "region", "all") and offer != case:
            yield Fault(
                ("roles", role),
                f"有 case:read@{case} 的角色也须有 offer:read@{case}。",
                f"a role with case:read@{case} needs offer:read@{case}, too.",
            )


def _weather(p: Policy) -> Iterator[Fault]:
    if p.weather.cold_at_c >= p.weather.heat_at_c:
        yield Fault(("weather", "cold_at_c"), "须低于 heat_at_c。", "must be under heat_at_c.")
    clear = p.weather.speed.get("clear")
    if clear is None or clear.as_tuple() != (1, 1, 1):
        yield Fault(
            ("weather", "speed", "clear"), "须全部为 1.0（晴天为基准）。", "must be 1.0: a clear day is the measure."
        )


def _kept_by_law(p: Policy) -> Iterator[Fault]:
    if p.retention.recordings.is_elapsed and p.retention.recordings.seconds < _RECORDINGS_MIN_D * 86400:
        zh, en = "热线录音至少保存三个月（≥ 92 d）。", "hotline recordings are kept three months at least (≥ 92 d)."
        yield Fault(("retention", "recordings"), zh, en)
    if p.retention.positions.is_elapsed and p.retention.positions.seconds > _POSITIONS_MAX_D * 86400:
        zh, en = "队伍轨迹最多保存 90 天（≤ 90 d）。", "team tracks are kept 90 days at most (≤ 90 d)."
        yield Fault(("retention", "positions"), zh, en)
    thinned, gone = p.retention.positions_thinned, p.retention.positions
    if thinned.is_elapsed and gone.is_elapsed and thinned.seconds > gone.seconds:
        zh, en = "须早于删除（≤ positions）。", "must come before they are removed (≤ positions)."
        yield Fault(("retention", "positions_thinned"), zh, en)


def _ladder(p: Policy) -> Iterator[Fault]:
    """Each rung after the one before; not at all makes no sense, since a person has to hear of it in the end."""
    n = p.notify
    if not all(span.is_elapsed for span in (n.push_after, n.sms_after, n.not_reached_after)):
        return  # said by another check
    if n.sms_after.seconds < n.push_after.seconds:
        yield Fault(("notify", "sms_after"), "不能早于 push_after。", "must not come before push_after.")
    if n.not_reached_after.seconds < n.sms_after.seconds or n.not_reached_after.amount <= 0:
        yield Fault(
            ("notify", "not_reached_after"),
            "须大于 0，且不早于 sms_after。",
            "must be above 0, and not before sms_after.",
        )


def _circle(p: Policy) -> Iterator[Fault]:
    if not 0 <= p.circle.sweep_res - p.circle.show_res <= _FINER_MAX:
        zh, en = "须比 show_res 细 0 到 3 级。", "must be 0 to 3 steps finer than show_res."
        yield Fault(("circle", "sweep_res"), zh, en)


def _working_time(p: Policy) -> Iterator[Fault]:
    try:
        ZoneInfo(p.working_time.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = p.working_time.timezone
        yield Fault(
            ("working_time", "timezone"),
            f"没有时区“{zone}”，如 Asia/Shanghai。",
            f"no zone '{zone}'; try Asia/Shanghai.",
        )
    if not p.working_time.days or not p.working_time.hours:
        yield Fault(("working_time",), "至少要有一天和一个时段。", "needs at least one day and one period.")
    edges = [edge for period in p.working_time.hours for edge in period.split("-")]
    if edges != sorted(set(edges)) or (edges and edges[-1] > "24:00"):
        zh, en = "时段须先后有序、互不重叠、在一天之内。", "periods must be in order, apart, and within one day."
        yield Fault(("working_time", "hours"), zh, en)
    for n, day in enumerate(p.working_time.holidays):
        if day in p.working_time.workdays:
            yield Fault(("working_time", "holidays", n), f"{day} 又是工作日。", f"{day} is among workdays too.")


_CHECKS: Final[tuple[Callable[[Policy], Iterator[Fault]], ...]] = (
    _thresholds,
    _channels,
    _skills,
    _dangers_complete,
    _roles,
    _second_factor,
    _told,
    _told_at_once,
    _never_empty,
    _offers_are_seen_with_their_cases,
    _weather,
    _phases,
    _elapsed_only,
    _positive,
    _kept_by_law,
    _ladder,
    _circle,
    _working_time,
    *CAMPAIGN_CHECKS,
)
