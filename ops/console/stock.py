"""Stock: what lies where, moved and counted."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from msgspec import Meta, field

from backend.access.actor import Actor
from backend.dispatch import stock, stock_levels
from backend.dispatch.change import Answer
from backend.dispatch.records import StockMove
from backend.dispatch.stock_levels import StockNow
from backend.office import Office
from backend.web import CommandBody, command

MOST_AT_ONCE = 100_000
MOST_DAYS = 366
Place = Annotated[str, Meta(min_length=1, max_length=80)]
Code = Annotated[str, Meta(min_length=1, max_length=40)]
Note = Annotated[str, Meta(max_length=500)]


class StockToMove(CommandBody, frozen=True, kw_only=True):
    """So much of an item. from, to: `store:<facility code>`, `team:<team id>`, supplier (from), person or written_off (to)."""

    item: Code
    amount: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE)]
    from_place: Place = field(name="from")
    to_place: Place = field(name="to")
    campaign_id: UUID | None = None
    note: Note = ""


class StockCounted(CommandBody, frozen=True, kw_only=True):
    """What is really there. place: `store:<facility code>` or `team:<team id>`."""

    place: Place
    item: Code
    amount: Annotated[int, Meta(ge=0, le=MOST_AT_ONCE)]
    note: Note = ""


class Stock(Controller):
    """物资."""

    path = "/api/stock"
    tags = ("物资 Stock",)

    @get("/", summary="物资现状 What lies where")
    async def now(
        self, by: NamedDependency[Actor], office: NamedDependency[Office], now: NamedDependency[datetime]
    ) -> StockNow:
        """各仓库、各队伍现有物资；队员只看到本队。 What stores and teams have; an officer sees the own team's."""
        async with office.db.connect() as tx:
            return await stock_levels.list_stock(tx, office, by, now)

    @get("/moves", summary="物资收发记录 Moves of stock")
    async def moves(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        place: FromQuery[Place | None] = None,
        days: Annotated[int, QueryParameter(ge=1, le=MOST_DAYS)] = 30,
    ) -> list[StockMove]:
        """近期收发、发放与盘点，新的在前。 What was lately issued, given and counted, newest first."""
        async with office.db.connect() as tx:
            return await stock_levels.list_moves(tx, office, by, since=now - timedelta(days=days), place=place)

    @post("/moves", summary="收发物资 Move stock", status_code=200)
    async def move(
        self,
        data: JSONBody[StockToMove],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """入库、发放到队、退回、报损。来源不够时不予登记，并说明现有数量。

        Take in, issue, take back, write off. Refused with what there is where the source has too little.
        """
        named = stock.Wanted.__struct_fields__
        wanted = stock.Wanted(**{name: getattr(data, name) for name in named})
        return await stock.move_stock(office, wanted, command("stock.move", None, data, by, now))

    @post("/counts", summary="盘点 Count stock", status_code=200)
    async def count(
        self,
        data: JSONBody[StockCounted],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """实有数量；与账面不符的差额另记一笔。 What is really there; what differs becomes a move of its own."""
        counted = stock.Counted(**{name: getattr(data, name) for name in stock.Counted.__struct_fields__})
        return await stock.count_stock(office, counted, command("stock.count", None, data, by, now))
