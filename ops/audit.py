"""`rescue audit …`: is the log whole, and does every table follow from it? Changes nothing."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

import msgspec
from cyclopts import App
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import anchors, log
from backend.city import open_city
from backend.db import make_engine
from backend.dispatch import proof
from backend.errors import Invalid
from backend.office import Office
from backend.settings import Settings
from ops.serve import settings_here

NOT_WHOLE = 1
SHOWN = 20

app = App(
    name="audit", help="核验：日志完整、各表与日志一致。Verify that the log is whole and every table follows from it."
)

WORDS = {
    "missing": ("此处之前有事件缺失", "events before it are missing"),
    "moved": ("此事件不在原来的位置", "this event is not where it was written"),
    "changed": ("此事件内容被改动", "this event was changed"),
    "link": ("与前一事件的链接被改动", "its link to the event before was changed"),
}


class Report(Struct, frozen=True, kw_only=True):
    """What an audit found. anchored: the last event that a witness outside the database stands for; None without one.
    restored_at: when the database was put back to a backup, and what came after that was lost."""

    city: str
    events: int
    head: str
    breaks: list[log.Break]
    contradictions: list[str]
    cut_off: list[int]
    anchored: int | None
    anchored_at: datetime | None
    restored_at: list[datetime]
    witness_fault: str | None = None

    @property
    def is_whole(self) -> bool:
        return not (self.breaks or self.contradictions or self.cut_off or self.witness_fault)


@app.command
def verify(*, json: bool = False, head: str | None = None) -> int:
    """核验哈希链、锚点和各表。Check the chain of hashes, the anchors outside the database, and every table.

    Parameters
    ----------
    json: 输出 JSON。As JSON, for programs.
    head: 另行保存的“序号:哈希”（rescue audit head 打印的），日志必须包含它。A head that was kept elsewhere; the log must have it.
    """
    report = asyncio.run(verified(settings_here(), head))
    if json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        print("\n".join(_lines(report)), file=sys.stdout if report.is_whole else sys.stderr)
    return 0 if report.is_whole else NOT_WHOLE


@app.command(name="head")
def head_() -> None:
    """打印日志当前的“序号:哈希”，可抄录留存。Print where the log stands, to be kept on paper or elsewhere."""
    settings = settings_here()
    seq, hash_ = asyncio.run(_head(settings))
    print(f"{seq}:{hash_.hex()}")


async def _head(settings: Settings) -> tuple[int, bytes]:
    engine = make_engine(settings.database_url)
    try:
        async with engine.connect() as tx:
            return await log.head(tx, open_city(settings.city_folder).id)
    finally:
        await engine.dispose()


async def verified(settings: Settings, kept_head: str | None = None) -> Report:
    """Everything that is checked, as it was at one moment. Raises Invalid for a `kept_head` that is none."""
    engine = make_engine(settings.database_url, statement_timeout_s=3600)
    office = Office(open_city(settings.city_folder), engine, ring=settings.ring)
    try:
        async with engine.connect() as tx:
            # What is written meanwhile must not be half seen.
            await tx.execution_options(isolation_level="REPEATABLE READ")
            return await _report(tx, office, settings, kept_head)
    finally:
        await engine.dispose()


async def _report(tx: AsyncConnection, office: Office, settings: Settings, kept_head: str | None) -> Report:
    file = anchors.file_of(settings.data_folder, office.city_id)
    standing, fault = _standing(file, settings.secret_key, kept_head)
    seq, hash_ = await log.head(tx, office.city_id)
    return Report(
        city=office.city_id,
        events=seq,
        head=hash_.hex(),
        breaks=await log.breaks(tx, office.city_id, limit=SHOWN),
        contradictions=await proof.contradictions(tx, office),
        cut_off=await anchors.contradictions(tx, office.city_id, standing),
        anchored=standing[-1].seq if standing else None,
        anchored_at=standing[-1].at if standing else None,
        restored_at=[one.at for one in standing if one.restored and one.at],
        witness_fault=fault,
    )


def _standing(file: Path, secret_key: str, kept_head: str | None) -> tuple[list[anchors.Anchor], str | None]:
    """The anchors and, of a file that another hand wrote, what is wrong with it."""
    kept = [_parsed(kept_head)] if kept_head else []
    try:
        return anchors.read(file, secret_key=secret_key) + kept, None
    except Invalid as refused:
        return kept, f"{refused.zh} {refused.en}"


def _parsed(text: str) -> anchors.Anchor:
    seq, _, hash_ = text.partition(":")
    if not seq.isdigit() or len(hash_) != 64:
        raise Invalid("应为 序号:哈希。", "A head reads SEQ:HASH, as `rescue audit head` prints it.", field="head")
    return anchors.Anchor(at=None, seq=int(seq), hash=hash_)


def _lines(report: Report) -> list[str]:
    if report.is_whole:
        return [
            f"完整 Whole: {report.events} 个事件，哈希链无断裂；各表与日志一致。",
            f"{report.events} events, the chain holds, every table that the log tells of follows from it.",
            _anchor_line(report),
            *(f"曾于 {at:%Y-%m-%d %H:%M} 从备份恢复 Restored from a backup then." for at in report.restored_at),
            f"首部 Head: {report.events}:{report.head}",
            "日志不证明的表 Not proven by the log: " + ", ".join(sorted(proof.NOT_PROVEN)),
        ]
    found = [f"事件 event {one.seq}: {WORDS[one.what][0]} {WORDS[one.what][1]}" for one in report.breaks]
    found += [
        f"事件 event {seq}: 锚点记载过，现已缺失或被替换 an anchor stands for it, and it is gone or another"
        for seq in report.cut_off[:SHOWN]
    ]
    found += ([f"锚点 Anchors: {report.witness_fault}"] if report.witness_fault else []) + report.contradictions[:SHOWN]
    total = len(report.breaks) + len(report.cut_off) + len(report.contradictions) + bool(report.witness_fault)
    return [f"不一致 {total} 处 {total} things do not agree:", *found[: 3 * SHOWN]]


def _anchor_line(report: Report) -> str:
    if report.anchored is None:
        return "尚无锚点：日志末尾被截去将无法发现。 No anchors yet: an end taken off the log would not be noticed."
    return f"锚点至事件 {report.anchored}：此前末尾未被截去。 Anchored up to event {report.anchored}: no end was taken off before."
