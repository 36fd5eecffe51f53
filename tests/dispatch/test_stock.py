"""Supplies: what lies where is the sum of its moves, never less than nothing; what a crew gave is given whatever the book says."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import given
from sqlalchemy import insert

from backend import db as tables
from backend.dispatch import stock, stock_levels, stock_rules
from backend.dispatch.change import Answer
from backend.dispatch.records import StockMove
from backend.dispatch.stock import Counted, Wanted
from backend.dispatch.stock_levels import StockNow
from backend.dispatch.stock_rules import DIFFERENCE, OUTSIDE, PERSON, SUPPLIER, WRITTEN_OFF
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.ids import new_id
from backend.policy import default_policy
from tests.conftest import START
from tests.dispatch.builders import CHECKER, DISPATCHER, EAST, LEADER, WEST, Town, officer, somebody, stays

STORE = "store:F01"


async def a_store(town: Town, code: str = "F01", lon: float = 121.61, *, hidden: bool = False) -> str:
    row = {"code": code, "kind": "station", "name": code, "lon": lon, "lat": 38.9, "hidden": hidden}
    async with town.office.db.begin() as tx:
        await tx.execute(insert(tables.facilities).values(city_id=town.office.city_id, id=new_id(), **row))
    return stock_rules.store(code)


async def moved(
    town: Town, amount: int, from_place: str = SUPPLIER, to_place: str = STORE, item: str = "water", **rest: Any
) -> Answer:
    by = rest.pop("by", DISPATCHER)
    wanted = Wanted(item=item, amount=amount, from_place=from_place, to_place=to_place, note=rest.pop("note", None))
    return await stock.move_stock(town.office, wanted, town.by(by, "stock.move", args=str(wanted), **rest))


async def counted(town: Town, amount: int, place: str = STORE, item: str = "water", note: str | None = None) -> Answer:
    what = Counted(place=place, item=item, amount=amount, note=note)
    return await stock.count_stock(town.office, what, town.by(LEADER, "stock.count"))


async def held(town: Town, place: str = STORE, item: str = "water") -> int:
    async with town.office.db.connect() as tx:
        return (await stock_levels.held_at(tx, town.office, place)).get(item, 0)


async def seen(town: Town, by: Any = DISPATCHER) -> StockNow:
    async with town.office.db.connect() as tx:
        return await stock_levels.list_stock(tx, town.office, by, town.now)


def of(team_id: UUID) -> str:
    return stock_rules.team(team_id)


async def test_what_is_taken_in_and_issued_lies_where_it_went(town: Town) -> None:
    await a_store(town)
    await moved(town, 50)
    await moved(town, 12, STORE, of(town.teams[0]))
    await moved(town, 2, of(town.teams[0]), STORE)
    await moved(town, 3, STORE, WRITTEN_OFF)
    assert (await held(town), await held(town, of(town.teams[0]))) == (37, 10)
    places = {one.place: one.held for one in (await seen(town)).places}
    assert places[STORE] == {"water": 37}
    assert places[of(town.teams[0])] == {"water": 10}
    await town.is_sound()


async def test_more_than_there_is_cannot_be_issued_and_the_refusal_says_what_there_is(town: Town) -> None:
    await a_store(town)
    await moved(town, 5)
    with pytest.raises(Conflict) as refused:
        await moved(town, 6, STORE, of(town.teams[0]))
    assert refused.value.code == "not_enough"
    assert "5" in refused.value.zh
    assert await held(town) == 5


@pytest.mark.parametrize(
    ("from_place", "to_place", "field"),
    [
        (STORE, STORE, "to"),
        (PERSON, STORE, "from"),
        (DIFFERENCE, STORE, "from"),
        (WRITTEN_OFF, STORE, "from"),
        (STORE, SUPPLIER, "to"),
        (STORE, DIFFERENCE, "to"),
        (SUPPLIER, PERSON, "to"),
        ("store:nowhere", STORE, "from"),
        (SUPPLIER, "team:nobody", "to"),
        (SUPPLIER, "the moon", "to"),
    ],
)
async def test_what_makes_no_move_is_refused_by_the_field_that_is_wrong(
    town: Town, from_place: str, to_place: str, field: str
) -> None:
    await a_store(town)
    with pytest.raises(Invalid) as refused:
        await moved(town, 1, from_place, to_place)
    assert refused.value.extra["field"] == field


async def test_an_item_that_no_season_hands_out_is_refused_with_those_that_are_known(town: Town) -> None:
    await a_store(town)
    with pytest.raises(Invalid, match="棉被") as refused:
        await moved(town, 1, item="umbrella")
    assert refused.value.code == "no_such_item"


async def test_supplies_of_a_campaign_that_does_not_exist_are_refused(town: Town) -> None:
    await a_store(town)
    wanted = Wanted(item="water", amount=1, from_place=SUPPLIER, to_place=STORE, campaign_id=new_id())
    with pytest.raises(Invalid) as refused:
        await stock.move_stock(town.office, wanted, town.by(DISPATCHER))
    assert refused.value.code == "no_such_campaign"


async def test_a_shelter_that_nobody_may_know_of_keeps_no_stock(town: Town) -> None:
    place = await a_store(town, "F09", hidden=True)
    with pytest.raises(Invalid):
        await moved(town, 1, to_place=place)
    assert place not in {one.place for one in (await seen(town, LEADER)).places}


async def test_the_same_command_twice_moves_once(town: Town) -> None:
    await a_store(town)
    command_id = new_id()
    first, again = [await moved(town, 5, id_=command_id) for _ in range(2)]
    assert first == again
    assert await held(town) == 5


async def test_those_who_issue_at_once_never_share_out_the_same_thing_twice(town: Town) -> None:
    await a_store(town)
    await moved(town, 10)
    wishes = [moved(town, 4, STORE, of(team)) for team in town.teams for _ in range(3)]
    done = await asyncio.gather(*wishes, return_exceptions=True)
    assert sum(isinstance(one, Answer) for one in done) == 2
    assert all(isinstance(one, Answer | Conflict) for one in done)
    assert await held(town) == 2
    assert sum([await held(town, of(team)) for team in town.teams]) == 8
    await town.is_sound()


async def test_two_who_swap_at_once_do_not_wait_for_each_other(town: Town) -> None:
    await a_store(town)
    one, other = of(town.teams[0]), of(town.teams[1])
    await moved(town, 20, to_place=one)
    await moved(town, 20, to_place=other)
    await asyncio.gather(*(moved(town, 1, *way) for _ in range(5) for way in ((one, other), (other, one))))
    assert (await held(town, one), await held(town, other)) == (20, 20)


async def test_counting_puts_the_book_right_and_says_what_differed(town: Town) -> None:
    await a_store(town)
    await moved(town, 10)
    await counted(town, 7, note="纸箱破损")
    await counted(town, 7)
    await counted(town, 9)
    assert await held(town) == 9
    moves = [(row["from_place"], row["to_place"], row["amount"]) for row in await town.rows(tables.stock_moves)]
    assert sorted(moves[1:]) == [(DIFFERENCE, STORE, 2), (STORE, DIFFERENCE, 3)]
    said = [event.data for event in await town.events() if event.kind == "stock.counted"]
    assert [(one["held"], one["counted"]) for one in said] == [(10, 7), (7, 7), (7, 9)]
    assert "破损" not in str(said)
    async with town.office.db.connect() as tx:
        listed = await stock_levels.list_moves(tx, town.office, DISPATCHER, since=town.now - timedelta(days=1))
    assert "纸箱破损" in {one.note for one in listed}
    await town.is_sound()


async def test_a_handling_draws_from_the_stock_of_its_team(town: Town) -> None:
    case_id = await town.arrived()
    team = (await town.case(case_id)).team_id
    assert team is not None
    await moved(town, 5, to_place=of(team))
    await moved(town, 5, to_place=of(team), item="food")
    handling = stays(town.now)
    await town.handle(case_id, stays(town.now, people=handling.people * 2))
    assert (await held(town, of(team)), await held(town, of(team), "food")) == (3, 3)
    given_away = await town.rows(tables.stock_moves, cause="given")
    assert {(row["item"], row["amount"], row["case_id"]) for row in given_away} == {
        ("water", 2, case_id),
        ("food", 2, case_id),
    }
    assert (await seen(town)).short == []
    await town.is_sound()


async def test_what_an_empty_car_gives_is_given_and_shows_as_a_difference(town: Town) -> None:
    case_id = await town.arrived()
    team = (await town.case(case_id)).team_id
    assert team is not None
    await moved(town, 1, to_place=of(team))
    handling = stays(town.now)
    await town.handle(case_id, stays(town.now, people=handling.people * 3, supplies=("water", "food", "一双旧鞋")))
    assert (await town.case(case_id)).stage == "handled"
    assert await held(town, of(team)) == 0
    short = {(one.team_id, one.item): one.amount for one in (await seen(town)).short}
    assert short == {(team, "water"): 2, (team, "food"): 3}
    await town.is_sound()


async def test_a_handling_that_is_sent_twice_gives_once(town: Town) -> None:
    case_id = await town.arrived()
    team = (await town.case(case_id)).team_id
    assert team is not None
    await moved(town, 5, to_place=of(team))
    crew, command_id = await town.crew(case_id), new_id()
    first, again = [await stock_handle(town, case_id, town.by(crew, "case.handle", id_=command_id)) for _ in range(2)]
    assert first == again
    assert await held(town, of(team)) == 4


async def stock_handle(town: Town, case_id: UUID, command: Any) -> Answer:
    from backend.dispatch import field

    return await field.handle(town.office, case_id, stays(START), command)


async def test_a_desk_moves_what_lies_in_its_regions_and_a_crew_sees_what_it_has(town: Town) -> None:
    west, east = await a_store(town), await a_store(town, "F02", 121.7)
    await moved(town, 9, to_place=east, by=LEADER)
    of_the_west = somebody("dispatcher", regions=(WEST,))
    with pytest.raises(NotFound):
        await moved(town, 1, east, west, by=of_the_west)
    with pytest.raises(NotAllowed):
        await moved(town, 1, by=CHECKER)
    crew = officer(town.teams[0])
    with pytest.raises(NotAllowed):
        await moved(town, 1, by=crew)
    assert [one.place for one in (await seen(town, crew)).places] == [of(town.teams[0])]
    assert east not in {one.place for one in (await seen(town, of_the_west)).places}
    assert {one.place for one in (await seen(town, somebody("supervisor", regions=(EAST,)))).places} >= {east}


async def test_a_city_begins_with_its_stock_once(town: Town) -> None:
    await a_store(town)
    listed = [
        Wanted(item="water", amount=5, from_place=SUPPLIER, to_place=place) for place in (STORE, of(town.teams[0]))
    ]
    assert await stock.lay_in(town.office, listed, town.by(LEADER)) == 2
    assert await stock.lay_in(town.office, listed, town.by(LEADER)) == 0
    assert await held(town) == 5


def test_every_kind_of_supplies_has_a_name_in_both_languages() -> None:
    codes = stock_rules.item_codes(default_policy())
    assert codes
    assert set(codes) <= stock_rules.ITEM_NAMES.keys()


PLACES = ["store:A", "team:00000000-0000-0000-0000-000000000001", *OUTSIDE]
MOVES = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(PLACES), st.integers(1, 50), st.sampled_from(["water", "food"])),
    max_size=40,
)


def _row(from_place: str, to_place: str, amount: int, item: str) -> StockMove:
    return StockMove(
        id=new_id(), at=START, item=item, amount=amount, from_place=from_place, to_place=to_place, cause="moved", by="x"
    )


@given(MOVES)
def test_levels_are_the_sum_of_moves_in_whatever_order_and_nothing_is_lost_on_the_way(
    told: list[tuple[str, str, int, str]],
) -> None:
    moves = [_row(*one) for one in told if one[0] != one[1]]
    levels = stock_rules.levels(moves)
    assert levels == stock_rules.levels(reversed(moves))
    flow: Counter[str] = Counter()
    for move in moves:
        flow[move.item] += move.amount * ((move.from_place in OUTSIDE) - (move.to_place in OUTSIDE))
    for item in ("water", "food"):
        assert sum(n for (_, of_item), n in levels.items() if of_item == item) == flow[item]


@given(st.integers(0, 30), st.integers(1, 30))
def test_what_was_given_is_told_whole_and_never_takes_more_than_there_is(there: int, amount: int) -> None:
    parts = stock_rules.parts("team:x", amount, there)
    assert sum(part.amount for part in parts) == amount
    assert sum(part.amount for part in parts if part.from_place == "team:x") == min(there, amount)
    assert all(part.amount > 0 for part in parts)
