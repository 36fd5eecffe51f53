"""People are counted so that nobody can be told from the numbers."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import product

import hypothesis.strategies as st
import pytest
from hypothesis import given

from backend.errors import Invalid, NotAllowed
from backend.referral.people import sameness
from backend.referral.privacy.counting import districts, months_asked, statistics_for, statistics_of
from backend.referral.privacy.statistics import (
    FEW,
    HELD_BACK,
    LEAST,
    Act,
    Cell,
    Traits,
    alone,
    breakdown,
    counted,
    ground_of,
    part,
)
from backend.referral.privacy.statistics_sheet import as_csv
from backend.referral.station import stays
from backend.referral.station.stay import Leaving
from tests.dispatch.builders import EAST, WEST, Town, somebody
from tests.referral.homes import ILL, WELL, goes_home
from tests.referral.people import KEEPER, a_house, comes_in, staff

NUMBERS = st.lists(st.integers(0, 14), min_size=2, max_size=7).map(
    lambda found: {str(n): v for n, v in enumerate(found)}
)


def could_be(told: Mapping[str, Cell], total: int) -> dict[str, set[int]]:
    """What each cell can be for one who knows the total and what the signs mean: every way to fill them is tried."""
    marked = {*told.values()} & {FEW}
    ways = {
        name: [cell] if isinstance(cell, int) else [v for v in range(total + 1) if _fits(cell, v, bool(marked))]
        for name, cell in told.items()
    }
    found: dict[str, set[int]] = {}
    for name in told:
        sums = {0}
        for other in told:
            if other != name:
                sums = {s + v for s in sums for v in ways[other] if s + v <= total}
        found[name] = {v for v in ways[name] if total - v in sums}
    return found


def _fits(cell: Cell, value: int, marked: bool) -> bool:
    return 0 < value < LEAST if cell == FEW else value >= LEAST or not marked


@given(NUMBERS)
def test_no_number_below_five_can_be_computed_from_a_total_and_the_others(numbers: dict[str, int]) -> None:
    total, told = sum(numbers.values()), breakdown(numbers)
    assert all(cell == numbers[name] for name, cell in told.items() if isinstance(cell, int))
    if alone(total) == FEW:
        assert set(told.values()) == {HELD_BACK}
        return
    possible = could_be(told, total)
    for name, number in numbers.items():
        assert number in possible[name], "what is told is true"
        if 0 < number < LEAST:
            assert len(possible[name]) > 1, told


@given(st.integers(0, 40).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_nor_from_how_many_of_a_rows_people_it_is(of: tuple[int, int]) -> None:
    number, total = of
    for told in (part, ground_of):
        cell = told(number, total)
        assert cell not in range(1, LEAST)
        if alone(total) == FEW:
            assert cell == HELD_BACK
    same = [n for n in range(total + 1) if ground_of(n, total) == ground_of(number, total)]
    if number and not isinstance(ground_of(number, total), int):
        assert len(same) > 1 or total < LEAST
    elif number:
        assert total - number >= LEAST, "of nobody it is known that they have what all have"


@pytest.mark.parametrize(("cells", "most"), [(3, 24), (4, 16)])
def test_nor_by_one_who_knows_the_rules(cells: int, most: int) -> None:
    """Every breakdown there can be: what is told is told of others as well, in which a small number is another."""
    of: dict[tuple[Cell, ...], list[set[int]]] = {}
    for numbers in product(range(most + 1), repeat=cells):
        if sum(numbers) <= most:
            told = (alone(sum(numbers)), *breakdown({str(n): v for n, v in enumerate(numbers)}).values())
            for possible, number in zip(of.setdefault(told, [set() for _ in numbers]), numbers, strict=True):
                possible.add(number)
    exact = {number for those in of.values() for possible in those if len(possible) == 1 for number in possible}
    assert not exact & set(range(1, LEAST))


def test_another_is_held_back_where_a_small_one_would_be_the_difference() -> None:
    assert breakdown({"male": 20, "female": 3, "unknown": 0}) == {"male": "*", "female": "<5", "unknown": 0}
    assert breakdown({"home": 20, "hospital": 9, "death": 1}) == {"home": 20, "hospital": "*", "death": "<5"}
    assert breakdown({"home": 20, "hospital": 3, "death": 2}) == {"home": "*", "hospital": "<5", "death": "<5"}
    assert breakdown({"home": 20, "hospital": 5, "death": 1}) == dict.fromkeys(("home", "hospital", "death"), "*")
    assert breakdown({"male": 4, "female": 3}) == {"male": "*", "female": "*"}
    assert breakdown({"male": 20, "female": 9}) == {"male": 20, "female": 9}


def test_a_person_is_counted_once_in_a_cell_and_as_helped_again_within_the_year() -> None:
    def of(n: int, month: str, occasion: str, what: str = "taken_in", district: str = WEST) -> Act:
        at = datetime(int(month[:4]), int(month[5:]), 1 + n, tzinfo=UTC)
        return Act(what, at, month, district, bytes([n]), occasion)  # type: ignore[arg-type]

    first = [of(n, "2016-01", f"a{n}") for n in range(8)]
    acts = [*first, *first, *(of(n, "2016-03", f"b{n}", district=EAST) for n in range(6))]
    acts += [of(n, "2017-01", f"c{n}") for n in range(6)]
    traits = {bytes([n]): Traits("male", "old", frozenset()) for n in range(8)}
    found = counted(acts, traits, ["2016-01", "2016-03", "2017-01"], [EAST, WEST])
    told = {(row.month, row.district): (row.people, row.taken_in, row.again) for row in found}
    assert told[("2016-01", WEST)] == (8, 8, 0)
    assert told[("2016-03", EAST)] == (6, 6, 6), "before in another district"
    assert told[("2017-01", WEST)] == (6, 6, 0), "another year, another pseudonym"
    assert told[("2016-03", WEST)] == (0, 0, 0)


def test_only_months_that_are_over_are_counted() -> None:
    today = date(2016, 9, 19)
    assert months_asked(None, None, today)[::11] == ["2015-09", "2016-08"]
    assert months_asked("2015-12", "2016-01", today) == ["2015-12", "2016-01"]
    for since, until in (("2016-01", "2016-09"), ("2016-03", "2016-02"), ("2010-01", "2016-01"), ("2016-1", None)):
        with pytest.raises(Invalid):
            months_asked(since, until, today)


async def test_the_people_of_a_town_under_all_their_records_for_those_whose_district_it_is(town: Town) -> None:
    house = await a_house(town, capacity=30)
    people = [await goes_home(town, house, ILL if n < 3 else WELL) for n in range(12)]
    stay = (await comes_in(town, house, WELL)).stay_id
    assert stay
    await stays.let_leave(
        town.office, stay, Leaving(how="left_by_self", declaration_signed=True), town.by(staff(house))
    )
    await sameness.merge_people(town.office, people[3], people[4], town.by(KEEPER))
    month = f"{town.now.astimezone(town.office.city.zone):%Y-%m}"
    town.clock.advance(days=40)
    east = somebody("shift_leader", regions=(EAST,), id_="east")
    async with town.office.db.connect() as tx:
        told = await statistics_of(tx, town.office, districts(town.office), since=month, until=month, now=town.now)
        theirs = await statistics_for(tx, town.office, east, since=month, until=month, now=town.now)
        with pytest.raises(NotAllowed):
            await statistics_for(tx, town.office, staff(house), since=month, until=month, now=town.now)
    by = {row.district: row for row in told.rows}
    west = by[WEST]
    assert (west.people, west.registered, west.taken_in, west.left) == (12, 12, 12, 12)
    assert west.again == FEW, "once under each of two records"
    assert (west.by_how["home"], west.by_how["left_by_self"], west.by_how["death"]) == (HELD_BACK, FEW, 0)
    assert (west.by_sex["male"], west.by_ground["mental_illness"]) == (12, FEW)
    assert by[EAST].people == 0
    assert {row.district for row in theirs.rows} == {EAST}
    assert f"{month},{WEST},西岗区,12,12,12,0,<5,12," in as_csv(told)
