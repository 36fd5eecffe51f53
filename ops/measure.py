"""`rescue measure day`: one real day of reports through the real application, as fast as the machine can, and its figures.

The API, the worker and PostgreSQL are the real ones; the clock is moved by hand, the people are simulated and act only
through HTTP. The same seed gives the same day. docs/measurements.md says what is real in it and what is made up.
"""

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from cyclopts import App
from msgspec import Struct
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from backend import log, migrations
from backend.app import create_app
from backend.city import City, open_city
from backend.clock import ManualClock
from backend.dispatch import replay
from backend.dispatch.stories import Story, stories
from backend.logs import configure_logs
from backend.office import Office
from backend.settings import Settings
from backend.worker import Worker
from ops.demo_accounts import DemoAccounts, read_demo_accounts
from ops.load_city import load_city
from ops.local import services
from ops.local.services import Services
from ops.simulate.crowd import Crowd, crowd_of, keyed
from ops.simulate.day import DayReport, day_of
from ops.simulate.figures import Figures, Paired, as_rows, figures, paired
from ops.simulate.person import Event
from ops.simulate.phone import Phone, in_process
from ops.simulate.second_opinion import Compared, SecondOpinion, blind, compared
from ops.simulate.virtual import News, VirtualDay
from ops.unlimited import without_limits

Method = Literal["road", "straight_line"]
CIRCLE_EVERY: Final = timedelta(minutes=10)
LONGEST_AFTERMATH: Final = timedelta(hours=8)

app = App(name="measure", help="演练实测。Measured on the replayed day.")


class Checks(Struct, frozen=True, kw_only=True):
    """What must hold at the end, whatever the figures: all of these are empty or zero when it does."""

    replay_differences: list[str]
    broken_link: int | None
    reports_without_receipt: int
    reports_without_case: int
    receipts_unanswered: int
    refusals: list[str]

    @property
    def hold(self) -> bool:
        """Whether all is as it must be."""
        nothing_lost = not (self.reports_without_receipt or self.reports_without_case or self.receipts_unanswered)
        return nothing_lost and not self.replay_differences and self.broken_link is None and not self.refusals


class DayRun(Struct, frozen=True, kw_only=True):
    """One run of the day. circle_*: share of the risk-weighted city within 30 minutes of a free team, every 10 minutes.

    joined_wrongly_*: reports that ended in a case which a report of another spot had opened.
    """

    method: str
    seed: int
    took_s: float
    figures: Figures
    circle_mean: float
    circle_least: float
    joined_wrongly_by_rule: int
    joined_wrongly_by_person: int
    second_opinion: Compared | None
    checks: Checks
    stories: list[Story]


@app.command(name="day")
def measure_day(
    *,
    city: Path = Path("cities/dalian"),
    method: Literal["road", "straight_line", "both"] = "road",
    seed: int = 1,
    json: bool = False,
) -> int:
    """在虚拟时间里重放真实的一天并给出指标。The whole day in virtual time, and its figures.

    Parameters
    ----------
    city: 城市目录。The city's folder.
    method: 派最近队伍的依据：道路时间、直线，或两者对比。How the nearest team is found; both compares them case by case.
    seed: 随机种子，相同则结果相同。The same seed gives the same day.
    json: 输出 JSON。As JSON.
    """
    configure_logs("error")
    place = open_city(city)
    methods: list[Method] = ["road", "straight_line"] if method == "both" else [method]
    runs = run_days(place, methods, seed, day_of(city))
    pairs = paired(runs[0].stories, runs[1].stories) if len(runs) == 2 else None
    if json:
        print(_as_json(runs, pairs))
    else:
        _show(runs, pairs)
    return 0 if all(run.checks.hold for run in runs) else 1


def run_days(
    city: City, methods: list[Method], seed: int, reports: list[DayReport], *, teams: int | None = None
) -> list[DayRun]:
    """The day once per method, each in a fresh database of a private, fleeting cluster."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    parent = memory if memory.is_dir() and shutil.disk_usage(memory).free > 2**31 else None
    folder = Path(tempfile.mkdtemp(prefix="rc-day-", dir=parent))
    folder.chmod(0o755)  # the user postgres has to pass through
    try:
        with services.running(folder, given={}, durable=False) as found:
            return [_one_run(city, method, seed, reports, found, folder, teams) for method in methods]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _one_run(
    city: City, method: Method, seed: int, reports: list[DayReport], found: Services, folder: Path, teams: int | None
) -> DayRun:
    assert found.cluster is not None
    name = f"day_{method}"
    found.cluster.make_database(name)
    migrations.upgrade(found.cluster.url(name))
    given = {
        "RESCUE_DATABASE_URL": found.cluster.url(name),
        "RESCUE_REDIS_URL": found.redis_url,
        "RESCUE_SECRET_KEY": services.secret_key(folder),
        "RESCUE_PERSONAL_KEYS": services.personal_keys(folder),
        "RESCUE_CITY": str(city.folder),
        "RESCUE_DATA": str(folder / "files"),
    }
    day = Day(city, method, seed, reports, Settings.from_environment(given), folder / f"{name}.json", teams)
    return asyncio.run(day.run())


@dataclass
class Observer:
    """Notes the circle every ten minutes, as a dispatcher's screen would ask for it."""

    phone: Phone
    next_at: datetime | None
    shares: list[float] = field(default_factory=list)

    async def begin(self, now: datetime) -> None:
        self.next_at = now

    async def act(self, now: datetime) -> None:
        reply = await self.phone.get("/api/circle")
        if reply.ok:
            self.shares.append(reply.body["share"])
        self.next_at = now + CIRCLE_EVERY

    def hear(self, event: Event, now: datetime) -> None:
        """Nothing: it looks by the clock."""

    async def end(self) -> None:
        """The phone is the news reader's."""


@dataclass
class Day:
    """One run: everything is put together here, on one event loop."""

    city: City
    method: Method
    seed: int
    reports: list[DayReport]
    settings: Settings
    accounts_file: Path
    teams: int | None = None
    start: datetime | None = None
    until: datetime | None = None

    async def run(self) -> DayRun:
        """From `start` (the midnight before the first report) to `until` (the next midnight), then until every case is
        closed, eight hours at most."""
        began = time.monotonic()
        start = self.start or self.reports[0].at.replace(hour=0, minute=0, second=0, microsecond=0)
        clock = ManualClock(start)
        application = create_app(msgspec.structs.replace(self.settings, clock=clock), city=without_limits(self.city))
        office: Office = application.state.parts.office
        await load_city(office, self.city.folder or Path(), start, demo=True, accounts_file=self.accounts_file)
        accounts = read_demo_accounts(self.accounts_file)
        async with application.lifespan():
            return await self._run(application, office, clock, accounts, start, began)

    async def _run(
        self,
        application: Any,
        office: Office,
        clock: ManualClock,
        accounts: DemoAccounts,
        start: datetime,
        began: float,
    ) -> DayRun:
        line, folder = in_process(application), self.city.folder or Path()
        crowd = crowd_of(self.city, folder, keyed(self.reports), accounts, line, seed=self.seed, teams=self.teams)
        phone, dispatcher = Phone(line), accounts.of("dispatcher")
        await phone.sign_in(dispatcher.login, dispatcher.password)
        observer = Observer(phone, start)
        crowd.people.append(observer)
        # Only the searcher loses the roads; the people drive on them all the same, and the map's circle is the real one.
        seeing = (
            office if self.method == "road" else Office(blind(self.city), office.db, office.nudge, ring=office.ring)
        )
        opinion = SecondOpinion(office) if self.method == "road" else None
        day = VirtualDay(
            office, clock, Worker(seeing, clock), crowd, News(phone), witness=opinion.on if opinion else _unseen
        )
        await day.begin()
        until = self.until or start + timedelta(days=1)
        await day.run(until)
        while clock.now() < until + LONGEST_AFTERMATH and await _still_open(office):
            await day.run(clock.now() + timedelta(minutes=30))
        checks = await self._check(office, crowd.faults, [filed.receipt for filed in crowd.reporters.filed], phone)
        async with office.db.connect() as tx:
            events = [event async for event in log.everything(tx, office.city_id)]
            links = [tuple(row) for row in await tx.execute(_LINKS, {"c": office.city_id})]
        wrongly = self._joined_wrongly(crowd, links, events)
        await crowd.end()
        await phone.close()
        shares = observer.shares or [0.0]
        return DayRun(
            method=self.method,
            seed=self.seed,
            took_s=round(time.monotonic() - began, 1),
            figures=figures(events),
            circle_mean=round(sum(shares) / len(shares), 4),
            circle_least=min(shares),
            joined_wrongly_by_rule=wrongly["rule"],
            joined_wrongly_by_person=wrongly.total() - wrongly["rule"],
            second_opinion=compared(opinion.opinions) if opinion else None,
            checks=checks,
            stories=list(stories(events).values()),
        )

    def _joined_wrongly(self, crowd: Crowd, links: list[tuple[Any, ...]], events: list[log.Event]) -> Counter[str]:
        """Reports in a case that another spot's report opened, by who joined them."""
        spots = {str(crowd.reporters.id_of(key, report)): report.spot for key, report in keyed(self.reports)}
        opened = {str(story.case_id): spots.get(story.opened_by or "") for story in stories(events).values()}
        return Counter(str(by) for case_id, sighting_id, by in links if spots[str(sighting_id)] != opened[str(case_id)])

    async def _check(self, office: Office, faults: list[str], receipts: list[str], phone: Phone) -> Checks:
        async with office.db.connect() as tx:
            differences = await replay.differences(tx, office)
            broken = await log.broken_link(tx, office.city_id)
            homeless = (await tx.execute(_WITHOUT_CASE, {"c": office.city_id})).scalar_one()
        answered = [(await phone.get(f"/api/reports/{receipt}")).ok for receipt in receipts]
        return Checks(
            replay_differences=differences,
            broken_link=broken,
            reports_without_receipt=len(self.reports) - len(receipts),
            reports_without_case=homeless,
            receipts_unanswered=answered.count(False),
            refusals=faults,
        )


async def _unseen(_events: list[Event], _now: datetime) -> None:
    """Without roads there is no second opinion to give."""


_WITHOUT_CASE = text("""
    SELECT count(*) FROM sightings s WHERE s.city_id = :c AND NOT EXISTS (
        SELECT FROM case_sightings l JOIN cases k ON k.city_id = l.city_id AND k.id = l.case_id
        WHERE l.city_id = s.city_id AND l.sighting_id = s.id AND l.left_at IS NULL)
""")
_LINKS = text("SELECT case_id, sighting_id, joined_by FROM case_sightings WHERE city_id = :c AND left_at IS NULL")
_OPEN = text("SELECT EXISTS (SELECT FROM cases WHERE city_id = :c AND closed_at IS NULL)")


async def _still_open(office: Office) -> bool:
    async with office.db.connect() as tx:
        return bool((await tx.execute(_OPEN, {"c": office.city_id})).scalar_one())


def _as_json(runs: list[DayRun], pairs: Paired | None) -> str:
    plain = [{k: v for k, v in msgspec.to_builtins(run).items() if k != "stories"} for run in runs]
    return msgspec.json.format(msgspec.json.encode({"runs": plain, "paired": pairs}), indent=2).decode()


TITLES: Final = {"road": "按道路 by road", "straight_line": "按直线 by straight line"}


def _show(runs: list[DayRun], pairs: Paired | None) -> None:
    console = Console()
    table = Table(
        *("", *(TITLES[run.method] for run in runs)), title=f"重放的一天 The replayed day（seed {runs[0].seed}）"
    )
    for rows in zip(*(_rows(run) for run in runs), strict=True):
        table.add_row(rows[0][0], *(row[1] for row in rows))
    console.print(table)
    opinion = runs[0].second_opinion
    if opinion is not None:
        console.print(
            f"同一时刻换作直线：{opinion.decisions} 次派遣中有 {opinion.other_team} 次会派另一队，"
            f"这些平均多走 {opinion.longer_when_other_mean_s:.0f} 秒（p95 {opinion.longer_when_other_p95_s:.0f} 秒），"
            f"全部平均 {opinion.longer_mean_s:.0f} 秒。\n"
            f"The straight line at the same moments: another team in {opinion.other_team} of {opinion.decisions} offers, "
            f"those {opinion.longer_when_other_mean_s:.0f} s longer by road on average (p95 "
            f"{opinion.longer_when_other_p95_s:.0f} s), {opinion.longer_mean_s:.0f} s over all."
        )
    if pairs is not None:
        console.print(
            f"逐案对比：直线比道路晚到 中位 {pairs.later_median_s:.0f} 秒、平均 {pairs.later_mean_s:.0f} 秒"
            f"（95% 区间 {pairs.mean_low_s:.0f}…{pairs.mean_high_s:.0f}），{pairs.cases} 案中更晚 {pairs.later}、"
            f"相同 {pairs.equal}、更早 {pairs.sooner}。\n"
            f"Case by case the straight line arrives later by {pairs.later_median_s:.0f} s (median), "
            f"{pairs.later_mean_s:.0f} s (mean, 95 % {pairs.mean_low_s:.0f}…{pairs.mean_high_s:.0f}); of {pairs.cases} cases "
            f"{pairs.later} later, {pairs.equal} equal, {pairs.sooner} sooner."
        )
    for run in runs:
        _show_checks(console, run)


def _rows(run: DayRun) -> list[tuple[str, str]]:
    circle = ("救助圈（平均 / 最低）circle (mean / least)", f"{run.circle_mean:.1%} / {run.circle_least:.1%}")
    wrongly = (
        "并错地点的报告（规则 / 人工）reports joined to another spot (rule / person)",
        f"{run.joined_wrongly_by_rule} / {run.joined_wrongly_by_person}",
    )
    return [*as_rows(run.figures), wrongly, circle, ("用时 run took", f"{run.took_s:.0f} s")]


def _show_checks(console: Console, run: DayRun) -> None:
    title = TITLES[run.method]
    if run.checks.hold:
        console.print(
            f"✔ {title}：日志重放与数据表一致，哈希链完整，每条报告都有案卷和回执答复，无一遗失。"
            "Replay equals the tables, the log's chain holds, every report has its case and its answer."
        )
        return
    console.print(f"✘ {title}: {msgspec.json.format(msgspec.json.encode(run.checks), indent=2).decode()}")
