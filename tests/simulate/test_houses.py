"""Houses of the demonstration: crews ask before they take somebody along, the staff answers, keeps people and lets them go."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from backend import log
from backend.app import create_app
from backend.city import City
from backend.clock import CHINA, ManualClock
from backend.dispatch import proof
from backend.settings import Settings
from backend.worker import Worker
from ops.demo_accounts import read_demo_accounts
from ops.load_city import load_city
from ops.simulate import station, street
from ops.simulate.crowd import crowd_of, keyed
from ops.simulate.day import later, read_day
from ops.simulate.phone import Phone, in_process
from ops.simulate.virtual import News, VirtualDay
from ops.unlimited import without_limits
from tests.keys import KEYS
from tests.simulate.conftest import DALIAN

BEGINS = datetime(2016, 9, 20, 10, 0, tzinfo=CHINA)
ENDS = BEGINS + timedelta(hours=2, minutes=45)


async def test_whoever_is_met_comes_to_a_station_by_a_referral_is_named_and_goes_home(
    dalian: City, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shares in ("CAPABLE", "FRAIL"):
        monkeypatch.setattr(street, shares, {"escorted_to_station": 1.0})
    for hours in ("IDENTIFY_HOURS", "LEAVE_HOURS", "NOTICE_HOURS", "WALKS_IN_HOURS"):
        monkeypatch.setattr(station, hours, (0.3, 0.5))
    monkeypatch.setattr(station, "REFUSED", 0.3)
    given = {
        "RESCUE_DATABASE_URL": database_url,
        "RESCUE_REDIS_URL": redis_url,
        "RESCUE_SECRET_KEY": "fN3vQ8xT2mL7cR5wZ1kB9hY4pD6sJ0aG",
        "RESCUE_PERSONAL_KEYS": KEYS,
        "RESCUE_CITY": str(DALIAN),
        "RESCUE_DATA": str(tmp_path / "files"),
    }
    clock, file = ManualClock(BEGINS), tmp_path / "accounts.json"
    settings = msgspec.structs.replace(Settings.from_environment(given), clock=clock)
    application = create_app(settings, city=without_limits(dalian))
    office = application.state.parts.office
    await load_city(office, DALIAN, BEGINS, demo=True, accounts_file=file)
    day = [later(report, 1) for report in read_day(DALIAN / "reports.csv") if report.at.hour >= 10][:4]
    reports = [msgspec.structs.replace(one, at=BEGINS + timedelta(minutes=5 * n)) for n, one in enumerate(day, 1)]
    accounts, line = read_demo_accounts(file), in_process(application)
    async with application.lifespan():
        crowd = crowd_of(dalian, DALIAN, keyed(reports), accounts, line, seed=3, teams=4, houses=True)
        phone, leader = Phone(line), accounts.of("shift_leader")
        await phone.sign_in(leader.login, leader.password)
        run = VirtualDay(office, clock, Worker(office, clock), crowd, News(phone))
        await run.begin()
        await run.run(ENDS)
        await crowd.end()
        await phone.close()
    assert crowd.faults == []
    async with office.db.connect() as tx:
        states = dict((await tx.execute(text("SELECT state, count(*) FROM referrals GROUP BY state"))).all())
        came = dict((await tx.execute(text("SELECT came, count(*) FROM stays GROUP BY came"))).all())
        how = dict((await tx.execute(text("SELECT how, count(*) FROM stays GROUP BY how"))).all())
        assert await proof.contradictions(tx, office) == []
        assert await log.broken_link(tx, office.city_id) is None
    assert states["handed_over"] >= 2
    assert set(states) <= {"handed_over", "refused", "withdrawn", "accepted", "offered"}
    assert came["team"] >= states["handed_over"]
    assert came["walk_in"] >= 2
    assert sum(n for left, n in how.items() if left is not None) >= 2
