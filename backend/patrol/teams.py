"""Teams: what they are, written and read. Their presence is in `duty`, their place in `positions`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import presence, teams
from backend.errors import NotFound
from backend.ids import new_id
from backend.office import Office
from backend.patrol.records import Team

_COLUMNS = [teams.c[name] for name in Team.__struct_fields__]


async def put_teams(tx: AsyncConnection, office: Office, listed: Sequence[Team], now: datetime) -> None:
    """Write teams; one that is there under the same code is brought up to date and keeps its id."""
    for team in listed:
        values = {"city_id": office.city_id, **msgspec.structs.asdict(team)}
        fresh = {k: v for k, v in values.items() if k not in ("city_id", "id", "code")}
        written = insert(teams).values(**values).on_conflict_do_update(index_elements=["city_id", "code"], set_=fresh)
        team_id = (await tx.execute(written.returning(teams.c.id))).scalar_one()
        absent = insert(presence).values(city_id=office.city_id, team_id=team_id, state="off_duty", state_since=now)
        await tx.execute(absent.on_conflict_do_nothing())


async def get_team(tx: AsyncConnection, office: Office, team_id: UUID) -> Team:
    """The team. Raises NotFound."""
    query = select(*_COLUMNS).where(teams.c.city_id == office.city_id, teams.c.id == team_id)
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound("没有这支巡查队。", "There is no such team.")
    return Team(**row._mapping)


async def list_teams(tx: AsyncConnection, office: Office) -> list[Team]:
    """All active teams, by code."""
    query = select(*_COLUMNS).where(teams.c.city_id == office.city_id, teams.c.active).order_by(teams.c.code)
    return [Team(**row._mapping) for row in await tx.execute(query)]


def new_team(**values: object) -> Team:
    """A team with a fresh id, from named values (see Team)."""
    return msgspec.convert({"id": new_id(), **values}, Team)
