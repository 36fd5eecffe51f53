"""Teams written by hand: a new one, or another name, crew, skills, regions, base or mode. Screens hear the whole row."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import and_, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.access.actor import Actor
from backend.access.once import Once, first_answer, keep_answer
from backend.access.permissions import Object, allowed, demand
from backend.db import presence, teams
from backend.errors import Conflict, Invalid
from backend.geo.place import Crs, locate
from backend.office import Office
from backend.patrol import duty
from backend.patrol.records import Team
from backend.patrol.teams import get_team, new_team

Organisation = Literal["police", "city_management", "social_work", "station"]
Mode = Literal["car", "ebike", "foot"]
ShiftPattern = Literal["24h", "day", "night"]
Name = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\S")]
Code = Annotated[str, Meta(min_length=1, max_length=20, pattern=r"^[\w-]+$")]
Size = Annotated[int, Meta(ge=1, le=99)]
Mobilisation = Annotated[float, Meta(ge=0, le=7200)]
SHOWN: Final = ("id", "code", "name", "organisation", "mode", "skills", "size", "women", "regions", "active")
"""What of a team screens know (backend.dispatch.board.TeamShown); the rest is for whoever edits it."""


class NewTeam(Struct, frozen=True, kw_only=True):
    """What a team is made from. base_lon, base_lat: WGS-84 degrees; mobilisation_s: seconds until it drives."""

    code: Code
    name: Name
    organisation: Organisation
    mode: Mode
    size: Size
    regions: list[str]
    base_lon: float
    base_lat: float
    skills: list[str] = []
    women: bool = False
    mobilisation_s: Mobilisation = 60.0
    shift_pattern: ShiftPattern = "24h"


class TeamChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be different; what is left out stays. active: false takes the team out of use."""

    name: Name | UnsetType = UNSET
    organisation: Organisation | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET
    size: Size | UnsetType = UNSET
    regions: list[str] | UnsetType = UNSET
    base_lon: float | UnsetType = UNSET
    base_lat: float | UnsetType = UNSET
    skills: list[str] | UnsetType = UNSET
    women: bool | UnsetType = UNSET
    mobilisation_s: Mobilisation | UnsetType = UNSET
    shift_pattern: ShiftPattern | UnsetType = UNSET
    active: bool | UnsetType = UNSET


async def add_team(office: Office, wanted: NewTeam, *, by: Actor, now: datetime, command: Once) -> Team:
    """A new team, off duty. Raises Invalid (field), Conflict `code_taken`, NotAllowed, NotFound (regions beyond one's own)."""
    values = {name: getattr(wanted, name) for name in NewTeam.__struct_fields__}
    team = _checked(office, new_team(**values))
    _demand(office, by, team)
    try:
        async with office.begin() as tx:
            if (first := await first_answer(tx, office, command)) is not None:
                return msgspec.convert(first, Team)
            await tx.execute(insert(teams).values(city_id=office.city_id, **msgspec.structs.asdict(team)))
            absent = {"team_id": team.id, "state": "off_duty", "state_since": now}
            await tx.execute(insert(presence).values(city_id=office.city_id, **absent))
            nowhere = dict.fromkeys(("lon", "lat", "fix_at", "heading_deg"))
            await keep_answer(tx, office, command, team)
            await _tell(tx, office, None, team, by, now, nowhere)
    except IntegrityError as fault:
        if "code" not in str(fault.orig):
            raise
        zh, en = f"队伍编号 {team.code} 已被使用。", f"The code {team.code} is taken."
        raise Conflict(zh, en, code="code_taken", field="code") from fault
    return team


async def change_team(
    office: Office, team_id: UUID, wanted: TeamChange, *, by: Actor, now: datetime, command: Once
) -> Team:
    """Raises NotFound, NotAllowed, Invalid (field), Conflict `on_duty` where it is taken out of use while it works."""
    fresh = {n: v for n in TeamChange.__struct_fields__ if (v := getattr(wanted, n)) is not UNSET}
    async with office.begin() as tx:
        if (first := await first_answer(tx, office, command)) is not None:
            return msgspec.convert(first, Team)
        await duty.hold(tx, office, team_id)
        before = await get_team(tx, office, team_id)
        _demand(office, by, before, any_region=True)
        after = _checked(office, msgspec.structs.replace(before, **fresh))
        _demand(office, by, after, beyond=before.regions)
        if before.active and not after.active:
            await _refuse_while_on_duty(tx, office, team_id)
        await keep_answer(tx, office, command, after)
        if after != before:
            mine = and_(teams.c.city_id == office.city_id, teams.c.id == team_id)
            await tx.execute(update(teams).where(mine).values({name: getattr(after, name) for name in fresh}))
            await _tell(tx, office, before, after, by, now)
    return after


def _demand(
    office: Office, by: Actor, team: Team, *, any_region: bool = False, beyond: list[str] | None = None
) -> None:
    """Whoever writes a team answers for its regions: all it gets, one of those it has."""
    if any_region:
        what = Object(regions=office.city.lineage(team.regions), teams=[team.id])
        demand(office.city.policy.roles, by, "team:write", what)
        return
    for region in set(team.regions) - set(beyond or ()):
        demand(office.city.policy.roles, by, "team:write", Object(regions=office.city.lineage([region])))


def _checked(office: Office, team: Team) -> Team:
    known = office.city.policy.skills
    if strange := sorted(set(team.skills) - known.keys()):
        zh, en = f"没有技能 {'、'.join(strange)}。", f"There is no skill {', '.join(strange)}."
        raise Invalid(zh, en, field="skills", hint="、".join(known))
    if not team.regions:
        raise Invalid("请至少选择一个辖区。", "Choose at least one region.", field="regions")
    city = office.city
    if strange := [code for code in team.regions if code not in city.regions and code != city.id]:
        raise Invalid(f"没有辖区 {'、'.join(strange)}。", f"There is no region {', '.join(strange)}.", field="regions")
    if not locate(team.base_lon, team.base_lat, Crs.WGS84, city.area).in_area:
        raise Invalid("驻地不在本市范围内。", "The base lies outside the city.", field="base_lon")
    return msgspec.structs.replace(team, skills=sorted(set(team.skills)), regions=list(dict.fromkeys(team.regions)))


async def _refuse_while_on_duty(tx: AsyncConnection, office: Office, team_id: UUID) -> None:
    if (await duty.get_presence(tx, office, team_id, lock=True)).state != "off_duty":
        raise Conflict("队伍在岗，请先下岗再停用。", "The team is on duty: take it off first.", code="on_duty")


async def _tell(
    tx: AsyncConnection,
    office: Office,
    before: Team | None,
    after: Team,
    by: Actor,
    now: datetime,
    also: dict[str, Any] | None = None,
) -> None:
    """The team as screens show it; where it is they know from its positions."""
    held = await duty.get_presence(tx, office, after.id)
    row = {name: getattr(after, name) for name in SHOWN}
    row |= {"state": held.state, "state_since": held.state_since, "shift_ends_at": held.shift_ends_at, **(also or {})}
    changed = sorted(n for n in Team.__struct_fields__ if before is None or getattr(before, n) != getattr(after, n))
    entry = log.Entry(
        kind="team.changed",
        actor=by,
        occurred_at=now,
        data={"rows": {"teams": [row]}, "changed": changed, "is_new": before is None},
        regions=office.city.lineage([*after.regions, *(before.regions if before else ())]),
        teams=[after.id],
    )
    await log.append(tx, office.city_id, [entry], now=now)


async def list_all(tx: AsyncConnection, office: Office, by: Actor) -> list[Team]:
    """Every team that the actor may write, also those out of use, by code. Raises NotAllowed."""
    demand(office.city.policy.roles, by, "team:write")
    query = select(*(teams.c[name] for name in Team.__struct_fields__)).where(teams.c.city_id == office.city_id)
    found = [Team(**row._mapping) for row in await tx.execute(query.order_by(teams.c.code))]
    return [team for team in found if _may_write(office, by, team)]


def _may_write(office: Office, by: Actor, team: Team) -> bool:
    what = Object(regions=office.city.lineage(team.regions), teams=[team.id])
    return allowed(office.city.policy.roles, by, "team:write", what)
