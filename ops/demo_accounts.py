"""The accounts of a demonstration: one person per role, an officer per team and one of the staff per facility, with passwords
made here and kept in a file.

No password is a constant, so that a demonstration left running is no open door. The file is readable by its owner only.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
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
from backend.geo.place import LonLat
from backend.office import Office
from backend.patrol.records import Team
from backend.patrol.teams import list_teams
from backend.referral.facilities.facility import Facility, list_facilities
from ops.local import services

PEOPLE: Final = (
    ("dispatcher", "演示派遣员", "dispatcher"),
    ("operator", "演示热线坐席", "operator"),
    ("checker", "演示核查员", "checker"),
    ("leader", "演示值班长", "shift_leader"),
    ("supervisor", "演示监督员", "supervisor"),
    ("civil", "演示民政人员", "civil_affairs"),
    ("admin", "演示管理员", "admin"),
    ("grid", "演示网格员", "grid_worker"),
    ("driver", "演示出租车司机", "driver"),
)
PARTNER: Final = "demo-12345"
STATION: Final = "station"
"""The login at the city's rescue station; staff of the other houses sign in by the code of theirs."""


class DemoAccount(Struct, frozen=True, kw_only=True):
    """Somebody to sign in as. team: the code of the team they ride with; facility: of the house they work at."""

    login: str
    password: str
    name: str
    role: str
    team: str | None = None
    facility: str | None = None


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

    def of_facilities(self) -> list[DemoAccount]:
        """The staff of every house that has some, by the code of the house."""
        return sorted((one for one in self.accounts if one.facility), key=lambda one: one.facility or "")


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
        teams, houses = await list_teams(tx, office), await list_facilities(tx, office, SYSTEM)
        rows = await tx.execute(
            select(db.accounts.c.login, db.accounts.c.id).where(db.accounts.c.city_id == office.city_id)
        )
        there = {row.login: row.id for row in rows}
    made = [await _one(office, kept, there, new, now) for new in _wanted(office, teams, houses)]
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
    needed = set(office.city.policy.sign_in.second_factor) & {*(role for _, _, role in PEOPLE), "station_staff"}
    if needed:
        raise Conflict(
            "本市规则要求动态口令，演示账号无法使用。要演示，请在其 policy.toml 写 [sign_in] second_factor = []。",
            "The policy of this city asks for a second factor, which the demonstration's accounts do not have. "
            "To demonstrate it, write [sign_in] second_factor = [] into its policy.toml.",
            code="demonstration_needs_codes",
        )


class _Wanted(Struct, frozen=True, kw_only=True):
    """An account, and what it is made with where it is not there yet."""

    shown: DemoAccount
    regions: list[str]
    team_id: UUID | None = None
    facility_id: UUID | None = None


def _wanted(office: Office, teams: Sequence[Team], houses: Sequence[Facility]) -> Iterator[_Wanted]:
    for login, name, role in PEOPLE:
        yield _Wanted(shown=DemoAccount(login=login, password="", name=name, role=role), regions=[office.city_id])
    for team in teams:
        shown = DemoAccount(login=team.code.lower(), password="", name=team.name, role="officer", team=team.code)
        yield _Wanted(shown=shown, regions=[office.city_id], team_id=team.id)
    staffed = [house for house in houses if house.kind != "temporary_point"]
    first = next((house.code for house in staffed if house.kind == "station" and house.is_regional_centre), None)
    for house in staffed:
        login = STATION if house.code == first else house.code.lower()
        shown = DemoAccount(
            login=login, password="", name=f"{house.name}值班员", role="station_staff", facility=house.code
        )
        yield _Wanted(shown=shown, regions=_regions_of(office, house), facility_id=house.id)


def _regions_of(office: Office, house: Facility) -> list[str]:
    """A house of the city works for all of it, every other one for its district, so that its staff know no shelter of another."""
    if house.level == "city":
        return [office.city_id]
    *within, whole = office.city.regions_of(LonLat(house.lon, house.lat))
    return within[-1:] or [whole]


async def _one(
    office: Office, kept: dict[str, DemoAccount], there: dict[str, UUID], wanted: _Wanted, now: datetime
) -> DemoAccount:
    known = kept.get(wanted.shown.login)
    account = msgspec.structs.replace(wanted.shown, password=known.password if known else secrets.token_urlsafe(9))
    if wanted.shown.login not in there:
        new = NewAccount(
            login=account.login,
            name=account.name,
            password=account.password,
            roles=[account.role],
            regions=wanted.regions,
            team_id=wanted.team_id,
            facility_id=wanted.facility_id,
        )
        await accounts.create(office, new, by=SYSTEM, now=now)
    elif known is None:
        await accounts.set_password(office, there[account.login], account.password, by=SYSTEM, now=now)
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
