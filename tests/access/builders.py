"""A small city and people in it, with defaults."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import shapely
from argon2 import PasswordHasher
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import log
from backend.access import accounts, passwords, signing_in
from backend.access.accounts import Account, NewAccount
from backend.access.actor import SYSTEM, Actor
from backend.access.sessions import LIFETIME, Session
from backend.access.signing_in import Claim
from backend.city import City
from backend.clock import CHINA
from backend.db import sessions, teams
from backend.geo.place import ServiceArea
from backend.geo.regions import Level, Region, RegionIndex
from backend.ids import new_id
from backend.office import Office
from backend.policy import parse_policy
from tests.keys import RING

NOW = datetime(2016, 9, 19, 6, 0, tzinfo=CHINA)
CITY, ZHONGSHAN, XIGANG = "210200", "210202", "210203"
PASSWORD = "correct horse 电池"
WHOLE = shapely.box(121.5, 38.8, 121.8, 39.0)


def a_city(*second_factor: str) -> City:
    """Dalian as a box of two districts, without roads. second_factor: the roles that need one."""
    regions = RegionIndex(
        [
            Region(CITY, "大连市", Level.CITY, None, WHOLE),
            Region(ZHONGSHAN, "中山区", Level.DISTRICT, CITY, shapely.box(121.65, 38.8, 121.8, 39.0)),
            Region(XIGANG, "西岗区", Level.DISTRICT, CITY, shapely.box(121.5, 38.8, 121.65, 39.0)),
        ]
    )
    return City(
        id=CITY,
        name_zh="大连市",
        name_en="Dalian",
        zone=ZoneInfo("Asia/Shanghai"),
        area=ServiceArea(WHOLE),
        regions=regions,
        roads=None,
        policy=parse_policy(f"[sign_in]\nsecond_factor = {json.dumps(second_factor)}"),
    )


def an_office(db: AsyncEngine, nudge: Callable[[], None] | None = None) -> Office:
    """The small city's running system."""
    return Office(a_city(), db, nudge, ring=RING) if nudge else Office(a_city(), db, ring=RING)


def an_actor(*roles: str, regions: tuple[str, ...] = (CITY,), team_id: UUID | None = None) -> Actor:
    """Somebody signed in, whom the database does not know."""
    return Actor(
        id=str(new_id()),
        name="某人",
        kind="account",
        roles=roles,
        regions=regions,
        team_id=team_id,
        session_id=new_id(),
    )


ADMIN = an_actor("admin")


async def add_account(
    office: Office,
    login: str = "wang",
    *,
    roles: tuple[str, ...] = ("dispatcher",),
    regions: tuple[str, ...] = (CITY,),
    team_id: UUID | None = None,
    password: str = PASSWORD,
) -> Account:
    """An account made by the command line."""
    new = NewAccount(
        login=login, name="王某", password=password, roles=list(roles), regions=list(regions), team_id=team_id
    )
    return await accounts.create(office, new, by=SYSTEM, now=NOW)


async def sign_in(
    office: Office, login: str, password: str, device: str | None, now: datetime, *, lifetime: timedelta = LIFETIME
) -> tuple[str, Session, Actor]:
    """Token, session and actor of a sign-in by password alone."""
    claim = Claim(login=login, password=password, device=device)
    done = await signing_in.sign_in(office, claim, now, lifetime=lifetime)
    return done.token, done.session, done.me


async def add_session(office: Office, account: Account, *, expires_at: datetime) -> Actor:
    """A session without the wait for a password."""
    session_id = new_id()
    times = {"created_at": NOW, "seen_at": NOW, "expires_at": expires_at}
    async with office.db.begin() as tx:
        row = {"id": session_id, "token_hash": session_id.bytes, "account_id": account.id, **times}
        await tx.execute(insert(sessions).values(city_id=office.city_id, **row))
    return Actor(
        id=str(account.id),
        name=account.name,
        kind="account",
        roles=tuple(account.roles),
        regions=tuple(account.regions),
        team_id=account.team_id,
        session_id=session_id,
    )


async def add_team(office: Office, code: str = "t1", *, regions: tuple[str, ...] = (ZHONGSHAN, CITY)) -> UUID:
    """A team of two with a car."""
    team_id = new_id()
    row = {"id": team_id, "code": code, "name": code, "organisation": "救助站", "mode": "car", "size": 2}
    async with office.db.begin() as tx:
        place = {"base_lon": 121.64, "base_lat": 38.91}
        await tx.execute(insert(teams).values(city_id=office.city_id, regions=list(regions), **row, **place))
    return team_id


async def add_event(
    office: Office,
    kind: str = "case.accepted",
    *,
    regions: tuple[str, ...] = (ZHONGSHAN, CITY),
    teams: tuple[UUID, ...] = (),
    by: Actor = SYSTEM,
    **data: object,
) -> int:
    """One event in a transaction of its own; its number."""
    entry = log.Entry(kind=kind, actor=by, occurred_at=NOW, regions=regions, teams=teams, data=data)
    async with office.begin() as tx:
        return (await log.append(tx, office.city_id, [entry], now=NOW))[0].seq


def cheapen_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that anybody could break, in no time."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


async def events_of(office: Office) -> list[log.Event]:
    """The whole log."""
    async with office.db.connect() as tx:
        return await log.since(tx, office.city_id, 0, limit=1000)
