"""The cells of a sweep laid out: the warned ground that can be reached, scored, and of it so much as the plan says. Begin at `lay_out`.

Done when a campaign begins and when its plan or ground changes. No cell is ever taken away: one that falls outside is dropped and says
so, what was done there stays done, and it stands again when it is wanted again.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from backend.access.actor import SYSTEM
from backend.campaign import sweep, sweep_rows, tracked
from backend.campaign.choosing import Chosen, ask, choose
from backend.campaign.looked import Timing, rest
from backend.campaign.sweep import Job
from backend.campaign.sweep_records import SweepCell
from backend.campaign.sweep_rows import Book
from backend.clock import Clock
from backend.office import Office


async def lay_out(office: Office, job: Job, clock: Clock) -> None:
    """Score and choose the cells of a campaign and write them, unless the claim has passed to somebody else."""
    asked = await ask(office, job.campaign_id, clock.now())
    if asked is None:
        return
    chosen = await asyncio.to_thread(choose, office.city, asked)
    await _write(office, job, sweep.laid_for(asked.campaign), chosen, clock.now())


async def _write(office: Office, job: Job, laid_for: str, chosen: Sequence[Chosen], now: datetime) -> None:
    async with office.begin() as tx:
        await sweep_rows.hold(tx, office)
        campaign = await sweep.running(tx, office, job.campaign_id)
        state = await sweep_rows.sweep_of(tx, office, job.campaign_id)
        if campaign is None or state.claim != job.claim:
            return
        book = await sweep_rows.open_book(tx, office, campaign)
        timing = sweep.timing_of(office, campaign)
        _lay(book, chosen, timing, now)
        _drop(book, {one.cell for one in chosen}, timing, now)
        sweep.mark(book, "laid_out", timing, now)
        book.facts.setdefault("laid_out", {}).update(why=job.why, cells=len(chosen))
        after = replace(state, laid_for=laid_for, laid_at=now, claim=None, claim_until=None)
        await sweep_rows.put_sweep(tx, office, after)
        assert campaign.opened_at is not None
        await tracked.read_again(tx, office, campaign.opened_at)
        await sweep_rows.record(tx, office, book, by=SYSTEM, now=now)


def _lay(book: Book, chosen: Sequence[Chosen], timing: Timing, now: datetime) -> None:
    for one in chosen:
        before = book.cells.get(one.cell)
        facts = {"lon": one.lon, "lat": one.lat, "name": one.name, "score": one.score, "why": one.why}
        if before is None:
            cell = SweepCell(
                campaign_id=book.campaign.id,
                cell=one.cell,
                **facts,  # type: ignore[arg-type]
                state="due",
                laid_at=now,
                due_at=now + timing.every,
            )
        else:
            # Where somebody has looked the stop stays where it was: presence was judged by it.
            known = {"lon": before.lon, "lat": before.lat, "name": before.name}
            moved = facts | (known if before.looks or before.state == "leased" else {})
            cell = replace(before, **moved, due_at=_due(before, timing, now))
            if cell.dropped_because == "outside":
                cell = rest(replace(cell, state="due", dropped_because=None), timing, now)
        book.put("laid_out", cell)


def _due(cell: SweepCell, timing: Timing, now: datetime) -> datetime:
    """By the interval that holds now; what becomes due sooner leaves the time to get there."""
    by_plan = cell.laid_at + timing.every
    if cell.looked_at is not None and cell.detection is not None:
        by_plan = timing.next_due(cell.looked_at, cell.detection)
    in_time = now + (1.0 - timing.yellow_at) * timing.every
    return max(by_plan, min(cell.due_at, in_time))


def _drop(book: Book, wanted: set[str], timing: Timing, now: datetime) -> None:
    for cell in list(book.cells.values()):
        if cell.cell not in wanted and cell.state != "dropped":
            free = rest(cell, timing, now)
            book.put("dropped", replace(free, state="dropped", dropped_because="outside"), because="outside")
