"""A city's policy file: what it says is what is decided, and every fault in it is named with its line."""

import tomllib
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Invalid
from backend.policy import (
    DEFAULT_FILE,
    SCOPES,
    Danger,
    Policy,
    PolicyError,
    PolicyFault,
    Role,
    Span,
    default_policy,
    load_policy,
    parse_policy,
)
from backend.policy.where import lines_of

DALIAN = Path(__file__).parents[2] / "cities/dalian/policy.toml"


def problems_of(text: str) -> dict[str, tuple[int, str, str]]:
    """Key → (line, zh, en) of every fault in the text."""
    with pytest.raises(PolicyError) as refused:
        parse_policy(text, "my.toml")
    return {p.key: (p.line, p.zh, p.en) for p in refused.value.problems}


def test_the_defaults_are_the_clocks_of_the_field() -> None:
    clocks = default_policy().clocks
    assert [str(getattr(clocks, name)) for name in clocks.__struct_fields__ if name != "yellow_at"] == [
        *("5 min", "90 s", "45 s", "30 min", "2 h", "24 h", "48 h"),
    ]
    assert clocks.yellow_at == 0.8


def test_what_a_city_leaves_out_is_as_in_the_defaults() -> None:
    policy = parse_policy('[clocks]\nverify = "3 wd"\n')
    assert policy.clocks.verify == Span(3, "wd")
    assert policy.clocks.accept == default_policy().clocks.accept
    assert policy.roles == default_policy().roles


def test_the_city_of_the_demo_has_a_valid_policy_that_differs_from_the_defaults() -> None:
    dalian = load_policy(DALIAN)
    assert dalian.weather.cold_at_c == -5
    assert dalian.weather.speed["rain"] == default_policy().weather.speed["rain"]
    assert dalian.digest != default_policy().digest


def test_a_list_of_phases_is_replaced_whole() -> None:
    policy = parse_policy('[[search.phases]]\nwithin = "beyond"\nk = 3\noffers_at_once = 1\nwait = "1 min"\n')
    assert [phase.within_s for phase in policy.search.phases] == [float("inf")]


def test_the_search_widens_to_thirty_minutes_and_then_beyond_with_an_alarm() -> None:
    phases = default_policy().search.phases
    assert [phase.within_s for phase in phases] == [600, 1200, 1800, float("inf")]


def test_every_fault_is_named_at_once_with_its_line_and_what_would_be_right() -> None:
    found = problems_of(
        "[clocks]\n"
        'acept = "5 min"\n'
        "yellow_at = 1.5\n"
        'offer = "ninety"\n'
        "\n"
        "[intake]\n"
        "max_photos = 2.5\n"
        "suggest_at = 0.99\n"
        "auto_accept = [\n"
        '  "hotline",\n'
        '  "hotlne",\n'
        "]\n"
        "[triage.injury]\n"
        'priority = "urgent"\n'
        "[roles]\n"
        'driver = ["sighting:create@own", "case:raed@own", "case:read@everything"]\n'
    )
    assert {key: line for key, (line, _, _) in found.items()} == {
        "clocks.acept": 2,
        "clocks.yellow_at": 3,
        "clocks.offer": 4,
        "intake.max_photos": 7,
        "intake.suggest_at": 8,
        "intake.auto_accept[1]": 11,
        "triage.injury.priority": 14,
        "roles.driver[1]": 16,
        "roles.driver[2]": 16,
    }
    assert "accept" in found["clocks.acept"][1]
    assert "Did you mean 'accept'" in found["clocks.acept"][2]
    assert "90 s" in found["clocks.offer"][2]
    assert "hotline" in found["intake.auto_accept[1]"][1]
    assert '"critical", "high", "normal"' in found["triage.injury.priority"][2]
    assert "case:read@own" in found["roles.driver[2]"][2]


def test_the_error_reads_in_chinese_first_and_names_the_file() -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy("[clocks]\nacept = 1\n", "dalian.toml")
    assert refused.value.zh.startswith("dalian.toml 第2行 clocks.acept")
    assert "dalian.toml line 2, clocks.acept" in refused.value.en


def test_a_file_that_is_not_toml_says_on_which_line() -> None:
    assert problems_of('[clocks]\naccept = "5 min\n')["TOML"][0] == 2


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[nonsense]\na = 1\n", "nonsense"),
        ('clocks = "fast"\n', "clocks"),
        ("[working_time]\ndays = 5\n", "working_time.days"),
        ("[working_time]\ndays = [8]\n", "working_time.days[0]"),
        ('[working_time]\nhours = ["8-12"]\n', "working_time.hours[0]"),
        ('[working_time]\nhours = ["13:00-17:00", "08:30-12:00"]\n', "working_time.hours"),
        ('[working_time]\ntimezone = "China/Dalian"\n', "working_time.timezone"),
        ("[working_time]\nholidays = [2027-02-20]\nworkdays = [2027-02-20]\n", "working_time.holidays[0]"),
        ("[working_time]\nhours = []\n", "working_time"),
        ('[escalation]\nchain = ["team", "boss"]\n', "escalation.chain[1]"),
        ('[escalation]\nstep = "1 wd"\n', "escalation.step"),
        ('[clocks]\naccept = "0 min"\n', "clocks.accept"),
        ('[clocks]\non_spot = "1 wd"\n', "clocks.on_spot"),
        ('[circle]\nwithin = "1 month"\n', "circle.within"),
        ("[circle]\nsweep_res = 7\n", "circle.sweep_res"),
        ('[search]\nmethod = "sometimes"\n', "search.method"),
        ("[search]\nphases = []\n", "search.phases"),
        ('[matching.required_skills]\ninfant = ["babies"]\n', "matching.required_skills.infant[0]"),
        ('[matching.required_skills]\ninfants = ["minors"]\n', "matching.required_skills.infants"),
        ('[triage.injury]\nskills = ["first_ade"]\n', "triage.injury.skills[0]"),
        ('[triage.injury]\ncall_first = ["911"]\n', "triage.injury.call_first[0]"),
        ("[intake]\nbase_radius_m = 999\nmax_radius_m = 10\n", "intake.base_radius_m"),
        ('[retention]\nrecordings = "30 d"\n', "retention.recordings"),
        ('[retention]\npositions = "91 d"\n', "retention.positions"),
        ("[protection]\nescort_crew_min = 1\n", "protection.escort_crew_min"),
        ('[weather.speed]\nsnow = "slow"\n', "weather.speed.snow"),
        ('[skills]\nfirst_aid = { zh = "" }\n', "skills.first_aid.zh"),
        ("[weather]\ncold_at_c = nan\n", "weather.cold_at_c"),
        ("[weather]\ncold_at_c = 40\n", "weather.cold_at_c"),
        ("[weather.speed]\nclear = { car = 0.5, ebike = 1.0, foot = 1.0 }\n", "weather.speed.clear"),
        ('[escalation]\nstep = "0 s"\n', "escalation.step"),
        ("[escalation]\nchain = []\n", "escalation.chain"),
        ("[protection.supplies]\nwinter = []\n", "protection.supplies.winter"),
        ('[protection]\nreport_up_to = ["mayor"]\n', "protection.report_up_to[0]"),
        ('[roles]\nboss = ["case:read@all"]\n', "roles.boss"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_key(text: str, key: str) -> None:
    found = problems_of(text)
    assert list(found) == [key]
    assert found[key][0] > 0
    assert found[key][1]
    assert found[key][2]


def test_a_phase_with_something_missing_is_named_by_its_place_in_the_list() -> None:
    found = problems_of('[[search.phases]]\nwithin = "10 min"\nk = 2\noffers_at_once = 1\n')
    assert found["search.phases[0].wait"][0] == 1


def test_two_live_offers_of_one_case_cannot_be_configured() -> None:
    text = '[[search.phases]]\nwithin = "beyond"\nk = 3\noffers_at_once = 2\nwait = "1 min"\n'
    assert problems_of(text)["search.phases[0].offers_at_once"][0] == 4


def test_phases_must_widen() -> None:
    phase = '[[search.phases]]\nwithin = "{}"\nk = 3\noffers_at_once = 1\nwait = "1 min"\n'
    assert "search.phases" in problems_of(phase.format("30 min") + phase.format("10 min"))
    assert "search.phases" in problems_of(phase.format("beyond") + phase.format("10 min"))


def test_the_digest_names_the_decisions_and_not_the_writing() -> None:
    written = '[clocks]\nverify = "24 h"  # as it is\n'
    assert parse_policy(written).digest == default_policy().digest
    assert parse_policy('[clocks]\nverify = "25 h"\n').digest != default_policy().digest
    assert len(default_policy().digest) == 16


def test_every_role_and_every_danger_is_in_the_shipped_file() -> None:
    policy = default_policy()
    assert set(policy.roles) == set(get_args(Role))
    assert set(policy.triage) == set(get_args(Danger))


def test_a_role_reaches_as_far_as_its_widest_grant() -> None:
    policy = parse_policy('[roles]\ndriver = ["case:read@own", "case:read@team", "offer:read@team"]\n')
    assert policy.scope_of("driver", "case:read") == "team"
    assert policy.scope_of("driver", "case:approve") is None
    assert policy.scope_of("nobody", "case:read") is None


def test_a_role_that_follows_cases_follows_their_offers() -> None:
    assert "roles.driver" in problems_of('[roles]\ndriver = ["case:read@region"]\n')


def test_nobody_who_handles_or_dispatches_may_verify_or_approve() -> None:
    policy = default_policy()
    for role in ("officer", "dispatcher", "operator", "grid_worker"):
        assert policy.scope_of(role, "case:verify") is None
        assert policy.scope_of(role, "case:approve") is None
    assert policy.scope_of("checker", "case:handle") is None


def test_the_public_sees_no_person_and_only_its_own_reports() -> None:
    policy = default_policy()
    for role in ("public", "driver"):
        assert set(policy.roles[role]) == {"sighting:create@own", "sighting:read@own"}


def test_administering_the_system_opens_no_case_and_no_person() -> None:
    policy = default_policy()
    for action in ("case:read", "person:read", "sighting:read", "case:approve"):
        assert policy.scope_of("admin", action) is None


@given(st.integers(1, 9999), st.sampled_from(["s", "min", "h", "d", "wh", "wd", "month"]))
def test_a_span_reads_back_what_it_writes(amount: int, unit: str) -> None:
    span = Span.parse(f"{amount} {unit}")
    assert Span.parse(str(span)) == span
    assert span.zh
    assert span.en


@pytest.mark.parametrize("written", ["", "5", "min", "-5 min", "5 minutes", "five min", "1.5 month", "5 min 3 s"])
def test_what_is_no_length_of_time_is_refused(written: str) -> None:
    with pytest.raises(Invalid):
        Span.parse(written)


def test_seconds_are_known_for_clock_time_only() -> None:
    assert Span.parse("90 s").seconds == 90
    assert Span.parse("1.5 h").seconds == 5400
    for written in ("3 wd", "8 wh", "1 month"):
        with pytest.raises(ValueError, match="deadline"):
            _ = Span.parse(written).seconds


def test_lines_are_found_in_every_form_of_toml() -> None:
    text = (
        "# first\n"
        'a.b = 1\n"c d" = "# no comment"\n'
        "[t]\n"
        "list = [ # here\n"
        "  1,\n"
        '  { x = """two\nlines""", y = [true] },\n'
        "]\n"
        "[[rows]]\n"
        "k = 'v'\n"
        "[[rows]]\n"
        "k = 2027-01-01\n"
        "[rows.under]\n"
        "z = 0\n"
    )
    tomllib.loads(text)
    lines = lines_of(text)
    assert lines[("a", "b")] == 2
    assert lines[("c d",)] == 3
    assert lines[("t", "list", 0)] == 6
    assert lines[("t", "list", 1, "x")] == 7
    assert lines[("t", "list", 1, "y", 0)] == 8
    assert lines[("rows", 0, "k")] == 11
    assert lines[("rows", 1, "k")] == 13
    assert lines[("rows", 1, "under", "z")] == 15


def test_every_key_of_the_shipped_file_has_its_line() -> None:
    text = DEFAULT_FILE.read_text(encoding="utf-8")
    lines, rows = lines_of(text), text.splitlines()
    for path in _paths(tomllib.loads(text)):
        assert path in lines
        assert isinstance(path[-1], int) or str(path[-1]) in rows[lines[path] - 1]


def _paths(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    below: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    return [at][: bool(at)] + [path for key, item in below for path in _paths(item, (*at, key))]


def test_scopes_run_from_narrow_to_wide() -> None:
    assert SCOPES == ("own", "team", "facility", "region", "all")


def test_a_policy_cannot_be_changed_after_it_was_read() -> None:
    policy: Policy = default_policy()
    with pytest.raises(AttributeError):
        policy.clocks.yellow_at = 0.5  # type: ignore[misc]


_KEYS = [
    ".".join(map(str, p))
    for p in _paths(tomllib.loads(DEFAULT_FILE.read_text(encoding="utf-8")))
    if not any(isinstance(k, int) for k in p)
]
_VALUES = [
    "1",
    "-1",
    "0.5",
    '""',
    '"x"',
    "true",
    "[]",
    "[1]",
    '["x"]',
    "{}",
    "{ x = 1 }",
    "[[1]]",
    "2027-01-01",
    "[{}]",
    '"3 wd"',
    "nan",
    "inf",
]


@given(st.sampled_from(_KEYS), st.sampled_from(_VALUES))
def test_whatever_stands_at_a_key_is_a_policy_or_a_fault_with_a_line(key: str, value: str) -> None:
    problems: list[PolicyFault] = []
    try:
        assert parse_policy(f"# first line\n{key} = {value}\n").digest
    except PolicyError as refused:
        problems = refused.problems
    assert {problem.line for problem in problems} <= {1, 2}
    assert all(problem.zh and problem.en for problem in problems)


def test_a_second_factor_is_asked_of_desks_unless_the_city_says_otherwise() -> None:
    assert set(default_policy().sign_in.second_factor) >= {"operator", "dispatcher", "shift_leader", "admin"}
    assert "officer" not in default_policy().sign_in.second_factor
    assert load_policy(DALIAN).sign_in.second_factor == (), "the demonstration signs in by password alone"


def test_a_second_factor_of_nobody_who_signs_in_is_named_with_its_line() -> None:
    found = problems_of('[sign_in]\nsecond_factor = [\n  "dispatcher",\n  "partner",\n]\n')
    assert {key: line for key, (line, _, _) in found.items()} == {"sign_in.second_factor[1]": 4}
    unknown = problems_of('[sign_in]\nsecond_factor = ["dispatchr"]\n')
    assert "Did you mean 'dispatcher'" in unknown["sign_in.second_factor[0]"][2]
