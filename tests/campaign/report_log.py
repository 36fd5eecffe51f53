"""A log as a campaign leaves it, made up: warnings, the campaign, cells and looks, cases, supplies, duty. And the campaign's row.

The events are written as the verbs write them (backend.campaign, backend.dispatch), at random from a seed, so that what is computed
from them can be compared with what somebody else computes.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import insert

from backend import db as tables
from backend import log
from backend.access.actor import SYSTEM
from backend.office import Office

REGIONS = ["210203", "210200"]
OUTCOMES = (
    "escorted_to_station",
    "stays_supplies_given",
    "to_hospital",
    "not_found",
    "informed_and_guided",
    "duplicate",
)
EVERY_S = 2 * 3600.0


@dataclass
class Night:
    """A made-up campaign. at: how far its time has come."""

    office: Office
    begun: datetime
    seed: int
    number: str = "Z20160918001"
    season: str = "winter"
    id: UUID = field(default_factory=uuid4)
    chain: UUID = field(default_factory=uuid4)
    entries: list[tuple[datetime, log.Entry]] = field(default_factory=list)
    teams: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(4)])

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def tell(
        self, kind: str, minutes: float, data: dict[str, Any], *, case_id: UUID | None = None, version: int = 0
    ) -> None:
        """An event, so many minutes after the campaign began."""
        moment = self.begun + timedelta(minutes=minutes)
        entry = log.Entry(
            kind=kind, actor=SYSTEM, occurred_at=moment, data=data, regions=REGIONS, case_id=case_id,
            case_version=version or None,
        )  # fmt: skip
        self.entries.append((moment, entry))

    def of_it(self, kind: str, minutes: float, **rows: list[dict[str, Any]]) -> None:
        """An event of the campaign itself or of its sweep."""
        self.tell(kind, minutes, {"campaign_id": self.id, "number": self.number, "hazard": "cold_wave", "rows": rows})

    def after(self, minutes: float) -> datetime:
        return self.begun + timedelta(minutes=minutes)

    async def write(self, *, ended: float | None = 600, is_empty: bool = False) -> int:
        """The whole night into the log, in order, and the campaign into its table. Returns the log's last number.

        is_empty: nobody looked and nobody was met.
        """
        self._warnings()
        self._campaign(ended)
        self._duty()
        if not is_empty:
            self._sweep(ended or 600)
            self._cases()
        self._stock()
        self.entries.sort(key=lambda one: one[0])
        async with self.office.db.begin() as tx:
            await tx.execute(insert(tables.campaigns).values(city_id=self.office.city_id, **self._row(ended)))
            for moment, entry in self.entries:
                written = await log.append(tx, self.office.city_id, [entry], now=moment)
        return written[-1].seq

    def _row(self, ended: float | None) -> dict[str, Any]:
        return {
            "id": self.id, "number": self.number, "hazard": "cold_wave", "colour": "orange", "season": self.season,
            "cause": "warning", "basis": {}, "chain_id": self.chain, "chains": [self.chain], "regions": REGIONS,
            "state": "running" if ended is None else "closed", "plan": self._plan(EVERY_S),
            "proposed_at": self.begun, "opened_at": self.begun, "opened_by": "system",
            "closed_at": None if ended is None else self.after(ended),
            "close_reason": None if ended is None else "lifted",
        }  # fmt: skip

    def _plan(self, every_s: float) -> dict[str, Any]:
        more = {"call_in": 2, "teams": 3, "points": [], "supplies": {"quilt": 1}, "tell": [], "approval": "automatic"}
        named = {"hazard": "cold_wave", "colour": "orange", "cover": "cells", "cells": 24}
        return {**named, **more, "sweep_every_s": every_s}

    def _warnings(self) -> None:
        about = {"hazard": "cold_wave", "colour": "orange", "chain_id": self.chain}
        row = {"id": uuid4(), "chain_id": self.chain, "sender": "辽宁省气象台", "identifier": "A1", "state": "live"}
        self.tell("warning.issued", -30, {**about, "rows": {"warnings": [row]}})
        self.tell("warning.issued", -20, {**about, "chain_id": uuid4(), "rows": {"warnings": [{"id": uuid4()}]}})
        self.tell("warning.upgraded", 200, {**about, "colour": "red", "rows": {"warnings": [{"id": uuid4()}]}})

    def _campaign(self, ended: float | None) -> None:
        row = msgspec.to_builtins(self._row(None))
        self.of_it("campaign.opened", 0, campaigns=[row], campaign_points=[self._point(k) for k in range(3)])
        called = [
            {"id": uuid4(), "campaign_id": self.id, "team_id": team, "called_at": self.after(1), "came_at": None}
            for team in self.teams[2:]
        ]
        self.of_it("campaign.called_in", 1, campaign_calls=called)
        self.of_it("campaign.came", 40, campaign_calls=[{**called[0], "came_at": self.after(40)}])
        opened = {**self._point(0), "state": "open", "opened_at": self.after(30)}
        self.of_it("campaign.point_opened", 30, campaign_points=[opened])
        upgraded = {"id": self.id, "colour": "red", "plan": self._plan(EVERY_S / 2)}
        self.of_it("campaign.upgraded", 201, campaigns=[msgspec.to_builtins(upgraded)])
        if ended is not None:
            self.of_it("campaign.point_closed", 500, campaign_points=[{**opened, "closed_at": self.after(500)}])
            closed = {"id": self.id, "state": "closed", "closed_at": self.after(ended), "close_reason": "lifted"}
            self.of_it("campaign.closed", ended, campaigns=[msgspec.to_builtins(closed)])

    def _point(self, n: int) -> dict[str, Any]:
        id_ = UUID(int=self.id.int + n)
        return {"id": id_, "campaign_id": self.id, "facility_id": id_, "state": "wanted", "wanted_at": self.begun}

    def _duty(self) -> None:
        for n, team in enumerate(self.teams):
            if n == 3:
                continue  # was called and did not come
            begun = {0: -120, 1: -60, 2: 40}[n]
            steps = [
                (begun, "off_duty", "on_duty"),
                (begun + 150, "on_duty", "resting"),
                (begun + 180, "resting", "on_duty"),
            ]
            for minutes, before, state in steps:
                self.tell(f"team.{state}", minutes, {"team_id": team, "before": before, "state": state, "size": 2 + n})

    def _sweep(self, ended: float) -> None:
        cells = [f"89{n:013x}" for n in range(24)]
        laid = [self._cell(cell, 5) for cell in cells]
        self.of_it("sweep.laid_out", 5, sweep_cells=laid)
        self.of_it("sweep.planned", 6, sweep_tours=[self._tour(team, cells) for team in self.teams[:3]])
        self.of_it("sweep.leased", 12, sweep_cells=[self._leased(cells[0])])
        for _ in range(70):
            self._one_look(self.chance.choice(cells[:20]), ended)
        for cell in cells[20:22]:
            self.of_it("sweep.dropped", 300, sweep_cells=[{"campaign_id": self.id, "cell": cell, "state": "dropped"}])
        for n in range(2):
            said = {
                "id": uuid4(),
                "campaign_id": self.id,
                "cell": cells[21],
                "team_id": self.teams[n],
                "said_at": self.begun,
            }
            self.of_it("sweep.passed", 290, sweep_passes=[said])

    def _cell(self, cell: str, minutes: float) -> dict[str, Any]:
        named: dict[str, Any] = {"name": "青泥洼桥地下通道" if cell.endswith("1") else None, "score": 1.5, "why": []}
        return {
            "campaign_id": self.id, "cell": cell, "lon": 121.6, "lat": 38.9, **named, "state": "due",
            "laid_at": self.after(minutes), "due_at": self.after(minutes + 120), "looks": 0, "team_id": None,
        }  # fmt: skip

    def _tour(self, team: UUID, cells: list[str]) -> dict[str, Any]:
        return {"id": uuid4(), "campaign_id": self.id, "team_id": team, "cells": cells[:5], "state": "current"}

    def _leased(self, cell: str) -> dict[str, Any]:
        return {"campaign_id": self.id, "cell": cell, "state": "leased", "team_id": self.teams[0]}

    def _one_look(self, cell: str, ended: float) -> None:
        minutes = self.chance.uniform(14, ended - 20)
        row = {
            "id": uuid4(), "campaign_id": self.id, "cell": cell, "team_id": self.chance.choice(self.teams[:3]),
            "began_at": self.after(minutes - 3), "ended_at": self.after(minutes), "mode": "car",
            "by": self.chance.choice(["track", "track", "track", "hand"]), "detection": 0.6,
            "is_passing": self.chance.random() < 0.2, "refuted_at": None,
        }  # fmt: skip
        covered = {"campaign_id": self.id, "cell": cell, "state": "covered", "looked_at": row["ended_at"]}
        self.of_it("sweep.looked", minutes + 1, sweep_looks=[row], sweep_cells=[covered])
        if self.chance.random() < 0.1:
            refuted = {"id": row["id"], "campaign_id": self.id, "cell": cell, "refuted_at": self.after(minutes + 15)}
            self.of_it("sweep.looked", minutes + 15, sweep_looks=[refuted])

    def _cases(self) -> None:
        for n in range(14):
            self._case(n, self.chance.uniform(10, 560), mine=n < 8)
        self._case(90, -50, mine=False)  # before it began
        self._case(91, 100, mine=False, regions=["210211", "210200"][:1])  # elsewhere

    def _case(self, n: int, minutes: float, *, mine: bool, regions: list[str] | None = None) -> None:
        case_id = UUID(int=self.id.int + 1000 + n)
        row = {
            "id": case_id, "number": 2016091900000 + n, "opened_at": self.after(minutes), "channel": "patrol" if mine else "hotline",
            "priority": "high", "regions": regions or REGIONS, "campaign_id": self.id if mine else None,
        }  # fmt: skip
        self.tell("case.opened", minutes, {"rows": {"cases": [row]}}, case_id=case_id, version=1)
        self.tell("case.arrived", minutes + 4, {"rows": {}}, case_id=case_id, version=2)
        told = {
            "outcome": self.chance.choice(OUTCOMES), "people_met": self.chance.randint(1, 3), "minors": 0,
            "incident": "death" if n == 5 else None, "supplies": [], "follows": [], "rows": {},
        }  # fmt: skip
        self.tell("case.handled", minutes + 25, told, case_id=case_id, version=3)
        for _ in range(2):
            self._given(case_id, minutes + 25)

    def _given(self, case_id: UUID, minutes: float) -> None:
        source = "difference" if self.chance.random() < 0.3 else f"team:{self.teams[0]}"
        self._moved(source, "person", self.chance.randint(1, 4), minutes, case_id=case_id, cause="given")

    def _stock(self) -> None:
        self._moved("store:F01", f"team:{self.teams[0]}", 20, 10, campaign_id=self.id)
        self._moved("store:F01", f"team:{self.teams[1]}", 5, 10)
        self._moved("supplier", "store:F01", 99, 3, campaign_id=self.id)

    def _moved(self, source: str, target: str, amount: int, minutes: float, **more: Any) -> None:
        row = {
            "id": uuid4(), "at": self.after(minutes), "item": self.chance.choice(["quilt", "hot_food"]), "amount": amount,
            "from_place": source, "to_place": target, "cause": "moved", "by": "x", "team_id": self.teams[0],
            "campaign_id": None, "case_id": None, **more,
        }  # fmt: skip
        self.tell("stock.moved", minutes, {"rows": {"stock_moves": [row]}})
