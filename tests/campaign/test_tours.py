"""Tours: nothing is lost, nobody works beyond the time, what stands is kept, and the same question has the same answer."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.campaign.tours import Pause, Plan, Stop, TourTeam, plan_tours
from backend.errors import Invalid
from backend.geo.modes import Factors, Mode
from backend.geo.roads import Roads
from ops.bench.nearest import GRAPH, scatter

HOUR = 3600.0
ROUNDS = 2_000
WEST, SOUTH = 121.55, 38.89


@pytest.fixture(scope="module")
def roads() -> Roads:
    return Roads.open(GRAPH)


def stops_on(roads: Roads, count: int, seed: int = 1, value: float = 1.0) -> list[Stop]:
    places = scatter(roads, count, seed)
    return [Stop(id=f"s{n:03}", lon=at.lon, lat=at.lat, value=value) for n, at in enumerate(places)]


def teams_on(roads: Roads, count: int, seed: int = 2, until_s: float = 8 * HOUR) -> list[TourTeam]:
    modes = (Mode.CAR, Mode.EBIKE, Mode.FOOT)
    return [
        TourTeam(id=f"t{n}", mode=modes[n % 3], lon=at.lon, lat=at.lat, until_s=until_s)
        for n, at in enumerate(scatter(roads, count, seed))
    ]


def accounted_for(plan: Plan) -> list[str]:
    toured = [stop.id for tour in plan.tours for stop in tour.stops]
    return sorted([*toured, *(one.id for one in plan.unserved)])


def order_of(plan: Plan) -> dict[str, list[str]]:
    return {tour.team_id: [stop.id for stop in tour.stops] for tour in plan.tours}


_DEGREES = st.floats(0, 0.06)
_STOPS = st.lists(st.tuples(_DEGREES, _DEGREES, st.floats(0, 50), st.floats(0, 2000)), max_size=25)
_TEAMS = st.lists(
    st.tuples(_DEGREES, _DEGREES, st.sampled_from(Mode), st.floats(0, 4 * HOUR), st.floats(0, HOUR), st.booleans()),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STOPS, _TEAMS, st.floats(0, 3 * HOUR), st.integers(0, 3))
def test_every_stop_is_in_exactly_one_tour_or_left_out_with_a_reason(
    roads: Roads,
    places: Sequence[tuple[float, float, float, float]],
    crews: Sequence[tuple[float, float, Mode, float, float, bool]],
    within_s: float,
    held: int,
) -> None:
    stops = [
        Stop(id=str(n), lon=WEST + lon, lat=SOUTH + lat, value=value, service_s=stay)
        for n, (lon, lat, value, stay) in enumerate(places)
    ]
    fixed = [tuple(str(n) for n in range(k, len(stops), 5)[:1]) if k < held else () for k in range(len(crews))]
    before = [tuple(str(n) for n in range(k, len(stops), 3)) for k in range(len(crews))]
    teams = [
        TourTeam(
            id=f"t{n}", mode=mode, lon=WEST + lon, lat=SOUTH + lat, until_s=until_s, ready_s=ready_s,
            pause=Pause(600, 900) if pause else None, fixed=fixed[n], before=before[n],
        )
        for n, (lon, lat, mode, until_s, ready_s, pause) in enumerate(crews)
    ]  # fmt: skip
    plan = plan_tours(roads, stops, teams, within_s=within_s, rounds=200)
    assert accounted_for(plan) == sorted(stop.id for stop in stops)
    for tour, team in zip(plan.tours, teams, strict=True):
        assert tuple(stop.id for stop in tour.stops[: len(team.fixed)]) == team.fixed
        if len(tour.stops) > len(team.fixed):
            assert tour.ends_s <= min(team.until_s, within_s) + 0.5
    assert all(one.words[0] and one.words[1] for one in plan.unserved)


def test_times_along_a_tour_add_up(roads: Roads) -> None:
    plan = plan_tours(roads, stops_on(roads, 30), teams_on(roads, 3), within_s=8 * HOUR, rounds=ROUNDS)
    assert not plan.unserved
    for tour in plan.tours:
        now_s = 0.0
        for stop in tour.stops:
            assert stop.arrive_s == pytest.approx(now_s + stop.travel_s)
            assert stop.leave_s == pytest.approx(stop.arrive_s + 180)
            now_s = stop.leave_s
        assert tour.ends_s == pytest.approx(now_s)


def test_the_same_question_has_the_same_answer_in_whatever_order_it_is_put(roads: Roads) -> None:
    stops, teams = stops_on(roads, 60), teams_on(roads, 4)
    one = plan_tours(roads, stops, teams, within_s=2 * HOUR, rounds=ROUNDS)
    other = plan_tours(roads, stops[::-1], teams[::-1], within_s=2 * HOUR, rounds=ROUNDS)
    assert order_of(one) == order_of(other)


def test_when_not_everything_can_be_reached_the_most_valuable_is(roads: Roads) -> None:
    stops = stops_on(roads, 80)
    prized = {stop.id for stop in stops[::8]}
    valued = [Stop(id=s.id, lon=s.lon, lat=s.lat, value=20.0 if s.id in prized else 1.0) for s in stops]
    plan = plan_tours(roads, valued, teams_on(roads, 3), within_s=1.5 * HOUR, rounds=20_000)
    missed = {one.id for one in plan.unserved}
    assert missed
    assert {one.reason for one in plan.unserved} <= {"less_valuable", "no_time"}
    assert not missed & prized


def test_work_is_even_where_all_fits(roads: Roads) -> None:
    cars = [TourTeam(id=f"c{n}", mode=Mode.CAR, lon=at.lon, lat=at.lat, until_s=12 * HOUR)
            for n, at in enumerate(scatter(roads, 5, 4))]  # fmt: skip
    plan = plan_tours(roads, stops_on(roads, 100), cars, within_s=12 * HOUR, rounds=20_000)
    work_s = [tour.ends_s for tour in plan.tours]
    assert not plan.unserved
    assert max(work_s) <= 1.3 * sum(work_s) / len(work_s)


def test_what_a_team_is_at_comes_first_whatever_the_clock_says(roads: Roads) -> None:
    stops, teams = stops_on(roads, 20), teams_on(roads, 2)
    busy = TourTeam(id="t0", mode=Mode.CAR, lon=teams[0].lon, lat=teams[0].lat, until_s=60, fixed=("s007", "s011"))
    plan = plan_tours(roads, stops, [busy, teams[1]], within_s=2 * HOUR, rounds=ROUNDS)
    assert order_of(plan)["t0"] == ["s007", "s011"]


def test_a_plan_that_stands_is_kept_when_a_stop_is_done(roads: Roads) -> None:
    stops, teams = stops_on(roads, 60), teams_on(roads, 4)
    first = order_of(plan_tours(roads, stops, teams, within_s=4 * HOUR, rounds=20_000))
    done = first["t0"][0]
    left = [stop for stop in stops if stop.id != done]
    at = next(stop for stop in stops if stop.id == done)
    standing = [
        TourTeam(
            id=team.id, mode=team.mode, until_s=team.until_s, before=tuple(one for one in first[team.id] if one != done),
            lon=at.lon if team.id == "t0" else team.lon, lat=at.lat if team.id == "t0" else team.lat,
        )
        for team in teams
    ]  # fmt: skip
    again = order_of(plan_tours(roads, left, standing, within_s=4 * HOUR, rounds=20_000))
    assert again == {team: [one for one in order if one != done] for team, order in first.items()}


def test_a_team_that_drops_out_leaves_its_stops_to_the_others_and_theirs_stay(roads: Roads) -> None:
    stops, teams = stops_on(roads, 60), teams_on(roads, 4)
    first = order_of(plan_tours(roads, stops, teams, within_s=6 * HOUR, rounds=20_000))
    rest = [
        TourTeam(id=t.id, mode=t.mode, lon=t.lon, lat=t.lat, until_s=t.until_s, before=tuple(first[t.id]))
        for t in teams[1:]
    ]
    plan = plan_tours(roads, stops, rest, within_s=6 * HOUR, rounds=20_000)
    again = order_of(plan)
    assert accounted_for(plan) == sorted(stop.id for stop in stops)
    stayed = sum(len(set(first[team]) & set(again[team])) for team in again)
    assert stayed >= 0.7 * sum(len(first[team]) for team in again)


def test_bad_weather_leaves_less_time(roads: Roads) -> None:
    stops, teams = stops_on(roads, 80), teams_on(roads, 3)
    clear = plan_tours(roads, stops, teams, within_s=1.5 * HOUR, rounds=ROUNDS)
    snow = plan_tours(roads, stops, teams, within_s=1.5 * HOUR, rounds=ROUNDS, factors=Factors(2.0, 3.0, 1.5))
    assert len(snow.unserved) > len(clear.unserved)


def test_a_break_is_taken_out_of_the_time_there_is(roads: Roads) -> None:
    stops, (team, *_) = stops_on(roads, 40), teams_on(roads, 1)
    rested = TourTeam(id=team.id, mode=team.mode, lon=team.lon, lat=team.lat, until_s=2 * HOUR, pause=Pause(1800, 1800))
    plan = plan_tours(roads, stops, [rested], within_s=2 * HOUR, rounds=ROUNDS)
    (tour,) = plan.tours
    gaps = [b.arrive_s - a.leave_s - b.travel_s for a, b in zip(tour.stops, tour.stops[1:], strict=False)]
    assert sum(gaps) == pytest.approx(1800)
    assert tour.ends_s <= 2 * HOUR + 0.5


def test_without_teams_everything_is_left_out_and_says_so() -> None:
    plan = plan_tours(None, [Stop(id="a", lon=WEST, lat=SOUTH)], [], within_s=HOUR)
    assert [(one.id, one.reason) for one in plan.unserved] == [("a", "no_team")]


def test_without_roads_it_goes_by_straight_lines() -> None:
    stops = [Stop(id=str(n), lon=WEST + n * 0.002, lat=SOUTH) for n in range(10)]
    team = TourTeam(id="t", mode=Mode.CAR, lon=WEST, lat=SOUTH, until_s=8 * HOUR)
    plan = plan_tours(None, stops, [team], within_s=8 * HOUR, rounds=ROUNDS)
    assert order_of(plan)["t"] == [str(n) for n in range(10)]


def test_what_cannot_be_meant_is_refused_in_words(roads: Roads) -> None:
    stop = Stop(id="a", lon=WEST, lat=SOUTH)
    team = TourTeam(id="t", mode=Mode.CAR, lon=WEST, lat=SOUTH, until_s=HOUR, fixed=("b",))
    for stops, teams in (([stop, stop], []), ([stop], [team, team]), ([stop], [team])):
        with pytest.raises(Invalid, match=r"两次|不在"):
            plan_tours(roads, stops, teams, within_s=HOUR)


def test_the_clock_can_cut_it_short_and_then_it_says_so(roads: Roads) -> None:
    plan = plan_tours(roads, stops_on(roads, 30), teams_on(roads, 3), within_s=8 * HOUR, budget_s=0.0)
    assert plan.cut_short
    assert len(accounted_for(plan)) == 30
