"""The figures of DOMAIN §7: by hand for single stories, and all of them again by another way over a lived-through loop."""

import random
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backend import db as tables
from backend.access.actor import Actor
from backend.dispatch import call_backs, statistics, verification
from backend.dispatch.call_backs import Called
from backend.dispatch.figures import FIGURES, Figure
from backend.dispatch.statistics import Bucket, FiguresOfSpan
from backend.errors import Invalid, NotAllowed
from backend.geo.place import LonLat
from tests.dispatch import figures_by_sql
from tests.dispatch.builders import (
    CHECKER,
    CONTACT,
    DISPATCHER,
    EAST,
    LEADER,
    OPERATOR,
    SPOT,
    WEST,
    Town,
    east_of,
    somebody,
    stays,
    team,
)
from tests.dispatch.test_replay_board import some_verb


async def figures(
    town: Town,
    since: datetime,
    until: datetime | None = None,
    *,
    by: Actor = LEADER,
    bucket: Bucket = "hour",
    region: str | None = None,
) -> FiguresOfSpan:
    async with town.office.db.connect() as tx:
        return await statistics.figures_of(
            tx,
            town.office,
            by,
            since=since,
            until=until or town.now,
            bucket=bucket,
            region=region,
            now=town.now,
        )


async def of(town: Town, since: datetime, code: str, **more: Any) -> Figure:
    found = await figures(town, since, **more)
    return next(figure for figure in found.figures if figure.code == code)


async def rate(town: Town, since: datetime, code: str, **more: Any) -> tuple[int, int | None]:
    figure = await of(town, since, code, **more)
    return figure.numerator, figure.denominator


async def test_with_nothing_due_a_rate_has_no_value_and_says_why(town: Town) -> None:
    town.clock.advance(seconds=1)
    since = town.now
    town.clock.advance(hours=1)
    found = await figures(town, since)
    assert {figure.code for figure in found.figures} == set(FIGURES)
    for figure in found.figures:
        if figure.unit == "share":
            assert (figure.value, figure.numerator, figure.denominator) == (None, 0, 0), figure.code
            assert figure.why_none
        else:
            assert figure.value == 0.0
    assert all(step.cases == 0 and step.p50_s is None for step in found.steps)


async def test_what_is_done_in_time_counts_where_its_deadline_falls_and_not_where_it_was_done(town: Town) -> None:
    """按期结案率 = on time / due: closed on Monday and due on Wednesday belongs to Wednesday."""
    begun = town.now
    await town.verified()
    town.clock.advance(hours=10)
    assert await rate(town, begun, "closed_on_time") == (0, 0)
    assert await rate(town, begun, "on_the_spot") == (1, 1)
    town.clock.advance(hours=40)
    later = begun + timedelta(hours=47)
    assert await rate(town, later, "closed_on_time") == (1, 1)
    assert await rate(town, later, "closed") == (1, 1)
    assert await rate(town, later, "on_the_spot") == (0, 0)


async def test_the_whole_is_what_was_due_and_not_what_was_done(town: Town) -> None:
    begun = town.now
    await town.handled()
    town.clock.advance(minutes=1)
    await town.accepted(east_of(SPOT, 4000))
    town.clock.advance(hours=3)
    assert await rate(town, begun, "on_the_spot") == (1, 2)
    assert await rate(town, begun, "handled") == (1, 2)
    assert await rate(town, begun, "overdue_open") == (1, 2)
    figure = await of(town, begun, "on_the_spot")
    assert figure.value == 0.5
    assert (sum(figure.numerators), sum(figure.denominators)) == (1, 2)


async def test_an_arrival_told_late_counts_by_when_it_was(town: Town) -> None:
    begun = town.now
    told_late, too_late = await town.dispatched(), await town.dispatched(east_of(SPOT, 4000))
    for _ in range(4):
        town.clock.advance(minutes=10)
        await town.worker.turn()
    assert await rate(town, begun, "on_the_spot") == (0, 2)
    await town.arrive(told_late, at=begun + timedelta(minutes=29))
    await town.arrive(too_late, at=begun + timedelta(minutes=31))
    town.clock.advance(seconds=1)
    assert await rate(town, begun, "on_the_spot") == (1, 2)
    async with town.office.db.connect() as tx:
        assert (await figures_by_sql.shares(tx, town.office.city_id, begun, town.now))["on_the_spot"] == (1, 2)


async def test_what_is_called_off_was_never_due(town: Town) -> None:
    begun = town.now
    await town.voided()
    await town.suspended(east_of(SPOT, 6000))
    town.clock.advance(hours=60)
    assert await rate(town, begun, "closed") == (0, 0)
    assert await rate(town, begun, "on_the_spot") == (0, 0)


async def test_rework_and_extension_are_shares_of_what_was_due_to_close(town: Town) -> None:
    begun = town.now
    case_id = await town.handled()
    await verification.send_back(town.office, case_id, "照片不清", town.by(CHECKER))
    await town.worker.turn()
    await town.granted(case_id, "extend", "30 min")
    await town.verified(east_of(SPOT, 5000))
    town.clock.advance(hours=49)
    assert await rate(town, begun, "reworked", bucket="day") == (1, 2)
    assert await rate(town, begun, "extended", bucket="day") == (1, 2)
    assert await rate(town, begun, "closed", bucket="day") == (1, 2)


async def test_a_dispatch_that_was_taken_back_was_not_a_right_one(town: Town) -> None:
    begun = town.now
    case_id = await town.dispatched()
    await town.granted(case_id, "return")
    town.clock.advance(minutes=1)
    await town.worker.turn()
    await town.take(case_id)
    town.clock.advance(minutes=1)
    assert await rate(town, begun, "dispatched_right") == (1, 2)


async def test_people_supplies_and_patrols_are_counted(town: Town) -> None:
    town.clock.advance(seconds=1)
    begun = town.now
    await town.handled()
    await town.handled(east_of(SPOT, 5000), stays(town.now))
    town.clock.advance(seconds=1)
    await town.on_duty(town.teams[2], "off_duty")
    town.clock.advance(seconds=1)
    await town.on_duty(town.teams[2])
    town.clock.advance(seconds=1)
    values = {figure.code: figure.value for figure in (await figures(town, begun)).figures}
    assert values["people_helped"] == 2
    assert values["to_hospital"] == 1
    assert values["escorted"] == 0
    assert values["supplies"] == 2
    assert (values["patrols"], values["vehicles"]) == (1, 1)


async def test_satisfaction_is_of_those_who_were_asked(town: Town) -> None:
    begun = town.now
    for place, satisfied in ((SPOT, 5), (east_of(SPOT, 6000), 2)):
        case_id = await town.verified(place, contact=CONTACT)
        (link,) = await town.rows(tables.case_sightings, case_id=case_id)
        called = Called(reached=True, satisfied=satisfied)
        await call_backs.call_back(town.office, link["sighting_id"], called, town.by(DISPATCHER))
    town.clock.advance(minutes=1)
    assert await rate(town, begun, "satisfaction") == (1, 2)
    assert await rate(town, begun, "call_backs") == (2, 2)


async def test_who_counts_a_region_counts_the_cases_of_that_region_only(town: Town) -> None:
    begun = town.now
    await town.verified()
    await town.add_team(team(9, LonLat(121.70, 38.93)))
    await town.verified(LonLat(121.70, 38.93))
    town.clock.advance(minutes=40)
    east = somebody("shift_leader", regions=(EAST,), id_="east")
    assert await rate(town, begun, "on_the_spot") == (2, 2)
    assert await rate(town, begun, "on_the_spot", by=east) == (1, 1)
    assert await rate(town, begun, "on_the_spot", region=WEST) == (1, 1)
    with pytest.raises(NotAllowed):
        await figures(town, begun, by=OPERATOR)


async def test_the_figures_of_a_past_day_stay_what_they_were(town: Town) -> None:
    begun = town.now
    case_id = await town.handled()
    town.clock.advance(hours=20)
    until = town.now
    before = await figures(town, begun, until)
    await town.verify(case_id)
    town.clock.advance(hours=60)
    assert await figures(town, begun, until) == before


@pytest.mark.parametrize(
    ("since", "until", "bucket"),
    [(0, -1, "hour"), (1, 2, "hour"), (-24 * 8, 0, "hour"), (-24 * 93, 0, "day")],
)
async def test_a_span_that_cannot_be_asked_for_is_refused(town: Town, since: int, until: int, bucket: Bucket) -> None:
    hour = timedelta(hours=1)
    with pytest.raises(Invalid):
        await figures(town, town.now + since * hour, town.now + until * hour, bucket=bucket)


def test_buckets_begin_at_full_hours_and_at_midnight_of_the_city() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    since = datetime(2016, 9, 19, 22, 30, tzinfo=zone)
    hours = statistics.buckets(since, since + timedelta(hours=3), "hour", zone)
    assert [(at.day, at.hour, at.minute) for at in hours] == [(19, 22, 30), (19, 23, 0), (20, 0, 0), (20, 1, 0)]
    days = statistics.buckets(since, since + timedelta(days=2), "day", zone)
    assert [(at.day, at.hour) for at in days] == [(19, 22), (20, 0), (21, 0)]


@pytest.mark.parametrize("seed", range(3))
async def test_another_way_over_the_log_gives_the_same_numbers(town: Town, seed: int) -> None:
    """The whole table again, in SQL, of a loop that went every way."""
    chance = random.Random(seed)
    begun = town.now
    moments = [begun]
    for _ in range(90):
        await some_verb(town, chance)
        town.clock.advance(seconds=chance.choice([5, 60, 600, 5400]))
        moments.append(town.now)
    city = town.office.city_id
    middle, late = moments[30], moments[70]
    for since, until in ((begun, town.now), (middle, late), (late, town.now)):
        found = await figures(town, since, until, by=DISPATCHER, bucket="day")
        shown = {figure.code: figure for figure in found.figures}
        async with town.office.db.connect() as tx:
            rates = await figures_by_sql.shares(tx, city, since, until)
            counts = await figures_by_sql.counts(tx, city, since, until)
            steps = await figures_by_sql.steps(tx, city, since, until)
        assert {code: (shown[code].numerator, shown[code].denominator or 0) for code in rates} == rates
        assert {code: shown[code].value for code in counts} == counts
        assert {*rates, *counts} == set(FIGURES)
        for step in found.steps:
            told = (step.cases, step.mean_s, step.p50_s, step.p90_s, step.p95_s)
            assert told == pytest.approx(tuple(None if v is None else float(v) for v in steps[step.code]), abs=0.11)
