"""Loading a city's folder: everything once, however often."""

from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree

import msgspec
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as schema
from backend.city import City
from backend.clock import CHINA
from backend.errors import Conflict, Invalid
from backend.office import Office
from backend.patrol.duty import shift_end
from backend.patrol.teams import list_teams
from backend.referral.facilities.facility import list_facilities
from ops.demo_accounts import make_demo_accounts, read_demo_accounts
from ops.load_city import load_city, read_teams, shift_on
from tests.access.builders import a_city, sign_in
from tests.keys import RING

DALIAN = Path(__file__).parents[2] / "cities/dalian"
NOW = datetime(2016, 9, 19, 6, 0, tzinfo=CHINA)
TABLES = (
    schema.regions,
    schema.teams,
    schema.presence,
    schema.shifts,
    schema.facilities,
    schema.accounts,
    schema.api_keys,
)


async def counts(office: Office) -> list[int]:
    async with office.db.connect() as tx:
        return [(await tx.execute(select(func.count()).select_from(table))).scalar_one() for table in TABLES]


async def test_loading_twice_changes_nothing(db: AsyncEngine, dalian: City, tmp_path: Path) -> None:
    office, file = Office(dalian, db, ring=RING), tmp_path / "accounts.json"
    first = await load_city(office, DALIAN, NOW, demo=True, accounts_file=file)
    held, kept = await counts(office), file.read_bytes()
    assert await load_city(office, DALIAN, NOW, demo=True, accounts_file=file) == first
    assert (await counts(office), file.read_bytes()) == (held, kept)
    assert held[:5] == [11, 24, 24, 240, 12]
    assert file.stat().st_mode & 0o077 == 0


async def test_what_was_changed_by_hand_stays_unless_the_files_shall_win(db: AsyncEngine, dalian: City) -> None:
    office = Office(dalian, db, ring=RING)
    await load_city(office, DALIAN, NOW)
    async with db.begin() as tx:
        await tx.execute(text("UPDATE teams SET name = '改过' WHERE code = 'T01'"))
        await tx.execute(text("UPDATE facilities SET capacity = 7 WHERE code = 'F01'"))
        await tx.execute(text("DELETE FROM facility_places"))
        await tx.execute(text("DELETE FROM facilities WHERE code = 'F02'"))

    async def found() -> list[object]:
        async with db.connect() as tx:
            query = "SELECT name, (SELECT capacity FROM facilities WHERE code = 'F01'), (SELECT count(*) FROM facilities) FROM teams"
            return list((await tx.execute(text(f"{query} WHERE code = 'T01'"))).one())

    await load_city(office, DALIAN, NOW)
    assert await found() == ["改过", 7, 12]
    await load_city(office, DALIAN, NOW, overwrite=True)
    assert await found() == ["沙河口区公安巡逻1组", 120, 12]


async def test_every_demonstration_account_signs_in_and_an_officer_rides_with_a_team(
    db: AsyncEngine, dalian: City, tmp_path: Path
) -> None:
    office, file = Office(dalian, db, ring=RING), tmp_path / "accounts.json"
    await load_city(office, DALIAN, NOW)
    await make_demo_accounts(office, NOW, file, secret_key="k" * 40)
    kept = read_demo_accounts(file)
    assert kept.partner_key is not None
    one = kept.of_team("T07")
    _, _, actor = await sign_in(office, one.login, one.password, None, NOW)
    async with db.connect() as tx:
        teams = {team.id: team.code for team in await list_teams(tx, office)}
    assert actor.team_id is not None
    assert (teams[actor.team_id], actor.roles) == ("T07", ("officer",))


async def test_every_staffed_house_has_somebody_to_sign_in_as_and_the_station_of_the_city_comes_first(
    db: AsyncEngine, dalian: City, tmp_path: Path
) -> None:
    office, file = Office(dalian, db, ring=RING), tmp_path / "accounts.json"
    await load_city(office, DALIAN, NOW, demo=True, accounts_file=file)
    kept = read_demo_accounts(file)
    assert [one.facility for one in kept.of_facilities()] == [f"F0{number}" for number in range(1, 10)]
    assert (kept.of("station_staff").login, kept.of("station_staff").facility) == ("station", "F01")
    seen = {}
    for one in kept.of_facilities():
        _, _, actor = await sign_in(office, one.login, one.password, None, NOW)
        async with db.connect() as tx:
            own = {house.id: house.code for house in await list_facilities(tx, office, actor)}
        assert actor.facility_id is not None
        seen[own[actor.facility_id]] = "F08" in own.values()
    assert {code for code, knows in seen.items() if knows} == {"F01", "F02", "F03", "F06", "F08", "F09"}, (
        "the hidden shelter is known in the houses of the city and of its district"
    )


async def test_a_lost_password_file_gives_new_passwords_that_work(
    db: AsyncEngine, dalian: City, tmp_path: Path
) -> None:
    office, file = Office(dalian, db, ring=RING), tmp_path / "accounts.json"
    await load_city(office, DALIAN, NOW, demo=True, accounts_file=file)
    before = read_demo_accounts(file).of("dispatcher")
    file.unlink()
    await load_city(office, DALIAN, NOW, demo=True, accounts_file=file)
    after = read_demo_accounts(file).of("dispatcher")
    assert after.password != before.password
    await sign_in(office, after.login, after.password, None, NOW)


async def test_shifts_follow_the_pattern(db: AsyncEngine, dalian: City) -> None:
    office = Office(dalian, db, ring=RING)
    await load_city(office, DALIAN, NOW)
    day = NOW.date()
    assert [moment.hour for moment in shift_on("day", day, dalian)] == [8, 20]
    assert shift_on("night", day, dalian)[1] - NOW == timedelta(hours=26)
    async with db.connect() as tx:
        night = next(team for team in await list_teams(tx, office) if team.shift_pattern == "night")
        assert await shift_end(tx, office, night.id, NOW) == NOW.replace(hour=8)
        assert await shift_end(tx, office, night.id, NOW.replace(hour=12)) is None


async def test_a_hidden_shelter_is_loaded_as_hidden(db: AsyncEngine, dalian: City) -> None:
    office = Office(dalian, db, ring=RING)
    await load_city(office, DALIAN, NOW)
    async with db.connect() as tx:
        hidden = (await tx.execute(text("SELECT kind FROM facilities WHERE hidden"))).scalars().all()
    assert hidden == ["shelter"]


def test_a_skill_that_the_policy_does_not_know_is_refused_with_its_line(dalian: City, tmp_path: Path) -> None:
    folder = tmp_path / "dalian"
    copytree(DALIAN, folder)
    file = folder / "teams.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("mental_health", "mental_helth", 1), encoding="utf-8")
    with pytest.raises(Invalid, match="mental_helth") as told:
        read_teams(file, dalian)
    assert "teams.csv" in told.value.zh
    assert msgspec.json.encode(told.value.extra)


def test_what_follows_from_a_crew_is_among_its_skills(dalian: City) -> None:
    police = next(team for team in read_teams(DALIAN / "teams.csv", dalian) if team.organisation == "police")
    assert {"police", "vehicle"} <= set(police.skills)


async def test_where_the_policy_asks_for_codes_there_are_no_demonstration_accounts(
    db: AsyncEngine, tmp_path: Path
) -> None:
    office = Office(a_city("dispatcher"), db, ring=RING)
    with pytest.raises(Conflict, match=r"second_factor = \[\]") as refused:
        await make_demo_accounts(office, NOW, tmp_path / "accounts.json")
    assert refused.value.code == "demonstration_needs_codes"
