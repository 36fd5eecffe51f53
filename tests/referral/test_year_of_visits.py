"""A year of visits on a shifted clock: several people, every outcome, visits that are missed, a relapse; and how they were kept, asked of
the log by another query than the program's own."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend import db as tables
from backend.referral.home import desk
from backend.referral.home.returnee import HomeNow, VisitOutcome
from tests.dispatch.builders import EAST, LEADER, Town, somebody
from tests.privacy.test_retention import counted, ran
from tests.referral.homes import AT_HOME, ILL, WELL, due, entry, goes_home, passes, visited
from tests.referral.people import a_house

EASTERN = somebody("grid_worker", regions=(EAST,), id_="eastern")
IN_THE_EAST = HomeNow(region=EAST, address="人民路 1 号", contact="女儿")

FROM_THE_LOG = text("""
    WITH said AS (
        SELECT e.seq, (row->>'id')::uuid AS id, row
        FROM events e, jsonb_array_elements(coalesce(e.data->'rows'->'home_visits', '[]')) AS row
    ), visits AS (
        SELECT id,
            max((row->>'due_at')::timestamptz) AS due_at,
            (array_agg(row->>'state' ORDER BY seq DESC) FILTER (WHERE row ? 'state'))[1] AS state,
            (array_agg(row->>'outcome' ORDER BY seq DESC) FILTER (WHERE row ? 'outcome'))[1] AS outcome,
            (array_agg((row->>'done_at')::timestamptz ORDER BY seq DESC) FILTER (WHERE row ? 'done_at'))[1] AS done_at,
            (array_agg((row->>'missed_at')::timestamptz ORDER BY seq DESC) FILTER (WHERE row ? 'missed_at'))[1] AS missed_at
        FROM said GROUP BY id
    )
    SELECT count(*) FILTER (WHERE outcome IS DISTINCT FROM 'not_at_home') AS due,
        count(*) FILTER (WHERE outcome <> 'not_at_home' AND done_at <= due_at) AS on_time,
        count(*) FILTER (WHERE outcome <> 'not_at_home' AND done_at > due_at) AS late,
        count(*) FILTER (WHERE state = 'due') AS open,
        count(*) FILTER (WHERE outcome = 'not_at_home') AS vain
    FROM visits
    WHERE due_at >= :since AND due_at < :until AND (state <> 'cancelled' OR missed_at IS NOT NULL)""")
NEVER = {
    "somebody who is followed without a visit that is due": """
        SELECT r.id FROM returnees r LEFT JOIN home_visits v ON v.returnee_id = r.id AND v.state = 'due'
        WHERE r.state = 'followed' AND v.id IS NULL""",
    "a visit that is due of somebody whom nobody follows": """
        SELECT v.id FROM home_visits v JOIN returnees r ON r.id = v.returnee_id WHERE v.state = 'due' AND r.state <> 'followed'""",
    "more than two months between a visit and the next": """
        SELECT v.id FROM home_visits v JOIN home_visits w ON w.returnee_id = v.returnee_id AND w.state = 'done'
        WHERE v.state = 'due' AND v.due_at > w.done_at + interval '2 months 1 day' AND w.done_at =
            (SELECT max(x.done_at) FROM home_visits x WHERE x.returnee_id = v.returnee_id)""",
    "a late visit of which nobody was told": """
        SELECT v.id FROM home_visits v WHERE v.state = 'due' AND v.missed_at IS NOT NULL AND v.level = 0""",
}


async def _is_kept(town: Town) -> None:
    for what, query in NEVER.items():
        assert await town.run_scalar(query) is None, f"there is {what}"


async def _from_the_log(town: Town, since: datetime, until: datetime) -> dict[str, int]:
    async with town.office.db.connect() as tx:
        row = (await tx.execute(FROM_THE_LOG, {"since": since, "until": until})).one()
    return dict(row._mapping)


async def _days(town: Town, days: int) -> None:
    """Days go by, the worker looking every other one; what must never be is asked each week."""
    for day in range(0, days, 2):
        await passes(town, days=2)
        if day % 8 == 0:
            await _is_kept(town)


async def test_a_year_of_visits(town: Town) -> None:
    house, begun = await a_house(town), town.now
    steady, lazy, moves, away, dies = [await goes_home(town, house, ILL) for _ in range(5)]
    other = await goes_home(town, house, WELL)
    made: list[tuple[str, VisitOutcome, bool]] = []

    async def look(who: str, person: UUID, outcome: VisitOutcome = "at_home_well", **rest: Any) -> None:
        in_time = town.now <= (await due(town, person))["due_at"]
        await visited(town, person, outcome, **rest)
        made.append((who, outcome, in_time))

    for half in range(13):
        await _days(town, 28)
        if half in (1, 3, 5, 7, 9, 11):
            await look("steady", steady, "needs_help" if half == 5 else "at_home_well", note="断药")
        if half == 5:  # in need of help, so looked at again within a week
            await _days(town, 6)
            await look("steady", steady)
        if half in (3, 7):  # nobody went for months
            await look("lazy", lazy)
        if half == 1:
            await look("moves", moves, "moved", moved_to=IN_THE_EAST)
            await _days(town, 6)
            await look("moves", moves, "not_at_home", by=EASTERN)
            await _days(town, 6)
            await look("moves", moves, by=EASTERN)
            await look("away", away, "gone_again", note="一周前离家")
            await look("dies", dies)
        if half == 2:
            await look("away", away)
            await look("dies", dies, "died", note="社区证明")
    assert {outcome for _, outcome, _ in made} == {
        "at_home_well",
        "needs_help",
        "not_at_home",
        "moved",
        "gone_again",
        "died",
    }
    await _told(town, steady, lazy, moves, away, dies, other)
    for since, until in ((begun, town.now), (begun, begun + timedelta(days=100)), (town.now, town.now)):
        async with town.office.db.connect() as tx:
            kept = await desk.visit_figures(tx, town.office, by=LEADER, since=since, until=until, now=town.now)
        asked = await _from_the_log(town, since, until)
        assert {
            "due": kept.due,
            "on_time": kept.on_time,
            "late": kept.late,
            "open": kept.open,
            "vain": kept.vain,
        } == asked
        assert kept.share == (round(asked["on_time"] / asked["due"], 4) if asked["due"] else None)
    async with town.office.db.connect() as tx:
        whole = await desk.visit_figures(tx, town.office, by=LEADER, since=begun, until=town.now, now=town.now)
    in_time = sum(was for _, outcome, was in made if outcome != "not_at_home")
    assert (whole.on_time, whole.vain) == (in_time, 1)
    assert whole.open > 0, "what nobody visited is not forgotten"
    await town.is_sound()


async def _told(town: Town, steady: UUID, lazy: UUID, moves: UUID, away: UUID, dies: UUID, other: UUID) -> None:
    """How each of them stands after the year."""
    assert (await entry(town, steady))["state"] == "followed", "needing help, then seen: the last visit is not due yet"
    assert (await entry(town, lazy))["state"] == "followed"
    assert (await entry(town, moves))["regions"][0] == EAST
    assert (await entry(town, dies))["end_reason"] == "died"
    row = await entry(town, away)
    assert len(row["relapses"]) == 1
    (case,) = await town.rows(tables.cases, channel="revisit")
    assert row["relapses"] == [case["id"]]
    later = {event.data["told"][0] for event in await town.events() if event.kind == "returnee.visit_escalated"}
    assert later == {"shift_leader", "civil_affairs"}
    assert (await entry(town, other))["end_reason"] == "over"


async def test_the_year_ends_with_the_last_visit_and_years_later_nothing_is_left(town: Town) -> None:
    ill, well = await goes_home(town, await a_house(town), ILL), await goes_home(town, await a_house(town, "S2"), WELL)
    for _ in range(6):
        row = await due(town, ill)
        town.clock.set(row["due_at"] - timedelta(days=1))
        await visited(town, ill)
    assert (await entry(town, ill))["end_reason"] == "over"
    assert len(await town.rows(tables.home_visits)) == 6
    await passes(town, days=8)
    assert (await entry(town, well))["end_reason"] == "over"
    assert await town.rows(tables.home_visits, state="due") == []
    await town.is_sound()
    town.clock.advance(days=1080)
    assert not set(await ran(town, None)) & {"returnees", "home_visits", "persons"}
    town.clock.advance(days=20)
    assert {"returnees", "home_visits", "stays"} <= set(await ran(town, None))
    assert await counted(town) == {}
    for table in (tables.returnees, tables.home_visits, tables.persons):
        assert await town.rows(table) == []
    await town.is_sound()
    assert AT_HOME.address
