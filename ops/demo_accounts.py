"""The accounts of a demonstration: one person per role and an officer per team, with passwords made here and kept in a file.

No password is a constant, so that a demonstration left running is no open door. The file is readable by its owner only.
"""

import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select

from backend import db
from backend.access import accounts, keys
from backend.access.accounts import NewAccount
from backend.access.actor import SYSTEM
from backend.access.keys import NewKey
from backend.errors import Conflict
from backend.office import Office
from backend.patrol.teams import list_teams
from ops.local import services

PEOPLE: Final = (
    ("dispatcher", "演示派遣员", "dispatcher"),
    ("operator", "演示热线坐席", "operator"),
    ("checker", "演示核查员", "checker"),
    ("leader", "演示值班长", "shift_leader"),
    ("supervisor", "演示监督员", "supervisor"),
    ("admin", "演示管理员", "admin"),
    ("grid", "演示网格员", "grid_worker"),
    ("driver", "演示出租车司机", "driver"),
)
PARTNER: Final = "demo-12345"


class DemoAccount(Struct, frozen=True, kw_only=True):
    """Somebody to sign in as. team: the code of the team they ride with."""

    login: str
    password: str
    name: str
    role: str
    team: str | None = None


class DemoAccounts(Struct, frozen=True, kw_only=True):
    """What the file keeps: accounts, and the key of the partner system that is shown only once."""

    accounts: list[DemoAccount] = []
    partner: str = PARTNER
    partner_key: str | None = None
    webhook_secret: str | None = None

    def of(self, role: str) -> DemoAccount:
        """The first with this role. Raises KeyError."""
        found = next((one for one in self.accounts if one.role == role), None)
        if found is None:
            raise KeyError(role)
        return found

    def of_team(self, code: str) -> DemoAccount:
        """The officer of a team. Raises KeyError."""
        found = next((one for one in self.accounts if one.team == code), None)
        if found is None:
            raise KeyError(code)
        return found


def accounts_file_here() -> Path:
    """Where this checkout keeps them."""
    return services.folder_of_checkout() / "demo-accounts.json"


def read_demo_accounts(file: Path) -> DemoAccounts:
    """What was kept; nothing when there is no file or it cannot be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=DemoAccounts)
    except (OSError, msgspec.MsgspecError):
        return DemoAccounts()


async def make_demo_accounts(
    office: Office, now: datetime, file: Path | None = None, *, secret_key: str | None = None
) -> tuple[list[DemoAccount], Path]:
    """Make the accounts that are missing; those whose password is no longer known get a new one. Returns them all.

    Raises Conflict in a city whose policy asks them for a second factor.
    """
    _refuse_where_codes_are_needed(office)
    file = file or accounts_file_here()
    before = read_demo_accounts(file)
    kept = {one.login: one for one in before.accounts}
    async with office.db.connect() as tx:
        teams = await list_teams(tx, office)
        rows = await tx.execute(
            select(db.accounts.c.login, db.accounts.c.id).where(db.accounts.c.city_id == office.city_id)
        )
        there = {row.login: row.id for row in rows}
    made: list[DemoAccount] = []
    for login, name, role in PEOPLE:
        made.append(
            await _one(office, kept, there, DemoAccount(login=login, password="", name=name, role=role), None, now)
        )
    for team in teams:
        wanted = DemoAccount(login=team.code.lower(), password="", name=team.name, role="officer", team=team.code)
        made.append(await _one(office, kept, there, wanted, team.id, now))
    after = msgspec.structs.replace(before, accounts=made)
    if secret_key is not None and after.partner_key is None:
        key = await keys.create(
            office, NewKey(partner=PARTNER, regions=[office.city_id]), secret_key=secret_key, by=SYSTEM, now=now
        )
        after = msgspec.structs.replace(after, partner_key=key.plain, webhook_secret=key.webhook_secret)
    if after != before:
        _keep(file, after)
    return made, file


def _refuse_where_codes_are_needed(office: Office) -> None:
    """A code opens once in 30 s, and the demonstration's people sign in more often: they go by password alone."""
    needed = set(office.city.policy.sign_in.second_factor) & {role for _, _, role in PEOPLE}
    if needed:
        raise Conflict(
            "本市规则要求动态口令，演示账号无法使用。要演示，请在其 policy.toml 写 [sign_in] second_factor = []。",
            "The policy of this city asks for a second factor, which the demonstration's accounts do not have. "
            "To demonstrate it, write [sign_in] second_factor = [] into its policy.toml.",
            code="demonstration_needs_codes",
        )


async def _one(
    office: Office,
    kept: dict[str, DemoAccount],
    there: dict[str, UUID],
    wanted: DemoAccount,
    team_id: UUID | None,
    now: datetime,
) -> DemoAccount:
    known = kept.get(wanted.login)
    account = msgspec.structs.replace(wanted, password=known.password if known else secrets.token_urlsafe(9))
    if wanted.login not in there:
        new = NewAccount(
            login=account.login,
            name=account.name,
            password=account.password,
            roles=[account.role],
            regions=[office.city_id],
            team_id=team_id,
        )
        await accounts.create(office, new, by=SYSTEM, now=now)
    elif known is None:
        await accounts.set_password(office, there[wanted.login], account.password, by=SYSTEM, now=now)
    return account


def _keep(file: Path, kept: DemoAccounts) -> None:
    """Written beside and moved into place, readable by its owner only from the first byte."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
    fresh.replace(file)
