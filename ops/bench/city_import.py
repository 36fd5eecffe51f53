"""Building the road graph of a city, against Valhalla's tile build of the same extract (pyvalhalla, a development dependency).

Turn by turn: ours as a process of its own, from starting Python to the file on disk, since Valhalla's is a process too. Without an extract a
synthetic city of streets in a grid is written first.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import osmium
import valhalla
from osmium.osm.mutable import Node, Way

ROUNDS = 5
ROOT = Path(__file__).parents[2]
_BUILD = "import sys; from pathlib import Path; from backend.geo.build import build; build(Path(sys.argv[1]), Path(sys.argv[2]))"


def run(pbf: Path | None = None) -> dict[str, object]:
    """Median seconds per build, ours and Valhalla's."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        if pbf is None:
            pbf = here / "grid.osm.pbf"
            write_grid(pbf, side=70)
        config = _valhalla_config(here)
        tool = str(Path(valhalla.__file__).parent / "bin" / "valhalla_build_tiles")
        mine = [sys.executable, "-c", _BUILD, str(pbf), str(here / "roads.graph")]
        theirs = [tool, "-c", str(config), str(pbf)]
        times = [(_timed(lambda: _quiet(mine)), _timed(lambda: _quiet(theirs))) for _ in range(ROUNDS + 1)][1:]
    ours, reference = (statistics.median(column) for column in zip(*times, strict=True))
    return {
        "name": "import",
        "ours": round(ours, 3),
        "reference": round(reference, 3),
        "ratio": round(ours / reference, 3),
        "goal": "<= 1",
        "unit": "s",
        "n": ROUNDS,
    }


def write_grid(path: Path, side: int) -> None:
    """A city of `side` by `side` crossings, with points between them, names, one-ways and some signals."""
    between = 3
    nodes = dict(
        _grid_node(axis, row, column, side * between, between)
        for row in range(side)
        for column in range(side * between)
        for axis in (0, 1)
    )
    with osmium.SimpleWriter(str(path), overwrite=True) as out:
        for number in sorted(nodes):
            out.add_node(nodes[number])
        for axis in (0, 1):
            for row in range(side):
                _grid_way(out, axis, row, side, between)


def _grid_id(axis: int, row: int, column: int, width: int, between: int) -> int:
    """Streets of both directions share the node where they cross."""
    if axis == 1 and column % between == 0:
        axis, row, column = 0, column // between, row * between
    return 1 + (axis * width + row) * width + column


def _grid_node(axis: int, row: int, column: int, width: int, between: int) -> tuple[int, Node]:
    along, across = column * 0.002 / between, row * 0.002
    location = (121 + along, 38 + across) if axis == 0 else (121 + across, 38 + along)
    signal = column % between == 0 and (row + column // between) % 7 == 0
    number = _grid_id(axis, row, column, width, between)
    return number, Node(id=number, location=location, tags={"highway": "traffic_signals"} if signal else {})


def _grid_way(out: osmium.SimpleWriter, axis: int, row: int, side: int, between: int) -> None:
    kinds = ("residential", "residential", "tertiary", "residential", "secondary")
    tags = {"highway": kinds[row % 5], "name": f"{'东西'[axis]}{row}路"}
    if row % 3 == 1:
        tags["oneway"] = "yes"
    nodes = [_grid_id(axis, row, column, side * between, between) for column in range((side - 1) * between + 1)]
    out.add_way(Way(id=1 + axis * side + row, nodes=nodes, tags=tags))


def _valhalla_config(folder: Path) -> Path:
    (folder / "tiles").mkdir()
    (folder / "tiles.tar").touch()
    config = valhalla.get_config(tile_extract=folder / "tiles.tar", tile_dir=folder / "tiles")
    del config["mjolnir"]["tile_extract"]
    path = folder / "valhalla.json"
    path.write_text(json.dumps(config))
    return path


def _quiet(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
