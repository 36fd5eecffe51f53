"""`rescue user …` and `rescue key …`: accounts and partner keys from the command line, for whoever runs the installation."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable

from cyclopts import App
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from backend import db
from backend.access import accounts, keys
from backend.access.accounts import AccountChange, NewAccount
from backend.access.actor import Actor
from backend.access.keys import NewKey
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
        return await do(Office(open_city(settings.city_folder), engine))
    finally:
        await engine.dispose()


@user.command
def add(login: str, name: str, *roles: str, region: list[str] | None = None, team: str | None = None) -> None:
    """新建账号；口令从终端或标准输入读取。Create an account; the password is read from the terminal or standard input.

    Parameters
    ----------
    login: 登录名。The login.
    name: 姓名。The name people see.
    roles: 角色，如 dispatcher。Roles, such as dispatcher.
    region: 辖区代码，可多个；默认全市。Region codes; the whole city when left out.
    team: 所属巡查队编号。The code of the team they ride with.
    """
    password = _password()

    async def do(office: Office) -> None:
        team_id = None
        if team is not None:
            query = select(db.teams.c.id).where(db.teams.c.city_id == office.city_id, db.teams.c.code == team)
            async with office.db.connect() as tx:
                team_id = (await tx.execute(query)).scalar()
            if team_id is None:
                raise NotFound(f"没有编号为 {team} 的巡查队。", f"There is no team with the code {team}.")
        new = NewAccount(
            login=login,
            name=name,
            password=password,
            roles=list(roles),
            regions=region or [office.city_id],
            team_id=team_id,
        )
        made = await accounts.create(office, new, by=OPERATOR, now=SystemClock().now())
        print(f"已创建 Created: {made.login}（{'、'.join(made.roles)}）")

    asyncio.run(_with_office(do))


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
        table = Table("登录名 Login", "姓名 Name", "角色 Roles", "辖区 Regions", "状态 State")
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
        query = select(db.accounts.c.id).where(db.accounts.c.city_id == office.city_id, db.accounts.c.login == login)
        async with office.db.connect() as tx:
            account_id = (await tx.execute(query)).scalar()
        if account_id is None:
            raise NotFound(f"没有账号 {login}。", f"There is no account {login}.")
        await accounts.change(office, account_id, AccountChange(active=False), by=OPERATOR, now=SystemClock().now())
        print(f"已停用 Deactivated: {login}")

    asyncio.run(_with_office(do))


@key.command(name="add")
def add_key(partner: str, *, region: list[str] | None = None, webhook: str | None = None) -> None:
    """新建外部系统密钥，只显示一次。Create a partner's key; it is shown this once.

    Parameters
    ----------
    partner: 系统名，如 city-12345。Its name, such as city-12345.
    region: 辖区代码；默认全市。Region codes; the whole city when left out.
    webhook: 状态变化推送地址。Where status changes are sent.
    """

    async def do(office: Office) -> None:
        new = NewKey(partner=partner, regions=region or [office.city_id], webhook_url=webhook)
        made = await keys.create(
            office, new, secret_key=settings_here().secret_key, by=OPERATOR, now=SystemClock().now()
        )
        print(f"密钥 Key: {made.plain}\n签名密钥 Webhook secret: {made.webhook_secret}")

    asyncio.run(_with_office(do))
