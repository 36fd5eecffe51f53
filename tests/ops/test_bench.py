"""Each benchmark runs and tells sound figures; how fast anything is, is not a test's business."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from backend.campaign.score import Params, Past
from backend.campaign.sweep_ground import SweepGround
from backend.city import open_city
from backend.geo.fleet import Fleet
from backend.geo.nearest import nearest
from backend.geo.place import LonLat
from backend.geo.roads import Roads
from ops.bench import cli, fanout, growth, intake, map_frames, positions, soak, sweep, sweep_fit, sweep_stream
from ops.bench.nearest import GRAPH, fleet_of, scatter

SMALL: dict[str, Callable[[], dict[str, Any]]] = {
    "intake": lambda: intake.run(round_s=0.3, rounds=1),
    "positions": lambda: positions.run(teams=30, rounds=1),
    "fanout": lambda: fanout.run(sockets=8, seconds=1, burst=40, rounds=1),
    "map": lambda: map_frames.run(teams=20, cases=10, seconds=1, rounds=1),
    "growth": lambda: growth.run(times=2, teams=40, rounds=5),
    "soak": lambda: soak.run(seconds=3, teams=20, sockets=4),
    "sweep": lambda: sweep.run(cells=30, teams=3, reference_s=1, seeds=(1,), days=1, past=made_up_year()),
}


def made_up_year() -> Past:
    return sweep_stream.made_up(dalian(), 3, 2_000)


def dalian() -> SweepGround:
    city = open_city(GRAPH.parent)
    return SweepGround.of(city.roads, city.area.geometry)


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_tells_sound_figures(name: str) -> None:
    assert name in cli.BENCHES
    told = msgspec.json.decode(msgspec.json.encode(SMALL[name]()))
    assert set(cli.COLUMNS) <= set(told)
    assert told["name"] == name
    for figure in ("ours", "reference", "ratio", "n"):
        assert told[figure] > 0
        assert math.isfinite(told[figure])
    # What is shown is rounded.
    assert told["ratio"] == pytest.approx(told["ours"] / told["reference"], rel=0.05, abs=0.01)
    assert told["goal"].startswith((">= ", "<= "))


def test_a_soak_loses_nobody() -> None:
    told = soak.run(seconds=3, teams=20, sockets=4)
    for night in (told["with_heavy_client"], told["without"]):
        assert set(night["reports"]) == {"201"}
        assert set(night["positions"]) == {"200"}
        assert night["screens_lost"] == 0
        assert night["event_on_screen_ms"]["p50"] > 0
    assert told["with_heavy_client"]["heavy"]["429"] > 0


def test_the_tiled_city_answers_in_every_tile_as_the_city_does() -> None:
    shipped = Roads.open(GRAPH)
    large = growth.tiled(shipped, 3)
    east_deg = large.node_place(2 * shipped.nodes).lon - shipped.node_place(0).lon
    here, there = fleet_of(shipped, 50), Fleet(large, capacity=50)
    for team_id in list(here):
        place, mode = here.place_of(team_id), here.mode_of(team_id)
        here.put(team_id, place, mode, available=True)  # all are free, and ready at once
        there.put(team_id, _moved(place, east_deg), mode)
    for place in scatter(shipped, 20, 9):
        found = [(one.team_id, round(one.drive_s)) for one in nearest(shipped, here, place, k=5)]
        again = [(one.team_id, round(one.drive_s)) for one in nearest(large, there, _moved(place, east_deg), k=5)]
        assert dict(again) == pytest.approx(dict(found), abs=1)


def _moved(place: LonLat, east_deg: float) -> LonLat:
    return LonLat(place.lon + east_deg, place.lat)


def test_a_sweep_without_the_real_stream_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "read_stream", lambda: sweep_stream.read_stream(tmp_path / "none.csv"))
    told = sweep.run(cells=20, teams=2, reference_s=1)
    assert "not here" in told["people"]["skipped"]


def test_nights_are_told_for_every_way_of_choosing() -> None:
    told = sweep.run(cells=20, teams=2, reference_s=1, seeds=(1, 2), days=1, past=made_up_year())["people"]
    for way in ("evenly", "frequency_trained", "score_trained", "score_trained_stay_points", "score_rolling"):
        assert told[way]["visited"] == 3 * sweep.NIGHT_CELLS
        assert 0 <= told[way]["found"] <= told["reports"]


def test_the_fit_finds_again_what_made_the_data() -> None:
    rng = np.random.default_rng(5)
    rows, truth = rng.exponential(1.0, (20_000, 3)), np.array([0.4, 0.1, 0.02])
    seen = rng.poisson(rows @ truth).astype(np.float64)
    assert sweep_fit.fit(sweep_fit.Trained(rows, seen, 100)) == pytest.approx(truth, rel=0.15)


def test_nothing_later_than_the_moment_is_fitted_to() -> None:
    ground, past = dalian(), made_up_year()
    at = datetime(2016, 7, 1, 18, tzinfo=sweep_stream.ZONE)
    known = past.until(at + timedelta(hours=Params().window_h))
    whole, cut = (sweep_fit.train(ground, stream, [at], Params()) for stream in (past, known))
    assert (whole.rows == cut.rows).all()
    assert (whole.seen == cut.seen).all()
