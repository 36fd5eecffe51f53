"""Fitting the figures of the score (backend.campaign.score.Params) to the first ten months of the stream, and showing how well they foretell.

The weights by maximum likelihood: sightings of a cell in the window after a look are Poisson about the sum of the parts, so that the weights follow
by expectation and maximisation (all of them stay positive). Half-lives and the rest by trying: fitted on June to August, judged on September and
October. `python -m ops.bench.sweep_fit` prints the trial of each; nothing from November on is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from rich.console import Console

from backend.campaign.score import Params, Past, features, weighed
from backend.campaign.sweep_ground import SweepGround
from backend.city import open_city
from ops.bench.sweep_stream import FIRST_JUDGED, ZONE, read_stream

WEIGHTS: Final = ("lately", "before", "spot", "around_lately", "around", "far", "base")
TRIED: Final[tuple[dict[str, float], ...]] = (
    {},
    {"lately_days": 7.0},
    {"before_days": 10.0}, {"before_days": 90.0}, {"before_power": 1.3},
    {"crowding": 0.4}, {"crowding": 1.0},
    {"own_hour": 0.0}, {"own_hour": 0.6},
)  # fmt: skip
"""Each differs in one figure from what is shipped."""
TOP: Final = 150

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """What is foretold at the moments of a time: one row of features per cell and moment, and how many were reported."""

    rows: Floats
    seen: Floats
    cells: int

    def likelihood(self, weights: Floats) -> float:
        """Mean logarithm per report."""
        expected = np.maximum(self.rows @ weights, 1e-12)
        return float((self.seen * np.log(expected) - expected).sum() / self.seen.sum())

    def share_in_top(self, weights: Floats, top: int = TOP) -> float:
        """Of the reports in the windows, the share that lies in the best `top` cells of the moment."""
        found = 0.0
        for first in range(0, len(self.seen), self.cells):
            here = slice(first, first + self.cells)
            found += self.seen[here][np.argsort(-(self.rows[here] @ weights), kind="stable")[:top]].sum()
        return float(found / self.seen.sum())


def fit(trained: Trained, rounds: int = 200) -> Floats:
    """The weights that make what was seen likeliest."""
    total, weights = trained.rows.sum(axis=0), np.full(trained.rows.shape[1], 0.05)
    for _ in range(rounds):
        share = trained.seen / np.maximum(trained.rows @ weights, 1e-12)
        weights = weights * (trained.rows.T @ share) / np.maximum(total, 1e-12)
    return weights


def train(
    ground: SweepGround,
    past: Past,
    moments: Iterable[datetime],
    params: Params,
    known_until: datetime | None = None,
) -> Trained:
    """Look back from each moment with what was known then (or by `known_until`), and forward over the window of a look."""
    reach, cell = ground.reachable(), ground.cell_index(past.lon, past.lat)
    rows, seen = [], []
    for at in moments:
        known_at = min(at, known_until or at)
        known, now, then = np.searchsorted(
            past.at_s, [known_at.timestamp(), at.timestamp(), at.timestamp() + params.window_h * 3600], side="right"
        )
        before = weighed(ground, Past(*(column[:known] for column in past)), at, ZONE, params, cell[:known])
        found = features(ground, before)
        base = np.full(len(ground), params.window_h / 12.0)
        rows.append(np.column_stack([*(found[name] for name in WEIGHTS[:-1]), base])[reach])
        later = cell[now:then]
        seen.append(np.bincount(later[later >= 0], minlength=len(ground))[reach].astype(np.float64))
    return Trained(np.concatenate(rows), np.concatenate(seen), int(reach.sum()))


def moments(first: datetime, last: datetime, step_days: int = 2) -> Iterator[datetime]:
    """Three looks a night: at six in the evening, at eleven, at four in the morning; every `step_days` nights."""
    day = first
    while day < last - timedelta(days=1):
        yield from (day + timedelta(hours=hours) for hours in (18, 23, 28))
        day += timedelta(days=step_days)


def fitted(ground: SweepGround, past: Past, params: Params, first: datetime, last: datetime) -> Params:
    """The parameters with their weights fitted to the time between."""
    weights = fit(train(ground, past, moments(first, last), params))
    return structs.replace(params, **dict(zip(WEIGHTS, np.round(weights, 4).tolist(), strict=True)))


def tried(ground: SweepGround, past: Past, changes: Sequence[dict[str, float]] = TRIED) -> Iterator[dict[str, Any]]:
    """Each change of the parameters, fitted on three months and judged on the two after: knowing the evening before, and frozen in August."""
    june, september = datetime(2016, 6, 1, tzinfo=ZONE), datetime(2016, 9, 1, tzinfo=ZONE)
    for change in changes:
        params = structs.replace(Params(), **change)
        weights = fit(train(ground, past, moments(june, september), params))
        rolling = train(ground, past, moments(september, FIRST_JUDGED), params)
        frozen = train(ground, past, moments(september, FIRST_JUDGED), params, known_until=september)
        yield {
            "change": change,
            "likelihood": round(rolling.likelihood(weights), 4),
            "in_top": round(rolling.share_in_top(weights), 3),
            "in_top_frozen": round(frozen.share_in_top(weights), 3),
        }


def main() -> None:
    """Print what was tried, and the weights fitted to June to October."""
    past = read_stream()
    if past is None:
        raise SystemExit("没有真实数据流，无法拟合。The real stream is not here: nothing to fit to.")
    known = past.until(FIRST_JUDGED)
    city = open_city(Path("cities/dalian"))
    ground = SweepGround.of(city.roads, city.area.geometry)
    for trial in tried(ground, known):
        Console().print(trial)
    Console().print(fitted(ground, known, Params(), datetime(2016, 6, 1, tzinfo=ZONE), FIRST_JUDGED))


if __name__ == "__main__":
    main()
