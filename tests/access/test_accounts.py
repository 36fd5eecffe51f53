"""Accounts: who may make and change whom, and what the log says of it."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import accounts, sessions
from backend.access.accounts import AccountChange, NewAccount
from backend.access.actor import SYSTEM, Actor
from backend.errors import Conflict, Invalid, NotAllowed, NotFound, NotSignedIn, Refused
from backend.ids import new_id
from backend.notify.devices import number_of
from backend.office import Office
from tests.access.builders import (
    ADMIN,
    CITY,
    NOW,
    PASSWORD,
    XIGANG,
    ZHONGSHAN,
    add_account,
    add_team,
    an_actor,
    an_office,
    cheapen_passwords,
    events_of,
    sign_in,
)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheapen_passwords(monkeypatch)


async def test_a_new_account_can_sign_in_and_the_log_names_login_and_roles_only(db: AsyncEngine) -> None:
    office = an_office(db)
    account = await add_account(office, " Wang ", roles=("checker", "dispatcher"))
    _, _, actor = await sign_in(office, "WANG", PASSWORD, "console", NOW)
    assert actor.id == str(account.id)
    assert actor.roles == ("checker", "dispatcher")
    [event] = await events_of(office)
    assert event.kind == "account.created"
    assert (event.data["login"], event.data["roles"]) == ("wang", ["checker", "dispatcher"])
    assert "王某" not in str(event)
    assert "argon2" not in str(event)


async def test_a_login_is_taken_once(db: AsyncEngine) -> None:
    office = an_office(db)
    await add_account(office, "wang")
    with pytest.raises(Conflict) as refused:
        await add_account(office, "Wang")
    assert refused.value.code == "login_taken"
    assert len(await events_of(office)) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"login": "a b"}, "login"),
        ({"login": "x"}, "login"),
        ({"name": " "}, "name"),
        ({"password": "short"}, "password"),
        ({"roles": []}, "roles"),
        ({"roles": ["emperor"]}, "roles"),
        ({"roles": ["system"]}, "roles"),
        ({"regions": ["999999"]}, "regions"),
        ({"team_id": new_id()}, "team_id"),
    ],
)
async def test_what_is_wrong_is_named(db: AsyncEngine, wrong: dict[str, Any], field: str) -> None:
    right: dict[str, Any] = {
        "login": "wang",
        "name": "王",
        "password": PASSWORD,
        "roles": ["officer"],
        "regions": [CITY],
    }
    with pytest.raises(Invalid) as refused:
        await accounts.create(an_office(db), NewAccount(**{**right, **wrong}), by=ADMIN, now=NOW)
    assert refused.value.extra["field"] == field


async def test_only_who_may_write_accounts_makes_one(db: AsyncEngine) -> None:
    new = NewAccount(login="wang", name="王", password=PASSWORD, roles=["officer"], regions=[CITY])
    with pytest.raises(NotAllowed):
        await accounts.create(an_office(db), new, by=an_actor("dispatcher"), now=NOW)


async def test_who_writes_accounts_of_a_region_gives_no_more_than_that(
    db: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = an_office(db)
    monkeypatch.setitem(office.city.policy.roles, "grid_worker", ("account:write@region",))
    local = an_actor("grid_worker", regions=(ZHONGSHAN,))

    async def make(login: str, roles: list[str], regions: list[str]) -> None:
        new = NewAccount(login=login, name="王", password=PASSWORD, roles=roles, regions=regions)
        await accounts.create(office, new, by=local, now=NOW)

    await make("fine", ["officer"], [ZHONGSHAN])
    for roles, regions in ((["admin"], [ZHONGSHAN]), (["officer"], [ZHONGSHAN, XIGANG]), (["officer"], [XIGANG])):
        with pytest.raises(Refused) as refused:
            await make("greedy", roles, regions)
        assert refused.value.status in (403, 404)


async def test_a_change_is_told_and_takes_effect_at_the_next_request(db: AsyncEngine) -> None:
    office = an_office(db)
    team_id = await add_team(office)
    account = await add_account(office)
    token, _, _ = await sign_in(office, "wang", PASSWORD, None, NOW)
    assert (await sessions.resolve(office, token, NOW)).roles == ("dispatcher",)
    wanted = AccountChange(roles=["officer"], regions=[XIGANG], team_id=team_id, name="王五")
    await accounts.change(office, account.id, wanted, by=ADMIN, now=NOW)
    actor = await sessions.resolve(office, token, NOW)
    assert (actor.roles, actor.regions, actor.team_id, actor.name) == (("officer",), (XIGANG,), team_id, "王五")
    event = (await events_of(office))[-1]
    assert event.kind == "account.changed"
    assert event.data["changed"] == ["name", "regions", "roles", "team_id"]
    assert "王五" not in str(event)
    again = await accounts.change(office, account.id, wanted, by=ADMIN, now=NOW)
    assert again.roles == ["officer"]
    assert len(await events_of(office)) == 2


async def test_a_deactivated_account_is_out_at_once(db: AsyncEngine) -> None:
    office = an_office(db)
    account = await add_account(office)
    token, session, _ = await sign_in(office, "wang", PASSWORD, None, NOW)
    await sessions.resolve(office, token, NOW)
    await accounts.change(office, account.id, AccountChange(active=False), by=ADMIN, now=NOW)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, token, NOW)
    with pytest.raises(NotSignedIn):
        await sign_in(office, "wang", PASSWORD, None, NOW)
    changed, revoked = (await events_of(office))[1:]
    assert (changed.kind, changed.data["active"]) == ("account.changed", False)
    assert (revoked.kind, revoked.data["session_id"]) == ("session.revoked", str(session.id))


async def test_nobody_locks_the_door_behind_themselves(db: AsyncEngine) -> None:
    office = an_office(db)
    account = await add_account(office, "root", roles=("admin",))
    myself = Actor(id=str(account.id), name="", kind="account", roles=("admin",), regions=(CITY,))
    for wanted in (AccountChange(active=False), AccountChange(roles=["officer"])):
        with pytest.raises(Conflict) as refused:
            await accounts.change(office, account.id, wanted, by=myself, now=NOW)
        assert refused.value.code == "own_account"


async def test_a_new_password_ends_the_other_sessions(db: AsyncEngine) -> None:
    office = an_office(db)
    account = await add_account(office)
    other, _, _ = await sign_in(office, "wang", PASSWORD, "lost phone", NOW)
    mine, _, me = await sign_in(office, "wang", PASSWORD, "console", NOW)
    with pytest.raises(Invalid):
        await accounts.set_password(office, account.id, "another sentence", by=me, now=NOW, current="wrong")
    await accounts.set_password(office, account.id, "another sentence", by=me, now=NOW, current=PASSWORD)
    assert (await sessions.resolve(office, mine, NOW)).id == me.id
    for attempt in (sessions.resolve(office, other, NOW), sign_in(office, "wang", PASSWORD, None, NOW)):
        with pytest.raises(NotSignedIn):
            await attempt
    await accounts.set_password(office, account.id, "given by the admin", by=ADMIN, now=NOW)
    with pytest.raises(NotSignedIn):
        await sessions.resolve(office, mine, NOW)
    with pytest.raises(NotAllowed):
        await accounts.set_password(office, account.id, "taken by another", by=an_actor("dispatcher"), now=NOW)


async def test_lists_show_what_is_ones_own_business_page_by_page(db: AsyncEngine) -> None:
    office = an_office(db)
    for number in range(5):
        await add_account(office, f"east-{number}", regions=(ZHONGSHAN,))
    west = await add_account(office, "west", regions=(XIGANG,))
    leader = an_actor("shift_leader", regions=(ZHONGSHAN,))
    first = await accounts.list_page(office, by=leader, limit=3)
    second = await accounts.list_page(office, by=leader, limit=3, after=first.next)
    assert [a.login for a in first.accounts + second.accounts] == [f"east-{n}" for n in range(5)]
    assert second.next is None
    assert len((await accounts.list_page(office, by=ADMIN)).accounts) == 6
    assert (await accounts.get(office, west.id, by=ADMIN)).login == "west"
    with pytest.raises(NotFound):
        await accounts.get(office, west.id, by=leader)
    with pytest.raises(NotFound):
        await accounts.get(office, new_id(), by=leader)
    with pytest.raises(NotAllowed):
        await accounts.list_page(office, by=an_actor("officer"))


async def test_the_command_line_may_make_the_first_administrator(db: AsyncEngine) -> None:
    new = NewAccount(login="root", name="管理员", password=PASSWORD, roles=["admin"], regions=[CITY])
    assert (await accounts.create(an_office(db), new, by=SYSTEM, now=NOW)).roles == ["admin"]


async def test_a_duty_phone_lies_sealed_and_is_set_changed_and_taken_away_unread(db: AsyncEngine) -> None:
    office = an_office(db)
    number, other = "139-1234 4321", "+8613900000000"
    new = NewAccount(login="wang", name="王", password=PASSWORD, roles=["officer"], regions=[CITY], duty_phone=number)
    command = new_id()
    account = await accounts.create(office, new, by=ADMIN, now=NOW, command_id=command)
    assert account.has_duty_phone
    assert await accounts.create(office, new, by=ADMIN, now=NOW, command_id=command) == account
    assert await _number(office, account.id) == "13912344321"
    changed = await accounts.change(office, account.id, AccountChange(duty_phone=other), by=ADMIN, now=NOW)
    assert (changed, await _number(office, account.id)) == (account, other)
    renamed = await accounts.change(office, account.id, AccountChange(name="李"), by=ADMIN, now=NOW)
    assert (renamed.has_duty_phone, await _number(office, account.id)) == (True, other)
    without = await accounts.change(office, account.id, AccountChange(duty_phone=None), by=ADMIN, now=NOW)
    assert (without.has_duty_phone, await _number(office, account.id)) == (False, None)
    told = [event.data.get("changed") for event in await events_of(office)]
    assert told == [None, ["duty_phone"], ["name"], ["duty_phone"]]
    async with office.db.connect() as tx:
        everything = str((await tx.execute(text("SELECT a::text, e.data FROM accounts a, events e"))).all())
        everything += str((await tx.execute(text("SELECT answer FROM commands"))).all())
    for one in ("4321", "13900000000"):
        assert one not in everything.replace("-", "").replace(" ", "")


@pytest.mark.parametrize("number", ["", "1234", "一二三四五六", "+", "1" * 21, "12345-", "tel:12345", "110;120"])
async def test_what_is_no_number_is_refused(db: AsyncEngine, number: str) -> None:
    office = an_office(db)
    account = await add_account(office)
    with pytest.raises(Invalid) as refused:
        await accounts.change(office, account.id, AccountChange(duty_phone=number), by=ADMIN, now=NOW)
    assert refused.value.extra["field"] == "duty_phone"


async def _number(office: Office, account_id: UUID) -> str | None:
    async with office.db.connect() as tx:
        return await number_of(tx, office, account_id)
