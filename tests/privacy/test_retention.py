"""What has had its time is removed, nothing earlier, once a day, and the log says how many of what."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend import retention
from backend.access.actor import SYSTEM
from backend.clock import ManualClock
from backend.dispatch import desk, proof
from backend.dispatch.case_file import open_photo
from backend.errors import NotFound
from backend.ids import new_id
from backend.intake.photo_rows import add_photo
from backend.intake.photo_store import FolderStore
from backend.notify import outbox
from backend.stopping import Stopping
from tests.api.builders import a_photo
from tests.dispatch.builders import CONTACT, DISPATCHER, OPERATOR, Town, to_hospital, town

MACHINE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def made(db: AsyncEngine, clock: ManualClock) -> Town:
    return await town(db, clock)


@pytest.fixture
def store(made: Town, tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "photos", made.office.ring)


async def closed_case(made: Town, store: FolderStore) -> UUID:
    """A case with everything personal, verified now."""
    report = made.report(
        OPERATOR, description="老人自称姓欧阳", address="人民路 5 号", contact=CONTACT, recording_ref="r/1"
    )
    (receipt,) = await made.file(report)
    await add_photo(made.office, store, receipt.receipt, a_photo(), now=made.now)
    await desk.assign_team(made.office, receipt.case_id, made.teams[0], "家属在等", made.by(DISPATCHER))
    await made.arrive(receipt.case_id)
    await made.handle(receipt.case_id, to_hospital(made.now, note="自述患病史"))
    await made.verify(receipt.case_id)
    return receipt.case_id


async def ran(made: Town, store: FolderStore | None, **more: Any) -> dict[str, int]:
    """What a run of its own removes now; what it did not remove is left out."""
    done = await retention.run(made.office, store, now=made.now, machine_now=MACHINE, again=True, **more)
    assert done is not None
    return {name: number for name, number in done.counts.items() if number}


async def counted(made: Town) -> dict[str, int]:
    due = await retention.count(made.office, now=made.now, machine_now=MACHINE)
    return {name: number for name, number in due.counts.items() if number}


async def test_each_thing_goes_when_its_own_time_is_over_and_not_before(made: Town, store: FolderStore) -> None:
    await closed_case(made, store)
    begun = made.now
    gone: dict[int, set[str]] = {}
    for day in (91, 92, 93, 180, 181, 365, 366, 1095, 1096):
        made.clock.set(begun + timedelta(days=day, minutes=1))
        found = await counted(made)
        assert await ran(made, store) == found
        if found:
            gone[day] = set(found)
    assert gone == {
        92: {"recordings"},
        180: {"reporter_contacts"},
        365: {"photos"},
        1095: {"descriptions", "case_addresses", "handling_records", "reasons"},
    }
    assert not [path for path in store.root.rglob("*") if path.is_file()]
    (sighting,) = await made.rows(tables.sightings)
    (contact,) = await made.rows(tables.sighting_contacts)
    (visit,) = await made.rows(tables.handlings)
    assert (sighting["description"], sighting["address"], visit["record"]) == (None, None, {})
    assert (contact["phone"], contact["name"], contact["recording_ref"], contact["phone_index"]) == (None,) * 4
    assert await made.rows(tables.photos) == await made.rows(tables.event_words) == []


async def test_nothing_of_an_open_case_is_removed_but_what_runs_by_itself(made: Town, store: FolderStore) -> None:
    report = made.report(OPERATOR, description="老人自称姓欧阳", contact=CONTACT, recording_ref="r/1")
    (receipt,) = await made.file(report)
    await add_photo(made.office, store, receipt.receipt, a_photo(), now=made.now)
    made.clock.advance(days=2000)
    assert set(await ran(made, store)) == {"recordings"}
    (sighting,) = await made.rows(tables.sightings)
    assert sighting["description"] == "老人自称姓欧阳"
    assert len(await made.rows(tables.photos)) == 1


async def test_the_log_and_the_tables_still_agree_and_the_run_is_in_the_log(made: Town, store: FolderStore) -> None:
    await closed_case(made, store)
    made.clock.advance(days=2000)
    removed = await ran(made, store)
    async with made.office.db.connect() as tx:
        assert await proof.contradictions(tx, made.office) == []
    (event,) = [event for event in await made.events() if event.kind == "retention.ran"]
    assert {name: n for name, n in event.data["removed"].items() if n} == removed
    assert "欧阳" not in str(event)


async def fixes(made: Town, *ages: timedelta) -> None:
    rows = [
        {"city_id": made.office.city_id, "team_id": made.teams[0], "at": made.now - age, "lon": 121.6, "lat": 38.9}
        for age in ages
    ]
    async with made.office.db.begin() as tx:
        await tx.execute(insert(tables.fixes), rows)


async def test_tracks_are_thinned_to_one_place_a_minute_and_then_removed(made: Town) -> None:
    young = [timedelta(seconds=10 * n) for n in range(12)]
    await fixes(
        made, *young, *(timedelta(days=20) + age for age in young), *(timedelta(days=91) + age for age in young)
    )
    assert await counted(made) == {"positions": 12, "positions_thinned": 9}
    assert await ran(made, None) == {"positions": 12, "positions_thinned": 9}
    kept = [row["at"] for row in await made.rows(tables.fixes)]
    assert len([at for at in kept if at > made.now - timedelta(days=1)]) == 12
    minutes = [at.replace(second=0) for at in kept if at < made.now - timedelta(days=1)]
    assert len(minutes) == len(set(minutes)) == 3
    assert await ran(made, None) == {}


async def test_more_than_a_batch_goes_in_several(made: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 5)
    monkeypatch.setattr(retention, "PAUSE_S", 0)
    await fixes(made, *(timedelta(days=91, minutes=n) for n in range(23)))
    assert await ran(made, None) == {"positions": 23}


async def test_messages_commands_and_sessions_that_have_ended_go_and_living_ones_stay(made: Town) -> None:
    async with made.office.begin() as tx:
        for age_days, state in ((40, "sent"), (40, "waiting"), (3, "sent")):
            id_ = await outbox.enqueue(tx, made.office, "push", "team:x", {"kind": "x"}, now=made.now)
            ended = MACHINE - timedelta(days=age_days) if state == "sent" else None
            mine = tables.outbox.c.id == id_
            await tx.execute(update(tables.outbox).where(mine).values(state=state, ended_at=ended))
        for age_days in (1, 40):
            row = {"id": new_id(), "actor": "x", "name": "x", "fingerprint": b"x"}
            created = made.now - timedelta(days=age_days)
            await tx.execute(insert(tables.commands).values(city_id=made.office.city_id, created_at=created, **row))
        account = new_id()
        person = {"id": account, "login": "x", "name": "x", "password_hash": "x", "created_at": MACHINE}
        await tx.execute(insert(tables.accounts).values(city_id=made.office.city_id, **person))
        for n, (expires_days, revoked_days) in enumerate([(-1, None), (100, None), (-1, 100), (-1, 2)]):
            revoked = MACHINE - timedelta(days=revoked_days) if revoked_days else None
            times = {"expires_at": MACHINE - timedelta(days=expires_days), "created_at": MACHINE, "seen_at": MACHINE}
            row = {"id": new_id(), "token_hash": bytes([n]), "account_id": account, "revoked_at": revoked, **times}
            await tx.execute(insert(tables.sessions).values(city_id=made.office.city_id, **row))
    assert await ran(made, None) == {"messages": 1, "commands": 1, "sessions": 2}


async def test_several_workers_do_a_day_once(made: Town, store: FolderStore) -> None:
    await closed_case(made, store)
    made.clock.advance(days=2000)
    runs = [retention.run(made.office, store, now=made.now, machine_now=MACHINE) for _ in range(4)]
    done = [one for one in await asyncio.gather(*runs) if one is not None]
    assert len(done) == 1
    assert await retention.run(made.office, store, now=made.now, machine_now=MACHINE) is None
    assert [event.kind for event in await made.events()].count("retention.ran") == 1
    made.clock.advance(days=1)
    assert await retention.run(made.office, store, now=made.now, machine_now=MACHINE) is not None


async def test_a_run_that_died_is_taken_over_and_counts_on(
    made: Town, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await closed_case(made, store)
    made.clock.advance(days=2000)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retention, "_delete", killed)
        with pytest.raises(KeyboardInterrupt):
            await retention.run(made.office, store, now=made.now, machine_now=MACHINE)
    (photo,) = await made.rows(tables.photos)
    assert photo["leaving_at"] is not None
    assert len([path for path in store.root.rglob("*") if path.is_file()]) == 2
    assert await retention.run(made.office, store, now=made.now, machine_now=MACHINE) is None, "somebody may be at it"
    made.clock.advance(minutes=31)
    done = await retention.run(made.office, store, now=made.now, machine_now=MACHINE)
    assert done is not None
    assert (done.counts["photos"], done.counts["descriptions"]) == (1, 1)
    assert not [path for path in store.root.rglob("*") if path.is_file()]


async def test_a_photo_whose_time_is_over_is_not_opened_while_it_is_being_removed(
    made: Town, store: FolderStore
) -> None:
    case_id = await closed_case(made, store)
    (photo,) = await made.rows(tables.photos)
    async with made.office.db.begin() as tx:
        await tx.execute(update(tables.photos).values(leaving_at=made.now))
    with pytest.raises(NotFound):
        await open_photo(made.office, await made.case(case_id), photo["id"], by=DISPATCHER, now=made.now)


async def test_files_that_nobody_names_are_swept_after_a_day_and_a_missing_file_is_told(
    made: Town, store: FolderStore
) -> None:
    await closed_case(made, store)
    stray, fresh = store.put(b"a crash came before the row"), store.put(b"its row is being written")
    draft = next(store.root.glob("*/*")) / ".new-abc"
    draft.write_bytes(b"half")
    now = datetime.now(UTC)
    for path in store.root.rglob("*"):
        if path.is_file() and fresh not in path.name:
            old = (now - timedelta(days=2)).timestamp()
            os.utime(path, (old, old))
    done = await retention.run(made.office, store, now=made.now, machine_now=now, again=True)
    assert done is not None
    assert (done.counts["files_swept"], done.counts["photos_without_file"]) == (2, 0)
    keys = {file.key for file in store.files()}
    assert stray not in keys
    assert fresh in keys
    (photo,) = await made.rows(tables.photos)
    store.delete(photo["file"])
    done = await retention.run(made.office, store, now=made.now, machine_now=now, again=True)
    assert done is not None
    assert done.counts["photos_without_file"] == 1


async def test_a_row_that_somebody_holds_is_left_for_the_next_run(made: Town, store: FolderStore) -> None:
    case_id = await closed_case(made, store)
    made.clock.advance(days=2000)
    async with made.office.db.begin() as tx:
        await tx.execute(select(tables.cases).where(tables.cases.c.id == case_id).with_for_update())
        assert "case_addresses" not in await ran(made, store)
    assert await ran(made, store) == {"case_addresses": 1}


async def test_counting_changes_nothing(made: Town, store: FolderStore) -> None:
    await closed_case(made, store)
    made.clock.advance(days=2000)
    before = await counted(made)
    assert before["photos"] == 1
    assert await counted(made) == before
    assert await made.rows(tables.retention_runs) == []


async def test_the_worker_does_it_in_the_night_and_ends_when_told(
    made: Town, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOOK_EVERY_S", 0.01)
    made.clock.set(made.now.replace(hour=2) + timedelta(days=1))
    stopping = Stopping()
    keeping = asyncio.create_task(retention.keep_removing(made.office, store, made.clock, stopping))
    await asyncio.sleep(0.1)
    assert await made.rows(tables.retention_runs) == []
    made.clock.advance(hours=1)
    for _ in range(2000):
        if await _days_done(made):
            break
        await asyncio.sleep(0.01)
    stopping.begin()
    await keeping
    assert await _days_done(made) == 1
    assert [e.actor["id"] for e in await made.events() if e.kind == "retention.ran"] == [SYSTEM.id]


async def _days_done(made: Town) -> int:
    async with made.office.db.connect() as tx:
        done = select(func.count()).where(tables.retention_runs.c.ended_at.is_not(None))
        return int((await tx.execute(done)).scalar_one())
