"""What the log says of one campaign, gathered from its events and nothing else. Pure. Begin at `gather`.

Events come in the log's order; each lays its rows over what is known, so what counts is how things stand at the end. Which events
are handed in does not matter as long as all that concern the campaign are there: others are passed over.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

Row = dict[str, Any]


class Told(Protocol):
    """What of an event is read; `log.Event` is one."""

    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def case_id(self) -> UUID | None: ...
    @property
    def occurred_at(self) -> datetime: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def data(self) -> Row: ...


ON_DUTY: Final = "on_duty"


@dataclass
class Cell:
    """One cell: since when it is to be looked at, and when it was dropped and stood again, [(at, stands)]."""

    cell: str
    laid_at: datetime
    name: str | None = None
    score: float = 0.0
    turns: list[tuple[datetime, bool]] = field(default_factory=list)

    def stands_at(self, moment: datetime) -> bool:
        """Whether it was to be looked at then."""
        before = [stands for at, stands in self.turns if at <= moment]
        return before[-1] if before else True


@dataclass
class Look:
    """One presence of a team in a cell. counts: neither refuted by late positions nor a mere driving through."""

    id: UUID
    cell: str
    team_id: UUID
    began_at: datetime
    ended_at: datetime
    by: str
    mode: str
    is_passing: bool
    is_refuted: bool

    @property
    def counts(self) -> bool:
        return not self.is_refuted and not self.is_passing


@dataclass
class Visit:
    """What a crew did in a case. people: how many it met; supplies: how many kinds it gave."""

    case_id: UUID
    at: datetime
    outcome: str
    people: int
    minors: int
    incident: str | None


@dataclass
class Case:
    """A case as it was opened, by its number. campaign_id: the campaign in whose sweep somebody was found."""

    id: UUID
    number: int
    opened_at: datetime
    regions: list[str]
    channel: str
    priority: str
    campaign_id: UUID | None
    arrived_at: datetime | None = None


@dataclass
class Duty:
    """A team's state from a moment on. size: people, where the event says so."""

    team_id: UUID
    at: datetime
    state: str
    size: int | None


@dataclass
class Step:
    """Something that happened to the campaign or to its warnings: the event's kind and its facts."""

    at: datetime
    kind: str
    facts: Row


@dataclass
class Facts:
    """All that the log says of one campaign, up to `seq`, written down at `as_of`. plans: since when cells were to be looked at how often, in seconds."""

    campaign_id: UUID
    seq: int = 0
    as_of: datetime | None = None
    campaign: Row = field(default_factory=dict)
    history: list[Step] = field(default_factory=list)
    warnings: list[Step] = field(default_factory=list)
    plans: list[tuple[datetime, float]] = field(default_factory=list)
    points: dict[str, Row] = field(default_factory=dict)
    calls: dict[str, Row] = field(default_factory=dict)
    cells: dict[str, Cell] = field(default_factory=dict)
    looks: dict[str, Row] = field(default_factory=dict)
    tours: dict[str, Row] = field(default_factory=dict)
    passes: dict[str, Row] = field(default_factory=dict)
    leased: list[tuple[datetime, UUID]] = field(default_factory=list)
    cases: dict[UUID, Case] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    moves: list[Row] = field(default_factory=list)
    duty: list[Duty] = field(default_factory=list)

    def all_looks(self) -> list[Look]:
        """Every look that was ever counted, oldest first, as it stands now."""
        made = [_look(row) for row in self.looks.values()]
        return sorted(made, key=lambda one: (one.ended_at, str(one.id)))

    def moment(self, name: str) -> datetime | None:
        """A moment of the campaign's row."""
        return at(self.campaign.get(name))


def at(said: Any) -> datetime | None:
    """A moment as the log writes it."""
    return None if said is None else msgspec.convert(said, datetime)


def gather(events: Iterable[Told], campaign_id: UUID) -> Facts:
    """The facts of a campaign after all events."""
    facts = Facts(campaign_id)
    kept: dict[str, list[Step]] = {}
    for event in events:
        facts.seq, facts.as_of = event.seq, event.recorded_at
        if (hear := _HEARD.get(event.kind.partition(".")[0])) is not None:
            hear(facts, event)
        if event.kind.startswith("warning.") and event.data.get("chain_id"):
            kept.setdefault(str(event.data["chain_id"]), []).append(_said(event))
    chains = [str(one) for one in facts.campaign.get("chains", ())]
    facts.warnings = sorted((step for one in chains for step in kept.get(one, ())), key=lambda step: step.at)
    return facts


def _said(event: Told) -> Step:
    row: Row = next(iter(event.data.get("rows", {}).get("warnings", ())), {})
    told: Row = {name: row[name] for name in ("sender", "identifier", "expires_at") if name in row}
    return Step(
        event.occurred_at, event.kind, {"hazard": event.data.get("hazard"), "colour": event.data.get("colour"), **told}
    )


def _is_mine(facts: Facts, event: Told) -> bool:
    return str(event.data.get("campaign_id")) == str(facts.campaign_id)


def _hear_campaign(facts: Facts, event: Told) -> None:
    if not _is_mine(facts, event):
        return
    rows = event.data.get("rows", {})
    for row in rows.get("campaigns", ()):
        facts.campaign.update(row)
        if (every := row.get("plan", {}).get("sweep_every_s")) is not None:
            _add_plan(facts, event.occurred_at, every)
    facts.points |= {row["id"]: {**facts.points.get(row["id"], {}), **row} for row in rows.get("campaign_points", ())}
    facts.calls |= {row["id"]: {**facts.calls.get(row["id"], {}), **row} for row in rows.get("campaign_calls", ())}
    named = ("hazard", "colour", "told", "wanted", "found")
    facts.history.append(Step(event.occurred_at, event.kind, {n: event.data[n] for n in named if n in event.data}))


def _add_plan(facts: Facts, since: datetime, every: float) -> None:
    if not facts.plans or facts.plans[-1][1] != every:
        facts.plans.append((since, every))


def _hear_sweep(facts: Facts, event: Told) -> None:
    if not _is_mine(facts, event):
        return
    rows = event.data.get("rows", {})
    for row in rows.get("sweep_cells", ()):
        _lay_cell(facts, event, row)
    for name, kept in (("sweep_looks", facts.looks), ("sweep_tours", facts.tours), ("sweep_passes", facts.passes)):
        for row in rows.get(name, ()):
            kept[row["id"]] = {**kept.get(row["id"], {}), **row}


def _lay_cell(facts: Facts, event: Told, row: Row) -> None:
    cell = facts.cells.get(row["cell"])
    if cell is None:
        laid_at = at(row["laid_at"])
        assert laid_at is not None
        cell = facts.cells[row["cell"]] = Cell(row["cell"], laid_at)
    cell.name, cell.score = row.get("name", cell.name), row.get("score", cell.score)
    if "state" in row and cell.stands_at(event.occurred_at) != (row["state"] != "dropped"):
        cell.turns.append((event.occurred_at, row["state"] != "dropped"))
    if row.get("state") == "leased" and row.get("team_id"):
        facts.leased.append((event.occurred_at, UUID(row["team_id"])))


def _look(row: Row) -> Look:
    began, ended = at(row["began_at"]), at(row["ended_at"])
    assert began is not None
    assert ended is not None
    return Look(
        id=UUID(row["id"]),
        cell=row["cell"],
        team_id=UUID(row["team_id"]),
        began_at=began,
        ended_at=ended,
        by=row["by"],
        mode=row["mode"],
        is_passing=bool(row.get("is_passing")),
        is_refuted=row.get("refuted_at") is not None,
    )


def _hear_case(facts: Facts, event: Told) -> None:
    if event.case_id is None:
        return
    if event.kind == "case.opened":
        row = next((row for row in event.data["rows"]["cases"] if row["id"] == str(event.case_id)), None)
        if row is not None:
            facts.cases[event.case_id] = _case(event.case_id, row)
    elif event.kind == "case.arrived" and (case := facts.cases.get(event.case_id)) is not None:
        case.arrived_at = case.arrived_at or event.occurred_at
    elif event.kind == "case.handled":
        told = event.data
        visit = Visit(
            event.case_id, event.occurred_at, told["outcome"], told["people_met"], told["minors"], told["incident"]
        )
        facts.visits.append(visit)


def _case(case_id: UUID, row: Row) -> Case:
    opened = at(row["opened_at"])
    assert opened is not None
    found_in = row.get("campaign_id")
    return Case(
        id=case_id,
        number=row["number"],
        opened_at=opened,
        regions=list(row["regions"]),
        channel=row["channel"],
        priority=row["priority"],
        campaign_id=UUID(found_in) if found_in else None,
    )


def _hear_stock(facts: Facts, event: Told) -> None:
    facts.moves += event.data.get("rows", {}).get("stock_moves", ())


def _hear_team(facts: Facts, event: Told) -> None:
    if "before" in event.data:
        told = event.data
        facts.duty.append(Duty(UUID(told["team_id"]), event.occurred_at, told["state"], told.get("size")))


_HEARD: Mapping[str, Callable[[Facts, Told], None]] = {
    "campaign": _hear_campaign,
    "sweep": _hear_sweep,
    "case": _hear_case,
    "stock": _hear_stock,
    "team": _hear_team,
}
