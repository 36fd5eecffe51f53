"""交接班: one leader writes, the next takes over; what was written is sealed and not in the log."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend import retention
from backend.access.actor import Actor
from backend.dispatch import approvals, proof, shift_draft, shift_notes
from backend.dispatch.shift_notes import ShiftNote
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.ids import new_id
from tests.dispatch.builders import (
    DISPATCHER,
    EAST,
    FAR_AWAY,
    LEADER,
    SECOND_LEADER,
    SPOT,
    WEST,
    Town,
    east_of,
    somebody,
)

WORDS = "人民路口的老人欧阳某请早班再看一次"


async def written(town: Town, by: Actor = LEADER, words: str = WORDS, **more: Any) -> ShiftNote:
    return await shift_notes.write_note(town.office, more.get("id_", new_id()), words, by=by, now=town.now)


async def listed(town: Town, by: Actor) -> list[ShiftNote]:
    async with town.office.db.connect() as tx:
        return await shift_notes.list_notes(tx, town.office, by, limit=20)


async def drafted(town: Town, by: Actor = LEADER) -> list[str]:
    async with town.office.db.connect() as tx:
        return [line.zh for line in await shift_draft.draft(tx, town.office, by)]


async def test_the_next_leader_takes_over_and_never_the_one_who_wrote(town: Town) -> None:
    note = await written(town)
    with pytest.raises(NotAllowed) as own:
        await shift_notes.take_note(town.office, note.id, by=LEADER, now=town.now)
    assert own.value.code == "own_note"
    town.clock.advance(minutes=5)
    taken = await shift_notes.take_note(town.office, note.id, by=SECOND_LEADER, now=town.now)
    assert (taken.taken_by, taken.taken_at, taken.text) == (SECOND_LEADER.id, town.now, WORDS)
    assert await shift_notes.take_note(town.office, note.id, by=SECOND_LEADER, now=town.now) == taken
    with pytest.raises(Conflict):
        await shift_notes.take_note(town.office, note.id, by=somebody("supervisor"), now=town.now)
    assert [one.id for one in await listed(town, LEADER)] == [note.id]
    assert (await town.kinds())[-2:] == ["note.written", "note.taken"]
    await town.is_sound()


async def test_what_was_written_is_neither_in_the_log_nor_in_the_clear(town: Town) -> None:
    note = await written(town)
    for table in ("events", "shift_notes", "commands"):
        kept = await town.run_scalar(f"SELECT string_agg(t::text, ' ') FROM {table} t")
        assert "欧阳" not in kept
        assert WORDS.encode().hex() not in kept
    assert (await listed(town, SECOND_LEADER))[0].text == note.text


async def test_the_same_note_sent_twice_is_one_and_another_text_under_its_id_is_refused(town: Town) -> None:
    id_ = new_id()
    assert await written(town, id_=id_) == await written(town, id_=id_)
    assert len(await listed(town, LEADER)) == 1
    with pytest.raises(Conflict):
        await written(town, words="另一份", id_=id_)
    with pytest.raises(Invalid):
        await written(town, words=" \n ")


async def test_a_note_is_for_those_who_approve_where_its_writer_does(town: Town) -> None:
    east = somebody("shift_leader", regions=(EAST,), id_="east")
    note = await written(town, by=east)
    assert [one.id for one in await listed(town, LEADER)] == [note.id]
    west = somebody("shift_leader", regions=(WEST,), id_="west")
    assert await listed(town, west) == []
    with pytest.raises(NotFound):
        await shift_notes.take_note(town.office, note.id, by=west, now=town.now)
    with pytest.raises(NotAllowed):
        await written(town, by=DISPATCHER)


async def test_a_note_of_which_row_and_log_disagree_is_found(town: Town) -> None:
    await written(town)
    await town.run("UPDATE shift_notes SET taken_by = 'somebody', taken_at = now()")
    async with town.office.db.connect() as tx:
        assert any("shift_notes" in one for one in await proof.contradictions(tx, town.office))


async def test_its_text_goes_when_its_time_is_over(town: Town) -> None:
    await written(town)
    town.clock.advance(days=1096)
    await retention.run(town.office, None, now=town.now, machine_now=town.now + timedelta(days=1), again=True)
    (note,) = await listed(town, LEADER)
    assert note.text is None
    async with town.office.db.connect() as tx:
        assert (await tx.execute(text("SELECT text_sealed FROM shift_notes"))).scalar() is None


async def test_a_note_begins_with_what_is_open_late_alarming_out_and_waiting(town: Town) -> None:
    assert await drafted(town) == [
        "未结案卷 0 件",
        "超期未完成时限 0 个",
        "搜寻报警 0 件；救助圈缺口报警无",
        "队伍 3 支（在岗 3），其中办案中 0 支",
        "待审批 0 项",
    ]
    case_id = await town.dispatched(SPOT, dangers=["unconscious"])
    await approvals.ask(town.office, case_id, "extend", "路远", "30 min", town.by(DISPATCHER))
    await town.on_duty(town.teams[2], "off_duty")
    await town.accepted(FAR_AWAY)
    await town.worker.turn()
    town.clock.advance(hours=1)
    await town.worker.turn()
    open_, urgent, late, alarms, teams, waiting = await drafted(town)
    assert open_ == "未结案卷 2 件（已受理待派遣 1、已派遣在途 1）"
    assert urgent.startswith("其中危急 1 件：2016")
    assert late.startswith("超期未完成时限")
    assert "到场" in late
    assert alarms.startswith("搜寻报警 1 件")
    assert teams == "队伍 3 支（下班 1、在岗 2），其中办案中 1 支"
    assert waiting == "待审批 1 项（延时 1）"


async def test_the_beginning_of_a_note_is_about_what_its_writer_approves(town: Town) -> None:
    await town.accepted(SPOT)
    await town.accepted(east_of(SPOT, 9000))
    east = somebody("shift_leader", regions=(EAST,), id_="east")
    assert (await drafted(town, east))[0].startswith("未结案卷 1 件")
    with pytest.raises(NotAllowed):
        await drafted(town, DISPATCHER)
