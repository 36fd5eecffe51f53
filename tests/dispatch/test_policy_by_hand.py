"""The policy changed at the desk: what would change is shown first, and every process obeys within seconds, and after a restart."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend import in_force
from backend.access.actor import Actor
from backend.clock import ManualClock
from backend.dispatch import policy_change, proof
from backend.dispatch.policy_change import PolicyChanged, PolicyPreview
from backend.errors import Conflict, NotAllowed
from backend.ids import new_id
from backend.office import Office
from backend.policy import PolicyError, default_policy, parse_policy
from backend.worker import Worker
from tests.dispatch import builders
from tests.dispatch.builders import CITY, DISPATCHER, Town, city, somebody
from tests.keys import RING

ADMIN = somebody("admin", regions=(CITY,))
LONGER = '[clocks]\naccept = "7 min"\n'


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> Town:
    """Under the defaults as they are, since the file of a city is what is changed here."""
    return await builders.town(db, clock, policy=default_policy())


async def change(
    town: Town, written: str, *, by: Actor = ADMIN, id_: UUID | None = None, digest: str = ""
) -> PolicyChanged:
    return await policy_change.change_policy(
        town.office,
        id_ or new_id(),
        written,
        expected_digest=digest or town.office.city.policy.digest,
        reason="按新规定",
        by=by,
        now=town.now,
    )


async def looked_at(town: Town, written: str, by: Actor = ADMIN) -> PolicyPreview:
    return await policy_change.preview(town.office, written, by=by)


async def test_the_preview_shows_every_setting_that_changes_and_changes_nothing(town: Town) -> None:
    await town.accepted()
    shown = await looked_at(
        town,
        LONGER + '[intake]\nauto_accept = ["web"]\n[weather.speed]\nice = { car = 0.1, ebike = 0.1, foot = 0.1 }\n',
    )
    assert [(one.section, one.key, one.old, one.new) for one in shown.changes][:2] == [
        ("clocks", "accept", "5 min", "7 min"),
        ("intake", "auto_accept", ", ".join(default_policy().intake.auto_accept), "web"),
    ]
    assert {one.key for one in shown.changes[2:]} == {"speed.ice.car", "speed.ice.ebike", "speed.ice.foot"}
    assert shown.problems == []
    assert shown.roles == []
    assert shown.running_clocks == 2
    assert shown.in_force == default_policy().digest == town.office.city.policy.digest
    assert (
        shown.digest
        == parse_policy(
            LONGER + '[intake]\nauto_accept = ["web"]\n[weather.speed]\nice = { car = 0.1, ebike = 0.1, foot = 0.1 }\n'
        ).digest
    )


async def test_the_preview_shows_what_roles_gain_and_lose(town: Town) -> None:
    shown = await looked_at(town, '[roles]\ndriver = ["sighting:create@own", "facility:read@region"]\n')
    assert [(one.role, one.gained, one.lost) for one in shown.roles] == [
        ("driver", ["facility:read@region"], ["sighting:read@own"])
    ]


async def test_every_fault_is_told_with_its_line_and_nothing_is_stored(town: Town) -> None:
    wrong = '[clocks]\naccept = "soon"\n\n[intake]\nmax_photos = 100\n'
    shown = await looked_at(town, wrong)
    assert [(fault.line, fault.key) for fault in shown.problems] == [(2, "clocks.accept"), (5, "intake.max_photos")]
    assert all(fault.zh and fault.en for fault in shown.problems)
    assert shown.digest is None
    with pytest.raises(PolicyError):
        await change(town, wrong)
    assert await town.run_scalar("SELECT count(*) FROM policies") == 0


async def test_nobody_saws_off_the_branch_they_sit_on(town: Town) -> None:
    shown = await looked_at(town, '[roles]\nadmin = ["policy:read@all"]\n')
    assert [fault.key for fault in shown.problems] == ["roles"]
    with pytest.raises(PolicyError):
        await change(town, '[roles]\nadmin = ["policy:read@all"]\n')


async def test_a_change_is_in_force_at_once_and_later_ones_start_from_it(town: Town) -> None:
    done = await change(town, LONGER)
    assert (done.number, done.digest) == (1, parse_policy(LONGER).digest)
    assert str(town.office.city.policy.clocks.accept) == "7 min"
    async with town.office.db.connect() as tx:
        told = await policy_change.policy_text(tx, town.office)
    assert (told.text, told.number, told.written_by, told.digest) == (LONGER, 1, ADMIN.id, done.digest)
    assert (await change(town, "")).number == 2
    assert town.office.city.policy.digest == default_policy().digest
    await town.is_sound()


async def test_clocks_that_run_keep_the_time_they_have_and_new_ones_have_the_new(town: Town) -> None:
    before = await town.filed()
    due = (await town.clocks(before))["accept"].due_at
    await change(town, LONGER)
    assert (await town.clocks(before))["accept"].due_at == due
    after = await town.filed(place=builders.east_of(builders.SPOT, 4000))
    clock = (await town.clocks(after))["accept"]
    assert (clock.due_at - clock.started_at).total_seconds() == 420


async def test_a_decision_names_the_policy_it_was_made_by(town: Town) -> None:
    await town.offered()
    done = await change(town, LONGER)
    await town.offered(builders.east_of(builders.SPOT, 3000))
    hashes = [row["policy_hash"] for row in sorted(await town.rows(tables.decisions), key=lambda row: row["id"])]
    assert hashes == [default_policy().digest, done.digest]


async def test_another_process_obeys_at_its_next_turn(town: Town) -> None:
    other = Office(city(default_policy()), town.office.db, ring=RING)
    worker = Worker(other, town.clock)
    await worker.turn()
    done = await change(town, LONGER)
    assert other.city.policy.digest == default_policy().digest
    await worker.turn()
    assert (other.city.policy.digest, other.policy_number, other.city.policy_text) == (done.digest, 1, LONGER)
    assert not await in_force.follow(other)


async def test_after_a_restart_what_was_written_at_the_desk_goes_before_the_file(town: Town) -> None:
    done = await change(town, LONGER)
    fresh = Office(city(parse_policy('[clocks]\naccept = "9 min"\n')), town.office.db, ring=RING)
    assert await in_force.follow(fresh)
    assert fresh.city.policy.digest == done.digest


async def test_what_a_newer_version_wrote_and_this_one_cannot_use_is_left_alone(town: Town) -> None:
    await change(town, LONGER)
    await town.run("UPDATE policies SET text = '[of_tomorrow]', number = 7")
    await in_force.follow_if_usable(town.office)
    assert str(town.office.city.policy.clocks.accept) == "7 min"
    with pytest.raises(PolicyError) as refused:
        await in_force.follow(town.office)
    assert "policy.toml #7" in refused.value.zh


async def test_of_two_who_change_it_the_second_is_told_to_look_again(town: Town) -> None:
    looked = town.office.city.policy.digest
    await change(town, LONGER)
    with pytest.raises(Conflict) as refused:
        await change(town, '[clocks]\naccept = "8 min"\n', digest=looked)
    assert refused.value.code == "policy_moved"


async def test_the_same_change_sent_twice_is_one(town: Town) -> None:
    id_, looked = new_id(), town.office.city.policy.digest
    assert await change(town, LONGER, id_=id_, digest=looked) == await change(town, LONGER, id_=id_, digest=looked)
    assert (await town.kinds()).count("policy.changed") == 1


async def test_only_whoever_may_write_the_policy_does(town: Town) -> None:
    with pytest.raises(NotAllowed):
        await change(town, LONGER, by=DISPATCHER)


async def test_the_event_says_which_settings_and_roles_and_no_reason(town: Town) -> None:
    await change(town, LONGER + '[roles]\ndriver = []\n[sign_in]\nsecond_factor = ["dispatcher"]\n')
    (event,) = [event for event in await town.events() if event.kind == "policy.changed"]
    assert "clocks.accept" in event.data["settings"]
    assert {"driver", "checker"} <= set(event.data["roles"])
    assert "dispatcher" not in event.data["roles"]
    assert "按新规定" not in str(event)
    assert event.data["policy_hash"] == town.office.city.policy.digest


@pytest.mark.parametrize("sql", ["UPDATE policies SET text = text || ' '", "DELETE FROM policies"])
async def test_a_text_that_was_changed_behind_the_log_is_found(town: Town, sql: str) -> None:
    await change(town, LONGER)
    await town.run(sql)
    async with town.office.db.connect() as tx:
        assert any("policies" in one for one in await proof.contradictions(tx, town.office))


async def test_why_it_was_changed_lies_sealed(town: Town) -> None:
    await change(town, LONGER)
    async with town.office.db.connect() as tx:
        kept = (await tx.execute(text("SELECT reason_sealed FROM policies"))).scalar_one()
    assert "按新规定".encode() not in kept
    (row,) = await town.rows(tables.policies)
    assert row["reason"] == "按新规定"


def test_the_shipped_city_says_what_its_file_says() -> None:
    file = Path("cities/dalian/policy.toml")
    assert parse_policy(file.read_text(encoding="utf-8")).digest != default_policy().digest
