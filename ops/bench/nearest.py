"""Twenty nearest of 2,000 teams by road time, against PostGIS's straight-line nearest neighbours through asyncpg.

Both answer the same question, nearest available teams to a place, in the same run, turn by turn: PostGIS by distance on a GiST index over
`geography`, with availability in the WHERE clause; ours by road time through three modes, mobilisation and one-ways. The reference is
warmed up, on one prepared connection over a socket: the best case of a database.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import asyncpg
import numpy as np

from backend.geo.fleet import Fleet
from backend.geo.modes import MODES
from backend.geo.nearest import nearest
from backend.geo.place import LonLat
from backend.geo.roads import Roads

GRAPH = Path(__file__).parents[2] / "cities" / "dalian" / "roads.graph"
TEAMS, K, ROUNDS = 2000, 20, 400

_TABLE = """
CREATE TEMP TABLE bench_team (id int PRIMARY KEY, available boolean NOT NULL, place geography(Point, 4326) NOT NULL)
"""
_NEAREST = """
SELECT id, ST_Distance(place, ST_MakePoint($1, $2)::geography) AS metres
FROM bench_team WHERE available ORDER BY place <-> ST_MakePoint($1, $2)::geography LIMIT $3
"""


def scatter(roads: Roads, count: int, seed: int) -> list[LonLat]:
    """Places within some tens of metres of random junctions."""
    rng = np.random.default_rng(seed)
    near = roads.arrays["node_xy"][rng.integers(roads.nodes, size=count)] / 1e7
    return [LonLat(lon, lat) for lon, lat in (near + rng.normal(0, 0.0003, near.shape)).tolist()]


def fleet_of(roads: Roads, count: int, seed: int = 1) -> Fleet:
    """A mixed fleet, seven of ten available."""
    rng = np.random.default_rng(seed)
    fleet = Fleet(roads, capacity=count)
    for number, place in enumerate(scatter(roads, count, seed)):
        mode = MODES[int(rng.choice(3, p=[0.6, 0.25, 0.15]))]
        ready_s = float(rng.choice([0, 30, 60, 120]))
        fleet.put(str(number), place, mode, mobilisation_s=ready_s, available=bool(rng.random() < 0.7))
    return fleet


def run(database_url: str) -> dict[str, object]:
    """Median microseconds per question, ours and PostGIS's."""
    return asyncio.run(_run(database_url))


async def _run(database_url: str) -> dict[str, object]:
    roads = Roads.open(GRAPH)
    fleet, places = fleet_of(roads, TEAMS), scatter(roads, ROUNDS, 2)
    link = await asyncpg.connect(database_url.replace("postgresql+asyncpg://", "postgresql://"))
    try:
        ask = await _reference(link, fleet)
        ours, theirs = [], []
        for place in [*places[:50], *places]:
            began = time.perf_counter()
            found = nearest(roads, fleet, place, k=K)
            between = time.perf_counter()
            rows = await ask.fetch(place.lon, place.lat, K)
            ours.append(between - began)
            theirs.append(time.perf_counter() - between)
            if len(found) != K or len(rows) != K:
                raise RuntimeError(f"{len(found)} and {len(rows)} teams found, not {K}")
    finally:
        await link.close()
    mine, reference = (statistics.median(times[50:]) * 1e6 for times in (ours, theirs))
    return {
        "name": f"{K} nearest of {TEAMS} teams by road time",
        "ours": round(mine, 1),
        "reference": round(reference, 1),
        "ratio": round(mine / reference, 3),
        "goal": "<= 0.5",
        "unit": "us",
        "n": ROUNDS,
    }


async def _reference(link: asyncpg.Connection, fleet: Fleet) -> asyncpg.prepared_stmt.PreparedStatement:
    await link.execute(_TABLE)
    rows = [(int(one), fleet.is_available(one), fleet.place_of(one)) for one in fleet]
    await link.executemany(
        "INSERT INTO bench_team VALUES ($1, $2, ST_MakePoint($3, $4)::geography)",
        [(number, available, place.lon, place.lat) for number, available, place in rows],
    )
    await link.execute("CREATE INDEX ON bench_team USING gist (place); ANALYZE bench_team")
    return await link.prepare(_NEAREST)
