"""受助人员统计 How many people were helped, by month and district, so that nobody can be told from the numbers. Pure.

Begin at `counted`. A person is a pseudonym here, another one each year. Fewer than `LEAST` people are not told (`"<5"`); where the
others of a breakdown would give such a number away, another is held back as well (`"*"`). That nobody is in a cell tells
of nobody: 0 is told.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, get_args

from msgspec import Struct

from backend.intake.looks import AgeBand, Sex
from backend.referral.people.person import Vulnerability
from backend.referral.station.deadlines import How

LEAST: Final = 5
FEW: Final = "<5"
HELD_BACK: Final = "*"
Hidden = Literal["<5", "*"]
"""Fewer than five; held back because of others."""
Cell = int | Hidden
What = Literal["registered", "met", "taken_in", "referred", "left"]
MEASURES: Final[tuple[What, ...]] = ("registered", "taken_in", "referred")


class Act(NamedTuple):
    """Something done for somebody. who: a pseudonym. month: `2016-09`. occasion: what it was part of, where it counts as help of its
    own: a case, a stay with those that go on from it."""

    what: What
    at: datetime
    month: str
    district: str
    who: bytes
    occasion: str | None = None
    how: How | None = None


class Traits(NamedTuple):
    """What is told of somebody under all their records."""

    sex: Sex
    age_band: AgeBand
    grounds: frozenset[Vulnerability]


class PeopleRow(Struct, frozen=True, kw_only=True):
    """One month in one district. people: who was met, registered, taken in or referred; by_sex and by_age add up to it. again: of
    them, who had been helped before in that year, anywhere. left: by_how, the last way of each, adds up to it. by_ground: of people."""

    month: str
    district: str
    people: Cell
    registered: Cell
    taken_in: Cell
    referred: Cell
    again: Cell
    left: Cell
    by_how: dict[str, Cell]
    by_sex: dict[str, Cell]
    by_age: dict[str, Cell]
    by_ground: dict[str, Cell]


class PeopleStatistics(Struct, frozen=True, kw_only=True):
    """since, until: the first and the last month. least: smaller numbers are not told. names: of the districts, by code; the city's
    own code stands for what lies in none."""

    since: str
    until: str
    least: int
    names: dict[str, str]
    rows: list[PeopleRow]


def counted(
    acts: Sequence[Act], traits: Mapping[bytes, Traits], months: Sequence[str], districts: Sequence[str]
) -> list[PeopleRow]:
    """A row for each month and district. acts: from the beginning of the first month's year, for `again`."""
    of: dict[tuple[str, str], list[Act]] = {}
    for act in acts:
        of.setdefault((act.month, act.district), []).append(act)
    rows = []
    for month in months:
        before = _more_than_once(acts, month)
        rows += [_row(month, district, of.get((month, district), ()), traits, before) for district in districts]
    return rows


def _more_than_once(acts: Iterable[Act], month: str) -> set[bytes]:
    """Who was helped more than once from the beginning of the year to the end of the month."""
    occasions: dict[bytes, set[str]] = {}
    for act in acts:
        if act.occasion is not None and act.month[:4] == month[:4] and act.month <= month:
            occasions.setdefault(act.who, set()).add(act.occasion)
    return {who for who, those in occasions.items() if len(those) > 1}


def _row(
    month: str, district: str, acts: Sequence[Act], traits: Mapping[bytes, Traits], often: Collection[bytes]
) -> PeopleRow:
    people = {act.who for act in acts if act.what != "left"}
    last = {act.who: act.how for act in sorted(acts, key=lambda act: act.at) if act.what == "left"}
    told = len(people)
    measures = {what: len({act.who for act in acts if act.what == what}) for what in MEASURES}
    known = [traits[who] for who in people]
    grounds = {ground: sum(ground in one.grounds for one in known) for ground in get_args(Vulnerability)}
    return PeopleRow(
        month=month,
        district=district,
        people=alone(told),
        **{what: part(number, told) for what, number in measures.items()},
        again=part(len(people.intersection(often)), told),
        left=alone(len(last)),
        by_how=breakdown(_tally(get_args(How), last.values())),
        by_sex=breakdown(_tally(get_args(Sex), (one.sex for one in known))),
        by_age=breakdown(_tally(get_args(AgeBand), (one.age_band for one in known))),
        by_ground={ground: ground_of(number, told) for ground, number in grounds.items()},
    )


def _tally(names: Iterable[str], found: Iterable[str | None]) -> dict[str, int]:
    numbers = dict.fromkeys(names, 0)
    for name in found:
        if name is not None:
            numbers[name] += 1
    return numbers


# --- what is told of a number ---------------------------------------------------------------------------------------------


def alone(number: int) -> Cell:
    """A number that nothing told adds up to."""
    return FEW if 0 < number < LEAST else number


def part(number: int, total: int) -> Cell:
    """Some of the people of a row: nothing of them is told where the row's number is not."""
    return HELD_BACK if 0 < total < LEAST else alone(number)


def ground_of(number: int, total: int) -> Cell:
    """Those in whom a vulnerability was noted. Nor is told that all have it, or all but a few: it would be known of each."""
    if number == 0 and (total == 0 or total >= LEAST):
        return 0
    if total < 2 * LEAST:
        return HELD_BACK
    return FEW if number < LEAST else HELD_BACK if total - number < LEAST else number


def breakdown(numbers: Mapping[str, int]) -> dict[str, Cell]:
    """The parts of a total that is told: none below five can be computed, not even by one who knows these rules.

    The last of the others is held back with them, whatever its number: the smallest would tell how large it can be. Where what is
    not told is as small as it can be, or nothing else is there to hold back, no part is told. Nor of a total below five.
    """
    few = [name for name, number in numbers.items() if 0 < number < LEAST]
    others = [name for name, number in numbers.items() if number >= LEAST]
    if few and (not others or sum(numbers[name] for name in (*few, others[-1])) == len(few) + LEAST):
        return dict.fromkeys(numbers, HELD_BACK)
    if not few:
        return dict(numbers)
    held: dict[str, Cell] = {**dict.fromkeys(few, FEW), others[-1]: HELD_BACK}
    return {name: held.get(name, number) for name, number in numbers.items()}
