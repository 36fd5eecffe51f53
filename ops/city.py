"""`rescue city …`: bring a city in from OpenStreetMap, and load its folder into the database."""

import asyncio
from pathlib import Path

from cyclopts import App
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from backend.city import open_city
from backend.clock import SystemClock
from backend.db import make_engine
from backend.office import Office
from ops.city_import import CityReport, import_city
from ops.load_city import load_city
from ops.serve import settings_here
from ops.simulate.day import write_day

app = App(name="city", help="城市数据：导入路网与辖区，载入数据库。Cities: import roads and regions, load them.")

POLICY_TO_BEGIN_WITH = """\
# 城市规则: 只写与默认值不同的项。全部项目及说明见 backend/policy_default.toml。
# What the city decides: only what differs from the defaults. All of it, explained: backend/policy_default.toml.
#
# [clocks]
# on_spot = "30 min"
"""
POLICY_OF_A_DEMONSTRATION = """
# 演示: 仅凭口令登录; 正式使用前删去本节。  A demonstration: passwords alone sign in. Delete this for real use.
[sign_in]
second_factor = []
"""

STAGES = {
    "read": "读取路网 Reading the roads",
    "cut": "切分路段 Cutting at junctions",
    "connect": "连通性 Finding what is reachable",
    "weigh": "行驶时间 Times by mode",
    "write": "写入 Writing",
    "regions": "辖区 Regions",
    "stay_points": "停留点 Stay points",
    "teams": "演示队伍 Demonstration teams",
}


@app.command(name="import")
def import_(
    file: Path,
    *,
    name: str,
    code: str,
    regions: Path | None = None,
    out: Path | None = None,
    demo_teams: int = 0,
    timezone: str = "Asia/Shanghai",
) -> None:
    """导入城市：从 OSM 提取文件生成路网、辖区和城市目录。Import a city from an OpenStreetMap extract.

    Parameters
    ----------
    file: .osm.pbf 提取文件。The extract.
    name: 城市名，如“大连 Dalian”。Its name in Chinese and English.
    code: 行政区划代码，如 210200。Its administrative code (GB/T 2260), or any short code.
    regions: 辖区 GeoJSON 文件或目录；省略则取路网外廓。GeoJSON of the regions; the hull of the roads when left out.
    out: 输出目录，默认 cities/<code>。Where to; cities/<code> when left out.
    demo_teams: 生成多少支演示队伍。How many demonstration teams to spread over the city.
    timezone: 时区。The city's time zone.
    """
    folder = out or Path("cities") / code
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(STAGES.get(stage, stage), total=total)
            bar.update(tasks[stage], completed=done, total=total)

        report = import_city(file, regions, folder, name, code, progress, demo_teams, timezone=timezone)
    if not (folder / "policy.toml").exists():
        policy = POLICY_TO_BEGIN_WITH + (POLICY_OF_A_DEMONSTRATION if demo_teams else "")
        (folder / "policy.toml").write_text(policy, encoding="utf-8")
    open_city(folder)  # what was written must be readable
    console.print(_table(report))
    console.print(f"完成 Done: {folder}\n下一步 Next: RESCUE_CITY={folder} rescue city load")


def _table(report: CityReport) -> Table:
    table = Table("导入结果 What the import did", "", title_justify="left")
    roads = report.roads
    table.add_row("读入 Read", f"{roads.ways_read:,} ways, {roads.nodes_read:,} nodes")
    table.add_row("采用 Kept", f"{roads.ways_kept:,} ways, {roads.km_kept:,.0f} km, {roads.junctions:,} junctions")
    table.add_row("路段 Segments", f"{roads.segments:,}, {roads.signals:,} signals, {roads.named_km:,.0f} km named")
    for reason, count in roads.dropped.most_common():
        table.add_row(f"未采用 Left out: {reason}", f"{count:,} ways")
    for mode, metres in roads.lost_m.items():
        if not metres:
            continue
        table.add_row(f"不连通 Unreachable: {mode}", f"{metres / 1000:,.1f} km, {roads.lost_segments[mode]:,} segments")
    if roads.bad_maxspeed or roads.missing_nodes or roads.restrictions_ignored:
        oddities = f"{roads.bad_maxspeed} maxspeed, {roads.missing_nodes} nodes, {roads.restrictions_ignored} turn restrictions"
        table.add_row("忽略 Ignored", oddities)
    table.add_row("用时 Took", f"{sum(roads.seconds.values()):.2f} s")
    table.add_section()
    table.add_row("辖区 Regions", f"{report.regions.read:,}")
    for repaired in report.regions.repaired:
        table.add_row("已修复 Repaired", repaired)
    for dropped in report.regions.dropped:
        table.add_row("未采用的辖区 Region left out", dropped)
    for file, size in report.files.items():
        table.add_row(file, f"{size / 1000:,.0f} kB")
    return table


@app.command
def load(*, demo: bool = False, overwrite: bool = False) -> None:
    """把城市目录（辖区、队伍、机构、班次）载入数据库；可重复执行。Load the city's folder into the database; repeatable.

    Parameters
    ----------
    demo: 同时创建演示账号。Make demonstration accounts too.
    overwrite: 以文件为准，覆盖网页上改过的队伍和机构。The files win over teams and facilities changed at the desk.
    """
    settings = settings_here()

    async def run() -> None:
        engine = make_engine(settings.database_url)
        try:
            office = Office(open_city(settings.city_folder), engine, ring=settings.ring)
            print(await load_city(office, settings.city_folder, SystemClock().now(), demo=demo, overwrite=overwrite))
        finally:
            await engine.dispose()

    asyncio.run(run())


@app.command
def reports(source: Path, *, day: str, out: Path) -> None:
    """从报告流中取出一天作演示。Take one day out of a stream of reports, for the demonstration.

    Parameters
    ----------
    source: 报告流 CSV。The stream.
    day: 日期，如 2016-09-19。The day.
    out: 写到哪里。Where to.
    """
    print(f"{write_day(source, day, out)} 条 reports → {out}")
