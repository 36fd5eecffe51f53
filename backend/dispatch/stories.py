"""What happened to each case, read from the log alone: the one reading on which every figure rests. Pure.

`Story.hear` takes a case's events in order. `backend.dispatch.figures` says what is counted of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct, field

from backend.dispatch.clocks import ClockKind
from backend.log import Event

FIRST: Final[Mapping[str, str]] = {
    "case.accepted": "accepted_at",
    "case.dispatched": "taken_at",
    "case.assigned": "taken_at",
    "case.arrived": "arrived_at",
    "case.handled": "handled_at",
    "case.verified": "verified_at",
    "search.alarm": "alarmed_at",
}
"""The kind of an event → what it dates, the first time that it happens."""
NEVER_DUE: Final = frozenset({"joined", "refused", "voided"})
NOBODY_MET: Final = frozenset({"not_found", "duplicate", "other_department"})


class Run(Struct, kw_only=True):
    """One run of a clock: from a start to its end; a restart is another run."""

    kind: ClockKind
    started_at: datetime
    due_at: datetime
    state: str
    missed_at: datetime | None = None
    paused_at: datetime | None = None
    ended_at: datetime | None = None
    extended: int = 0

    @property
    def is_due(self) -> bool:
        """Whether it counts where `due_at` lies: not called off, and not standing still."""
        return self.state != "cancelled" and self.paused_at is None

    @property
    def is_met(self) -> bool:
        """Ended by what was to be done, in time or late."""
        return self.state == "met"

    @property
    def is_on_time(self) -> bool:
        """Met, and not missed before."""
        return self.is_met and self.missed_at is None

    def is_overdue(self, at: datetime) -> bool:
        """Over, and not yet done, at this moment."""
        return self.ended_at is None and self.paused_at is None and self.due_at <= at


class Dispatch(Struct):
    """A team's getting the case; taken_back: it was another's, or nobody's, before it was handled."""

    at: datetime
    taken_back: bool = False


class Visit(Struct, frozen=True):
    """A handling: what it came to and what was given out."""

    at: datetime
    outcome: str
    people: int
    supplies: int


class Call(Struct, frozen=True):
    """A call back to a reporter. satisfied: 1 to 5, None when not asked."""

    at: datetime
    reached: bool
    satisfied: int | None


class Story(Struct, kw_only=True):
    """What happened to one case, and when first. opened_by: the sighting that opened it."""

    case_id: UUID
    opened_at: datetime
    opened_by: str | None
    accepted_at: datetime | None = None
    taken_at: datetime | None = None
    arrived_at: datetime | None = None
    handled_at: datetime | None = None
    verified_at: datetime | None = None
    closed_at: datetime | None = None
    alarmed_at: datetime | None = None
    offers: int = 0
    rework: int = 0
    outcome: str | None = None
    stage: str = "discovered"
    sent_to_intake: bool = False
    sightings: list[tuple[datetime, str]] = field(default_factory=list)
    dispatches: list[Dispatch] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    runs: dict[tuple[str, int], Run] = field(default_factory=dict)

    def waited_s(self, until: datetime | None) -> float | None:
        """Seconds from acceptance to a later moment."""
        return (until - self.accepted_at).total_seconds() if until and self.accepted_at else None

    @property
    def is_due(self) -> bool:
        """Whether somebody had to come: accepted, and not ended before anybody could."""
        return self.accepted_at is not None and not (self.arrived_at is None and self.stage in NEVER_DUE)

    def runs_of(self, kind: ClockKind) -> list[Run]:
        """All runs of one clock."""
        return [run for run in self.runs.values() if run.kind == kind]

    def hear(self, kind: str, at: datetime, facts: Mapping[str, Any], rows: Mapping[str, Sequence[Any]]) -> None:
        """The next event of this case: its kind, when it happened, its facts and rows."""
        for row in rows.get("cases", ()):
            if row["id"] == str(self.case_id):
                self.stage = row.get("stage", self.stage)
                if "closed_at" in row:
                    self.closed_at = at if row["closed_at"] else None
        for row in rows.get("clocks", ()):
            self._clock(row)
        self._step(kind, at, facts)

    def _step(self, kind: str, at: datetime, facts: Mapping[str, Any]) -> None:
        if (when := FIRST.get(kind)) is not None:
            setattr(self, when, getattr(self, when) or at)
        match kind:
            case "case.opened" | "case.sighting_joined":
                if facts.get("sighting_id"):
                    self.sightings.append((at, str(facts["channel"])))
            case "case.dispatched" | "case.assigned":
                self._taken_back()
                self.dispatches.append(Dispatch(at))
            case "case.withdrawn" | "case.returned":
                self._taken_back()
                self.sent_to_intake = self.sent_to_intake or self.stage == "discovered"
            case "case.handled":
                self._handled(at, facts)
            case "case.sent_back":
                self.rework += 1
            case "case.called_back":
                self.calls.append(Call(at, facts["reached"], facts.get("satisfied")))
            case "offer.made":
                self.offers += 1

    def _taken_back(self) -> None:
        """The team that has the case, if any, has it no longer."""
        if self.dispatches and (not self.visits or self.visits[-1].at < self.dispatches[-1].at):
            self.dispatches[-1].taken_back = True

    def _handled(self, at: datetime, facts: Mapping[str, Any]) -> None:
        self.outcome = facts.get("outcome")
        given = facts.get("supplies") or ()
        self.visits.append(Visit(at, str(self.outcome), int(facts.get("people_met") or 0), len(given)))

    def _clock(self, row: Mapping[str, Any]) -> None:
        """A change of a clock, laid onto the run that it belongs to."""
        kind = row["kind"]
        current = max((number for named, number in self.runs if named == kind), default=0)
        number = row.get("restarts", current)
        held = self.runs.get((kind, number))
        if held is None:
            # A restart tells what differs from the run before; what it leaves out is as there.
            before = self.runs.get((kind, current))
            values = msgspec.structs.asdict(before) if before else {}
            self.runs[kind, number] = msgspec.convert({**values, **_known(row)}, Run)
            return
        for name, value in _known(row).items():
            setattr(held, name, msgspec.convert(value, datetime | None) if name.endswith("_at") else value)


_OF_A_RUN: Final = frozenset(Run.__struct_fields__)


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in _OF_A_RUN}


def stories(events: Iterable[Event]) -> dict[UUID, Story]:
    """The story of every case, from the log in order."""
    found: dict[UUID, Story] = {}
    for event in events:
        if event.case_id is None:
            continue
        if event.kind == "case.opened":
            found[event.case_id] = begun(event.case_id, event.occurred_at, event.data)
        if event.case_id in found:
            found[event.case_id].hear(event.kind, event.occurred_at, event.data, event.data.get("rows", {}))
    return found


def begun(case_id: UUID, at: datetime, facts: Mapping[str, Any]) -> Story:
    """A story at its first event, which is still to be heard."""
    return Story(case_id=case_id, opened_at=at, opened_by=facts.get("sighting_id"))
