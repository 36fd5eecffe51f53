"""`rescue user …` and `rescue key …` for whoever runs the installation."""

import asyncio
import io
import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select

from backend import db
from backend.access import attempts, keys, signing_in
from backend.access.signing_in import Claim, SignedIn
from backend.clock import ManualClock, SystemClock
from backend.errors import NotFound, NotSignedIn, TooMany
from backend.notify import devices
from backend.office import Office
from ops import people
from tests.access.builders import PASSWORD, cheapen_passwords
from tests.api.builders import settings_of

_real = SystemClock()


@pytest.fixture(autouse=True)
def here(database_url: str, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands work on a fresh database, where Wang is an officer."""
    cheapen_passwords(monkeypatch)
    settings = settings_of(database_url, "redis://127.0.0.1:1/0", tmp_path, clock)
    monkeypatch.setattr(people, "settings_here", lambda: settings)
    _type(monkeypatch, PASSWORD)
    people.add("wang", "王某", "officer")


def _type(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(line + "\n"))


def sign_in(password: str = PASSWORD) -> SignedIn:
    """A sign-in of Wang's, from a tablet."""

    async def do(office: Office) -> SignedIn:
        claim = Claim(login="wang", password=password, device="平板")
        return await signing_in.sign_in(office, claim, _real.now())

    return asyncio.run(people._with_office(do))


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_sessions_are_listed_and_ended_one_by_one_or_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    first, second = sign_in().session, sign_in().session
    people.list_sessions("wang")
    told = shown(capsys)
    assert all(part in told for part in (str(first.id), str(second.id), "平板"))
    people.sign_out("wang", session=first.id)
    people.list_sessions("wang")
    told = shown(capsys)
    assert str(first.id) not in told
    assert str(second.id) in told
    people.sign_out("wang")
    people.list_sessions("wang")
    assert str(second.id) not in shown(capsys)
    with pytest.raises(NotFound):
        people.sign_out("wang", session=uuid4())
    with pytest.raises(NotFound, match="没有账号 li"):
        people.list_sessions("li")


def test_a_lock_out_is_lifted() -> None:
    for _ in range(attempts.FREE_TRIES):
        with pytest.raises(NotSignedIn):
            sign_in("wrong")
    with pytest.raises(TooMany):
        sign_in()
    people.unlock("WANG")
    sign_in()


def test_a_password_is_given_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    _type(monkeypatch, "another sentence")
    people.password("wang")
    with pytest.raises(NotSignedIn):
        sign_in()
    sign_in("another sentence")


def test_a_second_factor_that_nobody_set_up_is_reset_all_the_same() -> None:
    people.reset_second_factor("wang")
    sign_in()


def test_a_duty_phone_is_set_with_the_account_and_shown_to_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _type(monkeypatch, PASSWORD)
    people.add("li", "李某", "officer", duty_phone="+86 138-0000-1234")
    assert "138" not in shown(capsys)

    async def numbers(office: Office) -> dict[str, str | None]:
        async with office.db.connect() as tx:
            rows = (await tx.execute(select(db.accounts.c.id, db.accounts.c.login))).all()
            return {row.login: await devices.number_of(tx, office, row.id) for row in rows}

    assert asyncio.run(people._with_office(numbers)) == {"wang": None, "li": "+8613800001234"}


def test_a_key_is_made_listed_rotated_and_revoked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    people.add_key("city-12345", action=["sighting:create"], expires_in_days=30)
    old_id, old = _key_in(shown(capsys))
    people.rotate_key(old_id, overlap_days=1)
    new_id, new = _key_in(shown(capsys))
    assert _partner_of(old) == _partner_of(new) == "city-12345"
    people.list_keys()
    told = shown(capsys)
    assert str(old_id) in told
    assert str(new_id) in told
    assert old not in told
    people.revoke_key(new_id)
    with pytest.raises(NotSignedIn):
        _partner_of(new)


def _key_in(told: str) -> tuple[UUID, str]:
    found = re.search(r"Id: (\S+)\n.*Key: (\S+)", told)
    assert found, told
    return UUID(found[1]), found[2]


def _partner_of(plain: str) -> str:
    async def do(office: Office) -> str:
        return (await keys.resolve(office, plain, _real.now())).name

    return asyncio.run(people._with_office(do))


def test_whoever_works_at_a_house_is_of_it_and_a_house_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _type(monkeypatch, PASSWORD)
    with pytest.raises(NotFound, match="F99 的救助机构"):
        people.add("zhan", "站", "station_staff", facility="F99")
    house = asyncio.run(people._with_office(_a_house))
    _type(monkeypatch, PASSWORD)
    people.add("zhan", "站", "station_staff", facility="F01")

    async def of(office: Office) -> UUID:
        query = select(db.accounts.c.facility_id).where(db.accounts.c.login == "zhan")
        async with office.db.connect() as tx:
            found: UUID = (await tx.execute(query)).scalar_one()
            return found

    assert asyncio.run(people._with_office(of)) == house


async def _a_house(office: Office) -> UUID:
    house_id = uuid4()
    values = {"id": house_id, "code": "F01", "kind": "station", "name": "站", "lon": 121.6, "lat": 38.9, "takes": []}
    async with office.begin() as tx:
        await tx.execute(insert(db.facilities).values(city_id=office.city_id, **values))
    return house_id
