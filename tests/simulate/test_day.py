"""The day's file: what is real stays, what is made up is the same every time."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backend.clock import CHINA
from backend.errors import Invalid
from ops.simulate.chance import Chance
from ops.simulate.day import COLUMNS, day_of, later, read_day, write_day
from ops.simulate.run import endless

SOURCE = """reported_at,channel,lon,lat,spot,real_status,real_closed_at
2016-09-18T23:00:00,web,121.60,38.90,7,Closed,
2016-09-19T10:00:00,hotline,121.61,38.91,8,Closed,
2016-09-19T09:00:00,web,121.60,38.90,7,Closed,
2016-09-19T11:00:00,app,121.60,38.90,7,Closed,
"""
DALIAN = Path(__file__).parents[2] / "cities/dalian"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "year.csv"
    file.write_text(SOURCE, encoding="utf-8")
    return file


def test_a_day_is_taken_out_of_the_year_with_times_places_and_channels_as_they_were(
    source: Path, tmp_path: Path
) -> None:
    assert write_day(source, "2016-09-19", tmp_path / "day.csv") == 3
    day = read_day(tmp_path / "day.csv")
    assert [(r.at.hour, r.channel, r.lon, r.spot) for r in day] == [
        (9, "web", 121.60, "7"),
        (10, "hotline", 121.61, "8"),
        (11, "app", 121.60, "7"),
    ]
    assert day[0].at == datetime(2016, 9, 19, 9, tzinfo=CHINA)


def test_the_same_source_gives_the_same_file(source: Path, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write_day(source, "2016-09-19", tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_day_without_reports_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="2016-09-20"):
        write_day(source, "2016-09-20", tmp_path / "day.csv")


def test_a_broken_line_is_named(source: Path, tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    write_day(source, "2016-09-19", file)
    file.write_text(file.read_text(encoding="utf-8").replace("121.61", "east"), encoding="utf-8")
    with pytest.raises(Invalid, match="3"):
        read_day(file)


def test_dalians_day_is_170_reports_of_94_spots_in_words_without_names() -> None:
    day = read_day(DALIAN / "reports.csv")
    assert (len(day), len({report.spot for report in day})) == (170, 94)
    assert {report.channel for report in day} == {"web", "app", "hotline"}
    assert all(report.description.endswith("。") and report.address for report in day)
    with (DALIAN / "reports.csv").open(encoding="utf-8", newline="") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS


def test_reports_of_one_spot_mostly_agree() -> None:
    spots: dict[str, list[str]] = {}
    for report in read_day(DALIAN / "reports.csv"):
        spots.setdefault(report.spot, []).append(report.posture)
    repeats = [(first, other) for first, *others in spots.values() for other in others]
    assert sum(a == b for a, b in repeats) / len(repeats) > 0.75


def test_a_report_has_the_same_id_after_a_restart_and_another_on_the_next_day() -> None:
    day = read_day(DALIAN / "reports.csv")
    begins = day[0].at
    before = dict(endless(day, begins, begins + timedelta(hours=3)))
    after = dict(endless(day, begins, begins + timedelta(days=3)))
    assert before["3/5"] == after["3/5"] == later(day[5], 3)
    assert "0/5" not in after
    chance = Chance(1)
    assert chance.id(begins, "report", "0/5") == Chance(1).id(begins, "report", "0/5")
    assert chance.id(begins, "report", "0/5").version == 7
    assert chance.id(begins, "report", "0/5") != chance.id(begins, "report", "1/5")


def test_a_city_without_a_stream_gets_a_day_made_up_on_its_own_roads(tmp_path: Path) -> None:
    (tmp_path / "roads.graph").write_bytes((DALIAN / "roads.graph").read_bytes())
    day = day_of(tmp_path)
    assert len(day) == 120
    assert day == day_of(tmp_path)
    assert [report.at for report in day] == sorted(report.at for report in day)
    assert len({report.spot for report in day}) > 50


def test_a_city_with_neither_stream_nor_roads_says_so(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        day_of(tmp_path)
