"""The terminal board, drawn from a recorded stretch of the live feed."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from backend.clock import CHINA, ScaledClock
from ops.board_state import Board, apply, light, moment
from ops.simulate.phone import Phone, over_network
from ops.terminal_board import Screen, Watcher

WIDTH = 110
RECORDED = Path(__file__).parent / "recorded_feed.json"


@pytest.fixture
def recorded() -> dict[str, Any]:
    """messages of the feed, reasons by decision, the circle: as a demonstration's server sent them."""
    found: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return found


def board_of(recorded: dict[str, Any]) -> Board:
    board = Board()
    for message in deepcopy(recorded["messages"]):
        apply(board, message)
    board.circle = recorded["circle"]
    return board


def screen_of(board: Board, recorded: dict[str, Any]) -> Screen:
    watcher = Watcher("http://127.0.0.1:1", Phone(over_network("http://127.0.0.1:1")))
    watcher.board, watcher.reasons = board, recorded["reasons"]
    return Screen(
        watcher, heading="救助圈 Rescue Circle · 大连 Dalian", zone=CHINA, speed=60, notes=lambda: "Ctrl-C 结束"
    )


def last_moment(recorded: dict[str, Any]) -> datetime:
    return max(moment(m["occurred_at"]) for m in recorded["messages"] if m["type"] == "event")


def test_the_board_is_as_wide_as_the_terminal_in_every_line_chinese_and_all(recorded: dict[str, Any]) -> None:
    console = Console(width=WIDTH, record=True, file=StringIO())
    console.print(screen_of(board_of(recorded), recorded).draw(last_moment(recorded)))
    text = console.export_text()
    framed = [line for line in text.splitlines() if line[:1] in "│╭╰"]
    assert len(framed) > 15
    assert {cell_len(line) for line in framed} == {WIDTH}
    for words in ("已派遣在途", "30 分钟内到达", "救助圈 Circle now", "最近派遣与理由", "支候选中", "警报"):
        assert words in text


def test_the_plain_line_says_the_same_as_the_board(recorded: dict[str, Any]) -> None:
    board = board_of(recorded)
    line = screen_of(board, recorded).line(last_moment(recorded))
    stages = board.stages()
    assert f"处置中 {stages['handling']}" in line
    assert "\n" not in line
    assert "救助圈 9" in line


def test_events_change_the_rows_that_the_snapshot_gave(recorded: dict[str, Any]) -> None:
    board = board_of(recorded)
    accepted = [m for m in recorded["messages"] if m["type"] == "event" and m["kind"] == "case.dispatched"]
    assert accepted
    for event in recorded["messages"]:
        if event["type"] == "event":
            for row in event["data"].get("rows", {}).get("cases", ()):
                assert board.rows["cases"][row["id"],]["version"] >= row["version"]


def test_an_event_that_comes_twice_is_counted_once(recorded: dict[str, Any]) -> None:
    once, twice = board_of(recorded), board_of(recorded)
    for message in recorded["messages"]:
        if message["type"] == "event":
            apply(twice, deepcopy(message))
    assert (twice.reports, len(twice.decisions), twice.reached(last_moment(recorded))) == (
        once.reports,
        len(once.decisions),
        once.reached(last_moment(recorded)),
    )


def test_a_light_is_green_then_yellow_then_red() -> None:
    start = datetime(2016, 9, 19, 8, tzinfo=CHINA)
    clock = {
        "yellow_at": (start + timedelta(minutes=24)).isoformat(),
        "due_at": (start + timedelta(minutes=30)).isoformat(),
    }
    assert [light(clock, start + timedelta(minutes=m)) for m in (1, 25, 31)] == ["green", "yellow", "red"]
    assert light({**clock, "paused_at": start.isoformat()}, start + timedelta(hours=1)) == "paused"


def test_a_case_that_still_waits_is_judged_only_after_thirty_minutes() -> None:
    start = datetime(2016, 9, 19, 8, tzinfo=CHINA)
    board = Board(accepted={"a": start, "b": start}, arrived={"a": start + timedelta(minutes=9)})
    assert board.reached(start + timedelta(minutes=20)) == (1, 1)
    assert board.reached(start + timedelta(minutes=31)) == (1, 2)


def test_the_demonstrations_clock_stands_until_its_anchor() -> None:
    start, anchor = datetime(2016, 9, 19, 7, 30, tzinfo=CHINA), datetime(2026, 1, 1, tzinfo=UTC)
    clock = ScaledClock(start, anchor, 60)
    assert clock.at(anchor - timedelta(seconds=9)) == start
    assert clock.at(anchor + timedelta(seconds=9)) == start + timedelta(minutes=9)
