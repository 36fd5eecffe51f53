"""A database of the first release, with personal data in plain columns, becomes one in which they lie sealed."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend import migrations, personal
from backend.clock import CHINA
from backend.db import make_engine
from backend.errors import Invalid
from backend.personal import PHONE
from ops.local import commands, postgres
from tests.keys import KEYS, RING

AT = datetime(2016, 9, 19, 6, 0, tzinfo=CHINA)
CITY, SIGHTING, CASE, HANDLING, APPROVAL, TEAM, PHOTO = "210200", *(UUID(int=n) for n in range(1, 7))
MARK = "欧阳标记"
NUMBER = "13912345678"

_FILL = (
    """INSERT INTO sightings (city_id, id, receipt, channel, reporter, occurred_at, received_at, lon, lat, in_area,
       address, description, people_count) VALUES (:city, :sighting, 'R', 'web', 'x', :at, :at, 121.6, 38.9, true,
       :mark || ' address', :mark || ' description', 1)""",
    """INSERT INTO sighting_contacts (city_id, sighting_id, phone, name, recording_ref, call_back)
       VALUES (:city, :sighting, :number, :mark || ' name', :mark || ' recording', true)""",
    """INSERT INTO cases (city_id, id, number, stage, version, priority, lon, lat, in_area, address, people_count, channel,
       opened_at, stage_since, last_seen_at, sighting_count)
       VALUES (:city, :case, 1, 'accepted', 1, 'normal', 121.6, 38.9, true, :mark || ' address', 1, 'web', :at, :at, :at, 1)""",
    """INSERT INTO approvals (city_id, id, case_id, action, state, reason, wanted, asked_by, asked_at, answer)
       VALUES (:city, :approval, :case, 'void', 'refused', :mark || ' reason', '{}', 'x', :at, :mark || ' answer')""",
    """INSERT INTO handlings (city_id, id, case_id, team_id, by, arrived_at, record, verdict_note)
       VALUES (:city, :handling, :case, :team, 'x', :at, jsonb_build_object('note', :mark || ' record'), :mark || ' note')""",
    """INSERT INTO photos (city_id, id, sighting_id, sha256, thumbnail_sha256, media_type, bytes, width_px, height_px,
       taken_in_at) VALUES (:city, :photo, :sighting, repeat('a', 64), repeat('b', 64), 'image/jpeg', 1, 1, 1, :at)""",
)


def _values() -> dict[str, Any]:
    ids = {"sighting": SIGHTING, "case": CASE, "handling": HANDLING, "approval": APPROVAL, "team": TEAM, "photo": PHOTO}
    return {"city": CITY, "at": AT, "mark": MARK, "number": NUMBER, **ids}


async def _fill(engine: AsyncEngine, statements: tuple[str, ...] = _FILL) -> None:
    async with engine.begin() as tx:
        for statement in statements:
            query = text(statement)
            wanted = {name: value for name, value in _values().items() if f":{name}" in statement}
            await tx.execute(query, wanted)


async def _opened(engine: AsyncEngine) -> dict[str, Any]:
    found: dict[str, Any] = {}
    await engine.dispose()  # statements prepared before a step know other columns
    async with engine.connect() as tx:
        for field in (one for one in personal.FIELDS if f"{one.table.name}.{one.name}" in EXPECTED):
            # What is there at this step, not what the programme of today would ask for.
            for row in await tx.execute(text(f"SELECT * FROM {field.table.name}")):
                plain = personal.opened(RING, field.table, row._mapping)
                found[f"{field.table.name}.{field.name}"] = plain[field.name]
    return found


EXPECTED = {
    "sightings.address": f"{MARK} address",
    "sightings.description": f"{MARK} description",
    "sighting_contacts.phone": NUMBER,
    "sighting_contacts.name": f"{MARK} name",
    "sighting_contacts.recording_ref": f"{MARK} recording",
    "cases.address": f"{MARK} address",
    "approvals.reason": f"{MARK} reason",
    "approvals.answer": f"{MARK} answer",
    "handlings.record": {"note": f"{MARK} record"},
    "handlings.verdict_note": f"{MARK} note",
}


def _dump(database_url: str) -> str:
    dumped = commands.run((str(postgres.binary("pg_dump")), database_url), within_s=60)
    assert dumped.returncode == 0, dumped.stdout
    return dumped.stdout


async def _at_the_first_release(database_url: str) -> AsyncEngine:
    await migrations.upgrade_async(database_url, "0001")
    engine = make_engine(database_url)
    await _fill(engine)
    assert MARK in _dump(database_url)
    return engine


async def test_the_same_text_is_read_through_the_ring_and_nothing_lies_open(empty_database_url: str) -> None:
    engine = await _at_the_first_release(empty_database_url)
    await migrations.upgrade_async(empty_database_url, ring=RING)
    assert await _opened(engine) == EXPECTED
    dump = _dump(empty_database_url)
    assert MARK not in dump
    assert NUMBER not in dump
    async with engine.connect() as tx:
        index = (await tx.execute(tables.sighting_contacts.select())).one().phone_index
        photo = (await tx.execute(tables.photos.select())).one()
    assert index == RING.index(NUMBER, PHONE)
    assert (photo.file, photo.thumbnail_file) == ("a" * 64, "b" * 64)
    await engine.dispose()


async def test_what_lay_open_is_not_left_in_the_pages_of_the_tables(empty_database_url: str) -> None:
    """PostgreSQL leaves a dropped column's text where it was until a table is written anew."""
    engine = await _at_the_first_release(empty_database_url)
    await migrations.upgrade_async(empty_database_url, ring=RING)
    names = sorted({field.table.name for field in personal.FIELDS})
    async with engine.connect() as tx:
        connection = await tx.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("CHECKPOINT"))
        folder = (await tx.execute(text("SHOW data_directory"))).scalar_one()
        paths = [(await tx.execute(text(f"SELECT pg_relation_filepath('{name}')"))).scalar_one() for name in names]
    pages = [await asyncio.to_thread(_read, f"{folder}/{path}") for path in paths]
    assert any(pages)
    for name, page in zip(names, pages, strict=True):
        assert MARK.encode() not in page, name
        assert NUMBER.encode() not in page, name
    await engine.dispose()


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


async def test_what_a_process_of_the_version_before_writes_meanwhile_is_sealed_at_the_end(
    empty_database_url: str,
) -> None:
    await migrations.upgrade_async(empty_database_url, "0001")
    engine = make_engine(empty_database_url)
    await _fill(engine, _FILL[2:3])
    await migrations.upgrade_async(empty_database_url, "0005", ring=RING)
    assert (await _opened(engine)).get("cases.address") == f"{MARK} address", "what was there is read at once"
    await _fill(engine, (*_FILL[:2], *_FILL[3:]))
    await migrations.upgrade_async(empty_database_url, ring=RING)
    assert await _opened(engine) == EXPECTED
    await engine.dispose()


async def test_without_keys_nothing_is_sealed_and_it_says_what_is_wanted(empty_database_url: str) -> None:
    engine = await _at_the_first_release(empty_database_url)
    with pytest.raises(Invalid) as refused:
        await migrations.upgrade_async(empty_database_url)
    assert "RESCUE_PERSONAL_KEYS" in refused.value.zh
    assert await migrations.revision_of(empty_database_url) == "0004"
    await engine.dispose()


async def test_the_keys_of_the_environment_will_do(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = await _at_the_first_release(empty_database_url)
    monkeypatch.setenv("RESCUE_PERSONAL_KEYS", KEYS)
    await migrations.upgrade_async(empty_database_url)
    assert await _opened(engine) == EXPECTED
    await engine.dispose()


async def test_an_empty_database_needs_no_keys(empty_database_url: str) -> None:
    await migrations.upgrade_async(empty_database_url)
    assert await migrations.revision_of(empty_database_url) == migrations.head()
