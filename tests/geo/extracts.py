"""Tiny OpenStreetMap extracts for tests, and an independent reference for times on a road graph.

`Extract` writes nodes and ways with osmium. `Reference` splits the graph's segments at the places asked about, explicitly, and leaves the
rest to scipy: nothing of it is shared with the code under test but the segment table.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import osmium
from numpy.typing import NDArray
from osmium.osm.mutable import Node, Way
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from backend.geo.build import build
from backend.geo.modes import WALK_MPS, Mode
from backend.geo.osm import ImportReport
from backend.geo.place import LonLat
from backend.geo.roads import Roads

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Sources that may lie beside the checkout; tests that read them are skipped where they do not."""

DEG_PER_M = 1 / 111_195.08


@dataclass
class Extract:
    """Nodes in metres east and north of a corner, ways over them."""

    west: float = 121.5
    south: float = 38.9
    nodes: dict[int, tuple[float, float]] = field(default_factory=dict)
    node_tags: dict[int, dict[str, str]] = field(default_factory=dict)
    ways: list[tuple[list[int], dict[str, str]]] = field(default_factory=list)

    def place(self, east_m: float, north_m: float) -> LonLat:
        lon_scale = math.cos(math.radians(self.south))
        return LonLat(self.west + east_m * DEG_PER_M / lon_scale, self.south + north_m * DEG_PER_M)

    def node(self, number: int, east_m: float, north_m: float, **tags: str) -> None:
        self.nodes[number] = (east_m, north_m)
        self.node_tags[number] = tags

    def way(self, *nodes: int, highway: str = "residential", **tags: str) -> None:
        self.ways.append((list(nodes), {"highway": highway, **{key.replace("__", ":"): v for key, v in tags.items()}}))

    def square(self, side_m: float = 400.0, **tags: str) -> None:
        """A ring of four streets over the nodes 1 to 4, counter-clockwise from the south-west."""
        for number, (east, north) in enumerate(((0, 0), (1, 0), (1, 1), (0, 1)), start=1):
            self.node(number, east * side_m, north * side_m)
        for a, b in ((1, 2), (2, 3), (3, 4), (4, 1)):
            self.way(a, b, **tags)

    def write(self, path: Path) -> Path:
        with osmium.SimpleWriter(str(path), overwrite=True) as out:
            for number, (east, north) in sorted(self.nodes.items()):
                at = self.place(east, north)
                out.add_node(Node(id=number, location=(at.lon, at.lat), tags=self.node_tags.get(number, {})))
            for number, (nodes, tags) in enumerate(self.ways, start=1):
                out.add_way(Way(id=number, nodes=nodes, tags=tags))
        return path

    def build(self, folder: Path) -> tuple[Roads, ImportReport]:
        report = build(self.write(folder / "city.osm.pbf"), folder / "roads.graph")
        return Roads.open(folder / "roads.graph", verify=True), report


def random_city(seed: int, side: int = 5, west: float = 121.5, south: float = 38.9) -> Extract:
    """A small crooked grid with one-ways, bends, paths and roads of all classes, some of it cut off."""
    rng = np.random.default_rng(seed)
    city = Extract(west=west, south=south)
    for row in range(side):
        for column in range(side):
            east, north = (np.array((column, row)) * 300 + rng.uniform(-90, 90, 2)).tolist()
            tags = {"highway": "traffic_signals"} if rng.random() < 0.2 else {}
            city.node(1 + row * side + column, east, north, **tags)
    bend = 1000
    for row in range(side):
        for column in range(side):
            here = 1 + row * side + column
            for there, exists in ((here + 1, column < side - 1), (here + side, row < side - 1)):
                if not exists or rng.random() < 0.1:
                    continue
                (ae, an), (be, bn) = city.nodes[here], city.nodes[there]
                city.node(
                    bend, (ae + be) / 2 + float(rng.uniform(-40, 40)), (an + bn) / 2 + float(rng.uniform(-40, 40))
                )
                kind = str(
                    rng.choice(
                        ["residential", "secondary", "primary", "service", "footway", "cycleway"],
                        p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1],
                    )
                )
                tags = {"oneway": str(rng.choice(["yes", "-1"]))} if rng.random() < 0.3 else {}
                city.way(here, bend, there, highway=kind, **tags)
                bend += 1
    return city


class Reference:
    """Times between places by an explicitly split graph and scipy."""

    def __init__(self, roads: Roads, mode: Mode, factor: float = 1.0) -> None:
        self.roads, self.layer, self.mode = roads, mode.layer, mode
        self.u, self.v = roads.arrays["seg_u"].astype(int), roads.arrays["seg_v"].astype(int)
        self.seconds = roads.arrays["seg_s"][:, :, self.layer].astype(float) * factor

    def matrix(self, sources: list[LonLat], targets: list[LonLat]) -> NDArray[np.float64]:
        """Door-to-door seconds."""
        places = [*sources, *targets]
        snapped = self.roads.snap(places, self.mode)
        tails, heads, costs = self._split(snapped.segment, snapped.fraction)
        size = self.roads.nodes + len(places)
        order = np.argsort(costs, kind="stable")[::-1]
        cheapest = {(tails[i], heads[i]): costs[i] for i in order}
        keys = np.array(list(cheapest), int).reshape(-1, 2)
        graph = coo_array((np.array(list(cheapest.values())), (keys[:, 0], keys[:, 1])), (size, size)).tocsr()
        times = dijkstra(graph, indices=self.roads.nodes + np.arange(len(sources)))
        walk = snapped.off_road_m / WALK_MPS
        out: NDArray[np.float64] = times[:, self.roads.nodes + len(sources) :]
        return out + walk[: len(sources), None] + walk[None, len(sources) :]

    def _split(
        self, segments: NDArray[np.int32], fractions: NDArray[np.float64]
    ) -> tuple[list[int], list[int], list[float]]:
        """Arcs of the graph with a node of its own for every place, in order along each segment. Zero is written as 1e-12."""
        tails: list[int] = []
        heads: list[int] = []
        costs: list[float] = []

        def arc(a: int, b: int, cost: float) -> None:
            if math.isfinite(cost):
                tails.append(a)
                heads.append(b)
                costs.append(max(cost, 1e-12))

        on: dict[int, list[tuple[float, int]]] = {}
        for i, (segment, fraction) in enumerate(zip(segments.tolist(), fractions.tolist(), strict=True)):
            on.setdefault(segment, []).append((fraction, self.roads.nodes + i))
        for segment in range(self.roads.segments):
            stops = [(0.0, int(self.u[segment])), *sorted(on.get(segment, [])), (1.0, int(self.v[segment]))]
            for (f, a), (g, b) in pairwise(stops):
                along, against = self.seconds[0, segment], self.seconds[1, segment]
                arc(a, b, (g - f) * along if g > f else 0.0)
                arc(b, a, (g - f) * against if g > f else 0.0)
        return tails, heads, costs
