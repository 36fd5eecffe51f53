"""`rescue bench`: the figures of docs/measurements.md, each with its reference run beside it."""

import json as json_text
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from backend import migrations
from backend.errors import Invalid
from ops.bench import circle, city_import, fanout, growth, intake, map_frames, nearest, positions, soak, sweep
from ops.local import services

Result = dict[str, Any]
COLUMNS = ("name", "ours", "reference", "ratio", "goal", "unit", "n")


def _nearest() -> Result:
    """Beside PostGIS, in a cluster of its own."""
    with tempfile.TemporaryDirectory(prefix="rc-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the user postgres has to pass through
        with services.running(folder, given={}, durable=False) as found:
            migrations.upgrade(found.database_url)
            return nearest.run(found.database_url)


BENCHES: dict[str, Callable[[Path | None, float], Result]] = {
    "nearest": lambda _, __: _nearest(),
    "circle": lambda _, __: circle.run(),
    "import": lambda pbf, _: city_import.run(pbf),
    "intake": lambda _, __: intake.run(),
    "positions": lambda _, __: positions.run(),
    "fanout": lambda _, __: fanout.run(),
    "map": lambda _, __: map_frames.run(),
    "growth": lambda _, __: growth.run(),
    "soak": lambda _, seconds: soak.run(seconds=seconds),
    "sweep": lambda _, __: sweep.run(),
}


def bench(name: str | None = None, *, pbf: Path | None = None, seconds: float = 60, json: bool = False) -> int:
    """性能对照：每项与参照在同一次运行中比较。Benchmarks: ratios to a reference run beside ours.

    Parameters
    ----------
    name: nearest、circle、import、intake、positions、fanout、map、growth、soak、sweep；省略则全部。One of them; all when left out.
    pbf: import 用的提取文件；省略则用自造的网格城市。The extract for `import`; a made-up grid city when left out.
    seconds: soak 每一轮持续多久。How long each round of `soak` lasts.
    json: 输出 JSON。Print JSON.
    """
    if name is not None and name not in BENCHES:
        raise Invalid(f"没有名为 {name} 的测试。", f"There is no benchmark {name}: {', '.join(BENCHES)}.", field="name")
    results = [run(pbf, seconds) for one, run in BENCHES.items() if name in (None, one)]
    if json:
        print(json_text.dumps(results[0] if name else results, ensure_ascii=False))
    else:
        Console().print(_table(results))
        for one in results:
            if more := {key: value for key, value in one.items() if key not in COLUMNS}:
                Console().print(one["name"], more)
    return 0


def _table(results: list[Result]) -> Table:
    table = Table("项目 Name", "我方 Ours", "参照 Reference", "比值 Ratio", "目标 Goal", "单位 Unit", "n")
    for one in results:
        table.add_row(*(str(one[key]) for key in COLUMNS))
    return table
