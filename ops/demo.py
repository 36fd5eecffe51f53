"""`rescue demo`, which is what `make run` does: the whole system on this machine, a real day replayed on it, and the board.

Begin at `demo`. It starts the embedded services, migrates, loads the city, starts API and worker as processes of their own
on a clock that runs faster, lets the simulated people act through the public API, and shows the board. Ctrl-C ends
everything; started again, the same day goes on at the moment where it stopped.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

import asyncpg
import httpx
from msgspec import Struct
from rich.console import Console

from backend import migrations
from backend.campaign import tours
from backend.city import City, open_city
from backend.clock import ScaledClock
from backend.db import make_engine
from backend.errors import Conflict, Invalid, Unavailable
from backend.geo.warm import warm_up
from backend.office import Office
from backend.patrol.teams import list_teams
from backend.sealing import Ring
from backend.settings import Settings, city_folder
from ops.demo_accounts import DemoAccounts, accounts_file_here, make_demo_accounts, read_demo_accounts
from ops.demo_phone import EVERYWHERE, HTTPS_PORT, PhoneDoor, open_door, told
from ops.load_city import load_city, put_shifts
from ops.local import demo_clock, services
from ops.local.services import Services
from ops.simulate.day import day_of
from ops.simulate.live import LiveCrowd
from ops.simulate.phone import Phone, over_network
from ops.simulate.run import make_crowd
from ops.terminal_board import Screen, Watcher, show

BEGIN_AT: Final = timedelta(hours=7, minutes=30)
"""The first run begins at half past seven of the day: what came overnight is sent at once, and then the morning begins."""
STARTING: Final = timedelta(seconds=9)
"""How long the processes and the sign-ins take; the clock stands meanwhile."""
READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 12.0
REMEMBER_EVERY_S: Final = 2.0
FASTEST: Final = 240.0
"""Beyond this a lease of 90 s is over before an answer has travelled: teams would be asked in vain."""
PORTS_TRIED: Final = 50
type Child = subprocess.Popen[bytes]


class Place(Struct, frozen=True, kw_only=True):
    """Where the demonstration runs: its folder, the city's folder and facts, the address, and what every process is given."""

    folder: Path
    city_folder: Path
    city: City
    clock: ScaledClock
    url: str
    door: PhoneDoor
    environment: Mapping[str, str]


def demo(
    *,
    speed: float = 10.0,
    city: Path | None = None,
    port: int | None = None,
    seed: int = 1,
    again: bool = False,
    https: bool = False,
) -> None:
    """演示：在本机启动全套系统，用真实的一天重放，模拟队伍应答。Ctrl-C 结束，再运行则接着走。

    The whole system on this machine, replaying one real day with simulated teams; Ctrl-C ends it, running it again continues.

    Parameters
    ----------
    speed: 时间快多少倍，1–240。How many times as fast as life.
    city: 城市目录；默认取 RESCUE_CITY 或大连。The city's folder; RESCUE_CITY's or Dalian when left out.
    port: 接口端口；默认取 RESCUE_PORT 或 8080 起第一个空闲的。The API's port; the first free one from 8080 when left out.
    seed: 随机种子。The seed of the simulated people.
    again: 清空演示数据，从头开始。Erase the demonstration's data and begin the day anew.
    https: 另开 HTTPS 供同一局域网的手机使用，证书由本机签发。HTTPS for phones on the local network, with a certificate of our own.
    """
    if not 1 <= speed <= FASTEST:
        raise Invalid(f"speed 应为 1 到 {FASTEST:g}。", f"speed is from 1 to {FASTEST:g}.", field="speed")
    console = Console()
    folder = services.folder_of_checkout()
    city = city or city_folder(os.environ.get("RESCUE_CITY") or "dalian")
    _say(console, "编译路网搜索（首次约半分钟） Compiling the road searches (half a minute the first time)")
    if (place := open_city(city)).roads is not None:
        warm_up(place.roads)
        tours.warm_up()
    with ExitStack() as held:
        _say(console, "启动数据库和缓存 Starting the database and the cache")
        found = held.enter_context(services.running(folder, given=os.environ))
        if again:
            _erase(folder, found)
        keys = _environment(folder, city, found)["RESCUE_PERSONAL_KEYS"]
        migrations.upgrade(found.database_url, ring=Ring.parse(keys))
        asyncio.run(_prepare(folder, city, found, console))
        here = _place(folder, city, found, speed, port, https=https)
        children = {name: held.enter_context(_child(name, here)) for name in ("serve", "worker")}
        if here.door.given:
            children["serve-https"] = held.enter_context(_child("serve", here, as_="serve-https", more=here.door.given))
        _wait_until_ready(here.url)
        try:
            asyncio.run(_run(here, seed, console, children))
        except* KeyboardInterrupt:
            pass
        finally:
            demo_clock.remember(folder, here.clock.now())
            _say(console, "正在停止 Stopping")
    _say(console, "已停止，再次运行将从此刻继续。 Stopped; run it again to go on from here.")


def _say(console: Console, text: str) -> None:
    console.print(f"· {text}", markup=False, highlight=False)


def _place(
    folder: Path, city_folder: Path, found: Services, speed: float, port: int | None, *, https: bool = False
) -> Place:
    """The addresses, the clock where it stopped, and the settings every process gets."""
    city = open_city(city_folder)
    # The clock stands until everybody is there: nobody sleeps through simulated minutes while processes start.
    clock = demo_clock.resume(folder, _first_moment(city_folder), speed, real_now=datetime.now(UTC) + STARTING)
    host = os.environ.get("RESCUE_HOST") or "127.0.0.1"
    chosen = port or int(os.environ.get("RESCUE_PORT") or _free_port(host, 8080))
    given = _environment(folder, city_folder, found) | {
        "RESCUE_CLOCK": str(clock),
        "RESCUE_HOST": host,
        "RESCUE_PORT": str(chosen),
        "RESCUE_LOG_LEVEL": os.environ.get("RESCUE_LOG_LEVEL") or "warning",
    }
    shown = "127.0.0.1" if host in EVERYWHERE else host
    https_port = _free_port("0.0.0.0", HTTPS_PORT) if https else HTTPS_PORT  # noqa: S104 - for phones
    return Place(
        folder=folder,
        city_folder=city_folder,
        city=city,
        clock=clock,
        url=f"http://{shown}:{chosen}",
        door=open_door(folder, host, chosen, https=https, https_port=https_port),
        environment=given,
    )


def _environment(folder: Path, city_folder: Path, found: Services) -> dict[str, str]:
    given = {"RESCUE_DATABASE_URL": found.database_url, "RESCUE_REDIS_URL": found.redis_url}
    return services.environment(folder, os.environ) | given | {"RESCUE_CITY": str(city_folder.resolve())}


def _first_moment(city_folder: Path) -> datetime:
    return day_of(city_folder)[0].at.replace(hour=0, minute=0, second=0, microsecond=0) + BEGIN_AT


def _free_port(host: str, first: int) -> int:
    for port in range(first, first + PORTS_TRIED):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return port
    raise Unavailable(f"{first} 起没有空闲端口。", f"There is no free port from {first} on.", code="no_port")


# --- data ----------------------------------------------------------------------------------------------------------------


def _erase(folder: Path, found: Services) -> None:
    """The embedded database, made new. One that was given by address is nobody's to erase here."""
    if found.cluster is None:
        raise Conflict(
            "--again 只清空内置数据库；RESCUE_DATABASE_URL 指定的数据库不会被清空。",
            "--again erases the embedded database only, never the one that RESCUE_DATABASE_URL names.",
        )
    asyncio.run(_drop(found.cluster.url("postgres")))
    found.cluster.make_database()
    demo_clock.forget(folder)


async def _drop(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP DATABASE IF EXISTS rescue WITH (FORCE)")
    finally:
        await connection.close()


async def _prepare(folder: Path, city_folder: Path, found: Services, console: Console) -> None:
    """Load the city and its accounts; a database that holds other work is refused."""
    settings = Settings.from_environment(_settings_only(_environment(folder, city_folder, found)))
    engine = make_engine(settings.database_url)
    try:
        office = Office(open_city(city_folder), engine, ring=settings.ring)
        if not (folder / "demo-clock").exists():
            await _refuse_foreign_work(office)
        _say(console, f"载入城市 Loading {office.city.name_zh} {office.city.name_en}")
        now = demo_clock.resume(folder, _first_moment(city_folder), 1.0).start
        await load_city(office, city_folder, now)
        await make_demo_accounts(office, now, accounts_file_here(), secret_key=settings.secret_key)
        demo_clock.remember(folder, now)
    finally:
        await engine.dispose()


async def _refuse_foreign_work(office: Office) -> None:
    async with office.db.connect() as tx:
        cases = await tx.exec_driver_sql("SELECT count(*) FROM cases")
        if cases.scalar_one():
            raise Conflict(
                "这个数据库里已有不属于演示的案卷，演示不会写入。请换一个数据库；"
                "若是内置数据库且内容可以丢弃，运行 rescue demo --again 清空重来。",
                "This database holds cases that are not the demonstration's, which it will not touch. Use another database; "
                "if it is the embedded one and nothing in it is worth keeping, rescue demo --again erases it.",
            )


def _settings_only(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("RESCUE_")}


# --- processes -----------------------------------------------------------------------------------------------------------


@contextmanager
def _child(name: str, place: Place, *, as_: str = "", more: Mapping[str, str] | None = None) -> Iterator[Child]:
    """`rescue NAME` as a process of its own, ended with us: politely, then firmly; and by the kernel if we are killed."""
    logs = place.folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    command = ["setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", "ops.cli", name]
    with (logs / f"{as_ or name}.log").open("ab") as log:
        # In a session of its own: a Ctrl-C in the terminal is for us, who stop it in the right order.
        process = subprocess.Popen(
            command,
            env={**place.environment, **(more or {})},
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with services.uninterrupted():
            _end(process)


async def _watch(children: Mapping[str, Child]) -> NoReturn:
    """Raises Unavailable when one of them has ended by itself."""
    while True:
        await asyncio.sleep(1)
        for name, process in children.items():
            if process.poll() is not None:
                raise Unavailable(
                    f"{name} 进程意外结束，请看 .local/logs/{name}.log。",
                    f"The process {name} ended by itself; see .local/logs/{name}.log.",
                    code="child_ended",
                )


def _end(process: Child) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(url: str) -> None:
    """Until the API says that reports are accepted. Raises Unavailable naming the log."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health", timeout=2.0, trust_env=False).status_code == httpx.codes.OK:
                return
        time.sleep(0.2)
    raise Unavailable(
        "接口服务没有启动，请看 .local/logs/serve.log。",
        "The API did not start; see .local/logs/serve.log.",
        code="no_api",
    )


# --- the day -------------------------------------------------------------------------------------------------------------


async def _run(place: Place, seed: int, console: Console, children: Mapping[str, Child]) -> None:
    """Simulated people, board, and the notes of the clock, until interrupted."""
    accounts = read_demo_accounts(accounts_file_here())
    line = over_network(place.url)
    phones = [Phone(line), Phone(line)]
    dispatcher = accounts.of("dispatcher")
    for phone in phones:
        await phone.sign_in(dispatcher.login, dispatcher.password)
    begins = day_of(place.city_folder)[0].at
    crowd = make_crowd(
        place.city, place.city_folder, accounts, line, place.clock, seed, first_day=begins, cold_from=BEGIN_AT
    )
    watcher = Watcher(place.url, phones[0])
    days = Days(place.clock, begins)
    heading = f"救助圈 Rescue Circle · {place.city.name_zh} {place.city.name_en}"
    screen = Screen(
        watcher, heading=heading, zone=place.city.zone, speed=place.clock.rate, notes=lambda: days.notes(place)
    )
    _greet(console, place, accounts)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    work: list[asyncio.Task[Any]] = [
        asyncio.create_task(LiveCrowd(crowd, place.clock, place.url, phones[1]).run(), name="crowd"),
        asyncio.create_task(watcher.run(), name="watcher"),
        asyncio.create_task(show(screen, place.clock.now, console), name="board"),
        asyncio.create_task(days.keep(place, console), name="days"),
        asyncio.create_task(_watch(children), name="children"),
        asyncio.create_task(stopping.wait(), name="stopping"),
    ]
    done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    for task in done:
        task.result()


class Days:
    """Counts the simulated days, notes where the clock is, and plans the shifts of the days to come."""

    def __init__(self, clock: ScaledClock, begins: datetime) -> None:
        self._clock, self._begins = clock, begins
        self._planned = self.number

    @property
    def number(self) -> int:
        """Which day of the replay it is, from 1."""
        return (self._clock.now().date() - self._begins.date()).days + 1

    def notes(self, place: Place) -> str:
        """The line under the board."""
        over = (
            f"第 {self.number} 天（同一报告流重放）Day {self.number} of the same stream · " if self.number > 1 else ""
        )
        return f"{over}指挥中心 Control room: {place.url}/ · 手机 Phone: {place.door.url} · 演示账号 Sign-ins: .local/demo-accounts.json · Ctrl-C 结束 ends"

    async def keep(self, place: Place, console: Console) -> None:
        """Every two seconds, until cancelled."""
        while True:
            await asyncio.sleep(REMEMBER_EVERY_S)
            demo_clock.remember(place.folder, self._clock.now())
            if self.number != self._planned:
                self._planned = self.number
                await self._next_day(place)
                _say(
                    console,
                    f"第 {self.number - 1} 天结束，同一报告流继续第 {self.number} 天；从头开始请加 --again。 "
                    f"Day {self.number - 1} is over; the same stream goes on with day {self.number}. To begin anew: --again",
                )

    async def _next_day(self, place: Place) -> None:
        engine = make_engine(place.environment["RESCUE_DATABASE_URL"])
        try:
            office = Office(place.city, engine, ring=Ring.parse(place.environment["RESCUE_PERSONAL_KEYS"]))
            async with office.begin() as tx:
                await put_shifts(tx, office, await list_teams(tx, office), self._clock.now())
        finally:
            await engine.dispose()


def _greet(console: Console, place: Place, accounts: DemoAccounts) -> None:
    now = place.clock.now().astimezone(place.city.zone)
    console.print()
    console.print(
        f"  救助圈已运行 Rescue Circle is running  {now:%Y-%m-%d %H:%M}，×{place.clock.rate:g}",
        markup=False,
        highlight=False,
    )
    console.print(f"  指挥中心 Control room    {place.url}/", markup=False, highlight=False)
    console.print(f"  接口文档 API documents   {place.url}/schema", markup=False, highlight=False)
    console.print(f"  健康状态 Health          {place.url}/health", markup=False, highlight=False)
    console.print("  演示账号 Sign-ins        .local/demo-accounts.json", markup=False, highlight=False)
    for role, zh in (
        ("dispatcher", "派遣员"),
        ("operator", "热线坐席"),
        ("shift_leader", "值班长"),
        ("checker", "核查员"),
        ("station_staff", "救助站"),
        ("civil_affairs", "民政"),
        ("admin", "管理员"),
    ):
        one = accounts.of(role)
        console.print(f"    {zh} {role:<13} {one.login:<12} {one.password}", markup=False, highlight=False)
    for line in told(place.door, accounts):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print()
