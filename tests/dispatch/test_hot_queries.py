"""The queries that run all day, on a few thousand rows: each finds its rows by an index."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db as tables
from backend import log
from backend.dispatch import board, desk, escalation, find, nearby, offers, revisits, searching
from backend.dispatch.board import CaseFilter
from backend.patrol import duty, roster
from tests.dispatch.builders import DISPATCHER, OPERATOR, SPOT, Town, east_of, officer

BIG = ("cases", "sightings", "case_sightings", "events", "offers", "clocks", "handlings", "decisions")
COUNT = 4000

_FILL = (
    """INSERT INTO sightings (city_id, id, receipt, channel, reporter, occurred_at, received_at, lon, lat, in_area, people_count)
       SELECT '210200', gen_random_uuid(), n::text, 'web', 'r' || n, at, at, 121.3 + (n * 7919 % 1000) / 1000.0, 38.8 + (n * 104729 % 400) / 1000.0, true, 1
       FROM generate_series(1, CAST(:count AS int)) n,
            LATERAL (SELECT CAST(:now AS timestamptz) - n * interval '5 min' AS at) moment""",
    """INSERT INTO cases (city_id, id, number, stage, version, priority, lon, lat, in_area, regions, people_count, channel,
                           opened_at, stage_since, last_seen_at, sighting_count, closed_at, search_at)
       SELECT '210200', s.id, 201601010000000 + s.receipt::int, CASE WHEN s.receipt::int % 400 = 0 THEN 'accepted' ELSE 'assisted' END,
              1, 'normal', s.lon, s.lat, true, '{210203,210200}', 1, 'web', s.received_at, s.received_at, s.received_at, 1,
              CASE WHEN s.receipt::int % 400 = 0 THEN NULL ELSE s.received_at END,
              CASE WHEN s.receipt::int % 400 = 0 THEN s.received_at END
       FROM sightings s""",
    """INSERT INTO case_sightings (city_id, case_id, sighting_id, joined_at, joined_by)
       SELECT city_id, id, id, opened_at, 'opened' FROM cases""",
    """INSERT INTO offers (city_id, id, case_id, team_id, state, round, phase, offered_at, expires_at, eta_basis)
       SELECT c.city_id, gen_random_uuid(), c.id, (SELECT id FROM teams ORDER BY code LIMIT 1), 'lapsed', 1, 0,
              c.opened_at, c.opened_at, 'road' FROM cases c""",
    """INSERT INTO clocks (city_id, case_id, kind, state, span, started_at, due_at, yellow_at, ended_at, fires_at)
       SELECT c.city_id, c.id, k, CASE WHEN c.closed_at IS NULL THEN 'running' ELSE 'met' END, '30 min', c.opened_at,
              c.opened_at, c.opened_at, c.closed_at, CASE WHEN c.closed_at IS NULL THEN c.opened_at END
       FROM cases c, unnest(ARRAY['accept', 'on_spot', 'whole']) k""",
    """INSERT INTO handlings (city_id, id, case_id, team_id, by, arrived_at, verdict)
       SELECT c.city_id, gen_random_uuid(), c.id, (SELECT id FROM teams ORDER BY code LIMIT 1), 'x', c.opened_at, 'passed'
       FROM cases c WHERE c.closed_at IS NOT NULL""",
    """INSERT INTO decisions (city_id, id, case_id, made_at, made_by, method, basis, round, phase, policy_hash)
       SELECT c.city_id, gen_random_uuid(), c.id, c.opened_at, 'system', 'search', 'road', 1, 0, '' FROM cases c""",
    """INSERT INTO events (city_id, seq, id, kind, case_id, case_version, occurred_at, recorded_at, prev_hash, hash)
       SELECT c.city_id, 1000 + row_number() OVER (), gen_random_uuid(), 'case.opened', c.id, 1, c.opened_at, c.opened_at, '', ''
       FROM cases c""",
)


@pytest.fixture
async def full_town(town: Town) -> Town:
    """Two weeks of cases, nearly all of them closed."""
    for fill in _FILL:
        statement = text(fill)
        wanted = {name: value for name, value in {"now": town.now, "count": COUNT}.items() if f":{name}" in fill}
        async with town.office.db.begin() as tx:
            await tx.execute(statement, wanted)
    async with town.office.db.connect() as tx:
        await (await tx.execution_options(isolation_level="AUTOCOMMIT")).execute(text("ANALYZE"))
    return town


class Plans:
    """The plans of what a connection was asked, as PostgreSQL made them."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, object]] = []

    def __call__(self, _c: Connection, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            self.statements.append((statement, parameters))


@asynccontextmanager
async def watched(tx: AsyncConnection) -> AsyncIterator[Plans]:
    plans = Plans()
    event.listen(tx.sync_connection, "before_cursor_execute", plans)
    try:
        yield plans
    finally:
        event.remove(tx.sync_connection, "before_cursor_execute", plans)


async def _explained(tx: AsyncConnection, plans: Plans) -> list[str]:
    """EXPLAIN of each statement with its parameters, as text."""
    explained = []
    for statement, parameters in plans.statements:
        found = await tx.exec_driver_sql(f"EXPLAIN {statement}", parameters)  # type: ignore[arg-type]
        explained.append("\n".join(row[0] for row in found))
    return explained


Ask = Callable[[Town, AsyncConnection], Awaitable[object]]


async def _near(town: Town, tx: AsyncConnection) -> object:
    return await nearby.near_cases(tx, town.office, [town.report(OPERATOR, east_of(SPOT, 100 * n)) for n in range(8)])


async def _one_case(town: Town, tx: AsyncConnection) -> object:
    (waiting, *_) = await town.rows(tables.cases, stage="accepted")
    case = await find.get_case(tx, town.office, waiting["id"])
    return [
        await find.lock_case(tx, town.office, case.id),
        await find.clocks_of(tx, town.office, case.id),
        await find.live_offer(tx, town.office, case.id),
        await offers.asked_teams(tx, town.office, case),
        await find.open_handling(tx, town.office, case.id),
        await find.links_of(tx, town.office, case.id),
        await board.decisions_of(tx, town.office, case.id),
        await log.of_case(tx, town.office.city_id, case.id),
    ]


HOT: dict[str, Ask] = {
    "cases near a report": _near,
    "one case and what belongs to it": _one_case,
    "clocks that are due": lambda town, tx: escalation.due_clocks(tx, town.office, town.now, limit=50),
    "offers that are over": lambda town, tx: escalation.due_offers(tx, town.office, town.now),
    "revisits that are due": lambda town, tx: revisits.due_revisits(tx, town.office, town.now),
    "cases that wait for a team": lambda town, tx: searching.waiting(tx, town.office, town.now),
    "a page of cases": lambda town, tx: board.list_cases(tx, town.office, DISPATCHER, CaseFilter()),
    "a page of open cases": lambda town, tx: board.list_cases(
        tx, town.office, DISPATCHER, CaseFilter(stages=["accepted"])
    ),
    "events since": lambda town, tx: log.since(tx, town.office.city_id, 1000 + COUNT - 50, limit=500),
    "the head of the log": lambda town, tx: log.head(tx, town.office.city_id),
    "the next number": lambda town, tx: find.next_number(tx, town.office, 20160919),
    "whether a team is free": lambda town, tx: duty.lock_if_free(tx, town.office, town.teams[0]),
    "a team's live offer": lambda town, tx: offers.live_offer_of_team(tx, town.office, town.teams[0]),
}


async def test_every_hot_query_finds_its_rows_by_an_index(full_town: Town) -> None:
    town, scanned = full_town, dict[str, list[str]]()
    async with town.office.db.connect() as tx:
        for what, ask in HOT.items():
            async with watched(tx) as plans:
                await ask(town, tx)
            assert plans.statements, what
            for plan in await _explained(tx, plans):
                if set(re.findall(r"Seq Scan on (\w+)", plan)) & set(BIG):
                    scanned.setdefault(what, []).append(plan)
                if what == "cases near a report" and "geog" in plan:
                    assert "ix_cases_geog" in plan, "by place, not by time"
    assert not scanned, "\n".join(f"{what}:\n{plan}" for what, plans in scanned.items() for plan in plans)


async def test_the_roster_does_not_read_every_visit_there_ever_was(full_town: Town) -> None:
    """It is read anew for every search, to know how many cases each team has had today."""
    town = full_town
    async with town.office.db.connect() as tx:
        async with watched(tx) as plans:
            await roster.on_duty(tx, town.office, town.now)
        (plan,) = await _explained(tx, plans)
    assert "Seq Scan on handlings" not in plan, plan


async def test_a_team_sees_its_own_case_without_a_look_at_all_cases(full_town: Town) -> None:
    """An officer's list asks for own cases over three paths; on thousands of closed cases it must stay quick."""
    town = full_town
    by = officer(town.teams[1])
    case_id = await town.accepted()
    await desk.assign_team(town.office, case_id, town.teams[1], "近", town.by(DISPATCHER))
    async with town.office.db.connect() as tx:
        found = await board.list_cases(tx, town.office, by, CaseFilter())
        assert [case.id for case in found] == [case_id]
        shown = await board.snapshot(tx, town.office, by, town.now + timedelta(seconds=1))
    assert len(msgspec.json.encode(shown)) < 20_000
