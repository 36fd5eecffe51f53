"""Clocks and working time: what counts, when the light turns, and that pausing neither gains nor loses a moment."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.dispatch.calendar import WorkCalendar, library_years
from backend.dispatch.clocks import (
    CLOCK_KINDS,
    TRANSITIONS,
    Clock,
    ClockAction,
    ClockState,
    Light,
    apply,
    clock_span,
    deadline,
    escalated,
    light,
    miss,
    next_told_at,
    overdue_s,
    remaining_s,
    start,
    told,
)
from backend.errors import Conflict, Invalid
from backend.policy import Span, parse_policy
from tests.rules.builders import NOON, POLICY, local

CALENDAR = WorkCalendar(POLICY.working_time)
MINUTE = timedelta(minutes=1)

moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
spans = st.builds(Span, st.integers(1, 60).map(float), st.sampled_from(["s", "min", "h", "d", "wh", "wd"]))
working_spans = st.builds(Span, st.integers(1, 30).map(float), st.sampled_from(["wh", "wd"]))


def half_hour(now: datetime = NOON) -> Clock:
    return start("on_spot", Span(30, "min"), now=now, calendar=CALENDAR)


def act(clock: Clock, action: str, now: datetime, span: Span | None = None) -> Clock:
    return apply(clock, ClockAction(action), now=now, calendar=CALENDAR, span=span)


# ── working time ──


def test_a_make_up_saturday_counts_and_a_holiday_does_not() -> None:
    assert CALENDAR.is_workday(date(2026, 2, 14))  # Saturday worked for the Spring Festival
    assert not CALENDAR.is_workday(date(2026, 2, 16))  # Monday of the Spring Festival
    assert CALENDAR.is_workday(date(2026, 10, 10))
    assert not CALENDAR.is_workday(date(2026, 11, 21))  # an ordinary Saturday


def test_the_national_week_is_skipped() -> None:
    due = deadline(local(2026, 9, 30, 16), Span(2, "wd"), CALENDAR)
    assert due == local(2026, 10, 9, 16)  # Thursday the 8th is the first working day again


def test_working_hours_pass_over_lunch_night_and_weekend() -> None:
    assert deadline(local(2026, 11, 20, 11, 30), Span(1, "wh"), CALENDAR) == local(2026, 11, 20, 13, 30)
    assert deadline(local(2026, 11, 20, 16), Span(2, "wh"), CALENDAR) == local(2026, 11, 23, 9, 30)
    assert deadline(local(2026, 11, 21, 22), Span(1, "wd"), CALENDAR) == local(2026, 11, 23, 17)


def test_elapsed_time_passes_on_holidays_too() -> None:
    assert deadline(local(2026, 10, 1), Span(48, "h"), CALENDAR) == local(2026, 10, 3)


def test_a_month_ends_on_the_same_date_or_the_last_of_a_shorter_month() -> None:
    assert deadline(local(2026, 11, 30, 9), Span(3, "month"), CALENDAR) == local(2027, 2, 28, 9)
    assert deadline(local(2026, 12, 15, 9), Span(1, "month"), CALENDAR) == local(2027, 1, 15, 9)


def test_a_year_nobody_has_announced_falls_back_to_weekends_and_says_so() -> None:
    assert library_years()[1] < 2030
    assert not CALENDAR.is_workday(date(2030, 1, 1))  # New Year's Day, by law
    assert CALENDAR.is_workday(date(2030, 1, 2))
    assert not CALENDAR.is_workday(date(2030, 1, 5))  # a Saturday
    said = CALENDAR.assumption(local(2030, 1, 1), local(2030, 2, 1))
    assert said is not None
    assert "2030" in said[0]
    assert "2030" in said[1]
    assert CALENDAR.assumption(local(2026, 3, 1), local(2026, 4, 1)) is None


def test_a_city_can_enter_next_years_days_before_the_library_knows_them() -> None:
    listed = parse_policy("[working_time]\nholidays = [2030-02-04]\nworkdays = [2030-02-09]\n").working_time
    calendar = WorkCalendar(listed)
    assert not calendar.is_workday(date(2030, 2, 4))
    assert calendar.is_workday(date(2030, 2, 9))  # a Saturday
    assert calendar.is_known(2030)
    assert calendar.assumption(local(2030, 1, 1), local(2030, 2, 1)) is None


def test_a_city_that_works_on_saturdays_still_has_its_holidays() -> None:
    calendar = WorkCalendar(parse_policy("[working_time]\ndays = [1,2,3,4,5,6]\n").working_time)
    assert calendar.is_workday(date(2026, 11, 21))
    assert not calendar.is_workday(date(2026, 10, 3))  # Saturday of the national week
    assert not calendar.is_workday(date(2026, 11, 22))


def test_working_moments_are_told_from_others() -> None:
    assert CALENDAR.is_working(local(2026, 11, 23, 8, 30))
    assert not CALENDAR.is_working(local(2026, 11, 23, 12))
    assert not CALENDAR.is_working(local(2026, 11, 22, 10))


def test_a_deadline_out_of_all_reach_is_an_error_and_not_an_endless_search() -> None:
    with pytest.raises(ValueError, match="out of reach"):
        CALENDAR.add(NOON, Span(99999, "wd"))


@given(moments, working_spans)
def test_exactly_the_span_of_working_time_passes_until_the_deadline(moment: datetime, span: Span) -> None:
    due = CALENDAR.add(moment, span)
    wanted_s = span.amount * (3600 if span.unit == "wh" else CALENDAR.day_s)
    assert CALENDAR.working_s(moment, due) == pytest.approx(wanted_s, abs=1e-6)
    assert CALENDAR.working_s(moment, due - timedelta(seconds=1)) < wanted_s


@given(moments, moments, spans)
def test_whoever_starts_later_is_due_no_earlier(one: datetime, other: datetime, span: Span) -> None:
    early, late = sorted((one, other))
    assert CALENDAR.add(early, span) <= CALENDAR.add(late, span)


@given(moments, spans, st.integers(1, 20))
def test_a_longer_span_is_due_later(moment: datetime, span: Span, more: int) -> None:
    longer = Span(span.amount + more, span.unit)
    assert CALENDAR.add(moment, span) < CALENDAR.add(moment, longer)


@given(moments, spans, st.integers(1, 20))
def test_two_spans_one_after_the_other_are_one_long_span(moment: datetime, span: Span, more: int) -> None:
    after = CALENDAR.add(CALENDAR.add(moment, span), Span(more, span.unit))
    assert after == CALENDAR.add(moment, Span(span.amount + more, span.unit))


# ── the life of a clock ──


def test_every_pair_of_state_and_action_is_either_in_the_table_or_a_conflict() -> None:
    for state in ClockState:
        for action in ClockAction:
            clock = _in_state(state)
            now = clock.due_at + MINUTE if action is ClockAction.MISS else NOON + 5 * MINUTE
            if action is ClockAction.RESUME and state is ClockState.MISSED:
                clock = act(clock, "pause", clock.due_at + MINUTE)
                now = clock.due_at + 2 * MINUTE
            if (state, action) in TRANSITIONS:
                after = act(clock, action, now, Span(1, "min") if action is ClockAction.EXTEND else None)
                assert after.state is TRANSITIONS[state, action]
            else:
                with pytest.raises(Conflict):
                    act(clock, action, now)


def _in_state(state: ClockState) -> Clock:
    clock = half_hour()
    return {
        ClockState.RUNNING: lambda: clock,
        ClockState.PAUSED: lambda: act(clock, "pause", NOON + MINUTE),
        ClockState.MET: lambda: act(clock, "meet", NOON + MINUTE),
        ClockState.MISSED: lambda: miss(clock, now=clock.due_at),
        ClockState.CANCELLED: lambda: act(clock, "cancel", NOON + MINUTE),
    }[state]()


def test_the_light_is_green_to_eighty_percent_then_yellow_then_red() -> None:
    clock = half_hour()
    assert light(clock, NOON + 23 * MINUTE) is Light.GREEN
    assert light(clock, NOON + 24 * MINUTE) is Light.YELLOW
    assert light(clock, NOON + 30 * MINUTE) is Light.RED


def test_a_clock_met_in_time_keeps_the_light_it_had() -> None:
    met = act(half_hour(), "meet", NOON + 10 * MINUTE)
    assert light(met, NOON + 90 * MINUTE) is Light.GREEN
    assert not met.is_late
    assert not met.is_open


def test_a_clock_met_too_late_was_missed_even_when_the_timer_slept() -> None:
    met = act(half_hour(), "meet", NOON + 45 * MINUTE)
    assert met.state is ClockState.MET
    assert met.missed_at == NOON + 30 * MINUTE
    assert overdue_s(met, NOON + 90 * MINUTE) == 15 * 60
    assert light(met, NOON + 90 * MINUTE) is Light.RED


def test_a_clock_noted_as_missed_was_met_in_time_by_what_is_told_late() -> None:
    """Done without network before the time was over, sent after it: when it happened counts, not when it was heard of."""
    missed = escalated(miss(half_hour(), now=NOON + 31 * MINUTE), 2)
    met = act(missed, "meet", NOON + 29 * MINUTE)
    assert (met.state, met.ended_at, met.missed_at) == (ClockState.MET, NOON + 29 * MINUTE, None)
    assert (met.is_late, met.level, overdue_s(met, NOON + 90 * MINUTE)) == (False, 2, 0.0)
    assert light(met, NOON + 90 * MINUTE) is Light.YELLOW
    assert act(missed, "meet", NOON + 30 * MINUTE).missed_at == NOON + 30 * MINUTE
    assert act(act(met, "restart", NOON + 60 * MINUTE), "meet", NOON + 61 * MINUTE).misses == 0


def test_only_what_meets_a_clock_takes_back_its_miss() -> None:
    missed = miss(half_hour(), now=NOON + 31 * MINUTE)
    for action in ("cancel", "pause"):
        assert act(missed, action, NOON + 29 * MINUTE).missed_at == NOON + 30 * MINUTE


def test_a_timer_that_comes_early_or_twice_or_to_an_ended_clock_does_nothing() -> None:
    clock = half_hour()
    assert miss(clock, now=NOON + 29 * MINUTE) is clock
    missed = miss(clock, now=NOON + 30 * MINUTE)
    assert missed.state is ClockState.MISSED
    assert miss(missed, now=NOON + 40 * MINUTE) is missed
    met = act(clock, "meet", NOON + MINUTE)
    assert miss(met, now=NOON + 40 * MINUTE) is met
    paused = act(clock, "pause", NOON + MINUTE)
    assert miss(paused, now=NOON + 40 * MINUTE) is paused


def test_time_that_is_not_over_cannot_be_missed() -> None:
    with pytest.raises(Conflict) as refused:
        act(half_hour(), "miss", NOON + 29 * MINUTE)
    assert refused.value.code == "clock_not_allowed"


def test_suspended_time_does_not_count() -> None:
    paused = act(half_hour(), "pause", NOON + 10 * MINUTE)
    assert light(paused, NOON + 600 * MINUTE) is Light.GREEN
    assert remaining_s(paused, NOON + 600 * MINUTE, CALENDAR) == 20 * 60
    resumed = act(paused, "resume", NOON + 70 * MINUTE)
    assert resumed.due_at == NOON + 90 * MINUTE
    assert resumed.paused_s == 3600


def test_a_light_that_was_yellow_before_the_pause_is_yellow_after_it() -> None:
    paused = act(half_hour(), "pause", NOON + 25 * MINUTE)
    resumed = act(paused, "resume", NOON + 500 * MINUTE)
    assert light(resumed, NOON + 500 * MINUTE) is Light.YELLOW


def test_a_working_clock_paused_on_friday_and_resumed_on_sunday_goes_on_on_monday() -> None:
    clock = start("verify", Span(2, "wh"), now=local(2026, 11, 20, 15), calendar=CALENDAR)
    paused = act(clock, "pause", local(2026, 11, 20, 16))
    resumed = act(paused, "resume", local(2026, 11, 22, 20))
    assert resumed.due_at == local(2026, 11, 23, 9, 30)


def test_an_extension_must_come_before_the_time_is_over() -> None:
    clock = half_hour()
    longer = act(clock, "extend", NOON + 10 * MINUTE, Span(30, "min"))
    assert (longer.due_at, longer.yellow_at, longer.extended) == (NOON + 60 * MINUTE, NOON + 48 * MINUTE, 1)
    with pytest.raises(Conflict):
        act(clock, "extend", NOON + 31 * MINUTE, Span(30, "min"))


def test_an_extension_says_by_how_much_and_in_the_clocks_own_kind_of_time() -> None:
    with pytest.raises(Invalid):
        act(half_hour(), "extend", NOON)
    working = start("verify", Span(2, "wd"), now=NOON, calendar=CALENDAR)
    with pytest.raises(Invalid):
        act(working, "extend", NOON, Span(3, "h"))
    longer = act(working, "extend", NOON, Span(1, "wd"))
    assert longer.due_at == CALENDAR.add(NOON, Span(3, "wd"))
    assert longer.yellow_at == CALENDAR.add(NOON, Span(3, "wd"), 0.8)


def test_a_clock_starts_afresh_after_rework_and_remembers_the_miss() -> None:
    missed = act(half_hour(), "meet", NOON + 40 * MINUTE)
    again = act(missed, "restart", NOON + 60 * MINUTE)
    assert (again.state, again.due_at) == (ClockState.RUNNING, NOON + 90 * MINUTE)
    assert (again.restarts, again.misses, again.is_late) == (1, 1, False)
    shorter = act(again, "meet", NOON + 61 * MINUTE)
    assert act(shorter, "restart", NOON + 62 * MINUTE, Span(5, "min")).due_at == NOON + 67 * MINUTE


def test_a_critical_case_has_a_shorter_offer() -> None:
    assert clock_span(POLICY.clocks, "offer").seconds == 90
    assert clock_span(POLICY.clocks, "offer", critical=True).seconds == 45
    assert clock_span(POLICY.clocks, "on_spot", critical=True).seconds == 1800
    assert [clock_span(POLICY.clocks, kind).seconds > 0 for kind in CLOCK_KINDS] == [True] * 6


def test_a_miss_climbs_the_chain_one_step_at_a_time() -> None:
    missed = miss(half_hour(), now=NOON + 31 * MINUTE)
    due = NOON + 30 * MINUTE
    assert told(missed, POLICY.escalation, due) == ("team",)
    assert next_told_at(missed, POLICY.escalation) == due
    missed = escalated(missed, 1)
    assert told(missed, POLICY.escalation, due + 9 * MINUTE) == ()
    assert next_told_at(missed, POLICY.escalation) == due + 10 * MINUTE
    assert told(missed, POLICY.escalation, due + 25 * MINUTE) == ("dispatcher", "shift_leader")
    missed = escalated(missed, 4)
    assert told(missed, POLICY.escalation, due + 999 * MINUTE) == ()
    assert next_told_at(missed, POLICY.escalation) is None
    assert escalated(missed, 2).level == 4


def test_nobody_is_told_while_a_missed_clock_is_suspended_or_after_it_ended() -> None:
    missed = escalated(miss(half_hour(), now=NOON + 31 * MINUTE), 1)
    paused = act(missed, "pause", NOON + 35 * MINUTE)
    assert told(paused, POLICY.escalation, NOON + 300 * MINUTE) == ()
    assert next_told_at(paused, POLICY.escalation) is None
    resumed = act(paused, "resume", NOON + 300 * MINUTE)
    assert overdue_s(resumed, NOON + 300 * MINUTE) == 5 * 60
    assert next_told_at(resumed, POLICY.escalation) == NOON + 305 * MINUTE
    met = act(resumed, "meet", NOON + 310 * MINUTE)
    assert told(met, POLICY.escalation, NOON + 999 * MINUTE) == ()
    assert overdue_s(met, NOON + 999 * MINUTE) == 15 * 60


def test_a_clock_cannot_be_paused_twice() -> None:
    missed = act(miss(half_hour(), now=NOON + 31 * MINUTE), "pause", NOON + 32 * MINUTE)
    with pytest.raises(Conflict):
        act(missed, "pause", NOON + 33 * MINUTE)
    with pytest.raises(Conflict):
        act(miss(half_hour(), now=NOON + 31 * MINUTE), "resume", NOON + 33 * MINUTE)


def test_a_clock_survives_being_stored() -> None:
    clock = act(half_hour(), "pause", NOON + MINUTE)
    assert msgspec.json.decode(msgspec.json.encode(clock), type=Clock) == clock


@given(moments, spans, st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 20 * 86400)), max_size=4))
def test_pausing_and_resuming_anywhere_neither_gains_nor_loses_time(
    moment: datetime, span: Span, pauses: list[tuple[float, int]]
) -> None:
    clock = start("whole", span, now=moment, calendar=CALENDAR)
    ran_s, since = 0.0, moment
    for share, pause_s in pauses:
        at = since + (clock.due_at - since) * share
        if at >= clock.due_at:
            continue
        before = light(clock, at)
        left_s = remaining_s(clock, at, CALENDAR)
        clock = act(clock, "pause", at)
        ran_s += _passed(span, since, at)
        since = at + timedelta(seconds=pause_s)
        assert remaining_s(clock, since, CALENDAR) == left_s
        clock = act(clock, "resume", since)
        assert remaining_s(clock, since, CALENDAR) == pytest.approx(left_s, abs=2e-6)
        assert light(clock, since) is before
    whole_s = _passed(span, moment, CALENDAR.add(moment, span))
    assert ran_s + _passed(span, since, clock.due_at) == pytest.approx(whole_s, abs=1e-5)


def _passed(span: Span, since: datetime, until: datetime) -> float:
    return CALENDAR.working_s(since, until) if span.is_working else (until - since).total_seconds()
