"""Reading an OpenStreetMap extract (.osm.pbf and whatever else libosmium reads) into arrays.

`read` keeps every way that a car, an e-bike or a person may use and says what it left out. Filtering and node positions are done by
libosmium; Python sees ways and tagged nodes only, which is what makes a whole city take seconds.
"""

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium
from numpy.typing import NDArray

from backend.errors import Invalid
from backend.geo.tags import ALL_MODES, WAY_KEYS, WayRule, barrier_passes, judge_way, signal_directions

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, how much of it is done and how much there is (0 when not known)."""

Ints = NDArray[np.int64]


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(slots=True)
class ImportReport:
    """What an import read, kept and left out. `dropped` counts ways by reason; `lost_m` is metres by mode off the largest part."""

    nodes_read: int = 0
    ways_read: int = 0
    ways_kept: int = 0
    km_kept: float = 0.0
    dropped: Counter[str] = field(default_factory=Counter)
    bad_maxspeed: int = 0
    missing_nodes: int = 0
    restrictions_ignored: int = 0
    barriers: int = 0
    signals: int = 0
    lost_m: dict[str, float] = field(default_factory=dict)
    lost_segments: dict[str, int] = field(default_factory=dict)
    junctions: int = 0
    segments: int = 0
    shape_points: int = 0
    named_km: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RawWays:
    """Usable ways. `node` are indexes into `xy` (1e-7 degrees), `ptr[w]:ptr[w+1]` those of way w in order.

    along, against: permissions (masks of `tags`); kmh: (ways, 3); name: index into `names`, 0 is none.
    passes: per node, who may pass it (barriers); signal_along, signal_against: per node, whether it stops traffic.
    """

    xy: NDArray[np.int32]
    ptr: Ints
    node: Ints
    road: NDArray[np.uint8]
    along: NDArray[np.uint8]
    against: NDArray[np.uint8]
    kmh: NDArray[np.float32]
    name: NDArray[np.int32]
    names: list[str]
    passes: NDArray[np.uint8]
    signal_along: NDArray[np.bool_]
    signal_against: NDArray[np.bool_]


class _Collector:
    """Takes the ways and tagged nodes as they come and keeps them in flat arrays."""

    def __init__(self) -> None:
        self.report = ImportReport()
        self.refs, self.xs, self.ys = array("q"), array("i"), array("i")
        self.ends = array("q", [0])
        self.rules: list[WayRule] = []
        self.name = array("i")
        self.names: dict[str, int] = {"": 0}
        self.tagged: dict[int, tuple[int, bool, bool]] = {}

    def add_node(self, node: Any) -> None:
        tags = {tag.k: tag.v for tag in node.tags}
        passes = barrier_passes(tags) if "barrier" in tags else ALL_MODES
        along, against = signal_directions(tags)
        if passes != ALL_MODES or along or against:
            self.tagged[node.id] = (passes, along, against)

    def add_way(self, way: Any) -> None:
        tags = {tag.k: tag.v for tag in way.tags}
        if "highway" not in tags and tags.get("route") != "ferry":
            return
        self.report.ways_read += 1
        rule = judge_way(tuple(map(tags.get, WAY_KEYS)))
        if isinstance(rule, str):
            self.report.dropped[rule] += 1
            return
        self.report.bad_maxspeed += rule.bad_maxspeed
        kept = self._add_runs(way.nodes, rule, tags.get("name:zh") or tags.get("name") or tags.get("ref") or "")
        if kept:
            self.report.ways_kept += 1
        else:
            self.report.dropped["fewer than two known nodes"] += 1

    def _add_runs(self, nodes: Any, rule: WayRule, name: str) -> bool:
        """Add the way's stretches of known nodes: an extract may lack nodes beyond its border. Repeated nodes are merged."""
        start, last, kept = len(self.refs), None, False
        for node in nodes:
            if not node.location.valid():
                self.report.missing_nodes += 1
                kept |= self._close_run(start, rule, name)
                start, last = len(self.refs), None
            elif node.ref != last:
                last = node.ref
                self.refs.append(last)
                self.xs.append(node.x)
                self.ys.append(node.y)
        return self._close_run(start, rule, name) or kept

    def _close_run(self, start: int, rule: WayRule, name: str) -> bool:
        if len(self.refs) - start < 2:
            del self.refs[start:], self.xs[start:], self.ys[start:]
            return False
        self.ends.append(len(self.refs))
        self.rules.append(rule)
        self.name.append(self.names.setdefault(name, len(self.names)))
        return True


def read(path: Path, progress: Progress = silent) -> tuple[RawWays, ImportReport]:
    """Read an extract. Raises `Invalid` for a missing file, a broken one, and one without a usable road."""
    if not path.is_file():
        raise Invalid(f"找不到地图文件：{path}", f"There is no extract at {path}.", code="extract_missing", field="pbf")
    collector = _Collector()
    try:
        _collect(path, collector, progress)
    except (RuntimeError, osmium.InvalidLocationError) as broken:
        raise Invalid(
            f"地图文件无法读取：{path.name}",
            f"{path.name} cannot be read: {broken}",
            code="extract_broken",
            field="pbf",
        ) from broken
    if not collector.rules:
        raise Invalid(
            f"{path.name} 中没有可用的道路。",
            f"{path.name} holds no road that a team could use ({collector.report.ways_read} ways read).",
            code="extract_no_roads",
            field="pbf",
        )
    return _arrays(collector), collector.report


def _collect(path: Path, collector: _Collector, progress: Progress) -> None:
    keys = osmium.filter.KeyFilter("highway", "barrier", "route", "restriction")
    for number, thing in enumerate(osmium.FileProcessor(str(path)).with_locations().with_filter(keys)):
        if isinstance(thing, osmium.osm.Way):
            collector.add_way(thing)
        elif isinstance(thing, osmium.osm.Node):
            collector.add_node(thing)
        elif "restriction" in thing.tags:
            collector.report.restrictions_ignored += 1
        if number % 20_000 == 0:
            progress("read", number, 0)


def _arrays(found: _Collector) -> RawWays:
    refs = np.frombuffer(found.refs, dtype=np.int64)
    ids, first, node = np.unique(refs, return_index=True, return_inverse=True)
    positions = np.column_stack((np.frombuffer(found.xs, np.int32)[first], np.frombuffer(found.ys, np.int32)[first]))
    passes = np.full(len(ids), ALL_MODES, np.uint8)
    signals = np.zeros((2, len(ids)), np.bool_)
    known = np.fromiter(found.tagged, np.int64, len(found.tagged))
    at = np.minimum(np.searchsorted(ids, known), len(ids) - 1)
    for index, ref in zip(at[ids[at] == known].tolist(), known[ids[at] == known].tolist(), strict=True):
        passes[index], signals[0, index], signals[1, index] = found.tagged[ref]
    found.report.nodes_read = len(ids)
    found.report.barriers = int((passes != ALL_MODES).sum())
    found.report.signals = int(signals.any(axis=0).sum())
    rules = found.rules
    return RawWays(
        xy=positions,
        ptr=np.frombuffer(found.ends, np.int64),
        node=node.astype(np.int64),
        road=np.array([rule.road for rule in rules], np.uint8),
        along=np.array([rule.along for rule in rules], np.uint8),
        against=np.array([rule.against for rule in rules], np.uint8),
        kmh=np.array([rule.speeds_kmh for rule in rules], np.float32),
        name=np.frombuffer(found.name, np.int32),
        names=list(found.names),
        passes=passes,
        signal_along=signals[0],
        signal_against=signals[1],
    )
