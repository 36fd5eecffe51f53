"""Accounts: who may sign in, with which roles, for which regions, riding with which team.

Every change is an event (`account.created`, `account.changed`) that names the login, roles and regions and nothing
else about the person. A changed or deactivated account's live sockets close when the hub reads that event.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import ARRAY, Text, cast, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log, personal
from backend.access import attempts, passwords
from backend.access.actor import Actor
from backend.access.once import Once, first_answer, keep_answer
from backend.access.permissions import Object, Roles, demand, scopes
from backend.access.sessions import end_sessions, forget
from backend.db import accounts, known_devices
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.ids import new_id
from backend.office import Office
from backend.policy.permissions import NOT_FOR_PEOPLE

LARGEST_PAGE = 200
DUTY_PHONE = re.compile(r"\+?[0-9](?:[ -]?[0-9]){4,19}")
# A role with one of these could give itself the rest: only who may write accounts everywhere gives it.
GOVERNING = frozenset({"account:write", "policy:write", "key:write"})


class Account(Struct, frozen=True, kw_only=True):
    """One who may sign in. regions: codes whose area, with everything below, is theirs. second_factor: it is set up.

    has_duty_phone: there is a number to be texted at; what it is nobody reads. facility_id: the station, hospital or shelter
    whose staff they are.
    """

    id: UUID
    login: str
    name: str
    roles: list[str]
    regions: list[str]
    team_id: UUID | None
    active: bool
    created_at: datetime
    second_factor: bool = False
    has_duty_phone: bool = False
    facility_id: UUID | None = None


class NewAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account is made from. duty_phone: texted when a push to the team is not acknowledged."""

    login: str
    name: str
    password: str
    roles: list[str]
    regions: list[str] = []
    team_id: UUID | None = None
    duty_phone: str | None = None
    facility_id: UUID | None = None


class AccountChange(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is to be different; what is left out stays."""

    name: str | UnsetType = UNSET
    roles: list[str] | UnsetType = UNSET
    regions: list[str] | UnsetType = UNSET
    team_id: UUID | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET
    duty_phone: str | UnsetType | None = UNSET
    facility_id: UUID | UnsetType | None = UNSET


class Page(Struct, frozen=True):
    """Some accounts by login; `next` is the cursor for those after them, None at the end."""

    accounts: list[Account]
    next: str | None


_SAID_ONLY = {"second_factor", "has_duty_phone"}
_STORED = [name for name in Account.__struct_fields__ if name not in _SAID_ONLY]
_COLUMNS = [
    *(accounts.c[name] for name in _STORED),
    accounts.c.totp_confirmed_at.is_not(None).label("second_factor"),
    accounts.c.duty_phone_sealed.is_not(None).label("has_duty_phone"),
]


async def create(
    office: Office, new: NewAccount, *, by: Actor, now: datetime, command_id: UUID | None = None
) -> Account:
    """A new account; the same command again answers the first one. Raises Invalid (field), Conflict `login_taken`, NotAllowed."""
    account = Account(
        id=new_id(),
        login=_login(new.login),
        name=_name(new.name),
        roles=sorted(set(new.roles)),
        regions=sorted(set(new.regions)),
        team_id=new.team_id,
        facility_id=new.facility_id,
        active=True,
        created_at=now,
        has_duty_phone=new.duty_phone is not None,
    )
    _check(office, account)
    demand_may_write(office, by, account)
    wants = {name: getattr(new, name) for name in NewAccount.__struct_fields__ if name != "password"}
    command = Once(id=command_id, name="account.create", by=by, now=now, wants=wants)
    row = {name: getattr(account, name) for name in _STORED} | _phone(office, account.id, new.duty_phone)
    row["password_hash"] = await passwords.hash_password(new.password, names=names_of(office, account.login))
    try:
        async with office.begin() as tx:
            if (first := await first_answer(tx, office, command)) is not None:
                return msgspec.convert(first, Account)
            await tx.execute(insert(accounts).values(city_id=office.city_id, **row))
            await keep_answer(tx, office, command, account)
            await tell(tx, office, "account.created", account, by=by, now=now)
    except IntegrityError as fault:
        raise _meaning_of(fault, account) from fault
    return account


async def get(office: Office, account_id: UUID, *, by: Actor) -> Account:
    """One account: one's own, or with account:read. Raises NotFound."""
    async with office.db.connect() as tx:
        account = await _find(tx, office, account_id)
    if account is not None and str(account.id) == by.id:
        return account
    if account is None:
        demand(office.city.policy.roles, by, "account:read")
        raise no_such_account()
    demand(office.city.policy.roles, by, "account:read", _object(account))
    return account


async def list_page(office: Office, *, by: Actor, after: str | None = None, limit: int = 50) -> Page:
    """The accounts the actor may see, by login, after the cursor `after`. Raises NotAllowed."""
    demand(office.city.policy.roles, by, "account:read")
    limit = max(1, min(limit, LARGEST_PAGE))
    query = select(*_COLUMNS).where(accounts.c.city_id == office.city_id).order_by(accounts.c.login).limit(limit + 1)
    if "all" not in scopes(office.city.policy.roles, by, "account:read"):
        query = query.where(accounts.c.regions.bool_op("&&")(cast(list(by.regions), ARRAY(Text))))
    if after is not None:
        query = query.where(accounts.c.login > after)
    async with office.db.connect() as tx:
        found = [Account(**row._mapping) for row in await tx.execute(query)]
    return Page(found[:limit], found[limit - 1].login if len(found) > limit else None)


async def change(
    office: Office,
    account_id: UUID,
    wanted: AccountChange,
    *,
    by: Actor,
    now: datetime,
    command_id: UUID | None = None,
) -> Account:
    """Another name, other roles, regions, team, or active or not. Its sockets close; deactivated, its sessions end too.

    Raises NotFound, NotAllowed, Invalid (field), Conflict `own_account`.
    """
    new_values = {n: v for n in AccountChange.__struct_fields__ if (v := getattr(wanted, n)) is not UNSET}
    command = Once(id=command_id, name="account.change", by=by, now=now, wants=[account_id, new_values])
    try:
        async with office.begin() as tx:
            if (first := await first_answer(tx, office, command)) is not None:
                return msgspec.convert(first, Account)
            before = await lock(tx, office, account_id)
            phone = _phone(office, account_id, new_values.get("duty_phone", UNSET))
            after = _changed(before, new_values)
            _check(office, after)
            _demand_may_change(office, by, before, after)
            await keep_answer(tx, office, command, after)
            if after == before and not phone:
                return before
            changed = _difference(before, after)
            await tx.execute(update(accounts).where(is_account(office, account_id)).values(**changed, **phone))
            changed |= dict.fromkeys(["duty_phone"] if phone else [])
            ended = (
                [] if after.active else await end_sessions(tx, office, account_id, "account_inactive", by=by, now=now)
            )
            await tell(tx, office, "account.changed", after, by=by, now=now, also=ended, changed=sorted(changed))
    except IntegrityError as fault:
        raise _meaning_of(fault, after) from fault
    forget(account_id=account_id)
    return after


async def set_password(
    office: Office, account_id: UUID, new: str, *, by: Actor, now: datetime, current: str | None = None
) -> None:
    """A new password: one's own with the `current` one, or another's with account:write. All other sessions end.

    Raises Invalid (field), NotFound, NotAllowed, Invalid `wrong_password`.
    """
    is_own = by.id == str(account_id)
    async with office.db.connect() as tx:
        account = await _find(tx, office, account_id)
    if account is None:
        raise no_such_account()
    if is_own:
        await demand_own_password(office, account_id, current or "", now)
    else:
        demand_may_write(office, by, account)
    new_hash = await passwords.hash_password(new, names=names_of(office, account.login))
    async with office.begin() as tx:
        await tx.execute(update(accounts).where(is_account(office, account_id)).values(password_hash=new_hash))
        if not is_own:
            await forget_devices(tx, office, account_id)
        kept = by.session_id if is_own else None
        ended = await end_sessions(tx, office, account_id, "password_changed", by=by, now=now, keep=kept)
        if ended:
            await log.append(tx, office.city_id, ended, now=now)
    forget(account_id=account_id)


async def demand_own_password(office: Office, account_id: UUID, password: str, now: datetime) -> None:
    """Asked again before what a desk left alone must not allow. Raises Invalid `wrong_password`, TooMany `locked_out`."""
    counter = attempts.of_own_password(account_id)
    if (tried := await attempts.count(office, [counter], now)).locked_until is not None:
        raise attempts.wait(tried.locked_until, now)
    async with office.db.connect() as tx:
        stored = await tx.scalar(select(accounts.c.password_hash).where(is_account(office, account_id)))
    if not (await passwords.check(stored, password)).fits:
        raise Invalid("当前密码不对。", "The current password is wrong.", code="wrong_password", field="current")
    async with office.db.begin() as tx:
        await attempts.clear(tx, office, [counter])


async def forget_devices(tx: AsyncConnection, office: Office, account_id: UUID) -> None:
    """No device is known as this person's any more."""
    of_account = (known_devices.c.city_id == office.city_id) & (known_devices.c.account_id == account_id)
    await tx.execute(delete(known_devices).where(of_account))


def names_of(office: Office, login: str) -> list[str]:
    """What a stranger would try first as the password of this login."""
    return [
        login,
        office.city.name_zh,
        office.city.name_en,
        office.city_id,
        "救助圈",
        "rescue circle",
        "rescue",
        "circle",
    ]


async def _find(tx: AsyncConnection, office: Office, account_id: UUID) -> Account | None:
    row = (await tx.execute(select(*_COLUMNS).where(is_account(office, account_id)))).first()
    return Account(**row._mapping) if row else None


async def lock(tx: AsyncConnection, office: Office, account_id: UUID) -> Account:
    """The account, held until the transaction ends. Raises NotFound."""
    row = (await tx.execute(select(*_COLUMNS).where(is_account(office, account_id)).with_for_update())).first()
    if row is None:
        raise no_such_account()
    return Account(**row._mapping)


def is_account(office: Office, account_id: UUID) -> Any:
    """The condition for one account's row."""
    return (accounts.c.city_id == office.city_id) & (accounts.c.id == account_id)


async def tell(
    tx: AsyncConnection,
    office: Office,
    kind: str,
    account: Account,
    *,
    by: Actor,
    now: datetime,
    also: Sequence[log.Entry] = (),
    **facts: object,
) -> None:
    """Appends the event of an account, and `also`: the last thing in a verb's transaction."""
    told = {"account_id": account.id, "login": account.login, "roles": account.roles, "regions": account.regions}
    entry = log.Entry(
        kind=kind,
        actor=by,
        occurred_at=now,
        regions=account.regions,
        data={
            **told,
            "team_id": account.team_id,
            "facility_id": account.facility_id,
            "active": account.active,
            **facts,
        },
    )
    await log.append(tx, office.city_id, [entry, *also], now=now)


def _object(account: Account) -> Object:
    return Object(regions=account.regions, owner=str(account.id))


def _changed(before: Account, new_values: dict[str, Any]) -> Account:
    new_values = dict(new_values)
    if "duty_phone" in new_values:
        new_values["has_duty_phone"] = new_values.pop("duty_phone") is not None
    if "name" in new_values:
        new_values["name"] = _name(new_values["name"])
    for several in ("roles", "regions"):
        if several in new_values:
            new_values[several] = sorted(set(new_values[several]))
    return msgspec.structs.replace(before, **new_values)


def _difference(before: Account, after: Account) -> dict[str, Any]:
    return {n: v for n in _STORED if (v := getattr(after, n)) != getattr(before, n)}


def _demand_may_change(office: Office, by: Actor, before: Account, after: Account) -> None:
    demand_may_write(office, by, before)
    demand_may_write(office, by, after)
    if by.id == str(before.id) and (before.roles != after.roles or not after.active):
        raise Conflict(
            "不能停用自己的账号或改变自己的角色，请由另一位管理员操作。",
            "You cannot deactivate your own account or change your own roles; another administrator has to.",
            code="own_account",
        )


def demand_may_write(office: Office, by: Actor, account: Account) -> None:
    """account:write, and nobody gives more than they have: neither regions nor a role that could give itself more."""
    if by.kind == "system":  # whoever runs the machine's command line
        return
    demand(office.city.policy.roles, by, "account:write", _object(account))
    if "all" in scopes(office.city.policy.roles, by, "account:write"):
        return
    if not set(account.regions) <= set(by.regions) or _governs(office, account.roles):
        raise NotAllowed(
            "只能管理自己辖区内、没有管理权限的账号。",
            "You may only manage accounts within your own regions that have no administrative role.",
            action="account:write",
        )


def _governs(office: Office, roles: Iterable[str]) -> bool:
    lines: Roles = office.city.policy.roles
    granted = {line.partition("@")[0] for role in roles for line in lines.get(role, ())}
    return not granted.isdisjoint(GOVERNING)


def _check(office: Office, account: Account) -> None:
    """Roles and regions exist. Raises Invalid."""
    known = {str(role) for role in office.city.policy.roles} - NOT_FOR_PEOPLE
    if not account.roles or (strange := [role for role in account.roles if role not in known]):
        named = "、".join(strange) if account.roles else ""
        raise Invalid(
            f"账号至少有一个角色，且须是规则文件中的角色。{named}",
            f"An account has at least one role, out of those in the policy. {named}".strip(),
            field="roles",
            hint=", ".join(sorted(known)),
        )
    regions = office.city.regions
    if unknown := [code for code in account.regions if code != office.city_id and code not in regions]:
        raise Invalid(
            f"没有这个辖区：{'、'.join(unknown)}。", f"There is no such region: {', '.join(unknown)}.", field="regions"
        )


def _login(text: str) -> str:
    login = text.strip().lower()
    if not 2 <= len(login) <= 64 or any(letter.isspace() or not letter.isprintable() for letter in login):
        raise Invalid(
            "登录名为 2 至 64 个字符，不含空格。", "A login has 2 to 64 characters and no spaces.", field="login"
        )
    return login


def _name(text: str) -> str:
    if not 1 <= len(text.strip()) <= 64:
        raise Invalid("姓名为 1 至 64 个字符。", "A name has 1 to 64 characters.", field="name")
    return text.strip()


def _phone(office: Office, account_id: UUID, number: str | UnsetType | None) -> dict[str, bytes | None]:
    """The number as the table takes it; nothing when it stays as it is. Raises Invalid."""
    if number is UNSET:
        return {}
    if number is not None and not DUTY_PHONE.fullmatch(number):
        raise Invalid(
            "值班手机号应为 5 至 20 位数字，可带 + 和短横线。",
            "A duty phone has 5 to 20 digits, perhaps with + and hyphens.",
            field="duty_phone",
        )
    plain = None if number is None else number.replace(" ", "").replace("-", "")
    return personal.sealed(office.ring, accounts, {"duty_phone": plain}, key=account_id)


def _meaning_of(fault: IntegrityError, account: Account) -> Exception:
    if "team" in str(fault.orig):
        return Invalid("没有这支巡查队。", "There is no such team.", field="team_id")
    if "facility" in str(fault.orig):
        return Invalid("没有这个机构。", "There is no such facility.", field="facility_id")
    return Conflict(
        f"登录名“{account.login}”已被使用。",
        f"The login '{account.login}' is taken.",
        code="login_taken",
        field="login",
    )


def no_such_account() -> NotFound:
    """The refusal."""
    return NotFound("没有这个账号。", "There is no such account.")
