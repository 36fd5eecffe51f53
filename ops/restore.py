"""`rescue restore`: a backup becomes the database and the photos of this installation, and is proven to be the same.

Begin at `bring_back`. The manifest is checked first, then photos are put back (they are named by their content, so this
disturbs nothing), then the database in one transaction, then everything is compared with the manifest: the chain and
the head of the log, every table row by row.
"""

import asyncio
import os
import tempfile
from pathlib import Path

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import anchors, log, migrations
from backend.city import open_city
from backend.db import make_engine
from backend.errors import Conflict, Invalid, Unavailable
from backend.settings import Settings
from ops import backup, postgres_tools
from ops.backup import DUMP, PHOTOS, Manifest, Source
from ops.tables import table_facts, table_names

NOT_OURS = (r" SCHEMA - public ", r" COMMENT - SCHEMA public", r" EXTENSION - ", r" COMMENT - EXTENSION ")
"""Entries of a dump that the database has already, or that only its administrator may set."""
_EXTENSION = "CREATE EXTENSION IF NOT EXISTS postgis;\n"
_FUNCTIONS = text("""
    SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
""")
_UNLOGGED = text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
                 "AND relpersistence = 'u'")  # fmt: skip


class Proven(msgspec.Struct, frozen=True):
    """What was compared after the restore."""

    log_seq: int
    tables: int
    rows: int
    photos: int


def restore(folder: Path, *, replace: str | None = None) -> None:
    """把备份恢复到 RESCUE_DATABASE_URL 和 RESCUE_DATA，并逐表核对。Bring a backup back, and prove that it is the same.

    Parameters
    ----------
    folder: 一份备份。A backup, as `rescue backup` made it.
    replace: 覆盖已有数据：填城市代码以确认。Replace what the database holds: name the city's code to confirm.
    """
    settings = postgres_tools.settings_here()
    city = open_city(settings.city_folder)
    target = Source(database_url=settings.database_url, photos=settings.data_folder / "photos", city_id=city.id)
    proven = asyncio.run(bring_back(folder, target, replace=replace))
    print(
        f"✔ 已恢复并核对：日志 {proven.log_seq} 条哈希链完整且与备份一致，{proven.tables} 个表 {proven.rows} 行逐行一致，"
        f"{proven.photos} 个照片文件一致。\n"
        f"✔ Restored and proven: the log's chain holds up to {proven.log_seq}, the head of the backup; {proven.tables} tables "
        f"with {proven.rows} rows are the same row by row; {proven.photos} photo files are the same."
    )
    _anchor(settings, city.id, folder)
    waiting = migrations.pending(backup.check(folder, hashes=False).revision)
    if waiting:
        print(
            "备份来自旧版本，请接着运行 rescue db migrate。The backup is of an older version: now run rescue db migrate"
        )
    print(f"⚠ {backup.KEYS_ZH}\n⚠ {backup.KEYS_EN}")


def _anchor(settings: Settings, city_id: str, folder: Path) -> None:
    """Whoever verifies the log later is told that its end was lost here, and when."""
    manifest = backup.check(folder, hashes=False)
    now = settings.clock.now()
    anchor = anchors.Anchor(at=now, seq=manifest.log_seq, hash=manifest.log_hash, restored=True)
    anchors.write(anchors.file_of(settings.data_folder, city_id), anchor, secret_key=settings.secret_key)


async def bring_back(folder: Path, target: Source, *, replace: str | None = None) -> Proven:
    """Restores into `target`. replace: the city's code, to replace what is there.

    Raises Invalid (damaged, of another city), Conflict (the database is not empty, or processes use it), Unavailable.
    When it fails before the last comparison, the database is as it was.
    """
    manifest = await asyncio.to_thread(backup.check, folder)
    if manifest.city_id != target.city_id:
        raise Invalid(
            f"这是城市 {manifest.city_id} 的备份，而本机是 {target.city_id}（RESCUE_CITY）。",
            f"This is a backup of the city {manifest.city_id}; here RESCUE_CITY is {target.city_id}.",
            field="RESCUE_CITY",
        )
    drops = await _room(target, replace)
    await asyncio.to_thread(_put_photos_back, folder, manifest, target.photos)
    await asyncio.to_thread(
        postgres_tools.restore, target.database_url, folder / DUMP, first=drops + _EXTENSION, without=NOT_OURS
    )
    return await _prove(manifest, target)


async def _room(target: Source, replace: str | None) -> str:
    """The SQL that makes room; empty for an empty database."""
    engine = make_engine(target.database_url)
    try:
        async with engine.connect() as tx:
            tables = await table_names(tx) + list((await tx.execute(_UNLOGGED)).scalars())
            functions = list((await tx.execute(_FUNCTIONS)).scalars())
            others = await _others(tx)
    finally:
        await engine.dispose()
    if not tables:
        return ""
    if replace != target.city_id:
        raise Conflict(
            f"数据库里已有 {len(tables)} 个表，不会覆盖。请恢复到空数据库；"
            f"若确要用备份替换其中全部内容，停掉所有进程，并加 --replace {target.city_id}。",
            f"The database holds {len(tables)} tables already and was left alone. Restore into an empty one; to replace all "
            f"that is in it, end all processes and add --replace {target.city_id}",
            code="not_empty",
        )
    if others:
        raise Conflict(
            f"还有 {others} 个连接在使用这个数据库。请先停掉所有接口和后台进程。",
            f"{others} connections still use this database. End all API and worker processes first.",
            code="in_use",
        )
    lines = [f'DROP TABLE IF EXISTS "{name}" CASCADE;' for name in tables]
    lines += [f"DROP FUNCTION IF EXISTS {name} CASCADE;" for name in functions]
    return "\n".join(lines) + "\n"


async def _others(tx: AsyncConnection) -> int:
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rescue' "
        "AND pid <> pg_backend_pid()"
    )
    return int((await tx.execute(query)).scalar_one())


def _put_photos_back(folder: Path, manifest: Manifest, store: Path) -> None:
    """Those that are missing or differ; each is there whole or not at all."""
    for name, sha256 in manifest.files.items():
        if not name.startswith(f"{PHOTOS}/"):
            continue
        target = store / Path(name).relative_to(PHOTOS)
        if target.exists() and backup.sha256_of(target) == sha256:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write((folder / name).read_bytes())
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(target)


async def _prove(manifest: Manifest, target: Source) -> Proven:
    """Compares what is there now with what the manifest says. Raises Unavailable naming what differs."""
    engine = make_engine(target.database_url, statement_timeout_s=backup.HOURS_S)
    try:
        async with engine.connect() as tx:
            broken = await log.broken_link(tx, target.city_id)
            seq, hash_ = await log.head(tx, target.city_id)
            facts = await table_facts(tx)
    finally:
        await engine.dispose()
    wrong = [f"events: {broken}"] if broken is not None else []
    wrong += [f"log: {seq} ≠ {manifest.log_seq}"] if (seq, hash_.hex()) != (manifest.log_seq, manifest.log_hash) else []
    names = sorted(facts.keys() | manifest.tables.keys())
    wrong += [f"table: {name}" for name in names if facts.get(name) != manifest.tables.get(name)]
    photos = {name: sha256 for name, sha256 in manifest.files.items() if name.startswith(f"{PHOTOS}/")}
    for name, sha256 in photos.items():
        path = target.photos / Path(name).relative_to(PHOTOS)
        wrong += [f"photo: {name}"] if backup.sha256_of(path) != sha256 else []
    if wrong:
        shown = ", ".join(wrong[:20])
        raise Unavailable(
            f"恢复后与备份不一致：{shown}",
            f"What was restored differs from the backup: {shown}",
            code="restore_differs",
        )
    return Proven(seq, len(facts), sum(one.rows for one in facts.values()), len(photos))
