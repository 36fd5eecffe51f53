"""How a verb writes: rows before and after become table rows and one event, in one stroke.

Because the event is made of the very rows that are written, replaying the log gives the tables (backend.dispatch.replay).
Begin at `record`. A `Command` says who does what, when, and under which id it may be sent twice (I8).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import Table, and_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import log
from backend.access.actor import Actor
from backend.access.once import Once, first_answer, keep_answer
from backend.access.permissions import Object, demand
from backend.bulk import add_rows
from backend.dispatch.lifecycle import Stage
from backend.dispatch.move import demand_recent
from backend.dispatch.notices import enqueue_notices
from backend.dispatch.records import Approval, Case, ClockRow, DistressCall, Incident, Offer, Referral, Revisit, Row
from backend.dispatch.tables import NOT_IN_LOG, TABLES, key_of
from backend.dispatch.words import Words
from backend.dispatch.words import keep as keep_words
from backend.office import Office
from backend.personal import fields_of, sealed


class Command(Struct, frozen=True, kw_only=True):
    """Who does what. now: when the server does it. at: when it happened (offline, earlier). id: the client's own.

    phone_off_s: by how much the phone's clock was wrong, where that is worth telling; `at` is put right already.
    """

    name: str
    by: Actor
    now: datetime
    at: datetime
    id: UUID | None = None
    args: Any = None
    phone_off_s: int | None = None

    def demand(self, office: Office, action: str, what: Object | None = None) -> None:
        """Raise unless the one who acts may do `action` on `what` (backend.access.permissions)."""
        demand(office.city.policy.roles, self.by, action, what)

    def once(self) -> Once:
        """What makes it the same command when it comes again."""
        return Once(id=self.id, name=self.name, by=self.by, now=self.now, wants=self.args)


class Answer(Struct, frozen=True, kw_only=True):
    """What a command led to. seq is the log's number: a screen that has it has seen the change."""

    seq: int
    case_id: UUID | None = None
    number: int | None = None
    stage: Stage | None = None
    version: int | None = None
    offer_id: UUID | None = None
    approval_id: UUID | None = None
    revisit_due_at: datetime | None = None
    distress_id: UUID | None = None
    referral_id: UUID | None = None
    incident_id: UUID | None = None
    warnings: list[dict[str, Any]] = []


class Change(Struct, frozen=True, kw_only=True):
    """One event to be: its kind, the rows (before, after), facts for people, and whom it concerns beyond the case.

    facts: codes and numbers only, the log keeps them for ever. words: what somebody wrote, kept apart. facilities: whose staff
    it concerns. case_id: the case that it is about without changing it.
    """

    kind: str
    rows: Sequence[tuple[Row | None, Row]] = ()
    facts: dict[str, Any] = {}
    regions: Sequence[str] = ()
    teams: Sequence[UUID] = ()
    words: Words | None = None
    facilities: Sequence[UUID] = ()
    case_id: UUID | None = None

    def case(self) -> Case | None:
        """The case it changes, as it is afterwards."""
        return next((after for _, after in self.rows if isinstance(after, Case)), None)


async def earlier_answer(tx: AsyncConnection, office: Office, command: Command) -> Answer | None:
    """The first answer to this command's id, or None when it is new, which is then claimed until the commit.

    Raises Conflict `command_id_reused` when the id stood for something else or came from somebody else, and Invalid
    `too_long_ago` for what is new to us and old: what was done already is answered however late it comes again.
    """
    first = await first_answer(tx, office, command.once())
    if first is not None:
        return msgspec.convert(first, Answer)
    demand_recent(command.at, command.now)
    return None


async def record(tx: AsyncConnection, office: Office, command: Command, *changes: Change) -> Answer:
    """Write the rows, then the events, then the command's answer. The last thing in a verb's transaction."""
    await write_rows(tx, office, changes)
    entries = [entry(change, command) for change in changes]
    written = await log.append(tx, office.city_id, entries, now=command.now)
    said = [(e, c.words) for e, c in zip(written, changes, strict=True) if c.words is not None]
    await keep_words(tx, office, said)
    await enqueue_notices(tx, office, command, changes)
    answer = _answer(written[-1].seq, changes)
    await keep_answer(tx, office, command.once(), answer)
    return answer


async def write_rows(tx: AsyncConnection, office: Office, changes: Sequence[Change]) -> None:
    """The rows of all changes as they are in the end, each written once; what exists first, then what is new.

    An offer that is taken back must be gone before the next one is held out; a new case must stand before its links.
    """
    final: dict[tuple[type[Row], Any], tuple[Row | None, Row]] = {}
    for change in changes:
        for before, after in change.rows:
            key = (type(after), tuple(getattr(after, k) for k in key_of(after)))
            first = final[key][0] if key in final else before
            final[key] = (first, after)
    for before, after in final.values():
        if before is not None:
            await _update(tx, office, before, after)
    for kind, table in TABLES.items():
        fresh = [after for before, after in final.values() if before is None and type(after) is kind]
        if fresh:
            await add_rows(tx, table, [_new_row(office, table, row) for row in fresh])


def _new_row(office: Office, table: Table, row: Row) -> dict[str, Any]:
    values = {"city_id": office.city_id, **msgspec.structs.asdict(row)}
    return sealed(office.ring, table, values) if fields_of(table) else values


def _answer(seq: int, changes: Sequence[Change]) -> Answer:
    first = next((c for change in changes if (c := change.case())), None)
    case = next((c for change in reversed(changes) if (c := change.case()) and first and c.id == first.id), None)
    rows = [after for change in changes for _, after in change.rows]
    offer = next((row for row in rows if isinstance(row, Offer)), None)
    return Answer(
        seq=seq,
        case_id=case.id if case else None,
        number=case.number if case else None,
        stage=case.stage if case else None,
        version=case.version if case else None,
        offer_id=offer.id if offer else None,
        approval_id=next((row.id for row in rows if isinstance(row, Approval)), None),
        revisit_due_at=next((row.due_at for row in rows if isinstance(row, Revisit) and row.state == "due"), None),
        referral_id=next((row.id for row in rows if isinstance(row, Referral)), None),
        incident_id=next((row.id for row in rows if isinstance(row, Incident)), None),
        distress_id=next((row.id for row in rows if isinstance(row, DistressCall)), None),
        warnings=[w for change in changes for w in change.facts.get("warnings", ())],
    )


def entry(change: Change, command: Command) -> log.Entry:
    """The change as the log will have it: whom it concerns is decided here, where it is born (I10)."""
    case = change.case()
    before = next((b for b, a in change.rows if isinstance(a, Case) and isinstance(b, Case)), None)
    teams = {*change.teams, *(case.teams() if case else ()), *(before.teams() if before else ())}
    teams |= {after.team_id for _, after in change.rows if isinstance(after, Offer)}
    clock = {} if command.phone_off_s is None else {"phone_clock_off_s": command.phone_off_s}
    words = {"words": change.words.digest()} if change.words else {}
    concerned = {"facilities": list(change.facilities)} if change.facilities else {}
    return log.Entry(
        kind=change.kind,
        actor=command.by,
        occurred_at=command.at,
        # A case that moves is told to those it leaves, too.
        regions=list(dict.fromkeys([*(before.regions if before else ()), *case.regions])) if case else change.regions,
        teams=sorted(teams),
        case_id=case.id if case else change.case_id,
        case_version=case.version if case else None,
        command_id=command.id,
        data={"rows": _told(change.rows), **change.facts, **concerned, **clock, **words},
    )


def _told(rows: Sequence[tuple[Row | None, Row]]) -> dict[str, list[dict[str, Any]]]:
    """Per table, the keys and what changed."""
    told: dict[str, list[dict[str, Any]]] = {}
    for before, after in rows:
        name = TABLES[type(after)].name
        changed = difference(None if _is_back(before, after) else before, after)
        kept = {k: v for k, v in changed.items() if k not in NOT_IN_LOG.get(name, ())}
        told.setdefault(name, []).append({**{k: getattr(after, k) for k in key_of(after)}, **kept})
    return told


def _is_back(before: Row | None, after: Row) -> bool:
    """Whether it was over and runs again: a picture made meanwhile left it out, so the event tells the whole row."""
    over = "ended_at" if isinstance(after, ClockRow) else "closed_at" if isinstance(after, Case) else None
    return over is not None and getattr(before, over, None) is not None and getattr(after, over) is None


def difference(before: Row | None, after: Row) -> dict[str, Any]:
    """The columns whose value is another afterwards; all of them for a new row."""
    values = msgspec.structs.asdict(after)
    if before is None:
        return values
    return {name: value for name, value in values.items() if getattr(before, name) != value}


async def _update(tx: AsyncConnection, office: Office, before: Row, after: Row) -> None:
    changed = difference(before, after)
    if changed:
        table = TABLES[type(after)]
        key = and_(table.c.city_id == office.city_id, *(table.c[k] == getattr(before, k) for k in key_of(before)))
        # What is sealed hangs on the row's id, and every table that has such columns calls it so.
        values = sealed(office.ring, table, changed, key=getattr(after, "id", None))
        await tx.execute(update(table).where(key).values(**values))
