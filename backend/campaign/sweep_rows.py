"""The rows of a sweep in the database: held, read, and written together with the events that tell of them.

Whoever changes a sweep takes `hold` first, reads a `Book` of it, puts changed rows in, and ends with `record`: rows and events are
made of the same values, so that the log gives the tables. One lock for all sweeps of a city: they share teams and tracks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Select, Table, and_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks, log
from backend.access.actor import Actor
from backend.bulk import add_rows
from backend.campaign.records import Campaign
from backend.campaign.sweep_records import Look, Pass, Sweep, SweepCell, Tour
from backend.office import Office
from backend.personal import columns, fields_of, opened, sealed

Row = SweepCell | Look | Tour | Pass
TABLES: Final[dict[type[Row], Table]] = {
    SweepCell: db.sweep_cells,
    Look: db.sweep_looks,
    Tour: db.sweep_tours,
    Pass: db.sweep_passes,
}
KINDS = {
    "laid_out": "sweep.laid_out",
    "dropped": "sweep.dropped",
    "looked": "sweep.looked",
    "leased": "sweep.leased",
    "left": "sweep.left",
    "due": "sweep.due",
    "ended": "sweep.ended",
    "planned": "sweep.planned",
    "passed": "sweep.passed",
}
"""What happened → the event that tells it."""
_KEYS: Final = {kind: tuple(c.name for c in table.primary_key if c.name != "city_id") for kind, table in TABLES.items()}
_SEALED: Final = {kind: frozenset(one.name for one in fields_of(table)) for kind, table in TABLES.items()}


async def hold(tx: AsyncConnection, office: Office) -> None:
    """Keep others from changing the city's sweeps until the commit."""
    await locks.hold(tx, f"sweep:{office.city_id}")


async def try_to_hold(tx: AsyncConnection, office: Office) -> bool:
    """The same without waiting. False when somebody else has it."""
    return await locks.try_to_hold(tx, f"sweep:{office.city_id}")


def select_rows(kind: type[Row], office: Office, *conditions: Any) -> Select[Any]:
    """SELECT the fields of a record in this city, where all conditions hold."""
    table = TABLES[kind]
    return select(*columns(table, kind.__struct_fields__)).where(table.c.city_id == office.city_id, *conditions)


async def fetch[R: Row](tx: AsyncConnection, office: Office, kind: type[R], *conditions: Any) -> list[R]:
    """The rows as records, what is sealed opened."""
    table = TABLES[kind]  # type: ignore[index]  # a record's type is one of them
    found = await tx.execute(select_rows(kind, office, *conditions))  # type: ignore[arg-type]
    return [kind(**opened(office.ring, table, row._mapping)) for row in found]


async def cells_of(tx: AsyncConnection, office: Office, campaign_id: UUID) -> dict[str, SweepCell]:
    """The cells of a campaign by their names."""
    found = await fetch(tx, office, SweepCell, db.sweep_cells.c.campaign_id == campaign_id)
    return {cell.cell: cell for cell in sorted(found, key=lambda cell: cell.cell)}


async def current_tours(tx: AsyncConnection, office: Office, campaign_id: UUID | None = None) -> list[Tour]:
    """The tours that teams are on, of one campaign or of all."""
    t = db.sweep_tours.c
    mine = [] if campaign_id is None else [t.campaign_id == campaign_id]
    found = await fetch(tx, office, Tour, t.state == "current", *mine)
    return sorted(found, key=lambda tour: str(tour.team_id))


async def looks_of(tx: AsyncConnection, office: Office, campaign_id: UUID, cells: Iterable[str]) -> list[Look]:
    """All looks into these cells."""
    k = db.sweep_looks.c
    return await fetch(tx, office, Look, k.campaign_id == campaign_id, k.cell.in_(list(cells)))


async def passes_of(tx: AsyncConnection, office: Office, campaign_id: UUID) -> list[Pass]:
    """All that teams said of cells that cannot be reached."""
    return await fetch(tx, office, Pass, db.sweep_passes.c.campaign_id == campaign_id)


async def sweep_of(tx: AsyncConnection, office: Office, campaign_id: UUID) -> Sweep:
    """How far the machine is with it; a fresh one when it has not begun."""
    s = db.sweeps.c
    fields = [s[name] for name in Sweep.__struct_fields__]
    query = select(*fields).where(s.city_id == office.city_id, s.campaign_id == campaign_id)
    row = (await tx.execute(query)).first()
    return Sweep(**row._mapping) if row else Sweep(campaign_id=campaign_id)


async def put_sweep(tx: AsyncConnection, office: Office, sweep: Sweep) -> None:
    """Write how far the machine is."""
    values = msgspec.structs.asdict(sweep)
    fresh = {name: value for name, value in values.items() if name != "campaign_id"}
    row = upsert(db.sweeps).values(city_id=office.city_id, **values)
    await tx.execute(row.on_conflict_do_update(index_elements=["city_id", "campaign_id"], set_=fresh))


@dataclass
class Book:
    """One campaign's sweep as it is read, and as it becomes within a transaction. `put` says what changed and what that is called."""

    campaign: Campaign
    cells: dict[str, SweepCell]
    tours: dict[UUID, Tour]
    steps: dict[str, list[tuple[Row | None, Row]]] = field(default_factory=dict)
    changes: list[tuple[Row | None, Row]] = field(default_factory=list)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def put(self, what: str, after: Row, before: Row | None = None, **facts: Any) -> None:
        """A row as it is from now on. before: of a look that was there; of cells and tours the book knows."""
        if isinstance(after, SweepCell):
            before, self.cells[after.cell] = self.cells.get(after.cell), after
        elif isinstance(after, Tour):
            before, self.tours[after.id] = self.tours.get(after.id), after
        if after != before:
            self.steps.setdefault(what, []).append((before, after))
            self.changes.append((before, after))
        self.facts.setdefault(what, {}).update(facts)

    @property
    def has_changed(self) -> bool:
        return bool(self.steps)

    def current(self) -> list[Tour]:
        """The tours that teams are on now."""
        return [tour for tour in self.tours.values() if tour.state == "current"]

    def tour_of(self, team_id: UUID) -> Tour | None:
        return next((tour for tour in self.current() if tour.team_id == team_id), None)


async def open_book(tx: AsyncConnection, office: Office, campaign: Campaign) -> Book:
    """The sweep of a campaign as it stands, to be changed; under `hold`."""
    tours = await current_tours(tx, office, campaign.id)
    return Book(campaign, await cells_of(tx, office, campaign.id), {tour.id: tour for tour in tours})


async def record(
    tx: AsyncConnection,
    office: Office,
    book: Book,
    *,
    by: Actor,
    now: datetime,
    at: datetime | None = None,
    command_id: UUID | None = None,
) -> int:
    """Write what the book says has changed, rows first, then one event per kind of change, in the order in which they came about.

    Returns the log's number, 0 for none.
    """
    if not book.steps:
        return 0
    await _write(tx, office, book.changes)
    regions = office.city.concerned(book.campaign.regions)
    entries = [
        log.Entry(
            kind=KINDS[what],
            actor=by,
            occurred_at=at or now,
            command_id=command_id,
            data={"campaign_id": book.campaign.id, "rows": _told(steps), **book.facts.get(what, {})},
            regions=regions,
            teams=sorted({team for _, row in steps if (team := row.team_id) is not None} | _left(steps)),
        )
        for what, steps in book.steps.items()
    ]
    return (await log.append(tx, office.city_id, entries, now=now))[-1].seq


def _left(steps: Sequence[tuple[Row | None, Row]]) -> set[UUID]:
    """The teams that were there before."""
    return {before.team_id for before, _ in steps if before is not None and before.team_id is not None}


def _told(steps: Sequence[tuple[Row | None, Row]]) -> dict[str, list[dict[str, Any]]]:
    """Per table the keys and what changed, each row once, without what is sealed."""
    told: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for before, after in steps:
        kept = {n: v for n, v in _difference(before, after).items() if n not in _SEALED[type(after)]}
        named = {name: getattr(after, name) for name in _KEYS[type(after)]}
        table = told.setdefault(TABLES[type(after)].name, {})
        table.setdefault(tuple(named.values()), named).update(kept)
    return {name: list(rows.values()) for name, rows in told.items()}


def _difference(before: Row | None, after: Row) -> dict[str, Any]:
    values = msgspec.structs.asdict(after)
    return values if before is None else {n: v for n, v in values.items() if getattr(before, n) != v}


async def _write(tx: AsyncConnection, office: Office, steps: Sequence[tuple[Row | None, Row]]) -> None:
    """Each row as it is in the end, once: what is given up goes before what is taken, then what is new."""
    final: dict[tuple[type[Row], tuple[Any, ...]], tuple[Row | None, Row]] = {}
    for before, after in steps:
        key = (type(after), tuple(getattr(after, name) for name in _KEYS[type(after)]))
        final[key] = (final[key][0] if key in final else before, after)
    held = [(before, after) for before, after in final.values() if before is not None]
    for before, after in sorted(held, key=lambda pair: _takes(pair[1])):
        await _update(tx, office, before, after)
    for kind, table in TABLES.items():
        fresh = [after for before, after in final.values() if before is None and type(after) is kind]
        await add_rows(tx, table, [_new(office, table, row) for row in fresh])


def _takes(row: Row) -> bool:
    return getattr(row, "state", None) in ("leased", "current")


async def _update(tx: AsyncConnection, office: Office, before: Row, after: Row) -> None:
    changed = _difference(before, after)
    if changed:
        table = TABLES[type(after)]
        key = and_(*(table.c[name] == getattr(after, name) for name in _KEYS[type(after)]))
        values = sealed(office.ring, table, changed, key=getattr(after, "id", None))
        await tx.execute(update(table).where(table.c.city_id == office.city_id, key).values(**values))


def _new(office: Office, table: Table, row: Row) -> dict[str, Any]:
    values: Mapping[str, Any] = {"city_id": office.city_id, **msgspec.structs.asdict(row)}
    return sealed(office.ring, table, values)
