"""`rescue policy …`: which policy is in force, and back to the file of the city's folder."""

import asyncio
from collections.abc import Awaitable, Callable

from cyclopts import App

from backend import in_force
from backend.city import open_city
from backend.clock import Clock
from backend.db import make_engine
from backend.dispatch import policy_change
from backend.ids import new_id
from backend.office import Office
from backend.steady import SteadyTime
from ops.people import OPERATOR
from ops.serve import settings_here

app = App(
    name="policy",
    help="规则：查看现行规则，恢复为城市文件夹中的文件。The policy in force, and back to the city's file.",
)


@app.command
def show() -> None:
    """显示现行规则：来自文件还是修改台，何时由谁写。Where the policy in force comes from, and its text."""
    _with(_show)


async def _show(office: Office, _clock: Clock) -> None:
    async with office.db.connect() as tx:
        last = await in_force.last_written(tx, office)
    if last is None:
        print("现行规则是城市文件夹中的文件。 The city's file is in force.")
    else:
        at = last.written_at.astimezone(office.city.zone)
        print(
            f"第 {last.number} 次修改 Change {last.number}: {last.policy_hash}, {at:%Y-%m-%d %H:%M}, {last.written_by}"
        )
    print(office.city.policy_text if last is None else last.text)


@app.command(name="from-file")
def from_file(*, reason: str = "恢复为城市文件 back to the city's file") -> None:
    """恢复为城市文件夹中的规则；数秒内在所有进程生效。Put the city's file in force again, everywhere within seconds.

    Parameters
    ----------
    reason: 理由。Why.
    """

    async def back(office: Office, clock: Clock) -> None:
        await _back(office, clock, reason)

    _with(back)


async def _back(office: Office, clock: Clock, reason: str) -> None:
    # Without obeying the last one first: that it cannot be used may be the very reason for going back.
    file, text = office.city.policy, office.city.policy_text
    async with office.db.connect() as tx:
        last = await in_force.last_written(tx, office)
    if last is None or last.policy_hash == file.digest:
        print("现行规则就是城市文件。 The city's file is in force already.")
        return
    done = await policy_change.change_policy(
        office, new_id(), text, expected_digest=last.policy_hash, reason=reason, by=OPERATOR, now=clock.now()
    )
    print(
        f"已生效：第 {done.number} 次修改，摘要 {done.digest}。 In force: change {done.number}, digest {done.digest}."
    )


def _with(do: Callable[[Office, Clock], Awaitable[None]]) -> None:
    settings = settings_here()

    async def run() -> None:
        engine = make_engine(settings.database_url)
        try:
            office = Office(open_city(settings.city_folder), engine, ring=settings.ring)
            async with SteadyTime(engine, office.city_id) as time:
                await do(office, settings.clock.by(time.now))
        finally:
            await engine.dispose()

    asyncio.run(run())
