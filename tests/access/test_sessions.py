"""Sessions, keys and tickets: knowing again who asks, and forgetting when told to."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import keys, sessions, tickets
from backend.access.keys import NewKey
from backend.db import accounts
from backend.db import sessions as session_rows
from backend.db import tickets as ticket_rows
from backend.errors import Invalid, NotAllowed, NotFound, NotSignedIn
from backend.ids import new_id
from backend.office import Office
from tests.access.builders import (
    ADMIN,
    CITY,
    NOW,
    PASSWORD,
    XIGANG,
    ZHONGSHAN,
    add_account,
    an_actor,
    an_office,
    cheapen_passwords,
    events_of,
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
    token, session, _ = await sessions.sign_in(office, "wang", PASSWORD, "console", NOW)
    async with office.db.connect() as tx:
        row = (await tx.execute(select(session_rows))).one()
    assert token not in str(row)
    assert (row.device, row.expires_at) == ("console", NOW + 12 * HOUR)
    assert session.id == row.id


@pytest.mark.parametrize(("login", "password"), [("wang", "wrong password"), ("nobody", PASSWORD)])
async def test_whatever_is_wrong_the_answer_is_the_same(office: Office, login: str, password: str) -> None:
    with pytest.raises(NotSignedIn) as refused:
        await sessions.sign_in(office, login, password, None, NOW)
    assert refused.value.code == "wrong_credentials"


async def test_a_session_lives_as_long_as_it_is_used(office: Office) -> None:
    token, session, _ = await sessions.sign_in(office, "wang", PASSWORD, None, NOW)
    for hours in (11, 22, 33):
        sessions.forget(session_id=session.id)
        await sessions.resolve(office, token, NOW + hours * HOUR)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, token, NOW + 45 * HOUR)


async def test_a_remembered_session_ends_on_time_too(office: Office) -> None:
    token, _, _ = await sessions.sign_in(office, "wang", PASSWORD, None, NOW, lifetime=HOUR)
    await sessions.resolve(office, token, NOW, lifetime=HOUR)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, token, NOW + HOUR, lifetime=HOUR)


async def test_an_unknown_token_is_nobody(office: Office) -> None:
    for token in ("", "x", "é" * 100):
        with pytest.raises(NotSignedIn):
            await sessions.resolve(office, token, NOW)


async def test_asking_ten_times_looks_once(office: Office) -> None:
    token, _, _ = await sessions.sign_in(office, "wang", PASSWORD, None, NOW)
    first = await sessions.resolve(office, token, NOW)
    async with office.db.begin() as tx:
        await tx.execute(update(accounts).values(name="renamed behind our back"))
    assert await sessions.resolve(office, token, NOW) == first
    sessions.forget(session_id=first.session_id)
    assert (await sessions.resolve(office, token, NOW)).name == "renamed behind our back"


async def test_what_was_read_before_a_revocation_is_not_remembered_after_it(office: Office) -> None:
    token, session, actor = await sessions.sign_in(office, "wang", PASSWORD, None, NOW)
    remembered = sessions.Remembered()
    age = remembered.age
    remembered.forget(session_id=session.id)
    remembered.keep(CITY, sessions.digest(token), actor, session.expires_at, read_at_age=age)
    assert remembered.find(CITY, sessions.digest(token), NOW) is None


async def test_signing_out_ends_this_session_and_no_other(office: Office) -> None:
    phone, _, on_phone = await sessions.sign_in(office, "wang", PASSWORD, "phone", NOW)
    console, _, _ = await sessions.sign_in(office, "wang", PASSWORD, "console", NOW)
    await sessions.resolve(office, phone, NOW)
    await sessions.sign_out(office, on_phone, now=NOW)
    await sessions.sign_out(office, on_phone, now=NOW)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, phone, NOW)
    await sessions.resolve(office, console, NOW)
    revoked = [event for event in await events_of(office) if event.kind == "session.revoked"]
    assert [event.data["reason"] for event in revoked] == ["signed_out"]


async def test_sessions_are_seen_and_ended_by_their_owner_and_by_administrators(office: Office) -> None:
    token, session, me = await sessions.sign_in(office, "wang", PASSWORD, "phone", NOW)
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


async def test_a_ticket_opens_once(office: Office) -> None:
    _, _, me = await sessions.sign_in(office, "wang", PASSWORD, None, NOW)
    ticket = await tickets.issue(office, by=me, now=NOW)
    tries = [tickets.take(office, ticket.ticket, now=NOW) for _ in range(5)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert [r for r in results if not isinstance(r, NotSignedIn)] == [me]


async def test_a_ticket_is_good_for_thirty_seconds_and_then_swept_out(office: Office) -> None:
    _, _, me = await sessions.sign_in(office, "wang", PASSWORD, None, NOW)
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
    _, _, me = await sessions.sign_in(office, "wang", PASSWORD, None, NOW)
    ticket = await tickets.issue(office, by=me, now=NOW)
    await sessions.sign_out(office, me, now=NOW)
    with pytest.raises(NotSignedIn):
        await tickets.take(office, ticket.ticket, now=NOW)


async def test_a_partner_gets_no_ticket(office: Office) -> None:
    made = await keys.create(office, NewKey(partner="12345"), secret_key=SECRET_KEY, by=ADMIN, now=NOW)
    with pytest.raises(NotAllowed):
        await tickets.issue(office, by=await keys.resolve(office, made.plain), now=NOW)


async def test_a_key_is_seen_once_and_is_its_partner(office: Office) -> None:
    new = NewKey(partner="police-110", regions=[ZHONGSHAN])
    made = await keys.create(office, new, secret_key=SECRET_KEY, by=ADMIN, now=NOW)
    assert made.plain.startswith(f"rk_{made.key.id.hex}_")
    actor = await keys.resolve(office, made.plain)
    assert (actor.id, actor.kind, actor.roles, actor.regions) == (
        "partner:police-110", "partner", ("partner",), (ZHONGSHAN,),
    )  # fmt: skip
    assert made.plain not in str(await keys.list_keys(office, by=ADMIN)) + str(await events_of(office))
    for wrong in (made.plain[:-1], made.plain + "x", "", "rk_"):
        with pytest.raises(NotSignedIn):
            await keys.resolve(office, wrong)


async def test_a_partner_changes_its_key_and_stays_the_same_actor(office: Office) -> None:
    old, fresh = [
        await keys.create(office, NewKey(partner="12345"), secret_key=SECRET_KEY, by=ADMIN, now=NOW) for _ in range(2)
    ]
    before = await keys.resolve(office, old.plain)
    await keys.revoke(office, old.key.id, by=ADMIN, now=NOW)
    await keys.revoke(office, old.key.id, by=ADMIN, now=NOW)
    with pytest.raises(NotSignedIn):
        await keys.resolve(office, old.plain)
    assert await keys.resolve(office, fresh.plain) == before
    assert [e.kind for e in await events_of(office)][1:] == ["key.created", "key.created", "key.revoked"]


async def test_a_webhook_goes_where_the_partner_last_said_and_nowhere_after_revoking(office: Office) -> None:
    new = NewKey(partner="12345", webhook_url="https://a.example.cn/x")
    made = await keys.create(office, new, secret_key=SECRET_KEY, by=ADMIN, now=NOW)
    await keys.set_webhook(office, made.key.id, "https://b.example.cn/y", by=ADMIN, now=NOW)
    found = await keys.find_webhook(office, made.key.id, secret_key=SECRET_KEY)
    assert found is not None
    assert (found.url, found.secret) == ("https://b.example.cn/y", made.webhook_secret)
    async with office.db.connect() as tx:
        assert await keys.webhooks_of(tx, office, "12345") == [made.key.id]
    await keys.revoke(office, made.key.id, by=ADMIN, now=NOW)
    assert await keys.find_webhook(office, made.key.id, secret_key=SECRET_KEY) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"partner": "大连"},
        {"partner": ""},
        {"roles": ["system"]},
        {"roles": []},
        {"regions": ["1"]},
        {"webhook_url": "ftp://x.cn/"},
        {"webhook_url": "https://user:pass@x.cn/"},
        {"webhook_url": "https://x.cn:99999999/"},
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(office: Office, wrong: dict[str, Any]) -> None:
    values: dict[str, Any] = {"partner": "12345", "regions": [XIGANG], **wrong}
    new = NewKey(**values)
    with pytest.raises(Invalid):
        await keys.create(office, new, secret_key=SECRET_KEY, by=ADMIN, now=NOW)


async def test_keys_are_the_administrators_business(office: Office) -> None:
    with pytest.raises(NotAllowed):
        await keys.create(office, NewKey(partner="12345"), secret_key=SECRET_KEY, by=an_actor("shift_leader"), now=NOW)
    with pytest.raises(NotFound):
        await keys.revoke(office, new_id(), by=ADMIN, now=NOW)
