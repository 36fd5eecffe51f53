"""Joining 并案 and splitting 拆案: reversible, and every reporter keeps an answer of their own."""

from datetime import datetime
from uuid import UUID

import pytest

from backend import db as tables
from backend.access.actor import PUBLIC
from backend.dispatch import desk
from backend.dispatch.filing import Receipt
from backend.errors import Conflict, Invalid
from backend.ids import new_id
from tests.dispatch.builders import CITY, DISPATCHER, GRID_WORKER, PARTNER, SPOT, Town, east_of
from tests.dispatch.test_filing import OLD_MAN


async def _reported(town: Town, metres: float = 0.0, **changes: object) -> Receipt:
    """A case of its own at so many kilometres, by the public."""
    (receipt,) = await town.file(town.report(PUBLIC, east_of(SPOT, metres), **changes))
    return receipt


async def _join(town: Town, one: UUID, into: UUID) -> None:
    await desk.join_cases(town.office, one, into, "同一人", town.by(DISPATCHER))


async def _unjoin(town: Town, one: UUID) -> None:
    await desk.unjoin_case(town.office, one, town.by(DISPATCHER))


async def _sightings(town: Town, case_id: UUID) -> set[UUID]:
    return {row["sighting_id"] for row in await town.rows(tables.case_sightings, case_id=case_id, left_at=None)}


async def test_a_joined_cases_reporters_read_how_the_other_case_goes_on(town: Town) -> None:
    first, second = await _reported(town), await _reported(town, 5000)
    await _join(town, first.case_id, second.case_id)
    await desk.accept_case(town.office, second.case_id, town.by(DISPATCHER))
    await town.worker.turn()
    await town.take(second.case_id)
    assert [await town.status(one.receipt) for one in (first, second)] == ["on_the_way", "on_the_way"]


async def test_a_refused_case_answers_every_reporter_with_the_reason(town: Town) -> None:
    first, second = await _reported(town), await _reported(town, 5000)
    await _join(town, first.case_id, second.case_id)
    await desk.refuse_case(town.office, second.case_id, "prank", None, town.by(DISPATCHER))
    assert [await town.status(one.receipt) for one in (first, second)] == ["refused", "refused"]


async def test_joining_adds_up_what_is_known_and_keeps_the_higher_danger(town: Town) -> None:
    grave = await _reported(town, dangers=["injury"], people_count=3)
    other = await _reported(town, 5000, dangers=["minor"])
    await _join(town, grave.case_id, other.case_id)
    case = await town.case(other.case_id)
    assert (case.sighting_count, case.priority, case.people_count) == (2, "critical", 3)
    assert case.dangers == ["injury", "minor"]
    joined = await town.case(grave.case_id)
    assert (joined.stage, joined.joined_into, joined.closed_at) == ("joined", case.id, town.now)
    assert await _sightings(town, grave.case_id) == set()
    await town.is_sound()


async def test_a_join_undone_gives_back_what_there_was(town: Town) -> None:
    first, second = await _reported(town), await _reported(town, 5000)
    before = (await _sightings(town, first.case_id), await _sightings(town, second.case_id))
    for _ in range(2):
        await _join(town, first.case_id, second.case_id)
        await _unjoin(town, first.case_id)
    assert (await _sightings(town, first.case_id), await _sightings(town, second.case_id)) == before
    case, other = await town.case(first.case_id), await town.case(second.case_id)
    assert (case.stage, case.joined_into, case.closed_at, case.sighting_count) == ("accepted", None, None, 1)
    assert (other.stage, other.sighting_count) == ("discovered", 1)
    assert [await town.status(one.receipt) for one in (first, second)] == ["accepted", "received"]
    await town.is_sound()


async def test_joins_of_joins_are_undone_in_turn(town: Town) -> None:
    """A into B, B into C, then back: each case has its own sightings again."""
    a, b, c = [await _reported(town, 4000 * n) for n in range(3)]
    own = [await _sightings(town, one.case_id) for one in (a, b, c)]
    await _join(town, a.case_id, b.case_id)
    await _join(town, b.case_id, c.case_id)
    assert await _sightings(town, c.case_id) == set.union(*own)
    await _unjoin(town, b.case_id)
    assert await _sightings(town, b.case_id) == own[0] | own[1]
    await _unjoin(town, a.case_id)
    assert [await _sightings(town, one.case_id) for one in (a, b, c)] == own
    assert [(await town.case(one.case_id)).sighting_count for one in (a, b, c)] == [1, 1, 1]
    await town.is_sound()


async def test_a_join_cannot_be_undone_while_its_sightings_have_gone_on_to_a_third_case(town: Town) -> None:
    """Else the case would live again with nobody's report in it."""
    a, b, c = [await _reported(town, 4000 * n) for n in range(3)]
    await _join(town, a.case_id, b.case_id)
    await _join(town, b.case_id, c.case_id)
    with pytest.raises(Conflict) as refused:
        await _unjoin(town, a.case_id)
    assert refused.value.code == "joined_on"
    assert (await town.case(a.case_id)).stage == "joined"
    assert await town.status(a.receipt) == "received"


async def test_a_report_that_came_after_the_join_stays_where_it_came(town: Town) -> None:
    first = await _reported(town)
    second = await _reported(town, 5000, looks=OLD_MAN)
    await _join(town, first.case_id, second.case_id)
    third = await _reported(town, 5000, looks=OLD_MAN)
    assert third.case_id == second.case_id
    await _unjoin(town, first.case_id)
    assert len(await _sightings(town, second.case_id)) == 2
    assert (await town.case(second.case_id)).sighting_count == 2
    await town.is_sound()


async def test_some_sightings_split_off_become_a_case_that_is_searched_for(town: Town) -> None:
    first = await _reported(town, looks=OLD_MAN)
    second = await _reported(town, 5, looks=OLD_MAN)
    assert second.case_id == first.case_id
    answer = await desk.split_case(town.office, first.case_id, [second.sighting_id], "是另一人", town.by(DISPATCHER))
    (fresh,) = [row["id"] for row in await town.rows(tables.cases) if row["id"] != first.case_id]
    assert answer.case_id == fresh
    assert await _sightings(town, fresh) == {second.sighting_id}
    assert await _sightings(town, first.case_id) == {first.sighting_id}
    case = await town.case(fresh)
    assert (case.stage, case.number, case.sighting_count) == ("accepted", 2016091900002, 1)
    assert [await town.status(one.receipt) for one in (first, second)] == ["received", "accepted"]
    await town.worker.turn()
    assert await town.live_offer(fresh) is not None
    await _join(town, fresh, first.case_id)
    assert await _sightings(town, first.case_id) == {first.sighting_id, second.sighting_id}
    assert (await town.case(first.case_id)).sighting_count == 2
    await town.is_sound()


@pytest.mark.parametrize("which", ["none", "all", "foreign"])
async def test_a_split_takes_some_of_the_cases_own_sightings(town: Town, which: str) -> None:
    first, other = await _reported(town, looks=OLD_MAN), await _reported(town, 9000)
    await _reported(town, 5, looks=OLD_MAN)
    chosen = {"none": [], "all": list(await _sightings(town, first.case_id)), "foreign": [other.sighting_id]}[which]
    with pytest.raises(Invalid):
        await desk.split_case(town.office, first.case_id, chosen, "另一人", town.by(DISPATCHER))


async def test_nothing_is_joined_into_itself_or_into_a_closed_case(town: Town) -> None:
    open_, closed = await town.filed(), await town.refused(east_of(SPOT, 5000))
    with pytest.raises(Invalid):
        await _join(town, open_, open_)
    with pytest.raises(Conflict):
        await _join(town, open_, closed)


async def test_joining_settles_the_suggestion_that_led_to_it(town: Town) -> None:
    first, second = await town.accepted(), await town.accepted(east_of(SPOT, 10))
    await _join(town, second, first)
    (suggested,) = await town.rows(tables.suggestions)
    assert suggested["state"] == "joined"
    await _unjoin(town, second)
    (suggested,) = await town.rows(tables.suggestions)
    assert suggested["state"] == "open"
    await town.is_sound()


async def test_a_partner_hears_of_the_case_its_sighting_is_in_and_of_no_other(town: Town) -> None:
    await _partner_listens(town)
    (mine,) = await town.file(town.report(PARTNER))
    (other,) = await town.file(town.report(GRID_WORKER, east_of(SPOT, 5000)))
    await _join(town, mine.case_id, other.case_id)
    await town.worker.turn()
    await town.take(other.case_id)
    await _unjoin(town, mine.case_id)
    await town.arrive(other.case_id)
    told = [(one["case_id"], one["kind"]) for one in await town.notices() if one["way"] == "webhook"]
    assert told == [
        (mine.case_id, "case.accepted"),
        (mine.case_id, "case.joined"),
        (other.case_id, "case.dispatched"),
        (mine.case_id, "case.unjoined"),
    ]


async def _partner_listens(town: Town, since: datetime | None = None) -> None:
    await town.run(
        "INSERT INTO api_keys (city_id, id, partner, key_hash, roles, regions, webhook_url, created_at) "
        "VALUES (:city, :id, '110', '\\x00', '{partner}', '{}', 'https://partner.example/hook', :at)",
        city=CITY, id=new_id(), at=since or town.now,
    )  # fmt: skip
