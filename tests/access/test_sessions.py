"""Sessions, keys and tickets: knowing again who asks, and forgetting when told to."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import sessions, tickets
from backend.db import accounts
from backend.db import sessions as session_rows
from backend.db import tickets as ticket_rows
from backend.errors import NotFound, NotSignedIn
from backend.ids import new_id
from backend.office import Office
from tests.access.builders import (
    ADMIN,
    CITY,
    NOW,
    PASSWORD,
    add_account,
    an_actor,
    an_office,
    cheapen_passwords,
    events_of,
    sign_in,
)

SECRET_KEY = "k" * 40
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheapen_passwords(monkeypatch)


@pytest.fixture
async def office(db: AsyncEngine) -> Office:
    office = an_office(db)
    await add_account(office)
    return office


async def test_the_token_is_not_in_the_database(office: Office) -> None:
    token, session, _ = await sign_in(office, "wang", PASSWORD, "console", NOW)
    async with office.db.connect() as tx:
        row = (await tx.execute(select(session_rows))).one()
    assert token not in str(row)
    assert (row.device, row.expires_at) == ("console", NOW + 12 * HOUR)
    assert session.id == row.id


@pytest.mark.parametrize(("login", "password"), [("wang", "wrong password"), ("nobody", PASSWORD)])
async def test_whatever_is_wrong_the_answer_is_the_same(office: Office, login: str, password: str) -> None:
    with pytest.raises(NotSignedIn) as refused:
        await sign_in(office, login, password, None, NOW)
    assert refused.value.code == "wrong_credentials"


async def test_a_session_lives_as_long_as_it_is_used(office: Office) -> None:
    token, session, _ = await sign_in(office, "wang", PASSWORD, None, NOW)
    for hours in (11, 22, 33):
        sessions.forget(session_id=session.id)
        await sessions.resolve(office, token, NOW + hours * HOUR)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, token, NOW + 45 * HOUR)


async def test_a_remembered_session_ends_on_time_too(office: Office) -> None:
    token, _, _ = await sign_in(office, "wang", PASSWORD, None, NOW, lifetime=HOUR)
    await sessions.resolve(office, token, NOW, lifetime=HOUR)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, token, NOW + HOUR, lifetime=HOUR)


async def test_an_unknown_token_is_nobody(office: Office) -> None:
    for token in ("", "x", "é" * 100):
        with pytest.raises(NotSignedIn):
            await sessions.resolve(office, token, NOW)


async def test_asking_ten_times_looks_once(office: Office) -> None:
    token, _, _ = await sign_in(office, "wang", PASSWORD, None, NOW)
    first = await sessions.resolve(office, token, NOW)
    async with office.db.begin() as tx:
        await tx.execute(update(accounts).values(name="renamed behind our back"))
    assert await sessions.resolve(office, token, NOW) == first
    sessions.forget(session_id=first.session_id)
    assert (await sessions.resolve(office, token, NOW)).name == "renamed behind our back"


async def test_what_was_read_before_a_revocation_is_not_remembered_after_it(office: Office) -> None:
    token, session, actor = await sign_in(office, "wang", PASSWORD, None, NOW)
    remembered = sessions.Remembered()
    age = remembered.age
    remembered.forget(session_id=session.id)
    remembered.keep(CITY, sessions.digest(token), actor, session.expires_at, read_at_age=age)
    assert remembered.find(CITY, sessions.digest(token), NOW) is None


async def test_signing_out_ends_this_session_and_no_other(office: Office) -> None:
    phone, _, on_phone = await sign_in(office, "wang", PASSWORD, "phone", NOW)
    console, _, _ = await sign_in(office, "wang", PASSWORD, "console", NOW)
    await sessions.resolve(office, phone, NOW)
    await sessions.sign_out(office, on_phone, now=NOW)
    await sessions.sign_out(office, on_phone, now=NOW)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, phone, NOW)
    await sessions.resolve(office, console, NOW)
    revoked = [event for event in await events_of(office) if event.kind == "session.revoked"]
    assert [event.data["reason"] for event in revoked] == ["signed_out"]


async def test_sessions_are_seen_and_ended_by_their_owner_and_by_administrators(office: Office) -> None:
    token, session, me = await sign_in(office, "wang", PASSWORD, "phone", NOW)
    stranger = an_actor("dispatcher")
    assert [s.id for s in await sessions.list_sessions(office, session.account_id, by=me, now=NOW)] == [session.id]
    assert len(await sessions.list_sessions(office, session.account_id, by=ADMIN, now=NOW)) == 1
    assert not await sessions.list_sessions(office, session.account_id, by=me, now=NOW + 13 * HOUR)
    with pytest.raises(NotFound):
        await sessions.list_sessions(office, session.account_id, by=stranger, now=NOW)
    for session_id, by in ((session.id, stranger), (new_id(), ADMIN)):
        with pytest.raises(NotFound):
            await sessions.revoke(office, session_id, by=by, now=NOW)
    await sessions.revoke(office, session.id, by=ADMIN, now=NOW)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, token, NOW)
    assert not await sessions.list_sessions(office, session.account_id, by=me, now=NOW)


async def test_all_sessions_end_at_once_but_the_one_that_asks(office: Office) -> None:
    mine, session, me = await sign_in(office, "wang", PASSWORD, "console", NOW)
    lost, _, _ = await sign_in(office, "wang", PASSWORD, "phone", NOW)
    with pytest.raises(NotFound):
        await sessions.revoke_all(office, session.account_id, by=an_actor("dispatcher"), now=NOW)
    await sessions.revoke_all(office, session.account_id, by=me, now=NOW)
    await sessions.resolve(office, mine, NOW)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, lost, NOW)
    await sessions.revoke_all(office, session.account_id, by=ADMIN, now=NOW)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, mine, NOW)


async def test_what_is_in_use_without_a_request_lives_on_and_what_has_ended_does_not_come_back(office: Office) -> None:
    token, used, me = await sign_in(office, "wang", PASSWORD, None, NOW)
    gone_token, gone, on_phone = await sign_in(office, "wang", PASSWORD, None, NOW)
    await sessions.sign_out(office, on_phone, now=NOW)
    for hours in (11, 22):
        await sessions.prolong(office, [used.id, gone.id], NOW + hours * HOUR)
    [left] = await sessions.list_sessions(office, used.account_id, by=me, now=NOW + 23 * HOUR)
    assert (left.id, left.expires_at) == (used.id, NOW + 34 * HOUR)
    await sessions.resolve(office, token, NOW + 23 * HOUR)
    await sessions.prolong(office, [used.id], NOW + 40 * HOUR)
    for ended in (token, gone_token):
        with pytest.raises(NotSignedIn):
            await sessions.resolve(office, ended, NOW + 40 * HOUR)


async def test_a_ticket_opens_once(office: Office) -> None:
    _, _, me = await sign_in(office, "wang", PASSWORD, None, NOW)
    ticket = await tickets.issue(office, by=me, now=NOW)
    tries = [tickets.take(office, ticket.ticket, now=NOW) for _ in range(5)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert [r for r in results if not isinstance(r, NotSignedIn)] == [me]


async def test_a_ticket_is_good_for_thirty_seconds_and_then_swept_out(office: Office) -> None:
    _, _, me = await sign_in(office, "wang", PASSWORD, None, NOW)
    ticket, old = [await tickets.issue(office, by=me, now=NOW) for _ in range(2)]
    late = NOW + timedelta(seconds=30)
    with pytest.raises(NotSignedIn):
        await tickets.take(office, ticket.ticket, now=late)
    await tickets.issue(office, by=me, now=late)
    async with office.db.connect() as tx:
        hashes = (await tx.execute(select(ticket_rows.c.ticket_hash))).scalars().all()
    assert len(hashes) == 1
    assert sessions.digest(old.ticket) not in hashes


async def test_a_ticket_ends_with_its_session(office: Office) -> None:
    _, _, me = await sign_in(office, "wang", PASSWORD, None, NOW)
    ticket = await tickets.issue(office, by=me, now=NOW)
    await sessions.sign_out(office, me, now=NOW)
    with pytest.raises(NotSignedIn):
        await tickets.take(office, ticket.ticket, now=NOW)
