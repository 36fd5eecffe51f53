"""`rescue db …`: the database and Redis of this checkout, or the ones that RESCUE_DATABASE_URL names."""

import asyncio
import os
import shutil
from pathlib import Path

from cyclopts import App

from backend import migrations
from backend.errors import Conflict, Unavailable
from backend.sealing import Ring
from ops.local import postgres, services
from ops.local.owner import Ownership

app = App(name="db", help="数据库与缓存服务。The database and Redis: start, stop, migrate, look inside.")


@app.command
def up() -> None:
    """启动内置数据库和 Valkey，并保持运行。Start the embedded database and Valkey, and leave them running."""
    found = services.start(services.folder_of_checkout(), given=os.environ)
    print(f"数据库 Database: {found.database_url}\nValkey: {found.redis_url}")


@app.command
def down() -> None:
    """停止内置数据库和 Valkey；数据保留。Stop the embedded database and Valkey; the data stay."""
    folder = services.folder_of_checkout()
    owner = Ownership(folder)
    if not owner.take():
        raise Conflict(
            "演示正在使用这些服务；请在它的窗口按 Ctrl-C 结束。",
            "A demonstration is using these services; end it with Ctrl-C in its window.",
        )
    try:
        services.stop(folder)
    finally:
        owner.let_go()
    print("已停止。 Stopped.")


@app.command
def migrate(*, finish: bool = False) -> None:
    """把数据库结构升级到当前版本；旧版本进程可继续服务。Bring the tables to this version, while the version before serves on.

    Parameters
    ----------
    finish: 旧版本进程全部结束后，完成余下的步骤。Take the steps that wait until no process of the version before runs.
    """
    outcome = asyncio.run(migrations.migrate_async(address(), finish=finish, ring=ring()))
    for step in outcome.done:
        print(f"✔ {step.revision}  {step.says}")
    if outcome.waiting is None:
        print(f"已是最新版本 Up to date: {migrations.head()}")
        return
    waiting = outcome.waiting
    print(
        f"步骤 {waiting.revision} 要等旧版本的进程全部结束：先启动新版本，停掉所有旧进程，再运行 rescue db migrate --finish。\n"
        f"Step {waiting.revision} ({waiting.says}) waits until every process of the version before has ended: start the new "
        "version, stop all old processes, then run rescue db migrate --finish"
    )


@app.command
def shell() -> None:
    """打开 psql。Open psql on the database."""
    program = shutil.which("psql") or postgres.binary("psql")
    if not Path(program).exists():
        raise Unavailable(
            "没有找到 psql。请安装：apt-get install postgresql-client。",
            "psql was not found. Install it: apt-get install postgresql-client",
        )
    os.execv(program, ["psql", address()])  # noqa: S606


def ring() -> Ring | None:
    """The keys that seal personal data, where they are known; a database without such data needs none."""
    keys = services.environment(services.folder_of_checkout(), os.environ).get("RESCUE_PERSONAL_KEYS")
    try:
        return Ring.parse(keys) if keys else None
    except ValueError:
        return None


def address() -> str:
    """The database that commands work on. Raises `Unavailable` when none is named and none runs here."""
    given = services.environment(services.folder_of_checkout(), os.environ).get("RESCUE_DATABASE_URL")
    if not given:
        raise Unavailable(
            "没有可用的数据库：请运行 rescue db up，或设置 RESCUE_DATABASE_URL。",
            "There is no database: run rescue db up, or set RESCUE_DATABASE_URL.",
            code="database_down",
        )
    return "postgresql://" + given.split("://", 1)[-1]
