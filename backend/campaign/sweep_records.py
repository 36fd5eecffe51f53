"""The rows of a sweep as values: its cells, the looks into them, the tours of the teams. Pure.

Fields are the columns of the tables `sweep_cells`, `sweep_looks`, `sweep_tours`, `sweep_passes` and `sweeps`.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

CellState = Literal["due", "leased", "covered", "dropped"]
Dropped = Literal["outside", "unreachable"]
TourState = Literal["current", "replaced", "done"]
Why = Literal["first", "team_out", "team_in", "case", "warning", "done", "due", "strayed", "over", "replanned"]
LookedBy = Literal["track", "hand"]

DROPPED_WORDS: dict[Dropped, tuple[str, str]] = {
    "outside": ("不在现行预案的范围内", "outside what the plan now covers"),
    "unreachable": ("两支队伍都说到不了", "two teams said that it cannot be reached"),
}
WHY_WORDS: dict[Why, tuple[str, str]] = {
    "first": ("行动开始", "the campaign began"),
    "team_out": ("有队伍退出", "a team dropped out"),
    "team_in": ("有队伍加入", "a team came in"),
    "case": ("有队伍接了案卷", "a team took a case"),
    "warning": ("预警或预案有变", "the warning or the plan changed"),
    "done": ("有队伍走完路线", "a team finished its tour"),
    "due": ("有格子又到期", "cells fell due again"),
    "strayed": ("有队伍长时间没有进展", "a team made no progress"),
    "over": ("行动结束", "the campaign is over"),
    "replanned": ("路线重新安排", "tours were planned anew"),
}


class SweepCell(Struct, frozen=True, kw_only=True):
    """巡查网格. lon, lat: where its stop is (WGS-84); name: the stay point's, if there is one; why: the parts of the score.

    due_at: by when it has to be looked at (again); past that it is overdue. looked_at: the last look that covered it; detection: the
    chance, then, that whoever was there was seen. looks: all that count. team_id, leased_until: who is there now.
    unserved_since: it waits to be looked at and stands in nobody's tour.
    """

    campaign_id: UUID
    cell: str
    lon: float
    lat: float
    name: str | None
    score: float
    why: list[dict[str, Any]]
    state: CellState
    laid_at: datetime
    due_at: datetime
    looked_at: datetime | None = None
    looks: int = 0
    detection: float | None = None
    team_id: UUID | None = None
    leased_until: datetime | None = None
    dropped_because: Dropped | None = None
    unserved_since: datetime | None = None


class Look(Struct, frozen=True, kw_only=True):
    """到访: one presence of a team in a cell that counts. detection: the share of those there that it finds; is_passing: driving
    through. reason, off_by_m: of one by hand, and how far from the stop the phone was. refuted_at: late fixes showed otherwise."""

    id: UUID
    campaign_id: UUID
    cell: str
    team_id: UUID
    began_at: datetime
    ended_at: datetime
    by: LookedBy
    mode: str
    detection: float
    is_passing: bool = False
    off_by_m: float | None = None
    reason: str | None = None
    refuted_at: datetime | None = None


class Tour(Struct, frozen=True, kw_only=True):
    """巡查路线: the stops of one team in their order, with the minutes to each from the one before."""

    id: UUID
    campaign_id: UUID
    team_id: UUID
    cells: list[str]
    minutes: list[float]
    state: TourState
    planned_at: datetime
    why: Why
    ended_at: datetime | None = None
    ended_because: Why | None = None


class Pass(Struct, frozen=True, kw_only=True):
    """A team says that a cell cannot be reached now, and why."""

    id: UUID
    campaign_id: UUID
    cell: str
    team_id: UUID
    said_at: datetime
    reason: str | None = None


class Sweep(Struct, frozen=True, kw_only=True):
    """How far the machine is with a campaign's sweep: a schedule, not a fact. laid_for: the plan and ground that its cells are for.

    considered: the teams that could have been given a tour when tours were last planned, as far as they still can.
    claim, claim_until: whoever lays out or plans now, and until when that holds.
    """

    campaign_id: UUID
    laid_for: str | None = None
    laid_at: datetime | None = None
    planned_at: datetime | None = None
    considered: list[UUID] = []
    claim: UUID | None = None
    claim_until: datetime | None = None
    ended_at: datetime | None = None
