"""What happens when two do something in the same instant: real transactions on several connections."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from backend import db as tables
from backend.dispatch import desk, field, filing, offers, searching
from backend.dispatch.field import Arrival
from backend.dispatch.group_filing import Filing
from backend.dispatch.records import Offer
from backend.ids import new_id
from backend.patrol import duty
from backend.worker import Worker
from tests.dispatch.at_once import at_once
from tests.dispatch.builders import DISPATCHER, GRID_WORKER, LEADER, OPERATOR, SPOT, Town, east_of, officer, team
from tests.dispatch.test_filing import OLD_MAN

ROUNDS = 4


async def _offer(town: Town, case_id: UUID) -> Offer:
    offer = await town.live_offer(case_id)
    assert offer is not None
    return offer


@pytest.mark.invariant("I1")
async def test_two_phones_of_a_team_that_tap_accept_at_once_take_the_case_once(town: Town) -> None:
    for _ in range(ROUNDS):
        case_id = await town.offered()
        offer = await _offer(town, case_id)
        crew = [officer(offer.team_id, f"phone-{n}") for n in range(3)]
        done, refused = await at_once(
            *(offers.accept_offer(town.office, offer.id, town.by(one, id_=new_id())) for one in crew)
        )
        assert len(done) == 1
        assert {one.code for one in refused} <= {"offer_over", "wrong_stage"}
        assert (await town.kinds(case_id)).count("case.dispatched") == 1
        await desk.withdraw_team(town.office, case_id, "下一轮", town.by(DISPATCHER))
        await town.granted(case_id, "void")
    await town.is_sound()


@pytest.mark.invariant("I1")
async def test_two_dispatchers_cannot_give_one_team_two_cases(town: Town) -> None:
    for n in range(ROUNDS):
        first, second = await town.accepted(), await town.accepted(east_of(SPOT, 3000))
        chosen = town.teams[n % 3]
        done, refused = await at_once(
            desk.assign_team(town.office, first, chosen, "近", town.by(DISPATCHER)),
            desk.assign_team(town.office, second, chosen, "近", town.by(LEADER)),
        )
        assert [one.code for one in refused] == ["team_not_free"]
        assert len(done) == 1
        held = await town.rows(tables.cases, team_id=chosen)
        assert [row["id"] for row in held] == [done[0].case_id]
        for case_id in (first, second):
            await town.granted(case_id, "void")
    await town.is_sound()


@pytest.mark.invariant("I1")
async def test_two_dispatchers_who_send_different_teams_leave_one_team_with_the_case(town: Town) -> None:
    for _ in range(ROUNDS):
        case_id = await town.accepted()
        await at_once(*(desk.assign_team(town.office, case_id, one, "近", town.by(DISPATCHER)) for one in town.teams))
        case = await town.case(case_id)
        assert case.stage == "dispatched"
        assert len(await town.rows(tables.cases, stage="dispatched")) == 1
        await town.granted(case_id, "void")
    await town.is_sound()


@pytest.mark.invariant("I5")
async def test_an_offer_that_is_taken_as_it_lapses_ends_one_way_only(town: Town) -> None:
    for _ in range(ROUNDS):
        case_id = await town.offered()
        offer = await _offer(town, case_id)
        town.clock.set(offer.expires_at)
        await at_once(town.take(case_id), offers.lapse_offer(town.office, offer.id, town.by(OPERATOR)))
        (after,) = [one for one in await town.offers(case_id) if one.id == offer.id]
        stage = (await town.case(case_id)).stage
        assert (after.state, stage) in {("accepted", "dispatched"), ("lapsed", "accepted")}
        await town.granted(case_id, "void")
    await town.is_sound()


async def test_a_case_taken_back_as_it_is_taken_is_either_held_or_free(town: Town) -> None:
    for _ in range(ROUNDS):
        case_id = await town.offered()
        await at_once(town.take(case_id), desk.withdraw_team(town.office, case_id, "另派", town.by(DISPATCHER)))
        case = await town.case(case_id)
        assert (case.team_id is not None) is (case.stage == "dispatched")
        assert await town.live_offer(case_id) is None
        await town.granted(case_id, "void")
    await town.is_sound()


async def test_a_case_joined_as_it_is_dispatched_is_joined_and_its_team_is_free(town: Town) -> None:
    for _ in range(ROUNDS):
        case_id, into = await town.offered(), await town.filed(place=east_of(SPOT, 9000))
        done, refused = await at_once(
            town.take(case_id), desk.join_cases(town.office, case_id, into, "同一人", town.by(DISPATCHER))
        )
        case = await town.case(case_id)
        assert case.stage == "joined"
        assert case.team_id is None
        assert len(done) + len(refused) == 2
        assert not [one for one in await town.offers(case_id) if one.state == "offered"]
        await town.granted(into, "void")
    await town.is_sound()


async def test_two_cases_joined_into_each_other_at_once_leave_one_of_them_open(town: Town) -> None:
    for _ in range(ROUNDS):
        one, other = await town.filed(), await town.filed(place=east_of(SPOT, 9000))
        done, refused = await at_once(
            desk.join_cases(town.office, one, other, "同一人", town.by(DISPATCHER)),
            desk.join_cases(town.office, other, one, "同一人", town.by(LEADER)),
        )
        assert (len(done), len(refused)) == (1, 1)
        await town.granted(one if (await town.case(other)).stage == "joined" else other, "void")
    await town.is_sound()


@pytest.mark.invariant("I12")
async def test_a_team_that_goes_off_duty_as_it_is_chosen_has_either_no_offer_or_stays(town: Town) -> None:
    for _ in range(ROUNDS):
        case_id = await town.accepted()
        nearest = town.teams[0]
        await at_once(
            searching.search_case(town.office, town.worker.watch.roster, case_id, town.by(OPERATOR)),
            duty.set_duty(town.office, nearest, "off_duty", by=officer(nearest), now=town.now),
        )
        offer = await town.live_offer(case_id)
        (presence,) = await town.rows(tables.presence, team_id=nearest)
        assert presence["state"] == "on_duty" or offer is None or offer.team_id != nearest
        await town.granted(case_id, "void")
        await town.on_duty(nearest)
    await town.is_sound()


async def test_many_who_report_one_person_at_once_make_one_case(town: Town) -> None:
    filings = [Filing(town.office), Filing(town.office)]
    reports = [town.report(OPERATOR, east_of(SPOT, n), looks=OLD_MAN) for n in range(24)]
    receipts = await asyncio.gather(*(filings[n % 2].file(report) for n, report in enumerate(reports)))
    assert len({receipt.case_id for receipt in receipts}) == 1
    assert sum(not receipt.known for receipt in receipts) == 1
    assert (await town.case(receipts[0].case_id)).sighting_count == 24
    await town.is_sound()


async def test_one_report_sent_many_times_at_once_is_one_sighting(town: Town) -> None:
    filings = [Filing(town.office), Filing(town.office)]
    id_ = new_id()
    reports = [town.report(OPERATOR, id=id_) for _ in range(12)]
    receipts = await asyncio.gather(*(filings[n % 2].file(report) for n, report in enumerate(reports)))
    assert len({receipt.receipt for receipt in receipts}) == 1
    assert len(await town.rows(tables.sightings)) == 1


async def test_numbers_given_out_in_parallel_have_no_holes(town: Town) -> None:
    async def split() -> None:
        reports = [town.report(OPERATOR, east_of(SPOT, 400 * n), looks=OLD_MAN) for n in range(2)]
        await town.file(*reports)

    await asyncio.gather(*(town.filed(place=east_of(SPOT, 4000 + 900 * n)) for n in range(12)), split(), split())
    numbers = sorted(row["number"] for row in await town.rows(tables.cases))
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_a_filing_and_a_join_of_the_same_two_cases_never_wait_for_each_other(town: Town) -> None:
    """A filing holds cases in the order of its reports, a join in the order of ids."""
    first = await town.filed(looks=OLD_MAN)
    second = await town.filed(place=east_of(SPOT, 6000), looks=OLD_MAN)
    low, high = sorted([first, second])
    place_of = {first: SPOT, second: east_of(SPOT, 6000)}
    reports = [town.report(GRID_WORKER, place_of[case_id], looks=OLD_MAN) for case_id in (high, low)]
    async with town.office.db.connect() as busy:
        await busy.execute(text("SELECT FROM cases WHERE id = :id FOR UPDATE"), {"id": low})
        joining = asyncio.create_task(desk.join_cases(town.office, low, high, "并", town.by(DISPATCHER)))
        await _waiting(town, 1)
        filed = asyncio.create_task(filing.file_reports(town.office, reports))
        await _waiting(town, 2)
        await busy.rollback()
    await joining
    assert len(await filed) == 2
    await town.is_sound()


async def _holding_log(town: Town) -> AsyncConnection:
    """A connection that holds the log, so that others come as far as they can."""
    held = await town.office.db.connect()
    await held.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('log:210200', 0))"))
    return held


async def _waiting(town: Town, count: int) -> int:
    """Returns when so many wait for a lock: the process id of one of them."""
    query = text("SELECT count(*), min(pid) FROM pg_stat_activity "
                 "WHERE datname = current_database() AND wait_event_type = 'Lock'")  # fmt: skip
    async with asyncio.timeout(10), town.office.db.connect() as tx:
        while (found := (await tx.execute(query)).one())[0] < count:
            await asyncio.sleep(0.005)
            await tx.rollback()
    return int(found[1])


@pytest.mark.invariant("I6")
async def test_two_workers_at_once_do_everything_once(town: Town) -> None:
    for n in range(4):
        await town.add_team(team(n + 3))
    cases = [await town.accepted(east_of(SPOT, 500 * n)) for n in range(6)]
    waiting = await town.filed(place=east_of(SPOT, 20_000))
    workers = [Worker(town.office, town.clock) for _ in range(2)]
    for minutes in (0, 2, 2, 2, 30, 10, 10):
        town.clock.advance(minutes=minutes)
        await asyncio.gather(*(worker.turn() for worker in workers))
        await asyncio.gather(*(worker.turn() for worker in workers))

    for case_id in cases:
        held = await town.offers(case_id)
        assert len({(one.team_id, one.round) for one in held}) == len(held)
    for case_id in [*cases, waiting]:
        fired = [
            (e.kind, e.data["kind"], e.data["level"]) for e in await town.events(case_id) if e.kind[:6] == "clock."
        ]
        assert len(fired) == len(set(fired)), fired
        assert ("clock.missed", "accept" if case_id == waiting else "on_spot", 1) in [
            (kind, what, min(level, 1)) for kind, what, level in fired
        ]
    assert len(await town.rows(tables.circle_alarms)) <= 1
    await town.is_sound()


@pytest.mark.invariant("I6")
async def test_what_a_killed_worker_had_begun_is_done_once_by_another(town: Town) -> None:
    case_id = await town.accepted()
    held = await _holding_log(town)
    dying = asyncio.create_task(town.worker.turn())
    victim = await _waiting(town, 1)
    with capture_logs():
        await held.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": victim})
        await held.rollback()
        await held.close()
        await dying

    assert await town.offers(case_id) == []
    assert await town.rows(tables.decisions) == []
    await Worker(town.office, town.clock).turn()
    assert [one.state for one in await town.offers(case_id)] == ["offered"]
    assert len(await town.rows(tables.decisions)) == 1
    assert len(await town.notices("offer.made")) == 1
    await town.is_sound()


@pytest.mark.invariant("I6")
async def test_a_worker_that_is_cancelled_in_its_turn_leaves_nothing_half_done(town: Town) -> None:
    case_id = await town.accepted()
    held = await _holding_log(town)
    dying = asyncio.create_task(town.worker.turn())
    await _waiting(town, 1)
    dying.cancel()
    await held.rollback()
    await held.close()
    with pytest.raises(asyncio.CancelledError):
        await dying

    assert await town.offers(case_id) == []
    await Worker(town.office, town.clock).turn()
    assert len(await town.offers(case_id)) == 1


@pytest.mark.invariant("I8")
async def test_a_command_sent_twice_at_once_has_one_effect_and_one_answer(town: Town) -> None:
    case_id = await town.offered()
    offer = await _offer(town, case_id)
    crew, id_ = officer(offer.team_id), new_id()
    done, _ = await at_once(
        *(offers.accept_offer(town.office, offer.id, town.by(crew, "offer.accept", id_=id_)) for _ in range(4))
    )
    assert len(done) == 4
    assert len({answer.seq for answer in done}) == 1
    assert (await town.kinds(case_id)).count("case.dispatched") == 1

    arrivals, _ = await at_once(
        *(
            field.arrive(town.office, case_id, Arrival(place=SPOT), town.by(crew, "case.arrive", id_=_same))
            for _same in [new_id()] * 3
        )
    )
    assert len({answer.seq for answer in arrivals}) == 1
    assert len(await town.rows(tables.handlings)) == 1


@pytest.mark.invariant("I8")
async def test_one_id_with_two_wishes_at_once_serves_one_and_refuses_the_other(town: Town) -> None:
    first, second = await town.filed(), await town.filed(place=east_of(SPOT, 9000))
    id_ = new_id()
    done, refused = await at_once(
        desk.accept_case(town.office, first, town.by(DISPATCHER, "case.accept", id_=id_, args={"about": str(first)})),
        desk.accept_case(town.office, second, town.by(DISPATCHER, "case.accept", id_=id_, args={"about": str(second)})),
    )
    assert len(done) == 1
    assert [one.code for one in refused] == ["command_id_reused"]


async def test_a_team_whose_position_is_being_written_is_still_the_nearest(town: Town) -> None:
    """Fixes come every few seconds: while one is written its team is no less free."""
    case_id = await town.accepted()
    async with town.office.db.connect() as phone:
        await phone.execute(text("UPDATE presence SET heading_deg = 90 WHERE team_id = :team"), {"team": town.teams[0]})
        await town.worker.turn()
        await phone.rollback()
    assert (await _offer(town, case_id)).team_id == town.teams[0]
