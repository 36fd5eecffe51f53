"""What the terminal board shows, as a state that only the server's messages change. Pure: begin at `apply`.

The rows come from the feed's snapshot and from what every event says it changed; the history (who was reached when) from
the events alone.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

Row = dict[str, Any]
KEYS: Final[dict[str, tuple[str, ...]]] = {"cases": ("id",), "offers": ("id",), "clocks": ("case_id", "kind")}
OPEN: Final = ("discovered", "accepted", "dispatched", "handling", "handled", "suspended")
WITHIN_S: Final = 1800.0
NEWS_KEPT: Final = 12


@dataclass
class Board:
    """The state. rows: by table and key. reached: per case (accepted, arrived); decisions and alarms newest last."""

    rows: dict[str, dict[tuple[str, ...], Row]] = field(default_factory=lambda: {name: {} for name in KEYS})
    teams: dict[str, Row] = field(default_factory=dict)
    seq: int = 0
    told: int = 0
    reports: int = 0
    accepted: dict[str, datetime] = field(default_factory=dict)
    arrived: dict[str, datetime] = field(default_factory=dict)
    ended_early: set[str] = field(default_factory=set)
    decisions: deque[Row] = field(default_factory=lambda: deque(maxlen=NEWS_KEPT))
    alarms: deque[Row] = field(default_factory=lambda: deque(maxlen=NEWS_KEPT))
    circle: Row | None = None
    now: datetime | None = None

    def stages(self) -> Counter[str]:
        """Cases by stage."""
        return Counter(row.get("stage", "discovered") for row in self.rows["cases"].values())

    def lights(self, now: datetime) -> Counter[str]:
        """Running clocks of open cases by colour."""
        return Counter(light(clock, now) for clock in self.rows["clocks"].values() if not clock.get("ended_at"))

    def reached(self, now: datetime) -> tuple[int, int]:
        """(reached within 30 minutes of acceptance, all that are decided: arrived, or waiting longer than that)."""
        good = due = 0
        for case_id, accepted in self.accepted.items():
            arrived = self.arrived.get(case_id)
            if arrived is None and case_id in self.ended_early:
                continue
            waited_s = ((arrived or now) - accepted).total_seconds()
            good += arrived is not None and waited_s <= WITHIN_S
            due += arrived is not None or waited_s > WITHIN_S
        return good, due

    def doing(self) -> Counter[str]:
        """Teams by what they are doing: free, asked, driving, handling, resting, off_duty."""
        busy = {str(c["team_id"]): c["stage"] for c in self.rows["cases"].values() if c.get("team_id")}
        asked = {str(o["team_id"]) for o in self.rows["offers"].values() if o.get("state") == "offered"}
        return Counter(_doing(team, busy, asked) for team in self.teams.values())


def _doing(team: Row, busy: dict[str, str], asked: set[str]) -> str:
    if stage := busy.get(team["id"]):
        return "driving" if stage == "dispatched" else "handling"
    if team["id"] in asked:
        return "asked"
    return "free" if team["state"] == "on_duty" else str(team["state"])


def light(clock: Row, now: datetime) -> str:
    """green, yellow, red or paused."""
    if clock.get("paused_at"):
        return "paused"
    if now > moment(clock["due_at"]):
        return "red"
    return "yellow" if now > moment(clock["yellow_at"]) else "green"


def apply(board: Board, message: Row) -> None:
    """One message of the feed, or one event of the log, onto the board."""
    kind = message.get("type", "event")
    if kind == "snapshot":
        _begin(board, message)
    elif kind == "events":
        for event in message["events"]:
            remember(board, event)
            _change(board, event)
        board.seq = max(board.seq, message["seq"])
    elif kind == "event":
        remember(board, message)
        _change(board, message)
    elif kind in ("pulse", "hello"):
        board.now = moment(message["now"])
    elif kind == "positions":
        for team_id, at_ms, lon, lat, heading_deg in message["teams"]:
            if team := board.teams.get(team_id):
                at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
                team |= {"lon": lon, "lat": lat, "fix_at": at, "heading_deg": heading_deg}


def _begin(board: Board, message: Row) -> None:
    """A fresh picture replaces all rows."""
    for name, key in KEYS.items():
        board.rows[name] = {tuple(str(row[k]) for k in key): row for row in message["board"][name]}
    board.teams = {team["id"]: team for team in message["board"]["teams"]}
    board.seq = message["seq"]


def _change(board: Board, event: Row) -> None:
    """The rows that the event says it changed, each column that it names."""
    for name, changed in event["data"].get("rows", {}).items():
        if name in KEYS:
            for row in changed:
                board.rows[name].setdefault(tuple(str(row[k]) for k in KEYS[name]), {}).update(row)
    for row in event["data"].get("rows", {}).get("teams", ()):
        _team(board, row)
    if "before" in event["data"] and (team := board.teams.get(str(event["data"].get("team_id")))):
        team |= {"state": event["data"]["state"], "shift_ends_at": event["data"].get("shift_ends_at")}
    board.seq = max(board.seq, event["seq"])


def _team(board: Board, row: Row) -> None:
    """A team that somebody wrote by hand; one out of use is gone."""
    if not row.get("active", True):
        board.teams.pop(str(row["id"]), None)
    elif "state" in row or str(row["id"]) in board.teams:
        board.teams.setdefault(str(row["id"]), {}).update(row)


def remember(board: Board, event: Row) -> None:
    """What the history says, each event once: also of those from before the snapshot."""
    if event["seq"] <= board.told:
        return
    board.told = event["seq"]
    remembering = _HISTORY.get(event["kind"])
    if remembering is not None:
        remembering(board, event, event["case_id"] or "", moment(event["occurred_at"]))
    if event["kind"] in _ENDED_EARLY:
        board.ended_early.add(event["case_id"])
    if event["data"].get("alarm") or event["kind"] in _ALARMS:
        board.alarms.append(event)


def _opened(board: Board, event: Row, _case: str, _at: datetime) -> None:
    board.reports += event["data"].get("sighting_id") is not None


def _joined_report(board: Board, _event: Row, _case: str, _at: datetime) -> None:
    board.reports += 1


def _accepted(board: Board, _event: Row, case: str, at: datetime) -> None:
    board.accepted.setdefault(case, at)


def _arrived(board: Board, _event: Row, case: str, at: datetime) -> None:
    board.arrived.setdefault(case, at)


def _decided(board: Board, event: Row, _case: str, _at: datetime) -> None:
    board.decisions.append(event)


_HISTORY: Final[dict[str, Callable[[Board, Row, str, datetime], None]]] = {
    "case.opened": _opened,
    "case.sighting_joined": _joined_report,
    "case.accepted": _accepted,
    "case.arrived": _arrived,
    "offer.made": _decided,
}
_ENDED_EARLY: Final = frozenset({"case.joined", "case.voided", "case.refused"})
_ALARMS: Final = frozenset(
    {"search.alarm", "case.not_reached", "circle.gap_opened", "circle.gap_closed", "clock.missed", "clock.escalated"}
)


def moment(value: str | datetime) -> datetime:
    """The moment that a message says."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
