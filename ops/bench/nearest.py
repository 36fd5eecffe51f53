"""Twenty nearest of 2,000 teams by road time, against PostGIS's straight-line nearest neighbours through asyncpg.

Both answer the same question, nearest available teams to a place, in the same run, turn by turn: PostGIS by distance on a GiST index over
`geography`, with availability in the WHERE clause; ours by road time through three modes, mobilisation and one-ways, ranked with
reasons by the policy. The reference is warmed up, on one prepared connection over a socket: the best case of a database.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import numpy as np

from backend.dispatch.matching import rank
from backend.dispatch.records import Case
from backend.geo.fleet import Fleet
from backend.geo.modes import MODES
from backend.geo.nearest import nearest
from backend.geo.place import LonLat
from backend.geo.roads import Roads
from backend.ids import new_id
from backend.patrol.records import TeamNow
from backend.policy import default_policy

GRAPH = Path(__file__).parents[2] / "cities" / "dalian" / "roads.graph"
TEAMS, K, ROUNDS = 2000, 20, 400
NOW = datetime(2016, 9, 19, 12, 0, tzinfo=UTC)

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


def team_now(number: int) -> TeamNow:
    """A team with enough to its name that ranking it takes reasons."""
    return TeamNow(
        id=new_id(),
        name=f"队{number}",
        mode="car",
        skills=frozenset({"first_aid"} if number % 2 else {"vehicle"}),
        size=2,
        regions=frozenset({"210202" if number % 3 else "210203"}),
        free=True,
        lon=0.0,
        lat=0.0,
        mobilisation_s=0.0,
        fix_at=NOW - timedelta(minutes=number % 8),
        shift_ends_at=NOW + timedelta(hours=number % 9),
        cases_today=number % 4,
    )


def case_at(place: LonLat) -> Case:
    """Somebody injured there."""
    return Case(
        id=new_id(),
        number=1,
        stage="accepted",
        version=1,
        priority="critical",
        dangers=["injury"],
        call_first=["120"],
        skills=["first_aid"],
        lon=place.lon,
        lat=place.lat,
        in_area=True,
        regions=["210203", "210200"],
        address=None,
        people_count=1,
        looks={},
        channel="web",
        opened_at=NOW,
        stage_since=NOW,
        last_seen_at=NOW,
        sighting_count=1,
    )


def run(database_url: str) -> dict[str, object]:
    """Median microseconds per question, ours and PostGIS's."""
    return asyncio.run(_run(database_url))


async def _run(database_url: str) -> dict[str, object]:
    roads = Roads.open(GRAPH)
    fleet, places, policy = fleet_of(roads, TEAMS), scatter(roads, ROUNDS, 2), default_policy()
    teams = {team_id: team_now(number) for number, team_id in enumerate(fleet)}
    link = await asyncpg.connect(database_url.replace("postgresql+asyncpg://", "postgresql://"))
    try:
        ask = await _reference(link, fleet)
        ours, theirs = [], []
        for place in [*places[:50], *places]:
            case = case_at(place)
            began = time.perf_counter()
            found = rank(case, nearest(roads, fleet, place, k=K), teams, policy, NOW)
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
        "name": "nearest",
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
