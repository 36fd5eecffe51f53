"""What a failure to sign in costs, and whom it does not cost anything."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import signing_in
from backend.access.attempts import FORGOTTEN_AFTER, FREE_TRIES, FREE_TRIES_FROM_ONE_SOURCE, LONGEST_WAIT
from backend.access.signing_in import Claim, SignedIn
from backend.db import sign_in_attempts
from backend.errors import NotAllowed, NotSignedIn, Refused, TooMany
from backend.office import Office
from tests.access.builders import (
    ADMIN,
    NOW,
    PASSWORD,
    ZHONGSHAN,
    add_account,
    an_actor,
    an_office,
    cheapen_passwords,
    events_of,
)

HERE, THERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheapen_passwords(monkeypatch)


@pytest.fixture
def office(db: AsyncEngine) -> Office:
    return an_office(db)


async def attempt(
    office: Office,
    password: str = "wrong",
    *,
    login: str = "wang",
    now: datetime = NOW,
    source: str | None = THERE,
    device_key: str | None = None,
) -> SignedIn:
    claim = Claim(login=login, password=password, source=source, device_key=device_key, device="控制台")
    return await signing_in.sign_in(office, claim, now)


async def fail(office: Office, times: int, *, login: str = "wang", now: datetime = NOW) -> list[str]:
    """The codes of so many wrong tries, each from an address of its own."""
    codes = []
    for n in range(times):
        with pytest.raises(Refused) as refused:
            await attempt(office, login=login, now=now, source=f"10.0.0.{n}")
        codes.append(refused.value.code)
    return codes


async def test_after_a_few_failures_even_the_right_password_waits_and_is_told_how_long(office: Office) -> None:
    await add_account(office)
    assert await fail(office, FREE_TRIES + 2) == ["wrong_credentials"] * FREE_TRIES + ["locked_out"] * 2
    with pytest.raises(TooMany, match=r"30 秒后再试.*try again in 30 s") as refused:
        await attempt(office, PASSWORD)
    assert refused.value.extra["retry_after_s"] == 30
    await attempt(office, PASSWORD, now=NOW + timedelta(seconds=30))


async def test_the_waits_grow_but_never_beyond_an_hour(office: Office) -> None:
    await add_account(office)
    await fail(office, FREE_TRIES)
    now, waits = NOW, []
    for _ in range(10):
        with pytest.raises(TooMany) as refused:
            await attempt(office, now=now)
        waits.append(refused.value.extra["retry_after_s"])
        now += timedelta(seconds=int(str(waits[-1])))
        assert await fail(office, 1, now=now) == ["wrong_credentials"]
    assert waits[:4] == [30, 60, 120, 240]
    assert waits[-1] == LONGEST_WAIT.total_seconds()
    assert (await attempt(office, PASSWORD, now=now + LONGEST_WAIT)).me.name == "王某"
    assert await fail(office, 1, now=now + LONGEST_WAIT) == ["wrong_credentials"], "who was right begins anew"


async def test_who_keeps_trying_while_waiting_does_not_make_it_longer(office: Office) -> None:
    await add_account(office)
    await fail(office, FREE_TRIES + 50)
    await attempt(office, PASSWORD, now=NOW + timedelta(seconds=30))


async def test_a_hundred_tries_at_once_are_a_hundred(office: Office) -> None:
    await add_account(office)
    tries = [attempt(office, source=None) for _ in range(20)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(answer, NotSignedIn) for answer in answers) == FREE_TRIES
    assert sum(isinstance(answer, TooMany) for answer in answers) == 20 - FREE_TRIES


async def test_strangers_do_not_lock_the_device_that_one_has_signed_in_from(office: Office) -> None:
    await add_account(office)
    mine = await attempt(office, PASSWORD, source=HERE)
    await fail(office, FREE_TRIES + 1)
    again = await attempt(office, PASSWORD, source=HERE, device_key=mine.device_key)
    assert again.device_key == mine.device_key
    with pytest.raises(TooMany):
        await attempt(office, PASSWORD, source=HERE, device_key="x" * 43)
    wrong = [attempt(office, source=HERE, device_key=mine.device_key) for _ in range(FREE_TRIES)]
    answers = await asyncio.gather(*wrong, return_exceptions=True)
    assert all(isinstance(answer, NotSignedIn) for answer in answers)
    with pytest.raises(TooMany):
        await attempt(office, PASSWORD, source=HERE, device_key=mine.device_key)


async def test_a_login_that_does_not_exist_is_locked_like_any_other(office: Office) -> None:
    assert await fail(office, FREE_TRIES + 1, login="nobody") == ["wrong_credentials"] * FREE_TRIES + ["locked_out"]
    [event] = await events_of(office)
    assert (event.kind, event.data) == ("session.locked", {"login": None}), "what a stranger typed stands nowhere"


async def test_one_address_that_tries_many_logins_has_to_wait_and_others_do_not(office: Office) -> None:
    await add_account(office)
    for n in range(FREE_TRIES_FROM_ONE_SOURCE):
        with pytest.raises(NotSignedIn):
            await attempt(office, login=f"guess-{n}")
    with pytest.raises(TooMany):
        await attempt(office, PASSWORD)
    await attempt(office, PASSWORD, source=HERE)


async def test_the_log_says_once_that_a_lock_out_began_and_names_the_login_only(office: Office) -> None:
    account = await add_account(office, regions=(ZHONGSHAN,))
    await fail(office, FREE_TRIES + 3)
    await fail(office, 1, now=NOW + timedelta(minutes=1))
    events = [event for event in await events_of(office) if event.kind == "session.locked"]
    assert [event.data for event in events] == [{"account_id": str(account.id), "login": "wang"}]
    assert events[0].regions == [ZHONGSHAN]
    assert "10.0.0" not in str(events)


async def test_an_administrator_lifts_it(office: Office) -> None:
    account = await add_account(office)
    await fail(office, FREE_TRIES + 1)
    with pytest.raises(NotAllowed):
        await signing_in.lift(office, account.id, by=an_actor("dispatcher"), now=NOW)
    await signing_in.lift(office, account.id, by=ADMIN, now=NOW)
    await attempt(office, PASSWORD)
    assert [event.kind for event in await events_of(office)][-1] == "account.unlocked"


async def test_what_is_a_day_old_is_forgotten(office: Office) -> None:
    await add_account(office)
    await fail(office, FREE_TRIES - 1)
    later = NOW + FORGOTTEN_AFTER + timedelta(minutes=1)
    assert await fail(office, FREE_TRIES - 1, now=later) == ["wrong_credentials"] * (FREE_TRIES - 1)
    async with office.db.connect() as tx:
        left = await tx.scalar(select(func.count()).select_from(sign_in_attempts))
    assert left == FREE_TRIES, "the login and the addresses of today"


async def test_a_session_says_where_it_was_opened(office: Office) -> None:
    await add_account(office)
    done = await attempt(office, PASSWORD, source=HERE)
    assert (done.session.device, done.session.source) == ("控制台", HERE)


async def test_a_whole_shift_behind_one_address_signs_in_at_once(office: Office) -> None:
    people = [f"desk-{n}" for n in range(12)]
    for login in people:
        await add_account(office, login)
    for n in range(FREE_TRIES_FROM_ONE_SOURCE - 1):
        with pytest.raises(NotSignedIn):
            await attempt(office, login=f"guess-{n}", source=HERE)
    await asyncio.gather(*(attempt(office, PASSWORD, login=login, source=HERE) for login in people))
