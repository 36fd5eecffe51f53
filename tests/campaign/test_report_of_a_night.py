"""A night as it is done by the real verbs, cells swept, somebody found, supplies given: the report beside the tables and the log."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.campaign import by_hand, report_reading
from backend.clock import ManualClock
from backend.dispatch import stock, stock_rules
from backend.dispatch.found import found_someone
from backend.ids import new_id
from tests.campaign import report_by_sql
from tests.campaign.sweeps_made import NIGHT, Swept, running
from tests.dispatch import builders
from tests.dispatch.builders import LEADER, Town, officer, stays


@pytest.fixture
async def town(db: AsyncEngine) -> Town:
    """Two teams near the spot, at night."""
    return await builders.town(db, ManualClock(NIGHT), 2)


async def _somebody_is_found(swept: Swept) -> None:
    town, team = swept.town, swept.town.teams[1]
    wanted = stock.Wanted(item="hot_food", amount=1, from_place="supplier", to_place=stock_rules.team(team))
    await stock.move_stock(town.office, wanted, town.by(LEADER))
    report = town.report(officer(team))
    case_id = new_id()
    await found_someone(town.office, report, case_id, team, town.by(officer(team)), campaign_id=swept.campaign.id)
    handling = stays(town.now, supplies=("hot_food", "gloves"))
    await town.handle(case_id, handling)
    await town.filed()


COUNTED = """
SELECT (SELECT count(*) FROM sweep_looks WHERE refuted_at IS NULL AND NOT is_passing AND by = 'track') AS looks_track,
       (SELECT count(*) FROM sweep_looks WHERE by = 'hand') AS looks_hand,
       (SELECT count(*) FROM sweep_cells WHERE state <> 'dropped') AS cells,
       (SELECT count(*) FROM sweep_cells WHERE state <> 'dropped' AND looks = 0) AS cells_never,
       (SELECT count(*) FROM cases WHERE campaign_id = :campaign) AS cases,
       (SELECT sum(amount) FROM stock_moves WHERE to_place = 'person' AND campaign_id = :campaign) AS given,
       (SELECT sum(amount) FROM stock_moves WHERE from_place = 'difference' AND campaign_id = :campaign) AS short
"""


async def test_the_report_of_a_real_night_is_what_tables_and_log_say(town: Town) -> None:
    swept = await (await running(town)).begun()
    first, second, *_ = (await swept.cells()).values()
    await swept.sees(town.teams[0], first)
    by = town.by(officer(town.teams[1]), "sweep.look")
    await by_hand.look(town.office, swept.campaign.id, second.cell, "没有信号", town.teams[1], by)
    await _somebody_is_found(swept)
    town.clock.advance(hours=3)
    await swept.closes()
    async with town.office.db.connect() as tx:
        made = (await report_reading.read(tx, town.office, LEADER, swept.campaign.id)).report
        counted = await report_by_sql.numbers(tx, town.office.city_id, swept.campaign.id, made.seq)
        held = (await tx.execute(text(COUNTED), {"campaign": swept.campaign.id})).mappings().one()
    values = {number.code: number.value for number in made.numbers}
    for code, value in values.items():
        other = counted[code]
        assert value == pytest.approx(None if other is None else float(other), abs=1e-3), code
    for code, other in held.items():
        assert values[code] == int(other), code
    assert (values["met"], values["refused"], values["given"], values["short"]) == (1, 1, 2, 1)
    assert values["person_hours"] is not None
    assert values["lasted_h"] is not None
    assert values["team_hours"] == pytest.approx(2 * values["lasted_h"], abs=0.01)
    assert made.closed_at is not None
    assert made.closed_at - timedelta(hours=4) < NIGHT + timedelta(hours=4)
