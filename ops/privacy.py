"""`rescue privacy …`: keys that seal personal data, the removal of what has had its time, and what may be counted of people."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from cyclopts import App

from backend import in_force, retention, rotation, sealing
from backend.city import open_city
from backend.db import make_engine
from backend.intake.photo_store import FolderStore
from backend.office import Office
from backend.referral.privacy import counting
from backend.referral.privacy.statistics_sheet import as_csv
from ops.serve import photo_store, settings_here

app = App(
    name="privacy",
    help="个人信息：密钥轮换、到期删除、统计。Personal data: rotate keys, remove what has had its time, count.",
)


@app.command
def key(name: str = "") -> None:
    """生成一把新密钥，供 RESCUE_PERSONAL_KEYS 使用。Print a fresh key for RESCUE_PERSONAL_KEYS.

    Parameters
    ----------
    name: 密钥名称，默认取当天日期。What the key is called; today's date unless given.
    """
    print(sealing.fresh_key(name or datetime.now(UTC).strftime("k%Y%m%d")))


@app.command
def rotate() -> None:
    """用最新的密钥重新加密全部个人信息；服务可继续运行，中断后可重来。Seal everything anew with the newest key.

    The system may go on serving; broken off, run it again. At the end it says whether an older key can be dropped.
    """
    _with(_rotate)


async def _rotate(office: Office, store: FolderStore) -> None:
    done = await rotation.reseal(office, store)
    print(f"已重新加密 Sealed anew: {done.values:,} 项 values, {done.files:,} 个文件 files")
    if done.unopened:
        print(f"无法解开 Not opened: {done.unopened:,} —— 缺少其密钥 their key is not in RESCUE_PERSONAL_KEYS")
    await _say_what_is_left(office, store)


async def _say_what_is_left(office: Office, store: FolderStore) -> None:
    counted = await rotation.left(office, store)
    newest, *older = [one.name for one in office.ring.keys]
    for name, number in sorted(counted.items()):
        print(f"  {name}: {number:,}")
    free = [name for name in older if not counted.get(name)]
    if free:
        print(
            f"密钥 {'、'.join(free)} 已无内容使用，可从 RESCUE_PERSONAL_KEYS 删除（旧备份仍需要它）。\n"
            f"Nothing needs {', '.join(free)} any more: it can leave RESCUE_PERSONAL_KEYS (older backups still need it)."
        )
    elif older:
        print(f"还不能删除旧密钥。 No older key can be dropped yet; the newest is {newest}.")


@app.command(name="keys")
def keys_() -> None:
    """各密钥加密了多少内容；哪些可以停用。How much each key seals, and which can be dropped."""
    _with(_say_what_is_left)


@app.command(name="retention")
def retention_(*, dry_run: bool = False) -> None:
    """删除到期的个人信息（后台进程每天自动执行一次）。Remove what has had its time; the worker does so every day.

    Parameters
    ----------
    dry_run: 只统计，不删除。Only count.
    """
    _with(_count if dry_run else _remove)


async def _count(office: Office, _store: FolderStore) -> None:
    now = _office_now()
    _print(await retention.count(office, now=now, machine_now=datetime.now(UTC)))


async def _remove(office: Office, store: FolderStore) -> None:
    now = _office_now()
    done = await retention.run(office, store, now=now, machine_now=datetime.now(UTC), again=True)
    if done is not None:
        _print(done)


@app.command
def statistics(*, since: str | None = None, until: str | None = None) -> None:
    """受助人员统计（CSV）：按月、按区县，少于 5 人不公布。People helped by month and district; fewer than five are not told.

    Parameters
    ----------
    since: 起月，如 2016-09，默认为十二个月前。The first month; twelve months back unless given.
    until: 止月，默认为上个月。The last month, which is over; last month unless given.
    """

    async def tell(office: Office, _store: FolderStore) -> None:
        async with office.db.connect() as connection:
            tx = await connection.execution_options(isolation_level="REPEATABLE READ")
            of = counting.districts(office)
            told = await counting.statistics_of(tx, office, of, since=since, until=until, now=_office_now())
        print(as_csv(told), end="")

    _with(tell)


def _office_now() -> datetime:
    return settings_here().clock.now()


def _print(removed: retention.Removed) -> None:
    print("到期待删 Due to be removed" if removed.only_counted else "已删除 Removed")
    for name, number in removed.counts.items():
        print(f"  {name}: {number:,}")


def _with(do: Callable[[Office, FolderStore], Awaitable[None]]) -> None:
    settings = settings_here()

    async def run() -> None:
        engine = make_engine(settings.database_url)
        try:
            office = Office(open_city(settings.city_folder), engine, ring=settings.ring)
            await in_force.follow(office)
            await do(office, photo_store(settings))
        finally:
            await engine.dispose()

    asyncio.run(run())
