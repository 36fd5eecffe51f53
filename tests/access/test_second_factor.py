"""One-time codes: set up, used once, lost, demanded by the policy."""

from datetime import datetime, timedelta
from urllib.parse import unquote
from uuid import UUID

import pyotp
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import second_factor, sessions, signing_in, tickets
from backend.access.accounts import Account
from backend.access.actor import SYSTEM, Actor
from backend.access.attempts import FREE_TRIES
from backend.access.permissions import demand
from backend.access.signing_in import Claim, SignedIn
from backend.db import accounts
from backend.errors import Conflict, Invalid, NotAllowed, NotSignedIn, TooMany
from backend.office import Office
from tests.access.builders import (
    ADMIN,
    NOW,
    PASSWORD,
    a_city,
    add_account,
    cheapen_passwords,
    events_of,
)
from tests.keys import RING

STEP = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheapen_passwords(monkeypatch)


@pytest.fixture
def office(db: AsyncEngine) -> Office:
    """A city that wants a second factor of its dispatchers."""
    return Office(a_city("dispatcher"), db, ring=RING)


async def sign_in(office: Office, code: str | None = None, now: datetime = NOW, password: str = PASSWORD) -> SignedIn:
    return await signing_in.sign_in(office, Claim(login="wang", password=password, code=code), now)


async def enrolled(office: Office) -> tuple[pyotp.TOTP, list[str], SignedIn]:
    """What the phone has, the recovery codes, and the session it was done in; the code of NOW is used up."""
    await add_account(office)
    done = await sign_in(office)
    begun = await second_factor.begin(office, PASSWORD, by=done.me, now=NOW)
    phone = pyotp.TOTP(begun.secret)
    codes = await second_factor.confirm(office, phone.at(NOW), by=done.me, now=NOW)
    return phone, codes.codes, done


async def test_who_must_have_one_and_has_not_can_set_it_up_and_nothing_else(office: Office) -> None:
    await add_account(office)
    done = await sign_in(office)
    assert done.me.must_enrol
    me = await sessions.resolve(office, done.token, NOW)
    with pytest.raises(NotAllowed) as refused:
        demand(office.city.policy.roles, me, "case:read")
    assert refused.value.code == "second_factor_needed"
    ticket = await tickets.issue(office, by=me, now=NOW)
    assert (await tickets.take(office, ticket.ticket, now=NOW)).must_enrol
    begun = await second_factor.begin(office, PASSWORD, by=me, now=NOW)
    assert "otpauth://totp/救助圈 Rescue Circle:wang?" in unquote(begun.uri)
    await second_factor.confirm(office, pyotp.TOTP(begun.secret).at(NOW), by=me, now=NOW)
    demand(office.city.policy.roles, await sessions.resolve(office, done.token, NOW), "case:read")


async def test_a_role_that_needs_none_signs_in_by_password(office: Office) -> None:
    await add_account(office, roles=("officer",))
    assert not (await sign_in(office)).me.must_enrol


async def test_a_code_opens_once_and_only_around_its_time(office: Office) -> None:
    phone, _, _ = await enrolled(office)
    with pytest.raises(NotSignedIn) as used:
        await sign_in(office, phone.at(NOW))
    assert used.value.code == "wrong_code"
    later = NOW + 10 * STEP
    for early_or_late in (-2, 2):
        with pytest.raises(NotSignedIn):
            await sign_in(office, phone.at(later + early_or_late * STEP), later)
    assert not (await sign_in(office, phone.at(later - STEP), later)).me.must_enrol
    await sign_in(office, f" {phone.at(later)[:3]} {phone.at(later)[3:]}", later)
    await sign_in(office, phone.at(later + STEP), later)
    for n in (-1, 0, 1):
        with pytest.raises(NotSignedIn):
            await sign_in(office, phone.at(later + n * STEP), later)


async def test_without_a_code_one_is_asked_for_it_and_with_a_wrong_password_not(office: Office) -> None:
    phone, _, _ = await enrolled(office)
    with pytest.raises(NotSignedIn) as asked:
        await sign_in(office)
    assert asked.value.code == "code_needed"
    with pytest.raises(NotSignedIn) as wrong:
        await sign_in(office, phone.at(NOW + STEP), password="wrong")
    assert wrong.value.code == "wrong_credentials"


async def test_codes_cannot_be_tried_out_by_who_knows_the_password(office: Office) -> None:
    phone, _, _ = await enrolled(office)
    for n in range(FREE_TRIES):
        with pytest.raises(NotSignedIn):
            await sign_in(office, f"{n:06}")
    with pytest.raises(TooMany):
        await sign_in(office, phone.at(NOW + STEP))
    await sign_in(office, phone.at(NOW + 2 * STEP), NOW + STEP)
    assert [e.kind for e in await events_of(office) if e.kind == "session.locked"] == ["session.locked"]


async def test_each_recovery_code_opens_once(office: Office) -> None:
    _, codes, _ = await enrolled(office)
    assert len(set(codes)) == 10
    assert not (await sign_in(office, codes[0].upper())).me.must_enrol
    with pytest.raises(NotSignedIn):
        await sign_in(office, codes[0])
    await sign_in(office, codes[1].replace("-", ""))
    assert [e.data["login"] for e in await events_of(office) if e.kind == "account.recovered"] == ["wang"] * 2


async def test_nothing_of_it_stands_in_the_database_or_the_log(office: Office) -> None:
    phone, codes, _ = await enrolled(office)
    async with office.db.connect() as tx:
        row = (await tx.execute(select(accounts))).one()
    told = str(row) + str(await events_of(office))
    assert phone.secret not in told
    assert phone.secret.encode() not in row.totp_sealed
    assert not [code for code in codes if code in told or code.replace("-", "") in told]
    assert office.ring.open(row.totp_sealed, second_factor.about(row.id)) == phone.secret


async def test_it_counts_only_when_the_phone_has_shown_a_code(office: Office) -> None:
    await add_account(office, roles=("officer",))
    done = await sign_in(office)
    with pytest.raises(Conflict) as too_early:
        await second_factor.confirm(office, "000000", by=done.me, now=NOW)
    assert too_early.value.code == "second_factor_not_begun"
    begun = await second_factor.begin(office, PASSWORD, by=done.me, now=NOW)
    wrong = f"{(int(pyotp.TOTP(begun.secret).at(NOW)) + 1) % 1_000_000:06}"
    if wrong not in {pyotp.TOTP(begun.secret).at(NOW + n * STEP) for n in (-1, 1)}:
        with pytest.raises(Invalid):
            await second_factor.confirm(office, wrong, by=done.me, now=NOW)
    await sign_in(office)


async def test_a_desk_left_alone_does_not_give_it_away(office: Office) -> None:
    await add_account(office)
    done = await sign_in(office)
    for _ in range(FREE_TRIES):
        with pytest.raises(Invalid) as wrong:
            await second_factor.begin(office, "a guess", by=done.me, now=NOW)
        assert wrong.value.code == "wrong_password"
    with pytest.raises(TooMany):
        await second_factor.begin(office, PASSWORD, by=done.me, now=NOW)


async def test_once_set_up_only_an_administrator_takes_it_off(office: Office) -> None:
    _, _, done = await enrolled(office)
    me = await sessions.resolve(office, done.token, NOW)
    with pytest.raises(Conflict) as set_up:
        await second_factor.begin(office, PASSWORD, by=me, now=NOW)
    assert set_up.value.code == "second_factor_is_set"
    account_id = UUID(me.id)
    with pytest.raises(NotAllowed):
        await second_factor.reset(office, account_id, by=me, now=NOW)
    own = Actor(id=me.id, name="", kind="account", roles=("admin",), regions=me.regions)
    with pytest.raises(Conflict):
        await second_factor.reset(office, account_id, by=own, now=NOW)
    for by in (ADMIN, SYSTEM):
        await second_factor.reset(office, account_id, by=by, now=NOW)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, done.token, NOW)
    assert (await sign_in(office)).me.must_enrol
    assert [e.data["changed"] for e in await events_of(office) if e.kind == "account.changed"] == [
        ["second_factor"]
    ] * 2


async def test_setting_it_up_ends_the_other_sessions(office: Office) -> None:
    """Somebody who knows the password only may have signed in before."""
    await add_account(office)
    thief = await sign_in(office)
    done = await sign_in(office)
    begun = await second_factor.begin(office, PASSWORD, by=done.me, now=NOW)
    await second_factor.confirm(office, pyotp.TOTP(begun.secret).at(NOW), by=done.me, now=NOW)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, thief.token, NOW)
    await sessions.resolve(office, done.token, NOW)


def test_an_account_shows_that_it_has_one(office: Office) -> None:
    assert "second_factor" in Account.__struct_fields__
