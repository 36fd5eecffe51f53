"""The real stream that the sweep's score is fitted to and judged by, and a made-up one for where that is not at hand.

A year of encampment reports (Los Angeles, 2016) moved onto Dalian's roads spot by spot: times and repeats are real, places are not. It stands
beside the checkout, not in it; without it the benchmark says so and skips what needs it.
"""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from backend.campaign.score import Past
from backend.campaign.sweep_ground import SweepGround

STREAM: Final = Path(__file__).parents[3] / "shared" / "data" / "reports" / "reports_2016_on_dalian.csv"
ZONE: Final = ZoneInfo("Asia/Shanghai")
FIRST_JUDGED: Final = datetime(2016, 11, 1, tzinfo=ZONE)
"""The ten months before are for fitting, the two from here on for judging."""
LAST_JUDGED: Final = datetime(2017, 1, 1, tzinfo=ZONE)


def read_stream(file: Path = STREAM) -> Past | None:
    """The stream in order of time; None when the file is not here. Each report is one person: the source does not count them."""
    if not file.is_file():
        return None
    with file.open(encoding="utf-8", newline="") as table:
        rows = [
            (float(row["lon"]), float(row["lat"]), datetime.fromisoformat(row["reported_at"]).replace(tzinfo=ZONE), 1.0)
            for row in csv.DictReader(table)
        ]
    return in_order(Past.of(rows))


def in_order(past: Past) -> Past:
    order = np.argsort(past.at_s, kind="stable")
    return Past(*(column[order] for column in past))


def made_up(ground: SweepGround, seed: int, reports: int) -> Past:
    """A year of reports at a few hundred spots, some busier than others, each busy for some weeks."""
    rng = np.random.default_rng(seed)
    reachable = np.flatnonzero(ground.reachable())
    cells = rng.choice(reachable, size=max(1, reports // 20))
    busy = rng.pareto(1.2, len(cells)) + 0.1
    which = rng.choice(len(cells), size=reports, p=busy / busy.sum())
    start, long_days = rng.uniform(0, 366, len(cells)), rng.exponential(60, len(cells)) + 5
    days = (start[which] + rng.exponential(1.0, reports) * long_days[which]) % 366
    begin = datetime(2016, 1, 1, tzinfo=ZONE)
    at_s = begin.timestamp() + days * timedelta(days=1).total_seconds()
    at = ground.centres[cells[which]]
    return in_order(Past(at[:, 0].copy(), at[:, 1].copy(), at_s, np.ones(reports)))
