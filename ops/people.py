"""`rescue user …` and `rescue key …`: accounts and partner keys from the command line, for whoever runs the installation."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from cyclopts import App
from rich.console import Console
from rich.table import Table as Lines
from sqlalchemy import Table, select

from backend import db, in_force
from backend.access import accounts, keys, second_factor, sessions, signing_in
from backend.access.accounts import AccountChange, NewAccount
from backend.access.actor import Actor
from backend.access.keys import Made, NewKey
from backend.city import open_city
from backend.clock import SystemClock
from backend.db import make_engine
from backend.errors import Invalid, NotFound
from backend.office import Office
from ops.serve import settings_here

# Whoever can run this command owns the installation.
OPERATOR = Actor(id="command-line", name="命令行", kind="system", roles=("admin",))

user = App(name="user", help="账号管理。Accounts.")
key = App(name="key", help="外部系统的接口密钥。Keys of partner systems.")


async def _with_office[T](do: Callable[[Office], Awaitable[T]]) -> T:
    settings = settings_here()
    engine = make_engine(settings.database_url)
    try:
        office = Office(open_city(settings.city_folder), engine, ring=settings.ring)
        await in_force.follow(office)
        return await do(office)
    finally:
        await engine.dispose()


async def _account_id(office: Office, login: str) -> UUID:
    found = db.accounts.c.login == login.strip().lower()
    query = select(db.accounts.c.id).where(db.accounts.c.city_id == office.city_id, found)
    async with office.db.connect() as tx:
        account_id: UUID | None = (await tx.execute(query)).scalar()
    if account_id is None:
        raise NotFound(f"没有账号 {login}。", f"There is no account {login}.")
    return account_id


@user.command
def add(
    login: str,
    name: str,
    *roles: str,
    region: list[str] | None = None,
    team: str | None = None,
    facility: str | None = None,
    duty_phone: str | None = None,
) -> None:
    """新建账号；口令从终端或标准输入读取。Create an account; the password is read from the terminal or standard input.

    Parameters
    ----------
    login: 登录名。The login.
    name: 姓名。The name people see.
    roles: 角色，如 dispatcher。Roles, such as dispatcher.
    region: 辖区代码，可多个；默认全市。Region codes; the whole city when left out.
    team: 所属巡查队编号。The code of the team they ride with.
    facility: 所属救助机构编号。The code of the station, hospital or shelter they work at.
    duty_phone: 值班手机，推送无回执时发短信。Texted when a push to the team is not acknowledged.
    """
    password = _password()

    async def do(office: Office) -> None:
        new = NewAccount(
            login=login,
            name=name,
            password=password,
            roles=list(roles),
            regions=region or [office.city_id],
            team_id=await _named(office, db.teams, team, "巡查队", "team"),
            facility_id=await _named(office, db.facilities, facility, "救助机构", "facility"),
            duty_phone=duty_phone,
        )
        made = await accounts.create(office, new, by=OPERATOR, now=SystemClock().now())
        print(f"已创建 Created: {made.login}（{'、'.join(made.roles)}）")

    asyncio.run(_with_office(do))


async def _named(office: Office, table: Table, code: str | None, zh: str, en: str) -> UUID | None:
    """The id of what stands in the table under a code. Raises NotFound."""
    if code is None:
        return None
    query = select(table.c.id).where(table.c.city_id == office.city_id, table.c.code == code)
    async with office.db.connect() as tx:
        found: UUID | None = (await tx.execute(query)).scalar()
    if found is None:
        raise NotFound(f"没有编号为 {code} 的{zh}。", f"There is no {en} with the code {code}.")
    return found


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("口令 Password: ")
    if first != getpass.getpass("再输一次 Again: "):
        raise Invalid("两次输入的口令不同。", "The two passwords differ.", field="password")
    return first


@user.command(name="list")
def list_users() -> None:
    """账号列表。List accounts."""

    async def do(office: Office) -> None:
        table = Lines("登录名 Login", "姓名 Name", "角色 Roles", "辖区 Regions", "状态 State")
        cursor: str | None = None
        while True:
            page = await accounts.list_page(office, by=OPERATOR, after=cursor, limit=200)
            for one in page.accounts:
                state = "启用 active" if one.active else "停用 inactive"
                table.add_row(one.login, one.name, "、".join(one.roles), "、".join(one.regions), state)
            cursor = page.next
            if cursor is None:
                break
        Console().print(table)

    asyncio.run(_with_office(do))


@user.command
def deactivate(login: str) -> None:
    """停用账号：会话与实时通道立即断开。Deactivate an account: its sessions and sockets end at once."""

    async def do(office: Office) -> None:
        account_id = await _account_id(office, login)
        await accounts.change(office, account_id, AccountChange(active=False), by=OPERATOR, now=SystemClock().now())
        print(f"已停用 Deactivated: {login}")

    asyncio.run(_with_office(do))


@user.command
def password(login: str) -> None:
    """设新密码；其会话全部结束。Give a new password; all sessions of the account end."""
    new = _password()

    async def do(office: Office) -> None:
        account_id = await _account_id(office, login)
        await accounts.set_password(office, account_id, new, by=OPERATOR, now=SystemClock().now())
        print(f"已设新密码 Password set: {login}")

    asyncio.run(_with_office(do))


@user.command
def unlock(login: str) -> None:
    """解除登录限制，可立即再试。Lift a lock-out: the next try is at once."""

    async def do(office: Office) -> None:
        await signing_in.lift(office, await _account_id(office, login), by=OPERATOR, now=SystemClock().now())
        print(f"已解除 Lifted: {login}")

    asyncio.run(_with_office(do))


@user.command(name="reset-second-factor")
def reset_second_factor(login: str) -> None:
    """手机丢失：解除动态口令，会话全部结束。A lost phone: take the second factor off; all sessions end."""

    async def do(office: Office) -> None:
        await second_factor.reset(office, await _account_id(office, login), by=OPERATOR, now=SystemClock().now())
        print(f"已解除动态口令 Second factor taken off: {login}")

    asyncio.run(_with_office(do))


@user.command(name="sessions")
def list_sessions(login: str) -> None:
    """账号的登录会话。The sessions of an account."""

    async def do(office: Office) -> None:
        account_id = await _account_id(office, login)
        found = await sessions.list_sessions(office, account_id, by=OPERATOR, now=SystemClock().now())
        table = Lines("编号 Id", "设备 Device", "来源 Source", "登录 Since", "最近使用 Last seen")
        for one in found:
            times = (f"{at.astimezone(office.city.zone):%Y-%m-%d %H:%M}" for at in (one.created_at, one.seen_at))
            table.add_row(str(one.id), one.device or "—", one.source or "—", *times)
        Console().print(table)

    asyncio.run(_with_office(do))


@user.command(name="sign-out")
def sign_out(login: str, *, session: UUID | None = None) -> None:
    """结束账号的会话；通道立即断开。End the sessions of an account; their sockets close at once.

    Parameters
    ----------
    login: 登录名。The login.
    session: 只结束这一个（编号见 rescue user sessions）。Only this one; ids by rescue user sessions.
    """

    async def do(office: Office) -> None:
        account_id = await _account_id(office, login)
        now = SystemClock().now()
        if session is None:
            await sessions.revoke_all(office, account_id, by=OPERATOR, now=now)
        elif session in {one.id for one in await sessions.list_sessions(office, account_id, by=OPERATOR, now=now)}:
            await sessions.revoke(office, session, by=OPERATOR, now=now)
        else:
            raise NotFound(f"{login} 没有这个会话。", f"{login} has no such session.")
        print(f"已结束会话 Signed out: {login}")

    asyncio.run(_with_office(do))


@key.command(name="list")
def list_keys() -> None:
    """外部系统密钥列表。List the partners' keys."""

    async def do(office: Office) -> None:
        table = Lines(
            "编号 Id", "系统 Partner", "权限 Actions", "新建 Made", "到期 Expires", "最近使用 Last used", "状态 State"
        )
        now = SystemClock().now()
        for one in await keys.list_keys(office, by=OPERATOR):
            over = one.expires_at is not None and one.expires_at <= now
            state = "停用 revoked" if one.revoked_at else "过期 expired" if over else "启用 active"
            times = [f"{at:%Y-%m-%d %H:%M}" if at else "—" for at in (one.created_at, one.expires_at, one.last_used_at)]
            table.add_row(str(one.id), one.partner, "、".join(one.actions or one.roles), *times, state)
        Console().print(table)

    asyncio.run(_with_office(do))


@key.command(name="rotate")
def rotate_key(key_id: UUID, *, overlap_days: float = 7.0) -> None:
    """轮换密钥：新的只显示一次，旧的在重叠期内继续有效。Rotate a key: the new one is shown once, the old one goes on for the overlap.

    Parameters
    ----------
    key_id: 密钥编号，见 rescue key list。Its id, by rescue key list.
    overlap_days: 旧密钥还用几天。How many days the old one goes on.
    """
    if not 0 <= overlap_days <= 90:
        raise Invalid("overlap_days 应为 0 到 90。", "overlap_days is from 0 to 90.", field="overlap_days")

    async def do(office: Office) -> None:
        overlap = timedelta(days=overlap_days)
        secret_key, now = settings_here().secret_key, SystemClock().now()
        made = await keys.rotate(office, key_id, secret_key=secret_key, by=OPERATOR, now=now, overlap=overlap)
        _show(made)

    asyncio.run(_with_office(do))


@key.command(name="revoke")
def revoke_key(key_id: UUID) -> None:
    """停用密钥，立即失效。Revoke a key, at once."""

    async def do(office: Office) -> None:
        gone = await keys.revoke(office, key_id, by=OPERATOR, now=SystemClock().now())
        print(f"已停用 Revoked: {gone.partner}")

    asyncio.run(_with_office(do))


def _show(made: Made) -> None:
    print(f"编号 Id: {made.key.id}\n密钥 Key: {made.plain}\n签名密钥 Webhook secret: {made.webhook_secret}")


@key.command(name="add")
def add_key(
    partner: str,
    *,
    region: list[str] | None = None,
    webhook: str | None = None,
    action: list[str] | None = None,
    expires_in_days: float | None = None,
) -> None:
    """新建外部系统密钥，只显示一次。Create a partner's key; it is shown this once.

    Parameters
    ----------
    partner: 系统名，如 city-12345。Its name, such as city-12345.
    region: 辖区代码；默认全市。Region codes; the whole city when left out.
    webhook: 状态变化推送地址。Where status changes are sent.
    action: 只许这些，如 sighting:create；默认为其角色的全部。Only these, such as sighting:create; all of its role when left out.
    expires_in_days: 几天后到期；默认不过期。After how many days it expires; never when left out.
    """

    async def do(office: Office) -> None:
        now = SystemClock().now()
        new = NewKey(
            partner=partner,
            regions=region or [office.city_id],
            webhook_url=webhook,
            actions=action,
            expires_at=None if expires_in_days is None else now + timedelta(days=expires_in_days),
        )
        _show(await keys.create(office, new, secret_key=settings_here().secret_key, by=OPERATOR, now=now))

    asyncio.run(_with_office(do))
