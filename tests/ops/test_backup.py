"""A backup is one moment of everything, also while work goes on; what comes back is proven to be the same."""

import asyncio
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from backend import db as tables
from backend import log
from backend.access.actor import SYSTEM
from backend.db import make_engine
from backend.errors import Conflict, Invalid, Unavailable
from backend.ids import new_id
from ops import backup, cli, postgres_tools, restore
from ops.backup import Source
from ops.local import services
from ops.tables import table_facts
from tests.dispatch import builders
from tests.dispatch.builders import CITY, Town
from tests.dispatch.conftest import town
from tests.ops.builders import DALIAN_ENVIRONMENT

__all__ = ["town"]

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAME = f"rescue-{CITY}-20260102T030405Z"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """Where backups are kept."""
    folder = tmp_path / "backups"
    folder.mkdir()
    yield folder
    assert [path.name for path in folder.glob(f"{backup.UNFINISHED}*")] == []


@pytest.fixture
async def source(town: Town, database_url: str, tmp_path: Path) -> Source:
    """A database with one case worked through to its end, one open, and a photo of it."""
    await town.verified()
    await town.accepted(place=builders.FAR_AWAY)
    source = Source(database_url=database_url, photos=tmp_path / "files/photos", city_id=CITY)
    await add_photo(town, source, b"a picture of somebody's blanket")
    return source


@pytest.fixture
def target(empty_database_url: str, tmp_path: Path) -> Source:
    """An empty database, and a folder for photos that is not there yet."""
    return Source(database_url=empty_database_url, photos=tmp_path / "elsewhere/photos", city_id=CITY)


async def add_photo(town: Town, source: Source, content: bytes) -> Path:
    """A photo as the store keeps it: the file first, then the row."""
    key = hashlib.sha256(content).hexdigest()
    path = source.photos / key[:2] / key[2:4] / f"{key}.sealed"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    row = {"id": new_id(), "file": key, "thumbnail_file": key, "media_type": "image/jpeg", "bytes": len(content)}
    row |= {"width_px": 1, "height_px": 1, "taken_in_at": town.clock.now()}
    async with town.office.db.begin() as tx:
        await tx.execute(insert(tables.photos).values(city_id=CITY, **row))
    return path


async def all_rows(database_url: str, upto_seq: int | None = None) -> dict[str, list[str]]:
    """Every row of every table, as text, in an order of its own. upto_seq: of the log, only so far."""
    engine = make_engine(database_url)
    async with engine.connect() as tx:
        names = [*(table.name for table in tables.metadata.sorted_tables if table.name != "tickets"), "alembic_version"]
        found = {}
        for name in names:
            rows = (await tx.execute(text(f'SELECT t::text FROM "{name}" t'))).scalars()
            found[name] = sorted(rows)
        if upto_seq is not None:
            rows = (await tx.execute(text("SELECT t::text FROM events t WHERE seq <= :s"), {"s": upto_seq})).scalars()
            found["events"] = sorted(rows)
    await engine.dispose()
    return found


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_what_comes_back_is_the_same_row_by_row_and_photo_by_photo(
    source: Source, target: Source, kept: Path
) -> None:
    made = await backup.make(source, kept, now=NOW)
    assert made == kept / NAME
    proven = await restore.bring_back(made, target)
    before = await all_rows(source.database_url)
    assert await all_rows(target.database_url) == before
    assert sum(map(len, before.values())) == proven.rows > 30
    photos = [path.relative_to(source.photos) for path in source.photos.rglob("*.sealed")]
    assert proven.photos == len(photos) == 1
    assert [(target.photos / path).read_bytes() for path in photos] == [b"a picture of somebody's blanket"]


async def test_while_work_goes_on_the_dump_and_the_head_in_the_manifest_are_of_one_moment(
    town: Town, source: Source, target: Source, kept: Path
) -> None:
    going_on = asyncio.Event()

    async def work() -> None:
        n = 0
        while not going_on.is_set():
            await town.accepted(place=builders.east_of(builders.SPOT, 2_000 + 500 * n))
            await add_photo(town, source, f"picture {n}".encode())
            n += 1

    working = asyncio.create_task(work())
    await asyncio.sleep(0.2)
    made = await backup.make(source, kept, now=NOW)
    going_on.set()
    await working
    manifest = backup.check(made)
    async with town.office.db.connect() as tx:
        head, _ = await log.head(tx, CITY)
    assert 0 < manifest.log_seq < head
    proven = await restore.bring_back(made, target)
    assert proven.log_seq == manifest.log_seq
    restored = await all_rows(target.database_url)
    assert restored["events"] == (await all_rows(source.database_url, manifest.log_seq))["events"]
    assert len(restored["photos"]) == manifest.photos == proven.photos


async def test_a_restored_log_goes_on_where_it_was(source: Source, target: Source, town: Town, kept: Path) -> None:
    await restore.bring_back(await backup.make(source, kept, now=NOW), target)
    engine = make_engine(target.database_url)
    entry = log.Entry(kind="circle.gap_opened", actor=SYSTEM, occurred_at=town.clock.now(), data={})
    async with engine.begin() as tx:
        before, _ = await log.head(tx, CITY)
        (event,) = await log.append(tx, CITY, [entry], now=town.clock.now())
        assert event.seq == before + 1
        assert await log.broken_link(tx, CITY) is None
    await engine.dispose()


@pytest.mark.parametrize("what", ["database.dump", "photos/", "manifest.json"])
async def test_a_damaged_file_is_found_and_named(source: Source, target: Source, kept: Path, what: str) -> None:
    made = await backup.make(source, kept, now=NOW)
    names = sorted(str(path.relative_to(made)) for path in files_of(made))
    file = made / next(name for name in names if name.startswith(what))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(bytes(content))
    with pytest.raises(Invalid, match=re.escape(str(file.relative_to(made)))):
        await restore.bring_back(made, target)
    with pytest.raises(Invalid, match=re.escape(str(file.relative_to(made)))):
        backup.check(made)
    assert await everything_in(target) == {}


async def test_a_missing_and_a_foreign_file_are_named(source: Source, kept: Path) -> None:
    made = await backup.make(source, kept, now=NOW)
    (made / "database.dump").unlink()
    (made / "note.txt").write_text("mine")
    with pytest.raises(Invalid, match=r"database\.dump.*note\.txt"):
        backup.check(made)


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError("disk full")])
async def test_an_interrupted_backup_leaves_nothing_that_looks_complete(
    source: Source, kept: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def broken(*_: object) -> None:
        raise fault

    monkeypatch.setattr(backup, "_hashes", broken)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - whichever way it ended
        await backup.make(source, kept, now=NOW)
    assert names_in(kept) == ["owner.lock"]


async def test_what_a_killed_backup_left_is_cleared_by_the_next(source: Source, kept: Path) -> None:
    left = kept / f"{backup.UNFINISHED}{NAME}"
    left.mkdir()
    (left / "database.dump").write_text("half")
    with pytest.raises(Invalid):
        backup.check(left)
    await backup.make(source, kept, now=NOW)
    assert not left.exists()


async def test_a_photo_that_the_store_has_lost_stops_the_backup_and_one_that_was_due_to_go_does_not(
    town: Town, source: Source, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await add_photo(town, source, b"soon gone")
    path.unlink()
    with pytest.raises(Unavailable, match=path.stem):
        await backup.make(source, kept, now=NOW)
    copy = backup._copy_photos

    def retention_runs_meanwhile(store: Path, into: Path, keys: list[str]) -> list[str]:
        asyncio.run(delete_row(source.database_url, path.stem))
        return copy(store, into, keys)

    monkeypatch.setattr(backup, "_copy_photos", retention_runs_meanwhile)
    manifest = backup.check(await backup.make(source, kept, now=NOW))
    assert manifest.photos_gone == [path.stem]


async def delete_row(database_url: str, key: str) -> None:
    engine = make_engine(database_url)
    async with engine.begin() as tx:
        await tx.execute(tables.photos.delete().where(tables.photos.c.file == key))
    await engine.dispose()


async def test_a_database_with_data_is_replaced_only_when_the_city_is_named_and_nobody_uses_it(
    source: Source, town: Town, kept: Path
) -> None:
    made = await backup.make(source, kept, now=NOW)
    at_backup = await all_rows(source.database_url)
    await town.accepted(place=builders.east_of(builders.SPOT, 3_000))
    with pytest.raises(Conflict, match=f"--replace {CITY}"):
        await restore.bring_back(made, source)
    with pytest.raises(Conflict, match=f"--replace {CITY}"):
        await restore.bring_back(made, source, replace="anything")
    with pytest.raises(Conflict, match="End all API and worker"):
        await restore.bring_back(made, source, replace=CITY)
    await town.office.db.dispose()
    await restore.bring_back(made, source, replace=CITY)
    assert await all_rows(source.database_url) == at_backup


async def test_a_restore_that_fails_half_way_leaves_the_database_as_it_was(
    source: Source, town: Town, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await backup.make(source, kept, now=NOW)
    before = await all_rows(source.database_url)
    await town.office.db.dispose()
    monkeypatch.setattr(restore, "_EXTENSION", "CREATE EXTENSION IF NOT EXISTS postgis; CREATE TABLE cases (n int);")
    with pytest.raises(Unavailable, match="cases"):
        await restore.bring_back(made, source, replace=CITY)
    assert await all_rows(source.database_url) == before


async def test_another_citys_backup_is_refused(source: Source, target: Source, kept: Path) -> None:
    made = await backup.make(source, kept, now=NOW)
    elsewhere = Source(database_url=target.database_url, photos=target.photos, city_id="210300")
    with pytest.raises(Invalid, match="RESCUE_CITY"):
        await restore.bring_back(made, elsewhere)


async def test_a_restored_row_that_differs_is_noticed(source: Source, target: Source, kept: Path) -> None:
    made = await backup.make(source, kept, now=NOW)
    await restore.bring_back(made, target)
    engine = make_engine(target.database_url)
    async with engine.begin() as tx:
        case_id = (await tx.execute(select(tables.cases.c.id).limit(1))).scalar_one()
        await tx.execute(tables.cases.update().where(tables.cases.c.id == case_id).values(people_count=7))
    await engine.dispose()
    with pytest.raises(Unavailable, match="table: cases"):
        await restore._prove(backup.check(made), target)


async def test_the_commands_say_what_was_done_and_that_the_keys_are_not_in_it(
    source: Source,
    target: Source,
    town: Town,
    kept: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(*arguments: str, **environment: str) -> tuple[int, str]:
        for name, value in {**DALIAN_ENVIRONMENT, **environment}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            await asyncio.to_thread(cli.main, list(arguments))
        assert isinstance(ended.value.code, int)
        out, err = capsys.readouterr()
        return ended.value.code, out + err

    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(services, "folder_of_checkout", lambda: kept / "no-embedded-services")
    here = {"RESCUE_DATABASE_URL": source.database_url, "RESCUE_DATA": str(source.photos.parent)}
    there = {"RESCUE_DATABASE_URL": target.database_url, "RESCUE_DATA": str(target.photos.parent)}
    code, said = await run("backup", str(kept), "--keep", "1", **here)
    assert (code, "RESCUE_PERSONAL_KEYS" in said, "NOT in this backup" in said) == (0, True, True)
    (made,) = backup._older(kept, CITY)
    assert (await run("backup", str(made), "--verify", **here))[0] == 0
    code, said = await run("restore", str(made), **there)
    assert (code, "row by row" in said) == (0, True), said
    assert (await run("restore", str(made), **there))[0] == cli.TO_PUT_RIGHT
    assert await all_rows(target.database_url) == await all_rows(source.database_url)


async def test_of_several_backups_the_newest_are_kept(source: Source, kept: Path) -> None:
    made = [await backup.make(source, kept, now=NOW + timedelta(days=day)) for day in range(3)]
    assert backup._older(kept, CITY) == made


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("postgresql://u:p%40ss@h:5432/d", "postgresql://u@h:5432/d", "p@ss"),
        ("postgresql://u@/d?host=/run/x", "postgresql://u@/d?host=%2Frun%2Fx", None),
        ("postgresql://h/d?password=x&sslmode=require", "postgresql://h/d?sslmode=require", "x"),
    ],
)
def test_no_password_stands_in_a_command_line(url: str, shown: str, password: str | None) -> None:
    assert postgres_tools.without_password(url) == (shown, password)


async def everything_in(source: Source) -> dict[str, object]:
    engine = make_engine(source.database_url)
    async with engine.connect() as tx:
        found = await table_facts(tx)
    await engine.dispose()
    return dict(found)


def test_a_backup_is_its_owners_alone(tmp_path: Path) -> None:
    begun = backup._begun(tmp_path, "x")
    assert begun.stat().st_mode & 0o077 == 0
