"""What lies where, and what was moved lately, as far as the one who asks may see. Begin at `list_stock`."""

from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, literal_column, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed, demand
from backend.dispatch import find, stock_rules
from backend.dispatch.records import StockMove
from backend.dispatch.stock_rules import DIFFERENCE, SupplyItem
from backend.geo.place import LonLat
from backend.office import Office
from backend.patrol.teams import list_teams

ACTION: Final = "stock:read"
STORES: Final = ("station", "rescue_point", "temporary_point")
"""Kinds of facilities that are shown as stores before anything lay there."""
DIFFERENCES: Final = timedelta(days=30)
MOST: Final = 300


class PlaceStock(Struct, frozen=True, kw_only=True):
    """What one place has. held: item → how many; an item that is not there has no line."""

    place: str
    kind: Literal["store", "team"]
    code: str
    name: str
    held: dict[str, int]


class Short(Struct, frozen=True, kw_only=True):
    """What a team gave in the last 30 days that its book did not have."""

    team_id: UUID
    item: str
    amount: int


class StockNow(Struct, frozen=True, kw_only=True):
    """The stock as it is. items: all that can be moved, in the policy's order."""

    now: datetime
    items: list[SupplyItem]
    places: list[PlaceStock]
    short: list[Short]


async def held_at(tx: AsyncConnection, office: Office, place: str) -> dict[str, int]:
    """SupplyItem → how many lie at a place. Ask it with the place held when something is to go from there."""
    return {row.item: int(row.n) for row in await tx.execute(_sums(office, place))}


def _sums(office: Office, place: str | None = None) -> Any:
    """place, item and what came in less what went out, where anything is left."""
    m = db.stock_moves.c
    sides = []
    for end, sign in ((m.to_place, 1), (m.from_place, -1)):
        side = select(end.label("place"), m.item, (m.amount * sign).label("n")).where(m.city_id == office.city_id)
        sides.append(side.where(end == place) if place else side.where(end.not_in(stock_rules.OUTSIDE)))
    both = union_all(*sides).subquery()
    total = func.sum(both.c.n)
    query = select(both.c.place, both.c.item, total.label("n")).group_by(both.c.place, both.c.item)
    return query.having(total != literal_column("0")).order_by(both.c.place, both.c.item)


async def list_stock(tx: AsyncConnection, office: Office, by: Actor, now: datetime) -> StockNow:
    """Stores and teams that the actor may see, with what they have. Raises NotAllowed."""
    demand(office.city.policy.roles, by, ACTION)
    held: dict[str, dict[str, int]] = {}
    for row in await tx.execute(_sums(office)):
        held.setdefault(row.place, {})[row.item] = int(row.n)
    places = [*await _stores(tx, office, by, held), *await _teams(tx, office, by, held)]
    teams = [team for one in places if (team := stock_rules.team_of(one.place)) is not None]
    items = [stock_rules.item(code) for code in stock_rules.item_codes(office.city.policy)]
    return StockNow(now=now, items=items, places=places, short=await _short(tx, office, teams, now))


async def _stores(tx: AsyncConnection, office: Office, by: Actor, held: dict[str, dict[str, int]]) -> list[PlaceStock]:
    f = db.facilities.c
    query = select(f.code, f.name, f.kind, f.lon, f.lat).where(f.city_id == office.city_id, f.hidden.is_(False))
    return [
        PlaceStock(place=place, kind="store", code=row.code, name=row.name, held=held.get(place, {}))
        for row in await tx.execute(query.order_by(f.code))
        if (place := stock_rules.store(row.code)) in held or row.kind in STORES
        if _may(office, by, Object(regions=office.city.regions_of(LonLat(row.lon, row.lat))))
    ]


async def _teams(tx: AsyncConnection, office: Office, by: Actor, held: dict[str, dict[str, int]]) -> list[PlaceStock]:
    return [
        PlaceStock(place=place, kind="team", code=team.code, name=team.name, held=held.get(place, {}))
        for team in await list_teams(tx, office)
        if (place := stock_rules.team(team.id)) and _may(office, by, _of_team(office, team.id, team.regions))
    ]


def _of_team(office: Office, team_id: UUID, regions: list[str]) -> Object:
    return Object(regions=office.city.lineage(regions), teams=[team_id])


def _may(office: Office, by: Actor, what: Object) -> bool:
    return allowed(office.city.policy.roles, by, ACTION, what)


async def _short(tx: AsyncConnection, office: Office, teams: list[UUID], now: datetime) -> list[Short]:
    m = db.stock_moves.c
    query = (
        select(m.team_id, m.item, func.sum(m.amount).label("amount"))
        .where(m.city_id == office.city_id, m.from_place == DIFFERENCE, m.cause == "given")
        .where(m.team_id.in_(teams), m.at > now - DIFFERENCES)
        .group_by(m.team_id, m.item)
        .order_by(m.team_id, m.item)
    )
    return [Short(team_id=row.team_id, item=row.item, amount=int(row.amount)) for row in await tx.execute(query)]


async def list_moves(
    tx: AsyncConnection, office: Office, by: Actor, *, since: datetime, place: str | None = None
) -> list[StockMove]:
    """What was moved since then at a place the actor may see, newest first, 300 at most. Raises NotAllowed."""
    seen = {one.place for one in (await list_stock(tx, office, by, since)).places}
    m = db.stock_moves.c
    mine = seen if place is None else seen & {place}
    teams = [team for one in mine if (team := stock_rules.team_of(one)) is not None]
    touches = or_(m.from_place.in_(mine), m.to_place.in_(mine), m.team_id.in_(teams))
    query = find.rows_of(StockMove, office, touches, m.at >= since).order_by(m.at.desc(), m.id.desc()).limit(MOST)
    return await find.fetch(tx, office, StockMove, query)
