"""The checker of the chaos run finds what it is there for: each lie that a diary can hold, and each broken promise."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.clock import ManualClock
from backend.ids import new_id
from ops.chaos.checker import Evidence, check
from ops.chaos.diary import Diary, Told
from tests.dispatch import builders
from tests.dispatch.builders import Town


def told(kind: str, id_: UUID, status: int = 200, **body: Any) -> Told:
    return Told(kind=kind, id=id_, status=status, body=body, tries=1, took_s=0.1)


class Scene:
    """A town in which a case was worked through, and a diary that tells the truth about it."""

    def __init__(self, town: Town, database: asyncpg.Connection, folder: Path) -> None:
        self.town, self.diary = town, Diary()
        self.evidence = Evidence(self.diary, database, folder, 3600.0)

    async def play(self) -> None:
        self.case_id = await self.town.verified()
        (sighting,) = await self.town.rows(tables.sightings)
        self.report = told("report", sighting["id"], receipt=sighting["receipt"])
        self.command = told("case.verify", new_id(), seq=await self.town.run_scalar("SELECT max(seq) FROM events"))
        await self.town.run("ALTER TABLE events DISABLE TRIGGER append_only")
        await self.town.run("UPDATE events SET command_id = :id WHERE seq = :seq", id=self.command.id, seq=self.last)
        self.diary.told += [self.report, self.command]
        self.diary.screens["one"] += [-3, *range(4, self.last + 1)]

    @property
    def last(self) -> int:
        return int(self.command.body["seq"])

    async def findings(self) -> list[str]:
        return await check(self.evidence)


@pytest.fixture
async def scene(db: AsyncEngine, database_url: str, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Scene]:
    connection = await asyncpg.connect(database_url)
    made = Scene(await builders.town(db, clock), connection, tmp_path)
    await made.play()
    yield made
    await connection.close()


async def test_the_truth_is_not_complained_about(scene: Scene) -> None:
    assert await scene.findings() == []


LIES: dict[str, tuple[str, Callable[[Scene], object]]] = {
    "a report that is not there": ("lost: report", lambda s: s.diary.tell(told("report", new_id(), receipt="X"))),
    "a report under another receipt": (
        "lost: report", lambda s: s.diary.tell(told("report", s.report.id, receipt="another"))),
    "a refused report that is there": ("doubled: report", lambda s: s.diary.tell(told("report", s.report.id, 422))),
    "a command that left no trace": ("lost: case.accept", lambda s: s.diary.tell(told("case.accept", new_id(), seq=2))),
    "a command that stands elsewhere": ("lost: case.accept", lambda s: s.diary.tell(told("case.accept", s.command.id, seq=1))),
    "a refused command that stands in the log": (
        "doubled: case.accept", lambda s: s.diary.tell(told("case.accept", s.command.id, 409))),
    "a position that is in no track": (
        "lost: position", lambda s: s.diary.fixes["x"].add(s.town.now - timedelta(minutes=1))),
    "a photo without a row": ("lost: photo", lambda s: s.diary.photos.update({new_id(): (s.report.id, new_id())})),
    "a screen that missed an event": ("lost: screen", lambda s: s.diary.screens["two"].extend([-1, 2, s.last])),
    "a screen that was told twice": ("doubled: screen", lambda s: s.diary.screens["two"].extend([-1, 2, 2])),
    "a screen that was told nothing": ("lost: screen", lambda s: s.diary.screens["two"]),
    "a client that nobody answered": ("unanswered: ", lambda s: s.diary.unanswered.append("GET /")),
    "a delivery that nobody sent": ("doubled: message", lambda s: s.diary.received.update(["unknown"])),
}  # fmt: skip


@pytest.mark.parametrize("what", LIES)
async def test_what_clients_were_told_and_is_not_so_is_found(scene: Scene, what: str) -> None:
    sentence, lie = LIES[what]
    lie(scene)
    found = await scene.findings()
    assert len(found) == 1, found
    assert found[0].startswith(sentence)


BROKEN = {
    "a case whose sighting is nowhere": ("lost: report", "DELETE FROM case_sightings"),
    "a command that wrote twice": (
        "doubled: case.verify", "UPDATE events SET command_id = (SELECT max(command_id::text)::uuid FROM events) WHERE seq = 2"),
    "an offer that was taken after its time": (
        "time: offer", "UPDATE offers SET answered_at = expires_at + interval '1 s' WHERE state = 'accepted'"),
    "a clock that was missed before it was due": (
        "time: clock", "UPDATE clocks SET missed_at = due_at - interval '1 s' WHERE kind = 'whole'"),
    "a log that goes back": (
        "time: the log goes back", "UPDATE events SET recorded_at = recorded_at - interval '1 hour' WHERE seq = 6"),
    "a message that was sent and never received": (
        "lost: message", "INSERT INTO outbox (city_id, id, way, \"to\", created_at, state) "
        "VALUES ('210200', gen_random_uuid(), 'webhook', 'x', now(), 'sent')"),
    "a clock that fires on a closed case": ("never: I5", "UPDATE clocks SET ended_at = NULL, fires_at = NULL WHERE kind = 'whole'"),
    "a case whose versions have a gap": ("never: a case whose versions", "UPDATE cases SET version = version + 1"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
async def test_what_the_database_has_and_must_not_is_found(scene: Scene, what: str) -> None:
    sentence, statement = BROKEN[what]
    await scene.town.run(statement)
    found = await scene.findings()
    assert any(one.startswith(sentence) for one in found), found
