"""A person takes a team of the demonstration into their own hands: its simulated officer steps back, and comes back afterwards."""

from datetime import timedelta
from pathlib import Path

import pytest

from backend.city import City
from ops.demo_accounts import make_demo_accounts
from ops.load_city import read_teams
from ops.simulate.chance import Chance
from ops.simulate.officer import Officer, World
from ops.simulate.phone import Phone, over_network
from ops.simulate.street import Street
from tests.simulate.conftest import DALIAN
from tests.web.town import MORNING, a_town


@pytest.mark.parametrize("every", [timedelta(seconds=5)])
async def test_a_team_that_a_person_has_is_not_answered_for(
    every: timedelta, dalian: City, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with a_town(database_url, redis_url, tmp_path, dalian, DALIAN) as town:
        accounts, _ = await make_demo_accounts(town.api.office, town.now(), tmp_path / "accounts.json")
        team = next(team for team in read_teams(DALIAN / "teams.csv", dalian) if team.code == "T01")
        account = next(one for one in accounts if one.team == team.code)
        line = over_network(town.url.rstrip("/"))
        chance = Chance(1)
        simulated = Officer(
            World(chance, Street(chance, dalian.policy), dalian, people_every=every), team, account, line
        )
        await simulated.begin(MORNING)
        assert _state(simulated) == "free"
        person = Phone(line)
        await person.post("/api/sessions/", {"login": account.login, "password": account.password, "device": "手机"})
        await simulated.act(town.now() + timedelta(minutes=90))
        assert _has_stepped_back(simulated)
        case_id = await town.report()
        offer = await town.offer_of(case_id)
        simulated.hear({"kind": "offer.made", "teams": [offer["team_id"]], "actor": {"id": "system"}}, town.now())
        await simulated.act(town.now() + timedelta(minutes=91))
        assert _state(simulated) == "free", "it has not even looked at what it is asked"
        (mine,) = [one for one in (await simulated._phone.get("/api/sessions/")).body if one["device"] == "手机"]
        await simulated._phone._send("DELETE", f"/api/sessions/{mine['id']}")
        await simulated.act(town.now() + timedelta(minutes=92))
        assert not _has_stepped_back(simulated)
        assert _state(simulated) == "asked", "given back: it looks afresh"
        await simulated.end()
        await person.close()


def _state(officer: Officer) -> str:
    return officer.state.value


def _has_stepped_back(officer: Officer) -> bool:
    return officer.is_taken_over
