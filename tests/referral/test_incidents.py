"""Reported at once: through every level, with a clock; nobody who has not acknowledged is ever forgotten."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.clock import ManualClock
from backend.dispatch import desk, proof, verification
from backend.dispatch import field as spot
from backend.dispatch.protection import Handling, HandOver, PersonMet
from backend.errors import Conflict, Invalid, NotAllowed, NotFound, Refused
from backend.ids import new_id
from backend.notify import outbox
from backend.referral.incidents import reading, reporting
from backend.referral.incidents.born import by_visit
from backend.referral.incidents.form import IncidentForm
from backend.referral.incidents.reporting import About
from tests.conftest import START
from tests.dispatch import builders
from tests.dispatch.builders import (
    CHECKER,
    DISPATCHER,
    EAST,
    LEADER,
    SPOT,
    SUPERVISOR,
    Town,
    east_of,
    officer,
    somebody,
)
from tests.referral.incidents import (
    CHIEF,
    DISTRICT,
    HEAD,
    LEVELS,
    WHOLE_CITY,
    a_form,
    every,
    one,
    passes,
    raised,
    told,
    with_levels,
)

pytestmark = pytest.mark.usefixtures("cheap_passwords")
_EVERYTHING = ", ".join(table.name for table in tables.metadata.sorted_tables)


def _a_death(town: Town, **changes: Any) -> Handling:
    """The record of a crew that found somebody dead."""
    values: dict[str, Any] = {
        "outcome": "to_hospital", "handled_at": town.now, "people": (PersonMet(sex="male", age_band="old"),),
        "medical_called_at": town.now, "station_told_at": town.now, "hand_over": HandOver(facility="中心医院", receiver="急诊"),
        "incident": "death", "note": "到场时已无呼吸", "police_told_at": town.now, "police_told_by": "李队",
    }  # fmt: skip
    return Handling(**{**values, **changes})


async def _recorded(town: Town, handling: Handling) -> Any:
    case_id = await town.arrived()
    command = town.by(await town.crew(case_id), "case.handle")
    await spot.handle(town.office, case_id, handling, command, by_visit)
    return case_id


async def test_a_record_of_a_death_goes_up_every_level_in_the_same_moment_with_what_it_says(town: Town) -> None:
    await with_levels(town)
    case_id = await _recorded(town, _a_death(town))
    (death,) = await every(town)
    assert (death.kind, death.cause, death.case_id, death.owes) == ("death", "handling", case_id, "report")
    assert [(one.role, one.state) for one in await told(town, death.id)] == [
        ("shift_leader", "waiting"), ("supervisor", "waiting"), ("civil_affairs", "waiting"), ("civil_affairs", "waiting")
    ]  # fmt: skip
    assert [one["to"].rpartition(":")[2] for one in await town.notices("incident.raised")] == [builders.WEST] * 3 + [
        builders.CITY
    ]
    whole = await reading.one_incident(town.office, death.id, by=HEAD, now=town.now)
    assert whole.form.what == "到场时已无呼吸"
    assert {one.field for one in whole.missing} == {"place", "who", "measures", "family_told_at"} - (
        {"place"} if whole.form.place else set()
    )
    assert "无呼吸" not in str([event.data for event in await town.events()])
    await town.is_sound()


async def test_suspicions_go_up_each_once_and_a_record_after_rework_raises_nothing_anew(town: Town) -> None:
    hurt = PersonMet(sex="female", age_band="adult", suspicions=("abuse", "trafficking", "domestic_violence"))
    handling = _a_death(town, people=(hurt,), incident=None)
    case_id = await town.arrived()
    crew = await town.crew(case_id)
    assert crew.team_id is not None
    await spot.handle(town.office, case_id, handling, town.by(crew, "case.handle"), by_visit)
    assert [one.kind for one in await every(town)] == ["abuse", "trafficking", "violence"]
    assert len({one.number for one in await every(town)}) == 3
    await verification.send_back(town.office, case_id, "补充照片", town.by(CHECKER))
    await desk.assign_team(town.office, case_id, crew.team_id, "返工", town.by(DISPATCHER))
    await town.arrive(case_id)
    await spot.handle(town.office, case_id, handling, town.by(crew, "case.handle"), by_visit)
    assert len(await every(town)) == 3
    await town.is_sound()


@pytest.mark.invariant("I14")
async def test_who_does_not_acknowledge_is_told_again_and_again_and_so_is_the_level_above(town: Town) -> None:
    await with_levels(town)
    id_ = await raised(town, DISPATCHER, about=About(place=SPOT))
    await passes(town, minutes=4)
    assert await town.notices("incident.escalated") == []
    await passes(town, minutes=1, seconds=1)
    (event,) = [event for event in await town.events() if event.kind == "incident.escalated"]
    assert (event.data["silent"], event.data["alarm"]) == (["shift_leader"], "not_acknowledged")
    assert {one["to"] for one in await town.notices("incident.escalated")} == {
        f"role:shift_leader:{builders.WEST}", f"role:supervisor:{builders.WEST}"
    }  # fmt: skip
    for who in (HEAD, CHIEF, DISTRICT):
        await reporting.acknowledge(town.office, id_, town.by(who))
    before = len(await town.notices("incident.escalated"))
    await passes(town, minutes=60)
    for _ in range(3):
        await passes(town, minutes=10)
    again = (await town.notices("incident.escalated"))[before:]
    assert {one["to"] for one in again} == {f"role:civil_affairs:{builders.CITY}"}
    assert len(again) >= 4, "until somebody of the city acknowledges, for ever"
    await reporting.acknowledge(town.office, id_, town.by(WHOLE_CITY))
    settled = len(await town.notices("incident.escalated"))
    await passes(town, minutes=60)
    assert len(await town.notices("incident.escalated")) == settled
    await town.is_sound()


@pytest.mark.invariant("I4")
async def test_a_notice_to_a_level_that_has_acknowledged_meanwhile_is_not_sent(town: Town) -> None:
    await with_levels(town)
    id_ = await raised(town, DISPATCHER, about=About(place=SPOT))
    await reporting.acknowledge(town.office, id_, town.by(HEAD))
    async with town.office.db.begin() as tx:
        (due, *_) = await outbox.due_notices(tx, town.office, town.now)
        first = await outbox.take(tx, town.office, due)
        assert first is not None
        assert await outbox.still_wanted(tx, town.office, [first]) == set()


async def test_a_level_where_nobody_has_the_role_is_passed_over_and_where_that_is_all_the_highest_waits(
    town: Town,
) -> None:
    await with_levels(town, HEAD, WHOLE_CITY)
    some = await told(town, await raised(town, DISPATCHER, about=About(place=SPOT)))
    assert [one.state for one in some] == ["waiting", "absent", "absent", "waiting"]
    (event,) = [event for event in await town.events() if event.kind == "incident.raised"]
    assert event.data["absent"] == ["supervisor", "civil_affairs"]
    await town.run("UPDATE accounts SET active = false")
    none = await told(town, await raised(town, DISPATCHER, about=About(place=SPOT)))
    assert [one.state for one in none] == ["absent", "absent", "absent", "waiting"]


async def test_only_who_is_told_acknowledges_and_once(town: Town) -> None:
    await with_levels(town)
    id_ = await raised(town, DISPATCHER, about=About(place=SPOT))
    elsewhere = somebody("shift_leader", regions=(EAST,), id_="elsewhere")
    with pytest.raises(NotFound):
        await reporting.acknowledge(town.office, id_, town.by(elsewhere))
    with pytest.raises(NotAllowed):
        await reporting.acknowledge(town.office, id_, town.by(DISPATCHER))
    await reporting.acknowledge(town.office, id_, town.by(HEAD))
    with pytest.raises(Conflict) as refused:
        await reporting.acknowledge(town.office, id_, town.by(HEAD))
    assert refused.value.code == "acknowledged"
    mine = await told(town, await raised(town, HEAD, about=About(place=SPOT)))
    assert (mine[0].state, mine[0].acknowledged_by) == ("acknowledged", "head"), "who raises it knows of it"


async def test_the_report_is_owed_and_asked_for_until_it_is_whole_and_then_a_follow_up_each_day(town: Town) -> None:
    await with_levels(town)
    case_id = await _recorded(town, _a_death(town))
    (death,) = await every(town)
    crew = officer(death.teams[0])
    await passes(town, minutes=31)
    owed = [event.data for event in await town.events() if event.kind == "incident.owed"]
    assert [(one["owes"], one["misses"], one["told"]) for one in owed] == [("report", 1, ["shift_leader"])]
    assert f"team:{crew.team_id}" in {one["to"] for one in await town.notices("incident.owed")}
    await passes(town, minutes=10)
    assert (await one(town, death.id)).misses == 2
    with pytest.raises(Invalid) as refused:
        await reporting.complete(town.office, death.id, IncidentForm(what="无呼吸"), town.by(crew))
    assert refused.value.code == "not_whole"
    with pytest.raises(Conflict):
        await reporting.follow_up(town.office, death.id, "已通知殡仪馆", town.by(crew))
    await reporting.complete(town.office, death.id, a_form(town), town.by(crew))
    (done,) = [event.data for event in await town.events() if event.kind == "incident.completed"]
    assert done["late"] is True
    await passes(town, hours=23)
    assert (await one(town, death.id)).misses == 0
    await reporting.follow_up(town.office, death.id, "已通知殡仪馆", town.by(crew))
    await passes(town, hours=23)
    assert (await one(town, death.id)).misses == 0
    await passes(town, hours=1, seconds=1)
    late = await one(town, death.id)
    assert (late.owes, late.misses, late.follow_ups, late.case_id) == ("follow_up", 1, 1, case_id)
    await town.is_sound()


async def test_it_is_concluded_when_it_is_whole_and_those_above_have_acknowledged_and_then_nothing_fires(
    town: Town,
) -> None:
    await with_levels(town)
    id_ = await raised(town, DISPATCHER, about=About(place=SPOT))
    with pytest.raises(Conflict) as refused:
        await reporting.conclude(town.office, id_, "意外", town.by(CHIEF))
    assert refused.value.code == "not_reported"
    await reporting.complete(town.office, id_, a_form(town), town.by(DISPATCHER))
    with pytest.raises(Conflict) as refused:
        await reporting.conclude(town.office, id_, "意外", town.by(CHIEF))
    assert refused.value.code == "not_acknowledged"
    await reporting.acknowledge(town.office, id_, town.by(DISTRICT))
    await reporting.acknowledge(town.office, id_, town.by(WHOLE_CITY))
    await reporting.conclude(town.office, id_, "意外摔伤", town.by(CHIEF))
    assert [one.state for one in await told(town, id_)] == ["passed", "passed", "acknowledged", "acknowledged"]
    events = len(await town.events())
    await passes(town, hours=50)
    assert len(await town.events()) == events
    with pytest.raises(Conflict):
        await reporting.follow_up(town.office, id_, "再报", town.by(DISPATCHER))
    await town.is_sound()


async def test_a_report_by_mistake_is_taken_back_with_a_reason_that_everybody_hears_who_was_told(town: Town) -> None:
    await with_levels(town)
    id_ = await raised(town, DISPATCHER, about=About(place=SPOT))
    with pytest.raises(NotAllowed):
        await reporting.withdraw(town.office, id_, "误报", town.by(DISPATCHER))
    await reporting.withdraw(town.office, id_, "误报", town.by(HEAD))
    assert len(await town.notices("incident.withdrawn")) == len(LEVELS)
    assert (await reading.one_incident(town.office, id_, by=HEAD, now=town.now)).withdrawn == "误报"
    assert [one.state for one in await told(town, id_)] == ["passed"] * 4


@pytest.mark.invariant("I8")
async def test_the_same_report_sent_twice_is_one_and_an_officer_reports_without_a_case(town: Town) -> None:
    case_id = await town.arrived()
    crew = await town.crew(case_id)
    twice = new_id()
    ids = {await raised(town, crew, id_=twice) for _ in range(2)}
    (incident,) = await every(town)
    assert ids == {incident.id}
    assert incident.teams == [crew.team_id]
    with pytest.raises(Invalid) as refused:
        await raised(town, crew, happened_at=town.now + timedelta(hours=2))
    assert refused.value.code == "ahead"


async def test_each_opening_is_a_look_and_a_list_tells_no_words_and_only_the_own_ground(town: Town) -> None:
    id_ = await raised(town, DISPATCHER, about=About(place=SPOT), form=a_form(town))
    for _ in range(2):
        await reading.one_incident(town.office, id_, by=LEADER, now=town.now)
    looks = [event for event in await town.events() if event.kind == "look.incident_read"]
    assert len(looks) == 1
    elsewhere = somebody("shift_leader", regions=(EAST,), id_="elsewhere")
    with pytest.raises(NotFound):
        await reading.one_incident(town.office, id_, by=elsewhere, now=town.now)
    async with town.office.db.connect() as tx:
        seen = await reading.list_incidents(tx, town.office, SUPERVISOR, month=town.now.date())
        other = await reading.list_incidents(tx, town.office, elsewhere)
    assert [one.id for one in seen] == [id_]
    assert other == []
    assert "无呼吸" not in str(msgspec.to_builtins(seen))


DEED = st.sampled_from(["complete", "acknowledge", "follow_up", "conclude", "withdraw"])
ROUND = st.tuples(st.lists(st.tuples(DEED, st.integers(0, 3)), max_size=5), st.sampled_from([0, 3, 12, 45, 1500]))
NEVER = {
    "an open incident with no next moment (I14), or one that is over with one (I5)": """
        SELECT id FROM incidents WHERE (fires_at IS NOT NULL) <> (state = 'open')""",
    "a level that waits and is never told again": """
        SELECT id FROM incident_recipients WHERE (fires_at IS NOT NULL) <> (state = 'waiting')""",
    "a level that waits for what is over": """
        SELECT r.id FROM incident_recipients r JOIN incidents i ON i.id = r.incident_id
        WHERE r.state = 'waiting' AND i.state <> 'open'""",
    "an incident that nobody was told of": """
        SELECT i.id FROM incidents i WHERE NOT EXISTS (
            SELECT 1 FROM incident_recipients r WHERE r.incident_id = i.id AND r.state <> 'absent')""",
    "something due that the worker has left": """
        SELECT id FROM incidents WHERE fires_at <= :now UNION SELECT id FROM incident_recipients WHERE fires_at <= :now""",
}


@pytest.mark.invariant("I14")
async def test_whoever_does_what_at_once_and_in_any_order_nothing_unacknowledged_is_ever_without_its_next_moment(
    db: AsyncEngine,
) -> None:
    loop = asyncio.get_running_loop()
    ends: Counter[str] = Counter()

    async def run_one(rounds: list[Any]) -> None:
        async with db.begin() as tx:
            await tx.execute(text("SET LOCAL session_replication_role = replica"))
            await tx.execute(text(f"TRUNCATE {_EVERYTHING} CASCADE"))
        town = await builders.town(db, ManualClock(START), teams=1)
        await with_levels(town)
        id_ = await raised(town, DISPATCHER, about=About(place=east_of(SPOT, 10)))
        verbs: dict[str, Any] = {
            "complete": lambda by: reporting.complete(town.office, id_, a_form(town), by),
            "acknowledge": lambda by: reporting.acknowledge(town.office, id_, by),
            "follow_up": lambda by: reporting.follow_up(town.office, id_, "续报", by),
            "conclude": lambda by: reporting.conclude(town.office, id_, "结论", by),
            "withdraw": lambda by: reporting.withdraw(town.office, id_, "误报", by),
        }
        for deeds, minutes in rounds:
            todo = [verbs[deed](town.by(LEVELS[who])) for deed, who in deeds]
            done = await asyncio.gather(*todo, return_exceptions=True)
            assert [
                fault for fault in done if isinstance(fault, BaseException) and not isinstance(fault, Refused)
            ] == []
            await passes(town, minutes=minutes)
            async with town.office.db.connect() as tx:
                for what, query in NEVER.items():
                    assert (await tx.execute(text(query), {"now": town.now} if ":now" in query else {})).all() == [], (
                        what
                    )
        ends[(await one(town, id_)).state] += 1
        async with town.office.db.connect() as tx:
            assert await proof.contradictions(tx, town.office) == []

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(ROUND, min_size=1, max_size=5))
    def run(rounds: list[Any]) -> None:
        asyncio.run_coroutine_threadsafe(run_one(rounds), loop).result()

    await asyncio.to_thread(run)
    assert ends["open"], "some are still open, so that the rest was looked at"
