"""From stays to looks, and from looks to how a cell stands. Pure. Begin at `settle`, then `after_looks`.

Both are functions of what is known, not of how it came to be known: late fixes, fixes out of order and a worker that begins again
lead to the same looks and the same cells.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from backend.campaign import detection, presence
from backend.campaign.presence import AWAY, Stay
from backend.campaign.sweep_records import Look, SweepCell, Tour

Settled = list[tuple[Look | None, Look]]
"""Looks before and after; None before: a new one."""


class Crew(Struct, frozen=True, kw_only=True):
    """Whose stays they are. detection: the share of those there that one look of such a team finds."""

    campaign_id: UUID
    team_id: UUID
    mode: str
    detection: float


def settle(
    kept: Sequence[Look],
    found: Sequence[Stay],
    crew: Crew,
    rules: presence.Rules,
    *,
    since: datetime,
    now: datetime,
    lease: timedelta,
    new_id: Callable[[], UUID],
) -> Settled:
    """What the stays from `since` on mean for the looks of a team that are known. kept: those by track that end after `since`.

    A stay is a look once the team has left, or has been there for the length of a lease. A look that the track does not bear out any
    more is refuted; one that began before `since` keeps its beginning.
    """
    changes: Settled = []
    left = {look.id: look for look in kept}
    for stay in found:
        same = [look for look in left.values() if look.cell == stay.cell and _touch(look, stay)]
        first = min(same, key=lambda look: (look.began_at, look.ended_at), default=None)
        after = _look(first, stay, crew, rules, since=since, lease=lease, new_id=new_id)
        if after is None:
            continue
        if first is not None:
            del left[first.id]
        if after != first:
            changes.append((first, after))
    for look in left.values():
        if (after := _without_presence(look, since, now)) != look:
            changes.append((look, after))
    return changes


def _touch(look: Look, stay: Stay) -> bool:
    return look.began_at <= stay.ended_at + AWAY and stay.began_at <= look.ended_at + AWAY


def _look(
    before: Look | None,
    stay: Stay,
    crew: Crew,
    rules: presence.Rules,
    *,
    since: datetime,
    lease: timedelta,
    new_id: Callable[[], UUID],
) -> Look | None:
    """The look that the stay is; None while it is none (too short, or still going on)."""
    worth = presence.worth(stay, rules)
    goes_on = before is not None and before.began_at < since
    if worth is None and not goes_on:
        return None
    counted = before.ended_at if before is not None and before.refuted_at is None else stay.began_at
    if stay.is_open and stay.ended_at - counted < lease:
        return before if before is not None and before.refuted_at is None else None
    found, is_passing = crew.detection * (worth or 0.0), worth != 1.0
    if before is None:
        made = {"id": new_id(), "campaign_id": crew.campaign_id, "cell": stay.cell, "team_id": crew.team_id}
        times = {"began_at": stay.began_at, "ended_at": stay.ended_at}
        return Look(**made, **times, by="track", mode=crew.mode, detection=found, is_passing=is_passing)  # type: ignore[arg-type]
    if goes_on:
        found, is_passing = max(found, before.detection), is_passing and before.is_passing
        return replace(before, ended_at=stay.ended_at, detection=found, is_passing=is_passing, refuted_at=None)
    times = {"began_at": stay.began_at, "ended_at": stay.ended_at}
    return replace(before, **times, detection=found, is_passing=is_passing, refuted_at=None)


def _without_presence(look: Look, since: datetime, now: datetime) -> Look:
    """A look that no stay bears out: what of it lies before the fixes that were read stands."""
    if look.began_at < since:
        return replace(look, ended_at=min(look.ended_at, since))
    return look if look.refuted_at is not None else replace(look, refuted_at=now)


class Timing(Struct, frozen=True, kw_only=True):
    """How often a cell is to be looked at: each once in `every`, and when the chance that all there were seen has faded under
    `due_below`. yellow_at: the share of its time after which a covered cell waits again."""

    every: timedelta
    yellow_at: float
    due_below: float

    def next_due(self, looked_at: datetime, chance: float) -> datetime:
        """By when a cell has to be looked at again."""
        if chance <= self.due_below:
            return looked_at + self.every
        return detection.due_at(chance, looked_at, every=self.every, below=self.due_below)


def after_looks(cell: SweepCell, looks: Iterable[Look], timing: Timing) -> SweepCell:
    """The cell with all its looks counted. Its state is left as it is: `rest` says that."""
    counting = sorted(
        (look for look in looks if look.refuted_at is None), key=lambda look: (look.ended_at, str(look.id))
    )
    looked_at, chance, seen, last = None, 0.0, None, None
    for look in counting:
        before = detection.faded(chance, look.ended_at - last) if last else 0.0
        chance, last = detection.after_look(before, look.detection), look.ended_at
        # Who only drives through covers a cell when that adds up; who stops there, or says so with a reason, does.
        if not look.is_passing or chance >= timing.due_below:
            looked_at, seen = look.ended_at, chance
    counted = replace(cell, looks=len(counting), looked_at=looked_at, detection=seen)
    if looked_at == cell.looked_at and seen == cell.detection:
        return counted
    if looked_at is None or seen is None:
        return replace(counted, due_at=cell.laid_at + timing.every)
    return replace(counted, due_at=timing.next_due(looked_at, seen))


def falls_due(cell: SweepCell, timing: Timing) -> datetime:
    """From when on it waits to be looked at: at once, or when most of its time since the last look is used."""
    if cell.looked_at is None:
        return cell.laid_at
    return cell.looked_at + timing.yellow_at * max(cell.due_at - cell.looked_at, timedelta())


def rest(cell: SweepCell, timing: Timing, now: datetime) -> SweepCell:
    """The cell as it is when nobody is there."""
    if cell.state == "dropped":
        return cell
    state = "due" if now >= falls_due(cell, timing) else "covered"
    return replace(cell, state=state, team_id=None, leased_until=None)


def waits(cell: SweepCell, timing: Timing, now: datetime) -> bool:
    """Whether it is to be looked at now."""
    return cell.state != "dropped" and now >= falls_due(cell, timing)


def stops_left(tour: Tour, cells: Mapping[str, SweepCell]) -> list[str]:
    """The stops of a tour that are still to be made, in order: not looked at since it was planned, and not dropped."""
    return [name for name in tour.cells if (cell := cells.get(name)) is not None and not _done(cell, tour)]


def _done(cell: SweepCell, tour: Tour) -> bool:
    return cell.state in ("dropped", "covered") or (cell.looked_at is not None and cell.looked_at > tour.planned_at)


def served(tours: Iterable[Tour], cells: Mapping[str, SweepCell]) -> set[str]:
    """The cells that stand in a current tour and are still to be made there."""
    return {cell for tour in tours if tour.state == "current" for cell in stops_left(tour, cells)}
