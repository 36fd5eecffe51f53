"""物资 Supplies in stores and with teams: moved and counted at a desk, given on the street. Begin at `move_stock` and `given`.

It stands beside handling, below campaigns, because every handling draws from the stock of its team in its own transaction,
campaign or none. A place is held (an advisory lock, in the order of their names) before it is read and written, so that two who
issue at once never share out the same thing twice. Reading is in `stock_levels`.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks
from backend.access.permissions import Object
from backend.dispatch import stock_rules
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.protection import Handling
from backend.dispatch.records import Case, MoveCause, StockMove
from backend.dispatch.stock_levels import held_at
from backend.dispatch.stock_rules import DIFFERENCE, OUTSIDE, PERSON, SUPPLIER, WRITTEN_OFF
from backend.dispatch.words import readable
from backend.errors import Conflict, Invalid
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.office import Office
from backend.patrol.teams import get_team


class Wanted(Struct, frozen=True, kw_only=True):
    """So much of an item from one place to another."""

    item: str
    amount: int
    from_place: str
    to_place: str
    campaign_id: UUID | None = None
    note: str | None = None


class Counted(Struct, frozen=True, kw_only=True):
    """What somebody counted at a place."""

    place: str
    item: str
    amount: int
    note: str | None = None


async def move_stock(office: Office, wanted: Wanted, command: Command) -> Answer:
    """收发 Take in, issue, take back, hand out or write off. Raises Invalid (field) for what makes no move, Conflict
    `not_enough` with what there is."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        _demand_an_item(office, wanted.item)
        _demand_a_way(wanted)
        await _demand_a_campaign(tx, office, wanted.campaign_id)
        about = [await _about(tx, office, place, name) for place, name in _ours(wanted)]
        for one in about:
            command.demand(office, "stock:write", one)
        await _hold(tx, office, [place for place, _ in _ours(wanted)])
        held = (await held_at(tx, office, wanted.from_place)).get(wanted.item, 0)
        if wanted.from_place not in OUTSIDE and held < wanted.amount:
            raise _not_enough(wanted, held)
        move = _move(wanted, "moved", command, team_id=_one_team(wanted))
        return await record(tx, office, command, _change("stock.moved", [move], about))


def _demand_an_item(office: Office, code: str) -> None:
    known = stock_rules.item_codes(office.city.policy)
    if code not in known:
        listed = "、".join(stock_rules.item(one).zh for one in known)
        zh, en = f"没有这种物资。可用：{listed}。", f"There is no such item. Known: {', '.join(known)}."
        raise Invalid(zh, en, field="item", code="no_such_item")


def _demand_a_way(wanted: Wanted) -> None:
    if wanted.from_place == wanted.to_place:
        raise Invalid("来源与去向相同。", "It would go where it comes from.", field="to", code="same_place")
    if wanted.from_place in (PERSON, WRITTEN_OFF, DIFFERENCE):
        raise Invalid("物资不能从这里来。", "Supplies do not come from there.", field="from", code="wrong_way")
    if wanted.to_place in (SUPPLIER, DIFFERENCE) or {wanted.from_place, wanted.to_place} <= OUTSIDE.keys():
        raise Invalid("物资不能到这里去。", "Supplies do not go there.", field="to", code="wrong_way")


async def _demand_a_campaign(tx: AsyncConnection, office: Office, campaign_id: UUID | None) -> None:
    c = db.campaigns.c
    known = select(c.id).where(c.city_id == office.city_id, c.id == campaign_id)
    if campaign_id is not None and (await tx.execute(known)).first() is None:
        raise Invalid("没有这次专项行动。", "There is no such campaign.", field="campaign_id", code="no_such_campaign")


def _ours(wanted: Wanted) -> list[tuple[str, str]]:
    """The places of ours that it touches, with the field that names each."""
    named = ((wanted.from_place, "from"), (wanted.to_place, "to"))
    return [(place, name) for place, name in named if place not in OUTSIDE]


def _one_team(wanted: Wanted) -> UUID | None:
    """Whose hands it concerns: who gives it, else who receives it."""
    return stock_rules.team_of(wanted.from_place) or stock_rules.team_of(wanted.to_place)


def _not_enough(wanted: Wanted, held: int) -> Conflict:
    named = stock_rules.item(wanted.item)
    return Conflict(
        f"{named.zh}只有 {held} 件，不够 {wanted.amount} 件；数目不符请先盘点。",
        f"There are {held} of {named.en}, not {wanted.amount}: where that is wrong, count first.",
        code="not_enough",
        field="amount",
        held=held,
    )


async def count_stock(office: Office, counted: Counted, command: Command) -> Answer:
    """盘点 What is really there; a difference becomes a move of its own, so that the book says what the shelf does. Raises
    Invalid (field)."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        _demand_an_item(office, counted.item)
        if counted.place in OUTSIDE:
            raise Invalid("只有仓库和队伍可以盘点。", "Only a store or a team can be counted.", field="place")
        about = await _about(tx, office, counted.place, "place")
        command.demand(office, "stock:write", about)
        await _hold(tx, office, [counted.place])
        held = (await held_at(tx, office, counted.place)).get(counted.item, 0)
        facts = {"place": counted.place, "item": counted.item, "counted": counted.amount, "held": held}
        found = _found(counted, held, command)
        return await record(tx, office, command, _change("stock.counted", found, [about], facts))


async def lay_in(office: Office, listed: Sequence[Wanted], command: Command) -> int:
    """What a city begins with, from outside, in one step; nothing where anything was ever moved. Returns how many moves."""
    async with office.begin() as tx:
        await _hold(tx, office, sorted({one.to_place for one in listed}))
        if (await tx.execute(select(db.stock_moves.c.id).where(db.stock_moves.c.city_id == office.city_id))).first():
            return 0
        changes = []
        for place in dict.fromkeys(one.to_place for one in listed):
            about = await _about(tx, office, place, "to")
            command.demand(office, "stock:write", about)
            there = [one for one in listed if one.to_place == place]
            moves = [_move(one, "moved", command, team_id=_one_team(one)) for one in there]
            changes.append(_change("stock.moved", moves, [about]))
        if changes:
            await record(tx, office, command, *changes)
    return len(listed)


def _found(counted: Counted, held: int, command: Command) -> list[StockMove]:
    if counted.amount == held:
        return []
    more = counted.amount > held
    wanted = Wanted(
        item=counted.item,
        amount=abs(counted.amount - held),
        from_place=DIFFERENCE if more else counted.place,
        to_place=counted.place if more else DIFFERENCE,
        note=counted.note,
    )
    return [_move(wanted, "counted", command, team_id=stock_rules.team_of(counted.place))]


async def given(
    tx: AsyncConnection, office: Office, case: Case, handling: Handling, team_id: UUID, command: Command
) -> list[Change]:
    """What a handling draws from its team's stock: one of each item for each person met, in the handling's own transaction.

    Never refused: what the book does not have was given all the same, and stands as a difference. Supplies that no list has
    are somebody's words, and no stock.
    """
    known = stock_rules.item_codes(office.city.policy)
    items = [code for code in dict.fromkeys(handling.supplies) if code in known]
    if not items:
        return []
    place, people = stock_rules.team(team_id), max(1, len(handling.people))
    await _hold(tx, office, [place])
    held = await held_at(tx, office, place)
    about = await _about(tx, office, place, "team")
    moves = [
        _move(
            Wanted(
                item=code, amount=part.amount, from_place=part.from_place, to_place=PERSON, campaign_id=case.campaign_id
            ),
            "given",
            command,
            team_id=team_id,
            case_id=case.id,
        )
        for code in items
        for part in stock_rules.parts(place, people, held.get(code, 0))
    ]
    return [_change("stock.moved", moves, [about])]


def _move(
    wanted: Wanted, cause: MoveCause, command: Command, *, team_id: UUID | None, case_id: UUID | None = None
) -> StockMove:
    return StockMove(
        id=new_id(),
        at=command.at,
        cause=cause,
        by=command.by.id,
        team_id=team_id,
        case_id=case_id,
        **{**msgspec.structs.asdict(wanted), "note": readable(wanted.note) or None},
    )


def _change(
    kind: str, moves: Iterable[StockMove], about: Sequence[Object], facts: dict[str, Any] | None = None
) -> Change:
    """Whoever answers for one of the places, or rides with one of the teams, is told."""
    return Change(
        kind=kind,
        rows=[(None, move) for move in moves],
        facts=facts or {},
        regions=list(dict.fromkeys(code for one in about for code in one.regions)),
        teams=list(dict.fromkeys(team for one in about for team in one.teams)),
    )


async def _about(tx: AsyncConnection, office: Office, place: str, field: str) -> Object:
    """What permissions ask of a place of ours. Raises Invalid `no_such_place`; a hidden facility keeps no stock here, since
    the log would say that it is there."""
    if (team_id := stock_rules.team_of(place)) is not None:
        team = await get_team(tx, office, team_id)
        return Object(regions=office.city.lineage(team.regions), teams=[team_id])
    f = db.facilities.c
    query = select(f.lon, f.lat).where(f.city_id == office.city_id, f.code == stock_rules.code_of_store(place))
    row = (await tx.execute(query.where(f.hidden.is_(False)))).first()
    if row is None:
        zh = "没有这个地方。仓库写 store:机构编号，队伍写 team:队伍标识。"
        en = "There is no such place: a store is store:<code of a facility>, a team team:<its id>."
        raise Invalid(zh, en, field=field, code="no_such_place")
    return Object(regions=office.city.regions_of(LonLat(row.lon, row.lat)))


async def _hold(tx: AsyncConnection, office: Office, places: Iterable[str]) -> None:
    """Until the commit, in one order for everybody, so that no two can wait for each other."""
    for place in sorted(places):
        await locks.hold(tx, f"stock:{office.city_id}:{place}")
