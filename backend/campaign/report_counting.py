"""The facts of a campaign counted: every number by its definition (`report_numbers`), and the lines beside them. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from backend.campaign.report_facts import Case, Cell, Duty, Facts, Visit, at
from backend.campaign.report_shapes import CaseLine, CellLine, PointLine, SupplyLine, TeamLine
from backend.dispatch.stock_rules import DIFFERENCE, PERSON, team_of

NOBODY: Final = frozenset({"not_found", "duplicate", "other_department"})
Value = tuple[float | None, int | None]
"""A number, and of how many it is one; None where there was nothing to count."""


class Counted:
    """The facts of one campaign, each kind looked through once."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        assert facts.as_of is not None
        self.opened = facts.moment("opened_at")
        self.end = facts.moment("closed_at") or facts.as_of
        self.looks = facts.all_looks()
        self.by_cell: dict[str, list[datetime]] = {}
        for look in self.looks:
            if look.counts:
                self.by_cell.setdefault(look.cell, []).append(look.ended_at)
        self.cell_lines = [self._cell(cell) for _, cell in sorted(facts.cells.items())]
        self.own = {case.id for case in facts.cases.values() if case.campaign_id == facts.campaign_id}
        self.others = {case.id for case in facts.cases.values() if self._is_other(case)}

    def values(self) -> dict[str, Value]:
        """Code → number."""
        own, others = self._people(self.own), self._people(self.others)
        looks = sum(look.counts for look in self.looks)
        both = self.own | self.others
        died = sum(visit.incident == "death" for visit in self.facts.visits if visit.case_id in both)
        return {
            **self._ground(),
            "cases": (len(self.own), None),
            **own,
            "met_per_100": (100 * (own["met"][0] or 0) / looks if looks else None, looks),
            "deaths": (died, None),
            "other_cases": (len(self.others), None),
            **{f"other_{code}": value for code, value in others.items()},
            **self._supplied(),
            **self._teams(),
            **self._points(),
            **self._answered(),
        }

    def _is_other(self, case: Case) -> bool:
        """Opened on its ground while it ran, and not by it."""
        there = not set(case.regions).isdisjoint(self.facts.campaign.get("regions", ()))
        ran = self.opened is not None and self.opened <= case.opened_at < self.end
        return there and ran and case.campaign_id != self.facts.campaign_id

    # --- ground ----------------------------------------------------------------------------------------------------

    def _every(self, moment: datetime) -> timedelta:
        """The plan's interval at a moment."""
        before = [every for since, every in self.facts.plans if since <= moment]
        return timedelta(seconds=(before or [self.facts.plans[0][1]])[-1])

    def _gone_at(self, cell: Cell) -> datetime:
        """Until when it was to be looked at."""
        dropped = not cell.stands_at(self.end)
        return min(cell.turns[-1][0], self.end) if dropped else self.end

    def _cell(self, cell: Cell) -> CellLine:
        looked, until = self.by_cell.get(cell.cell, []), self._gone_at(cell)
        moments = [cell.laid_at, *(one for one in looked if cell.laid_at < one < until), max(until, cell.laid_at)]
        gaps = [(b - a, max(b - a - self._every(a), timedelta())) for a, b in pairwise(moments)]
        return CellLine(
            cell=cell.cell,
            name=cell.name,
            score=cell.score,
            laid_at=cell.laid_at,
            dropped=not cell.stands_at(self.end),
            looks=len(looked),
            first_look=looked[0] if looked else None,
            last_look=looked[-1] if looked else None,
            overdue_h=_hours(sum((late for _, late in gaps), timedelta())),
            gap_h=_hours(max(gap for gap, _ in gaps)),
        )

    def _ground(self) -> dict[str, Value]:
        lines, cells = self.cell_lines, self.facts.cells
        whole_h = sum(_hours(max(self._gone_at(cells[one.cell]) - one.laid_at, timedelta())) for one in lines)
        overdue_h = sum(one.overdue_h for one in lines)
        standing = [one for one in lines if not one.dropped]
        count = Counter(("refuted" if k.is_refuted else "passing" if k.is_passing else k.by) for k in self.looks)
        return {
            "in_time": (1 - overdue_h / whole_h if whole_h else None, len(lines)),
            "cells": (len(standing), None),
            "cells_never": (sum(not one.looks for one in standing) if standing else None, len(standing)),
            "cells_dropped": (len(lines) - len(standing), None),
            "longest_gap_h": (max((one.gap_h for one in lines), default=None), None),
            **{f"looks_{by}": (count[by], None) for by in ("track", "hand", "passing", "refuted")},
            "passes": (len(self.facts.passes), None),
        }

    # --- people and supplies ---------------------------------------------------------------------------------------

    def _people(self, cases: set[UUID]) -> dict[str, Value]:
        visits = [visit for visit in self.facts.visits if visit.case_id in cases]

        def met(*outcomes: str) -> Value:
            return sum(visit.people for visit in visits if visit.outcome in outcomes), None

        return {
            "met": (sum(visit.people for visit in visits), None),
            "helped": (sum(visit.people for visit in visits if visit.outcome not in NOBODY), None),
            "escorted": met("escorted_to_station"),
            "refused": met("stays_supplies_given"),
            "to_hospital": met("to_hospital"),
            "not_found": (sum(visit.outcome == "not_found" for visit in visits), None),
        }

    def _given(self, cases: set[UUID]) -> list[dict[str, Any]]:
        return [
            move
            for move in self.facts.moves
            if move["to_place"] == PERSON and move.get("case_id") and UUID(move["case_id"]) in cases
        ]

    def _issued(self) -> list[dict[str, Any]]:
        mine = str(self.facts.campaign_id)
        return [m for m in self.facts.moves if m.get("campaign_id") == mine and team_of(m["to_place"]) is not None]

    def _supplied(self) -> dict[str, Value]:
        given = self._given(self.own)
        return {
            "given": (_sum(given), None),
            "short": (_sum(m for m in given if m["from_place"] == DIFFERENCE) if given else None, _sum(given)),
            "issued": (_sum(self._issued()), None),
            "other_given": (_sum(self._given(self.others)), None),
        }

    def supplies(self) -> list[SupplyLine]:
        """Each item that was given or issued."""
        given, issued = self._given(self.own), self._issued()
        items = sorted({move["item"] for move in (*given, *issued)})
        return [
            SupplyLine(
                item=item,
                given=_sum(m for m in given if m["item"] == item),
                short=_sum(m for m in given if m["item"] == item and m["from_place"] == DIFFERENCE),
                issued=_sum(m for m in issued if m["item"] == item),
            )
            for item in items
        ]

    def case_lines(self) -> list[CaseLine]:
        """The campaign's cases, then the others, by number."""
        last: dict[UUID, Visit] = {visit.case_id: visit for visit in self.facts.visits}
        mine = [case for case in self.facts.cases.values() if case.id in self.own | self.others]
        return [
            CaseLine(
                number=case.number,
                found=case.id in self.own,
                opened_at=case.opened_at,
                arrived_at=case.arrived_at,
                priority=case.priority,
                channel=case.channel,
                outcome=last[case.id].outcome if case.id in last else None,
                people=last[case.id].people if case.id in last else 0,
            )
            for case in sorted(mine, key=lambda one: (one.id not in self.own, one.number))
        ]

    # --- teams and points ------------------------------------------------------------------------------------------

    def _out(self) -> set[UUID]:
        """Teams with a tour or a look."""
        return {UUID(tour["team_id"]) for tour in self.facts.tours.values()} | {look.team_id for look in self.looks}

    def _came(self) -> dict[UUID, dict[str, Any]]:
        return {UUID(call["team_id"]): call for call in self.facts.calls.values()}

    def _spans(self, team_id: UUID) -> list[tuple[timedelta, int | None]]:
        """How long the team was on duty while it ran, and with how many people, span by span."""
        if self.opened is None:
            return []
        told: list[Duty] = [one for one in self.facts.duty if one.team_id == team_id]
        ends = [*(one.at for one in told[1:]), self.end]
        spans = [(max(one.at, self.opened), min(end, self.end), one) for one, end in zip(told, ends, strict=bool(told))]
        return [(end - begun, one.size) for begun, end, one in spans if one.state == "on_duty" and end > begun]

    def team_lines(self) -> list[TeamLine]:
        """Every team that was out or was called."""
        calls = self._came()
        spent = {team_id: self._spans(team_id) for team_id in sorted(self._out() | calls.keys())}
        return [
            TeamLine(
                team_id=team_id,
                hours=_hours(sum((span for span, _ in spans), timedelta())),
                people=max((size for _, size in spans if size is not None), default=None),
                looks=sum(look.counts and look.team_id == team_id for look in self.looks),
                cells=len({look.cell for look in self.looks if look.counts and look.team_id == team_id}),
                called_at=at(calls.get(team_id, {}).get("called_at")),
                came_at=at(calls.get(team_id, {}).get("came_at")),
            )
            for team_id, spans in spent.items()
        ]

    def _teams(self) -> dict[str, Value]:
        calls = self._came()
        came = {team_id for team_id, call in calls.items() if call.get("came_at")}
        spans = [span for team_id in self._out() | came for span in self._spans(team_id)]
        known = [(_hours(span), size) for span, size in spans if size is not None]
        return {
            "teams": (len(self._out()), None),
            "team_hours": (sum(_hours(span) for span, _ in spans), None),
            "person_hours": (sum(h * size for h, size in known) if len(known) == len(spans) else None, None),
            "called": (len(calls), None),
            "came": (len(came) if calls else None, len(calls)),
        }

    def point_lines(self) -> list[PointLine]:
        """Every point that was wanted."""
        return [self._point(row) for row in sorted(self.facts.points.values(), key=lambda row: str(row["wanted_at"]))]

    def _point(self, row: dict[str, Any]) -> PointLine:
        opened, closed = at(row.get("opened_at")), at(row.get("closed_at"))
        until = min(closed or self.end, self.end)
        hours = _hours(max(until - opened, timedelta())) if opened else 0.0
        return PointLine(facility_id=UUID(row["facility_id"]), opened_at=opened, closed_at=closed, hours=hours)

    def _points(self) -> dict[str, Value]:
        lines = self.point_lines()
        opened = sum(line.opened_at is not None for line in lines)
        return {
            "points_wanted": (len(lines), None),
            "points_opened": (opened if lines else None, len(lines)),
            "point_hours": (sum(line.hours for line in lines), None),
        }

    # --- the answer to the warning ---------------------------------------------------------------------------------

    def _answered(self) -> dict[str, Value]:
        first = self.facts.warnings[0].at if self.facts.warnings else None
        begun = first or self.opened
        entered = min(
            [*(look.began_at for look in self.looks if look.counts), *(at for at, _ in self.facts.leased)], default=None
        )
        return {
            "lasted_h": (_between_h(self.opened, self.end), None),
            "to_open_min": (_minutes(first, self.opened), None),
            "to_first_team_min": (_minutes(begun, entered), None),
            "to_full_h": (_between_h(begun, self._full_at()), None),
        }

    def _full_at(self) -> datetime | None:
        """When the last cell that stands had its first look; None while one has had none."""
        first = [line.first_look for line in self.cell_lines if not line.dropped]
        return None if not first or None in first else max(one for one in first if one is not None)


def _sum(moves: Iterable[dict[str, Any]]) -> int:
    return sum(int(move["amount"]) for move in moves)


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


def _between_h(begun: datetime | None, ended: datetime | None) -> float | None:
    return None if begun is None or ended is None else max(0.0, _hours(ended - begun))


def _minutes(begun: datetime | None, ended: datetime | None) -> float | None:
    hours = _between_h(begun, ended)
    return None if hours is None else hours * 60
