"""`rescue backup`: one consistent copy of the database and the photos that belong to it, while everything goes on.

Begin at `make`. A backup is a folder: `database.dump` (pg_dump's custom format), `photos/`, and `manifest.json`, which is
written last, with its own checksum beside it, and says what must be in it. The head of the log in the manifest and the dump are of one snapshot; photos
are copied after it, and a photo is in the store before its row is in the database, so every row has its file.

A backup is made under a name that begins with "." and gets its own name when it is complete and checked: what an
interrupted one leaves behind is never taken for a backup, and the next one clears it away.

The keys (RESCUE_PERSONAL_KEYS, RESCUE_SECRET_KEY) are not in it, on purpose: without them what is personal in it stays
sealed. They are to be kept in another place; docs/operations.md says how.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.city import open_city
from backend.db import make_engine
from backend.errors import Conflict, Invalid, Unavailable
from ops import cli, postgres_tools
from ops.local.owner import Ownership
from ops.tables import TableFacts, table_facts

FORMAT = 1
MANIFEST, DUMP, PHOTOS = "manifest.json", "database.dump", "photos"
MANIFEST_SUM = f"{MANIFEST}.sha256"
UNFINISHED = ".unfinished-"
PHOTO_COLUMNS = {"file", "thumbnail_file", "sha256", "thumbnail_sha256"}
HOURS_S = 12 * 3600.0
"""How long a dump may take; a statement's usual limit of seconds is not for it."""

KEYS_ZH = (
    "备份中没有密钥：RESCUE_PERSONAL_KEYS 和 RESCUE_SECRET_KEY 必须另行保存在别处。"
    "没有它们，备份里的个人信息谁也打不开——包括您自己。"
)
KEYS_EN = (
    "The keys are NOT in this backup: keep RESCUE_PERSONAL_KEYS and RESCUE_SECRET_KEY in another place. Without them "
    "nobody can open what is personal in it, and that includes you."
)


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup holds. made_at: the machine's time. files: path within the backup → sha256, hex.

    log_seq and log_hash are the head of the event log in the dump; tables what each holds there.
    """

    format: int
    version: str
    revision: str
    city_id: str
    made_at: datetime
    postgres: int
    log_seq: int
    log_hash: str
    tables: dict[str, TableFacts]
    photos: int
    photos_gone: list[str]
    files: dict[str, str]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What is backed up."""

    database_url: str
    photos: Path
    city_id: str


def backup(folder: Path, *, verify: bool = False, keep: int | None = None) -> None:
    """备份数据库和照片到新目录，服务照常运行。Back up database and photos into a new folder inside FOLDER, while all goes on.

    Parameters
    ----------
    folder: 备份存放的目录；或（--verify）要检查的备份。Where backups are kept; with --verify, the backup to check.
    verify: 只检查一份已有的备份是否完好。Only check that an existing backup is whole.
    keep: 完成后只保留最近几份。How many of the newest to keep afterwards; all when left out.
    """
    if keep is not None and keep < 1:
        raise Invalid("keep 至少为 1。", "keep is at least 1.", field="keep")
    if verify:
        manifest = check(folder)
        print(f"备份完好 The backup is whole: {folder}\n{described(manifest)}")
        return
    settings = postgres_tools.settings_here()
    city = open_city(settings.city_folder)
    source = Source(database_url=settings.database_url, photos=settings.data_folder / "photos", city_id=city.id)
    made = asyncio.run(make(source, folder, now=datetime.now(UTC)))
    print(f"✔ 已备份并核对 Backed up and checked: {made}\n{described(check(made, hashes=False))}")
    for old in _older(folder, city.id)[:-keep] if keep else ():
        shutil.rmtree(old)
        print(f"已删除旧备份 Removed an older one: {old}")
    print(f"⚠ {KEYS_ZH}\n⚠ {KEYS_EN}")


async def make(source: Source, folder: Path, *, now: datetime) -> Path:
    """Makes a backup inside `folder`, checked; its path. now: the machine's time.

    Raises Unavailable and Conflict; then nothing that looks like a backup is left.
    """
    name = f"rescue-{source.city_id}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    with _alone(folder):
        unfinished = _begun(folder, name)
        try:
            manifest = await _fill(source, unfinished, now)
            content = msgspec.json.format(msgspec.json.encode(manifest))
            _write(unfinished / MANIFEST, content)
            _write(unfinished / MANIFEST_SUM, hashlib.sha256(content).hexdigest().encode())
            check(unfinished)
            _sync(unfinished)
            unfinished.rename(folder / name)
            _sync(folder)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return folder / name


def _begun(folder: Path, name: str) -> Path:
    """An empty folder for a backup that is to be called `name`."""
    if (folder / name).exists():
        raise Conflict(f"{folder / name} 已存在。", f"{folder / name} exists already.")
    unfinished = folder / f"{UNFINISHED}{name}"
    unfinished.mkdir(mode=0o700)
    return unfinished


def check(folder: Path, *, hashes: bool = True) -> Manifest:
    """The manifest of a backup that is whole. Raises Invalid naming every file that is missing, damaged or not its own.

    hashes: read every file; without, only see that all are there.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
        if hashlib.sha256(content).hexdigest() != (folder / MANIFEST_SUM).read_text(encoding="ascii").strip():
            raise ValueError("已损坏 damaged")
        manifest = msgspec.json.decode(content, type=Manifest)
    except (OSError, ValueError) as fault:
        raise Invalid(
            f"{folder} 不是一份完整的备份：{MANIFEST} 缺失或无法读取（{fault}）。",
            f"{folder} is not a complete backup: {MANIFEST} is missing or cannot be read ({fault}).",
            code="not_a_backup",
        ) from None
    if manifest.format != FORMAT:
        raise Invalid(
            f"备份格式 {manifest.format} 不认识。",
            f"A backup of format {manifest.format}; this programme knows {FORMAT}.",
        )
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {MANIFEST, MANIFEST_SUM}
    wrong = [f"{name}（缺失 missing）" for name in sorted(manifest.files.keys() - present)]
    wrong += [f"{name}（多余 not of this backup）" for name in sorted(present - manifest.files.keys())]
    for name in sorted(manifest.files.keys() & present) if hashes else ():
        if sha256_of(folder / name) != manifest.files[name]:
            wrong.append(f"{name}（已损坏 damaged）")
    if wrong:
        shown = "、".join(wrong[:20]) + (f" … ({len(wrong)})" if len(wrong) > 20 else "")
        raise Invalid(f"备份有损：{shown}", f"The backup is damaged: {shown}", code="backup_damaged", names=wrong)
    return manifest


def described(manifest: Manifest) -> str:
    """What is in it, for a person."""
    rows = sum(facts.rows for facts in manifest.tables.values())
    return (
        f"  城市 City {manifest.city_id} · {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC · 日志 log {manifest.log_seq} "
        f"({manifest.log_hash[:12]}…) · {len(manifest.tables)} 表 tables, {rows} 行 rows · {manifest.photos} 照片 photos · "
        f"结构 schema {manifest.revision} · 版本 version {manifest.version}"
    )


def sha256_of(path: Path) -> str:
    """Of a file's content, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _fill(source: Source, folder: Path, now: datetime) -> Manifest:
    """Dump and photos; what the manifest says of them."""
    engine = make_engine(source.database_url, statement_timeout_s=HOURS_S)
    try:
        async with engine.connect() as connection:
            tx = await connection.execution_options(isolation_level="REPEATABLE READ")
            await tx.execute(text("SET TRANSACTION READ ONLY"))
            seen = await _look(tx, source)
            snapshot = (await tx.execute(text("SELECT pg_export_snapshot()"))).scalar_one()
            await asyncio.to_thread(postgres_tools.dump, source.database_url, folder / DUMP, snapshot)
        keys = seen.pop("keys")
        gone = await asyncio.to_thread(_copy_photos, source.photos, folder / PHOTOS, keys)
        async with engine.connect() as connection:
            lost = [key for key in gone if key in set(await _photo_keys(connection, source))]
    finally:
        await engine.dispose()
    if lost:
        raise Unavailable(
            f"照片库缺少 {len(lost)} 个数据库中有记录的文件，备份未完成：{', '.join(lost[:3])}。请检查 RESCUE_DATA。",
            f"The photo store lacks {len(lost)} files that the database has rows for; no backup was made: {', '.join(lost[:3])}. "
            "Look at RESCUE_DATA.",
            code="photos_lost",
        )
    return Manifest(
        format=FORMAT,
        version=cli.version(),
        city_id=source.city_id,
        made_at=now,
        photos=len(keys) - len(gone),
        photos_gone=gone,
        files=await asyncio.to_thread(_hashes, folder),
        **seen,
    )


def _hashes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_of(path) for path in sorted(folder.rglob("*")) if path.is_file()}


async def _look(tx: AsyncConnection, source: Source) -> dict[str, Any]:
    """What the snapshot holds."""
    revision = (await tx.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
    major = (await tx.execute(text("SHOW server_version_num"))).scalar_one()
    seq, hash_ = await log.head(tx, source.city_id)
    return {
        "revision": revision,
        "postgres": int(major) // 10_000,
        "log_seq": seq,
        "log_hash": hash_.hex(),
        "tables": await table_facts(tx),
        "keys": await _photo_keys(tx, source),
    }


async def _photo_keys(tx: AsyncConnection, source: Source) -> list[str]:
    """The files that rows name, whichever version wrote them; those that retention is just removing are left out."""
    query = text(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'photos'"
    )
    columns = set((await tx.execute(query)).scalars())
    staying = "AND leaving_at IS NULL" if "leaving_at" in columns else ""
    each = [
        f"SELECT {name} AS key FROM photos WHERE city_id = :c AND {name} <> '' {staying}"  # noqa: S608 - names are ours
        for name in sorted(PHOTO_COLUMNS & columns)
    ]
    return sorted((await tx.execute(text(" UNION ".join(each)), {"c": source.city_id})).scalars())


def _copy_photos(store: Path, into: Path, keys: list[str]) -> list[str]:
    """Copies the files with these keys; the keys of which there is none (any more, or lost: the caller looks)."""
    into.mkdir(mode=0o700)
    # A second look: a file that is just being sealed anew changes its ending.
    return [key for key in keys if not (_copied(store, into, key) or _copied(store, into, key))]


def _copied(store: Path, into: Path, key: str) -> bool:
    for path in (store / key[:2] / key[2:4]).glob(f"{key}.*"):
        target = into / path.relative_to(store)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, target)
        except FileNotFoundError:
            continue
        _sync(target)
        return True
    return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One backup at a time in a folder; what a broken-off one left is cleared away."""
    owner = Ownership(folder)
    if not owner.take():
        raise Conflict(f"{folder} 中正在进行另一次备份。", f"Another backup is being made in {folder}.")
    try:
        for left in folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        owner.let_go()


def _older(folder: Path, city_id: str) -> list[Path]:
    """The complete backups of a city, oldest first: their names say when."""
    return sorted(path for path in folder.glob(f"rescue-{city_id}-*") if (path / MANIFEST).exists())


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
