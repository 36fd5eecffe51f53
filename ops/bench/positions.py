"""`rescue bench positions`: fixes stored as the API stores them, against COPY into the same table.

Ours takes what two thousand phones sent, each on its own; keeps it only for a team that is on duty, keeps the same fix once,
notes which case the team had, moves the team's place when the fix is its newest, and answers each phone. The reference writes
the same rows in one piece. Both in turns, into one table of one database.
"""

import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from backend import migrations
from backend.city import City, open_city
from backend.clock import SystemClock
from backend.db import make_engine
from backend.geo.place import LonLat
from backend.heap import settle
from backend.office import Office
from backend.patrol.positions import Fix, judge
from backend.patrol.teams import new_team, put_teams
from backend.patrol.tracks import Tracks
from backend.sealing import Ring, fresh_key
from ops.bench.nearest import scatter
from ops.local import services

DALIAN = Path(__file__).parents[2] / "cities" / "dalian"
TEAMS, FIXES, ROUNDS = 2_000, 5, 8
"""Every team sends five fixes at a time: one a second, sent every five."""
COLUMNS = ("city_id", "team_id", "at", "lon", "lat", "accuracy_m", "heading_deg", "speed_m_s")


def run(*, teams: int = TEAMS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Fixes per second, ours and by COPY."""
    with tempfile.TemporaryDirectory(prefix="rc-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the user postgres has to pass through
        with services.running(folder, given={}) as found:
            migrations.upgrade(found.database_url)
            return asyncio.run(_measure(found.database_url, teams, rounds))


async def _measure(url: str, teams: int, rounds: int) -> dict[str, Any]:
    city = open_city(DALIAN)
    engine, link = make_engine(url), await asyncpg.connect(url)
    try:
        office = Office(city, engine, ring=Ring.parse(fresh_key("bench")))
        places = await _on_duty(office, city, teams)
        settle()  # as a server does
        ours: list[float] = []
        reference: list[float] = []
        for n in range(-1, rounds):  # the first is to warm up
            for part, times in ((_ours, ours), (_copied, reference)):
                begin = datetime.now(UTC) - timedelta(hours=rounds - n, minutes=30 if part is _ours else 0)
                times.append(await part(office, link, {i: _way(place, begin) for i, place in places.items()}))
    finally:
        await link.close()
        await engine.dispose()
    mine, theirs = (teams * FIXES / statistics.median(times[1:]) for times in (ours, reference))
    return {
        "name": "positions",
        "ours": round(mine),
        "reference": round(theirs),
        "ratio": round(mine / theirs, 3),
        "goal": ">= 0.5",
        "unit": "fixes/s",
        "n": teams * FIXES * rounds,
    }


async def _on_duty(office: Office, city: City, count: int) -> dict[Any, LonLat]:
    assert city.roads is not None
    now, moment = SystemClock().now(), datetime.now(UTC) - timedelta(days=1)
    said = {"organisation": "city_management", "mode": "car", "skills": [], "size": 2, "women": False}
    kept = {**said, "regions": [city.id], "mobilisation_s": 0.0, "shift_pattern": "day"}
    new = [
        new_team(code=f"b{n}", name=f"队{n}", base_lon=place.lon, base_lat=place.lat, **kept)
        for n, place in enumerate(scatter(city.roads, count, 3))
    ]
    async with office.begin() as tx:
        await put_teams(tx, office, new, now=now)
    async with office.db.begin() as tx:
        await tx.exec_driver_sql("UPDATE presence SET state = 'on_duty', state_since = $1", (moment,))
    return {team.id: LonLat(team.base_lon, team.base_lat) for team in new}


def _way(place: LonLat, begin: datetime) -> list[Fix]:
    return [
        Fix(at=begin + timedelta(seconds=n), lon=place.lon + n * 1e-5, lat=place.lat, accuracy_m=8, speed_m_s=1.2)
        for n in range(FIXES)
    ]


async def _ours(office: Office, _: asyncpg.Connection, ways: dict[Any, list[Fix]]) -> float:
    tracks, now = Tracks(office), datetime.now(UTC)
    judged = {team_id: judge(office, team_id, fixes, now)[0] for team_id, fixes in ways.items()}
    began = time.perf_counter()
    await asyncio.gather(*(tracks.store(team_id, good) for team_id, good in judged.items()))
    return time.perf_counter() - began


async def _copied(office: Office, link: asyncpg.Connection, ways: dict[Any, list[Fix]]) -> float:
    rows = [
        (office.city_id, team_id, fix.at, fix.lon, fix.lat, fix.accuracy_m, fix.heading_deg, fix.speed_m_s)
        for team_id, fixes in ways.items()
        for fix in fixes
    ]
    began = time.perf_counter()
    await link.copy_records_to_table("fixes", records=rows, columns=COLUMNS)
    return time.perf_counter() - began
