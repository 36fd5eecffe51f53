"""What the demonstration must not do: write into somebody's work, or take a port that is taken."""

import socket
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.city import City
from backend.clock import CHINA
from backend.dispatch.group_filing import Filing
from backend.errors import Conflict, Invalid
from backend.geo.modes import Mode
from backend.intake.report import GivenPlace, Report, prepare
from backend.office import Office
from ops import demo
from ops.local.services import Services
from ops.simulate.leg import plan
from tests.access.builders import an_actor
from tests.keys import RING

NOW = datetime(2016, 9, 19, 9, 0, tzinfo=CHINA)


async def test_a_database_with_cases_of_another_is_refused(db: AsyncEngine, dalian: City) -> None:
    office = Office(dalian, db, ring=RING)
    await demo._refuse_foreign_work(office)
    operator = an_actor("operator")
    report = Report(place=GivenPlace(lon=121.6, lat=38.9), channel="hotline", description="老人躺在路边")
    await Filing(office).file(prepare(report, dalian, operator, NOW))
    with pytest.raises(Conflict, match="不属于演示的案卷"):
        await demo._refuse_foreign_work(office)


def test_a_database_that_was_given_is_never_erased(tmp_path: Path) -> None:
    given = Services("postgresql://somewhere/else", "redis://somewhere/0")
    with pytest.raises(Conflict, match="--again"):
        demo._erase(tmp_path, given)


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert demo._free_port("127.0.0.1", port) > port


def test_too_fast_a_day_is_refused_before_anything_starts() -> None:
    with pytest.raises(Invalid, match="speed"):
        demo.demo(speed=10_000)


def test_a_leg_passes_its_line_at_the_speed_of_the_roads(dalian: City) -> None:
    assert dalian.roads is not None
    a, b = dalian.roads.node_place(10), dalian.roads.node_place(dalian.roads.nodes // 2)
    leg = plan(dalian, a, b, Mode.CAR, NOW)
    assert leg.at(NOW - timedelta(minutes=1))[0] == a
    assert leg.at(leg.ends + timedelta(minutes=1))[0] == b
    _, _, speed = leg.at(NOW + (leg.ends - NOW) / 2)
    assert 0 < speed < 35
    slower = plan(dalian, a, b, Mode.CAR, NOW, 1.5)
    assert (slower.ends - NOW) / (leg.ends - NOW) == pytest.approx(1.5)
